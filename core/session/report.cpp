#include "core/session/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/base/printable.h"
#include "core/figure/interval_drawing.h"
#include "core/results/verdict_json.h"
#include "core/session/page_parts.h"
#include "core/session/page_template.h"
#include "core/session/verdict_text.h"

namespace rheo {

namespace {

std::string number(double x) {
    return std::isnan(x) ? std::string("–") : fmt::format("{:.4g}", x);
}

std::string probability(double p) {
    if (std::isnan(p)) return "–";
    return probabilityInWords(p);
}

/// The observed value with its interval, over the band of the null and zero, on one line.
std::string drawingOf(const Verdict& v) {
    if (v.verdict == VerdictKind::NotTested) return "";
    IntervalDrawing drawing{v.observed, {v.interval.low, v.interval.high}, {}, {}};
    drawing.label = fmt::format("observed {} beside the null", number(v.observed));
    for (const auto& null : v.nulls) drawing.nulls.push_back({null.low, null.high});
    return intervalSvg(drawing);
}

std::string nullsOf(const Verdict& v) {
    std::string cell;
    for (const auto& null : v.nulls)
        cell += fmt::format("{}{} to {}<br><small>{}</small>", cell.empty() ? "" : "<br>", number(null.low),
                            number(null.high), escapeHtml(null.null));
    return cell.empty() ? "–" : cell;
}

TemplateFields fieldsOf(const Verdict& v) {
    const bool tested = v.verdict != VerdictKind::NotTested;
    const std::string none = "–";
    const std::string interval = fmt::format("{}<br><small>{} to {}</small>", number(v.observed),
                                             number(v.interval.low), number(v.interval.high));
    const std::string p =
        fmt::format("{}<br><small>{} adjusted</small>", probability(v.p), probability(v.pAdjusted));
    const std::string shuffled =
        fmt::format("{}<br><small>p = {}</small>", number(v.depthShuffleMean), probability(v.depthShuffleP));
    return {{{"key", v.key},
             {"finding", findingText(v.key).finding},
             {"class", std::string(verdictName(v.verdict))},
             {"verdict", verdictInWords(v.verdict)},
             {"observed", tested ? interval : none},
             {"drawing", drawingOf(v)},
             {"nulls", tested ? nullsOf(v) : none},
             {"p", tested ? p : none},
             {"shuffled", tested && !std::isnan(v.depthShuffleMean) ? shuffled : none},
             {"sentence", sentenceOf(v)}}};
}

}  // namespace

std::string findingsHtml(const std::vector<Verdict>& verdicts) {
    if (verdicts.empty()) return "";
    TemplateFields table;
    for (const auto& verdict : verdicts) table.lists["verdicts"].push_back(fieldsOf(verdict));
    return fillTemplate(findingsTemplate, table);
}

std::string inlineSvg(std::string svg) {
    if (const auto start = svg.find("<svg"); start != std::string::npos) svg.erase(0, start);
    return svg;
}

std::string reportPage(const Report& report) {
    TemplateFields page{{{"title", report.title},
                         {"recipe", report.recipe},
                         {"style", std::string(pageStyle)},
                         {"darkStyle", std::string(darkPageStyle)},
                         {"findings", findingsHtml(report.verdicts)}}};
    for (const char* list : {"facts", "notes", "figures", "commands"}) page.lists[list];
    for (const auto& [label, value] : report.facts)
        page.lists["facts"].push_back({{{"label", label}, {"value", value}}});
    if (!report.notes.empty()) {
        auto& sentences = page.lists["notes"].emplace_back().lists["sentences"];
        for (const auto& note : report.notes) sentences.push_back({{{"sentence", note}}});
    }
    if (!report.figures.empty()) {
        auto& figures = page.lists["figures"].emplace_back().lists["figure"];
        for (const auto& figure : report.figures)
            figures.push_back({{{"title", figure.title},
                                {"svg", inlineSvg(figure.svg)},
                                {"caption", figure.caption},
                                {"command", figure.command}}});
    }
    for (const auto& command : report.commands) page.lists["commands"].push_back({{{"command", command}}});
    return fillTemplate(reportTemplate, page);
}

namespace {

/// A verdict with its texts, and the null that decides in fields of its own.
nlohmann::ordered_json jsonOf(const Verdict& v) {
    const auto fields = nlohmann::ordered_json::parse(verdictToJson(v));
    nlohmann::ordered_json item;
    item["key"] = v.key;
    item["finding"] = findingText(v.key).finding;
    item["statistic"] = findingText(v.key).statistic;
    const auto ofNull = [&](const char* name) {
        return v.nulls.empty() ? nlohmann::ordered_json(nullptr) : fields["nulls"][0][name];
    };
    for (const auto& [name, value] : fields.items()) {
        const bool ofOutliers =
            name == "outliers" || name.ends_with("_without_outliers") || name == "verdict_with_all";
        if (ofOutliers && v.verdict != VerdictKind::RestsOnOutliers) continue;
        if (name == "nulls") {
            item["null"] = ofNull("null");
            for (const char* part : {"mean", "low", "high"}) item[std::string("null_") + part] = ofNull(part);
            item["null_share"] = ofNull("null_share");
        }
        if (name == "n_samples") item["repeats"] = v.nulls.empty() ? 0 : v.nulls.front().repeats;
        item[name] = value;
    }
    item["sentence"] = sentenceOf(v);
    return item;
}

}  // namespace

std::string verdictsJson(const std::vector<Verdict>& verdicts) {
    auto list = nlohmann::ordered_json::array();
    for (const auto& verdict : verdicts) list.push_back(jsonOf(verdict));
    return list.dump(2) + "\n";
}

}  // namespace rheo
