#include "core/findings/derivative_verdicts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "core/analysis/student_t.h"
#include "core/base/error.h"

namespace rheo {

namespace {

/// Last quarter of steps less the first, of each row.
VectorD fallOf(const MatrixD& henrici, std::int64_t) {
    const Eigen::Index quarter = std::max<Eigen::Index>(1, henrici.cols() / 4);
    return henrici.rightCols(quarter).rowwise().mean() - henrici.leftCols(quarter).rowwise().mean();
}

VectorD shareOfUnits(const MatrixD& rank, std::int64_t units) {
    return (rank.rightCols(1).array() / static_cast<double>(units)).log().matrix();
}

struct DerivativeFinding {
    const char* key;
    const MatrixD DerivativeEvidence::*values;
    const MatrixD DerivativeEvidence::*untrained;
    VectorD (*measure)(const MatrixD& values, std::int64_t units);
};
constexpr std::array findingsOfDerivatives{
    DerivativeFinding{"non_normality_falls", &DerivativeEvidence::henrici,
                      &DerivativeEvidence::untrainedHenrici, fallOf},
    DerivativeFinding{"low_rank_bottleneck", &DerivativeEvidence::cumulativeRank,
                      &DerivativeEvidence::untrainedCumulativeRank, shareOfUnits}};

/// [sample] the mean over its rows.
VectorD bySample(const VectorD& rows, const std::vector<std::int64_t>& samples) {
    std::map<std::int64_t, std::pair<double, int>> sums;
    for (Eigen::Index i = 0; i < rows.size(); ++i) {
        auto& [sum, count] = sums[samples[static_cast<std::size_t>(i)]];
        sum += rows[i];
        ++count;
    }
    VectorD means(static_cast<Eigen::Index>(sums.size()));
    Eigen::Index i = 0;
    for (const auto& [sample, sum] : sums) means[i++] = sum.first / sum.second;
    return means;
}

std::string whyNot(const Verdict& v, const MatrixD& values, const MatrixD& untrained) {
    if (untrained.size() == 0) return "it needs an untrained network beside this one (--null untrained)";
    if (v.samples < leastSamples)
        return fmt::format(
            "there are {} distinct samples, and {} are needed (--rows, or --derivatives of a report)",
            v.samples, leastSamples);
    if (values.cols() < leastPoints - 1)
        return fmt::format("there are {} steps, and {} are needed", values.cols(), leastPoints - 1);
    return std::isnan(v.observed) ? "not all eigenvalues and singular values of so wide a state are computed"
                                  : "";
}

void measure(const DerivativeFinding& finding, const DerivativeEvidence& evidence, std::uint64_t seed,
             Verdict& v) {
    const MatrixD& values = evidence.*finding.values;
    const MatrixD& untrained = evidence.*finding.untrained;
    const VectorD own = bySample(finding.measure(values, evidence.units), evidence.samples);
    v.samples = own.size();
    v.rows = values.rows();
    v.observed = own.mean();
    v.reason = whyNot(v, values, untrained);
    if (!v.reason.empty()) return;
    const auto n = static_cast<double>(own.size());
    const double deviation = std::sqrt((own.array() - own.mean()).square().sum() / (n - 1));
    const double width = studentQuantile(0.025, n - 1) * deviation / std::sqrt(n);
    v.interval = {v.observed - width, v.observed + width};
    const VectorD null = bySample(finding.measure(untrained, evidence.units), evidence.samples);
    const SignFlipTest flipped = flipSignsOfDifferences(own - null, seed);
    v.nulls = {{"untrained",
                null.mean(),
                null.mean() + flipped.low,
                null.mean() + flipped.high,
                {flipped.pUpper, PMethod::SignFlips},
                {flipped.pLower, PMethod::SignFlips},
                null.mean() / v.observed,
                1}};
    v.p = flipped.pLower;
    v.pAway = flipped.pUpper;
    v.pMethod = PMethod::SignFlips;
}

}  // namespace

bool isOfDerivatives(const std::string& key) {
    return std::any_of(findingsOfDerivatives.begin(), findingsOfDerivatives.end(),
                       [&](const DerivativeFinding& finding) { return key == finding.key; });
}

std::vector<Verdict> measuredDerivatives(const DerivativeEvidence& evidence, std::uint64_t seed) {
    std::vector<Verdict> list;
    for (const DerivativeFinding& finding : findingsOfDerivatives) {
        const MatrixD& values = evidence.*finding.values;
        const MatrixD& untrained = evidence.*finding.untrained;
        if (values.rows() != static_cast<Eigen::Index>(evidence.samples.size()) || values.cols() < 1 ||
            (untrained.size() > 0 &&
             (untrained.rows() != values.rows() || untrained.cols() != values.cols())))
            throw Error(ErrorCode::Mismatch, "the evidence on derivatives is not of the same rows and steps");
        Verdict v;
        v.key = finding.key;
        v.direction = -1;
        measure(finding, evidence, seed, v);
        list.push_back(std::move(v));
    }
    return list;
}

std::vector<Verdict> derivativeVerdicts(const DerivativeEvidence& evidence, std::uint64_t seed) {
    std::vector<Verdict> list = measuredDerivatives(evidence, seed);
    judgeAll(list);
    return list;
}

}  // namespace rheo
