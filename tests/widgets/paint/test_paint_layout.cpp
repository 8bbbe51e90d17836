// Nothing a reader needs is cut off or written over: every text of every figure, at every size.
#include <QGuiApplication>
#include <cmath>

#include "example_figures.h"
#include "tests/test_main.h"
#include "widgets/paint/axes3.h"
#include "widgets/paint/draw_figure.h"
#include "widgets/paint/readable_text.h"

using namespace rheo;

namespace {

struct DrawnText {
    QString text;
    QPolygonF outline;
    double size;
};

/// Keeps what is drawn instead of drawing it.
class RecordingCanvas final : public Canvas {
public:
    explicit RecordingCanvas(const TextMetrics& metrics) : m_metrics(metrics) {}
    void beginGroup(const QString& name) override {
        groups << name;
        ++depth;
    }
    void endGroup() override { --depth; }
    void beginClip(const QRectF& rect) override {
        clips.push_back(rect);
        ++depth;
    }
    void endClip() override { --depth; }
    void lines(const Polylines& lines, const Stroke& stroke) override {
        for (const auto& line : lines) {
            pieces += line.size() - 1;
            for (const auto& point : line)
                finite = finite && std::isfinite(point.x()) && std::isfinite(point.y());
        }
        paths += 1;
        widths = std::max(widths, stroke.width);
    }
    void polygons(const Polylines& polygons, const QColor&) override {
        for (const auto& polygon : polygons)
            for (const auto& point : polygon)
                finite = finite && std::isfinite(point.x()) && std::isfinite(point.y());
    }
    void rectangle(const QRectF& rect, const QColor& fill) override { rectangles.emplace_back(rect, fill); }
    void marker(MarkerShape, const QPointF& centre, double, const QColor&) override {
        ++markers;
        finite = finite && std::isfinite(centre.x()) && std::isfinite(centre.y());
    }
    void text(const QPointF& at, const QString& text, const TextStyle& style) override {
        const double w = m_metrics.width(text, style.size, style.bold);
        const double h = m_metrics.capHeight(style.size);
        double x = 0;
        if (style.anchor == Anchor::Middle) x = -w / 2;
        if (style.anchor == Anchor::End) x = -w;
        QTransform turn;
        turn.translate(at.x(), at.y());
        turn.rotate(-style.angle);
        texts.push_back({text, turn.map(QPolygonF(QRectF(x, -h, w, h))), style.size});
    }
    void image(const QRectF& rect, const QImage& picture) override {
        images.emplace_back(rect, picture.size());
    }
    double pixelsPerPoint() const override { return 0; }

    std::vector<DrawnText> texts;
    std::vector<std::pair<QRectF, QColor>> rectangles;
    std::vector<std::pair<QRectF, QSize>> images;
    std::vector<QRectF> clips;
    QStringList groups;
    qsizetype pieces = 0;
    int paths = 0, markers = 0, depth = 0;
    double widths = 0;
    bool finite = true;

private:
    const TextMetrics& m_metrics;
};

/// Whether two convex quadrilaterals share more than a touch.
bool overlap(const QPolygonF& a, const QPolygonF& b) {
    const auto shared = a.intersected(b);
    if (shared.isEmpty()) return false;
    double area = 0;
    for (qsizetype i = 0; i + 1 < shared.size(); ++i)
        area += shared[i].x() * shared[i + 1].y() - shared[i + 1].x() * shared[i].y();
    return std::abs(area) / 2 > 0.05;
}

const QList<QSizeF> sizesMm{{80, 60}, {120, 90}, {180, 120}, {60, 110}, {240, 80}};

QSizeF points(const QSizeF& mm) {
    return mm * 72 / 25.4;
}

}  // namespace

class TestPaintLayout : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void nothingIsWrittenOverAnything_data();
    void nothingIsWrittenOverAnything();
    void camerasKeepTheirLabelsApart();
    void chosenCamerasAreKept();
    void axesStayInViewWhenNear();
    void charactersThatNoFontHasAreNamed();
    void panelsShareTheirEdges();
    void legendsStayOffTheData();
    void labelsAreThinnedNotDropped();
    void ticksOfDepthWhenNear();
    void scalesGoBothWays();
    void positionsAreFound();
    void farAndMissingValuesAreDrawn();
    void piecesOfACloudAreAllThere();
    void emptyFiguresAreDrawn();
};

void TestPaintLayout::nothingIsWrittenOverAnything_data() {
    QTest::addColumn<int>("figure");
    QTest::addColumn<QSizeF>("mm");
    const auto figures = exampleFigures(lightTheme());
    for (std::size_t i = 0; i < figures.size(); ++i)
        for (const auto& mm : sizesMm)
            QTest::addRow("%s %gx%g", figures[i].name.c_str(), mm.width(), mm.height())
                << static_cast<int>(i) << mm;
}

void TestPaintLayout::nothingIsWrittenOverAnything() {
    QFETCH(int, figure);
    QFETCH(QSizeF, mm);
    const auto example = exampleFigures(lightTheme())[static_cast<std::size_t>(figure)].figure;
    const TextMetrics metrics;
    const auto layout = layoutFigure(example, points(mm), metrics);
    RecordingCanvas canvas(metrics);
    HeatmapImages images;
    drawFigure(canvas, example, layout, metrics, images);
    QCOMPARE(canvas.depth, 0);
    QVERIFY(canvas.finite);
    QVERIFY(canvas.texts.size() > 5);
    const QRectF page = QRectF(QPointF(0, 0), layout.size).adjusted(-0.1, -0.1, 0.1, 0.1);
    for (std::size_t i = 0; i < canvas.texts.size(); ++i) {
        const auto& text = canvas.texts[i];
        QVERIFY2(page.contains(text.outline.boundingRect()), qPrintable(text.text + " leaves the page"));
        QVERIFY2(text.size * layout.scale >= 4, qPrintable(text.text + " is too small to read"));
        for (std::size_t k = 0; k < i; ++k)
            QVERIFY2(!overlap(text.outline, canvas.texts[k].outline),
                     qPrintable(text.text + " is written over " + canvas.texts[k].text));
    }
    for (const auto& panel : layout.panels) {
        QVERIFY(panel.plot.width() > 25 && panel.plot.height() > 15);
        // Text stands beside the plot, not in it; but for labels of a box in space and legends.
        if (panel.view.isValid()) continue;
        for (const auto& text : canvas.texts)
            if (!panel.legend.inside)
                QVERIFY2(!overlap(text.outline, QPolygonF(panel.plot)), qPrintable(text.text));
    }
}

void TestPaintLayout::camerasKeepTheirLabelsApart() {
    Figure figure = exampleTrajectories(lightTheme(), 10);
    auto& plot = std::get<Plot3D>(figure.panels.front().plot);
    const TextMetrics metrics;
    int labels = 0;
    for (const bool perspective : {false, true})
        for (int azimuth = 0; azimuth < 360; azimuth += 15)
            for (int elevation = -90; elevation <= 90; elevation += 15)
                for (const int roll : {0, 20}) {
                    plot.camera.azimuth = azimuth;
                    plot.camera.elevation = elevation;
                    plot.camera.roll = roll;
                    plot.camera.perspective = perspective;
                    const auto layout = layoutFigure(figure, points({160, 120}), metrics);
                    const auto& panel = layout.panels.front();
                    const auto axes = layoutAxes3(plot, {panel.camera, panel.view}, metrics);
                    const auto what =
                        QString("%1 %2 %3 %4").arg(azimuth).arg(elevation).arg(roll).arg(perspective);
                    // Something of at least two axes is named in every view.
                    QVERIFY2(axes.labels.size() >= 6, qPrintable(what));
                    QVERIFY2(panel.plot.adjusted(-2, -2, 2, 2).contains(axes.bounds), qPrintable(what));
                    const SpaceMap map{panel.camera, panel.view};
                    // The outline of the box: the data are inside, so no label may be.
                    QPolygonF corners;
                    for (int corner = 0; corner < 8; ++corner) {
                        Eigen::Vector3d at;
                        for (int i = 0; i < 3; ++i) {
                            const auto& axis = plot.axes[static_cast<std::size_t>(i)];
                            at[i] = (corner >> i & 1) != 0 ? axis.high : axis.low;
                        }
                        corners << map.place(at);
                    }
                    for (std::size_t i = 0; i < axes.labels.size(); ++i) {
                        ++labels;
                        for (std::size_t k = 0; k < i; ++k)
                            QVERIFY2(!overlap(axes.labels[i].outline, axes.labels[k].outline),
                                     qPrintable(what + ": " + axes.labels[i].text + " over " +
                                                axes.labels[k].text));
                        for (const auto& line : axes.edges)
                            for (const auto& end : line)
                                QVERIFY2(!axes.labels[i].outline.containsPoint(end, Qt::OddEvenFill),
                                         qPrintable(what + ": " + axes.labels[i].text + " on the box"));
                    }
                }
    QVERIFY(labels > 5000);
}

void TestPaintLayout::chosenCamerasAreKept() {
    Figure figure = exampleTrajectories(lightTheme(), 10);
    auto& plot = std::get<Plot3D>(figure.panels.front().plot);
    const TextMetrics metrics;
    Eigen::Vector3d low, high;
    for (int i = 0; i < 3; ++i) {
        low[i] = plot.axes[static_cast<std::size_t>(i)].low;
        high[i] = plot.axes[static_cast<std::size_t>(i)].high;
    }
    plot.fitCamera = false;
    // As a window would have it: the box fills a wide view. All labels are there, and the camera is the same.
    for (const double aspect : {0.8, 1.5, 2.5}) {
        plot.camera = fitted(plot.camera, low, high, aspect);
        const auto panel = layoutFigure(figure, points({120, 90}), metrics).panels.front();
        QCOMPARE(panel.camera.halfHeight, plot.camera.halfHeight);
        QVERIFY(panel.camera.focal == plot.camera.focal);
        const auto axes = layoutAxes3(plot, {panel.camera, panel.view}, metrics);
        QVERIFY(panel.plot.adjusted(-1, -1, 1, 1).contains(axes.bounds));
        QVERIFY(std::abs(panel.view.width() / panel.view.height() -
                         panel.plot.width() / panel.plot.height()) < 1e-9);
    }
    // Nearer than the whole box, it fills the plot.
    plot.camera.halfHeight /= 8;
    const auto near = layoutFigure(figure, points({120, 90}), metrics).panels.front();
    QCOMPARE(near.view, near.plot);
}

void TestPaintLayout::axesStayInViewWhenNear() {
    Figure figure = exampleTrajectories(lightTheme(), 10);
    auto& plot = std::get<Plot3D>(figure.panels.front().plot);
    const TextMetrics metrics;
    const Eigen::AlignedBox3d box = boxOf(plot);
    plot.fitCamera = false;
    for (const bool perspective : {false, true})
        for (const double nearer : {1.0, 1.3, 3.0, 30.0, 1000.0})
            for (int azimuth = 10; azimuth < 360; azimuth += 50) {
                plot.camera.perspective = perspective;
                plot.camera.azimuth = azimuth;
                plot.camera = fitted(plot.camera, box.min(), box.max(), 4.0 / 3);
                plot.camera.halfHeight /= nearer;
                plot.camera.focal += box.sizes() * (nearer > 1 ? 0.1 : 0);
                const auto panel = layoutFigure(figure, points({160, 120}), metrics).panels.front();
                const SpaceMap map{panel.camera, panel.view};
                const Plot3D seen = axesInView(plot, map, panel.plot, metrics);
                const auto axes = layoutAxes3(seen, map, metrics);
                const auto what = QString("%1 times nearer at %2").arg(nearer).arg(azimuth);
                QVERIFY2(panel.plot.adjusted(-3, -3, 3, 3).contains(axes.bounds), qPrintable(what));
                const auto titles = std::count_if(axes.labels.begin(), axes.labels.end(),
                                                  [](const AxisLabel3& label) { return label.isTitle; });
                QVERIFY2(titles >= 2, qPrintable(what));
                // It is the part of the box that the camera looks at, with numbers of its own.
                for (std::size_t i = 0; i < 3; ++i) {
                    QVERIFY(seen.axes[i].low >= plot.axes[i].low && seen.axes[i].high <= plot.axes[i].high);
                    QVERIFY(seen.axes[i].low < plot.camera.focal[static_cast<Eigen::Index>(i)] &&
                            seen.axes[i].high > plot.camera.focal[static_cast<Eigen::Index>(i)]);
                    QVERIFY2(seen.axes[i].ticks.size() >= 2, qPrintable(what));
                }
            }
}

void TestPaintLayout::charactersThatNoFontHasAreNamed() {
    QCOMPARE(readable(std::string("plain, \xc3\xa9, \xe2\x88\x92 and \xce\xb1")),
             QString::fromUtf8("plain, é, − and α"));
    // A private character, which no font of letters has.
    QCOMPARE(readable(QString::fromUcs4(U"a\U0010ABCD b", 4), figureFont(false)), QString("a<U+10ABCD> b"));
    // With what follows only to change it.
    const QString odd = QString::fromUcs4(U"\U0010ABCD\uFE0F\u200D\U0010ABCDx", 5);
    QCOMPARE(readable(odd, figureFont(false)), QString("<U+10ABCD><U+10ABCD>x"));
}

void TestPaintLayout::panelsShareTheirEdges() {
    const TextMetrics metrics;
    const auto figures = exampleFigures(lightTheme());
    const auto layout = layoutFigure(figures[3].figure, points({180, 120}), metrics);
    QCOMPARE(layout.panels.size(), std::size_t(4));
    QCOMPARE(layout.panels[0].plot.left(), layout.panels[2].plot.left());
    QCOMPARE(layout.panels[1].plot.right(), layout.panels[3].plot.right());
    QCOMPARE(layout.panels[0].plot.top(), layout.panels[1].plot.top());
    QCOMPARE(layout.panels[2].plot.bottom(), layout.panels[3].plot.bottom());
}

void TestPaintLayout::legendsStayOffTheData() {
    // Curves that leave one corner free, and then none.
    CurvePlot plot;
    plot.x.high = plot.y.high = 10;
    plot.x.ticks = plot.y.ticks = niceTicks(0, 10);
    Curve curve;
    curve.name = "rising";
    for (int i = 0; i <= 10; ++i) {
        curve.x.push_back(i);
        curve.y.push_back(i);
    }
    plot.curves.push_back(curve);
    Figure figure;
    figure.theme = lightTheme();
    figure.panels.push_back({"", plot});
    const TextMetrics metrics;
    auto layout = layoutFigure(figure, points({120, 90}), metrics);
    QVERIFY(layout.panels[0].legend.inside);
    QVERIFY(layout.panels[0].legend.rect.center().x() < layout.panels[0].plot.center().x());
    QVERIFY(layout.panels[0].legend.rect.center().y() < layout.panels[0].plot.center().y());

    // A band over all of it: the legend goes above the plot.
    plot.curves[0].low.assign(11, 0.0);
    plot.curves[0].high.assign(11, 10.0);
    figure.panels[0].plot = plot;
    layout = layoutFigure(figure, points({120, 90}), metrics);
    QVERIFY(!layout.panels[0].legend.inside);
    QVERIFY(layout.panels[0].legend.rect.bottom() <= layout.panels[0].plot.top());
}

void TestPaintLayout::labelsAreThinnedNotDropped() {
    Axis axis;
    axis.named = true;
    axis.low = -0.5;
    axis.high = 64.5;
    for (int i = 0; i < 33; ++i)
        axis.ticks.push_back(
            {2.0 * i, i < 32 ? "L" + std::to_string(i / 10) + std::to_string(i % 10) : "final"});
    const TextMetrics metrics;
    for (const double width : {40.0, 90.0, 150.0, 300.0, 900.0}) {
        const auto ticks = placeTicks(axis, {axis.low, axis.high, 0, width, false}, false, metrics);
        QString last;
        double end = -100;
        int labelled = 0;
        for (const auto& tick : ticks) {
            if (tick.label.isEmpty()) continue;
            const double half = metrics.width(tick.label, type::tick) / 2;
            QVERIFY(tick.place - half > end);
            end = tick.place + half;
            last = tick.label;
            ++labelled;
        }
        QCOMPARE(last, QString("final"));
        QVERIFY(labelled >= 2);
        if (width == 900) QCOMPARE(labelled, 33);
    }
}

void TestPaintLayout::ticksOfDepthWhenNear() {
    const Figure figure = exampleHeatmap(lightTheme(), 40);
    Axis axis = std::get<HeatmapPlot>(figure.panels[0].plot).x;
    axis.low = 9.5;
    axis.high = 14.5;
    const TextMetrics metrics;
    QStringList labels;
    for (const auto& tick : placeTicks(axis, {axis.low, axis.high, 0, 300, false}, false, metrics))
        labels << tick.label;
    QCOMPARE(labels, (QStringList{"L05", "mlp", "L06", "mlp", "L07"}));
}

void TestPaintLayout::scalesGoBothWays() {
    const AxisScale linear{-2, 6, 100, 20, false};
    QCOMPARE(linear.place(-2), 100.0);
    QCOMPARE(linear.place(6), 20.0);
    QCOMPARE(linear.value(60), 2.0);
    const AxisScale logarithmic{0.1, 1000, 0, 400, true};
    QCOMPARE(logarithmic.place(10), 200.0);
    for (const double value : {0.1, 0.7, 3.0, 999.0})
        QVERIFY(std::abs(logarithmic.value(logarithmic.place(value)) - value) < 1e-12 * value);
}

void TestPaintLayout::positionsAreFound() {
    const Figure figure = exampleHeatmap(lightTheme(), 40);
    const TextMetrics metrics;
    const auto layout = layoutFigure(figure, points({120, 90}), metrics);
    const auto& panel = layout.panels[0];
    const auto corner = positionAt(figure, layout, panel.plot.bottomLeft() + QPointF(1e-6, -1e-6));
    QVERIFY(corner.has_value());
    QVERIFY(std::abs(corner->x + 0.5) < 1e-4 && std::abs(corner->y + 0.5) < 1e-4);
    const auto middle = positionAt(figure, layout, panel.plot.center());
    QVERIFY(middle && std::abs(middle->x - 32) < 1e-9 && std::abs(middle->y - 19.5) < 1e-9);
    QVERIFY(!positionAt(figure, layout, panel.plot.topLeft() - QPointF(3, 3)));
}

void TestPaintLayout::farAndMissingValuesAreDrawn() {
    CurvePlot plot;
    Curve curve;
    curve.name = "broken";
    const double infinity = std::numeric_limits<double>::infinity();
    curve.x = {0, 0.2, 0.4, 0.6, 0.8, 1};
    curve.y = {0.5, std::nan(""), 0.5, 0.6, infinity, 1e300};
    curve.low = {0, 0, std::nan(""), 0, 0, -1e300};
    curve.high = {1, 1, 1, 1, infinity, 1e300};
    curve.markers = true;
    plot.curves.push_back(curve);
    Figure figure;
    figure.panels.push_back({"", plot});
    Figure space = exampleTrajectories(lightTheme(), 3);
    auto& lines = std::get<Plot3D>(space.panels[0].plot).lines[0];
    lines.xyz[0] = std::nanf("");
    lines.xyz[3] = 1e30f;
    lines.values[4] = std::nanf("");
    auto& camera = std::get<Plot3D>(space.panels[0].plot).camera;
    camera.perspective = true;
    space.panels.push_back(figure.panels[0]);
    const TextMetrics metrics;
    for (const auto& example : {figure, space}) {
        RecordingCanvas canvas(metrics);
        HeatmapImages images;
        drawFigure(canvas, example, layoutFigure(example, {400, 300}, metrics), metrics, images);
        QVERIFY(canvas.finite);
        QVERIFY(canvas.paths > 0);
    }
}

void TestPaintLayout::piecesOfACloudAreAllThere() {
    // Above and below the number from which pieces are joined in slices, none may be lost.
    const TextMetrics metrics;
    for (const int rows : {10, 200}) {
        Figure figure = exampleTrajectories(lightTheme(), rows);
        auto& plot = std::get<Plot3D>(figure.panels[0].plot);
        plot.lines.resize(1);
        plot.markers.clear();
        RecordingCanvas canvas(metrics), axes(metrics);
        HeatmapImages images;
        const auto layout = layoutFigure(figure, points({160, 120}), metrics);
        drawFigure(canvas, figure, layout, metrics, images);
        plot.lines.clear();
        drawFigure(axes, figure, layout, metrics, images);
        // The scale has 64 steps and a path 64 segments, so each segment is one piece.
        QCOMPARE(canvas.pieces - axes.pieces, qsizetype(rows) * 64);
    }
}

void TestPaintLayout::emptyFiguresAreDrawn() {
    const TextMetrics metrics;
    Figure figure;
    figure.theme = lightTheme();
    figure.panels.push_back({"", HeatmapPlot()});
    figure.panels.push_back({"", CurvePlot()});
    figure.panels.push_back({"", BarPlot()});
    figure.panels.push_back({"", Plot3D()});
    for (int columns : {0, 1, 2, 9}) {
        figure.columns = columns;
        RecordingCanvas canvas(metrics);
        HeatmapImages images;
        drawFigure(canvas, figure, layoutFigure(figure, {200, 100}, metrics), metrics, images);
        QVERIFY(canvas.finite);
    }
    figure.panels.clear();
    RecordingCanvas canvas(metrics);
    HeatmapImages images;
    drawFigure(canvas, figure, layoutFigure(figure, {200, 100}, metrics), metrics, images);
    QCOMPARE(canvas.rectangles.size(), std::size_t(1));
}

RHEO_TEST(TestPaintLayout)
#include "test_paint_layout.moc"
