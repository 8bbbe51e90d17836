// Derivatives of steps: beside central differences in float64, beside a closed form, and of the network
// itself.
#include <ATen/ATen.h>

#include <Eigen/Dense>
#include <QtTest>
#include <cmath>

#include "core/base/random.h"
#include "core/model/block_stack.h"
#include "core/model/row_step.h"
#include "reference.h"
#include "tests/refused.h"
#include "tests/test_main.h"

using namespace rheo;
using namespace rheo::test;

namespace {

/// A model taken apart: its stack, a prompt's states at every point, and the keys and values of all blocks.
struct Opened {
    std::shared_ptr<const Checkpoint> checkpoint;
    Weights weights;
    std::unique_ptr<BlockStack> stack;
    KeyValueCache cache;
    std::vector<at::Tensor> states;  ///< [point] of [token, unit]

    explicit Opened(const std::filesystem::path& folder) : checkpoint(Checkpoint::open(folder)) {
        Progress progress;
        weights = loadWeights({*checkpoint}, false, progress);
        stack = std::make_unique<BlockStack>(checkpoint->config(), weights, at::kCPU, at::kFloat);
        const std::int64_t vocabulary = checkpoint->config().vocabulary;
        std::vector<std::int64_t> ids;
        for (std::int64_t i = 0; i < tokens; ++i) ids.push_back((i * 37 + 11) % vocabulary);
        cache = stack->makeCache(tokens);
        ForwardPass pass;
        pass.lengths = {tokens};
        pass.state = stack->embed(at::tensor(ids, at::kLong), 0, pass.lengths);
        pass.store = &cache;
        pass.lastPoint = stack->pointCount() - 1;
        pass.onPoint = [&](std::int64_t, const at::Tensor& state, bool) { states.push_back(state.clone()); };
        stack->run(pass, progress);
    }

    RowStep step(std::int64_t point, std::int64_t token, bool alone) const {
        const ModelConfig& config = checkpoint->config();
        const bool parallel = config.parallelBlocks;
        const auto layer = static_cast<std::size_t>(parallel ? point : point / 2);
        RowStepTask task{config, config.blocks[layer], weights.blocks[layer]};
        task.attention = parallel || point % 2 == 0;
        task.mlp = parallel || point % 2 == 1;
        task.position = alone ? 0 : token;
        task.tokens = alone ? 1 : tokens;
        task.before = alone ? nullptr : &cache.blocks[layer];
        return RowStep(task);
    }
    at::Tensor state(std::int64_t point, std::int64_t token) const {
        return states[static_cast<std::size_t>(point)].narrow(0, token, 1).to(at::kDouble);
    }

    static constexpr std::int64_t tokens = 7;
};

at::Tensor randomRow(std::int64_t units, std::uint64_t seed) {
    RandomStream random(seed);
    at::Tensor row = at::empty({1, units}, at::kDouble);
    for (std::int64_t u = 0; u < units; ++u) row.data_ptr<double>()[u] = random.normal();
    return row / row.norm();
}

double rmsOf(const at::Tensor& x) {
    return x.square().mean().sqrt().item<double>();
}

double largest(const at::Tensor& x) {
    return x.abs().max().item<double>();
}

Eigen::MatrixXd matrixOf(const at::Tensor& tensor) {
    const at::Tensor wide = tensor.to(at::kDouble).contiguous();
    return Eigen::Map<const MatrixD>(wide.data_ptr<double>(), wide.size(0), wide.numel() / wide.size(0));
}

}  // namespace

class TestModelJacobian : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void stepsOfEveryArchitecture_data();
    void stepsOfEveryArchitecture();
    void closedForm();
    void modelGivesTheSame();
    void whatHasNone();
};

void TestModelJacobian::stepsOfEveryArchitecture_data() {
    QTest::addColumn<QString>("folder");
    for (const Fixture& fixture : fixtures())
        QTest::newRow(fixture.name.c_str()) << QString::fromStdString(fixture.folder.string());
}

void TestModelJacobian::stepsOfEveryArchitecture() {
    QFETCH(QString, folder);
    const Opened model(folder.toStdString());
    const Progress progress;
    const std::int64_t steps = std::min<std::int64_t>(4, model.stack->pointCount() - 1);
    for (std::int64_t point = 0; point < steps; ++point)
        for (const std::int64_t token : {0, 3, 6})
            for (const bool alone : {false, true}) {
                const RowStep step = model.step(point, token, alone);
                const at::Tensor x = model.state(point, token), y = step(x);
                // In context it is the network: float32 there, float64 here.
                if (!alone)
                    QVERIFY2(largest(y - model.state(point + 1, token)) <= 3e-5 * rmsOf(y),
                             qPrintable(QString("point %1 token %2").arg(point).arg(token)));
                const at::Tensor jacobian = step.jacobian(x, progress);
                // Products with vectors are those with what is formed, but for rounding of float64.
                const RowStepProducts products(step, x);
                const at::Tensor some = at::cat(
                    {randomRow(x.size(1), 10), randomRow(x.size(1), 11), randomRow(x.size(1), 12)}, 0);
                const at::Tensor forward = at::matmul(some, jacobian.t()), back = at::matmul(some, jacobian);
                QVERIFY(largest(products.times(some) - forward) <= 1e-12 * largest(forward));
                QVERIFY(largest(products.transposedTimes(some) - back) <= 1e-12 * largest(back));
                QVERIFY(largest(products.times(some.narrow(0, 1, 1)) - forward.narrow(0, 1, 1)) <=
                        1e-12 * largest(forward));
                for (std::uint64_t seed = 0; seed < 2; ++seed) {
                    // Differences of size h err by h^2 times the curvature, and by 1e-16 / h of rounding.
                    const double h = 1e-4 * rmsOf(x);
                    const at::Tensor v = randomRow(x.size(1), seed);
                    const at::Tensor difference = (step(x + h * v) - step(x - h * v)) / (2 * h);
                    const at::Tensor product = at::matmul(v, jacobian.t());
                    QVERIFY2(largest(difference - product) <= 2e-6 * largest(product),
                             qPrintable(QString("point %1 token %2 alone %3: %4 of %5")
                                            .arg(point)
                                            .arg(token)
                                            .arg(alone)
                                            .arg(largest(difference - product))
                                            .arg(largest(product))));
                }
            }
}

/// An MLP of OPT: I + W2 diag(W1 n + b > 0) W1 diag(gamma) (I - 1/D - n n'/D) / sigma, n the state after the
/// norm but for its weight.
void TestModelJacobian::closedForm() {
    const Opened model(RHEO_FIXTURES "/models/opt/model");
    const Progress progress;
    const ModelConfig& config = model.checkpoint->config();
    QVERIFY(!config.gatedMlp && config.activation == Activation::Relu && config.norm == NormKind::Layer);
    const BlockWeights& block = model.weights.blocks[0];
    const Eigen::VectorXd x = matrixOf(model.state(1, 4)).row(0).transpose();
    const auto units = static_cast<double>(x.size());
    const Eigen::VectorXd centred = x.array() - x.mean();
    const double sigma = std::sqrt(centred.squaredNorm() / units + config.normEpsilon);
    const Eigen::VectorXd n = centred / sigma;
    const Eigen::VectorXd gamma = matrixOf(block.mlpPreNorm.weight.view({-1, 1})),
                          beta = matrixOf(block.mlpPreNorm.bias.view({-1, 1})),
                          bias = matrixOf(block.mlp.gateUp.bias.view({-1, 1}));
    const Eigen::MatrixXd up = matrixOf(block.mlp.gateUp.weight), down = matrixOf(block.mlp.down.weight);
    const Eigen::VectorXd open = ((up * (n.cwiseProduct(gamma) + beta) + bias).array() > 0).cast<double>();
    const Eigen::MatrixXd eye = Eigen::MatrixXd::Identity(x.size(), x.size());
    const Eigen::MatrixXd ofNorm = (eye.array() - 1 / units).matrix() - n * n.transpose() / units;
    const Eigen::MatrixXd expected =
        eye + down * open.asDiagonal() * up * gamma.asDiagonal() * ofNorm / sigma;
    const Eigen::MatrixXd found = matrixOf(model.step(1, 4, false).jacobian(model.state(1, 4), progress));
    QVERIFY((found - expected).cwiseAbs().maxCoeff() < 1e-12 * expected.cwiseAbs().maxCoeff());
}

/// Model::stepJacobian is that of its own prompt: beside differences of its continuations in float32.
void TestModelJacobian::modelGivesTheSame() {
    const auto model = loadModel(RHEO_FIXTURES "/models/qwen2/model");
    Progress progress;
    const std::vector<std::int32_t> ids{5, 80, 33, 40, 12};
    const auto context = model->prepare(ids, progress);
    const PointIndex point{2};
    const MatrixD jacobian = model->stepJacobian(*context, point, 3, false, progress);
    const VectorF h = model->naturalState(*context, point, 3);
    const double size = 0.02 * std::sqrt(h.cast<double>().squaredNorm() / static_cast<double>(h.size()));
    RandomStream random(4);
    VectorD v(h.size());
    for (double& value : v) value = random.normal();
    MatrixF states(2, h.size());
    states.row(0) = (h.cast<double>() + size * v).cast<float>();
    states.row(1) = (h.cast<double>() - size * v).cast<float>();
    const Continuation run = model->resume(*context, point, 3, states, false, progress);
    const auto after = [&](std::size_t i) {
        return VectorD(Eigen::Map<const VectorF>(run.states[i].at(0, 1), h.size()).cast<double>());
    };
    const VectorD difference = (after(0) - after(1)) / (2 * size), product = jacobian * v;
    // The rounding of float32 over a difference of a fiftieth, and the curvature.
    QVERIFY((difference - product).norm() < 1e-3 * product.norm());
    const auto products = model->stepProducts(*context, point, 3, false);
    QCOMPARE(products->size(), h.size());
    QVERIFY((products->times(v.transpose()).transpose() - product).norm() < 1e-12 * product.norm());
    QVERIFY((products->transposedTimes(v.transpose()) - v.transpose() * jacobian).norm() <
            1e-12 * product.norm());
    const auto loneProducts = model->stepProducts(*context, point, 3, true);
    QVERIFY((loneProducts->times(v.transpose()).transpose() - product).norm() > 1e-3 * product.norm());
    // A lone token attends to itself alone: another derivative.
    const MatrixD alone = model->stepJacobian(*context, point, 3, true, progress);
    QVERIFY((alone - jacobian).norm() > 1e-3 * jacobian.norm());
    // The first token is alone as it is.
    const MatrixD first = model->stepJacobian(*context, point, 0, false, progress);
    const MatrixD lone = model->stepJacobian(*context, point, 0, true, progress);
    QVERIFY((first - lone).norm() <= 1e-12 * first.norm());
}

void TestModelJacobian::whatHasNone() {
    const auto model = loadModel(RHEO_FIXTURES "/models/qwen2/model");
    Progress progress;
    const std::vector<std::int32_t> ids{5, 80};
    const auto context = model->prepare(ids, progress);
    const PointIndex last{static_cast<std::int64_t>(model->points().size()) - 1};
    QVERIFY(refused(ErrorCode::InvalidArgument,
                    [&] { model->stepJacobian(*context, last, 0, false, progress); }));
    QVERIFY(refused(ErrorCode::InvalidArgument,
                    [&] { model->stepJacobian(*context, PointIndex{0}, 2, false, progress); }));
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] { model->stepProducts(*context, last, 0, false); }));
}

RHEO_TEST(TestModelJacobian)
#include "test_model_jacobian.moc"
