// The dialog that opens a model: the models of the Hugging Face cache, chosen and opened with the mouse.
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
#include <algorithm>

#include "app/main_window.h"
#include "app/open_model_dialog.h"
#include "keep_picture.h"
#include "model_cache_of.h"
#include "tests/test_main.h"
#include "widgets/viewmodels/cached_model_list.h"
#include "widgets/viewmodels/equivalent_command.h"
#include "widgets/viewmodels/file_keeper.h"
#include "widgets/viewmodels/open_document.h"
#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/viewmodels/session_keeper.h"
#include "widgets/viewmodels/teleport_model.h"
#include "widgets/views/source_panel.h"
#include "widgets/views/trajectory_view.h"
#include "widgets/views/view.h"
#include "window_test.h"

using namespace rheo;

namespace {

const QString demo = RHEO_RESOURCES "/demo-model";
const QString fixtures = RHEO_FIXTURES "/models/";

}  // namespace

class TestAppOpenModel : public QObject {
    Q_OBJECT
public:
    static void initMain() { prepareWindowTest(); }

private Q_SLOTS:
    void initTestCase();
    void init();
    void emptyCacheSaysHowToFillIt();
    void listsArchitectureAndSize();
    void clickChooses();
    void brokenModelsSayWhy();
    void unknownKeysOpenAfterConsent();
    void doubleClickOpensOnlyWhatOpens();
    void ggufFilesOpen();
    void searchNarrowsTheList();
    void weightsCanBeStreamed();
    void float16IsForTheGpu();
    void aThousandModelsDoNotBlock();
    void windowOpensAModelOfTheCache();
    void windowOpensByName();
    void postNormAndParallelBlocksAreShown();
    void fromAModelToAPictureWithoutAMenu();
    void randomWeightsAreSaid();
    void closingSavesFirst();
    void aFailedSaveKeepsTheWindow();
    void whatCannotBeDoneIsGreyed();

private:
    /// The dialog, shown, its list complete.
    std::unique_ptr<OpenModelDialog> shown() {
        auto dialog = std::make_unique<OpenModelDialog>(m_jobs, nullptr);
        dialog->show();
        [&] {
            QVERIFY(QTest::qWaitForWindowExposed(dialog.get()));
            QTRY_VERIFY_WITH_TIMEOUT(m_jobs.isIdle(), 20000);
        }();
        return dialog;
    }
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
    /// A window with the demo model, that has read nothing.
    std::unique_ptr<MainWindow> windowWithModel() {
        auto window = std::make_unique<MainWindow>();
        window->show();
        [&] {
            QVERIFY(QTest::qWaitForWindowExposed(window.get()));
            QApplication::setActiveWindow(window.get());
            openModel(window->workspace(), demo, {});
            QTRY_VERIFY_WITH_TIMEOUT(window->workspace().model() != nullptr, 30000);
        }();
        return window;
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
    static QComboBox* listWith(QWidget& in, const QString& item) {
        for (auto* list : in.findChildren<QComboBox*>())
            if (list->findText(item) >= 0) return list;
        return nullptr;
    }
    static QPushButton* buttonWith(QWidget& in, const QString& words) {
        for (auto* button : in.findChildren<QPushButton*>())
            if (button->text().remove('&').contains(words)) return button;
        return nullptr;
    }

    QTemporaryDir m_dir;
    QString m_hub, m_demoSnapshot;
    JobRunner m_jobs;
};

void TestAppOpenModel::initTestCase() {
    m_hub = m_dir.filePath("hub");
    m_demoSnapshot = addToCache(m_hub, "rheograph", "novels", demo);
    QVERIFY(!m_demoSnapshot.isEmpty());
    QVERIFY(!addToCache(m_hub, "org", "neox", fixtures + "gpt_neox-parallel/model").isEmpty());
    QVERIFY(!addToCache(m_hub, "org", "olmo2", fixtures + "olmo2/model").isEmpty());
    // Of one only the config came, of another a part, and a third this program does not compute.
    const QString half = addToCache(m_hub, "org", "half", fixtures + "qwen3/model");
    QVERIFY(QFile::remove(half + "/model.safetensors"));
    const QString cut = addToCache(m_hub, "org", "cut", fixtures + "qwen2/model");
    QVERIFY(QFile::resize(QFileInfo(cut + "/model.safetensors").canonicalFilePath(), 50000));
    const QString mamba = m_hub + "/models--org--mamba/snapshots/1";
    QVERIFY(QDir().mkpath(mamba));
    QFile config(mamba + "/config.json");
    QVERIFY(config.open(QIODevice::WriteOnly));
    config.write(R"({"model_type": "mamba"})");
}

void TestAppOpenModel::init() {
    qputenv("HF_HUB_CACHE", m_hub.toUtf8());
    qputenv("OLLAMA_MODELS", m_dir.filePath("no store").toUtf8());
}

void TestAppOpenModel::emptyCacheSaysHowToFillIt() {
    qputenv("HF_HUB_CACHE", m_dir.filePath("nothing").toUtf8());
    const auto dialog = shown();
    QVERIFY(dialog->note()->isVisible() && !dialog->list()->isVisible());
    QVERIFY2(dialog->note()->text().contains("hf download") &&
                 dialog->note()->text().contains(m_dir.filePath("nothing")),
             qPrintable(dialog->note()->text()));
    QVERIFY(!dialog->openButton()->isEnabled());
    keepPicture(*dialog, "empty cache");
}

void TestAppOpenModel::listsArchitectureAndSize() {
    const auto dialog = shown();
    QStringList names;
    for (int row = 0; row < dialog->list()->model()->rowCount(); ++row)
        names << dialog->list()->model()->index(row, 0).data().toString();
    QCOMPARE(names,
             (QStringList{"org/cut", "org/half", "org/mamba", "org/neox", "org/olmo2", "rheograph/novels"}));
    const QString summary =
        dialog->list()->model()->index(5, 0).data(CachedModelList::SummaryRole).toString();
    QVERIFY2(summary.contains("llama") && summary.contains("32 blocks of 128 units") &&
                 summary.contains("6.4 million"),
             qPrintable(summary));
    QVERIFY2(summary.contains("12.30 MiB on disk"), qPrintable(summary));  // bfloat16
    // The first that opens is chosen from the start.
    QCOMPARE(dialog->list()->currentIndex().row(), 3);
    QVERIFY(dialog->openButton()->isEnabled());
    keepPicture(*dialog, "open model");
}

void TestAppOpenModel::clickChooses() {
    const auto dialog = shown();
    click(*dialog, "rheograph/novels");
    QVERIFY(dialog->checkpoint() != nullptr);
    QCOMPARE(QString::fromStdString(dialog->checkpoint()->folder().string()), m_demoSnapshot);
    QVERIFY2(dialog->detail()->text().contains("rheograph/novels"), qPrintable(dialog->detail()->text()));
    QVERIFY(dialog->isVisible());  // one click does not open
    QTest::mouseClick(dialog->openButton(), Qt::LeftButton);
    QCOMPARE(dialog->result(), int(QDialog::Accepted));
}

void TestAppOpenModel::brokenModelsSayWhy() {
    const auto dialog = shown();
    const std::pair<const char*, const char*> reasons[] = {
        {"org/cut", "model.safetensors"}, {"org/half", "hf download org/half"}, {"org/mamba", "mamba"}};
    for (const auto& [name, reason] : reasons) {
        click(*dialog, name);
        QVERIFY2(dialog->detail()->text().contains(reason), qPrintable(dialog->detail()->text()));
        QVERIFY2(!dialog->openButton()->isEnabled(), name);
    }
    // A config alone is enough for random weights.
    click(*dialog, "org/half");
    QTest::mouseClick(dialog->untrained(), Qt::LeftButton, {}, QPoint(8, dialog->untrained()->height() / 2));
    QVERIFY(dialog->untrained()->isChecked());
    QVERIFY(dialog->openButton()->isEnabled());
    QCOMPARE(dialog->options().untrainedSeed.value_or(99), std::uint64_t{0});
    click(*dialog, "org/cut");
    QVERIFY(!dialog->openButton()->isEnabled());
}

/// A key of which nothing is known: the button says what it does, a double click does not consent, and what
/// is opened knows of it.
void TestAppOpenModel::unknownKeysOpenAfterConsent() {
    const QString hub = m_dir.filePath("unknown");
    const QString folder = addToCache(hub, "org", "gain", fixtures + "olmo2/model");
    QFile config(QFileInfo(folder + "/config.json").canonicalFilePath());
    QVERIFY(config.open(QIODevice::ReadWrite));
    QByteArray text = config.readAll();
    text.insert(text.indexOf('{') + 1, R"("residual_gain": 0.5, "max_sequence_length": 9, )");
    QVERIFY(config.seek(0) && config.write(text) == text.size());
    config.close();
    qputenv("HF_HUB_CACHE", hub.toUtf8());
    const auto dialog = shown();
    click(*dialog, "org/gain");
    QVERIFY2(dialog->detail()->text().contains("residual_gain"), qPrintable(dialog->detail()->text()));
    QVERIFY(dialog->openButton()->isEnabled());
    QCOMPARE(dialog->openButton()->text(), QString("&Open Anyway"));
    keepPicture(*dialog, "open anyway");
    QTest::mouseDClick(dialog->list()->viewport(), Qt::LeftButton, {}, placeOf(*dialog, "org/gain"));
    QVERIFY(dialog->isVisible());
    QTest::mouseClick(dialog->openButton(), Qt::LeftButton);
    QCOMPARE(dialog->result(), int(QDialog::Accepted));
    QCOMPARE(dialog->options().acceptedKeys, std::vector<std::string>{"residual_gain"});

    // The same for a folder that is given by its path; the window shows the notes.
    MainWindow window;
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    whenShown<OpenModelDialog>([](OpenModelDialog& asked) {
        QCOMPARE(asked.openButton()->text(), QString("&Open Anyway"));
        QTest::mouseClick(asked.openButton(), Qt::LeftButton);
    });
    window.openPath(folder);
    QTRY_VERIFY_WITH_TIMEOUT(window.workspace().model() != nullptr, 60000);
    QTRY_VERIFY_WITH_TIMEOUT(window.workspace().jobs().isIdle(), 60000);
    QCOMPARE(window.workspace().model()->model->identity().acceptedKeys,
             std::vector<std::string>{"residual_gain"});
    QStringList shownTexts;
    for (const auto* label : window.sourcePanel()->findChildren<QLabel*>()) shownTexts << label->text();
    QVERIFY(shownTexts.join(' ').contains("residual_gain"));
    QVERIFY(shownTexts.join(' ').contains("max_sequence_length"));
    window.workspace().clear();
}

void TestAppOpenModel::doubleClickOpensOnlyWhatOpens() {
    const auto dialog = shown();
    QTest::mouseDClick(dialog->list()->viewport(), Qt::LeftButton, {}, placeOf(*dialog, "org/cut"));
    QVERIFY(dialog->isVisible());
    click(*dialog, "org/olmo2");
    QTest::mouseDClick(dialog->list()->viewport(), Qt::LeftButton, {}, placeOf(*dialog, "org/olmo2"));
    QCOMPARE(dialog->result(), int(QDialog::Accepted));
    QCOMPARE(dialog->checkpoint()->config().architecture, std::string("olmo2"));
}

void TestAppOpenModel::searchNarrowsTheList() {
    const auto dialog = shown();
    auto* search = dialog->findChild<QLineEdit*>();
    QVERIFY(search != nullptr);
    QTest::mouseClick(search, Qt::LeftButton);
    QTest::keyClicks(search, "NOVEL");
    QCOMPARE(dialog->list()->model()->rowCount(), 1);
    click(*dialog, "rheograph/novels");
    QCOMPARE(QString::fromStdString(dialog->checkpoint()->folder().string()), m_demoSnapshot);
}

/// What it costs is said where it is chosen, where the model is named, and before a teleport.
void TestAppOpenModel::weightsCanBeStreamed() {
    const auto dialog = shown();
    click(*dialog, "rheograph/novels");
    QComboBox* place = listWith(*dialog, "streamed from the files");
    QVERIFY(place != nullptr && place->currentText() == "in memory if they fit");
    place->setCurrentText("streamed from the files");
    QCOMPARE(dialog->options().weights, WeightPlace::Stream);
    QStringList shownTexts;
    for (const auto* label : dialog->findChildren<QLabel*>()) shownTexts << label->text();
    QVERIFY2(shownTexts.join(' ').contains("each run of the network reads"),
             qPrintable(shownTexts.join(' ')));
    keepPicture(*dialog, "open streamed");

    MainWindow window;
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    openModel(window.workspace(), demo, dialog->options());
    QTRY_VERIFY_WITH_TIMEOUT(window.workspace().model() != nullptr, 30000);
    window.workspace().prompts().add("It is a truth");
    QTRY_VERIFY_WITH_TIMEOUT(window.workspace().state()->scores && window.workspace().jobs().isIdle(), 60000);
    window.selection().selectRow(RowIndex{0});
    QTRY_COMPARE_WITH_TIMEOUT(window.teleport().state(), TeleportModel::State::Ready, 60000);
    shownTexts.clear();
    for (const auto* label : window.findChildren<QLabel*>()) shownTexts << label->text();
    for (const char* part : {"Weights streamed", "each path takes"})
        QVERIFY2(shownTexts.join(' ').contains(part), qPrintable(shownTexts.join(' ')));
    keepPicture(window, "streamed");
    const auto words = modelWordsOf(*window.workspace().model());
    QVERIFY(std::find(words.begin(), words.end(), "stream") != words.end());
    window.workspace().clear();
}

void TestAppOpenModel::float16IsForTheGpu() {
    const auto dialog = shown();
    listWith(*dialog, "float16")->setCurrentText("float16");
    QCOMPARE(dialog->options().dtype, DType::Float16);
    QVERIFY(!dialog->openButton()->isEnabled());
    listWith(*dialog, "Processor")->setCurrentIndex(1);
    QVERIFY(dialog->openButton()->isEnabled());
}

/// Models of Ollama's store stand in the list; another file is chosen, and the window runs it.
void TestAppOpenModel::ggufFilesOpen() {
    const QString gguf = RHEO_FIXTURES "/gguf/models/llama/model.gguf";
    const QString store = m_dir.filePath("ollama"), digest(64, 'a');
    QVERIFY(QDir().mkpath(store + "/blobs"));
    QVERIFY(QDir().mkpath(store + "/manifests/registry.ollama.ai/library/tiny"));
    QVERIFY(QFile::copy(gguf, store + "/blobs/sha256-" + digest));
    QFile manifest(store + "/manifests/registry.ollama.ai/library/tiny/latest");
    QVERIFY(manifest.open(QIODevice::WriteOnly));
    manifest.write(R"({"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:)" +
                   digest.toLatin1() + R"("}]})");
    manifest.close();
    qputenv("OLLAMA_MODELS", store.toUtf8());
    {
        const auto dialog = shown();
        click(*dialog, "ollama:tiny:latest");
        QVERIFY2(dialog->detail()->text().contains("llama"), qPrintable(dialog->detail()->text()));
        const QString summary = dialog->list()->currentIndex().data(CachedModelList::SummaryRole).toString();
        QVERIFY2(summary.contains(QLocale().formattedDataSize(QFileInfo(gguf).size())), qPrintable(summary));
        keepPicture(*dialog, "ollama");
        QTest::mouseClick(dialog->openButton(), Qt::LeftButton);
        QCOMPARE(dialog->result(), int(QDialog::Accepted));
        QCOMPARE(dialog->checkpoint()->config().architecture, std::string("llama"));
    }
    MainWindow window;
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    QApplication::setActiveWindow(&window);
    whenShown<OpenModelDialog>([&](OpenModelDialog& dialog) {
        whenShown<QFileDialog>([&](QFileDialog& file) {
            auto* name = file.findChild<QLineEdit*>("fileNameEdit");
            QVERIFY(name != nullptr);
            name->setText(gguf);
            QTest::keyClick(name, Qt::Key_Return);
        });
        QTest::mouseClick(buttonWith(dialog, "GGUF"), Qt::LeftButton);
        QTRY_VERIFY_WITH_TIMEOUT(dialog.openButton()->isEnabled(), 20000);
        QTest::mouseClick(dialog.openButton(), Qt::LeftButton);
    });
    QTest::keyClick(&window, Qt::Key_M, Qt::ControlModifier);
    QTRY_VERIFY_WITH_TIMEOUT(window.workspace().model() != nullptr, 60000);
    QTRY_VERIFY_WITH_TIMEOUT(window.workspace().jobs().isIdle(), 60000);
    QCOMPARE(window.workspace().model()->model->config().architecture, std::string("llama"));
    window.workspace().clear();
}

/// The list is made beside the window: the dialog is there at once, and going away stops the work.
void TestAppOpenModel::aThousandModelsDoNotBlock() {
    const QString hub = m_dir.filePath("large");
    for (int i = 0; i < 1000; ++i) {
        const QString snapshot = QString("%1/models--o--m%2/snapshots/1").arg(hub).arg(i);
        QVERIFY(QDir().mkpath(snapshot));
        for (const char* file : {"config.json", "model.safetensors"})
            QVERIFY(QFile::link(QString("%1/%2").arg(demo, file), QString("%1/%2").arg(snapshot, file)));
    }
    qputenv("HF_HUB_CACHE", hub.toUtf8());
    auto dialog = std::make_unique<OpenModelDialog>(m_jobs, nullptr);
    QVERIFY(!m_jobs.isIdle());  // before the list is there the constructor has returned
    dialog->show();
    QVERIFY(QTest::qWaitForWindowExposed(dialog.get()));
    dialog.reset();
    QTRY_VERIFY(m_jobs.isIdle());
}

void TestAppOpenModel::windowOpensAModelOfTheCache() {
    MainWindow window;
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    QApplication::setActiveWindow(&window);
    bool asked = false;
    whenShown<OpenModelDialog>([&](OpenModelDialog& dialog) {
        asked = true;
        QTRY_VERIFY(placeOf(dialog, "rheograph/novels").x() > 0);
        click(dialog, "rheograph/novels");
        QTest::mouseDClick(dialog.list()->viewport(), Qt::LeftButton, {},
                           placeOf(dialog, "rheograph/novels"));
    });
    QTest::keyClick(&window, Qt::Key_M, Qt::ControlModifier);
    QVERIFY(asked);
    QTRY_VERIFY_WITH_TIMEOUT(window.workspace().model() != nullptr, 60000);
    QCOMPARE(window.workspace().title(), QString("rheograph/novels"));
    QVERIFY(window.windowTitle().startsWith("rheograph/novels"));
    QTRY_VERIFY_WITH_TIMEOUT(window.workspace().jobs().isIdle(), 60000);
    window.workspace().clear();
}

void TestAppOpenModel::windowOpensByName() {
    MainWindow window;
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    whenShown<OpenModelDialog>([](OpenModelDialog& dialog) {
        QVERIFY(dialog.list() == nullptr);  // it is clear which one
        QVERIFY2(dialog.detail()->text().contains("rheograph/novels"), qPrintable(dialog.detail()->text()));
        QTest::mouseClick(dialog.openButton(), Qt::LeftButton);
    });
    window.openPath("rheograph/novels");
    QTRY_VERIFY_WITH_TIMEOUT(window.workspace().model() != nullptr, 60000);
    QCOMPARE(window.workspace().modelFolder(), m_demoSnapshot);
    QTRY_VERIFY_WITH_TIMEOUT(window.workspace().jobs().isIdle(), 60000);
    window.workspace().clear();
}

void TestAppOpenModel::postNormAndParallelBlocksAreShown() {
    const auto dialog = shown();
    click(*dialog, "org/neox");
    QVERIFY2(dialog->detail()->text().contains("no point between"), qPrintable(dialog->detail()->text()));
    click(*dialog, "org/olmo2");
    QVERIFY2(dialog->detail()->text().contains("normalised first"), qPrintable(dialog->detail()->text()));
    MainWindow window;
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    const auto shownOf = [&](const char* fixture) {
        openModel(window.workspace(), fixtures + fixture + "/model", {});
        if (!QTest::qWaitFor([&] { return window.workspace().jobs().isIdle(); }, 60000)) return QString();
        QStringList texts;
        for (const auto* label : window.sourcePanel()->findChildren<QLabel*>()) texts << label->text();
        return texts.join(QLatin1Char('\n'));
    };
    QVERIFY(shownOf("gpt_neox-parallel").contains("no point between"));
    QVERIFY(!shownOf("gpt_neox-sequential").contains("no point between"));
    QVERIFY(shownOf("gemma2").contains("normalised first"));
    window.workspace().clear();
}

void TestAppOpenModel::fromAModelToAPictureWithoutAMenu() {
    const auto window = windowWithModel();
    keepPicture(*window, "a model that has read nothing");
    for (const char* offer : {"Load prompts", "shipped passages"}) {
        auto* button = buttonWith(*window, offer);
        QVERIFY2(button != nullptr && button->isVisible(), offer);
    }
    auto* type = buttonWith(*window, "Type a prompt");
    QVERIFY(type != nullptr && type->isVisible());
    QString typed;
    whenShown<QDialog>([&](QDialog& dialog) {
        QApplication::setActiveWindow(&dialog);
        auto* edit = dialog.findChild<QPlainTextEdit*>();
        QTest::keyClicks(edit, "It is a truth universally acknowledged");
        QTest::keyClick(edit, Qt::Key_Tab);
        typed = edit->toPlainText();
        QTest::keyClick(edit, Qt::Key_Return, Qt::ControlModifier);
        if (dialog.isVisible()) dialog.reject();
    });
    QTest::mouseClick(type, Qt::LeftButton);
    QCOMPARE(typed, QString("It is a truth universally acknowledged"));  // Tab moved on to the buttons
    const Workspace& workspace = window->workspace();
    QTRY_VERIFY_WITH_TIMEOUT(workspace.state()->basis && workspace.jobs().isIdle(), 30000);
    QCOMPARE(workspace.state()->rows(), 1);
    QVERIFY(window->currentView()->hasFigure() && window->currentView()->isVisible());
    QCOMPARE(window->selection().prompt(), workspace.state()->prompts.front());
    // What undo takes back is not made again.
    window->workspace().undoStack()->undo();
    QTest::qWait(200);
    QVERIFY(!workspace.state()->basis && workspace.jobs().isIdle());
    // Two clicks on the demo read its passages once.
    window->openDemo(10);
    window->openDemo(10);
    QCOMPARE(workspace.jobs().jobs().size(), 1);
    QTRY_VERIFY_WITH_TIMEOUT(workspace.jobs().isIdle(), 60000);
}

/// A control does not look like the model; of one row nobody can say by how many SDs a state was moved; the
/// theme that is on is marked.
void TestAppOpenModel::randomWeightsAreSaid() {
    MainWindow window;
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    ModelOptions options;
    options.untrainedSeed = 7;
    openModel(window.workspace(), demo, options);
    QTRY_VERIFY_WITH_TIMEOUT(window.workspace().model() != nullptr, 30000);
    QVERIFY2(window.windowTitle().contains("random weights"), qPrintable(window.windowTitle()));
    QStringList shownTexts;
    for (const auto* label : window.sourcePanel()->findChildren<QLabel*>()) shownTexts << label->text();
    QVERIFY2(shownTexts.join(' ').contains("(seed 7)"), qPrintable(shownTexts.join(' ')));

    window.workspace().prompts().add("It is a truth");
    QTRY_VERIFY_WITH_TIMEOUT(window.workspace().state()->scores && window.workspace().jobs().isIdle(), 60000);
    window.selection().selectRow(RowIndex{0});
    auto& teleport = window.teleport();
    QTRY_COMPARE_WITH_TIMEOUT(teleport.state(), TeleportModel::State::Ready, 60000);
    QVERIFY(teleport.beginDrag());
    VectorD target = teleport.naturalScores();
    target[0] += 1;
    teleport.moveTo(target);
    QVERIFY2(!teleport.status().contains("nan") && teleport.status().contains("Esc"),
             qPrintable(teleport.status()));
    teleport.endDrag();
    QTRY_VERIFY_WITH_TIMEOUT(!window.workspace().state()->teleports.empty(), 60000);
    for (const auto* label : window.findChildren<QLabel*>())
        QVERIFY2(!label->text().contains("nan SD"), qPrintable(label->text()));

    for (auto* menu : window.findChildren<QMenu*>()) {
        if (menu->title().remove('&') != "Theme") continue;
        window.setThemeChoice(ThemeChoice::Dark);
        Q_EMIT menu->aboutToShow();
        QStringList marked;
        for (const QAction* action : menu->actions())
            if (action->isChecked()) marked << action->text().remove('&');
        QCOMPARE(marked, QStringList{"Dark"});
        window.setThemeChoice(ThemeChoice::Light);
    }
    window.workspace().clear();
}

void TestAppOpenModel::closingSavesFirst() {
    QApplication::setAttribute(Qt::AA_DontUseNativeDialogs);
    const auto window = windowWithModel();
    window->workspace().prompts().add("Something to keep");
    QTRY_VERIFY_WITH_TIMEOUT(window->workspace().files().hasUnsaved(), 30000);
    // The first fit changes the document too, and begins a moment after the row is there.
    QTRY_VERIFY_WITH_TIMEOUT(window->workspace().state()->basis && window->workspace().jobs().isIdle(),
                             30000);
    QTest::qWait(200);
    QTRY_VERIFY_WITH_TIMEOUT(window->workspace().jobs().isIdle(), 30000);
    const QString file = m_dir.filePath("kept.rheo");
    QString asked;
    whenShown<QMessageBox>([&](QMessageBox& box) {
        asked = box.text();
        whenShown<QFileDialog>([&](QFileDialog& dialog) {
            auto* name = dialog.findChild<QLineEdit*>("fileNameEdit");
            name->setText(file);
            QTest::keyClick(name, Qt::Key_Return);
        });
        QTest::mouseClick(box.button(QMessageBox::Save), Qt::LeftButton);
    });
    window->close();
    QCOMPARE(asked, QString("Not saved: 1 captured row."));
    QTRY_VERIFY_WITH_TIMEOUT(!window->isVisible(), 30000);
    QVERIFY(QFile::exists(file));
}

/// Where saving before closing fails the window stays, and does not go when something is saved later.
void TestAppOpenModel::aFailedSaveKeepsTheWindow() {
    const auto window = windowWithModel();
    window->workspace().prompts().add("Something to keep");
    QTRY_VERIFY_WITH_TIMEOUT(window->workspace().state()->basis && window->workspace().jobs().isIdle(),
                             30000);
    whenShown<QMessageBox>([&](QMessageBox& box) {
        whenShown<QFileDialog>([&](QFileDialog& dialog) {
            auto* name = dialog.findChild<QLineEdit*>("fileNameEdit");
            name->setText("/proc/kept.rheo");
            QTest::keyClick(name, Qt::Key_Return);
        });
        QTest::mouseClick(box.button(QMessageBox::Save), Qt::LeftButton);
    });
    QSignalSpy failed(&window->workspace(), &Workspace::failed);
    window->close();
    QTRY_VERIFY_WITH_TIMEOUT(!failed.isEmpty(), 30000);
    QVERIFY(window->isVisible());
    QSignalSpy saved(&window->sessions(), &SessionKeeper::saved);
    window->sessions().save(m_dir.filePath("later.rheo"), Packing::Own, true);
    QTRY_VERIFY_WITH_TIMEOUT(!saved.isEmpty(), 30000);
    QTest::qWait(200);
    QVERIFY(window->isVisible());
    window->workspace().clear();
}

void TestAppOpenModel::whatCannotBeDoneIsGreyed() {
    MainWindow window;
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    QApplication::setActiveWindow(&window);
    // With nothing open what cannot be done is greyed.
    for (const QAction* action : window.findChildren<QAction*>())
        if (action->shortcut() == QKeySequence("Ctrl+Shift+S") ||
            action->shortcut() == QKeySequence("Ctrl+N"))
            QVERIFY2(!action->isEnabled() && action->statusTip().contains("open"),
                     qPrintable(action->text()));
}

RHEO_TEST(TestAppOpenModel)
#include "test_app_open_model.moc"
