// rheo merge: the shards of a capture to one trace.
#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "core/base/error.h"
#include "core/trace/merge.h"

namespace rheo::cli {

namespace {

struct Options {
    std::vector<std::string> shards;
    OutOption out;
    MergeOptions merge;
};

int run(const Options& options, Common& common) {
    const auto started = std::chrono::steady_clock::now();
    claim(options.out.path);
    MergeOptions merge = options.merge;
    merge.ifExists = options.out.ifExists();
    Progress progress = common.console.progress();
    MergeOutcome outcome;
    try {
        outcome =
            mergeTraces({options.shards.begin(), options.shards.end()}, options.out.path, merge, progress);
    } catch (const Cancelled&) {
        complain("interrupted; nothing was written");
        return 130;
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    for (const auto& warning : outcome.warnings) common.console.warn(warning);
    common.console.say(fmt::format("{}: {} rows of {} shards in {:.1f} s{}", options.out.path, outcome.rows,
                                   options.shards.size(), seconds,
                                   merge.copy ? "" : "; it reads the states from the shards, so keep them"));
    common.console.result({{"out", options.out.path},
                           {"rows", outcome.rows},
                           {"shards", options.shards.size()},
                           {"copied", merge.copy},
                           {"seconds", seconds}});
    return 0;
}

}  // namespace

void addMerge(CLI::App& app, Command& chosen) {
    auto* command = app.add_subcommand("merge", "join the shards of a capture into one trace");
    auto options = std::make_shared<Options>();
    command
        ->add_option("shards", options->shards, "the files that rheo capture --shard i/n wrote, in any order")
        ->required()
        ->default_str("")
        ->type_name("SHARD");
    options->out.addTo(*command, "the trace (.rheo.h5)");
    command->add_flag("--copy", options->merge.copy,
                      "copy the states, so that the shards are no longer needed");
    command->callback(
        [options, &chosen] { chosen = [options](Common& common) { return run(*options, common); }; });
}

}  // namespace rheo::cli
