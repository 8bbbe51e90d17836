#include "core/dynamics/patch_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <utility>

#include "core/base/error.h"
#include "core/dynamics/teleport_result.h"
#include "core/dynamics/unembedding.h"
#include "core/statistics/axes.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

constexpr std::array<std::pair<PatchOutcome, std::string_view>, 3> outcomeNames{{
    {PatchOutcome::LogitDifference, "logit_difference"},
    {PatchOutcome::Probability, "probability"},
    {PatchOutcome::Kl, "kl"},
}};

/// Rows below which a batch takes no longer: reading the weights bounds it.
constexpr std::int64_t leastRows = 32;
constexpr std::int64_t mostRows = 512;

/// Turns states at the final point into outcomes.
class OutcomeOf {
public:
    OutcomeOf(const Model& model, const PatchRequest& request, const VectorF& cleanState, Progress& progress)
        : m_model(model), m_request(request), m_tokens(model, tokensOf(request)) {
        if (request.outcome == PatchOutcome::Kl)
            m_clean = logitsOf(cleanState.transpose(), progress).row(0).transpose();
    }

    /// [state] of `states` [state, unit].
    VectorD operator()(const MatrixF& states, Progress& progress) const {
        VectorD values(states.rows());
        if (m_request.outcome == PatchOutcome::LogitDifference) {
            for (Eigen::Index i = 0; i < states.rows(); ++i) {
                const VectorD logits = m_tokens.of(states.row(i).transpose());
                values[i] = logits[0] - logits[1];
            }
            return values;
        }
        for (Eigen::Index begin = 0; begin < states.rows(); begin += slice) {
            const Eigen::Index count = std::min(slice, states.rows() - begin);
            const MatrixF logits = logitsOf(states.middleRows(begin, count), progress);
            for (Eigen::Index i = 0; i < count; ++i) {
                const VectorF row = logits.row(i).transpose();
                values[begin + i] = m_request.outcome == PatchOutcome::Kl ? klOfLogits(m_clean, row)
                                                                          : softmax(row)[m_request.answer];
            }
        }
        return values;
    }

private:
    static constexpr Eigen::Index slice = 32;

    /// Logits of up to `slice` states. Always of a full slice: kernels round differently for other shapes,
    /// and equal states must have equal outcomes.
    MatrixF logitsOf(const MatrixF& states, Progress& progress) const {
        MatrixF full = states.row(0).replicate(slice, 1);
        full.topRows(states.rows()) = states;
        return m_model.unembed(full, progress);
    }
    static std::vector<std::int32_t> tokensOf(const PatchRequest& request) {
        if (request.outcome != PatchOutcome::LogitDifference) return {};
        return {request.answer, request.foil};
    }

    const Model& m_model;
    const PatchRequest& m_request;
    TokenLogits m_tokens;
    VectorF m_clean;  ///< logits
};

void checkRequest(const Model& model, const PatchRequest& request) {
    const auto need = [&](std::int32_t id, const char* name) {
        if (id < 0 || id >= model.config().vocabulary)
            throw Error(
                ErrorCode::InvalidArgument,
                fmt::format("the outcome {} needs {}, a token id from 0 to {}; {} is given",
                            patchOutcomeName(request.outcome), name, model.config().vocabulary - 1, id));
    };
    if (request.outcome != PatchOutcome::Kl) need(request.answer, "an answer");
    if (request.outcome == PatchOutcome::LogitDifference) need(request.foil, "a foil");
    const auto clean = static_cast<std::int32_t>(request.clean.size());
    if (request.cleanToken.size() != request.corrupted.size())
        throw Error(
            ErrorCode::InvalidArgument,
            fmt::format("the alignment names clean tokens for {} tokens, and the corrupted prompt has {}",
                        request.cleanToken.size(), request.corrupted.size()));
    if (request.along.rows() > 0 && request.along.cols() != model.config().dModel)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("the directions have {} units, and the model has {}", request.along.cols(),
                                model.config().dModel));
    for (const std::int32_t token : request.cleanToken)
        if (token < -1 || token >= clean)
            throw Error(
                ErrorCode::InvalidArgument,
                fmt::format("the alignment names clean token {}, and the clean prompt has tokens 0 to {}",
                            token, clean - 1));
}

/// How many tokens both prompts begin with, aligned with themselves.
std::int64_t sharedPrefix(const PatchRequest& request) {
    const auto most = std::min(request.clean.size(), request.corrupted.size());
    std::size_t shared = 0;
    while (shared < most && request.clean[shared] == request.corrupted[shared] &&
           request.cleanToken[shared] == static_cast<std::int32_t>(shared))
        ++shared;
    return static_cast<std::int64_t>(shared);
}

/// Tokens (ascending) in runs of neighbours, each of which starts at its first token, so that all its members
/// compute `tokens` - first rows: the split with the least rows, where fewer than leastRows cost as much. By
/// dynamic programming over the ends of runs.
std::vector<std::vector<std::int32_t>> splitTokens(const std::vector<std::int32_t>& patched,
                                                   std::int64_t tokens) {
    const std::size_t n = patched.size();
    std::vector<std::int64_t> cost(n + 1, std::numeric_limits<std::int64_t>::max());
    std::vector<std::size_t> begin(n + 1, 0);
    cost[0] = 0;
    for (std::size_t end = 1; end <= n; ++end)
        for (std::size_t first = end; first-- > 0;) {
            const std::int64_t rows = static_cast<std::int64_t>(end - first) * (tokens - patched[first]);
            if (rows > mostRows && first + 1 < end) break;
            const std::int64_t sum = cost[first] + std::max(rows, leastRows);
            if (sum < cost[end]) {
                cost[end] = sum;
                begin[end] = first;
            }
        }
    std::vector<std::vector<std::int32_t>> runs;
    for (std::size_t end = n; end > 0; end = begin[end])
        runs.emplace_back(patched.begin() + static_cast<std::ptrdiff_t>(begin[end]),
                          patched.begin() + static_cast<std::ptrdiff_t>(end));
    return runs;
}

/// Cells that run as one batch: each of `tokens` at each of points first .. end - 1.
struct CellBatch {
    std::vector<std::int32_t> tokens;
    std::int64_t first = 0, end = 0;
    double work = 0;  ///< rows times steps
};

std::vector<CellBatch> batchesOf(const std::vector<std::int32_t>& patched, std::int64_t tokens,
                                 std::int64_t points) {
    std::vector<CellBatch> batches;
    for (const auto& run : splitTokens(patched, tokens)) {
        const std::int64_t rows = static_cast<std::int64_t>(run.size()) * (tokens - run.front());
        // Runs of later points start at the first of them: a few points more cost little while rows are few.
        const std::int64_t together = std::clamp<std::int64_t>(leastRows / rows, 1, 1 + points / 8);
        for (std::int64_t first = 0; first < points; first += together) {
            CellBatch batch{run, first, std::min(points, first + together), 0};
            batch.work = static_cast<double>(std::max(leastRows, rows * (batch.end - first))) *
                         static_cast<double>(points - first);
            batches.push_back(std::move(batch));
        }
    }
    return batches;
}

ContinueRequest requestOf(const CellBatch& batch, const Model& model, const PromptContext& clean,
                          const PromptContext& corrupted, const PatchRequest& request) {
    ContinueRequest run;
    run.point = PointIndex{batch.first};
    run.token = batch.tokens.front();
    run.states = false;
    run.lastState = true;
    run.logits = false;
    for (std::int64_t p = batch.first; p < batch.end; ++p)
        for (const std::int32_t token : batch.tokens)
            run.edits.push_back({setState(
                PointIndex{p}, token, patchedState(model, clean, corrupted, request, token, PointIndex{p}))});
    return run;
}

VectorF lastFinalState(const Model& model, const PromptContext& context) {
    return model.naturalState(context, PointIndex{static_cast<std::int64_t>(model.points().size()) - 1},
                              static_cast<int>(context.ids().size()) - 1);
}

}  // namespace

std::string_view patchOutcomeName(PatchOutcome outcome) {
    for (const auto& [key, name] : outcomeNames)
        if (key == outcome) return name;
    return "";
}

std::optional<PatchOutcome> parsePatchOutcome(std::string_view name) {
    for (const auto& [key, known] : outcomeNames)
        if (known == name) return key;
    return std::nullopt;
}

std::vector<std::int32_t> alignedFromEnd(std::int64_t clean, std::int64_t corrupted) {
    std::vector<std::int32_t> aligned;
    for (std::int64_t t = 0; t < corrupted; ++t)
        aligned.push_back(static_cast<std::int32_t>(std::max<std::int64_t>(-1, t + clean - corrupted)));
    return aligned;
}

VectorF patchedState(const Model& model, const PromptContext& clean, const PromptContext& corrupted,
                     const PatchRequest& request, std::int32_t token, PointIndex point) {
    VectorF state = model.naturalState(clean, point, request.cleanToken.at(static_cast<std::size_t>(token)));
    if (request.along.rows() == 0) return state;
    const VectorF own = model.naturalState(corrupted, point, token);
    const VectorD change = (state - own).cast<double>();
    return own + (request.along.transpose() * (request.along * change)).cast<float>();
}

PatchMap patchMap(const Model& model, const PatchRequest& asked, Progress& progress,
                  const std::function<void(double secondsLeft)>& forecast) {
    PatchMap map;
    map.request = asked;
    PatchRequest& request = map.request;
    const auto tokens = static_cast<std::int64_t>(request.corrupted.size());
    const auto points = static_cast<std::int64_t>(model.points().size());
    if (request.cleanToken.empty())
        request.cleanToken = alignedFromEnd(static_cast<std::int64_t>(request.clean.size()), tokens);
    checkRequest(model, request);
    if (request.along.rows() > 0) request.along = orthonormalSpan(request.along);

    Progress preparing = progress.part(0, 0.02);
    preparing.setStage("clean and corrupted run");
    const auto clean = model.prepare(request.clean, preparing);
    const auto corrupted = model.prepare(request.corrupted, preparing);
    const OutcomeOf outcomes(model, request, lastFinalState(model, *clean), preparing);
    map.clean = outcomes(lastFinalState(model, *clean).transpose(), preparing)[0];
    map.corrupted = outcomes(lastFinalState(model, *corrupted).transpose(), preparing)[0];

    map.effect = MatrixD::Constant(tokens, points, nan);
    const std::int64_t shared = sharedPrefix(request);
    map.effect.topRows(shared).setConstant(map.corrupted);
    std::vector<std::int32_t> patched;
    for (std::int64_t t = shared; t < tokens; ++t)
        if (request.cleanToken[static_cast<std::size_t>(t)] >= 0)
            patched.push_back(static_cast<std::int32_t>(t));

    const auto batches = batchesOf(patched, tokens, points);
    double work = 0, done = 0;
    for (const CellBatch& batch : batches) work += batch.work;
    const auto started = std::chrono::steady_clock::now();
    Progress running = progress.part(0.02, 1);
    running.setStage("patching");
    for (const CellBatch& batch : batches) {
        Progress one = running.part(done / work, (done + batch.work) / work);
        const Continuation run =
            model.continueFrom(*corrupted, requestOf(batch, model, *clean, *corrupted, request), one);
        const VectorD values = outcomes(run.lastState, one);
        Eigen::Index i = 0;
        for (std::int64_t p = batch.first; p < batch.end; ++p)
            for (const std::int32_t token : batch.tokens) map.effect(token, p) = values[i++];
        if (done == 0 && forecast)
            forecast(std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count() *
                     (work / batch.work - 1));
        done += batch.work;
    }
    const double range = map.clean - map.corrupted;
    // + 0: no cell is -0.
    map.normalized = range == 0 ? MatrixD::Constant(tokens, points, nan)
                                : MatrixD((map.effect.array() - map.corrupted) / range + 0.0);
    progress.report(1, 1);
    return map;
}

}  // namespace rheo
