#pragma once

#include "core/session/opened_results.h"
#include "core/session/recipe_figure.h"
#include "widgets/viewmodels/selection.h"
#include "widgets/views/color_range_button.h"
#include "widgets/views/figure_widget.h"
#include "widgets/views/missing_page.h"
#include "widgets/views/option_bar.h"
#include "widgets/views/view.h"

class QStackedLayout;

namespace rheo {

/// Any figure of results, as `rheo figure` and the report draw it, with its options above it. A click selects
/// the point or the unit under the mouse, and those that are selected are marked. Without results a page says
/// what is missing, what that costs, and computes it. The figure is made when it is first looked at.
class ResultsView : public View {
    Q_OBJECT
public:
    ResultsView(const FigureView& figure, Workspace& workspace, Selection& selection, Analyses& analyses);

    void setDocument(std::shared_ptr<const DocumentState> state) override;
    void setTheme(const Theme& theme) override;
    bool hasFigure() const override;
    bool explainsItself() const override { return m_widget->figure() == nullptr; }
    std::shared_ptr<const Figure> figure() const override;
    Recipe recipe() const override;
    QSize pictureSize() const override { return m_widget->size(); }

    FigureWidget* figureWidget() const { return m_widget; }
    OptionBar* optionBar() const { return m_bar; }
    ColorRangeButton* colorRange() const { return m_colors; }
    const MissingPage* missingPage() const { return m_missing; }

protected:
    void showEvent(QShowEvent* event) override;

private:
    void invalidate();
    void build();
    void mark();
    void select(AxisKind kind, qint64 id);
    void selectState(qint64 row, int point);
    bool isOfOpenRows() const;
    Recipe defaultRecipe() const;

    Workspace& m_workspace;
    Selection& m_selection;
    Analyses& m_analyses;
    std::shared_ptr<const DocumentState> m_state;
    std::shared_ptr<const OpenedResults> m_results;  ///< that hold the statistic; null: none do
    Theme m_theme;
    QStackedLayout* m_pages;
    OptionBar* m_bar;
    ColorRangeButton* m_colors;
    FigureWidget* m_widget;
    MissingPage* m_missing;
    bool m_built = false;
};

}  // namespace rheo
