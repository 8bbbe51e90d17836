#include "widgets/paint/legend_layout.h"

#include <QPolygonF>
#include <QSizeF>
#include <QStringList>
#include <algorithm>
#include <cmath>

#include "widgets/paint/readable_text.h"

namespace rheo {
namespace {

using namespace spacing;

double entryWidth(const LegendEntry& entry, const TextMetrics& metrics) {
    return sampleWidth + sampleGap + metrics.width(entry.text, type::legend);
}

bool segmentMeets(const QRectF& rect, QPointF a, QPointF b) {
    // Liang and Barsky: the part of the segment inside the four half planes.
    double from = 0, to = 1;
    const QPointF d = b - a;
    const double p[] = {-d.x(), d.x(), -d.y(), d.y()};
    const double q[] = {a.x() - rect.left(), rect.right() - a.x(), a.y() - rect.top(), rect.bottom() - a.y()};
    for (int i = 0; i < 4; ++i) {
        if (p[i] == 0) {
            if (q[i] < 0) return false;
            continue;
        }
        const double t = q[i] / p[i];
        if (p[i] < 0)
            from = std::max(from, t);
        else
            to = std::min(to, t);
    }
    return from <= to;
}

/// Whether a curve, or the band about one, passes through `rect`.
bool coversData(const QRectF& rect, const CurvePlot& plot, const AxisScale& x, const AxisScale& y) {
    const auto usable = [](double value) { return std::isfinite(value); };
    for (const auto& curve : plot.curves) {
        const std::size_t n = curve.x.size();
        for (const auto* values : {&curve.y, &curve.low, &curve.high}) {
            for (std::size_t i = 0; i < std::min(n, values->size()); ++i) {
                const QPointF at(x.place(curve.x[i]), y.place((*values)[i]));
                if (!usable(at.x()) || !usable(at.y())) continue;
                if (rect.contains(at)) return true;
                if (i + 1 >= std::min(n, values->size())) continue;
                const QPointF next(x.place(curve.x[i + 1]), y.place((*values)[i + 1]));
                if (usable(next.x()) && usable(next.y()) && segmentMeets(rect, at, next)) return true;
            }
        }
        for (std::size_t i = 0; i < std::min({n, curve.low.size(), curve.high.size()}); ++i) {
            const double at = x.place(curve.x[i]);
            if (at < rect.left() || at > rect.right()) continue;
            const double a = y.place(curve.low[i]);
            const double b = y.place(curve.high[i]);
            if (std::min(a, b) <= rect.bottom() && std::max(a, b) >= rect.top()) return true;
        }
    }
    return false;
}

bool coversData(const QRectF& rect, const BarPlot& plot, const AxisScale& x, const AxisScale& y) {
    const double half = std::abs(y.place(1) - y.place(0)) / 2;
    for (std::size_t i = 0; i < plot.bars.size(); ++i) {
        const double middle = y.place(static_cast<double>(i));
        if (middle + half < rect.top() || middle - half > rect.bottom()) continue;
        for (const double value : plot.bars[i].values)
            if (std::isfinite(value) && x.place(value) > rect.left()) return true;
    }
    return false;
}

/// Whether data of a 2D plot are drawn inside `rect`.
bool coversData(const QRectF& rect, const Panel& panel, const LegendPlace& place) {
    if (const auto* curves = std::get_if<CurvePlot>(&panel.plot))
        return coversData(rect, *curves, place.x, place.y);
    if (const auto* bars = std::get_if<BarPlot>(&panel.plot))
        return coversData(rect, *bars, place.x, place.y);
    return true;
}

}  // namespace

std::vector<LegendEntry> legendOf(const Panel& panel) {
    std::vector<LegendEntry> entries;
    const auto styled = [](const LineStyle& style, const Color& color) {
        LineStyle line = style;
        line.color = color;
        line.opacity = 1;
        return line;
    };
    if (const auto* plot = std::get_if<CurvePlot>(&panel.plot)) {
        for (const auto& curve : plot->curves) {
            LegendEntry entry;
            QStringList names;
            if (!curve.name.empty()) {
                names << readable(curve.name);
                entry.line = styled(curve.style, curve.color);
                if (curve.markers) entry.marker = MarkerShape::Disc;
                entry.markerColor = curve.color;
            }
            if (!curve.bandName.empty()) names << readable(curve.bandName);
            if (!curve.low.empty()) entry.band = curve.color;
            entry.text = names.join(", ");
            if (!names.isEmpty()) entries.push_back(std::move(entry));
        }
    } else if (const auto* bars = std::get_if<BarPlot>(&panel.plot)) {
        for (std::size_t i = 0; i < bars->series.size() && i < bars->colors.size(); ++i) {
            LegendEntry entry;
            entry.text = readable(bars->series[i]);
            entry.square = bars->colors[i];
            entries.push_back(std::move(entry));
        }
    } else if (const auto* space = std::get_if<Plot3D>(&panel.plot)) {
        for (const auto& set : space->lines) {
            if (set.name.empty()) continue;
            LegendEntry entry;
            entry.text = readable(set.name);
            entry.line = styled(set.style, set.style.color.value_or(Color{0.5f, 0.5f, 0.5f}));
            entry.key = set.legendKey;
            entry.hidden = set.hidden;
            entries.push_back(std::move(entry));
        }
        for (const auto& set : space->markers) {
            if (set.name.empty()) continue;
            LegendEntry entry;
            entry.text = readable(set.name);
            entry.marker = set.shape;
            entry.markerColor = set.color.value_or(Color{0.5f, 0.5f, 0.5f});
            entries.push_back(std::move(entry));
        }
    }
    return entries;
}

LegendLayout stripLegend(std::vector<LegendEntry> entries, double width, const TextMetrics& metrics) {
    LegendLayout legend;
    const double line = legend.lineHeight = metrics.lineHeight(type::legend);
    double x = 0;
    double y = line / 2;
    for (auto& entry : entries) {
        entry.text = metrics.elided(entry.text, type::legend, false, width - sampleWidth - sampleGap);
        const double w = entryWidth(entry, metrics);
        if (x > 0 && x + w > width) {
            x = 0;
            y += line;
        }
        entry.place = {x, y};
        entry.width = w;
        legend.rect |= QRectF(x, y - line / 2, w, line);
        x += w + legendGap;
    }
    legend.entries = std::move(entries);
    return legend;
}

const LegendEntry* entryAt(const LegendLayout& legend, const QPointF& at) {
    for (const LegendEntry& entry : legend.entries) {
        const QPointF from = at - entry.place;
        if (from.x() >= 0 && from.x() <= entry.width && 2 * std::abs(from.y()) <= legend.lineHeight)
            return &entry;
    }
    return nullptr;
}

void moveLegend(LegendLayout& legend, const QPointF& by) {
    legend.rect.translate(by);
    for (auto& entry : legend.entries) entry.place += by;
}

LegendLayout insideLegend(std::vector<LegendEntry> entries, const Panel& panel, const LegendPlace& place,
                          const TextMetrics& metrics) {
    LegendLayout legend;
    const double line = legend.lineHeight = metrics.lineHeight(type::legend);
    double width = 0;
    for (const auto& entry : entries) width = std::max(width, entryWidth(entry, metrics));
    const QSizeF size(width + 2 * legendPadding,
                      line * static_cast<double>(entries.size()) + 2 * legendPadding);
    const QRectF room = place.plot.adjusted(4, 3, -4, -4);
    if (size.width() > 0.75 * room.width() || size.height() > 0.6 * room.height()) return legend;
    for (const double fromTop : {0.0, 1.0, 0.5}) {
        for (const double fromLeft : {1.0, 0.0, 0.5}) {
            const QPointF corner(room.left() + fromLeft * (room.width() - size.width()),
                                 room.top() + fromTop * (room.height() - size.height()));
            const QRectF rect(corner, size);
            if (coversData(rect.adjusted(-3, -3, 3, 3), panel, place)) continue;
            legend.rect = rect;
            legend.inside = true;
            for (std::size_t i = 0; i < entries.size(); ++i) {
                entries[i].width = width;
                entries[i].place =
                    rect.topLeft() +
                    QPointF(legendPadding, legendPadding + line * (static_cast<double>(i) + 0.5));
            }
            legend.entries = std::move(entries);
            return legend;
        }
    }
    return legend;
}

}  // namespace rheo
