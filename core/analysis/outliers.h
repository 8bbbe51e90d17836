#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/analysis/trace_view.h"
#include "core/base/progress.h"

namespace rheo {

/// Units that stand out of the others by their size (massive activations: Sun et al. 2024, arXiv 2402.17762):
/// those whose RMS over all usable rows and points, raw, has a robust z above `z`, ascending. The z is of the
/// logarithm, as sizes of units differ by factors: (ln rms - median) / (1.4826 median absolute deviation).
/// Units that are 0 everywhere, or masked already, are left aside. Nothing stands out where all sizes are the
/// same. One pass over the view, in float64. Throws Error(InvalidArgument) for a z that is not above 0, and
/// as usableRows.
std::vector<std::int64_t> outlierUnits(const TraceView& view, double z, Progress& progress);

/// When a unit or row is an outlier. Of 5,200 random walks with Gaussian steps (20 to 600 rows of 64 to 256
/// units; in half of them rows and units of different sizes) none had any; of walks with steps of Student's t
/// with 3 degrees of freedom and sizes alike, which are dominated by single steps, more than half have
/// (tests/bench, calibrate_outliers).
struct OutlierOptions {
    double unitZ = 8, rowZ = 8;
    /// The spread that a z is in units of is at least this: what stands out by less than a factor of
    /// exp(z * leastSpread), about 3.3, is no outlier, however alike the others are.
    double leastSpread = 0.15;
};

struct Outlier {
    std::int64_t index = 0;  ///< of the unit, or of the row in the view
    double z = 0;            ///< the greatest over points
    double share = 0;        ///< of the sum of all squared values, 0 to 1
};

/// Units and rows of a view that are far larger than the others at any point: a robust z (as above) above the
/// threshold, of the ln RMS over rows of a unit, across units; and of the ln RMS over units of a row, across
/// rows. Raw values, whatever the scaling.
struct Outliers {
    std::vector<Outlier> units, rows;    ///< ascending
    double unitShare = 0, rowShare = 0;  ///< of the sum of all squared values, together
    bool none() const { return units.empty() && rows.empty(); }
};
/// One pass over the view, in float64; holds points * (units + rows) numbers. Throws as usableRows.
Outliers findOutliers(const TraceView& view, const OutlierOptions& options, Progress& progress);

/// The view with its outliers left out. Throws Error(InvalidArgument) if nothing is left.
TraceView withoutOutliers(const TraceView& view, const Outliers& outliers);

/// "unit 7 (99.8 % of the squared norm) and 5 of 40 rows (sample 3 position 0, ...; 12 % of it)".
std::string describeOutliers(const TraceView& view, const Outliers& outliers);

}  // namespace rheo
