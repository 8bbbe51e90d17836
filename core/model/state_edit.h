#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/array.h"
#include "core/base/index.h"

namespace rheo {

/// Whether an operation reads a vector.
enum class VectorUse { Required, Optional };

/// What an edit does with a state: a row of the table in core/model/edit_table.h, and a pair of files.
struct EditOperation {
    std::string_view name;     ///< as JSON spells it: "project_out"
    std::string_view summary;  ///< one sentence with the formula, for help and tooltips
    VectorUse vector = VectorUse::Required;
    bool needsLength = false;  ///< the vector is a direction: zero has none
    bool acceptsRms = false;   ///< `strength` can be in units of the RMS norm of the rows at the point
    double neutral = 0;        ///< the strength at which every state stays as it is, bit for bit
    double low = 0, high = 1;  ///< strengths that a slider offers; others can be typed
    /// Changes `state` [unit] in place. `vector` [unit], or empty where it is optional.
    void (*apply)(std::span<double> state, std::span<const float> vector, double strength) = nullptr;
};

/// Tokens first .. end - 1 of a sequence; `end` may lie beyond the sequence.
struct TokenSpan {
    std::int64_t first = 0, end = 0;
};

/// One operation on the states of some tokens of a sequence at one residual point.
struct StateEdit {
    const EditOperation* operation = nullptr;
    PointIndex point{0};
    std::vector<TokenSpan> tokens;  ///< positions in the whole sequence, those still to be generated included
    VectorF vector;                 ///< [unit], or empty where the operation allows it
    double strength = 1;
};

/// All operations, in the order of the table.
std::span<const EditOperation> editOperations();
/// Null if there is none of that name.
const EditOperation* findOperation(std::string_view name);
/// "set, add, ...".
std::string operationNames();

/// Throws Error(InvalidArgument) for an edit that does not fit a model of `points` residual points
/// and `units` units: no operation, a point or token out of range, a vector of another width, or one that is
/// absent, not finite or zero where that cannot be.
void checkEdit(const StateEdit& edit, std::int64_t points, std::int64_t units);

/// An edit that puts `state` [unit] in place of that of `token` at `point`: a teleport.
StateEdit setState(PointIndex point, std::int64_t token, VectorF state);

}  // namespace rheo
