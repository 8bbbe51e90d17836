#include "core/analysis/outliers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/base/quantile.h"

namespace rheo {

namespace {

/// What is read between two looks for a stop.
constexpr std::size_t blockBytes = std::size_t{16} << 20;
/// Rows and units that are named in a sentence, at most.
constexpr std::size_t mostNamed = 5;

double median(std::vector<double> values) {
    const std::size_t half = values.size() / 2;
    const double upper = orderStatistic(values, half);
    if (values.size() % 2 == 1) return upper;
    return (upper + *std::max_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(half))) /
           2;
}

/// Robust z of ln(sqrt(square)) among all squares that are above 0: how far above the median in units of
/// 1.4826 median absolute deviations, which are taken to be at least `leastSpread`. NaN for a square of 0,
/// and for all where their spread is 0.
VectorD robustZ(const VectorD& squares, double leastSpread) {
    VectorD z = VectorD::Constant(squares.size(), std::numeric_limits<double>::quiet_NaN());
    std::vector<double> sizes;
    for (const double square : squares)
        if (square > 0) sizes.push_back(0.5 * std::log(square));
    if (sizes.empty()) return z;
    const double middle = median(sizes);
    for (double& size : sizes) size = std::abs(size - middle);
    const double spread = std::max(leastSpread, 1.4826 * median(sizes));
    if (spread > 0)
        for (Eigen::Index i = 0; i < squares.size(); ++i)
            if (squares[i] > 0) z[i] = (0.5 * std::log(squares[i]) - middle) / spread;
    return z;
}

/// Sums of squared values, raw.
struct Squares {
    MatrixD units;            ///< [point, unit], over usable rows
    MatrixD rows;             ///< [row, point], over units; 0 for a row that is not finite
    std::int64_t usable = 0;  ///< rows
};

Squares sumSquares(const TraceView& view, Progress& progress) {
    TraceView raw = view;
    raw.scaling = Scaling::Raw;
    checkView(raw);
    progress.setStage("sizes of units and rows");
    const std::int64_t points = raw.pointCount(), units = raw.unitCount(), rows = raw.rowCount();
    const std::int64_t block = rowsPerBlock(raw, blockBytes);
    std::vector<float> states(static_cast<std::size_t>(block * points * units));
    Squares squares{MatrixD::Zero(points, units), MatrixD::Zero(rows, points)};
    for (std::int64_t first = 0; first < rows; first += block) {
        progress.check();
        const std::int64_t count = std::min(block, rows - first);
        readView(raw, first, count, states.data());
        for (std::int64_t n = 0; n < count; ++n) {
            const Eigen::Map<const MatrixF> path(states.data() + n * points * units, points, units);
            if (!path.allFinite()) continue;
            const MatrixD squared = path.cast<double>().cwiseAbs2();
            squares.units += squared;
            squares.rows.row(first + n) = squared.rowwise().sum().transpose();
            ++squares.usable;
        }
        progress.report(static_cast<double>(first + count), static_cast<double>(rows));
    }
    if (squares.usable == 0)
        throw Error(ErrorCode::InvalidArgument, "every row holds a value that is not finite");
    return squares;
}

/// Columns of `squares` [point, ...] whose z is above the threshold at any point.
std::vector<Outlier> standingOut(const MatrixD& squares, double threshold, double leastSpread,
                                 double& share) {
    const double whole = squares.sum();
    VectorD most = VectorD::Constant(squares.cols(), -std::numeric_limits<double>::infinity());
    for (Eigen::Index p = 0; p < squares.rows(); ++p) {
        const VectorD z = robustZ(squares.row(p).transpose(), leastSpread);
        most = z.array().isNaN().select(most, most.cwiseMax(z));
    }
    std::vector<Outlier> found;
    for (Eigen::Index i = 0; i < most.size(); ++i)
        if (most[i] > threshold) {
            found.push_back({i, most[i], squares.col(i).sum() / whole});
            share += found.back().share;
        }
    return found;
}

std::string percent(double share) {
    if (share > 0.9999) return "over 99.99 %";
    return share >= 0.9995 ? fmt::format("{:.2f} %", 100 * share) : fmt::format("{:.3g} %", 100 * share);
}

/// "a, b, c and 3 more".
std::string listed(const std::vector<std::string>& names) {
    const std::size_t shown = std::min(names.size(), mostNamed);
    std::string list =
        fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
    if (names.size() > shown) list += fmt::format(" and {} more", names.size() - shown);
    return list;
}

}  // namespace

std::vector<std::int64_t> outlierUnits(const TraceView& view, double z, Progress& progress) {
    if (!(z > 0) || std::isinf(z))
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("the threshold z of outlier units is {}, and should be above 0", z));
    const VectorD squares = sumSquares(view, progress).units.colwise().sum().transpose();
    const VectorD zs = robustZ(squares, 0);
    std::vector<std::int64_t> outliers;
    for (Eigen::Index u = 0; u < zs.size(); ++u)
        if (zs[u] > z) outliers.push_back(u);
    return outliers;
}

Outliers findOutliers(const TraceView& view, const OutlierOptions& options, Progress& progress) {
    const Squares squares = sumSquares(view, progress);
    Outliers found;
    found.units = standingOut(squares.units, options.unitZ, options.leastSpread, found.unitShare);
    found.rows = standingOut(squares.rows.transpose(), options.rowZ, options.leastSpread, found.rowShare);
    return found;
}

TraceView withoutOutliers(const TraceView& view, const Outliers& outliers) {
    TraceView rest = view;
    for (const auto& unit : outliers.units) rest.maskedUnits.push_back(unit.index);
    std::sort(rest.maskedUnits.begin(), rest.maskedUnits.end());
    if (!outliers.rows.empty()) {
        std::vector<std::int64_t> rows;
        auto next = outliers.rows.begin();
        for (std::int64_t n = 0; n < view.rowCount(); ++n)
            if (next != outliers.rows.end() && next->index == n)
                ++next;
            else
                rows.push_back(n);
        if (rows.empty()) throw Error(ErrorCode::InvalidArgument, "all rows are outliers");
        rest.rows = withRows(view, rows).rows;
    }
    checkView(rest);
    return rest;
}

std::string describeOutliers(const TraceView& view, const Outliers& outliers) {
    std::vector<std::string> parts, names;
    for (const auto& unit : outliers.units) names.push_back(fmt::format("{}", unit.index));
    if (!names.empty())
        parts.push_back(fmt::format("unit{} {} ({} of the squared norm)", names.size() > 1 ? "s" : "",
                                    listed(names), percent(outliers.unitShare)));
    names.clear();
    for (const auto& outlier : outliers.rows) {
        const TraceRow& row = view.trace->info().rows[static_cast<std::size_t>(view.traceRow(outlier.index))];
        names.push_back(fmt::format("sample {} position {}", row.sample, row.position));
    }
    if (!names.empty())
        parts.push_back(fmt::format("{} of {} rows ({}; {} of the squared norm)", names.size(),
                                    view.rowCount(), listed(names), percent(outliers.rowShare)));
    return fmt::format("{}", fmt::join(parts, " and "));
}

}  // namespace rheo
