#pragma once
// Internal to this module: include ATen before it.

#include <cstdint>
#include <memory>
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

/// An MLP, or one expert.
struct MlpWeights {
    LinearWeights gateUp;  ///< [2 width, dModel], gate above up; without gating [width, dModel]
    LinearWeights down;    ///< [dModel, width]
};

/// One block in the form it runs in, whichever form the checkpoint has.
struct BlockWeights {
    NormWeights attnPreNorm, attnPostNorm, mlpPreNorm, mlpPostNorm;
    NormWeights queryNorm, keyNorm;
    LinearWeights qkv;      ///< [(heads + 2 kvHeads) * headDim, dModel]: queries, keys, values by head
    LinearWeights attnOut;  ///< [dModel, heads * headDim]
    MlpWeights mlp;         ///< the shared expert in blocks with experts, undefined where there is none
    LinearWeights router;   ///< [expert, dModel], undefined in blocks without experts
    std::vector<MlpWeights> experts;
    LinearWeights sharedScale;  ///< [1, dModel] of the shared expert
};

class WeightReader;

struct Weights {
    at::Tensor embedding;  ///< [vocabulary, dModel]
    at::Tensor positions;  ///< [maxPositions + positionOffset, dModel] or undefined
    std::vector<BlockWeights> blocks;
    NormWeights finalNorm;
    LinearWeights unembedding;  ///< its weight shares the embedding where tied
    /// Null, or where the embedding, the blocks and the weight of the unembedding are read from whenever they
    /// are used; they are not held then.
    std::shared_ptr<const WeightReader> reader;
    bool mapped = false;  ///< some tensors are those of the files, mapped
};

/// Brings the parameters of a checkpoint, or parameters drawn anew, into the form above.
struct WeightsTask {
    const Checkpoint& checkpoint;  ///< outlives what is made of it
    at::Device device = at::kCPU;
    at::ScalarType dtype = at::kFloat;
    std::optional<std::uint64_t> untrainedSeed = {};
    int threads = 1;
};

/// Reads weights while the network runs, for models that are larger than memory. Threads
/// wait for each other.
class WeightReader {
public:
    explicit WeightReader(const WeightsTask& task);
    ~WeightReader();
    WeightReader(const WeightReader&) = delete;
    WeightReader& operator=(const WeightReader&) = delete;

    /// The weights of a block. The next block is read meanwhile, on a thread of its own: two blocks are held
    /// if the caller let go of the one before. Throws Error(Io), std::bad_alloc.
    std::shared_ptr<const BlockWeights> block(std::int64_t layer) const;
    /// Rows of the embedding, [token, dModel]; `ids` int64 on the CPU.
    at::Tensor embedding(const at::Tensor& ids) const;
    /// Rows first .. first + count - 1 of the unembedding, [count, dModel].
    at::Tensor unembedding(std::int64_t first, std::int64_t count) const;

private:
    struct State;
    std::unique_ptr<State> m_state;
};

/// Reads all parameters; with `stream` only what the reader does not offer. Interleaved rotary pairs become
/// halves: the rows of queries and keys are permuted alike, which leaves their products as they are. Reports
/// bytes, checks for a stop at least every 4 MiB. Beside the weights themselves at most one parameter is
/// held, and where no rows are permuted only 4 MiB of one. Whole matrices that the files hold as they are
/// used (on the CPU, in the compute dtype, without an adapter) are not copied but mapped: the checkpoint is
/// to outlive them.
Weights loadWeights(const WeightsTask& task, bool stream, Progress& progress);

}  // namespace rheo
