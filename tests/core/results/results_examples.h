#pragma once

#include <cstdint>
#include <iterator>

#include "core/results/results_file.h"

/// What results hold beside statistics of a sweep, small, for tests of reading and writing them.
namespace examples {

using namespace rheo;

inline Verdict verdictExample() {
    Verdict verdict;
    verdict.key = "density_rises";
    verdict.direction = 1;
    verdict.observed = 0.25;
    verdict.interval = {0.2, 0.3};
    verdict.p = 0.5;
    verdict.pAdjusted = 0.75;
    verdict.samples = verdict.rows = 20;
    verdict.verdict = VerdictKind::Supported;
    return verdict;
}

inline Array3<double> cube(std::int64_t a, std::int64_t b, std::int64_t c, double first) {
    Array3<double> values(a, b, c);
    for (std::size_t i = 0; i < values.data.size(); ++i)
        values.data[i] = first + 0.25 * static_cast<double>(i);
    return values;
}

inline LensResult lensExample(const TraceInfo& info) {
    const auto rows = std::ssize(info.rows), points = std::ssize(info.points);
    LensResult lens;
    lens.topIds = Array3<std::int32_t>(rows, points, 2);
    lens.topProbabilities = Array3F(rows, points, 2);
    for (std::size_t i = 0; i < lens.topIds.data.size(); ++i) {
        lens.topIds.data[i] = static_cast<std::int32_t>(i % 90);
        lens.topProbabilities.data[i] = 1.0F / static_cast<float>(i + 2);
    }
    lens.entropy = MatrixD::Random(rows, points);
    lens.klToFinal = MatrixD::Random(rows, points);
    lens.meanEntropy = VectorD::Random(points);
    lens.meanKlToFinal = VectorD::Random(points);
    lens.rank = MatrixD::Random(rows, points);
    lens.rankedToken = 9;
    lens.excludedRows = 1;
    lens.texts = {{1, "one"}, {2, " two"}, {41, "a longer text than the others have"}};
    return lens;
}

inline JacobianResult jacobianExample() {
    const std::int64_t rows = 2, steps = 5, values = 3;
    JacobianResult result;
    result.rows = {3, 12};
    result.singularValues = cube(rows, steps, values, 1);
    result.eigenvalueReal = cube(rows, steps, values, -1);
    result.eigenvalueImaginary = cube(rows, steps, values, 2);
    result.remainingSingularValues = cube(rows, steps, values, 3);
    for (MatrixD* matrix :
         {&result.effectiveRank, &result.henrici, &result.complexShare, &result.symmetricShare,
          &result.remainingEffectiveRank, &result.cumulativeEffectiveRank, &result.untrainedHenriciRows,
          &result.untrainedCumulativeRankRows})
        *matrix = MatrixD::Random(rows, steps);
    result.lyapunov = MatrixD::Random(rows, values);
    for (VectorD* vector :
         {&result.untrainedHenrici, &result.untrainedSymmetricShare, &result.untrainedComplexShare,
          &result.untrainedEffectiveRank, &result.untrainedCumulativeEffectiveRank})
        *vector = VectorD::Random(steps);
    result.alone = 1;
    return result;
}

inline AutoencoderResult autoencoderExample(const TraceInfo& info) {
    const auto rows = std::ssize(info.rows), points = std::ssize(info.points);
    AutoencoderResult result;
    Autoencoder& model = result.model;
    model.mean = VectorD::Random(info.units);
    model.sd = VectorD::Ones(info.units);
    const std::int64_t widths[] = {info.units, 8, 2, 8, info.units};
    for (std::size_t l = 0; l + 1 < std::size(widths); ++l) {
        model.weights.push_back(MatrixF::Random(widths[l + 1], widths[l]));
        model.biases.push_back(VectorF::Random(widths[l + 1]));
    }
    result.latent = Array3F(rows, points, 2);
    for (std::size_t i = 0; i < result.latent.data.size(); ++i)
        result.latent.data[i] = 0.5F * static_cast<float>(i);
    result.r2 = result.mse = result.pcaR2 = VectorD::LinSpaced(points, 0, 1);
    result.loss = MatrixD::Random(4, 2);
    result.bestEpoch = 3;
    for (std::int64_t n = 0; n < rows; ++n)
        (n % 5 == 0 ? result.validationRows : result.trainRows).push_back(n);
    return result;
}

inline Evidence evidenceExample() {
    Evidence evidence;
    evidence.halves = MatrixD::Random(3, 2);
    evidence.resamples = MatrixD::Random(4, 12);
    evidence.reconstruction.differences = VectorD::Random(7);
    evidence.reconstruction.interval = VectorD::Random(2);
    evidence.attractor.sizes = VectorD::LinSpaced(3, 0.5, 2);
    evidence.attractor.differences = MatrixD::Random(20, 3);
    evidence.attractor.basisShifts = VectorD::Random(5);
    evidence.samples = evidence.rows = 20;
    return evidence;
}

}  // namespace examples
