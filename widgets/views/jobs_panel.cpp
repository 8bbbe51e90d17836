#include "widgets/views/jobs_panel.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QVBoxLayout>

namespace rheo {

namespace {

/// One job.
class JobLine : public QWidget {
public:
    JobLine(JobListModel* model, qint64 id)
        : m_text(new QLabel), m_bar(new QProgressBar), m_stop(new QPushButton(QObject::tr("Cancel"))) {
        auto* layout = new QHBoxLayout(this);
        layout->setContentsMargins(8, 1, 8, 1);
        m_text->setMinimumWidth(200);
        m_text->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
        m_bar->setMaximumHeight(16);
        layout->addWidget(m_text, 3);
        layout->addWidget(m_bar, 2);
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
        fitText();
        const double fraction = index.data(JobListModel::FractionRole).toDouble();
        m_bar->setRange(0, fraction < 0 ? 0 : 1000);
        if (fraction >= 0) m_bar->setValue(qRound(fraction * 1000));
        m_stop->setEnabled(index.data(JobListModel::CancellableRole).toBool());
    }

protected:
    void resizeEvent(QResizeEvent* event) override {
        QWidget::resizeEvent(event);
        fitText();
    }

private:
    void fitText() {
        layout()->activate();
        m_text->setText(m_text->fontMetrics().elidedText(m_text->toolTip(), Qt::ElideRight, m_text->width()));
    }

    QLabel* m_text;
    QProgressBar* m_bar;
    QPushButton* m_stop;
};

}  // namespace

/// An analysis that waits for the one before it.
static QWidget* waitingLine(Analyses& analyses, const QueuedAnalysis& item) {
    auto* line = new QWidget;
    auto* layout = new QHBoxLayout(line);
    layout->setContentsMargins(8, 1, 8, 1);
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
    : QWidget(parent), m_analyses(analyses), m_model(new JobListModel(jobs, this)) {
    connect(&m_analyses, &Analyses::queueChanged, this, &JobsPanel::rebuild);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    connect(m_model, &QAbstractItemModel::rowsInserted, this, &JobsPanel::rebuild);
    connect(m_model, &QAbstractItemModel::rowsRemoved, this, &JobsPanel::rebuild);
    connect(m_model, &QAbstractItemModel::modelReset, this, &JobsPanel::rebuild);
    connect(m_model, &QAbstractItemModel::dataChanged, this,
            [this](const QModelIndex& a, const QModelIndex& b) { refresh(a.row(), b.row()); });
    rebuild();
}

void JobsPanel::rebuild() {
    while (QLayoutItem* item = layout()->takeAt(0)) {
        item->widget()->deleteLater();
        delete item;
    }
    for (int row = 0; row < m_model->rowCount(); ++row)
        layout()->addWidget(
            new JobLine(m_model, m_model->index(row).data(JobListModel::IdRole).toLongLong()));
    for (const QueuedAnalysis& item : m_analyses.queue())
        if (!item.running) layout()->addWidget(waitingLine(m_analyses, item));
    refresh(0, m_model->rowCount() - 1);
    setVisible(layout()->count() > 0);
}

void JobsPanel::refresh(int first, int last) {
    for (int row = std::max(0, first); row <= last && row < m_model->rowCount(); ++row)
        static_cast<JobLine*>(layout()->itemAt(row)->widget())->show(m_model->index(row));
}

}  // namespace rheo
