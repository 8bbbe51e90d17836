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
    std::int64_t blankLines = 0;          ///< skipped
    std::vector<std::string> notes = {};  ///< how the file was read, where that is worth saying
};

/// Reads prompts from a file, or from standard input where `file` is "-". Three forms, told apart by
/// contents:
/// - one prompt a line, taken as it is, spaces included;
/// - JSON Lines: an object a line with `text` or `ids` (token ids, nothing is added), and `group` if prompts
///   depend on each other; other keys with a text, a number or a truth value of at most 200 characters are
///   kept as columns, at most 32 a prompt. A file is JSON Lines if its name ends in .jsonl or .ndjson or any
///   line is an object;
/// - one JSON array of texts or of such objects.
/// Blank lines are skipped and counted. Encodings: decodePromptText; ends of lines: promptLines. `text`
/// beside `ids` is accepted where the tokenizer makes the one of the other. `tokenizer` may be null if all
/// prompts are ids. Throws Error(NotFound, Format, Io) naming file and line, with what to do;
/// Error(InvalidArgument) for a file without a prompt, a prompt with more tokens than the model has positions
/// (unless `maxTokens` cuts it) or an id outside its vocabulary. At most 4 GiB are read and held; the cost is
/// that of tokenizing.
PromptList readPrompts(const std::filesystem::path& file, const Tokenizer* tokenizer,
                       const ModelConfig& config, const PromptOptions& options, Progress& progress);

/// One prompt as a sample, checked as readPrompts does; `where` begins the messages ("prompts.txt, line 3").
Sample makeSample(const std::string& text, const Tokenizer& tokenizer, const ModelConfig& config,
                  std::optional<std::int64_t> maxTokens, const std::string& where);

/// What to say of a prompt that is longer than the sequences the model was trained on; empty if it is not,
/// or if that length is not known.
std::string lengthNote(const ModelConfig& config, std::int64_t tokens);

}  // namespace rheo
