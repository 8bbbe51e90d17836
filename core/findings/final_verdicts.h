#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/analysis/outliers.h"
#include "core/findings/verdicts.h"

namespace rheo {

/// Where the evidence of a view is kept between calls, so that an interrupted computation can be resumed.
/// Either function may be empty.
struct EvidenceStore {
    /// Evidence from an earlier call with the same view and options.
    std::function<Evidence(const TraceView& view)> load = {};
    /// Called once for each view, when its evidence is complete or the computation was stopped.
    std::function<void(const TraceView& view, const Evidence& evidence)> save = {};
};

/// The verdicts that a user sees, and what they were computed from.
struct FinalVerdicts {
    /// All twelve, in the order of findings(), and what was measured elsewhere; empty where it was stopped.
    std::vector<Verdict> list;
    Evidence evidence;  ///< of all distinct rows and units
    Outliers outliers;  ///< of the distinct rows; empty where nothing could be tested
    TraceView view;     ///< the distinct rows
    bool stopped = false;
};

/// Judges each published finding on `view`: rows with the same states count once (distinct_rows.h), near
/// copies count as one sampling unit (near_copies.h), and each verdict is computed with all units and rows
/// and again without the outliers (outliers.h): where the two differ, the verdict is RestsOnOutliers. Pushes
/// (`attractor`) and what was measured elsewhere (`others`, as verdicts() takes them) are not measured again
/// without outliers. Cost: that of verdicts(), twice where there are
/// outliers. Throws as verdicts() and findOutliers().
FinalVerdicts finalVerdicts(const TraceView& view, const VerdictOptions& options,
                            const EarlyAttractor& attractor, Progress& progress,
                            const EvidenceStore& store = {}, const std::vector<Verdict>& others = {});

}  // namespace rheo
