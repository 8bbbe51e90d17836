#include "core/session/session_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "core/base/hash.h"
#include "core/session/opened_results.h"
#include "core/session/page_parts.h"
#include "core/session/page_scene.h"
#include "core/session/page_template.h"
#include "core/session/report.h"

namespace rheo {

namespace {

/// The SHA-256 of a text as a content security policy names it: base 64.
std::string policyHash(std::string_view text) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    Sha256 hash;
    hash.update(std::string(text));
    const std::string hex = hash.hex();
    std::string out;
    for (std::size_t at = 0; at < hex.size(); at += 6) {  // three bytes are six digits, and four of base 64
        const std::string part = hex.substr(at, 6);
        const unsigned bits = static_cast<unsigned>(std::stoul(part, nullptr, 16)) << 4 * (6 - part.size());
        for (std::size_t i = 0; i < 4; ++i)
            out += i <= part.size() / 2 ? digits[bits >> (18 - 6 * i) & 63] : '=';
    }
    return out;
}

TemplateFields fieldsOf(const PageFigure& figure, std::size_t number) {
    TemplateFields fields{{{"id", fmt::format("figure-{}", number)},
                           {"title", figure.title},
                           {"caption", figure.caption},
                           {"svg", inlineSvg(figure.svg)},
                           {"recipe", figure.recipe},
                           {"still", ""}}};
    for (const char* list : {"space", "notesOfFigure", "commands", "remarks"}) fields.lists[list];
    const Plot3D* plot = figure.inSpace ? plotInSpace(*figure.inSpace) : nullptr;
    if (plot != nullptr) {
        fields.lists["space"].push_back(
            {{{"scene", sceneJson(*plot, figure.inSpace->theme, figure.aspect, figure.pointNames)}}});
        // What has panels beside it stays to be seen.
        if (figure.inSpace->panels.size() == 1) fields.texts["still"] = " class=\"still\"";
    }
    for (const std::string& note : figure.notes) fields.lists["notesOfFigure"].push_back({{{"note", note}}});
    if (!figure.command.empty()) fields.lists["commands"].push_back({{{"command", figure.command}}});
    for (const std::string& remark : figure.remarks)
        fields.lists["remarks"].push_back({{{"remark", remark}}});
    return fields;
}

/// "1 row", "3 rows".
std::string counted(std::int64_t count, std::string_view what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

/// Of the rows, else of the results; null: there are neither.
const TraceInfo* infoOf(const DocumentState& state) {
    if (state.trace) return &state.trace->info();
    return state.results ? &state.results->results.source.info : nullptr;
}

std::string modelOf(const TraceInfo& info, const std::string& name) {
    if (!info.model) return name;
    const ModelIdentity& model = *info.model;
    std::string what = fmt::format("{} of {} and {}, {}", model.architecture, counted(model.layers, "block"),
                                   counted(model.dModel, "unit"), model.dtype);
    if (model.untrainedSeed) what += fmt::format(", untrained, seed {}", *model.untrainedSeed);
    return name.empty() ? what : fmt::format("{} ({})", name, what);
}

std::string joined(const std::vector<std::string>& parts) {
    return fmt::format("{}", fmt::join(parts, ", "));
}

/// All results that are shown, the newest first.
std::vector<const OpenedResults*> resultsOf(const DocumentState& state) {
    std::vector<const OpenedResults*> all;
    if (state.results) all.push_back(state.results.get());
    for (const HeldResults& held : state.earlier)
        if (held.opened) all.push_back(held.opened.get());
    return all;
}

/// Files, statistics and seeds of results.
struct ResultsFacts {
    std::vector<std::string> files, statistics, seeds;
};

ResultsFacts factsOfResults(const DocumentState& state) {
    ResultsFacts facts;
    std::set<std::string> names;
    std::set<std::uint64_t> seeds;
    for (const OpenedResults* opened : resultsOf(state)) {
        const auto& file = opened->path.empty() ? opened->base : opened->path;
        if (!file.empty()) facts.files.push_back(file.string());
        for (const auto& [name, record] : opened->results.records) {
            names.insert(name);
            seeds.insert(record.seed);
        }
    }
    facts.statistics.assign(names.begin(), names.end());
    for (const auto seed : seeds) facts.seeds.push_back(std::to_string(seed));
    return facts;
}

std::vector<std::string> teleportsOf(const DocumentState& state) {
    std::vector<std::string> names;
    for (const auto& record : state.teleports)
        names.push_back(record->name.empty() ? fmt::format("teleport {}", record->id) : record->name);
    return names;
}

}  // namespace

std::string sessionPage(const SessionPage& page) {
    TemplateFields fields{{{"title", page.title},
                           {"summary", page.summary},
                           {"scheme", page.dark ? "dark" : "light"},
                           {"style", std::string(pageStyle)},
                           {"themeStyle", page.dark ? std::string(darkPageStyle) : std::string()},
                           {"spaceStyle", std::string(spaceStyle)},
                           {"findings", findingsHtml(page.verdicts)},
                           {"script", std::string(spaceScript)},
                           // The element holds the newline before the script as well.
                           {"scriptHash", policyHash("\n" + std::string(spaceScript))}}};
    for (const char* list : {"facts", "notes", "contents", "figures"}) fields.lists[list];
    for (const auto& [label, value] : page.facts)
        fields.lists["facts"].push_back({{{"label", label}, {"value", value}}});
    if (!page.notes.empty()) {
        auto& sentences = fields.lists["notes"].emplace_back().lists["sentences"];
        for (const auto& note : page.notes) sentences.push_back({{{"sentence", note}}});
    }
    std::vector<TemplateFields> entries;
    for (const PageFigure& figure : page.figures) {
        auto& added = fields.lists["figures"].emplace_back(fieldsOf(figure, entries.size() + 1));
        entries.push_back({{{"id", added.texts["id"]}, {"title", figure.title}}});
    }
    if (entries.size() > 1) fields.lists["contents"].emplace_back().lists["entries"] = std::move(entries);
    return fillTemplate(sessionTemplate, fields);
}

std::string pageSummary(const DocumentState& state) {
    const TraceInfo* info = infoOf(state);
    if (info == nullptr) return "No rows and no results were open.";
    return fmt::format("The residual stream of {} of {}, followed through {} of depth; each state has {}.",
                       counted(static_cast<std::int64_t>(info->rows.size()), "token"),
                       counted(static_cast<std::int64_t>(info->samples.size()), "sample"),
                       counted(static_cast<std::int64_t>(info->points.size()), "point"),
                       counted(info->units, "unit"));
}

std::vector<std::pair<std::string, std::string>> pageFacts(const DocumentState& state,
                                                           const PageSources& sources) {
    std::vector<std::pair<std::string, std::string>> facts;
    const auto add = [&](const char* label, const std::string& value) {
        if (!value.empty()) facts.emplace_back(label, value);
    };
    if (const TraceInfo* info = infoOf(state)) {
        add("Model", modelOf(*info, sources.modelName));
        if (info->model && !info->model->weightsSha256.empty())
            add("Weights", "sha256 " + info->model->weightsSha256);
        add("Trace", sources.traceFile);
        add("Prompts", sources.promptsFile);
        add("Rows", fmt::format("{} of {}", info->rows.size(),
                                counted(static_cast<std::int64_t>(info->samples.size()), "sample")));
        if (!info->points.empty())
            add("Points", fmt::format("{}, {} to {}", info->points.size(), pointName(info->points.front()),
                                      pointName(info->points.back())));
        add("Units", std::to_string(info->units));
    } else {
        add("Model", sources.modelName);
    }
    const ResultsFacts results = factsOfResults(state);
    add("Results", joined(results.files));
    add("Statistics", joined(results.statistics));
    add(results.seeds.size() == 1 ? "Seed" : "Seeds", joined(results.seeds));
    add("Teleports", joined(teleportsOf(state)));
    add("Made", fmt::format("{}, Rheograph {}", sources.time, sources.version));
    return facts;
}

std::vector<std::string> pageNotes(const DocumentState& state) {
    std::vector<std::string> notes;
    if (const TraceInfo* info = infoOf(state)) {
        if (!info->origin.empty()) notes.push_back(info->origin);
        if (info->model) notes.insert(notes.end(), info->model->notes.begin(), info->model->notes.end());
    }
    if (state.basisIsStale())
        notes.push_back(
            "The rows have changed since the PCA was fitted: new ones are projected on the old components.");
    if (state.results)
        if (const auto change = changeSince({state.results, state.resultsTrace}, state); !change.empty())
            notes.push_back("The results are of other rows: " + change + ".");
    return notes;
}

}  // namespace rheo
