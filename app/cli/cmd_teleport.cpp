// rheo teleport: one teleport, with the recovery measures and controls.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "core/base/error.h"
#include "core/dynamics/teleport.h"
#include "core/results/results_file.h"
#include "core/results/teleport_file.h"
#include "core/session/forecast.h"
#include "core/trace/npy.h"

namespace rheo::cli {

namespace {

struct Options {
    ModelOption model;
    TextOption text;
    OutOption out;
    std::string point;
    int token = -1;
    BasisOption basis;
    std::string to, by, state;
    std::string mode = "shift";
    int components = 3;
    int controls = 32;
};

/// The scores that are aimed at: given, or by how much the natural ones are moved.
VectorD targetScores(const Options& options, const PcaBasis& basis, const VectorF& h, int k) {
    const auto given = parseNumbers(options.to.empty() ? options.by : options.to);
    if (static_cast<int>(given.size()) > k)
        throw Error(ErrorCode::InvalidArgument,
                    options.basis.axes.empty()
                        ? fmt::format("{} coordinates are given for {} components; use --components {}",
                                      given.size(), k, given.size())
                        : fmt::format("{} coordinates are given for {} axes", given.size(), k));
    VectorD target = scoresOf(basis, h, k);
    for (std::size_t i = 0; i < given.size(); ++i) {
        const auto j = static_cast<Eigen::Index>(i);
        target[j] = options.to.empty() ? target[j] + given[i] : given[i];
    }
    return target;
}

/// The likeliest tokens of both paths, those of the natural one first.
void showTokens(TeleportFile& file, const Tokenizer* tokenizer) {
    for (const auto* path : {&file.result.natural, &file.result.teleported})
        for (const auto& token : topTokens(path->logits, 6)) {
            if (std::find(file.shownIds.begin(), file.shownIds.end(), token.id) != file.shownIds.end())
                continue;
            file.shownIds.push_back(token.id);
            file.shownTexts.push_back(tokenizer != nullptr ? tokenizer->pieceText(token.id)
                                                           : fmt::format("{}", token.id));
        }
}

/// What reading the weights will take, where they are streamed.
void sayStreamedCost(const Model& model, const TeleportRequest& request, bool inBasis,
                     const Console& console) {
    const auto streamed = model.streamed();
    if (!streamed) return;
    // The whole network for the prompt; its rest for the natural path, the teleported one, and the controls
    // in all directions and in the basis, each beside a natural batch.
    const int rests = 2 + (request.controls == 0 ? 0 : inBasis ? 4 : 2);
    const double rest =
        1 - static_cast<double>(request.point.value()) / static_cast<double>(model.points().size());
    console.say(fmt::format("reading the weights for this teleport takes {}",
                            timeText((1 + rests * rest) * streamed->seconds)));
}

int run(const Options& options, Common& common) {
    const auto started = std::chrono::steady_clock::now();
    options.out.refuseEarly({options.model.name, options.basis.results, options.state, options.text.file});
    TeleportRequest request;
    request.mode = options.state.empty() ? parseTeleportMode(options.mode).value() : TeleportMode::State;
    request.components = options.components;
    request.controls = options.controls;
    request.seed = common.seed;
    if (options.state.empty() && !options.basis.given())
        throw UsageError(
            "--to and --by are coordinates in a basis; name results that contain a PCA with --basis R.h5, or "
            "directions with --axes FILE");
    std::optional<PcaBasis> basis;
    if (!options.basis.results.empty()) basis = options.basis.read(nullptr);
    Progress progress = common.console.progress();
    Progress loading = progress.part(0, 0.5);
    const OpenModel open = openModel(options.model, common, loading);
    if (!basis) basis = options.basis.read(&open.model->identity());
    if (basis && !basis->names.empty()) {
        request.components = static_cast<int>(basis->components.rows());
        common.console.say("axes: " + axesText(*basis));
    }
    const auto ids = options.text.readIds(open, common.console);
    request.point = PointIndex{findPoint(open.model->points(), options.point)};
    sayStreamedCost(*open.model, request, options.state.empty(), common.console);
    Progress running = progress.part(0.5, 1);
    running.setStage("running the prompt");
    const auto context = open.model->prepare(ids, running);

    const auto count = static_cast<int>(ids.size());
    if (options.token < -1 || options.token >= count)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("--token {}: the prompt has tokens 0 to {}", options.token, count - 1));
    request.token = options.token < 0 ? count - 1 : options.token;
    const VectorF h = open.model->naturalState(*context, request.point, request.token);
    if (request.mode == TeleportMode::State)
        request.state = readNpyVector(options.state, h.size());
    else
        request.state =
            teleportState(request.mode, h, *basis, targetScores(options, *basis, h, request.components));

    const TeleportResult result =
        teleport(*open.model, *context, request, basis ? &*basis : nullptr, running);
    TeleportFile file{open.model->points(), options.text.text, ids, open.model->identity(), result, {}, {}};
    showTokens(file, open.tokenizer.get());
    writeTeleportFile(options.out.path, file, options.out.ifExists());

    const TeleportMeasures& m = result.measures;
    const auto last = m.distance.size() - 1;
    common.console.say(
        fmt::format("{} token {} of {}: pushed by {:.4g}; at {} still {:.4g} apart ({:.1f} % of the push), "
                    "KL {:.4g} nats",
                    options.point, request.token, count, m.distance[0],
                    pointName(open.model->points().back()), m.distance[last], 100 * m.retention[last], m.kl));
    if (open.tokenizer)
        for (const auto* path : {&result.natural, &result.teleported}) {
            std::string line = path == &result.natural ? "next, natural:   " : "next, teleported:";
            for (const auto& token : topTokens(path->logits, 5))
                line += fmt::format("  {} {:.3f}", open.tokenizer->pieceText(token.id), token.probability);
            common.console.say(line);
        }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    common.console.result({{"out", options.out.path}, {"rows", 1}, {"seconds", seconds}});
    return 0;
}

}  // namespace

void addTeleport(CLI::App& app, Command& chosen) {
    auto* command =
        app.add_subcommand("teleport", "replace one state, and measure what the network computes from it");
    auto options = std::make_shared<Options>();
    options->model.addTo(*command);
    options->model.addLiteralTo(*command);
    options->text.addTo(*command, true);
    options->out.addTo(*command, "the paths, measures and controls (HDF5)");
    command->add_option("--point", options->point, "the residual point of the state")
        ->required()
        ->type_name("L05.attn_in");
    command->add_option("--token", options->token, "position in the prompt, from 0; default: the last")
        ->check(wholeNumber(0, std::numeric_limits<std::int32_t>::max()))
        ->default_str("")
        ->type_name("T");
    options->basis.addTo(*command);
    auto* to = command->add_option("--to", options->to, "new scores of the state, in units of the states")
                   ->check(readBy(parseNumbers))
                   ->type_name("z1,z2,z3");
    auto* by = command->add_option("--by", options->by, "change of the scores, in units of the states")
                   ->check(readBy(parseNumbers))
                   ->type_name("dz1,dz2,dz3");
    auto* state =
        command->add_option("--state", options->state, "the state itself, D numbers")->type_name("F.npy");
    to->excludes(by)->excludes(state);
    by->excludes(state);
    command
        ->add_option("--mode", options->mode, "shift (keep what is outside the basis) or project (drop it)")
        ->check(CLI::IsMember({"shift", "project"}))
        ->excludes(state);
    command->add_option("--components", options->components, "number of components of the basis to use")
        ->check(wholeNumber(1, 4096))
        ->needs(options->basis.resultsGiven)
        ->type_name("K");
    command
        ->add_option("--controls", options->controls,
                     "number of random directions of the same norm, of each kind")
        ->check(wholeNumber(0, 4096))
        ->type_name("K");
    command->callback([options, to, by, state, &chosen] {
        if (to->count() + by->count() + state->count() != 1)
            throw CLI::ValidationError("teleport", "one of --to, --by and --state is needed");
        chosen = [options](Common& common) { return run(*options, common); };
    });
}

}  // namespace rheo::cli
