#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace rheo {

/// Where the Hugging Face libraries keep what they fetched: $HF_HUB_CACHE, else $HF_HOME/hub, else
/// huggingface/hub in $XDG_CACHE_HOME or ~/.cache. It need not be there.
std::filesystem::path modelCacheFolder();

/// The folder of a model as a person names it: a folder that holds config.json, a folder models--ORG--NAME of
/// the cache (its main revision is taken), or ORG/NAME, looked up in the cache. A folder of that name goes
/// first. Nothing is downloaded.
/// Throws Error(NotFound) for a model that is not there, with the command that would fetch it.
std::filesystem::path locateModel(const std::string& name);

/// The command that fetches the model of a folder of the cache (models--ORG--NAME, or a snapshot in it)
/// again: "hf download ORG/NAME". Empty for a folder elsewhere, of which nobody can say where it came from.
std::string fetchCommand(const std::filesystem::path& folder);

/// A model of the cache, as a list of them shows it.
struct CachedModel {
    std::string name;  ///< ORG/NAME
    std::filesystem::path folder;
    std::string architecture;  ///< model_type of its config; empty if that cannot be read
    bool known = false;        ///< this program computes that architecture
    std::int64_t bytes = 0;    ///< of its safetensors files; 0 if there are none
};

/// The models of the local cache that have a config.json, by name. Never throws: what cannot be read is left
/// out. Cost: one small file a model.
std::vector<CachedModel> cachedModels();

}  // namespace rheo
