#pragma once

#include <functional>
#include <string>

#include "core/tokenizer/component.h"
#include "core/tokenizer/regex.h"

namespace rheo {

/// Longest that a text may become while it is normalized and split, in bytes: four times the longest
/// text there can be. A file whose replacements go beyond it is hostile.
inline constexpr std::size_t kMaxWorkingBytes = std::size_t{32} << 20;

/// A stretch of the text on its way to the model.
struct WorkingText {
    std::string text;         ///< valid UTF-8
    bool startsText = false;  ///< whether its first character comes from the first of the whole text
};

/// Changes a stretch of text. Throws Error(Format) beyond kMaxWorkingBytes, and for thousands of combining
/// characters in a row.
using Normalizer = std::function<void(WorkingText&, MatchScratch&)>;

/// From the value of "normalizer"; null gives one that changes nothing.
/// Known: NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Prepend, Replace, ByteLevel, Precompiled,
/// Sequence. Throws Error(Unsupported) for another, by name.
Normalizer makeNormalizer(const nlohmann::json& value, const Place& place, ComponentBudget& budget);

}  // namespace rheo
