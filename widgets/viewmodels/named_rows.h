#pragma once

#include <QList>
#include <QString>

#include "widgets/viewmodels/workspace.h"

namespace rheo {

/// Keeps rows of the document under a name (undoable); one of that name is replaced. Nothing without rows or
/// name.
void keepRows(Workspace& workspace, const QString& name, const QList<qint64>& rows);
/// Gives the kept selection number `i` another name (undoable).
void renameRows(Workspace& workspace, std::size_t i, const QString& name);
/// Forgets it (undoable); its rows stay.
void forgetRows(Workspace& workspace, std::size_t i);
/// Its rows in the document, ascending.
QList<qint64> rowsOf(const DocumentState& state, const NamedRows& named);

/// A list of rows for other programs: CSV with the columns row, sample, token, token_id, token_text, group
/// and prompt. Texts are empty where no tokenizer is open.
QString listOfRows(const Workspace& workspace, const QList<qint64>& rows);
/// The same into a file. Throws Error(Io) naming it.
void exportRows(const Workspace& workspace, const QList<qint64>& rows, const QString& file);

}  // namespace rheo
