#include "core/torch/threads.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>
#ifdef _OPENMP
#include <omp.h>
#endif

namespace rheo {

namespace {

void setThreads(int threads) {
#ifdef _OPENMP
    omp_set_num_threads(threads);
#else
    at::set_num_threads(threads);
#endif
}

/// Looked up by name, because any other BLAS may stand in OpenBLAS's place.
struct BlasThreads {
    using Set = void (*)(int);
    using Get = int (*)();
    Set set = reinterpret_cast<Set>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"));
    Get get = reinterpret_cast<Get>(dlsym(RTLD_DEFAULT, "openblas_get_num_threads"));
};

const BlasThreads& blas() {
    static const BlasThreads functions;
    return functions;
}

/// libtorch settles a thread's number when it is first asked there, and that would undo what was set before.
/// It remembers so in a variable of an inline function, of which this program and libtorch may each have a
/// copy: both are asked.
int threadsBefore() {
    at::internal::lazy_init_num_threads();
    return at::get_num_threads();
}

}  // namespace

ThreadScope::ThreadScope(int threads, ThreadsOf whose) : m_before(threadsBefore()) {
    if (m_before != threads) setThreads(threads);
    if (whose == ThreadsOf::Torch || blas().set == nullptr || blas().get == nullptr) return;
    const int now = blas().get();
    if (now == threads) return;
    m_blasBefore = now;
    blas().set(threads);
}

ThreadScope::~ThreadScope() {
    if (at::get_num_threads() != m_before) setThreads(m_before);
    if (m_blasBefore > 0) blas().set(m_blasBefore);
}

void useOneThread() {
    if (threadsBefore() != 1) setThreads(1);
}

}  // namespace rheo
