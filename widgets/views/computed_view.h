#pragma once

#include <QPointer>
#include <map>
#include <utility>

#include "widgets/viewmodels/laboratory.h"
#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/workspace.h"
#include "widgets/views/view.h"
#include "widgets/views/view_table.h"

class QLabel;
class QPushButton;
class QStackedLayout;
class QVBoxLayout;

namespace rheo {

class FigureWidget;
class OptionBar;

/// A view whose figure the open model computes when it is asked to: a form above, a button that starts and
/// stops, and the figure. What it computes is no part of the document; an export saves it beside the figure.
class ComputedView : public View {
    Q_OBJECT
public:
    void setDocument(std::shared_ptr<const DocumentState> state) override;
    void setTheme(const Theme& theme) override;
    bool hasFigure() const override;
    bool explainsItself() const override { return true; }
    std::shared_ptr<const Figure> figure() const override;
    QSize pictureSize() const override;
    Recipe recipe() const override;

    FigureWidget* figureWidget() const { return m_widget; }
    QPushButton* startButton() const { return m_start; }
    OptionBar* optionBar() const { return m_bar; }
    /// What stands in the place of the figure.
    const QLabel* explanation() const { return m_text; }
    bool isRunning() const { return m_job != JobId{}; }

public Q_SLOTS:
    /// Draws what there is, or says what is missing.
    void refresh();
    /// Computes what the form asks for; stops that where it runs.
    void startOrStop();

protected:
    ComputedView(const FigureView& figure, const ViewContext& context, const QString& startText);

    /// Above the figure.
    QVBoxLayout* form() const { return m_form; }
    /// What is missing, as a sentence; empty: compute() can start.
    virtual QString whyNot() const;
    /// Calls start().
    virtual void compute() = 0;
    /// Of what was computed; null: nothing was. Throws Error.
    virtual std::shared_ptr<const Figure> makeFigure(const Recipe& recipe) const = 0;
    /// More options of the recipe than the bar has.
    virtual std::vector<std::pair<std::string, std::string>> moreOptions() const { return {}; }
    /// Drops what was computed: it is of a model or document that is not open any more.
    virtual void forget() = 0;
    /// A click on a cell or line: what it shows there.
    virtual void clicked(const std::map<AxisKind, qint64>& ids) { Q_UNUSED(ids); }

    /// Runs `work` on the model; `use` gets its result, if it is still wanted. One runs at a time.
    template <class Work, class Use>
    void start(const QString& title, Work work, Use use) {
        cancel();
        const quint64 run = m_runs;
        m_job = m_workspace.remember(m_workspace.jobs().submit(
            {Lane::Model, title}, std::move(work), this,
            [this, title, run, use = std::move(use)](auto outcome) mutable {
                if (run != m_runs) return;  // a newer one runs, or none is wanted
                m_job = {};
                m_workspace.use(title, outcome, [&](auto result) { use(std::move(result)); });
                refresh();
            }));
        refresh();
    }
    void cancel();

    Workspace& m_workspace;
    Selection& m_selection;
    Laboratory& m_laboratory;
    Theme m_theme;

private:
    QString m_startText;
    QVBoxLayout* m_form;
    OptionBar* m_bar;
    QPushButton* m_start;
    QLabel* m_text;
    QStackedLayout* m_pages;
    FigureWidget* m_widget;
    JobId m_job;
    quint64 m_runs = 0;  ///< of jobs that were started or cancelled
    std::map<AxisKind, qint64> m_clicked;
    bool m_wasDrawn = false;
};

/// The words of a prompt as a person reads them, a token each.
std::vector<std::string> piecesOf(const LoadedModel& loaded, const std::vector<std::int32_t>& ids);

}  // namespace rheo
