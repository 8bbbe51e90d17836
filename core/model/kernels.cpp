#include "core/model/kernels.h"

#include <dlfcn.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

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

/// Sixteen float lanes: one register of AVX-512, two of AVX, four of SSE.
constexpr std::int64_t lanes = 16;
using Lanes [[gnu::vector_size(lanes * sizeof(float))]] = float;
using ShortLanes [[gnu::vector_size(lanes * sizeof(std::uint16_t))]] = std::uint16_t;
using IntLanes [[gnu::vector_size(lanes * sizeof(std::uint32_t))]] = std::uint32_t;

[[gnu::always_inline]] inline void load(const float* from, Lanes& to) {
    std::memcpy(&to, from, sizeof to);
}
[[gnu::always_inline]] inline void load(const std::uint16_t* from, Lanes& to) {
    ShortLanes bits;
    std::memcpy(&bits, from, sizeof bits);
    const IntLanes wide = __builtin_convertvector(bits, IntLanes) << 16;
    std::memcpy(&to, &wide, sizeof to);
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

/// weights [count, n] times x, so that x is read once for the rows. A lane sums 32 terms in float, adds the
/// sums in float, and the lanes are added in double.
template <int count, class T>
[[gnu::always_inline]] inline void dotsOfRows(const T* weights, const float* x, std::int64_t n, float* y) {
    constexpr std::int64_t step = 32 * lanes;
    const std::int64_t whole = n / lanes * lanes;
    Lanes totals[count] = {};
    for (std::int64_t begin = 0; begin < whole; begin += step) {
        const std::int64_t end = std::min(begin + step, whole);
        Lanes sums[count] = {};
        for (std::int64_t i = begin; i < end; i += lanes) {
            Lanes from;
            load(x + i, from);
            for (int row = 0; row < count; ++row) {
                Lanes weight;
                load(weights + row * n + i, weight);
                sums[row] += weight * from;
            }
        }
        for (int row = 0; row < count; ++row) totals[row] += sums[row];
    }
    for (int row = 0; row < count; ++row) {
        double sum = 0;
        for (std::int64_t lane = 0; lane < lanes; ++lane) sum += static_cast<double>(totals[row][lane]);
        for (std::int64_t i = whole; i < n; ++i)
            sum += static_cast<double>(widened(weights[row * n + i])) * static_cast<double>(x[i]);
        y[row] = static_cast<float>(sum);
    }
}

template <class T>
[[gnu::always_inline]] inline void dots(const T* weights, const float* x, std::int64_t rows, std::int64_t n,
                                        float* y) {
    std::int64_t row = 0;
    for (; row + 4 <= rows; row += 4) dotsOfRows<4>(weights + row * n, x, n, y + row);
    for (; row < rows; ++row) dotsOfRows<1>(weights + row * n, x, n, y + row);
}

RHEO_WIDE void dotsOfFloat(const float* weights, const float* x, std::int64_t rows, std::int64_t n,
                           float* y) {
    dots(weights, x, rows, n, y);
}
RHEO_WIDE void dotsOfBFloat16(const std::uint16_t* weights, const float* x, std::int64_t rows, std::int64_t n,
                              float* y) {
    dots(weights, x, rows, n, y);
}

/// x times the transpose of weights [rows, n], in double.
RHEO_WIDE void dotsInDouble(const float* weights, const double* x, std::int64_t rows, std::int64_t n,
                            double* y) {
    std::int64_t row = 0;
    for (; row + 4 <= rows; row += 4) {
        const float* const a = weights + row * n;
        const float* const b = a + n;
        const float* const c = b + n;
        const float* const d = c + n;
        double sumA = 0;
        double sumB = 0;
        double sumC = 0;
        double sumD = 0;
        for (std::int64_t i = 0; i < n; ++i) {
            sumA += static_cast<double>(a[i]) * x[i];
            sumB += static_cast<double>(b[i]) * x[i];
            sumC += static_cast<double>(c[i]) * x[i];
            sumD += static_cast<double>(d[i]) * x[i];
        }
        y[row] = sumA;
        y[row + 1] = sumB;
        y[row + 2] = sumC;
        y[row + 3] = sumD;
    }
    for (; row < rows; ++row) {
        double sum = 0;
        for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(weights[row * n + i]) * x[i];
        y[row] = sum;
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
    constexpr std::int64_t slab = 32;  // rows of b that stay in the cache while the rows of a pass
    for (std::int64_t begin = 0; begin < n; begin += slab)
        for (std::int64_t row = 0; row < m; ++row)
            dotsInDouble(b + begin * k, a + row * k, std::min(slab, n - begin), k, c + row * ldc + begin);
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
