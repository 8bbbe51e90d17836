// A monkey at the window: clicks, drags, wheels, keys, menus and dialogs at random, by seed. Nothing may
// crash, item models keep their rules, and undoing everything brings the document back as it was. Short here;
// RHEO_MONKEY_SEEDS=10 RHEO_MONKEY_SECONDS=60 makes it thorough.
#include <QAbstractItemModelTester>
#include <QAbstractItemView>
#include <QAction>
#include <QApplication>
#include <QDialog>
#include <QDrag>
#include <QElapsedTimer>
#include <QMenu>
#include <QMenuBar>
#include <QPointer>
#include <QPushButton>
#include <QTimer>
#include <QUndoStack>
#include <QWheelEvent>
#include <memory>
#include <random>

#include "app/main_window.h"
#include "event_loop_watch.h"
#include "tests/test_main.h"
#include "widgets/viewmodels/workspace.h"
#include "widgets/views/trajectory_view.h"
#include "window_test.h"

using namespace rheo;

namespace {

/// All of the document that undo brings back.
QStringList contentOf(const DocumentState& state) {
    QStringList lines;
    lines << QStringLiteral("%1 rows").arg(state.rows());
    for (std::int64_t row = 0; row < state.rows(); ++row) {
        const TokenPlace place = placeOf(state, RowIndex{row});
        lines << QStringLiteral("row %1: prompt %2, token %3")
                     .arg(row)
                     .arg(place.prompt.value())
                     .arg(place.position);
    }
    double sum = 0;
    if (state.scores)
        for (const float score : state.scores->data) sum += static_cast<double>(score);
    lines << QStringLiteral("scores %1").arg(sum, 0, 'g', 17);
    for (const auto& teleport : state.teleports)
        lines
            << QStringLiteral("teleport %1 %2").arg(teleport->id).arg(QString::fromStdString(teleport->name));
    for (const NamedRows& named : state.named) lines << QString::fromStdString(named.name);
    lines << QStringLiteral("%1 edits").arg(state.intervention ? state.intervention->edits.size() : 0);
    return lines;
}

class Monkey {
public:
    Monkey(MainWindow& window, unsigned seed, EventLoopWatch& watch)
        : m_window(window), m_random(seed), m_watch(watch) {
        // What opens goes again: half of the time after a key or a button in it. A text that is dragged away
        // waits for a button of the mouse that nobody holds.
        QObject::connect(&m_closer, &QTimer::timeout, [this] {
            QDrag::cancel();
            close();
        });
        m_closer.start(60);
    }

    void act() {
        using Act = void (Monkey::*)();
        static constexpr Act acts[] = {&Monkey::click,   &Monkey::click, &Monkey::click, &Monkey::drag,
                                       &Monkey::wheel,   &Monkey::key,   &Monkey::key,   &Monkey::trigger,
                                       &Monkey::trigger, &Monkey::undo};
        (this->*acts[below(std::size(acts))])();
    }
    const QString& last() const { return m_last; }

private:
    std::size_t below(std::size_t n) {
        return std::uniform_int_distribution<std::size_t>(0, n - 1)(m_random);
    }
    template <class T>
    T oneOf(const QList<T>& list) {
        return list[static_cast<qsizetype>(below(static_cast<std::size_t>(list.size())))];
    }
    QWidget* anyWidget() {
        QList<QWidget*> shown;
        for (QWidget* widget : m_window.findChildren<QWidget*>())
            if (widget->isVisible() && widget->isEnabled() && widget->window() == &m_window &&
                qobject_cast<QMenuBar*>(widget) == nullptr && !widget->rect().isEmpty())
                shown << widget;
        return shown.isEmpty() ? nullptr : oneOf(shown);
    }
    QPoint placeIn(const QWidget& widget) {
        return {static_cast<int>(below(static_cast<std::size_t>(widget.width()))),
                static_cast<int>(below(static_cast<std::size_t>(widget.height())))};
    }
    Qt::KeyboardModifiers modifiers() {
        static const QList<Qt::KeyboardModifiers> some = {Qt::NoModifier, Qt::NoModifier, Qt::NoModifier,
                                                          Qt::ShiftModifier, Qt::ControlModifier};
        return oneOf(some);
    }
    /// To be said before it is done: the watch counts its time under this name.
    void say(const QString& what) {
        m_last = what;
        m_watch.setStep(what);
        if (m_talks) qInfo("%s", qPrintable(what));
    }
    void say(const char* what, const QObject* on) {
        say(QStringLiteral("%1 %2 %3").arg(what, on->metaObject()->className(), on->objectName()));
    }

    void click() {
        QWidget* widget = anyWidget();
        if (widget == nullptr) return;
        say("click", widget);
        const auto button = below(8) == 0 ? Qt::RightButton : Qt::LeftButton;
        const QPoint at = placeIn(*widget);
        below(6) == 0 ? QTest::mouseDClick(widget, button, modifiers(), at)
                      : QTest::mouseClick(widget, button, modifiers(), at);
    }
    void drag() {
        // What is dragged may go meanwhile: a tab whose window is closed.
        const QPointer<QWidget> widget =
            below(2) == 0 ? anyWidget() : m_window.findChild<TrajectoryCanvas*>();
        if (widget == nullptr || !widget->isVisible()) return;
        say("drag", widget);
        QTest::mousePress(widget, Qt::LeftButton, modifiers(), placeIn(*widget));
        for (int i = 0; i < 4; ++i) {
            // QTest::mouseMove holds no button.
            const QPointF at = placeIn(*widget);
            QMouseEvent move(QEvent::MouseMove, at, widget->mapToGlobal(at), Qt::NoButton, Qt::LeftButton,
                             {});
            QApplication::sendEvent(widget, &move);
            QTest::qWait(5);
            if (widget == nullptr) return;
        }
        QTest::mouseRelease(widget, Qt::LeftButton, {}, placeIn(*widget));
    }
    void wheel() {
        QWidget* widget = anyWidget();
        if (widget == nullptr) return;
        say("wheel", widget);
        const QPointF at = placeIn(*widget);
        QWheelEvent event(at, widget->mapToGlobal(at), {}, {0, below(2) == 0 ? 120 : -120}, Qt::NoButton,
                          modifiers(), Qt::NoScrollPhase, false);
        QApplication::sendEvent(widget, &event);
    }
    void key() {
        static const QList<Qt::Key> keys = {
            Qt::Key_X,    Qt::Key_Y,      Qt::Key_Z,      Qt::Key_S,     Qt::Key_F,      Qt::Key_A,
            Qt::Key_Left, Qt::Key_Right,  Qt::Key_Up,     Qt::Key_Down,  Qt::Key_PageUp, Qt::Key_PageDown,
            Qt::Key_Home, Qt::Key_Escape, Qt::Key_Return, Qt::Key_Space, Qt::Key_Tab,    Qt::Key_Comma,
            Qt::Key_Plus, Qt::Key_Minus,  Qt::Key_Delete, Qt::Key_F2,    Qt::Key_5,      Qt::Key_Period};
        QWidget* widget = QApplication::focusWidget();
        if (widget == nullptr || widget->window() != &m_window) widget = &m_window;
        say("key", widget);
        QTest::keyClick(widget, oneOf(keys), modifiers());
    }
    void trigger() {
        // Documents stay what they are, and programs elsewhere are not started.
        static const QStringList forbidden = {"quit", "close",      "open",   "demo",
                                              "tour", "new window", "website"};
        QList<QAction*> actions;
        for (QAction* action : m_window.findChildren<QAction*>()) {
            const QString text = action->text().remove('&').toLower();
            if (!action->isEnabled() || action->isSeparator() || action->menu() != nullptr) continue;
            if (std::any_of(forbidden.begin(), forbidden.end(),
                            [&](const QString& word) { return text.contains(word); }))
                continue;
            actions << action;
        }
        if (actions.isEmpty()) return;
        QAction* action = oneOf(actions);
        say("trigger " + action->text());
        action->trigger();
    }
    void undo() {
        auto* stack = m_window.workspace().undoStack();
        const bool back = below(2) == 0;
        say(back ? "undo " + stack->undoText() : "redo " + stack->redoText());
        back ? stack->undo() : stack->redo();
    }

    void close() {
        if (QWidget* popup = QApplication::activePopupWidget()) {
            popup->close();
            return;
        }
        QWidget* modal = QApplication::activeModalWidget();
        if (modal == nullptr) {
            // Dialogs that leave the window usable.
            for (QWidget* top : QApplication::topLevelWidgets())
                if (qobject_cast<QDialog*>(top) && top->isVisible() && below(4) == 0) top->close();
            return;
        }
        auto* dialog = qobject_cast<QDialog*>(modal);
        if (below(2) == 0) {
            QTest::keyClick(modal, Qt::Key_Tab);
            return;
        }
        dialog != nullptr ? dialog->reject() : static_cast<void>(modal->close());
    }

    MainWindow& m_window;
    std::mt19937 m_random;
    EventLoopWatch& m_watch;
    const bool m_talks = qEnvironmentVariableIsSet("RHEO_MONKEY_TALKS");
    QTimer m_closer;
    QString m_last;
};

int setting(const char* name, int otherwise) {
    bool given = false;
    const int value = qEnvironmentVariableIntValue(name, &given);
    return given ? value : otherwise;
}

}  // namespace

class TestAppMonkey : public QObject {
    Q_OBJECT
public:
    static void initMain() {
        QApplication::setAttribute(Qt::AA_DontUseNativeDialogs);
        prepareWindowTest();
    }

private Q_SLOTS:
    void nothingBreaks_data();
    void nothingBreaks();
};

void TestAppMonkey::nothingBreaks_data() {
    QTest::addColumn<unsigned>("seed");
    for (int seed = 1; seed <= setting("RHEO_MONKEY_SEEDS", 1); ++seed)
        QTest::newRow(qPrintable(QStringLiteral("seed %1").arg(seed))) << static_cast<unsigned>(seed);
}

void TestAppMonkey::nothingBreaks() {
    QFETCH(unsigned, seed);
    MainWindow window;
    window.resize(1280, 800);
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    window.openDemo(20);
    Workspace& workspace = window.workspace();
    const auto idle = [&] { return workspace.jobs().isIdle(); };
    QTRY_VERIFY_WITH_TIMEOUT(workspace.model() && workspace.state()->scores && idle(), 120000);
    const QStringList before = contentOf(*workspace.state());

    QList<QAbstractItemModel*> models = window.findChildren<QAbstractItemModel*>();
    for (const auto* view : window.findChildren<QAbstractItemView*>())
        if (view->model() != nullptr && !models.contains(view->model())) models << view->model();
    std::vector<std::unique_ptr<QAbstractItemModelTester>> testers;
    for (QAbstractItemModel* model : models)
        testers.push_back(std::make_unique<QAbstractItemModelTester>(
            model, QAbstractItemModelTester::FailureReportingMode::QtTest));
    QVERIFY(testers.size() >= 5);

    int acts = 0;
    {
        EventLoopWatch watch;
        Monkey monkey(window, seed, watch);
        QElapsedTimer timer;
        for (timer.start(); timer.elapsed() < 1000 * setting("RHEO_MONKEY_SECONDS", 5); ++acts) {
            monkey.act();
            QTest::qWait(10);
            if (QTest::currentTestFailed()) qWarning("after: %s", qPrintable(monkey.last()));
            if (!window.isVisible()) QFAIL(qPrintable("the window is gone after: " + monkey.last()));
        }
        qInfo("%d acts, %zu models; the longest step took %.0f ms: %s", acts, testers.size(),
              1000 * watch.worst(), qPrintable(watch.worstStep()));
        // What plays or turns goes on asking for more.
        const auto atRest = [&] {
            workspace.jobs().cancelAll();
            return idle() && QApplication::activeModalWidget() == nullptr;
        };
        for (timer.restart(); !atRest() && timer.elapsed() < 60000;) QTest::qWait(20);
        QStringList left;
        for (const JobInfo& job : workspace.jobs().jobs()) left << job.title;
        if (const QWidget* modal = QApplication::activeModalWidget()) left << modal->windowTitle();
        QVERIFY2(atRest(), qPrintable(left.join(", ")));
    }
    QVERIFY(acts > 20);
    // The limit of the stack was not reached in this time, so its first step is the first there was.
    auto* stack = workspace.undoStack();
    const int steps = stack->index();
    while (stack->canUndo()) stack->undo();
    qInfo("%d steps undone", steps);
    if (steps < stack->undoLimit()) QCOMPARE(contentOf(*workspace.state()), before);
}

RHEO_TEST(TestAppMonkey)
#include "test_app_monkey.moc"
