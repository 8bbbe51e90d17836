#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace rheo {

/// Where the Hugging Face libraries keep what they fetched: $HF_HUB_CACHE, else $HF_HOME/hub, else
/// huggingface/hub in $XDG_CACHE_HOME or ~/.cache. It need not be there.
std::filesystem::path modelCacheFolder();

/// The folder or GGUF file of a model as a person names it: a folder that holds config.json, a folder
/// models--ORG--NAME of the cache (its main revision is taken), ORG/NAME or ORG/NAME@REVISION, looked up in
/// the cache (a revision by its name there, its commit, or 7 and more of that one's characters), a GGUF file
/// (of a set any part), or ollama:NAME, looked up in Ollama's store. A folder of that name goes first. Of a
/// folder without safetensors files that holds one GGUF file, or one set, that file is the model. Nothing is
/// downloaded.
/// Throws Error(NotFound) for a model that is not there, with the command that would fetch it; else as
/// locateOllamaModel.
std::filesystem::path locateModel(const std::string& name);

/// The command that fetches the model of a folder of the cache (models--ORG--NAME, or a snapshot in it)
/// again: "hf download ORG/NAME", with its revision where that is not the main one. Empty for a folder
/// elsewhere, of which nobody can say where it came from.
std::string fetchCommand(const std::filesystem::path& folder);

/// What a person calls the model in a folder: ORG/NAME for a folder of the cache, ORG/NAME@REVISION for a
/// revision other than the main one, else the folder's own name; a file's own name; for a file of Ollama's
/// store the name it has there.
std::string modelTitle(const std::filesystem::path& folder);

/// The folders models--ORG--NAME of the local cache, in order of their names, finished or not. Empty where
/// there is no cache. Never throws.
std::vector<std::filesystem::path> cacheFolders();

/// The revisions of such a folder that have a name and are not the main one, as locateModel takes them:
/// ORG/NAME@REVISION, in alphabetical order. Never throws.
std::vector<std::string> otherRevisions(const std::filesystem::path& folder);

}  // namespace rheo
