#pragma once

#include <QWidget>

#include "core/session/recipe_figure.h"

class QLabel;
class QPushButton;

namespace rheo {

struct DocumentState;

/// In the place of a figure that is not there: what it shows, what it needs, and the `rheo analyze` command
/// that makes it.
class MissingPage : public QWidget {
    Q_OBJECT
public:
    explicit MissingPage(const FigureView& figure);

    /// `trouble`: why the figure cannot be drawn although its statistic is there; or empty.
    void explain(const DocumentState& state, const QString& trouble);
    const QString& reason() const { return m_reason; }
    const QString& command() const { return m_command; }

private:
    FigureView m_figure;
    QString m_reason, m_command;
    QLabel *m_text, *m_commandText, *m_after;
    QPushButton* m_copy;
};

/// The command that computes what `figure` needs: of the trace that is open, added to the results that are
/// open. Names of files that are not known stand as `trace.rheo.h5` and `results.h5`.
QString analyzeCommand(const FigureView& figure, const DocumentState& state);

}  // namespace rheo
