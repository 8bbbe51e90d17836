#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/findings/verdicts.h"
#include "core/results/results_file.h"
#include "core/session/analysis_view.h"
#include "core/session/capture_run.h"
#include "core/session/recipe.h"
#include "core/statistics/analyze.h"
#include "core/trace/row_selection.h"

namespace rheo {

struct Figure;

/// What a report is made of, and how. Texts are as a person wrote them: they stand on the page and in
/// records.
struct ReportRequest {
    std::filesystem::path folder;      ///< absolute, of all that is written
    std::filesystem::path trace = {};  ///< a trace file; empty: one is captured
    /// Prompts to capture into the folder first, where no trace is given. Its model, file and way of going on
    /// are those of the report.
    CaptureRequest capture = {};
    std::string modelName = {};                      ///< empty: without a model
    std::vector<std::filesystem::path> inputs = {};  ///< that must not be written over
    bool replace = false;                            ///< what is in the folder
    bool resume = false;                             ///< go on with what is in the folder

    ViewRequest view = {};   ///< its scaling Raw or Rms
    bool finalNorm = false;  ///< states as the unembedding would see them; needs a model
    std::string points = "all", scaling = "raw", maskUnits = {}, select = {};

    /// Derivatives about so many rows, beside those of an untrained network, and what they say of the
    /// findings on them (derivative_verdicts.h); 0: none. Needs a model.
    int derivativeRows = 0;
    VerdictOptions verdicts = {};  ///< with seed, threads and memory of everything
    std::string command = {};      ///< that makes this report
};

/// What a report needs from outside of core.
struct ReportTools {
    /// Opens the model of the request. Called where it is needed, at most once.
    std::function<PromptModel(Progress&)> openModel;
    /// A network of the same shape with weights drawn by seed, for derivatives.
    std::function<std::shared_ptr<const Model>(std::uint64_t seed, Progress&)> openUntrained;
    /// Draws a figure as SVG, with the recipe in it.
    std::function<std::string(const Figure&, const Recipe&)> draw;
    /// A line for a shell that runs `rheo` with these arguments.
    std::function<std::string(const std::vector<std::string>&)> commandLine;
    CaptureMessages messages;
    std::map<std::string, std::string> versions;  ///< of the program and what it draws with
};

struct ReportOutcome {
    std::vector<Verdict> verdicts = {};  ///< empty where it was stopped
    std::int64_t rows = 0;               ///< that were analysed
    std::int64_t repeatedRows = 0;       ///< that have the states of another, and were left out
    std::int64_t samples = 0;            ///< distinct ones
    std::filesystem::path page = {};
    double seconds = 0;
    bool stopped = false;  ///< the folder holds what is finished; `resume` goes on
};

/// All analyses of a trace, or of prompts that are captured first, on one page: statistics with their nulls,
/// pushes, lens and derivatives (with a model), the autoencoder, the verdicts, figures. Writes results.h5,
/// results-without-outliers.h5 (where there are outliers), verdicts.json, curves.csv, curves.json and
/// index.html into the folder, and resumes from what the first two hold. Where there are too few samples or
/// points no finding is tested, and statistics have no surrogates. Each stage reports progress. A stop keeps
/// what is finished. Of several ranks (currentRanks) all call it, and the first writes; they share the
/// capture and what the verdicts rest on. Before anything is computed it makes the folder and throws
/// Error(AlreadyExists) unless `replace` or `resume`, Error(Io), and as requireOutput.
ReportOutcome runReport(const ReportRequest& request, const ReportTools& tools, Progress& progress);

}  // namespace rheo
