// Every view of the shipped results, painted, against the picture of it that somebody looked at.
#include <QDir>
#include <QFile>
#include <QPainter>

#include "core/session/recipe_figure.h"
#include "tests/test_main.h"
#include "tests/widgets/baseline.h"
#include "widgets/paint/figure_painter.h"

using namespace rheo;

class TestPaintViews : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void viewsAreAsTheyWere_data();
    void viewsAreAsTheyWere();

private:
    Results m_results;
};

void TestPaintViews::initTestCase() {
    m_results = readResults(RHEO_RESOURCES "/demo/demo.results.h5");
    QVERIFY(viewsOf(m_results).size() > 15);
}

void TestPaintViews::viewsAreAsTheyWere_data() {
    QTest::addColumn<QString>("view");
    QTest::addColumn<QString>("theme");
    for (const FigureView& view : viewsOf(m_results))
        for (const char* theme : {"light", "dark"}) {
            const auto name = QByteArray(view.name.data(), static_cast<qsizetype>(view.name.size()));
            QTest::addRow("%s-%s", name.constData(), theme) << QString(name) << QString(theme);
        }
}

void TestPaintViews::viewsAreAsTheyWere() {
    QFETCH(QString, view);
    QFETCH(QString, theme);
    Recipe recipe;
    recipe.view = view.toStdString();
    recipe.theme = theme.toStdString();
    const Figure figure = figureOfResults(m_results, recipe);
    QImage actual(560, 400, QImage::Format_RGB32);
    actual.fill(Qt::white);
    QPainter painter(&actual);
    paintFigure(painter, QRectF(actual.rect()), figure, 1);
    painter.end();
    const QString trouble = compareWithBaseline(actual, "view-" + view + "-" + theme);
    QVERIFY2(trouble.isEmpty(), qPrintable(trouble));
}

RHEO_TEST(TestPaintViews)
#include "test_paint_views.moc"
