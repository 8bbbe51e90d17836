#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/model_identity.h"
#include "core/checkpoint/dtype.h"
#include "core/checkpoint/gguf.h"
#include "core/checkpoint/model_config.h"
#include "core/checkpoint/safetensors.h"

namespace rheo {

struct Adapter;

/// What a model will need, before any of it is allocated. Bytes.
struct MemoryForecast {
    std::int64_t parameters = 0;      ///< number of them, a tied unembedding once
    std::int64_t usedParameters = 0;  ///< of them, by one token: of the experts only those that see it
    std::int64_t loadBytes = 0;       ///< weights in the compute dtype
    std::int64_t peakLoadBytes = 0;   ///< while loading: one tensor more, in its stored and its new dtype
    std::int64_t captureBytes = 0;    ///< weights, and the largest working set of one batch
    /// Weights that are read while the model runs: the two largest blocks, 4 million values of the
    /// unembedding, and what is not read so.
    std::int64_t streamBytes = 0;
    std::int64_t streamCaptureBytes = 0;  ///< these, and the working set
};

/// The forecast for running `batch` prompts of `tokens` tokens each, keeping the states of every token at
/// every point. Computed from the config alone.
MemoryForecast forecastMemory(const ModelConfig& config, DType dtype, std::int64_t batch,
                              std::int64_t tokens);

/// Memory that can still be used on this machine, bytes: the least of what the kernel calls available
/// and what is left under the limits of the control group. Empty where neither can be read.
std::optional<std::int64_t> availableMemory();

/// A model on disk, in the Hugging Face layout (config.json, safetensors files as openWeightFiles finds them,
/// and perhaps tokenizer.json) or as a GGUF file, which holds all of these. Everything is checked when it is
/// opened; weights are mapped, and read when used. Immutable.
class Checkpoint {
public:
    /// `folder`: a model's folder, a GGUF file, or what else locateModel understands (ORG/NAME in the local
    /// cache, ollama:NAME). `accepted`: as parseModelConfig takes it. `adapter`: a PEFT LoRA to merge into
    /// the weights as they are read, as openAdapter takes it; empty: none. Throws Error(NotFound) if there is
    /// no such model or it has no config.json; Error(Unsupported) as parseModelConfig and ggufConfig;
    /// Error(Format) for a damaged file; Error as matchTensors for weights that do not fit the config, and as
    /// openAdapter. A folder without weights opens where there is no adapter: see `weightsMissing`.
    static std::shared_ptr<const Checkpoint> open(const std::filesystem::path& folder,
                                                  const AcceptedKeys& accepted = {},
                                                  const std::filesystem::path& adapter = {});

    /// Where it was found: a folder, or a GGUF file (of a set the one that was given).
    const std::filesystem::path& folder() const { return m_folder; }
    /// Its notes say what was left aside or read in a way to know of, in the files too.
    const ModelConfig& config() const { return m_config; }
    /// The file that holds the vocabulary: tokenizer.json, vocab.json beside merges.txt, tokenizer.model, or
    /// the GGUF file where that has one.
    std::optional<std::filesystem::path> tokenizerPath() const;

    /// Empty if the weights are there; else a sentence that says which files were looked for. Such a model
    /// can be run untrained.
    const std::string& weightsMissing() const { return m_weightsMissing; }

    /// Number of parameters that are stored, a tied unembedding once.
    std::size_t storedParameters() const { return m_parameters.size(); }
    /// The tensor of a parameter, by the name that TensorNames gives, whatever the files put before it. Null
    /// if it is not stored.
    const StoredTensor* find(std::string_view name) const;

    /// What changes these tensors as they are read (mergeAdapter); null: nothing does.
    const Adapter* adapter() const { return m_adapter.get(); }

    /// What traces of this model carry. `untrainedSeed` as given to the model. The digest of the weights
    /// is SHA-256 over, for each file in name order: its size (8 bytes, little endian), its header (the
    /// JSON, without its length; of a GGUF file all before the data), and its data, or of 4 MiB of data and
    /// more only 64 blocks of 64 KiB, block i beginning at floor(i * (data - 64 KiB) / 63). Of a GGUF file
    /// the config's digest is that of ggufConfig, and the tokenizer's that of the values `tokenizer.*`. With
    /// an adapter the digest of the weights is SHA-256 over that digest and the adapter's, as text one
    /// behind the other: never that of the base. Read once.
    ModelIdentity identity(DType dtype, std::optional<std::uint64_t> untrainedSeed) const;

    /// What the blocks take in the files, bytes: what one run of the network reads.
    std::int64_t blockBytes() const;

    /// forecastMemory of this config.
    MemoryForecast forecast(DType dtype, std::int64_t batch, std::int64_t tokens) const {
        return forecastMemory(m_config, dtype, batch, tokens);
    }

    /// Throws Error(Io) if a file of the weights was cut or written since it was opened; another file in its
    /// place changes nothing. To be called after the weights were read.
    void requireUnwritten() const;

private:
    Checkpoint() = default;
    void openFolder(const AcceptedKeys& accepted);
    void openGguf(const AcceptedKeys& accepted);
    void readTrainedLength();
    void openWeights();
    void useTensors(const std::vector<const StoredTensor*>& tensors);
    void useAdapter(const std::filesystem::path& folder);
    std::string tokenizerDigest() const;

    std::filesystem::path m_folder;
    ModelConfig m_config;
    std::string m_configSha256;
    std::string m_weightsMissing;
    std::vector<std::shared_ptr<const SafetensorsFile>> m_files;  ///< in order of file name
    GgufModel m_gguf;                                             ///< else these, in order of part
    std::map<std::string, const StoredTensor*, std::less<>> m_parameters;
    std::deque<StoredTensor> m_scaled;  ///< those of them that have scales
    std::shared_ptr<const Adapter> m_adapter;
    mutable std::once_flag m_hashed;
    mutable std::string m_weightsSha256;
    mutable std::string m_tokenizerSha256;
};

/// A model opened to ask a person about it: one that is refused for unknown keys of its config alone is
/// opened with them, which its config().acceptedKeys names.
struct ReviewedCheckpoint {
    std::shared_ptr<const Checkpoint> checkpoint;
    std::string refusal;  ///< what Checkpoint::open said; empty if it did not refuse
};

/// Throws what Checkpoint::open throws, where it is not for unknown keys. `adapter`: as there.
ReviewedCheckpoint openForReview(const std::filesystem::path& folder,
                                 const std::filesystem::path& adapter = {});

}  // namespace rheo
