// rheo capture: prompts to a trace file.
#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/ranks.h"
#include "core/capture/capture.h"

namespace rheo::cli {

namespace {

struct Options {
    ModelOption model;
    OutOption out;
    SelectOption select;
    std::string store = "float32";
    std::string memory;
    CaptureRequest request;
};

int run(const Options& options, Common& common) {
    const auto started = std::chrono::steady_clock::now();
    CaptureRequest request = options.request;
    request.modelName = options.model.name;
    request.select = options.select.conditions;
    request.bfloat16 = options.store == "bfloat16";
    if (!options.memory.empty()) request.memory = parseBytes(options.memory);
    request.out = options.out.path;
    request.ifExists = options.out.ifExists();
    const CaptureMessages messages = captureMessages(common.console);
    claim(options.out.path);
    const RanksScope scope(ranksOfCommand());
    checkCapture(request, messages.warn);

    Progress progress = common.console.progress();
    Progress loading = progress.part(0, 0.05);
    const OpenModel open = openModel(options.model, common, loading);
    Progress capturing = progress.part(0.05, 1);
    const CaptureResult made =
        runCapture(request, {open.model, open.tokenizer, open.tokenizerNotes}, messages, capturing);
    if (made.stopped) return 130;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    common.console.say(fmt::format("{}: {} rows in {:.1f} s", options.out.path, made.rows, seconds));
    common.console.result({{"out", options.out.path}, {"rows", made.rows}, {"seconds", seconds}});
    return 0;
}

}  // namespace

CaptureMessages captureMessages(Console& console) {
    return {[&console](const std::string& line) { console.say(line); },
            [&console](const std::string& sentence) { console.warn(sentence); },
            [&console](double seconds) {
                if (seconds > 5) console.say(fmt::format("about {} to go", formatDuration(seconds)));
            }};
}

void addCapture(CLI::App& app, Command& chosen) {
    auto* command =
        app.add_subcommand("capture", "run prompts and write the states of their tokens to a trace");
    auto options = std::make_shared<Options>();
    options->model.addTo(*command);
    options->model.addLiteralTo(*command);
    options->out.addTo(*command, "the trace (.rheo.h5)");
    command
        ->add_option("--prompts", options->request.prompts,
                     "a file: one prompt per line; or JSON Lines, or a JSON array, of objects with `text` or "
                     "`ids`, and `group` where prompts depend on each other; - is standard input")
        ->required()
        ->type_name("F");
    command->add_option("--rows", options->request.rows, "which tokens become rows: last, all or stride:K")
        ->check(readBy(parseRowChoice))
        ->type_name("ROWS");
    command
        ->add_option("--points", options->request.points,
                     "all, paper (without the final one), one point, or a range L00.attn_in:L07.mlp_in")
        ->type_name("POINTS");
    command->add_option("--limit", options->request.prompt.limit, "only the first N prompts; default: all")
        ->check(wholeNumber(1))
        ->type_name("N");
    options->select.addTo(*command);
    command
        ->add_option("--max-tokens", options->request.prompt.maxTokens,
                     "only the first M token ids of each, BOS counted; default: all")
        ->check(wholeNumber(1))
        ->type_name("M");
    command
        ->add_option("--generate", options->request.generate,
                     "continue each prompt by N tokens, greedily; their states are rows like others")
        ->check(wholeNumber(0, 1'000'000))
        ->type_name("N");
    command->add_option("--batch", options->request.batch, "number of prompts that run at once")
        ->check(wholeNumber(1, 65536))
        ->type_name("B");
    command
        ->add_option("--memory", options->memory,
                     "with streamed weights (--weights): memory for the states of one pass over the weights; "
                     "default: a quarter of what is available, at most 4 GiB")
        ->check(readBy(parseBytes))
        ->type_name("BYTES");
    command->add_option("--store", options->store, "how states are stored")
        ->check(CLI::IsMember({"float32", "bfloat16"}));
    command->add_option("--shard", options->request.shard, "only rows i, i + n, ... of all")
        ->check(readBy(parseShard))
        ->type_name("i/n");
    command->add_flag("--resume", options->request.resume, "continue an interrupted capture")
        ->excludes(command->get_option("--force"));
    command->callback(
        [options, &chosen] { chosen = [options](Common& common) { return run(*options, common); }; });
}

}  // namespace rheo::cli
