#pragma once

#include <Eigen/Geometry>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/base/array.h"
#include "core/figure/camera.h"
#include "core/figure/color.h"

namespace rheo {

/// A labelled place on an axis.
struct Tick {
    double value = 0;
    std::string label;  ///< empty: a minor tick, drawn shorter
    int rank = 0;       ///< above 0: drawn shorter, and labelled only where every label has room
};

/// What the whole numbers along an axis stand for.
enum class AxisKind { Values, Points, Units, Tokens };

struct Axis {
    std::string title;  ///< with its unit where it has one: "Distance (residual units)"
    double low = 0;     ///< low < high; what is drawn at the left or bottom end
    double high = 1;
    std::vector<Tick> ticks;
    bool logarithmic = false;  ///< base 10; low > 0
    bool named = false;        ///< ticks are names of places (depth), not round numbers: zooming keeps them
    bool fisher = false;       ///< values are atanh(r) of correlations r, which the ticks say
    AxisKind kind = AxisKind::Values;
    double origin = 0;                   ///< but of Values: where the first of them stands
    std::vector<std::int64_t> ids = {};  ///< but of Values: which one stands at 0, 1, ...; empty: in order
};

/// How numbers become colours, and what the colour bar says. NaN is drawn in the theme's `missing`.
struct ColorScale {
    ColorMap map = ColorMap::Viridis;
    double low = 0;
    double high = 1;
    double mapFrom = 0;  ///< the part of the map that is used, for thin lines whose colours must
    double mapTo = 1;    ///< stand out from the background: `low` has the colour at `mapFrom`
    std::string title;
    std::vector<Tick> ticks;
    bool decades = false;    ///< values are log10 of what ticks and people say: 1, 10, 100
    double blankBelow = 0;   ///< values nearer to 0 than this are drawn as those that are missing
    bool clipsLow = false;   ///< values lie below `low`: that end of the bar is drawn pointed
    bool clipsHigh = false;  ///< values lie above `high`
};

/// The colour of a value: clamped to the ends of the scale; `missing` for NaN and for what is left blank.
Color scaleColor(const ColorScale& scale, double value, const Color& missing);

enum class Dash { Solid, Dashed, Dotted };

struct LineStyle {
    std::optional<Color> color;  ///< none: each vertex by its value on the plot's colour scale
    double width = 1;            ///< points (1/72 inch)
    double opacity = 1;
    Dash dash = Dash::Solid;
};

/// Many polylines in 3D with one style, as one batch: line i is vertices offsets[i] .. offsets[i+1].
struct LineSet3 {
    std::string name;                   ///< in the legend; empty: not there
    std::vector<float> xyz;             ///< [vertex, 3]
    std::vector<float> values;          ///< [vertex], or empty if the style has a colour
    std::vector<std::int32_t> offsets;  ///< [line + 1], first 0
    std::vector<std::int64_t> tags;     ///< [line], what picking answers: the row of the trace
    LineStyle style;
    bool pickable = true;
    int layer = 0;            ///< a higher layer is drawn in front of a lower one, whatever the depth
    std::string legendKey{};  ///< names it where a click in the legend hides it; empty: it always shows
    bool hidden = false;      ///< without lines, and pale in the legend, which can bring it back
};

enum class MarkerShape { Disc, Ring, Diamond, Square };

struct MarkerSet3 {
    std::string name;
    std::vector<float> xyz;          ///< [marker, 3]
    std::vector<float> values;       ///< [marker], or empty if there is a colour
    std::vector<std::int64_t> tags;  ///< [marker], what picking answers: the point of the trace
    std::optional<Color> color;
    MarkerShape shape = MarkerShape::Disc;
    double size = 5;  ///< diameter in points
    bool pickable = true;
    int layer = 0;  ///< as of lines
};

/// Curves and markers in space, equal scale on all axes, seen by a camera.
struct Plot3D {
    std::array<Axis, 3> axes;
    std::vector<LineSet3> lines;
    std::vector<MarkerSet3> markers;
    std::optional<ColorScale> colorScale;
    Camera camera;
    /// Focal point and size are left to whoever draws: the box of the axes fills the view it has.
    bool fitCamera = false;
};

/// The box of a plot's axes, data units.
inline Eigen::AlignedBox3d boxOf(const Plot3D& plot) {
    const auto& [x, y, z] = plot.axes;
    return {Eigen::Vector3d(x.low, y.low, z.low), Eigen::Vector3d(x.high, y.high, z.high)};
}

/// A matrix as coloured cells: column j spans x from j - 0.5 to j + 0.5, row i likewise in y, row 0 at
/// the bottom.
struct HeatmapPlot {
    MatrixF values;                   ///< [y, x]
    std::vector<std::string> labels;  ///< [y, x] row by row: written into cells that have room; or empty
    std::string labelTitle;           ///< what the labels are, for the line under the mouse
    Axis x;
    Axis y;
    ColorScale colorScale;
};

struct Curve {
    std::string name;  ///< in the legend; empty: not there
    std::vector<double> x;
    std::vector<double> y;    ///< NaN breaks the line
    std::vector<double> low;  ///< a band, or empty
    std::vector<double> high;
    std::vector<double> values;  ///< what colours the line along it on the figure's scale; or empty
    std::string bandName;        ///< in the legend: "random directions, 95 %"
    Color color;
    LineStyle style;  ///< its colour is `color`
    bool markers = false;
    bool line = true;                ///< the vertices are joined
    double markerSize = 3.4;         ///< diameter in points
    std::vector<std::int64_t> rows;  ///< [vertex] the row of the trace it is a state of, or empty
};

struct CurvePlot {
    Axis x;
    Axis y;
    std::vector<Curve> curves;
};

/// Horizontal bars with a label each: the most likely next tokens before and after.
struct BarPlot {
    struct Bar {
        std::string label;
        std::vector<double> values;  ///< one a series; NaN: none
    };
    Axis x;
    std::vector<std::string> series;
    std::vector<Color> colors;  ///< one a series
    std::vector<Bar> bars;      ///< from the top
};

struct Panel {
    std::string title;
    std::variant<Plot3D, HeatmapPlot, CurvePlot, BarPlot> plot;
};

/// What is on screen and what is exported: one description for both. Panels fill a grid of `columns`
/// columns row by row. Colours are final: builders take a Theme.
struct Figure {
    std::string title;
    Theme theme;
    int columns = 1;
    std::vector<Panel> panels;
    std::optional<ColorScale> colorScale;  ///< of curves with values; its bar stands beside all panels
    std::string note;                      ///< small print below: source, scaling, nulls
};

/// Ticks at round values (1, 2, 5 times a power of ten), about `count` of them, inside [low, high].
/// Labels have as many digits as tell them apart. None if the range is empty, not finite, or finer than
/// a double can tell.
std::vector<Tick> niceTicks(double low, double high, int count = 6);
/// Ticks of a logarithmic axis inside [low, high], low > 0: powers of ten labelled, about `count` of
/// them, their multiples unlabelled (but 2 and 5 times, rank 1, where there are two decades or less); within
/// one decade as niceTicks.
std::vector<Tick> logTicks(double low, double high, int count = 6);
/// A number as a person writes it, without superfluous digits: "0.25", "1.2e-5", "1,000".
std::string formatNumber(double value, int significant = 3);

}  // namespace rheo
