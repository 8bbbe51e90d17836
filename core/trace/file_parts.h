#pragma once

#include <string>
#include <vector>

#include "core/base/model_identity.h"
#include "core/base/residual_point.h"
#include "core/trace/hdf5_file.h"

namespace rheo {

// Parts that trace files, results and teleports store in the same way.

/// Residual points in order of depth: `block` and `site` [point] in `group`.
void writePoints(Hdf5File& file, const std::string& group, const std::vector<ResidualPoint>& points);
/// Throws Error(Format) for lists of different lengths and for unknown sites.
std::vector<ResidualPoint> readPoints(const Hdf5File& file, const std::string& group);

/// Attributes of `group` that say which model made the states: architecture, dtype, weights_sha256, and where
/// there are any, notes and accepted_config_keys, each list as one text.
void writeModelAttributes(Hdf5File& file, const std::string& group, const ModelIdentity& model);
/// An attribute that is missing gives an empty field; fields that are stored elsewhere stay unset.
ModelIdentity readModelAttributes(const Hdf5File& file, const std::string& group);

}  // namespace rheo
