#include "core/capture/prompt_remarks.h"

#include <fmt/format.h>

#include <algorithm>

namespace rheo {

namespace {

/// "the prompt begins" or "3 of 600 prompts begin".
std::string subject(std::int64_t some, std::size_t all, const char* verb, const char* ending) {
    if (all == 1) return fmt::format("the prompt {}{}", verb, ending);
    return fmt::format("{} of {} prompts {}", some, all, verb);
}

}  // namespace

std::vector<std::string> promptRemarks(const std::vector<Sample>& samples, const Tokenizer& tokenizer) {
    std::int64_t twice = 0;
    std::int64_t holding = 0;
    std::string bos;
    std::vector<std::string> special;
    for (const Sample& sample : samples) {
        const EncodingRemarks remarks = tokenizer.remarks(sample.tokenIds);
        if (!remarks.twiceBos.empty()) {
            ++twice;
            bos = remarks.twiceBos;
        }
        holding += remarks.parsed.empty() ? 0 : 1;
        constexpr std::size_t kShown = 5;
        for (const std::string& token : remarks.parsed)
            if (special.size() < kShown && std::find(special.begin(), special.end(), token) == special.end())
                special.push_back(token);
    }
    std::vector<std::string> sentences;
    if (twice > 0)
        sentences.push_back(
            fmt::format("{} with two beginning-of-text tokens ({}); the tokenizer adds one: leave it out of "
                        "the text, or take "
                        "the text literally with --literal",
                        subject(twice, samples.size(), "begin", "s"), bos));
    if (holding > 0)
        sentences.push_back(fmt::format(
            "{} special tokens, read as tokens: {}; --literal reads them as text",
            subject(holding, samples.size(), "spell", "s out") + (samples.size() == 1 ? "" : " out"),
            fmt::join(special, ", ")));
    return sentences;
}

}  // namespace rheo
