#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/checkpoint/model_config.h"
#include "core/tokenizer/tokenizer.h"
#include "core/trace/trace.h"

namespace rheo {

struct PromptOptions {
    std::optional<std::int64_t> limit;      ///< only the first prompts
    std::optional<std::int64_t> maxTokens;  ///< only the first ids of each, BOS counted
};

struct PromptList {
    std::vector<Sample> samples;
    std::int64_t blankLines = 0;  ///< skipped
};

/// Reads prompts: one a line (taken as it is, spaces included; blank lines are skipped and counted), or
/// JSON Lines with a `text` or an `ids` field each (ids are taken as they are, nothing is added). A file is
/// JSON Lines if its name ends in .jsonl or its first line is such an object.
/// `tokenizer` may be null if all prompts are ids.
/// Throws Error(NotFound, Format) naming file and line; Error(InvalidArgument) for a prompt with more
/// tokens than the model has positions (unless `maxTokens` cuts it) or an id outside its vocabulary.
/// At most 4 GiB of file are read.
PromptList readPrompts(const std::filesystem::path& file, const Tokenizer* tokenizer,
                       const ModelConfig& config, const PromptOptions& options, Progress& progress);

/// One prompt as a sample, checked as readPrompts does; `where` begins the messages ("prompts.txt, line 3").
Sample makeSample(const std::string& text, const Tokenizer& tokenizer, const ModelConfig& config,
                  std::optional<std::int64_t> maxTokens, const std::string& where);

/// What to say of a prompt that is longer than the sequences the model was trained on; empty if it is not,
/// or if that length is not known.
std::string lengthNote(const ModelConfig& config, std::int64_t tokens);

}  // namespace rheo
