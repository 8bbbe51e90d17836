#include "core/figure/teleport_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/dynamics/teleport_result.h"
#include "core/figure/depth_axis.h"
#include "core/figure/ranges.h"
#include "core/figure/trajectory_figure.h"

namespace rheo {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// [K, Q] distances over those of the first column: what is left of each push.
MatrixD retained(const MatrixD& distances) {
    MatrixD result = distances;
    for (Eigen::Index k = 0; k < distances.rows(); ++k)
        for (Eigen::Index q = 0; q < distances.cols(); ++q)
            result(k, q) = distances(k, 0) > 0 ? distances(k, q) / distances(k, 0) : nan;
    return result;
}

/// [K, Q] distances to [K, Q - 1]: ln of the ratio of each to the one before.
MatrixD contracted(const MatrixD& distances) {
    MatrixD result(distances.rows(), std::max<Eigen::Index>(distances.cols() - 1, 0));
    for (Eigen::Index k = 0; k < result.rows(); ++k)
        for (Eigen::Index q = 0; q < result.cols(); ++q) {
            const bool defined = distances(k, q) > 0 && distances(k, q + 1) > 0;
            result(k, q) = defined ? std::log(distances(k, q + 1) / distances(k, q)) : nan;
        }
    return result;
}

MatrixD asRow(const VectorD& values) {
    return values.transpose();
}

struct Drawing {
    const TeleportCurves& curves;
    const Theme& theme;

    std::vector<double> xs(Eigen::Index count, double offset) const {
        std::vector<double> x;
        for (Eigen::Index q = 0; q < count; ++q) x.push_back(curves.first + static_cast<double>(q) + offset);
        return x;
    }

    Curve band(const MatrixD& controls, double offset, Color color, const std::string& name) const {
        const auto range = quantileBand(controls);
        Curve curve;
        curve.x = xs(controls.cols(), offset);
        curve.low = range.low;
        curve.high = range.high;
        curve.bandName = name;
        curve.color = color;
        return curve;
    }

    Curve line(const MatrixD& values, double offset, Color color, const std::string& name, Dash dash) const {
        Curve curve;
        curve.name = name;
        curve.x = xs(values.cols(), offset);
        for (Eigen::Index q = 0; q < values.cols(); ++q) curve.y.push_back(values(0, q));
        curve.color = color;
        curve.style.width = 1.6;
        curve.style.dash = dash;
        return curve;
    }

    /// A panel of the measure that `measure` makes of distances [K, Q]; only the first names its curves,
    /// for the others have the same.
    template <class Measure>
    CurvePlot plot(Measure measure, double offset, const std::string& title, bool named,
                   std::optional<double> reference) const {
        CurvePlot result;
        result.x = depthAxisFrom(curves.points, curves.first);
        const auto count = curves.controlDistance.rows();
        const auto label = [&](const char* text) {
            return named ? fmt::format("{} random {}, 95 %", count, text) : std::string();
        };
        if (curves.controlDistance.size() > 0)
            result.curves.push_back(
                band(measure(curves.controlDistance), offset, theme.null, label("directions")));
        if (curves.controlPcaDistance.size() > 0)
            result.curves.push_back(band(measure(curves.controlPcaDistance), offset, theme.natural,
                                         label("directions in the PCs")));
        if (reference) {
            Curve curve;
            curve.x = {result.x.low, result.x.high};
            curve.y = {*reference, *reference};
            curve.color = theme.muted;
            curve.style.width = 0.6;
            curve.style.dash = Dash::Dotted;
            result.curves.push_back(std::move(curve));
        }
        result.curves.push_back(line(measure(asRow(curves.distance)), offset, theme.teleported,
                                     named ? "teleported" : "", Dash::Solid));
        if (curves.distancePca.size() > 0)
            result.curves.push_back(line(measure(asRow(curves.distancePca)), offset, theme.teleported,
                                         named ? "teleported, within the PCs" : "", Dash::Dashed));
        setRange(result.y, result.curves, {});
        result.y.title = title;
        return result;
    }
};

BarPlot tokenBars(const std::vector<TokenChange>& tokens, const Theme& theme) {
    BarPlot plot;
    plot.series = {"natural"};
    plot.colors = {theme.natural};
    const bool moved =
        std::any_of(tokens.begin(), tokens.end(), [](const auto& t) { return !std::isnan(t.teleported); });
    if (moved) {
        plot.series.emplace_back("teleported");
        plot.colors.push_back(theme.teleported);
    }
    double most = 0;
    for (const auto& token : tokens) {
        plot.bars.push_back({visibleToken(token.token), {token.natural}});
        if (moved) plot.bars.back().values.push_back(token.teleported);
        for (const double p : {token.natural, token.teleported})
            if (std::isfinite(p)) most = std::max(most, p);
    }
    plot.x.title = "Probability of the next token";
    plot.x.low = 0;
    plot.x.high = most > 0 ? std::min(1.0, 1.05 * most) : 1;
    plot.x.ticks = niceTicks(plot.x.low, plot.x.high, 4);
    return plot;
}

/// The length in bytes of the UTF-8 character that `text` starts with; 0 if it starts with none.
std::size_t characterLength(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xc2 ? 0
                               : lead < 0xe0 ? 2
                               : lead < 0xf0 ? 3
                               : lead < 0xf5 ? 4
                                             : 0;
    if (length == 0 || length > text.size()) return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    if (length == 3) {
        const unsigned code = (lead & 15u) << 12 | (byte(1) & 63u) << 6 | (byte(2) & 63u);
        if (code < 0x800 || (code >= 0xd800 && code < 0xe000)) return 0;
    }
    if (length == 4) {
        const unsigned code = (lead & 7u) << 18 | (byte(1) & 63u) << 12;
        if (code < 0x10000 || code > 0x10ffff) return 0;
    }
    return length;
}

}  // namespace

TeleportCurves teleportCurves(const TeleportResult& result, const std::vector<ResidualPoint>& points,
                              bool rms) {
    TeleportCurves curves;
    curves.points = points;
    curves.first = static_cast<int>(result.request.point.value());
    curves.rms = rms;
    curves.distance = rms ? result.measures.distanceRms : result.measures.distance;
    if (!rms) curves.distancePca = result.measures.distancePca;
    curves.controlDistance = rms ? result.controlDistanceRms : result.controlDistance;
    curves.controlPcaDistance = rms ? result.controlPcaDistanceRms : result.controlPcaDistance;
    return curves;
}

namespace {

void checkLengths(const TeleportCurves& curves) {
    const auto points = static_cast<Eigen::Index>(curves.points.size());
    const auto steps = curves.distance.size();
    if (curves.first < 0 || steps == 0 || curves.first + steps != points)
        throw Error(ErrorCode::Mismatch,
                    fmt::format("The distances are given at {} points from point {} on, but {} are named.",
                                steps, curves.first, points));
    for (const auto columns :
         {curves.controlDistance.cols(), curves.controlPcaDistance.cols(), curves.distancePca.size()})
        if (columns != 0 && columns != steps)
            throw Error(ErrorCode::Mismatch,
                        fmt::format("The teleport has distances at {} points, a control or projection at {}.",
                                    steps, columns));
}

}  // namespace

Figure teleportFigure(const TeleportCurves& curves, const Theme& theme) {
    checkLengths(curves);
    const auto steps = curves.distance.size();
    const Drawing drawing{curves, theme};
    Figure figure;
    figure.theme = theme;
    figure.columns = 2;
    figure.note = depthNote(curves.points);
    const auto same = [](const MatrixD& distances) { return distances; };
    figure.panels.push_back(
        {"Distance",
         drawing.plot(same, 0, curves.rms ? "Units of the RMS" : "Residual units", true, std::nullopt)});
    figure.panels.push_back(
        {"Retention", drawing.plot(retained, 0, "Distance, in units of the push", false, 1.0)});
    if (steps > 1)
        figure.panels.push_back(
            {"Contraction", drawing.plot(contracted, 0.5, "ln growth per step", false, 0.0)});
    if (!curves.tokens.empty()) figure.panels.push_back({"Next token", tokenBars(curves.tokens, theme)});
    return figure;
}

Figure compareTeleportsFigure(const std::vector<ComparedTeleport>& teleports, const Theme& theme) {
    if (teleports.empty()) throw Error(ErrorCode::InvalidArgument, "There is no teleport to compare.");
    const TeleportCurves& one = teleports.front().curves;
    int first = one.first;
    for (const auto& teleport : teleports) {
        checkLengths(teleport.curves);
        if (teleport.curves.points != one.points)
            throw Error(ErrorCode::Mismatch,
                        fmt::format("The teleports \"{}\" and \"{}\" have different points.",
                                    teleports.front().name, teleport.name));
        first = std::min(first, teleport.curves.first);
    }
    CurvePlot distance, retention;
    distance.x = retention.x = depthAxisFrom(one.points, first);
    Curve level;
    level.x = {retention.x.low, retention.x.high};
    level.y = {1, 1};
    level.color = theme.muted;
    level.style.width = 0.6;
    level.style.dash = Dash::Dotted;
    retention.curves.push_back(std::move(level));
    int place = 0;
    for (const auto& [name, curves] : teleports) {
        const Drawing drawing{curves, theme};
        const LineStyle look = comparedLook(theme, place++);
        const MatrixD values = asRow(curves.distance);
        distance.curves.push_back(drawing.line(values, 0, *look.color, name, look.dash));
        retention.curves.push_back(drawing.line(retained(values), 0, *look.color, "", look.dash));
    }
    distance.y.title = one.rms ? "Units of the RMS" : "Residual units";
    retention.y.title = "Distance, in units of the push";
    for (CurvePlot* plot : {&distance, &retention}) setRange(plot->y, plot->curves, {});
    Figure figure;
    figure.theme = theme;
    figure.columns = 2;
    figure.note = depthNote(one.points);
    figure.panels.push_back({"Distance", std::move(distance)});
    figure.panels.push_back({"Retention", std::move(retention)});
    return figure;
}

Figure nextTokenFigure(const std::vector<TokenChange>& tokens, const Theme& theme) {
    Figure figure;
    figure.theme = theme;
    figure.panels.push_back({"Next token", tokenBars(tokens, theme)});
    return figure;
}

std::string visibleToken(std::string_view text) {
    std::string shown;
    while (!text.empty()) {
        const auto length = characterLength(text);
        const auto byte = static_cast<unsigned char>(text.front());
        if (length == 0) {
            shown += "\xef\xbf\xbd";  // U+FFFD
        } else if (byte == ' ') {
            shown += "\xe2\x90\xa3";  // U+2423, open box
        } else if (byte == '\n') {
            shown += "\xe2\x86\xb5";  // U+21B5
        } else if (byte == '\t') {
            shown += "\xe2\x87\xa5";  // U+21E5
        } else if (byte < 0x20 || byte == 0x7f) {
            shown += fmt::format("<{:02X}>", byte);
        } else {
            shown += text.substr(0, length);
        }
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return shown;
}

}  // namespace rheo
