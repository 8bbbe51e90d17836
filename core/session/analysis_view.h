#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/analysis/trace_view.h"
#include "core/base/progress.h"
#include "core/trace/row_selection.h"
#include "core/trace/trace.h"

namespace rheo {

/// Units to leave out: those named, or those whose size has a robust z above a threshold (outliers.h).
struct UnitMask {
    std::vector<std::int64_t> units;  ///< ascending
    std::optional<double> z;
};
/// "3,17", "z:6", or "" for none. Throws Error(InvalidArgument) quoting what it is not.
UnitMask parseUnitMask(const std::string& text);

/// The index of a named point ("L05.attn_in", "final") among `points`. Throws Error(NotFound) naming the
/// first and last.
std::int64_t findPoint(const std::vector<ResidualPoint>& points, const std::string& name);
/// "all", "paper" (all but the final one), one name, or "FROM:TO", as ascending indices.
std::vector<std::int64_t> parsePoints(const std::vector<ResidualPoint>& points, const std::string& range);

/// What of a trace an analysis or report looks at.
struct ViewRequest {
    std::vector<std::int64_t> points = {};  ///< ascending; empty: all
    UnitMask mask = {};
    RowSelection selection = {};
    /// Where nothing is selected and a sample has several rows: leave out position 0 of each. States of first
    /// tokens are far larger than others (attention sinks).
    bool leaveOutFirstTokens = false;
    Scaling scaling = Scaling::Raw;  ///< Raw or Rms
    int threads = 0;
};

struct AnalysisView {
    TraceView view;                  ///< rows with the same states count once
    std::vector<std::string> notes;  ///< sentences on what was left out, for a person
    std::int64_t selected = 0;       ///< rows, of all of the trace
    std::int64_t repeated = 0;       ///< of these, rows that have the states of another, and are left out
    std::int64_t sharedPrefix = 0;   ///< of these, rows that share their tokens so far with another sample
};

/// The view that is asked for, checked. Reads the trace once to compare rows, and once more for a mask by z.
/// Throws as checkView, selectedRows and outlierUnits, and Error(InvalidArgument) for a trace without rows.
AnalysisView makeAnalysisView(std::shared_ptr<const Trace> trace, const ViewRequest& request,
                              const TokenText& textOf, Progress& progress);

}  // namespace rheo
