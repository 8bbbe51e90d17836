#pragma once

#include <filesystem>

#include "core/tokenizer/tokenizer_folder.h"

namespace rheo {

/// The tokenizer that the values `tokenizer.ggml.*` of a GGUF file describe, as one that a tokenizer.json
/// would hold. The file has the vocabulary, merges or scores, and which tokens are special; normalizer,
/// pre-tokenizer and decoder are those of its kind ("gpt2": byte-level BPE; "llama": SentencePiece's BPE,
/// which Gemma and Phi-3 shape in their own ways) and of the name `tokenizer.ggml.pre` of what cuts text into
/// words, as the tokenizer.json of its family has them. Ids are those of transformers 5.24 (`gguf_file`),
/// except where that differs from the family's own tokenizer.json: Llama 3's beginning-of-text token and
/// whole words, Qwen's normalization (NFC). Throws Error(NotFound) for a file without a tokenizer;
/// Error(Unsupported) for a kind or a name that is not known here, by that name; Error(Format) for a damaged
/// one, and as GgufFile::open.
TokenizerFolder readGgufTokenizer(const std::filesystem::path& file);

}  // namespace rheo
