#include "core/compare/procrustes.h"

#include <fmt/format.h>

#include <Eigen/SVD>
#include <algorithm>
#include <limits>
#include <vector>

#include "core/analysis/nulls.h"
#include "core/base/error.h"
#include "core/base/quantile.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Paired scores of one depth after the other, [point] of [pair, k].
using Depths = std::vector<MatrixD>;

bool isFinite(const Array3F& scores, std::int64_t row) {
    const float* values = scores.at(row, 0);
    return std::all_of(values, values + scores.n1 * scores.n2, [](float x) { return std::isfinite(x); });
}

MatrixD stacked(const Depths& depths) {
    MatrixD all(depths.front().rows() * static_cast<Eigen::Index>(depths.size()), depths.front().cols());
    for (std::size_t p = 0; p < depths.size(); ++p)
        all.middleRows(static_cast<Eigen::Index>(p) * depths[p].rows(), depths[p].rows()) = depths[p];
    return all;
}

Depths reordered(const Depths& depths, const std::vector<std::int32_t>& from) {
    Depths result = depths;
    for (std::size_t p = 0; p < depths.size(); ++p)
        for (std::size_t i = 0; i < from.size(); ++i)
            result[p].row(static_cast<Eigen::Index>(i)) = depths[p].row(from[i]);
    return result;
}

/// Mean and band of ascending values, and the share at or below `observed`.
struct Summary {
    double mean = nan, low = nan, high = nan, p = nan;
};
Summary summaryOf(std::vector<double> values, double observed) {
    std::erase_if(values, [](double x) { return std::isnan(x); });
    if (values.empty() || std::isnan(observed)) return {};
    std::sort(values.begin(), values.end());
    double sum = 0, reached = 0;
    for (const double value : values) {
        sum += value;
        if (value <= observed + 1e-11) ++reached;
    }
    const auto count = static_cast<double>(values.size());
    return {sum / count, quantile(values, 0.025), quantile(values, 0.975), (1 + reached) / (count + 1)};
}

}  // namespace

ProcrustesMap procrustes(const MatrixD& x, const MatrixD& y) {
    if (x.rows() != y.rows() || x.cols() != y.cols())
        throw Error(ErrorCode::Mismatch,
                    fmt::format("Procrustes pairs states of as many coordinates: [{}, {}] and [{}, {}]",
                                x.rows(), x.cols(), y.rows(), y.cols()));
    if (x.rows() < 2)
        throw Error(ErrorCode::InvalidArgument, "Procrustes needs at least 2 states that both have");
    ProcrustesMap map;
    map.toMean = x.colwise().mean().transpose();
    map.fromMean = y.colwise().mean().transpose();
    const MatrixD a = x.rowwise() - map.toMean.transpose(), b = y.rowwise() - map.fromMean.transpose();
    const Eigen::JacobiSVD<Eigen::MatrixXd> svd(b.transpose() * a, Eigen::ComputeFullU | Eigen::ComputeFullV);
    map.rotation = svd.matrixU() * svd.matrixV().transpose();
    const double sum = svd.singularValues().sum(), ofA = a.squaredNorm(), ofB = b.squaredNorm();
    map.scale = ofB > 0 ? sum / ofB : 0;
    map.residual = ofA > 0 && ofB > 0 ? std::max(0.0, 1 - sum * sum / (ofA * ofB)) : nan;
    return map;
}

MatrixD mapped(const ProcrustesMap& map, const MatrixD& y) {
    return (((y.rowwise() - map.fromMean.transpose()) * map.rotation) * map.scale).rowwise() +
           map.toMean.transpose();
}

Array3F mapped(const ProcrustesMap& map, const Array3F& scores) {
    const Eigen::Index k = map.rotation.rows();
    Array3F result(scores.n0, scores.n1, k);
    for (std::int64_t n = 0; n < scores.n0; ++n) {
        const Eigen::Map<const MatrixF> path(scores.at(n, 0), scores.n1, scores.n2);
        const MatrixD there = mapped(map, MatrixD(path.leftCols(k).cast<double>()));
        Eigen::Map<MatrixF>(result.at(n, 0), scores.n1, k) = there.cast<float>();
    }
    return result;
}

ProcrustesResult alignScores(const Array3F& a, const Array3F& b, const MatchedRows& all,
                             const DepthMatch& depth, const ProcrustesOptions& options, Progress& progress) {
    std::vector<std::int64_t> finite;
    for (std::int64_t i = 0; i < all.count(); ++i)
        if (isFinite(a, all.a[static_cast<std::size_t>(i)]) &&
            isFinite(b, all.b[static_cast<std::size_t>(i)]))
            finite.push_back(i);
    const MatchedRows matched = pickPairs(all, finite);
    const Eigen::Index k = std::min(a.n2, b.n2);
    Depths x, y;
    for (std::int64_t p = 0; p < a.n1; ++p) {
        MatrixD& ofA = x.emplace_back(matched.count(), k);
        MatrixD& ofB = y.emplace_back(matched.count(), k);
        const std::int64_t q = depth.nearest()[static_cast<std::size_t>(p)];
        for (std::int64_t i = 0; i < matched.count(); ++i) {
            const auto at = static_cast<std::size_t>(i);
            for (Eigen::Index c = 0; c < k; ++c) {
                ofA(i, c) = a.at(matched.a[at], p)[c];
                ofB(i, c) = b.at(matched.b[at], q)[c];
            }
        }
    }
    progress.setStage("Procrustes: shuffled samples");
    ProcrustesResult result;
    result.repeats = options.repeats;
    result.seed = options.seed;
    result.rows = matched.count();
    result.samples = matched.samples;
    const MatrixD allX = stacked(x);
    result.map = procrustes(allX, stacked(y));
    result.residual = VectorD(a.n1);
    for (std::int64_t p = 0; p < a.n1; ++p)
        result.residual[p] =
            procrustes(x[static_cast<std::size_t>(p)], y[static_cast<std::size_t>(p)]).residual;
    std::vector<std::vector<double>> nulls(static_cast<std::size_t>(a.n1) + 1);
    for (int r = 0; r < options.repeats; ++r) {
        progress.check();
        const Depths shuffled =
            reordered(y, shuffledPairs(matched, options.seed, static_cast<std::uint64_t>(r)));
        for (std::size_t p = 0; p < x.size(); ++p) nulls[p].push_back(procrustes(x[p], shuffled[p]).residual);
        nulls.back().push_back(procrustes(allX, stacked(shuffled)).residual);
        progress.report(r + 1, options.repeats);
    }
    const Summary pooled = summaryOf(nulls.back(), result.map.residual);
    result.nullMean = pooled.mean;
    result.nullLow = pooled.low;
    result.nullHigh = pooled.high;
    result.p = pooled.p;
    result.depthNullMean = result.depthNullLow = result.depthNullHigh = result.depthP = VectorD(a.n1);
    for (std::int64_t p = 0; p < a.n1; ++p) {
        const Summary one = summaryOf(nulls[static_cast<std::size_t>(p)], result.residual[p]);
        result.depthNullMean[p] = one.mean;
        result.depthNullLow[p] = one.low;
        result.depthNullHigh[p] = one.high;
        result.depthP[p] = one.p;
    }
    return result;
}

}  // namespace rheo
