#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/base/array.h"
#include "core/base/output_file.h"

namespace rheo {

/// The bytes of a .npy file, version 1.0, of a matrix: float32 in C order.
std::string npyContents(const MatrixF& matrix);

/// Writes a matrix as such a file. Throws as writeFile does.
void writeNpy(const std::filesystem::path& path, const MatrixF& matrix, IfExists ifExists);

/// Reads a .npy of float32 or float64 with `count` values in one axis (or axes of 1 beside it).
/// Throws Error(NotFound, Format, Unsupported, Mismatch) naming the file, what was expected and found.
VectorF readNpyVector(const std::filesystem::path& path, std::int64_t count);

/// What the header of a .npy says; nothing of it is compared with the data yet.
struct NpyHeader {
    std::string dtype;  ///< as NumPy spells it: "<f4", ">f8", "|V2"; "(structured)" for one with fields
    bool columnMajor = false;
    std::vector<std::int64_t> shape;
    std::size_t bytes = 0;  ///< the data begin here
};

/// Enough of a .npy to say how long its header is.
inline constexpr std::size_t npyPrefixBytes = 12;
/// The longest header that is read, prefix included.
inline constexpr std::size_t npyMaxHeaderBytes = 65536 + npyPrefixBytes;

/// Length of the header with its prefix, from the first npyPrefixBytes. Throws Error(Format) naming `name`.
std::size_t npyHeaderBytes(std::span<const std::byte> prefix, const std::string& name);
/// Reads the header at the beginning of `contents`, which holds all of it. Throws Error(Format) naming
/// `name`. Linear in the header's length.
NpyHeader parseNpyHeader(std::span<const std::byte> contents, const std::string& name);

}  // namespace rheo
