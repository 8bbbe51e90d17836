#define EIGEN_USE_BLAS
#include "core/analysis/random_basis.h"

#include <algorithm>
#include <cmath>

#include "core/base/random.h"

namespace rheo {

namespace {

constexpr Eigen::Index reflectionsAtOnce = 64;
/// States of one product: some tens of milliseconds at 8,192 units.
constexpr Eigen::Index statesAtOnce = 1024;

}  // namespace

void applyRandomBasis(Eigen::Ref<MatrixD> states, std::uint64_t seed, std::uint64_t stream,
                      const Progress& progress) {
    const Eigen::Index units = states.cols();
    RandomStream random(seed, stream);
    Eigen::RowVectorXd signs(units);
    for (Eigen::Index first = 0; first < units; first += reflectionsAtOnce) {
        const Eigen::Index count = std::min(reflectionsAtOnce, units - first), length = units - first;
        // H_i = I - tau_i v_i v_i^T takes a Gaussian x_i, in the coordinates from i on, to -sign(x_0) |x_i|
        // e_i: the diagonal of R, whose signs go into Q. H_1 H_2 ... = I - V T V^T.
        MatrixD v = MatrixD::Zero(length, count);
        MatrixD t = MatrixD::Zero(count, count);
        for (Eigen::Index i = 0; i < count; ++i) {
            auto x = v.col(i).tail(length - i);
            for (Eigen::Index j = 0; j < x.size(); ++j) x[j] = random.normal();
            const double norm = x.norm(), sign = x[0] < 0 ? -1 : 1;
            // The last one has a coordinate alone: no reflection, but a sign.
            const bool last = x.size() == 1;
            signs[first + i] = last ? sign : -sign;
            x[0] += sign * norm;
            const double tau = last ? 0 : 2 / x.squaredNorm();
            const Eigen::VectorXd before = v.leftCols(i).transpose() * v.col(i);
            t.col(i).head(i).noalias() = -tau * (t.topLeftCorner(i, i) * before);
            t(i, i) = tau;
        }
        for (Eigen::Index at = 0; at < states.rows(); at += statesAtOnce) {
            progress.check();
            auto part = states.block(at, first, std::min(statesAtOnce, states.rows() - at), length);
            const MatrixD along = part * v;
            const MatrixD weighed = along * t;
            part.noalias() -= weighed * v.transpose();
        }
    }
    states.array().rowwise() *= signs.array();
}

}  // namespace rheo
