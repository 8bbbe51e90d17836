#pragma once

#include <QList>
#include <QString>
#include <optional>
#include <vector>

#include "core/dynamics/intervention.h"
#include "core/results/vector_file.h"
#include "core/statistics/linear_probe.h"
#include "widgets/viewmodels/laboratory.h"

namespace rheo {

// Where an edit of the laboratory comes from. All begin at the selected point; functions that need the model
// or the file of a trace run as jobs and add the edit when they are done, or send Workspace::failed().

/// The state that is held, put in its place: what the teleport did. None where nothing was moved.
std::optional<Edit> editOfHeldState(const Workspace& workspace, const TeleportModel& teleport);
/// The push of the teleport, added to every token from its own on, those that are generated included.
std::optional<Edit> editOfPush(const Workspace& workspace, const TeleportModel& teleport);
/// The held state in another prompt (Patchscope, arXiv:2401.06102): at token `position` there, which the
/// caller selects.
std::optional<Edit> editInAnotherPrompt(const Workspace& workspace, const TeleportModel& teleport,
                                        int position);
/// A vector of a file, added to all tokens in units of the RMS of the rows: at its own point if the file
/// names one of the model, else at `point`.
Edit editOfVector(const NamedVector& vector, const Model& model, ResidualPoint point);

/// Adds the difference of the means of two sets of rows at the selected point, to be added to every token.
JobId addDifferenceOfMeans(Workspace& workspace, const Selection& selection, Laboratory& laboratory,
                           const QString& plusName, const QList<qint64>& plus, const QString& minusName,
                           const QList<qint64>& minus);
/// Adds the direction of a linear probe between two sets of rows at the selected point (linear_probe.h), as
/// long as the distance between their means along it. Its name has the cross-validated accuracy beside that
/// of shuffled labels, and Workspace::noted() says all of it.
JobId addLinearProbe(Workspace& workspace, const Selection& selection, Laboratory& laboratory,
                     const QString& plusName, const QList<qint64>& plus, const QString& minusName,
                     const QList<qint64>& minus, ProbeKind kind);
/// Adds the direction in which the logit of the first token of `text` grows, in units of the RMS.
JobId addLogitDirection(Workspace& workspace, const Selection& selection, Laboratory& laboratory,
                        const QString& text);
/// Reads the vectors of a file and adds those that `choose` picks (all, where it is null).
JobId addVectorsOfFile(Workspace& workspace, const Selection& selection, Laboratory& laboratory,
                       const QString& file,
                       std::function<QList<int>(const std::vector<NamedVector>&)> choose);
/// Writes the vector of an edit to .npy or .safetensors.
JobId saveVectorOf(Workspace& workspace, const Edit& edit, const QString& file, bool replace);

/// Replaces all edits by those of a file.
JobId openEdits(Workspace& workspace, Laboratory& laboratory, const QString& file);
JobId saveEdits(Workspace& workspace, const Laboratory& laboratory, const QString& file, bool replace);

}  // namespace rheo
