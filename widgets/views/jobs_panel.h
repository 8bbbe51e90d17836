#pragma once

#include <QWidget>

#include "widgets/viewmodels/analyses.h"
#include "widgets/viewmodels/job_list_model.h"

namespace rheo {

/// What is being computed: a line a job with its progress, the time left and a way to stop it, then the
/// analyses that wait. Hidden while nothing is.
class JobsPanel : public QWidget {
    Q_OBJECT
public:
    JobsPanel(JobRunner& jobs, Analyses& analyses, QWidget* parent = nullptr);

private:
    void rebuild();
    void refresh(int first, int last);

    Analyses& m_analyses;
    JobListModel* m_model;
};

}  // namespace rheo
