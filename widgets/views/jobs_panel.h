#pragma once

#include <QWidget>

#include "widgets/viewmodels/job_list_model.h"

namespace rheo {

/// What is being computed: a line a job with its progress, the time left and a way to stop it. Hidden while
/// nothing is.
class JobsPanel : public QWidget {
    Q_OBJECT
public:
    explicit JobsPanel(JobRunner& jobs, QWidget* parent = nullptr);

private:
    void rebuild();
    void refresh(int first, int last);

    JobListModel* m_model;
};

}  // namespace rheo
