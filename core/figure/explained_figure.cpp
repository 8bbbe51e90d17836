#include "core/figure/explained_figure.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/analysis/nulls.h"
#include "core/base/error.h"
#include "core/figure/depth_axis.h"
#include "core/figure/depth_curves.h"
#include "core/figure/ranges.h"

namespace rheo {
namespace {

std::vector<double> percent(const VectorD& shares) {
    std::vector<double> values;
    for (const double share : shares) values.push_back(100 * share);
    return values;
}

CurvePlot byComponent(const ExplainedInput& input, const Theme& theme) {
    const auto components = input.explained.size();
    CurvePlot plot;
    plot.x.title = "Component";
    plot.x.named = true;
    plot.x.low = 0.5;
    plot.x.high = static_cast<double>(components) + 0.5;
    std::vector<double> x;
    for (Eigen::Index k = 1; k <= components; ++k) {
        x.push_back(static_cast<double>(k));
        plot.x.ticks.push_back({static_cast<double>(k), fmt::format("{}", k)});
    }
    // The nulls first, so that what was observed is drawn over them.
    for (const auto& null : input.nulls) {
        if (null.mean.size() != components || null.low.size() != components || null.high.size() != components)
            throw Error(ErrorCode::Mismatch,
                        fmt::format("The null {} has {} components, but {} are observed.", null.name,
                                    null.mean.size(), components));
        Curve curve;
        curve.name = nullLabel(null.name);
        curve.x = x;
        curve.y = percent(null.mean);
        curve.low = percent(null.low);
        curve.high = percent(null.high);
        curve.color = nullColor(theme, null.name);
        curve.style.width = 1;
        curve.style.dash = Dash::Dashed;
        plot.curves.push_back(std::move(curve));
    }
    Curve observed;
    observed.name = "observed";
    observed.x = x;
    observed.y = percent(input.explained);
    observed.color = theme.foreground;
    observed.style.width = 1.4;
    observed.markers = true;
    plot.curves.push_back(std::move(observed));
    setRange(plot.y, plot.curves, 0.0);
    plot.y.title = "Explained variance (%)";
    return plot;
}

CurvePlot byDepth(const ExplainedInput& input, const Theme& theme) {
    if (input.perPoint.rows() != static_cast<Eigen::Index>(input.points.size()))
        throw Error(
            ErrorCode::Mismatch,
            fmt::format("The variance explained at each point is given for {} points, but {} are named.",
                        input.perPoint.rows(), input.points.size()));
    CurvePlot plot;
    plot.x = depthAxis(input.points);
    VectorD sum = VectorD::Zero(input.perPoint.rows());
    for (Eigen::Index k = 0; k < input.perPoint.cols(); ++k) {
        sum += input.perPoint.col(k);
        Curve curve;
        curve.name = k == 0 ? "1 component" : fmt::format("{} components", k + 1);
        for (Eigen::Index p = 0; p < sum.size(); ++p) curve.x.push_back(static_cast<double>(p));
        curve.y = percent(sum);
        curve.color = theme.series[static_cast<std::size_t>(k) % theme.series.size()];
        curve.style.width = 1.4;
        plot.curves.push_back(std::move(curve));
    }
    setRange(plot.y, plot.curves, 0.0);
    plot.y.title = "Explained at this point (%)";
    return plot;
}

}  // namespace

ExplainedNull explainedNull(std::string name, const NullSummary& summary) {
    return {std::move(name), summary.mean, summary.low, summary.high, summary.repeats};
}

Figure explainedFigure(const ExplainedInput& input, const Theme& theme) {
    if (input.explained.size() == 0)
        throw Error(ErrorCode::Mismatch,
                    "There is no explained variance to show: the PCA has no components.");
    Figure figure;
    figure.theme = theme;
    figure.panels.push_back({"Pooled over depth", byComponent(input, theme)});
    const bool sameRepeats = std::all_of(input.nulls.begin(), input.nulls.end(), [&](const auto& null) {
        return null.repeats == input.nulls.front().repeats;
    });
    if (!input.nulls.empty())
        figure.note = sameRepeats && input.nulls.front().repeats > 0
                          ? fmt::format("Dashed: mean of {} repeats of each null; bands: 2.5 to 97.5 %.",
                                        input.nulls.front().repeats)
                          : "Dashed: mean of each null; bands: 2.5 to 97.5 %.";
    if (input.perPoint.size() > 0) {
        figure.panels.push_back({"Own PCA of each point", byDepth(input, theme)});
        const auto note = depthNote(input.points);
        if (!figure.note.empty() && !note.empty()) figure.note += ' ';
        figure.note += note;
    }
    figure.columns = static_cast<int>(figure.panels.size());
    if (figure.panels.size() == 1) figure.panels.front().title.clear();
    return figure;
}

}  // namespace rheo
