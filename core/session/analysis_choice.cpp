#include "core/session/analysis_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/trace/joined_trace.h"
#include "core/trace/normed_trace.h"

namespace rheo {

namespace {

using Json = nlohmann::ordered_json;

bool contains(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

Error unknown(const char* kind, const std::string& name) {
    return Error(ErrorCode::InvalidArgument, fmt::format("there is no {} called \"{}\"", kind, name));
}

bool usesTokens(const AnalysisChoice& choice) {
    try {
        return parseSelection(choice.select).usesTokens();
    } catch (const Error&) {
        return false;
    }
}

/// Points of the view; empty: all.
std::vector<std::int64_t> pointsOf(const AnalysisChoice& choice, const TraceInfo& info) {
    auto points = parsePoints(info.points, choice.points);
    if (points.size() == info.points.size()) points.clear();
    return points;
}

Scaling scalingOf(const AnalysisChoice& choice) {
    return choice.scaling == "rms" ? Scaling::Rms : Scaling::Raw;
}

/// Words for the options of a statistic that are not the defaults.
struct WordMaker {
    std::vector<std::string>& words;
    const Json& defaults;

    template <class T>
    void add(const char* name, const T& value) {
        if (defaults.at(name) == Json(value)) return;
        std::string option = fmt::format("--{}", name);
        std::replace(option.begin(), option.end(), '_', '-');
        words.push_back(option);
        if constexpr (!std::is_same_v<T, bool>) words.push_back(fmt::format("{}", value));
    }
    void real(const char* name, double value, double, double, const char*) { add(name, value); }
    void whole(const char* name, int value, std::uint64_t, std::uint64_t, const char*) { add(name, value); }
    void flag(const char* name, bool value, const char*) { add(name, value); }
    template <class E>
    void choice(const char* name, E value, const std::vector<std::pair<const char*, E>>& choices,
                const char*) {
        for (const auto& [word, meaning] : choices)
            if (meaning == value) add(name, std::string(word));
    }
    void recorded(const char*, const auto&) {}
    void defined(const char*, const char*) {}
};

/// Options a person may set, as JSON.
struct OptionWriter {
    Json& json;

    void real(const char* name, double value, double, double, const char*) { json[name] = value; }
    void whole(const char* name, int value, std::uint64_t, std::uint64_t, const char*) { json[name] = value; }
    void flag(const char* name, bool value, const char*) { json[name] = value; }
    template <class E>
    void choice(const char* name, E value, const std::vector<std::pair<const char*, E>>& choices,
                const char*) {
        for (const auto& [word, meaning] : choices)
            if (meaning == value) json[name] = word;
    }
    void recorded(const char*, const auto&) {}
    void defined(const char*, const char*) {}
};

/// And back: what is not there or out of range stays as it is.
struct OptionReader {
    const Json& json;

    template <class T>
    std::optional<T> get(const char* name, T least, T most) const {
        const auto found = json.find(name);
        if (found == json.end() || !found->is_number()) return std::nullopt;
        const double value = found->get<double>();
        if (!(value >= static_cast<double>(least)) || !(value <= static_cast<double>(most)))
            return std::nullopt;
        return found->get<T>();
    }
    void real(const char* name, double& value, double least, double most, const char*) {
        value = get(name, least, most).value_or(value);
    }
    void whole(const char* name, int& value, std::uint64_t least, std::uint64_t most, const char*) {
        value = get(name, static_cast<int>(least), static_cast<int>(most)).value_or(value);
    }
    void flag(const char* name, bool& value, const char*) {
        const auto found = json.find(name);
        if (found != json.end() && found->is_boolean()) value = found->get<bool>();
    }
    template <class E>
    void choice(const char* name, E& value, const std::vector<std::pair<const char*, E>>& choices,
                const char*) {
        const auto found = json.find(name);
        if (found == json.end() || !found->is_string()) return;
        for (const auto& [word, meaning] : choices)
            if (found->get<std::string>() == word) value = meaning;
    }
    void recorded(const char*, const auto&) {}
    void defined(const char*, const char*) {}
};

template <class S>
Json optionsOf(OptionsOf<S> options) {
    Json json = Json::object();
    OptionWriter writer{json};
    S::visitOptions(writer, options);
    return json;
}

void readList(const Json& json, const char* name, std::vector<std::string>& list,
              const std::vector<std::string_view>& known) {
    const auto found = json.find(name);
    if (found == json.end() || !found->is_array()) return;
    list.clear();
    for (const auto& entry : *found)
        if (entry.is_string() &&
            std::find(known.begin(), known.end(), entry.get<std::string>()) != known.end())
            list.push_back(entry.get<std::string>());
}

void readText(const Json& json, const char* name, std::string& text) {
    const auto found = json.find(name);
    if (found != json.end() && found->is_string()) text = found->get<std::string>();
}

std::vector<std::string_view> statisticNames() {
    std::vector<std::string_view> names;
    for (const auto& statistic : choosableStatistics()) names.push_back(statistic.name);
    return names;
}

std::vector<std::string_view> allNullNames() {
    auto names = nullNames();
    names.emplace_back(untrainedNull);
    return names;
}

/// Statistics of the table for which `use(info)`, and the lens where it can be made and is wanted.
std::vector<std::string> choose(bool (*use)(const StatisticInfo&), bool withLens) {
    std::vector<std::string> names;
    for (const auto& info : statisticInfos())
        if (use(info)) names.emplace_back(info.name);
    if (withLens) names.emplace_back(lensName);
    return names;
}

AnalysisChoice quickLook(bool) {
    AnalysisChoice choice;
    choice.statistics = choose([](const StatisticInfo& info) { return info.cost != CostClass::Slow; }, false);
    return choice;
}

AnalysisChoice asInThePaper(bool) {
    AnalysisChoice choice;
    choice.statistics = choose([](const StatisticInfo&) { return true; }, false);
    choice.nulls = {"depth_shuffle"};
    choice.points = "paper";
    return choice;
}

AnalysisChoice everything(bool hasModel) {
    AnalysisChoice choice;
    choice.statistics = choose([](const StatisticInfo&) { return true; }, hasModel);
    for (const auto name : nullNames()) choice.nulls.emplace_back(name);
    if (hasModel) choice.nulls.emplace_back(untrainedNull);
    return choice;
}

}  // namespace

StatisticOptions defaultStatisticOptions() {
    StatisticOptions options;
    forEachStatistic([&]<class S>() { options.get<S>().emplace(); });
    return options;
}

std::vector<ChoosableStatistic> choosableStatistics() {
    std::vector<ChoosableStatistic> all;
    forEachStatistic([&]<class S>() {
        all.push_back({S::info.name, S::info.title, S::info.shows, S::info.cost, false, Swept<S>});
    });
    all.push_back(
        {lensName, "Logit lens", "What the model would predict at each point", CostClass::Slow, true, false});
    all.push_back({jacobianName, "Derivatives", "How each step changes a small change of a state",
                   CostClass::Slow, true, false});
    return all;
}

bool needsModel(const AnalysisChoice& choice) {
    return contains(choice.statistics, lensName) || contains(choice.statistics, jacobianName) ||
           contains(choice.nulls, untrainedNull) || choice.scaling == "final_norm" || usesTokens(choice);
}

AnalysisRequest requestOf(const AnalysisChoice& choice) {
    AnalysisRequest request;
    AnalysisOptions& all = request.options;
    all.repeats = choice.repeats;
    all.keepFinished = true;
    all.seed = choice.seed;
    all.threads = choice.threads;
    all.memoryBytes = choice.memoryBytes;
    request.untrainedRepeats = choice.untrainedRepeats;
    request.untrainedSeed = choice.seed;
    for (const auto& name : choice.statistics) {
        bool known = name == lensName || name == jacobianName;
        if (name == jacobianName)
            request.jacobian = {.rows = choice.jacobianRows, .alone = choice.jacobianAlone};
        if (name == lensName)
            request.lens = {.top = choice.top, .threads = choice.threads, .memoryBytes = choice.memoryBytes};
        forEachStatistic([&]<class S>() {
            if (name != S::info.name) return;
            known = true;
            auto& asked = all.get<S>();
            asked = choice.options.get<S>();
            if constexpr (requires { asked->seed; }) asked->seed = choice.seed;
        });
        if (!known) throw unknown("statistic", name);
    }
    for (const auto& name : choice.nulls) {
        if (name == untrainedNull) {
            request.untrained = true;
            continue;
        }
        const auto null = parseNull(name);
        if (!null) throw unknown("null", name);
        all.nulls.push_back(*null);
    }
    return request;
}

TraceView seenThrough(TraceView view) {
    const auto* joined = dynamic_cast<const JoinedTrace*>(view.trace.get());
    if (joined == nullptr || joined->parts().size() != 1) return view;
    std::vector<std::int64_t> rows;
    for (std::int64_t n = 0; n < view.rowCount(); ++n)
        rows.push_back(joined->picked()[static_cast<std::size_t>(view.traceRow(n))].row);
    if (!std::is_sorted(rows.begin(), rows.end()) ||
        std::adjacent_find(rows.begin(), rows.end()) != rows.end())
        return view;
    const auto part = joined->parts().front();
    if (static_cast<std::int64_t>(rows.size()) == part->rows()) rows.clear();
    view.trace = part;
    view.rows = std::move(rows);
    return view;
}

AnalysisView makeViewOf(const AnalysisChoice& choice, std::shared_ptr<const Trace> trace,
                        const std::optional<FinalNorm>& norm, const TokenText& textOf, Progress& progress) {
    ViewRequest request;
    request.points = pointsOf(choice, trace->info());
    request.scaling = scalingOf(choice);
    request.mask = parseUnitMask(choice.maskUnits);
    request.selection = parseSelection(choice.select);
    request.threads = choice.threads;
    AnalysisView made = makeAnalysisView(std::move(trace), request, textOf, progress);
    made.view = seenThrough(std::move(made.view));
    if (choice.scaling == "final_norm") {
        if (!norm)
            throw Error(ErrorCode::InvalidArgument,
                        "the scaling final_norm needs the model that made the trace");
        made.view.trace = std::make_shared<const NormedTrace>(made.view.trace, *norm);
        made.view.scaling = Scaling::FinalNorm;
    }
    return made;
}

std::vector<ChoiceProblem> problemsOf(const AnalysisChoice& choice, const std::shared_ptr<const Trace>& trace,
                                      bool hasModel, const TokenText& textOf) {
    using Field = ChoiceProblem::Field;
    std::vector<ChoiceProblem> problems;
    const auto check = [&](Field field, auto use) {
        try {
            use();
        } catch (const Error& error) {
            problems.push_back({field, error.what()});
        }
    };
    constexpr const char* attach =
        "it needs the model that made the trace: attach it with File > Attach a model to this trace";
    if (choice.statistics.empty()) problems.push_back({Field::Statistic, "choose a statistic"});
    bool swept = false;
    for (const auto& statistic : choosableStatistics()) {
        if (!contains(choice.statistics, statistic.name)) continue;
        if (statistic.needsModel && !hasModel)
            problems.push_back({Field::Statistic, fmt::format("{}: {}", statistic.title, attach)});
        swept = swept || statistic.hasNulls;
    }
    // The untrained network stands beside derivatives as well.
    swept = swept || (contains(choice.statistics, jacobianName) &&
                      choice.nulls == std::vector<std::string>{untrainedNull});
    if (!choice.nulls.empty() && !swept && !choice.statistics.empty())
        problems.push_back({Field::Null, "none of the chosen statistics is computed on surrogates"});
    if (contains(choice.nulls, untrainedNull) && !hasModel)
        problems.push_back({Field::Null, fmt::format("{}: {}", untrainedNull, attach)});
    if (choice.scaling == "final_norm" && !hasModel) problems.push_back({Field::Scaled, attach});
    if (!trace) return problems;
    const TraceInfo& info = trace->info();
    check(Field::Points, [&] { parsePoints(info.points, choice.points); });
    check(Field::Rows, [&] {
        const RowSelection selection = parseSelection(choice.select);
        if (!selection.conditions.empty()) selectedRows(info, selection, textOf);
    });
    check(Field::Units, [&] {
        TraceView view{.trace = trace};
        view.maskedUnits = parseUnitMask(choice.maskUnits).units;
        checkView(view);
    });
    return problems;
}

TraceView roughViewOf(const AnalysisChoice& choice, const std::shared_ptr<const Trace>& trace,
                      const TokenText& textOf) {
    TraceView view{.trace = trace};
    view.points = pointsOf(choice, trace->info());
    view.scaling = scalingOf(choice);
    view.maskedUnits = parseUnitMask(choice.maskUnits).units;
    const RowSelection selection = parseSelection(choice.select);
    if (!selection.conditions.empty()) view.rows = selectedRows(trace->info(), selection, textOf);
    checkView(view);
    return seenThrough(std::move(view));
}

AnalysisCost costOf(const AnalysisChoice& choice, const std::shared_ptr<const Trace>& trace,
                    const TokenText& textOf, const Results& known, const Rates& rates) {
    return costOf(roughViewOf(choice, trace, textOf), requestOf(choice), known, rates);
}

std::vector<std::string> wordsOf(const AnalysisChoice& choice, const std::vector<std::string>& modelWords) {
    std::vector<std::string> words{"--stat", fmt::format("{}", fmt::join(choice.statistics, ","))};
    const auto add = [&](const char* option, const std::string& value, const std::string& usual) {
        if (value != usual) words.insert(words.end(), {option, value});
    };
    const AnalysisChoice usual;
    if (!choice.nulls.empty()) {
        words.insert(words.end(), {"--null", fmt::format("{}", fmt::join(choice.nulls, ","))});
        add("--repeats", std::to_string(choice.repeats), std::to_string(usual.repeats));
    }
    add("--seed", std::to_string(choice.seed), std::to_string(usual.seed));
    add("--scaling", choice.scaling, usual.scaling);
    add("--points", choice.points.empty() ? usual.points : choice.points, usual.points);
    add("--select", choice.select, usual.select);
    add("--mask-units", choice.maskUnits, usual.maskUnits);
    StatisticOptions options = choice.options;
    forEachStatistic([&]<class S>() {
        if (!contains(choice.statistics, S::info.name)) return;
        const Json defaults = optionsOf<S>({});
        WordMaker maker{words, defaults};
        S::visitOptions(maker, *options.get<S>());
    });
    if (contains(choice.statistics, lensName))
        add("--top", std::to_string(choice.top), std::to_string(usual.top));
    if (contains(choice.statistics, jacobianName)) {
        add("--rows", std::to_string(choice.jacobianRows), std::to_string(usual.jacobianRows));
        if (choice.jacobianAlone) words.emplace_back("--alone");
    }
    if (choice.memoryBytes != usual.memoryBytes)
        words.insert(words.end(), {"--memory", fmt::format("{}M", choice.memoryBytes >> 20)});
    if (needsModel(choice)) words.insert(words.end(), modelWords.begin(), modelWords.end());
    return words;
}

std::string choiceToJson(const AnalysisChoice& choice) {
    Json json{{"statistics", choice.statistics},
              {"nulls", choice.nulls},
              {"repeats", choice.repeats},
              {"seed", choice.seed},
              {"scaling", choice.scaling},
              {"points", choice.points},
              {"select", choice.select},
              {"mask_units", choice.maskUnits},
              {"top", choice.top},
              {"jacobian_rows", choice.jacobianRows},
              {"jacobian_alone", choice.jacobianAlone}};
    forEachStatistic([&]<class S>() {
        json["options"][std::string(S::info.name)] = optionsOf<S>(*choice.options.get<S>());
    });
    return json.dump();
}

AnalysisChoice choiceFromJson(const std::string& text) {
    AnalysisChoice choice;
    const Json json = Json::parse(text, nullptr, false);
    if (!json.is_object()) return choice;
    readList(json, "statistics", choice.statistics, statisticNames());
    readList(json, "nulls", choice.nulls, allNullNames());
    readText(json, "scaling", choice.scaling);
    if (choice.scaling != "rms" && choice.scaling != "final_norm") choice.scaling = "raw";
    readText(json, "points", choice.points);
    readText(json, "select", choice.select);
    readText(json, "mask_units", choice.maskUnits);
    OptionReader reader{json};
    reader.whole("repeats", choice.repeats, 1, 1000000, "");
    reader.whole("top", choice.top, 1, 1000, "");
    reader.whole("jacobian_rows", choice.jacobianRows, 1, 100000, "");
    if (const auto alone = json.find("jacobian_alone"); alone != json.end() && alone->is_boolean())
        choice.jacobianAlone = alone->get<bool>();
    if (const auto seed = json.find("seed"); seed != json.end() && seed->is_number_unsigned())
        choice.seed = seed->get<std::uint64_t>();
    if (choice.repeats != AnalysisChoice{}.repeats) choice.untrainedRepeats = choice.repeats;
    const auto options = json.find("options");
    if (options == json.end() || !options->is_object()) return choice;
    forEachStatistic([&]<class S>() {
        const auto of = options->find(std::string(S::info.name));
        if (of == options->end() || !of->is_object()) return;
        OptionReader one{*of};
        S::visitOptions(one, *choice.options.get<S>());
    });
    return choice;
}

const std::vector<ChoicePreset>& choicePresets() {
    static const std::vector<ChoicePreset> presets{
        {"Quick look", "Takes seconds: no null, and no slow statistic.", quickLook},
        {"Paper", "Every statistic at the points of the paper, beside its own control (depth_shuffle).",
         asInThePaper},
        {"Everything", "Every statistic beside every null. On a large trace this takes long.", everything}};
    return presets;
}

}  // namespace rheo
