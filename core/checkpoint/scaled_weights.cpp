#include "core/checkpoint/scaled_weights.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/checkpoint/config_keys.h"

namespace rheo {

namespace {

constexpr const char* fetch = "fetch the float32, float16 or bfloat16 version of the model, or a GGUF file";
constexpr std::int64_t maxBlock = std::int64_t{1} << 20;

/// FineGrainedFP8Config of transformers.
ScaledWeights readFp8(ConfigKeys& keys) {
    ScaledWeights weights;
    weights.suffix = "weight_scale_inv";
    if (keys.text("fmt", "e4m3") != "e4m3") keys.refuse("fmt", fmt::format("is not e4m3; {}", fetch));
    if (keys.has("weight_block_size")) {
        const auto block = keys.numbers("weight_block_size", 1, static_cast<double>(maxBlock));
        if (block.size() != 2) keys.malformed("weight_block_size", "two numbers");
        weights.blockRows = static_cast<std::int64_t>(block[0]);
        weights.blockColumns = static_cast<std::int64_t>(block[1]);
    } else if (!keys.isNull("weight_block_size")) {
        weights.blockRows = weights.blockColumns = 128;  // its default
    }
    for (const char* key : {"activation_scheme", "modules_to_not_convert", "scale_fmt", "dequantize"})
        keys.ignore(key);
    return weights;
}

void requireFloats(ConfigKeys& weights) {
    const auto is = [&](const char* key, std::int64_t value) {
        if (weights.integer(key, value, 0, 1024) != value)
            weights.refuse(key, fmt::format("is not {}; {}", value, fetch));
    };
    is("num_bits", 8);
    if (weights.text("type", "int") != "float")
        weights.refuse("type", fmt::format("is not float; {}", fetch));
    weights.require("symmetric", true);
    const std::string strategy = weights.text("strategy", "tensor");
    if (strategy != "tensor" && strategy != "channel" && strategy != "block")
        weights.refuse("strategy", fmt::format("is '{}'; known are tensor, channel and block; {}",
                                               strategy.substr(0, 100), fetch));
}

/// QuantizationConfig of compressed-tensors. Which matrices are quantised is seen in the files.
ScaledWeights readCompressed(ConfigKeys& keys) {
    ScaledWeights weights;
    weights.suffix = "weight_scale";
    weights.roundsToScale = true;
    const std::string format = keys.text("format", "");
    if (format != "float-quantized" && format != "naive-quantized")
        keys.refuse("format",
                    fmt::format("is '{}'; read is float-quantized; {}", format.substr(0, 100), fetch));
    const auto* groups = keys.findObject("config_groups");
    if (groups == nullptr) keys.malformed("config_groups", "an object");
    ConfigKeys named = keys.inside(*groups, "config_groups");
    for (const auto& [name, value] : groups->items()) {
        const auto* group = named.findObject(name);
        if (group == nullptr) continue;
        ConfigKeys inGroup = named.inside(*group, name);
        const auto* how = inGroup.findObject("weights");
        if (how == nullptr) inGroup.refuse("weights", "says nothing: the weights are not quantised");
        ConfigKeys ofWeights = inGroup.inside(*how, "weights");
        requireFloats(ofWeights);
        if (ofWeights.has("block_structure")) {
            const auto block = ofWeights.numbers("block_structure", 1, static_cast<double>(maxBlock));
            if (block.size() != 2) ofWeights.malformed("block_structure", "two numbers");
            const ScaledWeights before = weights;
            weights.blockRows = static_cast<std::int64_t>(block[0]);
            weights.blockColumns = static_cast<std::int64_t>(block[1]);
            if (groups->size() > 1 && before.blockRows != 0 && !(before == weights))
                ofWeights.refuse("block_structure", "differs between groups");
        }
    }
    if (keys.has("kv_cache_scheme"))
        keys.refuse("kv_cache_scheme",
                    fmt::format("is given: keys and values are not rounded here; {}", fetch));
    for (const char* key : {"ignore", "quantization_status", "global_compression_ratio", "version"})
        keys.ignore(key);
    return weights;
}

struct Kind {
    const char* method;
    ScaledWeights (*read)(ConfigKeys& keys);
};
constexpr std::array<Kind, 2> kinds{{{"fp8", readFp8}, {"compressed-tensors", readCompressed}}};

float ofBits(std::uint32_t bits) {
    return std::bit_cast<float>(bits);
}

/// IEEE half precision.
float ofHalf(std::uint32_t bits) {
    const std::uint32_t sign = (bits & 0x8000) << 16, exponent = bits >> 10 & 31, fraction = bits & 0x3ff;
    if (exponent == 31) return ofBits(sign | 0x7f800000 | fraction << 13);
    const float value = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                      : ofBits((exponent + 112) << 23 | fraction << 13);
    return sign != 0 ? -value : value;
}

/// Four bits of exponent, three of fraction, no infinities ("e4m3fn", arXiv:2209.05433).
float ofE4M3(std::uint32_t bits) {
    const std::uint32_t exponent = bits >> 3 & 15, fraction = bits & 7;
    if (exponent == 15 && fraction == 7) return std::numeric_limits<float>::quiet_NaN();
    const float value = exponent == 0
                            ? std::ldexp(static_cast<float>(fraction), -9)
                            : std::ldexp(static_cast<float>(8 + fraction), static_cast<int>(exponent) - 10);
    return (bits & 0x80) != 0 ? -value : value;
}

/// The values of all 256 numbers.
std::array<float, 256> tableOf(StoredType type) {
    std::array<float, 256> table{};
    for (std::uint32_t bits = 0; bits < 256; ++bits)
        table[bits] = type == StoredType::F8E4M3 ? ofE4M3(bits) : ofHalf(bits << 8);
    return table;
}

float scaleAt(const StoredTensor& scales, std::int64_t index) {
    const std::byte* const at = scales.bytes.data() + index * storedTypeBytes(scales.type);
    const auto read = [&](auto value) {
        std::memcpy(&value, at, sizeof value);
        return value;
    };
    switch (scales.type) {
        case StoredType::F32: return read(0.0F);
        case StoredType::BF16: return ofBits(std::uint32_t{read(std::uint16_t{0})} << 16);
        case StoredType::F16: return ofHalf(read(std::uint16_t{0}));
        default: return std::ldexp(1.0F, static_cast<int>(read(std::uint8_t{0})) - 127);
    }
}

bool isScaleType(StoredType type) {
    return type == StoredType::F32 || type == StoredType::BF16 || type == StoredType::F16 ||
           type == StoredType::F8E8M0 || type == StoredType::U8;
}

/// To the nearest bfloat16 or half, ties to even.
float rounded(float value, StoredType type) {
    if (type == StoredType::BF16 && std::isfinite(value)) {
        const auto bits = std::bit_cast<std::uint32_t>(value);
        return ofBits((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000U);
    }
    if (type == StoredType::F16 && std::isfinite(value) && value != 0) {
        // The spacing of halves at this size, which a float holds exactly.
        const float step = std::ldexp(1.0F, std::max(std::ilogb(value), -14) - 10);
        const float result = std::nearbyint(value / step) * step;
        return std::abs(result) > 65504 ? std::copysign(std::numeric_limits<float>::infinity(), value)
                                        : result;
    }
    return value;
}

std::int64_t ceilDivide(std::int64_t a, std::int64_t b) {
    return (a + b - 1) / b;
}

}  // namespace

std::optional<ScaledWeights> readQuantization(ConfigKeys& keys) {
    for (const char* key : {"quantization", "compression_config"})
        if (const auto* given = keys.findAny(key); given != nullptr && !given->empty())
            keys.refuse(key, fmt::format("is given: weights quantised so are not read here; {}", fetch));
    const auto* given = keys.findAny("quantization_config");
    if (given == nullptr || given->empty()) return std::nullopt;
    if (!given->is_object()) keys.malformed("quantization_config", "an object");
    ConfigKeys inside = keys.inside(*given, "quantization_config");
    const std::string method = inside.text("quant_method", "");
    for (const Kind& kind : kinds) {
        if (method != kind.method) continue;
        ScaledWeights weights = kind.read(inside);
        inside.sortRest();
        return weights;
    }
    keys.refuse("quantization_config",
                fmt::format("is given{}: weights quantised so are not read here; {}",
                            method.empty() ? "" : fmt::format(" ('{}')", method.substr(0, 100)), fetch));
}

bool isSmallFloat(StoredType type) {
    return type == StoredType::F8E4M3 || type == StoredType::F8E5M2;
}

std::optional<ScaleGrid> scaleGrid(const ScaledWeights& weights, const StoredTensor& matrix,
                                   const StoredTensor& scales) {
    if (matrix.shape.size() != 2 || !isScaleType(scales.type)) return std::nullopt;
    const std::int64_t rows = matrix.shape[0], columns = matrix.shape[1];
    const auto is = [&](std::int64_t perRows, std::int64_t perColumns) {
        return scales.shape ==
               std::vector<std::int64_t>{ceilDivide(rows, perRows), ceilDivide(columns, perColumns)};
    };
    const auto grid = [&](std::int64_t perRows, std::int64_t perColumns) {
        return ScaleGrid{&scales, perRows, perColumns, weights.roundsToScale};
    };
    std::int64_t count = 1;
    for (const std::int64_t extent : scales.shape) count *= extent;
    if (weights.blockRows > 0 && is(weights.blockRows, weights.blockColumns))
        return grid(weights.blockRows, weights.blockColumns);
    if (weights.blockRows > 0 && !weights.roundsToScale) return std::nullopt;
    if (count == 1) return grid(rows, columns);
    if (is(1, columns) || scales.shape == std::vector<std::int64_t>{rows}) return grid(1, columns);
    return std::nullopt;
}

void expandScaled(const StoredTensor& matrix, std::int64_t first, std::int64_t count, float* out) {
    static const auto e4m3 = tableOf(StoredType::F8E4M3), e5m2 = tableOf(StoredType::F8E5M2);
    const auto& table = matrix.type == StoredType::F8E4M3 ? e4m3 : e5m2;
    const ScaleGrid& grid = *matrix.scaled;
    const std::int64_t columns = matrix.shape[1], across = ceilDivide(columns, grid.columns);
    const auto* const numbers = reinterpret_cast<const std::uint8_t*>(matrix.bytes.data());
    for (std::int64_t row = first; row < first + count; ++row)
        for (std::int64_t block = 0; block < across; ++block) {
            const float scale = scaleAt(*grid.scales, row / grid.rows * across + block);
            const std::int64_t end = std::min(columns, (block + 1) * grid.columns);
            for (std::int64_t i = block * grid.columns; i < end; ++i) {
                const float value = table[numbers[row * columns + i]] * scale;
                *out++ = grid.rounds ? rounded(value, grid.scales->type) : value;
            }
        }
}

}  // namespace rheo
