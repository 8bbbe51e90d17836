#pragma once

#include <QList>
#include <QObject>
#include <optional>

#include "core/base/index.h"
#include "core/session/document.h"
#include "widgets/viewmodels/workspace.h"

namespace rheo {

/// What is looked at, shared by all views: a prompt and one of its tokens, the rows picked, a point, a
/// unit. Follows the document: when prompts come and go, the row of the selected token stays selected.
class Selection : public QObject {
    Q_OBJECT
public:
    explicit Selection(Workspace& workspace, QObject* parent = nullptr);

    /// The selected row of the document; none where the selected token was not captured.
    std::optional<RowIndex> row() const { return m_row; }
    /// All picked rows, ascending; row() is among them if there is one.
    const QList<qint64>& rows() const { return m_rows; }
    PromptId prompt() const { return m_prompt; }  ///< PromptId{}: none
    int token() const { return m_token; }         ///< position in the prompt; -1: none
    PointIndex point() const { return m_point; }  ///< of the trace's points
    UnitIndex unit() const { return m_unit; }
    int pointCount() const;

    /// The row a click chose; its prompt and token with it.
    void selectRow(RowIndex row);
    /// Rows a box chose; the first of them becomes row() unless row() is among them.
    void selectRows(QList<qint64> rows);
    void clearRows();
    /// A prompt of the list; its last token.
    void selectPrompt(PromptId prompt);
    /// A token of the selected prompt; captured if it is no row yet and a model is there.
    void selectToken(int position);
    /// Clamped to what there is.
    void selectPoint(PointIndex point);
    void selectUnit(UnitIndex unit);

Q_SIGNALS:
    void rowChanged();
    void rowsChanged();
    void promptChanged();
    void tokenChanged();
    void pointChanged();
    void unitChanged();

private:
    void follow();
    void set(PromptId prompt, int token, std::optional<RowIndex> row, QList<qint64> rows);

    Workspace& m_workspace;
    std::shared_ptr<const DocumentState> m_seen;
    std::optional<RowIndex> m_row;
    QList<qint64> m_rows;
    PromptId m_prompt;
    int m_token = -1;
    PointIndex m_point{0};
    UnitIndex m_unit{0};
};

}  // namespace rheo
