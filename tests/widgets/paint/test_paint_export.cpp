// What is written to a file: vectors and text where they should be, sizes, and the recipe that comes back.
#include <QBuffer>
#include <QDir>
#include <QFile>
#include <QGuiApplication>
#include <QImage>
#include <QImageReader>
#include <QPainter>
#include <QSvgRenderer>
#include <QTemporaryDir>
#include <QXmlStreamReader>
#include <cmath>

#include "core/base/error.h"
#include "example_figures.h"
#include "tests/refused.h"
#include "tests/test_main.h"
#include "widgets/paint/export_figure.h"
#include "widgets/paint/figure_layout.h"
#include "widgets/paint/recipe_file.h"

using namespace rheo;

namespace {

const std::string recipe =
    "{\n  \"rheograph_recipe\": 1,\n  \"text\": \"<a href='x'>&amp; ]]> \\u0000 \xc3\xa9 \xe4\xb8\xad \\\\ "
    "(x) %%EOF\"\n}";

struct SvgContents {
    QString error;
    int paths = 0, texts = 0, images = 0, rects = 0, circles = 0;
    QStringList words;
    QString width, height, family, metadata;
    QStringList pathColors;
    QImage image;
    QString imageStyle;
};

SvgContents parseSvg(const QByteArray& svg) {
    SvgContents contents;
    QXmlStreamReader reader(svg);
    while (!reader.atEnd()) {
        if (reader.readNext() != QXmlStreamReader::StartElement) continue;
        const auto name = reader.name();
        const auto attributes = reader.attributes();
        if (name == QLatin1String("svg")) {
            contents.width = attributes.value("width").toString();
            contents.height = attributes.value("height").toString();
        } else if (name == QLatin1String("g") && attributes.hasAttribute("font-family")) {
            contents.family = attributes.value("font-family").toString();
        } else if (name == QLatin1String("path")) {
            ++contents.paths;
            contents.pathColors << attributes.value("stroke").toString();
        } else if (name == QLatin1String("rect")) {
            ++contents.rects;
        } else if (name == QLatin1String("circle")) {
            ++contents.circles;
        } else if (name == QLatin1String("image")) {
            ++contents.images;
            contents.imageStyle = attributes.value("style").toString();
            const QString href = attributes.value("http://www.w3.org/1999/xlink", "href").toString();
            contents.image.loadFromData(QByteArray::fromBase64(href.section(',', 1).toLatin1()), "PNG");
        } else if (name == QLatin1String("text")) {
            ++contents.texts;
            contents.words << reader.readElementText();
        } else if (name == QLatin1String("metadata")) {
            contents.metadata = reader.readElementText();
        }
    }
    if (reader.hasError()) contents.error = reader.errorString();
    return contents;
}

ExportOptions sized(double width, double height, double dpi = 150) {
    ExportOptions options;
    options.widthMm = width;
    options.heightMm = height;
    options.dpi = dpi;
    options.recipeJson = recipe;
    return options;
}

QImage drawnSvg(const QByteArray& svg, const QSize& size) {
    QImage image(size, QImage::Format_RGB32);
    image.fill(Qt::white);
    QSvgRenderer renderer(svg);
    QPainter painter(&image);
    renderer.render(&painter);
    return image;
}

double meanDifference(const QImage& a, const QImage& b) {
    double sum = 0;
    for (int y = 0; y < a.height(); ++y)
        for (int x = 0; x < a.width(); ++x) {
            const QRgb p = a.pixel(x, y);
            const QRgb q = b.pixel(x, y);
            sum +=
                std::abs(qRed(p) - qRed(q)) + std::abs(qGreen(p) - qGreen(q)) + std::abs(qBlue(p) - qBlue(q));
        }
    return sum / (3.0 * a.width() * a.height());
}

std::filesystem::path in(const QTemporaryDir& folder, const char* name) {
    return folder.filePath(name).toStdString();
}

QByteArray contentsOf(const std::filesystem::path& path) {
    QFile file(QString::fromStdString(path.string()));
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

}  // namespace

class TestPaintExport : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void svgOfTrajectoriesIsVectors();
    void svgOfAHeatmapHoldsItsCells();
    void svgIsWhatIsPainted_data();
    void svgIsWhatIsPainted();
    void svgOfAThousandRowsStaysSmall();
    void textIsEscaped();
    void pdfOfTrajectoriesIsVectors();
    void pdfOfAHeatmapHoldsItsCells();
    void pdfHasItsSize_data();
    void pdfHasItsSize();
    void pngHasItsSize();
    void pngKeepsEveryCell();
    void recipesComeBack_data();
    void recipesComeBack();
    void recipesOfOtherFiles();
    void damagedPngs();
    void theSameTwice();
    void darkIsDark();
    void filesAppearWhole();
    void refusesSizesAndNames();
};

void TestPaintExport::svgOfTrajectoriesIsVectors() {
    const auto figure = exampleTrajectories(lightTheme(), 40);
    const auto contents = parseSvg(encodeFigure(figure, ExportFormat::Svg, sized(160, 120)));
    QCOMPARE(contents.error, QString());
    QCOMPARE(contents.images, 0);
    QVERIFY(contents.paths > 64);
    QVERIFY(contents.circles >= 65 + 40);  // the points of the selected row, and every row at one point
    QCOMPARE(contents.width, QString("160mm"));
    QCOMPARE(contents.height, QString("120mm"));
    QVERIFY(contents.family.endsWith("sans-serif"));
    for (const char* word : {"PC1 (41.2 % of variance)", "Depth", "final", "mean of 40 rows", "prompt 20"})
        QVERIFY2(contents.words.contains(word), word);
    // The colours of depth are there, end to end.
    const auto& scale = *std::get<Plot3D>(figure.panels[0].plot).colorScale;
    for (const double end : {scale.low, scale.high}) {
        const auto color = scaleColor(scale, end, {});
        const QColor expected(qRound(color.r * 255), qRound(color.g * 255), qRound(color.b * 255));
        int nearest = 1000;
        for (const auto& name : contents.pathColors) {
            const QColor c(name);
            nearest = std::min(nearest, std::abs(c.red() - expected.red()) +
                                            std::abs(c.green() - expected.green()) +
                                            std::abs(c.blue() - expected.blue()));
        }
        QVERIFY(nearest <= 12);  // half a step of the 64 from the end
    }
}

void TestPaintExport::svgOfAHeatmapHoldsItsCells() {
    const auto figure = exampleHeatmap(lightTheme(), 40, 6);
    const auto contents = parseSvg(encodeFigure(figure, ExportFormat::Svg, sized(120, 90)));
    QCOMPARE(contents.error, QString());
    QCOMPARE(contents.images, 1);
    QCOMPARE(contents.image.size(), QSize(65, 40));
    QVERIFY(contents.imageStyle.contains("pixelated"));
    const auto& plot = std::get<HeatmapPlot>(figure.panels[0].plot);
    int missing = 0;
    for (int row = 0; row < 40; ++row)
        for (int column = 0; column < 65; ++column) {
            const float value = plot.values(row, column);
            missing += std::isnan(value) ? 1 : 0;
            const auto color = scaleColor(plot.colorScale, value, figure.theme.missing);
            const QRgb pixel = contents.image.pixel(column, 39 - row);
            QCOMPARE(qRed(pixel), qRound(color.r * 255));
            QCOMPARE(qGreen(pixel), qRound(color.g * 255));
            QCOMPARE(qBlue(pixel), qRound(color.b * 255));
        }
    QCOMPARE(missing, 6);
    // The colour bar is steps of colour, not a picture.
    QVERIFY(contents.rects >= 64);
    QVERIFY(contents.words.contains("Depth (block)"));
}

void TestPaintExport::svgIsWhatIsPainted_data() {
    QTest::addColumn<int>("figure");
    const auto figures = exampleFigures(lightTheme());
    for (std::size_t i = 0; i < figures.size(); ++i)
        QTest::newRow(figures[i].name.c_str()) << static_cast<int>(i);
}

void TestPaintExport::svgIsWhatIsPainted() {
    // Read by Qt's own SVG reader and drawn again, it is the picture that was painted. The reader does not
    // clip and places text to a pixel: hence a mean over the picture, 4 of 255. It also smooths images, which
    // blurs the random cells of the heatmap: 12 there, while the cells are compared one by one above.
    QFETCH(int, figure);
    for (const auto& theme : {lightTheme(), darkTheme()}) {
        const auto example = exampleFigures(theme)[static_cast<std::size_t>(figure)].figure;
        const auto options = sized(160, 120);
        const auto png = QImage::fromData(encodeFigure(example, ExportFormat::Png, options));
        const auto svg = drawnSvg(encodeFigure(example, ExportFormat::Svg, options), png.size());
        const double difference = meanDifference(png, svg);
        const double tolerance = std::holds_alternative<HeatmapPlot>(example.panels[0].plot) ? 12 : 4;
        QVERIFY2(difference < tolerance, qPrintable(QString::number(difference)));
        // And not an empty one.
        QImage blank(png.size(), QImage::Format_RGB32);
        blank.fill(png.pixel(0, 0));
        QVERIFY(meanDifference(png, blank) > 2 * difference);
    }
}

void TestPaintExport::svgOfAThousandRowsStaysSmall() {
    const auto svg =
        encodeFigure(exampleTrajectories(lightTheme(), 1000), ExportFormat::Svg, sized(180, 120));
    // 64,000 segments of about 25 bytes, and what their paths cost; each on its own would be 6 MB.
    QVERIFY2(svg.size() < 3'500'000, qPrintable(QString::number(svg.size())));
    QVERIFY(parseSvg(svg).paths < 20'000);
}

void TestPaintExport::textIsEscaped() {
    auto figure = exampleTeleport(lightTheme());
    figure.title = "a < b & \"c\" \x01 \xc3\xa9";
    std::get<BarPlot>(figure.panels[3].plot).bars[0].label = "<script>";
    const auto contents = parseSvg(encodeFigure(figure, ExportFormat::Svg, sized(180, 120)));
    QCOMPARE(contents.error, QString());
    QVERIFY(contents.words.contains("<script>"));
    QVERIFY(contents.words.contains(QString("a < b & \"c\" ") + QChar(0xfffd) + " " + QChar(0xe9)));
}

void TestPaintExport::pdfOfTrajectoriesIsVectors() {
    const auto pdf = encodeFigure(exampleTrajectories(lightTheme(), 40), ExportFormat::Pdf, sized(160, 120));
    QVERIFY(pdf.startsWith("%PDF-"));
    QCOMPARE(pdf.count("/Subtype /Image"), 0);
    QVERIFY(pdf.contains("/FontFile2") || pdf.contains("/FontFile3"));  // embedded
    QVERIFY(pdf.contains("/ToUnicode"));                                // and can be searched
}

void TestPaintExport::pdfOfAHeatmapHoldsItsCells() {
    const auto pdf = encodeFigure(exampleHeatmap(lightTheme(), 40), ExportFormat::Pdf, sized(120, 90));
    QCOMPARE(pdf.count("/Subtype /Image"), 1);
    const auto image = pdf.mid(pdf.indexOf("/Subtype /Image"), 400);
    QVERIFY2(image.contains("/Width 65"), image);
    QVERIFY(image.contains("/Height 40"));
    QVERIFY(!image.contains("/Interpolate true"));
    QVERIFY(!image.contains("/DCTDecode"));  // JPEG would not be lossless
}

void TestPaintExport::pdfHasItsSize_data() {
    QTest::addColumn<double>("width");
    QTest::addColumn<double>("height");
    QTest::newRow("column") << 80.0 << 60.0;
    QTest::newRow("page") << 180.0 << 120.0;
    QTest::newRow("odd") << 83.7 << 51.3;
    QTest::newRow("A4") << 210.0 << 297.0;
    QTest::newRow("poster") << 1189.0 << 841.0;
}

void TestPaintExport::pdfHasItsSize() {
    QFETCH(double, width);
    QFETCH(double, height);
    const auto pdf = encodeFigure(exampleTeleport(lightTheme()), ExportFormat::Pdf, sized(width, height));
    const auto at = pdf.indexOf("/MediaBox [") + 11;
    const auto box = pdf.mid(at, pdf.indexOf(']', at) - at).simplified().split(' ');
    QCOMPARE(box.size(), 4);
    // To a thousandth of a point.
    QVERIFY(std::abs(box[2].toDouble() - box[0].toDouble() - width * 72 / 25.4) < 0.0011);
    QVERIFY(std::abs(box[3].toDouble() - box[1].toDouble() - height * 72 / 25.4) < 0.0011);
}

void TestPaintExport::pngHasItsSize() {
    auto bytes = encodeFigure(exampleTeleport(lightTheme()), ExportFormat::Png, sized(80, 60, 300));
    const auto image = QImage::fromData(bytes, "PNG");
    QCOMPARE(image.size(), QSize(945, 709));  // 80 / 25.4 * 300 = 944.9, 60 / 25.4 * 300 = 708.7
    QCOMPARE(image.dotsPerMeterX(), 11811);
    QCOMPARE(image.dotsPerMeterY(), 11811);
    bytes = encodeFigure(exampleTeleport(lightTheme()), ExportFormat::Png, sized(80, 60, 72));
    QCOMPARE(QImage::fromData(bytes, "PNG").size(), QSize(227, 170));
}

void TestPaintExport::pngKeepsEveryCell() {
    // Cells larger than pixels: the middle of each has its colour. Each cell of its own value.
    HeatmapPlot plot;
    plot.values.resize(4, 6);
    for (int i = 0; i < 24; ++i) plot.values.data()[i] = static_cast<float>(i);
    plot.values(2, 3) = std::nanf("");
    plot.x.low = plot.y.low = -0.5;
    plot.x.high = 5.5;
    plot.y.high = 3.5;
    plot.colorScale.high = 23;
    Figure figure;
    figure.theme = lightTheme();
    figure.panels.push_back({"", plot});
    const auto image = QImage::fromData(encodeFigure(figure, ExportFormat::Png, sized(90, 70, 200)), "PNG");
    const TextMetrics metrics;
    const auto layout = layoutFigure(figure, QSizeF(90, 70) * 72 / 25.4, metrics);
    for (int row = 0; row < 4; ++row)
        for (int column = 0; column < 6; ++column) {
            const QPointF at = QPointF(layout.panels[0].x.place(column), layout.panels[0].y.place(row)) *
                               layout.scale * 200 / 72;
            const auto color = scaleColor(plot.colorScale, plot.values(row, column), figure.theme.missing);
            const QRgb pixel = image.pixel(at.toPoint());
            QCOMPARE(qRed(pixel), qRound(color.r * 255));
            QCOMPARE(qGreen(pixel), qRound(color.g * 255));
            QCOMPARE(qBlue(pixel), qRound(color.b * 255));
        }
}

void TestPaintExport::recipesComeBack_data() {
    QTest::addColumn<QString>("name");
    for (const char* name : {"figure.svg", "figure.pdf", "figure.png", "FIGURE.PNG"})
        QTest::newRow(name) << QString(name);
}

void TestPaintExport::recipesComeBack() {
    QFETCH(QString, name);
    const QTemporaryDir folder;
    auto options = sized(120, 90);
    options.path = in(folder, qPrintable(name));
    exportFigure(exampleHeatmap(lightTheme(), 20), options);
    const auto found = readRecipe(options.path);
    QVERIFY(found.has_value());
    QCOMPARE(QString::fromStdString(*found), QString::fromStdString(recipe));
    // The picture is still one.
    if (name.endsWith("png", Qt::CaseInsensitive))
        QVERIFY(!QImage(QString::fromStdString(options.path.string())).isNull());
    options.recipeJson.clear();
    options.ifExists = IfExists::Replace;
    exportFigure(exampleHeatmap(lightTheme(), 20), options);
    QVERIFY(!readRecipe(options.path));
}

void TestPaintExport::recipesOfOtherFiles() {
    const QTemporaryDir folder;
    const auto write = [&](const char* name, const std::string& contents) {
        writeFile(in(folder, name), contents, IfExists::Replace);
        return in(folder, name);
    };
    QVERIFY(!readRecipe(write("empty.svg", "")));
    QVERIFY(!readRecipe(write("text.svg", "hello")));
    QVERIFY(!readRecipe(
        write("other.svg", "<svg xmlns='http://www.w3.org/2000/svg'><metadata>x</metadata></svg>")));
    QVERIFY(!readRecipe(
        write("cut.svg", "<svg xmlns='http://www.w3.org/2000/svg'><metadata>{\"rheograph_recipe\"")));
    QVERIFY(!readRecipe(write("other.pdf", "%PDF-1.4\n<x:xmpmeta xmlns:x='adobe:ns:meta/'></x:xmpmeta>")));
    QVERIFY(!readRecipe(write("cut.pdf", "%PDF-1.4\n<x:xmpmeta xmlns:x='adobe:ns:meta/'>")));
    // Entities that multiply are not followed for ever.
    std::string bomb = "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a0 'rheograph_recipe'>";
    for (int i = 1; i < 30; ++i)
        bomb += "<!ENTITY a" + std::to_string(i) + " '&a" + std::to_string(i - 1) + ";&a" +
                std::to_string(i - 1) + ";'>";
    bomb += "]><svg xmlns='http://www.w3.org/2000/svg'><metadata>&a29;</metadata></svg>";
    QVERIFY(!readRecipe(write("bomb.svg", bomb)));
    QVERIFY(refused(ErrorCode::NotFound, [&] { readRecipe(in(folder, "absent.svg")); }));
}

void TestPaintExport::damagedPngs() {
    const QTemporaryDir folder;
    const auto good = encodeFigure(exampleHeatmap(lightTheme(), 20), ExportFormat::Png, sized(60, 50, 72));
    const auto path = in(folder, "x.png");
    const auto attempt = [&](const QByteArray& bytes) {
        writeFile(path, bytes.toStdString(), IfExists::Replace);
        return readRecipe(path);
    };
    QVERIFY(attempt(good).has_value());
    auto bad = good;
    bad[bad.indexOf("rheograph_recipe")] = 'X';
    QVERIFY(refused(ErrorCode::Format, [&] { attempt(bad); }));
    bad = good;
    bad[33] = '\xff';  // the length of the text
    QVERIFY(refused(ErrorCode::Format, [&] { attempt(bad); }));
    for (const int length : {9, 20, 40, 100})
        QVERIFY(refused(ErrorCode::Format, [&] { attempt(good.left(length)); }));
}

void TestPaintExport::theSameTwice() {
    for (const auto& example : exampleFigures(lightTheme()))
        for (const auto format : {ExportFormat::Svg, ExportFormat::Png})
            QVERIFY2(encodeFigure(example.figure, format, sized(120, 90)) ==
                         encodeFigure(example.figure, format, sized(120, 90)),
                     example.name.c_str());
}

void TestPaintExport::darkIsDark() {
    const auto theme = darkTheme();
    const auto image = QImage::fromData(
        encodeFigure(exampleTrajectories(theme, 10), ExportFormat::Png, sized(80, 60, 72)), "PNG");
    for (const QPoint& corner : {QPoint(0, 0), QPoint(226, 0), QPoint(0, 169), QPoint(226, 169)})
        QCOMPARE(QColor(image.pixel(corner)).red(), qRound(theme.background.r * 255));
}

void TestPaintExport::filesAppearWhole() {
    const QTemporaryDir folder;
    const auto figure = exampleHeatmap(lightTheme(), 20);
    auto options = sized(80, 60);
    options.path = in(folder, "figure.svg");
    exportFigure(figure, options);
    QCOMPARE(contentsOf(options.path), encodeFigure(figure, ExportFormat::Svg, options));
    QVERIFY(refused(ErrorCode::AlreadyExists, [&] { exportFigure(figure, options); }));
    options.ifExists = IfExists::Replace;
    options.widthMm = 100;
    exportFigure(figure, options);
    QVERIFY(contentsOf(options.path).contains("width=\"100mm\""));
    // Nothing else is left behind.
    QCOMPARE(QDir(folder.path()).entryList(QDir::Files | QDir::Hidden), QStringList("figure.svg"));
    options.path = in(folder, "nowhere/figure.svg");
    QVERIFY(refused(ErrorCode::NotFound, [&] { exportFigure(figure, options); }));
}

void TestPaintExport::refusesSizesAndNames() {
    const auto figure = exampleHeatmap(lightTheme(), 20);
    const QTemporaryDir folder;
    auto options = sized(80, 60);
    for (const char* name : {"figure.jpg", "figure", "figure.svg.gz"}) {
        options.path = in(folder, name);
        QVERIFY(refused(ErrorCode::Unsupported, [&] { exportFigure(figure, options); }));
    }
    options.path = in(folder, "figure.png");
    const auto withSize = [&](double width, double height, double dpi) {
        auto changed = options;
        changed.widthMm = width;
        changed.heightMm = height;
        changed.dpi = dpi;
        return refused(ErrorCode::InvalidArgument, [&] { exportFigure(figure, changed); });
    };
    QVERIFY(withSize(0, 60, 300));
    QVERIFY(withSize(std::nan(""), 60, 300));
    QVERIFY(withSize(80, 1e9, 300));
    QVERIFY(withSize(80, 60, 0));
    QVERIFY(withSize(80, 60, 1e6));
    QVERIFY(withSize(2000, 2000, 2400));  // each in range, together too many pixels
    QVERIFY(QDir(folder.path()).isEmpty());
}

RHEO_TEST(TestPaintExport)
#include "test_paint_export.moc"
