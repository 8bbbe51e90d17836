#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/checkpoint/checkpoint.h"

namespace rheo {

/// A model of the local Hugging Face cache or of Ollama's store, as a list of them shows it.
struct CachedModel {
    std::string name;              ///< ORG/NAME, ORG/NAME@REVISION, or ollama:NAME:TAG
    std::filesystem::path folder;  ///< as locateModel finds it, or where it does not the folder it is kept in
    std::string architecture;      ///< model_type of its config; empty if that cannot be read
    std::int64_t bytes = 0;        ///< of its safetensors or GGUF files; 0 if there are none
    /// Null if it cannot be opened: `trouble` says why. With unknown keys in its config: as openForReview.
    std::shared_ptr<const Checkpoint> checkpoint;
    std::string trouble;  ///< a sentence; empty for a model that is whole
};

/// What config.json or a GGUF file calls the model that locateModel found, for one that cannot be opened;
/// empty where it does not say. Never throws.
std::string architectureOf(const std::filesystem::path& model);

/// All models of the Hugging Face cache by name, each followed by its other revisions, then those of Ollama's
/// store; those that are broken, unfinished or of an unknown architecture too: each is opened as
/// openForReview does, and what that says is its trouble. No weight is read. Throws Cancelled only; checks
/// between two models. Cost: the config and the headers of each, some milliseconds.
std::vector<CachedModel> cachedModels(Progress& progress);

}  // namespace rheo
