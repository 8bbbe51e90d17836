#pragma once
// Internal to this room: include ATen before it.

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/progress.h"
#include "core/checkpoint/model_config.h"
#include "core/model/weights.h"

namespace rheo {

/// Which code runs between matrix products: loops over float rows on a CPU and tensor operations
/// elsewhere, or tensor operations everywhere (to test the one against the other).
enum class KernelChoice { ByDevice, TensorOperations };

/// Keys and values of the tokens of one sequence, [capacity, 2 * kvHeads * headDim] a block: the keys of all
/// heads, then the values. float32 with the plain loops, else the compute dtype.
struct KeyValueCache {
    std::vector<at::Tensor> blocks;
};

/// Where the tokens and the queries of each packed sequence are.
struct AttentionRows {
    struct Sequence {
        std::int64_t firstRow, tokens;     ///< rows of keys and values
        std::int64_t firstQuery, queries;  ///< rows of queries
    };
    std::vector<Sequence> sequences;
    std::vector<std::int64_t> rowToken;    ///< [row] which token of its sequence it is
    std::vector<std::int64_t> queryToken;  ///< [query] likewise
    std::int64_t start = 0;                ///< position of token 0
};

/// Cosines and sines of the rotary angles of packed sequences that begin at one position. Sequences share a
/// set of frequencies, unless these depend on the length of the whole sequence (long rope, dynamic).
struct RotaryTable {
    struct Angles {
        std::vector<float> cosine, sine;  ///< [token, half], of positions start ..
    };
    std::int64_t half = 0;  ///< rotaryDim / 2
    std::vector<Angles> sets;
    std::vector<std::size_t> setOf;  ///< [sequence] index into `sets`
};

/// Which set of frequencies a whole sequence of `length` tokens uses: sequences with the same number share
/// it. Keys that were cached for a shorter sequence can be used on if its number is the same.
std::int64_t frequencySet(const RopeConfig& rope, std::int64_t length);

/// `lengths`: tokens of each sequence from position `start` on.
RotaryTable rotaryTable(const RopeConfig& rope, std::int64_t rotaryDim, std::int64_t start,
                        const std::vector<std::int64_t>& lengths);

/// What attention needs of one block.
struct AttentionTask {
    const ModelConfig& config;
    const BlockConfig& block;
    const BlockWeights& weights;
    const AttentionRows& rows;
    const RotaryTable* rotary;  ///< null without rotary positions
    const at::Tensor* before;   ///< cache of this block: rows.start tokens shared by all sequences, or null
    at::Tensor* store;          ///< cache of this block to write to, or null
};

/// Rotates, norms and attends with the plain loops. `queries` [query, heads * headDim] and `keysValues`
/// [row, 2 kvHeads * headDim] are float32 rows on the CPU, perhaps of one tensor, and are changed in place.
/// Returns [query, heads * headDim] float32.
at::Tensor attendPlain(const AttentionTask& task, const at::Tensor& queries, const at::Tensor& keysValues,
                       const Progress& progress);

/// The same by tensor operations, in the dtype of its input, on any device; nothing is changed in place.
at::Tensor attendTensors(const AttentionTask& task, const at::Tensor& queries, const at::Tensor& keysValues,
                         const Progress& progress);

/// Norm of rows [row, width] by tensor operations, computed in float32, in the dtype of `x`.
at::Tensor normTensors(const at::Tensor& x, const NormWeights& weights, NormKind kind, double epsilon);

}  // namespace rheo
