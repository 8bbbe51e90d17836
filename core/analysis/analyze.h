#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/analysis/autoencoder.h"
#include "core/analysis/correlation.h"
#include "core/analysis/density.h"
#include "core/analysis/motion.h"
#include "core/analysis/mutual_information.h"
#include "core/analysis/nulls.h"
#include "core/analysis/pca.h"
#include "core/analysis/rotation.h"
#include "core/analysis/surrogates.h"

namespace rheo {

/// What is computed together, and beside which surrogates. Threads and memory here stand for those of the
/// single statistics.
struct AnalysisOptions {
    std::optional<DensityParameters> density = {};
    std::optional<CorrelationParameters> correlation = {};
    std::optional<MotionParameters> motion = {};
    std::optional<RotationParameters> rotation = {};
    std::optional<MutualInformationOptions> mutualInformation = {};
    std::optional<PcaOptions> pca = {};
    std::vector<NullKind> nulls = {};
    int repeats = 200;       ///< of each null
    std::uint64_t seed = 0;  ///< of the surrogates
    int threads = 0;
    std::size_t memoryBytes = std::size_t{1} << 30;
    /// A stop that comes after the observed statistics are finished gives what is: those, and the nulls with
    /// all of their repeats. Without it, and before, Cancelled is thrown.
    bool keepFinished = false;
};

/// Those that were asked for. Of a surrogate: without maps and participation ratio (density), matrix
/// (correlation), histograms and rows (rotation), and of a PCA only `basis.explained`.
struct Statistics {
    std::optional<DensityResult> density = {};
    std::optional<CorrelationResult> correlation = {};
    std::optional<MotionResult> motion = {};
    std::optional<RotationResult> rotation = {};
    std::optional<MutualInformationResult> mutualInformation = {};
    std::optional<PcaResult> pca = {};
    std::optional<AutoencoderResult> autoencoder = {};  ///< computed apart, by fitAutoencoder
};

/// A curve that surrogates have as well, by the names of the definitions ("correlation", "mean").
struct StatisticCurve {
    std::string statistic, dataset;
    VectorD values;
};
/// All of them: what is defined along depth or for each unit, and single numbers as one value. Maps of points
/// and units, matrices and the participation ratio have no null.
std::vector<StatisticCurve> curvesOf(const Statistics& statistics);

struct CurveNull {
    std::string null;  ///< "sign_flip"
    std::string statistic, dataset;
    NullSummary summary;
};

struct Analysis {
    Statistics observed;
    std::vector<CurveNull> nulls;  ///< by null, then as curvesOf
    bool stopped = false;          ///< there are fewer nulls than were asked for
};

/// Called for each surrogate, one after the other, repeats of a null in order.
using EachSurrogate = std::function<void(NullKind null, int repeat, const Statistics& statistics)>;

/// What analyze() will read of a trace.
struct ReadForecast {
    std::int64_t bytes = 0;  ///< as the trace stores them, 2 or 4 a value
    double passes = 0;       ///< in reads of the whole trace
};
/// Reads nothing. Exact where all rows can be used, else an upper bound.
ReadForecast forecastReads(const TraceView& view, const AnalysisOptions& options);

/// Statistics of a view, and how they lie among those of surrogates. One pass over the trace serves the
/// observed ones and as many surrogates as the memory holds; more passes are made only where the trace does
/// not fit into half of it. Where it does, the observed ones come first, and then null by null. Results do
/// not depend on threads, nor (but for rounding) on the memory. Throws as RowSource and pca, and
/// Error(InvalidArgument) where a statistic or null is not defined for so few points or rows, naming it.
Analysis analyze(const TraceView& view, const AnalysisOptions& options, Progress& progress,
                 const EachSurrogate& each = {});

}  // namespace rheo
