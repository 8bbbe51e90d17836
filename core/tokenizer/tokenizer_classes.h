#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/tokenizer/tokenizer_file.h"
#include "core/tokenizer/tokenizer_settings.h"

namespace rheo {

/// A class of tokenizers of transformers 5 that builds its own normalizer, pre-tokenizer and decoder around
/// the vocabulary and merges of a file, whatever else a tokenizer.json says.
struct TokenizerClass {
    std::string_view name;
    /// model (all but vocabulary and merges), normalizer, pre_tokenizer and decoder, as JSON.
    std::string_view components;
    std::vector<std::pair<const char*, const char*>>
        roles;                       ///< tokens it has unless the settings say otherwise
    bool keepsPostProcessor = true;  ///< of the tokenizer.json, where that has one
    bool addsBos = false;            ///< unless the settings say otherwise
    bool readdsSpecial = false;      ///< adds its special tokens once more, with plain settings
};

/// The class that AutoTokenizer of transformers 5.24 takes for a folder with these settings; null for
/// TokenizersBackend, which takes a file as it is. `byteLevel`: the tokenizer.json has a pre-tokenizer or
/// decoder of that type.
const TokenizerClass* tokenizerClassOf(const TokenizerSettings& settings, bool byteLevel);

/// By name; null for a class that is not known here.
const TokenizerClass* findTokenizerClass(std::string_view name);

/// The name of a class of transformers that is not known here and would change what the tokenizer.json says;
/// else empty.
std::string unknownTokenizerClass(const TokenizerSettings& settings);

/// Where the vocabulary comes from.
enum class TokenizerSource { TokenizerJson, VocabularyAndMerges, SentencePiece };

/// Changes `file` into what transformers 5.24 makes of it with these settings and this class (null: none):
/// the class's components, the added tokens, the post-processor. Throws Error(Format) for added tokens that
/// are none.
void applyTokenizerSettings(const TokenizerSettings& settings, const TokenizerClass* type,
                            TokenizerSource source, TokenizerFile& file);

}  // namespace rheo
