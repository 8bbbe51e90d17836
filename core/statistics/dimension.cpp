#include "core/statistics/dimension.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/base/error.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double shareKept = 0.9;  // of the ratios, the smallest: large ones are of rows far from others

/// For each row, whether an earlier one has the same values.
std::vector<bool> repeats(const MatrixD& states) {
    std::unordered_set<std::string_view> seen;
    std::vector<bool> repeated;
    for (Eigen::Index n = 0; n < states.rows(); ++n)
        repeated.push_back(!seen.emplace(reinterpret_cast<const char*>(states.row(n).data()),
                                         static_cast<std::size_t>(states.cols()) * sizeof(double))
                                .second);
    return repeated;
}

/// The slope through the origin of -ln(1 - F) on ln(mu), F = rank / N, over the smallest nine tenths of mu.
double twoNn(std::vector<double> ratios) {
    if (ratios.size() < 3) return nan;
    std::sort(ratios.begin(), ratios.end());
    const auto count = static_cast<double>(ratios.size());
    const auto kept = static_cast<std::size_t>(shareKept * count);
    double products = 0, squares = 0;
    for (std::size_t i = 0; i < kept; ++i) {
        const double x = std::log(ratios[i]), y = -std::log1p(-static_cast<double>(i + 1) / count);
        products += x * y;
        squares += x * x;
    }
    return squares > 0 ? products / squares : nan;
}

struct PointDimension {
    double twoNn, participationRatio;
};

PointDimension dimensionOf(MatrixD& states) {
    const std::vector<bool> repeated = repeats(states);
    std::vector<double> ratios;
    double trace = 0, squares = 0;
    compareRows(states, [&](const RowBlock& block) {
        squares += block.products.squaredNorm();
        for (Eigen::Index i = 0; i < block.squares.rows(); ++i) {
            const Eigen::Index n = block.first + i;
            trace += block.products(i, n);
            if (repeated[static_cast<std::size_t>(n)]) continue;
            double nearest = std::numeric_limits<double>::infinity(), second = nearest;
            for (Eigen::Index m = 0; m < block.squares.cols(); ++m) {
                if (m == n || repeated[static_cast<std::size_t>(m)]) continue;
                const double square = block.squares(i, m);
                second = std::min(second, std::max(nearest, square));
                nearest = std::min(nearest, square);
            }
            if (std::isfinite(second) && nearest > 0) ratios.push_back(std::sqrt(second / nearest));
        }
    });
    return {twoNn(std::move(ratios)), squares > 0 ? trace * trace / squares : nan};
}

}  // namespace

DimensionResult Dimension::Accumulator::finish(const Again& again, Progress& progress) {
    DimensionResult result;
    result.excludedRows = excludedRows();
    result.twoNn.resize(pointCount());
    result.participationRatio.resize(pointCount());
    forEachPoint(again, progress, [&](std::int64_t point, MatrixD& states) {
        const PointDimension found = dimensionOf(states);
        result.twoNn[point] = found.twoNn;
        result.participationRatio[point] = found.participationRatio;
    });
    return result;
}

DimensionResult dimension(const TraceView& view, const DimensionOptions& options, Progress& progress) {
    if (view.rowCount() < 3)
        throw Error(ErrorCode::InvalidArgument,
                    "dimension compares each row with its nearest two, and needs 3 rows or more");
    return computePointwise<Dimension>(view, options, progress);
}

}  // namespace rheo
