// rheo figure on results of the reference trace: every view they hold, as a vector file whose curves, bands
// and texts are counted and found inside the page; made again from its recipe; and what is refused.
#include <QFile>
#include <QGuiApplication>
#include <QProcess>
#include <QRegularExpression>
#include <QTemporaryDir>
#include <QTransform>
#include <QXmlStreamReader>
#include <algorithm>

#include "core/base/error.h"
#include "core/results/results_file.h"
#include "core/session/recipe_figure.h"
#include "run_rheo.h"
#include "tests/test_main.h"
#include "widgets/paint/export_figure.h"
#include "widgets/paint/text_metrics.h"

using namespace rheo;

namespace {

const QString trace = RHEO_FIXTURES "/golden/small.rheo.h5";

/// What an SVG of this program holds.
struct Page {
    QString error;
    int curves = 0, bands = 0, markers = 0, images = 0;  ///< curves, bands and markers within plots
    QStringList words;
    QStringList outside;  ///< texts that reach beyond the page
};

Page readPage(const QByteArray& svg) {
    Page page;
    const TextMetrics metrics;
    QRectF sheet;
    QStringList groups;
    QXmlStreamReader reader(svg);
    while (!reader.atEnd()) {
        reader.readNext();
        if (reader.isEndElement() && reader.name() == QLatin1String("g")) groups.removeLast();
        if (!reader.isStartElement()) continue;
        const auto name = reader.name();
        const auto attributes = reader.attributes();
        const auto number = [&](const char* attribute) { return attributes.value(attribute).toDouble(); };
        if (name == QLatin1String("svg")) {
            const auto box = attributes.value("viewBox").toString().split(' ');
            sheet = QRectF(box[0].toDouble(), box[1].toDouble(), box[2].toDouble(), box[3].toDouble());
        } else if (name == QLatin1String("g")) {
            groups << attributes.value("class").toString();
        } else if (name == QLatin1String("path") && groups.contains("curves")) {
            ++(attributes.hasAttribute("stroke") ? page.curves : page.bands);
        } else if (name == QLatin1String("circle") && groups.contains("curves")) {
            ++page.markers;
        } else if (name == QLatin1String("image")) {
            ++page.images;
        } else if (name == QLatin1String("text")) {
            const QPointF at(number("x"), number("y"));
            const double size = number("font-size");
            const bool bold = attributes.hasAttribute("font-weight"),
                       standing = attributes.value("transform").startsWith(QLatin1String("rotate(-90"));
            const auto anchor = attributes.value("text-anchor").toString();
            const QString text = reader.readElementText();
            const double width = metrics.width(text, size, bold);
            const double before = anchor == "middle" ? width / 2 : anchor == "end" ? width : 0;
            const QRectF flat(-before, -metrics.ascent(size), width,
                              metrics.ascent(size) + metrics.descent(size));
            QTransform turn;
            turn.translate(at.x(), at.y());
            if (standing) turn.rotate(-90);
            // Half a point is forgiven: numbers in the file are rounded, and so are widths of letters.
            if (!sheet.adjusted(-0.5, -0.5, 0.5, 0.5).contains(turn.mapRect(flat))) page.outside << text;
            page.words << text;
        }
    }
    if (reader.hasError()) page.error = reader.errorString();
    return page;
}

QByteArray withoutTime(QByteArray svg) {
    // The time stands on a line of its own in the recipe, and nowhere else.
    const auto at = svg.indexOf("&quot;time&quot;");
    return at < 0 ? svg : svg.remove(at, svg.indexOf('\n', at) - at);
}

}  // namespace

class TestAppFigures : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void viewsAreThoseThatAreThere();
    void everyViewIsDrawn_data();
    void everyViewIsDrawn();
    void textStaysOnThePage_data();
    void textStaysOnThePage();
    void madeAgainFromItsRecipe_data();
    void madeAgainFromItsRecipe();
    void rowsHaveTheColoursOfTheirPrompts();
    void whatIsNotThereIsRefused_data();
    void whatIsNotThereIsRefused();

private:
    QString path(const QString& name) const { return m_dir.filePath(name); }
    QTemporaryDir m_dir;
};

void TestAppFigures::initTestCase() {
    QVERIFY(m_dir.isValid());
    auto ran = runRheo(
        {"analyze", trace, "--stat", "density,correlation,motion,mutual_information,rotation,pca", "--null",
         "sign_flip,row_shuffle", "--repeats", "20", "--components", "4", "--out", path("all.h5")});
    QVERIFY2(ran.status == 0, ran.err);
    ran = runRheo({"analyze", trace, "--stat", "motion", "--null", "sign_flip", "--repeats", "5", "--out",
                   path("motion.h5")});
    QVERIFY2(ran.status == 0, ran.err);
}

void TestAppFigures::viewsAreThoseThatAreThere() {
    const Results all = readResults(path("all.h5").toStdString());
    QCOMPARE(namesOf(viewsOf(all)),
             std::string("trajectories, pca, density, sparsity, units, correlation, motion, "
                         "mutual_information, rotation, orbits_3d, orbits"));
    for (const auto& view : viewsOf(all)) {
        const Figure figure = makeFigure(all, view.name, darkTheme());
        QVERIFY2(!figure.panels.empty() && figure.theme.dark, view.name.data());
        QVERIFY2(!view.title.empty() && view.widthMm > 0 && view.heightMm > 0, view.name.data());
    }
    const Results one = readResults(path("motion.h5").toStdString());
    QCOMPARE(namesOf(viewsOf(one)), std::string("motion"));
    QVERIFY(viewsOf({}).empty());
}

void TestAppFigures::everyViewIsDrawn_data() {
    QTest::addColumn<int>("curves");
    QTest::addColumn<int>("bands");
    QTest::addColumn<int>("images");
    QTest::addColumn<QStringList>("axes");
    // There are 6 blocks and 2 nulls with bands. A statistic of steps has a line for attention and one for
    // the MLP, and each null as well: 6 lines and 4 bands.
    QTest::newRow("pca") << 3 + 3 << 2 << 0
                         << QStringList{"Component", "Explained variance (%)", "Depth (block)"};
    QTest::newRow("density") << 0 << 0 << 1
                             << QStringList{"Depth (block)", "Unit (sorted by mean at the last point)",
                                            "Mean activation (residual units)"};
    // Three measures with nulls, and the participation ratio, which has none.
    QTest::newRow("sparsity") << 3 * 3 + 1 << 3 * 2 << 0
                              << QStringList{"Density (1: all units alike)", "Sparsity (1: one unit alone)",
                                             "Excess kurtosis over units", "Effective dimensions"};
    QTest::newRow("correlation") << 6 << 4 << 1 << QStringList{"Mean r over units", "Depth (block)"};
    // Five of steps with a band of rows for each of the two lines, the norm of points, and a line at 0.
    QTest::newRow("motion") << 5 * 6 + 3 + 1 << 5 * 6 + 3 << 0
                            << QStringList{"Cosine with the next state", "Step (residual units)",
                                           "Step / norm before it",      "Change (residual units)",
                                           "Between steps (degrees)",    "Norm (residual units)"};
    QTest::newRow("rotation") << 3 * 4 + 3 * 3 << 3 * 3 + 3 * 2 << 0
                              << QStringList{"Turns of direction", "Turns about the fixed point",
                                             "Slope of ln(radius) (per point)", "Paths (%)", "Unit (sorted)"};
}

void TestAppFigures::everyViewIsDrawn() {
    const QString view = QTest::currentDataTag(), out = path(view + ".svg");
    const auto ran = runRheo({"figure", path("all.h5"), "--view", view, "--out", out});
    QVERIFY2(ran.status == 0, ran.err);
    const Page page = readPage(contentsOf(out));
    QVERIFY2(page.error.isEmpty(), qPrintable(page.error));
    QFETCH(int, curves);
    QFETCH(int, bands);
    QFETCH(int, images);
    QFETCH(QStringList, axes);
    QCOMPARE(page.curves, curves);
    QCOMPARE(page.bands, bands);
    QCOMPARE(page.images, images);
    for (const auto& axis : axes) QVERIFY2(page.words.contains(axis), qPrintable(axis));
    if (bands > 0)
        for (const char* null : {"sign flip", "row shuffle"}) QVERIFY2(page.words.contains(null), null);
}

void TestAppFigures::textStaysOnThePage_data() {
    QTest::addColumn<double>("width");
    QTest::addColumn<double>("height");
    QTest::newRow("as suits the view") << 0.0 << 0.0;
    QTest::newRow("a column") << 85.0 << 70.0;
    QTest::newRow("a slide") << 300.0 << 170.0;
}

void TestAppFigures::textStaysOnThePage() {
    QFETCH(double, width);
    QFETCH(double, height);
    const Results results = readResults(path("all.h5").toStdString());
    for (const auto& view : viewsOf(results))
        for (const Theme& theme : {lightTheme(), darkTheme()}) {
            ExportOptions options;
            options.widthMm = width > 0 ? width : view.widthMm;
            options.heightMm = height > 0 ? height : view.heightMm;
            const Page page =
                readPage(encodeFigure(makeFigure(results, view.name, theme), ExportFormat::Svg, options));
            QVERIFY2(page.error.isEmpty() && page.words.size() > 5, view.name.data());
            QVERIFY2(page.outside.isEmpty(),
                     qPrintable(view.name.data() + QString(": ") + page.outside.join(" | ")));
        }
}

void TestAppFigures::madeAgainFromItsRecipe_data() {
    QTest::addColumn<QStringList>("options");
    QTest::newRow("correlation") << QStringList{"--map", "cividis"};
    QTest::newRow("motion") << QStringList{"--theme", "dark", "--size", "180x130mm"};
    QTest::newRow("mutual_information") << QStringList{"--map", "cividis", "--theme", "dark"};
    QTest::newRow("rotation") << QStringList{};
    QTest::newRow("orbits") << QStringList{"--units", "3,17", "--rows", "0,30", "--theme", "dark"};
    QTest::newRow("sparsity") << QStringList{};
}

void TestAppFigures::madeAgainFromItsRecipe() {
    QFETCH(QStringList, options);
    const QString view = QTest::currentDataTag(), first = path(view + "-1.svg"),
                  second = path(view + "-2.svg");
    auto ran = runRheo(QStringList{"figure", path("all.h5"), "--view", view, "--out", first} + options);
    QVERIFY2(ran.status == 0, ran.err);
    ran = runRheo({"figure", "--recipe", first, "--out", second});
    QVERIFY2(ran.status == 0, ran.err);
    QVERIFY(contentsOf(first).size() > 1000);
    QVERIFY(withoutTime(contentsOf(first)) == withoutTime(contentsOf(second)));
    if (view == "orbits") {
        const Page page = readPage(contentsOf(first));
        const QString titles = page.words.join('\n');
        QVERIFY(titles.contains("Unit 3: \u2212") && titles.contains("Unit 17, 2 rows"));
        // 12 steps, each of its own depth and colour, of two mean paths and of two pairs of rows.
        QCOMPARE(page.curves, 4 * 12);
        QCOMPARE(page.markers, 2);  // fixed points
    }
}

/// From the prompts file through the trace and the results into the legend: columns and groups are not lost.
void TestAppFigures::rowsHaveTheColoursOfTheirPrompts() {
    QFile prompts(path("prompts.jsonl"));
    QVERIFY(prompts.open(QIODevice::WriteOnly));
    prompts.write(
        "{\"text\": \"The sea was calm\", \"topic\": \"nature\", \"group\": \"a\"}\n"
        "{\"text\": \"He wrote a letter\", \"topic\": \"people\", \"group\": \"b\"}\n"
        "{\"text\": \"She read it\"}\n");
    prompts.close();
    auto ran = runRheo({"capture", "--model", RHEO_RESOURCES "/demo-model", "--prompts",
                        path("prompts.jsonl"), "--rows", "all", "--out", path("labelled.rheo.h5")});
    QVERIFY2(ran.status == 0, ran.err);
    ran = runRheo({"analyze", path("labelled.rheo.h5"), "--stat", "pca", "--out", path("labelled.h5")});
    QVERIFY2(ran.status == 0, ran.err);
    const auto words = [&](const QString& by) {
        const QString svg = path("by.svg");
        ran = runRheo({"figure", path("labelled.h5"), "--view", "trajectories", "--color-by", by, "--out",
                       svg, "--force"});
        QFile file(svg);
        return ran.status == 0 && file.open(QIODevice::ReadOnly) ? QString::fromUtf8(file.readAll())
                                                                 : QString();
    };
    const QString topics = words("column:topic"), groups = words("group");
    QVERIFY2(topics.contains(">nature (") && topics.contains(">people (") && topics.contains(">no topic ("),
             ran.err);
    QVERIFY(groups.contains(">a (") && groups.contains(">b (") && groups.contains(">no group ("));
    QVERIFY(words("column:year").isEmpty());
    QVERIFY2(ran.err.contains("no prompt has a column 'year'; there are topic"), ran.err);
}

void TestAppFigures::whatIsNotThereIsRefused_data() {
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<QStringList>("says");
    QTest::newRow("statistic") << QStringList{"motion.h5", "--view", "orbits"}
                               << QStringList{"no rotation", "--stat rotation", "motion"};
    QTest::newRow("view") << QStringList{"all.h5", "--view", "horoscope"}
                          << QStringList{"horoscope", "orbits", "mutual_information"};
    QTest::newRow("unit") << QStringList{"all.h5", "--view", "orbits", "--units", "24"}
                          << QStringList{"unit 24", "0 to 23"};
    QTest::newRow("row") << QStringList{"all.h5", "--view", "orbits", "--rows", "1"}
                         << QStringList{"row 1", "0, 15, 30"};
    QTest::newRow("no number") << QStringList{"all.h5", "--view", "orbits", "--units", "three"}
                               << QStringList{"three", "whole number"};
    QTest::newRow("option") << QStringList{"all.h5", "--view", "motion", "--units", "3"}
                            << QStringList{"motion", "--units", "orbits"};
    QTest::newRow("map") << QStringList{"all.h5", "--view", "correlation", "--map", "rainbow"}
                         << QStringList{"rainbow", "viridis"};
    QTest::newRow("camera") << QStringList{"all.h5", "--view", "motion", "--camera", "top"}
                            << QStringList{"--camera", "trajectories"};
}

void TestAppFigures::whatIsNotThereIsRefused() {
    QFETCH(QStringList, arguments);
    QFETCH(QStringList, says);
    arguments[0] = path(arguments[0]);
    const auto ran = runRheo(QStringList{"figure"} + arguments + QStringList{"--out", path("no.svg")});
    const QByteArray tag = QTest::currentDataTag();
    const bool usage =
        tag == "view" || tag == "no number" || tag == "option" || tag == "map" || tag == "camera";
    QCOMPARE(ran.status, usage ? 2 : 1);
    QCOMPARE(ran.err.count('\n'), 1);
    for (const auto& part : says) QVERIFY2(ran.err.contains(part.toUtf8()), ran.err);
    QVERIFY(!QFile::exists(path("no.svg")));
}

RHEO_TEST(TestAppFigures)
#include "test_app_figures.moc"
