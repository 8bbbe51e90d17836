#include "widgets/views/two_line_delegate.h"

#include <QApplication>
#include <QPainter>
#include <QWidget>

#include "widgets/views/icons.h"

namespace rheo {

QColor alarmColor(const QPalette& palette) {
    return palette.color(QPalette::Base).lightness() < 128 ? QColor(0xff, 0xb0, 0x5c)
                                                           : QColor(0xa8, 0x3a, 0x00);
}

QSize TwoLineDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex&) const {
    return {120, 2 * option.fontMetrics.height() + 10};
}

void TwoLineDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option,
                            const QModelIndex& index) const {
    QStyleOptionViewItem frame = option;
    initStyleOption(&frame, index);
    frame.text.clear();
    (option.widget != nullptr ? option.widget->style() : QApplication::style())
        ->drawControl(QStyle::CE_ItemViewItem, &frame, painter, option.widget);
    const Lines text = lines(index);
    const bool chosen = option.state & QStyle::State_Selected;
    const auto group = option.state & QStyle::State_Active ? QPalette::Active : QPalette::Inactive;
    const QColor ink = option.palette.color(group, chosen ? QPalette::HighlightedText : QPalette::Text);
    QRect box = option.rect.adjusted(7, 4, -7, -4);
    painter->save();
    painter->setFont(option.font);
    painter->setPen(ink);
    painter->drawText(box, Qt::AlignTop | Qt::AlignLeft,
                      option.fontMetrics.elidedText(text.first, Qt::ElideRight, box.width()));
    if (text.warning) {
        const int side = option.fontMetrics.height();
        icon(Icon::Warning)
            .paint(painter, QRect(box.right() - side, box.bottom() - side + 1, side, side), Qt::AlignCenter,
                   chosen ? QIcon::Selected : QIcon::Normal);
        box.setRight(box.right() - side - 4);
    }
    QColor faint = chosen ? ink : option.palette.color(QPalette::PlaceholderText);
    if (text.alarming && !chosen) faint = alarmColor(option.palette);
    painter->setPen(faint);
    painter->drawText(box, Qt::AlignBottom | Qt::AlignLeft,
                      option.fontMetrics.elidedText(text.second, Qt::ElideRight, box.width()));
    painter->restore();
}

}  // namespace rheo
