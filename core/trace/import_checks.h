#pragma once

#include <cstdint>
#include <vector>

#include "core/base/progress.h"
#include "core/trace/import_plan.h"
#include "core/trace/trace_writer.h"

namespace rheo {

/// Compares states that are stored twice (hook_resid_post of a block and hook_resid_pre of the next), all of
/// them, and adds a warning to the plan where they differ by more than a thousandth of their RMS. Reads both
/// arrays of each pair once.
void checkRepeated(ImportPlan& plan, Progress& progress);

/// Adds a warning to the plan where axes look as if they were in another order: more points than units; or,
/// in the first rows, states that change less from unit to unit, or from row to row, than from point to
/// point. Units have no order, so that in a right layout neighbours among them are as different as any two.
/// Reads at most 64 rows, 256 points and 512 units.
void checkAxisOrder(ImportPlan& plan, Progress& progress);

/// Measures states while they are copied: values that are not finite, by point; rows with the same states;
/// the RMS at each point.
class ImportChecks {
public:
    explicit ImportChecks(const ImportPlan& plan);
    /// `states` [row, point, unit] of `box`. All boxes of a range of rows come in the same order as those of
    /// the others.
    void add(const TraceBox& box, const float* states);
    /// Adds what was found to the plan's warnings and to `outcome`.
    void finish(ImportPlan& plan, ImportOutcome& outcome);

private:
    void addNotFinite(const TraceBox& box, std::int64_t row, const float* values);
    void addSquares(const TraceBox& box, std::int64_t row, const float* values);
    void reportNotFinite(ImportPlan& plan, ImportOutcome& outcome) const;
    void reportRepeatedRows(ImportPlan& plan, ImportOutcome& outcome) const;
    void reportNormedLast(ImportPlan& plan) const;

    std::int64_t m_points, m_units;
    std::vector<std::uint64_t> m_hashes;       ///< [row], of the bits of its states
    std::vector<NotFiniteAt> m_notFinite;      ///< [point]
    std::vector<std::int64_t> m_lastRow;       ///< [point], the last row counted there
    std::vector<std::uint8_t> m_notFiniteRow;  ///< [row]
    std::string m_example;
    std::int64_t m_stride;          ///< every m_stride-th row is measured
    std::vector<double> m_squares;  ///< [measured row, point], sum over units
};

}  // namespace rheo
