// rheo analyze as a user runs it: every statistic and null of the reference trace, read back from the results
// file and held against independent values, and what is refused.
#include <QFileInfo>
#include <QProcess>
#include <QTemporaryDir>
#include <cmath>

#include "core/base/error.h"
#include "core/results/results_file.h"
#include "core/trace/hdf5_file.h"
#include "core/trace/trace_writer.h"
#include "run_rheo.h"
#include "tests/core/analysis/traces.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

const QString trace = RHEO_FIXTURES "/golden/small.rheo.h5";
const QString everything = "density,correlation,motion,mutual_information,rotation,pca";

/// Largest difference relative to the largest reference value; infinite where NaN stands alone.
double difference(const std::vector<double>& found, const std::vector<double>& expected) {
    if (found.size() != expected.size()) return INFINITY;
    double worst = 0, scale = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
        if (std::isnan(found[i]) != std::isnan(expected[i])) return INFINITY;
        if (std::isnan(found[i])) continue;
        scale = std::max(scale, std::abs(expected[i]));
        worst = std::max(worst, std::abs(found[i] - expected[i]));
    }
    return scale > 0 ? worst / scale : worst;
}

}  // namespace

class TestAppAnalyze : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void datasetsAreAsDefined_data();
    void datasetsAreAsDefined();
    void nullsStandBelowWhatTheyAreOf();
    void readBackAsComputed();
    void autoencoderIsStoredAndPutToATrace();
    void untrainedIsWhatItsOwnCaptureGives();
    void lensIsStored();
    void pcaInOtherWays();
    void threadsAndMemoryDoNotMatter();
    void damagedResultsAreRefused();
    void whatCannotBeIsRefused_data();
    void whatCannotBeIsRefused();
    void whatCannotBeComputedStopsNothing();
    void rowsThatAreTheSameCountOnce();
    void rowsAreSelected();

private:
    QString path(const QString& name) const { return m_dir.filePath(name); }
    QTemporaryDir m_dir;
};

/// A trace of walks in a file, each row `times` times; samples in groups of two.
void writeWalks(const QString& path, int rows, int points, int units, int times) {
    TraceInfo info;
    info.units = units;
    for (int p = 0; p < points; ++p) info.points.push_back({p / 2, p % 2 == 0 ? Site::AttnIn : Site::MlpIn});
    for (int n = 0; n < rows * times; ++n) {
        info.samples.push_back({"", {n}, n < rows ? "first" : "rest"});
        info.rows.push_back({n, 0, n});
    }
    const Array3F walks = traces::walks(rows, points, units, 1);
    TraceWriter writer = TraceWriter::create(path.toStdString(), info, IfExists::Replace);
    for (int t = 0; t < times; ++t) writer.writeRows(RowIndex{t * rows}, rows, walks.data.data());
    writer.close();
}

// A trace of one point has a density and a PCA; what needs two or three is named with the reason.
void TestAppAnalyze::whatCannotBeComputedStopsNothing() {
    writeWalks(path("one.rheo.h5"), 12, 1, 8, 1);
    const auto ran =
        runRheo({"analyze", path("one.rheo.h5"), "--stat", everything, "--out", path("one_point.h5")});
    QVERIFY2(ran.status == 0, ran.err);
    for (const char* says :
         {"correlation was not computed: it needs at least 2 points, and there is 1",
          "motion was not computed", "rotation was not computed: it needs at least 3 points",
          "mutual_information was not computed"})
        QVERIFY2(ran.err.contains(says), ran.err);
    const Results results = readResults(path("one_point.h5").toStdString());
    QVERIFY(results.statistics.get<Density>() && results.statistics.get<Pca>() &&
            !results.statistics.get<Motion>());
    // Nothing at all is an error.
    const auto none =
        runRheo({"analyze", path("one.rheo.h5"), "--stat", "motion,rotation", "--out", path("none.h5")});
    QCOMPARE(none.status, 1);
    QVERIFY2(none.err.contains("motion: it needs at least 2 points"), none.err);
    QVERIFY(!QFileInfo::exists(path("none.h5")));
    // One that fails on its own account: an autoencoder needs two samples.
    const auto alone = runRheo({"analyze", path("one.rheo.h5"), "--stat", "density,autoencoder", "--select",
                                "sample=3", "--out", path("alone.h5")});
    QVERIFY2(alone.status == 0, alone.err);
    QVERIFY2(alone.err.contains("autoencoder was not computed"), alone.err);
}

void TestAppAnalyze::rowsThatAreTheSameCountOnce() {
    writeWalks(path("once.rheo.h5"), 10, 5, 8, 1);
    writeWalks(path("often.rheo.h5"), 10, 5, 8, 4);
    for (const char* name : {"once", "often"}) {
        const auto ran =
            runRheo({"analyze", path(QString("%1.rheo.h5").arg(name)), "--stat", "correlation,pca", "--null",
                     "sign_flip", "--repeats", "20", "--out", path(QString("%1.h5").arg(name))});
        QVERIFY2(ran.status == 0, ran.err);
        QCOMPARE(ran.err.contains("30 of 40 rows have the states of another row"), QString(name) == "often");
    }
    const Results once = readResults(path("once.h5").toStdString()),
                  often = readResults(path("often.h5").toStdString());
    QCOMPARE(often.source.info.rows.size(), std::size_t{10});
    QVERIFY(once.statistics.get<Correlation>()->mean == often.statistics.get<Correlation>()->mean);
    QVERIFY(once.nulls.front().summary.p == often.nulls.front().summary.p);
}

void TestAppAnalyze::rowsAreSelected() {
    writeWalks(path("groups.rheo.h5"), 10, 5, 8, 1);
    const auto ran = runRheo({"analyze", path("groups.rheo.h5"), "--stat", "density", "--select",
                              "sample>=2,sample<5", "--out", path("three.h5")});
    QVERIFY2(ran.status == 0, ran.err);
    const Results three = readResults(path("three.h5").toStdString());
    QCOMPARE(three.source.info.rows.size(), std::size_t{3});
    QCOMPARE(three.source.selection, std::string("sample>=2,sample<5"));
    QCOMPARE(runRheo({"analyze", path("groups.rheo.h5"), "--stat", "density", "--select", "group=first",
                      "--out", path("group.h5")})
                 .status,
             0);
    const auto token = runRheo({"analyze", path("groups.rheo.h5"), "--stat", "density", "--select",
                                "token=\" Paris\"", "--out", path("token.h5")});
    QCOMPARE(token.status, 1);
    QVERIFY2(token.err.contains("--model"), token.err);
    const auto field = runRheo({"analyze", path("groups.rheo.h5"), "--stat", "density", "--select", "layer=3",
                                "--out", path("field.h5")});
    QVERIFY(field.status != 0);
    QVERIFY2(field.err.contains("position and sample") && field.err.contains("group and token"), field.err);
}

void TestAppAnalyze::datasetsAreAsDefined_data() {
    QTest::addColumn<QString>("scaling");
    QTest::newRow("raw") << "raw";
    QTest::newRow("rms") << "rms";
}

void TestAppAnalyze::datasetsAreAsDefined() {
    QFETCH(QString, scaling);
    const QString out = m_dir.filePath(scaling + ".h5");
    const auto ran = runRheo({"analyze", trace, "--stat", everything, "--scaling", scaling, "--components",
                              "6", "--per-row", "--seed", "3", "--out", out});
    QVERIFY2(ran.status == 0, ran.err);
    const auto results = Hdf5File::openForReading(out.toStdString());
    const auto golden = Hdf5File::openForReading(RHEO_FIXTURES "/golden/small.golden.h5");
    const std::string group = QString("/%1").arg(scaling).toStdString();
    int compared = 0;
    for (const auto& dataset : golden.datasets(1000)) {
        const std::string name = dataset.front() == '/' ? dataset : "/" + dataset;
        if (name.compare(0, group.size() + 1, group + "/") != 0) continue;
        const std::string here = name.substr(group.size());
        // The golden values are mi - gaussian; the definition takes what the estimator gives for Gaussian
        // pairs (test_statistics_mutual_information).
        if (here == "/mutual_information/excess" || here == "/mutual_information/mean_excess") continue;
        QVERIFY2(results.exists(here), here.c_str());
        QVERIFY2(results.info(here).shape == golden.info(name).shape, here.c_str());
        // Scores are stored as float32; all else differs by the order of sums.
        const double tolerance = here == "/pca/scores" ? 1e-6 : 1e-10;
        const double d = difference(results.read<double>(here), golden.read<double>(name));
        QVERIFY2(d <= tolerance, qPrintable(QString("%1: %2").arg(here.c_str()).arg(d)));
        ++compared;
    }
    QCOMPARE(compared, 47);
    for (const char* statistic :
         {"density", "correlation", "motion", "mutual_information", "rotation", "pca"}) {
        const std::string at = std::string("/") + statistic;
        QCOMPARE(results.textAttribute(at, "scaling"), scaling.toStdString());
        QCOMPARE(results.textAttribute(at, "points"), std::string("L00.attn_in:final"));
        QCOMPARE(results.integerAttribute(at, "seed"), 3);
        QCOMPARE(results.integerAttribute(at, "excluded_rows"), 0);
        QVERIFY(!results.textAttribute(at, "source_hash")->empty());
    }
    QCOMPARE(results.textAttribute("/rotation", "options"), std::string(R"({"per_row":true})"));
    const auto counts = results.read<double>("/rotation/turning_histogram");
    QCOMPARE(results.info("/rotation/turning_edges").shape, std::vector<std::int64_t>{65});
    double sum = 0;
    for (const double c : counts) sum += c;
    QCOMPARE(sum, scaling == "raw" ? 120.0 * 23 : 120.0 * 24);  // unit 7 is constant as it is
}

void TestAppAnalyze::nullsStandBelowWhatTheyAreOf() {
    const QString out = path("nulls.h5");
    const auto ran =
        runRheo({"analyze", trace, "--stat", "correlation,motion,rotation", "--null",
                 "depth_shuffle,increment_shuffle,sign_flip,gaussian_walk,row_shuffle,random_basis",
                 "--repeats", "25", "--seed", "4", "--out", out});
    QVERIFY2(ran.status == 0, ran.err);
    const auto file = Hdf5File::openForReading(out.toStdString());
    for (const char* null :
         {"depth_shuffle", "increment_shuffle", "sign_flip", "gaussian_walk", "row_shuffle", "random_basis"})
        for (const char* of : {"/correlation mean", "/correlation block_inside", "/motion path_length",
                               "/motion turning_angle", "/rotation turning", "/rotation mean_path_winding"}) {
            const QStringList parts = QString(of).split(' ');
            const std::string observed = (parts[0] + "/" + parts[1]).toStdString();
            const std::string group = QString("%1/null/%2/%3").arg(parts[0], null, parts[1]).toStdString();
            for (const char* name : {"/mean", "/low", "/high", "/z", "/p_upper", "/p_lower", "/p"})
                QVERIFY2(file.info(group + name).shape == file.info(observed).shape, (group + name).c_str());
            QCOMPARE(file.integerAttribute(group, "repeats"), 25);
            QCOMPARE(file.integerAttribute(group, "seed"), 4);
            for (const double p : file.read<double>(group + "/p"))
                QVERIFY(std::isnan(p) || (p >= 2.0 / 26 && p <= 1));
        }
    // Shuffled steps lead to where the path led, in as many steps.
    const auto length = file.read<double>("/motion/null/increment_shuffle/path_length/mean");
    QVERIFY(std::abs(length[0] / file.read<double>("/motion/path_length")[0] - 1) < 1e-12);
    QVERIFY(std::isnan(file.read<double>("/motion/null/increment_shuffle/path_length/z")[0]));
}

void TestAppAnalyze::readBackAsComputed() {
    const QString out = path("back.h5");
    auto ran = runRheo({"analyze", trace, "--stat", everything, "--null", "sign_flip,gaussian_walk",
                        "--repeats", "5", "--points", "paper", "--mask-units", "3", "--out", out});
    QVERIFY2(ran.status == 0, ran.err);
    const Results results = readResults(out.toStdString());
    const Statistics& s = results.statistics;
    QVERIFY(s.get<Density>() && s.get<Correlation>() && s.get<Motion>() && s.get<MutualInformation>() &&
            s.get<Rotation>() && s.get<Pca>());
    QCOMPARE(results.source.info.points.size(), 12u);
    QCOMPARE(s.get<Correlation>()->blockInside.size(), 6);
    QCOMPARE(s.get<Motion>()->turningAngle.quantiles.cols(), 10);
    QVERIFY(std::isnan(s.get<Rotation>()->turning[3]));
    QCOMPARE(s.get<Rotation>()->rowTurning.size(), 0);
    QCOMPARE(s.get<MutualInformation>()->units[0], 22);  // of 24, one masked and one constant
    QCOMPARE(s.get<Rotation>()->turningHistogram.counts.sum(), 120.0 * 22);
    QCOMPARE(results.nulls.size(), 2 * curvesOf(s).size());
    // Written again and read again, they are the same to the last bit.
    {
        ResultsWriter writer =
            ResultsWriter::create(path("again.h5").toStdString(), results.source, IfExists::Refuse);
        writer.write(s, results.nulls, {}, false);
        // Made otherwise it is not overwritten unasked.
        const Records other{{"density", {R"({"eps":0.2})"}}};
        QVERIFY_EXCEPTION_THROWN(writer.write(s, results.nulls, other, false), Error);
        writer.commit();
    }
    const Results again = readResults(path("again.h5").toStdString());
    const auto one = curvesOf(s), other = curvesOf(again.statistics);
    for (std::size_t i = 0; i < one.size(); ++i)
        QVERIFY(difference({one[i].values.begin(), one[i].values.end()},
                           {other[i].values.begin(), other[i].values.end()}) == 0);
    QVERIFY(again.statistics.get<Pca>()->scores.data == s.get<Pca>()->scores.data);
    QCOMPARE(s.get<Rotation>()->exampleRows.size(), 8u);
    QVERIFY(again.statistics.get<Rotation>()->exampleRows == s.get<Rotation>()->exampleRows);
    QVERIFY(again.statistics.get<Rotation>()->examplePaths.data == s.get<Rotation>()->examplePaths.data);
    QVERIFY(again.statistics.get<Rotation>()->meanPath == s.get<Rotation>()->meanPath);
    QVERIFY(again.statistics.get<Rotation>()->windingHistogram.edges() ==
            s.get<Rotation>()->windingHistogram.edges());
    // A second call adds a group to the first one's.
    ran = runRheo({"analyze", trace, "--stat", "density", "--points", "paper", "--out", path("add.h5")});
    QVERIFY2(ran.status == 0, ran.err);
    ran = runRheo(
        {"analyze", trace, "--stat", "motion", "--points", "paper", "--add", "--out", path("add.h5")});
    QVERIFY2(ran.status == 0, ran.err);
    const Results both = readResults(path("add.h5").toStdString());
    QVERIFY(both.statistics.get<Density>() && both.statistics.get<Motion>() &&
            !both.statistics.get<Rotation>());
}

void TestAppAnalyze::autoencoderIsStoredAndPutToATrace() {
    const QString out = path("trained.h5");
    auto ran = runRheo({"analyze", trace, "--stat", "autoencoder,motion", "--epochs", "3", "--seed", "4",
                        "--scaling", "rms", "--mask-units", "3", "--out", out, "--progress", "plain"});
    QVERIFY2(ran.status == 0, ran.err);
    QVERIFY2(ran.err.contains("epoch 3 gave loss") && ran.err.contains("validation"), ran.err);
    const Results results = readResults(out.toStdString());
    QVERIFY(results.statistics.get<Motion>() && results.statistics.get<AutoencoderFit>());
    const AutoencoderResult& a = *results.statistics.get<AutoencoderFit>();
    QCOMPARE(a.loss.rows(), Eigen::Index{3});
    QCOMPARE(a.r2.size(), Eigen::Index{13});
    QCOMPARE(a.pcaR2.size(), Eigen::Index{13});
    QCOMPARE(a.trainRows.size() + a.validationRows.size(), std::size_t{120});
    QVERIFY(a.model.scaling == Scaling::Rms && a.model.maskedUnits == std::vector<std::int64_t>{3});
    QVERIFY(a.model.widths() == (std::vector<std::int64_t>{24, 24, 256, 64, 2, 64, 256, 24, 24}));
    QCOMPARE(Hdf5File::openForReading(out.toStdString()).integerAttribute("/autoencoder", "seed").value_or(0),
             std::int64_t{4});

    // Put to the same trace it gives the same latent states, whatever scaling is asked of the rest.
    ran = runRheo({"analyze", trace, "--stat", "autoencoder", "--autoencoder", out, "--out", path("put.h5")});
    QVERIFY2(ran.status == 0, ran.err);
    const AutoencoderResult again =
        *readResults(path("put.h5").toStdString()).statistics.get<AutoencoderFit>();
    QVERIFY(again.latent.data == a.latent.data);
    QVERIFY(again.loss.size() == 0 && again.trainRows.empty() && again.model.scaling == Scaling::Rms);

    ran = runRheo(
        {"analyze", trace, "--stat", "autoencoder", "--autoencoder", path("none.h5"), "--out", path("n.h5")});
    QCOMPARE(ran.status, 1);
    // Weights that do not fit each other are not multiplied.
    {
        auto damaged = Hdf5File::openForWriting(out.toStdString());
        damaged.remove("/autoencoder/weights/weight_2");
        damaged.write<float>("/autoencoder/weights/weight_2", std::vector<float>(64 * 255), {64, 255});
        damaged.close();
    }
    try {
        readAutoencoder(out.toStdString());
        QFAIL("read");
    } catch (const Error& e) {
        QVERIFY2(std::string(e.what()).find("layer 2") != std::string::npos, e.what());
    }
}

void TestAppAnalyze::untrainedIsWhatItsOwnCaptureGives() {
    const QStringList model{"--model", RHEO_RESOURCES "/demo-model"};
    const QStringList prompts{"--prompts", RHEO_RESOURCES "/prompts/novels.txt", "--limit", "12", "--rows",
                              "stride:9"};
    const QStringList statistics{"--stat", "density,correlation,motion,rotation,pca", "--components", "3"};
    const auto run = [](const QStringList& arguments) {
        const Ran ran = runRheo(arguments);
        if (ran.status != 0) qWarning("%s", ran.err.constData());
        return ran.status == 0;
    };
    QVERIFY(run(QStringList{"capture", "--out", path("own.rheo.h5")} + model + prompts));
    QVERIFY(run(QStringList{"analyze", path("own.rheo.h5"), "--null", "untrained,sign_flip", "--repeats", "2",
                            "--seed", "7", "--out", path("own.h5")} +
                statistics + model));
    std::vector<std::vector<StatisticCurve>> drawn;
    for (const char* seed : {"7", "8"}) {
        const QString there = path(QString("drawn%1.rheo.h5").arg(seed).toUtf8()), out = there + ".h5";
        QVERIFY(run(QStringList{"capture", "--out", there, "--untrained", seed} + model + prompts));
        QVERIFY(run(QStringList{"analyze", there, "--seed", "7", "--out", out} + statistics));
        drawn.push_back(curvesOf(readResults(out.toStdString()).statistics));
    }
    const Results results = readResults(path("own.h5").toStdString());
    int compared = 0;
    for (const auto& null : results.nulls) {
        if (null.null != "untrained") continue;
        QCOMPARE(null.summary.repeats, 2);
        QVERIFY(null.summary.p.array().isNaN().all() && null.summary.low.array().isNaN().all());
        for (std::size_t c = 0; c < drawn[0].size(); ++c) {
            if (drawn[0][c].statistic != null.statistic || drawn[0][c].dataset != null.dataset) continue;
            const VectorD mean = (drawn[0][c].values + drawn[1][c].values) / 2;
            // The same states but for how batches of prompts are put together: float32 rounding. A turn may
            // go the other way round at a rounding, and is left out.
            if (null.statistic == "rotation") continue;
            const VectorD& found = null.summary.mean;
            QVERIFY2((found - mean).cwiseAbs().maxCoeff() <= 1e-4 * mean.cwiseAbs().maxCoeff(),
                     (null.statistic + "/" + null.dataset).c_str());
            ++compared;
        }
    }
    QVERIFY2(compared >= 14, qPrintable(QString::number(compared)));
    // A statistic that the points do not define leaves the null of the others.
    QVERIFY(run(QStringList{"analyze", path("own.rheo.h5"), "--points", "L00.attn_in:L00.mlp_in", "--stat",
                            "motion,rotation", "--null", "untrained", "--out", path("two.h5")} +
                model));
    const Results two = readResults(path("two.h5").toStdString());
    QVERIFY(two.statistics.get<Motion>() && !two.statistics.get<Rotation>() && !two.nulls.empty());
    // Whose prompts can be run again is asked first.
    const Ran without = runRheo(
        {"analyze", path("own.rheo.h5"), "--stat", "density", "--null", "untrained", "--out", path("no.h5")});
    QVERIFY(without.status == 2 && without.err.contains("--model"));
    const Ran other = runRheo({"analyze", trace, "--stat", "density", "--null", "untrained", "--model",
                               RHEO_RESOURCES "/demo-model", "--out", path("no.h5")});
    QVERIFY(other.status == 1 && other.err.contains("points"));
}

void TestAppAnalyze::lensIsStored() {
    QFile prompts(path("prompts.txt"));
    QVERIFY(prompts.open(QIODevice::WriteOnly));
    prompts.write("A fox met a crow.\nThe sun came up over the hills.\n");
    prompts.close();
    const QString model = RHEO_RESOURCES "/demo-model", made = path("demo.rheo.h5"), out = path("lens.h5");
    auto ran = runRheo({"capture", "--model", model, "--prompts", prompts.fileName(), "--out", made});
    QVERIFY2(ran.status == 0, ran.err);
    ran = runRheo({"analyze", made, "--stat", "lens", "--model", model, "--top", "3", "--scaling", "rms",
                   "--out", out});
    QVERIFY2(ran.status == 0, ran.err);
    const Results results = readResults(out.toStdString());
    QVERIFY(results.lens.has_value());
    const LensResult& lens = *results.lens;
    QCOMPARE(lens.topIds.n2, std::int64_t{3});
    QCOMPARE(lens.topProbabilities.n0, std::int64_t{2});
    const auto last = lens.entropy.cols() - 1;
    QCOMPARE(lens.klToFinal(1, last), 0.0);
    QVERIFY(lens.klToFinal(1, 0) > 0);
    QVERIFY(lens.topProbabilities.at(0, last)[0] >= lens.topProbabilities.at(0, last)[2]);
    QVERIFY(lens.topIds.at(0, last)[0] >= 0);
    // The lens is of the states as they are, and statistics beside it of what its unembedding would see.
    const QString normed = path("normed.h5");
    ran = runRheo({"analyze", made, "--stat", "lens,density,pca", "--components", "3", "--model", model,
                   "--top", "3", "--scaling", "final_norm", "--out", normed});
    QVERIFY2(ran.status == 0, ran.err);
    const Results beside = readResults(normed.toStdString());
    QVERIFY(beside.lens->entropy == lens.entropy);
    QVERIFY(beside.statistics.get<Pca>()->basis.scaling == Scaling::FinalNorm);
    ran = runRheo({"analyze", made, "--stat", "density", "--out", path("unnormed.h5")});
    const MatrixD rms = beside.statistics.get<Density>()->rms,
                  raw = readResults(path("unnormed.h5").toStdString()).statistics.get<Density>()->rms;
    // All points are of about one size now, and were not.
    const auto spread = [](const MatrixD& m) { return m.row(m.rows() - 1).norm() / m.row(0).norm(); };
    QVERIFY(spread(raw) > 5 && spread(rms) < 3);
    // Raw, whatever the other statistics look at.
    QCOMPARE(Hdf5File::openForReading(out.toStdString()).textAttribute("/lens", "scaling").value_or(""),
             std::string("raw"));
    ran = runRheo({"figure", out, "--view", "lens", "--out", path("lens.svg")});
    QVERIFY2(ran.status == 0, ran.err);
    ran = runRheo({"figure", "--recipe", path("lens.svg"), "--out", path("lens.pdf")});
    QVERIFY2(ran.status == 0, ran.err);
    ran = runRheo({"figure", out, "--view", "latent", "--out", path("latent.svg")});
    QCOMPARE(ran.status, 1);
    QVERIFY2(ran.err.contains("have no autoencoder"), ran.err);
}

void TestAppAnalyze::pcaInOtherWays() {
    const auto run = [&](const QStringList& arguments) {
        const Ran ran = runRheo(QStringList{"analyze", trace, "--stat", "pca"} + arguments);
        if (ran.status != 0) qWarning("%s", ran.err.constData());
        return ran.status == 0;
    };
    const auto read = [&](const char* name) { return readResults(path(name).toStdString()); };
    QVERIFY(run({"--out", path("pooled.h5"), "--components", "4"}));
    const auto pooled = read("pooled.h5");
    // With the basis of its own it is what it was.
    QVERIFY(run({"--basis", path("pooled.h5"), "--out", path("based.h5")}));
    QVERIFY(read("based.h5").statistics.get<Pca>()->scores.data == pooled.statistics.get<Pca>()->scores.data);
    QVERIFY(run({"--fit-rows", "0:59,100", "--out", path("fitted.h5")}));
    const auto fitted = read("fitted.h5");
    QCOMPARE(fitted.statistics.get<Pca>()->scores.n0, 120);
    QVERIFY(fitted.statistics.get<Pca>()->basis.components != pooled.statistics.get<Pca>()->basis.components);
    QVERIFY(run({"--fit-rows", "stride:1", "--components", "4", "--out", path("all.h5")}));
    QVERIFY(read("all.h5").statistics.get<Pca>()->basis.components ==
            pooled.statistics.get<Pca>()->basis.components);
    QVERIFY(run({"--pca", "per-point", "--components", "3", "--out", path("points.h5")}));
    const auto points = read("points.h5");
    QVERIFY(points.perPointPca && !points.statistics.get<Pca>());
    QVERIFY((points.perPointPca->explained - pooled.statistics.get<Pca>()->perPointExplained)
                .cwiseAbs()
                .maxCoeff() < 1e-9);
    // What needs one basis for all points says so.
    const Ran figure =
        runRheo({"figure", path("points.h5"), "--view", "trajectories", "--out", path("no.svg")});
    QVERIFY(figure.status == 1 && figure.err.contains("one basis per point"));
    const Ran basis =
        runRheo({"analyze", trace, "--stat", "pca", "--basis", path("points.h5"), "--out", path("no.h5")});
    QVERIFY(basis.status == 1 && basis.err.contains("each point"));
    for (const QStringList& wrong :
         {QStringList{"--basis", path("pooled.h5"), "--fit-rows", "1"}, QStringList{"--fit-rows", "5:1"},
          QStringList{"--fit-rows", "0:120"}, QStringList{"--fit-rows", "stride:0"},
          QStringList{"--basis", path("pooled.h5"), "--scaling", "rms"}, QStringList{"--mask-units", "z:0"},
          QStringList{"--mask-units", "z:x"}}) {
        const bool usage = wrong.contains("1");  // two ways to a basis at once
        QCOMPARE(
            runRheo(QStringList{"analyze", trace, "--stat", "pca", "--out", path("no.h5")} + wrong).status,
            usage ? 2 : 1);
    }
    QVERIFY(!QFile::exists(path("no.h5")));
    QVERIFY(run({"--mask-units", "z:50", "--out", path("masked.h5")}));
}

void TestAppAnalyze::threadsAndMemoryDoNotMatter() {
    const QStringList common{"analyze",   trace,
                             "--stat",    "correlation,motion,rotation,density",
                             "--null",    "sign_flip,row_shuffle",
                             "--repeats", "6"};
    auto ran = runRheo(common + QStringList{"--threads", "1", "--out", path("one.h5")});
    QVERIFY2(ran.status == 0, ran.err);
    ran = runRheo(common + QStringList{"--threads", "3", "--memory", "64K", "--out", path("other.h5")});
    QVERIFY2(ran.status == 0, ran.err);
    const auto one = Hdf5File::openForReading(path("one.h5").toStdString()),
               other = Hdf5File::openForReading(path("other.h5").toStdString());
    for (const auto& name : one.datasets(1000)) {
        if (one.info(name).type == Hdf5Type::String) continue;
        const double d = difference(other.read<double>(name), one.read<double>(name));
        QVERIFY2(d <= 1e-10, qPrintable(QString("%1: %2").arg(name.c_str()).arg(d)));
    }
}

void TestAppAnalyze::damagedResultsAreRefused() {
    const QString out = path("damaged.h5");
    const auto ran = runRheo(
        {"analyze", trace, "--stat", "motion", "--null", "sign_flip", "--repeats", "2", "--out", out});
    QVERIFY2(ran.status == 0, ran.err);
    for (const char* name : {"/motion/speed", "/motion/norm_quantiles", "/motion/null/sign_flip/speed/p"}) {
        const QString copy = path("copy.h5");
        QFile::remove(copy);
        QVERIFY(QFile::copy(out, copy));
        {
            auto file = Hdf5File::openForWriting(copy.toStdString());
            file.remove(name);
            file.write<double>(name, std::vector<double>{1, 2}, {2});
            file.close();
        }
        try {
            readResults(copy.toStdString());
            QFAIL(name);
        } catch (const Error& e) {
            QVERIFY2(std::string(e.what()).find(name) != std::string::npos, e.what());
        }
    }
}

void TestAppAnalyze::whatCannotBeIsRefused_data() {
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<QString>("message");
    QTest::addColumn<int>("status");
    const auto row = [](const char* name, const QStringList& arguments, const char* message, int status = 2) {
        QTest::newRow(name) << arguments << message << status;
    };
    row("unknown statistic", {"--stat", "motion,horoscope"},
        "there is no statistic 'horoscope'. There are density");
    row("unknown null", {"--stat", "motion", "--null", "weather"},
        "there is no null 'weather'. There are depth_");
    row("no statistic", {"--stat", ","}, "--stat needs the name of a statistic");
    row("one point", {"--stat", "motion", "--points", "final"},
        "motion: it needs at least 2 points, and there is 1", 1);
    row("two points", {"--stat", "rotation", "--points", "L00.attn_in:L00.mlp_in"},
        "rotation: it needs at least 3 points", 1);
    row("an idle option", {"--stat", "motion", "--per-row"}, "--per-row is used only by rotation");
    row("an idle estimator", {"--stat", "pca", "--mi", "bins"}, "--mi is used only by mutual_information");
    row("repeats of nothing", {"--stat", "pca", "--repeats", "9"}, "--null names none");
    row("final norm", {"--stat", "pca", "--scaling", "final_norm"}, "needs the model of the trace");
    row("final norm of another model",
        {"--stat", "pca", "--scaling", "final_norm", "--model", RHEO_RESOURCES "/demo-model"},
        "did not make this trace", 1);
    row("a lens without a model", {"--stat", "lens"}, "name it with --model");
    row("an idle model", {"--stat", "pca", "--model", "x"}, "--model is used only by lens");
    row("another model", {"--stat", "lens", "--model", RHEO_RESOURCES "/demo-model"},
        "did not make this trace", 1);
    row("idle epochs", {"--stat", "pca", "--epochs", "9"}, "--epochs is used only by autoencoder");
    row("surrogates of nothing", {"--stat", "autoencoder", "--null", "sign_flip"},
        "no statistic that is computed");
    row("no memory", {"--stat", "pca", "--memory", "lots"}, "'lots' is not an amount of memory");
}

void TestAppAnalyze::whatCannotBeIsRefused() {
    QFETCH(QStringList, arguments);
    QFETCH(QString, message);
    QFETCH(int, status);
    const auto ran = runRheo(QStringList{"analyze", trace, "--out", path("never.h5")} + arguments);
    QCOMPARE(ran.status, status);
    QVERIFY2(ran.err.contains(message.toUtf8()), ran.err);
    QVERIFY(!QFile::exists(path("never.h5")));
}

RHEO_TEST(TestAppAnalyze)
#include "test_app_analyze.moc"
