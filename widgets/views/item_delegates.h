#pragma once

#include <QStyledItemDelegate>
#include <utility>

class QListView;

namespace rheo {

/// An entry of a list in two lines, each cut to the width there is: what it is, and below it, fainter, what
/// is known of it. The first two lines of DisplayRole, unless lines() says else.
class TwoLineDelegate : public QStyledItemDelegate {
    Q_OBJECT
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
    void paint(QPainter* painter, const QStyleOptionViewItem& option,
               const QModelIndex& index) const override;

protected:
    struct Lines {
        QString first, second;
        bool isFailure = false;  ///< the second is why something failed
    };
    virtual Lines lines(const QStyleOptionViewItem& option, const QModelIndex& index) const;
};

/// A prompt: its beginning, and what came of it.
class PromptDelegate : public TwoLineDelegate {
    Q_OBJECT
public:
    using TwoLineDelegate::TwoLineDelegate;

protected:
    Lines lines(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
};

/// A token as a chip.
class TokenDelegate : public QStyledItemDelegate {
    Q_OBJECT
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
    void paint(QPainter* painter, const QStyleOptionViewItem& option,
               const QModelIndex& index) const override;
};

}  // namespace rheo
