#include "core/dynamics/directions.h"

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

}  // namespace rheo
