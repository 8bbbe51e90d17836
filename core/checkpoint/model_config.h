#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/checkpoint/accepted_keys.h"
#include "core/checkpoint/dtype.h"
#include "core/checkpoint/scaled_weights.h"

namespace rheo {

/// How a state is normed: x over its RMS times w; the same times (1 + w), as Gemma stores it; or
/// LayerNorm with weight and bias.
enum class NormKind { Rms, RmsOnePlus, Layer };

/// Norms of queries and keys before positions are applied: none, over each head's width, or over all
/// heads together.
enum class QkNorm { None, PerHead, Full };

enum class Activation { Silu, Gelu, GeluTanh, Relu };

enum class RopeKind {
    Default,   ///< theta^(-2i/dim)
    Linear,    ///< frequencies divided by `factor`
    Llama3,    ///< low frequencies divided by `factor`, high ones kept, smooth between
    LongRope,  ///< a divisor for each frequency, one list for short sequences and one for long
    Yarn,      ///< low frequencies divided by `factor`, high ones kept, a ramp over the dimensions between
    Dynamic,   ///< theta grows with the sequence where it is longer than the original length
};

/// Rotary position embedding. Frequencies are computed as each kind's reference does.
struct RopeConfig {
    RopeKind kind = RopeKind::Default;
    double theta = 10000;
    double factor = 1;
    double lowFreqFactor = 1;               ///< Llama3
    double highFreqFactor = 4;              ///< Llama3
    std::int64_t originalMaxPositions = 0;  ///< Llama3, LongRope, Yarn, Dynamic: the length first trained on
    std::vector<double> shortFactor, longFactor;  ///< LongRope, [dim / 2]
    double attentionFactor = 1;                   ///< LongRope, Yarn: cosines and sines are multiplied by it
    double betaFast = 32;  ///< Yarn: turns within the original length from which a frequency is kept
    double betaSlow = 1;   ///< Yarn: turns below which it is divided
    bool truncate = true;  ///< Yarn: the ramp's ends are rounded outwards to whole dimensions
    friend bool operator==(const RopeConfig&, const RopeConfig&) = default;
};

/// The MLPs of a block of which a router picks a few for each token (mixture of experts, arXiv:1701.06538):
/// the sum of the chosen experts' outputs, each times its probability, plus that of the shared one.
struct ExpertsConfig {
    std::int64_t count = 0;
    std::int64_t chosen = 0;  ///< for each token: those that the router finds likeliest
    std::int64_t width = 0;   ///< of each expert's hidden layer
    /// Width of one more, which sees every token and is times the sigmoid of a product of its own; 0: none.
    std::int64_t sharedWidth = 0;
    bool sumsToOne = false;  ///< probabilities of the chosen ones are divided by their sum
    friend bool operator==(const ExpertsConfig&, const ExpertsConfig&) = default;
};

/// What differs from block to block.
struct BlockConfig {
    std::optional<std::int64_t> window;  ///< a token attends to itself and the window - 1 before it
    int rope = 0;                        ///< index into ModelConfig::ropes
    double attentionScale = 1;           ///< factor of query times key
    bool experts = false;                ///< its MLP is ModelConfig::experts
};

/// How query, key and value weights lie in a checkpoint.
enum class QkvLayout {
    Separate,  ///< three tensors
    Stacked,   ///< one: all queries, all keys, all values
    PerHead,   ///< one: query, key and value of head 0, then of head 1 (GPT-NeoX)
};

/// Names of the tensors of an architecture, without ".weight" and ".bias". An empty name: the
/// architecture has none. Names of a block follow `block`, where "{}" is its number.
struct TensorNames {
    std::string prefix;  ///< of everything but `unembedding`; files of the bare decoder leave it out
    std::string embedding, positions, finalNorm;
    std::string unembedding;  ///< whole name, no prefix
    std::string block;
    std::string attnPreNorm, attnPostNorm, mlpPreNorm, mlpPostNorm, queryNorm, keyNorm;
    std::string query, key, value;  ///< QkvLayout::Separate
    std::string qkv;                ///< the other layouts
    std::string attnOut;
    std::string gate, up, down;
    std::string gateUp;  ///< gate above up in one tensor; then `gate` and `up` are empty
    std::string router;  ///< of blocks with experts, as all below
    std::string expertGate, expertUp, expertDown;               ///< "{}" is the expert's number
    std::string sharedGate, sharedUp, sharedDown, sharedScale;  ///< where there is a shared expert
    QkvLayout qkvLayout = QkvLayout::Separate;
    bool transposed = false;           ///< linear weights are [in, out] (GPT-2)
    std::vector<std::string> buffers;  ///< endings of names that files carry and that are no parameters
};

/// One decoder, described by data: a stack of blocks that differ between architectures only in what
/// stands here. Filled from config.json by one small function an architecture.
///
/// A block computes, on the residual stream h (norms that are absent are the identity):
///   a  = attnPostNorm(attention(attnPreNorm(h)))
///   sequential:  h' = h + a;   h'' = h' + mlpPostNorm(mlp(mlpPreNorm(h')))
///   parallel:    h'' = h + (a + mlp(mlpPreNorm(h)));  with `sharedNorm` mlp(attnPreNorm(h))
struct ModelConfig {
    std::string architecture;  ///< model_type; of a model that reads images too, that of the whole
    std::int64_t layers = 0;
    std::int64_t dModel = 0;
    std::int64_t heads = 0;
    std::int64_t kvHeads = 0;  ///< divides heads
    std::int64_t headDim = 0;
    std::int64_t intermediate = 0;  ///< width of the MLP's hidden layer, where it has no experts
    std::optional<ExpertsConfig> experts;
    std::int64_t vocabulary = 0;
    /// Longest sequence the config allows, tokens. With rope yarn or dynamic: the original length times the
    /// factor, where that is more than max_position_embeddings.
    std::int64_t maxPositions = 0;
    /// Length of sequence it was trained on, where that is known and shorter.
    std::optional<std::int64_t> trainedPositions;

    NormKind norm = NormKind::Rms;
    double normEpsilon = 1e-6;
    bool attnPreNorm = true, attnPostNorm = false;
    bool mlpPreNorm = true, mlpPostNorm = false;
    bool parallelBlocks = false;  ///< attention and MLP read the same state: no point between them
    bool sharedNorm = false;      ///< parallel blocks with one norm for both (GPT-J)
    QkNorm qkNorm = QkNorm::None;

    bool learnedPositions = false;
    std::int64_t positionOffset = 0;  ///< rows of the position table before position 0 (OPT: 2)
    std::int64_t rotaryDim = 0;       ///< units of each head that are rotated, from the first; 0: none
    bool rotaryInterleaved = false;   ///< pairs are neighbours (GPT-J), not halves
    std::vector<RopeConfig> ropes;    ///< named by BlockConfig::rope
    std::vector<BlockConfig> blocks;  ///< [layers]

    Activation activation = Activation::Silu;
    bool gatedMlp = true;  ///< down(act(gate(x)) * up(x)), else down(act(up(x)))
    bool qkvBias = false, attnOutBias = false, mlpBias = false, unembeddingBias = false;
    std::optional<double> attentionSoftcap;  ///< scores become cap * tanh(score / cap)
    std::optional<double> logitSoftcap;
    double embeddingScale = 1;  ///< rounded to the compute dtype, as the reference does
    bool tiedUnembedding = false;

    double initializerRange = 0.02;            ///< SD of untrained weights
    std::optional<double> residualInitRange;   ///< SD of untrained attnOut and down, where it differs
    std::optional<std::int64_t> paddingToken;  ///< its untrained embedding is zero, where that is so
    std::string storedDType;                   ///< as the config says: "bfloat16"; empty if it does not
    std::optional<std::int64_t> beginToken;
    std::vector<std::int64_t> endTokens;

    std::optional<ScaledWeights> scaledWeights;  ///< matrices of 8-bit floats may be among the weights

    TensorNames names;

    std::vector<std::string> notes;         ///< sentences: what was left aside, or read in a way to know of
    std::vector<std::string> acceptedKeys;  ///< unknown keys that the caller chose to open the model with
};

/// Reads config.json (its whole text; `file` is its name in messages). Every key that changes the
/// computation must be understood; keys that change nothing are named in a note. Keys left out take the
/// architecture's own defaults. Of a model that reads images too (`text_config`), the decoder is read.
/// Throws Error(Format) for JSON that is damaged or a value of the wrong kind or out of range,
/// Error(Unsupported) naming the model_type, value or keys that this program does not compute, unless
/// `accepted` has the keys.
ModelConfig parseModelConfig(std::string_view json, const std::string& file,
                             const AcceptedKeys& accepted = {});

/// At most `most` of the names, and how many more there are: "a, b and 3 more".
std::string listedNames(const std::vector<std::string>& names, std::size_t most = 10);

/// The model_type names that parseModelConfig knows, in alphabetical order.
std::vector<std::string> knownArchitectures();

/// How a parameter starts in an untrained model.
enum class InitKind { Normal, Zeros, Ones };

/// A parameter as the config makes one expect it in a checkpoint.
struct ParameterSpec {
    std::string name;  ///< with "prefix" and ".weight" or ".bias"
    std::vector<std::int64_t> shape;
    InitKind init = InitKind::Normal;
    double initRange = 0;
    bool zeroPaddingRow = false;  ///< row ModelConfig::paddingToken starts as zero
};

/// Every parameter of a model, once; a tied unembedding is not among them.
std::vector<ParameterSpec> expectedParameters(const ModelConfig& config);

/// Width of the widest hidden layer that one token passes in any block: that of an MLP or an expert.
std::int64_t widestHidden(const ModelConfig& config);
/// Values that the hidden layers of a block's MLP hold for one token: all chosen experts together. That of
/// the block where it is the most.
std::int64_t hiddenUnits(const ModelConfig& config);

/// Name of an expert's tensor, as TensorNames has it, with its number.
std::string expertName(const std::string& pattern, std::int64_t expert);

/// Name of a tensor of block `layer`: names.prefix + names.block + `part` + `suffix`.
std::string blockTensorName(const ModelConfig& config, std::int64_t layer, const std::string& part,
                            std::string_view suffix);

}  // namespace rheo
