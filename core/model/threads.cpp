#include "core/model/threads.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>
#ifdef _OPENMP
#include <omp.h>
#endif

namespace rheo {

namespace {

/// Looked up by name, because any other BLAS may stand in OpenBLAS's place.
struct BlasThreads {
    using Set = void (*)(int);
    using Get = int (*)();
    Set set = reinterpret_cast<Set>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"));
    Get get = reinterpret_cast<Get>(dlsym(RTLD_DEFAULT, "openblas_get_num_threads"));
};

}  // namespace

void useThreads(int threads) {
    // The first question makes libtorch settle this thread's own number, which it would else do later.
    const int now = at::get_num_threads();
#ifdef _OPENMP
    if (now != threads) omp_set_num_threads(threads);
#else
    if (now != threads) at::set_num_threads(threads);
#endif
    static const BlasThreads blas;
    if (blas.set != nullptr && blas.get != nullptr && blas.get() != threads) blas.set(threads);
}

}  // namespace rheo
