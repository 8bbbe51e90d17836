#pragma once

#include <QTimer>

#include "core/session/opened_results.h"
#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/unit_table_model.h"
#include "widgets/views/view.h"

class QAction;
class QSortFilterProxyModel;
class QStackedLayout;
class QTableView;

namespace rheo {

class FigureWidget;
class MissingPage;
class OptionBar;
class TrajectoryCanvas;

/// Orbits of units in space, which turn by themselves if asked to; beside them the histogram of turning with
/// its nulls, and a table of all units, which can be sorted and which selects.
class OrbitView : public View {
    Q_OBJECT
public:
    OrbitView(const FigureView& figure, Workspace& workspace, Selection& selection, Analyses& analyses);

    void setDocument(std::shared_ptr<const DocumentState> state) override;
    void setTheme(const Theme& theme) override;
    bool hasFigure() const override;
    bool explainsItself() const override;
    std::shared_ptr<const Figure> figure() const override;
    Recipe recipe() const override;
    QSize pictureSize() const override;

    TrajectoryCanvas* canvas() const { return m_canvas; }
    QTableView* table() const { return m_table; }
    FigureWidget* histogram() const { return m_histogram; }
    OptionBar* optionBar() const { return m_bar; }
    QAction* turntable() const { return m_turn; }
    /// The units that are drawn, in the order of the table.
    std::vector<UnitIndex> units() const;
    static constexpr int mostUnits = 8;  ///< drawn together

protected:
    void showEvent(QShowEvent* event) override;
    void hideEvent(QHideEvent* event) override;

private:
    void invalidate();
    void build();
    void draw();
    void drawHistogram();
    void followSelection();
    void selectInTable(UnitIndex unit, bool middle);
    void mark();
    void turn();
    QString describe(std::int64_t unit, std::int32_t point) const;
    void select(std::int64_t unit, int point);
    Recipe figureRecipe() const;

    Workspace& m_workspace;
    Selection& m_selection;
    Analyses& m_analyses;
    std::shared_ptr<const DocumentState> m_state;
    std::shared_ptr<const OpenedResults> m_results;  ///< that hold the rotation; null: none do
    Theme m_theme;
    QStackedLayout* m_pages;
    MissingPage* m_missing;
    OptionBar* m_bar;
    TrajectoryCanvas* m_canvas;
    UnitTableModel m_units;
    QSortFilterProxyModel* m_sorted;
    QTableView* m_table;
    FigureWidget* m_histogram;
    QAction* m_turn;
    QTimer m_frames;
    QString m_trouble;
    bool m_built = false, m_isDrawn = false, m_isSelecting = false;
};

}  // namespace rheo
