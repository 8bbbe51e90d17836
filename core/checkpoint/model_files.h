#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/checkpoint/safetensors.h"

namespace rheo {

/// The GGUF file that is the model of a folder without safetensors files: the only one there, or the first
/// part that is there of the only set; those that read images ("mmproj") are passed over. Empty where there
/// is none, or several. Reads nothing but names.
std::optional<std::filesystem::path> ggufFileIn(const std::filesystem::path& folder);

/// What a file is that was given in place of a model's folder, and what to do: a sentence. For pickled
/// weights, a single safetensors file, a config or a tokenizer; of others it says that a folder is needed.
/// Reads nothing but names.
std::string describeModelFile(const std::filesystem::path& file);

/// What a folder without config.json holds of another kind (an adapter, several GGUF files, Mistral's or
/// Meta's own layout, pickled weights, a tokenizer), and what to do: a sentence. Empty: nothing of the kind.
std::string describeForeignModel(const std::filesystem::path& folder);
/// The same; of any other folder, what it lacks.
std::string describeFolderWithoutConfig(const std::filesystem::path& folder);

/// "; fetch it with `hf download ORG/NAME`" for a folder of the Hugging Face cache, else nothing.
std::string fetchAdvice(const std::filesystem::path& folder);

/// A file of a model's folder, through links wherever they lead: they are the user's own. Throws
/// Error(NotFound) if it, or what it links to, is not there.
std::filesystem::path existingFile(const std::filesystem::path& folder, const std::string& name);

/// The weights in a model's folder.
struct WeightFiles {
    std::vector<std::shared_ptr<const SafetensorsFile>> files;  ///< in order of file name
    std::string missing;  ///< empty if they are there; else a sentence that says what is there instead
    std::vector<std::string> notes;
};

/// Opens model.safetensors; else the shards that model.safetensors.index.json names; else a complete set of
/// numbered shards, or the one safetensors file of the folder. Throws Error as SafetensorsFile::open, and
/// Error(Format or Mismatch) for an index that is damaged, names files outside the folder or tensors that are
/// not in their files.
WeightFiles openWeightFiles(const std::filesystem::path& folder);

}  // namespace rheo
