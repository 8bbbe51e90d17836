// What is set once, and the numbers behind plots, by mouse and keys.

#include <QAbstractItemModelTester>
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QFile>
#include <QFileDialog>
#include <QFileInfo>
#include <QLineEdit>
#include <QPushButton>
#include <QScrollArea>
#include <QSettings>
#include <QSpinBox>
#include <QTabWidget>
#include <QTableView>
#include <QTemporaryDir>
#include <QTimer>
#include <filesystem>

#include "app/main_window.h"
#include "app/manual_window.h"
#include "app/preferences_dialog.h"
#include "core/base/parallel.h"
#include "tests/app/keep_picture.h"
#include "tests/app/window_test.h"
#include "tests/test_main.h"
#include "widgets/viewmodels/equivalent_command.h"
#include "widgets/views/figure_table_dialog.h"
#include "widgets/views/option_bar.h"
#include "widgets/views/view.h"

using namespace rheo;

namespace {
constexpr int wait = 60000;
}

class TestAppPreferences : public QObject {
    Q_OBJECT
public:
    static void initMain() { prepareWindowTest(); }

private Q_SLOTS:
    void init();
    void cleanup();
    void theyAreKeptAndUsed();
    void cancelTakesLooksBack();
    void theManualOpensOverADialog();
    void whatIsOutOfRangeIsLeftOut();
    void theEnvironmentNamesTheCacheFirst();
    void numbersAreShownCopiedAndSaved();
    void everyFigureHasItsTable();

private:
    /// Opens the preferences, and lets `work` have the dialog while it is there.
    void inPreferences(const std::function<void(PreferencesDialog&)>& work) {
        bool worked = false;
        QTimer::singleShot(300, m_window.get(), [&] {
            auto* dialog = qobject_cast<PreferencesDialog*>(QApplication::activeModalWidget());
            if (dialog == nullptr) return;
            work(*dialog);
            worked = true;
        });
        QTest::keyClick(m_window.get(), Qt::Key_Comma, Qt::ControlModifier);
        QVERIFY(worked);
    }
    void openDemo() {
        m_window->openDemo();
        QTRY_VERIFY_WITH_TIMEOUT(
            m_window->workspace().state()->results && m_window->workspace().jobs().isIdle(), wait);
    }
    View* view(const QString& id) const {
        for (View* view : m_window->views())
            if (view->id() == id) return view;
        return nullptr;
    }
    static void press(QDialog& dialog, QDialogButtonBox::StandardButton button) {
        QTest::mouseClick(dialog.findChild<QDialogButtonBox*>()->button(button), Qt::LeftButton);
    }

    std::unique_ptr<QTemporaryDir> m_dir;
    std::unique_ptr<MainWindow> m_window;
};

void TestAppPreferences::init() {
    QSettings().clear();
    m_dir = std::make_unique<QTemporaryDir>();
    m_window = std::make_unique<MainWindow>();
    m_window->resize(1280, 800);
    m_window->show();
    QVERIFY(QTest::qWaitForWindowExposed(m_window.get()));
    QApplication::setActiveWindow(m_window.get());
}

void TestAppPreferences::cleanup() {
    m_window.reset();
    // Of the whole program.
    setDefaultThreads(0);
}

void TestAppPreferences::theyAreKeptAndUsed() {
    openDemo();
    if (QTest::currentTestFailed()) return;
    const int before = QApplication::font().pointSize();
    inPreferences([this](PreferencesDialog& dialog) {
        keepPicture(dialog, "preferences");
        dialog.theme()->setFocus();
        QTest::keyClick(dialog.theme(), Qt::Key_End);  // dark
        dialog.fontSize()->setFocus();
        dialog.fontSize()->selectAll();
        QTest::keyClicks(dialog.fontSize(), "13\t");
        dialog.colorMap()->setFocus();
        QTest::keyClick(dialog.colorMap(), Qt::Key_End);  // Cividis
        dialog.threads()->setFocus();
        dialog.threads()->selectAll();
        QTest::keyClicks(dialog.threads(), "1\t");
        dialog.memory()->setFocus();
        dialog.memory()->selectAll();
        QTest::keyClicks(dialog.memory(), "256\t");
        dialog.cache()->setFocus();
        QTest::keyClicks(dialog.cache(), m_dir->path());
        QTest::qWait(100);
        keepPicture(dialog, "preferences dark");
        press(dialog, QDialogButtonBox::Ok);
    });
    const Preferences kept = readPreferences();
    QCOMPARE(kept.theme, ThemeChoice::Dark);
    QCOMPARE(kept.fontSize, 13);
    QCOMPARE(kept.colorMap, QString("cividis"));
    QCOMPARE(kept.threads, 1);
    QCOMPARE(kept.memoryMiB, std::int64_t{256});
    QCOMPARE(kept.cache, m_dir->path());
    QCOMPARE(QApplication::font().pointSize(), 13);
    QCOMPARE(resolveThreads(0), 1);
    QCOMPARE(resolveThreads(3), 3);
    // What is computed from now on is named with what it was computed with: it decides on the last bits.
    m_window->analyses().compute("density");
    QTRY_VERIFY_WITH_TIMEOUT(m_window->workspace().jobs().isIdle(), wait);
    const QString command =
        commandOf(m_window->workspace(), view("density")->figureView(), m_window->teleport().shownId());
    QVERIFY2(command.contains("--memory 256M") && command.contains("--threads 1"), qPrintable(command));
    QVERIFY2(commandOf(m_window->workspace(), 0).contains("--threads 1"),
             qPrintable(commandOf(m_window->workspace(), 0)));
    QVERIFY(view("density")->recipe().options.find("\"map\":\"cividis\"") != std::string::npos);
    QVERIFY(view("trajectories")->recipe().options.find("cividis") != std::string::npos);
    m_window->showView(view("density"));
    QTest::qWait(200);
    QTRY_VERIFY(m_window->workspace().jobs().isIdle());
    keepPicture(*m_window, "large texts, dark");
    // Nothing is cut off at the sides.
    for (const auto* area : m_window->findChildren<QScrollArea*>("panelArea"))
        if (area->isVisible()) QTRY_VERIFY(area->viewport()->width() >= area->widget()->width());

    // Another window begins as this one was left.
    m_window.reset();
    m_window = std::make_unique<MainWindow>();
    m_window->show();
    QVERIFY(QTest::qWaitForWindowExposed(m_window.get()));
    QApplication::setActiveWindow(m_window.get());
    QVERIFY(view("density")->recipe().options.find("\"map\":\"cividis\"") != std::string::npos);
    inPreferences([](PreferencesDialog& dialog) {
        QCOMPARE(dialog.threads()->value(), 1);
        press(dialog, QDialogButtonBox::RestoreDefaults);
        press(dialog, QDialogButtonBox::Ok);
    });
    QCOMPARE(readPreferences(), Preferences());
    QCOMPARE(QApplication::font().pointSize(), before);
    QVERIFY(resolveThreads(0) >= 1);
}

void TestAppPreferences::cancelTakesLooksBack() {
    const int before = QApplication::font().pointSize();
    inPreferences([before](PreferencesDialog& dialog) {
        dialog.fontSize()->setValue(20);
        QCOMPARE(QApplication::font().pointSize(), 20);
        QVERIFY(before != 20);
        QTest::keyClick(&dialog, Qt::Key_Escape);
    });
    QCOMPARE(QApplication::font().pointSize(), before);
    QCOMPARE(readPreferences(), Preferences());
}

void TestAppPreferences::theManualOpensOverADialog() {
    m_window->showManual("keys");
    QCOMPARE(m_window->manualWindow()->address(), QString("keys"));
    inPreferences([this](PreferencesDialog& dialog) {
        dialog.memory()->setFocus();
        QTest::keyClick(dialog.memory(), Qt::Key_F1);
        ManualWindow* manual = m_window->manualWindow();
        QVERIFY(manual != nullptr && manual->isVisible());
        QCOMPARE(manual->address(), QString("window#preferences"));
        // The dialog does not block it.
        QVERIFY(QTest::qWaitForWindowExposed(manual));
        auto* search = manual->findChild<QLineEdit*>();
        QTest::mouseClick(search, Qt::LeftButton);
        QTest::keyClicks(search, "null");
        QCOMPARE(search->text(), QString("null"));
        QTest::keyClick(&dialog, Qt::Key_Escape);
    });
    QVERIFY(m_window->manualWindow() == nullptr);
    m_window->showManual("keys");
    QVERIFY(m_window->manualWindow()->isVisible());
}

void TestAppPreferences::whatIsOutOfRangeIsLeftOut() {
    QSettings settings;
    settings.setValue("theme", 17);
    settings.setValue("preferences/fontSize", 4000);
    settings.setValue("preferences/colorMap", "no such map");
    settings.setValue("preferences/threads", -3);
    settings.setValue("preferences/device", "abacus");
    settings.setValue("preferences/memoryMiB", -1);
    QCOMPARE(readPreferences(), Preferences());
}

void TestAppPreferences::theEnvironmentNamesTheCacheFirst() {
    const QByteArray said = qgetenv("HF_HUB_CACHE"), home = qgetenv("HF_HOME");
    qunsetenv("HF_HUB_CACHE");
    qunsetenv("HF_HOME");
    Preferences preferences;
    preferences.cache = m_dir->path();
    usePreferredCache(preferences);
    QCOMPARE(qgetenv("HF_HUB_CACHE"), m_dir->path().toUtf8());
    qunsetenv("HF_HUB_CACHE");
    qputenv("HF_HOME", "/elsewhere");
    usePreferredCache(preferences);
    QVERIFY(!qEnvironmentVariableIsSet("HF_HUB_CACHE"));
    home.isNull() ? qunsetenv("HF_HOME") : qputenv("HF_HOME", home);
    if (!said.isNull()) qputenv("HF_HUB_CACHE", said);
}

void TestAppPreferences::numbersAreShownCopiedAndSaved() {
    openDemo();
    if (QTest::currentTestFailed()) return;
    m_window->showView(view("motion"));
    QTRY_VERIFY(view("motion")->hasFigure());
    QTest::keyClick(m_window.get(), Qt::Key_N, Qt::ControlModifier | Qt::ShiftModifier);
    auto* dialog = m_window->findChild<FigureTableDialog*>();
    QVERIFY(dialog != nullptr && dialog->isVisible());
    keepPicture(*dialog, "numbers of motion");
    // The first curve of the first panel, at its first place.
    const auto figure = view("motion")->figure();
    const auto& plot = std::get<CurvePlot>(figure->panels.front().plot);
    const QAbstractItemModel& model = *dialog->table()->model();
    const QAbstractItemModelTester tester(dialog->table()->model(),
                                          QAbstractItemModelTester::FailureReportingMode::QtTest);
    std::size_t vertices = 0;
    for (const Curve& curve : plot.curves) vertices += curve.x.size();
    QCOMPARE(model.rowCount(), static_cast<int>(vertices));
    const double cosine = std::tanh(plot.curves.front().y[0]);  // on an axis of Fisher's z
    QVERIFY(plot.y.fisher && std::abs(model.index(0, 2).data().toDouble() - cosine) < 1e-5);
    dialog->table()->selectionModel()->select(QItemSelection(model.index(0, 0), model.index(1, 1)),
                                              QItemSelectionModel::ClearAndSelect);
    QApplication::setActiveWindow(dialog);
    dialog->table()->setFocus();
    QTest::keyClick(dialog->table(), Qt::Key_C, Qt::ControlModifier);
    const QStringList copied = QApplication::clipboard()->text().trimmed().split('\n');
    QCOMPARE(copied.size(), 3);
    QCOMPARE(copied[1], model.index(0, 0).data().toString() + '\t' + model.index(0, 1).data().toString());

    const QString file = m_dir->filePath("motion.csv");
    QTimer::singleShot(300, m_window.get(), [file] {
        auto* ask = qobject_cast<QFileDialog*>(QApplication::activeModalWidget());
        if (ask == nullptr) return;
        ask->findChild<QLineEdit*>()->setText(file);
        QMetaObject::invokeMethod(ask, "accept");
    });
    for (auto* button : dialog->findChildren<QPushButton*>())
        if (button->text().contains("CSV")) QTest::mouseClick(button, Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(QFileInfo::exists(file) && m_window->workspace().jobs().isIdle(), wait);
    QFile written(file);
    QVERIFY(written.open(QIODevice::ReadOnly));
    QCOMPARE(QString::fromUtf8(written.readAll()), QString::fromStdString(tableCsv(dialog->shown())));
    dialog->close();
}

void TestAppPreferences::everyFigureHasItsTable() {
    openDemo();
    if (QTest::currentTestFailed()) return;
    for (View* view : m_window->views()) {
        if (!view->hasFigure()) continue;
        m_window->showView(view);
        QTRY_VERIFY_WITH_TIMEOUT(m_window->workspace().jobs().isIdle(), wait);
        const FigureTableDialog dialog(view->title(), view->figure(), nullptr);
        QVERIFY2(dialog.pages()->count() > 0, qPrintable(view->id()));
        for (int i = 0; i < dialog.pages()->count(); ++i) {
            const auto& model = *qobject_cast<QTableView*>(dialog.pages()->widget(i))->model();
            QVERIFY2(model.rowCount() > 0 && model.columnCount() > 1, qPrintable(view->id()));
            // Every column says something somewhere.
            for (int column = 0; column < std::min(model.columnCount(), 40); ++column) {
                bool says = false;
                for (int row = 0; row < std::min(model.rowCount(), 2000) && !says; ++row)
                    says = !model.index(row, column).data().toString().isEmpty();
                if (!says)
                    qInfo("%s, %s: nothing in its first 2,000 rows", qPrintable(view->id()),
                          qPrintable(model.headerData(column, Qt::Horizontal).toString()));
            }
        }
    }
}

RHEO_TEST(TestAppPreferences)
#include "test_app_preferences.moc"
