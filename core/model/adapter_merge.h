#pragma once

// ATen must come first in a file that includes this.
#include <cstdint>
#include <string>

#include "core/base/progress.h"
#include "core/checkpoint/checkpoint.h"

namespace rheo {

/// Changes rows first .. of the parameter `name`, as they are stored ([row, ...] of the stored tensor in its
/// type, contiguous, on the CPU), into what the checkpoint's adapter makes of them; without one they stay.
///
/// As `PeftModel.from_pretrained(base, FOLDER).merge_and_unload()` of PEFT 0.21 does it in the stored type:
/// products in float32 (float64 where the parameter is), added to a linear layer's weight with one rounding
/// to its type; those of embeddings are rounded to it first. Only the order of the sum over the rank may
/// differ from PEFT's, by at most r float32 roundings of the product. Rows are computed in groups of 16 that
/// depend on nothing else, so any rows give the same bits, alone or with others. Cost: 2 r operations a
/// value. Checks for a stop between groups.
void mergeAdapter(const Checkpoint& checkpoint, const std::string& name, std::int64_t first,
                  const at::Tensor& rows, const Progress& progress);

}  // namespace rheo
