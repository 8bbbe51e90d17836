#include "core/analysis/trace_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/base/error.h"
#include "core/base/wide.h"

namespace rheo {

namespace {

/// Values of whole rows that are read at a time where only some points are wanted.
constexpr std::int64_t wholeRowValues = std::int64_t{1} << 20;
/// A chunk of a trace file holds this many rows.
constexpr std::int64_t chunkRows = 16;

void checkAscending(const std::vector<std::int64_t>& indices, std::int64_t count, const char* what) {
    std::int64_t last = -1;
    for (const auto index : indices) {
        if (index <= last || index >= count)
            throw Error(
                ErrorCode::InvalidArgument,
                fmt::format("{} {} is out of order, or not among the {} of the trace", what, index, count));
        last = index;
    }
}

/// Infinity and NaN have the largest exponents.
RHEO_WIDE bool allFinite(const float* values, std::int64_t count) {
    std::uint32_t most = 0;
    for (std::int64_t i = 0; i < count; ++i)
        most = std::max(most, std::bit_cast<std::uint32_t>(values[i]) & 0x7fffffffU);
    return most < 0x7f800000U;
}

void zeroMasked(const TraceView& view, float* states, std::int64_t count) {
    for (const auto unit : view.maskedUnits)
        for (std::int64_t i = 0; i < count; ++i) states[i * view.unitCount() + unit] = 0;
}

}  // namespace

std::string_view scalingName(Scaling scaling) {
    switch (scaling) {
        case Scaling::Raw: return "raw";
        case Scaling::Rms: return "rms";
        case Scaling::FinalNorm: return "final_norm";
    }
    return "raw";
}

std::int64_t TraceView::rowCount() const {
    return rows.empty() ? trace->rows() : static_cast<std::int64_t>(rows.size());
}
std::int64_t TraceView::pointCount() const {
    return points.empty() ? trace->points() : static_cast<std::int64_t>(points.size());
}
std::int64_t TraceView::traceRow(std::int64_t n) const {
    return rows.empty() ? n : rows[static_cast<std::size_t>(n)];
}
std::int64_t TraceView::tracePoint(std::int64_t p) const {
    return points.empty() ? p : points[static_cast<std::size_t>(p)];
}

void checkNormedAlike(Scaling fitted, const TraceView& view) {
    if ((fitted == Scaling::FinalNorm) == (view.scaling == Scaling::FinalNorm)) return;
    throw Error(
        ErrorCode::Mismatch,
        fitted == Scaling::FinalNorm
            ? "it is of states after the final norm, and these are not; say --scaling final_norm, with "
              "--model"
            : fmt::format("these states are after the final norm, and it is of {} ones",
                          scalingName(fitted)));
}

void checkView(const TraceView& view) {
    checkAscending(view.rows, view.trace->rows(), "row");
    checkAscending(view.points, view.trace->points(), "point");
    checkAscending(view.maskedUnits, view.trace->units(), "unit");
    if (view.rowCount() < 1 || view.pointCount() < 1 || view.usedUnits() < 1)
        throw Error(ErrorCode::InvalidArgument,
                    "the trace has no row, no point or no unit that is not masked");
}

void readView(const TraceView& view, std::int64_t first, std::int64_t count, float* out) {
    const std::int64_t units = view.unitCount();
    const std::int64_t points = view.pointCount();
    const std::int64_t wholeRow = view.trace->points() * units;
    const std::int64_t most =
        view.points.empty() ? count : std::max(chunkRows, wholeRowValues / wholeRow / chunkRows * chunkRows);
    std::vector<float> whole;
    for (std::int64_t n = 0; n < count;) {
        // As many rows as follow on each other in the trace are read at once.
        std::int64_t run = 1;
        while (n + run < count && run < most &&
               view.traceRow(first + n + run) == view.traceRow(first + n) + run)
            ++run;
        const RowIndex from{view.traceRow(first + n)};
        float* to = out + n * points * units;
        if (view.points.empty()) {
            view.trace->readRows(from, run, to);
        } else {
            whole.resize(static_cast<std::size_t>(run * wholeRow));
            view.trace->readRows(from, run, whole.data());
            for (std::int64_t i = 0; i < run; ++i)
                for (std::int64_t p = 0; p < points; ++p)
                    std::memcpy(to + (i * points + p) * units,
                                whole.data() + i * wholeRow + view.tracePoint(p) * units,
                                static_cast<std::size_t>(units) * sizeof(float));
        }
        n += run;
    }
    zeroMasked(view, out, count * points);
}

MatrixF readViewPoint(const TraceView& view, std::int64_t p) {
    return readViewPoint(view, p, 0, view.rowCount());
}

MatrixF readViewPoint(const TraceView& view, std::int64_t p, std::int64_t first, std::int64_t count) {
    MatrixF states(count, view.unitCount());
    const PointIndex point{view.tracePoint(p)};
    for (std::int64_t n = 0; n < count;) {
        const std::int64_t from = view.traceRow(first + n);
        std::int64_t run = 1;
        while (n + run < count && view.traceRow(first + n + run) == from + run) ++run;
        view.trace->readPoint(point, RowIndex{from}, run, states.row(n).data());
        n += run;
    }
    zeroMasked(view, states.data(), count);
    return states;
}

void scaleStates(const TraceView& view, Eigen::Ref<MatrixD> states) {
    if (view.scaling != Scaling::Rms) return;
    const auto used = static_cast<double>(view.usedUnits());
    for (Eigen::Index i = 0; i < states.rows(); ++i) {
        const double rms = std::sqrt(states.row(i).squaredNorm() / used);
        states.row(i) *= rms > 0 ? 1 / rms : std::numeric_limits<double>::quiet_NaN();
    }
}

std::int64_t rowsPerBlock(const TraceView& view, std::size_t bytes) {
    const auto perRow =
        static_cast<std::size_t>(view.pointCount() * view.unitCount()) * (sizeof(float) + sizeof(double));
    const auto rows = static_cast<std::int64_t>(bytes / std::max<std::size_t>(1, perRow));
    return std::clamp<std::int64_t>(rows > chunkRows ? rows - rows % chunkRows : rows, 1, view.rowCount());
}

UsableRows usableRows(const TraceView& view, Progress& progress, std::vector<float>* kept,
                      std::size_t bufferBytes) {
    UsableRows usable;
    const std::int64_t block = rowsPerBlock(view, bufferBytes);
    const std::int64_t values = view.pointCount() * view.unitCount();
    // Room for all that may be kept, which is made use of block by block: to fill it at once takes long.
    std::vector<float> buffer;
    std::vector<float>& states = kept != nullptr ? *kept : buffer;
    states.clear();
    states.reserve(static_cast<std::size_t>((kept != nullptr ? view.rowCount() : block) * values));
    for (std::int64_t first = 0; first < view.rowCount(); first += block) {
        progress.check();
        const std::int64_t count = std::min(block, view.rowCount() - first);
        const auto before = static_cast<std::int64_t>(states.size());
        states.resize(static_cast<std::size_t>(before + count * values));
        readView(view, first, count, states.data() + before);
        progress.report(static_cast<double>(first + count), static_cast<double>(view.rowCount()));
        float* to = states.data() + before;
        for (std::int64_t n = 0; n < count; ++n) {
            const float* from = states.data() + before + n * values;
            const Eigen::Map<const MatrixF> row(from, view.pointCount(), view.unitCount());
            const bool scaled =
                view.scaling != Scaling::Rms || row.cwiseAbs().rowwise().maxCoeff().minCoeff() > 0;
            if (!allFinite(from, values) || !scaled) {
                ++usable.excluded;
                continue;
            }
            usable.rows.push_back(first + n);
            if (from != to) std::copy(from, from + values, to);
            to += values;
        }
        states.resize(static_cast<std::size_t>(kept != nullptr ? to - states.data() : 0));
    }
    if (usable.rows.empty())
        throw Error(
            ErrorCode::InvalidArgument,
            fmt::format("none of the {} rows can be used: each has a value that is not finite, or no scale",
                        view.rowCount()));
    return usable;
}

TraceView withRows(const TraceView& view, const std::vector<std::int64_t>& rows) {
    TraceView chosen = view;
    chosen.rows.clear();
    for (const auto n : rows) chosen.rows.push_back(view.traceRow(n));
    return chosen;
}

}  // namespace rheo
