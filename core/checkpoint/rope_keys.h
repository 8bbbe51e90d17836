#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>

#include "core/checkpoint/config_keys.h"
#include "core/checkpoint/model_config.h"

namespace rheo {

/// The longest sequence that a config may allow.
constexpr std::int64_t maxPositionCount = std::int64_t{1} << 30;

/// A number that different versions of a config call by different names. Those given must agree.
double readSynonyms(ConfigKeys& keys, std::initializer_list<const char*> names, double otherwise,
                    double least, double most);

/// What rotary embeddings of an architecture are where the config does not say.
struct RopeDefaults {
    double theta = 10000;
    double partial = 1;  ///< share of a head that is rotated
    /// Names of theta and of the share beside "rope_theta" and "partial_rotary_factor".
    const char* thetaName = "rope_theta";
    const char* partialName = "partial_rotary_factor";
    bool takesPartial = false;              ///< the share may be given
    std::int64_t originalMaxPositions = 0;  ///< 0: none
    bool oldLongRopeNames = false;          ///< "su" and "yarn" mean long rope (Phi-3)
    /// Positions are of time, height and width (Qwen2-VL). Those of text are all the same number, so
    /// splitting a head among the three changes nothing.
    bool threeAxes = false;
};

struct Rope {
    RopeConfig config;
    double partial = 1;
};

/// What a rope description is read beside.
struct RopeContext {
    std::int64_t maxPositions;          ///< max_position_embeddings
    std::int64_t originalMaxPositions;  ///< original_max_position_embeddings of the config, 0: not given
};

/// One rope description, under `name` in `config`: theta and the share that is rotated are those given where
/// it has none. Throws Error(Format, Unsupported) naming the key.
Rope readRope(const nlohmann::json& object, const ConfigKeys& config, const std::string& name, double theta,
              double partial, const RopeDefaults& defaults, const RopeContext& context);

/// The one rope of a model for all blocks: `rope_parameters`, or `rope_scaling` beside a theta of the config.
/// Fills ModelConfig::ropes and rotaryDim.
void readRopes(ConfigKeys& keys, ModelConfig& c, const RopeDefaults& defaults = {});

}  // namespace rheo
