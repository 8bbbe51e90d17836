// Comparison files: what is written is read, and what does not fit is refused.
#include <QTemporaryDir>
#include <QTest>
#include <algorithm>
#include <cmath>
#include <memory>

#include "core/base/error.h"
#include "core/results/comparison_file.h"
#include "core/trace/hdf5_file.h"
#include "tests/core/analysis/traces.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

TraceView source(std::int64_t rows, std::int64_t points, std::int64_t units, std::uint64_t seed) {
    TraceView view = traces::view(traces::gaussian(rows, points, units, seed));
    return view;
}

ComparisonFile compared() {
    const TraceView a = source(20, 4, 5, 1), b = source(20, 3, 6, 2);
    CompareOptions options;
    options.components = 3;
    options.repeats = 9;
    options.resamples = 6;
    options.statistics.get<Motion>() = Motion::Options();
    options.statistics.get<Pca>() = Pca::Options();
    Progress progress;
    ComparisonFile record;
    record.sources = {{"first", makeResultsSource(a, "a.rheo.h5")},
                      {"other", makeResultsSource(b, "b.rheo.h5")}};
    Verdict verdict;
    verdict.key = "density_rises";
    verdict.observed = 0.25;
    verdict.interval = {0.2, 0.3};
    verdict.verdict = VerdictKind::Supported;
    record.sources[1].verdicts = {verdict};
    record.comparison = compareSources({a, b}, {"first", "other"}, options, progress);
    record.options = R"({"align":"own"})";
    return record;
}

}  // namespace

class TestResultsComparison : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void isReadAsItWasWritten() {
        const ComparisonFile record = compared();
        QVERIFY(record.comparison.pairs[0].cka);
        const std::string path = (m_folder.path() + "/c.h5").toStdString();
        writeComparisonFile(path, record, IfExists::Refuse);
        QVERIFY(isComparisonFile(path));
        const ComparisonFile read = readComparisonFile(path);
        QCOMPARE(read.sources.size(), std::size_t{2});
        QCOMPARE(read.sources[1].name, std::string("other"));
        QCOMPARE(read.sources[0].source.path, std::string("a.rheo.h5"));
        QVERIFY(isSameSource(read.sources[0].source, record.sources[0].source));
        QCOMPARE(read.sources[1].verdicts.size(), std::size_t{1});
        QCOMPARE(read.sources[1].verdicts[0].interval.high, 0.3);
        QCOMPARE(read.options, record.options);
        const Comparison &was = record.comparison, &is = read.comparison;
        QCOMPARE(is.alignment, was.alignment);
        QCOMPARE(is.remarks, was.remarks);
        QCOMPARE(is.scores[1].data, was.scores[1].data);
        QCOMPARE(is.explained[1], was.explained[1]);
        const PairComparison &one = was.pairs[0], &other = is.pairs[0];
        QCOMPARE(other.matched.by, one.matched.by);
        QCOMPARE(other.matched.b, one.matched.b);
        QCOMPARE(other.matched.units, one.matched.units);
        QCOMPARE(other.cka->cka, one.cka->cka);
        QCOMPARE(other.cka->p, one.cka->p);
        QCOMPARE(other.cka->repeats, 9);
        QCOMPARE(other.procrustes->depthNullHigh, one.procrustes->depthNullHigh);
        QCOMPARE(other.procrustes->map.rotation, one.procrustes->map.rotation);
        QCOMPARE(other.procrustes->map.residual, one.procrustes->map.residual);
        QVERIFY(other.differences.relativeDepth && other.differences.paired);
        QCOMPARE(other.differences.curves.size(), one.differences.curves.size());
        for (const DifferenceCurve& curve : one.differences.curves) {
            bool found = false;
            for (const DifferenceCurve& same : other.differences.curves) {
                if (same.statistic != curve.statistic || same.dataset != curve.dataset) continue;
                found = true;
                QCOMPARE(same.axis, curve.axis);
                for (Eigen::Index i = 0; i < curve.a.size(); ++i) {
                    QCOMPARE(same.a[i], curve.a[i]);
                    QVERIFY(same.low[i] == curve.low[i] || std::isnan(curve.low[i]));
                }
            }
            QVERIFY2(found, curve.dataset.c_str());
        }
        // One line for each value and a head.
        std::size_t values = 1;
        for (const auto& curve : one.differences.curves) values += static_cast<std::size_t>(curve.a.size());
        const std::string csv = differencesCsv(record);
        QCOMPARE(static_cast<std::size_t>(std::count(csv.begin(), csv.end(), '\n')), values);
        QVERIFY_THROWS_EXCEPTION(Error, writeComparisonFile(path, record, IfExists::Refuse));
    }

    void verdictsAloneAreKept() {
        ComparisonFile record = compared();
        record.comparison = {};
        const std::string path = (m_folder.path() + "/v.h5").toStdString();
        writeComparisonFile(path, record, IfExists::Refuse);
        const ComparisonFile read = readComparisonFile(path);
        QVERIFY(!read.hasStates());
        QCOMPARE(read.sources[1].verdicts[0].key, std::string("density_rises"));
    }

    void damageIsRefused_data() {
        QTest::addColumn<QString>("dataset");
        QTest::newRow("rows that are not there") << "/pairs/1/matched/a";
        QTest::newRow("a map of another shape") << "/pairs/1/cka/cka";
        QTest::newRow("scores of another shape") << "/sources/0/scores";
        QTest::newRow("a curve of another length") << "/pairs/1/differences/motion/speed/low";
    }
    void damageIsRefused() {
        QFETCH(QString, dataset);
        const std::string path = (m_folder.path() + "/damaged.h5").toStdString(),
                          name = dataset.toStdString();
        writeComparisonFile(path, compared(), IfExists::Replace);
        {
            Hdf5File file = Hdf5File::openForWriting(path);
            file.remove(name);
            if (name.ends_with("/a"))
                file.write<std::int64_t>(name, std::vector<std::int64_t>(20, 20), {20});
            else if (name.ends_with("scores"))
                file.write<float>(name, std::vector<float>(12), {2, 3, 2});
            else
                file.write<double>(name, std::vector<double>(2), {2});
            file.close();
        }
        try {
            readComparisonFile(path);
            QFAIL("it was read");
        } catch (const Error& error) {
            QCOMPARE(error.code(), ErrorCode::Format);
            QVERIFY(std::string(error.what()).find("damaged.h5") != std::string::npos);
        }
    }

private:
    QTemporaryDir m_folder;
};

RHEO_TEST(TestResultsComparison)
#include "test_results_comparison.moc"
