#include "core/figure/unit_share_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <string>

#include "core/base/error.h"
#include "core/figure/depth_axis.h"
#include "core/figure/depth_curves.h"

namespace rheo {

namespace {

/// [point, unit], rows sum to 1; NaN where all is zero.
MatrixD sharesOf(const MatrixD& rms) {
    const MatrixD squares = rms.array().square();
    return squares.array().colwise() / squares.rowwise().sum().array();
}

/// Units by their greatest share, the greatest first.
std::vector<Eigen::Index> unitsByShare(const MatrixD& shares) {
    const VectorD greatest = shares.array().isNaN().select(0.0, shares).colwise().maxCoeff();
    std::vector<Eigen::Index> units(static_cast<std::size_t>(shares.cols()));
    std::iota(units.begin(), units.end(), Eigen::Index{0});
    std::stable_sort(units.begin(), units.end(),
                     [&](Eigen::Index a, Eigen::Index b) { return greatest[a] > greatest[b]; });
    return units;
}

void add(CurvePlot& plot, const std::string& name, const VectorD& values, const Color& color, Dash dash,
         double width) {
    Curve curve;
    curve.name = name;
    curve.color = color;
    curve.style.dash = dash;
    curve.style.width = width;
    for (Eigen::Index p = 0; p < values.size(); ++p) {
        curve.x.push_back(static_cast<double>(p));
        curve.y.push_back(values[p]);
    }
    plot.curves.push_back(std::move(curve));
}

}  // namespace

Figure unitShareFigure(const DensityResult& density, const std::vector<ResidualPoint>& points,
                       const Theme& theme, int shown) {
    const MatrixD& rms = density.rms;
    if (rms.rows() != static_cast<Eigen::Index>(points.size()) || rms.cols() == 0)
        throw Error(ErrorCode::Mismatch,
                    fmt::format("density has {} points, but {} are named.", rms.rows(), points.size()));
    const MatrixD shares = sharesOf(rms);
    const auto units = unitsByShare(shares);
    const auto named = std::min<std::size_t>(static_cast<std::size_t>(std::max(shown, 0)), units.size());
    CurvePlot plot;
    plot.x = depthAxis(points);
    plot.y.title = "Share of the squared norm";
    for (std::size_t i = 0; i < named; ++i)
        add(plot, fmt::format("unit {}", units[i]), shares.col(units[i]),
            theme.series[i % theme.series.size()], i < theme.series.size() ? Dash::Solid : Dash::Dashed, 1.4);
    if (named < units.size()) {
        VectorD others = VectorD::Zero(shares.rows());
        for (std::size_t i = named; i < units.size(); ++i) others = others.cwiseMax(shares.col(units[i]));
        add(plot, "greatest of all others", others, theme.foreground, Dash::Solid, 1);
    }
    add(plot, "an equal share", VectorD::Constant(shares.rows(), 1.0 / static_cast<double>(rms.cols())),
        theme.muted, Dash::Dotted, 1);
    useLogScale(plot);

    Figure figure;
    figure.theme = theme;
    figure.panels.push_back({"", std::move(plot)});
    figure.note = joinNotes({"Over all rows.", depthNote(points)});
    return figure;
}

}  // namespace rheo
