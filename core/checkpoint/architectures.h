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

/// A model that reads images too: its config holds that of its decoder under `text_config`.
struct WrappedArchitecture {
    std::string_view modelType;
    std::string_view textType;  ///< model_type of `text_config` where it does not say
};

/// In alphabetical order of model_type.
std::span<const WrappedArchitecture> wrappedArchitectures();

/// Passes over the keys beside `text_config` that say how images are read.
void ignoreWrapperKeys(ConfigKeys& keys);

}  // namespace rheo
