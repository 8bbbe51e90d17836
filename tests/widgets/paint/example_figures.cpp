#include "example_figures.h"

#include <cmath>
#include <random>

#include "core/figure/density_figure.h"
#include "core/figure/explained_figure.h"
#include "core/figure/teleport_figure.h"
#include "core/figure/trajectory_figure.h"

namespace rheo {
namespace {

constexpr int layers = 32;
constexpr int pointCount = 2 * layers + 1;

Array3F walks(int rows) {
    std::mt19937 random(7);
    std::normal_distribution<float> step(0, 1);
    Array3F scores(rows, pointCount, 3);
    for (int n = 0; n < rows; ++n)
        for (int p = 1; p < pointCount; ++p)
            for (int k = 0; k < 3; ++k)
                scores.at(n, p)[k] = scores.at(n, p - 1)[k] + step(random) * static_cast<float>(3 - k) + 0.2f;
    return scores;
}

VectorD falling(int n, double from, double factor) {
    VectorD values(n);
    for (int i = 0; i < n; ++i) values[i] = from * std::pow(factor, i);
    return values;
}

}  // namespace

Figure exampleTrajectories(const Theme& theme, int rows) {
    const auto scores = walks(rows);
    TrajectoryOptions options;
    options.theme = theme;
    options.selected = RowIndex(rows / 2);
    options.highlighted = PointIndex(20);
    std::vector<std::string> labels;
    for (int n = 0; n < rows; ++n) labels.push_back("prompt " + std::to_string(n));
    return trajectoryFigure(
        {scores, falling(3, 0.412, 0.4), residualPoints(layers, false),
         [labels](RowIndex row) { return labels[static_cast<std::size_t>(row.value())]; }},
        options);
}

Figure exampleTeleportInSpace(const Theme& theme) {
    const auto scores = walks(12);
    TrajectoryOptions options;
    options.theme = theme;
    auto figure =
        trajectoryFigure({scores, falling(3, 0.412, 0.4), residualPoints(layers, false), {}}, options);
    TeleportOverlay overlay;
    overlay.point = PointIndex(21);
    const int steps = pointCount - 21;
    overlay.natural.resize(steps, 3);
    for (int q = 0; q < steps; ++q)
        for (int k = 0; k < 3; ++k) overlay.natural(q, k) = scores.at(3, 21 + q)[k];
    overlay.teleported = overlay.natural;
    overlay.teleported.col(1).array() += 25;
    overlay.controls = Array3F(4, steps, 3);
    for (int c = 0; c < 4; ++c)
        for (int q = 0; q < steps; ++q)
            for (int k = 0; k < 3; ++k)
                overlay.controls.at(c, q)[k] = static_cast<float>(overlay.natural(q, k) + 5 * c - 8);
    addTeleport(figure, overlay, options);
    figure.title = "A state pushed at L10.mlp_in";
    figure.note = "Twelve rows, raw scaling.";
    return figure;
}

Figure exampleHeatmap(const Theme& theme, int units, int missing) {
    std::mt19937 random(9);
    std::normal_distribution<double> normal(0, 1);
    MatrixD mean(pointCount, units);
    for (int p = 0; p < pointCount; ++p)
        for (int u = 0; u < units; ++u) mean(p, u) = std::sin(0.05 * p + u) * p / 20 + 0.2 * normal(random);
    for (int i = 0; i < missing; ++i) mean((i * 17) % pointCount, (i * 5) % units) = std::nan("");
    DensityOptions options;
    options.theme = theme;
    return densityFigure(mean, mean, residualPoints(layers, false), options);
}

Figure exampleTeleport(const Theme& theme) {
    TeleportCurves curves;
    curves.points = residualPoints(layers, false);
    curves.first = 20;
    const int steps = pointCount - curves.first;
    curves.distance = falling(steps, 30, 0.98);
    curves.distancePca = falling(steps, 12, 0.96);
    curves.controlDistance.resize(32, steps);
    curves.controlPcaDistance.resize(32, steps);
    for (int k = 0; k < 32; ++k) {
        curves.controlDistance.row(k) = falling(steps, 30, 1.0 + 0.001 * k).transpose();
        curves.controlPcaDistance.row(k) = falling(steps, 30, 0.985 + 0.0008 * k).transpose();
    }
    double p = 0.6;
    for (const char* token :
         {" was", "'s", " had", " would", " appeared", "\n", " \xe4\xb8\xad", " unfortunately"}) {
        curves.tokens.push_back({token, p, 0.7 * p + 0.01});
        p *= 0.6;
    }
    auto figure = teleportFigure(curves, theme);
    figure.title = "Teleport at L10.attn_in, last token";
    return figure;
}

std::vector<ExampleFigure> exampleFigures(const Theme& theme) {
    std::vector<ExampleFigure> figures;
    figures.push_back({"trajectories", exampleTrajectories(theme, 40)});
    figures.push_back({"teleport in space", exampleTeleportInSpace(theme)});
    figures.push_back({"density", exampleHeatmap(theme, 300, 5)});
    DensityResult curves;
    curves.trevesRolls = falling(pointCount, 0.7, 0.99);
    curves.hoyer = VectorD::Ones(pointCount) - falling(pointCount, 0.7, 0.99);
    curves.kurtosis = falling(pointCount, 1e7, 0.9);
    curves.participationRatio = falling(pointCount, 40, 0.97);
    figures.push_back(
        {"density curves", densityCurvesFigure(curves, {}, residualPoints(layers, false), theme)});
    ExplainedInput explained;
    explained.explained = falling(10, 0.4, 0.6);
    for (const char* name : {"depth_shuffle", "increment_shuffle", "sign_flip"}) {
        const double from = 0.2 + 0.1 * static_cast<double>(explained.nulls.size());
        explained.nulls.push_back(
            {name, falling(10, from, 0.7), falling(10, 0.9 * from, 0.7), falling(10, 1.1 * from, 0.7), 200});
    }
    figures.push_back({"explained", explainedFigure(explained, theme)});
    explained.perPoint = MatrixD::Constant(pointCount, 3, 0.1);
    explained.points = residualPoints(layers, false);
    figures.push_back({"explained by depth", explainedFigure(explained, theme)});
    figures.push_back({"teleport", exampleTeleport(theme)});
    return figures;
}

}  // namespace rheo
