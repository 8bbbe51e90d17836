// Statistics together and beside their surrogates: the same numbers as one by one, whatever the threads and
// the memory, and p-values that are uniform where the null holds.
#include <algorithm>
#include <cmath>
#include <map>
#include <thread>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/statistics/analyze.h"
#include "tests/core/analysis/golden.h"
#include "tests/core/analysis/traces.h"
#include "tests/core/statistics/counting_trace.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

AnalysisOptions everything() {
    AnalysisOptions options;
    options.get<Density>().emplace();
    options.get<Correlation>().emplace();
    options.get<Motion>().emplace();
    options.get<Rotation>().emplace();
    options.get<MutualInformation>().emplace();
    options.get<Pca>().emplace();
    options.threads = 2;
    return options;
}

Analysis run(const TraceView& view, const AnalysisOptions& options, const Analysis& known = {}) {
    Progress progress;
    return analyze(view, options, progress, known);
}

/// Stopped when `stage` is announced.
Analysis runUntil(const TraceView& view, const AnalysisOptions& options, const std::string& stage,
                  const Analysis& known = {}) {
    std::stop_source source;
    Progress progress(source.get_token(), [&](const ProgressReport& report) {
        if (report.stage == stage) source.request_stop();
    });
    return analyze(view, options, progress, known);
}

/// The names of what differs by more than `tolerance`.
QStringList differences(const Analysis& a, const Analysis& b, double tolerance) {
    QStringList names;
    const auto compare = [&](const QString& name, const MatrixD& x, const MatrixD& y) {
        if (!(golden::difference(x, y) <= tolerance)) names << name;
    };
    const auto one = curvesOf(a.observed), other = curvesOf(b.observed);
    for (std::size_t i = 0; i < one.size(); ++i)
        compare(QString::fromStdString(one[i].dataset), one[i].values, other.at(i).values);
    const Statistics &s = a.observed, &t = b.observed;
    compare("density maps", s.get<Density>()->activeFraction, t.get<Density>()->activeFraction);
    compare("density means", s.get<Density>()->mean, t.get<Density>()->mean);
    compare("participation", s.get<Density>()->participationRatio, t.get<Density>()->participationRatio);
    compare("r", s.get<Correlation>()->r, t.get<Correlation>()->r);
    compare("matrix", s.get<Correlation>()->matrix, t.get<Correlation>()->matrix);
    compare("quantiles", s.get<Motion>()->norm.quantiles, t.get<Motion>()->norm.quantiles);
    compare("histogram", s.get<Rotation>()->windingHistogram.counts,
            t.get<Rotation>()->windingHistogram.counts);
    if (s.get<MutualInformation>())
        compare("mi", s.get<MutualInformation>()->mi, t.get<MutualInformation>()->mi);
    compare("components", s.get<Pca>()->basis.components, t.get<Pca>()->basis.components);
    for (std::size_t i = 0; i < a.nulls.size(); ++i) {
        const QString name = QString("%1 of %2").arg(a.nulls[i].null.c_str(), a.nulls[i].dataset.c_str());
        compare(name, a.nulls[i].summary.mean, b.nulls.at(i).summary.mean);
        compare(name, a.nulls[i].summary.p, b.nulls.at(i).summary.p);
    }
    return names;
}

/// Largest distance of the p-values from the uniform law, by Kolmogorov and Smirnov.
double distanceFromUniform(std::vector<double> ps) {
    std::sort(ps.begin(), ps.end());
    double worst = 0;
    for (std::size_t i = 0; i < ps.size(); ++i)
        worst =
            std::max(worst, std::abs((static_cast<double>(i) + 1) / static_cast<double>(ps.size()) - ps[i]));
    return worst;
}

}  // namespace

class TestStatisticsAnalyze : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void togetherAsOneByOne_data();
    void togetherAsOneByOne();
    void threadsAndMemoryDoNotMatter_data();
    void threadsAndMemoryDoNotMatter();
    void everyCurveHasItsNull();
    void samplesAreOfOneSurrogateEach();
    void pValuesAreUniformUnderTheNull_data();
    void pValuesAreUniformUnderTheNull();
    void whatIsNotDefinedIsRefused();
    void aStopIsHeeded();
    void aStopKeepsWhatIsFinished();
    void whatIsKnownIsNotComputedAgain();
    void readsAsForecast_data();
    void readsAsForecast();
};

void TestStatisticsAnalyze::togetherAsOneByOne_data() {
    QTest::addColumn<bool>("rms");
    QTest::newRow("raw") << false;
    QTest::newRow("rms") << true;
}

void TestStatisticsAnalyze::togetherAsOneByOne() {
    QFETCH(bool, rms);
    auto view = golden::view(rms ? Scaling::Rms : Scaling::Raw);
    view.points = {1, 2, 4, 7, 8};
    view.maskedUnits = {3, 20};
    const auto a = run(view, everything()).observed;
    Progress progress;
    QVERIFY(a.get<Density>()->activeFraction == density(view, {}, progress).activeFraction);
    QVERIFY(a.get<Density>()->participationRatio == density(view, {}, progress).participationRatio);
    QVERIFY(golden::difference(a.get<Correlation>()->matrix, correlation(view, {}, progress).matrix) == 0);
    QVERIFY(a.get<Motion>()->turningAngle.quantiles == motion(view, {}, progress).turningAngle.quantiles);
    QVERIFY(golden::difference(a.get<Rotation>()->winding, rotation(view, {}, progress).winding) == 0);
    QVERIFY(golden::difference(a.get<MutualInformation>()->mi, mutualInformation(view, {}, progress).mi) ==
            0);
    QVERIFY(a.get<Pca>()->basis.components == pca(view, {}, progress).basis.components);
    QVERIFY(a.get<Pca>()->scores.data == pca(view, {}, progress).scores.data);
}

void TestStatisticsAnalyze::threadsAndMemoryDoNotMatter_data() {
    QTest::addColumn<int>("threads");
    QTest::addColumn<qulonglong>("memory");
    QTest::newRow("one thread") << 1 << (qulonglong{1} << 30);
    QTest::newRow("no memory") << 2 << qulonglong{1};
    QTest::newRow("little memory") << 3 << qulonglong{600000};
}

void TestStatisticsAnalyze::threadsAndMemoryDoNotMatter() {
    QFETCH(int, threads);
    QFETCH(qulonglong, memory);
    auto states = traces::walks(30, 6, 70, 1);
    states.at(4, 2)[1] = NAN;
    auto view = traces::view(states);
    view.scaling = Scaling::Rms;
    view.points = {0, 1, 3, 4, 5};
    AnalysisOptions options = everything();
    for (const auto name : nullNames()) options.nulls.push_back(*parseNull(name));
    options.repeats = 4;
    const auto a = run(view, options);
    options.threads = threads;
    options.memoryBytes = memory;
    const auto wrong = differences(a, run(view, options), 1e-9);  // sums are made in other pieces
    QVERIFY2(wrong.isEmpty(), qPrintable(wrong.join(", ")));
}

void TestStatisticsAnalyze::everyCurveHasItsNull() {
    const auto view = traces::view(traces::walks(20, 6, 10, 2));
    AnalysisOptions options = everything();
    options.nulls = {NullKind::SignFlip, NullKind::RandomBasis};
    options.repeats = 19;
    options.seed = 7;
    const auto a = run(view, options);
    const auto curves = curvesOf(a.observed);
    QCOMPARE(curves.size(), 22u);  // no blocks here
    QCOMPARE(a.nulls.size(), 2 * curves.size());
    for (std::size_t i = 0; i < a.nulls.size(); ++i) {
        const auto& null = a.nulls[i];
        const auto& curve = curves[i % curves.size()];
        QCOMPARE(null.null, std::string(i < curves.size() ? "sign_flip" : "random_basis"));
        QVERIFY(null.statistic == curve.statistic && null.dataset == curve.dataset);
        QCOMPARE(null.summary.mean.size(), curve.values.size());
        QCOMPARE(null.summary.repeats, 19);
        QCOMPARE(null.summary.seed, std::uint64_t{7});
        QVERIFY(null.summary.p.minCoeff() >= 0.05 && null.summary.p.maxCoeff() <= 1);
        QVERIFY((null.summary.low.array() <= null.summary.high.array()).all());
        // A rotated basis keeps all that is about whole states.
        const bool geometry = null.statistic == "motion" || null.statistic == "pca";
        if (i >= curves.size() && geometry)
            QVERIFY2(
                golden::difference(null.summary.mean, curve.values) < 1e-9 && null.summary.p.minCoeff() == 1,
                curve.dataset.c_str());
    }
}

void TestStatisticsAnalyze::samplesAreOfOneSurrogateEach() {
    const auto view = traces::view(traces::walks(10, 5, 12, 3));
    AnalysisOptions options;
    options.get<Motion>().emplace();
    options.nulls = {NullKind::IncrementShuffle, NullKind::RowShuffle};
    options.repeats = 3;
    for (const std::size_t memory : {std::size_t{1} << 30, std::size_t{1}}) {
        options.memoryBytes = memory;
        const auto a = run(view, options);
        for (const std::string name : {"increment_shuffle", "row_shuffle"}) {
            std::map<std::string, const CurveNull*> nulls;
            for (const auto& null : a.nulls)
                if (null.null == name) nulls[null.dataset] = &null;
            const MatrixD &speed = nulls.at("speed")->samples, &length = nulls.at("path_length")->samples;
            QCOMPARE(speed.rows(), Eigen::Index{3});
            // Each row keeps its steps, so the path is as long as the mean speeds together; no two are alike.
            QVERIFY((speed.rowwise().sum() - length).cwiseAbs().maxCoeff() < 1e-9);
            for (const char* order : {"turning_angle", "norm"}) {
                const MatrixD& samples = nulls.at(order)->samples;
                QVERIFY((samples.row(0) - samples.row(1)).norm() > 1e-6);
                QVERIFY((samples.row(1) - samples.row(2)).norm() > 1e-6);
            }
            QVERIFY(golden::difference(nulls.at("norm")->samples.colwise().mean().transpose(),
                                       nulls.at("norm")->summary.mean) < 1e-12);
            // row_shuffle keeps each step over rows, and so its mean speed.
            if (name == "row_shuffle")
                QVERIFY(golden::difference(nulls.at("speed")->summary.mean,
                                           a.observed.get<Motion>()->speed.mean) < 1e-12);
        }
    }
}

void TestStatisticsAnalyze::pValuesAreUniformUnderTheNull_data() {
    QTest::addColumn<QString>("null");
    for (const char* name :
         {"sign_flip", "increment_shuffle", "gaussian_walk", "row_shuffle", "depth_shuffle"})
        QTest::newRow(name) << name;
}

void TestStatisticsAnalyze::pValuesAreUniformUnderTheNull() {
    // Data that the null could have drawn: independent Gaussian walks from zero (for depth_shuffle,
    // independent values), and the p-values of one statistic of each kind over 100 fixed seeds. The variance
    // that gaussian_walk keeps is itself estimated, and its surrogates are drawn about it: what depends on
    // sizes of steps, as speed does, would be judged too strictly there, and is left out.
    QFETCH(QString, null);
    constexpr int trials = 100, repeats = 19;
    const bool order = null == "depth_shuffle";
    std::map<std::string, std::vector<double>> ps;
    for (int trial = 0; trial < trials; ++trial) {
        const auto seed = static_cast<std::uint64_t>(500 + trial);
        const auto view =
            traces::view(order ? traces::gaussian(24, 8, 5, seed) : traces::walks(24, 8, 5, seed, true));
        AnalysisOptions options;
        options.get<Correlation>().emplace();
        options.get<Motion>().emplace();
        options.get<Rotation>().emplace();
        options.nulls = {*parseNull(null.toStdString())};
        options.repeats = repeats;
        options.seed = static_cast<std::uint64_t>(trial);
        options.threads = 1;
        for (const auto& n : run(view, options).nulls) {
            // One value of each curve: those of one trace depend on each other.
            const Eigen::Index at = n.summary.pUpper.size() / 2;
            const std::string name = n.statistic + "/" + n.dataset;
            if (name == "correlation/mean" || name == "motion/turning_angle" || name == "rotation/turning" ||
                name == "rotation/winding")
                ps[name].push_back(n.summary.pUpper[at]);
        }
    }
    QCOMPARE(ps.size(), 4u);
    for (const auto& [name, values] : ps) {
        // 1.95 / sqrt(n) is the 0.1 % point (four statistics, five nulls); 1/20 is the grain of the p-values.
        const double worst = distanceFromUniform(values);
        QVERIFY2(worst < 1.95 / std::sqrt(double(trials)) + 1.0 / (repeats + 1),
                 qPrintable(QString("%1: %2").arg(name.c_str()).arg(worst)));
    }
}

void TestStatisticsAnalyze::whatIsNotDefinedIsRefused() {
    const auto refusal = [](const TraceView& view, const AnalysisOptions& options) {
        try {
            run(view, options);
        } catch (const Error& e) {
            return QString(e.what());
        }
        return QString();
    };
    auto view = traces::view(traces::walks(4, 5, 3, 1));
    view.points = {2};
    AnalysisOptions options;
    options.get<Rotation>().emplace();
    QVERIFY(refusal(view, options)
                .contains("rotation is not defined: it needs at least 3 points, and there is 1"));
    options = {};
    options.get<Correlation>().emplace();
    QVERIFY(refusal(view, options).contains("correlation is not defined: it needs"));
    options = {};
    options.get<Pca>().emplace();
    options.nulls = {NullKind::SignFlip};
    QVERIFY(refusal(view, options).contains("sign_flip is not defined: it needs at least 2 points"));
    view.points = {};
    view.rows = {1};
    options.nulls = {NullKind::GaussianWalk};
    QVERIFY(refusal(view, options).contains("gaussian_walk is not defined: it needs at least 2 rows"));
    view.rows = {};
    options.repeats = 0;
    QVERIFY(refusal(view, options).contains("repeats"));
}

void TestStatisticsAnalyze::aStopIsHeeded() {
    AnalysisOptions options = everything();
    options.nulls = {NullKind::GaussianWalk, NullKind::RandomBasis};
    options.repeats = 1000;
    const auto view = traces::view(traces::walks(60, 9, 40, 4));
    std::stop_source source;
    // Stopped from the first report of work on: an end comes at all only if the long loops look.
    Progress progress(source.get_token(), [&](const ProgressReport& report) {
        if (report.fraction > 0.06) source.request_stop();
    });
    options.memoryBytes = std::size_t{1} << 24;
    QVERIFY_EXCEPTION_THROWN(analyze(view, options, progress), Cancelled);
}

void TestStatisticsAnalyze::aStopKeepsWhatIsFinished() {
    AnalysisOptions options = everything();
    options.get<MutualInformation>().reset();
    options.nulls = {NullKind::GaussianWalk, NullKind::SignFlip};
    options.repeats = 40;
    options.keepFinished = true;
    const auto view = traces::view(traces::walks(20, 6, 10, 4));
    const auto whole = run(view, options);
    QVERIFY(!whole.stopped);
    const struct {
        const char* stage;
        int walks, flips;  ///< repeats that are there
    } stops[] = {{"surrogates 1 to 32 of 80", 0, 0},
                 {"surrogates 33 to 40 of 80", 32, 0},
                 {"surrogates 41 to 72 of 80", 40, 0},
                 {"surrogates 73 to 80 of 80", 40, 32}};
    for (const auto& [stage, walks, flips] : stops) {
        const auto part = runUntil(view, options, stage);
        QVERIFY2(part.stopped, stage);
        const auto one = curvesOf(whole.observed), other = curvesOf(part.observed);
        for (std::size_t i = 0; i < one.size(); ++i)
            QVERIFY(golden::difference(one[i].values, other.at(i).values) == 0);
        for (const auto& null : part.nulls)
            QCOMPARE(null.summary.repeats, null.null == "gaussian_walk" ? walks : flips);
        QCOMPARE(part.nulls.size(), one.size() * ((walks > 0 ? 1 : 0) + (flips > 0 ? 1 : 0)));
        // Gone on with, it comes to the same.
        const auto wrong = differences(whole, run(view, options, part), 0);
        QVERIFY2(wrong.isEmpty(), qPrintable(wrong.join(", ")));
    }
    // Before anything is finished there is nothing to keep; without being asked nothing is kept.
    std::stop_source source;
    source.request_stop();
    Progress progress(source.get_token());
    QVERIFY_EXCEPTION_THROWN(analyze(view, options, progress), Cancelled);
    options.keepFinished = false;
    QVERIFY_EXCEPTION_THROWN(runUntil(view, options, "surrogates 73 to 80 of 80"), Cancelled);
}

void TestStatisticsAnalyze::whatIsKnownIsNotComputedAgain() {
    auto view = traces::view(traces::walks(30, 6, 70, 8));
    const auto counting = std::make_shared<CountingTrace>(view.trace);
    view.trace = counting;
    AnalysisOptions all = everything();
    all.nulls = {NullKind::SignFlip, NullKind::RowShuffle};
    all.repeats = 9;
    for (const std::size_t memory : {std::size_t{1} << 30, std::size_t{60000}}) {
        all.memoryBytes = memory;
        const auto whole = run(view, all);
        // Known whole: nothing is read.
        counting->bytes = 0;
        QCOMPARE(forecastReads(view, all, whole).bytes, std::int64_t{0});
        auto wrong = differences(whole, run(view, all, whole), 0);
        QVERIFY2(wrong.isEmpty(), qPrintable(wrong.join(", ")));
        QCOMPARE(counting->bytes.load(), std::int64_t{0});
        // Some statistics, some nulls and some repeats are known.
        AnalysisOptions some = all;
        some.get<Correlation>().reset();
        some.get<Pca>().reset();
        some.nulls = {NullKind::RowShuffle};
        some.repeats = 4;
        Analysis known = run(view, some);
        some.get<Motion>().reset();
        some.nulls = {NullKind::SignFlip};
        some.repeats = 12;  // more than are asked for
        merge(run(view, some), known);
        counting->bytes = 0;
        const std::int64_t forecast = forecastReads(view, all, known).bytes;
        const auto gone = run(view, all, known);
        // Spectra for which there is no memory take passes that are not known before.
        if (memory > 100000) QCOMPARE(counting->bytes.load(), forecast);
        wrong = differences(whole, gone, memory > 100000 ? 0 : 1e-9);  // sums are made in other pieces
        QVERIFY2(wrong.isEmpty(), qPrintable(wrong.join(", ")));
        for (const auto& null : gone.nulls) QCOMPARE(null.summary.repeats, 9);
        // Samples of another seed are none.
        for (auto& null : known.nulls) null.summary.seed = 99;
        wrong = differences(whole, run(view, all, known), memory > 100000 ? 0 : 1e-9);
        QVERIFY2(wrong.isEmpty(), qPrintable(wrong.join(", ")));
    }
    // Samples of other curves are refused.
    AnalysisOptions few = all;
    few.repeats = 2;
    Analysis known = run(view, few);
    for (auto& null : known.nulls) null.samples.conservativeResize(2, null.samples.cols() + 1);
    QVERIFY_EXCEPTION_THROWN(run(view, all, known), Error);
}

void TestStatisticsAnalyze::readsAsForecast_data() {
    QTest::addColumn<qulonglong>("memory");
    QTest::newRow("held") << (qulonglong{1} << 30);
    QTest::newRow("not held") << qulonglong{40000};
    QTest::newRow("no memory") << qulonglong{1};
}

void TestStatisticsAnalyze::readsAsForecast() {
    QFETCH(qulonglong, memory);
    auto view = traces::view(traces::walks(40, 6, 70, 5));
    const auto counting = std::make_shared<CountingTrace>(view.trace);
    view.trace = counting;
    for (const bool some : {false, true}) {
        AnalysisOptions options = everything();
        if (some) {
            view.points = {0, 2, 3};
            view.scaling = Scaling::Rms;
            options.get<MutualInformation>().reset();
            options.get<Pca>()->perPointExplained = false;
            options.get<Density>().reset();
        }
        if (memory < 1000000) {
            // Spectra for which there is no memory take passes that are not known before.
            options.get<Pca>().reset();
            options.get<Density>().reset();
        }
        for (const auto name : nullNames()) options.nulls.push_back(*parseNull(name));
        options.repeats = 2;
        options.memoryBytes = memory;
        counting->bytes = 0;
        const ReadForecast forecast = forecastReads(view, options);
        QCOMPARE(counting->bytes.load(), std::int64_t{0});
        run(view, options);
        QCOMPARE(forecast.bytes, counting->bytes.load());
        QCOMPARE(forecast.passes, static_cast<double>(forecast.bytes) / (40 * 6 * 70 * 4));
        if (memory > 1000000) QCOMPARE(forecast.passes, 1.0);
    }
}

RHEO_TEST(TestStatisticsAnalyze)
#include "test_statistics_analyze.moc"
