#pragma once

namespace rheo {

/// Whose threads a ThreadScope counts.
enum class ThreadsOf {
    Torch,         ///< libtorch and oneDNN, which keep a number for each thread
    TorchAndBlas,  ///< OpenBLAS as well, where it is there; its number is the whole program's
};

/// While it lives, `threads` threads are used for what this thread asks of libtorch; then as many as before.
/// Cheap.
class ThreadScope {
public:
    explicit ThreadScope(int threads, ThreadsOf whose = ThreadsOf::Torch);
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
