#pragma once

#include <string>

#include "core/findings/verdicts.h"

namespace rheo {

/// The numbers of a verdict as a JSON object, named as verdicts.json names them; NaN is null. Sentences are
/// left to who writes for a person.
std::string verdictToJson(const Verdict& verdict);
/// The same back; its direction is the finding's. Throws Error(Format) that names the field for text that is
/// not such an object, and Error(Unsupported) for a finding that is not known.
Verdict verdictFromJson(const std::string& json);

}  // namespace rheo
