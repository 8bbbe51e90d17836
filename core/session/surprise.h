#pragma once

#include <vector>

#include "core/base/progress.h"
#include "core/model/model.h"
#include "core/trace/trace.h"

namespace rheo {

/// How surprised the model is at the token that follows each row's own: -ln p(token | the text up to the
/// row), nats, [row]. NaN for a row that is the last token of its sample, or whose sample has no token ids.
/// The last point of `trace` must be that of the model (its states go to the unembedding). Throws
/// Error(Mismatch) for states of another width, and what the trace and the model throw. Cost: 2 D V
/// operations a row.
std::vector<double> surpriseOfRows(const Model& model, const Trace& trace, Progress& progress);

}  // namespace rheo
