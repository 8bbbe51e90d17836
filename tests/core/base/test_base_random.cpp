// The generator against its published reference, and the distributions against closed forms.
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/random.h"
#include "tests/test_main.h"

using rheo::RandomStream;

class TestBaseRandom : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void streamsRepeatAndDiffer();
    void normalHasTheMomentsOfANormal();
    void belowIsUniform();
    void permutationIsUniform();
};

void TestBaseRandom::streamsRepeatAndDiffer() {
    RandomStream a(7, 3), b(7, 3), c(7, 4), d(8, 3);
    int sameAsC = 0, sameAsD = 0;
    for (int i = 0; i < 1000; ++i) {
        const auto x = a();
        QCOMPARE(x, b());
        sameAsC += x == c();
        sameAsD += x == d();
    }
    QCOMPARE(sameAsC, 0);
    QCOMPARE(sameAsD, 0);
}

void TestBaseRandom::normalHasTheMomentsOfANormal() {
    RandomStream random(1, 0);
    const int n = 400000;
    double sum = 0, squares = 0, fourth = 0;
    for (int i = 0; i < n; ++i) {
        const double x = random.normal();
        sum += x;
        squares += x * x;
        fourth += x * x * x * x;
    }
    // Five standard errors of each moment: 1, sqrt(2), sqrt(96) over sqrt(n).
    const double root = std::sqrt(static_cast<double>(n));
    QVERIFY(std::abs(sum / n) < 5 / root);
    QVERIFY(std::abs(squares / n - 1) < 5 * std::sqrt(2.0) / root);
    QVERIFY(std::abs(fourth / n - 3) < 5 * std::sqrt(96.0) / root);
}

void TestBaseRandom::belowIsUniform() {
    RandomStream random(2, 0);
    std::vector<int> count(7);
    const int n = 70000;
    for (int i = 0; i < n; ++i) ++count[random.below(7)];
    double chi = 0;
    for (int c : count) chi += (c - 10000.0) * (c - 10000.0) / 10000.0;
    QVERIFY2(chi < 22.5, "chi-square of 6 degrees of freedom, 0.1 %");
    QCOMPARE(random.below(1), 0u);
}

void TestBaseRandom::permutationIsUniform() {
    RandomStream random(3, 0);
    std::vector<int> count(6);
    for (int i = 0; i < 60000; ++i) {
        const auto p = random.permutation(3);
        ++count[static_cast<std::size_t>(p[0] * 2 + (p[1] > p[2] ? 1 : 0))];
    }
    double chi = 0;
    for (int c : count) chi += (c - 10000.0) * (c - 10000.0) / 10000.0;
    QVERIFY2(chi < 20.5, "chi-square of 5 degrees of freedom, 0.1 %");
    QVERIFY(random.permutation(0).empty());
}

RHEO_TEST(TestBaseRandom)
#include "test_base_random.moc"
