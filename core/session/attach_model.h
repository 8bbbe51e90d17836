#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/index.h"
#include "core/base/model_identity.h"
#include "core/base/residual_point.h"
#include "core/trace/trace.h"

namespace rheo {

/// What differs between the model that made a trace and another, for a person: "the weights differ
/// (sha256 12ab34cd... against ...)". Empty if they are the same model; the dtype may differ.
std::string identityDifference(const ModelIdentity& trace, const ModelIdentity& model);

/// The model's point that is the first one of a trace, if the points of the trace are points of the model
/// without a gap.
std::optional<PointIndex> firstModelPoint(const std::vector<ResidualPoint>& trace,
                                          const std::vector<ResidualPoint>& model);

/// Whether a model can be used beside the rows of a trace. Throws Error(Mismatch) naming what differs:
/// identity, width, points, or a token outside the vocabulary. A trace that does not say which model made it
/// is compared by width, points and tokens; then the answer is a sentence that says so, else empty.
std::string checkAttachment(const TraceInfo& trace, const ModelIdentity& model,
                            const std::vector<ResidualPoint>& modelPoints, const std::string& folder);

}  // namespace rheo
