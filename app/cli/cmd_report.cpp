// rheo report: every analysis of a trace, or of a model and prompts, on one page, and the findings put to the
// test.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/cli/commands.h"
#include "app/cli/ranks.h"
#include "core/base/error.h"
#include "core/capture/capture.h"
#include "core/session/report_run.h"
#include "core/session/verdict_text.h"
#include "widgets/paint/export_figure.h"

namespace rheo::cli {

namespace fs = std::filesystem;

namespace {

struct Options {
    std::string trace;
    ModelOption model;
    CaptureRequest capture;  ///< of the prompts, without --trace
    std::string out;
    bool force = false, resume = false;
    std::string points = "all", scaling = "raw", maskUnits;
    SelectOption select;
    std::string memory = "1G";
    std::optional<int> repeats;
    int derivativeRows = 0;
    VerdictOptions verdicts;
};

/// The call as a person would type it again.
std::string callOf(const CLI::App& command) {
    std::vector<std::string> call{"report"};
    for (const auto* option : command.get_options())
        for (const auto& value : option->results()) {
            if (option->get_positional()) {
                call.push_back(value);
                continue;
            }
            call.push_back(option->get_name());
            if (option->get_items_expected_max() > 0) call.push_back(value);
        }
    return commandLine(call);
}

/// What the command line asks for, but for the points, which need the trace.
ReportRequest makeRequest(const Options& options, const CLI::App& command, const Common& common) {
    ReportRequest request;
    request.folder = fs::absolute(options.out);
    request.modelName = options.model.name;
    request.inputs = {options.trace, options.model.name, options.capture.prompts};
    if (options.trace.empty())
        request.capture = options.capture;
    else
        request.trace = options.trace;
    request.replace = options.force;
    request.resume = options.resume;
    request.points = options.points;
    request.scaling = options.scaling;
    request.maskUnits = options.maskUnits;
    request.select = options.select.conditions;
    request.finalNorm = options.scaling == "final_norm";
    request.view.scaling = options.scaling == "rms" ? Scaling::Rms : Scaling::Raw;
    request.view.mask = parseUnitMask(options.maskUnits);
    request.view.selection = options.select.parse();
    request.view.leaveOutFirstTokens = true;
    request.view.threads = common.threads;
    request.command = callOf(command);
    request.derivativeRows = options.derivativeRows;
    VerdictOptions& how = request.verdicts = options.verdicts;
    if (options.repeats) how.repeats = how.mostRepeats = *options.repeats;
    how.refits = std::min(how.refits, how.repeats);
    how.seed = common.seed;
    how.threads = common.threads;
    how.memoryBytes = parseBytes(options.memory);
    how.keepFinished = true;
    return request;
}

ReportTools makeTools(const Options& options, Common& common) {
    ReportTools tools;
    tools.openModel = [&](Progress& progress) {
        OpenModel open = openModel(options.model, common, progress);
        return PromptModel{open.model, open.tokenizer, open.tokenizerNotes};
    };
    tools.openUntrained = [&](std::uint64_t seed, Progress& progress) {
        ModelOption drawn = options.model;
        drawn.untrained = seed;
        drawn.adapter.clear();
        return openModel(drawn, common, progress).model;
    };
    tools.draw = [](const Figure& figure, const Recipe& recipe) {
        startPainting();
        const ExportOptions how{"", recipe.widthMm, recipe.heightMm, 300, recipeToJson(recipe)};
        return encodeFigure(figure, ExportFormat::Svg, how).toStdString();
    };
    tools.commandLine = commandLine;
    tools.messages = captureMessages(common.console);
    tools.versions = {{"rheograph", RHEO_VERSION}, {"qt", qVersion()}};
    return tools;
}

void rejectContradictions(const Options& options) {
    if (options.trace.empty() == options.capture.prompts.empty())
        throw UsageError("a report needs a trace, or --model with --prompts");
    if (options.model.name.empty() && !options.capture.prompts.empty())
        throw UsageError("--prompts needs the model that reads them: --model");
    if (options.model.name.empty() && options.derivativeRows > 0)
        throw UsageError("--derivatives needs the model of the trace: --model");
    if (options.model.name.empty() && options.model.untrained)
        throw UsageError("--untrained needs the model whose weights it replaces: --model");
}

int run(const Options& options, const CLI::App& command, Common& common) {
    rejectContradictions(options);
    const ReportRequest request = makeRequest(options, command, common);
    Progress progress = common.console.progress();
    claim(request.folder);
    const RanksScope scope(ranksOfCommand());
    const ReportOutcome made = runReport(request, makeTools(options, common), progress);
    if (made.stopped) {
        common.console.warn(
            fmt::format("interrupted: {} holds what is finished; the same command with --resume goes on",
                        request.folder.string()));
        return 130;
    }
    if (!ranksOfCommand().first()) return 0;
    for (const auto& verdict : made.verdicts)
        common.console.say(
            fmt::format("{:<26} {:<18} {}", verdict.key, verdictName(verdict.verdict), sentenceOf(verdict)));
    common.console.say(fmt::format("done in {:.0f} s: {}", made.seconds, made.page.string()));
    common.console.result({{"out", request.folder.string()},
                           {"rows", made.rows},
                           {"repeated_rows", made.repeatedRows},
                           {"samples", made.samples},
                           {"seconds", made.seconds}});
    return 0;
}

}  // namespace

void addReport(CLI::App& app, Command& chosen) {
    auto* command = app.add_subcommand(
        "report", "all analyses and figures on one page, and a test of each published finding");
    auto options = std::make_shared<Options>();
    command->add_option("trace", options->trace, "a trace file; or --model and --prompts")
        ->type_name("T.rheo.h5");
    options->model.addTo(*command, false);
    options->model.addLiteralTo(*command);
    auto* prompts = command
                        ->add_option("--prompts", options->capture.prompts,
                                     "prompts as rheo capture takes them; - is standard input")
                        ->type_name("F");
    command
        ->add_option("--rows", options->capture.rows,
                     "which tokens of the prompts become rows: last, all or stride:K")
        ->check(readBy(parseRowChoice))
        ->needs(prompts)
        ->type_name("ROWS");
    command->add_option("--limit", options->capture.prompt.limit, "only the first N prompts")
        ->check(wholeNumber(1))
        ->default_str("")
        ->needs(prompts)
        ->type_name("N");
    command->add_option("--out", options->out, "folder for results, verdicts.json and index.html")
        ->required()
        ->type_name("DIR");
    auto* force = command->add_flag("--force", options->force, "replace existing files");
    command->add_flag("--resume", options->resume, "continue an interrupted report")->excludes(force);
    command
        ->add_option("--points", options->points,
                     "all, paper (without the final one), or a range L00.attn_in:L07.mlp_in")
        ->type_name("POINTS");
    options->select.addTo(*command);
    command
        ->add_option("--scaling", options->scaling,
                     "raw, rms (states divided by their own RMS), or final_norm (with --model); "
                     "early_attractor uses raw states")
        ->check(CLI::IsMember({"raw", "rms", "final_norm"}));
    command
        ->add_option("--mask-units", options->maskUnits,
                     "units to leave out, or z:Z: those whose size has a robust z above Z")
        ->type_name("3,17|z:Z");
    command
        ->add_option(
            "--repeats", options->repeats,
            fmt::format(
                "number of surrogates of each null; default: {}, or up to {} if they take about a second",
                options->verdicts.repeats, options->verdicts.mostRepeats))
        ->check(wholeNumber(1, 1000000))
        ->type_name("R");
    command
        ->add_option("--derivatives", options->derivativeRows,
                     fmt::format("also compute derivatives of all steps at N rows, beside an untrained "
                                 "network, and test the findings about them (this needs {} rows or more); "
                                 "default: none, because they can take longer than all else",
                                 leastSamples))
        ->check(wholeNumber(1, 100000))
        ->default_str("")
        ->type_name("N");
    command->add_option("--memory", options->memory, "limit of memory, not counting the results")
        ->check(readBy(parseBytes))
        ->type_name("BYTES");
    command->callback([options, command, &chosen] {
        chosen = [options, command](Common& common) { return run(*options, *command, common); };
    });
}

}  // namespace rheo::cli
