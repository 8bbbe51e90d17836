#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/checkpoint/gguf.h"
#include "core/checkpoint/model_config.h"

namespace rheo {

/// What the values of a GGUF model say, as the config.json of the same model in the Hugging Face layout says
/// it: the text of a JSON object for parseModelConfig. Keys follow llama.cpp's converter
/// (convert_hf_to_gguf.py); what a file leaves to the program that runs it (Gemma's scale of scores, the size
/// of the vocabulary) is as llama.cpp has it. A value of the architecture that is not known here stays under
/// its own key, so that parseModelConfig refuses it by that name.
/// Throws Error(Unsupported) for an architecture that is not read here, Error(Format) for a file that does
/// not describe a model.
std::string ggufConfig(const GgufModel& model);

/// general.architecture of the file; empty where it does not say. Never throws.
std::string ggufArchitecture(const GgufFile& file);

/// The architectures that ggufConfig knows, by their names in GGUF files, in alphabetical order.
std::vector<std::string> knownGgufArchitectures();

/// Makes `config`, as parseModelConfig read it, describe the weights as llama.cpp's converter lays them out:
/// names of tensors; queries and keys of Llama with neighbouring pairs rotated; Gemma's norms with 1 already
/// added; no transposed matrices; queries, keys and values stacked. Adds notes.
void applyGgufLayout(const GgufModel& model, ModelConfig& config);

/// The tensors of all parts that are parameters of the decoder: without those that ggufConfig reads (factors
/// of rope), and those that read images.
std::vector<const StoredTensor*> ggufParameters(const GgufModel& model);

}  // namespace rheo
