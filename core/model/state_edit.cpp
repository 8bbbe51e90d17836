#include "core/model/state_edit.h"

#include <fmt/format.h>

#include <cmath>

#include "core/base/error.h"
#include "core/model/edit_table.h"

namespace rheo {

std::span<const EditOperation> editOperations() {
    return editTable;
}

const EditOperation* findOperation(std::string_view name) {
    for (const auto& operation : editTable)
        if (operation.name == name) return &operation;
    return nullptr;
}

std::string operationNames() {
    std::string names;
    for (const auto& operation : editTable) {
        if (!names.empty()) names += ", ";
        names += operation.name;
    }
    return names;
}

namespace {

void checkVector(const EditOperation& operation, const VectorF& vector, std::int64_t units) {
    if (vector.size() == 0 && operation.vector == VectorUse::Optional) return;
    if (vector.size() != units)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("the vector of '{}' has {} units, and the states of the model have {}",
                                operation.name, vector.size(), units));
    if (!vector.allFinite())
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("the vector of '{}' holds a value that is not finite", operation.name));
    if (operation.needsLength && vector.isZero(0))
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("the vector of '{}' is zero, and has no direction", operation.name));
}

}  // namespace

void checkEdit(const StateEdit& edit, std::int64_t points, std::int64_t units) {
    if (edit.operation == nullptr) throw Error(ErrorCode::InvalidArgument, "an edit has no operation");
    if (edit.point.value() < 0 || edit.point.value() >= points)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("an edit is at residual point {}: the model has {}, from 0",
                                edit.point.value(), points));
    for (const auto& span : edit.tokens)
        if (span.first < 0 || span.end < span.first)
            throw Error(
                ErrorCode::InvalidArgument,
                fmt::format("an edit is of tokens {} to {}, which is no range", span.first, span.end - 1));
    if (!(std::abs(edit.strength) < 1e30))
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("the strength of '{}' is {}: it is not finite, or too large",
                                edit.operation->name, edit.strength));
    checkVector(*edit.operation, edit.vector, units);
}

StateEdit setState(PointIndex point, std::int64_t token, VectorF state) {
    return {findOperation("set"), point, {{token, token + 1}}, std::move(state), 1};
}

}  // namespace rheo
