#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "core/checkpoint/checkpoint.h"
#include "core/model/model.h"
#include "core/tokenizer/tokenizer.h"

namespace rheo {

/// A model the window works with. Immutable.
struct LoadedModel {
    std::shared_ptr<const Checkpoint> checkpoint;
    std::shared_ptr<const Model> model;          ///< never null
    std::shared_ptr<const Tokenizer> tokenizer;  ///< null without a tokenizer.json
    /// Length of sequence it was trained on, where that is known; tokens.
    std::optional<std::int64_t> trainedPositions;
};

}  // namespace rheo
