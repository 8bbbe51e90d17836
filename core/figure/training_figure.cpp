#include "core/figure/training_figure.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <string_view>

#include "core/figure/depth_axis.h"
#include "core/figure/depth_curves.h"
#include "core/figure/ranges.h"

namespace rheo {

namespace {

Axis sourceAxis(const std::string& what, const std::vector<std::string>& names) {
    Axis axis;
    axis.title = what;
    axis.low = -0.5;
    axis.high = static_cast<double>(names.size()) - 0.5;
    axis.named = true;
    for (std::size_t i = 0; i < names.size(); ++i) axis.ticks.push_back({static_cast<double>(i), names[i]});
    return axis;
}

Axis componentAxis(Eigen::Index count) {
    Axis axis;
    axis.title = "Component";
    axis.named = true;
    axis.low = 0.5;
    axis.high = static_cast<double>(count) + 0.5;
    for (Eigen::Index k = 1; k <= count; ++k)
        axis.ticks.push_back({static_cast<double>(k), std::to_string(k)});
    return axis;
}

CurvePlot curvesOf(const TrainingCurve& curve, const std::vector<ResidualPoint>& points, const Theme& theme) {
    CurvePlot plot;
    plot.x = curve.alongComponents ? componentAxis(curve.of.front().size()) : depthAxis(points);
    for (std::size_t source = 0; source < curve.of.size(); ++source) {
        Curve line;
        for (Eigen::Index i = 0; i < curve.of[source].size(); ++i) {
            line.x.push_back(curve.first + static_cast<double>(i));
            line.y.push_back(curve.of[source][i]);
            line.values.push_back(static_cast<double>(source));
        }
        line.color = theme.foreground;
        line.style.width = 1.2;
        plot.curves.push_back(std::move(line));
    }
    setRange(plot.y, plot.curves);
    addZeroLine(plot, theme);
    return plot;
}

CurvePlot trendOf(const TrainingNumber& number, const std::string& what,
                  const std::vector<std::string>& names, const Theme& theme, bool named) {
    CurvePlot plot;
    plot.x = sourceAxis(what, names);
    Curve null, line;
    for (std::size_t i = 0; i < number.values.size(); ++i) line.x.push_back(static_cast<double>(i));
    null.x = line.x;
    for (std::size_t i = 0; i < number.values.size(); ++i)
        null.y.push_back((number.nullLow[i] + number.nullHigh[i]) / 2);
    null.low = number.nullLow;
    null.high = number.nullHigh;
    null.color = theme.null;
    null.style.width = 0.9;
    null.style.dash = Dash::Dashed;
    line.y = number.values;
    line.low = number.low;
    line.high = number.high;
    line.color = theme.series.front();
    line.style.width = 1.4;
    line.markers = true;
    const bool beside = std::any_of(null.y.begin(), null.y.end(), [](double y) { return std::isfinite(y); });
    if (named && beside) {
        null.bandName = "null, 95 %";
        line.name = "observed";
    }
    if (beside) plot.curves.push_back(std::move(null));
    plot.curves.push_back(std::move(line));
    setRange(plot.y, plot.curves);
    addZeroLine(plot, theme);
    return plot;
}

}  // namespace

Figure trainingFigure(const std::string& what, const std::vector<std::string>& names,
                      const std::vector<ResidualPoint>& points, const std::vector<TrainingCurve>& curves,
                      const std::vector<TrainingNumber>& numbers, const Theme& theme) {
    Figure figure;
    figure.theme = theme;
    for (const TrainingCurve& curve : curves)
        figure.panels.push_back({curve.title, curvesOf(curve, points, theme)});
    for (const TrainingNumber& number : numbers)
        figure.panels.push_back(
            {number.title, trendOf(number, what, names, theme, &number == numbers.data())});
    if (!curves.empty() && names.size() > 1) {
        ColorScale scale;
        scale.high = static_cast<double>(names.size()) - 1;
        // The lightest colours are too pale for thin lines on white, and the darkest on black.
        (theme.dark ? scale.mapFrom : scale.mapTo) = theme.dark ? 0.2 : 0.85;
        scale.title = what;
        // A label for each would not fit beside the bar.
        const std::size_t every = (names.size() + 7) / 8;
        for (std::size_t i = 0; i < names.size(); i += every)
            scale.ticks.push_back({static_cast<double>(i), names[i]});
        figure.colorScale = std::move(scale);
    }
    figure.columns = figure.panels.size() > 6 ? 3 : figure.panels.size() > 1 ? 2 : 1;
    return figure;
}

double trainingStep(const std::string& name) {
    std::string lower;
    for (const char c : name) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    constexpr std::array<std::string_view, 2> words{"step", "checkpoint"};
    for (const std::string_view word : words)
        for (auto at = lower.find(word); at != std::string::npos; at = lower.find(word, at + 1)) {
            auto digits = at + word.size();
            if (digits < lower.size() &&
                (lower[digits] == '-' || lower[digits] == '_' || lower[digits] == ' '))
                ++digits;
            double value = 0;
            const auto [end, failed] =
                std::from_chars(lower.data() + digits, lower.data() + lower.size(), value);
            if (failed == std::errc{} && std::isfinite(value) && value >= 0) return value;
        }
    return -1;
}

}  // namespace rheo
