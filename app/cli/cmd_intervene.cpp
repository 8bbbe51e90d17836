// rheo intervene: edits of states in a prompt and in what the model writes after it.
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "core/base/error.h"
#include "core/dynamics/intervene.h"
#include "core/dynamics/teleport_result.h"
#include "core/results/intervened_file.h"
#include "core/results/intervention_file.h"

namespace rheo::cli {

namespace {

struct Options {
    ModelOption model;
    TextOption text;
    OutOption out;
    std::string edits;
    int generate = 0;
    Sampling sampling;
    std::string sweep;
    TokenOption answer;
};

nlohmann::ordered_json numberOrNull(double value) {
    return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json();
}

std::string decoded(const OpenModel& open, const std::vector<std::int32_t>& ids) {
    return open.tokenizer ? open.tokenizer->decode(ids) : std::string();
}

void showNext(const Console& console, const OpenModel& open, const std::string& title,
              const VectorF& logits) {
    std::string line = title;
    for (const auto& token : topTokens(logits, 5))
        line += fmt::format("  {} {:.3f}",
                            open.tokenizer ? open.tokenizer->pieceText(token.id) : std::to_string(token.id),
                            token.probability);
    console.say(line);
}

void show(const Console& console, const OpenModel& open, const IntervenedFile& record) {
    const InterveneResult& result = record.result;
    console.say(fmt::format("{} edits; KL of the next token {:.4g} nats", result.edits.size(), result.kl));
    showNext(console, open, "next, natural:   ", result.logitsNatural);
    showNext(console, open, "next, intervened:", result.logitsIntervened);
    if (result.naturalIds.empty()) return;
    const auto text = [&](const std::string& decodedText, const std::vector<std::int32_t>& ids) {
        return open.tokenizer ? decodedText : fmt::format("{}", fmt::join(ids, " "));
    };
    console.say("natural:    " + text(record.naturalText, result.naturalIds));
    console.say("intervened: " + text(record.intervenedText, result.intervenedIds));
}

int run(const Options& options, Common& common) {
    const auto started = std::chrono::steady_clock::now();
    options.out.refuseEarly({options.model.name, options.text.file, options.edits});
    Progress progress = common.console.progress();
    Progress loading = progress.part(0, 0.5);
    const OpenModel open = openModel(options.model, common, loading);
    InterveneRequest request;
    request.ids = options.text.readIds(open, common.console);
    request.intervention = readIntervention(options.edits, open.model->identity(), open.model->points());
    request.generate = options.generate;
    request.sampling = options.sampling;
    request.sampling.seed = common.seed;
    Progress running = progress.part(0.5, options.sweep.empty() ? 1 : 0.75);
    IntervenedFile record;
    record.result = intervene(*open.model, request, running);
    record.points = open.model->points();
    record.model = open.model->identity();
    record.text = options.text.text;
    record.ids = request.ids;
    record.intervention = request.intervention;
    record.sampling = request.sampling;
    const InterveneResult& result = record.result;
    record.naturalText = decoded(open, result.naturalIds);
    record.intervenedText = decoded(open, result.intervenedIds);
    nlohmann::ordered_json sweep = nlohmann::ordered_json::array();
    if (!options.sweep.empty()) {
        record.sweepToken = options.answer.readId(open);
        Progress sweeping = progress.part(0.75, 1);
        record.sweep =
            sweepStrengths(*open.model, request, parseNumbers(options.sweep), record.sweepToken, sweeping);
    }
    writeIntervenedFile(options.out.path, record, options.out.ifExists());
    show(common.console, open, record);
    for (const SweepStep& step : record.sweep) {
        const std::string text = decoded(open, step.ids);
        common.console.say(
            fmt::format("strength {:>6g}: probability {:.4f}, entropy {:.3f} nats, perplexity {:.4g}  {}",
                        step.factor, step.probability, step.entropy, step.perplexity, text));
        sweep.push_back({{"strength", step.factor},
                         {"probability", numberOrNull(step.probability)},
                         {"entropy", step.entropy},
                         {"perplexity", numberOrNull(step.perplexity)},
                         {"ids", step.ids},
                         {"text", text}});
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    common.console.result({{"out", options.out.path},
                           {"rows", result.natural.n0 + result.intervened.n0},
                           {"seconds", seconds},
                           {"ids", request.ids},
                           {"natural_ids", result.naturalIds},
                           {"intervened_ids", result.intervenedIds},
                           {"natural_text", record.naturalText},
                           {"intervened_text", record.intervenedText},
                           {"kl", result.kl},
                           {"sweep", sweep}});
    return 0;
}

std::string operationsInHelp() {
    std::string text =
        "EDITS.json: {\"edits\": [{\"point\": \"L05.attn_in\", \"tokens\": \"last\" | \"all\" | "
        "\"generated\" | \"3:\" | \"3:7\" | [1, 2], \"op\", \"vector\": \"F.npy\" | \"F.safetensors#NAME\" | "
        "[..], \"strength\": 1.0, \"unit\": \"absolute\" | \"rms\", \"name\", \"on\": true}]}\nOperations:\n";
    for (const auto& operation : editOperations())
        text += fmt::format("  {:<12} {}\n", operation.name, operation.summary);
    return text +
           "Unit rms: strength 1 gives a vector the RMS norm of the natural states at its point, over all "
           "tokens of the prompt except the first.\n";
}

}  // namespace

void addSamplingOptions(CLI::App& command, Sampling& sampling) {
    auto* temperature =
        command
            .add_option("--temperature", sampling.temperature,
                        "draw tokens with logits divided by this (and --seed); 0: the likeliest")
            ->check(realNumber(0, 1e6))
            ->type_name("T");
    command
        .add_option(
            "--top-p", sampling.topP,
            "nucleus sampling: draw from the smallest set of likeliest tokens with at least this probability")
        ->check(realNumber(0.000001, 1))
        ->needs(temperature)
        ->type_name("P");
}

void addIntervene(CLI::App& app, Command& chosen) {
    auto* command = app.add_subcommand(
        "intervene", "edit states in a prompt and in the text that the model writes after it");
    auto options = std::make_shared<Options>();
    options->model.addTo(*command);
    options->model.addLiteralTo(*command);
    options->text.addTo(*command, true);
    options->out.addTo(*command, "states, tokens and logits of both texts (HDF5)");
    command->add_option("--edits", options->edits, "the edits of the intervention; see below")
        ->required()
        ->type_name("EDITS.json");
    command->add_option("--generate", options->generate, "tokens to write after the prompt, in both texts")
        ->check(wholeNumber(0, 1'000'000))
        ->type_name("N");
    addSamplingOptions(*command, options->sampling);
    auto* sweep =
        command
            ->add_option(
                "--sweep", options->sweep,
                "also run with the strengths multiplied by these numbers: gives the probability of --answer "
                "and the entropy after the prompt, and the perplexity of the text under the natural model")
            ->check(readBy(parseNumbers))
            ->type_name("0,0.5,1,2");
    options->answer.addTo(*command, "--answer", "the token whose probability the sweep reports");
    options->answer.textGiven->needs(sweep);
    options->answer.idGiven->needs(sweep);
    command->footer(operationsInHelp());
    command->callback(
        [options, &chosen] { chosen = [options](Common& common) { return run(*options, common); }; });
}

}  // namespace rheo::cli
