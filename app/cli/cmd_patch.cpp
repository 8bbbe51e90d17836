// rheo patch: which states of a clean prompt bring its answer back in a corrupted one.
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "core/base/error.h"
#include "core/dynamics/patch_map.h"
#include "core/results/patch_map_file.h"
#include "core/results/vector_file.h"

namespace rheo::cli {

namespace {

struct Options {
    ModelOption model;
    OutOption out;
    std::string clean, corrupt, cleanIds, corruptIds;
    TokenOption answer, foil;
    std::string outcome, align, axes;
};

std::vector<std::int32_t> idsOf(const std::string& text, const std::string& ids, const OpenModel& open,
                                Console& console) {
    if (!ids.empty()) return parseIds(ids);
    Sample sample;
    sample.tokenIds =
        requireTokenizer(open, "give token ids with --clean-ids and --corrupt-ids").encode(text);
    warnOfPrompts({sample}, open, console);
    return sample.tokenIds;
}

/// "0:0,2:1" as pairs of a clean and a corrupted token. Throws UsageError.
std::vector<std::pair<std::int32_t, std::int32_t>> parseAlignment(const std::string& text) {
    std::vector<std::pair<std::int32_t, std::int32_t>> pairs;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t comma = std::min(text.find(',', begin), text.size());
        const std::string pair = text.substr(begin, comma - begin);
        const auto colon = pair.find(':');
        if (colon == std::string::npos)
            throw UsageError(fmt::format("'{}' in '{}' is not CLEAN:CORRUPTED, two positions", pair, text));
        pairs.emplace_back(parseIds(pair.substr(0, colon)).at(0), parseIds(pair.substr(colon + 1)).at(0));
        begin = comma + 1;
    }
    return pairs;
}

void align(const std::string& text, PatchRequest& request) {
    if (text.empty()) return;
    request.cleanToken.assign(request.corrupted.size(), -1);
    for (const auto& [clean, corrupted] : parseAlignment(text)) {
        if (corrupted < 0 || static_cast<std::size_t>(corrupted) >= request.corrupted.size())
            throw Error(ErrorCode::InvalidArgument,
                        fmt::format("--align {}:{}: the corrupted prompt has tokens 0 to {}", clean,
                                    corrupted, request.corrupted.size() - 1));
        request.cleanToken[static_cast<std::size_t>(corrupted)] = clean;
    }
}

PatchOutcome outcomeOf(const Options& options) {
    if (!options.outcome.empty()) return parsePatchOutcome(options.outcome).value();
    if (options.foil.given()) return PatchOutcome::LogitDifference;
    return options.answer.given() ? PatchOutcome::Probability : PatchOutcome::Kl;
}

/// Rejects tokens that the outcome does not read, and outcomes whose tokens are not given.
void checkTokens(PatchOutcome outcome, const Options& options) {
    const bool needsAnswer = outcome != PatchOutcome::Kl,
               needsFoil = outcome == PatchOutcome::LogitDifference;
    const auto check = [&](bool needs, bool given, const char* name) {
        if (needs != given)
            throw UsageError(fmt::format("the outcome {} {} {}", patchOutcomeName(outcome),
                                         needs ? "needs" : "has no use for", name),
                             name);
    };
    check(needsAnswer, options.answer.given(), "--answer");
    check(needsFoil, options.foil.given(), "--foil");
}

std::vector<std::string> piecesOf(const OpenModel& open, const std::vector<std::int32_t>& ids) {
    std::vector<std::string> pieces;
    for (const auto id : ids)
        pieces.push_back(open.tokenizer ? open.tokenizer->pieceText(id) : fmt::format("#{}", id));
    return pieces;
}

void show(const Console& console, const PatchMapFile& record) {
    const PatchMap& map = record.map;
    console.say(fmt::format("{}: clean {:.4g}, corrupted {:.4g}", patchOutcomeName(map.request.outcome),
                            map.clean, map.corrupted));
    const auto last = map.effect.cols() - 1;
    for (Eigen::Index t = 0; t < map.effect.rows(); ++t) {
        const std::int32_t from = map.request.cleanToken[static_cast<std::size_t>(t)];
        const std::string& piece = record.corruptedPieces[static_cast<std::size_t>(t)];
        if (from < 0) {
            console.say(fmt::format("{:>3} {:<16} no token of the clean prompt", t, piece));
            continue;
        }
        Eigen::Index best = 0;
        const bool defined = !map.normalized.row(t).array().isNaN().any();
        if (defined) map.normalized.row(t).maxCoeff(&best);
        console.say(fmt::format(
            "{:>3} {:<16} from {:<16} {}", t, piece, record.cleanPieces[static_cast<std::size_t>(from)],
            defined ? fmt::format("most at {}: {:.3f} of the way; at the last point {:.3f}",
                                  pointName(record.points[static_cast<std::size_t>(best)]),
                                  map.normalized(t, best), map.normalized(t, last))
                    : "both prompts have the same outcome"));
    }
}

int run(const Options& options, Common& common) {
    const auto started = std::chrono::steady_clock::now();
    options.out.refuseEarly({options.model.name});
    PatchRequest request;
    request.outcome = outcomeOf(options);
    checkTokens(request.outcome, options);
    Progress progress = common.console.progress();
    Progress loading = progress.part(0, 0.3);
    const OpenModel open = openModel(options.model, common, loading);
    request.clean = idsOf(options.clean, options.cleanIds, open, common.console);
    request.corrupted = idsOf(options.corrupt, options.corruptIds, open, common.console);
    request.answer = options.answer.readId(open);
    request.foil = options.foil.readId(open);
    align(options.align, request);
    PatchMapFile record;
    if (!options.axes.empty()) {
        const ModelIdentity identity = open.model->identity();
        const PcaBasis axes = readAxes(options.axes, AxesFrame::Orthonormal, &identity);
        request.along = axes.components;
        record.axisNames = axes.names;
    }
    if (request.clean.size() != request.corrupted.size() && options.align.empty())
        common.console.warn(
            fmt::format("the clean prompt has {} tokens and the corrupted one {}; they are aligned from the "
                        "end (--align changes this)",
                        request.clean.size(), request.corrupted.size()));
    Progress running = progress.part(0.3, 1);
    const auto mapping = std::chrono::steady_clock::now();
    record.map = patchMap(*open.model, request, running, [&](double secondsLeft) {
        common.console.say(fmt::format("about {} left", formatDuration(secondsLeft)));
    });
    const double ofMap = std::chrono::duration<double>(std::chrono::steady_clock::now() - mapping).count();
    record.points = open.model->points();
    record.model = open.model->identity();
    record.cleanPieces = piecesOf(open, request.clean);
    record.corruptedPieces = piecesOf(open, request.corrupted);
    if (options.answer.given()) record.answerText = piecesOf(open, {request.answer})[0];
    if (options.foil.given()) record.foilText = piecesOf(open, {request.foil})[0];
    writePatchMapFile(options.out.path, record, options.out.ifExists());
    show(common.console, record);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    common.console.result({{"out", options.out.path},
                           {"rows", record.map.effect.rows()},
                           {"seconds", seconds},
                           {"map_seconds", ofMap},
                           {"clean", record.map.clean},
                           {"corrupted", record.map.corrupted},
                           {"outcome", patchOutcomeName(request.outcome)},
                           {"answer", request.answer},
                           {"foil", request.foil}});
    return 0;
}

}  // namespace

void addPatch(CLI::App& app, Command& chosen) {
    auto* command = app.add_subcommand(
        "patch",
        "map which states of a clean prompt restore its answer in a corrupted one (activation patching)");
    auto options = std::make_shared<Options>();
    options->model.addTo(*command);
    options->model.addLiteralTo(*command);
    const auto prompt = [&](const char* name, std::string& text, std::string& ids, const std::string& what) {
        auto* given = command->add_option(name, text, what)->type_name("S");
        auto* asIds =
            command->add_option(std::string(name) + "-ids", ids, what + ", as token ids; none is added")
                ->check(readBy(parseIds))
                ->type_name("1,2,3");
        asIds->excludes(given);
        return std::pair{given, asIds};
    };
    const auto clean =
        prompt("--clean", options->clean, options->cleanIds, "the prompt that states are copied from");
    const auto corrupt =
        prompt("--corrupt", options->corrupt, options->corruptIds, "the prompt that they are copied into");
    options->answer.addTo(*command, "--answer", "the next token that the clean prompt should give");
    options->foil.addTo(*command, "--foil", "the next token whose logit is subtracted from that of --answer");
    options->out.addTo(*command, "the map (HDF5)");
    command
        ->add_option("--outcome", options->outcome,
                     "logit_difference of answer and foil, probability of the answer, or kl from the clean "
                     "run; default: the first of these that the given tokens allow")
        ->check(CLI::IsMember({"logit_difference", "probability", "kl"}));
    command
        ->add_option("--align", options->align,
                     "pairs of clean and corrupted positions; default: aligned from the end")
        ->check(readBy(parseAlignment))
        ->type_name("0:0,2:1");
    command
        ->add_option("--axes", options->axes,
                     "patch states only along these directions (one to three vectors of a file); default: "
                     "whole states")
        ->type_name("FILE[:NAME,...]");
    command->callback([options, clean, corrupt, &chosen] {
        if (clean.first->count() + clean.second->count() == 0)
            throw CLI::ValidationError("patch", "a clean prompt is needed: --clean S or --clean-ids 1,2,3");
        if (corrupt.first->count() + corrupt.second->count() == 0)
            throw CLI::ValidationError("patch",
                                       "a corrupted prompt is needed: --corrupt S or --corrupt-ids 1,2,3");
        chosen = [options](Common& common) { return run(*options, common); };
    });
}

}  // namespace rheo::cli
