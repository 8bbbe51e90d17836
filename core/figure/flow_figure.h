#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/residual_point.h"
#include "core/dynamics/flow_result.h"
#include "core/figure/figure.h"

namespace rheo {

/// What a flow is drawn from, beside the flow itself.
struct FlowInput {
    const Flow& flow;
    const std::vector<ResidualPoint>& points;               ///< all of the model
    const std::map<std::int32_t, std::string>& tokenTexts;  ///< may be empty
    /// Of all points, in order of depth, this one among them; empty: there is no other.
    std::vector<const Flow*> all = {};
};

struct FlowOptions {
    Theme theme = lightTheme();
    std::optional<Eigen::Index> steps;  ///< after which the arrows are drawn, 0 to Q - 1 (of flows at several
                                        ///< points as many as there are); none: at the final point
    bool relative = false;              ///< arrows less the natural step
    bool rms = false;                   ///< contraction of states over their RMS
};

/// The displacement of each cell as an arrow from its place, coloured by the divergence (`scale` receives the
/// colours of curves with values). All arrows are drawn at one factor of their length, which `factor`
/// receives, so that the longest just fits between two cells. Throws Error(InvalidArgument) as flowField.
CurvePlot flowArrows(const FlowInput& input, const FlowOptions& options, ColorScale& scale, double& factor);
/// Cells by their likeliest next token: the most frequent ones have a colour and a line in the legend each,
/// all others share one. The natural state is a ring.
CurvePlot flowBasins(const FlowInput& input, const Theme& theme);
/// Mean contraction by depth beside that of random directions of the same norm: their band of 95 %.
CurvePlot flowContraction(const FlowInput& input, const FlowOptions& options);

/// Contraction over as many steps as the arrows have, by the depth at which the grid was put in, beside
/// random directions of the same norm: of flows at several points.
CurvePlot flowContractionByDepth(const FlowInput& input, const FlowOptions& options);

/// Arrows as lines in space, for trajectories: from the state of each cell to where it is after the steps, at
/// the factor that flowArrows has; [line, 4] x and y of both ends, in the two axes.
MatrixD flowSegments(const FlowInput& input, const FlowOptions& options);

/// All of them: arrows, basins and contraction. Throws Error(Mismatch) where the parts do not fit.
Figure flowFigure(const FlowInput& input, const FlowOptions& options);

}  // namespace rheo
