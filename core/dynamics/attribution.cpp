#include "core/dynamics/attribution.h"

#include <algorithm>

#include "core/dynamics/unembedding.h"

namespace rheo {

namespace {

using Row = Eigen::Map<const VectorF>;

/// gamma * (row of the answer - row of the foil): what a normed but unscaled state is multiplied with; and
/// the part of the logits that no state wrote.
struct Readout {
    VectorD direction;
    double bias = 0;
};

Readout readoutOf(const Model& model, const FinalNorm& norm, std::int32_t answer, std::int32_t foil) {
    const UnembeddingRow row = model.unembeddingRow(answer);
    VectorD weights = row.weight.cast<double>();
    double bias = row.bias;
    if (foil >= 0) {
        const UnembeddingRow other = model.unembeddingRow(foil);
        weights -= other.weight.cast<double>();
        bias -= other.bias;
    }
    if (norm.bias.size() > 0) bias += weights.dot(norm.bias.cast<double>());
    VectorD direction = weights.cwiseProduct(norm.weight.cast<double>());
    // u . (w - mean(w)) = (u - mean(u)) . w: centring of the writes, done once.
    if (norm.centres) direction.array() -= direction.mean();
    return {std::move(direction), bias};
}

bool isEdited(const std::vector<StateEdit>& edits, std::int64_t token, std::int64_t point) {
    return std::any_of(edits.begin(), edits.end(), [&](const StateEdit& edit) {
        return edit.point.value() == point &&
               std::any_of(edit.tokens.begin(), edit.tokens.end(),
                           [&](const TokenSpan& span) { return token >= span.first && token < span.end; });
    });
}

}  // namespace

Attribution attribute(const Model& model, std::span<const std::int32_t> ids,
                      const std::vector<std::int32_t>& positions, std::int32_t answer, std::int32_t foil,
                      const std::vector<StateEdit>& edits, Progress& progress) {
    const FinalNorm norm = model.finalNorm();
    const Readout readout = readoutOf(model, norm, answer, foil);
    ForwardRequest request;
    request.ids = {{ids.begin(), ids.end()}};
    request.positions = {positions};
    request.writes = true;
    request.edits = {edits};
    const ForwardResult run = model.forward(request, progress);

    const std::int64_t tokens = run.states.n0, points = run.states.n1, units = run.states.n2;
    Attribution result;
    result.answer = answer;
    result.foil = foil;
    result.contribution.resize(tokens, points - 1);
    result.embedding.resize(tokens);
    result.bias = VectorD::Constant(tokens, readout.bias);
    result.edits.resize(tokens);
    result.logit.resize(tokens);
    for (std::int64_t t = 0; t < tokens; ++t) {
        const auto state = [&](std::int64_t p) { return Row(run.states.at(t, p), units); };
        const double scale = finalScale(norm, state(points - 1));
        const auto read = [&](const VectorD& h) { return scale * readout.direction.dot(h); };
        result.embedding[t] = read(state(0).cast<double>());
        double edited = 0;
        for (std::int64_t p = 0; p + 1 < points; ++p) {
            // As it was added: the write, rounded with the state it was added to.
            const double change = read(state(p + 1).cast<double>() - state(p).cast<double>());
            const bool plain = !isEdited(edits, positions[static_cast<std::size_t>(t)], p + 1);
            result.contribution(t, p) = plain ? change : read(Row(run.writes.at(t, p), units).cast<double>());
            edited += change - result.contribution(t, p);
        }
        result.edits[t] = edited;
        result.logit[t] = read(state(points - 1).cast<double>()) + readout.bias;
    }
    return result;
}

}  // namespace rheo
