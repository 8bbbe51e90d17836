#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/output_file.h"
#include "core/base/progress.h"
#include "core/capture/prompts.h"
#include "core/trace/row_selection.h"

namespace rheo {

class Model;
class Tokenizer;

/// A model that runs prompts.
struct PromptModel {
    std::shared_ptr<const Model> model = {};
    std::shared_ptr<const Tokenizer> tokenizer = {};  ///< null without one that is read
    std::vector<std::string> tokenizerNotes = {};     ///< how it was read, or why not
};
/// What gives tokens their texts; empty without a tokenizer.
TokenText tokenTexts(std::shared_ptr<const Tokenizer> tokenizer);

/// Prompts to a trace file. Texts are as a person writes them for `rheo capture`.
struct CaptureRequest {
    std::string modelName;       ///< as it was named: an input that must not be written over
    std::string prompts;         ///< a file; "-": standard input
    PromptOptions prompt = {};   ///< how many, and how long
    std::string rows = "last";   ///< parseRowChoice
    std::string points = "all";  ///< parsePoints
    std::string select = {};     ///< parseSelection
    std::string shard = "0/1";   ///< parseShard
    bool bfloat16 = false;       ///< how states are stored
    int generate = 0;  ///< tokens that each prompt is continued by, greedily; they are rows like others
    int batch = 16;    ///< prompts run at once
    std::int64_t memory = 0;    ///< as CaptureToFileOptions
    std::filesystem::path out;  ///< the trace
    IfExists ifExists = IfExists::Refuse;
    bool resume = false;  ///< go on with a file that an interrupted capture left
};

/// What a capture says while it runs. All must be set.
struct CaptureMessages {
    std::function<void(const std::string&)> say, warn;
    std::function<void(double secondsLeft)> forecast;  ///< called once, after the first batch
};

struct CaptureResult {
    std::int64_t rows = 0;  ///< in the file
    bool stopped = false;   ///< the file holds the rows that were finished; `resume` goes on
};

/// Throws, before a model is opened, for what is wrong with the request itself: as requireOutput, and
/// Error(InvalidArgument) for texts that cannot be read.
void checkCapture(const CaptureRequest& request, const std::function<void(const std::string&)>& warn);

/// Reads the prompts, runs them, and writes the trace. Warns of what is odd in prompts, tokenizer and config.
/// After a stop says how many rows are complete. Throws as readPrompts, planCapture and captureToFile.
CaptureResult runCapture(const CaptureRequest& request, const PromptModel& model,
                         const CaptureMessages& messages, Progress& progress);

}  // namespace rheo
