#include "widgets/viewmodels/near_rows.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/error.h"

namespace rheo {

namespace {

constexpr std::int64_t blockRows = 64;

/// First rows of the blocks that are read.
std::vector<std::int64_t> blocksOf(std::int64_t rows, std::int64_t mostRows) {
    const std::int64_t all = (rows + blockRows - 1) / blockRows;
    const std::int64_t kept =
        std::clamp<std::int64_t>(mostRows / blockRows, 1, std::max<std::int64_t>(all, 1));
    std::vector<std::int64_t> firsts;
    if (rows == 0) return firsts;
    for (std::int64_t i = 0; i < kept; ++i) firsts.push_back(i * all / kept * blockRows);
    return firsts;
}

double rmsNorm(const MatrixF& states) {
    const VectorD squares = states.cast<double>().rowwise().squaredNorm();
    double sum = 0;
    std::int64_t finite = 0;
    for (const double square : squares) {
        if (!std::isfinite(square)) continue;
        sum += square;
        ++finite;
    }
    return std::sqrt(sum / static_cast<double>(finite));
}

}  // namespace

RowStates readRowStates(std::shared_ptr<const Trace> trace, PointIndex point, std::int64_t mostBytes,
                        Progress& progress) {
    const std::int64_t units = trace->units(), total = trace->rows();
    const std::int64_t rowBytes = units * static_cast<std::int64_t>(sizeof(float));
    RowStates read{std::move(trace), point, {}, {}, 0};
    const auto firsts = blocksOf(total, mostBytes / std::max<std::int64_t>(rowBytes, 1));
    for (const std::int64_t first : firsts)
        for (std::int64_t n = first; n < std::min(first + blockRows, total); ++n) read.rows.emplace_back(n);
    read.states.resize(static_cast<Eigen::Index>(read.rows.size()), units);
    float* next = read.states.data();
    for (const std::int64_t first : firsts) {
        progress.check();
        const std::int64_t count = std::min(blockRows, total - first);
        read.trace->readPoint(point, RowIndex{first}, count, next);
        next += count * units;
    }
    read.rms = rmsNorm(read.states);
    return read;
}

std::vector<NearRow> nearestRows(const RowStates& among, const VectorF& state, std::size_t count,
                                 std::optional<RowIndex> except) {
    if (state.size() != among.states.cols())
        throw Error(ErrorCode::Mismatch, "the state has " + std::to_string(state.size()) +
                                             " units, and the rows have " +
                                             std::to_string(among.states.cols()));
    std::vector<NearRow> found;
    for (std::size_t r = 0; r < among.rows.size(); ++r) {
        if (among.rows[r] == except) continue;
        const auto row = among.states.row(static_cast<Eigen::Index>(r));
        const double distance = (row.transpose() - state).cast<double>().norm();
        if (std::isfinite(distance)) found.push_back({among.rows[r], distance / among.rms});
    }
    const auto kept = static_cast<std::ptrdiff_t>(std::min(count, found.size()));
    std::partial_sort(
        found.begin(), found.begin() + kept, found.end(), [](const NearRow& a, const NearRow& b) {
            return a.distance != b.distance ? a.distance < b.distance : a.row.value() < b.row.value();
        });
    found.resize(static_cast<std::size_t>(kept));
    return found;
}

}  // namespace rheo
