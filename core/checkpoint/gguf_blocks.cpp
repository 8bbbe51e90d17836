#include "core/checkpoint/gguf_blocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace rheo {

namespace {

std::uint32_t byteAt(const std::byte* block, std::size_t at) {
    return static_cast<std::uint32_t>(block[at]);
}

/// IEEE half precision, little endian. Exact.
float halfAt(const std::byte* block, std::size_t at) {
    const std::uint32_t half = byteAt(block, at) | byteAt(block, at + 1) << 8;
    const std::uint32_t sign = (half & 0x8000) << 16;
    const std::uint32_t exponent = half >> 10 & 0x1F;
    const std::uint32_t fraction = half & 0x3FF;
    if (exponent == 0x1F) return std::bit_cast<float>(sign | 0x7F800000 | fraction << 13);
    if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;  // subnormal
    return sign != 0 ? -magnitude : magnitude;
}

/// Low and high halves of byte i of `packed` are values i and i + 16 of a block of 32.
std::uint32_t nibble(const std::byte* packed, std::size_t value) {
    return byteAt(packed, value % 16) >> (value < 16 ? 0 : 4) & 0xF;
}

/// Bit `value` of 32 bits.
std::uint32_t fifthBit(const std::byte* bits, std::size_t value) {
    return byteAt(bits, value / 8) >> (value % 8) & 1;
}

void expandQ4_0(const std::byte* block, float* out) {
    const float scale = halfAt(block, 0);
    for (std::size_t i = 0; i < 32; ++i)
        out[i] = scale * static_cast<float>(static_cast<int>(nibble(block + 2, i)) - 8);
}

void expandQ4_1(const std::byte* block, float* out) {
    const float scale = halfAt(block, 0);
    const float least = halfAt(block, 2);
    for (std::size_t i = 0; i < 32; ++i) {
        const float product = scale * static_cast<float>(nibble(block + 4, i));
        out[i] = product + least;
    }
}

void expandQ5_0(const std::byte* block, float* out) {
    const float scale = halfAt(block, 0);
    for (std::size_t i = 0; i < 32; ++i) {
        const std::uint32_t level = nibble(block + 6, i) | fifthBit(block + 2, i) << 4;
        out[i] = scale * static_cast<float>(static_cast<int>(level) - 16);
    }
}

void expandQ5_1(const std::byte* block, float* out) {
    const float scale = halfAt(block, 0);
    const float least = halfAt(block, 2);
    for (std::size_t i = 0; i < 32; ++i) {
        const std::uint32_t level = nibble(block + 8, i) | fifthBit(block + 4, i) << 4;
        const float product = scale * static_cast<float>(level);
        out[i] = product + least;
    }
}

void expandQ8_0(const std::byte* block, float* out) {
    const float scale = halfAt(block, 0);
    for (std::size_t i = 0; i < 32; ++i)
        out[i] = static_cast<float>(static_cast<std::int8_t>(byteAt(block, 2 + i))) * scale;
}

// Blocks of 256 values: a half for all scales, and small scales of 16 or 32 values each.

/// Two bits a value, in 64 bytes: byte i of each half of 32 bytes holds values i, i + 32, i + 64 and i + 96
/// of its 128.
std::uint32_t twoBits(const std::byte* packed, std::size_t value) {
    const std::size_t half = value / 128, within = value % 128;
    return byteAt(packed, half * 32 + within % 32) >> (2 * (within / 32)) & 3;
}

/// Four bits a value, in 128 bytes: byte i of each quarter of 32 bytes holds values i and i + 32 of its 64.
std::uint32_t fourBits(const std::byte* packed, std::size_t value) {
    const std::size_t quarter = value / 64, within = value % 64;
    return byteAt(packed, quarter * 32 + within % 32) >> (4 * (within / 32)) & 0xF;
}

void expandQ2K(const std::byte* block, float* out) {
    const std::byte* const levels = block + 16;
    const float scale = halfAt(block, 80);
    const float minimum = halfAt(block, 82);
    for (std::size_t group = 0; group < 16; ++group) {
        const float step = scale * static_cast<float>(byteAt(block, group) & 0xF);
        const float least = minimum * static_cast<float>(byteAt(block, group) >> 4);
        for (std::size_t i = group * 16; i < group * 16 + 16; ++i) {
            const float product = step * static_cast<float>(twoBits(levels, i));
            out[i] = product - least;
        }
    }
}

void expandQ3K(const std::byte* block, float* out) {
    const std::byte* const high = block;  // one bit a value: of byte i, that of values i, i + 32, ...
    const std::byte* const levels = block + 32;
    const std::byte* const scales = block + 96;
    const float scale = halfAt(block, 108);
    for (std::size_t group = 0; group < 16; ++group) {
        // Six bits: four in the first eight bytes, two in the last four.
        const std::uint32_t low = byteAt(scales, group % 8) >> (group < 8 ? 0 : 4) & 0xF;
        const std::uint32_t top = byteAt(scales, 8 + group % 4) >> (2 * (group / 4)) & 3;
        const float step = scale * static_cast<float>(static_cast<int>(low | top << 4) - 32);
        for (std::size_t i = group * 16; i < group * 16 + 16; ++i) {
            const bool isHigh = (byteAt(high, i % 32) >> (i / 32) & 1) != 0;
            out[i] = step * static_cast<float>(static_cast<int>(twoBits(levels, i)) - (isHigh ? 0 : 4));
        }
    }
}

/// The scale and the minimum of 32 values, six bits each, of the 12 bytes that Q4_K and Q5_K share.
struct ScaleAndMinimum {
    std::uint32_t scale, minimum;
};
ScaleAndMinimum sixBits(const std::byte* packed, std::size_t group) {
    if (group < 4) return {byteAt(packed, group) & 0x3F, byteAt(packed, group + 4) & 0x3F};
    const std::uint32_t rest = byteAt(packed, group + 4);
    return {(rest & 0xF) | (byteAt(packed, group - 4) >> 6) << 4, rest >> 4 | (byteAt(packed, group) >> 6)
                                                                                  << 4};
}

/// Values of Q4_K and Q5_K from their levels.
template <class Level>
void expandScaled(const std::byte* block, float* out, Level level) {
    const float scale = halfAt(block, 0);
    const float minimum = halfAt(block, 2);
    for (std::size_t group = 0; group < 8; ++group) {
        const ScaleAndMinimum small = sixBits(block + 4, group);
        const float step = scale * static_cast<float>(small.scale);
        const float least = minimum * static_cast<float>(small.minimum);
        for (std::size_t i = group * 32; i < group * 32 + 32; ++i) {
            const float product = step * static_cast<float>(level(i));
            out[i] = product - least;
        }
    }
}

void expandQ4K(const std::byte* block, float* out) {
    expandScaled(block, out, [block](std::size_t i) { return fourBits(block + 16, i); });
}

void expandQ5K(const std::byte* block, float* out) {
    expandScaled(block, out, [block](std::size_t i) {
        return fourBits(block + 48, i) | (byteAt(block + 16, i % 32) >> (i / 32) & 1) << 4;
    });
}

void expandQ6K(const std::byte* block, float* out) {
    const std::byte* const scales = block + 192;
    const float scale = halfAt(block, 208);
    for (std::size_t i = 0; i < 256; ++i) {
        const std::size_t half = i / 128, within = i % 128;
        const std::uint32_t low = byteAt(block, half * 64 + within % 64) >> (4 * (within / 64)) & 0xF;
        const std::uint32_t level = low | twoBits(block + 128, i) << 4;
        const auto small = static_cast<float>(static_cast<std::int8_t>(byteAt(scales, i / 16)));
        const float step = scale * small;
        out[i] = step * static_cast<float>(static_cast<int>(level) - 32);
    }
}

constexpr std::array<BlockFormat, 10> formats{{
    {"Q4_0", 2, 32, 18, expandQ4_0},
    {"Q4_1", 3, 32, 20, expandQ4_1},
    {"Q5_0", 6, 32, 22, expandQ5_0},
    {"Q5_1", 7, 32, 24, expandQ5_1},
    {"Q8_0", 8, 32, 34, expandQ8_0},
    {"Q2_K", 10, 256, 84, expandQ2K},
    {"Q3_K", 11, 256, 110, expandQ3K},
    {"Q4_K", 12, 256, 144, expandQ4K},
    {"Q5_K", 13, 256, 176, expandQ5K},
    {"Q6_K", 14, 256, 210, expandQ6K},
}};

constexpr std::array<PlainType, 4> plainTypes{
    {{0, StoredType::F32}, {1, StoredType::F16}, {28, StoredType::F64}, {30, StoredType::BF16}}};

/// Types that exist and are not read here, for messages.
struct OtherType {
    std::uint32_t type;
    std::string_view name;
};
constexpr std::array<OtherType, 20> otherTypes{{
    {9, "Q8_1"},   {15, "Q8_K"},   {16, "IQ2_XXS"}, {17, "IQ2_XS"}, {18, "IQ3_XXS"},
    {19, "IQ1_S"}, {20, "IQ4_NL"}, {21, "IQ3_S"},   {22, "IQ2_S"},  {23, "IQ4_XS"},
    {24, "I8"},    {25, "I16"},    {26, "I32"},     {27, "I64"},    {29, "IQ1_M"},
    {34, "TQ1_0"}, {35, "TQ2_0"},  {39, "MXFP4"},   {40, "NVFP4"},  {41, "Q1_0"},
}};

}  // namespace

std::span<const BlockFormat> blockFormats() {
    return formats;
}

const BlockFormat* findBlockFormat(std::uint32_t type) {
    const auto found =
        std::find_if(formats.begin(), formats.end(), [&](const BlockFormat& f) { return f.type == type; });
    return found == formats.end() ? nullptr : &*found;
}

void expandBlocks(const BlockFormat& format, std::span<const std::byte> bytes, float* out) {
    const auto blocks = bytes.size() / static_cast<std::size_t>(format.bytes);
    for (std::size_t i = 0; i < blocks; ++i)
        format.expand(bytes.data() + i * static_cast<std::size_t>(format.bytes),
                      out + i * static_cast<std::size_t>(format.values));
}

const PlainType* findPlainType(std::uint32_t type) {
    const auto found = std::find_if(plainTypes.begin(), plainTypes.end(),
                                    [&](const PlainType& t) { return t.type == type; });
    return found == plainTypes.end() ? nullptr : &*found;
}

std::string ggmlTypeName(std::uint32_t type) {
    if (const BlockFormat* format = findBlockFormat(type)) return std::string(format->name);
    if (const PlainType* plain = findPlainType(type)) return std::string(storedTypeName(plain->stored));
    for (const OtherType& other : otherTypes)
        if (other.type == type) return std::string(other.name);
    return fmt::format("type {}", type);
}

std::string_view storedFormatName(const StoredTensor& tensor) {
    return tensor.blocks != nullptr ? tensor.blocks->name : storedTypeName(tensor.type);
}

}  // namespace rheo
