#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/tokenizer/tokenizer_file.h"

namespace rheo {

/// The file of a model's folder that holds its tokenizer: tokenizer.json; else vocab.json where merges.txt
/// lies beside it; else tokenizer.model. A GGUF file is its own. Empty where there is none of them.
std::optional<std::filesystem::path> findTokenizerFile(const std::filesystem::path& folder);

/// What findTokenizerFile looks for, for messages.
inline constexpr const char* kTokenizerFiles =
    "tokenizer.json, vocab.json with merges.txt, or tokenizer.model";

/// The tokenizer of a folder as one description, whatever files it comes from.
struct TokenizerFolder {  // NOLINT(bugprone-exception-escape): json's move may only assert
    std::string name;     ///< of the file, for messages
    TokenizerFile file;
    bool specialAsText = false;  ///< special tokens spelt out in a text are text
    std::string bos;             ///< content of the beginning-of-text token; empty: not named
    std::vector<std::string> notes;
};

/// Reads what findTokenizerFile finds, with the settings beside it, as AutoTokenizer of transformers 5.24
/// does; of a GGUF file as readGgufTokenizer. Throws Error(NotFound) when there is no tokenizer,
/// Error(Format) and Error(Unsupported) as the readers of each file.
TokenizerFolder readTokenizerFolder(const std::filesystem::path& folder);

}  // namespace rheo
