#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/array.h"
#include "core/base/final_norm.h"
#include "core/base/index.h"
#include "core/base/model_identity.h"
#include "core/base/progress.h"
#include "core/base/residual_point.h"
#include "core/checkpoint/checkpoint.h"

namespace rheo {

struct ModelOptions {
    std::string device = "cpu";  ///< "cpu", "cuda" or "cuda:i"
    DType dtype = DType::Float32;
    int threads = 0;  ///< of libtorch, 0: one per core
    std::optional<std::uint64_t> untrainedSeed;
    /// Unknown keys of config.json that the checkpoint is to be opened with; Model::load does not read them.
    std::vector<std::string> acceptedKeys = {};
};

/// What Model::forward computes. Nothing that is not asked for is computed.
struct ForwardRequest {
    std::vector<std::vector<std::int32_t>> ids;  ///< prompts of any lengths >= 1, run as one batch
    /// For each prompt, the token positions whose states (and logits) are wanted, ascending.
    std::vector<std::vector<std::int32_t>> positions;
    bool states = true;
    PointIndex firstPoint{0};             ///< states of points firstPoint ..
    std::optional<PointIndex> lastPoint;  ///< .. lastPoint, inclusive; default the final one
    bool writes = false;                  ///< what was added between those points
    bool logits = false;                  ///< at `positions`
};

struct ForwardResult {
    Array3F states;  ///< [row, point, unit], rows prompt by prompt in order of `positions`
    /// [row, point - 1, unit], empty unless asked for: what attention or the MLP (both, in parallel
    /// blocks) wrote between a point and the next, after a post-norm where there is one. State p + 1 is
    /// state p plus write p, rounded once to the compute dtype.
    Array3F writes;
    MatrixF logits;  ///< [row, vocabulary], empty unless asked for
};

/// A prompt run once, with the keys and values of every block and the natural state of every token
/// at every point: what a teleport starts from. Immutable; belongs to the model that made it.
class PromptContext {
public:
    virtual ~PromptContext() = default;
    virtual const std::vector<std::int32_t>& ids() const = 0;
};

/// What the rest of the network makes of states put in at one point and token.
struct Continuation {
    /// One per input state: [token, point, unit], tokens from the replaced one to the last, points
    /// from the one given to the final one. The first state of the first token is the input.
    std::vector<Array3F> states;
    MatrixF logits;  ///< [input state, vocabulary] of the prompt's last token
};

/// A decoder-only transformer on libtorch. All its calls belong on one thread at a time (the model
/// lane); none of them changes it.
class Model {
public:
    /// Reads the weights of `checkpoint` to the device. Cancellable; reports bytes.
    /// Throws Error(Unsupported, Mismatch, Format, OutOfMemory, Device) naming the key or tensor.
    static std::shared_ptr<const Model> load(std::shared_ptr<const Checkpoint> checkpoint,
                                             const ModelOptions& options, Progress& progress);
    virtual ~Model() = default;

    virtual const ModelConfig& config() const = 0;
    virtual const ModelOptions& options() const = 0;
    virtual const ModelIdentity& identity() const = 0;
    /// In order of depth; the last is Final.
    virtual const std::vector<ResidualPoint>& points() const = 0;

    /// Runs prompts of different lengths as one batch. A row's values do not depend on the batch
    /// beyond float rounding. Checks for a stop between blocks.
    virtual ForwardResult forward(const ForwardRequest& request, Progress& progress) const = 0;

    /// Logits of every position, [token, vocabulary].
    virtual MatrixF logits(std::span<const std::int32_t> ids, Progress& progress) const = 0;

    /// Final norm and unembedding of any states [state, unit], as if they were at the final point: logits
    /// [state, vocabulary]. Throws Error(InvalidArgument) for another width.
    virtual MatrixF unembed(const MatrixF& states, Progress& progress) const = 0;

    /// The first half of that.
    virtual FinalNorm finalNorm() const = 0;

    /// The `count` tokens that argmax decoding appends; `useCache` false runs the whole sequence
    /// anew for each (to test the cache against).
    virtual std::vector<std::int32_t> greedy(std::span<const std::int32_t> ids, int count, bool useCache,
                                             Progress& progress) const = 0;

    virtual std::shared_ptr<const PromptContext> prepare(std::span<const std::int32_t> ids,
                                                         Progress& progress) const = 0;
    /// Natural state of one token at one point in `context`, [unit].
    virtual VectorF naturalState(const PromptContext& context, PointIndex point, int token) const = 0;

    /// Puts each row of `states` [state, unit] in place of the natural state of `token` at `point`, as
    /// one batch, and runs the blocks after it. Keys and values of earlier tokens are reused; later
    /// tokens keep their natural state at `point` and are recomputed from there. The same shapes
    /// always give the same bits. `wantLogits` false leaves the unembedding out.
    virtual Continuation resume(const PromptContext& context, PointIndex point, int token,
                                const MatrixF& states, bool wantLogits, Progress& progress) const = 0;
};

}  // namespace rheo
