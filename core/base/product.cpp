#include "core/base/product.h"

#include <dlfcn.h>

// Column-major, as Fortran has it: a row-major [m, n] matrix is its [n, m] transpose.
extern "C" void sgemm_(const char* transA, const char* transB, const int* m, const int* n, const int* k,
                       const float* alpha, const float* a, const int* lda, const float* b, const int* ldb,
                       const float* beta, float* c, const int* ldc);

namespace rheo {

namespace {

template <class Function>
Function lookUp(const char* name) {
    return reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
}

/// dnnl_sgemm of oneDNN, row-major; null where libtorch was built without it or hides it.
using OneDnnProduct = int (*)(char transA, char transB, std::int64_t m, std::int64_t n, std::int64_t k,
                              float alpha, const float* a, std::int64_t lda, const float* b, std::int64_t ldb,
                              float beta, float* c, std::int64_t ldc);
OneDnnProduct oneDnn() {
    static const auto function = lookUp<OneDnnProduct>("dnnl_sgemm");
    return function;
}

/// The OpenMP that oneDNN runs on, if it is there; it keeps a number for each thread.
struct OpenMp {
    int (*get)() = lookUp<int (*)()>("omp_get_max_threads");
    void (*set)(int) = lookUp<void (*)(int)>("omp_set_num_threads");
};
const OpenMp& openMp() {
    static const OpenMp functions;
    return functions;
}

}  // namespace

void product(bool transposedA, bool transposedB, std::int64_t m, std::int64_t n, std::int64_t k,
             const float* a, std::int64_t lda, const float* b, std::int64_t ldb, bool accumulate, float* c,
             std::int64_t ldc) {
    const float one = 1;
    const float beta = accumulate ? 1 : 0;
    if (const auto function = oneDnn()) {
        function(transposedA ? 'T' : 'N', transposedB ? 'T' : 'N', m, n, k, one, a, lda, b, ldb, beta, c,
                 ldc);
        return;
    }
    const int rows = static_cast<int>(n);
    const int columns = static_cast<int>(m);
    const int inner = static_cast<int>(k);
    const int strideA = static_cast<int>(lda);
    const int strideB = static_cast<int>(ldb);
    const int strideC = static_cast<int>(ldc);
    sgemm_(transposedB ? "T" : "N", transposedA ? "T" : "N", &rows, &columns, &inner, &one, b, &strideB, a,
           &strideA, &beta, c, &strideC);
}

bool hasOneDnn() {
    return oneDnn() != nullptr;
}

OneThreadProducts::OneThreadProducts() {
    if (openMp().get == nullptr || openMp().set == nullptr) return;
    m_before = openMp().get();
    openMp().set(1);
}

OneThreadProducts::~OneThreadProducts() {
    if (m_before > 0) openMp().set(m_before);
}

}  // namespace rheo
