#include "core/model/kernels.h"

#include <dlfcn.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "core/base/wide.h"

// Column-major, as Fortran has it: a row-major [m, n] matrix is its [n, m] transpose.
extern "C" void sgemm_(const char* transA, const char* transB, const int* m, const int* n, const int* k,
                       const float* alpha, const float* a, const int* lda, const float* b, const int* ldb,
                       const float* beta, float* c, const int* ldc);

namespace rheo::kernels {

namespace {

/// e^x by 2^k times a polynomial of the rest, |rest| <= ln(2) / 2: the Taylor series to the seventh power is
/// off by less than 6e-9 there. Written without branches, so that the compiler makes vectors of it.
inline float exponential(float x) {
    const float clamped = std::max(x, -87.0F);
    const float scaled = clamped * 1.44269504F;
    const auto k = static_cast<std::int32_t>(scaled + (scaled < 0 ? -0.5F : 0.5F));
    const auto whole = static_cast<float>(k);
    // ln 2 in two parts, the first exact in few bits, keeps the difference exact.
    const float r = (clamped - whole * 0.693359375F) + whole * 2.12194440e-4F;
    float p = 1.0F / 5040;
    p = p * r + 1.0F / 720;
    p = p * r + 1.0F / 120;
    p = p * r + 1.0F / 24;
    p = p * r + 1.0F / 6;
    p = p * r + 0.5F;
    p = p * r + 1.0F;
    p = p * r + 1.0F;
    return p * std::bit_cast<float>((k + 127) << 23);
}

RHEO_WIDE double sumOfSquares(const float* x, float shift, std::int64_t n) {
    double sum = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        const auto centred = static_cast<double>(x[i] - shift);
        sum += centred * centred;
    }
    return sum;
}

RHEO_WIDE double sumOf(const float* x, std::int64_t n) {
    double sum = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]);
    return sum;
}

RHEO_WIDE void scaleRow(const float* x, const float* weight, float scale, std::int64_t n, float* y) {
    for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] * scale * weight[i];
}

RHEO_WIDE void shiftAndScaleRow(const float* x, const float* weight, const float* bias, float shift,
                                float scale, std::int64_t n, float* y) {
    for (std::int64_t i = 0; i < n; ++i) y[i] = (x[i] - shift) * scale * weight[i] + bias[i];
}

RHEO_WIDE float greatest(const float* x, std::int64_t n, float atLeast) {
    float top = atLeast;
    for (std::int64_t i = 0; i < n; ++i) top = x[i] > top ? x[i] : top;
    return top;
}

/// x[i] = e^(scale * (x[i] - top)); returns their sum.
RHEO_WIDE float exponentials(float* x, float top, float scale, std::int64_t n) {
    float sum = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        x[i] = exponential(scale * (x[i] - top));
        sum += x[i];
    }
    return sum;
}

RHEO_WIDE void multiply(float* x, float factor, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) x[i] *= factor;
}

void softcapRow(float* x, float scale, float cap, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) x[i] = cap * std::tanh(scale * x[i] / cap);
}

/// dnnl_sgemm of oneDNN, row-major; null where libtorch was built without it or hides it.
using OneDnnProduct = int (*)(char transA, char transB, std::int64_t m, std::int64_t n, std::int64_t k,
                              float alpha, const float* a, std::int64_t lda, const float* b, std::int64_t ldb,
                              float beta, float* c, std::int64_t ldc);
OneDnnProduct oneDnn() {
    static const auto function = reinterpret_cast<OneDnnProduct>(dlsym(RTLD_DEFAULT, "dnnl_sgemm"));
    return function;
}

inline float widened(float value) {
    return value;
}
inline float widened(std::uint16_t bits) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

/// Terms that are summed in float before they join a longer sum. The rounding error of a float sum grows with
/// its number of terms. tests/README.md states what that does to states of published models.
constexpr std::int64_t maxTerms = 128;

/// Four rows at a time, so that x is read once for the four.
template <class T>
[[gnu::always_inline]] inline void dots(const T* weights, const float* x, std::int64_t rows, std::int64_t n,
                                        float* y) {
    std::int64_t row = 0;
    for (; row + 4 <= rows; row += 4) {
        const T* const a = weights + row * n;
        const T* const b = a + n;
        const T* const c = b + n;
        const T* const d = c + n;
        double total[4] = {};
        for (std::int64_t begin = 0; begin < n; begin += maxTerms) {
            const std::int64_t end = std::min(begin + maxTerms, n);
            float sumA = 0;
            float sumB = 0;
            float sumC = 0;
            float sumD = 0;
            for (std::int64_t i = begin; i < end; ++i) {
                sumA += widened(a[i]) * x[i];
                sumB += widened(b[i]) * x[i];
                sumC += widened(c[i]) * x[i];
                sumD += widened(d[i]) * x[i];
            }
            total[0] += static_cast<double>(sumA);
            total[1] += static_cast<double>(sumB);
            total[2] += static_cast<double>(sumC);
            total[3] += static_cast<double>(sumD);
        }
        for (std::int64_t i = 0; i < 4; ++i) y[row + i] = static_cast<float>(total[i]);
    }
    for (; row < rows; ++row) {
        double total = 0;
        for (std::int64_t begin = 0; begin < n; begin += maxTerms) {
            const std::int64_t end = std::min(begin + maxTerms, n);
            float sum = 0;
            for (std::int64_t i = begin; i < end; ++i) sum += widened(weights[row * n + i]) * x[i];
            total += static_cast<double>(sum);
        }
        y[row] = static_cast<float>(total);
    }
}

RHEO_WIDE void dotsOfFloat(const float* weights, const float* x, std::int64_t rows, std::int64_t n,
                           float* y) {
    dots(weights, x, rows, n, y);
}
RHEO_WIDE void dotsOfBFloat16(const std::uint16_t* weights, const float* x, std::int64_t rows, std::int64_t n,
                              float* y) {
    dots(weights, x, rows, n, y);
}

/// One row of b, widened in `wide` [k], against four rows of a at a time.
RHEO_WIDE void dotsInDouble(std::int64_t m, std::int64_t k, const double* a, const float* b, double* wide,
                            double* c, std::int64_t ldc) {
    for (std::int64_t i = 0; i < k; ++i) wide[i] = static_cast<double>(b[i]);
    std::int64_t row = 0;
    for (; row + 4 <= m; row += 4) {
        const double* const a0 = a + row * k;
        const double* const a1 = a0 + k;
        const double* const a2 = a1 + k;
        const double* const a3 = a2 + k;
        double sum0 = 0;
        double sum1 = 0;
        double sum2 = 0;
        double sum3 = 0;
        for (std::int64_t i = 0; i < k; ++i) {
            sum0 += a0[i] * wide[i];
            sum1 += a1[i] * wide[i];
            sum2 += a2[i] * wide[i];
            sum3 += a3[i] * wide[i];
        }
        c[row * ldc] = sum0;
        c[(row + 1) * ldc] = sum1;
        c[(row + 2) * ldc] = sum2;
        c[(row + 3) * ldc] = sum3;
    }
    for (; row < m; ++row) {
        double sum = 0;
        for (std::int64_t i = 0; i < k; ++i) sum += a[row * k + i] * wide[i];
        c[row * ldc] = sum;
    }
}

/// Keys of `range` that a query at `position` sees, as [begin, end).
struct Seen {
    std::int64_t begin, end;
};
Seen seenBy(std::int64_t position, const KeyRange& range, std::int64_t window) {
    const std::int64_t oldest = window > 0 ? position - window + 1 : 0;
    const std::int64_t begin = std::clamp<std::int64_t>(oldest - range.first, 0, range.count);
    const std::int64_t end = std::clamp<std::int64_t>(position + 1 - range.first, begin, range.count);
    return {begin, end};
}

/// scores [count, range.count] = queries keys^T
void scoresOf(const HeadTask& task, const KeyRange& range, float* scores) {
    if (range.count == 0) return;
    product(true, task.count, range.count, task.width, task.queries, task.queryStride, range.keys,
            range.stride, false, scores, range.count);
}

/// out [count, width] = weights [count, range.count] values, added to what is there if `add`
void mix(const HeadTask& task, const KeyRange& range, const float* weights, bool add) {
    if (range.count == 0) return;
    product(false, task.count, task.width, range.count, weights, range.count, range.values, range.stride, add,
            task.out, task.outStride);
}

/// `product` with all k terms of each sum in one call.
void productOfTerms(bool transposedB, std::int64_t m, std::int64_t n, std::int64_t k, const float* a,
                    std::int64_t lda, const float* b, std::int64_t ldb, bool accumulate, float* c,
                    std::int64_t ldc) {
    const float one = 1;
    const float beta = accumulate ? 1 : 0;
    if (const auto function = oneDnn()) {
        function('N', transposedB ? 'T' : 'N', m, n, k, one, a, lda, b, ldb, beta, c, ldc);
        return;
    }
    const int rows = static_cast<int>(n);
    const int columns = static_cast<int>(m);
    const int inner = static_cast<int>(k);
    const int strideA = static_cast<int>(lda);
    const int strideB = static_cast<int>(ldb);
    const int strideC = static_cast<int>(ldc);
    sgemm_(transposedB ? "T" : "N", "N", &rows, &columns, &inner, &one, b, &strideB, a, &strideA, &beta, c,
           &strideC);
}

}  // namespace

void rmsNormRow(const float* x, const float* weight, float epsilon, std::int64_t n, float* y) {
    const double mean = sumOfSquares(x, 0, n) / static_cast<double>(n);
    scaleRow(x, weight, static_cast<float>(1 / std::sqrt(mean + static_cast<double>(epsilon))), n, y);
}

void layerNormRow(const float* x, const float* weight, const float* bias, float epsilon, std::int64_t n,
                  float* y) {
    const auto mean = static_cast<float>(sumOf(x, n) / static_cast<double>(n));
    const double variance = sumOfSquares(x, mean, n) / static_cast<double>(n);
    shiftAndScaleRow(x, weight, bias, mean,
                     static_cast<float>(1 / std::sqrt(variance + static_cast<double>(epsilon))), n, y);
}

RHEO_WIDE void rotateHead(float* head, const float* cosine, const float* sine, std::int64_t half) {
    for (std::int64_t i = 0; i < half; ++i) {
        const float a = head[i];
        const float b = head[i + half];
        head[i] = a * cosine[i] - b * sine[i];
        head[i + half] = b * cosine[i] + a * sine[i];
    }
}

void product(bool transposedB, std::int64_t m, std::int64_t n, std::int64_t k, const float* a,
             std::int64_t lda, const float* b, std::int64_t ldb, bool accumulate, float* c,
             std::int64_t ldc) {
    for (std::int64_t begin = 0; begin < k; begin += maxTerms)
        productOfTerms(transposedB, m, n, std::min(maxTerms, k - begin), a + begin, lda,
                       b + (transposedB ? begin : begin * ldb), ldb, accumulate || begin > 0, c, ldc);
}

bool hasOneDnn() {
    return oneDnn() != nullptr;
}

bool multipliesBFloat16() {
#if defined(__x86_64__) && defined(__GNUC__)
    static const bool does = __builtin_cpu_supports("avx512bf16") != 0;
    return does;
#else
    return true;
#endif
}

void matrixVector(const float* weights, const float* x, const float* bias, std::int64_t rows, std::int64_t n,
                  float* y) {
    dotsOfFloat(weights, x, rows, n, y);
    if (bias != nullptr) addRow(bias, rows, y);
}

void matrixVector(const std::uint16_t* weights, const float* x, const float* bias, std::int64_t rows,
                  std::int64_t n, float* y) {
    dotsOfBFloat16(weights, x, rows, n, y);
    if (bias != nullptr) addRow(bias, rows, y);
}

void productInDouble(std::int64_t m, std::int64_t n, std::int64_t k, const double* a, const float* b,
                     double* c, std::int64_t ldc) {
    std::vector<double> wide(static_cast<std::size_t>(k));
    for (std::int64_t row = 0; row < n; ++row) dotsInDouble(m, k, a, b + row * k, wide.data(), c + row, ldc);
}

RHEO_WIDE void addRow(const float* x, std::int64_t n, float* y) {
    for (std::int64_t i = 0; i < n; ++i) y[i] += x[i];
}

std::int64_t scratchOf(std::int64_t queries, std::int64_t keys) {
    return queries * keys;
}

void attendHead(const HeadTask& task, float* scratch) {
    float* before = scratch;
    float* own = scratch + task.count * task.before.count;
    scoresOf(task, task.before, before);
    scoresOf(task, task.own, own);

    for (std::int64_t i = 0; i < task.count; ++i) {
        float* const rows[2] = {before + i * task.before.count, own + i * task.own.count};
        const KeyRange* const ranges[2] = {&task.before, &task.own};
        Seen seen[2];
        float scale = task.scale;
        float top = -std::numeric_limits<float>::infinity();
        for (int part = 0; part < 2; ++part) {
            seen[part] = seenBy(task.positions[i], *ranges[part], task.window);
            const std::int64_t count = seen[part].end - seen[part].begin;
            if (task.softcap > 0) softcapRow(rows[part] + seen[part].begin, scale, task.softcap, count);
            top = greatest(rows[part] + seen[part].begin, count, top);
        }
        if (task.softcap > 0) scale = 1;
        float sum = 0;
        for (int part = 0; part < 2; ++part)
            sum += exponentials(rows[part] + seen[part].begin, top, scale, seen[part].end - seen[part].begin);
        for (int part = 0; part < 2; ++part) {
            multiply(rows[part] + seen[part].begin, 1 / sum, seen[part].end - seen[part].begin);
            std::fill(rows[part], rows[part] + seen[part].begin, 0.0F);
            std::fill(rows[part] + seen[part].end, rows[part] + ranges[part]->count, 0.0F);
        }
    }

    mix(task, task.before, before, false);
    mix(task, task.own, own, task.before.count > 0);
}

}  // namespace rheo::kernels
