#pragma once

#include <memory>
#include <vector>

#include "core/figure/density_figure.h"
#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/workspace.h"
#include "widgets/views/figure_widget.h"
#include "widgets/views/view.h"

class QComboBox;
class QCheckBox;

namespace rheo {

/// Units by depth: choice of measure, order and colours; hovering says unit, point and value; a click selects
/// them. Of the rows that are open, if it was computed of them, else of the results.
class DensityView : public View {
    Q_OBJECT
public:
    DensityView(const FigureView& figure, Workspace& workspace, Selection& selection);

    void setDocument(std::shared_ptr<const DocumentState> state) override;
    void setTheme(const Theme& theme) override;
    bool showsRows() const override { return m_state->density != nullptr; }
    bool hasFigure() const override { return m_figure->figure() != nullptr; }
    std::shared_ptr<const Figure> figure() const override;
    Recipe recipe() const override;
    QList<QAction*> analyses() const override { return {m_computeAction}; }

    FigureWidget* figureWidget() const { return m_figure; }
    DensityOptions options() const;

private:
    void rebuild();

    QString emptyText() const;
    QString describe(qint64 row, qint64 column, float value) const;

    Workspace& m_workspace;
    Selection& m_selection;
    std::shared_ptr<const DocumentState> m_state;
    FigureWidget* m_figure;
    QComboBox* m_measure;
    QComboBox* m_map;
    QCheckBox* m_sorted;
    QAction* m_computeAction;
    Theme m_theme;
    std::vector<std::int64_t> m_unitOfRow;
    std::vector<ResidualPoint> m_points;  ///< of what is shown
};

}  // namespace rheo
