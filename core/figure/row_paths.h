// The paths of rows as lines, for the figure of trajectories.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/figure/trajectory_figure.h"

namespace rheo {

/// Which points of a path are drawn.
struct PointRange {
    std::int64_t first = 0, last = 0;  ///< both are drawn
    std::int64_t count() const { return last - first + 1; }
    bool contains(PointIndex point) const { return point.value() >= first && point.value() <= last; }
};
/// Of paths of `points` points. Throws Error(InvalidArgument) where the options ask for others, or for fewer
/// than two (of a path of one point: for none).
PointRange pointRange(const TrajectoryOptions& options, std::int64_t points);

/// A set without lines, for the legend.
LineSet3 emptyLines(std::string name);
/// Ends the line that was appended to `set.xyz`.
void closeLine(LineSet3& set, std::int64_t tag);
/// Copies the components of one row to `xyz`. False, with nothing copied, if one is not finite.
bool appendPath(const Array3F& scores, std::int64_t row, const std::array<int, 3>& components,
                PointRange range, std::vector<float>& xyz);

/// The paths of rows whose states are finite.
struct RowPaths {
    LineSet3 lines;           ///< tagged by row
    MarkerSet3 section;       ///< their places at the highlighted point
    std::vector<double> sum;  ///< of their places, three a point
    std::int64_t count = 0;
};
/// In the colours of the options; width and opacity are for the caller to set.
RowPaths pathsOf(const std::vector<RowIndex>& rows, const TrajectoryInput& input,
                 const TrajectoryOptions& options, PointRange range);

/// "mean of 40 rows"; `what` the rows are.
LineSet3 meanPath(const std::vector<double>& sum, std::int64_t rows, const std::string& what,
                  const Theme& theme);

/// Lines of one colour and name for each kind of row, the most frequent first; those beyond the colours of
/// the theme together, in grey, before the others.
std::vector<LineSet3> byKind(const LineSet3& lines, const TrajectoryInput& input, const Theme& theme);

/// The mean path of each kind that has a colour, where there are several; and with Spread lines of one
/// standard deviation to each side of it along each axis, at thirteen points at most. Of all rows where there
/// are no kinds (their mean is another option); of kinds of one row there is no spread. Linear in the
/// vertices.
std::vector<LineSet3> groupMeans(const LineSet3& lines, const TrajectoryInput& input,
                                 const TrajectoryOptions& options);

}  // namespace rheo
