#pragma once

#include <memory>
#include <vector>

#include "core/findings/verdicts.h"
#include "core/session/document.h"

namespace rheo {

struct OpenedResults;

/// The verdicts that a document holds.
struct HeldVerdicts {
    std::shared_ptr<const OpenedResults> results;  ///< that they were made from first; null: there are none
    std::vector<Verdict> verdicts;
};
/// Those of the newest report; and of derivatives, where the report has none and they stand beside an
/// untrained network. Cost: that of verdictsOf.
HeldVerdicts heldVerdicts(const DocumentState& state);

}  // namespace rheo
