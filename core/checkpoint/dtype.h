#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace rheo {

/// What a model computes in.
enum class DType { Float32, BFloat16, Float16 };

/// "float32", "bfloat16", "float16".
std::string_view dtypeName(DType dtype);
/// The inverse of dtypeName; empty if the name is none.
std::optional<DType> parseDType(std::string_view name);
/// Bytes of one value.
std::int64_t dtypeBytes(DType dtype);

}  // namespace rheo
