#pragma once

#include <filesystem>

#include "core/base/array.h"
#include "core/base/output_file.h"

namespace rheo {

/// Writes a matrix as NumPy's .npy, version 1.0, float32 in C order. Throws as writeFile does.
void writeNpy(const std::filesystem::path& path, const MatrixF& matrix, IfExists ifExists);

/// Reads a .npy of float32 or float64 with `count` values in one axis (or axes of 1 beside it).
/// Throws Error(NotFound, Format, Unsupported, Mismatch) naming the file, what was expected and found.
VectorF readNpyVector(const std::filesystem::path& path, std::int64_t count);

}  // namespace rheo
