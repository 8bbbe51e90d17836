#include "core/findings/final_verdicts.h"

#include <algorithm>
#include <utility>

#include "core/analysis/distinct_rows.h"
#include "core/base/ranks.h"

namespace rheo {

namespace {

Verdicts judgeView(const TraceView& view, const VerdictOptions& options, const EarlyAttractor& attractor,
                   Progress& progress, const EvidenceStore& store, const std::vector<Verdict>& others) {
    Verdicts judged =
        verdicts(view, options, attractor, progress, store.load ? store.load(view) : Evidence{}, others);
    if (store.save) store.save(view, judged.evidence);
    return judged;
}

}  // namespace

FinalVerdicts finalVerdicts(const TraceView& asked, const VerdictOptions& options,
                            const EarlyAttractor& attractor, Progress& progress, const EvidenceStore& store,
                            const std::vector<Verdict>& others) {
    Progress comparing = progress.part(0, 0.02), judging = progress.part(0.02, 0.5),
             finding = progress.part(0.5, 0.52), again = progress.part(0.52, 1);
    FinalVerdicts result;
    const DistinctRows distinct = distinctRows(asked, options.threads, comparing);
    result.view = distinct.repeated > 0 ? withRows(asked, distinct.rows) : asked;
    Verdicts all = judgeView(result.view, options, attractor, judging, store, others);
    result.list = std::move(all.list);
    result.evidence = std::move(all.evidence);
    result.stopped = result.evidence.stopped;
    if (result.stopped) return result;
    // Of several ranks the first knows what was measured elsewhere.
    const bool anyTested = std::any_of(result.list.begin(), result.list.end(),
                                       [](const Verdict& v) { return v.verdict != VerdictKind::NotTested; });
    const bool testable = broadcast(currentRanks(), std::string(anyTested ? "yes" : "no")) == "yes";
    if (!testable) return result;
    result.outliers = findOutliers(result.view, {}, finding);
    if (result.outliers.none()) return result;
    const TraceView rest = withoutOutliers(result.view, result.outliers);
    const Verdicts without = judgeView(rest, options, attractor, again, store, others);
    result.stopped = without.evidence.stopped;
    if (result.stopped) {
        result.list.clear();
        return result;
    }
    result.list = compareWithoutOutliers(std::move(result.list), without.list,
                                         describeOutliers(result.view, result.outliers));
    progress.report(1, 1);
    return result;
}

}  // namespace rheo
