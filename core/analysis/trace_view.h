#pragma once

#include <memory>
#include <vector>

#include "core/base/array.h"
#include "core/trace/trace.h"

namespace rheo {

/// How a state is scaled before a statistic sees it.
enum class Scaling {
    Raw,
    Rms,        ///< h divided by its own RMS over the units used
    FinalNorm,  ///< as the unembedding would see it; needs the weights of the final norm
};
std::string_view scalingName(Scaling scaling);

/// What an analysis reads: some rows, points and units of a trace, and how they are scaled.
/// Surrogates are made from the raw values and scaled afterwards, so scaling is left to the reader.
struct TraceView {
    std::shared_ptr<const Trace> trace;
    std::vector<std::int64_t> rows;    ///< ascending; empty: all
    std::vector<std::int64_t> points;  ///< ascending; empty: all
    std::vector<std::int64_t> maskedUnits;  ///< ascending; left out of every statistic (read as 0)
    Scaling scaling = Scaling::Raw;

    std::int64_t rowCount() const;
    std::int64_t pointCount() const;
    std::int64_t unitCount() const { return trace->units(); }
};

}  // namespace rheo
