// Results of every statistic, comparisons, and what sessions hold.
#include <algorithm>
#include <memory>

#include "core/compare/compare.h"
#include "core/results/basis_file.h"
#include "core/results/comparison_file.h"
#include "core/results/curves_file.h"
#include "core/results/results_datasets.h"
#include "core/results/results_file.h"
#include "core/results/verdict_json.h"
#include "core/statistics/axes.h"
#include "tests/core/results/results_examples.h"
#include "tests/core/session/session_example.h"
#include "tests/fuzz/digest.h"
#include "tests/fuzz/flip_kinds.h"

using namespace rheo;
namespace fs = std::filesystem;

namespace rheo {

/// Adds every dataset of a result, by the list that is written and read by.
struct DatasetDigest {
    Digest& digest;
    Sizes sizes = {};

    void matrix(const char* name, const auto& values, auto...) { digest.add(name, values); }
    void optional(const char* name, const auto& values, auto...) { digest.add(name, values); }
    void vector(const char* name, const auto& values, auto...) { digest.add(name, values); }
    void number(const char* name, double value) { digest.add(name, value); }
    void counts(const char* name, const auto& values, auto...) { digest.add(name, values); }
    void bases(const char* name, const auto& values, auto...) { digest.add(name, values); }
    void scores(const char* name, const auto& values, auto...) { digest.add(name, values); }
    void examples(const auto& rows, const auto& paths) { digest.add(rows, paths); }
    void texts(const auto& texts) { digest.add(texts); }
    void ids(const char* name, const auto& values) { digest.add(name, values); }
    void names(const char* name, const auto& values, auto...) { digest.add(name, values); }
    void histogram(const std::string& name, const Histogram& h) { digest.add(name, h.counts, h.halfWidth); }
    void rows(const char* name, const auto& values) { digest.add(name, values); }
    void layers(const Autoencoder& model) { digest.add(model.weights, model.biases); }
    void attribute(const char* name, std::int64_t value) { digest.add(name, value); }
    void flag(const char* name, bool value) { digest.add(name, value); }
    void curve(const char* name, const auto& values, auto...) { digest.add(name, values); }
    void curveOfOne(const char* name, double value) { digest.add(name, value); }
    void curveWithoutNull(const char* name, const auto& values, auto...) { digest.add(name, values); }
};

static void describe(Digest& digest, const ResultsSource& source) {
    digest.add(source.info, source.hash, source.path, source.selection);
}
static void describe(Digest& digest, const StatisticRecord& r) {
    digest.add(r.options, r.seed, r.scaling, r.maskedUnits, r.version, r.time);
}
static void describe(Digest& digest, const CurveNull& null) {
    const NullSummary& s = null.summary;
    digest.add(null.null, null.statistic, null.dataset, s.mean, s.low, s.high, s.z, s.pUpper, s.pLower, s.p,
               s.repeats, s.seed, null.samples);
}
static void describe(Digest& digest, const Verdict& verdict) {
    digest.add(verdictToJson(verdict));
}
static void describe(Digest& digest, const JacobianResult& j) {
    digest.add(j.rows, j.singularValues, j.eigenvalueReal, j.eigenvalueImaginary, j.effectiveRank, j.henrici,
               j.complexShare, j.symmetricShare, j.remainingSingularValues, j.remainingEffectiveRank,
               j.cumulativeEffectiveRank, j.lyapunov, j.untrainedHenrici, j.untrainedSymmetricShare,
               j.untrainedComplexShare, j.untrainedEffectiveRank, j.untrainedCumulativeEffectiveRank,
               j.untrainedHenriciRows, j.untrainedCumulativeRankRows, j.alone, j.excludedRows);
}
static void describe(Digest& digest, const PcaBasis& basis) {
    digest.add(basis.mean, basis.components, basis.variance, basis.explained, basis.scaling, basis.dual,
               basis.names, basis.toward, basis.against);
}
static void describe(Digest& digest, const Results& results) {
    digest.add(results.source, results.scalings, results.nulls, results.jacobian, results.verdicts,
               results.records);
    DatasetDigest datasets{digest};
    forEachStatistic([&]<class S>() {
        const auto& result = results.statistics.get<S>();
        digest.add(result.has_value());
        if (result) S::visit(datasets, *result);
    });
    if (const auto& fit = results.statistics.get<AutoencoderFit>())
        digest.add(fit->model.scaling, fit->model.maskedUnits);
    if (const auto& fit = results.statistics.get<Pca>()) digest.add(fit->basis);
    if (results.lens) results::visitLens(datasets, *results.lens);
    if (results.perPointPca) {
        digest.add(results.perPointPca->scaling);
        results::visitPerPointPca(datasets, *results.perPointPca);
    }
    if (results.evidence) results::visitEvidence(datasets, *results.evidence);
    // What opened results are asked for at once.
    digest.add(verdictsOf(results), curvesCsv(results));
}

static void describe(Digest& digest, const MatchedRows& m) {
    digest.add(m.by, m.a, m.b, m.sample, m.unit, m.position, m.samples, m.units);
}
static void describe(Digest& digest, const CkaResult& c) {
    digest.add(c.cka, c.nullMean, c.nullLow, c.nullHigh, c.p, c.largestByChance, c.rows, c.samples, c.repeats,
               c.seed);
}
static void describe(Digest& digest, const ProcrustesResult& f) {
    digest.add(f.map.rotation, f.map.scale, f.map.toMean, f.map.fromMean, f.map.residual, f.nullMean,
               f.nullLow, f.nullHigh, f.p, f.residual, f.depthNullMean, f.depthNullLow, f.depthNullHigh,
               f.depthP, f.repeats, f.seed, f.rows, f.samples);
}
static void describe(Digest& digest, const DifferenceCurve& c) {
    digest.add(c.statistic, c.dataset, c.axis, c.a, c.b, c.difference, c.low, c.high);
}
static void describe(Digest& digest, const PairComparison& pair) {
    const DifferenceResult& d = pair.differences;
    digest.add(pair.other, pair.matched, pair.cka, pair.procrustes, d.curves, d.paired, d.relativeDepth,
               d.samplesA, d.samplesB, d.rowsA, d.rowsB, d.resamples, d.seed, d.left);
}
static void describe(Digest& digest, const ComparedSource& source) {
    digest.add(source.name, source.source, source.verdicts);
}
static void describe(Digest& digest, const ComparisonFile& file) {
    const Comparison& c = file.comparison;
    digest.add(file.sources, file.options, c.alignment, c.scores, c.explained, c.axisNames, c.pairs,
               c.remarks, differencesCsv(file));
}

static void describe(Digest& digest, const TeleportRecord& record) {
    const TeleportResult& r = record.result;
    digest.add(record.id, record.prompt.value(), record.sample, record.target, record.name, record.model,
               record.points, r.request.state, r.natural.states, r.natural.logits, r.teleported.states,
               r.teleported.logits, r.measures.distance, r.measures.kl);
    if (record.basis) digest.add(*record.basis);
}

}  // namespace rheo

namespace {

TraceView exampleView(std::uint64_t seed) {
    const TraceInfo info = exampleInfo();
    TraceView view;
    view.trace = std::make_shared<const MemoryTrace>(info, exampleStates(info, seed));
    return view;
}

AnalysisOptions exampleOptions() {
    AnalysisOptions options;
    forEachSwept([&]<class S>() { options.get<S>().emplace(); });
    options.nulls = {NullKind::SignFlip, NullKind::GaussianWalk};
    options.repeats = 3;
    options.threads = 1;
    return options;
}

/// Everything that results can hold beside each other.
void writeResultsOf(ResultsWriter& writer, const TraceView& view) {
    const AnalysisOptions options = exampleOptions();
    const TraceInfo& info = view.trace->info();
    Progress progress;
    Analysis analysis = analyze(view, options, progress);
    analysis.observed.get<AutoencoderFit>() = examples::autoencoderExample(info);
    Records records = recordsOf(view, options);
    records["autoencoder"] = recordOf(view, AutoencoderOptions{});
    for (auto& [name, record] : records) record.maskedUnits = {2, 5};
    writer.write(analysis.observed, analysis.nulls, records, false);
    writer.write(examples::lensExample(info), recordOf(LensOptions{}, "model"), false);
    writer.write(examples::jacobianExample(), recordOf(JacobianOptions{}, "model", 7), false);
    writer.write(examples::evidenceExample(), StatisticRecord{});
    writer.write(std::vector<Verdict>{examples::verdictExample()});
}

void writeResults(const fs::path& path) {
    const TraceView view = exampleView(3);
    ResultsSource source = makeResultsSource(view, "t.rheo.h5");
    source.selection = "topic = art";
    ResultsWriter writer = ResultsWriter::create(path, source, IfExists::Refuse);
    writeResultsOf(writer, view);
    writer.commit();
}

/// A PCA of each point alone, to which the rest was added later.
void writeAdded(const fs::path& path) {
    const TraceView view = exampleView(3);
    const ResultsSource source = makeResultsSource(view, "t.rheo.h5");
    Progress progress;
    {
        PcaOptions options;
        options.components = 3;
        options.threads = 1;
        ResultsWriter writer = ResultsWriter::create(path, source, IfExists::Refuse);
        writer.write(pcaPerPoint(view, options, progress), StatisticRecord{}, false);
        writer.commit();
    }
    AnalysisOptions options;
    options.get<Motion>().emplace();
    options.threads = 1;
    ResultsWriter writer = ResultsWriter::add(path, source);
    writer.write(analyze(view, options, progress).observed, {}, recordsOf(view, options), false);
    writer.write(examples::lensExample(view.trace->info()), StatisticRecord{}, false);
    writer.commit();
}

std::string readAll(const fs::path& path) {
    return digestOf(readResults(path, true));
}

void writeComparison(const fs::path& path) {
    const TraceView a = exampleView(1), b = exampleView(2);
    CompareOptions options;
    options.components = 3;
    options.repeats = 9;
    options.resamples = 6;
    options.threads = 1;
    options.statistics.get<Motion>().emplace();
    options.statistics.get<Pca>().emplace();
    Progress progress;
    ComparisonFile record;
    record.sources = {{"first", makeResultsSource(a, "a.rheo.h5")},
                      {"other", makeResultsSource(b, "b.rheo.h5"), {examples::verdictExample()}}};
    record.comparison = compareSources({a, b}, {"first", "other"}, options, progress);
    record.comparison.remarks.push_back("a remark");
    record.options = R"({"align":"own"})";
    writeComparisonFile(path, record, IfExists::Refuse);
}
std::string readComparison(const fs::path& path) {
    return digestOf(readComparisonFile(path));
}

PcaBasis exampleBasis() {
    PcaBasis basis;
    basis.mean = VectorD::Random(24);
    basis.components = basis.dual = MatrixD::Random(3, 24);
    basis.variance = basis.explained = VectorD::Random(3);
    basis.names = {"a", "b", "c"};
    basis.toward = {"'x'", "'y'", "'z'"};
    basis.against = {"'u'", "'v'", "'w'"};
    basis.scaling = Scaling::Rms;
    return basis;
}
void writeBasis(const fs::path& path) {
    writeBasisFile(path, exampleBasis(), IfExists::Refuse);
}
std::string readBasis(const fs::path& path) {
    return digestOf(readBasisFile(path));
}

void writeScores(const fs::path& path) {
    const ScoresFile scores{std::make_shared<const Array3F>(exampleStates(exampleInfo(), 9)),
                            std::make_shared<const MatrixD>(MatrixD::Random(6, 3))};
    writeScoresFile(path, scores, IfExists::Refuse);
}
std::string readScores(const fs::path& path) {
    const ScoresFile scores = readScoresFile(path);
    Digest digest;
    digest.add(*scores.scores);
    if (scores.pointExplained) digest.add(*scores.pointExplained);
    return digest.hex();
}

/// One file with every part: rows, results, basis, scores, teleports, and the index beside them.
void writeSession(const fs::path& path) {
    const fs::path parts = path.parent_path() / "parts";
    fs::create_directories(parts);
    SessionFolder folder(parts);
    Progress progress;
    writeSessionFile(path, examples::makeSession(path.parent_path()), folder, Packing::All, IfExists::Refuse,
                     progress);
}

std::string readSession(const fs::path& path) {
    const fs::path parts = path.parent_path() / "unpacked";
    fs::remove_all(parts);
    fs::create_directories(parts);
    SessionFolder folder(parts);
    Progress progress;
    const Session session = readSessionFile(path, folder, {}, progress);
    const DocumentState& state = session.state;
    Digest digest;
    digest.add(session.points, session.promptsFile.string(), session.limit, session.waiting, session.window,
               session.notes, state.basisRows);
    for (const auto& trace : {state.trace, state.basisTrace, state.resultsTrace}) digest.add(*trace);
    for (const PromptId id : state.prompts) digest.add(id.value());
    digest.add(*state.basis, *state.scores, *state.pointExplained, state.results->results);
    for (const HeldResults& held : state.earlier) digest.add(held.opened->results);
    for (const auto& record : state.teleports) digest.add(*record);
    for (const NamedRows& named : state.named) digest.add(named.name, named.places.size());
    for (const Edit& edit : state.intervention->edits)
        digest.add(edit.name, edit.on, edit.point, edit.operation, edit.vector, edit.strength, edit.unit);
    return digest.hex();
}

constexpr FlipKind kinds[] = {
    {"results", writeResults, readAll},
    {"added", writeAdded, readAll},
    {"comparison", writeComparison, readComparison},
    {"basis", writeBasis, readBasis},
    {"scores", writeScores, readScores},
    {"session", writeSession, readSession},
};

}  // namespace

std::span<const FlipKind> resultKinds() {
    return kinds;
}
