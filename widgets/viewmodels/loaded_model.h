#pragma once

#include <memory>

#include "core/checkpoint/checkpoint.h"
#include "core/model/model.h"
#include "core/tokenizer/tokenizer.h"

namespace rheo {

/// A model the window works with. Immutable.
struct LoadedModel {
    std::shared_ptr<const Checkpoint> checkpoint;  ///< config().trainedPositions: what it was trained on
    std::shared_ptr<const Model> model;            ///< never null
    std::shared_ptr<const Tokenizer> tokenizer;    ///< null without a tokenizer.json
};

}  // namespace rheo
