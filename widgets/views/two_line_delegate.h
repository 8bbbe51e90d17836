#pragma once

#include <QColor>
#include <QStyledItemDelegate>

namespace rheo {

/// Items of a list in two lines: a title, and smaller facts below it.
class TwoLineDelegate : public QStyledItemDelegate {
public:
    using QStyledItemDelegate::QStyledItemDelegate;

    QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
    void paint(QPainter* painter, const QStyleOptionViewItem& option,
               const QModelIndex& index) const override;

protected:
    struct Lines {
        QString first, second;
        bool alarming = false;  ///< the second line says that something is wrong
        bool warning = false;   ///< a warning sign at its end
    };
    virtual Lines lines(const QModelIndex& index) const = 0;
};

/// The colour of words about trouble, on the palette's base.
QColor alarmColor(const QPalette& palette);

}  // namespace rheo
