// The eigenvalues of symmetric matrices beside Eigen's own solver, by what defines them, and stopped half
// way.
#include <Eigen/Eigenvalues>
#include <QTest>
#include <chrono>
#include <thread>

#include "core/analysis/symmetric_eigen.h"
#include "core/base/error.h"
#include "core/base/random.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

MatrixD gaussian(Eigen::Index rows, Eigen::Index columns, std::uint64_t seed) {
    RandomStream random(seed);
    MatrixD x(rows, columns);
    for (auto& value : x.reshaped()) value = random.normal();
    return x;
}

MatrixD symmetric(const QString& kind, Eigen::Index n) {
    const MatrixD x = gaussian(n, n, static_cast<std::uint64_t>(n));
    if (kind == "indefinite") return (x + x.transpose()) / 2;
    if (kind == "covariance") return x * x.transpose() / static_cast<double>(n);
    if (kind == "rank 3") return x.leftCols(3) * x.leftCols(3).transpose();
    if (kind == "diagonal") return MatrixD(x.diagonal().asDiagonal());
    if (kind == "identity") return MatrixD::Identity(n, n);
    if (kind == "zero") return MatrixD::Zero(n, n);
    if (kind == "wide range") {  // eigenvalues over 24 decades
        const Eigen::HouseholderQR<MatrixD> qr(x);
        const MatrixD q = qr.householderQ();
        VectorD values(n);
        for (Eigen::Index i = 0; i < n; ++i)
            values[i] = std::pow(10.0, 12 - 24.0 * static_cast<double>(i) / static_cast<double>(n));
        const MatrixD wide = q * values.asDiagonal() * q.transpose();
        return (wide + wide.transpose()) / 2;
    }
    MatrixD blocks = MatrixD::Zero(n, n);  // each eigenvalue twice, and no path from one half to the other
    const Eigen::Index half = n / 2;
    const MatrixD y = x.topLeftCorner(half, half) + x.topLeftCorner(half, half).transpose();
    blocks.topLeftCorner(half, half) = y;
    blocks.bottomRightCorner(half, half) = y;
    return blocks;
}

}  // namespace

class TestAnalysisSymmetricEigen : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void asEigenFindsThem_data() {
        QTest::addColumn<QString>("kind");
        QTest::addColumn<int>("n");
        for (const char* kind : {"indefinite", "covariance", "rank 3", "diagonal", "identity", "zero",
                                 "wide range", "twice each"})
            for (const int n : {3, 4, 50, 130})
                QTest::newRow(qPrintable(QString("%1 %2").arg(kind).arg(n))) << QString(kind) << n;
        QTest::newRow("one") << "indefinite" << 1;
        QTest::newRow("two") << "indefinite" << 2;
    }
    void asEigenFindsThem() {
        QFETCH(QString, kind);
        QFETCH(int, n);
        const MatrixD a = symmetric(kind, n);
        const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(a);
        const VectorD expected = solver.eigenvalues().reverse();
        const double scale = std::max(1e-300, expected.cwiseAbs().maxCoeff());
        for (const int k : {1, (n + 1) / 2, n}) {
            MatrixD vectors;
            const VectorD values = symmetricEigen(a, k, &vectors, {});
            QCOMPARE(values.size(), k);
            QCOMPARE(vectors.rows(), k);
            QCOMPARE(vectors.cols(), n);
            QVERIFY((values - expected.head(k)).cwiseAbs().maxCoeff() < 1e-13 * scale * n);
            // What makes them eigenvectors, to rounding: A v = v lambda, and orthonormal.
            QVERIFY(
                (a * vectors.transpose() - vectors.transpose() * values.asDiagonal()).cwiseAbs().maxCoeff() <
                1e-13 * scale * n);
            QVERIFY((vectors * vectors.transpose() - MatrixD::Identity(k, k)).cwiseAbs().maxCoeff() <
                    1e-13 * n);
            QVERIFY((symmetricEigen(a, k, nullptr, {}) - values).cwiseAbs().maxCoeff() < 1e-13 * scale * n);
        }
    }

    void aStopIsHeeded() {
        const MatrixD a = symmetric("covariance", 700);
        for (const int afterMs : {0, 5, 40}) {
            std::stop_source source;
            Progress progress(source.get_token());
            const std::jthread stopping([&] {
                std::this_thread::sleep_for(std::chrono::milliseconds(afterMs));
                source.request_stop();
            });
            MatrixD vectors;
            // Far longer than any of the waits: it ends in time only if the loops look.
            const auto work = [&] {
                for (int i = 0; i < 1000; ++i) symmetricEigen(a, 700, &vectors, progress);
            };
            QVERIFY_EXCEPTION_THROWN(work(), Cancelled);
        }
    }

    void whatIsNotFiniteIsRefused() {
        MatrixD a = symmetric("covariance", 5);
        a(2, 1) = a(1, 2) = std::nan("");
        QVERIFY_EXCEPTION_THROWN(symmetricEigen(a, 2, nullptr, {}), Error);
    }
};

RHEO_TEST(TestAnalysisSymmetricEigen)
#include "test_analysis_symmetric_eigen.moc"
