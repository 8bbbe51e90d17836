#include "core/figure/lens_map_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "core/base/error.h"
#include "core/base/printable.h"
#include "core/figure/depth_axis.h"
#include "core/figure/depth_curves.h"

namespace rheo {
namespace {

struct ColorText {
    LensColor color;
    std::string_view name, title;
};
constexpr std::array colors{
    ColorText{LensColor::Probability, "probability", "Probability of the likeliest next token"},
    ColorText{LensColor::Entropy, "entropy", "Entropy of the next token (nats)"},
    ColorText{LensColor::Divergence, "divergence", "KL(final || lens) (nats)"},
    ColorText{LensColor::Rank, "rank", "Rank of the token that follows"},
};

/// The rows of a sample in the order of their tokens.
std::vector<std::int64_t> rowsOf(const TraceInfo& info, std::int32_t sample) {
    std::vector<std::int64_t> rows;
    for (std::size_t n = 0; n < info.rows.size(); ++n)
        if (info.rows[n].sample == sample) rows.push_back(static_cast<std::int64_t>(n));
    std::stable_sort(rows.begin(), rows.end(), [&](std::int64_t a, std::int64_t b) {
        return info.rows[static_cast<std::size_t>(a)].position <
               info.rows[static_cast<std::size_t>(b)].position;
    });
    return rows;
}

std::int32_t firstWithSeveralRows(const TraceInfo& info) {
    std::map<std::int32_t, int> counts;
    for (const auto& row : info.rows)
        if (++counts[row.sample] > 1) return row.sample;
    if (info.rows.empty()) throw Error(ErrorCode::NotFound, "the lens of these results has no rows");
    return info.rows.front().sample;
}

std::string textOf(const LensResult& lens, std::int32_t id) {
    const auto text = lens.texts.find(id);
    return text == lens.texts.end() ? fmt::format("#{}", id) : text->second;
}

/// As a cell has room for: without the space that begins most words.
std::string shortText(const LensResult& lens, std::int32_t id) {
    if (id < 0) return "";  // of a row that is left out
    const auto text = lens.texts.find(id);
    if (text == lens.texts.end()) return fmt::format("#{}", id);
    const std::string shown = printable(text->second);
    return shown.size() > 1 && shown.front() == ' ' ? shown.substr(1) : shown;
}

/// Empty where nothing changed.
std::string changeText(const LensResult& lens, std::int32_t before, std::int32_t after) {
    return before == after ? "" : shortText(lens, before) + " > " + shortText(lens, after);
}

double valueOf(const LensResult& lens, LensColor color, std::int64_t row, std::int64_t point) {
    switch (color) {
        case LensColor::Entropy: return lens.entropy(row, point);
        case LensColor::Divergence: return lens.klToFinal(row, point);
        case LensColor::Rank: return std::log10(lens.rank(row, point));
        case LensColor::Probability: break;
    }
    return static_cast<double>(*lens.topProbabilities.at(row, point));
}

/// 1, 10, 100, ...: the likeliest is the brightest. Of a change how many times the rank is another.
void setRankScale(ColorScale& scale, bool isChange) {
    scale.decades = true;
    if (!isChange) {
        scale.high = std::max(1.0, std::ceil(scale.high - 1e-9));
        std::swap(scale.mapFrom, scale.mapTo);
    } else {
        scale.title += " (times)";
    }
    scale.ticks.clear();
    for (double decade = std::ceil(scale.low); decade <= scale.high + 1e-9; ++decade)
        scale.ticks.push_back({decade, formatNumber(std::pow(10, decade))});
}

void setScale(ColorScale& scale, const MatrixF& values, const LensMapOptions& options) {
    for (const auto& entry : colors)
        if (entry.color == options.color) scale.title = entry.title;
    scale.map = options.minus ? ColorMap::Vik : options.map;
    if (options.minus) scale.title = "Change: " + scale.title;
    double largest = 0;
    for (Eigen::Index i = 0; i < values.size(); ++i)
        if (std::isfinite(values.data()[i])) largest = std::max(largest, std::abs(double(values.data()[i])));
    const bool whole = options.color == LensColor::Probability && !options.minus;
    scale.high = whole || largest == 0 ? 1 : largest;
    scale.low = options.minus ? -scale.high : 0;
    scale.ticks = niceTicks(scale.low, scale.high, 5);
    if (options.color == LensColor::Rank) setRankScale(scale, options.minus.has_value());
}

/// The points that are columns: all, or where a block begins, and the final one.
std::vector<std::int64_t> columnsOf(const std::vector<ResidualPoint>& points, LensDepth depth) {
    std::vector<std::int64_t> columns;
    for (std::size_t p = 0; p < points.size(); ++p) {
        const ResidualPoint& point = points[p];
        const bool begins = point.site != Site::MlpIn && point.site != Site::Final;
        const bool chosen = depth == LensDepth::EveryPoint || p + 1 == points.size() ||
                            (begins && (depth == LensDepth::EveryBlock || point.block % 4 == 0));
        if (chosen) columns.push_back(static_cast<std::int64_t>(p));
    }
    return columns;
}

Axis columnAxis(const std::vector<ResidualPoint>& points, const std::vector<std::int64_t>& columns) {
    std::vector<ResidualPoint> shown;
    for (const auto p : columns) shown.push_back(points[static_cast<std::size_t>(p)]);
    Axis axis = depthAxis(shown);
    axis.ids = columns;
    return axis;
}

/// Tokens from above: the first row of the map is the last token.
Axis tokenAxis(const LensResult& lens, const TraceInfo& info, const std::vector<std::int64_t>& rows) {
    Axis axis;
    axis.title = "Token";
    axis.kind = AxisKind::Tokens;
    axis.named = true;
    axis.low = -0.5;
    axis.high = static_cast<double>(rows.size()) - 0.5;
    for (std::size_t i = rows.size(); i-- > 0;) {
        const TraceRow& row = info.rows[static_cast<std::size_t>(rows[i])];
        axis.ticks.push_back({static_cast<double>(axis.ids.size()), shortText(lens, row.tokenId)});
        axis.ids.push_back(row.position);
    }
    return axis;
}

/// Throws where the lens is of other rows, or lacks what the colours need.
void checkLens(const LensResult& lens, const TraceInfo& info, const LensMapOptions& options) {
    const auto count = static_cast<std::int64_t>(info.rows.size()),
               points = static_cast<std::int64_t>(info.points.size());
    if (lens.topIds.n0 != count || lens.topIds.n1 != points || lens.topIds.n2 < 1)
        throw Error(ErrorCode::Mismatch,
                    fmt::format("The lens is of {} rows and {} points, but {} rows and {} points are named.",
                                lens.topIds.n0, lens.topIds.n1, count, points));
    if (options.color == LensColor::Divergence && lens.klToFinal.size() == 0)
        throw Error(ErrorCode::Mismatch,
                    "these results have no final point, from which a divergence could be measured");
    if (options.color == LensColor::Rank && lens.rank.size() == 0)
        throw Error(ErrorCode::Mismatch, "these results hold no ranks; compute the lens again");
}

}  // namespace

std::string_view lensColorName(LensColor color) {
    for (const auto& entry : colors)
        if (entry.color == color) return entry.name;
    return "";
}

std::optional<LensColor> parseLensColor(std::string_view name) {
    for (const auto& entry : colors)
        if (entry.name == name) return entry.color;
    return std::nullopt;
}

std::optional<LensDepth> parseLensDepth(std::string_view name) {
    if (name == "points") return LensDepth::EveryPoint;
    if (name == "blocks") return LensDepth::EveryBlock;
    if (name == "fourth_blocks") return LensDepth::EveryFourthBlock;
    return std::nullopt;
}

Figure lensMapFigure(const LensResult& lens, const TraceInfo& info, const LensMapOptions& options) {
    checkLens(lens, info, options);
    const std::int32_t sample = options.sample ? *options.sample : firstWithSeveralRows(info);
    const auto rows = rowsOf(info, sample);
    if (rows.empty())
        throw Error(ErrorCode::NotFound,
                    fmt::format("the lens of these results has no rows of sample {}", sample));
    const auto before = options.minus ? rowsOf(info, *options.minus) : std::vector<std::int64_t>{};
    if (options.minus && before.size() != rows.size())
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("sample {} has {} rows and sample {} has {}: they cannot be compared", sample,
                                rows.size(), *options.minus, before.size()));
    HeatmapPlot plot;
    const auto tokens = static_cast<std::int64_t>(rows.size());
    const auto shown = columnsOf(info.points, options.depth);
    const auto columns = static_cast<std::int64_t>(shown.size());
    plot.values.resize(tokens, columns);
    plot.labels.resize(static_cast<std::size_t>(tokens * columns));
    plot.labelTitle = "likeliest next token";
    for (std::int64_t i = 0; i < tokens; ++i) {
        const auto token = static_cast<std::size_t>(tokens - 1 - i);
        for (std::int64_t c = 0; c < columns; ++c) {
            const std::int64_t p = shown[static_cast<std::size_t>(c)];
            double value = valueOf(lens, options.color, rows[token], p);
            if (options.minus) value -= valueOf(lens, options.color, before[token], p);
            plot.values(i, c) = static_cast<float>(value);
            plot.labels[static_cast<std::size_t>(i * columns + c)] =
                options.minus
                    ? changeText(lens, *lens.topIds.at(before[token], p), *lens.topIds.at(rows[token], p))
                    : shortText(lens, *lens.topIds.at(rows[token], p));
        }
    }
    plot.x = columnAxis(info.points, shown);
    plot.y = tokenAxis(lens, info, rows);
    setScale(plot.colorScale, plot.values, options);
    if (options.color == LensColor::Rank && lens.rankedToken >= 0)
        plot.colorScale.title =
            fmt::format("{}Rank of \u201c{}\u201d", options.minus ? "Change: " : "",
                        printable(textOf(lens, static_cast<std::int32_t>(lens.rankedToken))));
    Figure figure;
    figure.theme = options.theme;
    figure.panels.push_back({"", std::move(plot)});
    figure.note = joinNotes({tokens > 1 ? "" : "Of one token: capture all tokens (--rows all) to see a text.",
                             depthNote(info.points)});
    return figure;
}

}  // namespace rheo
