// ATen first: the header of this file needs it.
#include <ATen/ATen.h>

#include "core/model/adapter_merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "core/base/error.h"
#include "core/checkpoint/adapter.h"

namespace rheo {

namespace {

constexpr std::int64_t groupRows = 16;

at::ScalarType scalarType(StoredType type) {
    switch (type) {
        case StoredType::F32: return at::kFloat;
        case StoredType::F16: return at::kHalf;
        case StoredType::BF16: return at::kBFloat16;
        case StoredType::F64: return at::kDouble;
        default: break;
    }
    throw Error(ErrorCode::Internal, fmt::format("adapters of type {} are not read", storedTypeName(type)));
}

/// Columns `from` .. of a stored matrix, in `type`: [row, count].
at::Tensor columns(const StoredTensor& stored, std::int64_t from, std::int64_t count, at::ScalarType type) {
    const std::int64_t rows = stored.shape.at(0), width = stored.shape.at(1);
    const auto bytes = static_cast<std::size_t>(storedTypeBytes(stored.type));
    at::Tensor tensor = at::empty({rows, count}, scalarType(stored.type));
    auto* out = static_cast<std::byte*>(tensor.data_ptr());
    const std::size_t line = static_cast<std::size_t>(count) * bytes;
    for (std::int64_t row = 0; row < rows; ++row)
        std::memcpy(out + static_cast<std::size_t>(row) * line,
                    stored.bytes.data() + static_cast<std::size_t>(row * width + from) * bytes, line);
    return tensor.to(type);
}

/// Rows `from` .. of a stored tensor, in its own type.
at::Tensor rowsOf(const StoredTensor& stored, std::int64_t from, at::IntArrayRef shape) {
    at::Tensor tensor = at::empty(shape, scalarType(stored.type));
    const std::size_t values = static_cast<std::size_t>(tensor.numel());
    const auto bytes = static_cast<std::size_t>(storedTypeBytes(stored.type));
    const std::size_t before =
        stored.shape.size() < 2 ? 0 : static_cast<std::size_t>(from * stored.shape.at(1));
    std::memcpy(tensor.data_ptr(), stored.bytes.data() + before * bytes, values * bytes);
    return tensor;
}

/// Adds one product to rows first .. of a matrix.
void add(const AdapterDelta& delta, std::int64_t first, const at::Tensor& rows, const Progress& progress) {
    const at::ScalarType type = rows.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    const StoredTensor& byRow = delta.transposed ? *delta.a : *delta.b;  // whose rows or columns the rows are
    const StoredTensor& whole = delta.transposed ? *delta.b : *delta.a;
    const at::Tensor all = columns(whole, 0, whole.shape.at(1), type);
    const std::int64_t total = byRow.shape.at(delta.transposed ? 1 : 0);
    const std::int64_t end = first + rows.size(0);
    for (std::int64_t group = first / groupRows * groupRows; group < end; group += groupRows) {
        progress.check();
        const std::int64_t count = std::min(groupRows, total - group);
        at::Tensor product = delta.transposed
                                 ? at::mm(all, columns(byRow, group, count, type)).t()
                                 : at::mm(rowsOf(byRow, group, {count, byRow.shape.at(1)}).to(type), all);
        const std::int64_t from = std::max(first, group), to = std::min(end, group + count);
        at::Tensor part = product.narrow(0, from - group, to - from) * delta.scaling;
        if (delta.embedding) part = part.to(rows.scalar_type());
        rows.narrow(0, from - first, to - from).add_(part);
    }
}

}  // namespace

void mergeAdapter(const Checkpoint& checkpoint, const std::string& name, std::int64_t first,
                  const at::Tensor& rows, const Progress& progress) {
    if (checkpoint.adapter() == nullptr) return;
    const auto change = checkpoint.adapter()->changes.find(name);
    if (change == checkpoint.adapter()->changes.end()) return;
    if (change->second.replacement != nullptr)
        rows.copy_(rowsOf(*change->second.replacement, first, rows.sizes()));
    for (const AdapterDelta& delta : change->second.deltas) add(delta, first, rows, progress);
}

}  // namespace rheo
