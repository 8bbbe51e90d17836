#include "core/figure/response_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/figure/depth_curves.h"
#include "core/figure/ranges.h"
#include "core/figure/teleport_figure.h"

namespace rheo {

namespace {

std::vector<double> listOf(const VectorD& values) {
    return {values.begin(), values.end()};
}

CurvePlot against(const ResponseInput& input, const VectorD& values, const MatrixD& controls,
                  const std::string& title, bool named, const Theme& theme) {
    const Response& response = input.response;
    CurvePlot plot;
    plot.x.title =
        response.request.target.size() > 0 ? "Share of the way" : "Size of the push (" + input.unit + ")";
    plot.x.low = response.sizes.minCoeff();
    plot.x.high = response.sizes.maxCoeff();
    plot.x.ticks = niceTicks(plot.x.low, plot.x.high, 8);
    if (controls.rows() > 0) {
        Curve random;
        random.x = listOf(response.sizes);
        random.y = listOf(controls.colwise().mean().transpose());
        random.color = theme.null;
        random.style.dash = Dash::Dashed;
        if (named) random.name = "random directions";
        if (controls.rows() > 1) {
            const Band band = quantileBand(controls);
            random.low = band.low;
            random.high = band.high;
            if (named) random.bandName = fmt::format("{} of them, 95 %", controls.rows());
        }
        plot.curves.push_back(std::move(random));
    }
    Curve own;
    own.x = listOf(response.sizes);
    own.y = listOf(values);
    own.color = theme.teleported;
    own.style.width = 1.6;
    own.markers = true;
    own.markerSize = 2.6;
    if (named) own.name = input.along;
    plot.curves.push_back(std::move(own));
    setRange(plot.y, plot.curves, 0.0);
    plot.y.title = title;
    return plot;
}

/// Where the likeliest next token changes: "',' to -2, ' the' from -1.5".
std::string tokensAlong(const ResponseInput& input) {
    const Response& response = input.response;
    std::string text;
    int runs = 0;
    for (std::size_t i = 0; i < response.likeliest.size(); ++i) {
        if (i > 0 && response.likeliest[i] == response.likeliest[i - 1]) continue;
        if (++runs > 6) return text + ", ...";
        const auto found = input.tokenTexts.find(response.likeliest[i]);
        text += fmt::format("{}{} from {}", text.empty() ? "" : ", ",
                            found == input.tokenTexts.end() ? fmt::format("token {}", response.likeliest[i])
                                                            : "'" + visibleToken(found->second) + "'",
                            formatNumber(response.sizes[static_cast<Eigen::Index>(i)]));
    }
    return text;
}

void checkParts(const ResponseInput& input) {
    const Response& r = input.response;
    const Eigen::Index sizes = r.sizes.size(), controls = r.controlDistance.rows();
    const auto fits = [&](const MatrixD& m) {
        return m.rows() == controls && (controls == 0 || m.cols() == sizes);
    };
    if (sizes < 2 || r.distance.size() != sizes || r.kl.size() != sizes || !fits(r.controlDistance) ||
        !fits(r.controlKl) || static_cast<Eigen::Index>(r.likeliest.size()) != sizes ||
        r.request.point.value() >= static_cast<std::int64_t>(input.points.size()))
        throw Error(
            ErrorCode::Mismatch,
            fmt::format("the response has {} sizes, and not as many distances, divergences and tokens",
                        sizes));
}

}  // namespace

std::string plateauText(const ResponseSide& side, const std::string& unit) {
    const Plateau& p = side.plateau;
    if (std::isnan(p.width)) return side.name + ": nothing changes";
    double flatness = 0, slope = 0;
    for (const Plateau& control : side.controls) {
        flatness += control.flatness / static_cast<double>(side.controls.size());
        slope += control.slope / static_cast<double>(side.controls.size());
    }
    const auto beside = [&](double random) {
        return side.controls.empty() ? std::string() : fmt::format(", random {}", formatNumber(random, 2));
    };
    return fmt::format("{}: flat for {}{} ({} of an even rise{}), steepest at {}{} ({} of it{})", side.name,
                       formatNumber(p.width, 2), unit, formatNumber(p.flatness, 2), beside(flatness),
                       formatNumber(p.steepest, 2), unit, formatNumber(p.slope, 2), beside(slope));
}

Figure responseFigure(const ResponseInput& input, const Theme& theme) {
    checkParts(input);
    const Response& response = input.response;
    Figure figure;
    figure.theme = theme;
    figure.panels.push_back({"", against(input, response.distance, response.controlDistance,
                                         "Distance at the end (residual units)", true, theme)});
    figure.panels.push_back(
        {"", against(input, response.kl, response.controlKl, "KL of the next token (nats)", false, theme)});
    const bool line = response.request.target.size() > 0;
    std::string plateaus;
    for (const ResponseSide& side : response.sides)
        plateaus += (plateaus.empty() ? "" : "; ") + plateauText(side, line ? "" : " " + input.unit);
    const auto point = static_cast<std::size_t>(response.request.point.value());
    figure.note =
        joinNotes({fmt::format("Token {} at {}; size 1 is {} residual units.", response.request.token,
                               pointName(input.points[point]), formatNumber(response.length)),
                   plateaus + ".", "Likeliest: " + tokensAlong(input) + "."});
    return figure;
}

}  // namespace rheo
