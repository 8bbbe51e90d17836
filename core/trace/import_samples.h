#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/trace/import_plan.h"

namespace rheo {

/// A mask, lengths or token ids, read whole.
struct SideArray {
    std::string name;    ///< for messages: "'attention_mask'", or a file
    std::string sample;  ///< the number of its sample; empty: of all samples
    std::vector<std::int64_t> shape;
    std::vector<double> values;  ///< row-major
};

/// Keeps the tokens of `samples` where a mask is 1. The mask is [sample, token] (axes of extent 1 do not
/// count), or, where samples have arrays of their own lengths, says as many tokens as these have. Throws
/// Error(Mismatch) for another shape, Error(Format) for values other than 0 and 1 and for a sample whose ones
/// are not consecutive; both name the mask. `plan`: its parts and the number of tokens of each.
void applyMask(const SideArray& mask, const std::string& file, const ImportPlan& plan,
               std::vector<SampleTokens>& samples);

/// The same from the number of tokens of each sample, counted from the first. Where the only sample has as
/// many tokens as all lengths together, it is cut into samples of those lengths.
void applyLengths(const SideArray& lengths, const std::string& file, const ImportPlan& plan,
                  std::vector<SampleTokens>& samples);

}  // namespace rheo
