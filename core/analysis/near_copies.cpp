// Products of matrices run in BLAS, as in covariance.cpp.
#define EIGEN_USE_BLAS
#include "core/analysis/near_copies.h"

#include <Eigen/Dense>

#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "core/base/quantile.h"

namespace rheo {

namespace {

constexpr std::int64_t mostRows = 4096, leastUnits = 8;
constexpr float nearShare = 0.1F;

/// Squared distances of all rows at a point, units divided by their SD over rows: [row, row].
MatrixF squaredDistances(const TraceView& view, std::int64_t point) {
    MatrixF states = readViewPoint(view, point);
    for (Eigen::Index n = 0; n < states.rows(); ++n)
        if (!states.row(n).allFinite()) states.row(n).setZero();  // left out of every statistic
    states.rowwise() -= states.colwise().mean().eval();
    for (Eigen::Index u = 0; u < states.cols(); ++u) {
        const float sd = std::sqrt(states.col(u).squaredNorm() / static_cast<float>(states.rows()));
        states.col(u) *= sd > 0 ? 1 / sd : 0;
    }
    const VectorF squares = states.rowwise().squaredNorm();
    MatrixF distances = -2 * (states * states.transpose());
    distances.colwise() += squares;
    distances.rowwise() += squares.transpose();
    return distances;
}

float medianOfPairs(const MatrixF& distances) {
    std::vector<float> all;
    for (Eigen::Index i = 0; i < distances.rows(); ++i)
        for (Eigen::Index j = 0; j < i; ++j) all.push_back(distances(i, j));
    return upperMedian(std::move(all));
}

/// Another trace with other groups.
class RegroupedTrace final : public Trace {
public:
    RegroupedTrace(std::shared_ptr<const Trace> trace, TraceInfo info)
        : m_trace(std::move(trace)), m_info(std::move(info)) {}
    const TraceInfo& info() const override { return m_info; }
    void readRows(RowIndex first, std::int64_t count, float* out) const override {
        m_trace->readRows(first, count, out);
    }
    void readPoint(PointIndex point, RowIndex first, std::int64_t count, float* out) const override {
        m_trace->readPoint(point, first, count, out);
    }
    void readUnits(UnitIndex first, std::int64_t count, float* out) const override {
        m_trace->readUnits(first, count, out);
    }
    void readUnitsOfRows(UnitIndex firstUnit, std::int64_t unitCount, RowIndex first, std::int64_t count,
                         float* out) const override {
        m_trace->readUnitsOfRows(firstUnit, unitCount, first, count, out);
    }
    std::string sourceHash() const override { return m_trace->sourceHash(); }

private:
    std::shared_ptr<const Trace> m_trace;
    TraceInfo m_info;
};

}  // namespace

std::vector<std::int64_t> nearCopiesOf(const TraceView& view, const Progress& progress) {
    const std::int64_t rows = view.rowCount(), last = view.pointCount() - 1;
    std::vector<std::int64_t> first;
    for (std::int64_t n = 0; n < rows; ++n) first.push_back(n);
    if (rows < 2 || rows > mostRows || view.usedUnits() < leastUnits) return first;
    using Near = Eigen::Array<bool, Eigen::Dynamic, Eigen::Dynamic>;
    Near near = Near::Constant(rows, rows, true);
    for (const auto point : std::array{last / 4, last / 2, last}) {
        progress.check();
        const MatrixF distances = squaredDistances(view, point);
        const float limit = nearShare * nearShare * medianOfPairs(distances);
        near = near && (distances.array() < limit);  // false for NaN
    }
    // The first of each stays itself, and copies of copies do not chain.
    for (std::int64_t n = 1; n < rows; ++n)
        for (std::int64_t m = 0; m < n; ++m)
            if (near(n, m) && first[static_cast<std::size_t>(m)] == m) {
                first[static_cast<std::size_t>(n)] = m;
                break;
            }
    return first;
}

TraceView withNearCopiesGrouped(const TraceView& view, const Progress& progress) {
    const std::vector<std::int64_t> first = nearCopiesOf(view, progress);
    TraceInfo info = view.trace->info();
    const auto sampleOf = [&](std::int64_t n) {
        return static_cast<std::size_t>(info.rows[static_cast<std::size_t>(view.traceRow(n))].sample);
    };
    std::set<std::size_t> seen, several;
    for (std::int64_t n = 0; n < view.rowCount(); ++n)
        if (!seen.insert(sampleOf(n)).second) several.insert(sampleOf(n));
    if (!seen.empty()) info.samples.resize(std::max(info.samples.size(), *seen.rbegin() + 1));
    const auto alone = [&](std::int64_t n) {
        return info.samples[sampleOf(n)].group.empty() && !several.contains(sampleOf(n));
    };
    std::vector<std::pair<std::size_t, std::string>> grouped;
    for (std::int64_t n = 0; n < view.rowCount(); ++n) {
        const std::int64_t m = first[static_cast<std::size_t>(n)];
        if (m == n || !alone(n) || !alone(m)) continue;
        for (const auto row : {n, m}) grouped.emplace_back(sampleOf(row), "near copies " + std::to_string(m));
    }
    if (grouped.empty()) return view;
    for (auto& [sample, group] : grouped) info.samples[sample].group = group;
    TraceView regrouped = view;
    regrouped.trace = std::make_shared<RegroupedTrace>(view.trace, std::move(info));
    return regrouped;
}

}  // namespace rheo
