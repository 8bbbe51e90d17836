#pragma once

#include "core/capture/capture.h"

namespace rheo {

/// Of the prompts of `plan`, those of part `part` of `parts`: consecutive ones, so that each part takes about
/// as long. There may be none.
CapturePlan planPart(const Model& model, const CapturePlan& plan, int part, int parts);

}  // namespace rheo
