// The manual: every name that the program's tables hold has a place in it, links lead somewhere, every topic
// renders, and F1 opens it where the person is.
#include <QApplication>
#include <QDockWidget>
#include <QLineEdit>
#include <QMenuBar>
#include <QTextBlock>
#include <QTextBrowser>
#include <QTreeWidget>

#include "app/main_window.h"
#include "app/manual_window.h"
#include "app/markdown.h"
#include "core/analysis/null_table.h"
#include "core/findings/judge.h"
#include "core/model/edit_table.h"
#include "core/session/analysis_run.h"
#include "core/session/recipe_figure.h"
#include "core/session/verdict_text.h"
#include "core/statistics/table.h"
#include "keep_picture.h"
#include "run_rheo.h"
#include "tests/test_main.h"
#include "widgets/views/laboratory_panel.h"
#include "widgets/views/source_panel.h"
#include "widgets/views/teleport_panel.h"
#include "widgets/views/view.h"
#include "widgets/views/view_table.h"
#include "window_test.h"

using namespace rheo;

namespace {

const Manual& manual() {
    static const Manual read = readManual(RHEO_RESOURCES "/help");
    return read;
}

QString text(std::string_view words) {
    return QString::fromUtf8(words.data(), static_cast<qsizetype>(words.size()));
}

}  // namespace

class TestAppManual : public QObject {
    Q_OBJECT
public:
    static void initMain() { prepareWindowTest(); }

private Q_SLOTS:
    void everyNameOfTheTablesHasASection();
    void everyDefinitionIsShown();
    void everyCommandIsThere();
    void linksLead();
    void everyTopicRenders();
    void terminalLinesAreShort();
    void tablesAreRead();
    void searchFindsAllWords();
    void f1OpensWhereTheFocusIs();
    void backForwardAndLinks();
    void keysAreTheMenus();
};

void TestAppManual::everyNameOfTheTablesHasASection() {
    const auto requireSection = [](std::string_view topic, std::string_view name) {
        const std::string address = std::string(topic) + "#" + std::string(name);
        const auto place = findPlace(manual(), address);
        QVERIFY2(place && place->section->key == name, address.c_str());
        // More than a heading and its definition.
        const auto own = place->section->text.find("**Definition**");
        QVERIFY2(place->section->text.substr(0, own).size() > 100, address.c_str());
    };
    for (const auto& info : statisticInfos()) requireSection("statistics", info.name);
    for (const char* ofModels : {"lens", "jacobian"}) requireSection("statistics", ofModels);
    for (const NullSpec* null : allNulls()) requireSection("nulls", null->name);
    requireSection("nulls", untrainedNull);
    for (const FindingText& finding : findingTexts()) requireSection("verdicts", finding.key);
    for (int kind = 0; kind <= static_cast<int>(VerdictKind::NotTested); ++kind)
        requireSection("verdicts", verdictName(static_cast<VerdictKind>(kind)));
    for (const FigureView& view : figureViews()) requireSection("views", view.name);
    for (const ViewEntry& view : viewTable()) requireSection("views", view.id.toStdString());
    const auto edits = findPlace(manual(), "laboratory#edits");
    QVERIFY(edits);
    for (const auto& edit : editTable)
        QVERIFY2(edits->section->text.find("`" + std::string(edit.name) + "`") != std::string::npos,
                 std::string(edit.name).c_str());
}

/// What analyses.md says of each statistic, null and finding stands in the section about it, word for word.
void TestAppManual::everyDefinitionIsShown() {
    const auto file = contentsOf(RHEO_RESOURCES "/help/analyses.md").toStdString();
    const std::map<std::string, std::string> topics{
        {"group", "statistics"}, {"null", "nulls"}, {"key", "verdicts"}};
    int rows = 0;
    for (const MarkdownTable& table : tablesOf(file)) {
        const auto topic = topics.find(table.header.front());
        if (topic == topics.end()) continue;
        for (const auto& row : table.rows) {
            const std::string key = row.front().substr(1, row.front().find('`', 1) - 1);
            const auto place = findPlace(manual(), topic->second + "#" + key);
            QVERIFY2(place, key.c_str());
            QVERIFY2(place->section->text.find(row.back()) != std::string::npos, key.c_str());
            ++rows;
        }
    }
    QVERIFY2(rows >= 12 + 12 + 14, qPrintable(QString::number(rows)));
}

void TestAppManual::everyCommandIsThere() {
    const auto commands = findTopic(manual(), "command_line")->text();
    const auto listed = runRheo({"help", "--json"}).json()["commands"].toArray();
    QVERIFY(listed.size() >= 18);
    for (const auto& command : listed) {
        const std::string name = command.toObject()["name"].toString().toStdString();
        QVERIFY2(commands.find("`rheo " + name) != std::string::npos, name.c_str());
    }
}

void TestAppManual::linksLead() {
    int links = 0;
    for (const auto& topic : manual().topics)
        for (const auto& link : linksOf(topic.text())) {
            QVERIFY2(followLink(manual(), topic, link), (topic.name + ": " + link).c_str());
            ++links;
        }
    QVERIFY2(links > 80, qPrintable(QString::number(links)));
    // What leads nowhere is told from what leads somewhere.
    const auto& views = *findTopic(manual(), "views");
    QVERIFY(!followLink(manual(), views, "views.md#no_such_view"));
    QVERIFY(!followLink(manual(), views, "no_such_topic.md"));
    QVERIFY(!followLink(manual(), views, "https://example.org/views.md"));
    QCOMPARE(followLink(manual(), views, "#motion")->section->key, std::string("motion"));
}

void TestAppManual::everyTopicRenders() {
    // In the order of the list, each file once.
    const QStringList files = QDir(RHEO_RESOURCES "/help").entryList({"*.md"}, QDir::Files);
    QCOMPARE(static_cast<qsizetype>(manual().topics.size()), files.size());
    for (const auto& topic : manual().topics) {
        QTextDocument document;
        document.setMarkdown(QString::fromStdString(topic.text()));
        QStringList headings;
        for (QTextBlock block = document.begin(); block.isValid(); block = block.next())
            if (block.blockFormat().headingLevel() > 0) headings << block.text();
        QCOMPARE(headings.size(), static_cast<qsizetype>(topic.sections.size()));
        for (std::size_t i = 0; i < topic.sections.size(); ++i)
            QVERIFY2(headings[static_cast<qsizetype>(i)].startsWith(text(topic.sections[i].title)),
                     qPrintable(headings[static_cast<qsizetype>(i)]));
        const QString words = document.toPlainText();
        for (const char* mark : {"{{", "**", "](", "```"})
            QVERIFY2(!words.contains(mark), (topic.name + " shows " + mark).c_str());
    }
}

void TestAppManual::terminalLinesAreShort() {
    for (const auto& topic : manual().topics)
        for (const QString& line : QString::fromStdString(plainText(topic.text(), 80)).split('\n'))
            QVERIFY2(line.size() <= 80 || line.startsWith("    ") || !line.trimmed().contains(' '),
                     qPrintable(line));
    QCOMPARE(plainText("A **bold** [link](x.md) and `a * b`, 2 * 3\n"),
             std::string("A bold link and a * b, 2 * 3\n"));
    QCOMPARE(plainText("- one two three\n  four\n", 12), std::string("- one two\n  three four\n"));
    QCOMPARE(plainText("# T\n\n    as  it is\n"), std::string("T\n=\n\n    as  it is\n"));
}

void TestAppManual::tablesAreRead() {
    const auto tables = tablesOf("| a | b |\n|---|---|\n| 1 | x \\| y |\n| 2 | |\n\n| no | table |\n");
    QCOMPARE(tables.size(), std::size_t{1});
    QCOMPARE(tables[0].header, (std::vector<std::string>{"a", "b"}));
    QCOMPARE(tables[0].rows, (std::vector<std::vector<std::string>>{{"1", "x \\| y"}, {"2", ""}}));
}

void TestAppManual::searchFindsAllWords() {
    const auto places = searchManual(manual(), "SIGN_flip  random");
    QVERIFY(!places.empty());
    QCOMPARE(places.front().address(), std::string("nulls#sign_flip"));  // its title says it
    for (const auto& place : places) {
        const QString words = text(place.section->text).toLower();
        QVERIFY(words.contains("sign_flip") && words.contains("random"));
    }
    QVERIFY(searchManual(manual(), " ").empty());
    QVERIFY(searchManual(manual(), "no-such-word-here").empty());
}

void TestAppManual::f1OpensWhereTheFocusIs() {
    MainWindow window;
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    QApplication::setActiveWindow(&window);
    QVERIFY(window.manualWindow() == nullptr);
    QTest::keyClick(&window, Qt::Key_F1);  // nothing is open
    QVERIFY(window.manualWindow() != nullptr && window.manualWindow()->isVisible());
    QCOMPARE(window.manualWindow()->address(), QString("getting_started"));
    keepPicture(*window.manualWindow(), "manual");

    const auto opens = [&](QWidget& widget, const QString& address) {
        QApplication::setActiveWindow(&window);
        widget.setFocus();
        QTRY_COMPARE(QApplication::focusWidget(), &widget);
        QTest::keyClick(&window, Qt::Key_F1);
        QCOMPARE(window.manualWindow()->address(), address);
    };
    window.openDemo();
    QTRY_VERIFY_WITH_TIMEOUT(window.workspace().state()->results != nullptr, 60000);
    for (View* view : window.views())
        if (view->id() == "motion") window.showView(view);
    QApplication::setActiveWindow(&window);
    window.setFocus();
    QTest::keyClick(&window, Qt::Key_F1);  // what has the focus says nothing of itself: the view in front
    QCOMPARE(window.manualWindow()->address(), QString("views#motion"));
    opens(*window.sourcePanel()->findChild<QLineEdit*>(), "window#source-and-prompts");
    // Each view, its widgets, and the panels name a place that is there.
    for (View* view : window.views()) {
        const QString address = manualPlaceOf(view);
        QCOMPARE(address, "views#" + view->id());
        for (const QWidget* inside : view->findChildren<QWidget*>()) QCOMPARE(manualPlaceOf(inside), address);
        QVERIFY(findPlace(manual(), address.toStdString()));
    }
    for (const QWidget* panel :
         {static_cast<QWidget*>(window.teleportPanel()), static_cast<QWidget*>(window.laboratoryPanel())})
        QVERIFY(findPlace(manual(), manualPlaceOf(panel).toStdString()));
}

void TestAppManual::backForwardAndLinks() {
    ManualWindow window(readManual(RHEO_RESOURCES "/help"), {}, nullptr);
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    window.showPlace("index");
    QVERIFY(window.browser().toPlainText().contains("Getting started"));
    window.showPlace("statistics#rotation");
    // The heading is at the top of what is seen.
    const QTextCursor top = window.browser().cursorForPosition({20, 20});
    QVERIFY2(top.block().text().startsWith("Rotation"), qPrintable(top.block().text()));
    keepPicture(window, "manual_statistics");
    // A link, as a click sends it.
    Q_EMIT const_cast<QTextBrowser&>(window.browser()).anchorClicked(QUrl("nulls.md#sign_flip"));
    QCOMPARE(window.address(), QString("nulls#sign_flip"));
    window.goBack();
    QCOMPARE(window.address(), QString("statistics#rotation"));
    window.goForward();
    QCOMPARE(window.address(), QString("nulls#sign_flip"));
    window.goForward();
    QCOMPARE(window.address(), QString("nulls#sign_flip"));
    Q_EMIT const_cast<QTextBrowser&>(window.browser()).anchorClicked(QUrl("https://example.org/"));
    QCOMPARE(window.address(), QString("nulls#sign_flip"));
    // Every item of the contents opens.
    QTreeWidgetItemIterator it(const_cast<QTreeWidget*>(&window.contents()));
    int items = 0;
    for (; *it != nullptr; ++it, ++items)
        QVERIFY(findPlace(manual(), (*it)->data(0, Qt::UserRole).toString().toStdString()));
    QVERIFY(items > 80);
    // Search by the keyboard.
    QApplication::setActiveWindow(&window);
    auto* search = window.findChild<QLineEdit*>();
    QTest::keyClick(&window, Qt::Key_F, Qt::ControlModifier);
    QTRY_VERIFY(search->hasFocus());
    QTest::keyClicks(search, "hoyer");
    QTest::keyClick(search, Qt::Key_Return);
    QVERIFY2(window.browser().toPlainText().contains("hoyer"), qPrintable(window.address()));
    QVERIFY(!window.browser().extraSelections().isEmpty());
    keepPicture(window, "manual_search");
    search->clear();
    QVERIFY(window.contents().topLevelItemCount() == static_cast<int>(manual().topics.size()));
    window.showPlace("no_such_topic");
    QVERIFY(window.browser().toPlainText().contains("no_such_topic"));
}

void TestAppManual::keysAreTheMenus() {
    MainWindow window;
    window.setThemeChoice(ThemeChoice::Dark);
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    QApplication::setActiveWindow(&window);
    QTest::keyClick(&window, Qt::Key_Question);
    QCOMPARE(window.manualWindow()->address(), QString("keys"));
    const QString shownKeys = window.manualWindow()->browser().toPlainText();
    keepPicture(*window.manualWindow(), "manual_keys_dark");
    int keys = 0;
    for (const QMenu* menu : window.menuBar()->findChildren<QMenu*>())
        for (const QAction* action : menu->actions())
            for (const auto& key : action->shortcuts()) {
                QVERIFY2(shownKeys.contains(key.toString(QKeySequence::NativeText)),
                         qPrintable(key.toString()));
                ++keys;
            }
    QVERIFY2(keys > 20, qPrintable(QString::number(keys)));
    window.showManual("verdicts#rotation");
    keepPicture(*window.manualWindow(), "manual_verdicts_dark");
    window.showManual("analyses#verdicts");
    keepPicture(*window.manualWindow(), "manual_analyses_dark");
    window.setThemeChoice(ThemeChoice::System);
}

RHEO_TEST(TestAppManual)
#include "test_app_manual.moc"
