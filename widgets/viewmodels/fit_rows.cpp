#include "widgets/viewmodels/fit_rows.h"

#include <utility>

#include "core/statistics/density.h"
#include "widgets/viewmodels/feature.h"
#include "widgets/viewmodels/workspace.h"

namespace rheo {

namespace {

/// Scores of all rows are held in memory: of very many rows only as many components as are drawn.
constexpr std::int64_t scoreBytes = std::int64_t{512} << 20;

std::int64_t bytesOf(const Trace& trace) {
    return trace.rows() * trace.points() * trace.units() * static_cast<std::int64_t>(sizeof(float));
}

int componentsFor(const Trace& trace) {
    const std::int64_t each = trace.rows() * trace.points() * static_cast<std::int64_t>(sizeof(float));
    return each * 10 <= scoreBytes ? 10 : 3;
}

PcaResult fitOn(const std::shared_ptr<const Trace>& trace, Progress& progress) {
    PcaOptions options;
    options.components = componentsFor(*trace);
    return pca(TraceView{.trace = trace}, options, progress);
}

DocumentState withFit(const DocumentState& state, const std::shared_ptr<const Trace>& trace,
                      PcaResult result) {
    return withBasis(state, std::make_shared<const PcaBasis>(std::move(result.basis)), trace,
                     std::make_shared<const Array3F>(std::move(result.scores)),
                     std::make_shared<const MatrixD>(std::move(result.perPointExplained)));
}

DocumentState withDensity(DocumentState state, const std::shared_ptr<const Trace>& trace,
                          DensityResult result) {
    state.density = std::make_shared<const DensityResult>(std::move(result));
    state.densityTrace = trace;
    return state;
}

/// Makes `next` the document: as an undoable step, or as a part of opening it.
void become(Workspace& workspace, FitStep step, const QString& text, DocumentState next) {
    if (step == FitStep::Opening && workspace.undoStack()->count() == 0)
        workspace.amend(std::move(next));
    else
        workspace.change(text, std::move(next));
}

/// Rows came or went while the basis was fitted: those there are now are projected on it.
JobId projectAndPush(Workspace& workspace, const QString& text, std::shared_ptr<const PcaBasis> basis,
                     std::shared_ptr<const Trace> fittedOn, std::shared_ptr<const MatrixD> pointExplained) {
    const auto trace = workspace.state()->trace;
    if (!trace) return {};
    const quint64 document = workspace.documentNumber();
    return workspace.remember(workspace.jobs().submit(
        {Lane::Analysis, Workspace::tr("Projecting")},
        [trace, basis](Progress& progress) { return project(*basis, TraceView{.trace = trace}, progress); },
        &workspace,
        [&workspace, text, trace, basis, fittedOn, pointExplained, document](Outcome<Array3F> outcome) {
            if (document != workspace.documentNumber()) return;
            workspace.use(text, outcome, [&](Array3F scores) {
                if (workspace.state()->trace != trace)
                    projectAndPush(workspace, text, basis, fittedOn, pointExplained);
                else
                    workspace.change(
                        text, withBasis(*workspace.state(), basis, fittedOn,
                                        std::make_shared<const Array3F>(std::move(scores)), pointExplained));
            });
        }));
}

}  // namespace

bool isSmall(const Workspace& workspace) {
    return workspace.state()->rows() > 0 && bytesOf(*workspace.state()->trace) <= autoFitBytes;
}

JobId fitBasis(Workspace& workspace, FitStep step) {
    if (workspace.refuse(Workspace::tr("Fit the PCA"), Feature::FitBasis)) return {};
    const auto trace = workspace.state()->trace;
    const quint64 document = workspace.documentNumber();
    return workspace.remember(workspace.jobs().submit(
        {Lane::Analysis, Workspace::tr("Fitting the PCA")},
        [trace](Progress& progress) { return fitOn(trace, progress); }, &workspace,
        [&workspace, trace, document, step](Outcome<PcaResult> outcome) {
            if (document != workspace.documentNumber()) return;
            workspace.use(Workspace::tr("Fit the PCA"), outcome, [&](PcaResult result) {
                if (result.excludedRows > 0)
                    Q_EMIT workspace.noted(
                        Workspace::tr("%n row(s) hold values that are not finite, and are left out.", nullptr,
                                      static_cast<int>(result.excludedRows)));
                const QString text = Workspace::tr("Fit the PCA");
                if (workspace.state()->trace != trace) {
                    projectAndPush(workspace, text, std::make_shared<const PcaBasis>(std::move(result.basis)),
                                   trace,
                                   std::make_shared<const MatrixD>(std::move(result.perPointExplained)));
                    return;
                }
                DocumentState next = withFit(*workspace.state(), trace, std::move(result));
                become(workspace, step, text, std::move(next));
            });
        }));
}

JobId computeDensity(Workspace& workspace, FitStep step) {
    if (workspace.refuse(Workspace::tr("Compute the density"), Feature::Density)) return {};
    const auto trace = workspace.state()->trace;
    const quint64 document = workspace.documentNumber();
    return workspace.remember(workspace.jobs().submit(
        {Lane::Analysis, Workspace::tr("Computing the density")},
        [trace](Progress& progress) { return rheo::density(TraceView{.trace = trace}, {}, progress); },
        &workspace,
        [&workspace, trace, document, step](Outcome<DensityResult> outcome) {
            if (document != workspace.documentNumber()) return;
            workspace.use(Workspace::tr("Compute the density"), outcome, [&](DensityResult result) {
                DocumentState next = withDensity(*workspace.state(), trace, std::move(result));
                become(workspace, step, Workspace::tr("Compute the density"), std::move(next));
            });
        }));
}

DocumentState withPcaAndDensity(const DocumentState& state, const std::shared_ptr<const Trace>& trace,
                                Progress& progress) {
    Progress fitting = progress.part(0, 0.75);
    DocumentState fitted = withFit(state, trace, fitOn(trace, fitting));
    Progress counting = progress.part(0.75, 1);
    return withDensity(std::move(fitted), trace, density(TraceView{.trace = trace}, {}, counting));
}

}  // namespace rheo
