// The logit lens against the logits of the reference implementations, and against its definition.
#include <cmath>
#include <cstring>
#include <numeric>

#include "core/base/error.h"
#include "core/dynamics/lens.h"
#include "core/dynamics/teleport.h"
#include "core/trace/normed_trace.h"
#include "reference.h"
#include "tests/test_main.h"

using namespace rheo;
using namespace rheo::test;

namespace {

/// The reference's own states of the last tokens of one prompt, as many as it has logits of.
TraceView viewOf(const Reference& reference, const ReferencePrompt& prompt) {
    const std::int64_t tokens = prompt.states.n1, count = prompt.logits.rows(), units = prompt.states.n2;
    TraceInfo info;
    info.units = units;
    info.points = reference.points;
    Array3F states(count, prompt.states.n0, units);
    for (std::int64_t n = 0; n < count; ++n) {
        info.rows.push_back({0, static_cast<std::int32_t>(tokens - count + n), -1});
        for (std::int64_t p = 0; p < states.n1; ++p)
            std::copy_n(prompt.states.at(p, tokens - count + n), units, states.at(n, p));
    }
    TraceView view;
    view.trace = std::make_shared<MemoryTrace>(std::move(info), std::move(states));
    return view;
}

TraceView changed(const TraceView& view, std::int64_t row, float value) {
    Array3F states(view.rowCount(), view.pointCount(), view.unitCount());
    readView(view, 0, view.rowCount(), states.data.data());
    states.at(row, 0)[1] = value;
    TraceView other = view;
    other.trace = std::make_shared<MemoryTrace>(view.trace->info(), std::move(states));
    return other;
}

const Fixture& fixtureNamed(const std::string& name) {
    static const std::vector<Fixture> all = fixtures();
    return *std::find_if(all.begin(), all.end(), [&](const Fixture& f) { return f.name == name; });
}

}  // namespace

class TestDynamicsLens : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void finalPointGivesTheReferenceLogits_data();
    void finalPointGivesTheReferenceLogits();
    void normedStatesGiveTheReferenceLogits_data() { finalPointGivesTheReferenceLogits_data(); }
    void normedStatesGiveTheReferenceLogits();
    void everyPointIsAsDefined();
    void ranksAreCounted();
    void blocksAndThreadsDoNotMatter();
    void finalPointNeedNotBeInTheView();
    void rowsThatAreNotFiniteAreLeftOut();
    void stopIsHeeded();
    void whatDoesNotFitIsRefused();
};

void TestDynamicsLens::finalPointGivesTheReferenceLogits_data() {
    QTest::addColumn<QString>("name");
    for (const auto& fixture : fixtures())
        QTest::newRow(fixture.name.c_str()) << QString::fromStdString(fixture.name);
}

void TestDynamicsLens::finalPointGivesTheReferenceLogits() {
    QFETCH(QString, name);
    const Fixture& fixture = fixtureNamed(name.toStdString());
    const auto model = loadModel(fixture.folder);
    const Reference reference = readReference(fixture.reference);
    const ReferencePrompt& prompt = reference.prompts.front();
    const TraceView view = viewOf(reference, prompt);
    const MatrixF states = readViewPoint(view, view.pointCount() - 1);
    Progress progress;
    const MatrixF logits = model->unembed(states, progress);
    // As for all other reference values: the largest difference of a row over its RMS.
    for (Eigen::Index n = 0; n < logits.rows(); ++n)
        QVERIFY(relativeError(logits.row(n).data(), prompt.logits.row(n).data(), logits.cols()) < 3e-5);

    LensOptions options;
    options.top = 3;
    const auto result = lens(*model, view, options, progress);
    const std::int64_t last = view.pointCount() - 1;
    for (Eigen::Index n = 0; n < logits.rows(); ++n) {
        const VectorF expected = prompt.logits.row(n).transpose();
        const VectorD p = softmax(expected);
        const double entropy = -(p.array() * (p.array() + 1e-300).log()).sum();
        // A logit off by 3e-5 of an RMS near 1 moves a probability, and the entropy, by about as much.
        QVERIFY(std::abs(result.entropy(n, last) - entropy) < 1e-3);
        QCOMPARE(result.klToFinal(n, last), 0.0);
        for (int i = 0; i < 3; ++i) {
            const auto id = result.topIds.at(n, last)[i];
            QVERIFY(std::abs(result.topProbabilities.at(n, last)[i] - p[id]) < 1e-4);
        }
        QVERIFY(std::abs(p[result.topIds.at(n, last)[0]] - p.maxCoeff()) < 1e-4);
    }
}

/// What scaling final_norm sees, times the unembedding as the checkpoint has it.
void TestDynamicsLens::normedStatesGiveTheReferenceLogits() {
    QFETCH(QString, name);
    const Fixture& fixture = fixtureNamed(name.toStdString());
    const auto checkpoint = Checkpoint::open(fixture.folder);
    const ModelConfig& config = checkpoint->config();
    const auto read = [&](const std::string& tensor) {
        const StoredTensor* stored = checkpoint->find(tensor);
        if (stored == nullptr) return MatrixF();
        MatrixF values(stored->shape[0], stored->shape.size() > 1 ? stored->shape[1] : 1);
        const auto copy = [&](auto zero) {
            std::vector<decltype(zero)> as(static_cast<std::size_t>(values.size()));
            std::memcpy(as.data(), stored->bytes.data(), stored->bytes.size());
            std::transform(as.begin(), as.end(), values.data(), [](auto x) { return static_cast<float>(x); });
        };
        if (stored->type == StoredType::F32) copy(float{});
        if (stored->type == StoredType::BF16) copy(Eigen::bfloat16{});
        if (stored->type == StoredType::F16) copy(Eigen::half{});
        return values;
    };
    const MatrixF unembedding =
        read(config.tiedUnembedding ? config.names.prefix + config.names.embedding + ".weight"
                                    : config.names.unembedding + ".weight");
    QCOMPARE(unembedding.rows(), static_cast<Eigen::Index>(config.vocabulary));
    const MatrixF bias = read(config.names.unembedding + ".bias");

    const Reference reference = readReference(fixture.reference);
    const ReferencePrompt& prompt = reference.prompts.front();
    TraceView view = viewOf(reference, prompt);
    view.trace = std::make_shared<NormedTrace>(view.trace, loadModel(fixture.folder)->finalNorm());
    view.scaling = Scaling::FinalNorm;
    const MatrixF normed = readViewPoint(view, view.pointCount() - 1);
    MatrixF logits = normed * unembedding.transpose();
    if (bias.size() > 0) logits.rowwise() += bias.col(0).transpose();
    if (config.logitSoftcap)
        logits = ((logits / *config.logitSoftcap).array().tanh() * *config.logitSoftcap).matrix();
    for (Eigen::Index n = 0; n < logits.rows(); ++n)
        QVERIFY(relativeError(logits.row(n).data(), prompt.logits.row(n).data(), logits.cols()) < 3e-5);

    // What was fitted to normed states is not put to others, nor the other way round.
    PcaBasis basis;
    basis.mean = VectorD::Zero(view.unitCount());
    basis.components = MatrixD::Identity(2, view.unitCount());
    Progress progress;
    QVERIFY_EXCEPTION_THROWN(project(basis, view, progress), Error);
    basis.scaling = Scaling::FinalNorm;
    QCOMPARE(project(basis, view, progress).at(0, view.pointCount() - 1)[1], normed(0, 1));
    view.scaling = Scaling::Raw;
    QVERIFY_EXCEPTION_THROWN(project(basis, view, progress), Error);

    // However it is read, it is the same.
    std::vector<float> row(static_cast<std::size_t>(view.pointCount() * view.unitCount())), units(row.size());
    view.trace->readRows(RowIndex{1}, 1, row.data());
    QVERIFY(std::equal(normed.row(1).begin(), normed.row(1).end(), row.end() - view.unitCount()));
    view.trace->readUnitsOfRows(UnitIndex{2}, 1, RowIndex{1}, 1, units.data());
    QCOMPARE(units[0], row[2]);
}

void TestDynamicsLens::everyPointIsAsDefined() {
    const Fixture& fixture = fixtureNamed("llama-3-style");
    const auto model = loadModel(fixture.folder);
    const Reference reference = readReference(fixture.reference);
    const TraceView view = viewOf(reference, reference.prompts.front());
    Progress progress;
    LensOptions options;
    options.top = 4;
    const auto result = lens(*model, view, options, progress);
    const std::int64_t last = view.pointCount() - 1;
    const auto distribution = [&](std::int64_t p, std::int64_t n) {
        const VectorF logits = model->unembed(readViewPoint(view, p), progress).row(n).transpose();
        return softmax(logits);
    };
    for (const std::int64_t p : {std::int64_t{0}, last / 2, last - 1}) {
        const VectorD here = distribution(p, 2), final = distribution(last, 2);
        const double entropy = -(here.array() * here.array().log()).sum();
        const double kl = (final.array() * (final.array() / here.array()).log()).sum();
        QVERIFY(std::abs(result.entropy(2, p) - entropy) < 1e-6);
        QVERIFY(std::abs(result.klToFinal(2, p) - kl) < 1e-6 * (1 + kl));
        QVERIFY(kl > 1e-3);
        float before = 1;
        for (int i = 0; i < 4; ++i) {
            const float probability = result.topProbabilities.at(2, p)[i];
            QVERIFY(std::abs(probability - here[result.topIds.at(2, p)[i]]) < 1e-6);
            QVERIFY(probability <= before);
            before = probability;
        }
        // No token left out is likelier than the last one kept.
        QCOMPARE((here.array() > before * (1 + 1e-5)).count() <= 4, true);
    }
    QVERIFY(result.meanEntropy.isApprox(result.entropy.colwise().mean().transpose(), 1e-12));
    QVERIFY(result.meanKlToFinal.isApprox(result.klToFinal.colwise().mean().transpose(), 1e-12));
}

/// By sorting all logits: 1 for the likeliest, and the token that follows in the text where none is asked
/// for.
void TestDynamicsLens::ranksAreCounted() {
    const auto model = loadModel(fixtures().front().folder);
    Progress progress;
    const std::int64_t units = model->config().dModel, vocabulary = model->config().vocabulary;
    TraceInfo info;
    info.units = units;
    info.points = {model->points().front(), model->points().back()};
    info.samples = {{"", {4, 9, 2}}};
    for (std::int32_t t = 0; t < 3; ++t)
        info.rows.push_back({0, t, info.samples[0].tokenIds[std::size_t(t)]});
    Array3F states(3, 2, units);
    for (std::size_t i = 0; i < states.data.size(); ++i) states.data[i] = std::sin(static_cast<float>(i * 7));
    TraceView view;
    view.trace = std::make_shared<MemoryTrace>(info, states);
    const MatrixF logits = model->unembed(Eigen::Map<const MatrixF>(states.data.data(), 6, units), progress);
    const auto expected = [&](Eigen::Index state, std::int32_t token) {
        std::vector<std::int32_t> order(static_cast<std::size_t>(vocabulary));
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(),
                         [&](std::int32_t a, std::int32_t b) { return logits(state, a) > logits(state, b); });
        return double(1 + (std::find(order.begin(), order.end(), token) - order.begin()));
    };
    LensOptions options;
    options.top = 1;
    const LensResult next = lens(*model, view, options, progress);
    options.rankOf = 11;
    const LensResult eleven = lens(*model, view, options, progress);
    QCOMPARE(next.rankedToken, std::int64_t{-1});
    QCOMPARE(eleven.rankedToken, std::int64_t{11});
    for (Eigen::Index n = 0; n < 3; ++n)
        for (Eigen::Index p = 0; p < 2; ++p) {
            if (n < 2)
                QCOMPARE(next.rank(n, p), expected(2 * n + p, info.samples[0].tokenIds[std::size_t(n + 1)]));
            else
                QVERIFY(std::isnan(next.rank(n, p)));
            QCOMPARE(eleven.rank(n, p), expected(2 * n + p, 11));
        }
    options.rankOf = static_cast<std::int32_t>(vocabulary);
    QVERIFY_EXCEPTION_THROWN(lens(*model, view, options, progress), Error);
}

void TestDynamicsLens::blocksAndThreadsDoNotMatter() {
    const Fixture& fixture = fixtureNamed("gpt2");
    const auto model = loadModel(fixture.folder);
    const Reference reference = readReference(fixture.reference);
    TraceView view = viewOf(reference, reference.prompts.front());
    Progress progress;
    LensOptions small;
    small.memoryBytes = 1;  // a row at a time
    small.threads = 3;
    const auto a = lens(*model, view, small, progress), b = lens(*model, view, {}, progress);
    // Products of other shapes round differently.
    QVERIFY((a.entropy - b.entropy).cwiseAbs().maxCoeff() < 1e-4);
    QVERIFY((a.klToFinal - b.klToFinal).cwiseAbs().maxCoeff() < 1e-4);
    // Whole and raw, whatever the rest of an analysis looks at.
    view.scaling = Scaling::Rms;
    view.maskedUnits = {0};
    QVERIFY(lens(*model, view, {}, progress).entropy == b.entropy);
}

void TestDynamicsLens::finalPointNeedNotBeInTheView() {
    const Fixture& fixture = fixtureNamed("gpt_neox-parallel");
    const auto model = loadModel(fixture.folder);
    const Reference reference = readReference(fixture.reference);
    const TraceView view = viewOf(reference, reference.prompts.front());
    Progress progress;
    const auto all = lens(*model, view, {}, progress);
    TraceView some = view;
    some.points = {0, 2};
    const auto two = lens(*model, some, {}, progress);
    QCOMPARE(two.klToFinal.cols(), Eigen::Index{2});
    QVERIFY((two.klToFinal.col(1) - all.klToFinal.col(2)).cwiseAbs().maxCoeff() < 1e-4);
    QVERIFY((two.entropy.col(0) - all.entropy.col(0)).cwiseAbs().maxCoeff() < 1e-4);
    // A trace that has no final point has nothing to diverge from.
    TraceInfo info = view.trace->info();
    info.points.resize(1);
    Array3F states(view.rowCount(), 1, view.unitCount());
    const MatrixF first = readViewPoint(view, 0);
    std::copy_n(first.data(), first.size(), states.data.data());
    TraceView start;
    start.trace = std::make_shared<MemoryTrace>(std::move(info), std::move(states));
    const auto alone = lens(*model, start, {}, progress);
    QVERIFY(alone.klToFinal.size() == 0 && alone.meanKlToFinal.size() == 0);
    QVERIFY((alone.entropy.col(0) - all.entropy.col(0)).cwiseAbs().maxCoeff() < 1e-4);
}

void TestDynamicsLens::rowsThatAreNotFiniteAreLeftOut() {
    const Fixture& fixture = fixtureNamed("qwen2");
    const auto model = loadModel(fixture.folder);
    const Reference reference = readReference(fixture.reference);
    const TraceView view = changed(viewOf(reference, reference.prompts.front()), 3, NAN);
    Progress progress;
    const auto result = lens(*model, view, {}, progress);
    QCOMPARE(result.excludedRows, std::int64_t{1});
    QVERIFY(std::isnan(result.entropy(3, 0)) && std::isnan(result.klToFinal(3, 1)));
    QCOMPARE(result.topIds.at(3, 1)[0], -1);
    QVERIFY(std::isnan(result.topProbabilities.at(3, 1)[0]));
    QVERIFY(result.entropy.row(2).allFinite() && result.entropy.row(4).allFinite());
    QVERIFY(result.meanEntropy.allFinite());
}

void TestDynamicsLens::stopIsHeeded() {
    const Fixture& fixture = fixtureNamed("gpt2");
    const auto model = loadModel(fixture.folder);
    const Reference reference = readReference(fixture.reference);
    std::stop_source source;
    source.request_stop();
    Progress stopped(source.get_token());
    QVERIFY_EXCEPTION_THROWN(lens(*model, viewOf(reference, reference.prompts.front()), {}, stopped),
                             Cancelled);
}

void TestDynamicsLens::whatDoesNotFitIsRefused() {
    const Fixture& fixture = fixtureNamed("gpt2");
    const auto model = loadModel(fixture.folder);
    const Reference reference = readReference(fixture.reference);
    const TraceView view = viewOf(reference, reference.prompts.front());
    Progress progress;
    QVERIFY_EXCEPTION_THROWN(model->unembed(MatrixF::Zero(2, view.unitCount() + 1), progress), Error);
    LensOptions options;
    options.top = 0;
    QVERIFY_EXCEPTION_THROWN(lens(*model, view, options, progress), Error);
    options.top = static_cast<int>(model->config().vocabulary) + 1;
    QVERIFY_EXCEPTION_THROWN(lens(*model, view, options, progress), Error);
    TraceInfo info = view.trace->info();
    info.units += 1;
    TraceView wide;
    wide.trace = std::make_shared<MemoryTrace>(info, Array3F(view.rowCount(), view.pointCount(), info.units));
    QVERIFY_EXCEPTION_THROWN(lens(*model, wide, {}, progress), Error);
}

RHEO_TEST(TestDynamicsLens)
#include "test_dynamics_lens.moc"
