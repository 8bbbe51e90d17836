#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/base/model_identity.h"

namespace rheo {

/// Which model something belongs to, as a JSON object: architecture, sizes and digests.
std::string identityToJson(const ModelIdentity& model);
/// The inverse; fields that are missing stay empty. Throws Error(Format) naming `file` for other types.
ModelIdentity identityFromJson(const nlohmann::json& json, const std::string& file);
/// "llama, 9 layers of 128 units, weights 1a2b3c4d5e6f".
std::string identityText(const ModelIdentity& model);

}  // namespace rheo
