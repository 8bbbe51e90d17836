// The laboratory as a person uses it, on the demo: a handle snaps to another row, a cell of the patch map
// becomes an edit, a slider steers, directions come from a file, the model writes with and without the edits.
// Each outcome is compared with the core function that computes it. Real model, real events, a real (virtual)
// display.
#include <QApplication>
#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFileDialog>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QPushButton>
#include <QSlider>
#include <QSpinBox>
#include <QStyleOptionSlider>
#include <QTableView>
#include <QTemporaryDir>
#include <QTextBrowser>
#include <QTimer>
#include <cmath>

#include "app/export_actions.h"
#include "app/main_window.h"
#include "core/dynamics/directions.h"
#include "core/dynamics/patch_map.h"
#include "core/results/vector_file.h"
#include "core/session/direction_sources.h"
#include "core/session/recipe_figure.h"
#include "keep_picture.h"
#include "tests/test_main.h"
#include "widgets/viewmodels/edit_sources.h"
#include "widgets/viewmodels/equivalent_command.h"
#include "widgets/viewmodels/fit_rows.h"
#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/views/attribution_view.h"
#include "widgets/views/banner.h"
#include "widgets/views/figure_widget.h"
#include "widgets/views/flow_view.h"
#include "widgets/views/laboratory_panel.h"
#include "widgets/views/patch_map_view.h"
#include "widgets/views/path_options.h"
#include "widgets/views/response_view.h"
#include "widgets/views/teleport_panel.h"
#include "widgets/views/trajectory_view.h"
#include "widgets/views/writing_view.h"
#include "window_test.h"

using namespace rheo;

namespace {
constexpr int wait = 20000;
}

class TestAppLabWindow : public QObject {
    Q_OBJECT
public:
    static void initMain() { prepareWindowTest(); }

private Q_SLOTS:
    void initTestCase();
    void cleanupTestCase();
    void theHandleSnapsToAnotherRow();
    void aDirectionComesFromAFile();
    void theSliderSteers();
    void directionsBecomeAxes();
    void aDirectionColoursTheTrajectories();
    void aProbeTellsTwoGroupsApart();
    void aCellOfThePatchMapBecomesAnEdit();
    void aPatchMapAlongTheAxes();
    void theAttributionFollowsTheEdits();
    void aFlowIsComputed();
    void theDepthSliderMovesBetweenFlows();
    void aResponseIsComputed();
    void aLineLeadsToAnotherPrompt();
    void theModelWritesWithTheEdits();
    void writingStops();
    void figuresAreMadeAgainFromTheirRecipes();
    void undoTakesEverythingBack();
    void nothingStaysOfAModelThatIsClosed();

private:
    template <class T>
    T* view() const {
        for (View* view : m_window->views())
            if (auto* found = qobject_cast<T*>(view)) return found;
        return nullptr;
    }
    TrajectoryCanvas* canvas() const { return view<TrajectoryView>()->canvas(); }
    Laboratory& laboratory() const { return m_window->laboratory(); }
    LaboratoryPanel* panel() const { return m_window->laboratoryPanel(); }
    const LoadedModel& loaded() const { return *m_window->workspace().model(); }
    bool settled() const { return m_window->workspace().jobs().isIdle(); }
    QString path(const QString& name) const { return m_dir.filePath(name); }
    /// Of the token after the prompt that the laboratory runs, by the core function.
    IntervenedPath direct() const {
        Progress progress;
        const auto context = loaded().model->prepare(laboratory().sample().tokenIds, progress);
        return intervenedPath(*loaded().model, *context, laboratory().intervention(), progress);
    }

    QTemporaryDir m_dir;
    std::unique_ptr<MainWindow> m_window;
};

void TestAppLabWindow::initTestCase() {
    m_window = std::make_unique<MainWindow>();
    m_window->setThemeChoice(ThemeChoice::Light);
    m_window->resize(1280, 800);
    m_window->show();
    QVERIFY(QTest::qWaitForWindowExposed(m_window.get()));
    QApplication::setActiveWindow(m_window.get());
    m_window->openDemo();
    QTRY_COMPARE_WITH_TIMEOUT(m_window->teleport().state(), TeleportModel::State::Ready, wait);
    QTRY_VERIFY_WITH_TIMEOUT(settled() && canvas()->frames() > 1, wait);
    QTest::keyClick(m_window.get(), Qt::Key_L, Qt::ControlModifier);
    QVERIFY(panel()->isVisible());
}

void TestAppLabWindow::cleanupTestCase() {
    m_window.reset();
}

void TestAppLabWindow::theHandleSnapsToAnotherRow() {
    auto& teleport = m_window->teleport();
    const VectorF natural = teleport.naturalState();
    const QPoint handle =
        canvas()->placeOf({teleport.target()[0], teleport.target()[1], teleport.target()[2]}).toPoint();
    QTest::mousePress(canvas(), Qt::LeftButton, {}, handle);
    QVERIFY(canvas()->isDragging());
    for (int i = 1; i <= 5; ++i) {
        const QPointF at = handle + QPoint(-8 * i, -4 * i);
        QMouseEvent move(QEvent::MouseMove, at, canvas()->mapToGlobal(at), Qt::NoButton, Qt::LeftButton, {});
        QApplication::sendEvent(canvas(), &move);
        QTest::qWait(30);
    }
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->heldFacts().nearest().empty() && settled(), wait);
    const RowIndex row = m_window->heldFacts().nearest().front().row;
    keepPicture(*m_window, "ring of the nearest row");
    QTest::keyClick(canvas(), Qt::Key_S);
    QTRY_COMPARE_WITH_TIMEOUT(teleport.state(), TeleportModel::State::Ready, wait);
    QTest::mouseRelease(canvas(), Qt::LeftButton, {}, handle + QPoint(-40, -20));
    QCOMPARE(teleport.mode(), TeleportMode::State);
    // The state of that row, bit for bit.
    const auto state = m_window->workspace().state();
    const auto snapped = state->teleports.back()->result.request;
    QVERIFY(snapped.mode == TeleportMode::State);
    QVERIFY(snapped.state == m_window->heldFacts().stateOf(row) || snapped.state.size() == natural.size());
    Array3F block(1, state->trace->points(), state->trace->units());
    state->trace->readRows(row, 1, block.data.data());
    const Eigen::Map<const VectorF> captured(block.at(0, teleport.point().value()), natural.size());
    QCOMPARE(VectorF(captured), snapped.state);
    // Half of the way, with the slider.
    QSlider* mix = m_window->teleportPanel()->mixSlider();
    mix->setValue(mix->maximum() / 2);
    QTRY_COMPARE_WITH_TIMEOUT(teleport.state(), TeleportModel::State::Ready, wait);
    const VectorF half = m_window->workspace().state()->teleports.back()->result.request.state;
    QVERIFY((half - (natural + 0.5F * (captured - natural))).norm() <= 1e-5F * captured.norm());
    teleport.showNatural();
    QVERIFY(!teleport.isSnapped());
}

void TestAppLabWindow::aDirectionComesFromAFile() {
    NamedVector vector;
    vector.name = "she";
    vector.values = logitDirection(*loaded().model, loaded().tokenizer->encode(" she", false).front());
    writeVectors(path("she.safetensors").toStdString(), {vector}, loaded().model->identity(),
                 IfExists::Refuse);
    QTimer::singleShot(200, m_window.get(), [this] {
        auto* dialog = qobject_cast<QFileDialog*>(QApplication::activeModalWidget());
        if (dialog == nullptr) return;
        dialog->setDirectory(m_dir.path());
        dialog->findChild<QLineEdit*>()->setText(path("she.safetensors"));
        QMetaObject::invokeMethod(dialog, "accept");
    });
    Q_EMIT panel()->addMenu()->aboutToShow();
    for (QAction* action : panel()->addMenu()->actions())
        if (action->text().startsWith("Vectors")) action->trigger();
    QApplication::setActiveWindow(m_window.get());
    QTRY_COMPARE_WITH_TIMEOUT(laboratory().edits().size(), std::size_t(1), wait);
    const Edit& edit = laboratory().edits().front();
    QCOMPARE(edit.name, std::string("she"));
    QCOMPARE(edit.vector, vector.values);
    QCOMPARE(edit.operation, std::string("add"));
    // A vector of another width is refused by name, and nothing changes.
    vector.values = VectorF::Ones(7);
    vector.name = "narrow";
    writeVectors(path("narrow.npy").toStdString(), {vector}, {}, IfExists::Refuse);
    QSignalSpy failed(&m_window->workspace(), &Workspace::failed);
    addVectorsOfFile(m_window->workspace(), m_window->selection(), laboratory(), path("narrow.npy"), {});
    QTRY_COMPARE_WITH_TIMEOUT(failed.count(), 1, wait);
    const auto failure = failed[0][1].value<Failure>();
    QVERIFY2(failure.message.contains("narrow.npy") && failure.message.contains("7"),
             qPrintable(failure.message));
    QCOMPARE(laboratory().edits().size(), std::size_t(1));
}

void TestAppLabWindow::theSliderSteers() {
    panel()->table()->setCurrentIndex(panel()->table()->model()->index(0, 0));
    QTRY_VERIFY_WITH_TIMEOUT(laboratory().path() && settled(), wait);
    QCOMPARE(laboratory().kl(), direct().kl);
    const int steps = m_window->workspace().undoStack()->count();
    QSlider* slider = panel()->strengthSlider();
    QStyleOptionSlider option;
    option.initFrom(slider);
    option.minimum = slider->minimum();
    option.maximum = slider->maximum();
    option.sliderPosition = slider->value();
    const QPoint from =
        slider->style()->subControlRect(QStyle::CC_Slider, &option, QStyle::SC_SliderHandle, slider).center();
    QTest::mousePress(slider, Qt::LeftButton, {}, from);
    QVERIFY(slider->isSliderDown());
    double before = laboratory().edits()[0].strength;
    for (int i = 1; i <= 4; ++i) {
        const QPointF at = from + QPoint(6 * i, 0);
        QMouseEvent move(QEvent::MouseMove, at, slider->mapToGlobal(at), Qt::NoButton, Qt::LeftButton, {});
        QApplication::sendEvent(slider, &move);
        QTest::qWait(40);
        QVERIFY(laboratory().edits()[0].strength > before);
        before = laboratory().edits()[0].strength;
    }
    QCOMPARE(m_window->workspace().undoStack()->count(), steps);  // one step, when it is let go
    QTest::mouseRelease(slider, Qt::LeftButton, {}, from + QPoint(24, 0));
    QCOMPARE(m_window->workspace().undoStack()->count(), steps + 1);
    QCOMPARE(m_window->workspace().state()->intervention->edits[0].strength, before);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
    QCOMPARE(laboratory().kl(), direct().kl);
    QVERIFY(laboratory().overlay().has_value());
    QCOMPARE(laboratory().nextTokens(1).front().text, QString(" she"));
    keepPicture(*m_window, "laboratory");
    // Strength 0 changes nothing, bit for bit.
    panel()->strengthBox()->setValue(0);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
    QCOMPARE(laboratory().kl(), 0.0);
    QCOMPARE(laboratory().path()->natural.data, laboratory().path()->intervened.data);
    m_window->workspace().undoStack()->undo();
    QCOMPARE(laboratory().edits()[0].strength, before);
    // Off and on by its mark.
    panel()->table()->model()->setData(panel()->table()->model()->index(0, 0), Qt::Unchecked,
                                       Qt::CheckStateRole);
    QVERIFY(!laboratory().hasEditsOn());
    QVERIFY(laboratory().trouble().contains("off"));
    m_window->workspace().undoStack()->undo();
    QVERIFY(laboratory().hasEditsOn());
    QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
}

/// The first axis is the direction itself; dragging along it adds it.
void TestAppLabWindow::directionsBecomeAxes() {
    const auto before = m_window->workspace().state()->basis;
    useAxes(m_window->workspace(), {{"she", laboratory().edits()[0].vector}}, AxesFrame::Orthonormal);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->workspace().state()->basis != before && settled(), wait);
    const auto basis = m_window->workspace().state()->basis;
    const VectorD direction = laboratory().edits()[0].vector.cast<double>().normalized();
    QVERIFY(std::abs(basis->components.row(0).dot(direction)) > 1 - 1e-9);
    QCOMPARE(basis->components.rows(), Eigen::Index(3));
    const auto& plot = std::get<Plot3D>(canvas()->figure()->panels[0].plot);
    QVERIFY2(plot.axes[0].title.starts_with("she"), plot.axes[0].title.c_str());
    QVERIFY(commandOf(m_window->workspace()).isEmpty());  // no file holds these axes
    // Each says what it means: name, share of the variance, nearest tokens.
    QVERIFY2(plot.axes[0].title.find("% of variance") != std::string::npos, plot.axes[0].title.c_str());
    QVERIFY2(basis->toward.at(0).starts_with("' she'"), basis->toward.at(0).c_str());
    QVERIFY(canvas()->figure()->note.find("she: toward ' she'") != std::string::npos);
    const QString said = panel()->axesText()->text();
    QVERIFY2(panel()->axesText()->isVisible() && said.contains("she") && said.contains("% of the variance") &&
                 said.contains("toward ' she'"),
             qPrintable(said));
    QCOMPARE(view<TrajectoryView>()->pathOptions()->axis(0)->itemText(0), QString("she"));
    keepPicture(*m_window, "axes");
    m_window->workspace().undoStack()->undo();
    QCOMPARE(m_window->workspace().state()->basis, before);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
    QVERIFY(!panel()->axesText()->isVisible());
}

/// Each state has the colour of its score, on a scale with the name of the direction.
void TestAppLabWindow::aDirectionColoursTheTrajectories() {
    auto* list = view<TrajectoryView>()->colorList();
    const auto plot = [&]() -> const Plot3D& { return std::get<Plot3D>(canvas()->figure()->panels[0].plot); };
    // Typed letters would be a new search wherever drawing took long in between.
    list->setCurrentIndex(list->findText("Score along PC4"));
    QCOMPARE(list->currentText(), QString("Score along PC4"));
    QCOMPARE(plot().colorScale->title, std::string("Score along PC4"));
    const auto state = m_window->workspace().state();
    const auto row = static_cast<std::int64_t>(plot().lines[0].tags[0]);
    QCOMPARE(plot().lines[0].values[2], state->scores->at(row, 2)[3]);
    // A vector of an edit: the states themselves are read.
    list->setCurrentIndex(list->findText("Score along the vector of “she”"));
    QTRY_VERIFY_WITH_TIMEOUT(settled() && !plot().lines[0].values.empty(), wait);
    QCOMPARE(plot().colorScale->title, std::string("Score along she"));
    Array3F block(1, state->trace->points(), state->trace->units());
    state->trace->readRows(RowIndex{row}, 1, block.data.data());
    const VectorD h = Eigen::Map<const VectorF>(block.at(0, 2), block.n2).cast<double>();
    const double expected =
        laboratory().edits()[0].vector.cast<double>().normalized().dot(h - state->basis->mean);
    QVERIFY(std::abs(plot().lines[0].values[2] - expected) < 1e-5 * h.norm());
    keepPicture(*m_window, "colour of a direction");
    QVERIFY(view<TrajectoryView>()->recipe().options.find("\"color_by\":\"direction\"") != std::string::npos);
    list->setCurrentIndex(0);
}

/// The direction of the core function, with its accuracy in the name.
void TestAppLabWindow::aProbeTellsTwoGroupsApart() {
    auto& selection = m_window->selection();
    const auto state = m_window->workspace().state();
    const QList<qint64> before = selection.rows();
    QList<qint64> plus;
    std::vector<std::int64_t> chosen, others;
    for (qint64 n = 0; n < state->rows(); ++n) {
        if (n % 2 == 0) plus << n;
        (n % 2 == 0 ? chosen : others).push_back(n);
    }
    selection.selectRows(plus);
    const std::size_t edits = laboratory().edits().size();
    QTimer::singleShot(200, m_window.get(), [] {
        auto* dialog = qobject_cast<QDialog*>(QApplication::activeModalWidget());
        if (dialog == nullptr) return;
        for (const auto& [name, text] :
             {std::pair{"plus", "the selected rows"}, std::pair{"minus", "the rows that are not selected"}}) {
            auto* groups = dialog->findChild<QComboBox*>(name);
            for (int i = 0; i < groups->count(); ++i)
                if (groups->itemText(i).startsWith(text)) groups->setCurrentIndex(i);
        }
        QTest::keyClick(dialog, Qt::Key_Return);
    });
    Q_EMIT panel()->addMenu()->aboutToShow();
    for (QAction* action : panel()->addMenu()->actions())
        if (action->text().startsWith("A linear probe")) action->trigger();
    QApplication::setActiveWindow(m_window.get());
    QTRY_COMPARE_WITH_TIMEOUT(laboratory().edits().size(), edits + 1, wait);
    Progress progress;
    const ProbeResult expected =
        linearProbe(groupsOfRows(*state->trace, chosen, others, selection.point()), {}, progress);
    const Edit& edit = laboratory().edits().back();
    QVERIFY((edit.vector.cast<double>() - expected.direction).norm() < 1e-5 * expected.direction.norm());
    QVERIFY2(edit.name.find(QString::number(expected.accuracy, 'f', 2).toStdString()) != std::string::npos,
             edit.name.c_str());
    keepPicture(*m_window, "probe");
    m_window->workspace().undoStack()->undo();
    QCOMPARE(laboratory().edits().size(), edits);
    before.isEmpty() ? selection.keepFollowed() : selection.selectRows(before);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
}

void TestAppLabWindow::aCellOfThePatchMapBecomesAnEdit() {
    auto* map = view<PatchMapView>();
    m_window->showView(map);
    QVERIFY(!map->hasFigure());
    map->cleanPrompt()->setEditText("She was a good woman, said");
    map->corruptedPrompt()->setEditText("He was a good man, said");
    map->answerToken()->setText(" she");
    map->foilToken()->setText(" he");
    QTest::mouseClick(map->startButton(), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(map->map() && settled(), wait);
    QVERIFY(map->hasFigure());
    keepPicture(*m_window, "patch map");
    const PatchMap& made = map->map()->map;
    // 1 at the last token of the final point, 0 in the shared prefix.
    QVERIFY(std::abs(made.normalized(made.normalized.rows() - 1, made.normalized.cols() - 1) - 1) < 1e-6);
    QCOMPARE(made.normalized(0, 10), 0.0);
    // A click in the cell of token 1 at point 10.
    const auto& widget = *map->figureWidget();
    m_window->banner()->hide();
    const std::size_t edits = laboratory().edits().size();
    const auto row = static_cast<double>(made.effect.rows()) - 2;  // token 1, from below
    const QPointF at = *widget.painter().placeOf({0, 10, row});
    QTest::mouseClick(map->figureWidget(), Qt::LeftButton, {}, at.toPoint());
    QTRY_COMPARE_WITH_TIMEOUT(laboratory().edits().size(), edits + 1, wait);
    const Edit patch = laboratory().edits().back();
    QCOMPARE(patch.operation, std::string("set"));
    QCOMPARE(patch.tokens.positions, std::vector<std::int32_t>{1});
    QCOMPARE(pointName(patch.point), pointName(map->map()->points[10]));
    // The other edit off: the outcome is that of the cell.
    panel()->table()->model()->setData(panel()->table()->model()->index(0, 0), Qt::Unchecked,
                                       Qt::CheckStateRole);
    QTRY_VERIFY_WITH_TIMEOUT(laboratory().path() && settled(), wait);
    const VectorF& logits = laboratory().path()->logitsIntervened;
    const double outcome = double(logits[made.request.answer]) - double(logits[made.request.foil]);
    QVERIFY2(std::abs(outcome - made.effect(1, 10)) < 1e-4,
             qPrintable(QString("%1 and %2").arg(outcome).arg(made.effect(1, 10))));
    // Another cell takes its place.
    const QPointF other = *widget.painter().placeOf({0, 20, row});
    QTest::mouseClick(map->figureWidget(), Qt::LeftButton, {}, other.toPoint());
    const QString point = QString::fromStdString(pointName(map->map()->points[20]));
    QTRY_COMPARE_WITH_TIMEOUT(QString::fromStdString(pointName(laboratory().edits().back().point)), point,
                              wait);
    QCOMPARE(laboratory().edits().size(), edits + 1);
    QVERIFY(map->command().contains("rheo patch") && map->command().contains("--answer ' she'"));
}

void TestAppLabWindow::aPatchMapAlongTheAxes() {
    auto* map = view<PatchMapView>();
    m_window->showView(map);
    QVERIFY(!map->alongAxes()->isVisible());  // principal components are no directions of one's own
    const MatrixD whole = map->map()->map.effect;
    auto* stack = m_window->workspace().undoStack();
    const int before = stack->index();
    useAxes(m_window->workspace(), {{"she", laboratory().edits()[0].vector}}, AxesFrame::Orthonormal);
    QTRY_VERIFY_WITH_TIMEOUT(map->alongAxes()->isVisible() && settled(), wait);
    QTest::mouseClick(map->alongAxes(), Qt::LeftButton, {}, QPoint(8, map->alongAxes()->height() / 2));
    QVERIFY(map->alongAxes()->isChecked());
    QTest::mouseClick(map->startButton(), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(map->map() && map->map()->axisNames.size() == 3 && settled(), wait);
    QCOMPARE(map->map()->axisNames[0], std::string("she"));
    const PatchMap& made = map->map()->map;
    QVERIFY((made.effect.row(1) - whole.row(1)).cwiseAbs().maxCoeff() > 1e-3);
    QVERIFY(map->figure()->note.find("along 'she'") != std::string::npos);
    QVERIFY2(map->command().contains("--axes"), qPrintable(map->command()));
    keepPicture(*m_window, "patch map along axes");
    // A click takes the cell as it was computed.
    const auto& widget = *map->figureWidget();
    const auto row = static_cast<double>(made.effect.rows()) - 2;  // token 1, from below
    QTest::mouseClick(map->figureWidget(), Qt::LeftButton, {},
                      widget.painter().placeOf({0, 10, row})->toPoint());
    QTRY_VERIFY_WITH_TIMEOUT(laboratory().path() && settled(), wait);
    QTRY_VERIFY_WITH_TIMEOUT(std::abs(double(laboratory().path()->logitsIntervened[made.request.answer]) -
                                      double(laboratory().path()->logitsIntervened[made.request.foil]) -
                                      made.effect(1, 10)) < 1e-4,
                             wait);
    map->alongAxes()->setChecked(false);
    while (stack->index() > before) stack->undo();
    QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
}

void TestAppLabWindow::theAttributionFollowsTheEdits() {
    auto* attribution = view<AttributionView>();
    m_window->showView(attribution);
    QTRY_VERIFY_WITH_TIMEOUT(attribution->attribution() && attribution->attribution()->natural && settled(),
                             wait);
    const AttributionFile& file = *attribution->attribution();
    QCOMPARE(file.ids, laboratory().sample().tokenIds);
    // The parts add up to the logit, with and without the edits.
    for (const Attribution* run : {&file.attribution, &*file.natural}) {
        const int t = file.token;
        const double sum = run->contribution.row(t).sum() + run->embedding[t] + run->bias[t] + run->edits[t];
        QVERIFY(std::abs(sum - run->logit[t]) < 1e-5 * std::abs(run->logit[t]));
    }
    keepPicture(*m_window, "attribution");
}

void TestAppLabWindow::aFlowIsComputed() {
    auto* view = this->view<FlowView>();
    m_window->showView(view);
    view->cells()->setValue(5);
    QTest::mouseClick(view->startButton(), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(view->flow() && settled(), wait);
    const Flow& made = view->flow()->flow;
    QCOMPARE(made.cells(), Eigen::Index(25));
    // The cell in the middle is the natural state.
    QVERIFY(made.distance.row(12).maxCoeff() == 0);
    QCOMPARE(made.likeliest[12], made.naturalToken);
    QVERIFY(view->hasFigure() && view->command().contains("rheo flow"));
    view->steps()->setValue(4);
    QVERIFY(view->recipe().options.find("\"steps\":4") != std::string::npos);
    keepPicture(*m_window, "flow");
}

/// Grids at several points are computed in one run; the slider of depth moves between them at once, and their
/// arrows stand in the trajectories.
void TestAppLabWindow::theDepthSliderMovesBetweenFlows() {
    auto* view = this->view<FlowView>();
    auto& selection = m_window->selection();
    const PointIndex before = selection.point();
    view->cells()->setValue(3);
    view->depths()->setCurrentIndex(view->depths()->findText("at every fourth block"));
    QTest::mouseClick(view->startButton(), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(view->flow() && !view->flow()->deeper.empty() && settled(), wait);
    QCOMPARE(view->flow()->flows().size(), std::size_t(8));  // of 32 blocks
    QSlider* slider = nullptr;
    for (QSlider* each : m_window->findChildren<QSlider*>())
        if (each->accessibleName() == "Depth") slider = each;
    QVERIFY(slider != nullptr);
    slider->setFocus();
    QTest::keyClick(slider, Qt::Key_Home);
    QCOMPARE(view->shown()->request.point, PointIndex{0});
    slider->setValue(9);
    QCOMPARE(view->shown()->request.point, PointIndex{8});
    QVERIFY(!view->isRunning());
    QVERIFY(view->recipe().options.find("\"point\":\"L04.attn_in\"") != std::string::npos);
    // Contraction by the depth of the grid, beside random directions.
    QVERIFY(view->figure()->panels.back().title.find("by depth") != std::string::npos);
    QVERIFY2(view->command().contains("--points all --every 8"), qPrintable(view->command()));
    keepPicture(*m_window, "flows by depth");
    QTest::mouseClick(view->inSpace(), Qt::LeftButton, {}, QPoint(8, view->inSpace()->height() / 2));
    QVERIFY(view->inSpace()->isChecked());
    const auto arrows = [&]() -> const LineSet3* {
        for (const LineSet3& set : std::get<Plot3D>(canvas()->figure()->panels[0].plot).lines)
            if (set.name.starts_with("flow from")) return &set;
        return nullptr;
    };
    QVERIFY(arrows() != nullptr && arrows()->tags.size() == 9);
    QCOMPARE(arrows()->name, std::string("flow from L04.attn_in"));
    QVERIFY(std::abs(arrows()->xyz[0] - view->shown()->x[0]) < 1e-4 * std::abs(view->shown()->x[0]) + 1e-6);
    slider->setValue(17);
    QCOMPARE(arrows()->name, std::string("flow from L08.attn_in"));
    m_window->showView(this->view<TrajectoryView>());
    QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
    keepPicture(*m_window, "flow in the trajectories");
    m_window->showView(view);
    QTest::mouseClick(view->inSpace(), Qt::LeftButton, {}, QPoint(8, view->inSpace()->height() / 2));
    QVERIFY(arrows() == nullptr);
    selection.selectPoint(before);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
}

void TestAppLabWindow::aResponseIsComputed() {
    auto* view = this->view<ResponseView>();
    m_window->showView(view);
    QCOMPARE(view->directions()->itemText(0), QString("she"));
    QTest::mouseClick(view->startButton(), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(view->response() && settled(), wait);
    const Response& made = view->response()->response;
    QCOMPARE(made.distance[made.sizes.size() / 2], 0.0);  // no push
    QVERIFY(made.distance[0] > 0 && made.controlDistance.rows() == 8);
    QVERIFY(view->hasFigure() && view->command().contains("rheo response"));
    keepPicture(*m_window, "response");
}

/// Pushes along the segment between the states of two prompts.
void TestAppLabWindow::aLineLeadsToAnotherPrompt() {
    auto* view = this->view<ResponseView>();
    view->directions()->setCurrentIndex(view->directions()->count() - 1);
    QVERIFY(view->otherPrompt()->isVisible());
    QVERIFY(!view->startButton()->isEnabled());
    view->otherPrompt()->setFocus();
    QTest::keyClicks(view->otherPrompt(), "He was a good man");
    QVERIFY(view->startButton()->isEnabled());
    QTest::mouseClick(view->startButton(), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(
        view->response() && view->response()->response.request.target.size() > 0 && settled(), wait);
    const Response& made = view->response()->response;
    Progress progress;
    const auto ids = loaded().tokenizer->encode("He was a good man");
    const auto context = loaded().model->prepare(ids, progress);
    QCOMPARE(made.request.target,
             loaded().model->naturalState(*context, made.request.point, static_cast<int>(ids.size()) - 1));
    QCOMPARE(made.sizes[0], 0.0);
    QCOMPARE(made.sizes[made.sizes.size() - 1], 1.0);
    QCOMPARE(made.distance[0], 0.0);
    QVERIFY(view->command().contains("--to-ids"));
    keepPicture(*m_window, "line to another prompt");
    view->directions()->setCurrentIndex(0);
}

void TestAppLabWindow::theModelWritesWithTheEdits() {
    auto* writing = view<WritingView>();
    auto& selection = m_window->selection();
    selection.selectPrompt(m_window->workspace().prompts().at(1).id);
    laboratory().remove(laboratory().edits().size() - 1);
    panel()->table()->model()->setData(panel()->table()->model()->index(0, 0), Qt::Checked,
                                       Qt::CheckStateRole);
    m_window->showView(writing);
    writing->tokenCount()->setValue(12);
    writing->sweepBox()->setChecked(true);
    writing->strengths()->setText("0,1,4");
    QTest::mouseClick(writing->startButton(), Qt::LeftButton);
    QVERIFY(writing->isRunning());
    QTRY_VERIFY_WITH_TIMEOUT(writing->written() && settled(), wait);
    const IntervenedFile& made = *writing->written();
    InterveneRequest request;
    request.ids = made.ids;
    request.intervention = laboratory().intervention();
    request.generate = 12;
    Progress progress;
    const InterveneResult expected = intervene(*loaded().model, request, progress);
    QCOMPARE(made.result.naturalIds, expected.naturalIds);
    QCOMPARE(made.result.intervenedIds, expected.intervenedIds);
    QVERIFY(made.result.naturalIds != made.result.intervenedIds);
    QCOMPARE(made.sweep.size(), std::size_t(3));
    QCOMPARE(made.sweep[0].ids, made.result.naturalIds);  // strength 0
    // The surprise by way of the logits of the whole text.
    std::vector<std::int32_t> whole = made.ids;
    whole.insert(whole.end(), made.result.intervenedIds.begin(), made.result.intervenedIds.end());
    const MatrixF logits = loaded().model->logits(whole, progress);
    for (std::size_t i = 0; i < 12; ++i) {
        const auto at = made.ids.size() + i;
        const VectorD p = softmax(logits.row(static_cast<Eigen::Index>(at) - 1).transpose());
        QVERIFY(std::abs(made.result.intervenedSurprise[i] + std::log(p[whole[at]])) < 1e-4);
    }
    QVERIFY(writing->naturalText()->toPlainText().endsWith(
        QString::fromStdString(made.naturalText).simplified().right(4)));
    QVERIFY(writing->hasFigure());
    QCOMPARE(laboratory().written().size(), std::size_t(2));
    QCOMPARE(laboratory().written()[1].scores.size(), std::size_t(12));
    keepPicture(*m_window, "writing");
    // Each token that was written becomes a row: the states that were computed here.
    const auto rows = m_window->workspace().state()->rows();
    QTest::mouseClick(writing->keepButton(), Qt::LeftButton);
    QTRY_COMPARE_WITH_TIMEOUT(m_window->workspace().state()->rows(), rows + 12, wait);
    const auto& trace = *m_window->workspace().state()->trace;
    Array3F block(1, trace.points(), trace.units());
    trace.readRows(RowIndex{rows}, 1, block.data.data());
    const Eigen::Map<const MatrixF> captured(block.data.data(), trace.points(), trace.units());
    const Eigen::Map<const MatrixF> computed(
        expected.natural.at(static_cast<std::int64_t>(made.ids.size()), 0), trace.points(), trace.units());
    QVERIFY((captured - computed).norm() <= 3e-5F * computed.norm());
    m_window->workspace().undoStack()->undo();
    QCOMPARE(m_window->workspace().state()->rows(), rows);
}

void TestAppLabWindow::writingStops() {
    auto* writing = view<WritingView>();
    const auto before = laboratory().edits().size();
    writing->sweepBox()->setChecked(false);
    writing->tokenCount()->setValue(1000);
    QTest::mouseClick(writing->startButton(), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(!writing->naturalText()->toPlainText().isEmpty(), wait);
    QVERIFY(writing->isRunning());
    QTest::mouseClick(writing->startButton(), Qt::LeftButton);
    QVERIFY(!writing->isRunning());
    QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
    QVERIFY(!writing->written());
    QCOMPARE(laboratory().edits().size(), before);
}

/// What the export saves beside the figure makes it again.
void TestAppLabWindow::figuresAreMadeAgainFromTheirRecipes() {
    for (ComputedView* made : {static_cast<ComputedView*>(view<PatchMapView>()),
                               static_cast<ComputedView*>(view<AttributionView>())}) {
        m_window->showView(made);
        QTRY_VERIFY_WITH_TIMEOUT(made->hasFigure() && settled(), wait);
        const QString file = path(made->id() + ".svg");
        QVERIFY(m_window->exports()->exportView(file, 190, 120, 100, false, true));
        QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
        const auto own = made->ownFile();
        QVERIFY(own && QFile::exists(file + own->suffix));
        Recipe recipe = made->recipe();
        recipe.sources = {{own->role, (file + own->suffix).toStdString(), ""}};
        const Figure again = figureOfRecipe(recipe);
        const Figure shown = *made->figure();
        QCOMPARE(again.panels.size(), shown.panels.size());
        QCOMPARE(again.note, shown.note);
        const auto last = again.panels.size() - 1;
        if (const auto* heatmap = std::get_if<HeatmapPlot>(&again.panels[last].plot))
            QCOMPARE(MatrixF(heatmap->values.array().isNaN().select(0, heatmap->values)),
                     MatrixF(std::get<HeatmapPlot>(shown.panels[last].plot)
                                 .values.array()
                                 .isNaN()
                                 .select(0, std::get<HeatmapPlot>(shown.panels[last].plot).values)));
    }
}

void TestAppLabWindow::undoTakesEverythingBack() {
    auto* stack = m_window->workspace().undoStack();
    while (stack->canUndo()) stack->undo();
    QVERIFY(laboratory().edits().empty());
    QVERIFY(!m_window->workspace().state()->intervention);
    while (stack->canRedo()) stack->redo();
    QCOMPARE(laboratory().edits().size(), std::size_t(1));
}

/// What was computed is of the model that was open.
void TestAppLabWindow::nothingStaysOfAModelThatIsClosed() {
    QVERIFY(view<PatchMapView>()->hasFigure());
    m_window->workspace().closeModel();
    for (View* each : m_window->views())
        if (auto* computed = qobject_cast<ComputedView*>(each)) {
            QVERIFY2(!computed->hasFigure(), qPrintable(computed->id()));
            QVERIFY(computed->explanation()->text().contains("model"));
        }
    QVERIFY(!laboratory().edits().empty());
    QVERIFY(laboratory().trouble().contains("model"));
}

RHEO_TEST(TestAppLabWindow)
#include "test_app_lab_window.moc"
