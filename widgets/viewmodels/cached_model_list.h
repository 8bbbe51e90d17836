#pragma once

#include <QAbstractListModel>
#include <vector>

#include "core/checkpoint/cached_models.h"
#include "widgets/jobs/job_runner.h"

namespace rheo {

/// The models of the local Hugging Face cache. To search, put a QSortFilterProxyModel on it.
class CachedModelList : public QAbstractListModel {
    Q_OBJECT
public:
    enum Role {
        SummaryRole = Qt::UserRole + 1,  ///< QString: architecture, sizes (DisplayRole: ORG/NAME)
        TroubleRole,                     ///< QString, why it cannot be opened as it is; empty: it can
        OpensRole,                       ///< bool, that it can
    };

    explicit CachedModelList(JobRunner& jobs, QObject* parent = nullptr);
    ~CachedModelList() override;

    /// Looks again, in the background; listed() says when that is done.
    void refresh();
    bool isLooking() const { return m_job.value() != 0; }

    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    const CachedModel& modelAt(int row) const { return m_models.at(static_cast<std::size_t>(row)); }

Q_SIGNALS:
    void listed();

private:
    JobRunner& m_jobs;
    JobId m_job;
    std::vector<CachedModel> m_models;
};

/// "llama, 32 blocks of 128 units, 6.5 million parameters": what a config describes.
QString summaryOf(const Checkpoint& checkpoint);

}  // namespace rheo
