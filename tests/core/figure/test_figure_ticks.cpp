// Numbers as people write them, and round places on axes.
#include <QSet>
#include <cmath>
#include <limits>
#include <random>

#include "core/figure/depth_axis.h"
#include "core/figure/figure.h"
#include "core/figure/ranges.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

QStringList labels(const std::vector<Tick>& ticks) {
    QStringList result;
    for (const auto& tick : ticks) result << QString::fromStdString(tick.label);
    return result;
}

double parsed(const std::string& label) {
    return QString::fromStdString(label).remove(',').toDouble();
}

}  // namespace

class TestFigureTicks : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void numbers_data();
    void numbers();
    void numbersKeepTheirValue();
    void knownTicks_data();
    void knownTicks();
    void ticksAreRoundAndEven();
    void emptyRangesHaveNone();
    void logTicksArePowersOfTen();
    void depthOfSequentialBlocks();
    void depthOfOtherTraces();
    void depthTicksOfABar();
    void rangesHoldTheData();
    void quantilesOfAColumn();
};

void TestFigureTicks::numbers_data() {
    QTest::addColumn<double>("value");
    QTest::addColumn<int>("significant");
    QTest::addColumn<QString>("text");
    const auto row = [](double value, int significant, const char* text) {
        QTest::addRow("%s (%d)", text, significant) << value << significant << QString(text);
    };
    row(0.25, 3, "0.25");
    row(1.2e-5, 3, "1.2e-5");
    row(1000, 3, "1,000");
    row(0, 3, "0");
    row(-0.0, 3, "0");
    row(1, 3, "1");
    row(-1.5, 3, "-1.5");
    row(3.14159, 3, "3.14");
    row(3.14159, 5, "3.1416");
    row(0.001, 3, "0.001");
    row(0.00099951, 3, "0.001");
    row(0.000999, 3, "9.99e-4");
    row(0.99951, 3, "1");
    row(65537, 3, "65,537");
    row(999999, 3, "1e6");
    row(999999, 6, "999,999");
    row(1234567, 3, "1.23e6");
    row(-12345.6, 3, "-12,346");
    row(6.02e23, 3, "6.02e23");
    row(std::numeric_limits<double>::quiet_NaN(), 3, "NaN");
    row(-std::numeric_limits<double>::infinity(), 3, "-inf");
    row(std::numeric_limits<double>::denorm_min(), 2, "4.9e-324");
}

void TestFigureTicks::numbers() {
    QFETCH(double, value);
    QFETCH(int, significant);
    QFETCH(QString, text);
    QCOMPARE(QString::fromStdString(formatNumber(value, significant)), text);
}

void TestFigureTicks::numbersKeepTheirValue() {
    std::mt19937_64 random(1);
    std::uniform_real_distribution<double> exponent(-12, 12);
    for (int i = 0; i < 2000; ++i) {
        const double value = (i % 2 == 0 ? 1 : -1) * std::pow(10.0, exponent(random));
        for (const int significant : {1, 3, 6})
            QVERIFY(std::abs(parsed(formatNumber(value, significant)) - value) <=
                    0.5000001 * std::pow(10.0, 1 - significant) * std::abs(value));
    }
}

void TestFigureTicks::knownTicks_data() {
    QTest::addColumn<double>("low");
    QTest::addColumn<double>("high");
    QTest::addColumn<int>("count");
    QTest::addColumn<QStringList>("expected");
    const auto row = [](double low, double high, int count, const char* list) {
        QTest::addRow("%g %g", low, high) << low << high << count << QString(list).split(' ');
    };
    row(0, 1, 5, "0.0 0.2 0.4 0.6 0.8 1.0");
    row(0, 100, 5, "0 20 40 60 80 100");
    row(-1, 1, 4, "-1.0 -0.5 0.0 0.5 1.0");
    row(0.1, 0.7, 3, "0.2 0.4 0.6");
    row(0, 4095, 5, "0 1,000 2,000 3,000 4,000");
    row(0, 5e6, 5, "0 1e6 2e6 3e6 4e6 5e6");
    row(0, 0.00003, 3, "0 1e-5 2e-5 3e-5");
    row(9.5e6, 1.05e7, 5, "9.6e6 9.8e6 1.00e7 1.02e7 1.04e7");
    row(1000.1, 1000.5, 4, "1,000.1 1,000.2 1,000.3 1,000.4 1,000.5");
}

void TestFigureTicks::knownTicks() {
    QFETCH(double, low);
    QFETCH(double, high);
    QFETCH(int, count);
    QFETCH(QStringList, expected);
    QCOMPARE(labels(niceTicks(low, high, count)), expected);
}

void TestFigureTicks::ticksAreRoundAndEven() {
    std::mt19937_64 random(2);
    std::uniform_real_distribution<double> exponent(-9, 9), unit(-1, 1);
    for (int i = 0; i < 3000; ++i) {
        const double span = std::pow(10.0, exponent(random));
        const double low = 30 * span * unit(random);
        const double high = low + span;
        const int count = 2 + i % 9;
        const auto ticks = niceTicks(low, high, count);
        QVERIFY2(!ticks.empty(), qPrintable(QString("%1 %2 %3").arg(low).arg(high).arg(count)));
        QVERIFY(static_cast<int>(ticks.size()) <= 2 * count + 1);
        QSet<QString> seen;
        for (const auto& tick : ticks) {
            QVERIFY(tick.value >= low && tick.value <= high);
            seen << QString::fromStdString(tick.label);
            // What is written is where it stands.
            QVERIFY(std::abs(parsed(tick.label) - tick.value) < 1e-9 * span + 1e-12 * std::abs(tick.value));
        }
        QCOMPARE(seen.size(), static_cast<qsizetype>(ticks.size()));
        if (ticks.size() < 2) continue;
        const double step = ticks[1].value - ticks[0].value;
        const double mantissa = step / std::pow(10.0, std::floor(std::log10(step) + 1e-6));
        QVERIFY(std::abs(mantissa - 1) < 1e-5 || std::abs(mantissa - 2) < 1e-5 ||
                std::abs(mantissa - 5) < 1e-5);
        for (std::size_t k = 1; k < ticks.size(); ++k)
            QVERIFY(std::abs(ticks[k].value - ticks[k - 1].value - step) < 1e-6 * step);
        // No room for another at either end.
        QVERIFY(ticks.front().value - low < step * 1.000001 && high - ticks.back().value < step * 1.000001);
    }
}

void TestFigureTicks::emptyRangesHaveNone() {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const double infinity = std::numeric_limits<double>::infinity();
    QVERIFY(niceTicks(1, 1).empty());
    QVERIFY(niceTicks(2, 1).empty());
    QVERIFY(niceTicks(nan, 1).empty());
    QVERIFY(niceTicks(0, infinity).empty());
    QVERIFY(niceTicks(-1.7e308, 1.7e308).empty());
    QVERIFY(niceTicks(1e20, std::nextafter(1e20, infinity)).empty());
    QVERIFY(logTicks(0, 1).empty());
    QVERIFY(logTicks(-1, 1).empty());
    QVERIFY(logTicks(2, 1).empty());
}

void TestFigureTicks::logTicksArePowersOfTen() {
    const auto ticks = logTicks(0.05, 200, 6);
    QStringList named;
    for (const auto& tick : ticks)
        if (!tick.label.empty()) named << QString::fromStdString(tick.label);
    QCOMPARE(named, (QStringList{"0.1", "1", "10", "100"}));
    QCOMPARE(ticks.front().value, 0.05);
    QCOMPARE(ticks.back().value, 200.0);
    // From 0.05: five to 0.09, nine in each of three decades, two in the last.
    QCOMPARE(ticks.size(), std::size_t(5 + 27 + 2));
    // Many decades: fewer labels, no multiples.
    const auto many = logTicks(1e-20, 1e20, 5);
    QVERIFY(many.size() <= 41);
    int labelled = 0;
    for (const auto& tick : many) labelled += tick.label.empty() ? 0 : 1;
    QVERIFY(labelled >= 4 && labelled <= 6);
    // One power of ten does not say how long a decade is: 2 and 5 times are named where there is room.
    QStringList between;
    for (const auto& tick : logTicks(0.03, 0.35, 6))
        if (!tick.label.empty()) between << QString("%1:%2").arg(tick.label.c_str()).arg(tick.rank);
    QCOMPARE(between, (QStringList{"0.05:1", "0.1:0", "0.2:1"}));
    // Within a decade: round values.
    QCOMPARE(labels(logTicks(2, 6, 4)), (QStringList{"2", "3", "4", "5", "6"}));
}

void TestFigureTicks::depthOfSequentialBlocks() {
    const auto points = residualPoints(32, false);
    const auto axis = depthAxis(points);
    QCOMPARE(axis.low, -0.5);
    QCOMPARE(axis.high, 64.5);
    QVERIFY(axis.named);
    QCOMPARE(axis.title, std::string("Depth (block)"));
    QCOMPARE(axis.ticks.size(), std::size_t(65));
    QCOMPARE(axis.ticks[0].label, std::string("L00"));
    QCOMPARE(axis.ticks[0].rank, 0);
    QCOMPARE(axis.ticks[1].rank, 1);  // mlp_in
    QCOMPARE(axis.ticks[16].label, std::string("L08"));
    QCOMPARE(axis.ticks[64].label, std::string("final"));
    QCOMPARE(axis.ticks[64].rank, 0);
    QVERIFY(depthNote(points).find("mlp_in") != std::string::npos);

    const auto later = depthAxisFrom(points, 21);
    QCOMPARE(later.low, 20.5);
    QCOMPARE(later.ticks.front().value, 21.0);
    QCOMPARE(later.ticks.front().rank, 1);
}

void TestFigureTicks::depthOfOtherTraces() {
    const auto parallel = depthAxis(residualPoints(4, true));
    QCOMPARE(labels(parallel.ticks), (QStringList{"L00", "L01", "L02", "L03", "final"}));
    QVERIFY(depthNote(residualPoints(4, true)).empty());
    const std::vector<ResidualPoint> unnamed{{0, Site::Unnamed}, {1, Site::Unnamed}};
    const auto axis = depthAxis(unnamed);
    QCOMPARE(labels(axis.ticks), (QStringList{"P00", "P01"}));
    QCOMPARE(axis.title, std::string("Depth (point)"));
}

void TestFigureTicks::depthTicksOfABar() {
    QCOMPARE(labels(depthTicks(residualPoints(32, false), 5)),
             (QStringList{"L00", "L08", "L16", "L24", "final"}));
    QCOMPARE(labels(depthTicks(residualPoints(2, false), 5)), (QStringList{"L00", "L01", "final"}));
    const auto many = depthTicks(residualPoints(126, false), 5);
    QVERIFY(many.size() <= 6);
    QCOMPARE(many.back().label, std::string("final"));
    QCOMPARE(many.back().value, 252.0);
}

void TestFigureTicks::rangesHoldTheData() {
    Curve curve;
    curve.x = {0, 1, 2};
    curve.y = {1, std::nan(""), 3};
    curve.low = {0.5, 1, 2};
    curve.high = {2, 2, 4};
    Axis axis;
    setRange(axis, {curve});
    QVERIFY(axis.low < 0.5 && axis.low > 0.2);
    QVERIFY(axis.high > 4 && axis.high < 4.3);
    QVERIFY(!axis.ticks.empty());
    setRange(axis, {curve}, 0.0, 10.0);
    QCOMPARE(axis.low, 0.0);
    QCOMPARE(axis.high, 10.0);
    setRange(axis, {});
    QVERIFY(axis.low < axis.high);
    curve.y = {0, -1, 5};
    curve.low.clear();
    curve.high = {500};
    axis.logarithmic = true;
    setRange(axis, {curve});
    QVERIFY(axis.low > 0 && axis.low <= 5 && axis.high >= 500);
}

void TestFigureTicks::quantilesOfAColumn() {
    // 0, 1, ..., 40: the quantiles at 2.5 and 97.5 % are 1 and 39.
    MatrixD values(41, 2);
    for (int i = 0; i < 41; ++i) values.row(i) << (i * 7) % 41, std::nan("");
    const auto band = quantileBand(values);
    QVERIFY(std::abs(band.low[0] - 1) < 1e-12);
    QVERIFY(std::abs(band.high[0] - 39) < 1e-12);
    QVERIFY(std::isnan(band.low[1]) && std::isnan(band.high[1]));
}

RHEO_TEST(TestFigureTicks)
#include "test_figure_ticks.moc"
