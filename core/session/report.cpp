#include "core/session/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/base/printable.h"
#include "core/session/verdict_text.h"

namespace rheo {

namespace {

constexpr const char* style = R"(
:root{--ink:#1c1f23;--quiet:#5b626a;--line:#d9dce0;--soft:#f5f6f7;--accent:#0b5cad}
body{font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif;max-width:62rem;margin:2rem auto 4rem;padding:0 1.2rem;color:var(--ink);background:#fff}
h1{font-weight:600;margin-bottom:.3rem}h2{margin:2.6rem 0 .6rem;font-weight:600}h3{margin:2rem 0 .3rem;font-weight:600;font-size:1.05rem}
p{margin:.4rem 0}dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1.2rem;margin:1rem 0}dt{color:var(--quiet)}dd{margin:0;overflow-wrap:anywhere}
.notes{border-left:3px solid #c77700;padding:.1rem 0 .1rem .8rem}
table{border-collapse:collapse;width:100%;font-size:14px}th{font-weight:600;text-align:left;border-bottom:2px solid var(--ink);padding:.3rem .5rem;vertical-align:bottom}
td{padding:.45rem .5rem .1rem;vertical-align:top}tr.says td{padding:.05rem .5rem .6rem;border-bottom:1px solid var(--line);color:var(--quiet)}
td.n{font-variant-numeric:tabular-nums;white-space:nowrap}small{color:var(--quiet)}
.v{display:inline-block;border-radius:3px;padding:0 .45em;font-weight:600;white-space:nowrap;border:1px solid}
.supported{color:#fff;background:#0b5cad;border-color:#0b5cad}.explained_by_null,.mostly_null{color:#333;background:#d8dbdf;border-color:#d8dbdf}
.rests_on_outliers{color:#fff;background:#7a3e9d;border-color:#7a3e9d}
.opposite{color:#fff;background:#b1480a;border-color:#b1480a}.not_seen{color:#444;background:#fff;border-color:#9aa0a6}.not_tested{color:#777;background:#fff;border-color:#d8dbdf;border-style:dashed}
figure{margin:0}figure>svg{width:100%;height:auto;border:1px solid var(--line)}figcaption{color:var(--quiet);font-size:14px;margin:.3rem 0}
pre{background:var(--soft);padding:.6rem .8rem;font-size:12.5px;white-space:pre-wrap;overflow-wrap:anywhere}
details summary{cursor:pointer;color:var(--quiet)}
@media (prefers-color-scheme:dark){:root{--ink:#e6e8ea;--quiet:#a3aab2;--line:#3a3f45;--soft:#22262b}body{background:#16191d}
.explained_by_null,.mostly_null{color:#e6e8ea;background:#454b52;border-color:#454b52}.not_seen{color:#c9cdd2;background:transparent;border-color:#7d848c}.not_tested{color:#9aa0a6;background:transparent;border-color:#5b626a}}
)";

std::string number(double x) {
    return std::isnan(x) ? std::string("–") : fmt::format("{:.4g}", x);
}

std::string probability(double p) {
    if (std::isnan(p)) return "–";
    return probabilityInWords(p);
}

/// The observed value with its interval, over the band of the null and zero, on one line.
std::string picture(const Verdict& v) {
    if (v.verdict == VerdictKind::NotTested) return "";
    double low = 0, high = 0;
    const auto include = [&](double x) {
        if (std::isnan(x)) return;
        low = std::min(low, x);
        high = std::max(high, x);
    };
    for (const double x : {v.observed, v.interval.low, v.interval.high}) include(x);
    for (const auto& null : v.nulls) {
        include(null.low);
        include(null.high);
    }
    if (!(high > low)) return "";
    constexpr double width = 150, margin = 6;
    const auto at = [&](double x) { return margin + (x - low) / (high - low) * (width - 2 * margin); };
    std::string svg = fmt::format(
        "<svg width=\"{0:.0f}\" height=\"22\" viewBox=\"0 0 {0:.0f} 22\" role=\"img\" aria-label=\"observed "
        "{1} beside "
        "the null\">",
        width, number(v.observed));
    for (const auto& null : v.nulls)
        svg += fmt::format(
            "<rect x=\"{:.1f}\" y=\"5\" width=\"{:.1f}\" height=\"12\" fill=\"#9aa0a6\" "
            "fill-opacity=\".55\"/>",
            at(null.low), std::max(1.5, at(null.high) - at(null.low)));
    svg += fmt::format("<path d=\"M{0:.1f} 2V20\" stroke=\"#7d848c\" stroke-dasharray=\"2 2\"/>", at(0));
    if (!std::isnan(v.interval.low))
        svg += fmt::format("<path d=\"M{:.1f} 11H{:.1f}\" stroke=\"#0b5cad\" stroke-width=\"2\"/>",
                           at(v.interval.low), at(v.interval.high));
    return svg +
           fmt::format("<circle cx=\"{:.1f}\" cy=\"11\" r=\"3.5\" fill=\"#0b5cad\"/></svg>", at(v.observed));
}

std::string nullsOf(const Verdict& v) {
    std::string cell;
    for (const auto& null : v.nulls)
        cell += fmt::format("{}{} to {}<br><small>{}</small>", cell.empty() ? "" : "<br>", number(null.low),
                            number(null.high), escapeHtml(null.null));
    return cell.empty() ? "–" : cell;
}

std::string rowOf(const Verdict& v) {
    const bool tested = v.verdict != VerdictKind::NotTested;
    const std::string none = "–";
    const std::string interval = fmt::format("{}<br><small>{} to {}</small>", number(v.observed),
                                             number(v.interval.low), number(v.interval.high));
    const std::string p =
        fmt::format("{}<br><small>{} adjusted</small>", probability(v.p), probability(v.pAdjusted));
    const std::string shuffled =
        fmt::format("{}<br><small>p = {}</small>", number(v.depthShuffleMean), probability(v.depthShuffleP));
    return fmt::format(
        "<tr id=\"{}\"><td>{}<br><small>{}</small></td><td><span class=\"v {}\">{}</span></td><td "
        "class=\"n\">{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td "
        "class=\"n\">{}</td></tr>\n"
        "<tr class=\"says\"><td colspan=\"7\">{}</td></tr>\n",
        v.key, escapeHtml(findingText(v.key).finding), v.key, verdictName(v.verdict),
        verdictInWords(v.verdict), tested ? interval : none, picture(v), tested ? nullsOf(v) : none,
        tested ? p : none, tested && !std::isnan(v.depthShuffleMean) ? shuffled : none,
        escapeHtml(sentenceOf(v)));
}

/// A document as a part of another: without its XML declaration, and as wide as the page.
std::string inlineSvg(std::string svg) {
    if (const auto start = svg.find("<svg"); start != std::string::npos) svg.erase(0, start);
    return svg;
}

nlohmann::ordered_json orNull(double x) {
    if (std::isfinite(x)) return x;
    return nullptr;
}

}  // namespace

std::string reportPage(const Report& report) {
    std::string html = fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
        "content=\"width=device-width\"><title>{0}</title>\n<style>{1}</style></head><body>\n<h1>{0}</"
        "h1>\n<dl>\n",
        escapeHtml(report.title), style);
    for (const auto& [label, value] : report.facts)
        html += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escapeHtml(label), escapeHtml(value));
    html += "</dl>\n";
    if (!report.notes.empty()) {
        html += "<div class=\"notes\">\n";
        for (const auto& note : report.notes) html += fmt::format("<p>{}</p>\n", escapeHtml(note));
        html += "</div>\n";
    }
    html +=
        "<h2>Findings</h2>\n<p>Each published finding, tested on these data. The dot is the observed "
        "value, its line the 95 % interval (from random halves of the samples), the grey bands 95 % of each "
        "null, the dashed line zero. A finding is <em>supported</em> only if the interval excludes zero and "
        "the value is beyond every null; what a null reaches is <em>explained by null</em>, and what it "
        "reaches to nine tenths <em>mostly null</em>. p is that of the null which comes closest; twelve "
        "tests "
        "are twelve chances, so the verdict goes by the adjusted p (Holm). The last column is what the "
        "paper's own control, shuffled depth, would have said.</p>\n"
        "<table><thead><tr><th>Finding</th><th>Verdict</th><th>Observed</th><th></th><th>Null, "
        "95&nbsp;%</th><th>p</th><th>Shuffled depth</th></tr></thead><tbody>\n";
    for (const auto& verdict : report.verdicts) html += rowOf(verdict);
    html += "</tbody></table>\n";
    if (!report.figures.empty()) html += "<h2>Figures</h2>\n";
    for (const auto& figure : report.figures)
        html += fmt::format(
            "<h3>{}</h3>\n<figure>{}<figcaption>{}</figcaption></figure>\n<details><summary>command</"
            "summary><pre>{}</"
            "pre></details>\n",
            escapeHtml(figure.title), inlineSvg(figure.svg), escapeHtml(figure.caption),
            escapeHtml(figure.command));
    html += "<h2>How it was made</h2>\n<pre>";
    for (const auto& command : report.commands) html += escapeHtml(command) + "\n";
    return html +
           fmt::format("</pre>\n<details><summary>recipe</summary><pre>{}</pre></details>\n</body></html>\n",
                       escapeHtml(report.recipe));
}

namespace {

nlohmann::ordered_json jsonOf(const NullComparison& null) {
    return {{"null", null.null},
            {"mean", orNull(null.mean)},
            {"low", orNull(null.low)},
            {"high", orNull(null.high)},
            {"p_upper", orNull(null.upper.p)},
            {"p_upper_method", pMethodName(null.upper.method)},
            {"p_lower", orNull(null.lower.p)},
            {"p_lower_method", pMethodName(null.lower.method)},
            {"null_share", orNull(null.share)},
            {"repeats", null.repeats}};
}

nlohmann::ordered_json jsonOf(const PushResponse& response) {
    return {{"size", response.size},
            {"mean", orNull(response.mean)},
            {"interval_low", orNull(response.low)},
            {"interval_high", orNull(response.high)},
            {"p", orNull(response.p)}};
}

nlohmann::ordered_json jsonOf(const Verdict& v) {
    nlohmann::ordered_json item;
    item["key"] = v.key;
    item["finding"] = findingText(v.key).finding;
    item["statistic"] = findingText(v.key).statistic;
    item["observed"] = orNull(v.observed);
    item["interval_low"] = orNull(v.interval.low);
    item["interval_high"] = orNull(v.interval.high);
    const double nan = std::nan("");
    const NullComparison none{"", nan, nan, nan, {nan, PMethod::None}, {nan, PMethod::None}, nan, 0};
    const NullComparison& null = v.nulls.empty() ? none : v.nulls.front();
    item["null"] = v.nulls.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(null.null);
    item["null_mean"] = orNull(null.mean);
    item["null_low"] = orNull(null.low);
    item["null_high"] = orNull(null.high);
    item["null_share"] = orNull(null.share);
    item["nulls"] = nlohmann::ordered_json::array();
    for (const auto& each : v.nulls) item["nulls"].push_back(jsonOf(each));
    item["p"] = orNull(v.p);
    item["p_adjusted"] = orNull(v.pAdjusted);
    item["p_method"] = pMethodName(v.pMethod);
    item["p_away"] = orNull(v.pAway);
    item["p_away_adjusted"] = orNull(v.pAwayAdjusted);
    item["repeats"] = null.repeats;
    item["n_samples"] = v.samples;
    item["n_rows"] = v.rows;
    item["depth_shuffle_mean"] = orNull(v.depthShuffleMean);
    item["depth_shuffle_p"] = orNull(v.depthShuffleP);
    item["responses"] = nlohmann::ordered_json::array();
    for (const auto& response : v.responses) item["responses"].push_back(jsonOf(response));
    item["verdict"] = verdictName(v.verdict);
    if (v.verdict == VerdictKind::RestsOnOutliers) {
        item["verdict_with_all"] = verdictName(v.withAll);
        item["verdict_without_outliers"] = verdictName(v.withoutOutliers);
        item["observed_without_outliers"] = orNull(v.observedWithoutOutliers);
        item["null_mean_without_outliers"] = orNull(v.nullWithoutOutliers);
        item["outliers"] = v.outliers;
    }
    item["reason"] = v.reason;
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
