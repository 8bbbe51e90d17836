#pragma once

namespace rheo {

/// Sets how many threads libtorch, oneDNN and BLAS use for what this thread asks of them. libtorch keeps the
/// number for each thread, OpenBLAS one for all. Cheap.
void useThreads(int threads);

}  // namespace rheo
