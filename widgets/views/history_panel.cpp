#include "widgets/views/history_panel.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QListView>
#include <QPainter>
#include <QShortcut>
#include <QSplitter>
#include <QStyledItemDelegate>
#include <QToolButton>
#include <QUndoView>
#include <QVBoxLayout>
#include <cmath>

#include "core/figure/figure.h"
#include "widgets/views/icons.h"
#include "widgets/views/two_line_delegate.h"

namespace rheo {

namespace {

/// A teleport in two lines: what was moved, and what became of the push.
class TeleportDelegate : public TwoLineDelegate {
public:
    using TwoLineDelegate::TwoLineDelegate;

protected:
    Lines lines(const QModelIndex& index) const override {
        const auto number = [&](int role) {
            const double value = index.data(role).toDouble();
            return std::isfinite(value) ? QString::fromStdString(formatNumber(value, 3))
                                        : QStringLiteral("–");
        };
        Lines lines;
        lines.first = tr("%1, token %2, %3")
                          .arg(index.data(TeleportHistory::PointRole).toString())
                          .arg(index.data(TeleportHistory::TokenRole).toInt())
                          .arg(index.data(TeleportHistory::ModeRole).toString());
        const double retention = index.data(TeleportHistory::RetentionRole).toDouble();
        lines.second =
            tr("push %1; at the end %2 of it; KL %3")
                .arg(number(TeleportHistory::PushRole),
                     std::isfinite(retention) ? QStringLiteral("%1 %").arg(100 * retention, 0, 'f', 0)
                                              : QStringLiteral("–"),
                     number(TeleportHistory::KlRole));
        return lines;
    }
};

}  // namespace

HistoryPanel::HistoryPanel(Workspace& workspace, TeleportModel& teleport, QWidget* parent)
    : QWidget(parent),
      m_workspace(workspace),
      m_teleport(teleport),
      m_model(new TeleportHistory(workspace, this)),
      m_teleports(new QListView),
      m_steps(new QUndoView),
      m_save(new QToolButton),
      m_copy(new QToolButton),
      m_remove(new QToolButton) {
    m_teleports->setModel(m_model);
    m_teleports->setItemDelegate(new TeleportDelegate(m_teleports));
    m_teleports->setUniformItemSizes(true);
    m_teleports->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_teleports->setAccessibleName(tr("Teleports made"));
    m_steps->setStack(m_workspace.undoStack());
    m_steps->setEmptyLabel(tr("As it was opened"));
    m_steps->setAccessibleName(tr("Steps that can be undone"));
    m_steps->setToolTip(tr("Choose a step to go back or forth to it"));

    const auto button = [](QToolButton* b, Icon which, const QString& name, const QString& tip) {
        b->setIcon(icon(which));
        b->setText(name);
        b->setToolTip(tip);
        b->setAccessibleName(name);
        b->setAutoRaise(true);
    };
    button(m_save, Icon::Save, tr("Save the teleport"),
           tr("Save the chosen teleport, as rheo teleport --out does"));
    button(m_copy, Icon::Copy, tr("Copy as command"), tr("Copy the rheo line that does the same"));
    button(m_remove, Icon::Remove, tr("Remove the teleport"),
           tr("Remove the chosen teleport (Del); undo brings it back"));

    auto* head = new QHBoxLayout;
    auto* title = new QLabel(tr("&Teleports"));
    title->setBuddy(m_teleports);
    head->addWidget(title, 1);
    head->addWidget(m_save);
    head->addWidget(m_copy);
    head->addWidget(m_remove);
    auto* upper = new QWidget;
    auto* upperLayout = new QVBoxLayout(upper);
    upperLayout->setContentsMargins(0, 0, 0, 0);
    upperLayout->setSpacing(3);
    upperLayout->addLayout(head);
    upperLayout->addWidget(m_teleports);
    auto* lower = new QWidget;
    auto* lowerLayout = new QVBoxLayout(lower);
    lowerLayout->setContentsMargins(0, 6, 0, 0);
    lowerLayout->setSpacing(3);
    auto* stepsTitle = new QLabel(tr("&Undo history"));
    stepsTitle->setBuddy(m_steps);
    lowerLayout->addWidget(stepsTitle);
    lowerLayout->addWidget(m_steps);
    auto* halves = new QSplitter(Qt::Vertical);
    halves->setChildrenCollapsible(false);
    halves->addWidget(upper);
    halves->addWidget(lower);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(8, 6, 8, 8);
    layout->addWidget(halves);

    connect(m_teleports, &QListView::clicked, this, &HistoryPanel::showCurrent);
    connect(m_teleports, &QListView::activated, this, &HistoryPanel::showCurrent);
    connect(m_teleports->selectionModel(), &QItemSelectionModel::currentChanged, this, &HistoryPanel::update);
    connect(m_save, &QToolButton::clicked, this, [this] { Q_EMIT saveRequested(chosen()); });
    connect(m_copy, &QToolButton::clicked, this, [this] { Q_EMIT copyRequested(chosen()); });
    const auto remove = [this] {
        if (chosen() != 0) m_workspace.removeTeleport(chosen());
    };
    connect(m_remove, &QToolButton::clicked, this, remove);
    connect(new QShortcut(Qt::Key_Delete, m_teleports, nullptr, nullptr, Qt::WidgetShortcut),
            &QShortcut::activated, this, remove);
    connect(m_model, &QAbstractItemModel::rowsInserted, this, &HistoryPanel::update);
    connect(m_model, &QAbstractItemModel::rowsRemoved, this, &HistoryPanel::update);
    connect(&m_teleport, &TeleportModel::resultChanged, this, &HistoryPanel::update);
    update();
}

std::int64_t HistoryPanel::chosen() const {
    const auto index = m_teleports->currentIndex();
    return index.isValid() ? index.data(TeleportHistory::IdRole).toLongLong() : 0;
}

void HistoryPanel::showCurrent() {
    if (chosen() != 0 && chosen() != m_teleport.shownId()) m_teleport.showTeleport(chosen());
}

void HistoryPanel::update() {
    const std::int64_t shown = m_teleport.shownId();
    if (shown != 0 && shown != chosen() && sender() == &m_teleport)
        for (int row = 0; row < m_model->rowCount(); ++row)
            if (m_model->index(row).data(TeleportHistory::IdRole).toLongLong() == shown)
                m_teleports->setCurrentIndex(m_model->index(row));
    for (auto* b : {m_save, m_copy, m_remove}) b->setEnabled(chosen() != 0);
}

}  // namespace rheo
