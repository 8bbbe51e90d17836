// Parts of the window by themselves: colours that can be read, messages that fit, lists that show the focus.
#include <QApplication>
#include <QLabel>
#include <QListView>
#include <QPushButton>
#include <QStringListModel>
#include <QStyleFactory>
#include <cmath>

#include "core/figure/color.h"
#include "tests/test_main.h"
#include "widgets/paint/painter_canvas.h"
#include "widgets/views/banner.h"
#include "widgets/views/hover_card.h"
#include "widgets/views/item_delegates.h"
#include "widgets/views/palette.h"

using namespace rheo;

class TestViewsParts : public QObject {
    Q_OBJECT
public:
    static void initMain() { QApplication::setStyle(QStyleFactory::create("Fusion")); }

private Q_SLOTS:
    void initTestCase() { QApplication::setPalette(paletteFor(false)); }
    void contrastIsThatOfTheStandard();
    void everyTextCanBeRead_data();
    void everyTextCanBeRead();
    void aMessageTakesTwoLinesAtMost();
    void aCardStaysInsideAndBesideTheMouse();
    void aListShowsWhereTheKeysAct();
};

void TestViewsParts::contrastIsThatOfTheStandard() {
    // Examples of WCAG 2.1: black on white is 21, a colour on itself 1, and #767676 on white just above 4.5.
    QCOMPARE(contrast(Qt::black, Qt::white), 21.0);
    QCOMPARE(contrast(Qt::red, Qt::red), 1.0);
    QVERIFY(std::abs(contrast(QColor("#767676"), Qt::white) - 4.54) < 0.01);
    QVERIFY(std::abs(contrast(Qt::white, QColor("#777777")) - 4.48) < 0.01);
}

void TestViewsParts::everyTextCanBeRead_data() {
    QTest::addColumn<bool>("dark");
    QTest::newRow("light") << false;
    QTest::newRow("dark") << true;
}

void TestViewsParts::everyTextCanBeRead() {
    QFETCH(bool, dark);
    const QPalette palette = paletteFor(dark);
    const auto check = [](const QColor& ink, const QColor& ground, double least, const QString& what) {
        const double found = contrast(ink, ground);
        QVERIFY2(found >= least, qPrintable(QString("%1: %2 to 1").arg(what).arg(found)));
    };
    const QList<QPalette::ColorRole> grounds{QPalette::Window, QPalette::Base, QPalette::AlternateBase,
                                             QPalette::Button};
    // Hints, small notes and greyed tabs are PlaceholderText; warnings are BrightText.
    const QList<QPalette::ColorRole> inks{QPalette::WindowText, QPalette::Text, QPalette::ButtonText,
                                          QPalette::PlaceholderText, QPalette::Link};
    for (const auto ground : grounds)
        for (const auto ink : inks)
            check(palette.color(ink), palette.color(ground), 4.5,
                  QString("role %1 on %2").arg(ink).arg(ground));
    for (const auto ground : {QPalette::Window, QPalette::Base})
        check(palette.color(QPalette::BrightText), palette.color(ground), 4.5,
              QString("warning on %1").arg(ground));
    check(palette.color(QPalette::HighlightedText), palette.color(QPalette::Highlight), 4.5, "selected");
    check(palette.color(QPalette::ToolTipText), palette.color(QPalette::ToolTipBase), 4.5, "tool tip");
    for (const auto ground : {QPalette::Window, QPalette::Button})
        check(palette.color(QPalette::Disabled, QPalette::ButtonText), palette.color(ground), 3, "disabled");
    // Texts of figures.
    const Theme theme = dark ? darkTheme() : lightTheme();
    const QColor ground = toQColor(theme.background);
    check(toQColor(theme.foreground), ground, 4.5, "figure");
    check(toQColor(theme.muted), ground, 4.5, "note of a figure");
    for (const Color& axis : theme.axes) check(toQColor(axis), ground, 4.5, "title of an axis");
}

void TestViewsParts::aMessageTakesTwoLinesAtMost() {
    QWidget window;
    window.resize(640, 500);  // what the docks leave at 1280
    QWidget area(&window);
    area.setGeometry(0, 0, 640, 500);
    Banner banner(&area, 26);
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    const QString text = "12 rows lie up to 1,600 times farther out than the rest.";
    banner.showNews(
        text, {{"Leave out of the fit", {}}, {"Hide", {}}, {"Scale by RMS", {}}, {"Frame the rest", {}}});
    auto* label = banner.findChild<QLabel*>();
    QTRY_VERIFY(label->width() > 0 && label->isVisible());
    QCOMPARE(label->text(), text);
    const int line = label->fontMetrics().lineSpacing();
    QTRY_VERIFY2(label->heightForWidth(label->width()) <= 2 * line + 4,
                 qPrintable(QString("%1 pixels of text").arg(label->heightForWidth(label->width()))));
    QVERIFY(banner.height() <= 2 * line + 50);
    for (auto* button : banner.findChildren<QPushButton*>())
        if (!button->isHidden()) {
            QVERIFY2(button->width() >= button->sizeHint().width(), qPrintable(button->text()));
            QVERIFY(!button->geometry().intersects(label->geometry()));
            QVERIFY(banner.rect().contains(button->geometry()));
        }
    // Where there is space, all of it is one line.
    window.resize(1400, 500);
    area.resize(1400, 500);
    QTRY_VERIFY(banner.height() < 50);
}

void TestViewsParts::aCardStaysInsideAndBesideTheMouse() {
    QWidget window;
    window.resize(600, 400);
    HoverCard card(&window);
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    for (const QPoint& at :
         {QPoint(10, 10), QPoint(590, 10), QPoint(590, 390), QPoint(10, 390), QPoint(300, 200)}) {
        card.showText("<p>It was the best of <b>times</b>, it was</p>norm 12", at);
        QVERIFY(card.isVisible());
        QVERIFY(window.rect().contains(card.geometry()));
        QVERIFY(!card.geometry().contains(at));
    }
    card.showText({}, {});
    QVERIFY(!card.isVisible());
}

void TestViewsParts::aListShowsWhereTheKeysAct() {
    QStringListModel model({"first\nbelow", "second\nbelow", "third\nbelow"});
    QListView list;
    list.setModel(&model);
    list.setItemDelegate(new TwoLineDelegate(&list));
    list.setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    list.resize(200, 200);
    list.show();
    QVERIFY(QTest::qWaitForWindowExposed(&list));
    QApplication::setActiveWindow(&list);
    list.setFocus();
    list.setCurrentIndex(model.index(0));
    const QImage first = list.viewport()->grab().toImage();
    // Moved without being selected: the entry itself looks another way.
    list.selectionModel()->setCurrentIndex(model.index(1), QItemSelectionModel::NoUpdate);
    const QImage second = list.viewport()->grab().toImage();
    const QRect entry = list.visualRect(model.index(1));
    QVERIFY(first.copy(entry) != second.copy(entry));
    // The line around it can be seen: 3 to 1 for what is no text.
    const QColor edge = second.pixelColor(entry.center().x(), entry.top() + 1);
    QVERIFY2(contrast(edge, list.palette().color(QPalette::Base)) >= 3, qPrintable(edge.name()));
}

RHEO_TEST(TestViewsParts)
#include "test_views_parts.moc"
