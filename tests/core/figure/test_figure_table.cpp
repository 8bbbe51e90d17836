// The tables behind figures: every number that is drawn stands in its cell.
#include <cmath>
#include <limits>

#include "core/figure/figure_table.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

std::shared_ptr<const Figure> figureOf(Panel panel) {
    auto figure = std::make_shared<Figure>();
    figure->panels = {std::move(panel)};
    return figure;
}

QStringList linesOf(const FigureTable& table) {
    return QString::fromStdString(tableCsv(table)).trimmed().split('\n');
}

Axis depth() {
    Axis axis;
    axis.title = "Depth (block)";
    axis.low = -0.5;
    axis.high = 1.5;
    axis.named = true;
    axis.kind = AxisKind::Points;
    axis.ticks = {{0, "L00"}, {1, "L01"}};
    return axis;
}

}  // namespace

class TestFigureTable : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void curvesOverTheSamePlaces();
    void curvesOverPlacesOfTheirOwn();
    void correlationsAreNoAtanh();
    void cellsFromTheTop();
    void barsBySeries();
    void linesAndMarkers();
    void aZoomedAxisStillNames();
    void textsAreQuoted();
    void emptyFiguresHaveNone();
};

void TestFigureTable::curvesOverTheSamePlaces() {
    CurvePlot plot;
    plot.x = depth();
    plot.y.title = "Speed";
    Curve a;
    a.name = "observed";
    a.x = {0, 1};
    a.y = {0.1, std::numeric_limits<double>::quiet_NaN()};
    Curve b = a;
    b.name = "null";
    b.bandName = "null, 95 %";
    b.line = false;
    b.low = {1, 2};
    b.high = {3, 4};
    plot.curves = {a, b};
    const auto tables = tablesOf(figureOf({"", plot}));
    QCOMPARE(tables.size(), std::size_t{1});
    QCOMPARE(linesOf(tables[0]),
             QStringList({"Depth (block),\"Speed, observed\",\"null, 95 %, low\",\"null, 95 %, high\"",
                          "L00,0.1,1,3", "L01,,2,4"}));
}

void TestFigureTable::curvesOverPlacesOfTheirOwn() {
    CurvePlot plot;
    Curve a, b;
    a.x = {0, 1};
    a.y = {5, 6};
    b.name = "b";
    b.x = {2};
    b.y = {1.0 / 3};
    b.rows = {17};
    plot.curves = {a, b};
    const auto tables = tablesOf(figureOf({"", plot}));
    QCOMPARE(linesOf(tables[0]),
             QStringList({"curve,x,y,row", "curve 1,0,5,", "curve 1,1,6,", "b,2,0.3333333333333333,17"}));
}

/// Correlations stand as such, on an axis of atanh(r).
void TestFigureTable::correlationsAreNoAtanh() {
    CurvePlot plot;
    plot.y.fisher = true;
    plot.y.named = true;
    Curve curve;
    curve.x = {0};
    curve.y = {std::atanh(0.5)};
    curve.low = {std::atanh(0.25)};
    curve.high = {std::atanh(0.75)};
    Curve state = curve;
    state.rows = {3};
    for (const Curve& one : {curve, state}) {
        plot.curves = {one};
        const FigureTable table = tablesOf(figureOf({"", plot}))[0];
        const auto columns = static_cast<std::int64_t>(table.columns.size());
        std::vector<double> values;
        for (std::int64_t j = 1; j < columns; ++j)
            if (const TableCell cell = table.cell(0, j); std::holds_alternative<double>(cell))
                values.push_back(std::get<double>(cell));
        for (const double r : {0.5, 0.25, 0.75})
            QVERIFY(std::any_of(values.begin(), values.end(),
                                [r](double value) { return std::abs(value - r) < 1e-12; }));
    }
}

void TestFigureTable::cellsFromTheTop() {
    HeatmapPlot plot;
    plot.x = depth();
    plot.y.kind = AxisKind::Units;
    plot.y.ids = {40, 41, 7};
    plot.y.low = -0.5;
    plot.y.high = 2.5;
    plot.y.title = "Unit";
    plot.values = MatrixF(3, 2);
    plot.values << 1, 2, 3, 4, 5, 6;
    plot.labels = {"a", "b", "c", "d", "e", "f"};
    plot.labelTitle = "Token";
    plot.colorScale.title = "Value";
    const auto tables = tablesOf(figureOf({"left", plot}));
    QCOMPARE(tables.size(), std::size_t{2});
    QCOMPARE(tables[0].title, std::string("left, Value"));
    QCOMPARE(linesOf(tables[0]), QStringList({"Unit,L00,L01", "unit 7,5,6", "unit 41,3,4", "unit 40,1,2"}));
    QCOMPARE(tables[1].title, std::string("left, Token"));
    QCOMPARE(linesOf(tables[1])[1], QString("unit 7,e,f"));
}

void TestFigureTable::barsBySeries() {
    BarPlot plot;
    plot.series = {"before", "after"};
    plot.bars = {{" the", {0.25, 0.5}}, {",", {0.125, std::numeric_limits<double>::quiet_NaN()}}};
    const auto tables = tablesOf(figureOf({"", plot}));
    QCOMPARE(linesOf(tables[0]), QStringList({"label,before,after", " the,0.25,0.5", "\",\",0.125,"}));
}

void TestFigureTable::linesAndMarkers() {
    Plot3D plot;
    for (std::size_t i = 0; i < 3; ++i) plot.axes[i].title = std::string("PC") + char('1' + i);
    LineSet3 mean, rows;
    mean.name = "mean";
    mean.xyz = {0, 0, 1};
    mean.offsets = {0, 1};
    rows.xyz = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    rows.offsets = {0, 1, 3};
    rows.tags = {30, 31};
    plot.lines = {mean, rows};
    MarkerSet3 ends;
    ends.name = "end";
    ends.xyz = {9, 8, 7};
    ends.tags = {64};
    plot.markers = {ends};
    const auto tables = tablesOf(figureOf({"", plot}));
    QCOMPARE(tables.size(), std::size_t{2});
    QCOMPARE(linesOf(tables[0]), QStringList({"line,row,vertex,PC1,PC2,PC3", "mean,,0,0,0,1", ",30,0,1,2,3",
                                              ",31,0,4,5,6", ",31,1,7,8,9"}));
    QCOMPARE(linesOf(tables[1]), QStringList({"marker,point,PC1,PC2,PC3", "end,64,9,8,7"}));
}

void TestFigureTable::aZoomedAxisStillNames() {
    HeatmapPlot plot;
    plot.x.kind = AxisKind::Units;
    plot.x.low = 0.5;  // unit 0 is out of sight
    plot.x.high = 1.5;
    plot.values = MatrixF::Zero(1, 2);
    QCOMPARE(linesOf(tablesOf(figureOf({"", plot}))[0])[0], QString("y,unit 0,unit 1"));
}

void TestFigureTable::textsAreQuoted() {
    BarPlot plot;
    plot.series = {"a\"b"};
    plot.bars = {{"line\nbreak", {1}}};
    QCOMPARE(QString::fromStdString(tableCsv(tablesOf(figureOf({"", plot}))[0])),
             QString("label,\"a\"\"b\"\n\"line\nbreak\",1\n"));
}

void TestFigureTable::emptyFiguresHaveNone() {
    QVERIFY(tablesOf(nullptr).empty());
    QVERIFY(tablesOf(figureOf({"", CurvePlot()})).empty());
    QVERIFY(tablesOf(figureOf({"", HeatmapPlot()})).empty());
    QVERIFY(tablesOf(figureOf({"", Plot3D()})).empty());
}

RHEO_TEST(TestFigureTable)
#include "test_figure_table.moc"
