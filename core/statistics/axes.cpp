#include "core/statistics/axes.h"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <cmath>
#include <limits>

#include "core/analysis/row_source.h"
#include "core/base/error.h"

namespace rheo {

namespace {

/// Of a direction's own length: less than this beside the others is rounding of float32.
constexpr double leastOwnShare = 1e-6;
constexpr std::size_t bufferBytes = std::size_t{64} << 20;

/// `direction` less its projections on the orthonormal `rows`, taken away twice: once leaves rounding.
VectorD outside(const MatrixD& rows, VectorD direction) {
    for (int pass = 0; pass < 2; ++pass) direction -= rows.transpose() * (rows * direction);
    return direction;
}

MatrixD dualOf(const MatrixD& rows) {
    const Eigen::MatrixXd gram = rows * rows.transpose();
    return gram.ldlt().solve(Eigen::MatrixXd(rows));
}

void appendRow(MatrixD& rows, const VectorD& row) {
    rows.conservativeResize(rows.rows() + 1, row.size());
    rows.row(rows.rows() - 1) = row.transpose();
}

}  // namespace

MatrixD orthonormalSpan(const MatrixD& frame) {
    MatrixD rows(0, frame.cols());
    for (const auto& row : frame.rowwise()) appendRow(rows, outside(rows, row.transpose()).normalized());
    return rows;
}

PcaBasis axesOf(const std::vector<NamedDirection>& directions, AxesFrame frame) {
    if (directions.empty()) throw Error(ErrorCode::InvalidArgument, "axes need a direction");
    PcaBasis axes;
    const Eigen::Index units = directions.front().values.size();
    MatrixD orthonormal(0, units);
    axes.components.resize(0, units);
    for (const NamedDirection& direction : directions) {
        const VectorD values = direction.values.cast<double>();
        if (values.size() != units)
            throw Error(ErrorCode::Mismatch,
                        fmt::format("the direction {} has {} units, and {} has {}", direction.name,
                                    values.size(), directions.front().name, units));
        const double length = values.norm();
        if (!(length > 0) || !std::isfinite(length))
            throw Error(
                ErrorCode::InvalidArgument,
                fmt::format("the direction {} is zero, or holds a value that is not finite", direction.name));
        const VectorD own = outside(orthonormal, values / length);
        if (own.norm() < leastOwnShare)
            throw Error(ErrorCode::InvalidArgument,
                        fmt::format("the direction {} lies in the span of those before it; leave it out",
                                    direction.name));
        appendRow(orthonormal, own.normalized());
        appendRow(axes.components,
                  frame == AxesFrame::Skew ? VectorD(values / length) : VectorD(own.normalized()));
        axes.names.push_back(direction.name);
    }
    axes.mean = VectorD::Zero(units);
    if (frame == AxesFrame::Skew) axes.dual = dualOf(axes.components);
    return axes;
}

PcaBasis completedAxes(const PcaBasis& given, const PcaBasis& pca, int count) {
    if (given.components.cols() != pca.components.cols())
        throw Error(ErrorCode::Mismatch, fmt::format("the axes have {} units, and the components {}",
                                                     given.components.cols(), pca.components.cols()));
    PcaBasis axes = given;
    MatrixD rows = orthonormalSpan(axes.components);
    for (Eigen::Index i = 0; i < pca.components.rows() && axes.components.rows() < count; ++i) {
        const VectorD rest = outside(rows, pca.components.row(i).transpose());
        if (rest.norm() < 0.1) continue;  // nearly all of it is on the axes
        appendRow(rows, rest.normalized());
        appendRow(axes.components, rest.normalized());
        axes.names.push_back(fmt::format("PC{} rest", i + 1));
    }
    if (given.dual.size() > 0) axes.dual = dualOf(axes.components);
    axes.variance.resize(0);
    axes.explained.resize(0);
    return axes;
}

MatrixD anglesBetween(const MatrixD& directions) {
    const Eigen::Index k = directions.rows();
    MatrixD angles(k, k);
    for (Eigen::Index i = 0; i < k; ++i)
        for (Eigen::Index j = 0; j < k; ++j) {
            const VectorD a = directions.row(i).transpose(), b = directions.row(j).transpose();
            // Kahan's form: exact for small angles, where acos of a cosine loses half the digits.
            const VectorD u = a * b.norm(), v = b * a.norm();
            angles(i, j) = a.norm() > 0 && b.norm() > 0
                               ? 2 * std::atan2((u - v).norm(), (u + v).norm()) * 180 / M_PI
                               : std::numeric_limits<double>::quiet_NaN();
        }
    return angles;
}

DirectionVariance varianceAlong(const TraceView& view, const MatrixD& directions, Progress& progress) {
    if (directions.cols() != view.unitCount())
        throw Error(ErrorCode::Mismatch, fmt::format("the directions have {} units, and the trace has {}",
                                                     directions.cols(), view.unitCount()));
    progress.setStage("variance along directions");
    const RowSource source(view, bufferBytes, progress);
    const std::int64_t rows = source.view().rowCount(), points = view.pointCount(), units = view.unitCount();
    if (rows * points < 2) throw Error(ErrorCode::InvalidArgument, "a variance needs at least 2 states");
    const MatrixD unit = directions.rowwise().normalized();
    const std::int64_t block = rowsPerBlock(source.view(), bufferBytes);
    VectorD origin = VectorD::Zero(units), sum = VectorD::Zero(units), along = VectorD::Zero(unit.rows()),
            squares = VectorD::Zero(unit.rows());
    double total = 0;
    std::vector<float> buffer;
    for (std::int64_t first = 0; first < rows; first += block) {
        const std::int64_t count = std::min(block, rows - first);
        MatrixD states =
            Eigen::Map<const MatrixF>(source.read(first, count, buffer, progress), count * points, units)
                .cast<double>();
        scaleStates(view, states);
        if (first == 0) origin = states.row(0).transpose();  // sums of differences keep their digits
        states.rowwise() -= origin.transpose();
        const MatrixD scores = states * unit.transpose();
        sum += states.colwise().sum().transpose();
        total += states.squaredNorm();
        along += scores.colwise().sum().transpose();
        squares += scores.colwise().squaredNorm().transpose();
        progress.report(static_cast<double>(first + count), static_cast<double>(rows));
    }
    const auto n = static_cast<double>(rows * points);
    return {origin + sum / n, (squares - along.cwiseAbs2() / n) / (n - 1),
            (total - sum.squaredNorm() / n) / (n - 1)};
}

void measureAxes(PcaBasis& axes, const TraceView& view, Progress& progress) {
    const DirectionVariance found = varianceAlong(view, axes.components, progress);
    axes.mean = found.mean;
    axes.variance = found.variance;
    axes.explained = found.share();
}

std::string axisName(const PcaBasis& basis, Eigen::Index axis) {
    return basis.names.empty() ? fmt::format("PC{}", axis + 1) : basis.names[static_cast<std::size_t>(axis)];
}

std::string axisMeaning(const PcaBasis& basis, Eigen::Index axis) {
    const auto at = static_cast<std::size_t>(axis);
    if (at >= basis.toward.size() || at >= basis.against.size() || basis.toward[at].empty()) return "";
    return fmt::format("toward {}; against {}", basis.toward[at], basis.against[at]);
}

MatrixF scoresAlong(const TraceView& view, const VectorF& direction, const VectorD& mean,
                    Progress& progress) {
    const VectorD values = direction.cast<double>();
    const double length = values.norm();
    if (!(length > 0) || !std::isfinite(length))
        throw Error(ErrorCode::InvalidArgument, "the direction is zero, or holds a value that is not finite");
    PcaBasis basis;
    basis.mean = mean;
    basis.components = (values / length).transpose();
    basis.scaling = view.scaling;
    const Array3F scores = project(basis, view, progress);
    return Eigen::Map<const MatrixF>(scores.data.data(), scores.n0, scores.n1);
}

}  // namespace rheo
