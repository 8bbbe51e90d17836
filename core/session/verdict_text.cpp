#include "core/session/verdict_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "core/analysis/null_table.h"
#include "core/base/error.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
/// Further out no p is told from another: no fit to a few hundred repeats reaches there.
constexpr double leastP = 1.01e-6;

constexpr std::array<FindingText, 14> texts{{
    {"density_rises", "Activity becomes denser with depth.",
     "mean Treves-Rolls density over the last quarter of points, minus that over the first quarter",
     "Activity becomes denser with depth", "Activity becomes sparser with depth", "sparsity"},
    {"correlation_high", "Each unit is highly correlated from one point to the next.",
     "correlation over rows of a unit with itself at the next point, mean over units and steps",
     "Units are correlated from point to point", "Units are anticorrelated from point to point",
     "correlation"},
    {"inside_exceeds_across", "Correlation is higher inside a block than from one block to the next.",
     "mean correlation from attention to MLP of a block, minus that from the MLP to the next block",
     "Correlation is higher inside a block than across blocks",
     "Correlation is lower inside a block than across blocks", "correlation"},
    {"cosine_rises", "Successive states point in more and more similar directions with depth.",
     "mean cosine of successive states over the last quarter of steps, minus that over the first quarter",
     "The cosine of successive states rises with depth", "The cosine of successive states falls with depth",
     "motion"},
    {"accelerates", "The state moves faster with depth.",
     "least-squares slope of mean speed over steps (with separate intercepts for attention and MLP steps), "
     "times "
     "the number of steps, divided by mean speed",
     "The state moves faster with depth", "The state moves slower with depth", "motion"},
    {"mi_drops_then_climbs", "The information a unit carries to the next point drops, then climbs.",
     "mutual information in nats: the smaller of its fall from the first step to the minimum between the "
     "ends and "
     "its climb from there to the last step; below zero where it is lowest at an end",
     "Mutual information drops, then climbs again",
     "Mutual information does not drop and climb again: it is lowest at an end", "mutual_information"},
    {"nonlinear_early", "Early layers hold most of the nonlinear information.",
     "mutual information beyond that of jointly Gaussian data of the same correlation (nats): mean over the "
     "first "
     "quarter of steps, minus that over the rest",
     "Nonlinear information is higher in early steps", "Nonlinear information is lower in early steps",
     "mutual_information"},
    {"rotation", "Units rotate in the plane of their value and its gradient.",
     "number of turns of a unit's path, averaged over rows; mean over units of its absolute value",
     "Units turn more", "Units turn less", "rotation"},
    {"rotation_coherent", "The mean paths of units wind around a centre.",
     "number of turns of a unit's mean path around its centre; mean over units of its absolute value",
     "The mean paths of units wind around their centres", "", "orbits"},
    {"late_easier_to_reconstruct", "Late points are easier to reconstruct from two numbers.",
     "mean r2 of the autoencoder over the last quarter of points, minus that over the first quarter "
     "(r2 below 0 counts as 0; on the first 50 principal components of at most 200 samples)",
     "Late points are easier to reconstruct from two numbers",
     "Late points are harder to reconstruct from two numbers", "reconstruction"},
    {"path_low_dimensional", "A few components hold the path.",
     "share of the variance in the first three principal components, pooled over rows and points",
     "Three components hold much of the variance", "", "pca"},
    {"early_attractor", "Pushed early, the state returns to its path.",
     "log of the share of a push along PC1 to PC3 in block 1 that is left after a step, minus that of random "
     "pushes of the same norm; mean over the first quarter of steps (states scaled to unit RMS)",
     "Pushes along the first components shrink more slowly than random pushes of the same norm",
     "Pushes along the first components shrink faster than random pushes of the same norm", "trajectories"},
    {"non_normality_falls", "Steps depart less and less from normality with depth (arXiv 2605.14258).",
     "Henrici's departure from normality of the derivative of a step: mean over the last quarter of steps, "
     "minus "
     "that over the first quarter",
     "Late steps depart more from normality than early ones",
     "Late steps depart less from normality than early ones", "jacobian"},
    {"low_rank_bottleneck", "All steps together pass few directions (arXiv 2605.14258).",
     "log of the effective rank of the derivative of all steps together, over the number of units", "",
     "All steps together pass few of the directions of a state", "jacobian"},
}};

std::string valueOf(const Verdict& v) {
    return fmt::format("{} (95 % interval {} to {})", numberInWords(v.observed),
                       numberInWords(v.interval.low), numberInWords(v.interval.high));
}

/// "= 0.02" or "< 1.0e-06"
std::string isProbability(double p) {
    return fmt::format("{} {}", p < leastP ? "<" : "=", probabilityInWords(p));
}

std::string pOf(double p, double adjusted) {
    return fmt::format("p {}, {} adjusted for the number of tests", isProbability(p),
                       probabilityInWords(adjusted));
}

/// "<null> gives <mean> on average, and 95 % of the time <low> to <high>"
std::string givenBy(const NullComparison& null) {
    return fmt::format("{} gives {} on average, and 95 % of the time {} to {}", nullInWords(null.null),
                       numberInWords(null.mean), numberInWords(null.low), numberInWords(null.high));
}

/// Of several nulls the one that reaches furthest against the published direction: `nulls` has the one that
/// reaches furthest in it first.
const NullComparison& closestAway(const Verdict& v) {
    const auto away = [&](const NullComparison& c) { return v.direction > 0 ? c.lower.p : c.upper.p; };
    return *std::max_element(v.nulls.begin(), v.nulls.end(),
                             [&](const auto& a, const auto& b) { return away(a) < away(b); });
}

std::string capitalized(std::string text) {
    if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
    return text;
}

/// What is seen, as the published direction or the other has it.
std::string seen(const Verdict& v, bool published) {
    const FindingText& text = findingText(v.key);
    if (v.direction == 0) return v.observed < v.nulls.front().mean ? text.below : text.above;
    return (v.direction > 0) == published ? text.above : text.below;
}

std::string supported(const Verdict& v) {
    const std::string p = pOf(v.p, v.pAdjusted);
    if (v.nulls.empty()) return fmt::format("{}: {}; {}.", seen(v, true), valueOf(v), p);
    const NullComparison& null = v.nulls.front();
    if (v.direction != 0)
        return fmt::format("{}: {}. That is more than chance explains: {}; {}.", seen(v, true), valueOf(v),
                           givenBy(null), p);
    return fmt::format("{} than {}: {} turns. {}; {}. Their motion is {}.", seen(v, true),
                       nullInWords(null.null), valueOf(v), capitalized(givenBy(null)), p,
                       v.observed < null.mean ? "smoother" : "rougher");
}

std::string explained(const Verdict& v) {
    const std::string p = pOf(v.p, v.pAdjusted);
    if (v.nulls.empty())
        return fmt::format("{}, but not significantly: {}; {}.", seen(v, true), valueOf(v), p);
    const NullComparison& null = v.nulls.front();
    if (v.direction == 0)
        return fmt::format("Units turn as often as chance explains: {} turns. {}; {}.", valueOf(v),
                           capitalized(givenBy(null)), p);
    return fmt::format("{}: {}. But chance explains it: {}; {}.", seen(v, true), valueOf(v), givenBy(null),
                       p);
}

std::string mostlyTheNull(const Verdict& v) {
    const NullComparison& null = v.nulls.front();
    const std::string beyond =
        fmt::format("The difference is beyond chance ({}), but small.", pOf(v.p, v.pAdjusted));
    const bool turns = v.key.starts_with("rotation"), more = std::abs(null.share) <= 1;
    std::string made = fmt::format("{} makes {}{}", nullInWords(null.null), numberInWords(null.mean),
                                   !more   ? ""
                                   : turns ? " of them"
                                           : " of it");
    for (std::size_t i = 1; i < v.nulls.size(); ++i)
        made += fmt::format(", and {} {}", nullInWords(v.nulls[i].null), numberInWords(v.nulls[i].mean));
    if (turns) return fmt::format("{} turns; {}. {}", numberInWords(v.observed), made, beyond);
    return fmt::format("{}: {}; {}. {}", seen(v, (v.observed > 0) == (v.direction > 0)),
                       numberInWords(v.observed), made, beyond);
}

std::string opposite(const Verdict& v) {
    const std::string p = pOf(v.pAway, v.pAwayAdjusted);
    if (v.nulls.empty())
        return fmt::format("{}, the opposite of what was published: {}; {}.", seen(v, false), valueOf(v), p);
    return fmt::format(
        "{}, the opposite of what was published: {}. That is more than chance explains: {}; {}.",
        seen(v, false), valueOf(v), givenBy(closestAway(v)), p);
}

/// The verdict with the value it is of and what the null comes to: "supported" (0.2; 0.1 by a random walk)
std::string verdictOf(VerdictKind kind, const Verdict& v, double observed, double nullMean) {
    const std::string null =
        v.nulls.empty() || std::isnan(nullMean) ? "" : fmt::format("; the null {}", numberInWords(nullMean));
    return fmt::format("\"{}\" ({}{})", verdictInWords(kind), numberInWords(observed), null);
}

std::string restsOnOutliers(const Verdict& v) {
    const std::string with =
        fmt::format("With all units and rows the verdict is {}",
                    verdictOf(v.withAll, v, v.observed, v.nulls.empty() ? nan : v.nulls.front().mean));
    if (v.withoutOutliers == VerdictKind::NotTested)
        return fmt::format("{}; without {} it cannot be tested: {}.", with, v.outliers, v.reason);
    return fmt::format("{}; without {} it is {}.", with, v.outliers,
                       verdictOf(v.withoutOutliers, v, v.observedWithoutOutliers, v.nullWithoutOutliers));
}

std::string notSeen(const Verdict& v) {
    if (!v.reason.empty()) return fmt::format("Not seen: {}, but {}.", valueOf(v), v.reason);
    const bool excludesZero = v.interval.low > 0 || v.interval.high < 0;
    if (!excludesZero) return fmt::format("Not seen: {}; the interval includes zero.", valueOf(v));
    const std::string other =
        fmt::format("Not seen: {}, the opposite of what was published, but", valueOf(v));
    const std::string p = pOf(v.pAway, v.pAwayAdjusted);
    if (v.nulls.empty()) return fmt::format("{} not significantly; {}.", other, p);
    return fmt::format("{} chance explains it: {}; {}.", other, givenBy(closestAway(v)), p);
}

std::string notTested(const Verdict& v) {
    return fmt::format("Not tested: {}.", v.reason);
}

std::string responsesOf(const Verdict& v) {
    std::string text =
        " The same for each size of push, in units of s, the RMS distance of a state from the mean state:";
    for (const auto& r : v.responses)
        text += fmt::format("{} {} s: {} ({} to {})", &r == &v.responses.front() ? "" : ";", r.size,
                            numberInWords(r.mean), numberInWords(r.low), numberInWords(r.high));
    return text +
           ". A feed-forward network has no fixed point: an attractor means here only that these pushes "
           "shrink faster than random pushes of the same norm.";
}

}  // namespace

std::span<const FindingText> findingTexts() {
    return texts;
}

const FindingText& findingText(std::string_view key) {
    for (const auto& text : texts)
        if (text.key == key) return text;
    throw Error(ErrorCode::Internal, fmt::format("there is no finding {}", key));
}

std::string nullInWords(std::string_view null) {
    if (const NullSpec* spec = findNull(null)) return std::string(spec->inWords);
    // Of paired differences, not of paths.
    if (null == "flipped_signs") return "the same differences with random signs";
    if (null == "untrained") return "an untrained network of the same shape";
    return std::string(null);
}

std::string nameInWords(std::string_view key) {
    std::string words(key);
    std::replace(words.begin(), words.end(), '_', ' ');
    return words;
}

std::string verdictInWords(VerdictKind kind) {
    return nameInWords(verdictName(kind));
}

std::string numberInWords(double x) {
    return std::isnan(x) ? std::string("undefined") : fmt::format("{:.4g}", x);
}

std::string probabilityInWords(double p) {
    if (std::isnan(p)) return "undefined";
    return p < 0.001 ? fmt::format("{:.1e}", std::max(p, 1e-6)) : fmt::format("{:.3f}", p);
}

std::string sentenceOf(const Verdict& verdict) {
    using Say = std::string (*)(const Verdict&);
    static constexpr std::array<std::pair<VerdictKind, Say>, 7> sentences{{
        {VerdictKind::Supported, supported},
        {VerdictKind::ExplainedByNull, explained},
        {VerdictKind::MostlyNull, mostlyTheNull},
        {VerdictKind::Opposite, opposite},
        {VerdictKind::RestsOnOutliers, restsOnOutliers},
        {VerdictKind::NotSeen, notSeen},
        {VerdictKind::NotTested, notTested},
    }};
    std::string sentence;
    for (const auto& [kind, say] : sentences)
        if (kind == verdict.verdict) sentence = say(verdict);
    if (!verdict.responses.empty()) sentence += responsesOf(verdict);
    const bool few = verdict.direction == 0 && !verdict.nulls.empty() && verdict.nulls.front().repeats < 39 &&
                     verdict.pMethod == PMethod::Empirical && verdict.verdict != VerdictKind::NotTested;
    if (few)
        sentence += fmt::format(" With {} surrogates no two-sided p can be below 0.05.",
                                verdict.nulls.front().repeats);
    const bool claimed =
        verdict.verdict == VerdictKind::Supported || verdict.verdict == VerdictKind::NotTested;
    if (!claimed && verdict.depthShuffleP < 0.05)
        sentence += fmt::format(" The paper's own control, {}, gives {} and would make it a finding (p {}).",
                                nullInWords("depth_shuffle"), numberInWords(verdict.depthShuffleMean),
                                isProbability(verdict.depthShuffleP));
    return sentence;
}

}  // namespace rheo
