#include "core/dynamics/intervene.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/base/error.h"
#include "core/dynamics/teleport.h"

namespace rheo {

namespace {

constexpr std::int64_t endless = std::numeric_limits<std::int64_t>::max();

std::string nameOf(const Edit& edit, std::size_t index) {
    return edit.name.empty() ? fmt::format("edit {}", index + 1)
                             : fmt::format("edit {} ({})", index + 1, edit.name);
}

[[noreturn]] void refuse(const Edit& edit, std::size_t index, ErrorCode code, const std::string& why) {
    throw Error(code, fmt::format("{}: {}", nameOf(edit, index), why), nameOf(edit, index));
}

/// Spans of tokens of a sequence of `prompt` tokens and `generated` more.
std::vector<TokenSpan> spansOf(const EditTokens& tokens, std::int64_t prompt) {
    switch (tokens.kind) {
        case EditTokens::Kind::Last: return {{prompt - 1, prompt}};
        case EditTokens::Kind::All: return {{0, endless}};
        case EditTokens::Kind::Range: return {{tokens.first, tokens.end}};
        case EditTokens::Kind::From: return {{tokens.first, endless}};
        case EditTokens::Kind::Generated: return {{prompt, endless}};
        case EditTokens::Kind::List: break;
    }
    std::vector<TokenSpan> spans;
    for (const std::int32_t position : tokens.positions) spans.push_back({position, position + 1});
    return spans;
}

PointIndex pointOf(const Model& model, const Edit& edit, std::size_t index) {
    const auto& points = model.points();
    const auto found = std::find(points.begin(), points.end(), edit.point);
    if (found == points.end())
        refuse(edit, index, ErrorCode::NotFound,
               fmt::format("the model has no residual point {}; its points are {} to {}",
                           pointName(edit.point), pointName(points.front()), pointName(points.back())));
    return PointIndex{found - points.begin()};
}

/// In absolute units.
double strengthOf(const Model& model, const PromptContext& context, const Edit& edit, const StateEdit& state,
                  std::size_t index) {
    if (edit.unit == StrengthUnit::Absolute) return edit.strength;
    if (!state.operation->acceptsRms)
        refuse(
            edit, index, ErrorCode::InvalidArgument,
            fmt::format("'{}' has no strength in units of the RMS norm; leave the unit out", edit.operation));
    const double norm = edit.vector.cast<double>().norm();
    if (!(norm > 0))
        refuse(edit, index, ErrorCode::InvalidArgument, "its vector is zero, and has no direction");
    return edit.strength * rmsNormAt(model, context, state.point) / norm;
}

/// All tokens, their states at all points, and the logits of token `logitsOf`.
ForwardResult wholeRun(const Model& model, const std::vector<std::int32_t>& ids,
                       const std::vector<StateEdit>& edits, Progress& progress) {
    ForwardRequest request;
    request.ids = {ids};
    request.positions.emplace_back(ids.size());
    std::iota(request.positions[0].begin(), request.positions[0].end(), 0);
    request.edits = {edits};
    return model.forward(request, progress);
}

VectorF lastLogits(const Model& model, const std::vector<std::int32_t>& ids,
                   const std::vector<StateEdit>& edits, Progress& progress) {
    ForwardRequest request;
    request.ids = {ids};
    request.positions = {{static_cast<std::int32_t>(ids.size()) - 1}};
    request.states = false;
    request.logits = true;
    request.edits = {edits};
    return model.forward(request, progress).logits.row(0).transpose();
}

/// -ln p of the tokens from `first` on, in a run without edits.
std::vector<double> surpriseOf(const Model& model, const std::vector<std::int32_t>& ids, std::size_t first,
                               Progress& progress) {
    if (first >= ids.size()) return {};
    ForwardRequest request;
    request.ids = {ids};
    request.positions.emplace_back();
    for (std::size_t i = first; i < ids.size(); ++i)
        request.positions[0].push_back(static_cast<std::int32_t>(i) - 1);
    request.states = false;
    request.logits = true;
    const MatrixF logits = model.forward(request, progress).logits;
    std::vector<double> surprise;
    for (Eigen::Index i = 0; i < logits.rows(); ++i) {
        const VectorD row = logits.row(i).transpose().cast<double>();
        const double logNorm = row.maxCoeff() + std::log((row.array() - row.maxCoeff()).exp().sum());
        surprise.push_back(logNorm - row[ids[first + static_cast<std::size_t>(i)]]);
    }
    return surprise;
}

}  // namespace

double rmsNormAt(const Model& model, const PromptContext& context, PointIndex point) {
    const auto tokens = static_cast<int>(context.ids().size());
    double sum = 0;
    for (int t = tokens > 1 ? 1 : 0; t < tokens; ++t)
        sum += model.naturalState(context, point, t).cast<double>().squaredNorm();
    return std::sqrt(sum / std::max(1, tokens - 1));
}

std::vector<StateEdit> resolveEdits(const Model& model, const PromptContext& context,
                                    const Intervention& intervention, int generated) {
    const auto prompt = static_cast<std::int64_t>(context.ids().size());
    std::vector<StateEdit> edits;
    for (std::size_t i = 0; i < intervention.edits.size(); ++i) {
        const Edit& edit = intervention.edits[i];
        if (!edit.on) continue;
        StateEdit state;
        state.operation = findOperation(edit.operation);
        if (state.operation == nullptr)
            refuse(edit, i, ErrorCode::Unsupported,
                   fmt::format("there is no operation '{}'; there are {}", edit.operation, operationNames()));
        state.point = pointOf(model, edit, i);
        state.tokens = spansOf(edit.tokens, prompt);
        for (const TokenSpan& span : state.tokens)
            if (span.end != endless ? span.end > prompt + generated : span.first > prompt + generated)
                refuse(edit, i, ErrorCode::InvalidArgument,
                       fmt::format("its tokens ({}) lie beyond the prompt, which has tokens 0 to {}{}",
                                   editTokensText(edit.tokens), prompt - 1,
                                   generated > 0 ? fmt::format(", and {} are generated", generated) : ""));
        state.vector = edit.vector;
        state.strength = edit.strength;
        try {
            checkEdit(state, static_cast<std::int64_t>(model.points().size()), model.config().dModel);
        } catch (const Error& error) {
            refuse(edit, i, error.code(), error.what());
        }
        state.strength = strengthOf(model, context, edit, state, i);
        edits.push_back(std::move(state));
    }
    return edits;
}

InterveneResult intervene(const Model& model, const InterveneRequest& request, Progress& progress) {
    InterveneResult result;
    Progress preparing = progress.part(0, 0.1);
    preparing.setStage("running the prompt");
    const auto context = model.prepare(request.ids, preparing);
    result.edits = resolveEdits(model, *context, request.intervention, request.generate);

    GenerateRequest generate;
    generate.ids = request.ids;
    generate.count = request.generate;
    generate.sampling = request.sampling;
    Progress natural = progress.part(0.1, 0.4);
    natural.setStage("natural text");
    if (request.onToken) generate.onToken = [&](std::int32_t id) { request.onToken(false, id); };
    result.naturalIds = model.generate(generate, natural);
    generate.edits = result.edits;
    if (request.onToken) generate.onToken = [&](std::int32_t id) { request.onToken(true, id); };
    Progress intervened = progress.part(0.4, 0.7);
    intervened.setStage("text with the intervention");
    result.intervenedIds = model.generate(generate, intervened);

    Progress running = progress.part(0.7, 1);
    running.setStage("states");
    const auto whole = [&](const std::vector<std::int32_t>& more) {
        std::vector<std::int32_t> ids = request.ids;
        ids.insert(ids.end(), more.begin(), more.end());
        return ids;
    };
    result.natural = wholeRun(model, whole(result.naturalIds), {}, running).states;
    result.intervened = wholeRun(model, whole(result.intervenedIds), result.edits, running).states;
    result.logitsNatural = lastLogits(model, request.ids, {}, running);
    result.logitsIntervened = lastLogits(model, request.ids, result.edits, running);
    result.kl = klOfLogits(result.logitsNatural, result.logitsIntervened);
    result.naturalSurprise = surpriseOf(model, whole(result.naturalIds), request.ids.size(), running);
    result.intervenedSurprise = surpriseOf(model, whole(result.intervenedIds), request.ids.size(), running);
    progress.report(1, 1);
    return result;
}

namespace {

double entropyOf(const VectorD& p) {
    return -(p.array() > 0).select(p.array() * p.array().max(1e-300).log(), 0.0).sum();
}

}  // namespace

std::vector<SweepStep> sweepStrengths(const Model& model, const InterveneRequest& request,
                                      const std::vector<double>& factors, std::int32_t token,
                                      Progress& progress) {
    if (token >= model.config().vocabulary || token < -1)
        throw Error(ErrorCode::InvalidArgument, fmt::format("token id {} is not in the vocabulary of {}",
                                                            token, model.config().vocabulary));
    const auto context = model.prepare(request.ids, progress);
    const auto unscaled = resolveEdits(model, *context, request.intervention, request.generate);
    std::vector<SweepStep> steps;
    for (const double factor : factors) {
        if (!std::isfinite(factor))
            throw Error(ErrorCode::InvalidArgument, "a strength of the sweep is not finite");
        Progress one =
            progress.part(static_cast<double>(steps.size()) / static_cast<double>(factors.size()),
                          static_cast<double>(steps.size() + 1) / static_cast<double>(factors.size()));
        one.setStage(fmt::format("strength {:g}", factor));
        GenerateRequest generate{request.ids, request.generate, unscaled, request.sampling};
        for (StateEdit& edit : generate.edits) edit.strength *= factor;
        SweepStep step;
        step.factor = factor;
        step.ids = model.generate(generate, one);
        const VectorD p = softmax(lastLogits(model, request.ids, generate.edits, one));
        step.probability = token < 0 ? std::numeric_limits<double>::quiet_NaN() : p[token];
        step.entropy = entropyOf(p);
        std::vector<std::int32_t> whole = request.ids;
        whole.insert(whole.end(), step.ids.begin(), step.ids.end());
        const std::vector<double> surprise = surpriseOf(model, whole, request.ids.size(), one);
        step.perplexity = std::exp(std::accumulate(surprise.begin(), surprise.end(), 0.0) /
                                   static_cast<double>(surprise.size()));  // NaN of none
        steps.push_back(std::move(step));
    }
    return steps;
}

IntervenedPath intervenedPath(const Model& model, const PromptContext& context,
                              const Intervention& intervention, Progress& progress) {
    ContinueRequest request;
    request.edits.push_back(resolveEdits(model, context, intervention, 0));
    const auto last = static_cast<std::int64_t>(context.ids().size()) - 1;
    std::int64_t token = last, point = static_cast<std::int64_t>(model.points().size()) - 1;
    for (const StateEdit& edit : request.edits[0]) {
        point = std::min(point, edit.point.value());
        for (const TokenSpan& span : edit.tokens) token = std::min(token, span.first);
    }
    request.point = PointIndex{request.edits[0].empty() ? 0 : point};
    request.token = static_cast<int>(token);
    Continuation changed = model.continueFrom(context, request, progress);
    request.edits[0].clear();
    Continuation natural = model.continueFrom(context, request, progress);
    IntervenedPath path{request.point,
                        request.token,
                        std::move(natural.states[0]),
                        std::move(changed.states[0]),
                        natural.logits.row(0).transpose(),
                        changed.logits.row(0).transpose(),
                        0};
    path.kl = klOfLogits(path.logitsNatural, path.logitsIntervened);
    return path;
}

}  // namespace rheo
