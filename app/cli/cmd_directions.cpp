// rheo directions: vectors of the residual stream, to steer with and to be axes.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "core/base/error.h"
#include "core/capture/prompts.h"
#include "core/results/vector_file.h"
#include "core/session/direction_sources.h"
#include "core/trace/trace_reader.h"

namespace rheo::cli {

namespace {

using Json = nlohmann::ordered_json;

struct Options {
    ModelOption model;
    OutOption out;
    std::vector<std::string> plus, minus;
    std::string plusPrompts, minusPrompts;
    std::string trace, plusRows, minusRows;
    std::optional<std::int64_t> row, minusRow;
    std::string pca, components;
    std::vector<std::string> from;
    std::string list;
    TokenOption token;
    TextOption text;
    int carried = 0;
    bool alone = false;
    std::string point, name = "direction";
    std::string probe;
    ProbeOptions probeOptions;
    int tokens = 5;
};

/// What a run makes: vectors, the model they are of, and of a probe how good it is.
struct Made {
    std::vector<NamedVector> vectors;
    ModelIdentity model;  ///< empty: not known
    std::optional<ProbeResult> probe;
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

NamedVector between(const GroupedStates& groups, const Options& options, Made& made, Progress& progress) {
    if (options.probe.empty()) return differenceOfMeans(groups, options.name, options.point);
    return probeDirection(groups, options.probeOptions, options.name, options.point, made.probe.emplace(),
                          progress);
}

Made ofTrace(const Options& options, const OpenModel& open, Progress& progress) {
    const auto trace = TraceReader::open(options.trace);
    const PointIndex point{findPoint(trace->info().points, options.point)};
    Made made;
    made.model = trace->info().model.value_or(ModelIdentity());
    if (options.row) {
        made.vectors = {stateDifference(*trace, RowIndex{*options.row}, RowIndex{options.minusRow.value()},
                                        point, options.name)};
        return made;
    }
    TokenText textOf;
    if (open.tokenizer) textOf = tokenTexts(open.tokenizer);
    const auto rows = [&](const std::string& text) {
        return selectedRows(trace->info(), parseSelection(text), textOf);
    };
    made.vectors = {between(groupsOfRows(*trace, rows(options.plusRows), rows(options.minusRows), point),
                            options, made, progress)};
    return made;
}

Made ofPrompts(const Options& options, const OpenModel& open, Progress& progress) {
    const PointIndex point{findPoint(open.model->points(), options.point)};
    Made made;
    made.model = open.model->identity();
    progress.setStage("running the prompts");
    const auto groups =
        groupsOfPrompts(*open.model, groupOf(options.plus, options.plusPrompts, open, progress),
                        groupOf(options.minus, options.minusPrompts, open, progress), point, progress);
    made.vectors = {between(groups, options, made, progress)};
    return made;
}

Made ofToken(const Options& options, const OpenModel& open) {
    const std::int32_t id = options.token.readId(open);
    return {{{options.name,
              logitDirection(*open.model, id),
              "final",
              fmt::format("unembedding row of token {} times the weight of the final norm", id),
              {}}},
            open.model->identity(),
            {}};
}

/// Vectors that are there already; of one model, as far as they say.
Made ofFiles(const Options& options, const OpenModel& open) {
    Made made;
    if (open.model) made.model = open.model->identity();
    for (const auto& reference : options.from) {
        NamedVector vector = readVector(reference);
        if (made.model.weightsSha256.empty() && vector.model) made.model = *vector.model;
        if (made.model.dModel == 0) made.model.dModel = vector.values.size();
        requireVectorOf(vector, made.model, reference);
        if (!options.point.empty()) vector.point = options.point;
        if (vector.origin.empty()) vector.origin = "read from " + reference;
        if (options.from.size() == 1 && options.name != "direction") vector.name = options.name;
        made.vectors.push_back(std::move(vector));
    }
    return made;
}

Made make(const Options& options, const OpenModel& open, Console& console, Progress& progress) {
    if (options.carried > 0)
        return {carriedDirections(*open.model, options.text.readIds(open, console),
                                  PointIndex{findPoint(open.model->points(), options.point)}, options.carried,
                                  options.alone, progress),
                open.model->identity(),
                {}};
    if (options.token.given()) return ofToken(options, open);
    if (!options.trace.empty()) return ofTrace(options, open, progress);
    if (!options.from.empty()) return ofFiles(options, open);
    if (options.pca.empty()) return ofPrompts(options, open, progress);
    Made made{componentDirections(options.pca, options.components.empty() ? std::vector<std::int32_t>()
                                                                          : parseIds(options.components)),
              {},
              {}};
    made.model = made.vectors.front().model.value_or(ModelIdentity());
    return made;
}

Json tokensJson(const std::vector<NearToken>& tokens, const OpenModel& open) {
    Json list = Json::array();
    for (const NearToken& token : tokens)
        list.push_back({{"id", token.id},
                        {"piece", open.tokenizer ? open.tokenizer->pieceText(token.id) : ""},
                        {"logit", token.logit}});
    return list;
}

std::string tokensText(const std::vector<NearToken>& tokens, const OpenModel& open) {
    std::string text;
    for (const NearToken& token : tokens)
        text += fmt::format("  '{}' {:+.3g}",
                            open.tokenizer ? open.tokenizer->pieceText(token.id) : std::to_string(token.id),
                            token.logit);
    return text;
}

void sayDirection(const Console& console, const DirectionSummary& direction, const OpenModel& open) {
    const NamedVector& vector = direction.vector;
    console.say(fmt::format(
        "{}: norm {:.4g}{}{}{}", vector.name, direction.norm,
        vector.point.empty() ? "" : " at " + vector.point, vector.origin.empty() ? "" : "; " + vector.origin,
        std::isnan(direction.share)
            ? ""
            : fmt::format("; {:.3g} % of the variance {}", 100 * direction.share,
                          direction.shareAt.empty() ? "over all points" : "at " + direction.shareAt)));
    if (!direction.near) return;
    console.say("  toward: " + tokensText(direction.near->toward, open));
    console.say("  against:" + tokensText(direction.near->against, open));
}

Json directionJson(const DirectionSummary& direction, const OpenModel& open) {
    const NamedVector& vector = direction.vector;
    Json json{{"name", vector.name},
              {"point", vector.point},
              {"units", vector.values.size()},
              {"norm", direction.norm},
              {"origin", vector.origin},
              {"architecture", vector.model ? Json(vector.model->architecture) : Json()},
              {"share", std::isnan(direction.share) ? Json() : Json(direction.share)},
              {"share_at", direction.shareAt}};
    if (direction.near) {
        json["toward"] = tokensJson(direction.near->toward, open);
        json["against"] = tokensJson(direction.near->against, open);
    }
    return json;
}

/// Says what there is, and gives it as JSON.
Json show(const DirectionsListing& listing, const OpenModel& open, const Console& console) {
    Json directions = Json::array(), angles = Json::array();
    for (const DirectionSummary& direction : listing.directions) {
        sayDirection(console, direction, open);
        directions.push_back(directionJson(direction, open));
    }
    const auto& a = listing.angles;
    for (Eigen::Index i = 0; i < a.rows(); ++i) {
        angles.push_back(std::vector<double>(a.row(i).begin(), a.row(i).end()));
        for (Eigen::Index j = i + 1; j < a.rows() && a.rows() <= 16; ++j)
            console.say(fmt::format("angle of {} and {}: {:.1f} degrees",
                                    listing.directions[static_cast<std::size_t>(i)].vector.name,
                                    listing.directions[static_cast<std::size_t>(j)].vector.name, a(i, j)));
    }
    return {{"directions", directions}, {"angles", angles}};
}

Json probeJson(const ProbeResult& probe) {
    return {{"accuracy", probe.accuracy},
            {"shuffled_mean", probe.shuffled.size() > 0 ? Json(probe.shuffled.mean()) : Json()},
            {"shuffled_low", std::isnan(probe.shuffledLow) ? Json() : Json(probe.shuffledLow)},
            {"shuffled_high", std::isnan(probe.shuffledHigh) ? Json() : Json(probe.shuffledHigh)},
            {"p", probe.p},
            {"shuffles", probe.shuffled.size()},
            {"folds", probe.folds},
            {"samples", probe.samples}};
}

int run(const Options& options, Common& common) {
    const auto started = std::chrono::steady_clock::now();
    options.out.refuseEarly({options.model.name, options.plusPrompts, options.minusPrompts, options.trace,
                             options.pca, options.list});
    Progress progress = common.console.progress();
    Progress loading = progress.part(0, 0.4), running = progress.part(0.4, 0.8),
             describing = progress.part(0.8, 1);
    const OpenModel open =
        options.model.name.empty() ? OpenModel() : openModel(options.model, common, loading);
    Options resolved = options;
    resolved.probeOptions.seed = common.seed;
    if (!options.probe.empty()) resolved.probeOptions.kind = parseProbeKind(options.probe).value();
    Made made;
    std::shared_ptr<const Trace> trace;
    if (options.list.empty()) {
        made = make(resolved, open, common.console, running);
        if (open.model) {
            for (NamedVector& vector : made.vectors) {
                if (!vector.model && !made.model.weightsSha256.empty()) vector.model = made.model;
                requireVectorOf(vector, open.model->identity(), vector.name);
            }
            made.model = open.model->identity();
        }
        writeVectors(options.out.path, made.vectors, made.model, options.out.ifExists());
    } else {
        made.vectors = readVectors(options.list);
        if (!options.trace.empty()) trace = TraceReader::open(options.trace);
    }
    const auto listing =
        describeDirections(made.vectors, trace, open.model.get(), options.tokens, describing);
    Json said = show(listing, open, common.console);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    Json result{{"out", options.out.path}, {"rows", made.vectors.size()}, {"seconds", seconds}};
    if (made.vectors.size() == 1)
        result.update({{"name", made.vectors[0].name},
                       {"point", made.vectors[0].point},
                       {"norm", listing.directions[0].norm},
                       {"origin", made.vectors[0].origin}});
    result.update(said);
    if (made.probe) result["probe"] = probeJson(*made.probe);
    common.console.result(result);
    return 0;
}

/// A way to directions: the options that ask for it, and those it needs.
struct Source {
    std::vector<const char*> options;
    std::vector<const char*> needs;
};
const std::vector<Source>& sources() {
    static const std::vector<Source> table{
        {{"--plus", "--plus-prompts"}, {"--point", "--model", "--out"}},
        {{"--plus-rows"}, {"--point", "--trace", "--out"}},
        {{"--row"}, {"--point", "--trace", "--out"}},
        {{"--token", "--token-id"}, {"--model", "--out"}},
        {{"--pca"}, {"--out"}},
        {{"--from"}, {"--out"}},
        {{"--carried"}, {"--point", "--model", "--out"}},
        {{"--list"}, {}},
    };
    return table;
}

/// Options that only some sources take, and by which option those are known.
const std::map<std::string, std::vector<const char*>>& takers() {
    static const std::map<std::string, std::vector<const char*>> table{
        {"--trace", {"--plus-rows", "--row", "--list"}},
        {"--point", {"--plus", "--plus-prompts", "--plus-rows", "--row", "--from", "--carried"}},
        {"--probe", {"--plus", "--plus-prompts", "--plus-rows"}},
        {"--text", {"--carried"}},
        {"--text-file", {"--carried"}},
        {"--ids", {"--carried"}},
        {"--alone", {"--carried"}},
        {"--out",
         {"--plus", "--plus-prompts", "--plus-rows", "--row", "--token", "--token-id", "--pca", "--from",
          "--carried"}},
    };
    return table;
}

/// Throws CLI::ValidationError unless the options name one source, whole, and nothing that it does not take.
void checkSource(const CLI::App& command) {
    const auto given = [&](const std::vector<const char*>& names) {
        return std::any_of(names.begin(), names.end(),
                           [&](const char* name) { return command.count(name) > 0; });
    };
    const auto fail = [](const std::string& why) { throw CLI::ValidationError("directions", why); };
    if (given({"--plus", "--plus-prompts"}) != given({"--minus", "--minus-prompts"}))
        fail("both groups are needed: --plus and --minus, or files of them");
    const Source* chosen = nullptr;
    for (const Source& source : sources()) {
        if (!given(source.options)) continue;
        if (chosen != nullptr)
            fail(fmt::format("{} and {} are two different sources; choose one", chosen->options[0],
                             source.options[0]));
        chosen = &source;
    }
    if (chosen == nullptr)
        fail(
            "a source is needed: --plus with --minus, --trace with --plus-rows and --minus-rows or with "
            "--row and --minus-row, --token, --pca, --from, --carried, or --list to list a file");
    for (const char* needed : chosen->needs)
        if (command.count(needed) == 0) fail(fmt::format("{} needs {}", chosen->options[0], needed));
    for (const auto& [option, by] : takers())
        if (command.count(option) > 0 && !given(by))
            fail(fmt::format("{} is not for {}", option, chosen->options[0]));
}

void addGroups(CLI::App& command, Options& options) {
    const auto group = [&](const char* name, std::vector<std::string>& texts, std::string& file,
                           const std::string& what) {
        command.add_option(name, texts, what + "; may be given several times")
            ->type_name("S")
            ->default_str("")
            ->allow_extra_args(false);
        command
            .add_option(std::string(name) + "-prompts", file,
                        "the same from a file, as rheo capture reads it")
            ->type_name("F");
    };
    group("--plus", options.plus, options.plusPrompts,
          "difference of means: a prompt of the positive group, which contributes its last state");
    group("--minus", options.minus, options.minusPrompts,
          "a prompt of the negative group, which contributes its last state");
    auto* plusRows = command
                         .add_option("--plus-rows", options.plusRows,
                                     "the same with rows of --trace, in the form of --select of rheo analyze")
                         ->type_name("CONDITIONS");
    auto* minusRows = command.add_option("--minus-rows", options.minusRows, "rows of the negative group")
                          ->type_name("CONDITIONS");
    plusRows->needs(minusRows);
    minusRows->needs(plusRows);
    auto* probe = command
                      .add_option("--probe", options.probe,
                                  "for two groups: a linear probe instead of the difference of means, with "
                                  "its cross-validated accuracy beside that for shuffled labels")
                      ->check(CLI::IsMember({"ridge", "logistic"}));
    command
        .add_option("--penalty", options.probeOptions.penalty,
                    "of the squared weights, in units of the states' mean squared norm")
        ->check(realNumber(1e-9, 1e9))
        ->needs(probe)
        ->type_name("X");
    command
        .add_option("--folds", options.probeOptions.folds,
                    "number of folds of samples in the cross-validation")
        ->check(wholeNumber(2, 1000))
        ->needs(probe)
        ->type_name("N");
    command
        .add_option("--shuffles", options.probeOptions.shuffles,
                    "number of shuffles of the labels, for the null")
        ->check(wholeNumber(0, 1'000'000))
        ->needs(probe)
        ->type_name("N");
}

void addOtherSources(CLI::App& command, Options& options) {
    command.add_option("--point", options.point, "the residual point whose states are used")
        ->type_name("L05.attn_in");
    command
        .add_option(
            "--trace", options.trace,
            "states of rows; with --list: the states whose share of variance along each direction is printed")
        ->type_name("T.rheo.h5");
    auto* row = command.add_option("--row", options.row, "instead: the state of this row of --trace ...")
                    ->check(wholeNumber(0))
                    ->type_name("ROW");
    auto* minusRow = command.add_option("--minus-row", options.minusRow, "... minus that of this row")
                         ->check(wholeNumber(0))
                         ->type_name("ROW");
    row->needs(minusRow);
    minusRow->needs(row);
    options.token.addTo(command, "--token", "instead: the direction that raises the logit of this token");
    auto* pca = command.add_option("--pca", options.pca, "instead: principal components of results")
                    ->type_name("R.h5");
    command.add_option("--components", options.components, "which of them; default: all")
        ->check(readBy(parseIds))
        ->needs(pca)
        ->type_name("1,2,3");
    command
        .add_option(
            "--from", options.from,
            "instead: a vector or row of a file (.npy, .safetensors, HDF5); may be given several times")
        ->type_name("FILE#NAME")
        ->default_str("")
        ->allow_extra_args(false);
    command
        .add_option("--carried", options.carried,
                    "instead: the N directions at --point that the remaining steps amplify most, by their "
                    "derivative at the last token of --text")
        ->check(wholeNumber(1, 256))
        ->default_str("")
        ->type_name("N");
    options.text.addTo(command, true);
    command.add_flag("--alone", options.alone, "--carried: the token alone, without earlier tokens");
    command.add_option("--list", options.list, "list the directions in a file")->type_name("FILE");
}

}  // namespace

void addDirections(CLI::App& app, Command& chosen) {
    auto* command = app.add_subcommand(
        "directions", "make vectors in the residual stream for steering or as axes, or list those of a file");
    auto options = std::make_shared<Options>();
    options->model.addTo(*command, false);
    options->model.addLiteralTo(*command);
    options->out.addTo(
        *command, "the vectors (.safetensors, or .npy for one), with model, point, norm and origin", false);
    addGroups(*command, *options);
    addOtherSources(*command, *options);
    command->add_option("--name", options->name, "of the vector in the file")->type_name("NAME");
    command
        ->add_option("--tokens", options->tokens,
                     "with --model: number of nearest tokens printed, for each sign")
        ->check(wholeNumber(1, 1000))
        ->type_name("N");
    command->callback([options, command, &chosen] {
        checkSource(*command);
        chosen = [options](Common& common) { return run(*options, common); };
    });
}

}  // namespace rheo::cli
