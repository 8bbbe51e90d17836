#pragma once

#include <QAbstractListModel>
#include <QList>

#include "widgets/jobs/job_runner.h"

namespace rheo {

/// The jobs that have not ended, those not listed left out.
class JobListModel : public QAbstractListModel {
    Q_OBJECT
public:
    enum Role {
        IdRole = Qt::UserRole + 1,  ///< qlonglong, of JobId
        StageRole,                  ///< QString
        StateRole,                  ///< int, of JobState
        FractionRole,               ///< double, -1: not known
        SecondsLeftRole,            ///< double, -1: not known
        TimeLeftRole,               ///< QString: "about 2 minutes left"; empty: not known
        CancellableRole,            ///< bool: was not told to stop yet
    };

    explicit JobListModel(JobRunner& jobs, QObject* parent = nullptr);

    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    QHash<int, QByteArray> roleNames() const override;

    void cancel(int row);

private:
    int rowOf(JobId id) const;

    JobRunner& m_runner;
    QList<JobInfo> m_jobs;
};

/// "about 40 seconds left", "about 3 minutes left", "about 2 hours left"; empty without a number.
QString timeLeftText(std::optional<double> seconds);

}  // namespace rheo
