#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/analysis/point_states.h"
#include "core/analysis/trace_view.h"
#include "core/base/array.h"
#include "core/base/progress.h"
#include "core/statistics/statistic.h"

namespace rheo {

struct LinearStepOptions {
    std::uint64_t seed = 0;  ///< of the folds
    int threads = 0;
    std::size_t memoryBytes = std::size_t{1} << 30;
};

/// How well a linear map predicts each step from the state before it (ANALYSES: linear_step; arXiv
/// 2410.01545). P points. Each number is 1 - squared error / squares about the training mean, both summed
/// over units and over all rows, each predicted by a map that was fitted without its sample: 1 is perfect, 0
/// is no better than the mean, and below 0 is worse. NaN for fewer than 5 samples, or where nothing varies.
struct LinearStepResult {
    VectorD r2;          ///< [P - 1], of the affine map fitted to this step
    VectorD r2Identity;  ///< [P - 1], of the state before the step as the prediction of the state after it
    VectorD r2OneMap;    ///< [P - 1], of one affine map fitted to all steps together, at this step
    std::int64_t excludedRows = 0;
};

/// The samples (sampling_units.h) are put in random order by seed and dealt out to five folds; the rows of a
/// fold are predicted by ridge regression on the other four, states centred by the mean of those. The penalty
/// on the squared entries of the map is 10^-4, 10^-3, .. or 10^4 times the mean eigenvalue (over the units
/// used) of X^T X, X the centred states before the step in the training rows: that with the least squared
/// error on the next fold, of maps fitted to the other three.
///
/// Where there are fewer rows than units, states are first written in an orthonormal basis of what the rows
/// span (from their Gram matrix), which changes no prediction; so matrices have the smaller side, n =
/// min(rows, units), or min(rows * points, units) for the one map. Costs about 110 n^3 + 2 rows n^2
/// multiplications a step, in BLAS. Holds the states of all points if they take an eighth of the memory, else
/// those of two, and goes over the rows twice as often. Throws as RowSource, and Error(InvalidArgument) for
/// fewer than 2 points.
LinearStepResult linearStep(const TraceView& view, const LinearStepOptions& options, Progress& progress);

/// The row of the table of statistics.
struct LinearStep {
    static constexpr StatisticInfo info{
        .name = "linear_step",
        .title = "Linear step",
        .shows = "How well a linear map predicts each state from the one before",
        .cost = CostClass::Slow,
        .leastPoints = 2};
    using Options = LinearStepOptions;
    using Result = LinearStepResult;

    static double nanoseconds(const LinearStepOptions&, const Sizes& sizes, bool observed);
    static void visitOptions(auto&, auto&) {}
    static void visit(auto& io, auto& r) {
        io.curve("r2", r.r2, Along::Steps);
        io.curve("r2_identity", r.r2Identity, Along::Steps);
        io.curve("r2_one_map", r.r2OneMap, Along::Steps);
        io.attribute("excluded_rows", r.excludedRows);
    }
    /// Too few samples, or maps that take more than half of the memory.
    static std::string whyUndefined(const TraceView& view, const LinearStepOptions&, std::size_t memoryBytes);

    class Accumulator {
    public:
        Accumulator(const LinearStepOptions& options, const Computation& all);
        void addTo(Feed& feed) { feed.rows.push_back(&m_states); }
        bool readsAgain() const { return !m_heldAtOnce; }
        LinearStepResult finish(const Again& again, Progress& progress);

        static std::size_t bytes(const LinearStepOptions&, const Computation& all);
        static std::int64_t extraPasses(const LinearStepOptions&, const Computation& all);

    private:
        Computation m_all;
        std::uint64_t m_seed;
        bool m_heldAtOnce;
        PointStates m_states;
    };
};

}  // namespace rheo
