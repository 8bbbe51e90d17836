#include "widgets/views/jobs_panel.h"

#include <QApplication>
#include <QFrame>
#include <QHBoxLayout>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>

#include "widgets/viewmodels/counted.h"

namespace rheo {

namespace {

/// One job.
class JobLine : public QWidget {
public:
    JobLine(JobListModel* model, qint64 id)
        : m_text(new QLabel), m_bar(new QProgressBar), m_stop(new QPushButton(QObject::tr("Cancel"))) {
        auto* layout = new QHBoxLayout(this);
        layout->setContentsMargins(4, 0, 4, 0);
        m_text->setFixedWidth(240);
        m_bar->setFixedSize(90, 14);
        m_stop->setFixedHeight(JobsPanel::lineHeight());
        layout->addWidget(m_text);
        layout->addWidget(m_bar);
        layout->addWidget(m_stop);
        m_stop->setAccessibleName(QObject::tr("Cancel this job"));
        connect(m_stop, &QPushButton::clicked, model, [model, id] {
            for (int row = 0; row < model->rowCount(); ++row)
                if (model->index(row).data(JobListModel::IdRole).toLongLong() == id)
                    return model->cancel(row);
        });
    }
    void show(const QModelIndex& index) {
        QString text = index.data(Qt::DisplayRole).toString();
        const QString stage = index.data(JobListModel::StageRole).toString(),
                      left = index.data(JobListModel::TimeLeftRole).toString();
        if (!stage.isEmpty() && stage != text) text += ": " + stage;
        if (!left.isEmpty()) text += ", " + left;
        m_text->setToolTip(text);
        m_text->setText(m_text->fontMetrics().elidedText(text, Qt::ElideRight, m_text->width()));
        const double fraction = index.data(JobListModel::FractionRole).toDouble();
        m_bar->setRange(0, fraction < 0 ? 0 : 1000);
        if (fraction >= 0) m_bar->setValue(qRound(fraction * 1000));
        m_stop->setEnabled(index.data(JobListModel::CancellableRole).toBool());
    }

private:
    QLabel* m_text;
    QProgressBar* m_bar;
    QPushButton* m_stop;
};

}  // namespace

/// An analysis that waits for the one before it.
static QWidget* waitingLine(Analyses& analyses, const QueuedAnalysis& item) {
    auto* line = new QWidget;
    auto* layout = new QHBoxLayout(line);
    layout->setContentsMargins(4, 0, 4, 0);
    auto* text = new QLabel(QObject::tr("Waiting: %1").arg(item.title));
    auto* stop = new QPushButton(QObject::tr("Cancel"));
    stop->setAccessibleName(QObject::tr("Cancel %1").arg(item.title));
    layout->addWidget(text, 1);
    layout->addWidget(stop);
    QObject::connect(stop, &QPushButton::clicked, &analyses,
                     [&analyses, id = item.id] { analyses.cancel(id); });
    return line;
}

JobsPanel::JobsPanel(JobRunner& jobs, Analyses& analyses, QWidget* parent)
    : QWidget(parent),
      m_analyses(analyses),
      m_model(new JobListModel(jobs, this)),
      m_line(new QHBoxLayout(this)),
      m_more(new QToolButton),
      m_others(new QFrame(this, Qt::Popup)) {
    setFixedHeight(lineHeight());
    m_line->setContentsMargins(0, 0, 0, 0);
    m_line->addWidget(m_more);
    m_more->setAccessibleName(tr("Other jobs"));
    m_more->setMaximumHeight(lineHeight());
    m_others->setFrameStyle(QFrame::StyledPanel);
    new QVBoxLayout(m_others);
    connect(m_more, &QToolButton::clicked, this, &JobsPanel::showOthers);
    connect(&m_analyses, &Analyses::queueChanged, this, &JobsPanel::rebuild);
    connect(m_model, &QAbstractItemModel::rowsInserted, this, &JobsPanel::rebuild);
    connect(m_model, &QAbstractItemModel::rowsRemoved, this, &JobsPanel::rebuild);
    connect(m_model, &QAbstractItemModel::modelReset, this, &JobsPanel::rebuild);
    connect(m_model, &QAbstractItemModel::dataChanged, this,
            [this](const QModelIndex& a, const QModelIndex& b) { refresh(a.row(), b.row()); });
    rebuild();
}

int JobsPanel::lineHeight() {
    return QFontMetrics(QApplication::font()).height() + 8;
}

/// The first line is in the bar, after it comes the button; all others are in the frame.
void JobsPanel::rebuild() {
    QLayout* others = m_others->layout();
    for (QLayout* layout : {static_cast<QLayout*>(m_line), others})
        for (int i = layout->count() - 1; i >= 0; --i)
            if (QWidget* line = layout->itemAt(i)->widget(); line != m_more) {
                delete layout->takeAt(i);
                line->hide();
                line->deleteLater();
            }
    QList<QWidget*> lines;
    for (int row = 0; row < m_model->rowCount(); ++row)
        lines << new JobLine(m_model, m_model->index(row).data(JobListModel::IdRole).toLongLong());
    for (const QueuedAnalysis& item : m_analyses.queue())
        if (!item.running) lines << waitingLine(m_analyses, item);
    for (int place = 0; place < lines.size(); ++place)
        if (place == 0)
            m_line->insertWidget(0, lines[0]);
        else
            others->addWidget(lines[place]);
    const auto more = lines.size() - 1;
    m_more->setVisible(more > 0);
    m_more->setText(tr("+%1").arg(more));
    m_more->setToolTip(counted(more, tr("1 more job"), tr("%1 more jobs")));
    if (more <= 0) m_others->hide();
    if (m_others->isVisible()) showOthers();
    setVisible(!lines.isEmpty());
    refresh(0, m_model->rowCount() - 1);
}

/// Above the bar, its right edge at that of the bar.
void JobsPanel::showOthers() {
    m_others->adjustSize();
    m_others->move(mapToGlobal(QPoint(width() - m_others->width(), -m_others->height() - 2)));
    m_others->show();
}

QWidget* JobsPanel::lineAt(int place) const {
    return place == 0 ? m_line->itemAt(0)->widget() : m_others->layout()->itemAt(place - 1)->widget();
}

void JobsPanel::refresh(int first, int last) {
    for (int row = std::max(0, first); row <= last && row < m_model->rowCount(); ++row)
        static_cast<JobLine*>(lineAt(row))->show(m_model->index(row));
}

}  // namespace rheo
