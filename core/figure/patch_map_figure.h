#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/residual_point.h"
#include "core/dynamics/patch_map_result.h"
#include "core/figure/figure.h"

namespace rheo {

/// What a patch map is drawn from, beside the map itself.
struct PatchMapInput {
    const PatchMap& map;
    const std::vector<ResidualPoint>& points;
    const std::vector<std::string>& cleanPieces;      ///< [clean token]
    const std::vector<std::string>& corruptedPieces;  ///< [corrupted token]
    std::string answer, foil;                         ///< for people; may be empty
    std::vector<std::string> axisNames = {};  ///< of the directions patched along; empty: whole states
};

struct PatchMapOptions {
    Theme theme = lightTheme();
    bool normalized = true;  ///< 0 the corrupted run, 1 the clean one; else the outcome itself
};

/// A patch map: the tokens of the corrupted prompt from above by depth, each with the clean token whose state
/// is put there where that is another ("Italy < France"). The colours are diverging: about 0 where
/// normalised, else about the outcome of the corrupted run, which is taken away. Throws Error(Mismatch) where
/// the parts do not fit.
Figure patchMapFigure(const PatchMapInput& input, const PatchMapOptions& options);

/// "Logit of ' Paris' - logit of ' Rome'".
std::string outcomeTitle(PatchOutcome outcome, const std::string& answer, const std::string& foil);

}  // namespace rheo
