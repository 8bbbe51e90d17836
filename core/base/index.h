#pragma once

#include <compare>
#include <cstdint>

namespace rheo {

/// A position along one axis of a trace; the tag keeps a point from being passed for a row.
template <class Tag>
class Index {
public:
    constexpr Index() = default;
    constexpr explicit Index(std::int64_t value) : m_value(value) {}
    constexpr std::int64_t value() const { return m_value; }
    friend constexpr auto operator<=>(Index, Index) = default;

private:
    std::int64_t m_value = 0;
};

using PointIndex = Index<struct PointTag>;  ///< residual point, 0 .. P-1 in order of depth
using RowIndex = Index<struct RowTag>;      ///< row of a trace, 0 .. N-1
using UnitIndex = Index<struct UnitTag>;    ///< coordinate of the residual stream, 0 .. D-1

}  // namespace rheo
