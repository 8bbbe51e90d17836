#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/array.h"
#include "core/base/residual_point.h"
#include "core/figure/figure.h"
#include "core/statistics/analyze.h"

namespace rheo {

/// Which of the measures of density by unit and point is shown (ANALYSES: density).
enum class DensityMeasure { Mean, MeanAbs, Rms, ActiveFraction };
/// As the dataset is called: "mean", "mean_abs", "rms", "active_fraction".
std::string_view densityMeasureName(DensityMeasure measure);
std::optional<DensityMeasure> parseDensityMeasure(std::string_view name);

struct DensityOptions {
    Theme theme = lightTheme();
    DensityMeasure measure = DensityMeasure::Mean;
    Scaling scaling = Scaling::Raw;         ///< of the states, for the title of the colour bar
    std::vector<std::int64_t> maskedUnits;  ///< left out of the analysis: drawn as missing
    bool sorted = true;                     ///< units by their mean at the last point, else as they are
    ColorMap map = ColorMap::Viridis;       ///< of measures that are never negative
    std::optional<double> limit;            ///< the colour scale ends here; none: where 99 % of the cells are
};

/// Units (y) by depth (x) as a heatmap. `values` [point, unit] is the measure chosen; `mean` [point, unit] is
/// the mean activation, which sorts the units (may be the same matrix; not read if they are not sorted). The
/// mean has a diverging map centred on 0; cells beyond the limits are shown in the end colours, and the
/// colour bar says so. Throws Error(Mismatch) for shapes that do not fit. Cost: one pass, and a sort of the
/// units.
Figure densityFigure(const MatrixD& values, const MatrixD& mean, const std::vector<ResidualPoint>& points,
                     const DensityOptions& options);

/// The measure that `options` chooses of a result.
Figure densityFigure(const DensityResult& result, const std::vector<ResidualPoint>& points,
                     const DensityOptions& options);

/// The measures of density that have one number a point, a panel each, beside their nulls; what is empty is
/// left out. Throws Error(Mismatch) for lengths that do not fit.
Figure densityCurvesFigure(const DensityResult& result, const std::vector<CurveNull>& nulls,
                           const std::vector<ResidualPoint>& points, const Theme& theme);

}  // namespace rheo
