#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/base/model_identity.h"
#include "core/base/output_file.h"
#include "core/base/residual_point.h"
#include "core/dynamics/flow_result.h"

namespace rheo {

/// Flows of one prompt over the same axes, as they are stored.
struct FlowFile {
    std::vector<ResidualPoint> points;  ///< all of the model
    ModelIdentity model;
    std::string text;               ///< the prompt; may be empty
    std::vector<std::int32_t> ids;  ///< of the prompt
    Flow flow;
    std::vector<Flow> deeper = {};  ///< at points behind that of the first, ascending; usually none
    std::map<std::int32_t, std::string> tokenTexts;  ///< of the likeliest tokens; may be empty

    /// Those of all points, in order of depth.
    std::vector<const Flow*> flows() const;
    /// The deepest at or before a point; the first where there is none.
    const Flow& at(PointIndex point) const;
};

/// HDF5: `x` [column], `y` [row] coordinates; `scores` [cell, point, 2] float64, cells row by row from the
/// lowest, and `natural` [point, 2]; `distance`, `distance_rms` [cell, point]; `contraction`,
/// `contraction_rms` [step]; `control_contraction`, `control_contraction_rms` [control, step]; `likeliest`
/// [cell] int32, `probability`, `kl` [cell]; `extent` [2]; `axis_names`, `axes` [2]; `ids`; `token_ids`,
/// `token_texts`; `points/block`, `points/site` of the model; attributes `point`, `token`, `natural_token`,
/// `natural_probability`, `seed` and those of the model; `text`, one string. Flows of deeper points have the
/// same in the groups `deeper/0`, `deeper/1`, ... Throws as OutputFile, Error(Io, DiskFull).
void writeFlowFile(const std::filesystem::path& path, const FlowFile& record, IfExists ifExists);

/// Throws Error(NotFound, Format, Unsupported) naming file and dataset.
FlowFile readFlowFile(const std::filesystem::path& path);

}  // namespace rheo
