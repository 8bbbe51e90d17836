#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/findings/verdicts.h"

namespace rheo {

/// A finding in several sources.
struct ComparedVerdict {
    std::string key;                 ///< "density_rises"
    std::vector<const Verdict*> of;  ///< [source]; null: it holds none
    bool differ = false;             ///< some were tested and came to other verdicts
    bool apart = false;              ///< two of the 95 % intervals do not overlap
};

/// The findings of all sources, in the order of the first, then what only others have. Refers to the
/// verdicts; they must outlive it. What was not tested differs from nothing.
std::vector<ComparedVerdict> compareVerdicts(std::span<const std::vector<Verdict>* const> sources);

}  // namespace rheo
