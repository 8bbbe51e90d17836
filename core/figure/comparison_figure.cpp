#include "core/figure/comparison_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/compare/depth_match.h"
#include "core/figure/depth_axis.h"
#include "core/figure/depth_curves.h"
#include "core/figure/ranges.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::vector<double> listOf(const VectorD& values) {
    return {values.begin(), values.end()};
}

MatrixD shownCka(const CkaResult& cka, CkaValue value) {
    if (value == CkaValue::NullHigh) return cka.nullHigh;
    if (value == CkaValue::Cka) return cka.cka;
    MatrixD beyond = cka.cka;
    for (Eigen::Index i = 0; i < beyond.size(); ++i)
        if (!(beyond.data()[i] > cka.nullHigh.data()[i])) beyond.data()[i] = nan;
    return beyond;
}

HeatmapPlot ckaMap(const ComparedPair& pair, const CkaResult& cka, CkaValue value, ColorMap map) {
    HeatmapPlot plot;
    plot.values = shownCka(cka, value).cast<float>();
    plot.x = depthAxis(pair.pointsB);
    plot.y = depthAxis(pair.pointsA);
    plot.x.title = "Depth of " + pair.b;
    plot.y.title = "Depth of " + pair.a;
    ColorScale& scale = plot.colorScale;
    scale.map = map;
    scale.low = 0;
    scale.high = 1;
    scale.title = value == CkaValue::NullHigh ? "97.5 % of shuffled samples" : "Linear CKA";
    for (Eigen::Index i = 0; i < plot.values.size(); ++i)
        if (plot.values.data()[i] < 0) scale.clipsLow = true;
    scale.ticks = niceTicks(0, 1, 5);
    return plot;
}

Curve bandCurve(const VectorD& middle, const VectorD& low, const VectorD& high, const Theme& theme) {
    Curve curve;
    for (Eigen::Index i = 0; i < middle.size(); ++i) curve.x.push_back(static_cast<double>(i));
    curve.y = listOf(middle);
    curve.low = listOf(low);
    curve.high = listOf(high);
    curve.color = theme.null;
    curve.style.width = 0.9;
    curve.style.dash = Dash::Dashed;
    return curve;
}

Curve lineCurve(std::string name, const VectorD& values, const Color& color) {
    Curve curve;
    curve.name = std::move(name);
    for (Eigen::Index i = 0; i < values.size(); ++i) curve.x.push_back(static_cast<double>(i));
    curve.y = listOf(values);
    curve.color = color;
    curve.style.width = 1.4;
    curve.markers = values.size() < 16;
    return curve;
}

std::string shuffles(int repeats) {
    return fmt::format("{} shuffles, 95 %", repeats);
}

/// CKA of each depth of A with the nearest of B, and with the most similar.
CurvePlot ckaCurves(const ComparedPair& pair, const CkaResult& cka, const Theme& theme) {
    const DepthMatch depth(pair.pointsA, pair.pointsB);
    const Eigen::Index points = cka.cka.rows();
    VectorD same(points), most(points), mean(points), low(points), high(points);
    for (Eigen::Index p = 0; p < points; ++p) {
        const auto q = depth.nearest()[static_cast<std::size_t>(p)];
        same[p] = cka.cka(p, q);
        most[p] = nan;
        for (const double value : cka.cka.row(p))
            if (!(value <= most[p])) most[p] = value;
        mean[p] = cka.nullMean(p, q);
        low[p] = cka.nullLow(p, q);
        high[p] = cka.nullHigh(p, q);
    }
    CurvePlot plot;
    plot.x = depthAxis(pair.pointsA);
    plot.x.title = "Depth of " + pair.a;
    Curve null = bandCurve(mean, low, high, theme);
    null.name = "shuffled samples";
    if (cka.repeats > 0) null.bandName = shuffles(cka.repeats);
    plot.curves.push_back(std::move(null));
    plot.curves.push_back(lineCurve("the most similar depth", most, theme.series[0]));
    plot.curves.back().style.dash = Dash::Dotted;
    plot.curves.push_back(lineCurve(depth.samePoints() ? "the same depth" : "the nearest relative depth",
                                    same, theme.foreground));
    setRange(plot.y, plot.curves, 0.0, 1.0);
    plot.y.title = "Linear CKA";
    return plot;
}

CurvePlot residualCurves(const ComparedPair& pair, const ProcrustesResult& fit, const Theme& theme) {
    CurvePlot plot;
    plot.x = depthAxis(pair.pointsA);
    plot.x.title = "Depth of " + pair.a;
    Curve null = bandCurve(fit.depthNullMean, fit.depthNullLow, fit.depthNullHigh, theme);
    null.name = "shuffled samples";
    if (fit.repeats > 0) null.bandName = shuffles(fit.repeats);
    plot.curves.push_back(std::move(null));
    plot.curves.push_back(lineCurve("left by the best rotation", fit.residual, theme.foreground));
    setRange(plot.y, plot.curves, 0.0, 1.0);
    plot.y.title = "Share of the variance";
    return plot;
}

std::string withSpaces(std::string name) {
    std::replace(name.begin(), name.end(), '_', ' ');
    return name;
}

std::string capital(std::string text) {
    if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
    return text;
}

bool isAlongDepth(Along axis) {
    return axis == Along::Points || axis == Along::Steps || axis == Along::Bends;
}

/// A difference along depth: a line for each kind of step, over one band.
CurvePlot alongDepth(const ComparedPair& pair, const DifferenceCurve& curve, const Theme& theme, bool named) {
    const double first = curve.axis == Along::Steps ? 0.5 : curve.axis == Along::Bends ? 1 : 0;
    const DepthNames names{named ? "observed" : "", named ? "attention" : "", named ? "MLP" : "",
                           named ? "95 % interval" : "", false};
    MatrixD quantiles(5, curve.difference.size());
    quantiles.row(0) = curve.low.transpose();
    quantiles.row(4) = curve.high.transpose();
    DepthCurve drawn{curve.difference, &quantiles, curve.statistic,
                     curve.dataset,    first,      curve.axis != Along::Points};
    CurvePlot plot = depthPlot(drawn, {}, pair.pointsA, theme, names);
    plot.x.title = "Depth of " + pair.a;
    setRange(plot.y, plot.curves, 0.0);
    addZeroLine(plot, theme);
    return plot;
}

CurvePlot alongComponents(const DifferenceCurve& curve, const Theme& theme) {
    CurvePlot plot;
    plot.x.title = "Component";
    plot.x.named = true;
    plot.x.low = 0.5;
    plot.x.high = static_cast<double>(curve.difference.size()) + 0.5;
    Curve drawn;
    for (Eigen::Index k = 1; k <= curve.difference.size(); ++k) {
        drawn.x.push_back(static_cast<double>(k));
        plot.x.ticks.push_back({static_cast<double>(k), fmt::format("{}", k)});
    }
    drawn.y = listOf(curve.difference);
    drawn.low = listOf(curve.low);
    drawn.high = listOf(curve.high);
    drawn.color = theme.foreground;
    drawn.style.width = 1.4;
    drawn.markers = true;
    plot.curves.push_back(std::move(drawn));
    setRange(plot.y, plot.curves, 0.0);
    addZeroLine(plot, theme);
    return plot;
}

std::string numberText(const DifferenceCurve& curve) {
    return fmt::format("{}: {} to {}, difference {} [{}, {}].", capital(withSpaces(curve.dataset)),
                       formatNumber(curve.a[0]), formatNumber(curve.b[0]), formatNumber(curve.difference[0]),
                       formatNumber(curve.low[0]), formatNumber(curve.high[0]));
}

std::string differenceNote(const ComparedPair& pair, const DifferenceResult& differences) {
    const std::string how =
        differences.paired
            ? fmt::format("{} rows of {} samples of both, and the same random halves of them in both",
                          differences.rowsA, differences.samplesA)
            : fmt::format("{} samples of {} and {} of {}, which are not paired", differences.samplesA, pair.a,
                          differences.samplesB, pair.b);
    return fmt::format("{} minus {}. 95 % intervals from {} halves of the samples: {}.{}", pair.b, pair.a,
                       differences.resamples, how,
                       differences.relativeDepth ? " Read at the same relative depth." : "");
}

}  // namespace

Figure ckaFigure(const ComparedPair& pair, const CkaResult& cka, const ProcrustesResult* fit, CkaValue value,
                 ColorMap map, const Theme& theme) {
    const auto fits = [&](const MatrixD& matrix) {
        return matrix.rows() == static_cast<Eigen::Index>(pair.pointsA.size()) &&
               matrix.cols() == static_cast<Eigen::Index>(pair.pointsB.size());
    };
    if (!fits(cka.cka) || !fits(cka.nullMean) || !fits(cka.nullHigh))
        throw Error(ErrorCode::Mismatch,
                    fmt::format("the CKA is [{}, {}], and there are {} and {} points", cka.cka.rows(),
                                cka.cka.cols(), pair.pointsA.size(), pair.pointsB.size()));
    Figure figure;
    figure.theme = theme;
    figure.columns = fit == nullptr ? 2 : 3;
    figure.panels.push_back({"Every depth with every other", ckaMap(pair, cka, value, map)});
    figure.panels.push_back({"By depth", ckaCurves(pair, cka, theme)});
    if (fit != nullptr)
        figure.panels.push_back({"Variance left after rotation", residualCurves(pair, *fit, theme)});
    figure.note = fmt::format(
        "Debiased linear CKA of {} rows of {} samples; null: {} shuffles of the samples. 95 % of shuffles "
        "stay "
        "below {} everywhere.",
        cka.rows, cka.samples, cka.repeats, formatNumber(cka.largestByChance));
    return figure;
}

std::vector<std::string> statisticsOf(const DifferenceResult& differences) {
    std::vector<std::string> names;
    for (const auto& curve : differences.curves)
        if (std::find(names.begin(), names.end(), curve.statistic) == names.end())
            names.push_back(curve.statistic);
    return names;
}

Figure differenceFigure(const ComparedPair& pair, const DifferenceResult& differences,
                        const std::string& statistic, const Theme& theme) {
    const auto names = statisticsOf(differences);
    if (names.empty())
        throw Error(ErrorCode::NotFound,
                    "this comparison has no curves; compute them with rheo compare --stat");
    const std::string shown = statistic.empty() ? names.front() : statistic;
    if (std::find(names.begin(), names.end(), shown) == names.end())
        throw Error(ErrorCode::NotFound, fmt::format("this comparison holds no curves of {}; it holds {}",
                                                     shown, fmt::join(names, ", ")));
    Figure figure;
    figure.theme = theme;
    std::string numbers;
    for (const DifferenceCurve& curve : differences.curves) {
        if (curve.statistic != shown) continue;
        const std::string title = capital(withSpaces(shown)) + ": " + withSpaces(curve.dataset);
        if (isAlongDepth(curve.axis))
            figure.panels.push_back({title, alongDepth(pair, curve, theme, figure.panels.empty())});
        else if (curve.axis == Along::Components)
            figure.panels.push_back({title, alongComponents(curve, theme)});
        else
            numbers += " " + numberText(curve);
    }
    for (Panel& panel : figure.panels) std::get<CurvePlot>(panel.plot).y.title = "Difference";
    figure.columns = figure.panels.size() > 4 ? 3 : figure.panels.size() > 1 ? 2 : 1;
    figure.note = differenceNote(pair, differences) + numbers;
    auto others = names;
    std::erase(others, shown);
    if (!others.empty()) figure.note += fmt::format(" Also compared: {}.", fmt::join(others, ", "));
    return figure;
}

Figure sideBySide(const std::vector<Figure>& figures, const std::vector<std::string>& names, bool shared) {
    Figure whole;
    Eigen::AlignedBox3d box;
    for (std::size_t i = 0; i < figures.size(); ++i) {
        if (i == 0) whole.theme = figures[i].theme;
        for (const Panel& panel : figures[i].panels) {
            whole.panels.push_back({names[i], panel.plot});
            if (const auto* plot = std::get_if<Plot3D>(&panel.plot)) box.extend(boxOf(*plot));
        }
    }
    // Up to three beside each other; more as nearly square as they come.
    const auto count = static_cast<double>(figures.size());
    whole.columns = static_cast<int>(count <= 3 ? std::max(count, 1.0) : std::ceil(std::sqrt(count)));
    if (!shared) return whole;
    for (Panel& panel : whole.panels)
        if (auto* plot = std::get_if<Plot3D>(&panel.plot)) {
            for (int axis = 0; axis < 3; ++axis) {
                Axis& one = plot->axes[static_cast<std::size_t>(axis)];
                one.low = box.min()[axis];
                one.high = box.max()[axis];
                one.ticks = niceTicks(one.low, one.high);
            }
            if (plot->fitCamera) plot->camera = fitted(plot->camera, box.min(), box.max(), 4.0 / 3.0);
        }
    return whole;
}

std::string alignmentNote(const Comparison& comparison, const std::vector<std::string>& names) {
    switch (comparison.alignment) {
        case Alignment::Own:
            return "Each source in its own principal components: their coordinates cannot be compared.";
        case Alignment::One:
            if (!comparison.axisNames.empty()) return "All along the same directions.";
            return comparison.explained[0].size() > 0
                       ? fmt::format("All in the principal components of {}.", names[0])
                       : "All in a basis that was given.";
        case Alignment::Pooled: return "All in the principal components of all states together.";
        case Alignment::Procrustes: break;
    }
    std::string note = fmt::format("Each source in its own components, rotated onto those of {}.", names[0]);
    for (const PairComparison& pair : comparison.pairs)
        if (pair.procrustes)
            note += fmt::format(" {}: {} % of the variance remains; for shuffled samples {} %.",
                                names[static_cast<std::size_t>(pair.other)],
                                formatNumber(100 * pair.procrustes->map.residual),
                                formatNumber(100 * pair.procrustes->nullMean));
    return note;
}

}  // namespace rheo
