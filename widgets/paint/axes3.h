#pragma once

#include <QPolygonF>
#include <QRectF>
#include <QString>
#include <array>
#include <optional>
#include <vector>

#include "core/figure/figure.h"
#include "widgets/paint/canvas.h"
#include "widgets/paint/text_metrics.h"

namespace rheo {

/// From data space to the page: `view` is what the camera sees, from the upper to the lower edge.
struct SpaceMap {
    Camera camera;
    QRectF view;
    QPointF place(const Eigen::Vector3d& point) const;
    /// Depth toward the eye, data units.
    double depth(const Eigen::Vector3d& point) const;
};

struct AxisLabel3 {
    QPointF centre;
    QString text;
    double size = 0;
    double angle = 0;  ///< degrees, counter-clockwise
    QPolygonF outline;
    int axis = 0;          ///< 0 to 2, that it belongs to
    bool isTitle = false;  ///< else the label of a tick
};

/// The box around the data as seen: the walls behind the data with their grid, and each axis along an edge of
/// the outline of the box, so that nothing of it lies before the data.
struct Axes3Layout {
    Polylines grid;
    Polylines edges;
    std::array<Polylines, 3> axes;  ///< of each, the edge that carries its ticks; or none
    Polylines ticks;
    std::vector<AxisLabel3> labels;
    QRectF bounds;  ///< of all, labels included
};
Axes3Layout layoutAxes3(const Plot3D& plot, const SpaceMap& map, const TextMetrics& metrics);

/// `plot` with its axes alone, cut to what is seen: where the box with its labels is not all inside `area`,
/// the largest part of it, about what the camera looks at, that is, with ticks of its own. As it is where
/// nothing of the box is near the middle. Cost: a dozen layouts.
Plot3D axesInView(const Plot3D& plot, const SpaceMap& map, const QRectF& area, const TextMetrics& metrics);

/// The camera and view that show `plot` inside `area`: a camera fitted to what the labels leave, if the plot
/// asks for it; else the plot's own, over all of `area`, or over less where it shows the whole box and the
/// labels need room.
SpaceMap placeView(const Plot3D& plot, const QRectF& area, const TextMetrics& metrics);

/// The camera in the direction of `camera` whose view, all of `view`, shows the whole box with its labels a
/// unit inside. Nothing where the view is too small for that. Reads the axes of `plot` only.
std::optional<Camera> fittedToLabels(const Camera& camera, const Plot3D& plot, const QRectF& view,
                                     const TextMetrics& metrics);

}  // namespace rheo
