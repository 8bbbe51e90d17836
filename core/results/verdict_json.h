#pragma once

#include <string>
#include <vector>

#include "core/findings/verdicts.h"

namespace rheo {

class Hdf5File;

/// The numbers of a verdict as a JSON object, named as verdicts.json names them; NaN is null. Sentences are
/// left to who writes for a person.
std::string verdictToJson(const Verdict& verdict);
/// The same back; its direction is the finding's. Throws Error(Format) that names the field for text that is
/// not such an object, and Error(Unsupported) for a finding that is not known.
Verdict verdictFromJson(const std::string& json);
/// A dataset of such texts. Throws Error(Format) that names file and dataset.
std::vector<Verdict> readVerdicts(const Hdf5File& file, const std::string& dataset);

}  // namespace rheo
