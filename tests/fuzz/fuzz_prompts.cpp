// A file of prompts, as text and as JSON Lines, with a tokenizer and without. Whatever it says: an Error that
// names the file, or prompts of ids that the model has.
#include <cstddef>
#include <cstdint>

#include "core/base/error.h"
#include "core/capture/prompts.h"
#include "tests/fuzz/scratch.h"
#include "tests/fuzz/tokenizer_check.h"

using namespace rheo;
namespace fs = std::filesystem;

namespace {

struct Model {
    std::shared_ptr<const Tokenizer> tokenizer = Tokenizer::load(RHEO_RESOURCES "/demo-model/tokenizer.json");
    ModelConfig config;
    Model() {
        config.vocabulary = tokenizer->size();
        config.maxPositions = 64;
    }
};

void read(const fs::path& file, const Tokenizer* tokenizer, const ModelConfig& config,
          std::optional<std::int64_t> maxTokens) {
    PromptOptions options;
    options.maxTokens = maxTokens;
    Progress progress;
    try {
        const PromptList list = readPrompts(file, tokenizer, config, options, progress);
        expect(!list.samples.empty() && list.blankLines >= 0, "no prompts, and no error");
        for (const Sample& sample : list.samples) {
            expect(!sample.tokenIds.empty(), "a prompt without a token");
            expect(std::ssize(sample.tokenIds) <= config.maxPositions, "a prompt that is too long");
            for (const auto id : sample.tokenIds)
                expect(id >= 0 && id < config.vocabulary, "an id that is no token");
            expect(!firstInvalidUtf8(sample.text) && !firstInvalidUtf8(sample.group), "text is not UTF-8");
            expect(sample.columns.size() <= 32, "too many columns");
            for (const auto& [name, value] : sample.columns)
                expect(!firstInvalidUtf8(name) && !firstInvalidUtf8(value), "a column is not UTF-8");
        }
        for (const std::string& note : list.notes) expect(!firstInvalidUtf8(note), "a note is not UTF-8");
    } catch (const Error& error) {
        expect(std::string_view(error.what()).find(file.string()) != std::string_view::npos,
               "a message without the file");
        checkMessage(error);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Model model;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    for (const char* name : {"prompts.txt", "prompts.jsonl"}) {
        const fs::path file = put(scratch() / name, bytes);
        read(file, model.tokenizer.get(), model.config, {});
        read(file, model.tokenizer.get(), model.config, 3);
        read(file, nullptr, model.config, {});
    }
    return 0;
}
