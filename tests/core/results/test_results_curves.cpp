// Curves for other programs: every curve once, each value beside its nulls; and results that do not fit
// together.
#include <QTemporaryDir>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/error.h"
#include "core/results/curves_file.h"
#include "core/results/results_file.h"
#include "core/trace/hdf5_file.h"
#include "tests/core/analysis/traces.h"
#include "tests/core/results/results_examples.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

/// Results of three points with a curve of each kind that is written, and a null of one of them.
Results example() {
    Results results;
    results.source.info.points = {{0, Site::AttnIn}, {0, Site::MlpIn}, {-1, Site::Final}};
    DensityResult density;
    density.trevesRolls = VectorD::LinSpaced(3, 0.1, 0.3);
    density.participationRatio = VectorD::Constant(3, 2.5);
    results.statistics.get<Density>() = density;
    AutoencoderResult autoencoder;
    autoencoder.r2 = VectorD::Constant(3, 0.5);
    autoencoder.mse = VectorD::Constant(3, 0.25);
    autoencoder.pcaR2 = VectorD::Constant(3, 0.125);
    results.statistics.get<AutoencoderFit>() = autoencoder;
    NullSummary summary;
    summary.mean = summary.low = summary.high = summary.z = VectorD::Constant(3, 1);
    summary.pUpper = summary.pLower = summary.p = VectorD::Constant(3, 0.5);
    summary.p[2] = std::nan("");
    results.nulls.push_back({"sign_flip", "density", "treves_rolls", summary});
    return results;
}

}  // namespace

class TestResultsCurves : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyCurveIsWrittenOnce();
    void nullsStandBesideTheirCurve();
    void whatDoesNotFitIsRefused_data();
    void whatDoesNotFitIsRefused();

private:
    QTemporaryDir m_folder;
};

void TestResultsCurves::everyCurveIsWrittenOnce() {
    std::multiset<std::string> json;
    const auto written = nlohmann::json::parse(curvesJson(example()));
    for (const auto& curve : written["curves"])
        json.insert(curve["statistic"].get<std::string>() + "/" + curve["dataset"].get<std::string>());
    for (const auto& name : json) QCOMPARE(json.count(name), std::size_t{1});
    for (const char* name : {"density/treves_rolls", "density/participation_ratio", "autoencoder/r2",
                             "autoencoder/mse", "autoencoder/pca_r2"})
        QVERIFY2(json.contains(name), name);

    const QStringList lines = QString::fromStdString(curvesCsv(example())).split("\r\n", Qt::SkipEmptyParts);
    const QStringList unique(QSet<QString>(lines.begin(), lines.end()).values());
    QCOMPARE(unique.size(), lines.size());
}

void TestResultsCurves::nullsStandBesideTheirCurve() {
    const QString csv = QString::fromStdString(curvesCsv(example()));
    QVERIFY(csv.contains("density,treves_rolls,0,L00.attn_in,0.1,sign_flip,1,1,1,1,0.5,0.5,0.5\r\n"));
    QVERIFY(csv.contains("density,treves_rolls,2,final,0.3,sign_flip,1,1,1,1,0.5,0.5,\r\n"));  // p is NaN
    QVERIFY(csv.contains("autoencoder,r2,1,L00.mlp_in,0.5,,,,,,,,\r\n"));                      // no null
    for (const auto& line : csv.split("\r\n", Qt::SkipEmptyParts)) QCOMPARE(line.count(','), 12);
}

void TestResultsCurves::whatDoesNotFitIsRefused_data() {
    QTest::addColumn<QString>("dataset");
    QTest::newRow("a curve along points that is longer") << "/autoencoder/pca_r2";
    QTest::newRow("derivatives of a row that is not there") << "/jacobian/rows";
    QTest::newRow("pushes of sizes that are not named") << "/verdicts/push_differences";
}

void TestResultsCurves::whatDoesNotFitIsRefused() {
    QFETCH(QString, dataset);
    const std::string path = (m_folder.path() + "/r.h5").toStdString(), name = dataset.toStdString();
    const TraceView view = traces::view(traces::gaussian(20, 6, 5, 1));
    Statistics statistics;
    statistics.get<AutoencoderFit>() = examples::autoencoderExample(view.trace->info());
    {
        ResultsWriter writer =
            ResultsWriter::create(path, makeResultsSource(view, "t.rheo.h5"), IfExists::Replace);
        writer.write(statistics, {}, {}, false);
        writer.write(examples::jacobianExample(), {}, false);
        writer.write(examples::evidenceExample(), {});
        writer.commit();
    }
    const Results whole = readResults(path);
    QCOMPARE(whole.statistics.get<AutoencoderFit>()->pcaR2.size(), 6);
    QVERIFY(!curvesCsv(whole).empty() && !verdictsOf(whole).empty());
    {
        Hdf5File file = Hdf5File::openForWriting(path);
        file.remove(name);
        if (name.ends_with("rows"))
            file.write<std::int64_t>(name, std::vector<std::int64_t>{3, 20}, {2});
        else if (name.ends_with("r2"))
            file.write<double>(name, std::vector<double>(7), {7});
        else
            file.write<double>(name, std::vector<double>(80), {20, 4});
        file.close();
    }
    try {
        readResults(path);
        QFAIL("it was read");
    } catch (const Error& error) {
        QCOMPARE(error.code(), ErrorCode::Format);
        QVERIFY2(QString(error.what()).contains(dataset), error.what());
    }
}

RHEO_TEST(TestResultsCurves)
#include "test_results_curves.moc"
