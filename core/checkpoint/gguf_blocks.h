#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/checkpoint/safetensors.h"

namespace rheo {

/// How a quantised tensor packs its values: blocks of `values` values that follow each other in a row, each
/// of `bytes` bytes with a scale of their own (https://github.com/ggml-org/ggml, ggml-common.h and
/// ggml-quants.c).
struct BlockFormat {
    std::string_view name;  ///< as its family spells it: "Q4_K"
    std::uint32_t type;     ///< its number in a GGUF file
    std::int64_t values;
    std::int64_t bytes;
    /// One block, `bytes` long, to `values` numbers: the float32 operations of the reference in its order
    /// (gguf.quants.dequantize of the Python package gguf 0.19), so that every bit is the same.
    void (*expand)(const std::byte* block, float* out);
};

/// Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 and Q2_K to Q6_K, in order of `type`.
std::span<const BlockFormat> blockFormats();

/// Null for a type that is not among them.
const BlockFormat* findBlockFormat(std::uint32_t type);

/// Expands whole blocks. `bytes`: n blocks; `out`: n * format.values numbers. 150 to 200 million numbers a
/// second.
void expandBlocks(const BlockFormat& format, std::span<const std::byte> bytes, float* out);

/// How values of a type are stored in a GGUF file without blocks; null for a type that is not read so.
struct PlainType {
    std::uint32_t type;
    StoredType stored;
};
const PlainType* findPlainType(std::uint32_t type);

/// The name of a type by its number, known here or not: "IQ4_XS", "type 99".
std::string ggmlTypeName(std::uint32_t type);

/// "Q4_K" or "F32": how the values of a tensor are stored.
std::string_view storedFormatName(const StoredTensor& tensor);

}  // namespace rheo
