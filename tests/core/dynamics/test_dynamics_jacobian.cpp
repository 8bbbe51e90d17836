// Spectra, exponents and leading directions: closed forms, and of the demo model beside its own
// continuations.
#include <Eigen/Dense>
#include <QtTest>
#include <cmath>
#include <numeric>
#include <stop_token>
#include <utility>

#include "core/base/random.h"
#include "core/dynamics/jacobian.h"
#include "core/dynamics/teleport.h"
#include "reference.h"
#include "tests/refused.h"
#include "tests/test_main.h"

using namespace rheo;
using namespace rheo::test;

namespace {

const Progress silent;

MatrixD matrixOf(std::initializer_list<std::initializer_list<double>> rows) {
    MatrixD matrix(static_cast<Eigen::Index>(rows.size()), static_cast<Eigen::Index>(rows.begin()->size()));
    Eigen::Index i = 0;
    for (const auto& row : rows) {
        Eigen::Index j = 0;
        for (const double value : row) matrix(i, j++) = value;
        ++i;
    }
    return matrix;
}

MatrixD randomMatrix(Eigen::Index n, std::uint64_t seed) {
    RandomStream random(seed);
    MatrixD matrix(n, n);
    for (Eigen::Index i = 0; i < matrix.size(); ++i) matrix.data()[i] = random.normal();
    return matrix;
}

/// A matrix that is only multiplied by.
class Formed : public LinearMap {
public:
    explicit Formed(MatrixD matrix) : m_matrix(std::move(matrix)) {}
    Eigen::Index size() const override { return m_matrix.rows(); }
    MatrixD times(const MatrixD& vectors) const override { return vectors * m_matrix.transpose(); }
    MatrixD transposedTimes(const MatrixD& vectors) const override { return vectors * m_matrix; }

private:
    MatrixD m_matrix;
};

bool near(double a, double b, double tolerance) {
    return std::abs(a - b) <= tolerance;
}

TraceView traceOf(const std::vector<std::vector<std::int32_t>>& prompts) {
    TraceInfo info;
    info.points = residualPoints(1, false);
    info.units = 128;
    for (const auto& ids : prompts) {
        info.rows.push_back({static_cast<std::int32_t>(info.samples.size()),
                             static_cast<std::int32_t>(ids.size()) - 1, ids.back()});
        info.samples.push_back({"", ids});
    }
    TraceView view;
    const auto rows = static_cast<std::int64_t>(prompts.size());
    view.trace = std::make_shared<MemoryTrace>(std::move(info), Array3F(rows, 3, 128));
    return view;
}

}  // namespace

class TestDynamicsJacobian : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void rotation();
    void nilpotent();
    void ranks();
    void identitiesOfARandomMatrix();
    void largeMatrixGivesItsLargest();
    void exponents();
    void leadingOfAProduct();
    void allStepsBesideContinuations();
    void rowsOfATrace();
    void largestByProductsOfANonNormalMatrix();
    void rowsByProducts();
    void whatCannotBe();
};

void TestDynamicsJacobian::rotation() {
    const double angle = 0.4, size = 3;
    const MatrixSpectrum found = matrixSpectrum(matrixOf({{size * std::cos(angle), -size * std::sin(angle)},
                                                          {size * std::sin(angle), size * std::cos(angle)}}),
                                                2, silent);
    QVERIFY(near(found.singularValues[0], 3, 1e-12) && near(found.singularValues[1], 3, 1e-12));
    QVERIFY(near(found.eigenvalues(0, 0), 3 * std::cos(angle), 1e-12));
    QVERIFY(near(found.eigenvalues(0, 1), 3 * std::sin(angle), 1e-12));
    QVERIFY(near(found.eigenvalues(1, 1), -3 * std::sin(angle), 1e-12));
    QVERIFY(near(found.henrici, 0, 1e-7) && found.complexShare == 1);
    QVERIFY(near(found.symmetricShare, std::cos(angle) * std::cos(angle), 1e-12));
    QVERIFY(near(found.effectiveRank, 2, 1e-12));
}

/// Nothing of it is in its eigenvalues, which are 0.
void TestDynamicsJacobian::nilpotent() {
    const MatrixSpectrum found = matrixSpectrum(matrixOf({{0, 5}, {0, 0}}), 2, silent);
    QVERIFY(near(found.henrici, 1, 1e-12) && near(found.symmetricShare, 0.5, 1e-12));
    QVERIFY(near(found.singularValues[0], 5, 1e-12) && near(found.singularValues[1], 0, 1e-12));
    QVERIFY(found.complexShare == 0 && near(found.effectiveRank, 1, 1e-12));
    QVERIFY(near(matrixSpectrum(matrixOf({{0, 2}, {-2, 0}}), 2, silent).symmetricShare, 0, 1e-12));
}

void TestDynamicsJacobian::ranks() {
    const MatrixSpectrum found = matrixSpectrum(matrixOf({{2, 0, 0}, {0, 2, 0}, {0, 0, 0}}), 3, silent);
    QVERIFY(near(found.effectiveRank, 2, 1e-12) && near(found.henrici, 0, 1e-12));
    // exp of the entropy of 3/4 and 1/4.
    const double expected = std::exp(-(0.75 * std::log(0.75) + 0.25 * std::log(0.25)));
    QVERIFY(near(matrixSpectrum(matrixOf({{3, 0}, {0, -1}}), 2, silent).effectiveRank, expected, 1e-12));
}

void TestDynamicsJacobian::identitiesOfARandomMatrix() {
    const MatrixD a = randomMatrix(40, 3);
    const MatrixSpectrum found = matrixSpectrum(a, 40, silent);
    QVERIFY(near(found.eigenvalues.col(0).sum(), a.trace(), 1e-9));
    QVERIFY(near(found.eigenvalues.col(1).sum(), 0, 1e-9));
    QVERIFY(near(found.singularValues.squaredNorm(), a.squaredNorm(), 1e-8));
    const double logDeterminant = Eigen::MatrixXd(a).householderQr().logAbsDeterminant();
    QVERIFY(near(found.singularValues.array().log().sum(), logDeterminant, 1e-9));
    QVERIFY(near(found.eigenvalues.rowwise().norm().array().log().sum(), logDeterminant, 1e-9));
    // The Schur form: the strictly upper part is what Henrici's departure is the norm of.
    const Eigen::MatrixXcd t = Eigen::ComplexSchur<Eigen::MatrixXd>(a, false).matrixT();
    const Eigen::MatrixXcd upper = t.triangularView<Eigen::StrictlyUpper>();
    QVERIFY(near(found.henrici, upper.norm() / a.norm(), 1e-9));
}

/// Known blocks: rotations of two sizes, one shear, and a tail of smaller numbers.
void TestDynamicsJacobian::largeMatrixGivesItsLargest() {
    constexpr Eigen::Index n = 1030;
    MatrixD a = MatrixD::Zero(n, n);
    a.diagonal().setLinSpaced(n, 2, 0.5);
    const auto rotate = [&](Eigen::Index at, double size) {
        a(at, at) = a(at + 1, at + 1) = size * 0.6;
        a(at, at + 1) = -size * 0.8;
        a(at + 1, at) = size * 0.8;
    };
    rotate(10, 9);
    rotate(700, 6);
    a(3, 3) = 12;
    const MatrixSpectrum found = matrixSpectrum(a, 5, silent);
    const double expected[] = {12, 9, 9, 6, 6};
    QCOMPARE(found.singularValues.size(), 5);
    QCOMPARE(found.eigenvalues.rows(), 5);
    for (int i = 0; i < 5; ++i) {
        QVERIFY(near(found.singularValues[i], expected[i], 1e-8));
        QVERIFY(near(found.eigenvalues.row(i).norm(), expected[i], 1e-8));
    }
    QVERIFY(near(found.eigenvalues(0, 1), 0, 1e-8));
    QVERIFY(near(std::abs(found.eigenvalues(1, 1)), 7.2, 1e-8));
    QVERIFY(std::isnan(found.henrici) && std::isnan(found.effectiveRank));
    QVERIFY(found.symmetricShare > 0.5 && found.symmetricShare < 1);
}

void TestDynamicsJacobian::exponents() {
    const MatrixD first = matrixOf({{2, 0}, {0, 0.5}}), second = matrixOf({{8, 0}, {0, 0.25}});
    const VectorD found = lyapunovExponents({first, second}, 2, silent);
    QVERIFY(near(found[0], std::log(16) / 2, 1e-12) && near(found[1], std::log(0.125) / 2, 1e-12));
    // They sum to the mean of ln |det|, whatever the factors.
    const std::vector<MatrixD> factors{randomMatrix(12, 1), randomMatrix(12, 2), randomMatrix(12, 3)};
    double mean = 0;
    for (const MatrixD& factor : factors)
        mean += Eigen::MatrixXd(factor).householderQr().logAbsDeterminant() / 3;
    QVERIFY(near(lyapunovExponents(factors, 12, silent).sum(), mean, 1e-9));
    // Many times the same: the logarithms of its eigenvalues' magnitudes.
    const MatrixD shear = matrixOf({{3, 7}, {0, 0.5}});
    const VectorD powers = lyapunovExponents(std::vector<MatrixD>(400, shear), 2, silent);
    QVERIFY(near(powers[0], std::log(3), 0.01) && near(powers[1], std::log(0.5), 0.01));
    QCOMPARE(lyapunovExponents(factors, 3, silent).size(), 3);
}

void TestDynamicsJacobian::leadingOfAProduct() {
    const std::vector<MatrixD> factors{randomMatrix(30, 4), randomMatrix(30, 5)};
    const SingularVectors found = leadingDirections(factors, 3, silent);
    const Eigen::JacobiSVD<Eigen::MatrixXd> svd(factors[1] * factors[0], Eigen::ComputeFullV);
    for (int i = 0; i < 3; ++i) {
        QVERIFY(near(found.gains[i], svd.singularValues()[i], 1e-8 * found.gains[0]));
        QVERIFY(near(std::abs(found.vectors.row(i).dot(svd.matrixV().col(i))), 1, 1e-8));
        Eigen::Index at = 0;
        found.vectors.row(i).cwiseAbs().maxCoeff(&at);
        QVERIFY(found.vectors(i, at) > 0);
    }
}

/// The product of all remaining steps, beside differences of continuations to the end in float32.
void TestDynamicsJacobian::allStepsBesideContinuations() {
    const auto model = loadModel(RHEO_RESOURCES "/demo-model");
    Progress progress;
    const std::vector<std::int32_t> ids{5, 80, 33, 400, 12};
    const auto context = model->prepare(ids, progress);
    const auto last = static_cast<std::int64_t>(model->points().size()) - 1;
    const PointIndex point{last - 9};
    const auto factors = stepJacobians(*model, *context, point, 4, false, progress);
    QCOMPARE(factors.size(), std::size_t{9});
    const SingularVectors leading = leadingDirections(factors, 2, silent);
    const VectorF h = model->naturalState(*context, point, 4);
    const double size = 0.01 * h.cast<double>().norm();
    for (int i = 0; i < 2; ++i) {
        MatrixF states(2, h.size());
        for (int side = 0; side < 2; ++side)
            states.row(side) =
                (h.cast<double>() + (side == 0 ? size : -size) * leading.vectors.row(i).transpose())
                    .cast<float>();
        const Continuation run = model->resume(*context, point, 4, states, false, progress);
        const auto end = [&](std::size_t side) {
            return VectorD(Eigen::Map<const VectorF>(run.states[side].at(0, 9), h.size()).cast<double>());
        };
        const double gain = (end(0) - end(1)).norm() / (2 * size);
        QVERIFY2(near(gain, leading.gains[i], 5e-3 * gain), qPrintable(QString::number(gain)));
    }
}

void TestDynamicsJacobian::rowsOfATrace() {
    const auto model = loadModel(RHEO_FIXTURES "/models/qwen2/model");
    ModelOptions options;
    options.untrainedSeed = 3;
    Progress progress;
    const auto untrained =
        Model::load(Checkpoint::open(RHEO_FIXTURES "/models/qwen2/model"), options, progress);
    const std::vector<std::vector<std::int32_t>> prompts{{5, 80, 33}, {7, 7}, {9, 1, 2, 3}, {4}};
    const TraceView view = traceOf(prompts);
    const JacobianResult found = jacobians(*model, view, {.rows = 2}, untrained.get(), progress);
    QCOMPARE(found.rows, (std::vector<std::int64_t>{1, 3}));
    const auto context = model->prepare(prompts[1], progress);
    const auto factors = stepJacobians(*model, *context, PointIndex{0}, 1, false, progress);
    const auto steps = static_cast<Eigen::Index>(factors.size());
    QCOMPARE(found.steps(), steps);
    Eigen::MatrixXd product = factors[0];
    for (std::size_t s = 0; s < factors.size(); ++s) {
        const auto at = static_cast<Eigen::Index>(s);
        const MatrixSpectrum one = matrixSpectrum(factors[s], 1, silent);
        QVERIFY(near(found.henrici(0, at), one.henrici, 1e-12));
        QVERIFY(near(found.singularValues.at(0, at)[0], one.singularValues[0], 1e-12));
        QVERIFY(near(found.eigenvalueReal.at(0, at)[0], one.eigenvalues(0, 0), 1e-12));
        if (s > 0) product = (factors[s] * product).eval();
    }
    const VectorD whole = Eigen::JacobiSVD<Eigen::MatrixXd>(product).singularValues();
    for (Eigen::Index i = 0; i < 5; ++i)
        QVERIFY(near(found.remainingSingularValues.at(0, 0)[i], whole[i], 1e-9 * whole[0]));
    QVERIFY(near(found.cumulativeEffectiveRank(0, steps - 1), found.remainingEffectiveRank(0, 0), 1e-6));
    QVERIFY(near(found.remainingEffectiveRank(0, steps - 1), found.effectiveRank(0, steps - 1), 1e-9));
    QVERIFY(near(found.cumulativeEffectiveRank(0, 0), found.effectiveRank(0, 0), 1e-9));
    QCOMPARE(found.untrainedHenrici.size(), steps);
    QVERIFY((found.untrainedHenrici - found.henrici.colwise().mean().transpose()).norm() > 1e-6);
    // A prompt of one token is alone as it is.
    const JacobianResult alone = jacobians(*model, view, {.rows = 2, .alone = true}, nullptr, progress);
    QVERIFY((alone.henrici.row(1) - found.henrici.row(1)).norm() < 1e-9);
    QVERIFY((alone.henrici.row(0) - found.henrici.row(0)).norm() > 1e-6);
    QVERIFY(alone.untrainedHenrici.size() == 0);
}

/// Triangular, so that its eigenvalues are known: its diagonal.
void TestDynamicsJacobian::largestByProductsOfANonNormalMatrix() {
    constexpr Eigen::Index n = 80;
    MatrixD a = randomMatrix(n, 7).triangularView<Eigen::StrictlyUpper>();
    a *= 0.3;
    a.diagonal().setLinSpaced(n, 8, -2);
    const MatrixSpectrum all = matrixSpectrum(a, n, silent);
    QVERIFY(all.henrici > 0.4);
    const MatrixSpectrum found = largestOfSpectrum(Formed(a), 6, silent);
    for (Eigen::Index i = 0; i < 6; ++i) {
        QVERIFY(near(found.singularValues[i], all.singularValues[i], 1e-9 * all.singularValues[0]));
        // An eigenvalue of a matrix far from normal moves by many times what the matrix is changed by.
        QVERIFY(near(found.eigenvalues(i, 0), a(i, i), 1e-6) && near(found.eigenvalues(i, 1), 0, 1e-6));
    }
    QVERIFY(std::isnan(found.henrici) && std::isnan(found.effectiveRank));
    // 64 probes: the estimate's own deviation is 0.02 here.
    QVERIFY2(near(found.symmetricShare, all.symmetricShare, 0.06),
             qPrintable(QString("%1 of %2").arg(found.symmetricShare).arg(all.symmetricShare)));
    QVERIFY(refused(ErrorCode::InvalidArgument,
                    [] { largestOfSpectrum(Formed(MatrixD::Identity(3, 3)), 1, silent); }));
    std::stop_source stop;
    stop.request_stop();
    const Progress stopped(stop.get_token());
    QVERIFY_EXCEPTION_THROWN(largestOfSpectrum(Formed(a), 6, stopped), Cancelled);
}

/// What is computed without forming a derivative, on a network narrow enough to form all of them.
void TestDynamicsJacobian::rowsByProducts() {
    const auto model = loadModel(RHEO_FIXTURES "/models/qwen2/model");
    Progress progress;
    const std::vector<std::vector<std::int32_t>> prompts{{5, 80, 33}, {9, 1, 2, 3}};
    const TraceView view = traceOf(prompts);
    constexpr Eigen::Index values = 10;
    const JacobianResult whole = jacobians(*model, view, {.rows = 2}, nullptr, progress);
    const JacobianResult found =
        jacobians(*model, view, {.rows = 2, .values = values, .mostWhole = 8}, nullptr, progress);
    QCOMPARE(found.steps(), whole.steps());
    QCOMPARE(found.singularValues.n2, std::int64_t{values});
    QVERIFY(whole.henrici.maxCoeff() > 0.2);  // a step that is far from normal is among them
    for (Eigen::Index row = 0; row < 2; ++row)
        for (Eigen::Index s = 0; s < found.steps(); ++s) {
            const double scale = whole.singularValues.at(row, s)[0];
            for (Eigen::Index i = 0; i < values; ++i) {
                QVERIFY(near(found.singularValues.at(row, s)[i], whole.singularValues.at(row, s)[i],
                             1e-8 * scale));
                QVERIFY(near(found.remainingSingularValues.at(row, s)[i],
                             whole.remainingSingularValues.at(row, s)[i],
                             1e-8 * whole.remainingSingularValues.at(row, s)[0]));
                // Of a pair the last may stand alone, and which of the two is first is by rounding.
                const auto size = [&](const JacobianResult& of) {
                    return std::hypot(of.eigenvalueReal.at(row, s)[i], of.eigenvalueImaginary.at(row, s)[i]);
                };
                QVERIFY(near(size(found), size(whole), 1e-7 * scale));
                QVERIFY(near(found.eigenvalueReal.at(row, s)[i], whole.eigenvalueReal.at(row, s)[i],
                             1e-7 * scale));
                QVERIFY(near(std::abs(found.eigenvalueImaginary.at(row, s)[i]),
                             std::abs(whole.eigenvalueImaginary.at(row, s)[i]), 1e-7 * scale));
            }
            QVERIFY(near(found.symmetricShare(row, s), whole.symmetricShare(row, s), 0.05));
            QVERIFY(std::isnan(found.henrici(row, s)) && std::isnan(found.remainingEffectiveRank(row, s)));
        }
    const auto context = model->prepare(prompts[1], progress);
    const auto factors = stepJacobians(*model, *context, PointIndex{0}, 3, false, progress);
    QVERIFY((found.lyapunov.row(1).transpose() - lyapunovExponents(factors, values, silent)).norm() < 1e-9);
    // The directions carried farthest, from rows that are pulled back.
    const MatrixD remaining = remainingDerivative(*model, *context, PointIndex{1}, 3, false, progress);
    MatrixD product = factors[1];
    for (std::size_t s = 2; s < factors.size(); ++s) product = (factors[s] * product).eval();
    QVERIFY((remaining - product).norm() < 1e-11 * product.norm());
}

void TestDynamicsJacobian::whatCannotBe() {
    const auto model = loadModel(RHEO_FIXTURES "/models/qwen2/model");
    Progress progress;
    TraceView view = traceOf({{5, 80, 33}});
    QVERIFY(refused(ErrorCode::InvalidArgument,
                    [&] { jacobians(*model, view, {.rows = 0}, nullptr, progress); }));
    TraceInfo info = view.trace->info();
    info.samples[0].tokenIds.clear();
    view.trace = std::make_shared<MemoryTrace>(info, Array3F(1, 3, 128));
    QVERIFY(refused(ErrorCode::Unsupported, [&] { jacobians(*model, view, {}, nullptr, progress); }));
    QVERIFY(refused(ErrorCode::InvalidArgument, [] { matrixSpectrum(MatrixD::Ones(2, 3), 2, silent); }));
    QVERIFY(refused(ErrorCode::InvalidArgument,
                    [] { matrixSpectrum(MatrixD::Constant(2, 2, std::nan("")), 2, silent); }));
    QVERIFY(refused(ErrorCode::InvalidArgument, [] { lyapunovExponents({}, 1, silent); }));
}

RHEO_TEST(TestDynamicsJacobian)
#include "test_dynamics_jacobian.moc"
