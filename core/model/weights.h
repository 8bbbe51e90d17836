#pragma once
// Internal to this room: include ATen before it.

#include <optional>
#include <vector>

#include "core/base/progress.h"
#include "core/checkpoint/checkpoint.h"

namespace rheo {

/// Norms are kept in float32 whatever the compute dtype; Gemma's 1 + w is already added.
struct NormWeights {
    at::Tensor weight;  ///< float32 [width], undefined where the block has no such norm
    at::Tensor bias;    ///< float32 [width], LayerNorm only
};

struct LinearWeights {
    at::Tensor weight;  ///< [out, in]
    at::Tensor bias;    ///< [out], undefined without one
};

/// One block in the form it runs in, whichever form the checkpoint has.
struct BlockWeights {
    NormWeights attnPreNorm, attnPostNorm, mlpPreNorm, mlpPostNorm;
    NormWeights queryNorm, keyNorm;
    LinearWeights qkv;      ///< [(heads + 2 kvHeads) * headDim, dModel]: queries, keys, values by head
    LinearWeights attnOut;  ///< [dModel, heads * headDim]
    LinearWeights gateUp;  ///< [2 intermediate, dModel], gate above up; without gating [intermediate, dModel]
    LinearWeights down;    ///< [dModel, intermediate]
};

struct Weights {
    at::Tensor embedding;  ///< [vocabulary, dModel]
    at::Tensor positions;  ///< [maxPositions + positionOffset, dModel] or undefined
    std::vector<BlockWeights> blocks;
    NormWeights finalNorm;
    LinearWeights unembedding;  ///< shares the embedding where tied
};

/// Reads the parameters of `checkpoint`, or draws them anew where `untrainedSeed` is given, and brings
/// them into the form above on `device`. Interleaved rotary pairs become halves: the rows of queries and
/// keys are permuted alike, which leaves their products as they are. Reports bytes, checks for a stop at
/// least every 16 MiB.
Weights loadWeights(const Checkpoint& checkpoint, at::Device device, at::ScalarType dtype,
                    std::optional<std::uint64_t> untrainedSeed, int threads, Progress& progress);

}  // namespace rheo
