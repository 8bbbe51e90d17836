#include "core/figure/attribution_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/base/printable.h"
#include "core/base/quantile.h"
#include "core/figure/depth_axis.h"
#include "core/figure/depth_curves.h"
#include "core/figure/ranges.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::string logitName(const AttributionInput& input) {
    const auto quoted = [](const std::string& text, std::int32_t id) {
        return text.empty() ? fmt::format("token {}", id) : "'" + printable(text) + "'";
    };
    const Attribution& a = input.attribution;
    const std::string answer = "Logit of " + quoted(input.answer, a.answer);
    return a.foil < 0 ? answer : answer + " - logit of " + quoted(input.foil, a.foil);
}

struct KindStyle {
    StepKind kind;
    const char* name;
    std::size_t series;
};
constexpr std::array kindStyles{KindStyle{StepKind::Attention, "attention", 0},
                                KindStyle{StepKind::Mlp, "MLP", 1}, KindStyle{StepKind::Whole, "block", 0}};

/// A bar for each step of one kind: a line from 0 to its value.
Curve barsOf(const AttributionInput& input, const std::vector<StepKind>& kinds, const KindStyle& style,
             const Theme& theme) {
    Curve bars;
    bars.name = style.name;
    bars.color = theme.series[style.series];
    bars.style.width = 2.5;
    for (std::size_t p = 0; p < kinds.size(); ++p) {
        if (kinds[p] != style.kind) continue;
        const double x = static_cast<double>(p) + 0.5;
        const double y = input.attribution.contribution(input.token, static_cast<Eigen::Index>(p));
        bars.x.insert(bars.x.end(), {x, x, x});
        bars.y.insert(bars.y.end(), {0, y, nan});
    }
    return bars;
}

CurvePlot bars(const AttributionInput& input, const Theme& theme) {
    CurvePlot plot;
    plot.x = depthAxis(input.points);
    const auto kinds = stepKinds(input.points);
    for (const KindStyle& style : kindStyles)
        if (std::find(kinds.begin(), kinds.end(), style.kind) != kinds.end())
            plot.curves.push_back(barsOf(input, kinds, style, theme));
    setRange(plot.y, plot.curves, 0.0);
    addZeroLine(plot, theme);
    plot.y.title = "Contribution (logits)";
    return plot;
}

CurvePlot runningSum(const AttributionInput& input, const Theme& theme) {
    CurvePlot plot;
    plot.x = depthAxis(input.points);
    const Attribution& a = input.attribution;
    Curve sum;
    sum.name = "sum";
    sum.color = theme.series[2];
    sum.style.width = 1.4;
    double value = a.embedding[input.token] + a.bias[input.token];
    for (std::size_t p = 0; p < input.points.size(); ++p) {
        if (p > 0) value += a.contribution(input.token, static_cast<Eigen::Index>(p) - 1);
        sum.x.push_back(static_cast<double>(p));
        sum.y.push_back(value);
    }
    plot.curves.push_back(std::move(sum));
    setRange(plot.y, plot.curves, 0.0);
    addZeroLine(plot, theme);
    plot.y.title = "Sum so far (logits)";
    return plot;
}

HeatmapPlot map(const AttributionInput& input) {
    HeatmapPlot plot;
    const MatrixD& values = input.attribution.contribution;
    plot.values = values.colwise().reverse().cast<float>();
    plot.x = stepAxis(input.points);
    plot.y.title = "Token";
    plot.y.kind = AxisKind::Tokens;
    plot.y.named = true;
    plot.y.low = -0.5;
    plot.y.high = static_cast<double>(values.rows()) - 0.5;
    for (auto t = static_cast<std::size_t>(values.rows()); t-- > 0;) {
        const std::string piece = printable(input.pieces[t]);
        plot.y.ticks.push_back({static_cast<double>(plot.y.ids.size()),
                                piece.size() > 1 && piece.front() == ' ' ? piece.substr(1) : piece});
        plot.y.ids.push_back(static_cast<std::int64_t>(t));
    }
    // The greatest 2 % are beyond the ends of the scale: the first token's would hide all others.
    std::vector<double> sizes;
    for (Eigen::Index i = 0; i < values.size(); ++i)
        if (std::isfinite(values.data()[i])) sizes.push_back(std::abs(values.data()[i]));
    double limit = 1;
    if (!sizes.empty()) {
        const double most = orderStatistic(sizes, (sizes.size() - 1) * 98 / 100);
        limit = most > 0 ? most : 1;
    }
    plot.colorScale.map = ColorMap::Vik;
    plot.colorScale.low = -limit;
    plot.colorScale.high = limit;
    plot.colorScale.clipsLow = values.size() > 0 && (values.array() < -limit).any();
    plot.colorScale.clipsHigh = values.size() > 0 && (values.array() > limit).any();
    plot.colorScale.title = "Contribution (logits)";
    plot.colorScale.ticks = niceTicks(-limit, limit, 5);
    return plot;
}

void checkParts(const AttributionInput& input) {
    const Attribution& a = input.attribution;
    const auto tokens = static_cast<Eigen::Index>(input.pieces.size());
    if (tokens < 1 || a.contribution.rows() != tokens || a.embedding.size() != tokens ||
        a.bias.size() != tokens || a.logit.size() != tokens || input.token < 0 || input.token >= tokens ||
        a.contribution.cols() + 1 != static_cast<Eigen::Index>(input.points.size()))
        throw Error(
            ErrorCode::Mismatch,
            fmt::format("the attribution is of {} tokens and {} steps, but {} tokens and {} points are "
                        "named",
                        a.contribution.rows(), a.contribution.cols(), tokens, input.points.size()));
}

}  // namespace

Attribution difference(const Attribution& a, const Attribution& b) {
    if (a.contribution.rows() != b.contribution.rows() || a.contribution.cols() != b.contribution.cols())
        throw Error(ErrorCode::Mismatch, "two attributions of different tokens or points have no difference");
    Attribution d = a;
    d.contribution -= b.contribution;
    d.embedding -= b.embedding;
    d.bias -= b.bias;
    d.edits -= b.edits;
    d.logit -= b.logit;
    return d;
}

Figure attributionFigure(const AttributionInput& input, const Theme& theme) {
    checkParts(input);
    Figure figure;
    figure.theme = theme;
    const std::string piece = printable(input.pieces[static_cast<std::size_t>(input.token)]);
    figure.panels.push_back({fmt::format("Token {} ('{}')", input.token, piece), bars(input, theme)});
    figure.panels.push_back({"Sum by depth", runningSum(input, theme)});
    if (input.pieces.size() > 1) figure.panels.push_back({"All tokens", map(input)});
    figure.columns = 1;
    const Attribution& a = input.attribution;
    figure.note = joinNotes(
        {fmt::format("{}: {:.4g}, of which the embedding {:.3g}{}, biases {:.3g}.", logitName(input),
                     a.logit[input.token], a.embedding[input.token],
                     a.edits[input.token] == 0 ? "" : fmt::format(", edits {:.3g}", a.edits[input.token]),
                     a.bias[input.token]),
         depthNote(input.points)});
    return figure;
}

}  // namespace rheo
