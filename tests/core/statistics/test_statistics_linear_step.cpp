// Linear maps from point to point against scikit-learn's Ridge, states whose maps are known, and invariances.
#include <cmath>
#include <stop_token>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/statistics/analyze.h"
#include "core/statistics/linear_step.h"
#include "tests/core/analysis/golden.h"
#include "tests/core/analysis/traces.h"
#include "tests/core/statistics/counting_trace.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

LinearStepResult linearStepOf(const TraceView& view, const LinearStepOptions& options = {}) {
    Progress progress;
    return linearStep(view, options, progress);
}

/// The same states, `rows` rows to a sample.
TraceView grouped(const TraceView& view, std::int32_t rows) {
    TraceInfo info = view.trace->info();
    for (std::size_t n = 0; n < info.rows.size(); ++n)
        info.rows[n].sample = static_cast<std::int32_t>(n) / rows;
    Array3F states(view.rowCount(), view.pointCount(), view.unitCount());
    readView(view, 0, view.rowCount(), states.data.data());
    TraceView other = view;
    other.trace = std::make_shared<MemoryTrace>(std::move(info), std::move(states));
    return other;
}

/// The rows and points of the view among `units` units; those behind its own are masked, and hold anything.
TraceView amongMany(const TraceView& view, std::int64_t units) {
    TraceInfo info;
    info.units = units;
    for (std::int64_t p = 0; p < view.pointCount(); ++p)
        info.points.push_back({static_cast<int>(p), Site::Unnamed});
    for (std::int64_t n = 0; n < view.rowCount(); ++n)
        info.rows.push_back({static_cast<std::int32_t>(n), 0, -1});
    Array3F few(view.rowCount(), view.pointCount(), view.unitCount()),
        many(view.rowCount(), view.pointCount(), units);
    readView(view, 0, view.rowCount(), few.data.data());
    for (std::int64_t n = 0; n < few.n0; ++n)
        for (std::int64_t p = 0; p < few.n1; ++p)
            std::fill(std::copy_n(few.at(n, p), few.n2, many.at(n, p)), many.at(n, p) + units, 7.0F);
    TraceView other;
    other.trace = std::make_shared<MemoryTrace>(std::move(info), std::move(many));
    for (std::int64_t u = view.unitCount(); u < units; ++u) other.maskedUnits.push_back(u);
    return other;
}

double worst(const VectorD& found, const VectorD& expected) {
    return found.size() != expected.size() ? INFINITY : (found - expected).cwiseAbs().maxCoeff();
}
double worst(const LinearStepResult& found, const LinearStepResult& expected) {
    return std::max({worst(found.r2, expected.r2), worst(found.r2Identity, expected.r2Identity),
                     worst(found.r2OneMap, expected.r2OneMap)});
}
VectorD vectorOf(const QList<double>& values) {
    return Eigen::Map<const VectorD>(values.data(), values.size());
}

/// x[p + 1] = x[p] M[p] + b, of Gaussian x[0].
TraceView linear(std::int64_t rows, std::int64_t points, std::int64_t units, bool sameMap) {
    Array3F states = traces::gaussian(rows, points, units, 11);
    RandomStream random(12);
    MatrixD map(units, units);
    for (std::int64_t p = 0; p + 1 < points; ++p) {
        if (p == 0 || !sameMap) {
            for (auto& x : map.reshaped()) x = random.normal() / std::sqrt(static_cast<double>(units));
        }
        for (std::int64_t n = 0; n < rows; ++n) {
            const VectorD before = Eigen::Map<const Eigen::VectorXf>(states.at(n, p), units).cast<double>();
            Eigen::Map<Eigen::VectorXf>(states.at(n, p + 1), units) =
                ((map.transpose() * before).array() + 3).matrix().cast<float>();
        }
    }
    return traces::view(std::move(states));
}

}  // namespace

class TestStatisticsLinearStep : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void equalsTheReference_data();
    void equalsTheReference();
    void linearStepsArePredicted();
    void rowsOfASampleAreHeldOutTogether();
    void manyUnits();
    void memoryDoesNotMatter();
    void readsAsForecast();
    void saysWhatIsUndefined();
    void nothingVaries();
    void itHasNulls();
    void stops();
};

/// Of the golden trace: reference_linear_step.py.
void TestStatisticsLinearStep::equalsTheReference_data() {
    QTest::addColumn<int>("scaling");
    QTest::addColumn<int>("rows");
    QTest::addColumn<int>("points");
    QTest::addColumn<int>("rowsOfSample");
    QTest::addColumn<int>("seed");
    QTest::addColumn<QList<double>>("r2");
    QTest::addColumn<QList<double>>("identity");
    QTest::addColumn<QList<double>>("oneMap");
    QTest::newRow("raw") << static_cast<int>(Scaling::Raw) << 0 << 0 << 1 << 0
                         << QList<double>{0.7162391280298799, 0.7972871249860372, 0.8349291368840092,
                                          0.8742912574212494, 0.8950665436164035, 0.9193959686185055,
                                          0.9289570368427983, 0.9390254482525012, 0.9522988032337527,
                                          0.9566060187460922, 0.9634052008882202, 0.9710977539374906}
                         << QList<double>{0.5990233797266189, 0.7434163825880112, 0.7584213128403748,
                                          0.7892703353171506, 0.7932516231092247, 0.7998283977704768,
                                          0.8056496970116067, 0.8116942943700398, 0.8059169644158583,
                                          0.7996561330125241, 0.7979400611427658, 0.791535778395114}
                         << QList<double>{0.7590071789817958, 0.8266972305799001, 0.8702873758310112,
                                          0.899377056010491,  0.9184966792541447, 0.9307128814469273,
                                          0.9415398560029127, 0.951286084217063,  0.9611071488641527,
                                          0.9645215663931895, 0.9702797750045945, 0.9760577136185073};
    QTest::newRow("rms, another seed")
        << static_cast<int>(Scaling::Rms) << 0 << 0 << 1 << 3
        << QList<double>{0.7151372948594443, 0.7999329550718374, 0.8349278703891426, 0.8697279889583978,
                         0.8918229433069119, 0.9153973866956342, 0.9239363408386063, 0.9385410937364989,
                         0.9487127940086526, 0.954016078359831,  0.9606434187405913, 0.9670408599701446}
        << QList<double>{0.5974531130516232, 0.7439609732819705, 0.7590363937349298, 0.7892446745647221,
                         0.7935896888751397, 0.8008051096667947, 0.8057850060229922, 0.8120941582145587,
                         0.8061795712604747, 0.7988736046014837, 0.7967621804833557, 0.7903329241140069}
        << QList<double>{0.7586746591428694, 0.8299066395526562, 0.8694823629904267, 0.8975166992667808,
                         0.9177282107432194, 0.9296501039462389, 0.9413374810317212, 0.9510103888342033,
                         0.9602789459644393, 0.9636919084264679, 0.9690959139238438, 0.9739739594428973};
    QTest::newRow("three rows a sample")
        << static_cast<int>(Scaling::Raw) << 0 << 0 << 3 << 0
        << QList<double>{0.7191790843160498, 0.805061268059996,  0.8358668188572046, 0.8808823368607067,
                         0.8993179289578768, 0.919022809869642,  0.9310671454980911, 0.9401172487235053,
                         0.9509871148200036, 0.9568127664859878, 0.9635798361663285, 0.9705417353954559}
        << QList<double>{0.5991973193825928, 0.7430824226391453, 0.7584098413025037, 0.7891457283553336,
                         0.7925239880334499, 0.7989739228204013, 0.8046075915362386, 0.810845779969122,
                         0.805257190780133,  0.7988925404387969, 0.7974314764654125, 0.7913052502288926}
        << QList<double>{0.7596224500578397, 0.8283878339981873, 0.8706586761306294, 0.8992544508234216,
                         0.9191852254022357, 0.9306255376091697, 0.9422658878875518, 0.9514478539006096,
                         0.9613568503016726, 0.9644630098371484, 0.9705947972015353, 0.9760407204479989};
    QTest::newRow("fewer rows than units")
        << static_cast<int>(Scaling::Raw) << 20 << 0 << 1 << 0
        << QList<double>{0.36946492691729915, 0.36025989280304116, 0.3631022581937168, 0.41626500017571666,
                         0.4198964972339071,  0.5450341280367847,  0.6115192003603304, 0.6739998866673025,
                         0.6994446581264909,  0.6969481569676019,  0.7576503827503938, 0.7663494931334551}
        << QList<double>{0.636263149330689,  0.7644852499365005, 0.7799055034865527, 0.8040021708397906,
                         0.811143640014002,  0.8055824548136931, 0.8278759880013408, 0.820435192335028,
                         0.8153331819555306, 0.8112997439139048, 0.8151485528510465, 0.8017526736516118}
        << QList<double>{0.7409992320911825, 0.8202125932033937, 0.8505215990866128, 0.8816947833761902,
                         0.8993974617433534, 0.9179063913271848, 0.9256257121718792, 0.9369566094409505,
                         0.9483900986987672, 0.9532111889959438, 0.9621026688606467, 0.9633456560220254};
    QTest::newRow("fewer states than units") << static_cast<int>(Scaling::Raw) << 6 << 3 << 1 << 0
                                             << QList<double>{0.07202180593448682, 0.03916398819331535}
                                             << QList<double>{0.6802869045022932, 0.8258786942192212}
                                             << QList<double>{0.08418948872250309, 0.116425668030261};
}

void TestStatisticsLinearStep::equalsTheReference() {
    QFETCH(int, scaling);
    QFETCH(int, rows);
    QFETCH(int, points);
    QFETCH(int, rowsOfSample);
    QFETCH(int, seed);
    QFETCH(QList<double>, r2);
    QFETCH(QList<double>, identity);
    QFETCH(QList<double>, oneMap);
    TraceView view = golden::view(static_cast<Scaling>(scaling));
    for (int n = 0; n < rows; ++n) view.rows.push_back(n);
    for (int p = 0; p < points; ++p) view.points.push_back(p);
    if (rowsOfSample > 1) view = grouped(view, rowsOfSample);
    LinearStepOptions options;
    options.seed = static_cast<std::uint64_t>(seed);
    const LinearStepResult found = linearStepOf(view, options);
    // Sums of squares from products lose some of sixteen digits, and a system of equations with a small
    // penalty up to eight of them; what is left over is a mean over many entries.
    QVERIFY2(worst(found.r2, vectorOf(r2)) < 1e-9,
             qPrintable(QString::number(worst(found.r2, vectorOf(r2)))));
    QVERIFY2(worst(found.r2OneMap, vectorOf(oneMap)) < 1e-9,
             qPrintable(QString::number(worst(found.r2OneMap, vectorOf(oneMap)))));
    QVERIFY(worst(found.r2Identity, vectorOf(identity)) < 1e-12);
}

void TestStatisticsLinearStep::linearStepsArePredicted() {
    const LinearStepResult each = linearStepOf(linear(200, 4, 8, false)),
                           same = linearStepOf(linear(200, 4, 8, true));
    // What is missing is what the least penalty takes: 1e-4 of a direction of mean variance.
    for (int p = 0; p < 3; ++p) QVERIFY(each.r2[p] > 1 - 1e-5 && same.r2[p] > 1 - 1e-5);
    QVERIFY(same.r2OneMap.minCoeff() > 1 - 1e-5 && each.r2OneMap.maxCoeff() < 0.9);
    QVERIFY(each.r2Identity.maxCoeff() < 0.2);
    // Nothing to be predicted: no better than the mean, and with a large penalty hardly worse.
    const LinearStepResult none = linearStepOf(traces::view(traces::gaussian(200, 3, 8, 5)));
    QVERIFY(none.r2.cwiseAbs().maxCoeff() < 0.05);
    // The state before, of twice the variance that is to be predicted: 1 - 2.
    QVERIFY(std::abs(none.r2Identity[0] + 1) < 0.15);
}

void TestStatisticsLinearStep::rowsOfASampleAreHeldOutTogether() {
    // Copies within a sample, and steps that nothing predicts: maps that had seen one copy would know all.
    const Array3F once = traces::gaussian(30, 2, 20, 3);
    Array3F copies(120, 2, 20);
    for (std::int64_t n = 0; n < 120; ++n) std::copy_n(once.at(n / 4, 0), 40, copies.at(n, 0));
    const TraceView view = traces::view(copies);
    const double apart = linearStepOf(grouped(view, 4)).r2[0], leaked = linearStepOf(view).r2[0];
    QVERIFY2(apart < 0.1 && leaked > 0.5, qPrintable(QString("%1 %2").arg(apart).arg(leaked)));
}

void TestStatisticsLinearStep::manyUnits() {
    // Masked units change neither the states nor the mean eigenvalue: 20,000 units, all states in
    // coordinates.
    TraceView view = golden::view(Scaling::Raw);
    for (int n = 0; n < 20; ++n) view.rows.push_back(n);
    const LinearStepResult few = linearStepOf(view), many = linearStepOf(amongMany(view, 20000));
    QVERIFY2(worst(few, many) < 1e-9, qPrintable(QString::number(worst(few, many))));
    // More states than units, fewer rows.
    const LinearStepResult some = linearStepOf(amongMany(view, 200));
    QVERIFY2(worst(few, some) < 1e-9, qPrintable(QString::number(worst(few, some))));
}

void TestStatisticsLinearStep::memoryDoesNotMatter() {
    const TraceView view = traces::view(traces::walks(90, 7, 40, 3));
    LinearStepOptions little;
    little.memoryBytes = 8 * 2 * 90 * 40 * sizeof(double);  // two points in a pass
    QVERIFY(worst(linearStepOf(view), linearStepOf(view, little)) < 1e-12);
}

void TestStatisticsLinearStep::readsAsForecast() {
    TraceView view = traces::view(traces::walks(40, 6, 70, 5));
    const auto counting = std::make_shared<CountingTrace>(view.trace);
    view.trace = counting;
    AnalysisOptions options;
    options.get<LinearStep>().emplace();
    options.nulls = {NullKind::SignFlip, NullKind::RowShuffle, NullKind::RandomBasis};
    options.repeats = 2;
    for (const std::size_t memory : {std::size_t{1} << 30, std::size_t{100000}, std::size_t{1}}) {
        options.memoryBytes = memory;
        counting->bytes = 0;
        const ReadForecast forecast = forecastReads(view, options);
        QCOMPARE(counting->bytes.load(), std::int64_t{0});
        Progress progress;
        analyze(view, options, progress);
        QCOMPARE(forecast.bytes, counting->bytes.load());
    }
}

void TestStatisticsLinearStep::saysWhatIsUndefined() {
    AnalysisOptions options;
    options.get<LinearStep>().emplace();
    const TraceView few = traces::view(traces::walks(4, 3, 8, 1));
    QCOMPARE(undefinedOf(few, options).size(), 1U);
    QCOMPARE(undefinedOf(few, options)[0].reason,
             std::string("it needs at least 5 samples, for five folds, and there are 4"));
    QCOMPARE(undefinedOf(traces::view(traces::walks(9, 1, 8, 1)), options).size(), 1U);
    QVERIFY(undefinedOf(traces::view(traces::walks(5, 2, 8, 1)), options).empty());
    const TraceView wide = traces::view(traces::walks(900, 2, 900, 1));
    QVERIFY(undefinedOf(wide, options).empty());
    options.memoryBytes = 1 << 20;
    QCOMPARE(undefinedOf(wide, options).size(), 1U);
    QVERIFY(undefinedOf(wide, options)[0].reason.find("MiB") != std::string::npos);
}

void TestStatisticsLinearStep::nothingVaries() {
    Array3F states = traces::gaussian(12, 3, 6, 4);
    for (std::int64_t n = 1; n < 12; ++n) std::copy_n(states.at(0, 1), 6, states.at(n, 1));
    const LinearStepResult found = linearStepOf(traces::view(states));
    QVERIFY(std::isnan(found.r2[0]) && std::isnan(found.r2Identity[0]) && std::isnan(found.r2OneMap[0]));
    // From one state for all rows the mean is all that can be told.
    QVERIFY(std::abs(found.r2[1]) < 1e-12);
}

void TestStatisticsLinearStep::itHasNulls() {
    AnalysisOptions options;
    options.get<LinearStep>().emplace();
    options.nulls = {NullKind::RandomBasis, NullKind::SignFlip};
    options.repeats = 5;
    Progress progress;
    const Analysis analysis = analyze(golden::view(Scaling::Raw), options, progress);
    QCOMPARE(analysis.nulls.size(), 6U);
    const LinearStepResult& observed = *analysis.observed.get<LinearStep>();
    for (const auto& null : analysis.nulls) {
        if (null.null == "random_basis" && null.dataset == "r2")  // a rotation changes no prediction
            QVERIFY(worst(null.summary.mean, observed.r2) < 1e-9);
        if (null.null == "sign_flip" && null.dataset == "r2")
            QVERIFY((null.summary.mean - observed.r2).cwiseAbs().maxCoeff() > 0.01);
    }
}

void TestStatisticsLinearStep::stops() {
    std::stop_source source;
    int reports = 0;
    Progress progress(source.get_token(), [&](const ProgressReport& report) {
        if (report.fraction > 0.75 && ++reports == 2) source.request_stop();
    });
    QVERIFY_EXCEPTION_THROWN(linearStep(traces::view(traces::walks(60, 9, 12, 2)), {}, progress), Cancelled);
}

RHEO_TEST(TestStatisticsLinearStep)
#include "test_statistics_linear_step.moc"
