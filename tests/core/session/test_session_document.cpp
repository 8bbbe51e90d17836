// The document as a value: prompts come, change and go, and what undo would bring back is untouched.

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/session/document.h"
#include "core/session/opened_results.h"
#include "core/statistics/density.h"
#include "core/trace/trace_reader.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

constexpr std::int64_t points = 4;
constexpr std::int64_t units = 6;

TraceInfo emptyInfo() {
    TraceInfo info;
    info.points = {{0, Site::AttnIn}, {0, Site::MlpIn}, {1, Site::AttnIn}, {-1, Site::Final}};
    info.units = units;
    return info;
}

/// Rows of samples 0 .. count - 1, one each (`rowsEach` positions), states from a seed.
std::shared_ptr<const Trace> makeTrace(int count, int rowsEach, std::uint64_t seed) {
    TraceInfo info = emptyInfo();
    Array3F states(count * rowsEach, points, units);
    RandomStream random(seed, 0);
    for (auto& x : states.data) x = static_cast<float>(random.normal());
    for (std::int32_t s = 0; s < count; ++s) {
        info.samples.push_back({"prompt " + std::to_string(seed) + "." + std::to_string(s), {1, 2, 3, s}});
        for (std::int32_t t = 0; t < rowsEach; ++t) info.rows.push_back({s, 3 - t, 3 - t});
    }
    return std::make_shared<MemoryTrace>(info, states);
}

std::shared_ptr<const Trace> onePrompt(std::uint64_t seed, const std::vector<std::int32_t>& positions) {
    TraceInfo info = emptyInfo();
    Array3F states(static_cast<std::int64_t>(positions.size()), points, units);
    RandomStream random(seed, 0);
    for (auto& x : states.data) x = static_cast<float>(random.normal());
    info.samples.push_back({"new " + std::to_string(seed), {1, 2, 3, 0}});
    for (const auto t : positions) info.rows.push_back({0, t, t});
    return std::make_shared<MemoryTrace>(info, states);
}

DocumentState fitted(DocumentState state) {
    Progress progress;
    PcaResult result = pca({.trace = state.trace}, {.components = 3}, progress);
    const auto trace = state.trace;
    return withBasis(state, std::make_shared<const PcaBasis>(result.basis), trace,
                     std::make_shared<const Array3F>(std::move(result.scores)),
                     std::make_shared<const MatrixD>(result.perPointExplained));
}

/// All scores are those of the rows in the basis: computed again from the states, row by row.
void checkScores(const DocumentState& state) {
    QVERIFY(state.scores);
    QCOMPARE(state.scores->n0, state.rows());
    MatrixF states(points, units);
    for (std::int64_t n = 0; n < state.rows(); ++n) {
        state.trace->readRows(RowIndex{n}, 1, states.data());
        const MatrixD expected = project(*state.basis, states);
        for (std::int64_t p = 0; p < points; ++p)
            for (int k = 0; k < 3; ++k)
                QVERIFY(std::abs(state.scores->at(n, p)[k] - expected(p, k)) <
                        1e-5);  // float32 of values near 1
    }
}

std::vector<std::int64_t> ids(const DocumentState& state) {
    std::vector<std::int64_t> values;
    for (const PromptId id : state.prompts) values.push_back(id.value());
    return values;
}

}  // namespace

class TestSessionDocument : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void resultsOfTheRowsGiveTheBasis();
    void resultsOfOtherRowsAreDrawnAsTheyAre_data();
    void resultsOfOtherRowsAreDrawnAsTheyAre();
    void rowsOfResultsArePicked();
    void aTraceThatIsNotFoundIsNamed();
    void opens();
    void opensWithoutSamples();
    void promptsComeAndTheBasisStays();
    void replacedInItsPlace();
    void tokensFollowTheirPrompt();
    void removedPrompts();
    void addingAndRemovingGivesTheSameRows();
    void removedToTheLast();
    void refusals();
};

void TestSessionDocument::opens() {
    const auto trace = makeTrace(3, 2, 1);
    const auto state = openDocument(trace, PromptId{1});
    QCOMPARE(state.trace, trace);
    QCOMPARE(ids(state), (std::vector<std::int64_t>{1, 2, 3}));
    QCOMPARE(*sampleOf(state, PromptId{2}), std::int64_t{1});
    QVERIFY(!sampleOf(state, PromptId{4}));
    QCOMPARE(findRow(state, PromptId{2}, 3)->value(), std::int64_t{2});
    QCOMPARE(findRow(state, PromptId{2}, 2)->value(), std::int64_t{3});
    QVERIFY(!findRow(state, PromptId{2}, 1));
    QCOMPARE(lastRowOf(state, PromptId{3})->value(), std::int64_t{4});
    QVERIFY(!state.basisIsStale());
}

void TestSessionDocument::opensWithoutSamples() {
    TraceInfo info = emptyInfo();
    info.rows = {{9, 0, -1}, {-4, 0, -1}, {9, 1, -1}, {2000000000, 0, -1}};
    Array3F states(4, points, units);
    for (std::size_t i = 0; i < states.data.size(); ++i) states.data[i] = static_cast<float>(i);
    const auto state = openDocument(std::make_shared<MemoryTrace>(info, states), PromptId{5});
    QCOMPARE(ids(state), (std::vector<std::int64_t>{5, 6, 7}));
    QCOMPARE(state.trace->info().samples.size(), std::size_t{3});
    std::vector<std::int32_t> samples;
    for (const auto& row : state.trace->info().rows) samples.push_back(row.sample);
    QCOMPARE(samples, (std::vector<std::int32_t>{1, 0, 1, 2}));
    std::vector<float> read(states.data.size());
    state.trace->readRows(RowIndex{0}, 4, read.data());
    QCOMPARE(read, states.data);
}

void TestSessionDocument::promptsComeAndTheBasisStays() {
    const auto before = fitted(openDocument(makeTrace(5, 1, 1), PromptId{1}));
    const auto copy = before;
    const auto after = addPrompts(before, {PromptId{9}}, {onePrompt(2, {3, 1})});
    QCOMPARE(after.rows(), std::int64_t{7});
    QCOMPARE(ids(after), (std::vector<std::int64_t>{1, 2, 3, 4, 5, 9}));
    QCOMPARE(after.basis, before.basis);
    QVERIFY(after.basisIsStale());
    QVERIFY(!before.basisIsStale());
    checkScores(after);
    // The old value did not change.
    QCOMPARE(before.trace, copy.trace);
    QCOMPARE(before.scores->n0, std::int64_t{5});
    QVERIFY(!fitted(after).basisIsStale());
    // Without a basis there are no scores; without rows the first prompt makes them.
    const auto first = addPrompts(DocumentState{}, {PromptId{1}}, {onePrompt(3, {3})});
    QCOMPARE(first.rows(), std::int64_t{1});
    QVERIFY(!first.scores);
}

void TestSessionDocument::replacedInItsPlace() {
    const auto before = fitted(openDocument(makeTrace(4, 2, 1), PromptId{1}));
    const auto fresh = onePrompt(7, {3});
    const auto after = replacePrompt(before, PromptId{2}, {fresh});
    QCOMPARE(ids(after), ids(before));
    QCOMPARE(after.rows(), std::int64_t{7});
    QCOMPARE(after.trace->info().samples[1].text, std::string("new 7"));
    std::vector<std::int32_t> samples;
    for (const auto& row : after.trace->info().rows) samples.push_back(row.sample);
    QCOMPARE(samples, (std::vector<std::int32_t>{0, 0, 1, 2, 2, 3, 3}));
    std::vector<float> read(points * units), expected(points * units);
    after.trace->readRows(RowIndex{2}, 1, read.data());
    fresh->readRows(RowIndex{0}, 1, expected.data());
    QCOMPARE(read, expected);
    checkScores(after);
}

void TestSessionDocument::tokensFollowTheirPrompt() {
    auto state = fitted(openDocument(makeTrace(3, 1, 1), PromptId{1}));
    TraceInfo info = emptyInfo();
    info.samples = {state.trace->info().samples[0]};
    info.rows = {{0, 1, 2}};
    const auto row = std::make_shared<MemoryTrace>(info, Array3F(1, points, units));
    const auto after = addToken(state, PromptId{1}, {row});
    QCOMPARE(after.rows(), std::int64_t{4});
    QCOMPARE(findRow(after, PromptId{1}, 1)->value(), std::int64_t{1});
    QCOMPARE(findRow(after, PromptId{2}, 3)->value(), std::int64_t{2});
    checkScores(after);
    // Rows of a prompt that was edited meanwhile are not taken.
    QVERIFY_EXCEPTION_THROWN(addToken(state, PromptId{2}, {row}), Error);
}

void TestSessionDocument::removedPrompts() {
    const auto before = fitted(openDocument(makeTrace(5, 2, 1), PromptId{1}));
    const auto after = removePrompts(before, {PromptId{4}, PromptId{1}, PromptId{77}});
    QCOMPARE(ids(after), (std::vector<std::int64_t>{2, 3, 5}));
    QCOMPARE(after.rows(), std::int64_t{6});
    QCOMPARE(after.trace->info().samples[2].text, std::string("prompt 1.4"));
    QCOMPARE(after.trace->info().rows[4].sample, 2);
    checkScores(after);
    QCOMPARE(removePrompts(before, {PromptId{77}}).trace, before.trace);
}

void TestSessionDocument::addingAndRemovingGivesTheSameRows() {
    const auto opened = fitted(openDocument(makeTrace(4, 1, 1), PromptId{1}));
    const auto back = removePrompts(addPrompts(opened, {PromptId{9}}, {onePrompt(2, {3})}), {PromptId{9}});
    QCOMPARE(back.trace, opened.trace);
    QVERIFY(!back.basisIsStale());
    // Also from rows that were joined themselves.
    const auto joined = fitted(addPrompts(opened, {PromptId{9}}, {onePrompt(2, {3})}));
    const auto again = removePrompts(addPrompts(joined, {PromptId{10}}, {onePrompt(3, {3})}), {PromptId{10}});
    QCOMPARE(again.trace, joined.trace);
    QVERIFY(!again.basisIsStale());
}

void TestSessionDocument::removedToTheLast() {
    const auto before = fitted(openDocument(makeTrace(2, 1, 1), PromptId{1}));
    const auto none = removePrompts(before, {PromptId{1}, PromptId{2}});
    QVERIFY(!none.trace);
    QVERIFY(!none.scores);
    QCOMPARE(none.rows(), std::int64_t{0});
    QVERIFY(none.basis);  // and stays for what comes
    const auto one = addPrompts(none, {PromptId{3}}, {onePrompt(2, {3})});
    QCOMPARE(one.rows(), std::int64_t{1});
    QVERIFY(one.basisIsStale());
    checkScores(one);
}

void TestSessionDocument::refusals() {
    const auto state = fitted(openDocument(makeTrace(2, 1, 1), PromptId{1}));
    QVERIFY_EXCEPTION_THROWN(addPrompts(state, {PromptId{9}}, {makeTrace(2, 1, 2)}), Error);
    QVERIFY_EXCEPTION_THROWN(replacePrompt(state, PromptId{9}, {onePrompt(2, {3})}), Error);
    TraceInfo info = emptyInfo();
    info.units = 7;
    info.samples.push_back({"wide", {1}});
    info.rows.push_back({0, 0, 1});
    QVERIFY_EXCEPTION_THROWN(
        addPrompts(state, {PromptId{9}}, {std::make_shared<MemoryTrace>(info, Array3F(1, points, 7))}),
        Error);
    QVERIFY_EXCEPTION_THROWN(withBasis(state, state.basis, state.trace,
                                       std::make_shared<const Array3F>(Array3F(3, points, 3)), nullptr),
                             Error);
}

/// Results with a PCA and a density of `trace`, as a file would hold them.
static std::shared_ptr<const OpenedResults> resultsOf(const std::shared_ptr<const Trace>& trace,
                                                      Scaling scaling = Scaling::Raw) {
    Progress progress;
    OpenedResults opened{"/results/r.h5", {}};
    opened.results.source = makeResultsSource({.trace = trace}, "/traces/t.rheo.h5");
    opened.results.statistics.get<Pca>() =
        pca({.trace = trace, .scaling = scaling}, {.components = 3}, progress);
    opened.results.statistics.get<Density>() = density({.trace = trace}, {}, progress);
    return std::make_shared<const OpenedResults>(std::move(opened));
}

void TestSessionDocument::resultsOfTheRowsGiveTheBasis() {
    const auto trace = makeTrace(4, 2, 1);
    const auto before = openDocument(trace, PromptId{1});
    const auto opened = resultsOf(trace);
    const auto after = withResults(before, opened);
    QVERIFY(!before.results && !before.basis);
    QCOMPARE(after.results, opened);
    QVERIFY2(after.scores.get() == &drawnPca(*opened)->scores, "nothing is copied");
    QVERIFY(basisIsOfResults(after));
    QVERIFY(!after.basisIsStale());
    QVERIFY(resultsWith(after, "density").opened == opened);
    checkScores(after);
    QVERIFY(hasSourceHash(*after.trace, opened->results.source.hash));

    // Closed again, the basis stays; so do the rows.
    const auto closed = withoutResults(after);
    QVERIFY(!closed.results && closed.basis == after.basis && closed.trace == after.trace);
    QVERIFY(!basisIsOfResults(closed));

    // Samples that a trace from elsewhere numbers as it likes are the same rows all the same.
    TraceInfo info = emptyInfo();
    info.rows = {{9, 0, -1}, {-4, 0, -1}, {9, 1, -1}, {2000000000, 0, -1}};
    Array3F states(4, points, units);
    RandomStream random(3, 0);
    for (auto& x : states.data) x = static_cast<float>(random.normal());
    const auto foreign = std::make_shared<MemoryTrace>(info, states);
    const auto state = openDocument(foreign, PromptId{1});
    QVERIFY(basisIsOfResults(withResults(state, resultsOf(foreign))));
    QVERIFY(hasSourceHash(*state.trace, foreign->sourceHash()));
    QVERIFY(!hasSourceHash(*state.trace, trace->sourceHash()));
}

void TestSessionDocument::resultsOfOtherRowsAreDrawnAsTheyAre_data() {
    QTest::addColumn<int>("samples");
    QTest::addColumn<bool>("scaled");
    QTest::addRow("fewer rows") << 3 << false;
    QTest::addRow("scaled states") << 4 << true;
}

void TestSessionDocument::resultsOfOtherRowsAreDrawnAsTheyAre() {
    QFETCH(int, samples);
    QFETCH(bool, scaled);
    const auto before = fitted(openDocument(makeTrace(4, 1, 1), PromptId{1}));
    const auto opened = resultsOf(makeTrace(samples, 1, 1), scaled ? Scaling::Rms : Scaling::Raw);
    const auto after = withResults(before, opened);
    QVERIFY2(!after.basis && !after.scores && !after.basisTrace && !after.pointExplained,
             "scores of other states are not those of the rows");
    QCOMPARE(after.results, opened);
    QCOMPARE(after.trace, before.trace);
    QVERIFY(before.basis);
}

void TestSessionDocument::rowsOfResultsArePicked() {
    const auto trace = makeTrace(5, 2, 1);
    TraceView view{.trace = trace};
    view.rows = {3, 6, 7};  // of samples 1, 3 and 3
    OpenedResults opened{"/results/r.h5", {}};
    opened.results.source = makeResultsSource(view, "");
    const auto state = openDocumentOf(opened, trace, PromptId{1});
    QCOMPARE(state.rows(), std::int64_t{3});
    QCOMPARE(ids(state), (std::vector<std::int64_t>{1, 2}));
    std::vector<float> expected(3 * points * units), read(expected.size());
    trace->readRows(RowIndex{3}, 1, expected.data());
    trace->readRows(RowIndex{6}, 2, expected.data() + points * units);
    state.trace->readRows(RowIndex{0}, 3, read.data());
    QCOMPARE(read, expected);
    QCOMPARE(state.trace->info().samples[1].text, trace->info().samples[3].text);
    QVERIFY(hasSourceHash(*state.trace, trace->sourceHash()));
    QCOMPARE(openDocumentOf(*resultsOf(trace), trace, PromptId{1}).trace, trace);
}

void TestSessionDocument::aTraceThatIsNotFoundIsNamed() {
    Progress progress;
    OpenedResults opened{"/no/such/folder/r.h5", {}};
    opened.results.source = makeResultsSource({.trace = makeTrace(2, 1, 1)}, "/traces/t.rheo.h5");
    auto found = traceOfResults(opened, progress);
    QVERIFY(!found.trace && found.missing.find("/traces/t.rheo.h5") != std::string::npos);
    opened.results.source.path = "";
    found = traceOfResults(opened, progress);
    QVERIFY(!found.trace && found.missing.find("do not name a trace") != std::string::npos);
    opened.results.source.path = RHEO_FIXTURES "/golden/small.rheo.h5";
    found = traceOfResults(opened, progress);
    QVERIFY2(!found.trace && found.missing.find("is not the trace") != std::string::npos,
             found.missing.c_str());
    opened.results.source.hash = TraceReader::open(opened.results.source.path)->sourceHash();
    found = traceOfResults(opened, progress);
    QVERIFY(found.trace && found.missing.empty());
    QVERIFY(resultsFileIn("/no/such/folder").empty());
}

RHEO_TEST(TestSessionDocument)
#include "test_session_document.moc"
