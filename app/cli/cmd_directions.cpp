// rheo directions: vectors of the residual stream, to steer with.
#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "core/base/error.h"
#include "core/capture/prompts.h"
#include "core/dynamics/directions.h"
#include "core/results/vector_file.h"

namespace rheo::cli {

namespace {

struct Options {
    ModelOption model;
    OutOption out;
    std::vector<std::string> plus, minus;
    std::string plusPrompts, minusPrompts;
    TokenOption token;
    std::string point, name = "direction";
};

std::vector<std::vector<std::int32_t>> groupOf(const std::vector<std::string>& texts, const std::string& file,
                                               const OpenModel& open, Progress& progress) {
    std::vector<std::vector<std::int32_t>> prompts;
    for (const auto& text : texts)
        prompts.push_back(
            requireTokenizer(open, "give files of ids with --plus-prompts and --minus-prompts").encode(text));
    if (!file.empty())
        for (auto& sample :
             readPrompts(file, open.tokenizer.get(), open.model->config(), {}, progress).samples)
            prompts.push_back(std::move(sample.tokenIds));
    return prompts;
}

NamedVector differenceOfMeans(const Options& options, const OpenModel& open, Progress& progress) {
    const PointIndex point{findPoint(open.model->points(), options.point)};
    const auto plus = groupOf(options.plus, options.plusPrompts, open, progress);
    const auto minus = groupOf(options.minus, options.minusPrompts, open, progress);
    const VectorD difference = meanLastState(*open.model, plus, point, progress) -
                               meanLastState(*open.model, minus, point, progress);
    return {options.name,
            difference.cast<float>(),
            options.point,
            fmt::format("mean of the last tokens' states of {} prompts less that of {}", plus.size(),
                        minus.size()),
            {}};
}

int run(const Options& options, Common& common) {
    const auto started = std::chrono::steady_clock::now();
    options.out.refuseEarly({options.model.name, options.plusPrompts, options.minusPrompts});
    Progress progress = common.console.progress();
    Progress loading = progress.part(0, 0.5);
    const OpenModel open = openModel(options.model, common, loading);
    Progress running = progress.part(0.5, 1);
    running.setStage("running the prompts");
    NamedVector made;
    if (options.token.given()) {
        const std::int32_t id = options.token.readId(open);
        made = {options.name,
                logitDirection(*open.model, id),
                "final",
                fmt::format("unembedding row of token {} times the weight of the final norm", id),
                {}};
    } else {
        made = differenceOfMeans(options, open, running);
    }
    writeVectors(options.out.path, {made}, open.model->identity(), options.out.ifExists());
    const double norm = made.values.cast<double>().norm();
    common.console.say(fmt::format("{} at {}: norm {:.4g}; {}", made.name, made.point, norm, made.origin));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    common.console.result({{"out", options.out.path},
                           {"rows", 1},
                           {"seconds", seconds},
                           {"name", made.name},
                           {"point", made.point},
                           {"norm", norm},
                           {"origin", made.origin}});
    return 0;
}

}  // namespace

void addDirections(CLI::App& app, Command& chosen) {
    auto* command = app.add_subcommand("directions", "make a vector of the residual stream to steer with");
    auto options = std::make_shared<Options>();
    options->model.addTo(*command);
    options->model.addLiteralTo(*command);
    options->out.addTo(*command, "the vector (.safetensors or .npy), with its model, point, norm and origin");
    const auto group = [&](const char* name, std::vector<std::string>& texts, std::string& file,
                           const std::string& what) {
        auto* asTexts = command->add_option(name, texts, what + "; may be given several times")
                            ->type_name("S")
                            ->default_str("")
                            ->allow_extra_args(false);
        auto* asFile = command
                           ->add_option(std::string(name) + "-prompts", file,
                                        "the same from a file, as rheo capture reads it")
                           ->type_name("F");
        return std::pair{asTexts, asFile};
    };
    const auto plus = group("--plus", options->plus, options->plusPrompts,
                            "a prompt whose last state counts for the direction");
    const auto minus = group("--minus", options->minus, options->minusPrompts,
                             "a prompt whose last state counts against it");
    auto* point = command->add_option("--point", options->point, "where in depth the states are taken")
                      ->type_name("L05.attn_in");
    options->token.addTo(*command, "--token",
                         "instead: the direction in which the logit of this token grows");
    command->add_option("--name", options->name, "of the vector in the file")->type_name("NAME");
    command->callback([options, plus, minus, point, &chosen] {
        const bool groups =
            plus.first->count() + plus.second->count() + minus.first->count() + minus.second->count() > 0;
        const bool both = plus.first->count() + plus.second->count() > 0 &&
                          minus.first->count() + minus.second->count() > 0;
        if (options->token.given() ? groups || point->count() > 0 : !both || point->count() == 0)
            throw CLI::ValidationError("directions",
                                       "either --plus, --minus and --point are needed, or --token alone");
        chosen = [options](Common& common) { return run(*options, common); };
    });
}

}  // namespace rheo::cli
