// Quantiles and order statistics, beside what another program gives.
#include <limits>
#include <random>

#include "core/base/error.h"
#include "core/base/quantile.h"
#include "tests/refused.h"
#include "tests/test_main.h"

using namespace rheo;

class TestBaseQuantile : public QObject {
    Q_OBJECT
private Q_SLOTS:
    /// numpy.quantile of NumPy 2.4, which interpolates from the nearer end: the last bits may differ.
    void asNumPy_data() {
        QTest::addColumn<std::vector<double>>("values");
        QTest::addColumn<double>("level");
        QTest::addColumn<double>("expected");
        const std::vector<double> nine{3.25, -1.5, 4.125, 1, 5.75, 9.5, 2, 6.5, 0.1}, two{2, -7.5};
        const auto row = [](const std::vector<double>& values, double level, double expected) {
            QTest::addRow("%d values at %g", int(values.size()), level) << values << level << expected;
        };
        row(nine, 0, -1.5);
        row(nine, 0.025, -1.18);
        row(nine, 0.1, -0.22);
        row(nine, 0.25, 1);
        row(nine, 0.5, 3.25);
        row(nine, 0.6, 3.95);
        row(nine, 0.75, 5.75);
        row(nine, 0.95, 8.3);
        row(nine, 0.975, 8.9);
        row(nine, 1, 9.5);
        row(two, 0.3, -4.65);
        row(two, 0.5, -2.75);
        row(two, 0.975, 1.7625);
    }
    void asNumPy() {
        QFETCH(std::vector<double>, values);
        QFETCH(double, level);
        QFETCH(double, expected);
        std::sort(values.begin(), values.end());
        QVERIFY(std::abs(quantile(values, level) - expected) < 1e-14);
    }

    /// Of 0, 1, ..., n each quantile is level n.
    void ofEvenlySpaced() {
        std::vector<double> values;
        for (int i = 0; i <= 40; ++i) values.push_back(i);
        for (int k = 0; k <= 200; ++k) QVERIFY(std::abs(quantile(values, k / 200.0) - k * 0.2) < 1e-12);
    }

    void edges() {
        QVERIFY(std::isnan(quantile({}, 0.5)));
        const std::vector<double> one{7};
        for (const double level : {0.0, 0.3, 1.0}) QCOMPARE(quantile(one, level), 7.0);
        for (const double level : {-1e-9, 1 + 1e-9, std::numeric_limits<double>::quiet_NaN()})
            QVERIFY(refused(ErrorCode::InvalidArgument, [&] { quantile(one, level); }));
    }

    void orderStatistics() {
        std::mt19937 random(3);
        for (std::size_t count = 1; count < 30; ++count) {
            std::vector<float> values;
            for (std::size_t i = 0; i < count; ++i) values.push_back(static_cast<float>(random() % 12));
            std::vector<float> sorted = values;
            std::sort(sorted.begin(), sorted.end());
            for (std::size_t rank = 0; rank < count; ++rank)
                QCOMPARE(orderStatistic(values, rank), sorted[rank]);
            QCOMPARE(upperMedian(values), sorted[count / 2]);
        }
        QCOMPARE(upperMedian(std::vector<double>{4, 1, 3, 2}), 3.0);
    }
};

RHEO_TEST(TestBaseQuantile)
#include "test_base_quantile.moc"
