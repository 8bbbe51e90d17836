// What libtorch throws comes out as an Error that says what failed, and all else as it was.
#undef slots  // a name in libtorch
#include <ATen/ATen.h>

#include <new>

#include "core/base/error.h"
#include "core/torch/failure.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

/// The Error that a call gives when it is translated.
template <class Call>
Error failureOf(Call call) {
    try {
        translated("adding up", "add less, ", call);
    } catch (const Error& e) {
        return e;
    }
    return {ErrorCode::NotFound, "nothing was thrown"};
}

constexpr auto ranOut =
    "adding up failed, because memory ran out; add less, end other programs, or raise the limit (ulimit -v)";

}  // namespace

class TestTorchFailure : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aMistakeIsInternal() {
        const Error e = failureOf([] { at::mm(at::ones({2, 3}), at::ones({2, 3})); });
        QCOMPARE(e.code(), ErrorCode::Internal);
        const QString what = e.what();
        QVERIFY2(what.startsWith("adding up failed in libtorch: ") && what.contains("2x3"), qPrintable(what));
        QVERIFY2(!what.contains("frame #"), "the message holds a backtrace");
    }

    void cudaIsTheDevice() {
        QCOMPARE(failureOf([] { TORCH_CHECK(false, "CUDA error: no kernel image"); }).code(),
                 ErrorCode::Device);
    }

    void memory() {
        QCOMPARE(failureOf([] { TORCH_CHECK(false, "CUDA out of memory. Tried to allocate 2 GiB"); }).what(),
                 ranOut);
        const Error bad = failureOf([] { throw std::bad_alloc(); });
        QCOMPARE(bad.code(), ErrorCode::OutOfMemory);
        QCOMPARE(bad.what(), ranOut);
    }

    /// More bytes than there are addresses.
    void memoryThatIsNotThere() {
        const Error e = failureOf([] { at::empty({std::int64_t{1} << 62}, at::kByte); });
        QCOMPARE(e.code(), ErrorCode::OutOfMemory);
        QCOMPARE(e.what(), ranOut);
    }

    void othersPass() {
        const Error e = failureOf([] { throw Error(ErrorCode::DiskFull, "full", "a.h5"); });
        QCOMPARE(e.code(), ErrorCode::DiskFull);
        QCOMPARE(e.what(), "full");
        QCOMPARE(e.context(), std::string("a.h5"));
        QVERIFY_THROWS_EXCEPTION(Cancelled, translated("", "", [] { throw Cancelled(); }));
        QVERIFY_THROWS_EXCEPTION(std::out_of_range,
                                 translated("", "", [] { throw std::out_of_range("far"); }));
    }

    void valuesPass() {
        QCOMPARE(translated("", "", [] { return at::ones({3}).sum().item<float>(); }), 3.0F);
    }
};

RHEO_TEST(TestTorchFailure)
#include "test_torch_failure.moc"
