#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/model_identity.h"
#include "core/base/output_file.h"
#include "core/base/residual_point.h"
#include "core/dynamics/teleport_result.h"

namespace rheo {

/// A teleport as it is stored: what was done, both paths, and everything measured.
struct TeleportFile {
    std::vector<ResidualPoint> points;   ///< all points of the model
    std::string text;                    ///< the prompt; may be empty
    std::vector<std::int32_t> tokenIds;  ///< of the prompt
    ModelIdentity model;
    TeleportResult result;
    /// The likeliest next tokens of either path and their text, for a figure without the tokenizer.
    std::vector<std::int32_t> shownIds;
    std::vector<std::string> shownTexts;
};

/// HDF5: attributes `point`, `token`, `mode`; `natural` and `teleported` [token, point, unit]; `points` [q];
/// the logits; each measure by its name. Throws as OutputFile, Error(Io, DiskFull).
void writeTeleportFile(const std::filesystem::path& path, const TeleportFile& record, IfExists ifExists);

/// Throws Error(NotFound, Format, Unsupported) naming file and dataset.
TeleportFile readTeleportFile(const std::filesystem::path& path);

}  // namespace rheo
