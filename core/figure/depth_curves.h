#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/array.h"
#include "core/base/residual_point.h"
#include "core/figure/figure.h"
#include "core/statistics/analyze.h"

namespace rheo {

/// What wrote a step from one point to the next.
enum class StepKind {
    Attention,  ///< from attn_in to mlp_in: inside a block
    Mlp,        ///< from mlp_in to the next block or the end: across blocks
    Whole,      ///< anything else: a block at once, or points that do not say
};
/// [point - 1]. All are Whole unless attention and MLP steps both come.
std::vector<StepKind> stepKinds(const std::vector<ResidualPoint>& points);

/// A statistic along depth. Refers to its values; they must outlive the call.
struct DepthCurve {
    const VectorD& values;               ///< [n]
    const MatrixD* quantiles = nullptr;  ///< [5, n], the first and last bound 95 % of the rows; or none
    std::string statistic, dataset;      ///< "motion", "turning_angle": which nulls are its own
    double first = 0.5;                  ///< where values[0] stands, in points: 0.5 for a step, 1 for a turn
    bool split = true;  ///< two lines, by the kind of the step (of a turn: the step before it)
    bool markers = false;
};

/// Names in the legend; all empty where another panel has them.
struct DepthNames {
    std::string whole, attention, mlp;  ///< of what is observed
    std::string rows;                   ///< of the band of quantiles
    bool nulls = false;                 ///< name the nulls as well
};

/// Attention and MLP steps mostly differ: joined by one line they would make a zigzag, so each kind has a
/// line and colour of its own. Nulls are drawn over them, dashed (of MLP steps dotted), with the band of 95 %
/// of their repeats from 20 repeats on. The title of y is left to the caller. Throws Error(Mismatch) for a
/// curve that does not end before the last point, or lengths that do not fit it.
CurvePlot depthPlot(const DepthCurve& curve, const std::vector<CurveNull>& nulls,
                    const std::vector<ResidualPoint>& points, const Theme& theme, const DepthNames& names);

/// A thin line at 0, beneath all others; nothing where 0 is not on the axis.
void addZeroLine(CurvePlot& plot, const Theme& theme);
/// Makes y logarithmic; what is not above 0 is left out.
void useLogScale(CurvePlot& plot);
/// Draws correlations or cosines at atanh(r), Fisher's z, with ticks that say r: what lies close to 1 is told
/// apart, and what does not is still there. Values beyond +-0.999999 are drawn there.
void useFisherScale(CurvePlot& plot);

/// The colour of a null, the same in every figure: its own where the table of nulls gives it one, which is
/// unlike those of attention and MLP steps; all others share one.
Color nullColor(const Theme& theme, std::string_view null);
/// "sign_flip" as a person reads it: "sign flip".
std::string nullLabel(std::string_view null);
/// Whether it has so many repeats that a band can be drawn (20).
bool hasBand(const CurveNull& null);
/// What the lines and bands of nulls mean, for the small print: "Nulls: ..."; empty where there are none.
std::string nullNote(const std::vector<CurveNull>& nulls);
/// What states are measured in, for the title of an axis: "residual units".
std::string_view unitName(Scaling scaling);
/// Sentences of the small print, those that are not empty.
std::string joinNotes(std::initializer_list<std::string> notes);

}  // namespace rheo
