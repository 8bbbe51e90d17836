#pragma once

#include <QTimer>
#include <QWidget>

#include "core/statistics/axes.h"
#include "core/statistics/linear_probe.h"
#include "widgets/viewmodels/edit_list_model.h"
#include "widgets/viewmodels/laboratory.h"

class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QLineEdit;
class QMenu;
class QPushButton;
class QSlider;
class QTableView;
class QToolButton;

namespace rheo {

class FigureWidget;

/// The laboratory beside the views: the list of edits, the strength and place of the one that is chosen, and
/// what they make of the next token of the selected prompt.
class LaboratoryPanel : public QWidget {
    Q_OBJECT
public:
    LaboratoryPanel(Workspace& workspace, Selection& selection, TeleportModel& teleport,
                    Laboratory& laboratory, QWidget* parent = nullptr);

    void setDark(bool dark);
    QTableView* table() const { return m_table; }
    QSlider* strengthSlider() const { return m_slider; }
    QDoubleSpinBox* strengthBox() const { return m_strength; }
    QLineEdit* tokensEdit() const { return m_tokens; }
    QComboBox* pointList() const { return m_point; }
    QComboBox* operationList() const { return m_operation; }
    QMenu* addMenu() const { return m_add; }
    QLabel* outcome() const { return m_outcome; }
    /// What the axes of the trajectories mean, where they are directions.
    QLabel* axesText() const { return m_axesText; }
    /// The chosen edit; none: there are none.
    std::optional<std::size_t> chosen() const;

Q_SIGNALS:
    /// The command that does the same is to be copied.
    void copyRequested();

private:
    void buildTable();
    void fillAddMenu();
    QLayout* buildForm();
    QLayout* buildButtons();
    void updateForm();
    void updateOutcome();
    void changeChosen(const QString& what, const std::function<void(Edit&)>& change);
    void moveChosen(int by);
    void askForPrompt();
    void askForMeans();
    void askForProbe();
    /// A set of rows that a person knows by a name.
    struct RowGroup {
        QString name;
        QList<qint64> rows;
    };
    std::vector<RowGroup> rowGroups() const;
    /// Two of them, and whether a probe is logistic where `kinds`; none where the dialog was cancelled.
    struct TwoGroups {
        RowGroup plus, minus;
        ProbeKind kind = ProbeKind::Ridge;
    };
    std::optional<TwoGroups> askForTwoGroups(const QString& title, const QString& plus, const QString& minus,
                                             bool kinds);
    void updateAxes();
    void askForToken();
    void askForVectors();
    void askToSaveVector();
    void useAsAxes(AxesFrame frame);
    double valueOf(int slider) const;

    Workspace& m_workspace;
    Selection& m_selection;
    TeleportModel& m_teleport;
    Laboratory& m_laboratory;
    EditListModel* m_model;
    QTableView* m_table;
    QMenu* m_add;
    QLabel* m_empty;
    QWidget* m_form;
    QComboBox* m_point;
    QLineEdit* m_tokens;
    QComboBox* m_operation;
    QComboBox* m_unit;
    QSlider* m_slider;
    QDoubleSpinBox* m_strength;
    QLabel* m_outcome;
    QLabel* m_axesText;
    FigureWidget* m_next;
    QPushButton *m_remove, *m_up, *m_down, *m_saveVector, *m_save, *m_copy, *m_axes;
    QTimer m_soon;  ///< updateOutcome() follows: while a slider moves the path comes first
    bool m_dark = false;
    bool m_updating = false;
};

}  // namespace rheo
