#pragma once

#include <QList>
#include <QObject>
#include <optional>
#include <set>
#include <utility>

#include "core/base/index.h"
#include "core/session/document.h"
#include "widgets/viewmodels/looked_path.h"
#include "widgets/viewmodels/workspace.h"

namespace rheo {

/// What is looked at, shared by all views: a prompt and one of its tokens, the selected rows, the hidden
/// rows, a point, a unit. Follows the document: when prompts come and go, the same tokens stay selected and
/// hidden.
class Selection : public QObject {
    Q_OBJECT
public:
    explicit Selection(Workspace& workspace, QObject* parent = nullptr);

    /// The selected row of the document; none where the selected token was not captured.
    std::optional<RowIndex> row() const { return m_row; }
    /// All selected rows, ascending; row() is among them if there is one.
    const QList<qint64>& rows() const { return m_rows; }
    /// Rows that no view draws, ascending. Some rows are always shown.
    const QList<qint64>& hiddenRows() const { return m_hidden; }
    bool isHidden(qint64 row) const;
    /// Whether the mean of the selected rows is drawn.
    bool showsMean() const { return m_showsMean; }
    /// The prompts of all selected rows, and prompt().
    std::set<PromptId> prompts() const;
    PromptId prompt() const { return m_prompt; }  ///< PromptId{}: none
    int token() const { return m_token; }         ///< position in the prompt; -1: none
    PointIndex point() const { return m_point; }  ///< of the trace's points
    UnitIndex unit() const { return m_unit; }
    int pointCount() const;

    /// The row a click chose; its prompt and token with it.
    void selectRow(RowIndex row);
    /// Several rows; `followed` becomes row() if it is among them, else row() stays if it is, else it is the
    /// first.
    void selectRows(QList<qint64> rows, std::optional<qint64> followed = std::nullopt);
    /// Adds a row to the selected ones, or takes it out.
    void toggleRow(RowIndex row);
    /// Adds rows to the selected ones.
    void addRows(const QList<qint64>& rows);
    void clearRows();
    /// Only row() stays selected.
    void keepFollowed();
    /// Hides the selected rows, which are not selected any more. Nothing where no row would be left.
    void hideSelected();
    /// Hides every row but the selected ones.
    void isolateSelected();
    void hideRows(const QList<qint64>& rows);
    void showAllRows();
    void setShowsMean(bool on);
    /// A prompt of the list; its last token.
    void selectPrompt(PromptId prompt);
    /// Several prompts: the last captured row of each. Nothing where none of them has a row.
    void selectPrompts(const QList<PromptId>& prompts);
    /// The last captured rows of `added` join the selected ones, all rows of `removed` leave.
    void changePrompts(const QList<PromptId>& added, const QList<PromptId>& removed);
    /// A token of the selected prompt. If it is no row, the model gives its path, which is looked at:
    /// looked() has it when it is there, and the document is not changed.
    void selectToken(int position);
    /// The path of the selected token where that is no row; null: none, or not yet.
    std::shared_ptr<const LookedPath> looked() const { return m_looked; }
    /// The model is computing the path of this token of the selected prompt, to be looked at.
    bool isLooking(int position) const { return m_lookJob && position == m_token; }
    /// Makes the selected token's path a row (undoable). Nothing where it is one.
    void pin();
    /// Clamped to what there is.
    void selectPoint(PointIndex point);
    void selectUnit(UnitIndex unit);

Q_SIGNALS:
    void rowChanged();
    void rowsChanged();
    /// Other rows are hidden, or the mean of the selected ones came or went.
    void shownChanged();
    void promptChanged();
    void tokenChanged();
    void pointChanged();
    void unitChanged();
    /// looked() is another.
    void lookedChanged();

private:
    /// A token of a prompt: what a row is, whatever its number.
    using Place = std::pair<PromptId, std::int32_t>;

    void follow();
    void look();
    void setLooked(std::shared_ptr<const LookedPath> path);
    void updateHidden();
    Place placeOf(const DocumentState& state, qint64 row) const;
    QList<qint64> lastRowsOf(const QList<PromptId>& prompts) const;
    QList<qint64> rowsAt(const std::set<Place>& places) const;
    void set(PromptId prompt, int token, std::optional<RowIndex> row, QList<qint64> rows);

    Workspace& m_workspace;
    std::shared_ptr<const DocumentState> m_seen;
    std::optional<RowIndex> m_row;
    QList<qint64> m_rows;
    std::set<Place> m_hiddenPlaces;  ///< stay while their rows are gone: undo brings them back hidden
    QList<qint64> m_hidden;          ///< of the rows there are
    bool m_showsMean = false;
    std::shared_ptr<const LookedPath> m_looked;
    std::optional<JobId> m_lookJob;
    PromptId m_prompt;
    int m_token = -1;
    PointIndex m_point{0};
    UnitIndex m_unit{0};
};

}  // namespace rheo
