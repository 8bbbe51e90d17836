#pragma once

#include <cstdint>

#include "core/base/array.h"
#include "core/base/progress.h"
#include "core/statistics/mutual_information.h"

namespace rheo {

/// What an estimator of mutual information gives on average for N pairs from a joint Gaussian distribution
/// whose correlation over these N is r: estimates are biased, those of nearest neighbours downwards and by
/// more than a nat as r approaches 1. Given the sample correlation, standardised Gaussian pairs have one
/// distribution, whatever correlation they were drawn with (means, variances and r are sufficient), so that
/// samples made to have exactly this r give the average exactly, but for its standard error.
class GaussianReference {
public:
    /// Simulates: max(8, 60,000 / N) samples of N pairs at each of 40 correlations, the same random numbers
    /// at each. Cost: 2.4 million samples' worth of estimates for N below 7,500 (0.2 s), in parallel.
    GaussianReference(MutualInformationEstimator estimator, int neighbours, std::int64_t count, int threads,
                      const Progress& progress);

    /// The average for pairs of Gaussian information `gaussian` = -0.5 ln(1 - r^2) >= 0, in nats: cubic
    /// interpolation. NaN for NaN.
    double at(double gaussian) const;
    /// The greatest of the averages', in nats: about 0.004 for nearest neighbours.
    double standardError() const { return m_standardError; }

private:
    VectorD m_bias, m_slope;  ///< [correlation], average minus `gaussian`, and its slope on that
    double m_standardError = 0;
};

/// The same, made once for each estimator, number of neighbours and of samples, and kept.
const GaussianReference& gaussianReference(MutualInformationEstimator estimator, int neighbours,
                                           std::int64_t count, int threads, const Progress& progress);

}  // namespace rheo
