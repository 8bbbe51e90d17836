#pragma once

#include <array>
#include <functional>
#include <vector>

#include "widgets/paint/canvas.h"
#include "widgets/scene/scene3.h"

namespace rheo {

/// Splits what the exporter would paint of a 3D figure: the lines of the box behind the data become
/// lines of the scene, which draws them under its own; all else goes on to be painted over the picture.
class SplitCanvas final : public Canvas {
public:
    /// `over` may be null: only those lines are wanted. `toWindow` turns places of the figure into pixels of
    /// the window, y up.
    SplitCanvas(Canvas* over, std::function<std::array<double, 2>(const QPointF&)> toWindow,
                double pixelsPerPoint);

    const std::vector<BackdropLine>& backdrop() const { return m_backdrop; }

    void beginGroup(const QString& name) override;
    void endGroup() override;
    void beginClip(const QRectF& rect) override;
    void endClip() override;
    void lines(const Polylines& lines, const Stroke& stroke) override;
    void polygons(const Polylines& polygons, const QColor& fill) override;
    void rectangle(const QRectF& rect, const QColor& fill) override;
    void marker(MarkerShape shape, const QPointF& centre, double diameter, const QColor& color) override;
    void text(const QPointF& at, const QString& text, const TextStyle& style) override;
    void image(const QRectF& rect, const QImage& image) override;
    double pixelsPerPoint() const override { return m_pixelsPerPoint; }

private:
    Canvas* m_over;
    std::function<std::array<double, 2>(const QPointF&)> m_toWindow;
    double m_pixelsPerPoint;
    std::vector<BackdropLine> m_backdrop;
    bool m_inAxes = false;
    bool m_painted = false;
};

}  // namespace rheo
