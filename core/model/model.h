#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/array.h"
#include "core/base/final_norm.h"
#include "core/base/index.h"
#include "core/base/linear_map.h"
#include "core/base/model_identity.h"
#include "core/base/progress.h"
#include "core/base/residual_point.h"
#include "core/checkpoint/checkpoint.h"
#include "core/model/sampling.h"
#include "core/model/state_edit.h"

namespace rheo {

/// Where the weights are while a model runs.
enum class WeightPlace {
    Automatic,  ///< Memory, where the forecast says that they fit; else Stream
    Memory,
    Stream,  ///< in their files: each run of the network reads one block after another
};
std::string_view weightPlaceName(WeightPlace place);  ///< "auto", "memory", "stream"
/// The place of a name. Throws Error(InvalidArgument) that lists them.
WeightPlace parseWeightPlace(std::string_view name);

struct ModelOptions {
    std::string device = "cpu";  ///< "cpu", "cuda" or "cuda:i"
    DType dtype = DType::Float32;
    int threads = 0;  ///< of libtorch, 0: one per core
    std::optional<std::uint64_t> untrainedSeed;
    /// Unknown keys of config.json that the checkpoint is to be opened with; Model::load does not read them.
    std::vector<std::string> acceptedKeys = {};
    WeightPlace weights = WeightPlace::Automatic;
    /// The adapter that the checkpoint is to be opened with, as openAdapter takes it; empty: none. Likewise.
    std::string adapter = {};
};

/// What Model::forward computes. Nothing that is not asked for is computed.
struct ForwardRequest {
    std::vector<std::vector<std::int32_t>> ids;  ///< prompts of any lengths >= 1
    /// For each prompt, the token positions whose states (and logits) are wanted, ascending.
    std::vector<std::vector<std::int32_t>> positions;
    bool states = true;
    PointIndex firstPoint{0};             ///< states of points firstPoint ..
    std::optional<PointIndex> lastPoint;  ///< .. lastPoint, inclusive; default the final one
    bool writes = false;                  ///< what was added between those points
    bool logits = false;                  ///< at `positions`
    /// What routers give the experts in the blocks that are run. Throws Error(InvalidArgument) for a model
    /// without experts.
    bool routing = false;
    /// For each prompt, edits applied in this order at their points, before anything reads the state; empty:
    /// none at all.
    std::vector<std::vector<StateEdit>> edits = {};
    /// Where batches end, as numbers of prompts, ascending; empty: all prompts are one batch. Each gives the
    /// same bits as a request of its own. Of weights that are read while the model runs (Model::streamed)
    /// each is read once for all batches.
    std::vector<std::int64_t> batchEnds = {};
};

struct ForwardResult {
    Array3F states;  ///< [row, point, unit], rows prompt by prompt in order of `positions`
    /// [row, point - 1, unit], empty unless asked for: what attention or the MLP (both, in parallel
    /// blocks) wrote between a point and the next, after a post-norm where there is one. State p + 1 is
    /// state p plus write p, rounded once to the compute dtype, where no edit changed it.
    Array3F writes;
    MatrixF logits;  ///< [row, vocabulary], empty unless asked for
    /// [row, block, expert], empty unless asked for: the router's probabilities, which add up to 1, before
    /// the likeliest are chosen. NaN for blocks without experts and blocks that were not run.
    Array3F routing;
};

/// A prompt run once, with the keys and values of every block and the natural state of every token
/// at every point: what a teleport starts from. Immutable; belongs to the model that made it.
class PromptContext {
public:
    virtual ~PromptContext() = default;
    virtual const std::vector<std::int32_t>& ids() const = 0;
};

/// A prepared prompt run once more for each list of edits, from a token and a point on.
struct ContinueRequest {
    PointIndex point{0};                        ///< no edit is before it
    int token = 0;                              ///< likewise
    std::vector<std::vector<StateEdit>> edits;  ///< [run]
    bool states = true;
    bool lastState = false;
    bool logits = true;
};

/// What the rest of the network makes of edited states.
struct Continuation {
    /// One per run: [token, point, unit], tokens from the first edited one to the last, points from the
    /// first edited one to the final one. Empty unless asked for.
    std::vector<Array3F> states;
    MatrixF lastState;  ///< [run, unit] of the prompt's last token at the final point, if asked for
    MatrixF logits;     ///< [run, vocabulary] of that token, if asked for
};

/// What Model::generate appends to a prompt.
struct GenerateRequest {
    std::vector<std::int32_t> ids;
    int count = 0;                      ///< tokens to append; an end token does not end them
    std::vector<StateEdit> edits = {};  ///< applied to prompt and generated tokens alike
    Sampling sampling = {};
    bool useCache = true;  ///< false: runs the whole sequence anew for each token, to test the cache against
    std::function<void(std::int32_t)> onToken =
        {};  ///< told each token as it is chosen, on the caller's thread
};

/// A row of the unembedding: the logit of a token is weight . finalNorm(h) + bias, before a softcap.
struct UnembeddingRow {
    VectorF weight;  ///< [unit]
    double bias = 0;
};

/// A decoder-only transformer on libtorch. All its calls belong on one thread at a time (the model
/// lane); none of them changes it.
class Model {
public:
    /// Reads the weights of `checkpoint` to the device, or only those that are not streamed. Cancellable;
    /// reports bytes.
    /// Throws Error(Unsupported, Mismatch, Format, OutOfMemory, Device) naming the key or tensor.
    static std::shared_ptr<const Model> load(std::shared_ptr<const Checkpoint> checkpoint,
                                             const ModelOptions& options, Progress& progress);
    virtual ~Model() = default;

    virtual const ModelConfig& config() const = 0;
    virtual const ModelOptions& options() const = 0;
    virtual const ModelIdentity& identity() const = 0;

    /// What one run of the network reads, where its weights are streamed.
    struct Streamed {
        std::int64_t bytes = 0;  ///< of the files
        double seconds = 0;      ///< that this takes, from a block that was read when the model was opened
    };
    /// Empty where the weights are held in memory. Numbers are the same either way, to the last bit.
    virtual std::optional<Streamed> streamed() const { return std::nullopt; }
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
    /// The second half, for one token. Throws Error(InvalidArgument) for an id outside the vocabulary.
    virtual UnembeddingRow unembeddingRow(std::int32_t id) const = 0;

    /// The tokens that a prompt is continued with: `count` of them. Throws Error(InvalidArgument) where the
    /// model lacks positions for them, and as checkEdit and checkSampling.
    virtual std::vector<std::int32_t> generate(const GenerateRequest& request, Progress& progress) const = 0;
    /// The likeliest tokens, without edits.
    std::vector<std::int32_t> greedy(std::span<const std::int32_t> ids, int count, bool useCache,
                                     Progress& progress) const;

    virtual std::shared_ptr<const PromptContext> prepare(std::span<const std::int32_t> ids,
                                                         Progress& progress) const = 0;
    /// Natural state of one token at one point in `context`, [unit].
    virtual VectorF naturalState(const PromptContext& context, PointIndex point, int token) const = 0;

    /// The derivative of one step for one token: that of each unit of the state at point + 1 by each unit at
    /// `point`, [unit, unit], about the natural state of `token`. The states of earlier tokens are fixed;
    /// with `alone` there are none. Exact, in float64 whatever the dtype. Throws Error(InvalidArgument) for
    /// the final point or a token that is not there, Error(Unsupported) where a model has no derivatives.
    /// Cost: three times the step for as many rows as there are units. Cancellable.
    virtual MatrixD stepJacobian(const PromptContext& context, PointIndex point, int token, bool alone,
                                 Progress& progress) const;
    /// The same by its products with vectors, exact and in float64; it is never formed. Valid as long as the
    /// model, and for one thread at a time. Throws as stepJacobian. Cost of a product with a vector: 2 to 3
    /// times the step for a row; many vectors together cost less each.
    virtual std::unique_ptr<LinearMap> stepProducts(const PromptContext& context, PointIndex point, int token,
                                                    bool alone) const;

    /// Runs a prepared prompt again with edits, all lists of edits as one batch. Keys and values of tokens
    /// before `request.token` are reused; it and the later ones start from their natural states at
    /// `request.point`. The same shapes always give the same bits. Throws Error(InvalidArgument) where an
    /// edit is before that token or point, and as checkEdit.
    virtual Continuation continueFrom(const PromptContext& context, const ContinueRequest& request,
                                      Progress& progress) const = 0;
    /// Teleports: each row of `states` [state, unit] is put in place of the state of `token` at `point`, in a
    /// run of its own.
    Continuation resume(const PromptContext& context, PointIndex point, int token, const MatrixF& states,
                        bool wantLogits, Progress& progress) const;
};

}  // namespace rheo
