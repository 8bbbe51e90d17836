#pragma once

#include <functional>
#include <memory>

#include "core/session/document.h"
#include "widgets/jobs/job_runner.h"

class QObject;

namespace rheo {

class Workspace;

/// The path of a token that is looked at and is no row: no mean, fit or file holds it.
struct LookedPath {
    PromptId prompt;
    int position = -1;
    std::shared_ptr<const Trace> trace;     ///< its one row
    std::shared_ptr<const PcaBasis> basis;  ///< of `scores`; null: there is none
    MatrixD scores;                         ///< [point, k]
};

/// Runs the prompt for the path of one of its tokens, and gives it to `use` unless `receiver` is gone or
/// another document is open; null where it was cancelled or failed. Failures go to Workspace::failed(). There
/// must be a model, and the prompt must have the token.
JobId lookAt(Workspace& workspace, PromptId prompt, int position, QObject* receiver,
             std::function<void(std::shared_ptr<const LookedPath>)> use);
/// The same path in another basis (null: in none). Cost: a projection of one row.
std::shared_ptr<const LookedPath> inBasis(const LookedPath& path, std::shared_ptr<const PcaBasis> basis);

}  // namespace rheo
