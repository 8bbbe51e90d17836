#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace rheo {

/// What the name of a model in Ollama's store begins with, where it is given as a model:
/// "ollama:llama3.2:1b".
inline constexpr std::string_view ollamaPrefix = "ollama:";

/// Where Ollama keeps its models: $OLLAMA_MODELS, else ~/.ollama/models, else
/// /usr/share/ollama/.ollama/models (its service on Linux) where that is there. It need not be there.
std::filesystem::path ollamaFolder();

/// The GGUF file of a model as `ollama list` names it: NAME, NAME:TAG (else "latest"), USER/NAME, and
/// HOST/USER/NAME for other registries ("hf.co/USER/NAME:TAG"). Throws Error(NotFound) for a model that is
/// not there, with the command that fetches it and the names there are; Error(Unsupported) for one with an
/// adapter; Error(Format) for a damaged manifest.
std::filesystem::path locateOllamaModel(const std::string& name);

/// The names of the models of the store, as locateOllamaModel takes them, sorted. Never throws.
std::vector<std::string> ollamaModels();

/// The name of the model that a file of the store is ("llama3.2:1b"); empty for any other file. Never throws.
std::string ollamaNameOf(const std::filesystem::path& file);

/// What to give as a model to open `located` again: "ollama:llama3.2:1b" for a file of the store, whose own
/// name is a digest; else its path. Never throws.
std::string modelArgument(const std::filesystem::path& located);

}  // namespace rheo
