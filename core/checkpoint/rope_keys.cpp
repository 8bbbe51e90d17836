// Rotary position embedding as config.json describes it. Keys and defaults are those of the reference
// implementation (Hugging Face transformers).
#include "core/checkpoint/rope_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

namespace rheo {

namespace {

/// original_max_position_embeddings in the description or in the config beside it; 0 if neither has it.
std::int64_t readOriginalLength(ConfigKeys& keys, const RopeContext& context) {
    const std::string key = "original_max_position_embeddings";
    return keys.integer(key, context.originalMaxPositions, 1, maxPositionCount);
}

double readFactor(ConfigKeys& keys) {
    if (!keys.has("factor")) keys.malformed("factor", "a number");
    return keys.number("factor", 1, 1e-6, 1e9);
}

void readDefaultRope(ConfigKeys& keys, RopeConfig& rope, const RopeContext&) {
    rope.kind = RopeKind::Default;
    keys.ignore("original_max_position_embeddings");
}

void readLinearRope(ConfigKeys& keys, RopeConfig& rope, const RopeContext&) {
    rope.kind = RopeKind::Linear;
    rope.factor = readFactor(keys);
    keys.ignore("original_max_position_embeddings");
}

void readLlama3Rope(ConfigKeys& keys, RopeConfig& rope, const RopeContext&) {
    rope.kind = RopeKind::Llama3;
    for (const char* key : {"low_freq_factor", "high_freq_factor", "original_max_position_embeddings"})
        if (!keys.has(key)) keys.malformed(key, "a number");
    rope.factor = readFactor(keys);
    rope.lowFreqFactor = keys.number("low_freq_factor", 1, 1e-6, 1e9);
    rope.highFreqFactor = keys.number("high_freq_factor", 4, 1e-6, 1e9);
    rope.originalMaxPositions = keys.integer("original_max_position_embeddings", 0, 1, maxPositionCount);
    if (rope.highFreqFactor <= rope.lowFreqFactor)
        keys.malformed("high_freq_factor", "a number above low_freq_factor");
}

void readLongRope(ConfigKeys& keys, RopeConfig& rope, const RopeContext& context) {
    rope.kind = RopeKind::LongRope;
    rope.shortFactor = keys.numbers("short_factor", 1e-6, 1e9);
    rope.longFactor = keys.numbers("long_factor", 1e-6, 1e9);
    rope.originalMaxPositions = readOriginalLength(keys, context);
    if (rope.originalMaxPositions < 2)
        keys.malformed("original_max_position_embeddings", "the length the model was first trained on");
    const auto original = static_cast<double>(rope.originalMaxPositions);
    const double stretch = static_cast<double>(context.maxPositions) / original;
    const double factor = keys.number("factor", stretch, 1e-6, 1e9);
    // Versions of the reference disagree on which of the two counts.
    if (std::abs(factor - stretch) > 1e-6 * stretch)
        keys.refuse("factor", fmt::format("is {}, and the lengths in the config say {}", factor, stretch));
    const double natural = factor <= 1 ? 1 : std::sqrt(1 + std::log(factor) / std::log(original));
    rope.attentionFactor = keys.number("attention_factor", natural, 1e-6, 1e6);
}

/// Yarn (arXiv:2309.00071), with the options of the reference: the factor is that of the lengths where it is
/// null; a beta of 0 means its default; the attention factor follows from the factor and the two mscales.
void readYarnRope(ConfigKeys& keys, RopeConfig& rope, const RopeContext& context) {
    rope.kind = RopeKind::Yarn;
    if (rope.theta <= 1) keys.malformed("rope_theta", "a number above 1, which yarn takes the logarithm of");
    rope.originalMaxPositions = readOriginalLength(keys, context);
    if (context.originalMaxPositions > 0 && rope.originalMaxPositions != context.originalMaxPositions)
        keys.refuse("original_max_position_embeddings",
                    "and the key of that name beside it say different things");
    if (rope.originalMaxPositions == 0) rope.originalMaxPositions = context.maxPositions;
    const double stretch =
        static_cast<double>(context.maxPositions) / static_cast<double>(rope.originalMaxPositions);
    rope.factor = keys.isNull("factor") ? keys.number("factor", stretch, 1e-6, 1e9) : readFactor(keys);
    const auto orElse = [](double given, double otherwise) { return given == 0 ? otherwise : given; };
    rope.betaFast = orElse(keys.number("beta_fast", 0, 0, 1e9), 32);
    rope.betaSlow = orElse(keys.number("beta_slow", 0, 0, 1e9), 1);
    rope.truncate = keys.flag("truncate", true);
    const double mscale = keys.number("mscale", 0, 0, 1e6);
    const double mscaleAllDim = keys.number("mscale_all_dim", 0, 0, 1e6);
    const auto scaled = [&](double by) {
        return rope.factor <= 1 ? 1.0 : 0.1 * by * std::log(rope.factor) + 1.0;
    };
    const double natural =
        mscale != 0 && mscaleAllDim != 0 ? scaled(mscale) / scaled(mscaleAllDim) : scaled(1);
    rope.attentionFactor = keys.number("attention_factor", natural, 1e-6, 1e6);
    keys.inert("finetuned");
}

/// "Dynamic NTK": the base grows with sequences longer than max_position_embeddings.
void readDynamicRope(ConfigKeys& keys, RopeConfig& rope, const RopeContext& context) {
    rope.kind = RopeKind::Dynamic;
    rope.factor = readFactor(keys);
    rope.originalMaxPositions = context.maxPositions;  // the reference reads no other length
    keys.inert("original_max_position_embeddings");
}

struct RopeReader {
    std::string_view type;
    void (*read)(ConfigKeys& keys, RopeConfig& rope, const RopeContext& context);
};

constexpr std::array<RopeReader, 6> ropeReaders{{
    {"default", readDefaultRope},
    {"linear", readLinearRope},
    {"llama3", readLlama3Rope},
    {"longrope", readLongRope},
    {"yarn", readYarnRope},
    {"dynamic", readDynamicRope},
}};

/// "su" and "mrope" as the names of today.
std::string ropeType(ConfigKeys& keys, const RopeDefaults& defaults) {
    const std::string type = keys.text("rope_type", keys.text("type", "default"));
    keys.ignore("type");
    if (type == "su" || (defaults.oldLongRopeNames && type == "yarn")) return "longrope";
    if (type == "mrope" && defaults.threeAxes) return "default";
    return type;
}

}  // namespace

double readSynonyms(ConfigKeys& keys, std::initializer_list<const char*> names, double otherwise,
                    double least, double most) {
    std::optional<double> value;
    for (const char* name : names) {
        const auto given = keys.findNumber(name, least, most);
        if (value && given && *given != *value)
            keys.refuse(name, fmt::format("and {} say different things", *names.begin()));
        if (given && !value) value = given;
    }
    return value.value_or(otherwise);
}

Rope readRope(const nlohmann::json& object, const ConfigKeys& config, const std::string& name, double theta,
              double partial, const RopeDefaults& defaults, const RopeContext& context) {
    ConfigKeys keys = config.inside(object, name);
    Rope result;
    RopeConfig& rope = result.config;
    rope.theta = keys.number("rope_theta", theta, 1e-3, 1e15);
    result.partial = keys.number("partial_rotary_factor", partial, 0, 1);
    if (!defaults.takesPartial && result.partial != 1)
        keys.refuse("partial_rotary_factor",
                    fmt::format("is {}, and only 1 is computed here", result.partial));
    if (defaults.threeAxes) keys.ignore("mrope_section");
    const std::string type = ropeType(keys, defaults);
    const auto reader = std::find_if(ropeReaders.begin(), ropeReaders.end(),
                                     [&](const RopeReader& known) { return known.type == type; });
    if (reader == ropeReaders.end())
        keys.refuse("rope_type",
                    fmt::format("is '{}'; known are default, linear, dynamic, yarn, llama3 and longrope",
                                type.substr(0, 100)));
    reader->read(keys, rope, context);
    keys.sortRest();
    return result;
}

void readRopes(ConfigKeys& keys, ModelConfig& c, const RopeDefaults& defaults) {
    const double theta = readSynonyms(keys, {defaults.thetaName, "rope_theta"}, defaults.theta, 1e-3, 1e15);
    const bool thetaGiven = keys.has(defaults.thetaName) || keys.has("rope_theta");
    double partial = defaults.partial;
    if (defaults.takesPartial)
        partial = readSynonyms(keys, {defaults.partialName, "partial_rotary_factor"}, partial, 0, 1);
    const RopeContext context{
        c.maxPositions,
        keys.integer("original_max_position_embeddings", defaults.originalMaxPositions, 1, maxPositionCount)};
    const auto* parameters = keys.findObject("rope_parameters");
    const auto* scaling = keys.findObject("rope_scaling");
    const nlohmann::json none = nlohmann::json::object();
    const auto read = [&](const nlohmann::json& object, const char* name, double base) {
        return readRope(object, keys, name, base, partial, defaults, context);
    };
    Rope rope;
    if (parameters != nullptr) {
        rope = read(*parameters, "rope_parameters", theta);
        if (thetaGiven && rope.config.theta != theta)
            keys.refuse(defaults.thetaName, "and rope_parameters.rope_theta say different things");
        if (scaling != nullptr && !(read(*scaling, "rope_scaling", rope.config.theta).config == rope.config))
            keys.refuse("rope_scaling", "and rope_parameters say different things");
    } else {
        rope = read(scaling != nullptr ? *scaling : none, "rope_scaling", theta);
    }
    c.ropes = {std::move(rope.config)};
    c.rotaryDim = static_cast<std::int64_t>(static_cast<double>(c.headDim) * rope.partial);
}

}  // namespace rheo
