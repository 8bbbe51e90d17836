#pragma once

#include <QWidget>
#include <functional>

class QLabel;
class QPushButton;

namespace rheo {

/// A line across the top of the window that does not stand in the way: an error with its cause, or news with
/// something to do about it.
class Banner : public QWidget {
    Q_OBJECT
public:
    explicit Banner(QWidget* parent = nullptr);

    void showError(const QString& text);
    void showNews(const QString& text, const QString& action = {}, std::function<void()> act = {});
    const QString& text() const { return m_message; }
    bool isError() const { return m_error; }

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    void fitText();
    void show(const QString& text, bool error);

    QLabel* m_text;
    QPushButton *m_action, *m_copy, *m_close;
    std::function<void()> m_act;
    QString m_message;
    bool m_error = false;
};

}  // namespace rheo
