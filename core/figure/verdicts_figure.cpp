#include "core/figure/verdicts_figure.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// What the axis shows: linear within the null's range, logarithmic beyond.
double place(double distance) {
    return std::asinh(distance);
}

/// Where a value lies from the null's mean, in halves of its range; NaN where the null has none.
double distanceOf(const VerdictMark& mark, double value) {
    const double half = (mark.nullHigh - mark.nullLow) / 2;
    return half > 0 ? (value - mark.nullMean) / half : nan;
}

/// The colours of verdicts: a place in the theme's series, or -1 for the muted one.
struct VerdictColor {
    std::string_view verdict;
    int series;
};
constexpr std::array verdictColors{VerdictColor{"supported", 2}, VerdictColor{"opposite", 1},
                                   VerdictColor{"rests on outliers", 3}, VerdictColor{"mostly null", 0},
                                   VerdictColor{"explained by null", 0}};

Color colorOf(const std::string& verdict, const Theme& theme) {
    for (const auto& [name, series] : verdictColors)
        if (name == verdict) return theme.series.at(static_cast<std::size_t>(series));
    return theme.muted;
}

/// Ticks at 0 and powers of ten in both directions, as far as the axis goes.
std::vector<Tick> ticksBetween(double low, double high) {
    std::vector<Tick> ticks{{0, "0"}};
    for (double size = 1; size < 1e9; size *= 10)
        for (const double value : {-size, size})
            if (place(value) >= low && place(value) <= high)
                ticks.push_back({place(value), formatNumber(value)});
    std::sort(ticks.begin(), ticks.end(), [](const Tick& a, const Tick& b) { return a.value < b.value; });
    return ticks;
}

/// The marks of one verdict, and their intervals as lines.
void addMarks(CurvePlot& plot, const std::vector<VerdictMark>& marks, const std::string& verdict,
              const Theme& theme) {
    Curve dots, intervals;
    dots.color = intervals.color = colorOf(verdict, theme);
    dots.markers = true;
    intervals.style.width = 1.6;
    for (std::size_t i = 0; i < marks.size(); ++i) {
        const double x = distanceOf(marks[i], marks[i].observed);
        if (marks[i].verdict != verdict || !std::isfinite(x)) continue;
        const double y = static_cast<double>(marks.size() - 1 - i);
        for (auto& [curve, from] : {std::pair(&dots, x), {&intervals, distanceOf(marks[i], marks[i].low)}}) {
            curve->x.insert(curve->x.end(), {place(from), nan});
            curve->y.insert(curve->y.end(), {y, nan});
        }
        intervals.x.insert(intervals.x.end() - 1, place(distanceOf(marks[i], marks[i].high)));
        intervals.y.insert(intervals.y.end() - 1, y);
    }
    if (dots.x.empty()) return;
    plot.curves.push_back(std::move(intervals));
    plot.curves.push_back(std::move(dots));
}

}  // namespace

Figure verdictsFigure(const std::vector<VerdictMark>& marks, const Theme& theme) {
    const double rows = static_cast<double>(marks.size());
    CurvePlot plot;
    plot.y = {"", -0.6, rows - 0.4, {}, false, true};
    plot.x.title = "Distance from the null's mean (half of the null's 95 % range = 1)";
    plot.x.low = place(-3);
    plot.x.high = place(3);
    std::vector<std::string> verdicts;
    for (std::size_t i = 0; i < marks.size(); ++i) {
        const VerdictMark& mark = marks[i];
        const bool placed = std::isfinite(distanceOf(mark, mark.observed));
        plot.y.ticks.push_back(
            {rows - 1 - static_cast<double>(i),
             mark.finding + ": " + mark.verdict + (placed || std::isnan(mark.observed) ? "" : " (no null)")});
        if (std::find(verdicts.begin(), verdicts.end(), mark.verdict) == verdicts.end())
            verdicts.push_back(mark.verdict);
        for (const double value : {mark.observed, mark.low, mark.high}) {
            const double x = place(distanceOf(mark, value));
            if (!std::isfinite(x)) continue;
            plot.x.low = std::min(plot.x.low, x - 0.3);
            plot.x.high = std::max(plot.x.high, x + 0.3);
        }
    }
    std::sort(plot.y.ticks.begin(), plot.y.ticks.end(),
              [](const Tick& a, const Tick& b) { return a.value < b.value; });
    plot.x.ticks = ticksBetween(plot.x.low, plot.x.high);
    plot.x.named = true;  // not round numbers of what is drawn

    Curve null;
    null.bandName = "null, 95 %";
    null.color = theme.null;
    null.style.opacity = 0;
    null.x = {place(-1), place(1)};
    null.y = {plot.y.low, plot.y.low};
    null.low = {plot.y.low, plot.y.low};
    null.high = {plot.y.high, plot.y.high};
    plot.curves.push_back(std::move(null));
    for (const auto& verdict : verdicts) addMarks(plot, marks, verdict, theme);

    Figure figure;
    figure.theme = theme;
    figure.panels.push_back({"", std::move(plot)});
    figure.note = "Each value with its 95 % interval, beside the null that comes closest to it.";
    return figure;
}

}  // namespace rheo
