#pragma once

#include <QWidget>
#include <functional>
#include <optional>

#include "app/manual.h"

class QAction;
class QLineEdit;
class QTextBrowser;
class QTreeWidget;

namespace rheo {

/// Says which place of the manual is about a widget and what is inside it: "views#motion".
void setManualPlace(QWidget& widget, const QString& address);
/// The place about a widget or the nearest one around it; empty: none says.
QString manualPlaceOf(const QWidget* widget);

/// The manual: contents and search on the left, the text on the right. It reads files of the program alone.
class ManualWindow : public QWidget {
    Q_OBJECT
public:
    /// `more(topic)` is Markdown that follows a topic. Throws as readManual.
    ManualWindow(Manual manual, std::function<QString(const QString& topic)> more, QWidget* parent);

    /// "views#motion". Says so where there is no such place.
    void showPlace(const QString& address);
    void goBack();
    void goForward();
    /// Contents with the sections that hold all words; without words all of it.
    void search(const QString& words);

    /// Of what is shown.
    const QString& address() const { return m_address; }
    const QTextBrowser& browser() const { return *m_browser; }
    const QTreeWidget& contents() const { return *m_contents; }

protected:
    void keyPressEvent(QKeyEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    void buildContents();
    void render(const QString& address);
    void scrollTo(const ManualPlace& place);
    void markWords();
    void follow(const QString& link);
    void updateActions();

    Manual m_manual;
    std::function<QString(const QString&)> m_more;
    QLineEdit* m_search;
    QTreeWidget* m_contents;
    QTextBrowser* m_browser;
    QAction *m_back = nullptr, *m_forward = nullptr;
    QString m_address;
    QStringList m_history;
    qsizetype m_at = -1;  ///< in the history
};

}  // namespace rheo
