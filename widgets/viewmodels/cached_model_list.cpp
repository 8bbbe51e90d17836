#include "widgets/viewmodels/cached_model_list.h"

#include <QLocale>

namespace rheo {

namespace {

QString parameterCount(std::int64_t count) {
    const auto value = static_cast<double>(count);
    const QLocale locale;
    if (value >= 1e9)
        return CachedModelList::tr("%1 billion parameters").arg(locale.toString(value / 1e9, 'f', 1));
    if (value >= 1e5)
        return CachedModelList::tr("%1 million parameters").arg(locale.toString(value / 1e6, 'f', 1));
    return CachedModelList::tr("%1 parameters").arg(locale.toString(static_cast<qlonglong>(count)));
}

}  // namespace

QString summaryOf(const Checkpoint& checkpoint) {
    const ModelConfig& c = checkpoint.config();
    return CachedModelList::tr("%1, %2 blocks of %3 units, %4")
        .arg(QString::fromStdString(c.architecture))
        .arg(c.layers)
        .arg(QLocale().toString(static_cast<qlonglong>(c.dModel)),
             parameterCount(checkpoint.forecast(DType::Float32, 1, 1).parameters));
}

CachedModelList::CachedModelList(JobRunner& jobs, QObject* parent)
    : QAbstractListModel(parent), m_jobs(jobs) {}

CachedModelList::~CachedModelList() {
    m_jobs.cancel(m_job);
}

void CachedModelList::refresh() {
    if (isLooking()) return;
    m_job = m_jobs.submit(
        {Lane::Analysis, tr("Listing the models in the cache"), false},
        [](Progress& progress) { return cachedModels(progress); }, this,
        [this](Outcome<std::vector<CachedModel>> outcome) {
            if (outcome.cancelled()) return;
            m_job = {};
            beginResetModel();
            if (auto* models = outcome.result()) m_models = std::move(*models);
            endResetModel();
            Q_EMIT listed();
        });
}

int CachedModelList::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(m_models.size());
}

QVariant CachedModelList::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) return {};
    const CachedModel& model = modelAt(index.row());
    switch (role) {
        case Qt::DisplayRole: return QString::fromStdString(model.name);
        case Qt::ToolTipRole: return QString::fromStdString(model.folder.string());
        case TroubleRole: return QString::fromStdString(model.trouble);
        case OpensRole: return model.trouble.empty();
        case SummaryRole: {
            QString text =
                model.checkpoint ? summaryOf(*model.checkpoint) : QString::fromStdString(model.architecture);
            if (model.bytes > 0)
                text += (text.isEmpty() ? QString() : QStringLiteral(", ")) +
                        tr("%1 on disk").arg(QLocale().formattedDataSize(model.bytes));
            return text;
        }
        default: return {};
    }
}

}  // namespace rheo
