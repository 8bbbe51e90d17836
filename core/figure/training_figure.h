#pragma once

#include <string>
#include <vector>

#include "core/base/array.h"
#include "core/base/residual_point.h"
#include "core/figure/figure.h"

namespace rheo {

/// One curve of each source of a series, along depth or components.
struct TrainingCurve {
    std::string title;
    double first = 0;         ///< where values stand, in points: 0 for points, 0.5 for steps, 1 for turns
    std::vector<VectorD> of;  ///< [source] of [n], all at the places of the first
    bool alongComponents = false;
};

/// One number of each source of a series, NaN where a source has none.
struct TrainingNumber {
    std::string title;
    std::vector<double> values, low, high;  ///< [source], and a 95 % interval
    std::vector<double> nullLow, nullHigh;  ///< [source] 95 % of the null that comes closest
};

/// A series of sources: the training checkpoints of a model, in order. `what` is the title of their axis
/// ("Training step"), and `names` [source] stand on it, evenly spaced. Curves are drawn with one line a
/// source, coloured from the first to the last; numbers against the source, with their intervals and the
/// bands of their nulls.
Figure trainingFigure(const std::string& what, const std::vector<std::string>& names,
                      const std::vector<ResidualPoint>& points, const std::vector<TrainingCurve>& curves,
                      const std::vector<TrainingNumber>& numbers, const Theme& theme);

/// The training step that a name tells: 1000 for "model@step1000", "step_1000", "checkpoint-1000". -1 where
/// it tells none.
double trainingStep(const std::string& name);

}  // namespace rheo
