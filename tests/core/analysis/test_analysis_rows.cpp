// Rows that have the same states, and units and rows that are far larger than others.
#include <cmath>
#include <numeric>

#include "core/analysis/distinct_rows.h"
#include "core/analysis/outliers.h"
#include "core/analysis/row_source.h"
#include "core/analysis/sampling_units.h"
#include "core/base/error.h"
#include "tests/test_main.h"
#include "traces.h"

using namespace rheo;

namespace {

constexpr std::int64_t rows = 40, points = 13, units = 64;

Array3F repeated(const Array3F& states, std::int64_t times) {
    Array3F all(states.n0 * times, states.n1, states.n2);
    for (std::int64_t t = 0; t < times; ++t)
        std::copy(states.data.begin(), states.data.end(),
                  all.data.begin() + static_cast<std::ptrdiff_t>(t * states.n0 * states.n1 * states.n2));
    return all;
}

std::vector<std::int64_t> indices(const std::vector<Outlier>& outliers) {
    std::vector<std::int64_t> all;
    for (const auto& outlier : outliers) all.push_back(outlier.index);
    return all;
}

}  // namespace

class TestAnalysisRows : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void rowsWithTheSameStatesCountOnce();
    void onlyWhatIsUsedIsCompared();
    void samplesThatBeginAlikeShareRows();
    void massiveUnitsAndSinksAreFound();
    void walksHaveNoOutliers();
    void nothingStandsOutByLittle();
    void samplesOfAGroupAreDrawnAsOne();
};

// Six samples, of which two share a group and two another.
void TestAnalysisRows::samplesOfAGroupAreDrawnAsOne() {
    TraceInfo info;
    info.units = units;
    info.points.push_back({0, Site::Unnamed});
    for (const char* group : {"a", "", "b", "a", "", "b"}) info.samples.push_back({"", {}, group});
    for (std::int32_t s = 0; s < 6; ++s) info.rows.push_back({s, 0, -1});
    TraceView view;
    view.trace = std::make_shared<MemoryTrace>(info, traces::gaussian(6, 1, units, 1));
    const SamplingUnits found = samplingUnits(view);
    QCOMPARE(found.count(), 4);
    QCOMPARE(found.ofRow, (std::vector<std::int32_t>{0, 1, 2, 0, 3, 2}));
    // Rows that are held in memory keep their groups.
    Progress progress;
    const RowSource held(view, std::size_t{1} << 20, progress);
    QCOMPARE(samplingUnits(held.view()).count(), 4);
}

void TestAnalysisRows::rowsWithTheSameStatesCountOnce() {
    Progress progress;
    const DistinctRows one =
        distinctRows(traces::view(repeated(traces::walks(1, points, units, 3), 40)), 2, progress);
    QCOMPARE(one.rows, std::vector<std::int64_t>{0});
    QCOMPARE(one.repeated, 39);
    QCOMPARE(one.sharedPrefix, 0);
    const DistinctRows ten =
        distinctRows(traces::view(repeated(traces::walks(10, points, units, 3), 4)), 2, progress);
    std::vector<std::int64_t> first(10);
    std::iota(first.begin(), first.end(), 0);
    QCOMPARE(ten.rows, first);
    QCOMPARE(ten.repeated, 30);
    QCOMPARE(distinctRows(traces::view(traces::walks(rows, points, units, 3)), 2, progress).repeated, 0);
}

// Rows that differ at points or units that are left out are the same, and one bit is a difference.
void TestAnalysisRows::onlyWhatIsUsedIsCompared() {
    Array3F states = repeated(traces::walks(1, 4, 5, 3), 2);
    states.at(1, 2)[3] = std::nextafter(states.at(1, 2)[3], 100.0F);
    TraceView view = traces::view(std::move(states));
    Progress progress;
    QCOMPARE(distinctRows(view, 1, progress).repeated, 0);
    view.points = {0, 1, 3};
    QCOMPARE(distinctRows(view, 1, progress).repeated, 1);
    view.points = {};
    view.maskedUnits = {3};
    QCOMPARE(distinctRows(view, 1, progress).repeated, 1);
}

// Two samples that share their first two tokens: the model computes the same states for these, up to the
// rounding of batches of other sizes.
void TestAnalysisRows::samplesThatBeginAlikeShareRows() {
    TraceInfo info;
    info.units = units;
    for (int p = 0; p < 3; ++p) info.points.push_back({p, Site::Unnamed});
    info.samples = {{"", {1, 2, 3}}, {"", {1, 2, 4}}, {"", {9, 2, 3}}};
    for (std::int32_t s = 0; s < 3; ++s)
        for (std::int32_t t = 0; t < 3; ++t) info.rows.push_back({s, t, 0});
    TraceView view;
    const Array3F states = traces::walks(9, 3, units, 4);
    view.trace = std::make_shared<MemoryTrace>(info, states);
    Progress progress;
    // Without a model nothing says that equal tokens give equal states.
    const DistinctRows elsewhere = distinctRows(view, 1, progress);
    QCOMPARE(elsewhere.sharedPrefix, 4);
    QCOMPARE(elsewhere.repeated, 0);
    info.model.emplace();
    view.trace = std::make_shared<MemoryTrace>(info, states);
    const DistinctRows captured = distinctRows(view, 1, progress);
    QCOMPARE(captured.sharedPrefix, 4);
    QCOMPARE(captured.rows, (std::vector<std::int64_t>{0, 1, 2, 5, 6, 7, 8}));
}

void TestAnalysisRows::massiveUnitsAndSinksAreFound() {
    Array3F states = traces::walks(rows, points, units, 5);
    for (std::int64_t n = 0; n < rows; ++n)
        for (std::int64_t p = 2; p < points; ++p) states.at(n, p)[7] = 3000;
    Progress progress;
    TraceView view = traces::view(states);
    const Outliers unit = findOutliers(view, {}, progress);
    QCOMPARE(indices(unit.units), std::vector<std::int64_t>{7});
    QVERIFY(unit.rows.empty());
    // Of the sum of squares, by hand.
    double all = 0, its = 0;
    for (std::size_t i = 0; i < states.data.size(); ++i) {
        const double square = std::pow(static_cast<double>(states.data[i]), 2);
        all += square;
        if (i % units == 7) its += square;
    }
    QVERIFY(std::abs(unit.unitShare - its / all) < 1e-12 && unit.unitShare > 0.99);
    QVERIFY(describeOutliers(view, unit).starts_with("unit 7 ("));
    QCOMPARE(withoutOutliers(view, unit).maskedUnits, std::vector<std::int64_t>{7});

    states = traces::walks(rows, points, units, 5);
    for (std::int64_t n = 0; n < 5; ++n)
        for (std::int64_t p = 2; p < 11; ++p) {
            std::fill_n(states.at(n, p), units, 0.0F);
            states.at(n, p)[3] = 9e4F;
        }
    view = traces::view(states);
    const Outliers sinks = findOutliers(view, {}, progress);
    QCOMPARE(indices(sinks.rows), (std::vector<std::int64_t>{0, 1, 2, 3, 4}));
    QCOMPARE(indices(sinks.units), std::vector<std::int64_t>{3});
    QCOMPARE(withoutOutliers(view, sinks).rowCount(), rows - 5);
    QVERIFY(describeOutliers(view, sinks).find("5 of 40 rows (sample 0 position 0") != std::string::npos);
}

// The false-alarm rate that the documentation states: none in 300 walks whose steps are Gaussian (numpy: 0 of
// 2,600 for 20 to 600 rows of 64 to 256 units).
void TestAnalysisRows::walksHaveNoOutliers() {
    Progress progress;
    int alarms = 0;
    for (std::uint64_t seed = 1; seed <= 300; ++seed)
        if (!findOutliers(traces::view(traces::walks(rows, points, units, seed)), {}, progress).none())
            ++alarms;
    QCOMPARE(alarms, 0);
}

// Where the others are all alike their spread is 0, and a factor of 2 is still no outlier; a factor of 10 is.
void TestAnalysisRows::nothingStandsOutByLittle() {
    Progress progress;
    for (const auto& [factor, found] : {std::pair{2.0F, false}, {10.0F, true}}) {
        Array3F states(rows, 2, units);
        std::fill(states.data.begin(), states.data.end(), 1.0F);
        for (std::int64_t n = 0; n < rows; ++n) states.at(n, 1)[5] = factor;
        for (std::int64_t u = 0; u < units; ++u) states.at(9, 0)[u] = factor;
        const Outliers outliers = findOutliers(traces::view(states), {}, progress);
        QCOMPARE(indices(outliers.units), found ? std::vector<std::int64_t>{5} : std::vector<std::int64_t>{});
        QCOMPARE(indices(outliers.rows), found ? std::vector<std::int64_t>{9} : std::vector<std::int64_t>{});
    }
    QVERIFY(findOutliers(traces::view(Array3F(3, 2, 5)), {}, progress).none());
}

RHEO_TEST(TestAnalysisRows)
#include "test_analysis_rows.moc"
