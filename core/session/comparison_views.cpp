#include "core/session/comparison_views.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/base/error.h"
#include "core/compare/verdict_table.h"
#include "core/figure/comparison_figure.h"
#include "core/figure/trajectory_figure.h"
#include "core/figure/verdicts_figure.h"
#include "core/session/recipe_figure.h"
#include "core/session/recipe_options.h"
#include "core/session/verdict_text.h"

namespace rheo {

namespace {

using Json = nlohmann::ordered_json;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::vector<std::string> namesOf(const ComparisonFile& file) {
    std::vector<std::string> names;
    for (const auto& source : file.sources) names.push_back(source.name);
    return names;
}

[[noreturn]] void refuse(const std::string& why) {
    throw Error(ErrorCode::NotFound, why);
}

const PairComparison& pairOf(const ComparisonFile& file, const Json& options) {
    const auto other = recipeOption<std::int64_t>(options, "other", 1);
    for (const PairComparison& pair : file.comparison.pairs)
        if (pair.other == other) return pair;
    if (file.comparison.pairs.empty()) refuse("this comparison has only verdicts and no states");
    throw Error(ErrorCode::InvalidArgument,
                fmt::format("there is no source {} to compare with the first; there are 1 to {}", other,
                            file.comparison.pairs.size()),
                "other");
}

ComparedPair comparedOf(const ComparisonFile& file, const PairComparison& pair) {
    const auto& other = file.sources[static_cast<std::size_t>(pair.other)];
    const auto& first = file.sources.front();
    return {first.name, other.name, first.source.info.points, other.source.info.points};
}

VerdictMark markOf(const std::string& key, const Verdict* verdict) {
    VerdictMark mark{nameInWords(key),
                     verdict == nullptr ? "" : verdictInWords(verdict->verdict),
                     nan,
                     nan,
                     nan,
                     nan,
                     nan,
                     nan};
    if (verdict == nullptr) return mark;
    mark.observed = verdict->observed;
    mark.low = verdict->interval.low;
    mark.high = verdict->interval.high;
    if (verdict->nulls.empty()) return mark;
    mark.nullMean = verdict->nulls.front().mean;
    mark.nullLow = verdict->nulls.front().low;
    mark.nullHigh = verdict->nulls.front().high;
    return mark;
}

}  // namespace

std::vector<std::int64_t> pairedRows(const ComparisonFile& file, std::int64_t other,
                                     const std::vector<std::int64_t>& rows) {
    if (other == 0) return rows;
    std::vector<std::int64_t> paired;
    for (const PairComparison& pair : file.comparison.pairs) {
        if (pair.other != other) continue;
        for (const std::int64_t row : rows) {
            const auto at = std::lower_bound(pair.matched.a.begin(), pair.matched.a.end(), row);
            if (at != pair.matched.a.end() && *at == row)
                paired.push_back(pair.matched.b[static_cast<std::size_t>(at - pair.matched.a.begin())]);
        }
    }
    return paired;
}

Figure figureOfPaths(const ComparisonFile& file, const Recipe& recipe) {
    const Json options = parseRecipeOptions(recipe, {"components", "rows", "points"});
    const Comparison& comparison = file.comparison;
    if (comparison.scores.empty()) refuse("this comparison has only verdicts and no states");
    const auto rows = recipeOption(options, "rows", std::vector<std::int64_t>{});
    const auto points = recipeOption(options, "points", std::vector<std::int64_t>{});
    const bool isShared = comparison.alignment != Alignment::Own;
    TrajectoryOptions usual;
    usual.theme = themeNamed(recipe.theme);
    usual.camera = recipe.camera;
    usual.components = recipeOption(options, "components", usual.components);
    std::vector<Figure> figures;
    for (std::size_t i = 0; i < file.sources.size(); ++i) {
        const TraceInfo& info = file.sources[i].source.info;
        if (comparison.scores[i].n2 < 3) refuse("paths need three axes, but this comparison has fewer");
        // Axes that all share have the same titles, so that all panels have the same scale.
        TrajectoryInput input{comparison.scores[i], isShared ? VectorD() : comparison.explained[i],
                              info.points, rowNames(info)};
        input.axisNames = comparison.axisNames;
        TrajectoryOptions one = usual;
        if (i < points.size() && points[i] >= 0) one.highlighted = PointIndex{points[i]};
        for (const auto row : pairedRows(file, static_cast<std::int64_t>(i), rows))
            one.strong.emplace_back(row);
        figures.push_back(trajectoryFigure(input, one));
    }
    Figure figure = sideBySide(figures, namesOf(file), isShared);
    figure.note = alignmentNote(comparison, namesOf(file));
    if (const VectorD& shares = comparison.explained[0];
        isShared && shares.size() > 0 && comparison.axisNames.empty()) {
        const auto& c = usual.components;
        figure.note += fmt::format(
            " PC{}, PC{} and PC{} hold {:.1f}, {:.1f} and {:.1f} % of the variance of {}.", c[0] + 1,
            c[1] + 1, c[2] + 1, 100 * shares[c[0]], 100 * shares[c[1]], 100 * shares[c[2]],
            comparison.alignment == Alignment::Pooled ? "all" : file.sources[0].name);
    }
    return figure;
}

Figure figureOfCka(const ComparisonFile& file, const Recipe& recipe) {
    const Json options = parseRecipeOptions(recipe, {"other", "value", "map"});
    const PairComparison& pair = pairOf(file, options);
    if (!pair.cka) refuse("these sources share no prompts: CKA compares the same rows of both");
    const auto value = recipeOption<std::string>(options, "value", "cka");
    constexpr std::array names{std::pair{"cka", CkaValue::Cka}, std::pair{"null", CkaValue::NullHigh},
                               std::pair{"beyond", CkaValue::Beyond}};
    const auto named =
        std::find_if(names.begin(), names.end(), [&](const auto& n) { return n.first == value; });
    if (named == names.end())
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("'{}' is not a value of a CKA map; choose cka, null or beyond", value),
                    "value");
    const auto map = parseColorMap(recipeOption<std::string>(options, "map", "viridis"));
    if (!map)
        throw Error(ErrorCode::InvalidArgument, "there are the colour maps viridis, cividis and vik", "map");
    return ckaFigure(comparedOf(file, pair), *pair.cka, pair.procrustes ? &*pair.procrustes : nullptr,
                     named->second, *map, themeNamed(recipe.theme));
}

Figure figureOfDifference(const ComparisonFile& file, const Recipe& recipe) {
    const Json options = parseRecipeOptions(recipe, {"other", "statistic"});
    const PairComparison& pair = pairOf(file, options);
    return differenceFigure(comparedOf(file, pair), pair.differences,
                            recipeOption(options, "statistic", std::string()), themeNamed(recipe.theme));
}

Figure figureOfComparedVerdicts(const ComparisonFile& file, const Recipe& recipe) {
    parseRecipeOptions(recipe, {});
    std::vector<const std::vector<Verdict>*> lists;
    for (const auto& source : file.sources) lists.push_back(&source.verdicts);
    const auto table = compareVerdicts(lists);
    if (table.empty())
        refuse(
            "none of these sources has verdicts; test the findings of each with rheo report, and compare the "
            "folders that it writes");
    Figure figure;
    std::string differing;
    for (std::size_t i = 0; i < file.sources.size(); ++i) {
        std::vector<VerdictMark> marks;
        for (const ComparedVerdict& row : table) marks.push_back(markOf(row.key, row.of[i]));
        const Figure one = verdictsFigure(marks, themeNamed(recipe.theme));
        figure.theme = one.theme;
        for (const Panel& panel : one.panels) figure.panels.push_back({file.sources[i].name, panel.plot});
        if (i == 0) figure.note = one.note;
    }
    for (const ComparedVerdict& row : table)
        if (row.differ) differing += fmt::format("{}{}", differing.empty() ? "" : ", ", nameInWords(row.key));
    figure.columns = static_cast<int>(std::min<std::size_t>(file.sources.size(), 3));
    figure.note +=
        differing.empty() ? " No verdict differs." : fmt::format(" Verdicts differ: {}.", differing);
    return figure;
}

}  // namespace rheo
