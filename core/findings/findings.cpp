#include "core/findings/findings.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
/// Relative precision of float32, in which states are stored.
constexpr double statePrecision = 0x1.0p-23;

std::int64_t quarter(std::int64_t count) {
    return std::max<std::int64_t>(1, count / 4);
}

/// A reduction that does not depend on what the steps are.
template <double (*reduce)(const VectorD&)>
double alone(const VectorD& curve, const StepKinds&) {
    return reduce(curve);
}

double meanOf(const VectorD& curve, const StepKinds&) {
    return curve.size() == 0 ? nan : curve.mean();
}

double meanAt(const VectorD& curve, const std::vector<Eigen::Index>& at) {
    double sum = 0;
    for (const auto p : at) sum += curve[p];
    return sum / static_cast<double>(at.size());
}

double insideLessAcross(const VectorD& curve, const StepKinds& steps) {
    return steps.blocksNamed() ? differenceOf(meanAt(curve, steps.inside), meanAt(curve, steps.across)) : nan;
}

/// Mean of the absolute values of what is defined.
double meanAbs(const VectorD& values, const StepKinds&) {
    double sum = 0, count = 0;
    for (const double x : values)
        if (!std::isnan(x)) {
            sum += std::abs(x);
            ++count;
        }
    return sum / count;
}

double sumOfThree(const VectorD& explained, const StepKinds&) {
    return explained.head(std::min<Eigen::Index>(3, explained.size())).sum();
}

}  // namespace

StepKinds::StepKinds(const TraceView& view) {
    const auto& points = view.trace->info().points;
    for (std::int64_t p = 0; p + 1 < view.pointCount(); ++p) {
        const auto& from = points[static_cast<std::size_t>(view.tracePoint(p))];
        const auto& to = points[static_cast<std::size_t>(view.tracePoint(p + 1))];
        kind.push_back(from.site == Site::MlpIn ? 1 : 0);
        if (from.site == Site::AttnIn && to.site == Site::MlpIn && from.block == to.block)
            inside.push_back(p);
        if (from.site == Site::MlpIn && to.site == Site::AttnIn && from.block + 1 == to.block)
            across.push_back(p);
    }
}

double differenceOf(double one, double other) {
    const double difference = one - other;
    return std::abs(difference) <= statePrecision * (std::abs(one) + std::abs(other)) ? 0.0 : difference;
}

double lateLessEarly(const VectorD& curve) {
    if (curve.size() == 0) return nan;
    const std::int64_t some = quarter(curve.size());
    return differenceOf(curve.tail(some).mean(), curve.head(some).mean());
}

double lateLessEarlyShare(const VectorD& r2) {
    return lateLessEarly(r2.unaryExpr([](double x) { return x < 0 ? 0.0 : x; }));
}

double earlyLessRest(const VectorD& curve) {
    if (curve.size() < 2) return nan;
    const std::int64_t some = quarter(curve.size());
    return differenceOf(curve.head(some).mean(), curve.tail(curve.size() - some).mean());
}

double dropsThenClimbs(const VectorD& curve) {
    if (curve.size() < 3 || curve.array().isNaN().any()) return nan;
    const double least = curve.segment(1, curve.size() - 2).minCoeff();
    return std::min(differenceOf(curve[0], least), differenceOf(curve[curve.size() - 1], least));
}

double relativeSlope(const VectorD& curve, const StepKinds& steps) {
    double mean[2] = {}, meanStep[2] = {}, count[2] = {};
    for (Eigen::Index p = 0; p < curve.size(); ++p) {
        const int k = steps.kind[static_cast<std::size_t>(p)];
        mean[k] += curve[p];
        meanStep[k] += static_cast<double>(p);
        ++count[k];
    }
    double products = 0, magnitude = 0, squares = 0;
    for (Eigen::Index p = 0; p < curve.size(); ++p) {
        const int k = steps.kind[static_cast<std::size_t>(p)];
        const double step = static_cast<double>(p) - meanStep[k] / count[k];
        products += step * (curve[p] - mean[k] / count[k]);
        magnitude += std::abs(step) * (std::abs(curve[p]) + std::abs(mean[k]) / count[k]);
        squares += step * step;
    }
    if (std::abs(products) <= statePrecision * magnitude) return 0;
    return products / squares * static_cast<double>(curve.size()) / curve.mean();
}

std::span<const Finding> findings() {
    using enum NullKind;
    using enum FindingSource;
    static const std::vector<Finding> all{
        {"density_rises",
         Sweep,
         "density",
         "treves_rolls",
         alone<lateLessEarly>,
         1,
         {GaussianWalk, PersistentWalk}},
        {"correlation_high", Sweep, "correlation", "mean", meanOf, 1, {GaussianWalk, PersistentWalk}, -1, 1},
        {"inside_exceeds_across",
         Sweep,
         "correlation",
         "mean",
         insideLessAcross,
         1,
         {GaussianWalk, PersistentWalk}},
        {"cosine_rises", Sweep, "motion", "cosine", alone<lateLessEarly>, 1, {GaussianWalk, PersistentWalk}},
        {"accelerates", Sweep, "motion", "speed", relativeSlope, 1, {}},
        {"mi_drops_then_climbs",
         Information,
         "mutual_information",
         "mean",
         alone<dropsThenClimbs>,
         1,
         {GaussianWalk, PersistentWalk}},
        {"nonlinear_early",
         Information,
         "mutual_information",
         "mean_excess",
         alone<earlyLessRest>,
         1,
         {GaussianWalk, PersistentWalk}},
        {"rotation", Sweep, "rotation", "turning", meanAbs, 0, {SignFlip, PersistentFlip}, 0},
        {"rotation_coherent",
         Sweep,
         "rotation",
         "mean_path_winding",
         meanAbs,
         1,
         {SignFlip, PersistentFlip},
         0},
        {"late_easier_to_reconstruct",
         Refits,
         "autoencoder",
         "r2",
         alone<lateLessEarlyShare>,
         1,
         {SignFlip, PersistentFlip}},
        {"path_low_dimensional",
         Sweep,
         "pca",
         "explained",
         sumOfThree,
         1,
         {SignFlip, PersistentUnitFlip},
         0,
         1},
        {"early_attractor", Pushes, "", "", meanOf, -1, {}},
    };
    return all;
}

Curves curvesByName(const Statistics& statistics) {
    Curves curves;
    for (auto& curve : curvesOf(statistics))
        curves[curve.statistic + "/" + curve.dataset] = std::move(curve.values);
    return curves;
}

VectorD reduceAll(const Curves& curves, const StepKinds& steps) {
    const auto all = findings();
    VectorD values = VectorD::Constant(static_cast<Eigen::Index>(all.size()), nan);
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto curve = curves.find(std::string(all[i].statistic) + "/" + std::string(all[i].dataset));
        if (curve != curves.end()) values[static_cast<Eigen::Index>(i)] = all[i].reduce(curve->second, steps);
    }
    return values;
}

}  // namespace rheo
