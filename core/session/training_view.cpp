#include "core/session/training_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/base/error.h"
#include "core/compare/verdict_table.h"
#include "core/figure/comparison_figure.h"
#include "core/figure/training_figure.h"
#include "core/session/recipe_figure.h"
#include "core/session/recipe_options.h"
#include "core/session/verdict_text.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr const char* verdictsName = "verdicts";

/// The sources in order of their training steps, and what stands for each on an axis.
struct Series {
    std::vector<std::size_t> order;
    std::vector<std::string> names;  ///< [place in order]
    bool bySteps = false;
};

Series seriesOf(const ComparisonFile& file) {
    Series series;
    std::vector<double> steps;
    for (const auto& source : file.sources) steps.push_back(trainingStep(source.name));
    series.order.resize(steps.size());
    std::iota(series.order.begin(), series.order.end(), std::size_t{0});
    series.bySteps = std::all_of(steps.begin(), steps.end(), [](double step) { return step >= 0; });
    if (series.bySteps)
        std::stable_sort(series.order.begin(), series.order.end(),
                         [&](std::size_t a, std::size_t b) { return steps[a] < steps[b]; });
    for (const std::size_t source : series.order)
        series.names.push_back(series.bySteps ? formatNumber(steps[source], 6) : file.sources[source].name);
    return series;
}

std::string plainWords(std::string name) {
    std::replace(name.begin(), name.end(), '_', ' ');
    if (!name.empty()) name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
    return name;
}

/// Where the first value of a curve stands, in points.
double placeOf(Along axis) {
    return axis == Along::Steps ? 0.5 : axis == Along::Bends ? 1 : 0;
}

void addCurves(const ComparisonFile& file, const Series& series, const std::string& statistic,
               std::vector<TrainingCurve>& curves, std::vector<TrainingNumber>& numbers) {
    const auto& pairs = file.comparison.pairs;
    for (const DifferenceCurve& first : pairs.front().differences.curves) {
        if (first.statistic != statistic) continue;
        std::vector<VectorD> of;
        for (const std::size_t source : series.order) {
            VectorD values = source == 0 ? first.a : VectorD();
            for (const PairComparison& pair : pairs)
                for (const DifferenceCurve& curve : pair.differences.curves)
                    if (pair.other == static_cast<std::int64_t>(source) && curve.statistic == statistic &&
                        curve.dataset == first.dataset)
                        values = curve.b;
            of.push_back(std::move(values));
        }
        const std::string title = plainWords(first.dataset);
        if (first.axis == Along::Components) {
            curves.push_back({title, 1, std::move(of), true});
        } else if (first.axis == Along::Points || first.axis == Along::Steps || first.axis == Along::Bends) {
            curves.push_back({title, placeOf(first.axis), std::move(of)});
        } else if (first.axis == Along::One) {
            TrainingNumber number{title, {}, {}, {}, {}, {}};
            for (const VectorD& value : of) {
                number.values.push_back(value.size() > 0 ? value[0] : nan);
                for (auto* bound : {&number.low, &number.high, &number.nullLow, &number.nullHigh})
                    bound->push_back(nan);
            }
            numbers.push_back(std::move(number));
        }
    }
}

std::vector<TrainingNumber> verdictNumbers(const ComparisonFile& file, const Series& series) {
    std::vector<const std::vector<Verdict>*> lists;
    for (const std::size_t source : series.order) lists.push_back(&file.sources[source].verdicts);
    std::vector<TrainingNumber> numbers;
    for (const ComparedVerdict& row : compareVerdicts(lists)) {
        TrainingNumber number{nameInWords(row.key), {}, {}, {}, {}, {}};
        bool some = false;
        for (const Verdict* verdict : row.of) {
            const bool tested = verdict != nullptr && std::isfinite(verdict->observed);
            const bool beside = tested && !verdict->nulls.empty();
            some = some || tested;
            number.values.push_back(tested ? verdict->observed : nan);
            number.low.push_back(tested ? verdict->interval.low : nan);
            number.high.push_back(tested ? verdict->interval.high : nan);
            number.nullLow.push_back(beside ? verdict->nulls.front().low : nan);
            number.nullHigh.push_back(beside ? verdict->nulls.front().high : nan);
        }
        if (some) numbers.push_back(std::move(number));
    }
    return numbers;
}

}  // namespace

Figure figureOfTraining(const ComparisonFile& file, const Recipe& recipe) {
    const auto options = parseRecipeOptions(recipe, {"statistic"});
    const Series series = seriesOf(file);
    const bool hasCurves = !file.comparison.pairs.empty();
    const auto statistics =
        hasCurves ? statisticsOf(file.comparison.pairs.front().differences) : std::vector<std::string>{};
    std::vector<TrainingNumber> numbers = verdictNumbers(file, series);
    std::vector<TrainingCurve> curves;
    auto shown = recipeOption(options, "statistic", std::string());
    if (shown.empty()) shown = !numbers.empty() || statistics.empty() ? verdictsName : statistics.front();
    if (shown == verdictsName) {
        if (numbers.empty())
            throw Error(ErrorCode::NotFound,
                        "none of these sources holds verdicts; test the findings of each with rheo report, "
                        "and compare "
                        "the folders that it writes");
    } else {
        if (std::find(statistics.begin(), statistics.end(), shown) == statistics.end())
            throw Error(
                ErrorCode::NotFound,
                fmt::format("this comparison holds no curves of {}; it holds {}", shown,
                            statistics.empty() ? "none" : fmt::format("{}", fmt::join(statistics, ", "))));
        numbers.clear();
        addCurves(file, series, shown, curves, numbers);
    }
    Figure figure =
        trainingFigure(series.bySteps ? "Training step" : "Source", series.names,
                       file.sources.front().source.info.points, curves, numbers, themeNamed(recipe.theme));
    figure.note =
        shown == verdictsName
            ? "Each published finding against the training step: its value with a 95 % interval, and 95 % "
              "of the null that comes closest."
            : fmt::format("{}: a line each training step.", plainWords(shown));
    if (!series.bySteps)
        figure.note += " The names of the sources tell no steps: they stand in the order given.";
    auto others = statistics;
    std::erase(others, shown);
    if (!others.empty()) figure.note += fmt::format(" Also compared: {}.", fmt::join(others, ", "));
    return figure;
}

}  // namespace rheo
