#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/base/array.h"
#include "core/base/progress.h"
#include "core/trace/trace.h"

namespace rheo {

/// How a state is scaled before a statistic sees it.
enum class Scaling {
    Raw,
    Rms,        ///< h divided by its own RMS over the units used
    FinalNorm,  ///< as the unembedding would see it: the trace is a NormedTrace, and gives them so
};
std::string_view scalingName(Scaling scaling);

/// What an analysis reads: some rows, points and units of a trace, and how they are scaled.
/// Surrogates are made from the values that the trace gives and scaled afterwards, so scaling by the RMS is
/// left to the reader.
struct TraceView {
    std::shared_ptr<const Trace> trace;
    std::vector<std::int64_t> rows = {};         ///< ascending; empty: all
    std::vector<std::int64_t> points = {};       ///< ascending; empty: all
    std::vector<std::int64_t> maskedUnits = {};  ///< ascending; left out of every statistic (read as 0)
    Scaling scaling = Scaling::Raw;

    std::int64_t rowCount() const;
    std::int64_t pointCount() const;
    std::int64_t unitCount() const { return trace->units(); }
    std::int64_t usedUnits() const { return unitCount() - static_cast<std::int64_t>(maskedUnits.size()); }
    /// Of the trace, for row n and point p of this view.
    std::int64_t traceRow(std::int64_t n) const;
    std::int64_t tracePoint(std::int64_t p) const;
};

/// Throws Error(Mismatch) if one of both, and not the other, is of states after the final norm: what was
/// fitted with scaling `fitted`, and the view it is put to.
void checkNormedAlike(Scaling fitted, const TraceView& view);

/// Throws Error(InvalidArgument) for rows, points or units that are not ascending or not in the trace,
/// and Error(Unsupported) for a scaling that needs more than the trace.
void checkView(const TraceView& view);

/// Raw values of rows first .. first + count - 1 of the view into `out`, [row, point, unit]; masked units are
/// 0.
void readView(const TraceView& view, std::int64_t first, std::int64_t count, float* out);
/// Raw values of point `p` of all rows of the view, [row, unit]; masked units are 0.
MatrixF readViewPoint(const TraceView& view, std::int64_t p);
/// The same of rows first .. first + count - 1 alone.
MatrixF readViewPoint(const TraceView& view, std::int64_t p, std::int64_t first, std::int64_t count);

/// Scales states [state, unit] in place as the view says. A state of zero norm becomes NaN under Rms.
void scaleStates(const TraceView& view, Eigen::Ref<MatrixD> states);

/// Rows of a view that can be used, and how many cannot.
struct UsableRows {
    std::vector<std::int64_t> rows;  ///< of the view, ascending
    std::int64_t excluded = 0;       ///< a value at the points used is not finite, or has no scale
};
/// One pass over the view; raw values of these rows, [row, point, unit], are left in `kept` unless that is
/// null. `bufferBytes`: of what is read at a time. Throws Error(InvalidArgument) if no row is left.
UsableRows usableRows(const TraceView& view, Progress& progress, std::vector<float>* kept = nullptr,
                      std::size_t bufferBytes = std::size_t{32} << 20);
/// The view of these rows alone.
TraceView withRows(const TraceView& view, const std::vector<std::int64_t>& rows);

/// Rows of the view that fit into `bytes`, as float32 and float64 side by side; at least 1, and whole chunks
/// of a trace file where there are several.
std::int64_t rowsPerBlock(const TraceView& view, std::size_t bytes);

}  // namespace rheo
