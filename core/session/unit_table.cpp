#include "core/session/unit_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/figure/depth_curves.h"
#include "core/figure/orbit_figure.h"

namespace rheo {

namespace {

/// Mean over steps of what is finite; NaN where nothing is.
template <class Transform>
VectorD meanOverSteps(const MatrixD& values, Transform&& transform) {
    VectorD mean(values.cols());
    for (Eigen::Index u = 0; u < values.cols(); ++u) {
        double sum = 0;
        Eigen::Index count = 0;
        for (Eigen::Index s = 0; s < values.rows(); ++s) {
            const double value = transform(values(s, u));
            if (!std::isfinite(value)) continue;
            sum += value;
            ++count;
        }
        mean[u] = count > 0 ? sum / static_cast<double>(count) : std::numeric_limits<double>::quiet_NaN();
    }
    return mean;
}

void addRotation(std::vector<UnitColumn>& columns, const RotationResult& r, const Results& results) {
    columns.push_back(
        {"Turns", "Turns of the mean path over rows, positive counterclockwise", r.meanPathTurning});
    if (const CurveNull* null = nullOfTurning(results.nulls, r.meanPathTurning.size())) {
        const std::string name = nullLabel(null->null);
        columns.push_back(
            {"Null",
             fmt::format("Turns of the same path, mean of {} repeats of {}", null->summary.repeats, name),
             null->summary.mean});
        columns.push_back({"Beyond", fmt::format("Turns of the mean path less those of {}", name),
                           r.meanPathTurning - null->summary.mean});
    }
    columns.push_back({"Turns of rows", "Turns of single rows, mean over rows", r.turning});
    columns.push_back({"Winding", "Turns of the mean path about its fixed point", r.meanPathWinding});
    columns.push_back({"Spiral",
                       "Slope of ln(radius) about the fixed point, per point; above 0 the mean path "
                       "spirals out",
                       r.meanPathLogRadiusSlope});
}

}  // namespace

std::vector<UnitColumn> unitColumns(const Results& results) {
    std::vector<UnitColumn> columns;
    const auto& statistics = results.statistics;
    if (const auto& rotation = statistics.get<Rotation>()) addRotation(columns, *rotation, results);
    if (const auto& correlation = statistics.get<Correlation>())
        columns.push_back(
            {"Correlation", "Correlation over rows from each point to the next, mean over steps",
             meanOverSteps(correlation->r,
                           [](double r) { return std::atanh(std::clamp(r, -1 + 1e-12, 1 - 1e-12)); })
                 .array()
                 .tanh()});
    if (const auto& mi = statistics.get<MutualInformation>())
        columns.push_back({"Information",
                           "Mutual information from each point to the next (nats), mean over "
                           "steps",
                           meanOverSteps(mi->mi, [](double value) { return value; })});
    if (const auto& density = statistics.get<Density>()) {
        const MatrixD squares = density->rms.array().square();
        const VectorD norms = squares.rowwise().sum();
        columns.push_back({"Share of norm", "Share of the squared norm, mean over points",
                           meanOverSteps((squares.array().colwise() / norms.array()).matrix(),
                                         [](double value) { return value; })});
    }
    return columns;
}

}  // namespace rheo
