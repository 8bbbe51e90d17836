// ATen first: the header of this file needs it.
#include <ATen/ATen.h>

#include "core/model/experts.h"

#include <map>
#include <tuple>
#include <vector>

namespace rheo {

Routing route(const ExpertsConfig& experts, const at::Tensor& logits) {
    Routing routing;
    routing.probabilities = at::softmax(logits, -1);
    std::tie(routing.weights, routing.chosen) = at::topk(routing.probabilities, experts.chosen, -1);
    if (experts.sumsToOne) routing.weights = routing.weights / routing.weights.sum(-1, true);
    return routing;
}

at::Tensor mixExperts(const Routing& routing, const at::Tensor& x,
                      const std::function<at::Tensor(std::int64_t expert, const at::Tensor& rows)>& run) {
    struct Picks {
        std::vector<std::int64_t> rows, places;  ///< places in the flat [row, place]
    };
    const at::Tensor chosen = routing.chosen.to(at::kCPU).contiguous();
    const std::int64_t perRow = chosen.size(1);
    const auto* const experts = chosen.data_ptr<std::int64_t>();
    std::map<std::int64_t, Picks> picks;
    for (std::int64_t place = 0; place < chosen.numel(); ++place) {
        Picks& mine = picks[experts[place]];
        mine.rows.push_back(place / perRow);
        mine.places.push_back(place);
    }
    const at::Tensor weights = routing.weights.reshape({-1, 1});
    at::Tensor sum = at::zeros(x.sizes(), weights.options());
    for (const auto& [expert, mine] : picks) {
        const at::Tensor rows = at::tensor(mine.rows, at::kLong).to(x.device());
        const at::Tensor places = at::tensor(mine.places, at::kLong).to(x.device());
        const at::Tensor made = run(expert, x.index_select(0, rows)).to(sum.scalar_type());
        sum.index_add_(0, rows, made * weights.index_select(0, places));
    }
    return sum;
}

}  // namespace rheo
