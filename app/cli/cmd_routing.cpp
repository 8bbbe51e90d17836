// rheo routing: which experts the routers of a model choose for the tokens of prompts.
#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "core/base/error.h"
#include "core/capture/prompts.h"
#include "core/dynamics/routing.h"
#include "core/results/routing_file.h"

namespace rheo::cli {

namespace {

struct Options {
    ModelOption model;
    TextOption text;
    std::string prompts;
    PromptOptions prompt;
    OutOption out;
    RoutingOptions routing;
};

/// Token ids of each prompt.
std::vector<std::vector<std::int32_t>> promptsOf(const Options& options, const OpenModel& open,
                                                 Common& common, Progress& progress) {
    if (options.prompts.empty()) return {options.text.readIds(open, common.console)};
    const PromptList list =
        readPrompts(options.prompts, open.tokenizer.get(), open.model->config(), options.prompt, progress);
    warnOfPrompts(list.samples, open, common.console);
    std::vector<std::vector<std::int32_t>> prompts;
    for (const Sample& sample : list.samples) prompts.push_back(sample.tokenIds);
    return prompts;
}

void show(const Console& console, const RoutingResult& routing) {
    console.say(fmt::format("{:<6} {:>14} {:>22} {:>26} {:>26}", "block", "entropy/ln E", "even use (chance)",
                            "about the token (chance)", "about the next (chance)"));
    const auto beside = [](const ChanceCurve& curve, Eigen::Index b) {
        if (b >= curve.observed.size()) return std::string();
        return std::isfinite(curve.mean[b])
                   ? fmt::format("{:.3f} ({:.3f}, p {:.2g})", curve.observed[b], curve.mean[b], curve.p[b])
                   : fmt::format("{:.3f}", curve.observed[b]);
    };
    for (Eigen::Index b = 0; b < std::ssize(routing.blocks); ++b)
        console.say(fmt::format("L{:<5} {:>14.3f} {:>22} {:>26} {:>26}",
                                routing.blocks[static_cast<std::size_t>(b)], routing.entropy.col(b).mean(),
                                beside(routing.balance, b), beside(routing.token, b),
                                beside(routing.next, b)));
}

int run(const Options& options, Common& common) {
    const auto started = std::chrono::steady_clock::now();
    options.out.refuseEarly({options.model.name, options.prompts, options.text.file});
    Progress progress = common.console.progress();
    Progress loading = progress.part(0, 0.3);
    const OpenModel open = openModel(options.model, common, loading);
    Progress running = progress.part(0.3, 1);
    running.setStage("running the model");
    const auto prompts = promptsOf(options, open, common, running);
    RoutingOptions asked = options.routing;
    asked.seed = common.seed;
    asked.threads = common.threads;
    RoutingFile record;
    record.routing = routePrompts(*open.model, prompts, asked, running);
    record.model = open.model->identity();
    for (std::size_t i = 0; i < prompts.size(); ++i)
        for (const std::int32_t id : prompts[i]) {
            record.ids.push_back(id);
            record.prompts.push_back(static_cast<std::int32_t>(i));
            if (open.tokenizer) record.tokenTexts.try_emplace(id, open.tokenizer->pieceText(id));
        }
    writeRoutingFile(options.out.path, record, options.out.ifExists());
    const RoutingResult& routing = record.routing;
    show(common.console, routing);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    common.console.say(
        fmt::format("{}: tokens {}, prompts {}, blocks {}; {} of {} experts process a token; {:.1f} s",
                    options.out.path, record.ids.size(), prompts.size(), routing.blocks.size(),
                    routing.chosen.n2, routing.probabilities.n2, seconds));
    common.console.result({{"out", options.out.path},
                           {"rows", record.ids.size()},
                           {"seconds", seconds},
                           {"blocks", routing.blocks},
                           {"experts", routing.probabilities.n2},
                           {"chosen", routing.chosen.n2}});
    return 0;
}

}  // namespace

void addRouting(CLI::App& app, Command& chosen) {
    auto* command = app.add_subcommand(
        "routing", "which experts process the tokens of prompts, by block (mixtures of experts)");
    auto options = std::make_shared<Options>();
    options->model.addTo(*command);
    options->model.addLiteralTo(*command);
    options->text.addTo(*command, true);
    auto* prompts =
        command
            ->add_option("--prompts", options->prompts,
                         "many prompts from a file, in the form that rheo capture reads; - is standard input")
            ->type_name("F");
    for (const char* other : {"--text", "--text-file", "--ids"})
        prompts->excludes(command->get_option(other));
    command->add_option("--limit", options->prompt.limit, "only the first N prompts; default: all")
        ->check(wholeNumber(1))
        ->type_name("N")
        ->needs(prompts);
    command
        ->add_option("--max-tokens", options->prompt.maxTokens,
                     "only the first M token ids of each, BOS counted; default: all")
        ->check(wholeNumber(1))
        ->type_name("M")
        ->needs(prompts);
    command
        ->add_option(
            "--repeats", options->routing.repeats,
            "number of random repeats for chance: experts picked at random, or shuffled among the tokens")
        ->check(wholeNumber(0, 10000))
        ->type_name("R");
    command->add_option("--batch", options->routing.batch, "number of prompts that run at once")
        ->check(wholeNumber(1, 65536))
        ->type_name("B");
    options->out.addTo(*command, "the choices (HDF5)");
    command->callback(
        [options, &chosen] { chosen = [options](Common& common) { return run(*options, common); }; });
}

}  // namespace rheo::cli
