#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/analysis/covariance.h"
#include "core/analysis/sweep.h"
#include "core/base/array.h"
#include "core/base/progress.h"

namespace rheo {

struct SpectrumRequest {
    int components = 0;    ///< k, the largest
    bool vectors = false;  ///< also their directions
    bool squares = false;  ///< also the sum of all squared eigenvalues
};

/// Of the covariance of states over their count less 1.
struct Spectrum {
    VectorD variance;    ///< [k], the largest eigenvalues
    MatrixD components;  ///< [k, unit], orthonormal rows; the entry of largest magnitude is positive
    double trace = 0;    ///< sum of all eigenvalues
    double squares = 0;  ///< sum of their squares
};

/// The largest eigenvalues of the covariance of states that come in blocks. It is found in one of three ways,
/// by the counts of states and units and by what may be held:
/// - from the covariance [unit, unit], where there are at least as many states as units;
/// - from the Gram matrix [state, state] of the centred states, which has the same eigenvalues, where there
///   are fewer;
/// - where these do not fit: from products of the covariance with few vectors (block_eigen.h), each of which
///   needs the states once more.
/// They agree within rounding (the third within 1e-10 of the largest eigenvalue).
class StateSpectrum final : public StateStatistic {
public:
    enum class Form { Covariance, Gram, Streamed };
    /// `states`: how many will come. `masked`: units that are 0 in all of them.
    StateSpectrum(std::int64_t states, std::int64_t units, std::size_t memoryBytes,
                  std::vector<std::int64_t> masked = {});
    static Form formOf(std::int64_t states, std::int64_t units, std::size_t memoryBytes);
    /// About what one holds until it is solved, and while it is.
    static std::size_t bytes(std::int64_t states, std::int64_t units, std::size_t memoryBytes);
    Form form() const { return m_form; }

    void open(int threads) override;
    void add(Eigen::Ref<MatrixD> states, int threads) override;

    std::int64_t count() const;
    VectorD mean() const;  ///< [unit]
    /// Ends the object's use. `again` feeds the same states in the same order; it is called for the third
    /// form only: about 10 to 30 times for the largest, and units / 64 times or fewer for the squares. Throws
    /// Error(InvalidArgument) for fewer than 2 states.
    Spectrum solve(const SpectrumRequest& request, const FeedStates& again, Progress& progress);

private:
    Spectrum solveGram(const SpectrumRequest& request, const Progress& progress);
    Spectrum solveCovariance(const SpectrumRequest& request, const Progress& progress) const;
    Spectrum solveStreamed(const SpectrumRequest& request, const FeedStates& again, Progress& progress) const;

    Form m_form;
    std::size_t m_memoryBytes;
    std::vector<std::int64_t> m_masked;
    CovarianceSum m_covariance;  ///< Covariance
    MatrixD m_states;            ///< Gram: [state, unit]
    VectorD m_shift;             ///< Streamed: near the mean, so that the sums stay small
    VectorD m_sum;               ///< Gram, and Streamed less the shift
    double m_squares = 0;
    std::int64_t m_count = 0;
};

}  // namespace rheo
