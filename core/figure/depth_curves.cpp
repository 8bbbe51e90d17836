#include "core/figure/depth_curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/figure/depth_axis.h"
#include "core/figure/ranges.h"

namespace rheo {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double largestR = 0.999999;  // 1 itself has no place on Fisher's scale

StepKind kindOf(const ResidualPoint& from, const ResidualPoint& to) {
    if (from.site == Site::AttnIn && to.site == Site::MlpIn && from.block == to.block)
        return StepKind::Attention;
    const bool next = to.site == Site::Final || (to.site == Site::AttnIn && to.block == from.block + 1);
    if (from.site == Site::MlpIn && next) return StepKind::Mlp;
    return StepKind::Whole;
}

[[noreturn]] void mismatch(const DepthCurve& curve, const std::string& what) {
    throw Error(ErrorCode::Mismatch, fmt::format("{}/{}: {}.", curve.statistic, curve.dataset, what));
}

void check(const DepthCurve& curve, const std::vector<ResidualPoint>& points) {
    const auto n = curve.values.size();
    if (n == 0 || curve.first + static_cast<double>(n - 1) > static_cast<double>(points.size()) - 1)
        mismatch(curve, fmt::format("there are {} values for {} points", n, points.size()));
    if (curve.quantiles != nullptr && (curve.quantiles->rows() != 5 || curve.quantiles->cols() != n))
        mismatch(curve, fmt::format("there are {} values, and quantiles of shape [{}, {}]", n,
                                    curve.quantiles->rows(), curve.quantiles->cols()));
}

}  // namespace

std::vector<StepKind> stepKinds(const std::vector<ResidualPoint>& points) {
    std::vector<StepKind> kinds;
    for (std::size_t p = 0; p + 1 < points.size(); ++p) kinds.push_back(kindOf(points[p], points[p + 1]));
    const auto has = [&](StepKind kind) {
        return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
    };
    if (!has(StepKind::Attention) || !has(StepKind::Mlp))
        std::fill(kinds.begin(), kinds.end(), StepKind::Whole);
    return kinds;
}

Color nullColor(const Theme& theme, std::string_view null) {
    // The first two further colours are those of attention and MLP steps.
    const NullSpec* spec = findNull(null);
    if (spec == nullptr || spec->series < 0) return theme.null;
    const auto place = static_cast<std::size_t>(spec->series);
    return place < theme.series.size() ? theme.series[place] : theme.persistentNull;
}

std::string nullLabel(std::string_view null) {
    std::string label(null);
    std::replace(label.begin(), label.end(), '_', ' ');
    return label;
}

bool hasBand(const CurveNull& null) {
    constexpr int leastRepeats = 20;  // quantiles at 2.5 and 97.5 % say nothing of fewer
    return null.summary.repeats >= leastRepeats;
}

std::string nullNote(const std::vector<CurveNull>& nulls) {
    if (nulls.empty()) return {};
    const auto [least, most] = std::minmax_element(
        nulls.begin(), nulls.end(),
        [](const auto& a, const auto& b) { return a.summary.repeats < b.summary.repeats; });
    const std::string range = least->summary.repeats == most->summary.repeats
                                  ? formatNumber(most->summary.repeats)
                                  : fmt::format("{} to {}", formatNumber(least->summary.repeats),
                                                formatNumber(most->summary.repeats));
    return fmt::format(
        "Nulls: mean of {} repeats{}.", range,
        hasBand(*most) ? " and the band that holds 95 % of them" : ", which are too few for a band");
}

std::string_view unitName(Scaling scaling) {
    switch (scaling) {
        case Scaling::Rms: return "units of the RMS";
        case Scaling::FinalNorm: return "after the final norm";
        case Scaling::Raw: break;
    }
    return "residual units";
}

std::string joinNotes(std::initializer_list<std::string> notes) {
    std::string joined;
    for (const auto& note : notes) {
        if (!joined.empty() && !note.empty()) joined += ' ';
        joined += note;
    }
    return joined;
}

namespace {

constexpr std::array allKinds{StepKind::Whole, StepKind::Attention, StepKind::Mlp};

/// The kind of the step that each value of the curve belongs to: one line is drawn for each kind.
std::vector<StepKind> kindsOf(const DepthCurve& curve, const std::vector<ResidualPoint>& points) {
    const auto count = static_cast<std::size_t>(curve.values.size());
    if (!curve.split) return std::vector<StepKind>(count, StepKind::Whole);
    auto kinds = stepKinds(points);
    kinds.resize(count, StepKind::Whole);
    return kinds;
}

/// Values [point] of one line, with its band where there is one.
struct LineValues {
    VectorD middle;
    std::optional<std::pair<VectorD, VectorD>> band;
};

Curve lineOf(const LineValues& values, const std::vector<StepKind>& kinds, StepKind kind, double first) {
    Curve line;
    for (Eigen::Index i = 0; i < values.middle.size(); ++i) {
        if (kinds[static_cast<std::size_t>(i)] != kind) continue;
        line.x.push_back(first + static_cast<double>(i));
        line.y.push_back(values.middle[i]);
        if (!values.band) continue;
        line.low.push_back(values.band->first[i]);
        line.high.push_back(values.band->second[i]);
    }
    return line;
}

struct KindLook {
    std::string name;
    Color color;
};

KindLook lookOf(StepKind kind, const Theme& theme, const DepthNames& names) {
    switch (kind) {
        case StepKind::Attention: return {names.attention, theme.series[0]};
        case StepKind::Mlp: return {names.mlp, theme.series[1]};
        case StepKind::Whole: break;
    }
    return {names.whole, theme.foreground};
}

void addObserved(CurvePlot& plot, const DepthCurve& curve, const std::vector<StepKind>& kinds,
                 const Theme& theme, const DepthNames& names) {
    LineValues values{curve.values, std::nullopt};
    if (curve.quantiles != nullptr) values.band.emplace(curve.quantiles->row(0), curve.quantiles->row(4));
    for (const StepKind kind : allKinds) {
        Curve drawn = lineOf(values, kinds, kind, curve.first);
        if (drawn.x.empty()) continue;
        KindLook look = lookOf(kind, theme, names);
        drawn.name = std::move(look.name);
        drawn.color = look.color;
        if (values.band && !drawn.name.empty()) drawn.bandName = names.rows;
        drawn.style.width = 1.4;
        // A line of one point would not be seen.
        drawn.markers = curve.markers || drawn.x.size() < 3;
        plot.curves.push_back(std::move(drawn));
    }
}

/// The first line that is drawn carries the name of the null, if it is to be named.
void addNull(CurvePlot& plot, const DepthCurve& curve, const CurveNull& null,
             const std::vector<StepKind>& kinds, const Theme& theme, bool isNamed) {
    const NullSummary& summary = null.summary;
    for (const auto* values : {&summary.mean, &summary.low, &summary.high})
        if (values->size() != curve.values.size())
            mismatch(curve, fmt::format("there are {} values, and {} of the null {}", curve.values.size(),
                                        values->size(), null.null));
    LineValues values{summary.mean, std::nullopt};
    if (hasBand(null)) values.band.emplace(summary.low, summary.high);
    for (const StepKind kind : allKinds) {
        Curve drawn = lineOf(values, kinds, kind, curve.first);
        if (drawn.x.empty()) continue;
        if (std::exchange(isNamed, false)) drawn.name = nullLabel(null.null);
        drawn.color = nullColor(theme, null.null);
        drawn.style.width = 0.9;
        drawn.style.dash = kind == StepKind::Mlp ? Dash::Dotted : Dash::Dashed;
        plot.curves.push_back(std::move(drawn));
    }
}

}  // namespace

CurvePlot depthPlot(const DepthCurve& curve, const std::vector<CurveNull>& nulls,
                    const std::vector<ResidualPoint>& points, const Theme& theme, const DepthNames& names) {
    check(curve, points);
    const std::vector<StepKind> kinds = kindsOf(curve, points);
    CurvePlot plot;
    plot.x = depthAxis(points);
    addObserved(plot, curve, kinds, theme, names);
    for (const auto& null : nulls)
        if (null.statistic == curve.statistic && null.dataset == curve.dataset)
            addNull(plot, curve, null, kinds, theme, names.nulls);
    setRange(plot.y, plot.curves);
    return plot;
}

void addZeroLine(CurvePlot& plot, const Theme& theme) {
    if (plot.y.low > 0 || plot.y.high < 0) return;
    Curve curve;
    curve.x = {plot.x.low, plot.x.high};
    curve.y = {0, 0};
    curve.color = theme.muted;
    curve.style.width = 0.6;
    plot.curves.insert(plot.curves.begin(), std::move(curve));
}

void useLogScale(CurvePlot& plot) {
    for (auto& curve : plot.curves)
        for (auto* values : {&curve.y, &curve.low, &curve.high})
            for (double& value : *values)
                if (!(value > 0)) value = nan;
    plot.y.logarithmic = true;
    setRange(plot.y, plot.curves);
}

void useFisherScale(CurvePlot& plot) {
    for (auto& curve : plot.curves)
        for (auto* values : {&curve.y, &curve.low, &curve.high})
            for (double& value : *values) value = std::atanh(std::clamp(value, -largestR, largestR));
    setRange(plot.y, plot.curves);
    plot.y.named = true;
    plot.y.fisher = true;
    plot.y.ticks.clear();
    struct Place {
        double r;
        int rank;
    };
    constexpr std::array places{Place{0, 0},      Place{0.5, 0},   Place{0.7, 1},   Place{0.8, 0},
                                Place{0.9, 0},    Place{0.95, 1},  Place{0.98, 1},  Place{0.99, 0},
                                Place{0.995, 1},  Place{0.998, 1}, Place{0.999, 0}, Place{0.9999, 0},
                                Place{0.99999, 0}};
    for (const double sign : {-1.0, 1.0})
        for (const auto& [r, rank] : places) {
            const double z = std::atanh(sign * r);
            if ((r == 0 && sign < 0) || z < plot.y.low || z > plot.y.high) continue;
            plot.y.ticks.push_back({z, formatNumber(sign * r, 5), rank});
        }
    std::sort(plot.y.ticks.begin(), plot.y.ticks.end(),
              [](const Tick& a, const Tick& b) { return a.value < b.value; });
}

}  // namespace rheo
