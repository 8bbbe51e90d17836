#include "widgets/views/teleport_panel.h"

#include <QComboBox>
#include <QDoubleSpinBox>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QLocale>
#include <QPushButton>
#include <QShortcut>
#include <QSlider>
#include <QVBoxLayout>
#include <cmath>

#include "core/figure/teleport_figure.h"
#include "core/session/forecast.h"
#include "widgets/paint/readable_text.h"
#include "widgets/viewmodels/token_context.h"
#include "widgets/views/item_delegates.h"

namespace rheo {

static constexpr int mixSteps = 200;
static constexpr int dragPause = 30;  // milliseconds between two drawings while the handle is dragged

TeleportPanel::TeleportPanel(Workspace& workspace, TeleportModel& teleport, HeldFacts& held,
                             TeleportComparison& comparison, QWidget* parent)
    : QWidget(parent),
      m_workspace(workspace),
      m_teleport(teleport),
      m_held(held),
      m_comparison(comparison),
      m_where(new QLabel),
      m_status(new QLabel),
      m_mode(new QComboBox),
      m_mixLabel(new QLabel),
      m_mix(new QSlider(Qt::Horizontal)),
      m_displacement(new QLabel),
      m_nearest(new QLabel),
      m_natural(new QPushButton(tr("&Natural path"))),
      m_curves(new FigureWidget(workspace.jobs())),
      m_nextOf(new QComboBox),
      m_tokens(new FigureWidget(workspace.jobs())),
      m_history(new QListView),
      m_historyModel(new TeleportHistory(workspace, this)),
      m_save(new QPushButton(tr("Sa&ve…"))),
      m_copy(new QPushButton(tr("Copy as co&mmand"))),
      m_compare(new QPushButton(tr("Com&pare…"))),
      m_export(new QPushButton(tr("E&xport plots…"))) {
    m_where->setWordWrap(true);
    m_status->setWordWrap(true);
    m_displacement->setWordWrap(true);
    m_nearest->setTextFormat(Qt::RichText);
    m_nearest->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    m_nearest->setTextInteractionFlags(Qt::LinksAccessibleByMouse | Qt::LinksAccessibleByKeyboard);
    m_nearest->setAccessibleName(tr("Nearest rows"));
    m_mode->addItem(tr("Shift: move these components, keep the others"), int(TeleportMode::Shift));
    m_mode->addItem(tr("Project: keep these components only"), int(TeleportMode::Project));
    m_mode->addItem(tr("State: that of another row (S)"), int(TeleportMode::State));
    m_mode->setItemData(2, tr("Press S while you drag: the handle takes the state of the nearest row"),
                        Qt::ToolTipRole);
    m_mixLabel->setWordWrap(true);
    m_mix->setRange(0, mixSteps);
    m_mix->setAccessibleName(tr("Share of the other state"));
    m_mix->setToolTip(tr("Left: the natural state. Right: the state of the other row."));
    m_mode->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_mode->setAccessibleName(tr("Mode"));
    m_mode->setToolTip(tr("Whether the part of the state outside the three components is kept or dropped"));
    m_nextOf->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_nextOf->setAccessibleName(tr("Token whose next tokens are shown"));
    m_nextOf->setToolTip(tr("The token of the prompt after which the next tokens below are predicted"));
    m_nextOf->addItems({QString(), QString()});
    m_curves->setMinimumHeight(96);
    m_curves->setAccessibleName(tr("Distance and retention by depth"));
    m_tokens->setMinimumHeight(90);
    m_tokens->setAccessibleName(tr("Next tokens before and after"));
    m_history->setModel(m_historyModel);
    m_history->setFixedHeight(84);
    m_history->setEditTriggers(QAbstractItemView::EditKeyPressed);
    m_history->setToolTip(
        tr("Click to show, Ctrl+click to show several together, F2 to rename, Del to remove"));
    m_history->setItemDelegate(new TwoLineDelegate(m_history));
    m_history->setSelectionMode(QAbstractItemView::ExtendedSelection);
    m_history->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_history->setUniformItemSizes(true);
    m_history->setAccessibleName(tr("Teleports made"));
    m_natural->setToolTip(tr("Show the path of the unchanged model again"));
    m_save->setToolTip(tr("Save this teleport to a file, as rheo teleport --out does"));
    m_copy->setToolTip(tr("Copy the rheo command that makes the same teleport"));
    m_compare->setToolTip(tr("The selected teleports in a table, which can be copied as CSV"));
    m_export->setToolTip(tr("The plots of the selected teleports as SVG, PDF or PNG"));

    auto* grid = new QGridLayout;
    for (int c = 0; c < 3; ++c) {
        auto* label = new QLabel(tr("PC&%1").arg(c + 1));
        auto* box = new QDoubleSpinBox;
        box->setRange(-1e6, 1e6);
        box->setDecimals(3);
        box->setKeyboardTracking(false);
        box->setMinimumWidth(84);  // of seven digits: the range alone would take more
        box->setAccessibleName(tr("Score of component %1").arg(c + 1));
        box->setToolTip(tr("Score of the new state along component %1, in units of the states").arg(c + 1));
        label->setBuddy(box);
        grid->addWidget(label, 0, c);
        grid->addWidget(box, 1, c);
        m_coordinates[static_cast<std::size_t>(c)] = box;
        connect(box, &QDoubleSpinBox::valueChanged, this, [this, c, box](double value) {
            if (m_updating) return;
            box->findChild<QLineEdit*>()->setModified(false);
            VectorD target = m_teleport.target();  // the others are known to more digits than they are shown
            if (c >= target.size()) return;
            target[c] = value;
            m_teleport.setCoordinates(target);
        });
    }
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(8, 8, 8, 8);
    layout->addWidget(m_where);
    layout->addWidget(m_mode);
    layout->addLayout(grid);
    layout->addWidget(m_mixLabel);
    layout->addWidget(m_mix);
    layout->addWidget(m_displacement);
    layout->addWidget(m_nearest);
    layout->addWidget(m_status);
    layout->addWidget(m_curves, 5);
    layout->addWidget(m_nextOf);
    layout->addWidget(m_tokens, 4);
    auto* made = new QLabel(tr("Teleports made"));
    layout->addWidget(made);
    layout->addWidget(m_history);
    layout->addLayout(buttons());

    connect(m_mode, &QComboBox::activated, this, [this] {
        const auto mode = TeleportMode(m_mode->currentData().toInt());
        if (mode == TeleportMode::State && m_teleport.mode() != mode) m_held.snapToNearest();
        m_teleport.setMode(mode);
        m_mode->setCurrentIndex(m_mode->findData(int(m_teleport.mode())));
    });
    connect(&m_teleport, &TeleportModel::modeChanged, this,
            [this] { m_mode->setCurrentIndex(m_mode->findData(int(m_teleport.mode()))); });
    connect(m_mix, &QSlider::valueChanged, this, [this](int value) {
        if (m_updating) return;
        m_teleport.setMix(double(value) / mixSteps);
        if (!m_mix->isSliderDown()) m_teleport.endDrag();  // by a key, or by a click beside it
    });
    connect(m_mix, &QSlider::sliderReleased, &m_teleport, &TeleportModel::endDrag);
    connect(m_nextOf, &QComboBox::activated, this,
            [this](int choice) { m_teleport.setFollowsToken(choice == 1); });
    connect(m_natural, &QPushButton::clicked, &m_teleport, &TeleportModel::showNatural);
    connect(m_save, &QPushButton::clicked, this, [this] { Q_EMIT saveRequested(chosen()); });
    connect(m_copy, &QPushButton::clicked, this, [this] { Q_EMIT copyRequested(chosen()); });
    connect(m_compare, &QPushButton::clicked, this, &TeleportPanel::compareRequested);
    connect(m_export, &QPushButton::clicked, this, &TeleportPanel::exportRequested);
    connect(&m_comparison, &TeleportComparison::changed, this, &TeleportPanel::updatePath);
    connectHistory();
    connect(&m_held, &HeldFacts::nearestChanged, this, &TeleportPanel::updateNearest);
    connect(m_nearest, &QLabel::linkActivated, this,
            [this](const QString& row) { Q_EMIT rowChosen(row.toLongLong()); });
    for (auto signal : {&TeleportModel::naturalChanged, &TeleportModel::handleMoved})
        connect(&m_teleport, signal, this, &TeleportPanel::updateCoordinates);
    for (auto signal : {&TeleportModel::naturalChanged, &TeleportModel::resultChanged})
        connect(&m_teleport, signal, this, &TeleportPanel::updatePath);
    m_soon.setSingleShot(true);
    m_soon.setInterval(dragPause);
    connect(&m_soon, &QTimer::timeout, this, &TeleportPanel::updatePath);
    connect(&m_teleport, &TeleportModel::pathChanged, this, [this] {
        if (m_teleport.state() != TeleportModel::State::Dragging) return updatePath();
        if (!m_soon.isActive()) m_soon.start();
    });
    connect(&m_teleport, &TeleportModel::stateChanged, this, [this](TeleportModel::State state) {
        // What is dragged is shown alone.
        if (state == TeleportModel::State::Dragging && m_comparison.isActive()) m_history->clearSelection();
    });
    connect(&m_teleport, &TeleportModel::statusChanged, this, &TeleportPanel::updateStatus);
    connect(&m_teleport, &TeleportModel::stateChanged, this, &TeleportPanel::updateStatus);
    connect(m_historyModel, &QAbstractItemModel::modelReset, this, &TeleportPanel::updateStatus);
    connect(m_historyModel, &QAbstractItemModel::rowsInserted, this, &TeleportPanel::updateStatus);
    connect(m_historyModel, &QAbstractItemModel::rowsRemoved, this, &TeleportPanel::updateStatus);
    updateStatus();
    updateCoordinates();
    updatePath();
    updateNearest();
}

void TeleportPanel::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    updateNearest();
}

/// The rows nearest to the held state, each a line that ends with its token.
void TeleportPanel::updateNearest() {
    const auto& trace = m_workspace.state()->trace;
    const auto model = m_workspace.model();
    QStringList lines;
    for (const NearRow& near : m_held.nearest()) {
        if (!trace || near.row.value() >= trace->rows()) continue;  // the answer is of rows that are gone
        const TraceInfo& info = trace->info();
        const TraceRow& row = info.rows[static_cast<std::size_t>(near.row.value())];
        const QString distance = QLocale().toString(near.distance, 'g', 3);
        const QString name =
            readable(tokenInLine(tokenContext(info.samples[static_cast<std::size_t>(row.sample)],
                                              row.position, model ? model->tokenizer.get() : nullptr)),
                     font());
        const QFontMetrics size = m_nearest->fontMetrics();
        const int space = width() - size.horizontalAdvance(distance) - 40;
        lines << QStringLiteral("%1&nbsp; <a href='%2'>%3</a>")
                     .arg(distance)
                     .arg(near.row.value())
                     .arg(size.elidedText(name, Qt::ElideLeft, std::max(space, 60)).toHtmlEscaped());
    }
    m_nearest->setVisible(!lines.isEmpty());
    if (lines.isEmpty()) return m_nearest->clear();
    const std::int64_t searched = m_held.searchedRows(), all = trace->rows();
    const QString of =
        searched < all ? tr(" (of %1 of %2 rows)")
                             .arg(QLocale().toString(qlonglong(searched)), QLocale().toString(qlonglong(all)))
                       : QString();
    m_nearest->setText(tr("Nearest rows%1:").arg(of) + QStringLiteral("<br>") +
                       lines.join(QStringLiteral("<br>")));
    m_nearest->setToolTip(tr(
        "Distance in the residual stream at this point, divided by the RMS norm of the rows there. Click a "
        "row to select it."));
}

void TeleportPanel::connectHistory() {
    const auto idOf = [](const QModelIndex& index) {
        return index.data(TeleportHistory::IdRole).toLongLong();
    };
    connect(m_history->selectionModel(), &QItemSelectionModel::selectionChanged, this,
            &TeleportPanel::chooseInHistory);
    // Again on the one that is selected already: after a look at the natural path, for example.
    for (auto signal : {&QListView::clicked, &QListView::activated})
        connect(m_history, signal, this, &TeleportPanel::chooseInHistory);
    connect(new QShortcut(Qt::Key_Delete, m_history, nullptr, nullptr, Qt::WidgetShortcut),
            &QShortcut::activated, this, [this, idOf] {
                QList<qint64> ids;
                for (const auto& index : m_history->selectionModel()->selectedIndexes()) ids << idOf(index);
                QUndoStack& undo = *m_workspace.undoStack();
                if (ids.size() > 1) undo.beginMacro(tr("Remove %1 teleports").arg(ids.size()));
                for (const qint64 id : ids) m_workspace.removeTeleport(id);
                if (ids.size() > 1) undo.endMacro();
            });
    connect(&m_teleport, &TeleportModel::resultChanged, this, &TeleportPanel::showInHistory);
    connect(m_historyModel, &QAbstractItemModel::rowsInserted, this, &TeleportPanel::showInHistory);
}

/// One: it is shown. Several: they are drawn together.
void TeleportPanel::chooseInHistory() {
    if (m_updating) return;
    QList<qint64> ids;
    for (const auto& index : m_history->selectionModel()->selectedIndexes())
        ids << index.data(TeleportHistory::IdRole).toLongLong();
    m_comparison.choose(ids);
    if (ids.size() == 1) m_teleport.showTeleport(ids.front());
}

/// Selects and reveals the teleport that is shown; none: nothing is selected.
void TeleportPanel::showInHistory() {
    const QModelIndex index = m_historyModel->indexOf(m_teleport.shownId());
    if (m_history->selectionModel()->isSelected(index)) return;
    m_updating = true;
    if (index.isValid()) {
        m_history->setCurrentIndex(index);
        m_history->scrollTo(index);
    } else {
        m_history->clearSelection();
    }
    m_updating = false;
    m_comparison.choose({});
}

QLayout* TeleportPanel::buttons() {
    auto* grid = new QGridLayout;
    int place = 0;
    for (QPushButton* button : {m_natural, m_compare, m_export, m_save, m_copy}) {
        grid->addWidget(button, place / 3, place % 3, 1, button == m_copy ? 2 : 1);
        ++place;
    }
    return grid;
}

void TeleportPanel::setDark(bool dark) {
    m_dark = dark;
    updatePath();
}

qint64 TeleportPanel::chosen() const {
    const auto index = m_history->currentIndex();
    if (m_teleport.shownId() != 0) return m_teleport.shownId();
    return index.isValid() ? index.data(TeleportHistory::IdRole).toLongLong() : 0;
}

void TeleportPanel::updateStatus() {
    const auto state = m_teleport.state();
    const bool ready = state != TeleportModel::State::Idle && state != TeleportModel::State::Preparing;
    m_status->setText(m_teleport.status());
    m_mode->setEnabled(ready);
    m_natural->setEnabled(ready && m_teleport.isMoved());
    for (int c = 0; c < 3; ++c)
        m_coordinates[static_cast<std::size_t>(c)]->setEnabled(ready && c < m_teleport.components());
    m_curves->setEmptyText(ready ? noCurves() : QString());
    const bool some = m_historyModel->rowCount() > 0;
    m_save->setEnabled(some);
    m_copy->setEnabled(some);
    m_compare->setEnabled(some);
    m_export->setEnabled(m_comparison.isActive() || chosen() != 0);
    const auto& points = m_workspace.points();
    if (ready && static_cast<std::size_t>(m_teleport.point().value()) < points.size())
        m_where->setText(tr("State of token %1 at <b>%2</b>")
                             .arg(m_teleport.token())
                             .arg(QString::fromStdString(
                                 pointName(points[static_cast<std::size_t>(m_teleport.point().value())]))));
    else
        m_where->setText(tr("<b>Teleport</b>"));
}

void TeleportPanel::updateCoordinates() {
    const auto& target = m_teleport.target();
    m_updating = true;
    for (int c = 0; c < 3; ++c) {
        auto* box = m_coordinates[static_cast<std::size_t>(c)];
        const bool isTyped = box->hasFocus() && box->findChild<QLineEdit*>()->isModified();
        if (c < target.size() && !isTyped) box->setValue(target[c]);
        if (c < m_teleport.spread().size() && std::isfinite(m_teleport.spread()[c]) &&
            m_teleport.spread()[c] > 0)
            box->setSingleStep(m_teleport.spread()[c] / 10);
    }
    m_updating = false;
    updateMix();
    if (target.size() == 0) {
        m_displacement->clear();
    } else if (!m_teleport.isMoved()) {
        const auto model = m_workspace.model();
        const auto streamed = model ? model->model->streamed() : std::nullopt;
        m_displacement->setText(streamed ? tr("Not moved. Weights are streamed: each path takes %1")
                                               .arg(QString::fromStdString(timeText(streamed->seconds)))
                                         : tr("Not moved"));
    } else {
        const double moved = m_teleport.displacement();
        QString text = std::isfinite(moved)
                           ? tr("Moved by %1 SDs of the rows at this depth").arg(moved, 0, 'f', 1)
                           : tr("Moved; too few rows were fitted to give the distance in SDs");
        if (m_teleport.isFarOutside())
            text = QStringLiteral("<span style='color:%1'>⚠ %2</span>")
                       .arg(m_dark ? "#ffb000" : "#b34700",
                            tr("%1: far outside the states of the model here (%2 SDs from the mean)")
                                .arg(text)
                                .arg(m_teleport.outlyingness(), 0, 'f', 1));
        m_displacement->setText(text);
    }
    updateStatus();
}

void TeleportPanel::updateMix() {
    m_mixLabel->setVisible(m_teleport.isSnapped());
    m_mix->setVisible(m_teleport.isSnapped());
    if (!m_teleport.isSnapped()) return;
    m_mixLabel->setText(tr("%1 % of the way from the natural state to that of %2")
                            .arg(qRound(100 * m_teleport.mix()))
                            .arg(m_teleport.snappedTo()));
    m_updating = true;
    if (!m_mix->isSliderDown()) m_mix->setValue(qRound(mixSteps * m_teleport.mix()));
    m_updating = false;
}

/// What stands in the place of the curves.
QString TeleportPanel::noCurves() const {
    if (!m_teleport.isAtLastPoint())
        return tr(
            "Drag the handle of the selected trajectory, type coordinates, or use the arrow keys in the "
            "view.");
    const QString line = tr("No block follows the last point: only the next tokens change here.");
    return m_teleport.isLastToken() || m_teleport.followsToken()
               ? line
               : line + QLatin1Char(' ') +
                     tr("The next tokens at the end of the prompt do not change, because this is not its "
                        "last token: choose below to see those after the followed token.");
}

/// The next tokens, and whose they are.
void TeleportPanel::updateTokens() {
    const QString token =
        tr("token %1 “%2”").arg(m_teleport.token()).arg(readable(m_teleport.tokenText(), font()));
    const bool isLast = m_teleport.isLastToken();
    m_nextOf->setItemText(
        0, isLast ? tr("Next token at the end of the prompt (token %1)").arg(m_teleport.token())
                  : tr("Next token at the end of the prompt"));
    m_nextOf->setItemText(1, tr("Next token after %1").arg(token));
    m_nextOf->setCurrentIndex(m_teleport.followsToken() && !isLast ? 1 : 0);
    m_nextOf->setEnabled(!isLast);
    m_nextOf->setVisible(m_teleport.tokenCount() > 0);
    std::vector<TokenChange> tokens;
    for (const auto& next : m_teleport.nextTokens(8))
        tokens.push_back({next.text.toStdString(), next.natural, next.teleported});
    if (tokens.empty()) return m_tokens->setFigure(nullptr);
    Figure figure = nextTokenFigure(tokens, m_dark ? darkTheme() : lightTheme());
    figure.panels.front().title = m_nextOf->currentText().toStdString();
    m_tokens->setFigure(std::make_shared<const Figure>(std::move(figure)));
}

/// Distance and retention by depth: of the teleports that are compared, else of the one that is shown. Null
/// where there is none.
std::shared_ptr<const Figure> TeleportPanel::curvesFigure() const {
    const Theme theme = m_dark ? darkTheme() : lightTheme();
    const auto* measures = m_teleport.measures();
    const auto model = m_workspace.model();
    if (!model) return nullptr;
    Figure figure;
    if (m_comparison.isActive()) {
        std::vector<ComparedTeleport> compared;
        for (std::size_t i = 0; i < m_comparison.chosen().size(); ++i)
            compared.push_back(
                {m_comparison.name(i).toStdString(),
                 teleportCurves(m_comparison.chosen()[i]->result, model->model->points(), false)});
        figure = compareTeleportsFigure(compared, theme);
    } else {
        if (measures == nullptr || m_teleport.isAtLastPoint()) return nullptr;
        TeleportCurves curves;
        curves.points = model->model->points();
        curves.first = static_cast<int>(m_teleport.modelPoint().value());
        curves.distance = measures->distance;
        curves.distancePca = measures->distancePca;
        if (const auto result = m_teleport.result()) {
            curves.controlDistance = result->controlDistance;
            curves.controlPcaDistance = result->controlPcaDistance;
        }
        figure = teleportFigure(curves, theme);
        figure.panels.resize(2);  // distance and retention; the contraction is the slope of their logarithm
    }
    figure.columns = 1;
    return std::make_shared<const Figure>(std::move(figure));
}

void TeleportPanel::updatePath() {
    m_soon.stop();
    updateStatus();
    updateTokens();
    try {
        m_curves->setFigure(curvesFigure());
    } catch (const Error&) {
        m_curves->setFigure(nullptr);  // the path of a model that was just replaced
    }
}

}  // namespace rheo
