#pragma once

#include <string>
#include <vector>

#include "core/tokenizer/tokenizer.h"
#include "core/trace/trace.h"

namespace rheo {

/// What a person should know of the tokens of prompts, as sentences: how many begin with two
/// beginning-of-text tokens, and how many hold special tokens beside those that the tokenizer adds, with up
/// to five of them. Linear in the tokens.
std::vector<std::string> promptRemarks(const std::vector<Sample>& samples, const Tokenizer& tokenizer);

}  // namespace rheo
