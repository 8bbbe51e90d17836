#pragma once

#include <string_view>

#include "core/checkpoint/config_keys.h"

namespace rheo {

/// Marks the keys that published configs of a model_type carry and that change nothing computed from token
/// ids. Those that every config of the reference implementation has are passed over in silence; the others
/// are listed as inert. Keys that change the computation at another value are checked: throws
/// Error(Unsupported) naming such a key.
void readInertKeys(ConfigKeys& keys, std::string_view modelType);

}  // namespace rheo
