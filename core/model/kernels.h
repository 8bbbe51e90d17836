#pragma once

#include <cstdint>

namespace rheo::kernels {

// The small loops between matrix products, on plain float rows: what would otherwise be a dozen tensor
// operations, each with its own allocation, for every one of them. Internal to this room.

/// y[i] = x[i] / sqrt(mean(x^2) + epsilon) * weight[i], i < n. `y` may be `x`. The mean is taken in double.
void rmsNormRow(const float* x, const float* weight, float epsilon, std::int64_t n, float* y);

/// y[i] = (x[i] - mean(x)) / sqrt(var(x) + epsilon) * weight[i] + bias[i], biased variance. `y` may be `x`.
/// Mean and variance are taken in double.
void layerNormRow(const float* x, const float* weight, const float* bias, float epsilon, std::int64_t n,
                  float* y);

/// Rotates one head in place: units i and i + half, i < half, by the angle with cosine[i] and sine[i].
void rotateHead(float* head, const float* cosine, const float* sine, std::int64_t half);

/// c [m, n] = a [m, k] times b, which is [k, n], or [n, k] if `transposedB`; added to c if `accumulate`. Rows
/// are `lda`, `ldb`, `ldc` floats apart. By oneDNN where libtorch brings it, which knows newer processors
/// than many a BLAS and shares libtorch's threads; else by BLAS. At most 128 terms are summed at once,
/// because the rounding error of a float sum grows with its length: with 128, capture takes 2 % longer than
/// with sums of any length, and states have half the error.
void product(bool transposedB, std::int64_t m, std::int64_t n, std::int64_t k, const float* a,
             std::int64_t lda, const float* b, std::int64_t ldb, bool accumulate, float* c, std::int64_t ldc);

/// Whether `product` has oneDNN.
bool hasOneDnn();

/// Whether this processor multiplies bfloat16 itself. Others take several times as long for it as for float.
bool multipliesBFloat16();

/// y[i] = weights[i] . x (+ bias[i]), weights [rows, n]: one pass over the weights, which bounds it. Sixteen
/// lanes sum 32 terms at a time. The second form takes bfloat16 bits.
void matrixVector(const float* weights, const float* x, const float* bias, std::int64_t rows, std::int64_t n,
                  float* y);
void matrixVector(const std::uint16_t* weights, const float* x, const float* bias, std::int64_t rows,
                  std::int64_t n, float* y);

/// c [m, n] = a [m, k] times the transpose of b [n, k], all sums in double. Rows of c are `ldc` apart. For a
/// few rows: each takes four to six times as long as one of many in `product`.
void productInDouble(std::int64_t m, std::int64_t n, std::int64_t k, const double* a, const float* b,
                     double* c, std::int64_t ldc);

/// y[i] += x[i]
void addRow(const float* x, std::int64_t n, float* y);

/// Causal attention of one head over keys that lie in up to two places.
struct KeyRange {
    const float* keys = nullptr;    ///< key j at keys + j * stride
    const float* values = nullptr;  ///< likewise
    std::int64_t stride = 0;
    std::int64_t first = 0;  ///< position of key 0
    std::int64_t count = 0;
};

struct HeadTask {
    const float* queries = nullptr;  ///< query i at queries + i * queryStride, [width]
    std::int64_t queryStride = 0;
    const std::int64_t* positions = nullptr;  ///< [count] of each query, ascending
    std::int64_t count = 0;
    KeyRange before;         ///< may be empty; positions first ..
    KeyRange own;            ///< .. followed by these
    std::int64_t width = 0;  ///< units of a head
    float scale = 1;
    float softcap = 0;        ///< 0: none
    std::int64_t window = 0;  ///< 0: none
    float* out = nullptr;     ///< of query i at out + i * outStride, [width]
    std::int64_t outStride = 0;
};

/// Floats of scratch that attendHead needs for `queries` queries over `keys` keys.
std::int64_t scratchOf(std::int64_t queries, std::int64_t keys);

/// out = softmax(scale * queries keys^T, softcapped, over the keys at or before each query and inside its
/// window) values. `scratch` as scratchOf says. Exponentials to 1e-7 relative.
void attendHead(const HeadTask& task, float* scratch);

}  // namespace rheo::kernels
