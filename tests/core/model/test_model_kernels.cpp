// The loops of the CPU path against the same thing said in tensor operations, which other devices run.
#include <ATen/ATen.h>

#include <cmath>

#include "core/base/random.h"
#include "core/model/block_stack.h"
#include "core/model/first_position.h"
#include "core/model/kernels.h"
#include "core/torch/threads.h"
#include "reference.h"
#include "tests/test_main.h"

using namespace rheo;
using namespace rheo::test;

namespace {

at::Tensor normal(at::IntArrayRef shape, std::uint64_t seed) {
    RandomStream random(seed);
    at::Tensor tensor = at::empty(shape, at::kFloat);
    for (std::int64_t i = 0; i < tensor.numel(); ++i)
        tensor.data_ptr<float>()[i] = static_cast<float>(random.normal());
    return tensor;
}

/// Largest difference over the RMS of `expected`.
double error(const at::Tensor& found, const at::Tensor& expected) {
    const at::Tensor a = found.to(at::kFloat).contiguous();
    const at::Tensor b = expected.to(at::kFloat).contiguous();
    if (a.sizes() != b.sizes()) return INFINITY;
    return relativeError(a.data_ptr<float>(), b.data_ptr<float>(), a.numel());
}

}  // namespace

class TestModelKernels : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void norms();
    void products();
    void longSums();
    void firstPosition_data();
    void firstPosition();
    void rotation();
    void frequenciesOfTheWholeLength();
    void attention_data();
    void attention();
    void wholeModelByTensorOperations_data();
    void wholeModelByTensorOperations();
};

void TestModelKernels::norms() {
    // Sums of up to 4,096 terms in float32: near 1e-7 in vector lanes, and up to 3e-6 where the compiler was
    // not asked to optimise and adds one term after the other.
    constexpr double tolerance = 3e-6;
    for (const std::int64_t n : {1, 7, 48, 129, 4096}) {
        const at::Tensor x = normal({1, n}, 1) * 3 + 0.5;
        const at::Tensor weight = normal({n}, 2);
        const at::Tensor bias = normal({n}, 3);
        at::Tensor found = at::empty({1, n});
        kernels::rmsNormRow(x.data_ptr<float>(), weight.data_ptr<float>(), 1e-5F, n, found.data_ptr<float>());
        const at::Tensor wide = x.to(at::kDouble);
        QVERIFY(error(found, wide * at::rsqrt(wide.square().mean(-1, true) + 1e-5) * weight) < tolerance);
        if (n == 1) continue;
        kernels::layerNormRow(x.data_ptr<float>(), weight.data_ptr<float>(), bias.data_ptr<float>(), 1e-5F, n,
                              found.data_ptr<float>());
        QVERIFY(error(found, at::layer_norm(wide, {n}, weight.to(at::kDouble), bias.to(at::kDouble), 1e-5)) <
                tolerance);
        QVERIFY(error(normTensors(x, {weight, bias}, NormKind::Layer, 1e-5), found) < tolerance);
        kernels::rmsNormRow(x.data_ptr<float>(), weight.data_ptr<float>(), 1e-5F, n, found.data_ptr<float>());
        QVERIFY(error(normTensors(x, {weight, {}}, NormKind::Rms, 1e-5), found) < tolerance);
    }
}

void TestModelKernels::products() {
    for (const auto& [m, n, k] : {std::array{1, 1, 1}, {3, 5, 7}, {1, 130, 33}, {40, 17, 64}}) {
        const at::Tensor a = normal({m, k}, 1);
        const at::Tensor b = normal({k, n}, 2);
        const at::Tensor start = normal({m, n}, 3);
        const at::Tensor expected = at::mm(a.to(at::kDouble), b.to(at::kDouble));
        for (const bool transposed : {false, true})
            for (const bool add : {false, true}) {
                at::Tensor c = start.clone();
                const at::Tensor right = transposed ? b.t().contiguous() : b;
                kernels::product(transposed, m, n, k, a.data_ptr<float>(), k, right.data_ptr<float>(),
                                 transposed ? k : n, add, c.data_ptr<float>(), n);
                QVERIFY(error(c, add ? expected + start : expected) < 5e-6);
            }
        const at::Tensor weights = b.t().contiguous();
        const at::Tensor bias = normal({n}, 5);
        const at::Tensor x = a.select(0, 0).contiguous();
        at::Tensor y = at::empty({n});
        kernels::matrixVector(weights.data_ptr<float>(), x.data_ptr<float>(), bias.data_ptr<float>(), n, k,
                              y.data_ptr<float>());
        QVERIFY(error(y, expected.select(0, 0) + bias) < 5e-6);
        const at::Tensor halved = weights.to(at::kBFloat16);
        kernels::matrixVector(reinterpret_cast<const std::uint16_t*>(halved.data_ptr<at::BFloat16>()),
                              x.data_ptr<float>(), nullptr, n, k, y.data_ptr<float>());
        QVERIFY(error(y, at::mv(halved.to(at::kDouble), x.to(at::kDouble))) < 5e-6);
    }
}

// RMS errors of sums of 8,192 terms over their RMS. Measured with AVX-512: 2.2e-7 and 8e-8, and where a sum
// is taken in one go 3.7e-7 and 4.5e-7.
void TestModelKernels::longSums() {
    constexpr std::int64_t k = 8192;
    const at::Tensor a = normal({40, k}, 1);
    const at::Tensor b = normal({64, k}, 2);
    const at::Tensor expected = at::mm(a.to(at::kDouble), b.to(at::kDouble).t());
    const auto relative = [](const at::Tensor& found, const at::Tensor& wanted) {
        return ((found.to(at::kDouble) - wanted).norm() / wanted.norm()).item<double>();
    };
    at::Tensor c = at::empty({40, 64});
    kernels::product(true, 40, 64, k, a.data_ptr<float>(), k, b.data_ptr<float>(), k, false,
                     c.data_ptr<float>(), 64);
    qInfo("product %.2g", relative(c, expected));
    QVERIFY(relative(c, expected) < 3e-7);
    at::Tensor y = at::empty({64});
    kernels::matrixVector(b.data_ptr<float>(), a.data_ptr<float>(), nullptr, 64, k, y.data_ptr<float>());
    qInfo("matrix times vector %.2g", relative(y, expected.select(0, 0)));
    QVERIFY(relative(y, expected.select(0, 0)) < 2.5e-7);
    const at::Tensor wide = a.to(at::kDouble);
    at::Tensor exact = at::empty({40, 64}, at::kDouble);
    kernels::productInDouble(40, 64, k, wide.data_ptr<double>(), b.data_ptr<float>(),
                             exact.data_ptr<double>(), 64);
    QVERIFY(relative(exact, expected) < 1e-14);
}

void TestModelKernels::firstPosition_data() {
    QTest::addColumn<bool>("parallel");
    QTest::newRow("sequential") << false;
    QTest::newRow("parallel") << true;
}

// Four sequences, of which the first and the third begin alike. Each write is the nearest float32 to that of
// float64, also where 10,000 in one unit are written and taken away again. The formulas are those of
// ModelConfig.
void TestModelKernels::firstPosition() {
    QFETCH(bool, parallel);
    constexpr std::int64_t units = 48;
    ModelConfig config;
    config.dModel = units;
    config.heads = 6;
    config.kvHeads = 2;
    config.headDim = 8;
    config.intermediate = 150;
    config.parallelBlocks = parallel;
    BlockWeights block;
    block.attnPreNorm.weight = normal({units}, 1);
    block.mlpPreNorm.weight = normal({units}, 2);
    block.mlpPostNorm.weight = normal({units}, 3);
    block.qkv = {normal({(6 + 2 * 2) * 8, units}, 4), normal({(6 + 2 * 2) * 8}, 5)};
    block.attnOut.weight = normal({units, units}, 6);
    block.attnOut.weight[7] *= 10000;
    block.mlp.gateUp.weight = normal({300, units}, 7);
    block.mlp.down.weight = normal({units, 150}, 8);

    const std::vector<std::int64_t> lengths{3, 1, 2, 1};
    const std::vector<std::int64_t> firsts{0, 3, 4, 6};
    at::Tensor state = normal({7, units}, 9);
    state[4].copy_(state[0]);
    FirstPosition first(config, state, lengths);

    const auto norm = [](const at::Tensor& x, const at::Tensor& weight) {
        return x * at::rsqrt(x.square().mean(-1, true) + 1e-6) * weight.to(at::kDouble);
    };
    const auto attention = [&](const at::Tensor& x) {
        const at::Tensor v =
            at::mv(block.qkv.weight.narrow(0, 64, 16).to(at::kDouble), norm(x, block.attnPreNorm.weight)) +
            block.qkv.bias.narrow(0, 64, 16).to(at::kDouble);
        std::vector<at::Tensor> heads;
        for (int head = 0; head < 6; ++head) heads.push_back(v.narrow(0, head / 3 * 8, 8));
        return at::mv(block.attnOut.weight.to(at::kDouble), at::cat(heads));
    };
    const auto mlp = [&](const at::Tensor& x) {
        const at::Tensor wide =
            at::mv(block.mlp.gateUp.weight.to(at::kDouble), norm(x, block.mlpPreNorm.weight));
        const at::Tensor gate = wide.narrow(0, 0, 150);
        return norm(at::mv(block.mlp.down.weight.to(at::kDouble),
                           gate / (1 + at::exp(-gate)) * wide.narrow(0, 150, 150)),
                    block.mlpPostNorm.weight);
    };
    for (int step = 0; step < 3; ++step) {
        const bool attends = parallel || step % 2 == 0;
        const bool feeds = parallel || step % 2 == 1;
        at::Tensor all = at::zeros({7, units});
        at::Tensor some = at::zeros({3, units});
        FirstPosition copy = first;
        copy.step(block, attends, feeds, {1, 4, 6}, some);
        first.step(block, attends, feeds, {}, all);
        QVERIFY(some[0].abs().max().item<float>() == 0);  // row 1 is at position 1
        QVERIFY(at::equal(some[1], all[4]) && at::equal(some[2], all[6]) && at::equal(all[4], all[0]));
        for (const std::int64_t row : firsts) {
            const at::Tensor x = state[row].to(at::kDouble);
            at::Tensor expected = at::zeros({units}, at::kDouble);
            if (attends) expected += attention(x);
            if (feeds) expected += mlp(x);
            // Half a unit in the last place, and what float64 leaves open.
            const double error =
                ((all[row].to(at::kDouble) - expected).abs() / expected.abs()).max().item<double>();
            QVERIFY2(error < 6.1e-8, qPrintable(QString::number(error)));
        }
        QVERIFY(all[2].abs().max().item<float>() == 0);  // others are left alone
        state += all;
        if (step == 1) block.attnOut.weight *= -1;
    }
}

// Rotating by an angle and then by its negative gives the vector back, and keeps its length between.
void TestModelKernels::rotation() {
    RopeConfig rope;
    const RotaryTable whole = rotaryTable(rope, 16, 5, {4, 2});
    QCOMPARE(whole.half, std::int64_t{8});
    QCOMPARE(whole.sets.size(), std::size_t{1});  // both sequences use it
    const RotaryTable::Angles& table = whole.sets[0];
    QCOMPARE(table.cosine.size(), std::size_t{32});
    QVERIFY(std::abs(table.cosine[0] - std::cos(5.0F)) < 1e-6F);
    QVERIFY(std::abs(table.sine[8 + 1] - std::sin(6.0F / std::pow(10000.0F, 2.0F / 16))) < 1e-6F);
    const at::Tensor x = normal({16}, 4);
    at::Tensor y = x.clone();
    kernels::rotateHead(y.data_ptr<float>(), table.cosine.data() + 16, table.sine.data() + 16, 8);
    QVERIFY(error(y, x) > 0.1);
    QVERIFY(std::abs(y.norm().item<float>() - x.norm().item<float>()) < 1e-5F);
    std::vector<float> back(table.sine.begin() + 16, table.sine.begin() + 24);
    for (float& value : back) value = -value;
    kernels::rotateHead(y.data_ptr<float>(), table.cosine.data() + 16, back.data(), 8);
    QVERIFY(error(y, x) < 1e-6);
}

// Sequences of one packing use the frequencies of their own whole lengths.
void TestModelKernels::frequenciesOfTheWholeLength() {
    RopeConfig rope;
    rope.kind = RopeKind::Dynamic;
    rope.factor = 2;
    rope.originalMaxPositions = 10;
    const RotaryTable table = rotaryTable(rope, 16, 5, {3, 8, 5, 20, 8});
    QVERIFY(table.setOf == (std::vector<std::size_t>{0, 1, 0, 2, 1}));
    QVERIFY(table.sets[0].cosine == rotaryTable(RopeConfig{}, 16, 5, {5}).sets[0].cosine);
    // 13 tokens: theta * (2 * 13 / 10 - 1) ^ (16 / 14)
    rope.kind = RopeKind::Default;
    rope.theta = 10000 * std::pow(1.6, 16.0 / 14);
    const auto expected = rotaryTable(rope, 16, 5, {8}).sets[0];
    for (std::size_t i = 0; i < expected.cosine.size(); ++i)
        QVERIFY(std::abs(table.sets[1].cosine[i] - expected.cosine[i]) < 1e-5F);
}

void TestModelKernels::attention_data() {
    QTest::addColumn<int>("before");
    QTest::addColumn<int>("tokens");
    QTest::addColumn<int>("window");
    QTest::addColumn<double>("softcap");
    QTest::newRow("one token alone") << 0 << 1 << 0 << 0.0;
    QTest::newRow("a prompt") << 0 << 45 << 0 << 0.0;
    QTest::newRow("a prompt in a window") << 0 << 45 << 7 << 0.0;
    QTest::newRow("a window wider than all") << 3 << 5 << 100 << 0.0;
    QTest::newRow("one token after others") << 33 << 1 << 0 << 0.0;
    QTest::newRow("some after others") << 33 << 6 << 0 << 0.0;
    QTest::newRow("some after others in a window") << 33 << 20 << 9 << 0.0;
    QTest::newRow("one in a window of one") << 33 << 1 << 1 << 0.0;
    QTest::newRow("softcapped") << 10 << 8 << 0 << 2.0;
}

void TestModelKernels::attention() {
    QFETCH(int, before);
    QFETCH(int, tokens);
    QFETCH(int, window);
    QFETCH(double, softcap);
    constexpr std::int64_t width = 24;
    const int keys = before + tokens;
    const at::Tensor q = normal({tokens, width}, 1) * 2;
    const at::Tensor k = normal({keys, width}, 2);
    const at::Tensor v = normal({keys, width}, 3);
    std::vector<std::int64_t> positions;
    for (int i = 0; i < tokens; ++i) positions.push_back(before + i);

    kernels::HeadTask task;
    task.queries = q.data_ptr<float>();
    task.queryStride = width;
    task.positions = positions.data();
    task.count = tokens;
    task.before = {k.data_ptr<float>(), v.data_ptr<float>(), width, 0, before};
    task.own = {k.data_ptr<float>() + before * width, v.data_ptr<float>() + before * width, width, before,
                tokens};
    task.width = width;
    task.scale = 0.3F;
    task.softcap = static_cast<float>(softcap);
    task.window = window;
    at::Tensor found = at::empty({tokens, width});
    task.out = found.data_ptr<float>();
    task.outStride = width;
    std::vector<float> scratch(static_cast<std::size_t>(kernels::scratchOf(tokens, keys)));
    kernels::attendHead(task, scratch.data());
    // Wherever the scratch lies, the bits are the same.
    const at::Tensor again = at::empty_like(found);
    task.out = again.data_ptr<float>();
    scratch.resize(scratch.size() + 16);
    for (int shift = 0; shift < 16; ++shift) {
        kernels::attendHead(task, scratch.data() + shift);
        QVERIFY2(at::equal(found, again), qPrintable(QString::number(shift)));
    }

    at::Tensor scores = at::mm(q.to(at::kDouble), k.to(at::kDouble).t()) * 0.3;
    if (softcap > 0) scores = at::tanh(scores / softcap) * softcap;
    for (int i = 0; i < tokens; ++i)
        for (int j = 0; j < keys; ++j)
            if (j > before + i || (window > 0 && before + i - j >= window)) scores[i][j] = -INFINITY;
    QVERIFY(error(found, at::mm(at::softmax(scores, 1), v.to(at::kDouble))) < 3e-6);
}

void TestModelKernels::wholeModelByTensorOperations_data() {
    QTest::addColumn<int>("index");
    const auto list = fixtures();
    for (std::size_t i = 0; i < list.size(); ++i) QTest::newRow(list[i].name.c_str()) << static_cast<int>(i);
}

// What runs on an accelerator, here on the CPU: against the reference, at the reference's tolerance.
void TestModelKernels::wholeModelByTensorOperations() {
    QFETCH(int, index);
    const Fixture fixture = fixtures()[static_cast<std::size_t>(index)];
    const c10::InferenceMode inference;
    const ThreadScope threads(2);
    Progress progress;
    const auto checkpoint = Checkpoint::open(fixture.folder);
    const BlockStack stack(checkpoint->config(), loadWeights({*checkpoint}, false, progress), at::kCPU,
                           at::kFloat, KernelChoice::TensorOperations);
    const Reference reference = readReference(fixture.reference);
    double worst = 0;
    for (const ReferencePrompt& prompt : reference.prompts) {
        const auto tokens = static_cast<std::int64_t>(prompt.ids.size());
        const std::vector<std::int64_t> ids(prompt.ids.begin(), prompt.ids.end());
        KeyValueCache cache = stack.makeCache(tokens);
        const auto compare = [&](ForwardPass pass, std::int64_t first) {
            pass.lastPoint = stack.pointCount() - 1;
            pass.onPoint = [&](std::int64_t point, const at::Tensor& state, bool) {
                worst = std::max(worst, relativeError(state.data_ptr<float>(), prompt.states.at(point, first),
                                                      state.numel()));
            };
            stack.run(pass, progress);
        };
        ForwardPass whole;
        whole.lengths = {tokens};
        whole.state = stack.embed(at::tensor(ids, at::kLong), 0, whole.lengths);
        whole.store = &cache;
        compare(whole, 0);
        if (tokens < 3) continue;
        // The last two tokens again, after the others.
        ForwardPass rest;
        rest.start = tokens - 2;
        rest.lengths = {2};
        rest.state = whole.state.narrow(0, tokens - 2, 2);
        rest.before = &cache;
        compare(rest, tokens - 2);

        at::Tensor logits = at::empty({prompt.logits.rows(), prompt.logits.cols()});
        ForwardPass last = whole;
        last.lastPoint = stack.pointCount() - 1;
        for (std::int64_t i = tokens - prompt.logits.rows(); i < tokens; ++i) last.wanted.push_back(i);
        stack.unembed(stack.run(last, progress), logits.data_ptr<float>(), progress);
        worst = std::max(worst,
                         relativeError(logits.data_ptr<float>(), prompt.logits.data(), prompt.logits.size()));
    }
    qInfo("largest error %.2g", worst);
    QVERIFY(worst < 3e-5);
}

RHEO_TEST(TestModelKernels)
#include "test_model_kernels.moc"
