#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/checkpoint/model_config.h"
#include "core/checkpoint/safetensors.h"

namespace rheo {

/// The product of two matrices that an adapter adds to a parameter: scaling * b a.
struct AdapterDelta {
    const StoredTensor* a = nullptr;  ///< [r, in]
    const StoredTensor* b = nullptr;  ///< [out, r]
    double scaling = 1;               ///< alpha / r, or alpha / sqrt(r) with rslora
    bool transposed = false;          ///< the parameter is stored as [in, out]
    bool embedding = false;           ///< PEFT rounds this product to the parameter's type before it adds it
};

/// What an adapter makes of one parameter: the replacement, where there is one, in the parameter's type; then
/// the products, one after the other.
struct AdapterChange {
    const StoredTensor* replacement = nullptr;
    std::vector<AdapterDelta> deltas;
};

/// An adapter that fits a model. Immutable.
struct Adapter {
    std::filesystem::path folder;
    std::string name;  ///< ORG/NAME for a folder of the Hugging Face cache, else the folder's own name
    std::string base;  ///< base_model_name_or_path; empty: the config does not say
    std::vector<std::int64_t> ranks;    ///< those that occur, ascending
    std::vector<double> alphas;         ///< likewise
    bool rslora = false;                ///< products are scaled by alpha / sqrt(r), not alpha / r
    std::vector<std::string> targets;   ///< last parts of the names of adapted modules, sorted: "q_proj"
    std::vector<std::string> replaced;  ///< parameters that are stored in full, by the model's names, sorted
    std::int64_t matrices = 0;          ///< adapted modules
    std::int64_t parameters = 0;        ///< number of values in the file that are used
    std::map<std::string, AdapterChange, std::less<>> changes;  ///< by the name that TensorNames gives
    /// Embedding and unembedding share a stored tensor and are different parameters with this adapter.
    bool unties = false;
    std::vector<std::string> notes;  ///< sentences
    std::string configSha256;        ///< of adapter_config.json
    std::shared_ptr<const SafetensorsFile> file;

    /// "LoRA of rank 8 in 28 matrices (k_proj, q_proj)".
    std::string summary() const;
};

/// Reads a folder that PEFT wrote (adapter_config.json, adapter_model.safetensors), or one of that name in
/// the Hugging Face cache, for a model of `config`. Understood as PEFT 0.21 does it: ranks and alphas by
/// pattern, rslora, modules_to_save, stored biases, and matrices of fan-in by fan-out, which the model's
/// layout tells. With a tied unembedding a change of the embedding is one of the unembedding too, and the
/// other way, as in PEFT's merge, unless the module is among modules_to_save, which has a copy of its own.
///
/// Throws Error(NotFound) where there is no such folder or file; Error(Format) for damaged files or a config
/// of the wrong kind; Error(Unsupported) naming the key for what is no plain LoRA (DoRA, other types, base
/// weights that PEFT changes when it loads) and for unknown keys that are not off; Error(Mismatch) naming a
/// tensor that fits no parameter, has another shape or rank than config and model say, lacks its other half,
/// or is of a module that the config does not target.
std::shared_ptr<const Adapter> openAdapter(const std::string& folder, const ModelConfig& config);

/// SHA-256 of the digests of adapter_config.json and adapter_model.safetensors, as text one behind the other.
/// Reads the whole file. Throws Error(Io).
std::string digestOf(const Adapter& adapter);

/// Whether a folder, or one of that name in the cache, holds an adapter_config.json. Never throws.
bool isAdapterFolder(const std::string& folder);

/// base_model_name_or_path of such a folder; empty where its config cannot be read or does not say.
std::string baseOfAdapter(const std::filesystem::path& folder);

}  // namespace rheo
