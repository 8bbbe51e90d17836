#include "core/compare/depth_match.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Where value i of a curve along `axis` stands, 0 to 1.
double relativeDepth(std::size_t i, Along axis, std::size_t points) {
    const double offset = axis == Along::Steps ? 0.5 : axis == Along::Bends ? 1 : 0;
    return (static_cast<double>(i) + offset) / std::max(1.0, static_cast<double>(points) - 1);
}

bool hasSite(const std::vector<ResidualPoint>& points, std::size_t count, Site site) {
    return std::any_of(points.begin(), points.begin() + static_cast<std::ptrdiff_t>(count),
                       [&](const auto& point) { return point.site == site; });
}

/// `at` may lie short of the least or greatest place by rounding.
constexpr double rounding = 1e-9;

}  // namespace

DepthMatch::DepthMatch(std::vector<ResidualPoint> a, std::vector<ResidualPoint> b)
    : m_a(std::move(a)), m_b(std::move(b)), m_same(m_a == m_b) {
    for (std::size_t p = 0; p < m_a.size(); ++p) {
        if (m_same) {
            m_nearest.push_back(static_cast<std::int64_t>(p));
            continue;
        }
        const bool bySite = hasSite(m_b, m_b.size(), m_a[p].site);
        const double at = relativeDepth(p, Along::Points, m_a.size());
        std::size_t best = 0;
        double least = std::numeric_limits<double>::infinity();
        for (std::size_t q = 0; q < m_b.size(); ++q) {
            const double away = std::abs(relativeDepth(q, Along::Points, m_b.size()) - at);
            if ((bySite && m_b[q].site != m_a[p].site) || away >= least) continue;
            least = away;
            best = q;
        }
        m_nearest.push_back(static_cast<std::int64_t>(best));
    }
}

VectorD DepthMatch::atDepthsOfA(const VectorD& values, Along axis) const {
    if (m_same) return values;
    const auto countB = static_cast<std::size_t>(values.size());
    const std::size_t shorter = m_b.size() - countB;
    const std::size_t countA = m_a.size() > shorter ? m_a.size() - shorter : 0;
    VectorD result = VectorD::Constant(static_cast<Eigen::Index>(countA), nan);
    for (std::size_t i = 0; i < countA; ++i) {
        const bool bySite = hasSite(m_b, countB, m_a[i].site);
        const double at = relativeDepth(i, axis, m_a.size());
        double before = -1, after = 2, low = nan, high = nan;
        for (std::size_t j = 0; j < countB; ++j) {
            if (bySite && m_b[j].site != m_a[i].site) continue;
            const double place = relativeDepth(j, axis, m_b.size());
            const double value = values[static_cast<Eigen::Index>(j)];
            if (place <= at + rounding) before = place, low = value;
            if (place >= at - rounding && after > 1) after = place, high = value;
        }
        if (before < 0 || after > 1) continue;
        const double share = after > before ? (at - before) / (after - before) : 0;
        result[static_cast<Eigen::Index>(i)] = low + std::clamp(share, 0.0, 1.0) * (high - low);
    }
    return result;
}

}  // namespace rheo
