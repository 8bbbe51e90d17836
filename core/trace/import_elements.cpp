#include "core/trace/import_elements.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>
#include <utility>

#include "core/trace/bfloat16.h"
#include "core/trace/float16.h"

namespace rheo {

namespace {

template <class Bits>
Bits load(const std::byte* from, bool bigEndian) {
    Bits bits;
    std::memcpy(&bits, from, sizeof bits);
    if (!bigEndian) return bits;
    if constexpr (sizeof bits == 2) return static_cast<Bits>(__builtin_bswap16(bits));
    if constexpr (sizeof bits == 4) return static_cast<Bits>(__builtin_bswap32(bits));
    if constexpr (sizeof bits == 8) return static_cast<Bits>(__builtin_bswap64(bits));
    return bits;
}

/// Elements that lie in the block as `count` values of Bits, `fromStride` bytes apart.
template <class T>
struct Run {
    const std::byte* from;
    std::int64_t fromStride;
    bool bigEndian;
    std::int64_t count;
    T* to;
    std::int64_t toStride;

    template <class Bits, class Convert>
    void copy(Convert convert) const {
        for (std::int64_t i = 0; i < count; ++i)
            to[i * toStride] = static_cast<T>(convert(load<Bits>(from + i * fromStride, bigEndian)));
    }
    /// Integers of the type Number.
    template <class Number>
    void copyIntegers() const {
        using Bits = std::make_unsigned_t<Number>;
        copy<Bits>([](Bits bits) { return static_cast<Number>(bits); });
    }
};

template <class T>
void copyIntegerElements(const Run<T>& run, ElementType type) {
    switch (type) {
        case ElementType::Bool:
        case ElementType::UInt8: return run.template copyIntegers<std::uint8_t>();
        case ElementType::Int8: return run.template copyIntegers<std::int8_t>();
        case ElementType::Int16: return run.template copyIntegers<std::int16_t>();
        case ElementType::UInt16: return run.template copyIntegers<std::uint16_t>();
        case ElementType::Int32: return run.template copyIntegers<std::int32_t>();
        case ElementType::UInt32: return run.template copyIntegers<std::uint32_t>();
        case ElementType::Int64: return run.template copyIntegers<std::int64_t>();
        case ElementType::UInt64: return run.template copyIntegers<std::uint64_t>();
        default: break;
    }
}

}  // namespace

template <class T>
void copyElements(const ArrayBlock& block, const std::byte* from, std::int64_t fromStride, std::int64_t count,
                  T* to, std::int64_t toStride) {
    const Run<T> run{from, fromStride, block.bigEndian, count, to, toStride};
    switch (block.type) {
        case ElementType::Float16: return run.template copy<std::uint16_t>(fromFloat16);
        case ElementType::BFloat16: return run.template copy<std::uint16_t>(fromBfloat16);
        case ElementType::Float32:
            if (std::is_same_v<T, float> && fromStride == 4 && toStride == 1 && !block.bigEndian) {
                std::memcpy(to, from, static_cast<std::size_t>(count) * 4);
                return;
            }
            return run.template copy<std::uint32_t>(std::bit_cast<float, std::uint32_t>);
        case ElementType::Float64:
            return run.template copy<std::uint64_t>(std::bit_cast<double, std::uint64_t>);
        default: copyIntegerElements(run, block.type);
    }
}

template void copyElements<float>(const ArrayBlock&, const std::byte*, std::int64_t, std::int64_t, float*,
                                  std::int64_t);
template void copyElements<double>(const ArrayBlock&, const std::byte*, std::int64_t, std::int64_t, double*,
                                   std::int64_t);

void copyBox(const ArrayBlock& block, std::array<CopyLoop, 4> loops, float* to) {
    std::sort(loops.begin(), loops.end(), [](const CopyLoop& a, const CopyLoop& b) {
        return std::pair(a.count > 1, -a.fromStride) < std::pair(b.count > 1, -b.fromStride);
    });
    for (std::int64_t i = 0; i < loops[0].count; ++i)
        for (std::int64_t j = 0; j < loops[1].count; ++j)
            for (std::int64_t k = 0; k < loops[2].count; ++k)
                copyElements(
                    block,
                    block.data + i * loops[0].fromStride + j * loops[1].fromStride + k * loops[2].fromStride,
                    loops[3].fromStride, loops[3].count,
                    to + i * loops[0].toStride + j * loops[1].toStride + k * loops[2].toStride,
                    loops[3].toStride);
}

}  // namespace rheo
