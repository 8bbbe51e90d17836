#pragma once

#include "core/session/opened_results.h"
#include "core/session/recipe_figure.h"
#include "widgets/viewmodels/direction_scores.h"
#include "widgets/viewmodels/held_facts.h"
#include "widgets/viewmodels/hover_facts.h"
#include "widgets/viewmodels/row_surprise.h"
#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/teleport_comparison.h"
#include "widgets/viewmodels/teleport_model.h"
#include "widgets/viewmodels/workspace.h"
#include "widgets/views/keeps_state.h"
#include "widgets/views/row_color_list.h"
#include "widgets/views/trajectory_canvas.h"
#include "widgets/views/view.h"

class QAction;
class QLabel;
class QStackedLayout;

namespace rheo {

class Banner;
class Laboratory;
class MissingPage;
class PathOptions;
struct ViewContext;

/// The 3D view: the trajectories of the rows that are open, the selection, and the handle of the teleport.
/// Where no PCA of these rows is there, the trajectories that the results hold; without any, a page that says
/// what is missing and computes it.
class TrajectoryView : public View, public KeepsState {
    Q_OBJECT
public:
    TrajectoryView(const FigureView& figure, const ViewContext& context);

    void setDocument(std::shared_ptr<const DocumentState> state) override;
    void setTheme(const Theme& theme) override;
    bool showsRows() const override { return paths().live && !basisIsOfResults(*m_state); }
    bool hasFigure() const override { return m_canvas->figure() != nullptr; }
    bool explainsItself() const override { return paths().basis == nullptr; }
    /// With the teleport drawn in.
    std::shared_ptr<const Figure> figure() const override;
    Recipe recipe() const override;
    /// Of the last drag of the handle.
    std::function<Figure(double share)> replay() const override;
    QSize pictureSize() const override { return m_canvas->size(); }
    QList<QAction*> analyses() const override { return {m_fit}; }

    TrajectoryCanvas* canvas() const { return m_canvas; }
    const MissingPage* missingPage() const { return m_missing; }
    /// What is said of the rows that are drawn.
    Banner* notice() const { return m_notice; }
    TrajectoryOptions options() const;
    /// What the rows are coloured by.
    RowColorList* colorList() const { return m_colors; }
    /// The other options.
    PathOptions* pathOptions() const { return m_options; }
    /// The teleports that are drawn: those that are compared, else the one that is shown, if one is; and what
    /// the edits of the laboratory make of the selected token.
    std::vector<TeleportOverlay> overlays() const;

    /// What the legend hides.
    QJsonObject keptState() const override;
    void restoreKept(const QJsonObject& state) override;

public Q_SLOTS:
    void lookFrom(double azimuth, double elevation);
    void resetCamera();
    void setPerspective(bool on);
    /// Shows the selected rows as large as they fit; all rows if none is selected.
    void frameSelection();

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    void selectBy(bool on, TrajectoryCanvas::SelectBy shape);
    void rebuild();
    void updateHandle();
    void updateOverlay();
    void select(qint64 row, int point, Qt::KeyboardModifiers modifiers);
    void lookForFarRows();
    void leaveOut(const QList<qint64>& rows);
    void frameRows(const std::vector<RowIndex>& rows);
    void frameAllBut(const QList<qint64>& rows);
    QString hint() const;
    QString usualHint() const;
    void showHint();
    QString colorHint() const;
    /// A click in the legend shows or hides what has that key; `alone`: hides the other kinds, or shows all.
    void toggle(const QString& key, bool alone);
    RowColor colorBy() const;
    void offerColors();
    bool showsHandle() const;
    void addLive(TrajectoryOptions& options, const Array3F& scores) const;
    QString describe(std::int64_t row, std::int32_t point) const;
    QString card(std::int64_t row, std::int32_t point);
    void updateNotes();
    Figure withoutTeleports() const;
    std::optional<MarkerSet3> nearestRing() const;

    /// The paths that are shown.
    struct Paths {
        const PcaBasis* basis = nullptr;  ///< null: there are none
        const Array3F* scores = nullptr;
        const TraceInfo* info = nullptr;
        bool live = false;  ///< of the rows of the document
    };
    Paths paths() const;
    Figure makeFigure(const Paths& paths) const;

    Workspace& m_workspace;
    Selection& m_selection;
    TeleportModel& m_teleport;
    HeldFacts& m_held;
    TeleportComparison& m_comparison;
    Laboratory& m_laboratory;
    HoverFacts m_facts;
    RowSurprise m_surprise;
    DirectionScores m_along;
    QStackedLayout* m_pages;
    MissingPage* m_missing;
    TrajectoryCanvas* m_canvas;
    QAction* m_perspective;
    QAction* m_fit;
    std::array<QAction*, 2> m_selectBy{};  ///< box, lasso
    RowColorList* m_colors;
    PathOptions* m_options;
    QLabel* m_hint;
    QString m_trouble;  ///< why the paths cannot be drawn; empty: they are
    Banner* m_notice;
    std::shared_ptr<const Array3F> m_searched;  ///< where far rows were looked for last
    QList<qint64> m_searchedHidden;
    QList<qint64> m_dismissedRows;  ///< far rows that a person does not want to hear of again
    std::shared_ptr<const DocumentState> m_state;
    const PcaBasis* m_basis = nullptr;     ///< of what was shown last; to be compared only
    QStringList m_hidden;                  ///< legend keys
    std::optional<RowIndex> m_resultsRow;  ///< chosen among paths that are not live
    Theme m_theme;
};

}  // namespace rheo
