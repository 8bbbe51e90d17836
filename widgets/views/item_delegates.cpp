#include "widgets/views/item_delegates.h"

#include <QPainter>
#include <QWidget>
#include <algorithm>

#include "widgets/paint/readable_text.h"
#include "widgets/viewmodels/counted.h"
#include "widgets/viewmodels/prompt_list_model.h"
#include "widgets/viewmodels/token_strip_model.h"

namespace rheo {

namespace {

QColor inkOf(const QStyleOptionViewItem& option, bool chosen) {
    const auto group = option.state & QStyle::State_Active ? QPalette::Active : QPalette::Inactive;
    return option.palette.color(group, chosen ? QPalette::HighlightedText : QPalette::Text);
}

/// Where the keys act: a line around the entry, in the colour of its text.
void paintFocus(QPainter* painter, const QStyleOptionViewItem& option, const QColor& ink, double round) {
    if (!(option.state & QStyle::State_HasFocus)) return;
    painter->setPen(QPen(ink, 1.5));
    painter->setBrush(Qt::NoBrush);
    painter->drawRoundedRect(QRectF(option.rect).adjusted(1.5, 1.5, -1.5, -1.5), round, round);
}

QString textOf(const QStyleOptionViewItem& option, const QModelIndex& index) {
    return readable(index.data(Qt::DisplayRole).toString(), option.font);
}

}  // namespace

QSize TwoLineDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex&) const {
    return {120, 2 * option.fontMetrics.height() + 10};
}

TwoLineDelegate::Lines TwoLineDelegate::lines(const QStyleOptionViewItem& option,
                                              const QModelIndex& index) const {
    const QString text = textOf(option, index);
    return {text.section(QLatin1Char('\n'), 0, 0), text.section(QLatin1Char('\n'), 1, 1)};
}

void TwoLineDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option,
                            const QModelIndex& index) const {
    QStyleOptionViewItem empty = option;
    initStyleOption(&empty, index);
    empty.text.clear();
    empty.state &= ~QStyle::State_HasFocus;
    empty.widget->style()->drawControl(QStyle::CE_ItemViewItem, &empty, painter, empty.widget);
    const bool chosen = option.state & QStyle::State_Selected;
    const QColor ink = inkOf(option, chosen);
    const QRect box = option.rect.adjusted(7, 5, -7, -5);
    const Lines shown = lines(option, index);
    const auto line = [&](const QString& text, Qt::Alignment side, const QColor& color) {
        painter->setPen(color);
        painter->drawText(box, side | Qt::AlignLeft,
                          option.fontMetrics.elidedText(text, Qt::ElideRight, box.width()));
    };
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    line(shown.first, Qt::AlignTop, ink);
    const QColor faint = chosen ? ink : option.palette.color(QPalette::PlaceholderText);
    line(shown.second, Qt::AlignBottom,
         shown.isFailure && !chosen ? option.palette.color(QPalette::BrightText) : faint);
    paintFocus(painter, option, ink, 3);
    painter->restore();
}

PromptDelegate::Lines PromptDelegate::lines(const QStyleOptionViewItem& option,
                                            const QModelIndex& index) const {
    const QString text = textOf(option, index);
    Lines lines{text.isEmpty() ? tr("(no text)") : text, {}};
    const auto status = PromptStatus(index.data(PromptListModel::StatusRole).toInt());
    if (status == PromptStatus::Failed) {
        lines.second = tr("failed: %1").arg(index.data(PromptListModel::ReasonRole).toString());
        lines.isFailure = true;
        return lines;
    }
    QStringList known;
    if (const int tokens = index.data(PromptListModel::TokensRole).toInt(); tokens >= 0)
        known << counted(tokens, tr("1 token"), tr("%1 tokens"));
    if (status != PromptStatus::Ready) known << promptStatusName(status);
    lines.second = known.join(QStringLiteral(", "));
    if (!index.data(PromptListModel::NoteRole).toString().isEmpty()) lines.second += QStringLiteral("  ⚠");
    return lines;
}

QSize TokenDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const {
    return {std::max(option.fontMetrics.horizontalAdvance(textOf(option, index)) + 10, 14),
            option.fontMetrics.height() + 8};
}

void TokenDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option,
                          const QModelIndex& index) const {
    const bool chosen = index.data(TokenStripModel::SelectedRole).toBool();
    const bool captured = index.data(TokenStripModel::CapturedRole).toBool();
    const QPalette& palette = option.palette;
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    painter->setPen(
        QPen(palette.color(captured ? QPalette::Highlight : QPalette::Mid), captured ? 1.4 : 0.8));
    painter->setBrush(palette.color(chosen ? QPalette::Highlight : QPalette::AlternateBase));
    painter->drawRoundedRect(QRectF(option.rect).adjusted(1.5, 1.5, -1.5, -1.5), 4, 4);
    QColor ink = palette.color(chosen ? QPalette::HighlightedText : QPalette::Text);
    if (index.data(TokenStripModel::SpecialRole).toBool() && !chosen)
        ink = palette.color(QPalette::PlaceholderText);
    painter->setPen(ink);
    painter->drawText(option.rect, Qt::AlignCenter, textOf(option, index));
    paintFocus(painter, option, ink, 4);
    painter->restore();
}

}  // namespace rheo
