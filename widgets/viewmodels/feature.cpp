#include "widgets/viewmodels/feature.h"

#include <array>

#include "widgets/viewmodels/equivalent_command.h"
#include "widgets/viewmodels/file_keeper.h"
#include "widgets/viewmodels/workspace.h"

namespace rheo {

namespace {

// Why something is missing, as a sentence; empty: it is there.

QString noModel(const Workspace& w) {
    if (w.model()) return {};
    return w.state()->rows() > 0 ? Workspace::tr(
                                       "This needs the model that made the trace: attach it with File > "
                                       "Attach a model to this trace.")
                                 : Workspace::tr("This needs a model: open a model folder, or the demo.");
}

QString noTokenizer(const Workspace& w) {
    if (w.model()->tokenizer) return {};
    return Workspace::tr(
               "The model in %1 has no tokenizer that can be read, so text cannot be turned into tokens.")
        .arg(w.modelFolder());
}

QString noRows(const Workspace& w) {
    return w.state()->rows() > 0
               ? QString()
               : Workspace::tr("There are no trajectories yet: open a trace or the demo, or add a prompt.");
}

QString noPrompt(const Workspace& w) {
    return w.state()->rows() > 0 ? QString() : Workspace::tr("There is no prompt.");
}

QString noRowsForModel(const Workspace& w) {
    return w.state()->rows() > 0
               ? QString()
               : Workspace::tr("There are no rows to attach a model to; open the model with Open a model.");
}

QString noBasisToMoveIn(const Workspace& w) {
    const auto basis = w.state()->basis;
    if (!basis) return Workspace::tr("A state is moved along principal components: fit the PCA first.");
    if (basis->scaling != Scaling::Raw)
        return Workspace::tr(
            "The PCA was fitted to states scaled by their RMS. To teleport, fit it to raw states (Ctrl+R).");
    return {};
}

QString noResults(const Workspace& w) {
    return w.state()->basis || w.state()->results
               ? QString()
               : Workspace::tr("There are no results yet: compute statistics in the menu Analysis.");
}

QString nothingComputed(const Workspace& w) {
    return w.state()->basis ? QString() : Workspace::tr("Nothing was computed yet: fit the PCA first.");
}

QString noLines(const Workspace& w) {
    return whyNoCommandOfDocument(w.files().known(), *w.state(), w.model() != nullptr);
}

/// What has to be there for a feature; the first that is missing is named.
struct Need {
    Feature feature;
    std::array<QString (*)(const Workspace&), 3> checks;
};
constexpr std::array needs{
    Need{Feature::AddPrompt, {noModel, noTokenizer}},
    Need{Feature::EditPrompt, {noModel, noTokenizer}},
    Need{Feature::TokenTexts, {noModel, noTokenizer}},
    Need{Feature::RemovePrompt, {noPrompt}},
    Need{Feature::CaptureToken, {noModel}},
    Need{Feature::NextTokens, {noModel}},
    Need{Feature::FitBasis, {noRows}},
    Need{Feature::Report, {noRows}},
    Need{Feature::SaveTrace, {noRows}},
    Need{Feature::Teleport, {noModel, noRows, noBasisToMoveIn}},
    Need{Feature::SaveResults, {noRows, noResults}},
    Need{Feature::AttachModel, {noRowsForModel}},
    Need{Feature::CopyCommand, {noRows, nothingComputed, noLines}},
};

}  // namespace

QString whyNot(const Workspace& workspace, Feature feature) {
    for (const Need& need : needs) {
        if (need.feature != feature) continue;
        for (const auto missing : need.checks)
            if (const QString why = missing != nullptr ? missing(workspace) : QString(); !why.isEmpty())
                return why;
    }
    return {};
}

std::optional<Feature> refusedFeature(const Workspace& workspace, const QString& why) {
    if (!why.isEmpty())
        for (const Need& need : needs)
            if (whyNot(workspace, need.feature) == why) return need.feature;
    return std::nullopt;
}

}  // namespace rheo
