#pragma once

#include <QString>
#include <optional>

namespace rheo {

class Workspace;

/// What may not be possible just now; see whyNot().
enum class Feature {
    AddPrompt,
    EditPrompt,
    RemovePrompt,
    CaptureToken,  ///< the path of a token that is no row yet
    FitBasis,
    Report,  ///< test the published findings
    Teleport,
    NextTokens,  ///< probabilities of what comes next
    TokenTexts,  ///< the text of single tokens
    SaveTrace,
    SaveResults,
    AttachModel,
    CopyCommand,
};

/// Why something cannot be done with what is open now, as a sentence that says what to do first: the first
/// thing that is missing. Empty if it can be done.
QString whyNot(const Workspace& workspace, Feature feature);
/// The feature that cannot be done now for this reason; none where `why` is no such reason.
std::optional<Feature> refusedFeature(const Workspace& workspace, const QString& why);

}  // namespace rheo
