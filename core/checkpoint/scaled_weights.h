#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/checkpoint/safetensors.h"

namespace rheo {

class ConfigKeys;

/// Weights stored as 8-bit floats beside scales: each value is the product of its number and its scale.
struct ScaledWeights {
    std::string suffix;  ///< of the scale's name, in place of "weight" at the end of that of the matrix
    /// A scale is for so many rows and columns (fewer at the edges). 0: the shape of the scales says; one for
    /// the whole matrix, or one a row.
    std::int64_t blockRows = 0, blockColumns = 0;
    bool roundsToScale = false;  ///< products are rounded to the type of the scales

    friend bool operator==(const ScaledWeights&, const ScaledWeights&) = default;
};

/// Reads `quantization_config`: "fp8" (DeepSeek, Qwen; transformers' Fp8Dequantize) and the format
/// "float-quantized" of "compressed-tensors" (its dequantize). Empty where it is not given. Throws
/// Error(Unsupported) for other kinds, naming them and what to fetch instead.
std::optional<ScaledWeights> readQuantization(ConfigKeys& keys);

/// The scales of one matrix.
struct ScaleGrid {
    const StoredTensor* scales = nullptr;
    std::int64_t rows = 0, columns = 0;  ///< of the matrix that share one
    bool rounds = false;                 ///< as ScaledWeights::roundsToScale
};

/// Whether numbers of this type are 8-bit floats that expandScaled knows.
bool isSmallFloat(StoredType type);

/// The scales of `matrix` [row, column]; empty where `scales` has another shape, or a type that is none of
/// F32, BF16, F16, F8_E8M0 and U8 (the exponent of a power of two, plus 127).
std::optional<ScaleGrid> scaleGrid(const ScaledWeights& weights, const StoredTensor& matrix,
                                   const StoredTensor& scales);

/// Rows first .. first + count - 1 of a matrix with `scaled`, [count, column] to `out`: float32 products,
/// rounded where the reference rounds.
void expandScaled(const StoredTensor& matrix, std::int64_t first, std::int64_t count, float* out);

}  // namespace rheo
