#include "widgets/paint/draw_figure.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "widgets/paint/heatmap_image.h"
#include "widgets/paint/readable_text.h"

namespace rheo {
namespace {

using namespace spacing;

constexpr double frameWidth = 0.6;
constexpr double gridWidth = 0.5;
constexpr double tickWidth = 0.6;
constexpr double bandOpacity = 0.25;
constexpr double curveMarker = 3.4;    // in a legend
constexpr double hiddenOpacity = 0.3;  // in a legend, of the sample of what is not drawn
constexpr int colorSteps = 64;         // what differs by less has one colour
constexpr double labelMargin = 1;      // of a cell
constexpr double smallestLabel = 4;    // of a font in a cell
constexpr int leastLetters = 3;        // that a cell must have room for
// Beyond this many points outside of what is seen, curves are cut: some viewers give up on far places.
constexpr double farAway = 5000;

class Drawer {
public:
    Drawer(Canvas& canvas, const Figure& figure, const FigureLayout& layout, const TextMetrics& metrics,
           HeatmapImages& images)
        : m_canvas(canvas),
          m_figure(figure),
          m_theme(figure.theme),
          m_layout(layout),
          m_metrics(metrics),
          m_images(images) {}

    void draw(Background background) {
        const QRectF all(QPointF(0, 0), m_layout.size);
        if (background == Background::Filled) m_canvas.rectangle(all, toQColor(m_theme.background));
        if (!m_layout.title.lines.isEmpty())
            title(m_layout.title, {margin, margin + m_metrics.capHeight(m_layout.title.size) + 1}, true,
                  m_theme.foreground);
        if (!m_layout.note.lines.isEmpty()) {
            const double top = all.bottom() - margin - m_layout.note.height(m_metrics);
            title(m_layout.note, {margin, top + m_metrics.ascent(m_layout.note.size)}, false, m_theme.muted);
        }
        drawLegend(m_canvas, m_layout.legend, m_theme, m_metrics);
        if (m_figure.colorScale && m_layout.colorBar) colorBar(*m_figure.colorScale, *m_layout.colorBar);
        for (std::size_t i = 0; i < m_layout.panels.size(); ++i) drawPanel(static_cast<int>(i));
    }

private:
    QColor ink() const { return toQColor(m_theme.foreground); }

    void title(const TitleLayout& text, QPointF at, bool bold, const Color& color) {
        for (const auto& line : text.lines) {
            m_canvas.text(at, line, {text.size, bold, toQColor(color), Anchor::Start, 0});
            at.ry() += m_metrics.lineHeight(text.size);
        }
    }

    void drawPanel(int index) {
        const Panel& panel = m_figure.panels[static_cast<std::size_t>(index)];
        const PanelLayout& layout = m_layout.panels[static_cast<std::size_t>(index)];
        m_canvas.beginGroup("panel");
        title(layout.title, layout.titlePlace, true, m_theme.foreground);
        if (const auto* space = std::get_if<Plot3D>(&panel.plot)) {
            drawPlot3(m_canvas, *space, layout, m_theme, m_metrics);
            if (layout.colorBar) colorBar(*space->colorScale, *layout.colorBar);
        } else if (const auto* heatmap = std::get_if<HeatmapPlot>(&panel.plot)) {
            cells(index, *heatmap, layout);
            axes(layout, true);
            if (layout.colorBar) colorBar(heatmap->colorScale, *layout.colorBar);
        } else if (const auto* curves = std::get_if<CurvePlot>(&panel.plot)) {
            grid(layout, true);
            drawCurves(*curves, layout);
            axes(layout, false);
        } else if (const auto* bars = std::get_if<BarPlot>(&panel.plot)) {
            grid(layout, false);
            drawBars(*bars, layout);
            axes(layout, false);
        }
        drawLegend(m_canvas, layout.legend, m_theme, m_metrics);
        m_canvas.endGroup();
    }

    void grid(const PanelLayout& layout, bool horizontal) {
        Polylines lines;
        for (const auto& tick : horizontal ? layout.yTicks : layout.xTicks) {
            if (tick.label.isEmpty()) continue;
            if (horizontal)
                lines.push_back(QPolygonF{
                    {QPointF(layout.plot.left(), tick.place), QPointF(layout.plot.right(), tick.place)}});
            else
                lines.push_back(QPolygonF{
                    {QPointF(tick.place, layout.plot.top()), QPointF(tick.place, layout.plot.bottom())}});
        }
        if (!lines.empty()) m_canvas.lines(lines, {toQColor(m_theme.grid), gridWidth});
    }

    void axes(const PanelLayout& layout, bool framed) {
        const QRectF& plot = layout.plot;
        m_canvas.beginGroup("axes");
        Polylines lines;
        if (framed) {
            lines.push_back(QPolygonF{
                {plot.topLeft(), plot.topRight(), plot.bottomRight(), plot.bottomLeft(), plot.topLeft()}});
        } else {
            lines.push_back(QPolygonF{{plot.topLeft(), plot.bottomLeft(), plot.bottomRight()}});
        }
        for (const auto& tick : layout.xTicks)
            lines.push_back(QPolygonF{
                {QPointF(tick.place, plot.bottom()), QPointF(tick.place, plot.bottom() + tick.length)}});
        for (const auto& tick : layout.yTicks)
            lines.push_back(QPolygonF{
                {QPointF(plot.left(), tick.place), QPointF(plot.left() - tick.length, tick.place)}});
        m_canvas.lines(lines, {ink(), tickWidth});

        const double height = m_metrics.capHeight(type::tick);
        const double below = plot.bottom() + tickLength + labelGap + height;
        for (const auto& tick : layout.xTicks)
            if (!tick.label.isEmpty())
                m_canvas.text({tick.place, below}, tick.label, {type::tick, false, ink(), Anchor::Middle, 0});
        double widest = 0;
        for (const auto& tick : layout.yTicks) {
            if (tick.label.isEmpty()) continue;
            widest = std::max(widest, m_metrics.width(tick.label, type::tick));
            m_canvas.text({plot.left() - tickLength - labelGap, tick.place + height / 2}, tick.label,
                          {type::tick, false, ink(), Anchor::End, 0});
        }
        QPointF at(0, below + titleGap + m_metrics.ascent(layout.xTitle.size));
        for (const auto& line : layout.xTitle.lines) {
            // Centred under the plot, as far as the panel has room on both sides.
            const double half = m_metrics.width(line, layout.xTitle.size) / 2;
            at.setX(std::min(std::max(plot.center().x(), layout.outer.left() + half),
                             layout.outer.right() - half));
            m_canvas.text(at, line, {layout.xTitle.size, false, ink(), Anchor::Middle, 0});
            at.ry() += m_metrics.lineHeight(layout.xTitle.size);
        }
        standingTitle(layout.yTitle, plot.left() - tickLength - labelGap - widest - titleGap, true,
                      plot.center().y(), layout.outer);
        m_canvas.endGroup();
    }

    /// A title read from below, its nearest side at `edge`; `leftward`: its lines go on to the left.
    void standingTitle(const TitleLayout& text, double edge, bool leftward, double middle,
                       const QRectF& outer) {
        const double line = m_metrics.lineHeight(text.size);
        const double count = static_cast<double>(text.lines.size());
        const double first = leftward ? edge - (count - 1) * line - m_metrics.descent(text.size)
                                      : edge + m_metrics.ascent(text.size);
        for (qsizetype i = 0; i < text.lines.size(); ++i) {
            const double half = m_metrics.width(text.lines[i], text.size) / 2;
            const double y = std::min(std::max(middle, outer.top() + half), outer.bottom() - half);
            m_canvas.text({first + static_cast<double>(i) * line, y}, text.lines[i],
                          {text.size, false, ink(), Anchor::Middle, 90});
        }
    }

    void cells(int index, const HeatmapPlot& plot, const PanelLayout& layout) {
        const QRect range = visibleCells(plot);
        if (range.isEmpty()) return;
        const QRectF target(QPointF(layout.x.place(range.left() - 0.5), layout.y.place(range.bottom() + 0.5)),
                            QPointF(layout.x.place(range.right() + 0.5), layout.y.place(range.top() - 0.5)));
        const double scale = m_canvas.pixelsPerPoint();
        const auto pixels = [&](double points, int count) {
            return scale > 0 ? static_cast<int>(std::lround(std::min<double>(points * scale, count))) : count;
        };
        m_canvas.beginGroup("cells");
        m_canvas.beginClip(layout.plot);
        m_canvas.image(target,
                       m_images.image(index, plot, m_theme, range, pixels(target.width(), range.width()),
                                      pixels(target.height(), range.height())));
        cellLabels(plot, layout, range);
        m_canvas.endClip();
        m_canvas.endGroup();
    }

    /// In the cells that have room for at least a few letters, in black or white, whichever is read better.
    void cellLabels(const HeatmapPlot& plot, const PanelLayout& layout, const QRect& range) {
        if (plot.labels.empty()) return;
        const double width = std::abs(layout.x.place(1) - layout.x.place(0)) - 2 * labelMargin,
                     height = std::abs(layout.y.place(1) - layout.y.place(0)) - labelMargin;
        const double size = std::min(type::tick, height / 1.25);
        if (size < smallestLabel || width < leastLetters * size * 0.5) return;
        for (int row = range.top(); row <= range.bottom(); ++row)
            for (int column = range.left(); column <= range.right(); ++column) {
                const auto& label = plot.labels[static_cast<std::size_t>(row * plot.values.cols() + column)];
                if (label.empty()) continue;
                const QString text = m_metrics.elided(QString::fromStdString(label), size, false, width);
                const Color cell =
                    scaleColor(plot.colorScale, double(plot.values(row, column)), m_theme.missing);
                const bool light = 0.2126F * cell.r + 0.7152F * cell.g + 0.0722F * cell.b > 0.45F;
                m_canvas.text({layout.x.place(column), layout.y.place(row) + 0.36 * size}, text,
                              {size, false, light ? Qt::black : Qt::white, Anchor::Middle});
            }
    }

    QColor barColor(const ColorScale& scale, double share) const {
        return toQColor(scaleColor(scale, scale.low + share * (scale.high - scale.low), m_theme.missing));
    }

    void colorBar(const ColorScale& scale, const ColorBarLayout& layout) {
        const QRectF bar = layout.rect;
        m_canvas.beginGroup("color bar");
        const QColor low = barColor(scale, 0);
        const QColor high = barColor(scale, 1);
        QPolygonF outline{{bar.bottomLeft()}};
        if (scale.clipsLow) {
            const QPointF tip(bar.center().x(), bar.bottom() + bar.width());
            m_canvas.polygons({QPolygonF{{bar.bottomLeft(), tip, bar.bottomRight()}}}, low);
            outline << tip;
        }
        outline << bar.bottomRight() << bar.topRight();
        if (scale.clipsHigh) {
            const QPointF tip(bar.center().x(), bar.top() - bar.width());
            m_canvas.polygons({QPolygonF{{bar.topLeft(), tip, bar.topRight()}}}, high);
            outline << tip;
        }
        outline << bar.topLeft() << bar.bottomLeft();
        // Each step reaches to the top and is covered by the next: no seams between them.
        const int steps = std::clamp(static_cast<int>(bar.height()), 16, 256);
        for (int i = 0; i < steps; ++i) {
            const QRectF step(bar.left(), bar.top(), bar.width(), bar.height() * (steps - i) / steps);
            m_canvas.rectangle(step, barColor(scale, (i + 0.5) / steps));
        }
        Polylines lines{outline};
        const double height = m_metrics.capHeight(type::tick);
        double widest = 0;
        for (const auto& tick : layout.ticks)
            lines.push_back(
                QPolygonF{{QPointF(bar.right(), tick.place),
                           QPointF(bar.right() + std::min(tick.length, barTickLength), tick.place)}});
        m_canvas.lines(lines, {ink(), tickWidth});
        for (const auto& tick : layout.ticks) {
            if (tick.label.isEmpty()) continue;
            widest = std::max(widest, m_metrics.width(tick.label, type::tick));
            m_canvas.text({bar.right() + barTickLength + labelGap, tick.place + height / 2}, tick.label,
                          {type::tick, false, ink(), Anchor::Start, 0});
        }
        standingTitle(layout.title, bar.right() + barTickLength + labelGap + widest + labelGap, false,
                      bar.center().y(), layout.outer);
        m_canvas.endGroup();
    }

    /// The runs of finite points of a curve, kept within reach of the page.
    Polylines runs(const std::vector<double>& xs, const std::vector<double>& ys,
                   const PanelLayout& layout) const {
        Polylines lines;
        QPolygonF run;
        const auto end = [&] {
            if (run.size() > 1) lines.push_back(run);
            run.clear();
        };
        for (std::size_t i = 0; i < std::min(xs.size(), ys.size()); ++i) {
            const QPointF at = place(xs[i], ys[i], layout);
            if (std::isfinite(at.x()) && std::isfinite(at.y()))
                run << at;
            else
                end();
        }
        end();
        return lines;
    }

    QPointF place(double x, double y, const PanelLayout& layout) const {
        const auto near = [](double value) {
            return std::isnan(value) ? value : std::clamp(value, -farAway, farAway);
        };
        return {near(layout.x.place(x)), near(layout.y.place(y))};
    }

    void drawCurves(const CurvePlot& plot, const PanelLayout& layout) {
        m_canvas.beginGroup("curves");
        m_canvas.beginClip(layout.plot.adjusted(-2, -2, 2, 2));
        for (const auto& curve : plot.curves) {
            Polylines bands;
            // Each run of points where both ends of the band are finite is one polygon.
            QPolygonF upper, lower;
            const auto end = [&] {
                if (upper.size() > 1) {
                    std::reverse(lower.begin(), lower.end());
                    bands.push_back(upper + lower);
                }
                upper.clear();
                lower.clear();
            };
            for (std::size_t i = 0; i < std::min({curve.x.size(), curve.low.size(), curve.high.size()});
                 ++i) {
                const QPointF a = place(curve.x[i], curve.high[i], layout);
                const QPointF b = place(curve.x[i], curve.low[i], layout);
                if (std::isfinite(a.y()) && std::isfinite(b.y())) {
                    upper << a;
                    lower << b;
                } else {
                    end();
                }
            }
            end();
            if (!bands.empty()) m_canvas.polygons(bands, toQColor(curve.color, bandOpacity));
        }
        for (const auto& curve : plot.curves) {
            const QColor color = toQColor(curve.color, curve.style.opacity);
            if (!curve.values.empty()) {
                if (curve.line) drawColored(curve, layout);
                if (curve.markers) drawColoredMarkers(curve, layout);
                continue;
            }
            const auto lines = curve.line ? runs(curve.x, curve.y, layout) : Polylines{};
            if (!lines.empty()) m_canvas.lines(lines, {color, curve.style.width, curve.style.dash});
            if (curve.markers)
                for (std::size_t i = 0; i < std::min(curve.x.size(), curve.y.size()); ++i)
                    if (std::isfinite(curve.y[i]))
                        m_canvas.marker(MarkerShape::Disc, place(curve.x[i], curve.y[i], layout),
                                        curve.markerSize, color);
        }
        m_canvas.endClip();
        m_canvas.endGroup();
    }

    /// A line whose colour changes along it: what has one colour, to within 1/64 of the scale, is one path.
    void drawColored(const Curve& curve, const PanelLayout& layout) {
        constexpr int steps = colorSteps;
        const ColorScale scale = m_figure.colorScale.value_or(ColorScale{});
        std::map<int, Polylines> pieces;
        for (std::size_t i = 0; i + 1 < std::min({curve.x.size(), curve.y.size(), curve.values.size()});
             ++i) {
            const QPointF a = place(curve.x[i], curve.y[i], layout);
            const QPointF b = place(curve.x[i + 1], curve.y[i + 1], layout);
            const double share =
                ((curve.values[i] + curve.values[i + 1]) / 2 - scale.low) / (scale.high - scale.low);
            if (!std::isfinite(a.x() + a.y() + b.x() + b.y() + share)) continue;
            auto& lines = pieces[static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * (steps - 1)))];
            if (!lines.empty() && lines.back().back() == a)
                lines.back() << b;
            else
                lines.push_back(QPolygonF{{a, b}});
        }
        for (const auto& [step, lines] : pieces) {
            QColor color = barColor(scale, step / (steps - 1.0));
            color.setAlphaF(static_cast<float>(curve.style.opacity));
            m_canvas.lines(lines, {color, curve.style.width, curve.style.dash, true});
        }
    }

    void drawColoredMarkers(const Curve& curve, const PanelLayout& layout) {
        const ColorScale scale = m_figure.colorScale.value_or(ColorScale{});
        std::vector<Disc> discs;
        for (std::size_t i = 0; i < std::min({curve.x.size(), curve.y.size(), curve.values.size()}); ++i) {
            const QPointF at = place(curve.x[i], curve.y[i], layout);
            const double share = (curve.values[i] - scale.low) / (scale.high - scale.low);
            if (!std::isfinite(at.x() + at.y() + share)) continue;
            const double step = std::round(std::clamp(share, 0.0, 1.0) * (colorSteps - 1)) / (colorSteps - 1);
            QColor color = barColor(scale, step);
            color.setAlphaF(static_cast<float>(curve.style.opacity));
            discs.push_back({at, color});
        }
        m_canvas.discs(discs, curve.markerSize);
    }

    void drawBars(const BarPlot& plot, const PanelLayout& layout) {
        if (plot.bars.empty()) return;
        m_canvas.beginGroup("bars");
        const double row = std::abs(layout.y.place(1) - layout.y.place(0));
        const double thick = row * 0.76 / static_cast<double>(std::max<std::size_t>(plot.series.size(), 1));
        const double room = layout.plot.left() - layout.outer.left() - 2 * labelGap;
        // Where rows are lower than the type, only some are labelled.
        const double size = type::tick;
        const int every = std::max(1, static_cast<int>(std::ceil(1.1 * size / row)));
        for (std::size_t i = 0; i < plot.bars.size(); ++i) {
            const auto& bar = plot.bars[i];
            const double middle = layout.y.place(static_cast<double>(i));
            double top = middle - row * 0.38;
            for (std::size_t k = 0; k < bar.values.size() && k < plot.colors.size(); ++k, top += thick) {
                if (!std::isfinite(bar.values[k])) continue;
                const double end =
                    std::clamp(layout.x.place(bar.values[k]), layout.plot.left(), layout.plot.right());
                if (end > layout.plot.left())
                    m_canvas.rectangle(QRectF(layout.plot.left(), top, end - layout.plot.left(), thick),
                                       toQColor(plot.colors[k]));
            }
            if (static_cast<int>(i) % every != 0) continue;
            const QString label = m_metrics.elided(readable(bar.label), size, false, room);
            m_canvas.text({layout.plot.left() - 2 * labelGap, middle + m_metrics.capHeight(size) / 2}, label,
                          {size, false, ink(), Anchor::End, 0});
        }
        m_canvas.endGroup();
    }

    Canvas& m_canvas;
    const Figure& m_figure;
    const Theme& m_theme;
    const FigureLayout& m_layout;
    const TextMetrics& m_metrics;
    HeatmapImages& m_images;
};

}  // namespace

void drawLegend(Canvas& canvas, const LegendLayout& legend, const Theme& theme, const TextMetrics& metrics) {
    const QColor ink = toQColor(theme.foreground);
    if (legend.entries.empty()) return;
    canvas.beginGroup("legend");
    if (legend.inside) canvas.rectangle(legend.rect, toQColor(theme.background, 0.85));
    for (const auto& entry : legend.entries) {
        const QPointF a = entry.place;
        const QPointF b = a + QPointF(sampleWidth, 0);
        const QPointF middle = (a + b) / 2;
        const double strength = entry.hidden ? hiddenOpacity : 1;
        if (entry.band)
            canvas.rectangle(QRectF(a.x(), a.y() - 3, sampleWidth, 6), toQColor(*entry.band, bandOpacity));
        if (entry.line && entry.line->color)
            canvas.lines({QPolygonF{{a, b}}},
                         {toQColor(*entry.line->color, strength), entry.line->width, entry.line->dash});
        if (entry.square)
            canvas.rectangle(QRectF(middle.x() - 3.5, a.y() - 3, 7, 6), toQColor(*entry.square));
        if (entry.marker) canvas.marker(*entry.marker, middle, curveMarker, toQColor(entry.markerColor));
        canvas.text(b + QPointF(sampleGap, metrics.capHeight(type::legend) / 2), entry.text,
                    {type::legend, false, entry.hidden ? toQColor(theme.muted) : ink, Anchor::Start, 0});
        if (entry.hidden)  // struck through
            canvas.lines({QPolygonF{{b + QPointF(sampleGap, 0), a + QPointF(entry.width, 0)}}},
                         {toQColor(theme.muted), gridWidth});
    }
    canvas.endGroup();
}

const QImage& HeatmapImages::image(int index, const HeatmapPlot& plot, const Theme& theme, const QRect& cells,
                                   int width, int height) {
    if (m_entries.size() <= static_cast<std::size_t>(index))
        m_entries.resize(static_cast<std::size_t>(index) + 1);
    auto& entry = m_entries[static_cast<std::size_t>(index)];
    if (entry.image.isNull() || entry.cells != cells || entry.width != width || entry.height != height)
        entry = {cells, width, height, heatmapImage(plot, theme, cells, width, height)};
    return entry.image;
}

void drawFigure(Canvas& canvas, const Figure& figure, const FigureLayout& layout, const TextMetrics& metrics,
                HeatmapImages& images, Background background) {
    Drawer(canvas, figure, layout, metrics, images).draw(background);
}

}  // namespace rheo
