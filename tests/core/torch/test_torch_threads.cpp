// The numbers of threads of libtorch and of OpenBLAS are set for a while, and then as they were.
#undef slots  // a name in libtorch
#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <stdexcept>
#include <thread>

#include "core/torch/threads.h"
#include "tests/test_main.h"

using namespace rheo;

class TestTorchThreads : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void restored() {
        const int before = at::get_num_threads();
        {
            const ThreadScope three(3);
            QCOMPARE(at::get_num_threads(), 3);
            {
                const ThreadScope one(1);
                QCOMPARE(at::get_num_threads(), 1);
            }
            QCOMPARE(at::get_num_threads(), 3);
        }
        QCOMPARE(at::get_num_threads(), before);
        try {
            const ThreadScope five(5);
            throw std::runtime_error("");
        } catch (const std::runtime_error&) {
        }
        QCOMPARE(at::get_num_threads(), before);
    }

    /// A new thread, where libtorch settles its number at the first question; and only there.
    void ofItsThreadAlone() {
        const int before = at::get_num_threads();
        int inside = 0, after = 0;
        std::thread([&] {
            {
                const ThreadScope four(before + 4);
                inside = at::get_num_threads();
            }
            after = at::get_num_threads();
        }).join();
        QCOMPARE(inside, before + 4);
        QCOMPARE(after, before);
        int alone = 0;
        std::thread([&] {
            useOneThread();
            alone = at::get_num_threads();
        }).join();
        QCOMPARE(alone, 1);
        QCOMPARE(at::get_num_threads(), before);
    }

    void blasOnlyWhereAsked() {
        const auto threadsOfBlas =
            reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "openblas_get_num_threads"));
        if (threadsOfBlas == nullptr) QSKIP("the BLAS is not OpenBLAS");
        const int before = threadsOfBlas(), other = before == 1 ? 2 : 1;
        {
            const ThreadScope scope(other);
            QCOMPARE(threadsOfBlas(), before);
        }
        {
            const ThreadScope scope(other, ThreadsOf::TorchAndBlas);
            QCOMPARE(threadsOfBlas(), other);
            QCOMPARE(at::get_num_threads(), other);
        }
        QCOMPARE(threadsOfBlas(), before);
    }
};

RHEO_TEST(TestTorchThreads)
#include "test_torch_threads.moc"
