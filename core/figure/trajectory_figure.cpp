#include "core/figure/trajectory_figure.h"

#include <fmt/format.h>

#include <Eigen/Geometry>
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "core/base/error.h"
#include "core/figure/depth_axis.h"

namespace rheo {
namespace {

using Extent = Eigen::AlignedBox3d;

constexpr double padding = 0.03;    // of an axis, beyond the data at each end
constexpr double faintness = 0.35;  // of the opacity of rows that stand behind others
constexpr int mostTicks = 6;        // on the longest axis

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
    for (const auto count : {input.rowKinds.size(), input.rowNumbers.size()})
        check(count == 0 || static_cast<std::int64_t>(count) == scores.n0, ErrorCode::Mismatch,
              fmt::format("The scores have {} rows, but {} are coloured.", scores.n0, count));
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
    for (const auto row : options.strong) checkRow(row);
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

void nameAxes(Plot3D& plot, const TrajectoryInput& input, const std::array<int, 3>& components) {
    for (std::size_t i = 0; i < 3; ++i) {
        const int c = components[i];
        plot.axes[i].title = fmt::format("PC{}", c + 1);
        if (input.explained.size() > 0)
            plot.axes[i].title += fmt::format(" ({:.1f} % of variance)", 100 * input.explained[c]);
    }
}

ColorScale depthScale(const TrajectoryInput& input, const TrajectoryOptions& options) {
    const bool dark = options.theme.dark;
    ColorScale scale;
    scale.map = options.map;
    scale.low = 0;
    scale.high = std::max<double>(1, static_cast<double>(input.scores.n1 - 1));
    // Viridis ends in a yellow that is lost on white, and begins in a violet that is lost on black.
    if (options.map != ColorMap::Vik) (dark ? scale.mapFrom : scale.mapTo) = dark ? 0.15 : 0.9;
    scale.title = "Depth";
    scale.ticks = depthTicks(input.points);
    return scale;
}

ColorScale numberScale(const TrajectoryInput& input, const std::vector<RowIndex>& rows,
                       const TrajectoryOptions& options) {
    ColorScale scale = depthScale(input, options);
    scale.title = input.numberTitle;
    scale.low = std::numeric_limits<double>::infinity();
    scale.high = -scale.low;
    for (const RowIndex row : rows) {
        const double number = input.rowNumbers[static_cast<std::size_t>(row.value())];
        scale.low = std::min(scale.low, number);
        scale.high = std::max(scale.high, number);
    }
    if (!(scale.low < scale.high)) scale.high = scale.low + 1;
    scale.ticks = niceTicks(scale.low, scale.high, 5);
    return scale;
}

/// The rows asked for, else all.
std::vector<RowIndex> rowsToDraw(const TrajectoryInput& input, const TrajectoryOptions& options) {
    std::vector<RowIndex> rows = options.rows;
    if (rows.empty())
        for (std::int64_t n = 0; n < input.scores.n0; ++n) rows.emplace_back(n);
    return rows;
}

/// The paths of rows whose states are finite.
struct RowPaths {
    LineSet3 lines;
    MarkerSet3 section;       ///< their places at the highlighted point
    std::vector<double> sum;  ///< of their places, three a point
    std::int64_t count = 0;
};

/// Paths in the colours of the options; the width and the opacity are for the caller to set.
RowPaths pathsOf(const std::vector<RowIndex>& rows, const TrajectoryInput& input,
                 const TrajectoryOptions& options) {
    const auto points = static_cast<std::size_t>(input.scores.n1);
    const auto ramp = depths(0, input.scores.n1);
    RowPaths paths{emptyLines({}), {}, std::vector<double>(points * 3, 0.0), 0};
    LineSet3& lines = paths.lines;
    const bool byNumber = options.colorBy != RowColor::Depth && !input.rowNumbers.empty();
    if (options.colorBy != RowColor::Depth && !byNumber) lines.style.color = options.theme.muted;
    lines.xyz.reserve(rows.size() * points * 3);
    for (const auto row : rows) {
        const auto start = lines.xyz.size();
        if (!appendPath(input.scores, row.value(), options.components, lines.xyz)) continue;
        for (std::size_t i = 0; i < paths.sum.size(); ++i) paths.sum[i] += lines.xyz[start + i];
        if (options.colorBy == RowColor::Depth) append(lines.values, ramp);
        if (byNumber)
            lines.values.insert(lines.values.end(), points,
                                static_cast<float>(input.rowNumbers[static_cast<std::size_t>(row.value())]));
        if (options.highlighted) {
            const auto* at = lines.xyz.data() + start + 3 * options.highlighted->value();
            paths.section.xyz.insert(paths.section.xyz.end(), at, at + 3);
            paths.section.tags.push_back(options.highlighted->value());
        }
        closeLine(lines, row.value());
        ++paths.count;
    }
    return paths;
}

void setWeight(LineSet3& lines, const LineStyle& style) {
    lines.style.width = style.width;
    lines.style.opacity = style.opacity;
}

/// Grey, and so pale that what is in front stands out.
void makeFaint(LineSet3& lines, const Theme& theme) {
    lines.values.clear();
    lines.style.color = theme.muted;
    lines.style.opacity *= faintness;
}

void makeStrong(LineSet3& lines, const Theme& theme) {
    if (lines.style.color) lines.style.color = theme.foreground;
    lines.style.width = 2.2;
    lines.style.opacity = 1;
    lines.layer = 1;
}

void addSection(Plot3D& plot, MarkerSet3 section, const ResidualPoint& point, const Theme& theme) {
    section.name = fmt::format("at {}", pointName(point));
    section.color = theme.foreground;
    section.size = 2.6;
    section.pickable = false;
    section.layer = 1;
    plot.markers.push_back(std::move(section));
}

/// `what` the rows are: "rows", "selected".
LineSet3 meanPath(const std::vector<double>& sum, std::int64_t rows, const char* what, const Theme& theme) {
    const auto count = static_cast<double>(rows);
    LineSet3 mean = emptyLines(fmt::format("mean of {} {}", formatNumber(count), what));
    for (const double s : sum) mean.xyz.push_back(static_cast<float>(s / count));
    closeLine(mean, -1);
    mean.style.color = theme.mean;
    mean.style.width = 2.2;
    mean.pickable = false;
    mean.layer = 1;
    return mean;
}

/// Takes the strong rows out of `rows`.
std::vector<RowIndex> takeStrong(std::vector<RowIndex>& rows, const TrajectoryOptions& options) {
    const std::set<RowIndex> wanted(options.strong.begin(), options.strong.end());
    const auto first =
        std::stable_partition(rows.begin(), rows.end(), [&](RowIndex row) { return !wanted.contains(row); });
    std::vector<RowIndex> strong(first, rows.end());
    rows.erase(first, rows.end());
    return strong;
}

void addMarks(MarkerSet3& to, const MarkerSet3& from) {
    to.xyz.insert(to.xyz.end(), from.xyz.begin(), from.xyz.end());
    to.tags.insert(to.tags.end(), from.tags.begin(), from.tags.end());
}

/// The rows shown: the strong ones, and those behind them.
struct DrawnRows {
    RowPaths behind, strong;
    std::int64_t count() const { return behind.count + strong.count; }
};

DrawnRows drawnRows(std::vector<RowIndex> rows, const TrajectoryInput& input,
                    const TrajectoryOptions& options) {
    const LineStyle weight = rowStyle(rows.size());
    const std::vector<RowIndex> strong = takeStrong(rows, options);
    DrawnRows drawn{pathsOf(rows, input, options), pathsOf(strong, input, options)};
    setWeight(drawn.behind.lines, weight);
    if (strong.empty()) return drawn;
    makeFaint(drawn.behind.lines, options.theme);
    makeStrong(drawn.strong.lines, options.theme);
    addMarks(drawn.behind.section, drawn.strong.section);
    return drawn;
}

/// The mean of all rows, and the dashed one of the strong rows.
void addMeans(Plot3D& plot, const DrawnRows& drawn, const TrajectoryOptions& options) {
    if (options.mean && drawn.count() > 1) {
        std::vector<double> sum = drawn.behind.sum;
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += drawn.strong.sum[i];
        plot.lines.push_back(meanPath(sum, drawn.count(), "rows", options.theme));
    }
    if (options.strongMean && drawn.strong.count > 0) {
        LineSet3 mean = meanPath(drawn.strong.sum, drawn.strong.count, "selected", options.theme);
        mean.style.dash = Dash::Dashed;
        plot.lines.push_back(std::move(mean));
    }
}

/// Lines of one colour and name for each kind of row, the most frequent first; those beyond the colours of
/// the theme together, in grey.
std::vector<LineSet3> byKind(const LineSet3& lines, const TrajectoryInput& input, const Theme& theme) {
    std::vector<std::pair<std::string, std::int64_t>> kinds;  // by their first row, then by their number
    std::map<std::string, std::size_t> place;
    for (const auto row : lines.tags) {
        const std::string& kind = input.rowKinds[static_cast<std::size_t>(row)];
        const auto [at, isNew] = place.try_emplace(kind, kinds.size());
        if (isNew) kinds.emplace_back(kind, 0);
        ++kinds[at->second].second;
    }
    std::stable_sort(kinds.begin(), kinds.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    const std::size_t colored = std::min(kinds.size(), theme.series.size());
    std::vector<LineSet3> sets;
    std::int64_t others = 0;
    for (std::size_t k = 0; k < kinds.size(); ++k) {
        place[kinds[k].first] = std::min(k, colored);
        if (k >= colored) others += kinds[k].second;
        if (k > colored) continue;
        LineSet3 set = emptyLines(fmt::format("{} ({})", kinds[k].first, kinds[k].second));
        set.style = lines.style;
        set.style.color = k < colored ? theme.series[k] : theme.muted;
        set.layer = lines.layer;
        sets.push_back(std::move(set));
    }
    if (others > 0) sets.back().name = fmt::format("others ({})", others);
    for (std::size_t i = 0; i < lines.tags.size(); ++i) {
        LineSet3& set = sets[place[input.rowKinds[static_cast<std::size_t>(lines.tags[i])]]];
        const auto begin = std::ptrdiff_t{3} * lines.offsets[i],
                   end = std::ptrdiff_t{3} * lines.offsets[i + 1];
        set.xyz.insert(set.xyz.end(), lines.xyz.begin() + begin, lines.xyz.begin() + end);
        closeLine(set, lines.tags[i]);
    }
    if (others == 0) return sets;
    // Behind the kinds that have a colour, and as pale as rows behind others.
    sets.back().style.opacity *= faintness;
    std::rotate(sets.begin(), sets.end() - 1, sets.end());
    return sets;
}

/// The path of the selected row; none where no row is selected, or its states are not finite.
std::optional<LineSet3> selectedPath(const TrajectoryInput& input, const TrajectoryOptions& options) {
    if (!options.selected) return std::nullopt;
    LineSet3 path = emptyLines(rowName(input, *options.selected));
    if (!appendPath(input.scores, options.selected->value(), options.components, path.xyz))
        return std::nullopt;
    closeLine(path, options.selected->value());
    path.style.color = options.theme.selected;
    path.style.width = 1.6;
    path.layer = 2;
    return path;
}

/// A path that is no row, drawn like the selected one but dashed. It does not grow the axes: to look at it
/// moves nothing.
std::optional<LineSet3> followedPath(const TrajectoryInput& input, const TrajectoryOptions& options) {
    const MatrixD& path = options.followed;
    if (path.size() == 0) return std::nullopt;
    check(path.rows() == input.scores.n1 && path.cols() == input.scores.n2, ErrorCode::Mismatch,
          fmt::format("The path that is followed has shape [{}, {}], and the rows have [{}, {}].",
                      path.rows(), path.cols(), input.scores.n1, input.scores.n2));
    if (!path.allFinite()) return std::nullopt;
    LineSet3 line = emptyLines(options.followedName);
    for (Eigen::Index p = 0; p < path.rows(); ++p)
        for (const int c : options.components) line.xyz.push_back(static_cast<float>(path(p, c)));
    closeLine(line, -1);
    line.style.color = options.theme.selected;
    line.style.width = 1.6;
    line.style.dash = Dash::Dashed;
    line.pickable = false;
    line.layer = 2;
    return line;
}

/// The path with a dot at each point, and a ring at the highlighted one.
void addSelected(Plot3D& plot, LineSet3 path, const TrajectoryOptions& options) {
    MarkerSet3 dots;
    dots.xyz = path.xyz;
    dots.tags.resize(path.xyz.size() / 3);
    std::iota(dots.tags.begin(), dots.tags.end(), 0);
    dots.color = options.theme.selected;
    dots.size = 2.6;
    dots.layer = 2;
    if (options.highlighted) {
        MarkerSet3 ring;
        const auto* at = path.xyz.data() + 3 * options.highlighted->value();
        ring.xyz.assign(at, at + 3);
        ring.tags.push_back(options.highlighted->value());
        ring.color = options.theme.selected;
        ring.shape = MarkerShape::Ring;
        ring.size = 8;
        ring.layer = 2;
        plot.markers.push_back(std::move(ring));
    }
    plot.lines.push_back(std::move(path));
    plot.markers.push_back(std::move(dots));
}

void setCamera(Plot3D& plot, const std::optional<Camera>& camera) {
    plot.fitCamera = !camera;
    plot.camera = camera ? *camera : fitted(plot.camera, boxOf(plot).min(), boxOf(plot).max(), 4.0 / 3.0);
}

}  // namespace

Figure trajectoryFigure(const TrajectoryInput& input, const TrajectoryOptions& options) {
    checkInput(input, options);
    const Theme& theme = options.theme;
    const std::vector<RowIndex> rows = rowsToDraw(input, options);
    DrawnRows drawn = drawnRows(rows, input, options);
    const std::int64_t shown = drawn.count();
    auto selected = selectedPath(input, options);
    Extent extent;
    include(extent, drawn.behind.lines.xyz);
    include(extent, drawn.strong.lines.xyz);
    if (selected) include(extent, selected->xyz);

    Plot3D plot;
    nameAxes(plot, input, options.components);
    for (LineSet3* lines : {&drawn.behind.lines, &drawn.strong.lines}) {
        if (lines->tags.empty() && lines != &drawn.behind.lines) continue;
        // Rows behind the strong ones stay grey.
        const bool faint = lines == &drawn.behind.lines && drawn.strong.count > 0;
        if (options.colorBy == RowColor::Depth || input.rowKinds.empty() || lines->tags.empty() || faint)
            plot.lines.push_back(std::move(*lines));
        else
            for (LineSet3& set : byKind(*lines, input, theme)) plot.lines.push_back(std::move(set));
    }
    if (!drawn.behind.section.tags.empty())
        addSection(plot, std::move(drawn.behind.section),
                   input.points[static_cast<std::size_t>(options.highlighted->value())], theme);
    addMeans(plot, drawn, options);
    if (selected) addSelected(plot, std::move(*selected), options);
    if (auto followed = followedPath(input, options)) addSelected(plot, std::move(*followed), options);
    setRanges(plot, extent);
    if (options.colorBy == RowColor::Depth)
        plot.colorScale = depthScale(input, options);
    else if (!input.rowNumbers.empty())
        plot.colorScale = numberScale(input, rows, options);
    setCamera(plot, options.camera);

    Figure figure;
    figure.theme = theme;
    const auto all = static_cast<std::int64_t>(rows.size());
    if (shown < all)
        figure.note = fmt::format("{} of {} rows are left out: their states are not finite.",
                                  formatNumber(static_cast<double>(all - shown)),
                                  formatNumber(static_cast<double>(all)));
    figure.panels.push_back({{}, std::move(plot)});
    return figure;
}

namespace {

void checkOverlay(const TeleportOverlay& overlay, const std::array<int, 3>& components) {
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
    for (const int c : components)
        check(c >= 0 && c < width, ErrorCode::InvalidArgument,
              fmt::format("PC{} was asked for, but the teleport's paths have {} components.", c + 1, width));
}

/// A line of its own, above all others: [point, component] scores.
LineSet3 teleportPath(const std::string& name, const MatrixD& scores, const std::array<int, 3>& components) {
    LineSet3 line = emptyLines(name);
    for (Eigen::Index q = 0; q < scores.rows(); ++q)
        for (const int c : components) line.xyz.push_back(static_cast<float>(scores(q, c)));
    closeLine(line, -1);
    line.pickable = false;
    line.layer = 3;
    return line;
}

void setStyle(LineSet3& line, const Color& color, double width, Dash dash) {
    line.style.color = color;
    line.style.width = width;
    line.style.dash = dash;
}

/// From the natural to the teleported state.
LineSet3 pushOf(const LineSet3& natural, const LineSet3& teleported) {
    LineSet3 push = emptyLines({});
    for (const auto* end : {&natural.xyz, &teleported.xyz})
        push.xyz.insert(push.xyz.end(), end->begin(), end->begin() + 3);
    closeLine(push, -1);
    push.pickable = false;
    push.layer = 3;
    return push;
}

/// At the first `count` points of a line that begins at `point`.
MarkerSet3 marksOf(const LineSet3& line, PointIndex point, std::size_t count, MarkerShape shape,
                   double size) {
    MarkerSet3 set;
    set.xyz.assign(line.xyz.begin(), line.xyz.begin() + static_cast<std::ptrdiff_t>(3 * count));
    set.tags.resize(count);
    std::iota(set.tags.begin(), set.tags.end(), point.value());
    set.color = line.style.color;
    set.shape = shape;
    set.size = size;
    set.layer = 3;
    return set;
}

LineSet3 controlPaths(const Array3F& controls, const TrajectoryOptions& options) {
    LineSet3 lines = emptyLines("random pushes of the same size");
    for (std::int64_t k = 0; k < controls.n0; ++k)
        if (appendPath(controls, k, options.components, lines.xyz)) closeLine(lines, k);
    setStyle(lines, options.theme.null, 0.6, lines.style.dash);
    lines.style.opacity = 0.7;
    lines.pickable = false;
    lines.layer = 1;
    return lines;
}

void extendAxes(Plot3D& plot, const Extent& extent) {
    if (boxOf(plot).contains(extent)) return;
    Extent data = boxOf(plot);
    // The padding is taken off first, so that it is not added twice.
    data.min() += data.sizes() * (padding / (1 + 2 * padding));
    data.max() -= data.sizes() * (padding / (1 + padding));
    data.extend(extent);
    setRanges(plot, data);
    if (plot.fitCamera) setCamera(plot, std::nullopt);
}

}  // namespace

LineStyle comparedLook(const Theme& theme, int i) {
    // The first colour is that of natural paths.
    const auto colors = theme.series.size() - 1;
    const auto place = static_cast<std::size_t>(i);
    LineStyle look;
    look.color = theme.series[1 + place % colors];
    look.dash = place / colors % 2 == 0 ? Dash::Solid : Dash::Dashed;
    return look;
}

void addTeleport(Figure& figure, const TeleportOverlay& overlay, const TrajectoryOptions& options) {
    check(!figure.panels.empty() && std::holds_alternative<Plot3D>(figure.panels.front().plot),
          ErrorCode::InvalidArgument, "A teleport can only be added to a figure of trajectories.");
    checkOverlay(overlay, options.components);
    auto& plot = std::get<Plot3D>(figure.panels.front().plot);
    const Theme& theme = options.theme;
    Extent extent;
    if (!overlay.controls.empty()) {
        plot.lines.push_back(controlPaths(overlay.controls, options));
        include(extent, plot.lines.back().xyz);
    }
    // Of several, the first names what all natural paths look like.
    LineSet3 natural =
        teleportPath(overlay.compared.value_or(0) > 0 ? "" : "natural", overlay.natural, options.components);
    setStyle(natural, theme.natural, 1.4, Dash::Dashed);
    LineSet3 teleported = teleportPath(overlay.name.empty() ? "teleported" : overlay.name, overlay.teleported,
                                       options.components);
    LineStyle look;
    look.color = theme.teleported;
    if (overlay.compared) look = comparedLook(theme, *overlay.compared);
    setStyle(teleported, *look.color, 1.6, look.dash);
    LineSet3 push = pushOf(natural, teleported);
    setStyle(push, *look.color, 1, Dash::Dotted);
    include(extent, natural.xyz);
    include(extent, teleported.xyz);

    const auto steps = static_cast<std::size_t>(overlay.natural.rows());
    plot.markers.push_back(marksOf(natural, overlay.point, 1, MarkerShape::Ring, 6));
    plot.markers.push_back(marksOf(teleported, overlay.point, steps, MarkerShape::Disc, 2.8));
    plot.markers.push_back(marksOf(teleported, overlay.point, 1, MarkerShape::Diamond, 8));
    plot.lines.push_back(std::move(push));
    plot.lines.push_back(std::move(natural));
    plot.lines.push_back(std::move(teleported));
    if (overlay.extendAxes) extendAxes(plot, extent);
}

}  // namespace rheo
