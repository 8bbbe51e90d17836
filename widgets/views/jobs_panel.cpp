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
        m_text->setMinimumWidth(320);
        m_bar->setMaximumHeight(16);
        layout->addWidget(m_text);
        layout->addWidget(m_bar, 1);
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
        m_text->setText(m_text->fontMetrics().elidedText(text, Qt::ElideRight, 460));
        m_text->setToolTip(text);
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

JobsPanel::JobsPanel(JobRunner& jobs, QWidget* parent)
    : QWidget(parent), m_model(new JobListModel(jobs, this)) {
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
    refresh(0, m_model->rowCount() - 1);
    setVisible(m_model->rowCount() > 0);
}

void JobsPanel::refresh(int first, int last) {
    for (int row = std::max(0, first); row <= last && row < layout()->count(); ++row)
        static_cast<JobLine*>(layout()->itemAt(row)->widget())->show(m_model->index(row));
}

}  // namespace rheo
