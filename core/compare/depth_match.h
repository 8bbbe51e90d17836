#pragma once

#include <cstdint>
#include <vector>

#include "core/base/array.h"
#include "core/base/residual_point.h"
#include "core/statistics/statistic.h"

namespace rheo {

/// How the depth of one network stands to that of another. With the same points, each stands for itself;
/// else by relative depth: 0 at the first point, 1 at the last, and between them only points of the same
/// site (attn_in, mlp_in) are compared, as the states before attention and before the MLP differ. A network
/// without such a site is compared at any.
class DepthMatch {
public:
    /// Points of A and of B, neither empty.
    DepthMatch(std::vector<ResidualPoint> a, std::vector<ResidualPoint> b);

    bool samePoints() const { return m_same; }
    /// [point of A] the point of B that is nearest in relative depth.
    const std::vector<std::int64_t>& nearest() const { return m_nearest; }
    /// A curve of B along points, steps or bends, at the places of such a curve of A: linear between the two
    /// values of B on either side that are of the same site. NaN beyond them, and where one is NaN.
    VectorD atDepthsOfA(const VectorD& values, Along axis) const;

private:
    std::vector<ResidualPoint> m_a, m_b;
    std::vector<std::int64_t> m_nearest;
    bool m_same;
};

}  // namespace rheo
