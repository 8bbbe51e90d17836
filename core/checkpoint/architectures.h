#pragma once

#include <span>
#include <string_view>

#include "core/checkpoint/config_keys.h"
#include "core/checkpoint/model_config.h"

namespace rheo {

/// What one model_type means: its keys of config.json, its defaults, the names of its tensors.
struct Architecture {
    std::string_view modelType;
    void (*fill)(ConfigKeys& keys, ModelConfig& config);
};

/// In alphabetical order of model_type.
std::span<const Architecture> architectures();

}  // namespace rheo
