#include "widgets/viewmodels/teleport_table.h"

#include <QColor>
#include <QLocale>
#include <array>
#include <utility>

#include "core/figure/teleport_figure.h"
#include "widgets/viewmodels/csv.h"
#include "widgets/viewmodels/teleport_history.h"

namespace rheo {

namespace {

struct Row {
    const TeleportRecord& record;
    const LoadedModel* model;
};

double lastOf(const VectorD& values) {
    return values.size() > 0 ? values[values.size() - 1] : 0.0;
}

QVariant token(const Row& row, const VectorF& logits, bool wantText) {
    const auto top = topTokens(logits, 1);
    if (top.empty()) return {};
    if (!wantText) return top[0].probability;
    return row.model != nullptr && row.model->tokenizer
               ? QString::fromStdString(visibleToken(row.model->tokenizer->pieceText(top[0].id)))
               : QString::number(top[0].id);
}

/// What a column shows of a teleport: a text or a number.
struct Column {
    const char* title;
    const char* explained;
    QVariant (*value)(const Row&);
};

constexpr std::array columns{
    Column{QT_TR_NOOP("Teleport"), QT_TR_NOOP("Its name, or token and point"),
           [](const Row& r) { return QVariant(shortNameOf(r.record, r.model)); }},
    Column{QT_TR_NOOP("Point"), QT_TR_NOOP("Where the new state was inserted"),
           [](const Row& r) { return QVariant(pointOf(r.record)); }},
    Column{QT_TR_NOOP("Mode"),
           QT_TR_NOOP("Shift keeps the part of the state outside the components; project drops it"),
           [](const Row& r) {
               return QVariant(QString::fromUtf8(teleportModeName(r.record.result.request.mode).data()));
           }},
    Column{QT_TR_NOOP("Displacement"), QT_TR_NOOP("How far the state was moved in the residual stream"),
           [](const Row& r) {
               const VectorD& distance = r.record.result.measures.distance;
               return QVariant(distance.size() > 0 ? distance[0] : 0.0);
           }},
    Column{QT_TR_NOOP("Push left"),
           QT_TR_NOOP("Distance at the last point divided by the displacement; above 1 if it grew"),
           [](const Row& r) { return QVariant(lastOf(r.record.result.measures.retention)); }},
    Column{QT_TR_NOOP("KL (nats)"), QT_TR_NOOP("KL divergence of the next token, from natural to teleported"),
           [](const Row& r) { return QVariant(r.record.result.measures.kl); }},
    Column{QT_TR_NOOP("Next token before"), QT_TR_NOOP("The likeliest next token at the end of the prompt"),
           [](const Row& r) { return token(r, r.record.result.natural.logits, true); }},
    Column{QT_TR_NOOP("Probability before"), QT_TR_NOOP("Of that token"),
           [](const Row& r) { return token(r, r.record.result.natural.logits, false); }},
    Column{QT_TR_NOOP("Next token after"), QT_TR_NOOP("The likeliest next token at the end of the prompt"),
           [](const Row& r) { return token(r, r.record.result.teleported.logits, true); }},
    Column{QT_TR_NOOP("Probability after"), QT_TR_NOOP("Of that token"),
           [](const Row& r) { return token(r, r.record.result.teleported.logits, false); }},
    Column{QT_TR_NOOP("Prompt"), QT_TR_NOOP("The prompt that was run"),
           [](const Row& r) { return QVariant(QString::fromStdString(r.record.sample.text).simplified()); }},
};

const Column& columnAt(int section) {
    return columns[static_cast<std::size_t>(section)];
}

QString csvValue(const QVariant& value) {
    if (value.userType() == QMetaType::Double) return QLocale::c().toString(value.toDouble(), 'g', 9);
    return rheo::csvField(value.toString());
}

}  // namespace

TeleportTable::TeleportTable(Workspace& workspace, TeleportComparison& comparison, QObject* parent)
    : QAbstractTableModel(parent), m_workspace(workspace), m_comparison(comparison), m_theme(lightTheme()) {
    connect(&comparison, &TeleportComparison::changed, this, &TeleportTable::update);
    connect(&workspace, &Workspace::stateChanged, this, &TeleportTable::update);
    connect(&workspace, &Workspace::modelChanged, this, &TeleportTable::update);
    update();
}

void TeleportTable::setTheme(const Theme& theme) {
    m_theme = theme;
    update();
}

void TeleportTable::update() {
    beginResetModel();
    m_records = m_comparison.isActive() ? m_comparison.chosen() : m_workspace.state()->teleports;
    endResetModel();
}

int TeleportTable::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(m_records.size());
}

int TeleportTable::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(columns.size());
}

QColor TeleportTable::colorOf(int row) const {
    const Color color = *comparedLook(m_theme, row).color;
    return QColor::fromRgbF(color.r, color.g, color.b);
}

QVariant TeleportTable::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
    if (role == Qt::DecorationRole && index.column() == 0 && m_comparison.isActive())
        return colorOf(index.row());
    if (role != Qt::DisplayRole && role != Qt::ToolTipRole && role != Qt::TextAlignmentRole) return {};
    const QVariant value =
        columnAt(index.column())
            .value({*m_records[static_cast<std::size_t>(index.row())], m_workspace.model().get()});
    const bool isNumber = value.userType() == QMetaType::Double;
    if (role == Qt::TextAlignmentRole)
        return int((isNumber ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    if (isNumber) return QLocale().toString(value.toDouble(), 'g', role == Qt::ToolTipRole ? 9 : 3);
    return value;
}

QVariant TeleportTable::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation == Qt::Vertical) return role == Qt::DisplayRole ? QVariant(section + 1) : QVariant();
    if (role == Qt::DisplayRole) return tr(columnAt(section).title);
    if (role == Qt::ToolTipRole) return tr(columnAt(section).explained);
    return {};
}

QString TeleportTable::toCsv() const {
    QStringList lines, titles;
    for (const Column& column : columns) titles << csvField(tr(column.title));
    lines << titles.join(QLatin1Char(','));
    for (const auto& record : m_records) {
        QStringList fields;
        for (const Column& column : columns)
            fields << csvValue(column.value({*record, m_workspace.model().get()}));
        lines << fields.join(QLatin1Char(','));
    }
    return lines.join(QStringLiteral("\r\n")) + QStringLiteral("\r\n");
}

}  // namespace rheo
