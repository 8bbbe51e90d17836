#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/base/progress.h"
#include "core/results/results_file.h"
#include "core/session/document.h"
#include "core/trace/trace.h"

namespace rheo {

/// A results file that is open in a document. Immutable and shared.
struct OpenedResults {
    std::filesystem::path path;  ///< absolute
    Results results;
};

/// The file of results in `folder`, as rheo report and rheo demo write it (`results.h5`); empty if there is
/// none.
std::filesystem::path resultsFileIn(const std::filesystem::path& folder);

/// Reads a results file. Throws as readResults.
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
/// of anything else takes the place of the document's basis, and is drawn as the file has it. A density in
/// the results takes the place of the document's in the same way. Cost: a comparison of the rows.
DocumentState withResults(const DocumentState& state, std::shared_ptr<const OpenedResults> opened);
/// `state` without results. What it took from them stays.
DocumentState withoutResults(const DocumentState& state);

/// The pooled PCA of the results, if it has the three components that are drawn; null else.
const PcaResult* drawnPca(const OpenedResults& opened);
/// Null if there is none.
const DensityResult* densityOf(const OpenedResults& opened);
/// The file of the trace that is open, or that the results name; empty where neither is known.
std::string traceFileOf(const DocumentState& state);
/// Whether the document's basis is the one that its results hold.
bool basisIsOfResults(const DocumentState& state);

}  // namespace rheo
