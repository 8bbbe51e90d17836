// rheo logits: next-token logits of every position.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "core/base/error.h"
#include "core/dynamics/teleport.h"
#include "core/trace/npy.h"

namespace rheo::cli {

namespace {

struct Options {
    ModelOption model;
    TextOption text;
    OutOption out;
};

int run(const Options& options, Common& common) {
    options.out.refuseEarly({options.model.name, options.text.file});
    Progress progress = common.console.progress();
    Progress loading = progress.part(0, 0.8);
    const OpenModel open = openModel(options.model, common, loading);
    const auto ids = options.text.readIds(open, common.console);
    Progress running = progress.part(0.8, 1);
    running.setStage("running the model");

    // Without a file only the last position is asked for, and only its unembedding is computed.
    VectorF last;
    if (!options.out.path.empty()) {
        const MatrixF logits = open.model->logits(ids, running);
        writeNpy(options.out.path, logits, options.out.ifExists());
        last = logits.row(logits.rows() - 1).transpose();
    } else {
        ForwardRequest request;
        request.ids = {ids};
        request.positions = {{static_cast<std::int32_t>(ids.size()) - 1}};
        request.states = false;
        request.logits = true;
        last = open.model->forward(request, running).logits.row(0).transpose();
    }
    nlohmann::ordered_json top = nlohmann::ordered_json::array();
    for (const auto& token : topTokens(last, 10)) {
        const std::string piece = open.tokenizer ? open.tokenizer->piece(token.id) : "";
        top.push_back({{"id", token.id}, {"piece", piece}, {"probability", token.probability}});
        common.console.say(fmt::format("{:>8.4f}  {:>7}  {}", token.probability, token.id, piece));
    }
    nlohmann::ordered_json result{{"ids", ids}, {"top", top}};
    if (!options.out.path.empty()) result["out"] = options.out.path;
    common.console.result(result);
    return 0;
}

}  // namespace

void addLogits(CLI::App& app, Command& chosen) {
    auto* command = app.add_subcommand("logits", "next-token logits at every position");
    auto options = std::make_shared<Options>();
    options->model.addTo(*command);
    options->model.addLiteralTo(*command);
    options->text.addTo(*command, true);
    options->out.addTo(*command,
                       "write [token, vocabulary] float32 as .npy; without it, the top 10 of the last token",
                       false);
    command->callback(
        [options, &chosen] { chosen = [options](Common& common) { return run(*options, common); }; });
}

}  // namespace rheo::cli
