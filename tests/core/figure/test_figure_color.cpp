// Colour maps against their published entries, and what makes them fit to show numbers.
#include <cmath>

#include "core/figure/color.h"
#include "core/figure/figure.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

QString hex(const Color& color) {
    const auto channel = [](float v) { return static_cast<int>(std::lround(v * 255)); };
    return QString("#%1%2%3")
        .arg(channel(color.r), 2, 16, QChar('0'))
        .arg(channel(color.g), 2, 16, QChar('0'))
        .arg(channel(color.b), 2, 16, QChar('0'));
}

/// Relative luminance (WCAG 2, IEC 61966-2-1).
double luminance(const Color& color) {
    const auto linear = [](double v) {
        return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * linear(color.r) + 0.7152 * linear(color.g) + 0.0722 * linear(color.b);
}

/// CIE L*, 0 to 100.
double lightness(const Color& color) {
    const double y = luminance(color);
    return y > 216.0 / 24389 ? 116 * std::cbrt(y) - 16 : y * 24389 / 27;
}

double contrast(const Color& a, const Color& b) {
    const double x = luminance(a) + 0.05;
    const double y = luminance(b) + 0.05;
    return x > y ? x / y : y / x;
}

}  // namespace

class TestFigureColor : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void knownEntries_data();
    void knownEntries();
    void namesGoBothWays();
    void betweenEntriesIsLinear();
    void beyondTheEndsIsTheEnd();
    void lightnessRises();
    void vikIsCentred();
    void scalesUseTheirPartOfTheMap();
    void themesCanBeRead();
};

void TestFigureColor::knownEntries_data() {
    QTest::addColumn<int>("map");
    QTest::addColumn<int>("entry");
    QTest::addColumn<QString>("color");
    // As published, rounded to 8 bits.
    QTest::newRow("viridis 0") << int(ColorMap::Viridis) << 0 << "#440154";
    QTest::newRow("viridis 64") << int(ColorMap::Viridis) << 64 << "#3b528b";
    QTest::newRow("viridis 128") << int(ColorMap::Viridis) << 128 << "#21918c";
    QTest::newRow("viridis 192") << int(ColorMap::Viridis) << 192 << "#5ec962";
    QTest::newRow("viridis 255") << int(ColorMap::Viridis) << 255 << "#fde725";
    QTest::newRow("cividis 0") << int(ColorMap::Cividis) << 0 << "#00224e";
    QTest::newRow("cividis 128") << int(ColorMap::Cividis) << 128 << "#7d7c78";
    QTest::newRow("cividis 255") << int(ColorMap::Cividis) << 255 << "#fee838";
    QTest::newRow("vik 0") << int(ColorMap::Vik) << 0 << "#001261";
    QTest::newRow("vik 255") << int(ColorMap::Vik) << 255 << "#590008";
}

void TestFigureColor::knownEntries() {
    QFETCH(int, map);
    QFETCH(int, entry);
    QFETCH(QString, color);
    QCOMPARE(hex(mapColor(static_cast<ColorMap>(map), entry / 255.0)), color);
}

void TestFigureColor::namesGoBothWays() {
    for (const auto map : {ColorMap::Viridis, ColorMap::Cividis, ColorMap::Vik})
        QVERIFY(parseColorMap(colorMapName(map)) == map);
    QVERIFY(!parseColorMap("jet"));
    QVERIFY(!parseColorMap(""));
}

void TestFigureColor::betweenEntriesIsLinear() {
    for (int i = 0; i < 255; ++i) {
        const Color a = mapColor(ColorMap::Viridis, i / 255.0);
        const Color b = mapColor(ColorMap::Viridis, (i + 1) / 255.0);
        const Color middle = mapColor(ColorMap::Viridis, (i + 0.5) / 255.0);
        QVERIFY(std::abs(middle.r - (a.r + b.r) / 2) < 1e-6f);
        QVERIFY(std::abs(middle.g - (a.g + b.g) / 2) < 1e-6f);
        QVERIFY(std::abs(middle.b - (a.b + b.b) / 2) < 1e-6f);
    }
}

void TestFigureColor::beyondTheEndsIsTheEnd() {
    const double infinity = std::numeric_limits<double>::infinity();
    for (const auto map : {ColorMap::Viridis, ColorMap::Cividis, ColorMap::Vik}) {
        QVERIFY(mapColor(map, -1) == mapColor(map, 0));
        QVERIFY(mapColor(map, -infinity) == mapColor(map, 0));
        QVERIFY(mapColor(map, 7) == mapColor(map, 1));
        QVERIFY(mapColor(map, infinity) == mapColor(map, 1));
    }
}

void TestFigureColor::lightnessRises() {
    for (const auto map : {ColorMap::Viridis, ColorMap::Cividis})
        for (int i = 4; i < 256; i += 4)
            QVERIFY(luminance(mapColor(map, i / 255.0)) > luminance(mapColor(map, (i - 4) / 255.0)));
}

void TestFigureColor::vikIsCentred() {
    // The middle is the lightest, and both sides grow darker alike: the published table differs by 8.7 of CIE
    // L* at most.
    const double middle = lightness(mapColor(ColorMap::Vik, 0.5));
    for (int i = 8; i <= 127; i += 8) {
        const double left = lightness(mapColor(ColorMap::Vik, 0.5 - i / 255.0));
        const double right = lightness(mapColor(ColorMap::Vik, 0.5 + i / 255.0));
        QVERIFY(left < middle && right < middle);
        QVERIFY2(std::abs(left - right) < 9, qPrintable(QString("%1 %2 %3").arg(i).arg(left).arg(right)));
    }
}

void TestFigureColor::scalesUseTheirPartOfTheMap() {
    ColorScale scale;
    scale.map = ColorMap::Viridis;
    scale.low = 10;
    scale.high = 20;
    const Color missing{1, 0, 1};
    QVERIFY(scaleColor(scale, 10, missing) == mapColor(ColorMap::Viridis, 0));
    QVERIFY(scaleColor(scale, 15, missing) == mapColor(ColorMap::Viridis, 0.5));
    QVERIFY(scaleColor(scale, 99, missing) == mapColor(ColorMap::Viridis, 1));
    QVERIFY(scaleColor(scale, std::nan(""), missing) == missing);
    scale.mapFrom = 0.25;
    scale.mapTo = 0.75;
    QVERIFY(scaleColor(scale, 10, missing) == mapColor(ColorMap::Viridis, 0.25));
    QVERIFY(scaleColor(scale, 20, missing) == mapColor(ColorMap::Viridis, 0.75));
}

void TestFigureColor::themesCanBeRead() {
    for (const auto& theme : {lightTheme(), darkTheme()}) {
        QCOMPARE(theme.dark, luminance(theme.background) < 0.2);
        // WCAG: 4.5 for text, 3 for the parts of a picture that carry meaning.
        QVERIFY(contrast(theme.foreground, theme.background) >= 4.5);
        QVERIFY(contrast(theme.muted, theme.background) >= 4.5);
        for (const auto& color : {theme.natural, theme.teleported, theme.selected, theme.mean, theme.null})
            QVERIFY(contrast(color, theme.background) >= 3);
        QVERIFY(theme.series.size() >= 6);
        for (const auto& color : theme.series) QVERIFY(contrast(color, theme.background) >= 1.9);
    }
}

RHEO_TEST(TestFigureColor)
#include "test_figure_color.moc"
