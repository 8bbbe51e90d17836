#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/analysis/sweep.h"
#include "core/base/array.h"
#include "core/base/progress.h"

namespace rheo {

/// Collects the states of single points, all rows of a point together, for statistics that compare rows with
/// each other. Rows come whole, so each pass keeps as many points as the memory holds, and at least one; the
/// rows must be fed again for the points after them.
class PointStates final : public RowStatistic {
public:
    PointStates(const RowSource& source, std::size_t memoryBytes);
    void add(std::int64_t row, const MatrixD& path) override;

    /// How often all rows must be fed.
    static std::int64_t passes(const RowSource& source, std::size_t memoryBytes);
    /// Bytes that one holds: rows * units * 8 for each point that is kept.
    static std::size_t bytes(const RowSource& source, std::size_t memoryBytes);

    /// All rows came: calls `use` for each point that was kept, in order, with its states [row, unit], which
    /// may be changed. True if the rows must be fed once more, for the points that follow. Asks `progress`
    /// for a stop before each point.
    bool finishPass(const std::function<void(std::int64_t point, MatrixD& states)>& use,
                    const Progress& progress);

private:
    static std::int64_t pointsAtOnce(const RowSource& source, std::size_t memoryBytes);

    std::int64_t m_points, m_first = 0;
    std::vector<MatrixD> m_states;  ///< of points m_first, m_first + 1, ...: [row, unit]
};

/// How some rows lie to all rows.
struct RowBlock {
    Eigen::Index first = 0;  ///< of the rows that come now
    MatrixD products;        ///< [one of them, row], dot products of the centred rows
    MatrixD squares;         ///< [one of them, row], squared distances; exactly 0 for equal rows
};
/// Centres `states` [row, unit] and compares all of its rows, in blocks of 128, in order. In float64:
/// distances come from the products, and anew from the differences where that would lose more than six of
/// sixteen digits. Costs rows^2 * units multiplications, in BLAS, and holds 256 numbers a row.
void compareRows(MatrixD& states, const std::function<void(const RowBlock&)>& use);

}  // namespace rheo
