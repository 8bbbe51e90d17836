#include "core/figure/routing_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/printable.h"
#include "core/figure/depth_curves.h"
#include "core/figure/ranges.h"

namespace rheo {

namespace {

/// Blocks with experts side by side; a click on one chooses its MLP.
Axis blockAxis(const RoutingResult& routing, bool between = false) {
    Axis axis;
    const auto count = std::ssize(routing.blocks);
    axis.title = "Block";
    axis.kind = AxisKind::Points;
    axis.named = true;
    axis.low = -0.5;
    axis.high = static_cast<double>(count) - (between ? 1.5 : 0.5);
    for (std::int64_t b = 0; b < count; ++b) {
        const std::int32_t block = routing.blocks[static_cast<std::size_t>(b)];
        axis.ticks.push_back({static_cast<double>(b), fmt::format("L{:02}", block)});
        axis.ids.push_back(2 * block + 1);
    }
    if (between) axis.ticks.pop_back();
    return axis;
}

std::string tokenText(const RoutingInput& input, std::int32_t id) {
    const auto found = input.tokenTexts.find(id);
    if (found == input.tokenTexts.end()) return fmt::format("#{}", id);
    const std::string text = printable(found->second);
    return text.size() > 1 && text.front() == ' ' ? text.substr(1) : text;
}

ColorScale scaleFrom0(double high, std::string title) {
    ColorScale scale;
    scale.high = high > 0 ? high : 1;
    scale.title = std::move(title);
    scale.ticks = niceTicks(scale.low, scale.high, 5);
    return scale;
}

HeatmapPlot tokenMap(const RoutingInput& input, std::int64_t first, std::int64_t count) {
    const RoutingResult& routing = input.routing;
    const auto blocks = std::ssize(routing.blocks);
    HeatmapPlot plot;
    plot.x = blockAxis(routing);
    plot.y.title = "Token";
    plot.y.kind = AxisKind::Tokens;
    plot.y.named = true;
    plot.y.low = -0.5;
    plot.y.high = static_cast<double>(count) - 0.5;
    plot.values.resize(count, blocks);
    for (std::int64_t y = 0; y < count; ++y) {
        const std::int64_t token = count - 1 - y, row = first + token;  // the first token on top
        plot.y.ticks.push_back(
            {static_cast<double>(y), tokenText(input, input.ids[static_cast<std::size_t>(row)])});
        plot.y.ids.push_back(token);
        for (std::int64_t b = 0; b < blocks; ++b) {
            const std::int32_t expert = *routing.chosen.at(row, b);
            plot.values(y, b) = input.shown == RoutingShown::Entropy
                                    ? static_cast<float>(routing.entropy(row, b))
                                    : routing.probabilities.at(row, b)[expert];
            plot.labels.push_back(std::to_string(expert));
        }
    }
    plot.labelTitle = "Likeliest expert";
    plot.colorScale = input.shown == RoutingShown::Entropy
                          ? scaleFrom0(1, "Entropy / ln E")
                          : scaleFrom0(plot.values.maxCoeff(), "Probability of the likeliest");
    return plot;
}

HeatmapPlot usageMap(const RoutingResult& routing) {
    HeatmapPlot plot;
    plot.values = routing.usage.transpose().cast<float>();
    plot.x = blockAxis(routing);
    plot.y.title = "Expert";
    plot.y.low = -0.5;
    plot.y.high = static_cast<double>(routing.usage.cols()) - 0.5;
    for (const Tick& tick : niceTicks(0, static_cast<double>(routing.usage.cols() - 1), 6))
        if (tick.value == std::round(tick.value)) plot.y.ticks.push_back(tick);
    plot.colorScale = scaleFrom0(routing.usage.maxCoeff(), "Share of the tokens");
    return plot;
}

/// What is observed, over the band of chance.
CurvePlot besideChance(const ChanceCurve& curve, Axis x, const Color& color, const Theme& theme,
                       std::optional<double> low, const char* title) {
    CurvePlot plot;
    plot.x = std::move(x);
    Curve chance, observed;
    chance.name = "chance";
    chance.color = theme.null;
    chance.style.dash = Dash::Dashed;
    chance.bandName = "95 %";
    observed.name = "observed";
    observed.color = color;
    observed.style.width = 1.4;
    observed.markers = true;
    for (Eigen::Index b = 0; b < curve.observed.size(); ++b) {
        for (Curve* line : {&chance, &observed}) line->x.push_back(static_cast<double>(b));
        observed.y.push_back(curve.observed[b]);
        chance.y.push_back(curve.mean[b]);
        chance.low.push_back(curve.low[b]);
        chance.high.push_back(curve.high[b]);
    }
    if (curve.mean.size() > 0 && std::isfinite(curve.mean[0])) plot.curves.push_back(std::move(chance));
    plot.curves.push_back(std::move(observed));
    setRange(plot.y, plot.curves, low);
    plot.y.title = title;
    return plot;
}

CurvePlot entropyPlot(const RoutingResult& routing, const Theme& theme) {
    CurvePlot plot;
    plot.x = blockAxis(routing);
    Curve curve;
    curve.name = "mean";
    curve.bandName = "tokens, 95 %";
    curve.color = theme.series[0];
    curve.style.width = 1.4;
    curve.markers = true;
    for (Eigen::Index b = 0; b < routing.entropy.cols(); ++b) {
        curve.x.push_back(static_cast<double>(b));
        curve.y.push_back(routing.entropy.col(b).mean());
    }
    Band band = quantileBand(routing.entropy);
    curve.low = std::move(band.low);
    curve.high = std::move(band.high);
    plot.curves.push_back(std::move(curve));
    setRange(plot.y, plot.curves, 0.0);
    plot.y.title = "Entropy / ln E";
    return plot;
}

}  // namespace

Figure routingFigure(const RoutingInput& input, const Theme& theme) {
    const RoutingResult& routing = input.routing;
    const auto [begin, end] = std::equal_range(input.prompts.begin(), input.prompts.end(), input.prompt);
    if (begin == end)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("there is no prompt {}: they are numbered from 0 to {}", input.prompt,
                                input.prompts.empty() ? -1 : input.prompts.back()));
    const std::int64_t first = begin - input.prompts.begin(), experts = routing.probabilities.n2,
                       chosen = routing.chosen.n2;
    Figure figure;
    figure.theme = theme;
    figure.columns = 2;
    figure.panels.push_back(
        {fmt::format("Prompt {}: likeliest experts", input.prompt), tokenMap(input, first, end - begin)});
    figure.panels.push_back({"Tokens per expert", usageMap(routing)});
    figure.panels.push_back({"Uncertainty of the routers", entropyPlot(routing, theme)});
    figure.panels.push_back(
        {"How evenly experts are used", besideChance(routing.balance, blockAxis(routing), theme.series[1],
                                                     theme, {}, "Entropy of use / ln E")});
    figure.panels.push_back(
        {"Information about the token",
         besideChance(routing.token, blockAxis(routing), theme.series[2], theme, 0.0, "Information (nats)")});
    if (routing.next.observed.size() > 0)
        figure.panels.push_back({"Information about the next block's choice",
                                 besideChance(routing.next, blockAxis(routing, true), theme.series[3], theme,
                                              0.0, "Information (nats)")});
    figure.note = joinNotes(
        {fmt::format("{} of {} experts process a token: {:.3g} of the tokens each, if they were used evenly.",
                     chosen, experts, static_cast<double>(chosen) / static_cast<double>(experts)),
         fmt::format("{} tokens of {} {}.", formatNumber(static_cast<double>(input.ids.size()), 12),
                     input.prompts.back() + 1, input.prompts.back() == 0 ? "prompt" : "prompts"),
         routing.repeats == 0 ? ""
                              : fmt::format("Chance: experts picked at random (use), or shuffled among the "
                                            "tokens (information); {} repeats.",
                                            routing.repeats)});
    return figure;
}

}  // namespace rheo
