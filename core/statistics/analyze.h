#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/analysis/nulls.h"
#include "core/analysis/surrogates.h"
#include "core/statistics/table.h"

namespace rheo {

/// What is computed together, and beside which surrogates. Threads and memory here stand for those of the
/// single statistics. Of statistics that no sweep computes the options are passed over.
struct AnalysisOptions : StatisticOptions {
    std::vector<NullKind> nulls = {};
    int repeats = 200;       ///< of each null
    std::uint64_t seed = 0;  ///< of the surrogates
    int threads = 0;
    std::size_t memoryBytes = std::size_t{1} << 30;
    /// A stop gives what is finished by then: statistics, and nulls with the repeats that were made. Without
    /// it, and where nothing is finished, Cancelled is thrown.
    bool keepFinished = false;
};

/// A curve of a statistic by the names of the definitions ("correlation", "mean"); a single number has one
/// value.
struct StatisticCurve {
    std::string statistic, dataset;
    VectorD values;
    Along axis = Along::One;
    bool hasNull = true;  ///< surrogates have it as well
};
/// All curves that surrogates have as well; those that are empty are left out.
std::vector<StatisticCurve> curvesOf(const Statistics& statistics);
/// These, and the curves that have no null, each statistic's together.
std::vector<StatisticCurve> allCurvesOf(const Statistics& statistics);

struct CurveNull {
    std::string null;  ///< "sign_flip"
    std::string statistic, dataset;
    NullSummary summary;
    MatrixD samples = {};  ///< [repeat, value] that it sums up; empty where they were not kept
};

struct Analysis {
    Statistics observed = {};
    std::vector<CurveNull> nulls = {};  ///< by null, then as curvesOf
    bool stopped = false;               ///< there is less than was asked for
};

/// Puts what `from` has in the place of the same in `into`, and keeps the rest.
void merge(Analysis from, Analysis& into);

/// A statistic, or a null, that a view does not define.
struct Undefined {
    std::string name;    ///< "rotation"
    std::string reason;  ///< "it needs at least 3 points, and there is 1"
};
/// Which of those asked for cannot be computed of `view`: too few points, rows or states, or more memory
/// needed than there is.
std::vector<Undefined> undefinedOf(const TraceView& view, const AnalysisOptions& options);
/// The options without them.
AnalysisOptions withoutUndefined(AnalysisOptions options, const std::vector<Undefined>& undefined);

/// What analyze() will read of a trace.
struct ReadForecast {
    std::int64_t bytes = 0;  ///< as the trace stores them, 2 or 4 a value
    double passes = 0;       ///< in reads of the whole trace
    /// Held at once beside the results, about: the rows, where they fit, and the sums of surrogates.
    std::int64_t memoryBytes = 0;
};
/// Reads nothing. Exact where all rows can be used, else an upper bound; without the passes of a PCA whose
/// matrix does not fit into the memory, which are not known before. `known` as for analyze.
ReadForecast forecastReads(const TraceView& view, const AnalysisOptions& options, const Analysis& known = {});

/// Statistics of a view, and how they lie among those of surrogates. One pass over the trace serves the
/// observed ones and as many surrogates as the memory holds; more passes are made only where the trace does
/// not fit into half of it. Where it does, the observed ones come first, and then null by null, so that a
/// stop leaves much. Results do not depend on threads, nor (but for rounding) on the memory.
///
/// `known` is what an earlier analysis of the same view with the same parameters gave: its observed
/// statistics are not computed again, and its nulls are gone on from where their samples end. Repeats are
/// named by seed and number, so that what comes of two runs is what one would have given.
///
/// Throws as RowSource and pca, and Error(InvalidArgument) where a statistic or null is not defined for so
/// few points or rows, naming it, and Error(Mismatch) where the samples of `known` are of curves of other
/// lengths.
Analysis analyze(const TraceView& view, const AnalysisOptions& options, Progress& progress,
                 const Analysis& known = {});

}  // namespace rheo
