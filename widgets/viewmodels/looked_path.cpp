#include "widgets/viewmodels/looked_path.h"

#include <utility>

#include "widgets/viewmodels/model_jobs.h"
#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/viewmodels/workspace.h"

namespace rheo {

namespace {

MatrixD scoresOf(const Array3F& scores) {
    return Eigen::Map<const MatrixF>(scores.at(0, 0), scores.n1, scores.n2).cast<double>();
}

}  // namespace

JobId lookAt(Workspace& workspace, PromptId prompt, int position, QObject* receiver,
             std::function<void(std::shared_ptr<const LookedPath>)> use) {
    const PointIndex first = workspace.modelPoint(PointIndex{0}).value_or(PointIndex{0});
    const PointIndex last{first.value() + static_cast<std::int64_t>(workspace.points().size()) - 1};
    const quint64 document = workspace.documentNumber();
    return workspace.remember(workspace.jobs().submit(
        {Lane::Model, Workspace::tr("Following token %1").arg(position), false, true},
        [loaded = workspace.model(), sample = workspace.prompts().sampleOf(prompt), position,
         basis = workspace.state()->basis, first, last](Progress& progress) {
            return projected(captureTokens(*loaded->model, sample, {position}, first, last, progress), basis,
                             progress);
        },
        receiver,
        [&workspace, prompt, position, document, use](Outcome<CapturedRows> outcome) {
            if (document != workspace.documentNumber()) return;
            std::shared_ptr<LookedPath> path;
            workspace.use(Workspace::tr("Follow the token"), outcome, [&](const CapturedRows& rows) {
                path = std::make_shared<LookedPath>();
                *path = {prompt, position, rows.trace, rows.basis, {}};
                if (rows.basis) path->scores = scoresOf(rows.scores);
            });
            use(std::move(path));
        }));
}

std::shared_ptr<const LookedPath> inBasis(const LookedPath& path, std::shared_ptr<const PcaBasis> basis) {
    auto other = std::make_shared<LookedPath>(path);
    other->scores = {};
    other->basis = std::move(basis);
    if (!other->basis) return other;
    Progress progress;
    other->scores = scoresOf(
        project(*other->basis, TraceView{.trace = path.trace, .scaling = other->basis->scaling}, progress));
    return other;
}

}  // namespace rheo
