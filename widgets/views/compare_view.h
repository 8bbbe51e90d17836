#pragma once

#include <vector>

#include "core/session/compare_run.h"
#include "core/session/comparison_views.h"
#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/workspace.h"
#include "widgets/views/keeps_state.h"
#include "widgets/views/view.h"
#include "widgets/views/view_table.h"

class QCheckBox;
class QComboBox;
class QGridLayout;
class QHBoxLayout;
class QLabel;
class QPushButton;
class QStackedLayout;
class QTabBar;
class QTreeWidget;

namespace rheo {

class FigureWidget;
class TrajectoryCanvas;

/// What is open beside other sources: their paths side by side with linked cameras, the similarity of their
/// depths, the differences of their curves, and the verdicts of all in one table. Computed in the background
/// when it is asked for; no part of the document, but a session keeps which sources were chosen. An export
/// saves the comparison as a file, which `rheo figure` draws.
class CompareView : public View, public KeepsState {
    Q_OBJECT
public:
    CompareView(const FigureView& figure, const ViewContext& context);

    void setDocument(std::shared_ptr<const DocumentState> state) override;
    void setTheme(const Theme& theme) override;
    bool hasFigure() const override { return m_made != nullptr; }
    bool explainsItself() const override { return true; }
    std::shared_ptr<const Figure> figure() const override;
    Recipe recipe() const override;
    QSize pictureSize() const override;
    std::optional<OwnFile> ownFile() const override;
    QString command() const override;
    QList<QAction*> analyses() const override { return {m_add}; }
    QJsonObject keptState() const override;
    void restoreKept(const QJsonObject& state) override;

    /// Takes a trace, results or a folder of a report beside what is open; of a comparison that was saved all
    /// of it is shown. What the file is, is found by a job.
    void addSource(const QString& path);
    /// Takes source `i` away, counted from 1; what is open stays.
    void removeSource(int i);
    /// Short names, what is open first.
    QStringList sourceNames() const;
    std::shared_ptr<const ComparisonFile> comparison() const { return m_made; }
    bool isRunning() const { return m_job != JobId{}; }

    enum Page { Paths, Cka, Differences, Verdicts, Training };
    void showPage(Page page);
    QTabBar* pageBar() const { return m_tabs; }
    QPushButton* startButton() const { return m_start; }
    QCheckBox* linkBox() const { return m_link; }
    QComboBox* alignmentList() const { return m_alignment; }
    /// Which source the similarity and the differences are of, beside the first.
    QComboBox* otherList() const { return m_other; }
    QComboBox* statisticList() const { return m_statistic; }
    QTreeWidget* verdictTable() const { return m_verdicts; }
    FigureWidget* ckaWidget() const { return m_cka; }
    FigureWidget* differenceWidget() const { return m_difference; }
    FigureWidget* trainingWidget() const { return m_training; }
    /// Of each source, in order.
    const std::vector<TrajectoryCanvas*>& canvases() const { return m_canvases; }
    const QLabel* explanation() const { return m_text; }

public Q_SLOTS:
    /// Computes the comparison; stops that where it runs.
    void startOrStop();

protected:
    void showEvent(QShowEvent* event) override;
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    OpenedSource openDocument() const;
    void askSource();
    void useSource(OpenedSource source);
    void restoreSource(const QString& path, const QString& hash, bool computed);
    void use(std::shared_ptr<const ComparisonFile> made, bool ofOpenRows);
    void stop();
    void forget();
    void listSources();
    void refresh();
    void draw();
    void drawPaths();
    void arrangeCanvases();
    Figure figureOf(const Recipe& recipe) const;
    void drawFigure(FigureWidget* widget, const Recipe& recipe);
    void fillVerdicts();
    void followCamera(TrajectoryCanvas* from);
    void clickRow(int source, qint64 row, int point);
    void clickCka(qint64 first, qint64 second);
    QString describe(int source, qint64 row, int point) const;
    QString whyNot() const;
    QStringList statistics() const;
    Page page() const;
    Recipe recipeOf(Page page) const;
    std::vector<std::int64_t> selectedRows() const;
    std::optional<qint64> documentRow(qint64 row) const;
    qint64 markedPoint(int source) const;

    Workspace& m_workspace;
    Selection& m_selection;
    std::shared_ptr<const DocumentState> m_state;
    Theme m_theme;
    QAction* m_add;
    QTabBar* m_tabs;
    QHBoxLayout* m_sourceRow;
    QGridLayout* m_canvasGrid;
    QComboBox *m_alignment, *m_other, *m_value, *m_statistic, *m_trend;
    QCheckBox* m_link;
    QPushButton* m_start;
    QLabel *m_text, *m_note;
    QWidget* m_canvasPage;
    FigureWidget *m_cka, *m_difference, *m_training;
    QTreeWidget* m_verdicts;
    QStackedLayout* m_pages;

    std::vector<OpenedSource> m_others;
    QStringList m_missing;  ///< sources of a session that are not what they were: sentences
    int m_awaited = 0;      ///< sources of a session that are being opened
    /// Of the lists that a comparison fills, as a session had them; empty: the first of each.
    QString m_wantedOther, m_wantedStatistic;
    std::shared_ptr<const ComparisonFile> m_made;
    QString m_madeFile;         ///< that holds it; empty: none does
    bool m_ofOpenRows = false;  ///< its first source is what is open
    std::vector<TrajectoryCanvas*> m_canvases;
    qint64 m_otherPoint = -1;  ///< of the source that CKA is of, where its map was clicked
    JobId m_job, m_opening;
    quint64 m_runs = 0;
    bool m_built = false, m_following = false;
};

}  // namespace rheo
