#include "core/dynamics/push_runs.h"

#include <algorithm>
#include <chrono>

namespace rheo {

namespace {

constexpr std::int64_t mostRows = 256;
constexpr std::int64_t mostNumbers = std::int64_t{1} << 26;

MatrixD firstToken(const Array3F& states) {
    return Eigen::Map<const MatrixF>(states.data.data(), states.n1, states.n2).cast<double>();
}

}  // namespace

PushRuns::PushRuns(const Model& model, const PromptContext& context, PointIndex point, int token,
                   std::int64_t pushes, Progress& progress)
    : m_model(model),
      m_context(context),
      m_point(point),
      m_token(token),
      m_state(model.naturalState(context, point, token)) {
    const auto tokens = static_cast<std::int64_t>(context.ids().size()) - token;
    const std::int64_t points = static_cast<std::int64_t>(model.points().size()) - point.value();
    const std::int64_t numbers =
        std::max(model.config().vocabulary, tokens * points * static_cast<std::int64_t>(m_state.size()));
    m_size = std::clamp<std::int64_t>(
        std::min(mostRows / tokens, mostNumbers / std::max<std::int64_t>(1, numbers)), 1,
        std::max<std::int64_t>(1, pushes));
    Continuation natural = batch(m_state.transpose().replicate(m_size, 1), progress);
    for (const Array3F& states : natural.states) m_natural.push_back(firstToken(states));
    m_naturalLogits = std::move(natural.logits);
}

Continuation PushRuns::batch(const MatrixF& states, Progress& progress) const {
    return m_model.resume(m_context, m_point, m_token, states, true, progress);
}

void PushRuns::run(const MatrixD& pushes, Progress& progress,
                   const std::function<void(const PushRun&)>& heard,
                   const std::function<void(double)>& forecast) const {
    for (Eigen::Index first = 0; first < pushes.rows(); first += m_size) {
        const Eigen::Index count = std::min(m_size, pushes.rows() - first);
        MatrixF states = m_state.transpose().replicate(m_size, 1);
        states.topRows(count) =
            (states.topRows(count).cast<double>() + pushes.middleRows(first, count)).cast<float>();
        Progress one = progress.part(static_cast<double>(first) / static_cast<double>(pushes.rows()),
                                     static_cast<double>(first + count) / static_cast<double>(pushes.rows()));
        const auto started = std::chrono::steady_clock::now();
        const Continuation run = batch(states, one);
        const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - started;
        if (first == 0 && forecast) forecast(taken.count() / static_cast<double>(m_size));
        for (Eigen::Index i = 0; i < count; ++i) {
            const auto place = static_cast<std::size_t>(i);
            const MatrixD moved = firstToken(run.states[place]);
            const VectorF naturalLogits = m_naturalLogits.row(i).transpose(),
                          logits = run.logits.row(i).transpose();
            heard({first + i, m_natural[place], moved, naturalLogits, logits});
        }
    }
}

}  // namespace rheo
