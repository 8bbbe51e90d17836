#include "widgets/viewmodels/fit_rows.h"

#include <numeric>
#include <utility>

#include "core/session/capture_run.h"
#include "core/session/direction_sources.h"
#include "widgets/viewmodels/counted.h"
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

PcaResult fitOn(const std::shared_ptr<const Trace>& trace, const FitChoice& choice, Progress& progress) {
    PcaOptions options;
    options.components = componentsFor(*trace);
    const TraceView view{.trace = trace, .scaling = choice.scaling};
    return choice.rows.empty() ? pca(view, options, progress)
                               : pcaFittedOn(view, choice.rows, options, progress);
}

/// A basis, and the rows that it was fitted on.
struct FittedBasis {
    std::shared_ptr<const PcaBasis> basis;
    std::shared_ptr<const MatrixD> pointExplained;
    std::shared_ptr<const Trace> trace;
    std::vector<std::int64_t> rows;  ///< of the trace; empty: all
};

FittedBasis takeBasis(PcaResult& result, std::shared_ptr<const Trace> trace, std::vector<std::int64_t> rows) {
    return {std::make_shared<const PcaBasis>(std::move(result.basis)),
            std::make_shared<const MatrixD>(std::move(result.perPointExplained)), std::move(trace),
            std::move(rows)};
}

DocumentState withFit(const DocumentState& state, const FittedBasis& fit, Array3F scores) {
    return withBasis(state, fit.basis, fit.trace, std::make_shared<const Array3F>(std::move(scores)),
                     fit.pointExplained, fit.rows);
}

QString nameOfFit(const FittedBasis& fit) {
    return fit.rows.empty()
               ? Workspace::tr("Fit the PCA")
               : Workspace::tr("Fit the PCA on %1")
                     .arg(counted(static_cast<qint64>(fit.rows.size()), Workspace::tr("1 chosen row"),
                                  Workspace::tr("%1 chosen rows")));
}

/// Makes `next` the document: as an undoable step, or as a part of opening it.
void become(Workspace& workspace, FitStep step, const QString& text, DocumentState next) {
    if (step == FitStep::Opening && workspace.undoStack()->count() == 0)
        workspace.amend(std::move(next));
    else
        workspace.change(text, std::move(next));
}

/// Rows came or went while the basis was fitted: those there are now are projected on it.
JobId projectAndPush(Workspace& workspace, const FittedBasis& fit) {
    const auto trace = workspace.state()->trace;
    if (!trace) return {};
    const quint64 document = workspace.documentNumber();
    return workspace.remember(workspace.jobs().submit(
        {Lane::Analysis, Workspace::tr("Projecting")},
        [trace, basis = fit.basis](Progress& progress) {
            return project(*basis, TraceView{.trace = trace, .scaling = basis->scaling}, progress);
        },
        &workspace,
        [&workspace, fit, trace, document](Outcome<Array3F> outcome) {
            if (document != workspace.documentNumber()) return;
            workspace.use(nameOfFit(fit), outcome, [&](Array3F scores) {
                if (workspace.state()->trace != trace)
                    projectAndPush(workspace, fit);
                else
                    workspace.change(nameOfFit(fit), withFit(*workspace.state(), fit, std::move(scores)));
            });
        }));
}

}  // namespace

bool isSmall(const Workspace& workspace) {
    return workspace.state()->rows() > 0 && bytesOf(*workspace.state()->trace) <= autoFitBytes;
}

JobId fitBasis(Workspace& workspace, FitStep step) {
    return fitBasisOn(workspace, {}, step);
}

JobId fitBasisOn(Workspace& workspace, FitChoice choice, FitStep step) {
    if (workspace.refuse(Workspace::tr("Fit the PCA"), Feature::FitBasis)) return {};
    const auto trace = workspace.state()->trace;
    const quint64 document = workspace.documentNumber();
    return workspace.remember(workspace.jobs().submit(
        {Lane::Analysis, Workspace::tr("Fitting the PCA")},
        [trace, choice](Progress& progress) { return fitOn(trace, choice, progress); }, &workspace,
        [&workspace, trace, document, step, rows = choice.rows](Outcome<PcaResult> outcome) {
            if (document != workspace.documentNumber()) return;
            workspace.use(Workspace::tr("Fit the PCA"), outcome, [&](PcaResult result) {
                if (result.excludedRows > 0)
                    Q_EMIT workspace.noted(
                        counted(result.excludedRows,
                                Workspace::tr("1 row has values that are not finite, and is left out."),
                                Workspace::tr("%1 rows have values that are not finite, and are left out.")));
                const FittedBasis fit = takeBasis(result, trace, rows);
                if (workspace.state()->trace == trace)
                    become(workspace, step, nameOfFit(fit),
                           withFit(*workspace.state(), fit, std::move(result.scores)));
                else
                    projectAndPush(workspace, fit);
            });
        }));
}

JobId useAxes(Workspace& workspace, std::vector<NamedDirection> directions, AxesFrame frame) {
    const QString what = Workspace::tr("Use directions as axes");
    if (workspace.refuse(what, Feature::FitBasis)) return {};
    const auto trace = workspace.state()->trace;
    const quint64 document = workspace.documentNumber();
    const auto pca = workspace.state()->basis;
    const auto loaded = workspace.model();
    return workspace.remember(workspace.jobs().submit(
        {loaded ? Lane::Model : Lane::Analysis, Workspace::tr("Projecting on the axes")},
        [trace, pca, directions = std::move(directions), frame, loaded](Progress& progress) {
            const TraceView view{.trace = trace};
            PcaBasis axes = axesOf(directions, frame);
            if (axes.components.rows() < 3) {
                Progress fitting = progress.part(0, 0.5);
                const bool fits = pca && pca->names.empty() && pca->scaling == Scaling::Raw;
                axes = completedAxes(axes, fits ? *pca : fitOn(trace, {}, fitting).basis);
            }
            Progress measuring = progress.part(0.5, 0.7), projecting = progress.part(0.7, 1);
            measureAxes(axes, view, measuring);
            if (loaded && loaded->model->config().dModel == axes.components.cols())
                nameTokensOf(axes, *loaded->model,
                             loaded->tokenizer ? tokenTexts(loaded->tokenizer) : TokenText{}, measuring);
            PcaResult result;
            result.scores = project(axes, view, projecting);
            result.basis = std::move(axes);
            return result;
        },
        &workspace,
        [&workspace, what, trace, document](Outcome<PcaResult> outcome) {
            if (document != workspace.documentNumber() || workspace.state()->trace != trace) return;
            workspace.use(what, outcome, [&](PcaResult result) {
                // All rows are chosen: axes are not fitted to any, and never out of date.
                std::vector<std::int64_t> rows(static_cast<std::size_t>(trace->rows()));
                std::iota(rows.begin(), rows.end(), 0);
                const FittedBasis fit = takeBasis(result, trace, std::move(rows));
                workspace.change(what, withFit(*workspace.state(), fit, std::move(result.scores)));
            });
        }));
}

DocumentState withPca(const DocumentState& state, const std::shared_ptr<const Trace>& trace,
                      Progress& progress) {
    PcaResult result = fitOn(trace, {}, progress);
    const FittedBasis fit = takeBasis(result, trace, {});
    return withFit(state, fit, std::move(result.scores));
}

}  // namespace rheo
