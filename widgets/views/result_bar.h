#pragma once

#include <QWidget>

#include "widgets/viewmodels/analyses.h"

class QLabel;
class QPushButton;

namespace rheo {

class View;

/// A line above a view: what its result is of, how it stands with it, and one button that computes it, goes
/// on with it, or cancels it. A view that says so itself has none.
class ResultBar : public QWidget {
    Q_OBJECT
public:
    explicit ResultBar(Analyses& analyses, QWidget* parent = nullptr);

    /// The view below, which lives as long.
    void showView(const View* view);
    void refresh();
    QPushButton* button() const { return m_button; }
    QPushButton* exportButton() const { return m_export; }
    /// The whole line; a narrow window shows its beginning.
    const QString& text() const { return m_line; }

Q_SIGNALS:
    void optionsRequested();
    void exportRequested();

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    void press();
    void fitText();

    Analyses& m_analyses;
    const View* m_view = nullptr;
    QLabel *m_mark, *m_text;
    QPushButton *m_button, *m_options, *m_export;
    QString m_line;
};

/// A small mark for a tab or a line: running, waiting, stopped or stale; null where none is needed.
QPixmap markOf(ResultStatus status, const QPalette& palette, qreal ratio);

}  // namespace rheo
