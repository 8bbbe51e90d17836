#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/model_identity.h"
#include "core/base/output_file.h"
#include "core/base/residual_point.h"
#include "core/dynamics/intervention.h"

namespace rheo {

/// An intervention as JSON, its vectors inline:
/// {"name", "model": {...}, "edits": [{"name", "on", "point": "L05.attn_in", "tokens": "last" | "all" |
/// "generated" | "3:" | "3:7" | [1, 2], "op", "vector": [..], "strength": 1.0, "unit": "absolute" | "rms"}]}.
/// `model` is left out where its digests are empty.
std::string interventionToJson(const Intervention& intervention, const ModelIdentity& model);

/// The inverse, strictly: only `point` and `op` of an edit, and `vector` where the operation needs one, must
/// be there; unknown keys, operations, tokens, units and points that are none of `points` are refused. A
/// vector may be the reference of readVector instead, from `folder` on. Throws Error(Format, Unsupported,
/// NotFound, Mismatch) naming `file` and the edit; Mismatch for a vector of another width or model.
Intervention interventionFromJson(std::string_view json, const std::string& file,
                                  const std::filesystem::path& folder, const ModelIdentity& model,
                                  const std::vector<ResidualPoint>& points);

/// Both with a file of at most 256 MiB; references in it begin at its folder.
Intervention readIntervention(const std::filesystem::path& path, const ModelIdentity& model,
                              const std::vector<ResidualPoint>& points);
void writeIntervention(const std::filesystem::path& path, const Intervention& intervention,
                       const ModelIdentity& model, IfExists ifExists);

}  // namespace rheo
