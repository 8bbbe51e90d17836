#pragma once

#include <QList>
#include <QScrollArea>
#include <QStringList>

#include "widgets/viewmodels/session_keeper.h"

class QPushButton;
class QVBoxLayout;

namespace rheo {

/// What to do when nothing is open: the demo, something of one's own, what was open last, and what was lost.
/// Scrolls where the window is smaller than that.
class StartPage : public QScrollArea {
    Q_OBJECT
public:
    explicit StartPage(QWidget* parent = nullptr);

    /// Paths, newest first; the first few are shown.
    void setRecent(const QStringList& paths);
    /// Sessions that a process left behind; none: nothing is said.
    void setLost(const QList<LostSession>& lost);
    /// The step that the guided tour goes on with; 0: it was not begun.
    void setTourStep(int step);

Q_SIGNALS:
    void tourRequested();
    void demoRequested();
    void publishedRequested();
    void modelRequested();
    void fileRequested();
    void pathRequested(const QString& path);
    void recoverRequested(const QString& folder);
    void discardRequested(const QString& folder);

private:
    QPushButton* m_tour;
    QWidget* m_lost;
    QVBoxLayout* m_lostLayout;
    QWidget* m_recent;
    QVBoxLayout* m_recentLayout;
};

/// What to do with a model that has read nothing yet.
class ModelPage : public QWidget {
    Q_OBJECT
public:
    explicit ModelPage(QWidget* parent = nullptr);

Q_SIGNALS:
    void promptRequested();
    void fileRequested();
    void shippedRequested();
};

}  // namespace rheo
