#pragma once

#include <cstdint>
#include <functional>

#include "core/base/progress.h"
#include "core/model/model.h"

namespace rheo {

/// The paths of one pushed state and of the natural one. Q points, from the pushed point on.
struct PushRun {
    Eigen::Index push = 0;                 ///< which
    const MatrixD& natural;                ///< [Q, unit] of the pushed token
    const MatrixD& moved;                  ///< [Q, unit]
    const VectorF &naturalLogits, logits;  ///< [vocabulary] of the prompt's last token
};

/// Carries many pushes of one state on, in batches that reuse the keys and values of the tokens before. All
/// batches have one shape, and every push is beside the natural state in the same place of a batch of that
/// shape: kernels round differently for others. A push of zero gives the natural path bit for bit.
class PushRuns {
public:
    /// `pushes`: how many there will be. Runs the natural batch. Throws as Model::continueFrom.
    PushRuns(const Model& model, const PromptContext& context, PointIndex point, int token,
             std::int64_t pushes, Progress& progress);
    /// Tells `heard` of each row of `pushes` [push, unit], added to the natural state, in order. `forecast`,
    /// if there is one, is told after the first batch how many seconds a push takes. Cancellable between
    /// blocks.
    void run(const MatrixD& pushes, Progress& progress, const std::function<void(const PushRun&)>& heard,
             const std::function<void(double secondsPerPush)>& forecast = {}) const;

    const VectorF& state() const { return m_state; }  ///< [unit] the natural one
    const MatrixD& naturalPath() const { return m_natural.front(); }

private:
    Continuation batch(const MatrixF& states, Progress& progress) const;

    const Model& m_model;
    const PromptContext& m_context;
    PointIndex m_point;
    int m_token;
    Eigen::Index m_size = 1;  ///< pushes in a batch
    VectorF m_state;
    std::vector<MatrixD> m_natural;  ///< [place] of [Q, unit]
    MatrixF m_naturalLogits;         ///< [place, vocabulary]
};

}  // namespace rheo
