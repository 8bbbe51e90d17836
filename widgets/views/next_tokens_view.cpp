#include "widgets/views/next_tokens_view.h"

#include <QAbstractTableModel>
#include <QAction>
#include <QClipboard>
#include <QContextMenuEvent>
#include <QGuiApplication>
#include <QHeaderView>
#include <QKeyEvent>
#include <QMenu>
#include <QPainter>
#include <QStyledItemDelegate>
#include <algorithm>
#include <cmath>

#include "core/figure/teleport_figure.h"
#include "widgets/views/icons.h"

namespace rheo {

namespace {

enum Column { TokenColumn, NaturalColumn, TeleportedColumn, ColumnCount };

/// A share as a person reads it: "12.3 %", "0.04 %", "< 0.01 %".
QString percent(double share) {
    if (!std::isfinite(share)) return QStringLiteral("–");
    const double value = 100 * share;
    if (value >= 99.995) return QStringLiteral("100 %");
    if (value < 0.01) return QStringLiteral("< 0.01 %");
    return QStringLiteral("%1 %").arg(value, 0, 'f', value < 1 ? 2 : 1);
}

}  // namespace

class NextTokensView::Rows : public QAbstractTableModel {
public:
    using QAbstractTableModel::QAbstractTableModel;

    int rowCount(const QModelIndex& parent = {}) const override {
        return parent.isValid() ? 0 : static_cast<int>(m_tokens.size());
    }
    int columnCount(const QModelIndex& parent = {}) const override {
        return parent.isValid() ? 0 : ColumnCount;
    }
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override {
        if (orientation != Qt::Horizontal) return {};
        if (role == Qt::TextAlignmentRole)
            return int(Qt::AlignVCenter | (section == TokenColumn ? Qt::AlignLeft : Qt::AlignRight));
        if (role == Qt::ToolTipRole)
            return section == TokenColumn     ? tr("What the model writes next, after the whole prompt")
                   : section == NaturalColumn ? tr("Probability as the model does it, untouched")
                                              : tr("Probability after the teleport");
        if (role != Qt::DisplayRole) return {};
        return section == TokenColumn     ? tr("Next token")
               : section == NaturalColumn ? tr("Natural")
                                          : tr("Teleported");
    }
    QVariant data(const QModelIndex& index, int role) const override {
        if (!index.isValid()) return {};
        const NextToken& token = m_tokens[static_cast<std::size_t>(index.row())];
        const double share = index.column() == NaturalColumn ? token.natural : token.teleported;
        switch (role) {
            case Qt::DisplayRole:
                return index.column() == TokenColumn
                           ? QString::fromStdString(visibleToken(token.text.toStdString()))
                           : percent(share);
            case Qt::TextAlignmentRole:
                return int(Qt::AlignVCenter |
                           (index.column() == TokenColumn ? Qt::AlignLeft : Qt::AlignRight));
            case Qt::ToolTipRole:
                return std::isfinite(token.teleported)
                           ? tr("token %1: %2 before, %3 after")
                                 .arg(token.id)
                                 .arg(percent(token.natural), percent(token.teleported))
                           : tr("token %1: %2").arg(token.id).arg(percent(token.natural));
            case Qt::UserRole: return share;
            default: return {};
        }
    }
    void set(std::vector<NextToken> tokens) {
        // While the handle is dragged the rows only get other contents: the view keeps its place.
        const int before = rowCount(), now = static_cast<int>(tokens.size());
        if (now > before) beginInsertRows({}, before, now - 1);
        if (now < before) beginRemoveRows({}, now, before - 1);
        m_tokens = std::move(tokens);
        if (now > before) endInsertRows();
        if (now < before) endRemoveRows();
        if (now > 0) Q_EMIT dataChanged(index(0, 0), index(now - 1, ColumnCount - 1));
    }
    const std::vector<NextToken>& tokens() const { return m_tokens; }
    /// The largest share there is: the longest bar.
    double most() const {
        double most = 0;
        for (const auto& token : m_tokens)
            for (const double share : {token.natural, token.teleported})
                if (std::isfinite(share)) most = std::max(most, share);
        return most;
    }

private:
    std::vector<NextToken> m_tokens;
};

class NextTokensView::Bars : public QStyledItemDelegate {
public:
    Bars(NextTokensView* view, const Rows* rows) : QStyledItemDelegate(view), m_rows(rows) {}
    Theme theme = lightTheme();

    void paint(QPainter* painter, const QStyleOptionViewItem& option,
               const QModelIndex& index) const override {
        if (index.column() == TokenColumn) return QStyledItemDelegate::paint(painter, option, index);
        const double share = index.data(Qt::UserRole).toDouble();
        const double most = m_rows->most();
        painter->save();
        painter->fillRect(option.rect, option.palette.color(QPalette::Base));
        if (std::isfinite(share) && most > 0) {
            const Color& tint = index.column() == NaturalColumn ? theme.natural : theme.teleported;
            QColor fill = QColor::fromRgbF(tint.r, tint.g, tint.b, 0.42f);
            QRectF bar = QRectF(option.rect).adjusted(3, 2.5, -3, -2.5);
            bar.setLeft(bar.right() - std::max(1.0, bar.width() * share / most));
            painter->fillRect(bar, fill);
        }
        painter->setPen(option.palette.color(QPalette::Text));
        painter->drawText(option.rect.adjusted(4, 0, -7, 0), Qt::AlignVCenter | Qt::AlignRight,
                          index.data().toString());
        painter->restore();
    }

private:
    const Rows* m_rows;
};

NextTokensView::NextTokensView(QWidget* parent)
    : QTableView(parent), m_rows(new Rows(this)), m_bars(new Bars(this, m_rows)) {
    setModel(m_rows);
    setItemDelegate(m_bars);
    setSelectionBehavior(SelectRows);
    setSelectionMode(NoSelection);
    setShowGrid(false);
    setWordWrap(false);
    setTabKeyNavigation(false);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    verticalHeader()->hide();
    verticalHeader()->setDefaultSectionSize(fontMetrics().height() + 5);
    verticalHeader()->setMinimumSectionSize(fontMetrics().height() + 5);
    auto* header = horizontalHeader();
    header->setSectionsClickable(false);
    header->setHighlightSections(false);
    header->setSectionResizeMode(TokenColumn, QHeaderView::Stretch);
    for (const int column : {NaturalColumn, TeleportedColumn}) {
        header->setSectionResizeMode(column, QHeaderView::Fixed);
        header->resizeSection(column, fontMetrics().horizontalAdvance("Teleported") + 26);
    }
    setAccessibleName(tr("Next tokens before and after"));
}

void NextTokensView::setTokens(std::vector<NextToken> tokens) {
    m_rows->set(std::move(tokens));
}

void NextTokensView::setTheme(const Theme& theme) {
    m_bars->theme = theme;
    viewport()->update();
}

QString NextTokensView::text() const {
    QStringList lines;
    for (int row = 0; row < m_rows->rowCount(); ++row) {
        QStringList cells;
        for (int column = 0; column < ColumnCount; ++column)
            cells << m_rows->index(row, column).data().toString();
        lines << cells.join('\t');
    }
    return lines.join('\n');
}

void NextTokensView::keyPressEvent(QKeyEvent* event) {
    if (event == QKeySequence::Copy)
        QGuiApplication::clipboard()->setText(text());
    else
        QTableView::keyPressEvent(event);
}

void NextTokensView::contextMenuEvent(QContextMenuEvent* event) {
    if (m_rows->rowCount() == 0) return;
    QMenu menu(this);
    connect(menu.addAction(icon(Icon::Copy), tr("&Copy the table")), &QAction::triggered, this,
            [this] { QGuiApplication::clipboard()->setText(text()); });
    menu.exec(event->globalPos());
}

}  // namespace rheo
