#pragma once

#include "core/base/array.h"

namespace rheo {

/// The norm that a model puts a state through before it is unembedded: (h - its mean, if `centres`) over
/// the root of its mean square + epsilon, times weight, plus bias.
struct FinalNorm {
    bool centres = false;  ///< LayerNorm; else RMSNorm
    double epsilon = 0;
    VectorF weight;  ///< [unit]
    VectorF bias;    ///< [unit], empty for none
};

}  // namespace rheo
