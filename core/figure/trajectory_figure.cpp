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
#include "core/base/quantile.h"
#include "core/figure/depth_axis.h"
#include "core/figure/row_paths.h"

namespace rheo {
namespace {

using Extent = Eigen::AlignedBox3d;

constexpr double padding = 0.03;    // of an axis, beyond the data at each end
constexpr double faintness = 0.35;  // of the opacity of rows that stand behind others
constexpr int mostTicks = 6;        // on the longest axis

void check(bool valid, ErrorCode code, const std::string& message) {
    if (!valid) throw Error(code, message);
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

/// Thinner and paler the more there are, so that a thousand rows are a cloud and ten are curves.
LineStyle rowStyle(std::size_t rows) {
    LineStyle style;
    const double crowd = std::clamp(std::log10(std::max<double>(static_cast<double>(rows), 1)) / 3, 0.0, 1.0);
    style.width = 1.1 - 0.6 * crowd;
    style.opacity = 0.95 - 0.5 * crowd;
    return style;
}

std::string rowName(const TrajectoryInput& input, RowIndex row) {
    return input.rowName ? input.rowName(row) : fmt::format("row {}", row.value());
}

void checkInput(const TrajectoryInput& input, const TrajectoryOptions& options) {
    const auto& scores = input.scores;
    check(scores.n1 > 0 && static_cast<std::int64_t>(input.points.size()) == scores.n1, ErrorCode::Mismatch,
          fmt::format("The scores have {} points, but {} are named.", scores.n1, input.points.size()));
    check(input.explained.size() == 0 || input.explained.size() >= scores.n2, ErrorCode::Mismatch,
          fmt::format("The scores have {} components, but the explained variance is given for {}.", scores.n2,
                      input.explained.size()));
    check(input.axisNames.empty() || static_cast<std::int64_t>(input.axisNames.size()) == scores.n2,
          ErrorCode::Mismatch,
          fmt::format("The scores have {} components, but {} are named.", scores.n2, input.axisNames.size()));
    check(input.axisMeanings.empty() || static_cast<std::int64_t>(input.axisMeanings.size()) == scores.n2,
          ErrorCode::Mismatch,
          fmt::format("The scores have {} components, and {} are explained.", scores.n2,
                      input.axisMeanings.size()));
    check(input.stateNumbers.size() == 0 ||
              (input.stateNumbers.rows() == scores.n0 && input.stateNumbers.cols() == scores.n1),
          ErrorCode::Mismatch,
          fmt::format("The scores have {} rows and {} points, and the colours {} and {}.", scores.n0,
                      scores.n1, input.stateNumbers.rows(), input.stateNumbers.cols()));
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

void nameAxes(Plot3D& plot, const TrajectoryInput& input, const std::array<int, 3>& components) {
    for (std::size_t i = 0; i < 3; ++i) {
        const int c = components[i];
        plot.axes[i].title = input.axisNames.empty() ? fmt::format("PC{}", c + 1)
                                                     : input.axisNames[static_cast<std::size_t>(c)];
        if (input.explained.size() > 0)
            plot.axes[i].title += fmt::format(" ({:.1f} % of variance)", 100 * input.explained[c]);
    }
}

ColorScale depthScale(const TrajectoryInput& input, const TrajectoryOptions& options, PointRange range) {
    const bool dark = options.theme.dark;
    ColorScale scale;
    scale.map = options.map;
    scale.low = static_cast<double>(range.first);
    scale.high = std::max(scale.low + 1, static_cast<double>(range.last));
    // Viridis ends in a yellow that is lost on white, and begins in a violet that is lost on black.
    if (options.map != ColorMap::Vik) (dark ? scale.mapFrom : scale.mapTo) = dark ? 0.15 : 0.9;
    scale.title = "Depth";
    scale.ticks = depthTicks(input.points);
    std::erase_if(scale.ticks,
                  [&](const Tick& tick) { return tick.value < scale.low || tick.value > scale.high; });
    return scale;
}

ColorScale numberScale(const TrajectoryInput& input, const std::vector<RowIndex>& rows,
                       const TrajectoryOptions& options, PointRange range) {
    ColorScale scale = depthScale(input, options, range);
    scale.title = input.numberTitle;
    scale.low = std::numeric_limits<double>::infinity();
    scale.high = -scale.low;
    const auto include = [&](double number) {
        if (!std::isfinite(number)) return;
        scale.low = std::min(scale.low, number);
        scale.high = std::max(scale.high, number);
    };
    for (const RowIndex row : rows) {
        if (!input.rowNumbers.empty()) include(input.rowNumbers[static_cast<std::size_t>(row.value())]);
        if (input.stateNumbers.size() > 0)
            for (std::int64_t p = range.first; p <= range.last; ++p)
                include(input.stateNumbers(row.value(), p));
    }
    if (scale.low > scale.high) scale.low = 0;  // no row has a number
    if (!(scale.low < scale.high)) scale.high = scale.low + 1;
    scale.ticks = niceTicks(scale.low, scale.high, 5);
    return scale;
}

/// None for rows of kinds, or of one colour.
std::optional<ColorScale> colorScaleOf(const TrajectoryInput& input, const std::vector<RowIndex>& rows,
                                       const TrajectoryOptions& options, PointRange range) {
    if (options.colorBy == RowColor::Depth) return depthScale(input, options, range);
    if (input.rowNumbers.empty() && input.stateNumbers.size() == 0) return std::nullopt;
    return numberScale(input, rows, options, range);
}

/// The rows asked for, else all.
std::vector<RowIndex> rowsToDraw(const TrajectoryInput& input, const TrajectoryOptions& options) {
    std::vector<RowIndex> rows = options.rows;
    if (rows.empty())
        for (std::int64_t n = 0; n < input.scores.n0; ++n) rows.emplace_back(n);
    return rows;
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
    std::int64_t notDrawn = 0;  ///< there are too many
    std::int64_t count() const { return behind.count + strong.count; }
};

/// Leaves `most` of the rows, evenly spaced.
void thin(std::vector<RowIndex>& rows, std::size_t most) {
    if (most == 0 || rows.size() <= most) return;
    for (std::size_t i = 0; i < most; ++i) rows[i] = rows[i * rows.size() / most];
    rows.resize(most);
}

DrawnRows drawnRows(std::vector<RowIndex> rows, const TrajectoryInput& input,
                    const TrajectoryOptions& options, PointRange range) {
    const LineStyle weight = rowStyle(rows.size());
    const std::vector<RowIndex> strong = takeStrong(rows, options);
    if (options.onlyStrong && !strong.empty()) rows.clear();
    const std::size_t all = rows.size();
    thin(rows, options.mostRows);
    DrawnRows drawn{pathsOf(rows, input, options, range), pathsOf(strong, input, options, range),
                    static_cast<std::int64_t>(all - rows.size())};
    setWeight(drawn.behind.lines, weight);
    if (strong.empty()) return drawn;
    makeFaint(drawn.behind.lines, options.theme);
    makeStrong(drawn.strong.lines, options.theme);
    addMarks(drawn.behind.section, drawn.strong.section);
    return drawn;
}

bool isHidden(const LineSet3& set, const TrajectoryOptions& options) {
    return !set.legendKey.empty() &&
           std::find(options.hidden.begin(), options.hidden.end(), set.legendKey) != options.hidden.end();
}

/// Takes rows that are hidden out of the mean.
void leaveOut(RowPaths& paths, const LineSet3& hidden) {
    for (std::size_t i = 0; i < hidden.xyz.size(); ++i) paths.sum[i % paths.sum.size()] -= hidden.xyz[i];
    paths.count -= std::ssize(hidden.tags);
}

/// Empties what the options hide, or drops it where the legend need not bring it back.
void hide(std::vector<LineSet3>& lines, const TrajectoryOptions& options) {
    if (!options.listHidden)
        std::erase_if(lines, [&](const LineSet3& set) { return isHidden(set, options); });
    for (LineSet3& set : lines) {
        if (!isHidden(set, options)) continue;
        set.hidden = true;
        set.xyz.clear();
        set.values.clear();
        set.tags.clear();
        set.offsets = {0};
    }
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

/// The path of the selected row; none where no row is selected, or its states are not finite.
std::optional<LineSet3> selectedPath(const TrajectoryInput& input, const TrajectoryOptions& options,
                                     PointRange range) {
    if (!options.selected) return std::nullopt;
    LineSet3 path = emptyLines(rowName(input, *options.selected));
    if (!appendPath(input.scores, options.selected->value(), options.components, range, path.xyz))
        return std::nullopt;
    closeLine(path, options.selected->value());
    path.style.color = options.theme.selected;
    path.style.width = 1.6;
    path.layer = 2;
    return path;
}

/// A path that is no row, drawn like the selected one but dashed. It does not grow the axes: to look at it
/// moves nothing.
std::optional<LineSet3> followedPath(const TrajectoryInput& input, const TrajectoryOptions& options,
                                     PointRange range) {
    const MatrixD& path = options.followed;
    if (path.size() == 0) return std::nullopt;
    check(path.rows() == input.scores.n1 && path.cols() == input.scores.n2, ErrorCode::Mismatch,
          fmt::format("The path that is followed has shape [{}, {}], and the rows have [{}, {}].",
                      path.rows(), path.cols(), input.scores.n1, input.scores.n2));
    if (!path.allFinite()) return std::nullopt;
    LineSet3 line = emptyLines(options.followedName);
    for (Eigen::Index p = range.first; p <= range.last; ++p)
        for (const int c : options.components) line.xyz.push_back(static_cast<float>(path(p, c)));
    closeLine(line, -1);
    line.style.color = options.theme.selected;
    line.style.width = 1.6;
    line.style.dash = Dash::Dashed;
    line.pickable = false;
    line.layer = 2;
    return line;
}

/// They do not grow the axes.
LineSet3 morePaths(const MorePaths& paths, const TrajectoryInput& input, const TrajectoryOptions& options,
                   PointRange range) {
    LineSet3 lines = emptyLines(paths.name);
    for (const MatrixD& path : paths.scores) {
        check(path.rows() == input.scores.n1 && path.cols() == input.scores.n2, ErrorCode::Mismatch,
              fmt::format("A path of '{}' has shape [{}, {}], and the rows have [{}, {}].", paths.name,
                          path.rows(), path.cols(), input.scores.n1, input.scores.n2));
        if (!path.allFinite()) continue;
        for (Eigen::Index p = range.first; p <= range.last; ++p)
            for (const int c : options.components) lines.xyz.push_back(static_cast<float>(path(p, c)));
        closeLine(lines, -1);
    }
    lines.style.color = paths.changed ? options.theme.teleported : options.theme.natural;
    lines.style.width = 0.9;
    lines.style.opacity = 0.8;
    lines.pickable = false;
    lines.layer = 1;
    return lines;
}

/// They do not grow the axes.
void addArrows(Plot3D& plot, const PlaneArrows& arrows, const TrajectoryInput& input,
               const TrajectoryOptions& options) {
    check(arrows.segments.cols() == 4 && arrows.through.size() == input.scores.n2, ErrorCode::Mismatch,
          fmt::format("The arrows of '{}' are of {} components, and the rows have {}.", arrows.name,
                      arrows.through.size(), input.scores.n2));
    const auto placeOf = [&](int component) {
        return std::find(options.components.begin(), options.components.end(), component) -
               options.components.begin();
    };
    const auto across = placeOf(arrows.axes[0]), up = placeOf(arrows.axes[1]);
    if (across > 2 || up > 2 || across == up) return;
    LineSet3 lines = emptyLines(arrows.name);
    const auto add = [&](double x, double y) {
        for (std::ptrdiff_t i = 0; i < 3; ++i)
            lines.xyz.push_back(static_cast<float>(
                i == across ? x
                : i == up   ? y
                            : arrows.through[options.components[static_cast<std::size_t>(i)]]));
    };
    for (const auto& segment : arrows.segments.rowwise()) {
        const double dx = segment[2] - segment[0], dy = segment[3] - segment[1];
        add(segment[0], segment[1]);
        add(segment[2], segment[3]);
        for (const double side : {1.0, -1.0}) {  // the head, back from the tip
            add(segment[2] - 0.25 * (dx - side * 0.5 * dy), segment[3] - 0.25 * (dy + side * 0.5 * dx));
            add(segment[2], segment[3]);
        }
        closeLine(lines, -1);
    }
    lines.style.color = options.theme.foreground;
    lines.style.width = 0.9;
    lines.style.opacity = 0.8;
    lines.pickable = false;
    lines.layer = 2;
    plot.lines.push_back(std::move(lines));
}

/// The path with a dot at each point, and a ring at the highlighted one.
void addSelected(Plot3D& plot, LineSet3 path, const TrajectoryOptions& options, PointRange range) {
    MarkerSet3 dots;
    dots.xyz = path.xyz;
    dots.tags.resize(path.xyz.size() / 3);
    std::iota(dots.tags.begin(), dots.tags.end(), range.first);
    dots.color = options.theme.selected;
    dots.size = 2.6;
    dots.layer = 2;
    if (options.highlighted && range.contains(*options.highlighted)) {
        MarkerSet3 ring;
        const auto* at = path.xyz.data() + 3 * (options.highlighted->value() - range.first);
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

/// What the axes hold, and what lies outside.
struct Limits {
    Extent extent;
    std::int64_t states = 0, outside = 0;
};

/// Between the vertices nearest to the quantiles 0.01 and 0.99 along each axis.
Extent middleOf(const std::vector<const std::vector<float>*>& vertices) {
    Extent extent(Eigen::Vector3d::Zero(), Eigen::Vector3d::Zero());
    std::vector<float> along;
    for (Eigen::Index axis = 0; axis < 3; ++axis) {
        along.clear();
        for (const auto* xyz : vertices)
            for (auto i = static_cast<std::size_t>(axis); i < xyz->size(); i += 3) along.push_back((*xyz)[i]);
        if (along.empty()) return {};
        const auto nearestTo = [&](double q) {
            return double(orderStatistic(
                along, static_cast<std::size_t>(std::lround(q * static_cast<double>(along.size() - 1)))));
        };
        extent.min()[axis] = nearestTo(0.01);
        extent.max()[axis] = nearestTo(0.99);
    }
    return extent;
}

Limits limitsOf(const DrawnRows& drawn, const std::optional<LineSet3>& selected,
                const TrajectoryOptions& options) {
    Limits limits;
    if (options.limits == AxisLimits::All) {
        include(limits.extent, drawn.behind.lines.xyz);
        include(limits.extent, drawn.strong.lines.xyz);
        if (selected) include(limits.extent, selected->xyz);
        return limits;
    }
    const std::vector<const std::vector<float>*> vertices{&drawn.behind.lines.xyz, &drawn.strong.lines.xyz};
    limits.extent = middleOf(vertices);
    for (const auto* xyz : vertices)
        for (std::size_t i = 0; i + 2 < xyz->size(); i += 3) {
            ++limits.states;
            if (!limits.extent.contains(Eigen::Vector3d((*xyz)[i], (*xyz)[i + 1], (*xyz)[i + 2])))
                ++limits.outside;
        }
    return limits;
}

/// What is not seen, and why.
std::string noteOf(const DrawnRows& drawn, const std::vector<RowIndex>& rows,
                   const TrajectoryOptions& options, const Limits& limits) {
    const auto number = [](auto count) { return formatNumber(static_cast<double>(count)); };
    std::vector<std::string> notes;
    const auto all = static_cast<std::int64_t>(rows.size());
    const bool hidesOthers = options.onlyStrong && drawn.strong.count > 0;
    if (hidesOthers)
        notes.push_back(fmt::format("{} of {} rows are shown: the selected ones.", number(drawn.strong.count),
                                    number(all)));
    else if (const std::int64_t left = all - drawn.count() - drawn.notDrawn; left > 0)
        notes.push_back(fmt::format("{} of {} rows are left out: their states are not finite.", number(left),
                                    number(all - drawn.notDrawn)));
    if (drawn.notDrawn > 0)
        notes.push_back(fmt::format("{} of {} rows are drawn, evenly spaced.", number(all - drawn.notDrawn),
                                    number(all)));
    if (limits.outside > 0)
        notes.push_back(
            fmt::format("{} of {} states lie outside the axes, which hold the middle 98 % along each.",
                        number(limits.outside), number(limits.states)));
    return fmt::format("{}", fmt::join(notes, " "));
}

/// What axes of one's own mean.
std::string withMeanings(std::string note, const TrajectoryInput& input,
                         const std::array<int, 3>& components) {
    if (input.axisMeanings.empty()) return note;
    for (const int c : components) {
        const auto& meaning = input.axisMeanings[static_cast<std::size_t>(c)];
        if (meaning.empty()) continue;
        note += fmt::format("{}{}: {}.", note.empty() ? "" : " ",
                            input.axisNames.empty() ? fmt::format("PC{}", c + 1)
                                                    : input.axisNames[static_cast<std::size_t>(c)],
                            meaning);
    }
    return note;
}

void setCamera(Plot3D& plot, const std::optional<Camera>& camera) {
    plot.fitCamera = !camera;
    plot.camera = camera ? *camera : fitted(plot.camera, boxOf(plot).min(), boxOf(plot).max(), 4.0 / 3.0);
}

}  // namespace

Figure trajectoryFigure(const TrajectoryInput& input, const TrajectoryOptions& options) {
    checkInput(input, options);
    const Theme& theme = options.theme;
    const PointRange range = pointRange(options, input.scores.n1);
    const std::vector<RowIndex> rows = rowsToDraw(input, options);
    DrawnRows drawn = drawnRows(rows, input, options, range);
    auto selected = selectedPath(input, options, range);
    const Limits limits = limitsOf(drawn, selected, options);
    const std::string note = withMeanings(noteOf(drawn, rows, options, limits), input, options.components);

    Plot3D plot;
    nameAxes(plot, input, options.components);
    const std::vector<LineSet3> means =
        groupMeans(drawn.strong.count > 0 ? drawn.strong.lines : drawn.behind.lines, input, options);
    for (LineSet3* lines : {&drawn.behind.lines, &drawn.strong.lines}) {
        if (lines->tags.empty() && lines != &drawn.behind.lines) continue;
        if (!means.empty()) lines->style.opacity *= faintness;  // the means stand out
        // Rows behind the strong ones stay grey.
        const bool faint = lines == &drawn.behind.lines && drawn.strong.count > 0;
        if (options.colorBy == RowColor::Depth || input.rowKinds.empty() || lines->tags.empty() || faint)
            plot.lines.push_back(std::move(*lines));
        else
            for (LineSet3& set : byKind(*lines, input, theme)) {
                if (isHidden(set, options))
                    leaveOut(lines == &drawn.behind.lines ? drawn.behind : drawn.strong, set);
                plot.lines.push_back(std::move(set));
            }
    }
    if (!drawn.behind.section.tags.empty())
        addSection(plot, std::move(drawn.behind.section),
                   input.points[static_cast<std::size_t>(options.highlighted->value())], theme);
    addMeans(plot, drawn, options);
    plot.lines.insert(plot.lines.end(), means.begin(), means.end());
    hide(plot.lines, options);
    for (const MorePaths& more : options.more) plot.lines.push_back(morePaths(more, input, options, range));
    if (options.arrows) addArrows(plot, *options.arrows, input, options);
    if (selected) addSelected(plot, std::move(*selected), options, range);
    if (auto followed = followedPath(input, options, range))
        addSelected(plot, std::move(*followed), options, range);
    setRanges(plot, limits.extent);
    plot.colorScale = colorScaleOf(input, rows, options, range);
    setCamera(plot, options.camera);

    Figure figure;
    figure.theme = theme;
    figure.note = note;
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
LineSet3 teleportPath(const std::string& name, const MatrixD& scores, const std::array<int, 3>& components,
                      PointRange steps) {
    LineSet3 line = emptyLines(name);
    for (Eigen::Index q = steps.first; q <= steps.last; ++q)
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

LineSet3 controlPaths(const Array3F& controls, const TrajectoryOptions& options, PointRange steps) {
    LineSet3 lines = emptyLines("random pushes of the same size");
    for (std::int64_t k = 0; k < controls.n0; ++k)
        if (appendPath(controls, k, options.components, steps, lines.xyz)) closeLine(lines, k);
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
    // Steps of the teleport that are drawn.
    const std::int64_t begin = overlay.point.value();
    const PointRange steps{std::max<std::int64_t>(0, options.firstPoint.value() - begin),
                           std::min<std::int64_t>(overlay.natural.rows() - 1,
                                                  options.lastPoint ? options.lastPoint->value() - begin
                                                                    : overlay.natural.rows() - 1)};
    if (steps.count() < 1) return;
    const bool showsPush = steps.first == 0;
    Extent extent;
    if (!overlay.controls.empty()) {
        plot.lines.push_back(controlPaths(overlay.controls, options, steps));
        include(extent, plot.lines.back().xyz);
    }
    // Of several, the first names what all natural paths look like.
    LineSet3 natural = teleportPath(overlay.compared.value_or(0) > 0 ? "" : "natural", overlay.natural,
                                    options.components, steps);
    setStyle(natural, theme.natural, 1.4, Dash::Dashed);
    LineSet3 teleported = teleportPath(overlay.name.empty() ? "teleported" : overlay.name, overlay.teleported,
                                       options.components, steps);
    LineStyle look;
    look.color = theme.teleported;
    if (overlay.compared) look = comparedLook(theme, *overlay.compared);
    setStyle(teleported, *look.color, 1.6, look.dash);
    LineSet3 push = pushOf(natural, teleported);
    setStyle(push, *look.color, 1, Dash::Dotted);
    include(extent, natural.xyz);
    include(extent, teleported.xyz);

    const PointIndex at{begin + steps.first};
    if (showsPush) plot.markers.push_back(marksOf(natural, at, 1, MarkerShape::Ring, 6));
    plot.markers.push_back(
        marksOf(teleported, at, static_cast<std::size_t>(steps.count()), MarkerShape::Disc, 2.8));
    if (showsPush) {
        plot.markers.push_back(marksOf(teleported, at, 1, MarkerShape::Diamond, 8));
        plot.lines.push_back(std::move(push));
    }
    plot.lines.push_back(std::move(natural));
    plot.lines.push_back(std::move(teleported));
    if (overlay.extendAxes) extendAxes(plot, extent);
}

}  // namespace rheo
