// rheo attribute: what attention and the MLP of each block wrote to the logit of a token.
#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <numeric>

#include "app/cli/commands.h"
#include "core/base/error.h"
#include "core/dynamics/attribution.h"
#include "core/dynamics/intervene.h"
#include "core/dynamics/teleport_result.h"
#include "core/results/attribution_file.h"
#include "core/results/intervention_file.h"

namespace rheo::cli {

namespace {

struct Options {
    ModelOption model;
    TextOption text;
    OutOption out;
    TokenOption answer, foil;
    int token = -1;
    std::string edits;
};

/// The answer as given, or the likeliest token after `token`.
std::int32_t answerOf(const Options& options, const OpenModel& open, const std::vector<std::int32_t>& ids,
                      int token, Progress& progress) {
    if (options.answer.given()) return options.answer.readId(open);
    ForwardRequest request;
    request.ids = {ids};
    request.positions = {{token}};
    request.states = false;
    request.logits = true;
    return topTokens(open.model->forward(request, progress).logits.row(0).transpose(), 1).at(0).id;
}

void show(const Console& console, const AttributionFile& record) {
    const Attribution& a = record.attribution;
    const VectorD row = a.contribution.row(record.token).transpose();
    console.say(fmt::format(
        "token {} '{}': logit of '{}'{} {:.4f} = embedding {:.4f} + biases {:.4f}{} + writes {:.4f}",
        record.token, record.pieces[static_cast<std::size_t>(record.token)], record.answerText,
        a.foil < 0 ? "" : fmt::format(" - logit of '{}'", record.foilText), a.logit[record.token],
        a.embedding[record.token], a.bias[record.token],
        record.natural ? fmt::format(" + edits {:.4f}", a.edits[record.token]) : "", row.sum()));
    std::vector<Eigen::Index> order(static_cast<std::size_t>(row.size()));
    std::iota(order.begin(), order.end(), Eigen::Index{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](Eigen::Index x, Eigen::Index y) { return std::abs(row[x]) > std::abs(row[y]); });
    for (std::size_t i = 0; i < std::min<std::size_t>(8, order.size()); ++i)
        console.say(fmt::format("  after {:<14} {:>9.4f}",
                                pointName(record.points[static_cast<std::size_t>(order[i])]), row[order[i]]));
}

int run(const Options& options, Common& common) {
    const auto started = std::chrono::steady_clock::now();
    options.out.refuseEarly({options.model.name, options.text.file, options.edits});
    Progress progress = common.console.progress();
    Progress loading = progress.part(0, 0.7);
    const OpenModel open = openModel(options.model, common, loading);
    AttributionFile record;
    record.ids = options.text.readIds(open, common.console);
    const auto count = static_cast<int>(record.ids.size());
    if (options.token >= count)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("--token {}: the prompt has tokens 0 to {}", options.token, count - 1));
    record.token = options.token < 0 ? count - 1 : options.token;
    Progress running = progress.part(0.7, 1);
    running.setStage("running the model");
    const std::int32_t answer = answerOf(options, open, record.ids, record.token, running);
    const std::int32_t foil = options.foil.readId(open);
    std::vector<std::int32_t> all(record.ids.size());
    std::iota(all.begin(), all.end(), 0);
    record.attribution = attribute(*open.model, record.ids, all, answer, foil, {}, running);
    record.points = open.model->points();
    record.model = open.model->identity();
    if (!options.edits.empty()) {
        const Intervention intervention = readIntervention(options.edits, record.model, record.points);
        const auto context = open.model->prepare(record.ids, running);
        record.natural = std::move(record.attribution);
        record.attribution = attribute(*open.model, record.ids, all, answer, foil,
                                       resolveEdits(*open.model, *context, intervention, 0), running);
        record.intervention = interventionToJson(intervention, record.model);
    }
    const auto pieceOf = [&](std::int32_t id) {
        return open.tokenizer ? open.tokenizer->pieceText(id) : fmt::format("#{}", id);
    };
    for (const auto id : record.ids) record.pieces.push_back(pieceOf(id));
    record.answerText = pieceOf(answer);
    if (foil >= 0) record.foilText = pieceOf(foil);
    writeAttributionFile(options.out.path, record, options.out.ifExists());
    show(common.console, record);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    const Attribution& a = record.attribution;
    common.console.result({{"out", options.out.path},
                           {"rows", count},
                           {"seconds", seconds},
                           {"token", record.token},
                           {"answer", answer},
                           {"foil", foil},
                           {"logit", a.logit[record.token]},
                           {"embedding", a.embedding[record.token]},
                           {"bias", a.bias[record.token]}});
    return 0;
}

}  // namespace

void addAttribute(CLI::App& app, Command& chosen) {
    auto* command = app.add_subcommand(
        "attribute", "how much attention and the MLP of each block added to the logit of a token");
    auto options = std::make_shared<Options>();
    options->model.addTo(*command);
    options->model.addLiteralTo(*command);
    options->text.addTo(*command, true);
    options->answer.addTo(*command, "--answer",
                          "the next token whose logit is explained; default: the likeliest");
    options->foil.addTo(*command, "--foil", "a token whose logit is subtracted");
    command->add_option("--token", options->token, "position in the prompt, from 0; default: the last")
        ->check(wholeNumber(0, std::numeric_limits<std::int32_t>::max()))
        ->default_str("")
        ->type_name("T");
    command
        ->add_option("--edits", options->edits,
                     "an intervention, as for rheo intervene: attribution of both runs, and their difference")
        ->type_name("EDITS.json");
    options->out.addTo(*command, "the contributions (HDF5)");
    command->callback(
        [options, &chosen] { chosen = [options](Common& common) { return run(*options, common); }; });
}

}  // namespace rheo::cli
