#include "core/session/page_scene.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>
#include <variant>

namespace rheo {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t fewPaths = 64;     // of a set that is never thinned
constexpr int colorSteps = 64;           // of the whole scale, as in exported figures
constexpr double stepsOfLength = 20000;  // of the longest side: finer than a pixel, zoomed in tenfold
constexpr double farthest = 1e9;         // steps from the origin

std::string hex(const Color& color) {
    const auto channel = [](float value) {
        return static_cast<int>(std::lround(255 * std::clamp(value, 0.0f, 1.0f)));
    };
    return fmt::format("#{:02x}{:02x}{:02x}", channel(color.r), channel(color.g), channel(color.b));
}

double rounded(double value) {
    return std::strtod(fmt::format("{:.9g}", value).c_str(), nullptr);
}

std::size_t pathsIn(const LineSet3& set) {
    return set.offsets.empty() ? 0 : set.offsets.size() - 1;
}

std::size_t verticesIn(const LineSet3& set) {
    return set.xyz.size() / 3;
}

// ---- thinning ---------------------------------------------------------------------------------------

/// Which of `count` are kept: `keep` of them, evenly spaced.
std::vector<std::size_t> kept(std::size_t count, double share) {
    const auto keep = std::clamp<std::size_t>(
        static_cast<std::size_t>(std::floor(share * static_cast<double>(count))), 1, count);
    std::vector<std::size_t> chosen(keep);
    for (std::size_t i = 0; i < keep; ++i) chosen[i] = i * count / keep;
    return chosen;
}

void thin(LineSet3& set, double share) {
    LineSet3 left = set;
    left.xyz.clear();
    left.values.clear();
    left.tags.clear();
    left.offsets = {0};
    for (const std::size_t line : kept(pathsIn(set), share)) {
        const auto from = set.offsets[line], to = set.offsets[line + 1];
        left.xyz.insert(left.xyz.end(), set.xyz.begin() + 3 * from, set.xyz.begin() + 3 * to);
        if (!set.values.empty())
            left.values.insert(left.values.end(), set.values.begin() + from, set.values.begin() + to);
        if (line < set.tags.size()) left.tags.push_back(set.tags[line]);
        left.offsets.push_back(static_cast<std::int32_t>(left.xyz.size() / 3));
    }
    set = std::move(left);
}

void thin(MarkerSet3& set, double share) {
    MarkerSet3 left = set;
    left.xyz.clear();
    left.values.clear();
    left.tags.clear();
    for (const std::size_t i : kept(set.xyz.size() / 3, share)) {
        left.xyz.insert(left.xyz.end(), set.xyz.begin() + static_cast<std::ptrdiff_t>(3 * i),
                        set.xyz.begin() + static_cast<std::ptrdiff_t>(3 * i + 3));
        if (!set.values.empty()) left.values.push_back(set.values[i]);
        if (i < set.tags.size()) left.tags.push_back(set.tags[i]);
    }
    set = std::move(left);
}

/// Vertices of the sets of few and of many paths.
struct Load {
    std::size_t few = 0, many = 0;
};

Load loadOf(const Plot3D& plot) {
    Load load;
    for (const LineSet3& set : plot.lines)
        (pathsIn(set) > fewPaths ? load.many : load.few) += verticesIn(set);
    for (const MarkerSet3& set : plot.markers)
        (set.xyz.size() / 3 > fewPaths ? load.many : load.few) += set.xyz.size() / 3;
    return load;
}

// ---- as JSON ----------------------------------------------------------------------------------------

/// From data units to steps and back.
struct Grid {
    std::array<double, 3> origin{};
    double step = 1;

    explicit Grid(const Plot3D& plot) {
        double longest = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            origin[i] = rounded((plot.axes[i].low + plot.axes[i].high) / 2);
            longest = std::max(longest, plot.axes[i].high - plot.axes[i].low);
        }
        step = longest > 0 && std::isfinite(longest) ? rounded(longest / stepsOfLength) : 1;
        if (!(step > 0)) step = 1;
    }
    std::int64_t of(double value, std::size_t axis) const {
        return std::llround(std::clamp((value - origin[axis]) / step, -farthest, farthest));
    }
};

bool isFinite(const std::vector<float>& xyz, std::size_t i) {
    return std::isfinite(xyz[3 * i]) && std::isfinite(xyz[3 * i + 1]) && std::isfinite(xyz[3 * i + 2]);
}

void addVertex(Json& to, const std::vector<float>& xyz, std::size_t i, const Grid& grid) {
    for (std::size_t axis = 0; axis < 3; ++axis) to.push_back(grid.of(xyz[3 * i + axis], axis));
}

int colorStep(const std::optional<ColorScale>& scale, double value) {
    if (!scale || std::isnan(value)) return -1;
    const double share = (value - scale->low) / (scale->high - scale->low);
    if (std::isnan(share)) return -1;
    return static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * (colorSteps - 1)));
}

Color colorOf(const ColorScale& scale, int step, const Color& missing) {
    return scaleColor(scale, scale.low + step / (colorSteps - 1.0) * (scale.high - scale.low), missing);
}

std::vector<double> dashOf(const LineStyle& style) {
    const double unit = std::max(style.width, 0.8);
    if (style.dash == Dash::Dashed) return {4 * unit, 2.4 * unit};
    if (style.dash == Dash::Dotted) return {1.2 * unit, 1.8 * unit};
    return {};
}

/// One colour for all of a set, unless its values are on a scale.
void addColor(Json& to, const std::optional<Color>& color, bool hasValues, const Plot3D& plot,
              const Theme& theme) {
    if (color)
        to["color"] = hex(*color);
    else if (!hasValues || !plot.colorScale)
        to["color"] = hex(theme.foreground);
}

Json linesJson(const LineSet3& set, const Plot3D& plot, const Theme& theme, const Grid& grid) {
    Json lines{{"name", set.name}, {"width", rounded(set.style.width)}, {"layer", set.layer}};
    addColor(lines, set.style.color, !set.values.empty(), plot, theme);
    if (set.style.opacity < 1) lines["opacity"] = rounded(set.style.opacity);
    if (const auto dash = dashOf(set.style); !dash.empty()) lines["dash"] = dash;
    const bool shaded = !lines.contains("color");
    Json counts = Json::array(), xyz = Json::array(), values = Json::array();
    for (std::size_t line = 0; line < pathsIn(set); ++line) {
        std::int64_t count = 0;
        const auto endPiece = [&] {
            if (count > 0) counts.push_back(std::exchange(count, 0));
        };
        for (auto i = static_cast<std::size_t>(set.offsets[line]);
             i < static_cast<std::size_t>(set.offsets[line + 1]); ++i) {
            if (!isFinite(set.xyz, i)) {
                endPiece();
                continue;
            }
            addVertex(xyz, set.xyz, i, grid);
            if (shaded) values.push_back(colorStep(plot.colorScale, set.values[i]));
            ++count;
        }
        endPiece();
    }
    lines["counts"] = std::move(counts);
    lines["xyz"] = std::move(xyz);
    if (shaded) lines["values"] = std::move(values);
    return lines;
}

constexpr std::array shapeNames{"disc", "ring", "diamond", "square"};  // in the order of MarkerShape

Json markersJson(const MarkerSet3& set, const Plot3D& plot, const Theme& theme, const Grid& grid) {
    Json markers{{"name", set.name},
                 {"shape", shapeNames.at(static_cast<std::size_t>(set.shape))},
                 {"size", rounded(set.size)},
                 {"layer", set.layer}};
    addColor(markers, set.color, !set.values.empty(), plot, theme);
    const bool shaded = !markers.contains("color");
    Json xyz = Json::array(), values = Json::array();
    for (std::size_t i = 0; i < set.xyz.size() / 3; ++i) {
        if (!isFinite(set.xyz, i)) continue;
        addVertex(xyz, set.xyz, i, grid);
        if (shaded) values.push_back(colorStep(plot.colorScale, set.values[i]));
    }
    markers["xyz"] = std::move(xyz);
    if (shaded) markers["values"] = std::move(values);
    return markers;
}

Json ticksJson(const std::vector<Tick>& ticks, const std::function<double(double)>& place) {
    Json list = Json::array();
    for (const Tick& tick : ticks)
        if (tick.rank == 0) list.push_back({rounded(place(tick.value)), tick.label});
    return list;
}

Json axesJson(const Plot3D& plot) {
    Json axes = Json::array();
    for (const Axis& axis : plot.axes) {
        std::vector<Tick> ticks = axis.ticks;
        std::erase_if(ticks, [&](const Tick& t) { return !(t.value >= axis.low && t.value <= axis.high); });
        axes.push_back({{"title", axis.title},
                        {"low", rounded(axis.low)},
                        {"high", rounded(axis.high)},
                        {"ticks", ticksJson(ticks, [](double value) { return value; })}});
    }
    return axes;
}

Json cameraJson(const Plot3D& plot) {
    const Camera& camera = plot.camera;
    Json focal = Json::array();
    for (const double x : camera.focal) focal.push_back(rounded(x));
    return {{"azimuth", rounded(camera.azimuth)},
            {"elevation", rounded(camera.elevation)},
            {"roll", rounded(camera.roll)},
            {"focal", focal},
            {"halfHeight", rounded(camera.halfHeight)},
            {"perspective", camera.perspective},
            {"fit", plot.fitCamera}};
}

Json themeJson(const Theme& theme) {
    Json axes = Json::array();
    for (const Color& color : theme.axes) axes.push_back(hex(color));
    return {{"background", hex(theme.background)},
            {"ink", hex(theme.foreground)},
            {"muted", hex(theme.muted)},
            {"grid", hex(theme.grid)},
            {"axes", axes}};
}

/// Names come from files of anybody's: none of them may end the element that they stand in.
std::string escaped(const std::string& json) {
    std::string text;
    text.reserve(json.size());
    for (const char c : json) {
        if (c == '<' || c == '>' || c == '&')
            text += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        else
            text += c;
    }
    return text;
}

}  // namespace

const Plot3D* plotInSpace(const Figure& figure) {
    for (const Panel& panel : figure.panels)
        if (const auto* plot = std::get_if<Plot3D>(&panel.plot)) return plot;
    return nullptr;
}

ThinnedFigure thinnedFigure(const Figure& figure, std::size_t mostVertices) {
    ThinnedFigure thinned{figure};
    for (Panel& panel : thinned.figure.panels) {
        auto* plot = std::get_if<Plot3D>(&panel.plot);
        if (plot == nullptr) continue;
        const Load load = loadOf(*plot);
        if (load.few + load.many <= mostVertices || load.many == 0) continue;
        const double room = static_cast<double>(mostVertices) - static_cast<double>(load.few);
        const double share = std::clamp(room / static_cast<double>(load.many), 0.0, 1.0);
        for (LineSet3& set : plot->lines) {
            const std::size_t paths = pathsIn(set);
            if (paths <= fewPaths) continue;
            thin(set, share);
            thinned.drawn += static_cast<std::int64_t>(pathsIn(set));
            thinned.of += static_cast<std::int64_t>(paths);
        }
        for (MarkerSet3& set : plot->markers)
            if (set.xyz.size() / 3 > fewPaths) thin(set, share);
    }
    return thinned;
}

std::string sceneJson(const Plot3D& plot, const Theme& theme, double aspect,
                      const std::vector<std::string>& pointNames) {
    const Grid grid(plot);
    Json scene{{"theme", themeJson(theme)}, {"origin", grid.origin},        {"step", grid.step},
               {"aspect", rounded(aspect)}, {"axes", axesJson(plot)},       {"camera", cameraJson(plot)},
               {"points", pointNames},      {"missing", hex(theme.missing)}};
    Json colors = Json::array();
    if (plot.colorScale) {
        const ColorScale& scale = *plot.colorScale;
        for (int step = 0; step < colorSteps; ++step)
            colors.push_back(hex(colorOf(scale, step, theme.missing)));
        const auto share = [&](double value) { return (value - scale.low) / (scale.high - scale.low); };
        scene["scale"] = {{"title", scale.title}, {"ticks", ticksJson(scale.ticks, share)}};
    }
    scene["colors"] = std::move(colors);
    Json lines = Json::array(), markers = Json::array();
    for (const LineSet3& set : plot.lines)
        if (!set.hidden && !set.xyz.empty()) lines.push_back(linesJson(set, plot, theme, grid));
    for (const MarkerSet3& set : plot.markers)
        if (!set.xyz.empty()) markers.push_back(markersJson(set, plot, theme, grid));
    scene["lines"] = std::move(lines);
    scene["markers"] = std::move(markers);
    return escaped(scene.dump(-1, ' ', true, Json::error_handler_t::replace));
}

}  // namespace rheo
