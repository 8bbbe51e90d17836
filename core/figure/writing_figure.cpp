#include "core/figure/writing_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/figure/describe.h"

namespace rheo {

namespace {

void requireSame(std::size_t a, std::size_t b, const char* what) {
    if (a != b)
        throw Error(ErrorCode::Mismatch,
                    fmt::format("{}: {} and {} values do not belong together", what, a, b));
}

void setRanges(CurvePlot& plot, double leastLow) {
    double low = leastLow, high = leastLow + 1e-3, first = 0, last = 1;
    bool any = false;
    for (const Curve& curve : plot.curves)
        for (std::size_t i = 0; i < curve.x.size(); ++i) {
            if (!std::isfinite(curve.y[i])) continue;
            low = std::min(low, curve.y[i]);
            high = std::max(high, curve.y[i]);
            first = any ? std::min(first, curve.x[i]) : curve.x[i];
            last = any ? std::max(last, curve.x[i]) : curve.x[i];
            any = true;
        }
    plot.x.low = first;
    plot.x.high = last > first ? last : first + 1;
    plot.y.low = low;
    plot.y.high = high + 0.05 * (high - low);
    plot.y.ticks = niceTicks(plot.y.low, plot.y.high, 5);
}

Curve surpriseCurve(const std::string& name, const std::vector<double>& values, const Color& color,
                    Dash dash) {
    Curve curve;
    curve.name = name;
    for (std::size_t i = 0; i < values.size(); ++i) curve.x.push_back(static_cast<double>(i));
    curve.y = values;
    curve.color = color;
    curve.style.width = 1.3;
    curve.style.dash = dash;
    curve.markers = true;
    return curve;
}

Panel surprisePanel(const WritingInput& input, const Theme& theme) {
    CurvePlot plot;
    plot.curves = {surpriseCurve("natural", input.naturalSurprise, theme.natural, Dash::Dashed),
                   surpriseCurve("with the edits", input.intervenedSurprise, theme.teleported, Dash::Solid)};
    setRanges(plot, 0);
    plot.x.title = "Generated token";
    plot.x.ticks = niceTicks(plot.x.low, plot.x.high, 8);
    std::erase_if(plot.x.ticks, [](const Tick& tick) { return tick.value != std::round(tick.value); });
    for (Tick& tick : plot.x.ticks) tick.label = formatNumber(tick.value);
    plot.y.title = "Surprise of the natural model (nats)";
    return {"How likely the natural model finds what is written", std::move(plot)};
}

Panel sweepPanel(const WritingInput& input, const std::vector<double>& values, const std::string& title,
                 const std::string& axis, bool logarithmic, const Theme& theme) {
    CurvePlot plot;
    Curve curve;
    curve.x = input.strength;
    curve.y = values;
    curve.color = theme.teleported;
    curve.style.width = 1.3;
    curve.markers = true;
    plot.curves.push_back(std::move(curve));
    setRanges(plot, 0);
    if (logarithmic) {
        double low = plot.y.high;
        for (const double value : values)
            if (value > 0) low = std::min(low, value);
        plot.y.logarithmic = true;
        plot.y.low = std::max(low / 1.1, 1e-12);
        plot.y.high *= 1.1;
        plot.y.ticks = logTicks(plot.y.low, plot.y.high, 5);
    }
    plot.x.title = "Strength (of all edits, times)";
    plot.x.ticks = niceTicks(plot.x.low, plot.x.high, 6);
    plot.y.title = axis;
    return {title, std::move(plot)};
}

}  // namespace

Figure writingFigure(const WritingInput& input, const Theme& theme) {
    for (const auto* values : {&input.probability, &input.entropy, &input.perplexity})
        requireSame(values->size(), input.strength.size(), "the sweep");
    Figure figure;
    figure.theme = theme;
    figure.note = input.note;
    if (!input.naturalSurprise.empty() || input.strength.empty())
        figure.panels.push_back(surprisePanel(input, theme));
    if (input.strength.empty()) return figure;
    const auto isKnown = [](double value) { return std::isfinite(value); };
    if (std::any_of(input.probability.begin(), input.probability.end(), isKnown))
        figure.panels.push_back(sweepPanel(input, input.probability,
                                           input.followed.empty()
                                               ? "Next token that is followed"
                                               : fmt::format("Next token '{}'", input.followed),
                                           "Probability", false, theme));
    figure.panels.push_back(
        sweepPanel(input, input.entropy, "After the prompt", "Entropy (nats)", false, theme));
    if (std::any_of(input.perplexity.begin(), input.perplexity.end(), isKnown))
        figure.panels.push_back(
            sweepPanel(input, input.perplexity, "The text, to the natural model", "Perplexity", true, theme));
    figure.columns = 2;
    return figure;
}

}  // namespace rheo
