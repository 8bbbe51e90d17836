#include "core/analysis/lanes.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

// Vectors are broken up for the registers of the function they are written in, before anything is inlined or
// cloned: so each kind gets the text of its own.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#include <immintrin.h>
#define RHEO_REGISTERS avx512
#define RHEO_REGISTER_BYTES 64
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4,prefer-vector-width=512")
#include "core/analysis/lane_kernels.h"
#pragma GCC pop_options
#undef RHEO_REGISTERS
#undef RHEO_REGISTER_BYTES
#define RHEO_REGISTERS avx2
#define RHEO_REGISTER_BYTES 32
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
#include "core/analysis/lane_kernels.h"
#pragma GCC pop_options
#undef RHEO_REGISTERS
#undef RHEO_REGISTER_BYTES
#define RHEO_DISPATCH(call)                                       \
    if (__builtin_cpu_supports("x86-64-v4")) return avx512::call; \
    if (__builtin_cpu_supports("x86-64-v3")) return avx2::call;   \
    return plain::call
#else
#define RHEO_DISPATCH(call) return plain::call
#endif
#define RHEO_REGISTERS plain
#define RHEO_REGISTER_BYTES 16
#include "core/analysis/lane_kernels.h"

namespace rheo {

void rotateTile(const double* path, std::int64_t points, TileRotation& out) {
    RHEO_DISPATCH(rotateTile(path, points, out));
}

void packPoints(const double* paths, std::int64_t rows, std::int64_t points, const double* shift,
                double* sums, double* packed, std::int64_t firstRow, std::int64_t mostRows) {
    RHEO_DISPATCH(packPoints(paths, rows, points, shift, sums, packed, firstRow, mostRows));
}

void addProducts(const double* packed, std::int64_t rows, std::int64_t mostRows, std::int64_t points,
                 bool all, double* products) {
    RHEO_DISPATCH(addProducts(packed, rows, mostRows, points, all, products));
}

void correlateTile(const double* products, const double* sums, std::int64_t rows, std::int64_t points,
                   std::int64_t units, bool all, double* spread, double* neighbours, double* total,
                   double* counts) {
    RHEO_DISPATCH(correlateTile(products, sums, rows, points, units, all, spread, neighbours, total, counts));
}

void flipSigns(double* path, std::int64_t points, const std::uint64_t* bits) {
    RHEO_DISPATCH(flipSigns(path, points, bits));
}

void walkGaussian(double* path, std::int64_t points, std::int64_t units, const double* sd,
                  std::int64_t stride, const std::uint64_t* bits) {
    RHEO_DISPATCH(walkGaussian(path, points, units, sd, stride, bits));
}

void nearestNeighbours(const double* x, const double* y, std::int64_t first, std::int64_t end, int k,
                       double* distance, std::int32_t* closer) {
    RHEO_DISPATCH(nearestNeighbours(x, y, first, end, k, distance, closer));
}

void countCloser(const double* sorted, std::int64_t n, const double* distance, std::int64_t first,
                 std::int64_t end, std::int32_t* closer) {
    RHEO_DISPATCH(countCloser(sorted, n, distance, first, end, closer));
}

}  // namespace rheo
