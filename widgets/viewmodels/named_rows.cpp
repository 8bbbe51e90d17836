#include "widgets/viewmodels/named_rows.h"

#include <algorithm>

#include "core/base/output_file.h"
#include "widgets/viewmodels/csv.h"

namespace rheo {

namespace {

void setNamed(Workspace& workspace, const QString& step, std::vector<NamedRows> named) {
    DocumentState next = *workspace.state();
    next.named = std::move(named);
    workspace.change(step, std::move(next));
}

}  // namespace

void keepRows(Workspace& workspace, const QString& name, const QList<qint64>& rows) {
    const DocumentState& state = *workspace.state();
    NamedRows kept{name.trimmed().toStdString(), {}};
    for (const qint64 row : rows)
        if (row >= 0 && row < state.rows()) kept.places.push_back(placeOf(state, RowIndex{row}));
    if (kept.name.empty() || kept.places.empty()) return;
    std::sort(kept.places.begin(), kept.places.end());
    auto named = state.named;
    const auto same = std::find_if(named.begin(), named.end(),
                                   [&](const NamedRows& other) { return other.name == kept.name; });
    if (same != named.end())
        *same = std::move(kept);
    else
        named.push_back(std::move(kept));
    setNamed(workspace, Workspace::tr("Keep the selection \"%1\"").arg(name.trimmed()), std::move(named));
}

void renameRows(Workspace& workspace, std::size_t i, const QString& name) {
    auto named = workspace.state()->named;
    if (i >= named.size() || name.trimmed().isEmpty()) return;
    named[i].name = name.trimmed().toStdString();
    setNamed(workspace, Workspace::tr("Rename the selection"), std::move(named));
}

void forgetRows(Workspace& workspace, std::size_t i) {
    auto named = workspace.state()->named;
    if (i >= named.size()) return;
    const QString name = QString::fromStdString(named[i].name);
    named.erase(named.begin() + static_cast<std::ptrdiff_t>(i));
    setNamed(workspace, Workspace::tr("Forget the selection \"%1\"").arg(name), std::move(named));
}

QList<qint64> rowsOf(const DocumentState& state, const NamedRows& named) {
    QList<qint64> rows;
    for (const RowIndex row : rowsAt(state, named.places)) rows << row.value();
    return rows;
}

QString listOfRows(const Workspace& workspace, const QList<qint64>& rows) {
    const auto& state = *workspace.state();
    const auto model = workspace.model();
    QString list = QStringLiteral("row,sample,token,token_id,token_text,group,prompt\n");
    for (const qint64 row : rows) {
        if (row < 0 || row >= state.rows()) continue;
        const TraceInfo& info = state.trace->info();
        const TraceRow& at = info.rows[static_cast<std::size_t>(row)];
        const Sample& sample = info.samples[static_cast<std::size_t>(at.sample)];
        const bool hasText = model && model->tokenizer && at.tokenId >= 0;
        list += QStringLiteral("%1,%2,%3,%4,%5,%6,%7\n")
                    .arg(row)
                    .arg(at.sample)
                    .arg(at.position)
                    .arg(at.tokenId)
                    .arg(csvField(hasText ? QString::fromStdString(model->tokenizer->pieceText(at.tokenId))
                                          : QString()),
                         csvField(QString::fromStdString(sample.group)),
                         csvField(QString::fromStdString(sample.text)));
    }
    return list;
}

void exportRows(const Workspace& workspace, const QList<qint64>& rows, const QString& file) {
    writeFile(file.toStdString(), listOfRows(workspace, rows).toStdString(), IfExists::Replace);
}

}  // namespace rheo
