#pragma once

#include <cstdint>

namespace rheo {

/// c [m, n] = a b for rows of plain floats; added to c if `accumulate`. `a` is [m, k], or [k, m] if
/// `transposedA`; `b` is [k, n], or [n, k] if `transposedB`. Rows are `lda`, `ldb`, `ldc` floats apart.
/// By oneDNN where the program brings it (libtorch does), which knows newer processors than many a BLAS and
/// shares libtorch's threads; else by BLAS.
void product(bool transposedA, bool transposedB, std::int64_t m, std::int64_t n, std::int64_t k,
             const float* a, std::int64_t lda, const float* b, std::int64_t ldb, bool accumulate, float* c,
             std::int64_t ldc);

/// Whether `product` has oneDNN.
bool hasOneDnn();

/// While it lives, oneDNN uses this thread alone for the products it asks for: for loops that are parallel
/// outside of them. (A BLAS has settings of its own.)
class OneThreadProducts {
public:
    OneThreadProducts();
    ~OneThreadProducts();
    OneThreadProducts(const OneThreadProducts&) = delete;
    OneThreadProducts& operator=(const OneThreadProducts&) = delete;

private:
    int m_before = 0;  ///< 0: not touched
};

}  // namespace rheo
