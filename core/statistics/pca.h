#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/analysis/row_source.h"
#include "core/analysis/state_spectrum.h"
#include "core/analysis/trace_view.h"
#include "core/base/array.h"
#include "core/base/progress.h"
#include "core/statistics/statistic.h"

namespace rheo {

/// A basis that states of any trace of the same width can be projected on: principal components, or axes of
/// one's own (axes.h).
struct PcaBasis {
    VectorD mean;        ///< [unit]
    MatrixD components;  ///< [k, unit], orthonormal rows; the entry of largest magnitude is positive. Of a
                         ///< skew frame rows of length 1
    VectorD variance;    ///< [k], eigenvalues of the covariance (N - 1); of axes the variance along each
    VectorD explained;   ///< [k], share of the total variance
    Scaling scaling = Scaling::Raw;
    /// [k, unit] of a skew frame: dual components^T = 1. Scores are dual (h - mean), so that a change of
    /// score i moves a state along component i alone. Empty: the components themselves.
    MatrixD dual = {};
    std::vector<std::string> names = {};  ///< [k] of axes; empty: PC1, PC2, ...
    /// [k] of axes: the tokens whose logits each raises and lowers most by the unembedding, as a person reads
    /// them ("' Paris', ' Rome'"); empty: not known.
    std::vector<std::string> toward = {}, against = {};
};

/// The rows whose products with h - mean are the scores, [k, unit].
inline const MatrixD& scoreRows(const PcaBasis& basis) {
    return basis.dual.size() > 0 ? basis.dual : basis.components;
}

struct PcaOptions {
    int components = 10;            ///< k; at most min(D, rows * points - 1)
    bool perPointExplained = true;  ///< also each point's own PCA (3 components)
    int threads = 0;
    std::size_t memoryBytes = 1u << 30;  ///< bound on what is held beside the result
};

struct PcaResult {
    PcaBasis basis;
    Array3F scores;             ///< [row, point, k]; NaN for an excluded row
    MatrixD perPointExplained;  ///< [point, 3]
    std::int64_t excludedRows = 0;
};

/// Pooled PCA over all rows and points of `view`, in float64: of the covariance, of the Gram matrix where
/// there are fewer states than units, or by products alone where neither fits into the memory
/// (state_spectrum.h).
PcaResult pca(const TraceView& view, const PcaOptions& options, Progress& progress);
/// The same from the states that a sweep summed, and can feed again; `sum` is of no use afterwards. Reads
/// them for the scores, and by point for perPointExplained. Throws Error(InvalidArgument) for fewer than 2
/// states or 1 component.
PcaResult pcaOf(const RowSource& source, StateSpectrum& sum, const FeedStates& again,
                const PcaOptions& options, Progress& progress);

/// A basis for each point of its own, of the covariance over rows there. P points, D units; k components, at
/// most min(D, rows - 1).
struct PerPointPca {
    MatrixD mean;  ///< [point, unit]
    Array3<double>
        components;     ///< [point, k, unit], orthonormal rows; the entry of largest magnitude is positive
    MatrixD variance;   ///< [point, k], eigenvalues of the covariance (N - 1)
    MatrixD explained;  ///< [point, k], share of the point's variance; NaN where nothing varies
    Array3F scores;     ///< [row, point, k], each point in its own basis; NaN for an excluded row
    Scaling scaling = Scaling::Raw;
    std::int64_t excludedRows = 0;
};

/// PCA of each point alone, in the ways of state_spectrum.h, within half of the memory; costs N D min(N, D) a
/// point where that holds its matrix. Throws as RowSource, and Error(InvalidArgument) for fewer than 2 rows
/// or 1 component.
PerPointPca pcaPerPoint(const TraceView& view, const PcaOptions& options, Progress& progress);

/// PCA fitted on some rows of a view (`fitRows`, of the view), with the scores of all of them.
PcaResult pcaFittedOn(const TraceView& view, const std::vector<std::int64_t>& fitRows,
                      const PcaOptions& options, Progress& progress);

/// A basis that was fitted elsewhere, with the scores of `view`; what it explains is what it explained there.
/// Throws Error(Mismatch) where width or scaling differ.
PcaResult pcaWithBasis(const PcaBasis& basis, const TraceView& view, Progress& progress);

/// Scores of every row and point of `view` in `basis`, [row, point, k].
/// Throws Error(Mismatch) where the widths differ.
/// `bufferBytes`: of what is read at a time. The scores do not depend on `threads`.
Array3F project(const PcaBasis& basis, const TraceView& view, Progress& progress,
                std::size_t bufferBytes = std::size_t{64} << 20, int threads = 0);

/// Scores of single states, [state, unit] to [state, k].
MatrixD project(const PcaBasis& basis, const MatrixF& states);

/// The row of the table of statistics.
struct Pca {
    static constexpr StatisticInfo info{.name = "pca",
                                        .title = "Principal components",
                                        .shows = "The directions in which the states of all points vary most",
                                        .cost = CostClass::Spectra,
                                        .leastStates = 2};
    using Options = PcaOptions;
    using Result = PcaResult;

    static double nanoseconds(const PcaOptions& options, const Sizes& sizes, bool observed);
    static void visitOptions(auto& visitor, auto& options) {
        visitor.whole("components", options.components, 1, 65536, "of the PCA");
        visitor.defined("pca", "pooled");
    }
    static void curvesOnly(PcaOptions& options) { options.perPointExplained = false; }
    static void visitBasis(auto& io, auto& basis, std::int64_t units) {
        io.matrix("components", basis.components, anySize, units);
        io.vector("mean", basis.mean, basis.components.cols());
        io.curve("explained", basis.explained, Along::Components, basis.components.rows());
        io.vector("variance", basis.variance, basis.components.rows());
        io.optional("dual", basis.dual, basis.components.rows(), basis.components.cols());
        io.names("names", basis.names, basis.components.rows());
        io.names("toward", basis.toward, basis.components.rows());
        io.names("against", basis.against, basis.components.rows());
    }
    static void visit(auto& io, auto& r) {
        visitBasis(io, r.basis, io.sizes.units);
        io.scores("scores", r.scores, r.basis.components.rows());
        io.optional("per_point_explained", r.perPointExplained, io.sizes.points, anySize);
        io.attribute("excluded_rows", r.excludedRows);
    }
    static void setScaling(PcaResult& result, Scaling scaling) { result.basis.scaling = scaling; }

    class Accumulator {
    public:
        Accumulator(const PcaOptions& options, const Computation& all);
        void addTo(Feed& feed) { feed.states = &m_spectrum; }
        PcaResult finish(const Again& again, Progress& progress);
        bool readsAgain() const { return m_spectrum.form() == StateSpectrum::Form::Streamed; }
        static std::size_t bytes(const PcaOptions&, const Computation& all) {
            return StateSpectrum::bytes(all.states(), all.source.view().unitCount(), all.memoryBytes / 4);
        }
        /// For the scores.
        static std::int64_t extraPasses(const PcaOptions&, const Computation&) { return 1; }
        static bool usesPointSpectra(const PcaOptions& options) { return options.perPointExplained; }

    private:
        Computation m_all;
        PcaOptions m_options;
        StateSpectrum m_spectrum;
    };
};

}  // namespace rheo
