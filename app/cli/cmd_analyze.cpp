// rheo analyze: statistics of a trace, each beside its nulls.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <sstream>

#include "app/cli/commands.h"
#include "app/cli/ranks.h"
#include "core/base/error.h"
#include "core/base/output_file.h"
#include "core/results/curves_file.h"
#include "core/results/results_file.h"
#include "core/session/analysis_choice.h"
#include "core/session/analysis_run.h"
#include "core/session/analysis_view.h"
#include "core/session/attach_model.h"
#include "core/trace/trace_reader.h"

namespace rheo::cli {

namespace {

struct Options {
    std::string trace;
    OutOption out;
    bool add = false;
    std::vector<std::string> curves;
    std::string statistics, nulls;  ///< comma lists, for `choice`
    AnalysisChoice choice;
    SelectOption select;
    std::string memory = "1G";
    std::string autoencoder;
    std::string pca = "pooled", fitRows;
    BasisOption basis;
    ModelOption model;
};

/// "eps" and "per_row" as options of the command line: "--eps", "--per-row".
std::string optionName(std::string_view name) {
    std::string option = "--" + std::string(name);
    std::replace(option.begin(), option.end(), '_', '-');
    return option;
}

/// Adds the options of one statistic to the command.
struct OptionAdder {
    CLI::App& command;
    std::string_view statistic;

    std::string help(const char* what) const { return fmt::format("{} ({})", what, statistic); }
    void real(const char* name, double& value, double least, double most, const char* what) {
        command.add_option(optionName(name), value, help(what))
            ->check(realNumber(least, most))
            ->type_name("X");
    }
    void whole(const char* name, int& value, std::uint64_t least, std::uint64_t most, const char* what) {
        command.add_option(optionName(name), value, help(what))
            ->check(wholeNumber(least, most))
            ->type_name("N");
    }
    void flag(const char* name, bool& value, const char* what) {
        command.add_flag(optionName(name), value, help(what));
    }
    template <class E>
    void choice(const char* name, E& value, const std::vector<std::pair<const char*, E>>& choices,
                const char* what) {
        std::vector<std::string> words;
        std::string first;
        for (const auto& [word, meaning] : choices) {
            words.emplace_back(word);
            if (meaning == value) first = word;
        }
        command
            .add_option_function<std::string>(
                optionName(name),
                [&value, choices](const std::string& word) {
                    for (const auto& [known, meaning] : choices)
                        if (word == known) value = meaning;
                },
                help(what))
            ->check(CLI::IsMember(words))
            ->default_str(first);
    }
    void recorded(const char*, const auto&) {}
    void defined(const char*, const char*) {}
};

/// Rejects the options of a statistic that was not requested.
struct UnusedOptionRejecter {
    const CLI::App& command;
    std::string_view statistic;

    void reject(const char* name) const {
        if (command.count(optionName(name)) > 0)
            throw UsageError(
                fmt::format("{} is used only by {}, which was not requested", optionName(name), statistic));
    }
    void real(const char* name, const auto&...) { reject(name); }
    void whole(const char* name, const auto&...) { reject(name); }
    void flag(const char* name, const auto&...) { reject(name); }
    template <class E>
    void choice(const char* name, E&, const std::vector<std::pair<const char*, E>>&, const char*) {
        reject(name);
    }
    void recorded(const char*, const auto&) {}
    void defined(const char*, const char*) {}
};

/// The names that --stat takes.
std::vector<std::string> statisticNames() {
    std::vector<std::string> names;
    for (const auto& statistic : choosableStatistics()) names.emplace_back(statistic.name);
    return names;
}

/// The names that --null takes.
std::vector<std::string> allNullNames() {
    const auto known = nullNames();
    std::vector<std::string> names(known.begin(), known.end());
    names.emplace_back(untrainedNull);
    return names;
}

/// The words of a comma list, each once.
std::vector<std::string> words(const std::string& list) {
    std::vector<std::string> found;
    std::stringstream in(list);
    for (std::string word; std::getline(in, word, ',');)
        if (!word.empty() && std::find(found.begin(), found.end(), word) == found.end())
            found.push_back(word);
    return found;
}

/// Rows of a view: "0,5,7", "0:99" (both ends) or "stride:K".
std::vector<std::int64_t> parseRows(const std::string& spec, std::int64_t rows) {
    const auto refuse = [&](const std::string& why) {
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("--fit-rows {}: {}; write 0,5,7 or 0:99 or stride:10", spec, why));
    };
    std::vector<std::int64_t> chosen;
    if (spec.starts_with("stride:")) {
        const auto stride = parseIds(spec.substr(7));
        if (stride.size() != 1 || stride[0] < 1) refuse("the stride is not a number above 0");
        for (std::int64_t n = 0; n < rows; n += stride[0]) chosen.push_back(n);
        return chosen;
    }
    for (const auto& word : words(spec)) {
        const auto colon = word.find(':');
        const std::int64_t first = parseIds(word.substr(0, colon)).front(),
                           last =
                               colon == std::string::npos ? first : parseIds(word.substr(colon + 1)).front();
        if (first < 0 || last < first || last >= rows)
            refuse(fmt::format("{} is not within rows 0 to {}", word, rows - 1));
        for (std::int64_t n = first; n <= last; ++n) chosen.push_back(n);
    }
    std::sort(chosen.begin(), chosen.end());
    chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
    if (chosen.empty()) refuse("it names no row");
    return chosen;
}

/// The names in a comma list, all of them known.
std::vector<std::string> knownNames(const char* kind, const std::string& list,
                                    const std::vector<std::string>& known) {
    const auto names = words(list);
    for (const auto& name : names)
        if (std::find(known.begin(), known.end(), name) == known.end()) throw unknownName(kind, name, known);
    return names;
}

/// What the command line chooses, its names checked.
AnalysisChoice choiceOf(const Options& options, const CLI::App& command, const Common& common) {
    AnalysisChoice choice = options.choice;
    choice.statistics = knownNames("statistic", options.statistics, statisticNames());
    choice.nulls = knownNames("null", options.nulls, allNullNames());
    choice.select = options.select.conditions;
    if (command.count("--repeats") > 0) choice.untrainedRepeats = choice.repeats;
    choice.seed = common.seed;
    choice.threads = common.threads;
    choice.memoryBytes = parseBytes(options.memory);
    if (choice.statistics.empty()) throw UsageError("--stat needs the name of a statistic");
    return choice;
}

/// Whether a statistic is requested that surrogates have as well.
bool hasSweptStatistic(const AnalysisRequest& request) {
    bool any = false;
    forEachSwept([&]<class S>() {
        any = any || (request.options.get<S>() && !(S::info.name == Pca::info.name && request.otherBasis));
    });
    return any;
}

/// Throws UsageError where something is asked for that takes the model of the trace, and none is named.
void requireModelFor(const AnalysisRequest& request, const AnalysisChoice& choice) {
    if (!request.modelName.empty()) return;
    if (request.lens) throw UsageError("the lens needs the model of the trace; name it with --model");
    if (request.jacobian) throw UsageError("derivatives need the model of the trace; name it with --model");
    if (request.untrained)
        throw UsageError(
            "--null untrained runs the prompts again through networks of the same shape; name the model "
            "with --model");
    if (choice.scaling == "final_norm")
        throw UsageError("--scaling final_norm needs the model of the trace; name it with --model");
}

/// What the command line asks for, but for the rows to fit on, which need the trace.
AnalysisRequest makeRequest(const Options& options, const CLI::App& command, const Common& common) {
    const AnalysisChoice choice = choiceOf(options, command, common);
    AnalysisRequest request = requestOf(choice);
    const AnalysisOptions& all = request.options;
    request.modelName = options.model.name;
    request.traceName = options.trace;
    request.untrainedSeed = options.model.untrained.value_or(common.seed);
    const int bases = (options.basis.given() ? 1 : 0) + (options.fitRows.empty() ? 0 : 1) +
                      (options.pca == "per-point" ? 1 : 0);
    if (all.get<Pca>() && bases > 1)
        throw UsageError("--basis, --axes, --fit-rows and --pca per-point each define a basis; choose one");
    if (all.get<Pca>() && bases == 1) {
        request.otherBasis.emplace().perPoint = options.pca == "per-point";
        request.otherBasis->given = options.basis.read(nullptr);
        request.otherBasis->givenName = options.basis.source();
        request.otherBasis->fitRowsText = options.fitRows;
    }
    if (all.get<AutoencoderFit>() && !options.autoencoder.empty()) {
        request.trained = readAutoencoder(options.autoencoder);
        request.trainedName = options.autoencoder;
    }
    requireModelFor(request, choice);
    const bool beside = request.untrained && request.jacobian && all.nulls.empty();
    if ((request.untrained || !all.nulls.empty()) && !hasSweptStatistic(request) && !beside)
        throw UsageError("--null is given, but --stat names no statistic that is computed on surrogates");
    return request;
}

/// Rejects options whose statistic was not requested.
void rejectUnusedOptions(const CLI::App& command, const Options& options, const AnalysisRequest& request) {
    forEachStatistic([&]<class S>() {
        if (request.options.get<S>()) return;
        UnusedOptionRejecter rejecter{command, S::info.name};
        S::visitOptions(rejecter, *options.choice.options.get<S>());
    });
    const auto reject = [&](const char* option, bool used, const char* statistic) {
        if (command.count(option) > 0 && !used)
            throw UsageError(
                fmt::format("{} is used only by {}, which was not requested", option, statistic));
    };
    for (const char* option : {"--pca", "--basis", "--axes", "--fit-rows"})
        reject(option, request.options.get<Pca>().has_value(), "pca");
    reject("--autoencoder", request.options.get<AutoencoderFit>().has_value(), "autoencoder");
    reject("--top", request.lens.has_value(), "lens");
    for (const char* option : {"--rows", "--alone"}) reject(option, request.jacobian.has_value(), "jacobian");
    reject("--model",
           request.untrained || request.lens || request.jacobian || options.choice.scaling == "final_norm" ||
               options.select.parse().usesTokens() || !options.basis.axes.empty(),
           "lens, jacobian, the null untrained, the scaling final_norm, --select token= or the tokens of "
           "--axes");
    if (command.count("--repeats") > 0 && request.options.nulls.empty() && !request.untrained)
        throw UsageError("--repeats is the number of surrogates, but --null names none");
}

/// The model that --model names, if it made the trace.
OpenModel openModelOf(const Options& options, const TraceInfo& info, Common& common, Progress& progress) {
    OpenModel open = openModel(options.model, common, progress);
    const std::string remark =
        checkAttachment(info, open.model->identity(), open.model->points(), options.model.name);
    if (!remark.empty()) common.console.warn(remark);
    return open;
}

AnalysisView makeView(const Options& options, Common& common, Progress& progress) {
    const auto trace = TraceReader::open(options.trace, 0);  // what is kept of it counts as --memory
    if (ModelIdentity model = trace->info().model.value_or(ModelIdentity()); !options.basis.axes.empty()) {
        model.dModel = trace->units();
        options.basis.read(&model);  // refuses vectors of another model
    }
    if (trace->rows() == 0)
        throw Error(
            ErrorCode::InvalidArgument,
            fmt::format("{} has no complete row yet; continue with rheo capture --resume", options.trace),
            options.trace);
    AnalysisChoice choice = options.choice;
    choice.select = options.select.conditions;
    choice.threads = common.threads;
    Progress loading = progress.part(0, 0.3), reading = progress.part(0.3, 1);
    const bool normed = choice.scaling == "final_norm";
    std::optional<OpenModel> open;
    if (normed || (options.select.parse().usesTokens() && !options.model.name.empty()))
        open = openModelOf(options, trace->info(), common, loading);
    std::optional<FinalNorm> norm;
    if (normed) norm = open->model->finalNorm();
    return makeViewOf(choice, trace, norm, open ? tokenTexts(open->tokenizer) : TokenText{}, reading);
}

/// What a person wants to see at once: curves along depth by their ends, those of units by their mean.
void summarize(const Results& results, const Console& console) {
    for (const auto& curve : curvesOf(results.statistics)) {
        const auto inShort = [&](const VectorD& values) {
            const double first = values[0], last = values[values.size() - 1];
            if (values.size() == 1) return fmt::format("{:.4g}", first);
            if (curve.axis != Along::Units) return fmt::format("{:.4g} to {:.4g}", first, last);
            const auto defined = values.array() == values.array();
            return fmt::format("mean {:.4g}",
                               defined.select(values, 0).sum() / static_cast<double>(defined.count()));
        };
        console.say(fmt::format("{}/{}: {}", curve.statistic, curve.dataset, inShort(curve.values)));
        for (const auto& null : results.nulls)
            if (null.statistic == curve.statistic && null.dataset == curve.dataset)
                console.say(fmt::format("  {:<18} {}, p < 0.05 at {} of {}", null.null,
                                        inShort(null.summary.mean), (null.summary.p.array() < 0.05).count(),
                                        null.summary.p.size()));
    }
}

/// "sign_flip 200, gaussian_walk 32 of 200": repeats of each null that are there.
std::string repeatsInWords(const Results& results, const AnalysisOptions& asked) {
    std::vector<std::string> words;
    for (const auto null : asked.nulls) {
        int made = asked.repeats;
        bool any = false;
        for (const auto& curve : results.nulls)
            if (curve.null == nullName(null)) {
                made = std::min(made, curve.summary.repeats);
                any = true;
            }
        words.push_back(fmt::format("{} {} of {}", nullName(null), any ? made : 0, asked.repeats));
    }
    return fmt::format("{}", fmt::join(words, ", "));
}

void writeCurves(const std::filesystem::path& path, const Results& results, IfExists ifExists) {
    writeFile(path, path.extension() == ".json" ? curvesJson(results) : curvesCsv(results), ifExists);
}

/// Whether the results are added to some that are there.
bool addsToResults(const Options& options) {
    return options.add && std::filesystem::exists(options.out.path);
}

/// Throws where an output cannot be written, or is an input.
void requireOutputs(const Options& options) {
    const bool adds = addsToResults(options);
    // Results that are added to may be those that a basis is taken of.
    std::vector<std::filesystem::path> inputs{options.trace, options.model.name};
    if (!adds) inputs.insert(inputs.end(), {options.basis.results, options.autoencoder});
    claim(options.out.path);
    requireOutput(options.out.path, adds ? IfExists::Replace : options.out.ifExists(), inputs);
    inputs.insert(inputs.end(), {options.basis.results, options.autoencoder, options.out.path});
    for (const auto& path : options.curves) {
        claim(path);
        requireOutput(path, options.out.ifExists(), inputs);
    }
}

/// What a person should know of the view before the analysis starts.
void describeView(const Options& options, const AnalysisView& made, const AnalysisRequest& request,
                  Console& console) {
    for (const auto& note : made.notes) console.warn(note);
    const auto& masked = made.view.maskedUnits;
    if (options.choice.maskUnits.starts_with("z:"))
        console.say(masked.empty() ? fmt::format("no unit stands out at {}", options.choice.maskUnits)
                                   : fmt::format("masked units: {}", fmt::join(masked, ", ")));
    const auto& pca = request.options.get<Pca>();
    if (pca && options.pca == "pooled" && !options.basis.given() && pca->components < 3)
        console.warn("fewer than 3 components cannot be drawn as trajectories");
}

/// What came of it.
void describeOutcome(const Options& options, const AnalysisRequest& request, const AnalysisOutcome& outcome,
                     std::int64_t rows, Console& console) {
    summarize(outcome.results, console);
    for (const auto& warning : outcome.warnings) console.warn(warning);
    for (const auto& [name, reason] : outcome.undefined)
        console.warn(fmt::format("{} was not computed: {}", name, reason));
    if (outcome.stopped)
        console.warn(fmt::format(
            "interrupted: {} holds {}{}; the same command with --add continues", options.out.path,
            fmt::join(outcome.finished, ", "),
            request.options.nulls.empty()
                ? ""
                : fmt::format(", and surrogates: {}", repeatsInWords(outcome.results, request.options))));
    const auto& autoencoder = outcome.results.statistics.get<AutoencoderFit>();
    if (autoencoder && autoencoder->stopped)
        console.warn(
            fmt::format("to use this trained autoencoder again: --autoencoder {}", options.out.path));
    if (outcome.excludedRows > 0)
        console.warn(fmt::format("{} of {} rows were left out: they hold values that are not finite",
                                 outcome.excludedRows, rows));
}

int run(const Options& options, const CLI::App& command, Common& common) {
    const auto started = std::chrono::steady_clock::now();
    requireOutputs(options);
    AnalysisRequest request = makeRequest(options, command, common);
    rejectUnusedOptions(command, options, request);
    Progress progress = common.console.progress();
    Progress sizing = progress.part(0, 0.02), working = progress.part(0.02, 1);
    const AnalysisView made = makeView(options, common, sizing);
    const TraceView& view = made.view;
    describeView(options, made, request, common.console);
    if (!options.fitRows.empty()) request.otherBasis->fitRows = parseRows(options.fitRows, view.rowCount());

    ResultsSource source = makeResultsSource(view, options.trace);
    source.selection = options.select.conditions;
    const bool adds = addsToResults(options);
    const Records records = recordsOf(view, request);
    Results known;
    if (adds) known = readMatching(options.out.path, source, records);
    barrier(ranksOfCommand());  // all have read what the first will replace
    std::optional<ResultsWriter> writer;
    if (ranksOfCommand().first()) {
        writer.emplace(adds ? ResultsWriter::add(options.out.path, source)
                            : ResultsWriter::create(options.out.path, source, options.out.ifExists()));
        if (!options.out.force) writer->throwIfRecordsDiffer(records);
    }
    std::optional<OpenModel> opened;
    const ModelOfTrace model = [&](std::optional<std::uint64_t> untrainedSeed, Progress& loading) {
        if (!untrainedSeed && !opened) opened = openModelOf(options, view.trace->info(), common, loading);
        if (!untrainedSeed) return std::shared_ptr<const Model>(opened->model);
        ModelOption drawn = options.model;
        drawn.untrained = untrainedSeed;
        drawn.adapter.clear();
        return std::shared_ptr<const Model>(openModel(drawn, common, loading).model);
    };
    // Asked for once the lens has opened the model.
    request.textOf = [&](std::int32_t id) {
        return opened && opened->tokenizer ? tokenTexts(opened->tokenizer)(id) : std::string();
    };
    Progress measuring = working.part(0, 0.02), computing = working.part(0.02, 1);
    if (ranksOfCommand().first())
        common.console.say(
            costText(costOf(view, request, known, measureRates(view, request, known, model, {}, measuring))));
    const RanksScope scope(ranksOfCommand());
    const AnalysisOutcome outcome = runAnalysis(view, request, model, source, std::move(known), computing,
                                                [&](const std::string& words) { common.console.say(words); });
    if (!writer) return outcome.stopped ? 130 : 0;
    progress.setStage("writing " + options.out.path);
    writer->write(outcome.results, options.out.force);
    writer->commit();
    for (const auto& path : options.curves)
        writeCurves(path, readResults(options.out.path), options.out.ifExists());

    describeOutcome(options, request, outcome, view.rowCount(), common.console);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    common.console.say(fmt::format("{}: {} in {:.1f} s", options.out.path, options.statistics, seconds));
    common.console.result({{"out", options.out.path},
                           {"rows", view.rowCount() - outcome.excludedRows},
                           {"repeated_rows", made.repeated},
                           {"seconds", seconds}});
    return outcome.stopped ? 130 : 0;
}

/// Each null with how its surrogates are made.
std::string nullsInHelp() {
    std::string lines = "Nulls:\n";
    for (const auto* null : allNulls()) lines += fmt::format("  {:<27} {}\n", null->name, null->shows);
    return lines + fmt::format("  {:<27} {}\n", untrainedNull,
                               "the same prompts through networks whose weights are drawn anew");
}

}  // namespace

void addAnalyze(CLI::App& app, Command& chosen) {
    auto* command = app.add_subcommand("analyze", "statistics of a trace, each beside its nulls");
    auto options = std::make_shared<Options>();
    command->add_option("trace", options->trace, "a trace file")->required()->type_name("T.rheo.h5");
    command
        ->add_option("--stat", options->statistics,
                     fmt::format("comma list: {}", fmt::join(statisticNames(), ", ")))
        ->required()
        ->type_name("LIST");
    options->out.addTo(*command, "the results (HDF5)");
    command->add_flag("--add", options->add,
                      "add to results of the same trace; what is already there with the same options is not "
                      "computed again");
    command->add_option("--curves", options->curves, "also write every curve and its nulls as CSV or JSON")
        ->type_name("F.csv|F.json")
        ->check([](const std::string& path) {
            return path.ends_with(".csv") || path.ends_with(".json") ? ""
                                                                     : path + " is neither .csv nor .json";
        })
        ->default_str("");
    command
        ->add_option(
            "--null", options->nulls,
            fmt::format("comma list of those below, or {} (with --model); default: none", untrainedNull))
        ->type_name("LIST");
    command->footer(nullsInHelp());
    options->model.addTo(*command, false);
    command->add_option("--repeats", options->choice.repeats, "number of surrogates of each null")
        ->check(wholeNumber(1, 1000000))
        ->type_name("R");
    command
        ->add_option("--scaling", options->choice.scaling,
                     "raw, rms (states divided by their own RMS), or final_norm (as the unembedding would "
                     "see it; with --model)")
        ->check(CLI::IsMember({"raw", "rms", "final_norm"}));
    command
        ->add_option("--points", options->choice.points,
                     "all, paper (without the final one), one point, or a range L00.attn_in:L07.mlp_in")
        ->type_name("POINTS");
    options->select.addTo(*command);
    command
        ->add_option("--mask-units", options->choice.maskUnits,
                     "units to leave out, or z:Z: those whose size has a robust z above Z")
        ->type_name("3,17|z:Z");
    forEachStatistic([&]<class S>() {
        OptionAdder adder{*command, S::info.name};
        S::visitOptions(adder, *options->choice.options.get<S>());
    });
    command
        ->add_option("--pca", options->pca, "one basis for all points, or one for each: pooled or per-point")
        ->check(CLI::IsMember({"pooled", "per-point"}));
    command
        ->add_option("--fit-rows", options->fitRows,
                     "fit the PCA on these rows, and compute scores of all rows")
        ->type_name("0,5,7|0:99|stride:K");
    options->basis.addTo(*command);
    options->basis.resultsGiven->description(
        "compute scores in the basis of other results; no PCA is fitted");
    command
        ->add_option("--rows", options->choice.jacobianRows,
                     "number of rows whose derivatives are computed, evenly spaced (jacobian)")
        ->check(wholeNumber(1, 100000))
        ->type_name("N");
    command->add_flag(
        "--alone", options->choice.jacobianAlone,
        "treat each row as a lone token, instead of keeping its earlier tokens fixed (jacobian)");
    command->add_option("--top", options->choice.top, "number of likeliest tokens kept (lens)")
        ->check(wholeNumber(1, 1000))
        ->type_name("K");
    command
        ->add_option(
            "--autoencoder", options->autoencoder,
            "results with a trained autoencoder: apply it to this trace instead of training a new one")
        ->type_name("R.h5");
    command->add_option("--memory", options->memory, "limit of memory, not counting the results")
        ->check(readBy(parseBytes))
        ->type_name("BYTES");
    command->callback([options, command, &chosen] {
        chosen = [options, command](Common& common) { return run(*options, *command, common); };
    });
}

}  // namespace rheo::cli
