#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/analysis/trace_view.h"
#include "core/base/progress.h"
#include "core/findings/verdicts.h"
#include "core/session/analysis_run.h"
#include "core/statistics/analyze.h"

namespace rheo {

/// What an analysis costs.
struct AnalysisCost {
    std::int64_t rows = 0;         ///< that are used
    std::int64_t readBytes = 0;    ///< of the trace, all passes together
    std::int64_t memoryBytes = 0;  ///< held at once, beside the results
    double seconds = 0;            ///< 0 where all of it is known
    bool measured = true;          ///< on this machine; else some of it is rough
    bool endsByItself = false;     ///< training of an autoencoder, of `expectedEpochs` epochs
    /// What is not defined for these rows and points, and why.
    std::vector<Undefined> undefined = {};
};

/// How many seconds this machine takes for what takes one core of the table's machine a second
/// (S::nanoseconds, NullSpec::nanoseconds), by the name of a statistic, or of a null: one surrogate of it,
/// with its statistics. 1 over the number of threads where nothing was measured.
using Rates = std::map<std::string, double>;

/// What `request` costs on `view`, but for what `known` holds. Reads no state. Throws as forecastReads.
AnalysisCost costOf(const TraceView& view, const AnalysisRequest& request, const Results& known,
                    const Rates& rates);

/// Measures the rates of a request on a few rows of the view: each statistic, and a few surrogates of each
/// null, for 5 to 200 ms each, twice; what takes little of the whole, or is in `rates`, is left out. Measures
/// nothing where the whole takes less than 0.2 s by the table. `model` as for runAnalysis; of untrained
/// networks the forward pass is measured, with this model and a few of the prompts. What fails is left out.
Rates measureRates(const TraceView& view, const AnalysisRequest& request, const Results& known,
                   const ModelOfTrace& model, const Rates& rates, Progress& progress);

/// Rates after a run that took `seconds` where `cost` was foreseen: those of the request are scaled alike.
void learnRates(Rates& rates, const AnalysisRequest& request, const AnalysisCost& cost, double seconds);

/// "about 2 min, 1.2 GiB read, 300 MiB of memory".
std::string costText(const AnalysisCost& cost);
/// "about 2 min", "about 0.7 s".
std::string timeText(double seconds);

/// A part of a report, and what it takes.
struct ReportPart {
    std::string name;  ///< "mutual information beside its surrogates"
    double seconds = 0;
};
/// The parts of a report on `view` (distinct rows): with a `model`, the pushes, the lens, and derivatives
/// about `derivativeRows` rows (0: none) beside an untrained network; the autoencoder; and what the verdicts
/// rest on, twice with `outliers`. Rates are measured as by measureRates, which takes a second or two.
std::vector<ReportPart> reportParts(const TraceView& view, const VerdictOptions& options,
                                    const ModelOfTrace& model, bool outliers, int derivativeRows,
                                    Progress& progress);
/// "about 12 min: lens 20 s, autoencoder 3 min, ...".
std::string partsText(const std::vector<ReportPart>& parts);

}  // namespace rheo
