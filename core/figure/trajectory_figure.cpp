#include "core/figure/trajectory_figure.h"

#include <fmt/format.h>

#include <Eigen/Geometry>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/base/error.h"
#include "core/figure/depth_axis.h"

namespace rheo {
namespace {

using Extent = Eigen::AlignedBox3d;

constexpr double padding = 0.03;  // of an axis, beyond the data at each end
constexpr int mostTicks = 6;      // on the longest axis

void check(bool valid, ErrorCode code, const std::string& message) {
    if (!valid) throw Error(code, message);
}

/// Copies score `components` of one row to `xyz`. False, with nothing copied, if one is not finite.
bool appendPath(const Array3F& scores, std::int64_t row, const std::array<int, 3>& components,
                std::vector<float>& xyz) {
    const auto before = xyz.size();
    for (std::int64_t p = 0; p < scores.n1; ++p) {
        const float* z = scores.at(row, p);
        for (const int c : components) {
            if (!std::isfinite(z[c])) {
                xyz.resize(before);
                return false;
            }
            xyz.push_back(z[c]);
        }
    }
    return true;
}

void include(Extent& extent, const std::vector<float>& xyz) {
    for (std::size_t i = 0; i + 2 < xyz.size(); i += 3)
        extent.extend(Eigen::Vector3d(xyz[i], xyz[i + 1], xyz[i + 2]));
}

void setRanges(Plot3D& plot, const Extent& data) {
    Extent extent = data;
    if (extent.isEmpty()) extent = Extent(Eigen::Vector3d::Constant(-1), Eigen::Vector3d::Constant(1));
    const double longest = std::max(extent.sizes().maxCoeff(), 1e-12);
    for (Eigen::Index i = 0; i < 3; ++i) {
        Axis& axis = plot.axes[static_cast<std::size_t>(i)];
        // An axis along which nothing happens still needs some length to be drawn.
        const double length = std::max(extent.sizes()[i], 0.02 * longest);
        const double middle = extent.center()[i];
        axis.low = middle - length * (0.5 + padding);
        axis.high = middle + length * (0.5 + padding);
        const int count = static_cast<int>(std::lround(mostTicks * length / longest));
        axis.ticks = niceTicks(axis.low, axis.high, std::max(2, count));
    }
}

void closeLine(LineSet3& set, std::int64_t tag) {
    set.offsets.push_back(static_cast<std::int32_t>(set.xyz.size() / 3));
    set.tags.push_back(tag);
}

LineSet3 emptyLines(std::string name) {
    LineSet3 set;
    set.name = std::move(name);
    set.offsets.push_back(0);
    return set;
}

/// Thinner and paler the more there are, so that a thousand rows are a cloud and ten are curves.
LineStyle rowStyle(std::size_t rows) {
    LineStyle style;
    const double crowd = std::clamp(std::log10(std::max<double>(static_cast<double>(rows), 1)) / 3, 0.0, 1.0);
    style.width = 1.1 - 0.6 * crowd;
    style.opacity = 0.95 - 0.5 * crowd;
    return style;
}

std::string rowName(const TrajectoryInput& input, RowIndex row) {
    const auto i = static_cast<std::size_t>(row.value());
    return input.rowLabels.empty() ? fmt::format("row {}", row.value()) : input.rowLabels[i];
}

void checkInput(const TrajectoryInput& input, const TrajectoryOptions& options) {
    const auto& scores = input.scores;
    check(scores.n1 > 0 && static_cast<std::int64_t>(input.points.size()) == scores.n1, ErrorCode::Mismatch,
          fmt::format("The scores have {} points, but {} are named.", scores.n1, input.points.size()));
    check(input.explained.size() == 0 || input.explained.size() >= scores.n2, ErrorCode::Mismatch,
          fmt::format("The scores have {} components, but the explained variance is given for {}.", scores.n2,
                      input.explained.size()));
    check(input.rowLabels.empty() || static_cast<std::int64_t>(input.rowLabels.size()) == scores.n0,
          ErrorCode::Mismatch,
          fmt::format("The scores have {} rows, but {} are labelled.", scores.n0, input.rowLabels.size()));
    for (const int c : options.components)
        check(c >= 0 && c < scores.n2, ErrorCode::InvalidArgument,
              fmt::format("PC{} was asked for, but the basis has {} components. Choose among PC1 to PC{}.",
                          c + 1, scores.n2, scores.n2));
    const auto checkRow = [&](RowIndex row) {
        check(row.value() >= 0 && row.value() < scores.n0, ErrorCode::InvalidArgument,
              fmt::format("Row {} was asked for, but there are {} (0 to {}).", row.value(), scores.n0,
                          scores.n0 - 1));
    };
    for (const auto row : options.rows) checkRow(row);
    if (options.selected) checkRow(*options.selected);
    if (options.highlighted)
        check(options.highlighted->value() >= 0 && options.highlighted->value() < scores.n1,
              ErrorCode::InvalidArgument,
              fmt::format("Point {} was asked for, but there are {}.", options.highlighted->value(),
                          scores.n1));
}

std::vector<float> depths(std::int64_t first, std::int64_t count) {
    std::vector<float> values(static_cast<std::size_t>(count));
    std::iota(values.begin(), values.end(), static_cast<float>(first));
    return values;
}

void append(std::vector<float>& to, const std::vector<float>& from) {
    to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

Figure trajectoryFigure(const TrajectoryInput& input, const TrajectoryOptions& options) {
    checkInput(input, options);
    const auto& scores = input.scores;
    const Theme& theme = options.theme;

    Plot3D plot;
    for (std::size_t i = 0; i < 3; ++i) {
        const int c = options.components[i];
        plot.axes[i].title = fmt::format("PC{}", c + 1);
        if (input.explained.size() > 0)
            plot.axes[i].title += fmt::format(" ({:.1f} % of variance)", 100 * input.explained[c]);
    }
    ColorScale scale;
    scale.map = options.map;
    scale.low = 0;
    scale.high = std::max<double>(1, static_cast<double>(scores.n1 - 1));
    // Viridis ends in a yellow that is lost on white, and begins in a violet that is lost on black.
    if (options.map != ColorMap::Vik) (theme.dark ? scale.mapFrom : scale.mapTo) = theme.dark ? 0.15 : 0.9;
    scale.title = "Depth";
    scale.ticks = depthTicks(input.points);

    std::vector<RowIndex> rows = options.rows;
    if (rows.empty())
        for (std::int64_t n = 0; n < scores.n0; ++n) rows.emplace_back(n);

    const auto ramp = depths(0, scores.n1);
    LineSet3 paths = emptyLines({});
    paths.style = rowStyle(rows.size());
    if (!options.colorByDepth) paths.style.color = theme.muted;
    paths.xyz.reserve(rows.size() * static_cast<std::size_t>(scores.n1) * 3);
    MarkerSet3 section;
    std::vector<double> sum(static_cast<std::size_t>(scores.n1) * 3, 0.0);
    for (const auto row : rows) {
        const auto start = paths.xyz.size();
        if (!appendPath(scores, row.value(), options.components, paths.xyz)) continue;
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += paths.xyz[start + i];
        if (options.colorByDepth) append(paths.values, ramp);
        if (options.highlighted) {
            const auto* at = paths.xyz.data() + start + 3 * options.highlighted->value();
            section.xyz.insert(section.xyz.end(), at, at + 3);
            section.tags.push_back(options.highlighted->value());
        }
        closeLine(paths, row.value());
    }
    const std::size_t shown = paths.tags.size();
    Extent extent;
    include(extent, paths.xyz);

    std::optional<LineSet3> selected;
    MarkerSet3 selectedPoints;
    if (options.selected) {
        selected = emptyLines(rowName(input, *options.selected));
        if (appendPath(scores, options.selected->value(), options.components, selected->xyz)) {
            closeLine(*selected, options.selected->value());
            selected->style.color = theme.selected;
            selected->style.width = 1.6;
            selected->layer = 2;
            include(extent, selected->xyz);
            selectedPoints.xyz = selected->xyz;
            for (std::int64_t p = 0; p < scores.n1; ++p) selectedPoints.tags.push_back(p);
            selectedPoints.color = theme.selected;
            selectedPoints.size = 2.6;
            selectedPoints.layer = 2;
        } else {
            selected.reset();
        }
    }

    plot.lines.push_back(std::move(paths));
    if (!section.tags.empty()) {
        section.name = fmt::format(
            "at {}", pointName(input.points[static_cast<std::size_t>(options.highlighted->value())]));
        section.color = theme.foreground;
        section.size = 2.6;
        section.pickable = false;
        section.layer = 1;
        plot.markers.push_back(std::move(section));
    }
    if (options.mean && shown > 1) {
        LineSet3 mean = emptyLines(fmt::format("mean of {} rows", formatNumber(static_cast<double>(shown))));
        for (const double s : sum) mean.xyz.push_back(static_cast<float>(s / static_cast<double>(shown)));
        closeLine(mean, -1);
        mean.style.color = theme.mean;
        mean.style.width = 2.2;
        mean.pickable = false;
        mean.layer = 1;
        plot.lines.push_back(std::move(mean));
    }
    if (selected) {
        if (options.highlighted) {
            MarkerSet3 ring;
            const auto* at = selected->xyz.data() + 3 * options.highlighted->value();
            ring.xyz.assign(at, at + 3);
            ring.tags.push_back(options.highlighted->value());
            ring.color = theme.selected;
            ring.shape = MarkerShape::Ring;
            ring.size = 8;
            ring.layer = 2;
            plot.markers.push_back(std::move(ring));
        }
        plot.lines.push_back(std::move(*selected));
        plot.markers.push_back(std::move(selectedPoints));
    }

    setRanges(plot, extent);
    if (options.colorByDepth) plot.colorScale = std::move(scale);
    if (options.camera) {
        plot.camera = *options.camera;
    } else {
        plot.camera = fitted(plot.camera, boxOf(plot).min(), boxOf(plot).max(), 4.0 / 3.0);
        plot.fitCamera = true;
    }

    Figure figure;
    figure.theme = theme;
    if (shown < rows.size())
        figure.note = fmt::format("{} of {} rows are left out: their states are not finite.",
                                  formatNumber(static_cast<double>(rows.size() - shown)),
                                  formatNumber(static_cast<double>(rows.size())));
    figure.panels.push_back({{}, std::move(plot)});
    return figure;
}

void addTeleport(Figure& figure, const TeleportOverlay& overlay, const TrajectoryOptions& options) {
    check(!figure.panels.empty() && std::holds_alternative<Plot3D>(figure.panels.front().plot),
          ErrorCode::InvalidArgument, "A teleport can only be added to a figure of trajectories.");
    auto& plot = std::get<Plot3D>(figure.panels.front().plot);
    const auto steps = overlay.natural.rows();
    const auto width = overlay.natural.cols();
    check(steps > 0 && overlay.teleported.rows() == steps && overlay.teleported.cols() == width,
          ErrorCode::Mismatch,
          fmt::format("The natural path has shape [{}, {}], the teleported one [{}, {}].", steps, width,
                      overlay.teleported.rows(), overlay.teleported.cols()));
    check(overlay.controls.empty() || (overlay.controls.n1 == steps && overlay.controls.n2 == width),
          ErrorCode::Mismatch,
          fmt::format("The paths have shape [{}, {}], those of the controls [{}, {}].", steps, width,
                      overlay.controls.n1, overlay.controls.n2));
    for (const int c : options.components)
        check(c >= 0 && c < width, ErrorCode::InvalidArgument,
              fmt::format("PC{} was asked for, but the teleport's paths have {} components.", c + 1, width));

    const Theme& theme = options.theme;
    const auto path = [&](const MatrixD& scores) {
        std::vector<float> xyz;
        for (Eigen::Index q = 0; q < steps; ++q)
            for (const int c : options.components) xyz.push_back(static_cast<float>(scores(q, c)));
        return xyz;
    };
    Extent extent;
    if (!overlay.controls.empty()) {
        LineSet3 controls = emptyLines("random pushes of the same size");
        for (std::int64_t k = 0; k < overlay.controls.n0; ++k)
            if (appendPath(overlay.controls, k, options.components, controls.xyz)) closeLine(controls, k);
        controls.style.color = theme.null;
        controls.style.width = 0.6;
        controls.style.opacity = 0.7;
        controls.pickable = false;
        controls.layer = 1;
        include(extent, controls.xyz);
        plot.lines.push_back(std::move(controls));
    }

    LineSet3 natural = emptyLines("natural");
    natural.xyz = path(overlay.natural);
    closeLine(natural, -1);
    natural.style.color = theme.natural;
    natural.style.width = 1.4;
    natural.style.dash = Dash::Dashed;
    natural.pickable = false;
    natural.layer = 3;

    LineSet3 teleported = emptyLines("teleported");
    teleported.xyz = path(overlay.teleported);
    closeLine(teleported, -1);
    teleported.style.color = theme.teleported;
    teleported.style.width = 1.6;
    teleported.pickable = false;
    teleported.layer = 3;

    LineSet3 push = emptyLines({});
    for (const auto* end : {&natural.xyz, &teleported.xyz})
        push.xyz.insert(push.xyz.end(), end->begin(), end->begin() + 3);
    closeLine(push, -1);
    push.style.color = theme.teleported;
    push.style.width = 1;
    push.style.dash = Dash::Dotted;
    push.pickable = false;
    push.layer = 3;

    const auto mark = [&](const LineSet3& line, MarkerShape shape, double size, bool all) {
        MarkerSet3 set;
        set.xyz.assign(line.xyz.begin(), all ? line.xyz.end() : line.xyz.begin() + 3);
        for (std::size_t i = 0; i < set.xyz.size() / 3; ++i)
            set.tags.push_back(overlay.point.value() + static_cast<std::int64_t>(i));
        set.color = line.style.color;
        set.shape = shape;
        set.size = size;
        set.layer = 3;
        return set;
    };
    plot.markers.push_back(mark(natural, MarkerShape::Ring, 6, false));
    plot.markers.push_back(mark(teleported, MarkerShape::Disc, 2.8, true));
    plot.markers.push_back(mark(teleported, MarkerShape::Diamond, 8, false));
    include(extent, natural.xyz);
    include(extent, teleported.xyz);
    plot.lines.push_back(std::move(push));
    plot.lines.push_back(std::move(natural));
    plot.lines.push_back(std::move(teleported));

    if (overlay.extendAxes && !boxOf(plot).contains(extent)) {
        Extent data = boxOf(plot);
        // The padding is taken off first, so that it is not added twice.
        data.min() += data.sizes() * (padding / (1 + 2 * padding));
        data.max() -= data.sizes() * (padding / (1 + padding));
        data.extend(extent);
        setRanges(plot, data);
        if (plot.fitCamera)
            plot.camera = fitted(plot.camera, boxOf(plot).min(), boxOf(plot).max(), 4.0 / 3.0);
    }
}

}  // namespace rheo
