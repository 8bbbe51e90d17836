#pragma once

#include <memory>
#include <vector>

#include "core/session/document.h"
#include "core/statistics/axes.h"
#include "widgets/jobs/job_runner.h"

namespace rheo {

class Workspace;

// The PCA of the rows that are open: what the window draws without being asked. It follows the rows (new ones
// are projected), which results of an analysis do not; Analyses computes everything else.

/// Traces up to this size are fitted when they are opened; nothing heavy starts by itself.
inline constexpr std::int64_t autoFitBytes = std::int64_t{256} << 20;
/// Whether the rows that are open are few enough to be analysed without being asked.
bool isSmall(const Workspace& workspace);

enum class FitStep {
    Undoable,  ///< a step of its own
    Opening,   ///< a part of opening the rows: no step, as long as none was made
};
/// Starts the PCA of the rows that are open. Rows that come meanwhile are projected on it.
JobId fitBasis(Workspace& workspace, FitStep step = FitStep::Undoable);
/// What a PCA is fitted on.
struct FitChoice {
    std::vector<std::int64_t> rows = {};  ///< of the document, ascending; empty: all
    Scaling scaling = Scaling::Raw;       ///< a state can be teleported only in a basis of raw states
};
/// Starts the PCA of some of the rows that are open; all rows are projected on it (undoable).
JobId fitBasisOn(Workspace& workspace, FitChoice choice, FitStep step = FitStep::Undoable);

/// Makes directions the axes that all rows are projected on (undoable); where there are fewer than three, the
/// rest are principal components orthogonal to them. In a skew frame a state moves along the direction
/// itself.
JobId useAxes(Workspace& workspace, std::vector<NamedDirection> directions, AxesFrame frame);

/// `state` with the PCA of its rows `trace`. For a job: no thread of the window is needed.
DocumentState withPca(const DocumentState& state, const std::shared_ptr<const Trace>& trace,
                      Progress& progress);

}  // namespace rheo
