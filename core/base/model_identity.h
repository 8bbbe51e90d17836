#pragma once

#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace rheo {

/// The parts of a list that was stored as one text, without empty ones.
inline std::vector<std::string> splitText(const std::string& text, char between) {
    std::vector<std::string> parts;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, between);)
        if (!part.empty()) parts.push_back(part);
    return parts;
}

/// Which model made a trace: what a trace file stores, and what a model on disk is compared with.
struct ModelIdentity {
    std::string architecture;  ///< model_type of config.json
    std::int64_t layers = 0;
    std::int64_t dModel = 0;
    std::int64_t vocabulary = 0;
    std::string dtype;  ///< compute dtype: "float32", "bfloat16", "float16"
    std::optional<std::uint64_t> untrainedSeed;
    std::string configSha256;
    std::string tokenizerSha256;  ///< empty without a tokenizer.json
    std::string weightsSha256;    ///< as the trace format defines it: sizes, headers, sampled blocks

    std::vector<std::string> notes;         ///< what was left aside when the model was opened: sentences
    std::vector<std::string> acceptedKeys;  ///< unknown keys of config.json that it was opened with

    /// Same weights, config, tokenizer and untrained seed. The dtype may differ.
    bool sameModel(const ModelIdentity& other) const {
        return configSha256 == other.configSha256 && tokenizerSha256 == other.tokenizerSha256 &&
               weightsSha256 == other.weightsSha256 && untrainedSeed == other.untrainedSeed;
    }
};

}  // namespace rheo
