// The two products of each column run in BLAS, as in covariance.cpp.
#define EIGEN_USE_BLAS
#include "core/analysis/symmetric_eigen.h"

#include <Eigen/Dense>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "core/base/error.h"
#include "core/base/wide.h"

namespace rheo {

namespace {

/// Rotations between two looks for a stop, in numbers that they change.
constexpr Eigen::Index checkedNumbers = 1 << 22;

/// T = H A H for a product H of reflections I - tau v v^T.
struct Tridiagonal {
    Eigen::MatrixXd reflections;  ///< column j, below the diagonal: the v of step j, which starts with 1
    Eigen::VectorXd tau;          ///< [n - 1]
    Eigen::VectorXd diagonal;     ///< [n]
    Eigen::VectorXd beside;       ///< [n - 1], next to the diagonal
};

Tridiagonal tridiagonal(const MatrixD& symmetric, const Progress& progress) {
    const Eigen::Index n = symmetric.rows();
    Tridiagonal t{symmetric, Eigen::VectorXd::Zero(std::max<Eigen::Index>(0, n - 1)), Eigen::VectorXd(n),
                  Eigen::VectorXd(std::max<Eigen::Index>(0, n - 1))};
    Eigen::MatrixXd& a = t.reflections;
    Eigen::VectorXd p;
    for (Eigen::Index j = 0; j + 1 < n; ++j) {
        progress.check();
        const Eigen::Index rest = n - j - 1;
        auto v = a.col(j).tail(rest);
        v.makeHouseholderInPlace(t.tau[j], t.beside[j]);
        v[0] = 1;
        if (t.tau[j] == 0) continue;
        auto below = a.bottomRightCorner(rest, rest).selfadjointView<Eigen::Lower>();
        p.noalias() = t.tau[j] * (below * v);
        p -= (t.tau[j] / 2 * p.dot(v)) * v;
        below.rankUpdate(v, p, -1.0);
    }
    t.diagonal = a.diagonal();
    return t;
}

/// Turns two vectors of `count` numbers about each other.
RHEO_WIDE void rotate(double* first, double* second, Eigen::Index count, double c, double s) {
    for (Eigen::Index i = 0; i < count; ++i) {
        const double x = first[i], y = second[i];
        first[i] = c * x + s * y;
        second[i] = c * y - s * x;
    }
}

/// One implicit QR step on rows first .. last of the tridiagonal matrix (d, e), with its rotations put to the
/// rows of `q` if that is not null.
void stepOfQr(VectorD& d, VectorD& e, Eigen::Index first, Eigen::Index last, MatrixD* q,
              const Progress& progress) {
    const double half = (d[last - 1] - d[last]) / 2, corner = e[last - 1];
    const double shift = d[last] - corner * (corner / (half + std::copysign(std::hypot(half, corner), half)));
    double x = d[first] - shift, z = e[first];
    Eigen::Index changed = 0;
    for (Eigen::Index k = first; k < last; ++k) {
        const double r = std::hypot(x, z), c = r > 0 ? x / r : 1, s = r > 0 ? z / r : 0;
        if (k > first) e[k - 1] = r;
        const double here = d[k], next = d[k + 1], between = e[k];
        d[k] = c * c * here + 2 * c * s * between + s * s * next;
        d[k + 1] = s * s * here - 2 * c * s * between + c * c * next;
        e[k] = c * s * (next - here) + (c * c - s * s) * between;
        if (k + 1 < last) {
            x = e[k];
            z = s * e[k + 1];
            e[k + 1] *= c;
        }
        if (q == nullptr) continue;
        rotate(q->row(k).data(), q->row(k + 1).data(), q->cols(), c, s);
        changed += q->cols();
        if (changed < checkedNumbers) continue;
        progress.check();
        changed = 0;
    }
}

/// Makes the tridiagonal matrix (d, e) diagonal.
void diagonalize(VectorD& d, VectorD& e, MatrixD* q, const Progress& progress) {
    constexpr double epsilon = std::numeric_limits<double>::epsilon();
    const auto small = [&](Eigen::Index i) {
        return std::abs(e[i]) <= epsilon * (std::abs(d[i]) + std::abs(d[i + 1])) ||
               std::abs(e[i]) < std::numeric_limits<double>::min();
    };
    Eigen::Index last = d.size() - 1, stepsLeft = 30 * d.size();
    while (last > 0) {
        progress.check();
        if (small(last - 1)) {
            e[--last] = 0;
            continue;
        }
        Eigen::Index first = last - 1;
        while (first > 0 && !small(first - 1)) --first;
        if (first > 0) e[first - 1] = 0;
        if (stepsLeft-- == 0)
            throw Error(ErrorCode::Internal, "the eigenvalues of a symmetric matrix did not converge");
        stepOfQr(d, e, first, last, q, progress);
    }
}

}  // namespace

VectorD symmetricEigen(const MatrixD& symmetric, int k, MatrixD* vectors, const Progress& progress) {
    const Eigen::Index n = symmetric.rows(), kept = std::min<Eigen::Index>(k, n);
    if (!symmetric.allFinite())
        throw Error(ErrorCode::Internal, "a symmetric matrix holds values that are not finite");
    const Tridiagonal t = tridiagonal(symmetric, progress);
    VectorD values = t.diagonal, beside = t.beside;
    MatrixD q;
    if (vectors != nullptr) q = MatrixD::Identity(n, n);
    diagonalize(values, beside, vectors != nullptr ? &q : nullptr, progress);

    std::vector<Eigen::Index> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), Eigen::Index{0});
    std::sort(order.begin(), order.end(),
              [&](Eigen::Index a, Eigen::Index b) { return values[a] > values[b]; });
    order.resize(static_cast<std::size_t>(kept));
    if (vectors != nullptr) {
        // Eigenvectors of T, and through the reflections those of A.
        Eigen::MatrixXd found = q(order, Eigen::all).transpose();
        for (Eigen::Index j = n - 2; j >= 0; --j) {
            progress.check();
            const auto v = t.reflections.col(j).tail(n - j - 1);
            auto part = found.bottomRows(n - j - 1);
            const Eigen::RowVectorXd along = t.tau[j] * (v.transpose() * part);
            part.noalias() -= v * along;
        }
        *vectors = found.transpose();
    }
    return values(order);
}

}  // namespace rheo
