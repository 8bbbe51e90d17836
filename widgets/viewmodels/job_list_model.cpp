#include "widgets/viewmodels/job_list_model.h"

#include <cmath>

#include "widgets/viewmodels/counted.h"

namespace rheo {

QString timeLeftText(std::optional<double> seconds) {
    if (!seconds || !std::isfinite(*seconds)) return {};
    const auto rounded = [](double x) { return std::max(1, static_cast<int>(std::lround(x))); };
    const auto text = [](int count, const char* one, const char* many) {
        return counted(count, JobListModel::tr(one), JobListModel::tr(many));
    };
    if (*seconds < 55) {
        // Fives and tens: a number that jumps is not read.
        const int s = *seconds < 10 ? rounded(*seconds) : 5 * rounded(*seconds / 5);
        return text(s, "about 1 second left", "about %1 seconds left");
    }
    if (*seconds < 55 * 60)
        return text(rounded(*seconds / 60), "about 1 minute left", "about %1 minutes left");
    return text(rounded(*seconds / 3600), "about 1 hour left", "about %1 hours left");
}

JobListModel::JobListModel(JobRunner& jobs, QObject* parent) : QAbstractListModel(parent), m_runner(jobs) {
    connect(&jobs, &JobRunner::jobAdded, this, [this](const JobInfo& job) {
        if (!job.listed) return;
        beginInsertRows({}, rowCount(), rowCount());
        m_jobs.append(job);
        endInsertRows();
    });
    connect(&jobs, &JobRunner::jobChanged, this, [this](const JobInfo& job) {
        const int row = rowOf(job.id);
        if (row < 0) return;
        m_jobs[row] = job;
        Q_EMIT dataChanged(index(row), index(row));
    });
    connect(&jobs, &JobRunner::jobEnded, this, [this](const JobInfo& job) {
        const int row = rowOf(job.id);
        if (row < 0) return;
        beginRemoveRows({}, row, row);
        m_jobs.removeAt(row);
        endRemoveRows();
    });
    for (const JobInfo& job : jobs.jobs())
        if (job.listed) m_jobs.append(job);
}

int JobListModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(m_jobs.size());
}

QVariant JobListModel::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
    const JobInfo& job = m_jobs[index.row()];
    switch (role) {
        case Qt::DisplayRole: return job.title;
        case IdRole: return static_cast<qlonglong>(job.id.value());
        case StageRole: return job.stage;
        case StateRole: return static_cast<int>(job.state);
        case FractionRole: return job.fraction.value_or(-1);
        case SecondsLeftRole: return job.secondsLeft.value_or(-1);
        case TimeLeftRole: return job.stopping ? tr("stopping") : timeLeftText(job.secondsLeft);
        case CancellableRole: return !job.stopping;
        default: return {};
    }
}

QHash<int, QByteArray> JobListModel::roleNames() const {
    auto names = QAbstractListModel::roleNames();
    names.insert({{IdRole, "jobId"},
                  {StageRole, "stage"},
                  {StateRole, "state"},
                  {FractionRole, "fraction"},
                  {SecondsLeftRole, "secondsLeft"},
                  {TimeLeftRole, "timeLeft"},
                  {CancellableRole, "cancellable"}});
    return names;
}

void JobListModel::cancel(int row) {
    if (row >= 0 && row < m_jobs.size()) m_runner.cancel(m_jobs[row].id);
}

int JobListModel::rowOf(JobId id) const {
    for (int row = 0; row < m_jobs.size(); ++row)
        if (m_jobs[row].id == id) return row;
    return -1;
}

}  // namespace rheo
