#include "core/dynamics/directions.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "core/base/error.h"

namespace rheo {

VectorD meanLastState(const Model& model, const std::vector<std::vector<std::int32_t>>& prompts,
                      PointIndex point, Progress& progress) {
    if (prompts.empty()) throw Error(ErrorCode::InvalidArgument, "a mean of states needs a prompt");
    ForwardRequest request;
    request.ids = prompts;
    for (const auto& ids : prompts) request.positions.push_back({static_cast<std::int32_t>(ids.size()) - 1});
    request.firstPoint = point;
    request.lastPoint = point;
    const ForwardResult run = model.forward(request, progress);
    VectorD sum = VectorD::Zero(run.states.n2);
    for (std::int64_t row = 0; row < run.states.n0; ++row)
        sum += Eigen::Map<const VectorF>(run.states.at(row, 0), run.states.n2).cast<double>();
    return sum / static_cast<double>(run.states.n0);
}

VectorF logitDirection(const Model& model, std::int32_t token) {
    const FinalNorm norm = model.finalNorm();
    VectorD direction =
        model.unembeddingRow(token).weight.cast<double>().cwiseProduct(norm.weight.cast<double>());
    if (norm.centres) direction.array() -= direction.mean();
    return direction.cast<float>();
}

namespace {

/// The `count` first of `values` under `before`.
template <class Before>
std::vector<NearToken> firstOf(const VectorD& values, int count, const Before& before) {
    std::vector<std::int32_t> ids(static_cast<std::size_t>(values.size()));
    std::iota(ids.begin(), ids.end(), 0);
    const auto kept = std::min<std::ptrdiff_t>(count, static_cast<std::ptrdiff_t>(ids.size()));
    std::partial_sort(ids.begin(), ids.begin() + kept, ids.end(), [&](std::int32_t a, std::int32_t b) {
        return values[a] != values[b] ? before(values[a], values[b]) : a < b;
    });
    std::vector<NearToken> first;
    for (std::ptrdiff_t i = 0; i < kept; ++i) {
        const std::int32_t id = ids[static_cast<std::size_t>(i)];
        first.push_back({id, values[id]});
    }
    return first;
}

}  // namespace

std::vector<NearTokens> nearTokens(const Model& model, const MatrixD& directions, int count,
                                   Progress& progress) {
    std::vector<NearTokens> all;
    for (const auto& row : directions.rowwise()) {
        const double rms = row.norm() / std::sqrt(static_cast<double>(row.size()));
        all.emplace_back();
        if (!(rms > 0)) continue;
        MatrixF states(2, row.size());
        states.row(0) = (row / rms).template cast<float>();
        states.row(1) = -states.row(0);
        const MatrixF logits = model.unembed(states, progress);
        const VectorD values = (logits.row(0).cast<double>() - logits.row(1).cast<double>()).transpose() / 2;
        all.back() = {firstOf(values, count, std::greater<>()), firstOf(values, count, std::less<>())};
    }
    return all;
}

}  // namespace rheo
