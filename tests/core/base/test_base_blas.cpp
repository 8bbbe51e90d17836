// Which kernels OpenBLAS is told to take.
#include "core/base/blas_kernels.h"
#include "tests/test_main.h"

using namespace rheo;

class TestBaseBlas : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void onlyPoorKernelsAreReplaced_data();
    void onlyPoorKernelsAreReplaced();
};

void TestBaseBlas::onlyPoorKernelsAreReplaced_data() {
    QTest::addColumn<QString>("chosen");
    QTest::addColumn<bool>("avx2");
    QTest::addColumn<bool>("avx512");
    QTest::addColumn<QString>("better");
    QTest::newRow("unknown with AVX-512") << "Prescott" << true << true << "SkylakeX";
    QTest::newRow("unknown with AVX2") << "Prescott" << true << false << "Haswell";
    QTest::newRow("Nehalem with AVX2") << "Nehalem" << true << false << "Haswell";
    QTest::newRow("old") << "Prescott" << false << false << "";
    QTest::newRow("Haswell") << "Haswell" << true << false << "";
    QTest::newRow("Haswell with AVX-512") << "Haswell" << true << true << "";
    QTest::newRow("Zen") << "Zen" << true << true << "";
    QTest::newRow("another library") << "" << true << true << "";
}

void TestBaseBlas::onlyPoorKernelsAreReplaced() {
    QFETCH(QString, chosen);
    QFETCH(bool, avx2);
    QFETCH(bool, avx512);
    QTEST(QString::fromUtf8(betterBlasKernels(chosen.toStdString(), {avx2, avx512}).data()), "better");
}

RHEO_TEST(TestBaseBlas)
#include "test_base_blas.moc"
