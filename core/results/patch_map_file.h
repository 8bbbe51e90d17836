#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/model_identity.h"
#include "core/base/output_file.h"
#include "core/base/residual_point.h"
#include "core/dynamics/patch_map_result.h"

namespace rheo {

/// A patch map as it is stored.
struct PatchMapFile {
    std::vector<ResidualPoint> points;
    ModelIdentity model;
    PatchMap map;
    std::vector<std::string> cleanPieces, corruptedPieces;  ///< [token] for people
    std::string answerText, foilText;                       ///< likewise; may be empty
    std::vector<std::string> axisNames = {};                ///< [k] of the directions patched along
};

/// HDF5: `effect`, `normalized` [token of the corrupted prompt, point] float64; `clean_ids`, `corrupted_ids`,
/// `clean_token` [token]; `points/block`, `points/site`; `clean_pieces`, `corrupted_pieces`; attributes
/// `clean` and `corrupted` (outcomes), `outcome`, `answer` and `foil` (ids, -1: none), `answer_text`,
/// `foil_text` and those of the model; where only directions were patched `along` [k, unit] and `axis_names`
/// [k]. Throws as OutputFile, Error(Io, DiskFull).
void writePatchMapFile(const std::filesystem::path& path, const PatchMapFile& record, IfExists ifExists);

/// Throws Error(NotFound, Format, Unsupported) naming file and dataset.
PatchMapFile readPatchMapFile(const std::filesystem::path& path);

}  // namespace rheo
