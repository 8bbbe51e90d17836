#include "core/capture/prompts.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/base/error.h"
#include "core/base/output_file.h"

namespace rheo {

namespace {

constexpr std::uintmax_t largestFile = std::uintmax_t{4} << 30;

bool isBlank(std::string_view line) {
    return line.find_first_not_of(" \t\r\f\v") == std::string_view::npos;
}

/// The lines of a text, without their ends (LF or CRLF).
std::vector<std::string_view> linesOf(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const auto end = text.find('\n');
        std::string_view line = text.substr(0, end);
        if (line.ends_with('\r') && end != std::string_view::npos) line.remove_suffix(1);
        lines.push_back(line);
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    }
    return lines;
}

/// Null for a line that is no object with a text or ids.
nlohmann::json promptObject(std::string_view line) {
    auto object = nlohmann::json::parse(line, nullptr, false);
    if (!object.is_object()) return nullptr;
    const bool text = object.contains("text") && object["text"].is_string();
    const bool ids = object.contains("ids") && object["ids"].is_array();
    return text || ids ? object : nlohmann::json(nullptr);
}

void checkSample(Sample& sample, const ModelConfig& config, std::optional<std::int64_t> maxTokens,
                 const std::string& where) {
    if (maxTokens && static_cast<std::int64_t>(sample.tokenIds.size()) > *maxTokens)
        sample.tokenIds.resize(static_cast<std::size_t>(*maxTokens));
    const auto tokens = static_cast<std::int64_t>(sample.tokenIds.size());
    if (tokens == 0) throw Error(ErrorCode::InvalidArgument, where + ": the prompt has no token");
    if (tokens > config.maxPositions)
        throw Error(
            ErrorCode::InvalidArgument,
            fmt::format(
                "{}: the prompt has {} tokens, and the model {} positions; shorten it, or let it be cut "
                "(--max-tokens {})",
                where, tokens, config.maxPositions, config.maxPositions));
    for (const auto id : sample.tokenIds)
        if (id < 0 || id >= config.vocabulary)
            throw Error(ErrorCode::InvalidArgument,
                        fmt::format("{}: token id {} is outside the model's vocabulary of {}", where, id,
                                    config.vocabulary));
}

/// The `group` of a prompt: a text or a whole number; empty where there is none.
std::string groupOf(const nlohmann::json& object, const std::string& where) {
    if (!object.contains("group") || object["group"].is_null()) return {};
    const nlohmann::json& group = object["group"];
    if (group.is_string()) return group.get<std::string>();
    if (group.is_number_integer()) return group.dump();
    throw Error(ErrorCode::Format, fmt::format("{}: `group` is {}, and a text or a whole number was expected",
                                               where, group.dump()));
}

Sample sampleOfObject(const nlohmann::json& object, const Tokenizer* tokenizer, const std::string& where) {
    Sample sample;
    sample.group = groupOf(object, where);
    if (object.contains("ids")) {
        for (const auto& id : object["ids"]) {
            if (!id.is_number_integer() || id.get<std::int64_t>() < 0 || id.get<std::int64_t>() > INT32_MAX)
                throw Error(ErrorCode::Format,
                            fmt::format("{}: {} in `ids` is not a token id", where, id.dump()));
            sample.tokenIds.push_back(id.get<std::int32_t>());
        }
        if (tokenizer != nullptr) sample.text = tokenizer->decode(sample.tokenIds);
        return sample;
    }
    sample.text = object["text"].get<std::string>();
    if (tokenizer == nullptr)
        throw Error(ErrorCode::NotFound,
                    where + ": the model has no tokenizer.json, so prompts must be given as `ids`");
    sample.tokenIds = tokenizer->encode(sample.text);
    return sample;
}

}  // namespace

Sample makeSample(const std::string& text, const Tokenizer& tokenizer, const ModelConfig& config,
                  std::optional<std::int64_t> maxTokens, const std::string& where) {
    if (const auto bad = firstInvalidUtf8(text))
        throw Error(ErrorCode::Format, fmt::format("{}: not UTF-8 at byte {} of the line", where, *bad));
    Sample sample{text, tokenizer.encode(text)};
    checkSample(sample, config, maxTokens, where);
    return sample;
}

PromptList readPrompts(const std::filesystem::path& file, const Tokenizer* tokenizer,
                       const ModelConfig& config, const PromptOptions& options, Progress& progress) {
    const std::string contents = readFile(file, largestFile);
    const auto lines = linesOf(contents);
    const auto first = std::find_if_not(lines.begin(), lines.end(), isBlank);
    const bool jsonLines =
        file.extension() == ".jsonl" || (first != lines.end() && !promptObject(*first).is_null());
    if (!jsonLines && tokenizer == nullptr)
        throw Error(ErrorCode::NotFound,
                    fmt::format("{}: the model has no tokenizer.json; give prompts as JSON Lines with `ids`",
                                file.string()),
                    file.string());

    PromptList list;
    progress.setStage("reading prompts");
    for (std::size_t i = 0; i < lines.size(); ++i) {
        progress.check();
        if (options.limit && static_cast<std::int64_t>(list.samples.size()) >= *options.limit) break;
        if (isBlank(lines[i])) {
            ++list.blankLines;
            continue;
        }
        const std::string where = fmt::format("{}, line {}", file.string(), i + 1);
        if (!jsonLines) {
            list.samples.push_back(
                makeSample(std::string(lines[i]), *tokenizer, config, options.maxTokens, where));
            continue;
        }
        const auto object = promptObject(lines[i]);
        if (object.is_null())
            throw Error(ErrorCode::Format, where + ": expected a JSON object with a `text` or an `ids` field",
                        file.string());
        Sample sample = sampleOfObject(object, tokenizer, where);
        checkSample(sample, config, options.maxTokens, where);
        list.samples.push_back(std::move(sample));
    }
    if (list.samples.empty())
        throw Error(ErrorCode::InvalidArgument, fmt::format("{} holds no prompt", file.string()),
                    file.string());
    return list;
}

std::string lengthNote(const ModelConfig& config, std::int64_t tokens) {
    if (!config.trainedPositions || tokens <= *config.trainedPositions) return {};
    return fmt::format(
        "{} tokens, and the model was trained on sequences of {}: what comes after is outside what it saw",
        tokens, *config.trainedPositions);
}

}  // namespace rheo
