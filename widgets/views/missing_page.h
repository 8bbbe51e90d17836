#pragma once

#include <QWidget>

#include "core/session/analysis_choice.h"
#include "core/session/recipe_figure.h"

class QLabel;
class QPushButton;

namespace rheo {

class Analyses;
struct DocumentState;

/// In the place of a figure that is not there: what it shows, what it needs, what that costs, a button that
/// computes it with the options of the form, and the `rheo analyze` command that does the same.
class MissingPage : public QWidget {
    Q_OBJECT
public:
    MissingPage(const FigureView& figure, Analyses& analyses);

    /// `trouble`: why the figure cannot be drawn although its statistic is there; or empty.
    void explain(const DocumentState& state, const QString& trouble);
    const QString& reason() const { return m_reason; }
    const QString& command() const { return m_command; }
    QPushButton* computeButton() const { return m_compute; }
    /// Known without wrapping the texts again, which layouts would ask for many times over.
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;  ///< whatever width the texts are wrapped at now
    bool hasHeightForWidth() const override { return false; }

Q_SIGNALS:
    void optionsRequested();

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    void fit();
    void offer(const DocumentState& state);
    void press();

    FigureView m_figure;
    Analyses& m_analyses;
    QString m_reason, m_command;
    int m_height = 0;  ///< that it takes at its width
    QLabel *m_text, *m_cost, *m_before, *m_commandText, *m_after;
    QPushButton *m_compute, *m_options, *m_copy;
};

/// The command that computes what `figure` needs, with the options of `choice`: of the trace that is open,
/// added to the results file that is open unless other rows or points are chosen. Names of files that are not
/// known stand as `trace.rheo.h5` and `results.h5`, that of a model as `MODEL`.
QString analyzeCommand(const FigureView& figure, const DocumentState& state, AnalysisChoice choice = {});

}  // namespace rheo
