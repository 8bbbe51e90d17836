#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/base/index.h"
#include "core/base/progress.h"
#include "core/session/document.h"
#include "widgets/viewmodels/loaded_model.h"

namespace rheo {

/// What the workspace runs on the model queue. Plain functions: they run on a thread of their own and touch
/// nothing of the window. States are captured as `rheo capture` does, and are the same to the last bit.

/// Checkpoint, tokenizer if there is one, and weights. Throws as those do.
std::shared_ptr<const LoadedModel> loadModel(const std::filesystem::path& folder, const ModelOptions& options,
                                             Progress& progress);

/// States of some tokens of one prompt, points `first` .. `last` of the model: one sample, a row for each
/// position (ascending).
std::shared_ptr<const Trace> captureTokens(const Model& model, const Sample& sample,
                                           const std::vector<std::int32_t>& positions, PointIndex first,
                                           PointIndex last, Progress& progress);

/// States of the last token of each sample, in their order. Prompts of similar length share a batch; between
/// batches urgent jobs are let through. Throws Error(OutOfMemory) if the states would not fit into memory.
std::shared_ptr<const Trace> captureLastTokens(const Model& model, std::vector<Sample> samples,
                                               PointIndex first, PointIndex last, Progress& progress);

}  // namespace rheo
