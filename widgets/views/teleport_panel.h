#pragma once

#include <QTimer>
#include <QWidget>
#include <array>
#include <memory>

#include "widgets/viewmodels/held_facts.h"
#include "widgets/viewmodels/teleport_comparison.h"
#include "widgets/viewmodels/teleport_history.h"
#include "widgets/viewmodels/teleport_model.h"
#include "widgets/views/figure_widget.h"

class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QListView;
class QPushButton;
class QSlider;

namespace rheo {

/// Teleport beside the trajectories: mode, coordinates, how far it is pushed and what comes of it, the next
/// tokens before and after, and the teleports made so far.
class TeleportPanel : public QWidget {
    Q_OBJECT
public:
    TeleportPanel(Workspace& workspace, TeleportModel& teleport, HeldFacts& held,
                  TeleportComparison& comparison, QWidget* parent = nullptr);

    void setDark(bool dark);
    /// The teleport that is shown, or chosen in the list; 0: none.
    qint64 chosen() const;
    FigureWidget* curves() const { return m_curves; }
    FigureWidget* tokens() const { return m_tokens; }
    /// Between the natural state and the one that the handle was snapped to.
    QSlider* mixSlider() const { return m_mix; }
    QComboBox* modeBox() const { return m_mode; }
    QListView* history() const { return m_history; }
    /// The rows nearest to the held state, a line each.
    QLabel* nearest() const { return m_nearest; }
    /// Whose next tokens are shown.
    QComboBox* nextOfBox() const { return m_nextOf; }
    QDoubleSpinBox* coordinate(int component) const {
        return m_coordinates[static_cast<std::size_t>(component)];
    }

Q_SIGNALS:
    void saveRequested(qint64 teleport);
    void copyRequested(qint64 teleport);
    /// The plots are to be exported: of the teleports that are compared, else of chosen().
    void exportRequested();
    void compareRequested();
    /// One of the nearest rows was clicked.
    void rowChosen(qint64 row);

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    void updateStatus();
    void updateCoordinates();
    void updateMix();
    void updateTokens();
    void updateNearest();
    QString noCurves() const;
    void connectHistory();
    void showInHistory();
    void chooseInHistory();
    QLayout* buttons();
    std::shared_ptr<const Figure> curvesFigure() const;
    void updatePath();

    Workspace& m_workspace;
    TeleportModel& m_teleport;
    HeldFacts& m_held;
    TeleportComparison& m_comparison;
    QLabel* m_where;
    QLabel* m_status;
    QComboBox* m_mode;
    std::array<QDoubleSpinBox*, 3> m_coordinates{};
    QLabel* m_mixLabel;
    QSlider* m_mix;
    QLabel* m_displacement;
    QLabel* m_nearest;
    QPushButton* m_natural;
    FigureWidget* m_curves;
    QComboBox* m_nextOf;
    FigureWidget* m_tokens;
    QListView* m_history;
    TeleportHistory* m_historyModel;
    QPushButton *m_save, *m_copy, *m_compare, *m_export;
    QTimer m_soon;  ///< updatePath() follows: during a drag the path in the trajectories comes first
    bool m_dark = false;
    bool m_updating = false;
};

}  // namespace rheo
