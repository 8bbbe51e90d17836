#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/cli/console.h"
#include "core/base/error.h"
#include "core/base/output_file.h"
#include "core/checkpoint/checkpoint.h"
#include "core/checkpoint/dtype.h"
#include "core/model/model.h"
#include "core/session/analysis_view.h"
#include "core/session/capture_run.h"
#include "core/statistics/pca.h"
#include "core/tokenizer/tokenizer.h"
#include "core/trace/row_selection.h"
#include "core/trace/trace.h"

namespace rheo::cli {

/// Options that mean the same wherever they mean something.
struct Common {
    Console console;
    bool quiet = false;
    std::string progress = "auto";
    int threads = 0;
    std::string device = "cpu";
    std::string dtype = "float32";
    std::uint64_t seed = 0;
};

/// A command line that cannot be meant: exit status 2.
struct UsageError : Error {
    explicit UsageError(const std::string& message, std::string context = {})
        : Error(ErrorCode::InvalidArgument, message, std::move(context)) {}
};

/// The one of `names` that `name` is most likely a misspelling of; empty if none is near.
std::string nearest(const std::string& name, const std::vector<std::string>& names);
/// "there is no KIND 'name'; did you mean ...? There are ...".
UsageError unknownName(const std::string& kind, const std::string& name,
                       const std::vector<std::string>& names);

/// A check of an option's value by the function that reads it: what `parse` throws is wrong usage.
template <class Parse>
auto readBy(Parse parse) {
    return [parse](const std::string& value) -> std::string {
        try {
            parse(value);
            return {};
        } catch (const Error& e) {
            return e.what();
        }
    };
}

/// Checks that a value is a whole number from `least` to `most`, or a finite number from `least` to `most`;
/// each says so in the help. `most` at the largest of its type: "from `least`".
CLI::Validator wholeNumber(std::uint64_t least,
                           std::uint64_t most = std::numeric_limits<std::int64_t>::max());
CLI::Validator realNumber(double least, double most);

struct ProgramText;

/// The command that was chosen; runs after all options were read and returns the exit status.
using Command = std::function<int(Common&)>;

/// As runCommand (program.h) with all commands: a step of another command.
int dispatch(std::vector<std::string> arguments, Common& common);

/// Each adds one subcommand to `app`, and sets `chosen` when it is the one on the command line.
void addTokenize(CLI::App& app, Command& chosen);
void addLogits(CLI::App& app, Command& chosen);
void addCapture(CLI::App& app, Command& chosen);
void addImport(CLI::App& app, Command& chosen);
void addMerge(CLI::App& app, Command& chosen);
void addAnalyze(CLI::App& app, Command& chosen);
void addTeleport(CLI::App& app, Command& chosen);
void addIntervene(CLI::App& app, Command& chosen);
void addPatch(CLI::App& app, Command& chosen);
void addAttribute(CLI::App& app, Command& chosen);
void addRouting(CLI::App& app, Command& chosen);
void addDirections(CLI::App& app, Command& chosen);
void addFlow(CLI::App& app, Command& chosen);
void addResponse(CLI::App& app, Command& chosen);
void addFigure(CLI::App& app, Command& chosen);
void addReport(CLI::App& app, Command& chosen);
void addCompare(CLI::App& app, Command& chosen);
void addSeries(CLI::App& app, Command& chosen);
void addDemo(CLI::App& app, Command& chosen);
/// `program` describes all commands once they are added; it is read when the command runs.
void addHelp(CLI::App& app, Command& chosen, const ProgramText& program);

/// `--accept-unknown-config KEY,...`.
void addAcceptOption(CLI::App& command, std::vector<std::string>& keys);

/// `--adapter DIR`.
CLI::Option* addAdapterOption(CLI::App& command, std::string& adapter);

/// `--model MODEL`, `--adapter DIR`, `--untrained SEED` and `--accept-unknown-config KEY,...`.
struct ModelOption {
    std::string name;     ///< as locateModel understands it
    std::string adapter;  ///< as openAdapter takes it; empty: none
    std::optional<std::uint64_t> untrained;
    std::vector<std::string> acceptedKeys;
    std::string weights = "auto";  ///< parseWeightPlace
    bool literal = false;          ///< special tokens spelt out in texts are text
    void addTo(CLI::App& command, bool required = true);
    /// `--literal`, for commands that take texts.
    void addLiteralTo(CLI::App& command);
};

struct OpenModel {
    std::shared_ptr<const Checkpoint> checkpoint;
    std::shared_ptr<const Model> model;
    std::shared_ptr<const Tokenizer> tokenizer;  ///< null without one that is read
    std::vector<std::string> tokenizerNotes;     ///< how it was read, or why not
};
/// --dtype as the model takes it.
DType dtypeOf(const Common& common);
OpenModel openModel(const ModelOption& option, const Common& common, Progress& progress);
/// Warns of the model's notes on its tokenizer and of what promptRemarks says of its prompts.
void warnOfPrompts(const std::vector<Sample>& samples, const OpenModel& model, Console& console);

/// `--text S`, `--text-file F` or `--ids 1,2,3`.
struct TextOption {
    std::string text;
    std::string file;
    std::string ids;
    CLI::Option* textGiven = nullptr;
    bool withIds = false;
    void addTo(CLI::App& command, bool idsToo);
    /// The text, byte for byte. Throws Error(Format) with the offset of the first byte that is not UTF-8.
    std::string readText() const;
    /// Token ids: of the text with the tokenizer's own post-processor, or as given. Warns as warnOfPrompts.
    std::vector<std::int32_t> readIds(const OpenModel& model, Console& console) const;
};

/// Throws Error(NotFound) for a model without a tokenizer, saying why and `advice`.
const Tokenizer& requireTokenizer(const OpenModel& model, const std::string& advice);

/// A token of the vocabulary, as text or as its id: `--answer " Paris"` or `--answer-id 5`.
struct TokenOption {
    std::string name;  ///< "--answer"
    std::string text;
    std::optional<std::int32_t> id;
    CLI::Option *textGiven = nullptr, *idGiven = nullptr;
    void addTo(CLI::App& command, const std::string& option, const std::string& what);
    bool given() const { return textGiven->count() + idGiven->count() > 0; }
    /// -1 where none is given. Throws Error(InvalidArgument) for a text of several tokens, naming them.
    std::int32_t readId(const OpenModel& model) const;
};

/// `--basis R.h5`, or `--axes FILE[:NAME,...]` with `--skew`: what coordinates are written in.
struct BasisOption {
    std::string results, axes;
    bool skew = false;
    CLI::Option *resultsGiven = nullptr, *axesGiven = nullptr;
    void addTo(CLI::App& command);
    bool given() const { return !results.empty() || !axes.empty(); }
    std::string source() const { return results.empty() ? axes : results; }  ///< as a person named it
    /// Throws as readPcaBasis and readAxes. `model` may be null.
    std::optional<PcaBasis> read(const ModelIdentity* model) const;
};
/// "NAME (37.2 degrees from NAME)": the axes, and the angles of a skew frame.
std::string axesText(const PcaBasis& axes);

/// `--temperature` and `--top-p`.
void addSamplingOptions(CLI::App& command, Sampling& sampling);

/// `--out F` and `--force`.
struct OutOption {
    std::string path;
    bool force = false;
    CLI::Option* addTo(CLI::App& command, const std::string& what, bool required = true);
    IfExists ifExists() const { return force ? IfExists::Replace : IfExists::Refuse; }
    /// Claims the output and checks it, before anything is computed. Throws as claim and requireOutput.
    void refuseEarly(const std::vector<std::filesystem::path>& inputs = {}) const;
};

/// Claims an output for this command, until it ends (core/base/output_claim.h); of several ranks the first
/// does.
void claim(const std::filesystem::path& output);

/// `--select CONDITIONS` (core/trace/row_selection.h).
struct SelectOption {
    std::string conditions;
    void addTo(CLI::App& command);
    RowSelection parse() const { return parseSelection(conditions); }
};
/// What a capture says, on the console.
CaptureMessages captureMessages(Console& console);

/// The line a person would type in a shell to run `rheo` with these arguments.
std::string commandLine(const std::vector<std::string>& arguments);

/// Makes Qt able to paint text, with no display. Call it before the first figure is encoded.
void startPainting();

/// "1,2,3" as numbers, finite ones. Throws UsageError quoting the part that is none.
std::vector<std::int32_t> parseIds(const std::string& list);
std::vector<double> parseNumbers(const std::string& list);
/// "2G", "512M", "1.5GiB" as bytes, at least 1. Throws UsageError.
std::size_t parseBytes(const std::string& text);
/// "18 s", "2 min 05 s", "3 h 07 min".
std::string formatDuration(double seconds);

}  // namespace rheo::cli
