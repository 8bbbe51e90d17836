#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/base/progress.h"
#include "core/results/results_file.h"
#include "core/session/analysis_choice.h"
#include "core/session/document.h"
#include "core/trace/trace.h"

namespace rheo {

/// Results of a document: those of a file that was opened, and what was computed since. Immutable and shared.
struct OpenedResults {
    std::filesystem::path path;  ///< of the file that holds just these, absolute; empty: none does
    Results results;
    std::filesystem::path base = {};              ///< of the file that the first of them come from
    std::vector<AnalysisChoice> made = {};        ///< what was computed in addition, in this order
    std::vector<AnalysisChoice> unfinished = {};  ///< of these: what was stopped and can be continued
    /// The results that its PCA was taken over from: their basis may be the document's. Null: it is its own.
    std::shared_ptr<const OpenedResults> pcaSource = {};
};

/// The file of results in `folder`, as rheo report and rheo demo write it (`results.h5`); empty if there is
/// none.
std::filesystem::path resultsFileIn(const std::filesystem::path& folder);

/// Reads a results file, samples of nulls included. Throws as readResults.
std::shared_ptr<const OpenedResults> openResults(const std::filesystem::path& path);

/// The trace that results were made from, as far as it can be found.
struct TraceOfResults {
    std::shared_ptr<const Trace> trace;  ///< null: not found
    std::filesystem::path path;
    std::string missing;  ///< why it is null, a sentence that names the file
};
/// Looks at the path that the results name, then at the same name beside the results, and opens the first
/// trace whose hash is that of the results. Throws nothing but Cancelled. Cost: a few rows of each file.
TraceOfResults traceOfResults(const OpenedResults& opened, Progress& progress);

/// Whether `trace`, or the trace that its rows were picked from, has this hash. Cost: that of sourceHash.
bool hasSourceHash(const Trace& trace, const std::string& hash);

/// A document of those rows of `trace` that the results were made from; all rows if some of them are not
/// there. Samples without a row are left out. The results are not in it yet.
DocumentState openDocumentOf(const OpenedResults& opened, std::shared_ptr<const Trace> trace,
                             PromptId firstId);

/// `state` with these results in the place of those it has. Where they hold a PCA of exactly its rows and
/// points, of raw states, that basis becomes the document's, so that a state can be teleported in it; a PCA
/// of anything else takes the place of the document's basis, and is drawn as the file has it.  Cost: a
/// comparison of the rows.
DocumentState withResults(const DocumentState& state, std::shared_ptr<const OpenedResults> opened);
/// What an analysis of the document gave.
struct ComputedResults {
    AnalysisChoice choice;
    AnalysisOutcome outcome;
    std::shared_ptr<const Trace> trace;  ///< the rows of the document that it was asked of
    /// [row, point, k] of `trace` in the basis of the outcome, where its own scores are of fewer rows; or
    /// null.
    std::shared_ptr<const Array3F> scores = {};
};
/// `state` with what was computed among its results. Where those are of the same rows and points it joins
/// them, in the place of the same statistics (nulls that were made in the same way stay); else they become
/// `earlier`. A PCA is taken as by withResults, where it was computed. Cost: a copy of the
/// results.
DocumentState withComputed(const DocumentState& state, ComputedResults computed);

/// What a results file of a document holds.
struct ResultsToSave {
    Results results;
    std::vector<std::string> left;  ///< statistics that are of other rows or points, and so not in it
};
/// All results of the same rows and points as those that hold `statistic` (empty: the newest), and the PCA
/// of the document where it is of those too. `traceFile` holds the rows; empty: none does.
/// Cost: a copy of it all.
ResultsToSave resultsToSave(const DocumentState& state, const std::string& traceFile,
                            std::string_view statistic);

/// The newest results that hold a statistic; null ones where none do.
HeldResults resultsWith(const DocumentState& state, std::string_view statistic);
/// Whether results hold a statistic ("motion", "lens"; a PCA of each point is one).
bool holds(const Results& results, std::string_view statistic);
/// The analysis of a statistic that was stopped and can be continued; null: none was.
const AnalysisChoice* unfinishedOf(const OpenedResults& opened, std::string_view statistic);

/// Rows that came and went.
struct RowChange {
    std::int64_t added = 0, removed = 0;
};
/// From the rows of one trace to those of another. Cost: n log n in the rows.
RowChange rowChange(const std::shared_ptr<const Trace>& before, const std::shared_ptr<const Trace>& after);
/// "3 rows were added and 1 was removed since"; empty where the rows of the document are those that the
/// results are of, or where that is not known.
std::string changeSince(const HeldResults& held, const DocumentState& state);

/// `state` without results. What it took from them stays.
DocumentState withoutResults(const DocumentState& state);

/// The pooled PCA of the results, if it has the three components that are drawn; null else.
const PcaResult* drawnPca(const OpenedResults& opened);
/// The file of the trace that is open, or that the results name; empty where neither is known.
std::string traceFileOf(const DocumentState& state);
/// Whether the document's basis is the one that its results hold.
bool basisIsOfResults(const DocumentState& state);

}  // namespace rheo
