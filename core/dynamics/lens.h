#pragma once

#include <functional>
#include <string>

#include "core/analysis/trace_view.h"
#include "core/base/progress.h"
#include "core/dynamics/lens_result.h"
#include "core/model/model.h"

namespace rheo {

/// The logit lens (nostalgebraist 2020): the model's final norm and unembedding put to every state of a view,
/// of the tokens' probabilities in float64. States are taken raw and whole: the scaling and the mask of the
/// view are left aside. Throws Error(Mismatch) where the widths differ, Error(InvalidArgument) for a k out of
/// range, and as usableRows. Cost: 2 D V operations a state for the unembedding, and about 3 V for the rest.
LensResult lens(const Model& model, const TraceView& view, const LensOptions& options, Progress& progress);

/// Keeps the texts of the likeliest tokens and of those of the rows in `lens` (of `view`); an empty text
/// counts as none. Cost: one call of `textOf` a token.
void nameTokens(LensResult& lens, const TraceView& view,
                const std::function<std::string(std::int32_t)>& textOf);

}  // namespace rheo
