#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/model_identity.h"
#include "core/checkpoint/dtype.h"
#include "core/checkpoint/model_config.h"
#include "core/checkpoint/safetensors.h"

namespace rheo {

/// What a model will need, before any of it is allocated. Bytes.
struct MemoryForecast {
    std::int64_t parameters = 0;     ///< number of them, a tied unembedding once
    std::int64_t loadBytes = 0;      ///< weights in the compute dtype
    std::int64_t peakLoadBytes = 0;  ///< while loading: one tensor more, in its stored and its new dtype
    std::int64_t captureBytes = 0;   ///< weights, and the largest working set of one batch
};

/// The forecast for running `batch` prompts of `tokens` tokens each, keeping the states of every token at
/// every point. Computed from the config alone.
MemoryForecast forecastMemory(const ModelConfig& config, DType dtype, std::int64_t batch,
                              std::int64_t tokens);

/// Memory that can still be used on this machine, bytes: the least of what the kernel calls available
/// and what is left under the limits of the control group. Empty where neither can be read.
std::optional<std::int64_t> availableMemory();

/// A model on disk in the Hugging Face layout: config.json, model.safetensors or shards with
/// model.safetensors.index.json, and perhaps tokenizer.json. Everything is checked when it is opened;
/// weights are mapped, and read when used. Immutable.
class Checkpoint {
public:
    /// `folder`: a model's folder, or what else locateModel understands (ORG/NAME in the local cache).
    /// Throws Error(NotFound) if there is no such model or it has no config.json; Error(Unsupported) as
    /// parseModelConfig; Error(Format) for a damaged file; Error(Mismatch) naming the tensors that are
    /// missing, surplus or of another shape than the config says. A folder without weights opens: see
    /// `weightsMissing`.
    static std::shared_ptr<const Checkpoint> open(const std::filesystem::path& folder);

    const std::filesystem::path& folder() const { return m_folder; }  ///< where it was found
    const ModelConfig& config() const { return m_config; }
    std::optional<std::filesystem::path> tokenizerPath() const;

    /// Empty if the weights are there; else a sentence that says which files were looked for. Such a model
    /// can be run untrained.
    const std::string& weightsMissing() const { return m_weightsMissing; }

    /// Parameters only (buffers of old files are left out), in order of name, as the files spell them.
    const std::vector<const StoredTensor*>& tensors() const { return m_tensors; }
    /// By the name that TensorNames gives, whether the files carry the prefix or not. Null if absent.
    const StoredTensor* find(std::string_view name) const;

    /// What traces of this model carry. `untrainedSeed` as given to the model. The digest of the weights
    /// is SHA-256 over, for each file in name order: its size (8 bytes, little endian), its header (the
    /// JSON, without its length), and its data, or of 4 MiB of data and more only 64 blocks of 64 KiB,
    /// block i beginning at floor(i * (data - 64 KiB) / 63). Read once.
    ModelIdentity identity(DType dtype, std::optional<std::uint64_t> untrainedSeed) const;

    /// forecastMemory of this config.
    MemoryForecast forecast(DType dtype, std::int64_t batch, std::int64_t tokens) const {
        return forecastMemory(m_config, dtype, batch, tokens);
    }

private:
    Checkpoint() = default;
    void readTrainedLength();
    void openWeights();
    void checkTensors();
    std::string fileName(std::string_view name) const;

    std::filesystem::path m_folder;
    ModelConfig m_config;
    std::string m_configSha256;
    std::string m_weightsMissing;
    std::string m_prefix;                                         ///< what the files really put before names
    std::vector<std::shared_ptr<const SafetensorsFile>> m_files;  ///< in order of file name
    std::vector<const StoredTensor*> m_tensors;
    mutable std::once_flag m_hashed;
    mutable std::string m_weightsSha256;
    mutable std::string m_tokenizerSha256;
};

}  // namespace rheo
