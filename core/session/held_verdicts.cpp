#include "core/session/held_verdicts.h"

#include <algorithm>
#include <iterator>

#include "core/findings/derivative_verdicts.h"
#include "core/results/jacobian_group.h"
#include "core/session/opened_results.h"

namespace rheo {

HeldVerdicts heldVerdicts(const DocumentState& state) {
    HeldVerdicts held{resultsWith(state, verdictsGroup).opened, {}};
    const auto derivatives = resultsWith(state, jacobianName).opened;
    if (held.results) held.verdicts = verdictsOf(held.results->results);
    const auto isOne = [](const Verdict& v) { return isOfDerivatives(v.key); };
    if (!derivatives || std::any_of(held.verdicts.begin(), held.verdicts.end(), isOne)) return held;
    const std::vector<Verdict> more = verdictsOf(derivatives->results);
    std::copy_if(more.begin(), more.end(), std::back_inserter(held.verdicts), isOne);
    if (!held.results && !held.verdicts.empty()) held.results = derivatives;
    return held;
}

}  // namespace rheo
