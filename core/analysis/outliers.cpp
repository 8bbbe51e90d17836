#include "core/analysis/outliers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"

namespace rheo {

namespace {

/// What is read between two looks for a stop.
constexpr std::size_t blockBytes = std::size_t{16} << 20;

double median(std::vector<double> values) {
    const std::size_t half = values.size() / 2;
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(half), values.end());
    const double upper = values[half];
    if (values.size() % 2 == 1) return upper;
    return (upper + *std::max_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(half))) /
           2;
}

}  // namespace

std::vector<std::int64_t> outlierUnits(const TraceView& view, double z, Progress& progress) {
    if (!(z > 0) || std::isinf(z))
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("the threshold z of outlier units is {}, and should be above 0", z));
    TraceView raw = view;
    raw.scaling = Scaling::Raw;
    checkView(raw);
    progress.setStage("sizes of units");
    const std::int64_t points = raw.pointCount(), units = raw.unitCount(), rows = raw.rowCount();
    const std::int64_t block = rowsPerBlock(raw, blockBytes);
    std::vector<float> states(static_cast<std::size_t>(block * points * units));
    VectorD squares = VectorD::Zero(units);
    double counted = 0;
    for (std::int64_t first = 0; first < rows; first += block) {
        progress.check();
        const std::int64_t count = std::min(block, rows - first);
        readView(raw, first, count, states.data());
        for (std::int64_t n = 0; n < count; ++n) {
            const Eigen::Map<const MatrixF> path(states.data() + n * points * units, points, units);
            if (!path.allFinite()) continue;
            squares += path.cast<double>().colwise().squaredNorm().transpose();
            ++counted;
        }
        progress.report(static_cast<double>(first + count), static_cast<double>(rows));
    }
    if (counted == 0) throw Error(ErrorCode::InvalidArgument, "every row holds a value that is not finite");

    std::vector<double> sizes, all(static_cast<std::size_t>(units), -std::numeric_limits<double>::infinity());
    for (std::int64_t u = 0; u < units; ++u)
        if (squares[u] > 0) {
            all[static_cast<std::size_t>(u)] =
                0.5 * std::log(squares[u] / (counted * static_cast<double>(points)));
            sizes.push_back(all[static_cast<std::size_t>(u)]);
        }
    if (sizes.empty()) return {};
    const double middle = median(sizes);
    std::vector<double> deviations;
    for (const double size : sizes) deviations.push_back(std::abs(size - middle));
    const double spread = 1.4826 * median(deviations);
    std::vector<std::int64_t> outliers;
    for (std::int64_t u = 0; u < units; ++u)
        if (all[static_cast<std::size_t>(u)] - middle > z * spread && spread > 0) outliers.push_back(u);
    return outliers;
}

}  // namespace rheo
