#pragma once

#include "core/findings/verdicts.h"
#include "widgets/jobs/job_runner.h"
#include "widgets/viewmodels/report_job.h"
#include "widgets/views/figure_widget.h"
#include "widgets/views/view.h"

class QLabel;
class QPushButton;
class QScrollArea;
class QStackedLayout;
class QTextBrowser;
class QTimer;
class QTreeWidget;

namespace rheo {

class Workspace;
struct OpenedResults;

/// The published findings, tested: all of them in one figure, a table of their numbers, and the sentence of
/// the one that is chosen, with the view that shows it. Without verdicts a page says what they are and makes
/// them.
class VerdictsView : public View {
    Q_OBJECT
public:
    VerdictsView(const FigureView& figure, Workspace& workspace);

    void setDocument(std::shared_ptr<const DocumentState> state) override;
    void setTheme(const Theme& theme) override;
    bool hasFigure() const override;
    bool explainsItself() const override { return true; }
    std::shared_ptr<const Figure> figure() const override;
    Recipe recipe() const override;
    std::optional<ResultState> status() const override;
    QList<QAction*> analyses() const override { return {m_test}; }

    QSize pictureSize() const override;

    QTreeWidget* table() const { return m_table; }
    /// The finding that is chosen, as a person reads it.
    QTextBrowser* sentence() const { return m_sentence; }
    QPushButton* testButton() const { return m_button; }
    /// What the page without verdicts says.
    QString missingText() const;

    /// Makes the report in this folder, and opens it.
    void makeReport(const ReportChoice& choice);

protected:
    void showEvent(QShowEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    void fit();
    void forecast();
    void askForReport();
    void explain();
    void fill();
    void describe();
    void updateStatus();

    void setShown(const DocumentState& state);

    Workspace& m_workspace;
    /// That hold verdicts; null: none do. Their figure is shown.
    std::shared_ptr<const OpenedResults> m_results;
    std::vector<Verdict> m_verdicts;  ///< theirs, and those on derivatives of newer results
    Theme m_theme;
    QStackedLayout* m_pages;
    QScrollArea* m_scroll;
    QLabel* m_missing;
    FigureWidget* m_figureWidget;
    QTreeWidget* m_table;
    QTextBrowser* m_sentence;
    QPushButton *m_button, *m_show, *m_page, *m_again;
    QAction* m_test;
    JobId m_job;        ///< that makes a report
    QString m_stopped;  ///< the folder of a report that was stopped
    QTimer* m_wait;     ///< until rows and model stay what they are
    JobId m_measuring;
    std::pair<std::shared_ptr<const Trace>, bool> m_measured;  ///< rows, and with a model: what m_cost is of
    QString m_cost;                                            ///< in sentences; empty: not measured yet
};

}  // namespace rheo
