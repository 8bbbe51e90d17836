// Every input of every form says in a tooltip what it does.
#include <QApplication>
#include <QCheckBox>
#include <QComboBox>
#include <QDialog>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QRadioButton>
#include <QSlider>
#include <QSpinBox>
#include <QTimer>

#include "app/animation.h"
#include "app/export_view.h"
#include "app/main_window.h"
#include "app/open_model_dialog.h"
#include "app/resource_paths.h"
#include "core/checkpoint/checkpoint.h"
#include "tests/test_main.h"
#include "widgets/views/analysis_dialog.h"
#include "widgets/views/compare_dialog.h"
#include "widgets/views/prompt_dialog.h"
#include "widgets/views/report_dialog.h"
#include "widgets/views/view.h"
#include "window_test.h"

using namespace rheo;

namespace {

bool isInput(const QWidget* widget) {
    if (widget->objectName().startsWith("qt_")) return false;  // a part of Qt's own
    if (const auto* text = qobject_cast<const QPlainTextEdit*>(widget)) return !text->isReadOnly();
    if (const auto* line = qobject_cast<const QLineEdit*>(widget))
        return !line->isReadOnly() && qobject_cast<const QComboBox*>(line->parentWidget()) == nullptr &&
               qobject_cast<const QAbstractSpinBox*>(line->parentWidget()) == nullptr;
    return qobject_cast<const QAbstractSpinBox*>(widget) != nullptr ||
           qobject_cast<const QComboBox*>(widget) != nullptr ||
           qobject_cast<const QCheckBox*>(widget) != nullptr ||
           qobject_cast<const QRadioButton*>(widget) != nullptr ||
           qobject_cast<const QSlider*>(widget) != nullptr;
}

/// Where it stands, for a person to find it.
QString placeOf(const QWidget* widget) {
    QStringList names;
    for (; widget != nullptr; widget = widget->parentWidget())
        names.prepend(QString("%1(%2)").arg(
            widget->metaObject()->className(),
            widget->accessibleName().isEmpty() ? widget->objectName() : widget->accessibleName()));
    return names.join(" > ");
}

/// Those below `form` without a tooltip; `count` grows by the inputs that there are.
QStringList silentInputs(const QWidget& form, int& count) {
    QStringList silent;
    for (const QWidget* widget : form.findChildren<QWidget*>())
        if (isInput(widget)) {
            ++count;
            if (widget->toolTip().trimmed().size() < 4) silent << placeOf(widget);
        }
    return silent;
}

/// Looks at a dialog that runs until it is closed.
QStringList silentInputsOfModal(const std::function<void()>& open, int& count) {
    QStringList silent;
    QTimer::singleShot(0, [&] {
        QWidget* dialog = QApplication::activeModalWidget();
        if (dialog == nullptr) {
            silent << "no dialog was opened";
            return;
        }
        silent = silentInputs(*dialog, count);
        dialog->close();
    });
    open();
    return silent;
}

}  // namespace

class TestAppTooltips : public QObject {
    Q_OBJECT
public:
    static void initMain() { prepareWindowTest(); }

private Q_SLOTS:
    void theWindowAndItsViews();
    void dialogs();
};

void TestAppTooltips::theWindowAndItsViews() {
    MainWindow window;
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    int count = 0;
    QCOMPARE(silentInputs(window, count).join('\n'), QString());
    QVERIFY2(count > 90, qPrintable(QString::number(count)));
    // Of the form of analyses each field, of the nulls and statistics as well.
    count = 0;
    QCOMPARE(silentInputs(*window.analysisDialog(), count).join('\n'), QString());
    QVERIFY2(count > 30, qPrintable(QString::number(count)));
}

void TestAppTooltips::dialogs() {
    JobRunner jobs;
    int count = 0;
    OpenModelDialog list(jobs, static_cast<QWidget*>(nullptr));
    QCOMPARE(silentInputs(list, count).join('\n'), QString());
    OpenModelDialog one(jobs, Checkpoint::open(demoModelFolder()), nullptr);
    QCOMPARE(silentInputs(one, count).join('\n'), QString());
    QVERIFY(count >= 11);
    MainWindow window;
    ReportDialog report(window.workspace(), {});
    count = 0;
    QCOMPARE(silentInputs(report, count).join('\n'), QString());
    QVERIFY(count >= 3);
    count = 0;
    QCOMPARE(
        silentInputsOfModal([] { askForPrompt(nullptr, "title", "explanation", "text"); }, count).join('\n'),
        QString());
    QVERIFY(count >= 1);
    count = 0;
    FigureToExport figure;
    figure.toSave = {{"results", ".results.h5", {}}};
    QCOMPARE(silentInputsOfModal([&] { (void)askForExport(nullptr, figure, false); }, count).join('\n'),
             QString());
    QVERIFY(count >= 6);
    count = 0;
    QCOMPARE(silentInputsOfModal([] { (void)askForAnimation(nullptr, true); }, count).join('\n'), QString());
    QVERIFY(count >= 5);
}

RHEO_TEST(TestAppTooltips)
#include "test_app_tooltips.moc"
