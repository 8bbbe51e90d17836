#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/base/model_identity.h"
#include "core/base/output_file.h"
#include "core/base/residual_point.h"
#include "core/dynamics/response_result.h"

namespace rheo {

/// A response against size as it is stored.
struct ResponseFile {
    std::vector<ResidualPoint> points;  ///< all of the model
    ModelIdentity model;
    std::string text;               ///< the prompt; may be empty
    std::vector<std::int32_t> ids;  ///< of the prompt
    std::string along;              ///< what was pushed along, for people
    std::string unitName;           ///< what a size of 1 is, for people
    Response response;
    std::map<std::int32_t, std::string> tokenTexts;  ///< of the likeliest tokens; may be empty
};

/// HDF5: `sizes`, `distance`, `relative`, `kl`, `probability` [size] float64, `likeliest` [size] int32;
/// `control_distance`, `control_kl` [control, size]; `plateaus` [side, 4] (width, flatness, steepest, slope)
/// and `control_plateaus` [side * control, 4], `sides` [2] their names; `vector` [unit] the direction or
/// target; `ids`; `token_ids`, `token_texts`; `points/block`, `points/site` of the model; attributes `point`,
/// `token`, `is_line`, `unit`, `length`, `largest`, `seed`, `along`, `unit_name` and those of the model;
/// `text`, one string. Throws as OutputFile, Error(Io, DiskFull).
void writeResponseFile(const std::filesystem::path& path, const ResponseFile& record, IfExists ifExists);

/// Throws Error(NotFound, Format, Unsupported) naming file and dataset.
ResponseFile readResponseFile(const std::filesystem::path& path);

}  // namespace rheo
