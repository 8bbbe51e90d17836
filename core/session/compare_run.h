#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/compare/compare.h"
#include "core/results/comparison_file.h"
#include "core/session/analysis_choice.h"

namespace rheo {

/// What a comparison is made of: a trace, or results or the folder of a report, which name theirs.
struct OpenedSource {
    std::string path;                    ///< as it was given
    std::string name;                    ///< short, for people
    std::shared_ptr<const Trace> trace;  ///< null: there is none to be found
    std::string tracePath;
    std::string missing = {};              ///< why it is null, a sentence
    std::optional<ResultsSource> of = {};  ///< what results say of it
    std::vector<Verdict> verdicts = {};    ///< of results; empty: none
};
/// Throws Error(NotFound, Format, Unsupported) naming the file; a trace that results name and that is not
/// there is not an error. Cost: reads the results.
OpenedSource openSource(const std::filesystem::path& path, Progress& progress);
/// Short names that tell sources apart: of the file without its endings; where these are equal, with the
/// folder before them, or a number after them.
void nameApart(std::vector<OpenedSource>& sources);

/// The statistics that are compared where none are named: those that cost no more than reading.
std::string usualComparedStatistics();

struct CompareRequest {
    /// Points, selection, mask, scaling (raw or rms), statistics with their options, seed, threads, memory.
    AnalysisChoice choice;
    std::optional<Alignment> alignment = {};
    std::optional<PcaBasis> basis = {};
    std::string basisName = {};  ///< of the file it came from
    int components = 10;
    int resamples = 100;
    int repeats = 200;
    std::int64_t mostRows = 1000;
};

/// Throws Error(InvalidArgument) for fewer than two sources, and Error(NotFound) where some have no trace and
/// not all have verdicts. Where all have verdicts and some no trace, the comparison is of verdicts alone.
/// Otherwise as compareSources and makeViewOf.
ComparisonFile runComparison(const std::vector<OpenedSource>& sources, const CompareRequest& request,
                             Progress& progress);

/// The verdicts of all sources as a table of text, a line a finding: its name, and of each source verdict,
/// value and interval; marked with * where verdicts differ and with | where intervals do not overlap. Empty
/// where there are none.
std::string verdictTableText(const ComparisonFile& record);
/// The same for other programs: a list of {key, differ, apart, sources [{name, verdict, observed, low, high,
/// p}]}.
std::string verdictTableJson(const ComparisonFile& record);

}  // namespace rheo
