#pragma once

#include <QList>
#include <QWidget>
#include <optional>

#include "widgets/viewmodels/message_board.h"

class QBoxLayout;
class QHBoxLayout;
class QLabel;
class QPushButton;

namespace rheo {

/// A message over the edge of a widget: an error with its cause, or news with something to do about it. It
/// lies over what is there, so that nothing moves when it comes or goes.
class Banner : public QWidget {
    Q_OBJECT
public:
    /// Lies over the lower edge of `area`, both children of the same widget; or this many pixels below its
    /// upper edge.
    explicit Banner(QWidget* area, std::optional<int> below = std::nullopt);

    void showError(const QString& text);
    void showNews(const QString& text, const QList<MessageAction>& actions = {});
    void showMessage(const Message& message) { show(message.text, message.isError, message.actions); }
    const QString& text() const { return m_message; }
    bool isError() const { return m_error; }

Q_SIGNALS:
    /// A person closed it.
    void dismissed();

protected:
    void changeEvent(QEvent* event) override;
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void place();
    void tint();
    void show(const QString& text, bool error, const QList<MessageAction>& actions);

    QWidget* m_area;
    std::optional<int> m_below;
    QBoxLayout* m_layout;  ///< the text, then the buttons: beside it, or below it where there is little space
    QHBoxLayout* m_buttons;
    QLabel* m_text;
    QList<QPushButton*> m_actions;
    QPushButton *m_copy, *m_close;
    QString m_message;
    bool m_error = false;
};

}  // namespace rheo
