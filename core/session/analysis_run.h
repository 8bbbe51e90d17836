#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/analysis/trace_view.h"
#include "core/base/progress.h"
#include "core/dynamics/jacobian_result.h"
#include "core/dynamics/lens_result.h"
#include "core/results/results_file.h"
#include "core/statistics/analyze.h"
#include "core/trace/row_selection.h"

namespace rheo {

class Model;

/// The name of the null that is made with networks of the same shape, whose weights are drawn and not
/// trained.
constexpr const char* untrainedNull = "untrained";

/// A basis that is not fitted on all rows and points of the view together.
struct OtherBasis {
    bool perPoint = false;                   ///< one for each point
    std::optional<PcaBasis> given = {};      ///< from elsewhere: nothing is fitted
    std::string givenName = {};              ///< of the file it came from
    std::vector<std::int64_t> fitRows = {};  ///< rows of the view to fit on; empty: all
    std::string fitRowsText = {};            ///< as a person wrote them
};

/// What an analysis is to give: the same from the window and from the command line.
struct AnalysisRequest {
    /// Statistics with their options, the autoencoder among them; nulls, repeats, seed, threads and memory.
    AnalysisOptions options;
    std::optional<OtherBasis> otherBasis = {};  ///< for the PCA of `options`
    std::optional<Autoencoder> trained = {};    ///< applied instead of training one
    std::string trainedName = {};               ///< of the file it came from
    std::optional<LensOptions> lens = {};
    std::optional<JacobianOptions> jacobian = {};
    TokenText textOf = {};   ///< names the tokens of the lens; or none
    bool untrained = false;  ///< also beside untrained networks
    int untrainedRepeats = 1;
    std::uint64_t untrainedSeed = 0;  ///< of the first; the others count on
    std::string modelName = {};       ///< as a person named it
    std::string traceName = {};       ///< of the trace, for messages
};

/// Gives the model that made the trace, or one of its shape with weights drawn from `untrainedSeed`. Throws
/// where there is none, or it does not fit the trace.
using ModelOfTrace = std::function<std::shared_ptr<const Model>(std::optional<std::uint64_t> untrainedSeed,
                                                                Progress& progress)>;

struct AnalysisOutcome {
    Results results;                         ///< all that was asked for and is there, known or computed now
    std::vector<std::string> finished = {};  ///< what is done, in words
    std::vector<Undefined> undefined = {};   ///< what was asked for and cannot be computed, and why
    std::vector<std::string> remarks = {};   ///< for a person who reads along
    std::vector<std::string> warnings = {};
    bool stopped = false;           ///< there is less than was asked for
    std::int64_t excludedRows = 0;  ///< rows that were left out, as they hold values that are not finite
};

/// How each result of a request is made, from which a later run knows what it need not compute again.
Records recordsOf(const TraceView& view, const AnalysisRequest& request);

/// Computes what a request asks for and `known` does not hold: one sweep for most statistics and all
/// surrogates, then what is made one by one (untrained networks, another basis, the lens, the autoencoder).
/// `known` are results of the same view made in the same ways (readMatching), or empty ones. A part that
/// cannot be computed does not stop the others: it is named in `undefined`. A stop gives what is finished by
/// then; throws Cancelled where nothing is. Where all parts fail the error of the first is thrown. `model` is
/// asked only where the request needs one; it may be empty elsewhere. `say` hears the remarks as they come.
AnalysisOutcome runAnalysis(const TraceView& view, const AnalysisRequest& request, const ModelOfTrace& model,
                            const ResultsSource& source, Results known, Progress& progress,
                            const std::function<void(const std::string&)>& say = {});

}  // namespace rheo
