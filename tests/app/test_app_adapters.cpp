// Adapters in the window: chosen, named, kept by sessions and by the list of what was opened last.
#include <QApplication>
#include <QCheckBox>
#include <QComboBox>
#include <QFile>
#include <QFileDialog>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QMenu>
#include <QMenuBar>
#include <QMessageBox>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTimer>

#include "app/main_window.h"
#include "app/open_model_dialog.h"
#include "core/checkpoint/adapter.h"
#include "keep_picture.h"
#include "model_cache_of.h"
#include "tests/test_main.h"
#include "widgets/viewmodels/cached_model_list.h"
#include "widgets/viewmodels/equivalent_command.h"
#include "widgets/viewmodels/file_keeper.h"
#include "widgets/viewmodels/open_document.h"
#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/viewmodels/recent_files.h"
#include "widgets/viewmodels/session_keeper.h"
#include "widgets/viewmodels/teleport_model.h"
#include "widgets/views/source_panel.h"
#include "widgets/views/trajectory_view.h"
#include "widgets/views/view.h"
#include "window_test.h"

using namespace rheo;

namespace {

const QString demo = RHEO_RESOURCES "/demo-model";
const QString adapters = RHEO_FIXTURES "/adapters/";

}  // namespace

class TestAppAdapters : public QObject {
    Q_OBJECT
public:
    static void initMain() { prepareWindowTest(); }

private Q_SLOTS:
    void initTestCase();
    void anAdapterOpensWithItsModel();
    void aChosenAdapterBringsItsBase();

private:
    static QPoint placeOf(const OpenModelDialog& dialog, const QString& name) {
        const auto* model = dialog.list()->model();
        for (int row = 0; row < model->rowCount(); ++row)
            if (model->index(row, 0).data().toString() == name)
                return dialog.list()->visualRect(model->index(row, 0)).center();
        return {-1, -1};
    }
    static void click(const OpenModelDialog& dialog, const QString& name) {
        const QPoint at = placeOf(dialog, name);
        QVERIFY2(at.x() > 0, qPrintable(name));
        QTest::mouseClick(dialog.list()->viewport(), Qt::LeftButton, {}, at);
    }
    /// Waits for a dialog of this class, and calls `use` with it.
    template <class Dialog>
    static void whenShown(const std::function<void(Dialog&)>& use) {
        auto* timer = new QTimer(qApp);
        QObject::connect(timer, &QTimer::timeout, timer, [timer, use] {
            auto* dialog = qobject_cast<Dialog*>(QApplication::activeModalWidget());
            if (dialog == nullptr) return;
            timer->deleteLater();
            use(*dialog);
        });
        timer->start(20);
    }

    QTemporaryDir m_dir;
    QString m_demoSnapshot;
};

void TestAppAdapters::initTestCase() {
    m_demoSnapshot = addToCache(m_dir.filePath("hub"), "rheograph", "novels", demo);
    QVERIFY(!m_demoSnapshot.isEmpty());
    qputenv("HF_HUB_CACHE", m_dir.filePath("hub").toUtf8());
    qputenv("OLLAMA_MODELS", m_dir.filePath("no store").toUtf8());
}

/// Chosen in the dialog, named in the title, the panel and the command, kept by the session and the recent
/// files; and never another adapter in its place.
void TestAppAdapters::anAdapterOpensWithItsModel() {
    const QString folder = m_dir.filePath("voice");
    QVERIFY(QDir().mkpath(folder));
    for (const char* file : {"adapter_config.json", "adapter_model.safetensors"})
        QVERIFY(QFile::copy(adapters + "demo/" + file, folder + "/" + file));
    auto window = std::make_unique<MainWindow>();
    window->show();
    QVERIFY(QTest::qWaitForWindowExposed(window.get()));
    QApplication::setActiveWindow(window.get());
    bool asked = false;
    whenShown<OpenModelDialog>([&](OpenModelDialog& dialog) {
        QTRY_VERIFY(placeOf(dialog, "rheograph/novels").x() > 0);
        click(dialog, "rheograph/novels");
        QTest::keyClicks(dialog.adapter(), adapters + "gpt2");
        QTRY_VERIFY_WITH_TIMEOUT(dialog.detail()->text().contains("fits no parameter"), 20000);
        QVERIFY(!dialog.openButton()->isEnabled());
        dialog.adapter()->selectAll();
        QTest::keyClick(dialog.adapter(), Qt::Key_Delete);
        QVERIFY(dialog.openButton()->isEnabled() && dialog.untrained()->isEnabled());
        QTest::keyClicks(dialog.adapter(), folder);
        QTRY_VERIFY_WITH_TIMEOUT(dialog.openButton()->isEnabled(), 20000);
        QVERIFY2(dialog.detail()->text().contains("the adapter voice is merged"),
                 qPrintable(dialog.detail()->text()));
        QVERIFY(!dialog.untrained()->isEnabled());
        keepPicture(dialog, "open with an adapter");
        asked = true;
        QTest::mouseClick(dialog.openButton(), Qt::LeftButton);
    });
    QTest::keyClick(window.get(), Qt::Key_M, Qt::ControlModifier);
    QVERIFY(asked);
    QTRY_VERIFY_WITH_TIMEOUT(window->workspace().model() != nullptr, 60000);
    QVERIFY2(window->windowTitle().startsWith("rheograph/novels with voice"),
             qPrintable(window->windowTitle()));
    const auto namesIt = [](const MainWindow& shown) {
        for (const auto* label : shown.sourcePanel()->findChildren<QLabel*>())
            if (label->text().contains("the adapter voice is merged")) return true;
        return false;
    };
    QVERIFY(namesIt(*window));
    const auto words = modelWordsOf(*window->workspace().model());
    const auto option = std::find(words.begin(), words.end(), "--adapter");
    QVERIFY(option != words.end() && *(option + 1) == folder.toStdString());
    const ModelIdentity identity = window->workspace().model()->model->identity();
    QVERIFY(!identity.sameModel(Checkpoint::open(demo.toStdString())->identity(DType::Float32, {})));

    window->workspace().prompts().add("It is a truth");
    QTRY_VERIFY_WITH_TIMEOUT(window->workspace().state()->rows() == 1 && window->workspace().jobs().isIdle(),
                             60000);
    const QString session = m_dir.filePath("adapted.rheo");
    window->sessions().save(session, Packing::Own, false);
    QTRY_COMPARE_WITH_TIMEOUT(window->sessions().file(), session, 60000);
    window.reset();

    MainWindow second;
    second.show();
    QVERIFY(QTest::qWaitForWindowExposed(&second));
    second.openPath(session);
    QTRY_VERIFY_WITH_TIMEOUT(second.workspace().model() != nullptr, 60000);
    QVERIFY(second.workspace().model()->checkpoint->adapter() != nullptr);
    QVERIFY(second.workspace().model()->model->identity().sameModel(identity));
    QVERIFY(namesIt(second));
    keepPicture(second, "a session with an adapter");
    QTRY_VERIFY_WITH_TIMEOUT(second.workspace().jobs().isIdle(), 60000);

    // The entry of the recent files opens both.
    const QString entry = entryOf({QFileInfo(m_demoSnapshot).absoluteFilePath(), folder});
    QVERIFY2(RecentFiles().paths().contains(entry), qPrintable(RecentFiles().paths().join('|')));
    QCOMPARE(titleOfPath(entry), QString("rheograph/novels with voice"));
    whenShown<OpenModelDialog>([&](OpenModelDialog& dialog) {
        QCOMPARE(dialog.adapter()->text(), folder);
        QVERIFY(dialog.openButton()->isEnabled());
        dialog.reject();
    });
    second.openPath(entry);
    QTRY_VERIFY_WITH_TIMEOUT(
        second.workspace().jobs().isIdle() && QApplication::activeModalWidget() == nullptr, 20000);

    // Another adapter in its place is another model.
    QFile config(folder + "/adapter_config.json");
    QVERIFY(config.open(QIODevice::ReadWrite));
    const QByteArray changed = config.readAll().replace("\"lora_alpha\": 2", "\"lora_alpha\": 3");
    QVERIFY(config.seek(0) && config.write(changed) == changed.size());
    config.close();
    QSignalSpy failed(&second.workspace(), &Workspace::failed);
    second.workspace().clear();
    second.openPath(session);
    QTRY_COMPARE_WITH_TIMEOUT(failed.size(), 1, 60000);
    QVERIFY(second.workspace().model() == nullptr);
    QTRY_VERIFY_WITH_TIMEOUT(second.workspace().jobs().isIdle(), 60000);
    second.workspace().clear();
}

void TestAppAdapters::aChosenAdapterBringsItsBase() {
    MainWindow window;
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    whenShown<OpenModelDialog>([](OpenModelDialog& dialog) {
        QTRY_VERIFY_WITH_TIMEOUT(dialog.openButton()->isEnabled(), 20000);
        QVERIFY2(dialog.detail()->text().contains("rheograph/novels"), qPrintable(dialog.detail()->text()));
        QCOMPARE(dialog.adapter()->text(), adapters + "demo");
        QTest::mouseClick(dialog.openButton(), Qt::LeftButton);
    });
    window.openPath(adapters + "demo");
    QTRY_VERIFY_WITH_TIMEOUT(window.workspace().model() != nullptr, 60000);
    QVERIFY2(window.windowTitle().startsWith("rheograph/novels with demo"), qPrintable(window.windowTitle()));
    QTRY_VERIFY_WITH_TIMEOUT(window.workspace().jobs().isIdle(), 60000);
    // Its base is not here: it is to be chosen.
    whenShown<OpenModelDialog>([](OpenModelDialog& dialog) {
        QVERIFY2(dialog.detail()->text().contains("choose the base"), qPrintable(dialog.detail()->text()));
        QVERIFY(!dialog.openButton()->isEnabled());
        dialog.reject();
    });
    window.openPath(adapters + "gpt2");
    QTRY_VERIFY_WITH_TIMEOUT(window.workspace().jobs().isIdle(), 60000);
    window.workspace().clear();
}

RHEO_TEST(TestAppAdapters)
#include "test_app_adapters.moc"
