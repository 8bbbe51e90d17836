#include "app/tour.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QScrollArea>
#include <QSettings>
#include <QTimer>
#include <QVBoxLayout>
#include <algorithm>
#include <filesystem>
#include <system_error>

#include "app/main_window.h"
#include "app/resource_paths.h"
#include "core/session/opened_results.h"
#include "core/session/verdict_text.h"
#include "widgets/views/trajectory_view.h"
#include "widgets/views/view.h"

namespace rheo {

namespace {

const QString leftKey = QStringLiteral("tour/step");
constexpr int longestWait = 30000;  // milliseconds, for the model

TrajectoryView* trajectories(MainWindow& window) {
    return qobject_cast<TrajectoryView*>(window.views().front());
}

/// Whether the results are those that the demo is shipped with, or come from them.
bool isDemo(const DocumentState& state) {
    if (!state.results || !state.trace) return false;
    const auto& from = state.results->path.empty() ? state.results->base : state.results->path;
    std::error_code failed;
    return std::filesystem::equivalent(from, demoResultsFile(), failed) && !failed;
}

void lookAtAll(MainWindow& window) {
    window.teleport().showNatural();
    trajectories(window)->resetCamera();
}

/// Where the depth slider stands, as a share of all points.
void goToDepth(MainWindow& window, double share) {
    const auto points = static_cast<double>(window.workspace().points().size());
    window.selection().selectPoint(PointIndex{static_cast<std::int64_t>(share * (points - 1))});
}

/// Moves the held state once the model has run its prompt.
void teleportWhenReady(MainWindow& window, int waited) {
    TeleportModel& teleport = window.teleport();
    if (teleport.state() != TeleportModel::State::Ready) {
        if (waited < longestWait)
            QTimer::singleShot(100, &window, [&window, waited] { teleportWhenReady(window, waited + 100); });
        return;
    }
    if (teleport.isMoved()) return;  // by hand, meanwhile
    const VectorD from = teleport.naturalScores();
    VectorD to = from;
    to[0] += 0.5 * std::max(1.0, from.norm());
    teleport.setCoordinates(to);
    trajectories(window)->frameSelection();
}

constexpr std::array steps{
    TourStep{"A token is a path",
             "trajectories",
             "Each thin curve is the last token of one passage. It starts at the token's embedding, and "
             "every block moves it twice: first attention adds to it, then the MLP. The colour is the depth. "
             "A state has 128 numbers; the view shows the three directions in which states vary most. The "
             "heavy curve is the mean. <b>Try it:</b> drag to turn, use the wheel to zoom, click a curve.",
             {},
             lookAtAll},
    TourStep{"Early sparse, late dense",
             "sparsity",
             "Is the activity in a few units or in many? The curve is the density of activity: 1 if all "
             "units are equally active. Compare its left end (early) with its right end (late). The band is "
             "the <b>null</b>: the same number for data in which a certain structure is broken.",
             {"density_rises", nullptr},
             nullptr},
    TourStep{"A unit resembles itself",
             "correlation",
             "For each unit: does a row that is high at one point stay high at the next? Blocks only add to "
             "the residual stream, so this is to be expected, and a random walk shows it too. That is why it "
             "must be compared with a random walk. Look at the steps inside a block, and at those from one "
             "block to the next.",
             {"correlation_high", "inside_exceeds_across"},
             nullptr},
    TourStep{"More similar, and yet faster",
             "motion",
             "Two curves seem to contradict each other: successive states point in more and more similar "
             "directions (cosine), and yet each step is longer than the one before (speed). Both are "
             "possible because the state grows faster than its steps.",
             {"cosine_rises", "accelerates"},
             nullptr},
    TourStep{"What one point tells about the next",
             "mutual_information",
             "Mutual information measures more than correlation: any way in which one value tells about "
             "another. Beside it is the information of a linear relation with the same correlation; only the "
             "part beyond it is nonlinear.",
             {"mi_drops_then_climbs", "nonlinear_early"},
             nullptr},
    TourStep{"Units turn",
             "orbits_3d",
             "One unit, drawn by its value, the change of its value, and the depth: the paper saw spirals "
             "here, about ten turns. The histogram at the right counts turns for every row. Look how close "
             "the nulls come: a random walk with as many steps turns as well.",
             {"rotation", "rotation_coherent"},
             [](MainWindow& window) { goToDepth(window, 0.5); }},
    TourStep{"The path is curved, and flat",
             "pca",
             "How many directions does the path need? The curve adds up the share of variance that the first "
             "components hold. Three components of a random walk in many dimensions also hold most of its "
             "variance, so look at the distance from the band.",
             {"path_low_dimensional", nullptr},
             nullptr},
    TourStep{
        "A state in two numbers",
        "latent",
        "A small network, an autoencoder, was trained to compress each state to two numbers and to "
        "reconstruct the state from them. Each point is one state, coloured by depth. Where on the map are "
        "depths apart? The view <i>Reconstruction</i> shows at which depths the reconstruction is good.",
        {"late_easier_to_reconstruct", nullptr},
        nullptr},
    TourStep{"Move a state",
             "trajectories",
             "Now something that a plot cannot do. The ring marks the state of one token, early in the "
             "network. It was just moved somewhere else, and the solid curve is what the <b>real network</b> "
             "computed from it; the dashed curve is the natural path. On the right: the distance between "
             "both paths, beside random pushes of the same length, and how the next token changes. <b>Drag "
             "the ring yourself.</b> Ctrl+Z undoes it.",
             {"early_attractor", nullptr},
             [](MainWindow& window) {
                 goToDepth(window, 0.12);
                 teleportWhenReady(window, 0);
             }},
    TourStep{"What holds, and what does not",
             "verdicts",
             "Every finding of the paper in one table: the number, its interval, and the null that comes "
             "closest. A finding is <i>supported</i> only if it lies beyond every null that could explain "
             "it. Open a model of your own (File > Open model), give it passages, and press <i>Test the "
             "findings</i> to see what holds there.",
             {},
             nullptr},
};

}  // namespace

std::span<const TourStep> tourSteps() {
    return steps;
}

Tour::Tour(MainWindow& window)
    : m_window(window),
      m_title(new QLabel),
      m_text(new QLabel),
      m_back(new QPushButton(tr("&Back"))),
      m_next(new QPushButton(tr("&Next"))),
      m_leave(new QPushButton(tr("&Leave the tour"))) {
    m_text->setWordWrap(true);
    m_text->setAlignment(Qt::AlignTop | Qt::AlignLeft);
    m_text->setTextInteractionFlags(Qt::TextBrowserInteraction);
    m_title->setAccessibleName(tr("Step of the tour"));
    m_next->setDefault(true);
    m_back->setToolTip(tr("The step before"));
    m_next->setToolTip(tr("The next step"));
    m_leave->setToolTip(tr("The tour continues at this step when you start it again"));
    auto* scroll = new QScrollArea;
    scroll->setWidget(m_text);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    auto* buttons = new QVBoxLayout;
    buttons->addWidget(m_next);
    buttons->addWidget(m_back);
    buttons->addStretch();
    buttons->addWidget(m_leave);
    auto* words = new QVBoxLayout;
    words->addWidget(m_title);
    words->addWidget(scroll, 1);
    auto* layout = new QHBoxLayout(this);
    layout->addLayout(words, 1);
    layout->addLayout(buttons);
    setMinimumHeight(150);
    connect(m_back, &QPushButton::clicked, this, [this] { show(m_step - 1); });
    connect(m_next, &QPushButton::clicked, this, [this] {
        if (m_step + 1 < static_cast<int>(steps.size())) return show(m_step + 1);
        QSettings().remove(leftKey);
        Q_EMIT ended();
    });
    connect(m_leave, &QPushButton::clicked, this, &Tour::ended);
    connect(&window.workspace(), &Workspace::documentReplaced, this, [this] {
        if (m_waits) QTimer::singleShot(0, this, &Tour::enter);
    });
}

int Tour::leftAt() {
    return std::clamp(QSettings().value(leftKey, 0).toInt(), 0, static_cast<int>(steps.size()) - 1);
}

void Tour::start(int step) {
    if (isDemo(*m_window.workspace().state()) || m_window.confirmLosing(tr("Open the demo for the tour")))
        return show(step);
    Q_EMIT ended();
}

void Tour::show(int step) {
    m_step = std::clamp(step, 0, static_cast<int>(steps.size()) - 1);
    QSettings().setValue(leftKey, m_step);
    m_waits = !isDemo(*m_window.workspace().state());
    if (!m_waits) return enter();
    m_title->setText(tr("<b>Opening the demo…</b>"));
    m_window.openDemo();
}

void Tour::enter() {
    m_waits = false;
    const TourStep& step = steps[static_cast<std::size_t>(m_step)];
    m_title->setText(
        tr("<b>Guided tour, %1 of %2: %3</b>").arg(m_step + 1).arg(steps.size()).arg(tr(step.title)));
    m_text->setText(tr(step.text) + verdicts());
    m_back->setEnabled(m_step > 0);
    m_next->setText(m_step + 1 < static_cast<int>(steps.size()) ? tr("&Next") : tr("&Finish"));
    for (View* view : m_window.views())
        if (view->id() == QLatin1String(step.view)) m_window.showView(view);
    if (step.act != nullptr) step.act(m_window);
}

/// What the demo's own report says of the findings of the step.
QString Tour::verdicts() const {
    QString text;
    const HeldResults held = resultsWith(*m_window.workspace().state(), verdictsGroup);
    if (!held.opened) return text;
    for (const char* key : steps[static_cast<std::size_t>(m_step)].findings)
        for (const Verdict& verdict : held.opened->results.verdicts)
            if (key != nullptr && verdict.key == key)
                text += tr("<p><b>What the nulls show</b> (%1): %2</p>")
                            .arg(QString::fromStdString(verdictInWords(verdict.verdict)).toHtmlEscaped(),
                                 QString::fromStdString(sentenceOf(verdict)).toHtmlEscaped());
    return text;
}

QString Tour::text() const {
    return m_title->text() + m_text->text();
}

}  // namespace rheo
