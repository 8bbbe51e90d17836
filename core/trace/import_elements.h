#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/trace/import_source.h"

namespace rheo {

/// Converts `count` elements, `fromStride` bytes apart, to T (float or double), `toStride` of T apart. Values
/// beyond float32 become infinite.
template <class T>
void copyElements(const ArrayBlock& block, const std::byte* from, std::int64_t fromStride, std::int64_t count,
                  T* to, std::int64_t toStride);

/// One of the nested loops of a copy: strides are bytes in the source, floats in the target.
struct CopyLoop {
    std::int64_t count = 1, fromStride = 0, toStride = 0;
};

/// Copies a box as float32. The innermost loop is along the axis that is contiguous in the source, so that a
/// mapped file is read in its own order.
void copyBox(const ArrayBlock& block, std::array<CopyLoop, 4> loops, float* to);

}  // namespace rheo
