#pragma once

#include <QDialog>
#include <QTimer>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "widgets/viewmodels/analyses.h"

class QCheckBox;
class QComboBox;
class QFormLayout;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;
class QVBoxLayout;

namespace rheo {

class Workspace;

/// The form of an analysis: statistics with their options, nulls, repeats, seed, scaling, points, rows and
/// masked units. It is made from the tables of statistics and nulls, and names none of them. What is wrong is
/// said beside its field; what the analysis costs, below. It stays open while an analysis runs, so that
/// several can be queued.
class AnalysisDialog : public QDialog {
    Q_OBJECT
public:
    AnalysisDialog(Analyses& analyses, Workspace& workspace, QWidget* parent = nullptr);

    /// Shows what was asked for last; of `statistic` alone, unless it is empty.
    void openFor(const QString& statistic);
    /// What the fields ask for.
    const AnalysisChoice& choice() const { return m_choice; }
    QPushButton* computeButton() const { return m_compute; }
    /// What is said beside a field; empty: nothing is wrong.
    QString problemAt(ChoiceProblem::Field field) const;

Q_SIGNALS:
    /// A line of `rheo analyze` that asks for the same is wanted.
    void commandRequested(const rheo::AnalysisChoice& choice);

protected:
    void done(int result) override;
    bool event(QEvent* event) override;

private:
    QWidget* makePresets();
    QWidget* makeStatistics();
    QWidget* makeNulls();
    QWidget* makeData();
    QWidget* makeOptions(const std::string& statistic);
    QLabel* problemLabel(ChoiceProblem::Field field);
    void fill();
    void read();
    void check();
    void compute();

    Analyses& m_analyses;
    Workspace& m_workspace;
    AnalysisChoice m_choice;
    bool m_filling = false;
    QTimer m_checkSoon;  ///< costs are not counted at every key
    std::vector<std::pair<std::string, QCheckBox*>> m_statistics, m_nulls;
    std::map<std::string, QWidget*> m_options;
    std::vector<std::function<void()>> m_fillers;  ///< each shows an option as m_choice has it
    QSpinBox* m_repeats;
    QLineEdit *m_seed, *m_rows, *m_mask;
    QComboBox *m_scaling, *m_points;
    std::map<ChoiceProblem::Field, QLabel*> m_problems;
    QLabel* m_cost;
    QPushButton *m_compute, *m_command;
};

}  // namespace rheo
