#pragma once

#include <QWidget>

#include "widgets/viewmodels/analyses.h"
#include "widgets/viewmodels/job_list_model.h"

class QFrame;
class QHBoxLayout;
class QToolButton;

namespace rheo {

/// What is being computed, in a line of the status bar: the first job with its progress, the time left and a
/// way to stop it; a button shows the others, and the analyses that wait, over the window. Empty while
/// nothing is. Its height is always lineHeight(), so that nothing moves.
class JobsPanel : public QWidget {
    Q_OBJECT
public:
    JobsPanel(JobRunner& jobs, Analyses& analyses, QWidget* parent = nullptr);

    static int lineHeight();
    /// Shows the other jobs; there if there are any.
    QToolButton* moreButton() const { return m_more; }

private:
    void rebuild();
    void refresh(int first, int last);
    void showOthers();
    QWidget* lineAt(int place) const;

    Analyses& m_analyses;
    JobListModel* m_model;
    QHBoxLayout* m_line;
    QToolButton* m_more;
    QFrame* m_others;
};

}  // namespace rheo
