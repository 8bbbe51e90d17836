// A figure on the screen: what lies under the mouse, zooming and moving.
#include <QGuiApplication>
#include <QImage>
#include <QPainter>
#include <cmath>

#include "example_figures.h"
#include "tests/test_main.h"
#include "widgets/paint/figure_painter.h"
#include "widgets/paint/heatmap_image.h"

using namespace rheo;

namespace {

const QRectF area(10, 20, 900, 600);
constexpr double unitsPerPoint = 96 / 72.0;

QImage paintOnce(FigurePainter& painter) {
    QImage image(920, 640, QImage::Format_RGB32);
    image.fill(Qt::magenta);
    QPainter target(&image);
    painter.paint(target, area, unitsPerPoint);
    return image;
}

std::pair<double, double> xRange(const FigurePainter& painter) {
    const auto& plot = std::get<HeatmapPlot>(painter.shown().panels[0].plot);
    return {plot.x.low, plot.x.high};
}

}  // namespace

class TestPaintScreen : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void paintsItsAreaOnly();
    void cellsAreFound();
    void zoomKeepsWhatIsUnderTheMouse();
    void zoomStopsAtTheWholeAndAtCells();
    void panFollowsTheMouse();
    void panWithoutPaintsAddsUp();
    void framesAreZoomedTo();
    void zoomedTicksAreRight();
    void anotherFigureKeepsTheRanges();
    void paintingOnceOrOftenIsTheSame();
    void manyCellsAreAveraged();
    void logarithmicAxesZoom();
    void nothingBeforeThereIsAFigure();
};

void TestPaintScreen::paintsItsAreaOnly() {
    FigurePainter painter;
    painter.setFigure(std::make_shared<Figure>(exampleHeatmap(darkTheme(), 50)));
    const auto image = paintOnce(painter);
    QCOMPARE(QColor(image.pixel(5, 300)), QColor(Qt::magenta));
    QCOMPARE(QColor(image.pixel(915, 300)), QColor(Qt::magenta));
    QCOMPARE(QColor(image.pixel(300, 15)), QColor(Qt::magenta));
    QVERIFY(QColor(image.pixel(12, 22)) != QColor(Qt::magenta));
    QVERIFY(area.contains(painter.plotRect(0)));
    QVERIFY(painter.plotRect(1).isEmpty());
}

void TestPaintScreen::cellsAreFound() {
    FigurePainter painter;
    painter.setFigure(std::make_shared<Figure>(exampleHeatmap(lightTheme(), 50)));
    const auto image = paintOnce(painter);
    const auto& plot = std::get<HeatmapPlot>(painter.shown().panels[0].plot);
    for (const int row : {0, 7, 49})
        for (const int column : {0, 31, 64}) {
            const auto place = painter.placeOf({0, double(column), double(row)});
            QVERIFY(place.has_value());
            QCOMPARE(painter.idAt(*place, AxisKind::Points), std::optional<std::int64_t>(column));
            QCOMPARE(painter.idAt(*place, AxisKind::Units),
                     std::optional<std::int64_t>(plot.y.ids[static_cast<std::size_t>(row)]));
            const auto value = double(plot.values(row, column));
            QVERIFY(painter.describe(*place, 1).ends_with(formatNumber(value, 4)));
            const auto color = scaleColor(plot.colorScale, value, painter.shown().theme.missing);
            // A line through the cell marks it.
            const auto lines = painter.linesAt(AxisKind::Points, column);
            QCOMPARE(lines.size(), 1);
            QVERIFY(std::abs(lines.front().x1() - place->x()) < 0.5 &&
                    lines.front().x1() == lines.front().x2());
            QCOMPARE(qRed(image.pixel(place->toPoint())), qRound(color.r * 255));
        }
    QVERIFY(!painter.idAt({0, 0}, AxisKind::Units) && !painter.idAt({0, 0}, AxisKind::Tokens));
    QVERIFY(painter.linesAt(AxisKind::Tokens, 0).isEmpty());
}

void TestPaintScreen::zoomKeepsWhatIsUnderTheMouse() {
    FigurePainter painter;
    painter.setFigure(std::make_shared<Figure>(exampleHeatmap(lightTheme(), 200)));
    paintOnce(painter);
    const QPointF mouse = painter.plotRect(0).center() + QPointF(40, -25);
    const auto before = painter.positionAt(mouse);
    QVERIFY(painter.zoom(mouse, 2.5));
    QVERIFY(painter.isZoomed());
    paintOnce(painter);
    const auto after = painter.positionAt(mouse);
    QVERIFY(before && after);
    // The plot's edges moved with the width of the labels, by a few pixels of 800.
    QVERIFY(std::abs(after->x - before->x) < 0.5);
    const auto [low, high] = xRange(painter);
    QVERIFY(std::abs(high - low - 65 / 2.5) < 1e-9);
    QVERIFY(painter.zoom(mouse, 2, Qt::Vertical));
    QCOMPARE(xRange(painter).first, low);
    QVERIFY(!painter.zoom({11, 21}, 2));  // beside the plot
    painter.resetRanges();
    QVERIFY(!painter.isZoomed());
    QCOMPARE(xRange(painter).first, -0.5);
}

void TestPaintScreen::zoomStopsAtTheWholeAndAtCells() {
    FigurePainter painter;
    painter.setFigure(std::make_shared<Figure>(exampleHeatmap(lightTheme(), 200)));
    paintOnce(painter);
    const QPointF mouse = painter.plotRect(0).center();
    for (int i = 0; i < 60; ++i) painter.zoom(mouse, 1.5);
    auto [low, high] = xRange(painter);
    QVERIFY(std::abs(high - low - 2) < 1e-9);
    for (int i = 0; i < 100; ++i) painter.zoom(mouse, 0.7);
    std::tie(low, high) = xRange(painter);
    QCOMPARE(low, -0.5);
    QCOMPARE(high, 64.5);
    QVERIFY(!painter.isZoomed());
}

void TestPaintScreen::panFollowsTheMouse() {
    FigurePainter painter;
    painter.setFigure(std::make_shared<Figure>(exampleHeatmap(lightTheme(), 200)));
    paintOnce(painter);
    const QPointF mouse = painter.plotRect(0).center();
    // The whole cannot be moved.
    QVERIFY(painter.pan(mouse, mouse + QPointF(50, 10)));
    QVERIFY(!painter.isZoomed());
    painter.zoom(mouse, 4);
    paintOnce(painter);
    const auto held = painter.positionAt(mouse);
    QVERIFY(painter.pan(mouse, mouse + QPointF(60, 30)));
    const auto there = painter.positionAt(mouse + QPointF(60, 30));
    QVERIFY(held && there);
    QVERIFY(std::abs(held->x - there->x) < 1e-9 && std::abs(held->y - there->y) < 1e-9);
    painter.pan(mouse, mouse + QPointF(1e5, 0));
    QCOMPARE(xRange(painter).first, -0.5);
}

void TestPaintScreen::panWithoutPaintsAddsUp() {
    FigurePainter once, often;
    for (auto* painter : {&once, &often}) {
        painter->setFigure(std::make_shared<Figure>(exampleHeatmap(lightTheme(), 200)));
        paintOnce(*painter);
        painter->zoom(painter->plotRect(0).center(), 4);
        paintOnce(*painter);
    }
    const QPointF mouse = once.plotRect(0).center();
    once.pan(mouse, mouse + QPointF(-40, 0));
    for (int i = 0; i < 40; ++i) often.pan(mouse, mouse + QPointF(-1, 0));
    QVERIFY(std::abs(xRange(once).first - xRange(often).first) < 1e-9);
}

void TestPaintScreen::framesAreZoomedTo() {
    FigurePainter painter;
    painter.setFigure(std::make_shared<Figure>(exampleHeatmap(lightTheme(), 200)));
    paintOnce(painter);
    const auto a = painter.placeOf({0, 10, 50});
    const auto b = painter.placeOf({0, 30, 90});
    QVERIFY(painter.zoomTo(*b, *a));
    const auto [low, high] = xRange(painter);
    QVERIFY(std::abs(low - 10) < 1e-9 && std::abs(high - 30) < 1e-9);
    const auto& plot = std::get<HeatmapPlot>(painter.shown().panels[0].plot);
    QVERIFY(std::abs(plot.y.low - 50) < 1e-9 && std::abs(plot.y.high - 90) < 1e-9);
    QVERIFY(!painter.zoomTo(*a, *a + QPointF(0.1, 0.1)));
}

void TestPaintScreen::zoomedTicksAreRight() {
    FigurePainter painter;
    painter.setFigure(std::make_shared<Figure>(exampleHeatmap(lightTheme(), 200)));
    paintOnce(painter);
    painter.zoom(painter.plotRect(0).center(), 30);
    const auto& plot = std::get<HeatmapPlot>(painter.shown().panels[0].plot);
    QVERIFY(plot.y.ticks.size() >= 2);
    for (const auto& tick : plot.y.ticks) {
        QVERIFY(tick.value >= plot.y.low && tick.value <= plot.y.high);
        QCOMPARE(tick.value, std::round(tick.value));
    }
    QCOMPARE(plot.x.ticks.size(), std::size_t(65));  // names of places stay as they are
}

void TestPaintScreen::anotherFigureKeepsTheRanges() {
    FigurePainter painter;
    painter.setFigure(std::make_shared<Figure>(exampleHeatmap(lightTheme(), 200)));
    paintOnce(painter);
    painter.zoom(painter.plotRect(0).center(), 5);
    const auto range = xRange(painter);
    painter.setFigure(std::make_shared<Figure>(exampleHeatmap(darkTheme(), 200, 3)), true);
    QVERIFY(xRange(painter) == range);
    QVERIFY(painter.shown().theme.dark);
    // Other units: the axis of units is another one, that of depth is not.
    painter.setFigure(std::make_shared<Figure>(exampleHeatmap(darkTheme(), 90)), true);
    QVERIFY(xRange(painter) == range);
    QCOMPARE(std::get<HeatmapPlot>(painter.shown().panels[0].plot).y.high, 89.5);
    painter.setFigure(std::make_shared<Figure>(exampleHeatmap(darkTheme(), 90)));
    QVERIFY(!painter.isZoomed());
}

void TestPaintScreen::paintingOnceOrOftenIsTheSame() {
    for (const auto& example : exampleFigures(lightTheme())) {
        FigurePainter painter;
        painter.setFigure(std::make_shared<Figure>(example.figure));
        const auto first = paintOnce(painter);
        QVERIFY2(paintOnce(painter) == first, example.name.c_str());
        QImage image(920, 640, QImage::Format_RGB32);
        image.fill(Qt::magenta);
        {
            QPainter target(&image);
            paintFigure(target, area, example.figure, unitsPerPoint);
        }
        QVERIFY2(image == first, example.name.c_str());
    }
}

void TestPaintScreen::manyCellsAreAveraged() {
    // 4,000 rows that alternate between two values share pixels: they must look like their mean, not like
    // whichever row a pixel happened to fall on.
    HeatmapPlot plot;
    plot.values.resize(4000, 3);
    for (int row = 0; row < 4000; ++row) plot.values.row(row).setConstant(row % 2 == 0 ? 0.0f : 1.0f);
    plot.values.col(2).setConstant(std::nanf(""));
    plot.values(0, 2) = 1;
    plot.x.low = plot.y.low = -0.5;
    plot.x.high = 2.5;
    plot.y.high = 3999.5;
    const auto cells = visibleCells(plot);
    QCOMPARE(cells, QRect(QPoint(0, 0), QPoint(2, 3999)));
    const auto theme = lightTheme();
    const auto image = heatmapImage(plot, theme, cells, 300, 500);
    QCOMPARE(image.size(), QSize(3, 500));
    const auto mean = scaleColor(plot.colorScale, 0.5, theme.missing);
    for (int y = 0; y < 500; ++y) QCOMPARE(qGreen(image.pixel(0, y)), qRound(mean.g * 255));
    QCOMPARE(qRed(image.pixel(2, 10)), qRound(theme.missing.r * 255));
    // Of eight cells one has a value: it is shown, at the bottom.
    QCOMPARE(qRed(image.pixel(2, 499)), qRound(mapColor(ColorMap::Viridis, 1).r * 255));
}

void TestPaintScreen::logarithmicAxesZoom() {
    CurvePlot plot;
    plot.y.low = 1;
    plot.y.high = 10000;
    plot.y.logarithmic = true;
    plot.y.ticks = logTicks(1, 10000);
    plot.curves.push_back({});
    plot.curves[0].x = {0, 1};
    plot.curves[0].y = {1, 10000};
    auto figure = std::make_shared<Figure>();
    figure->theme = lightTheme();
    figure->panels.push_back({"", plot});
    FigurePainter painter;
    painter.setFigure(figure);
    paintOnce(painter);
    painter.zoom(painter.plotRect(0).center(), 2);
    const auto& shown = std::get<CurvePlot>(painter.shown().panels[0].plot).y;
    QVERIFY(std::abs(shown.low - 10) < 1e-9 && std::abs(shown.high - 1000) < 1e-6);
}

void TestPaintScreen::nothingBeforeThereIsAFigure() {
    FigurePainter painter;
    paintOnce(painter);
    QVERIFY(!painter.positionAt({100, 100}));
    QVERIFY(!painter.zoom({100, 100}, 2));
    QVERIFY(!painter.isZoomed());
    painter.resetRanges();
    painter.setFigure(std::make_shared<Figure>(exampleHeatmap(lightTheme(), 5)));
    QVERIFY(!painter.positionAt({100, 100}));
    QVERIFY(!painter.placeOf({0, 1, 1}));
}

RHEO_TEST(TestPaintScreen)
#include "test_paint_screen.moc"
