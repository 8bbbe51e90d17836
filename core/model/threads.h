#pragma once

namespace rheo {

/// While it lives, libtorch and oneDNN use `threads` threads for what this thread asks of them; then as many
/// as before. libtorch keeps the number for each thread. Where products fall to OpenBLAS (no oneDNN), its
/// number is set too, and that one is the whole program's. Cheap.
class ThreadScope {
public:
    explicit ThreadScope(int threads);
    ~ThreadScope();
    ThreadScope(const ThreadScope&) = delete;
    ThreadScope& operator=(const ThreadScope&) = delete;

private:
    int m_before;
    int m_blasBefore = 0;  ///< 0: not touched
};

/// For a thread that ends soon: libtorch uses no other for what this one asks of it.
void useOneThread();

}  // namespace rheo
