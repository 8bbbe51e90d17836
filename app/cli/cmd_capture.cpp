// rheo capture: prompts to a trace file.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "core/base/error.h"
#include "core/base/printable.h"
#include "core/capture/capture.h"
#include "core/capture/prompts.h"
#include "core/trace/trace_size.h"

namespace rheo::cli {

namespace {

struct Options {
    ModelOption model;
    OutOption out;
    std::string prompts;
    std::string rows = "last";
    std::string points = "all";
    std::string store = "float32";
    std::string shard = "0/1";
    PromptOptions prompt;
    SelectOption select;
    int batch = 16;
    bool resume = false;
};

int run(const Options& options, Common& common) {
    const auto started = std::chrono::steady_clock::now();
    const bool goesOn = options.resume && std::filesystem::exists(options.out.path);
    requireOutput(options.out.path, goesOn ? IfExists::Replace : options.out.ifExists(),
                  {options.model.name, options.prompts});
    if (options.resume && !goesOn)
        common.console.warn(
            fmt::format("there is no {} to go on with: the capture starts afresh", options.out.path));
    const RowChoice rows = parseRowChoice(options.rows);
    const Shard shard = parseShard(options.shard);
    const RowSelection selection = options.select.parse();

    Progress progress = common.console.progress();
    Progress loading = progress.part(0, 0.05);
    const OpenModel open = openModel(options.model, common, loading);
    const ModelConfig& config = open.model->config();
    for (const std::string& note : config.notes) common.console.warn(note);
    Progress reading = progress.part(0.05, 0.06);
    PromptList prompts = readPrompts(options.prompts, open.tokenizer.get(), config, options.prompt, reading);
    for (const auto& note : prompts.notes) common.console.warn(note);
    if (prompts.blankLines > 0)
        common.console.warn(
            fmt::format("{} blank lines of {} were skipped", prompts.blankLines, options.prompts));
    warnOfPrompts(prompts.samples, open, common.console);
    std::int64_t longest = 0;
    for (const auto& sample : prompts.samples)
        longest = std::max(longest, static_cast<std::int64_t>(sample.tokenIds.size()));
    if (const auto note = lengthNote(config, longest); !note.empty())
        common.console.warn("the longest prompt has " + note);

    const auto points = parsePoints(open.model->points(), options.points);
    const CapturePlan plan = planCapture(*open.model, std::move(prompts.samples), rows,
                                         PointIndex{points.front()}, PointIndex{points.back()}, shard,
                                         options.store == "bfloat16", selection, tokenTexts(open.tokenizer));
    common.console.say(fmt::format("{} rows of {} points by {} units: {}, from {} tokens of {} prompts",
                                   plan.info.rows.size(), plan.info.points.size(), plan.info.units,
                                   formatBytes(static_cast<double>(traceFileBytes(plan.info))), plan.tokens,
                                   plan.info.samples.size()));
    CaptureToFileOptions how;
    how.batch = options.batch;
    how.resume = goesOn;
    how.ifExists = options.out.ifExists();
    how.forecast = [&](double seconds) {
        if (seconds > 5) common.console.say(fmt::format("about {} to go", formatDuration(seconds)));
    };
    Progress capturing = progress.part(0.06, 1);
    const auto rowCount = plan.info.rows.size();
    bool interrupted = false;
    how.interrupted = [&](std::int64_t complete) {
        interrupted = true;
        std::fputs(
            fmt::format("rheo: interrupted; {} of {} rows are complete in {}; the same call with --resume "
                        "goes on\n",
                        complete, rowCount, options.out.path)
                .c_str(),
            stderr);
    };
    CaptureOutcome outcome;
    try {
        outcome = captureToFile(*open.model, plan, options.out.path, how, capturing);
    } catch (const Cancelled&) {
        if (!interrupted) throw;
        return 130;
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    for (const auto& warning : outcome.warnings) common.console.warn(warning);
    if (outcome.resumed > 0)
        common.console.warn(fmt::format("{} of {} rows were there already", outcome.resumed, outcome.rows));
    common.console.say(fmt::format("{}: {} rows in {:.1f} s", options.out.path, outcome.rows, seconds));
    common.console.result({{"out", options.out.path}, {"rows", outcome.rows}, {"seconds", seconds}});
    return 0;
}

}  // namespace

void addCapture(CLI::App& app, Command& chosen) {
    auto* command =
        app.add_subcommand("capture", "run prompts and write the states of their tokens to a trace");
    auto options = std::make_shared<Options>();
    options->model.addTo(*command);
    options->model.addLiteralTo(*command);
    options->out.addTo(*command, "the trace (.rheo.h5)");
    command
        ->add_option(
            "--prompts", options->prompts,
            "a file: one prompt a line; JSON Lines, or a JSON array, of objects with `text` or `ids`, and "
            "`group` where prompts depend on each other; - is standard input")
        ->required()
        ->type_name("F");
    command->add_option("--rows", options->rows, "which tokens become rows: last, all or stride:K")
        ->check(readBy(parseRowChoice))
        ->type_name("ROWS");
    command
        ->add_option("--points", options->points,
                     "all, paper (without the final one), one point, or a range L00.attn_in:L07.mlp_in")
        ->type_name("POINTS");
    command->add_option("--limit", options->prompt.limit, "only the first N prompts; left out: all")
        ->check(wholeNumber(1))
        ->type_name("N");
    options->select.addTo(*command);
    command
        ->add_option("--max-tokens", options->prompt.maxTokens,
                     "only the first M token ids of each, BOS counted; left out: all")
        ->check(wholeNumber(1))
        ->type_name("M");
    command->add_option("--batch", options->batch, "prompts run at once")
        ->check(wholeNumber(1, 65536))
        ->type_name("B");
    command->add_option("--store", options->store, "how states are stored")
        ->check(CLI::IsMember({"float32", "bfloat16"}));
    command->add_option("--shard", options->shard, "only rows i, i + n, ... of all")
        ->check(readBy(parseShard))
        ->type_name("i/n");
    command->add_flag("--resume", options->resume, "go on with an interrupted capture")
        ->excludes(command->get_option("--force"));
    command->callback(
        [options, &chosen] { chosen = [options](Common& common) { return run(*options, common); }; });
}

}  // namespace rheo::cli
