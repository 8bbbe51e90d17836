// The routing of a mixture of experts in the window: computed for the prompts, drawn for the selected one,
// and made again by the copied command.
#include <QFile>
#include <QJsonDocument>
#include <QJsonObject>
#include <QLabel>
#include <QPushButton>
#include <QTemporaryDir>

#include "app/main_window.h"
#include "keep_picture.h"
#include "tests/test_main.h"
#include "widgets/viewmodels/open_document.h"
#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/viewmodels/selection.h"
#include "widgets/views/figure_widget.h"
#include "widgets/views/routing_view.h"
#include "window_test.h"

using namespace rheo;

namespace {

constexpr int wait = 60000;

}  // namespace

class TestAppRouting : public QObject {
    Q_OBJECT
public:
    static void initMain() { prepareWindowTest(); }

private Q_SLOTS:
    void routersAreShown();

private:
    static RoutingView* viewOf(const MainWindow& window) {
        for (View* view : window.views())
            if (auto* found = qobject_cast<RoutingView*>(view)) return found;
        return nullptr;
    }
};

void TestAppRouting::routersAreShown() {
    // A small mixture with random weights, which reads texts with the demo's tokenizer.
    QTemporaryDir dir;
    QFile from(RHEO_FIXTURES "/models/qwen2_moe/model/config.json");
    QVERIFY(from.open(QIODevice::ReadOnly));
    QJsonObject config = QJsonDocument::fromJson(from.readAll()).object();
    config["vocab_size"] = 4096;
    config["num_hidden_layers"] = 8;
    QFile to(dir.filePath("config.json"));
    QVERIFY(to.open(QIODevice::WriteOnly));
    to.write(QJsonDocument(config).toJson());
    to.close();
    QVERIFY(QFile::copy(RHEO_RESOURCES "/demo-model/tokenizer.json", dir.filePath("tokenizer.json")));

    MainWindow window;
    window.setThemeChoice(ThemeChoice::Light);
    window.resize(1280, 800);
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    window.openDemo();
    QTRY_VERIFY_WITH_TIMEOUT(window.workspace().model() && window.workspace().jobs().isIdle(), wait);
    RoutingView* view = viewOf(window);
    QVERIFY(view != nullptr);
    window.showView(view);
    QVERIFY2(view->explanation()->text().contains("no router"), qPrintable(view->explanation()->text()));
    QVERIFY(!view->startButton()->isEnabled());

    openModel(window.workspace(), dir.path(), {.untrainedSeed = 3});
    QTRY_VERIFY_WITH_TIMEOUT(window.workspace().model() &&
                                 window.workspace().model()->model->config().experts &&
                                 window.workspace().jobs().isIdle(),
                             wait);
    QVERIFY(view->explanation()->text().contains("Add a prompt"));
    for (const char* text : {"It was the best of times, it was the worst of times", "Call me Ishmael"})
        window.workspace().prompts().add(text);
    QTRY_VERIFY_WITH_TIMEOUT(window.workspace().state()->rows() == 2 && window.workspace().jobs().isIdle(),
                             wait);
    window.showView(view);
    QTest::mouseClick(view->startButton(), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(view->routing() && window.workspace().jobs().isIdle(), wait);
    const RoutingFile& file = *view->routing();
    QVERIFY((file.routing.blocks == std::vector<std::int32_t>{0, 2, 3, 4, 5, 6, 7}));
    const auto second = window.workspace().prompts().at(1).id;
    const auto tokens = window.workspace().prompts().sampleOf(second).tokenIds;
    QCOMPARE(std::count(file.prompts.begin(), file.prompts.end(), 1), std::ssize(tokens));
    QVERIFY(std::equal(tokens.begin(), tokens.end(), file.ids.end() - std::ssize(tokens)));
    const auto heights = [&] {
        return std::get<HeatmapPlot>(view->figureWidget()->figure()->panels.front().plot).values.rows();
    };
    window.selection().selectPrompt(window.workspace().prompts().at(0).id);
    QVERIFY(heights() > std::ssize(tokens));
    keepPicture(window, "routing");
    window.selection().selectPrompt(second);
    QCOMPARE(heights(), std::ssize(tokens));
    QVERIFY(view->command().contains("rheo routing") && view->command().contains("--prompt 1"));
    QVERIFY(view->ownFile().has_value());
    // Nothing stays of a model that is closed.
    window.openDemo();
    QTRY_VERIFY_WITH_TIMEOUT(window.workspace().jobs().isIdle() && !view->routing(), wait);
}

RHEO_TEST(TestAppRouting)
#include "test_app_routing.moc"
