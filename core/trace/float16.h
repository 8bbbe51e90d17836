#pragma once

#include <bit>
#include <cstdint>

namespace rheo {

/// The value of IEEE binary16 bits; exact, subnormals, infinities and NaN included.
inline float fromFloat16(std::uint16_t bits) {
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000) << 16;
    const std::uint32_t rest = bits & 0x7fff;
    if (rest >= 0x7c00) return std::bit_cast<float>(sign | 0x7f800000 | (rest & 0x3ff) << 13);
    // The exponent's bias moves from 15 to 127 by a product, which also takes care of subnormals.
    const float magnitude = std::bit_cast<float>(rest << 13) * 0x1p112F;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
}

}  // namespace rheo
