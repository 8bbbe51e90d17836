#include "core/figure/row_paths.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "core/base/error.h"

namespace rheo {

namespace {

constexpr double faintness = 0.35;   // of the opacity of kinds without a colour
constexpr std::size_t spreads = 13;  // along a path, at most

/// The kinds of lines: the most frequent first; from `colored` on they share the last place.
struct Kinds {
    std::vector<std::string> names;    ///< [place]
    std::vector<std::int64_t> counts;  ///< [place]
    std::vector<std::size_t> ofLine;   ///< the place of each line
    bool hasOthers = false;            ///< the last place is of kinds without a colour
};

Kinds kindsOf(const LineSet3& lines, const TrajectoryInput& input, std::size_t colors) {
    std::vector<std::pair<std::string, std::int64_t>> all;  // by their first row, then by their number
    std::map<std::string, std::size_t> place;
    const auto kindOf = [&](std::size_t line) -> const std::string& {
        return input.rowKinds[static_cast<std::size_t>(lines.tags[line])];
    };
    for (std::size_t i = 0; i < lines.tags.size(); ++i) {
        const auto [at, isNew] = place.try_emplace(kindOf(i), all.size());
        if (isNew) all.emplace_back(kindOf(i), 0);
        ++all[at->second].second;
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    Kinds kinds;
    for (std::size_t k = 0; k < all.size(); ++k) {
        place[all[k].first] = std::min(k, colors);
        if (k <= colors) {
            kinds.names.push_back(all[k].first);
            kinds.counts.push_back(0);
        }
        kinds.counts.back() += all[k].second;
    }
    kinds.hasOthers = all.size() > colors;
    if (kinds.hasOthers) kinds.names.back() = "others";
    for (std::size_t i = 0; i < lines.tags.size(); ++i) kinds.ofLine.push_back(place[kindOf(i)]);
    return kinds;
}

std::string keyOf(const Kinds& kinds, std::size_t place) {
    return kinds.hasOthers && place + 1 == kinds.names.size() ? "others"
                                                              : fmt::format("kind:{}", kinds.names[place]);
}

/// Running sums of the paths of a kind.
struct Sums {
    std::vector<double> first, second;  ///< [3 * point] of places, and of their squares about the first path
    std::vector<float> origin;          ///< the first path: sums about it lose no digits
    std::int64_t count = 0;

    void add(const float* path, std::size_t size) {
        if (count++ == 0) {
            origin.assign(path, path + size);
            first.assign(size, 0);
            second.assign(size, 0);
        }
        for (std::size_t i = 0; i < size; ++i) {
            const double delta = double(path[i]) - origin[i];
            first[i] += delta;
            second[i] += delta * delta;
        }
    }
    double mean(std::size_t i) const { return origin[i] + first[i] / static_cast<double>(count); }
    double deviation(std::size_t i) const {
        const auto n = static_cast<double>(count);
        return std::sqrt(std::max(0.0, (second[i] - first[i] * first[i] / n) / (n - 1)));
    }
};

LineSet3 meanOf(const Sums& sums, const Color& color, const std::string& name) {
    LineSet3 line = emptyLines(name);
    for (std::size_t i = 0; i < sums.origin.size(); ++i) line.xyz.push_back(static_cast<float>(sums.mean(i)));
    closeLine(line, -1);
    line.style.color = color;
    line.style.width = 2.6;
    line.pickable = false;
    line.layer = 1;
    return line;
}

/// A line along each axis, from one standard deviation below the mean to one above: at each point, and of
/// long paths at some that are evenly spaced, with the first and the last.
LineSet3 spreadOf(const Sums& sums, const Color& color, const std::string& name) {
    LineSet3 bars = emptyLines(name);
    const std::size_t points = sums.origin.size() / 3, drawn = std::min(points, spreads);
    for (std::size_t i = 0; i < drawn; ++i) {
        const std::size_t p = drawn < 2 ? 0 : 3 * (i * (points - 1) / (drawn - 1));
        for (std::size_t axis = 0; axis < 3; ++axis) {
            const double length = sums.deviation(p + axis);
            for (const double side : {-1.0, 1.0})
                for (std::size_t c = 0; c < 3; ++c)
                    bars.xyz.push_back(
                        static_cast<float>(sums.mean(p + c) + (c == axis ? side * length : 0)));
            closeLine(bars, -1);
        }
    }
    bars.style.color = color;
    bars.style.width = 0.9;
    bars.style.opacity = 0.8;
    bars.pickable = false;
    bars.layer = 1;
    return bars;
}

}  // namespace

PointRange pointRange(const TrajectoryOptions& options, std::int64_t points) {
    const PointRange range{options.firstPoint.value(),
                           options.lastPoint ? options.lastPoint->value() : points - 1};
    if (range.first < 0 || range.last >= points || range.count() < std::min<std::int64_t>(2, points))
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("Points {} to {} were asked for; a path needs two of 0 to {}, in order.",
                                range.first, range.last, points - 1));
    return range;
}

LineSet3 emptyLines(std::string name) {
    LineSet3 set;
    set.name = std::move(name);
    set.offsets.push_back(0);
    return set;
}

void closeLine(LineSet3& set, std::int64_t tag) {
    set.offsets.push_back(static_cast<std::int32_t>(set.xyz.size() / 3));
    set.tags.push_back(tag);
}

bool appendPath(const Array3F& scores, std::int64_t row, const std::array<int, 3>& components,
                PointRange range, std::vector<float>& xyz) {
    const auto before = xyz.size();
    for (std::int64_t p = range.first; p <= range.last; ++p) {
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

RowPaths pathsOf(const std::vector<RowIndex>& rows, const TrajectoryInput& input,
                 const TrajectoryOptions& options, PointRange range) {
    const auto points = static_cast<std::size_t>(range.count());
    std::vector<float> ramp(points);
    std::iota(ramp.begin(), ramp.end(), static_cast<float>(range.first));
    RowPaths paths{emptyLines({}), {}, std::vector<double>(points * 3, 0.0), 0};
    LineSet3& lines = paths.lines;
    const bool byNumber = options.colorBy != RowColor::Depth && !input.rowNumbers.empty(),
               byState = options.colorBy != RowColor::Depth && input.stateNumbers.size() > 0;
    if (options.colorBy != RowColor::Depth && !byNumber && !byState) lines.style.color = options.theme.muted;
    lines.xyz.reserve(rows.size() * points * 3);
    for (const auto row : rows) {
        const auto start = lines.xyz.size();
        if (!appendPath(input.scores, row.value(), options.components, range, lines.xyz)) continue;
        for (std::size_t i = 0; i < paths.sum.size(); ++i) paths.sum[i] += lines.xyz[start + i];
        if (options.colorBy == RowColor::Depth)
            lines.values.insert(lines.values.end(), ramp.begin(), ramp.end());
        if (byState) {
            const float* numbers = input.stateNumbers.row(row.value()).data();
            lines.values.insert(lines.values.end(), numbers + range.first, numbers + range.last + 1);
        } else if (byNumber)
            lines.values.insert(lines.values.end(), points,
                                static_cast<float>(input.rowNumbers[static_cast<std::size_t>(row.value())]));
        if (options.highlighted && range.contains(*options.highlighted)) {
            const auto* at = lines.xyz.data() + start + 3 * (options.highlighted->value() - range.first);
            paths.section.xyz.insert(paths.section.xyz.end(), at, at + 3);
            paths.section.tags.push_back(options.highlighted->value());
        }
        closeLine(lines, row.value());
        ++paths.count;
    }
    return paths;
}

LineSet3 meanPath(const std::vector<double>& sum, std::int64_t rows, const std::string& what,
                  const Theme& theme) {
    const auto count = static_cast<double>(rows);
    LineSet3 mean = emptyLines(fmt::format("mean of {} {}", formatNumber(count), what));
    for (const double s : sum) mean.xyz.push_back(static_cast<float>(s / count));
    closeLine(mean, -1);
    mean.style.color = theme.mean;
    mean.style.width = 2.2;
    mean.pickable = false;
    mean.layer = 1;
    mean.legendKey = "mean";
    return mean;
}

std::vector<LineSet3> byKind(const LineSet3& lines, const TrajectoryInput& input, const Theme& theme) {
    const Kinds kinds = kindsOf(lines, input, theme.series.size());
    std::vector<LineSet3> sets;
    for (std::size_t k = 0; k < kinds.names.size(); ++k) {
        LineSet3 set = emptyLines(fmt::format("{} ({})", kinds.names[k], kinds.counts[k]));
        set.style = lines.style;
        set.style.color = k < theme.series.size() ? theme.series[k] : theme.muted;
        set.layer = lines.layer;
        set.legendKey = keyOf(kinds, k);
        sets.push_back(std::move(set));
    }
    for (std::size_t i = 0; i < lines.tags.size(); ++i) {
        LineSet3& set = sets[kinds.ofLine[i]];
        const auto begin = std::ptrdiff_t{3} * lines.offsets[i],
                   end = std::ptrdiff_t{3} * lines.offsets[i + 1];
        set.xyz.insert(set.xyz.end(), lines.xyz.begin() + begin, lines.xyz.begin() + end);
        closeLine(set, lines.tags[i]);
    }
    if (!kinds.hasOthers) return sets;
    // Behind the kinds that have a colour, and as pale as rows behind others.
    sets.back().style.opacity *= faintness;
    std::rotate(sets.begin(), sets.end() - 1, sets.end());
    return sets;
}

std::vector<LineSet3> groupMeans(const LineSet3& lines, const TrajectoryInput& input,
                                 const TrajectoryOptions& options) {
    if (options.groupMeans == GroupMeans::None || lines.tags.empty()) return {};
    const bool hasKinds = options.colorBy != RowColor::Depth && !input.rowKinds.empty();
    const auto colors = options.theme.series.size();
    Kinds kinds;
    if (hasKinds)
        kinds = kindsOf(lines, input, colors);
    else
        kinds = {{"rows"}, {}, std::vector<std::size_t>(lines.tags.size(), 0), false};
    std::vector<Sums> sums(kinds.names.size());
    for (std::size_t i = 0; i < lines.tags.size(); ++i) {
        const auto begin = static_cast<std::size_t>(lines.offsets[i]) * 3;
        sums[kinds.ofLine[i]].add(lines.xyz.data() + begin,
                                  static_cast<std::size_t>(lines.offsets[i + 1]) * 3 - begin);
    }
    std::vector<LineSet3> drawn;
    const auto add = [&](LineSet3 set, std::size_t place) {
        if (hasKinds) set.legendKey = keyOf(kinds, place);
        drawn.push_back(std::move(set));
    };
    bool named = false;
    const std::size_t last = sums.size() - (kinds.hasOthers ? 1 : 0);
    for (std::size_t k = 0; k < last; ++k) {
        const Color color = sums.size() > 1 ? options.theme.series[k] : options.theme.mean;
        if (sums.size() > 1) add(meanOf(sums[k], color, fmt::format("mean of {}", kinds.names[k])), k);
        if (options.groupMeans != GroupMeans::Spread || sums[k].count < 2) continue;
        add(spreadOf(sums[k], color, named ? "" : "one standard deviation"), k);
        named = true;
    }
    return drawn;
}

}  // namespace rheo
