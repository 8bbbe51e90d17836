#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/array.h"
#include "core/base/index.h"
#include "core/base/residual_point.h"
#include "core/figure/figure.h"

namespace rheo {

/// What trajectories are drawn from. Refers to the scores; they must outlive the call.
struct TrajectoryInput {
    const Array3F& scores;              ///< [row, point, k]; a row with a NaN is left out
    VectorD explained;                  ///< [k], share of the variance, 0 to 1; empty: not known
    std::vector<ResidualPoint> points;  ///< [point]
    /// For the legend ("sample 3, token 17"); empty: rows are numbered.
    std::function<std::string(RowIndex)> rowName = {};
    /// [row] what it is coloured by, or empty: a kind ("code"), each with a colour and a line in the legend,
    /// or a number, on a scale.
    std::vector<std::string> rowKinds = {};
    std::vector<double> rowNumbers = {};
    std::string numberTitle = {};             ///< of that scale
    std::vector<std::string> axisNames = {};  ///< [k] of axes of one's own; empty: PC1, PC2, ...
    /// [k] what each means, for the note: "toward ' Paris'; against ' the'"; empty: not known.
    std::vector<std::string> axisMeanings = {};
    /// [row, point] what each state is coloured by, on the scale of numberTitle; or empty.
    MatrixF stateNumbers = {};
};

/// What the paths of rows are coloured by; kinds and numbers are given with the scores.
enum class RowColor {
    Depth,
    Group,
    Token,
    Position,
    Sample,
    Named,
    Surprise,
    Column,
    Component,  ///< each state by its score along a component of the basis
    Direction,  ///< each state by its score along a direction from elsewhere
    Nothing
};

/// What the axes hold: all states that are drawn, or along each axis the middle 98 % of them.
enum class AxisLimits { All, Robust };
/// Mean paths of kinds of rows (of all rows, where no kinds are given), alone or with the standard deviation
/// along each axis.
enum class GroupMeans { None, Mean, Spread };

/// Paths that are no rows, as one set of lines: those of generated tokens.
struct MorePaths {
    std::string name;             ///< in the legend
    bool changed = false;         ///< in the colour of teleported paths, else of natural ones
    std::vector<MatrixD> scores;  ///< of each [point, k]
};

/// Arrows in the plane of two components, as those of a flow.
struct PlaneArrows {
    std::string name;               ///< in the legend
    std::array<int, 2> axes{0, 1};  ///< the components
    VectorD through;                ///< [k] scores of a state in the plane
    MatrixD segments;               ///< [arrow, 4] scores of both ends along the two components
};

struct TrajectoryOptions {
    Theme theme = lightTheme();
    std::array<int, 3> components{0, 1, 2};  ///< which scores are the axes
    std::vector<RowIndex> rows;              ///< shown, in this order; empty: all
    std::optional<RowIndex> selected;        ///< drawn heavier, with its points as markers
    /// Drawn heavier, in front of the other rows, which are faint and grey; of them, only those that are
    /// shown. Empty: all rows alike.
    std::vector<RowIndex> strong;
    bool strongMean = false;   ///< also the mean path of the strong rows
    bool onlyStrong = false;   ///< the other rows are not drawn, where there are strong ones
    MatrixD followed;          ///< [point, k] scores of a path that is no row, dashed; or empty
    std::string followedName;  ///< for the legend
    std::vector<MorePaths> more = {};
    std::optional<PlaneArrows> arrows = {};  ///< drawn where both components are among the axes
    std::optional<PointIndex> highlighted;   ///< every row marked at this point
    bool mean = true;                        ///< also the mean path of the rows shown
    GroupMeans groupMeans = GroupMeans::None;
    AxisLimits limits = AxisLimits::All;
    PointIndex firstPoint{0};             ///< paths begin here
    std::optional<PointIndex> lastPoint;  ///< and end here; none: at the last one
    /// Of more rows than this, as many are drawn, evenly spaced, and the note says so; 0: all are drawn. The
    /// strong and the selected ones always are.
    std::size_t mostRows = 5000;
    bool firstTokens = true;             ///< rows of the first token of a sample are shown (rowsShown)
    RowColor colorBy = RowColor::Depth;  ///< but for depth: by kinds or numbers where given, else muted
    std::map<std::int32_t, std::string> tokenTexts = {};  ///< names kinds that are tokens; or empty
    /// Rows with a name, for RowColor::Named; a row of several has the first name.
    std::vector<std::pair<std::string, std::vector<RowIndex>>> namedRows = {};
    std::string column = {};         ///< of the prompts, for RowColor::Column
    int colorComponent = 0;          ///< for RowColor::Component
    std::string directionName = {};  ///< for RowColor::Direction
    VectorF direction = {};          ///< [unit] likewise, of any length but zero
    /// Legend keys of what is not drawn: "kind:NAME", with its mean; "others", the kinds without a colour;
    /// and "mean", of all rows. Axes and colours are as if all were drawn; the mean is of what is.
    std::vector<std::string> hidden = {};
    bool listHidden = false;  ///< what is hidden stays in the legend, pale: for a window, to bring it back
    std::vector<double> surprise = {};  ///< [row] for RowColor::Surprise, nats; NaN: no token follows
    ColorMap map = ColorMap::Viridis;
    std::optional<Camera> camera;  ///< none: the default direction, the whole box in view
};

/// Every row as a curve through depth in three components; picking answers rows (lines) and points
/// (markers of the selected row). Kinds have a colour each, the most frequent first; those beyond
/// the theme's colours share a grey one. Throws Error(InvalidArgument) for components, rows or points that
/// the scores do not have, and Error(Mismatch) for names or shares of another length. Cost: one pass over the
/// scores of the rows shown.
Figure trajectoryFigure(const TrajectoryInput& input, const TrajectoryOptions& options);

/// A teleport in the space of a trajectory figure.
struct TeleportOverlay {
    PointIndex point;        ///< where the state was put in: the first of the paths
    MatrixD natural;         ///< [q, k] scores of the natural path
    MatrixD teleported;      ///< [q, k]
    Array3F controls;        ///< [direction, q, k] paths of random pushes of the same size, or empty
    bool extendAxes = true;  ///< grow the box to hold the paths; not while something is being dragged
    std::string name = {};   ///< of the teleported path in the legend; empty: "teleported"
    /// Which of several that are compared it is, from 0: it has the colour and the dash of comparedLook().
    std::optional<int> compared = {};
};

/// How the teleport at place `i` of several is drawn: five colours, then the same five dashed. Width and
/// opacity are the defaults.
LineStyle comparedLook(const Theme& theme, int i);

/// Adds the natural path as a ghost, the teleported path with its points, the push between them, and the
/// controls to the 3D plot of `figure`, which trajectoryFigure made with the same options.
/// Throws Error(Mismatch) for paths of different shapes, Error(InvalidArgument) for a figure without
/// a 3D plot.
void addTeleport(Figure& figure, const TeleportOverlay& overlay, const TrajectoryOptions& options);

}  // namespace rheo
