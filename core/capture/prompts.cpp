#include "core/capture/prompts.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/base/error.h"
#include "core/base/output_file.h"
#include "core/capture/prompt_text.h"
#include "core/checkpoint/json.h"

namespace rheo {

namespace {

constexpr std::uintmax_t largestFile = std::uintmax_t{4} << 30;

bool isBlank(std::string_view line) {
    return line.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos;
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

constexpr std::size_t mostColumns = 32, longestColumn = 200;

/// What an object says beside the prompt: texts, numbers and truth values, short ones.
std::map<std::string, std::string> columnsOf(const nlohmann::json& object) {
    std::map<std::string, std::string> columns;
    for (const auto& [key, value] : object.items()) {
        if (key == "text" || key == "ids" || key == "group" || columns.size() == mostColumns) continue;
        std::string text;
        if (value.is_string())
            text = value.get<std::string>();
        else if (value.is_number() || value.is_boolean())
            text = value.dump();
        if (!text.empty() && text.size() <= longestColumn && key.size() <= longestColumn) columns[key] = text;
    }
    return columns;
}

std::vector<std::int32_t> idsOf(const nlohmann::json& list, const std::string& where) {
    if (!list.is_array())
        throw Error(ErrorCode::Format, fmt::format("{}: `ids` is {}, and a list of token ids was expected",
                                                   where, list.type_name()));
    std::vector<std::int32_t> ids;
    for (const auto& id : list) {
        if (!id.is_number_integer() || id.get<std::int64_t>() < 0 || id.get<std::int64_t>() > INT32_MAX)
            throw Error(ErrorCode::Format,
                        fmt::format("{}: {} in `ids` is not a token id", where, id.dump(-1, ' ', true)));
        ids.push_back(id.get<std::int32_t>());
    }
    return ids;
}

std::string textOf(const nlohmann::json& text, const std::string& where) {
    if (!text.is_string())
        throw Error(ErrorCode::Format, fmt::format("{}: `text` is of type {}, and a text was expected", where,
                                                   text.type_name()));
    return text.get<std::string>();
}

/// Throws where `text` and `ids` of one prompt are not known to be the same tokens.
void checkTextAgainstIds(const std::string& text, const std::vector<std::int32_t>& ids,
                         const Tokenizer* tokenizer, const std::string& where) {
    if (tokenizer != nullptr && (tokenizer->encode(text) == ids || tokenizer->encode(text, false) == ids))
        return;
    throw Error(
        ErrorCode::Format,
        fmt::format("{}: it has both `text` and `ids`, and {}; remove the one that does not count", where,
                    tokenizer != nullptr ? fmt::format("they differ: the ids are {} tokens, and the text {}",
                                                       ids.size(), tokenizer->encode(text).size())
                                         : "without a tokenizer they cannot be compared"));
}

std::string keysOf(const nlohmann::json& object) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : object.items()) keys.push_back(fmt::format("`{}`", key));
    return keys.empty() ? "it has no keys" : fmt::format("its keys are {}", fmt::join(keys, ", "));
}

/// What all prompts of a file share.
struct Reading {
    const Tokenizer* tokenizer;
    const ModelConfig& config;
    const PromptOptions& options;
    std::string name;  ///< of the file, for messages
};

Sample sampleOfText(const std::string& text, const Reading& how, const std::string& where) {
    if (how.tokenizer == nullptr)
        throw Error(
            ErrorCode::NotFound,
            fmt::format("{}: the model has no tokenizer that is read; give prompts as JSON Lines with `ids`",
                        where),
            how.name);
    return makeSample(text, *how.tokenizer, how.config, how.options.maxTokens, where);
}

Sample sampleOfObject(const nlohmann::json& object, const Reading& how, const std::string& where) {
    const bool hasText = object.contains("text"), hasIds = object.contains("ids");
    if (!hasText && !hasIds)
        throw Error(ErrorCode::Format,
                    fmt::format("{}: an object with `text` or `ids` was expected, and {}; name the one that "
                                "holds the prompt `text`",
                                where, keysOf(object)),
                    how.name);
    const std::string group = groupOf(object, where);
    if (!hasIds) {
        Sample sample = sampleOfText(textOf(object["text"], where), how, where);
        sample.group = group;
        sample.columns = columnsOf(object);
        return sample;
    }
    Sample sample{"", idsOf(object["ids"], where), group, columnsOf(object)};
    if (hasText) checkTextAgainstIds(textOf(object["text"], where), sample.tokenIds, how.tokenizer, where);
    checkSample(sample, how.config, how.options.maxTokens, where);
    if (how.tokenizer != nullptr) sample.text = how.tokenizer->decode(sample.tokenIds);
    return sample;
}

/// All of standard input. A stop can come while it waits.
std::string readStandardInput(Progress& progress) {
    std::string contents;
    std::array<char, 1 << 16> piece{};
    while (true) {
        progress.check();
        pollfd input{STDIN_FILENO, POLLIN, 0};
        if (::poll(&input, 1, 100) == 0) continue;
        const ssize_t got = ::read(STDIN_FILENO, piece.data(), piece.size());
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got < 0)
            throw Error(ErrorCode::Io,
                        fmt::format("reading standard input failed: {}", std::strerror(errno)));
        if (got == 0) return contents;
        contents.append(piece.data(), static_cast<std::size_t>(got));
        if (contents.size() > largestFile)
            throw Error(ErrorCode::Format, fmt::format("standard input has more than {} bytes", largestFile));
    }
}

/// The number of the line that `byte` is in.
std::int64_t lineOfByte(std::string_view text, std::size_t byte) {
    const std::string_view before = text.substr(0, std::min(byte, text.size()));
    return 1 + std::count(before.begin(), before.end(), '\n');
}

bool startsWithBracket(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    return first != std::string_view::npos && text[first] == '[';
}

/// Parses a text as one JSON value; null where it is none and need not be.
nlohmann::json parseDocument(std::string_view text, const std::string& name, bool mustBeJson) {
    std::size_t depth = 0;
    const auto watch = [&](int, nlohmann::json::parse_event_t event, const nlohmann::json&) {
        using enum nlohmann::json::parse_event_t;
        if (event == object_end || event == array_end) --depth;
        if ((event == object_start || event == array_start) && ++depth > 64)
            throw Error(ErrorCode::Format, name + ": brackets are nested deeper than 64", name);
        return true;
    };
    try {
        return nlohmann::json::parse(text.begin(), text.end(), watch);
    } catch (const nlohmann::json::exception& error) {
        if (!mustBeJson) return nullptr;
        // A number that is too large is no parse_error, and does not say where it stands.
        const auto* const misread = dynamic_cast<const nlohmann::json::parse_error*>(&error);
        const std::string line =
            misread != nullptr ? fmt::format(", line {}", lineOfByte(text, misread->byte)) : "";
        throw Error(ErrorCode::Format,
                    fmt::format("{}{}: not valid JSON ({}); prompts that are no JSON go into a .txt file, "
                                "one a line",
                                name, line, error.what()),
                    name);
    }
}

/// A text that is one JSON value as a whole: an array of prompts, or one object. Null where the text is
/// something else: a line each.
nlohmann::json wholeDocument(std::string_view text, const Reading& how, bool mustBeJson) {
    const auto first = text.find_first_not_of(" \t\r\n");
    if (!mustBeJson && (first == std::string_view::npos || (text[first] != '[' && text[first] != '{')))
        return nullptr;
    nlohmann::json document = parseDocument(text, how.name, mustBeJson);
    if (document.is_null() || document.is_object()) return document;
    const auto isPrompt = [](const auto& element) { return element.is_string() || element.is_object(); };
    if (document.is_array() && std::all_of(document.begin(), document.end(), isPrompt)) return document;
    if (!mustBeJson && std::none_of(document.begin(), document.end(), isPrompt)) return nullptr;
    throw Error(ErrorCode::Format,
                fmt::format("{}: it is JSON, and neither an object nor an array of texts or of objects with "
                            "`text` or `ids`",
                            how.name),
                how.name);
}

bool isJsonObject(std::string_view line) {
    const auto first = line.find_first_not_of(" \t");
    return first != std::string_view::npos && line[first] == '{' &&
           nlohmann::json::parse(line, nullptr, false).is_object();
}

Sample sampleOfJson(const nlohmann::json& value, const Reading& how, const std::string& where) {
    return value.is_string() ? sampleOfText(value.get<std::string>(), how, where)
                             : sampleOfObject(value, how, where);
}

Sample sampleOfJsonLine(std::string_view line, const Reading& how, const std::string& where) {
    const auto first = line.find_first_not_of(" \t");
    if (line[first] != '{')
        throw Error(
            ErrorCode::Format,
            fmt::format("{}: not a JSON object, and the file is JSON Lines; write it as {{\"text\": ...}}, "
                        "or move prompts that are no JSON to a .txt file",
                        where),
            how.name);
    if (!nlohmann::json::accept(line))
        throw Error(
            ErrorCode::Format,
            fmt::format("{}: not valid JSON (a quote, bracket or comma may be missing, or the line is cut "
                        "off); correct or remove it",
                        where),
            how.name);
    return sampleOfObject(parseJsonObject(line, where), how, where);
}

bool isFull(const PromptList& list, const PromptOptions& options) {
    return options.limit && static_cast<std::int64_t>(list.samples.size()) >= *options.limit;
}

void readDocument(const nlohmann::json& document, const Reading& how, PromptList& list, Progress& progress) {
    if (document.is_object()) {
        list.samples.push_back(sampleOfObject(document, how, how.name + ", line 1"));
        return;
    }
    for (std::size_t i = 0; i < document.size() && !isFull(list, how.options); ++i) {
        progress.check();
        list.samples.push_back(
            sampleOfJson(document[i], how, fmt::format("{}, element {} of its array", how.name, i + 1)));
    }
    list.notes.push_back(fmt::format("{} is a JSON array of {} prompts", how.name, document.size()));
}

void readLines(const std::vector<std::string_view>& lines, bool jsonLines, const Reading& how,
               PromptList& list, Progress& progress) {
    for (std::size_t i = 0; i < lines.size() && !isFull(list, how.options); ++i) {
        progress.check();
        if (isBlank(lines[i])) {
            ++list.blankLines;
            continue;
        }
        const std::string where = fmt::format("{}, line {}", how.name, i + 1);
        checkPromptLine(lines[i], where, how.name);
        list.samples.push_back(jsonLines ? sampleOfJsonLine(lines[i], how, where)
                                         : sampleOfText(std::string(lines[i]), how, where));
    }
}

}  // namespace

Sample makeSample(const std::string& text, const Tokenizer& tokenizer, const ModelConfig& config,
                  std::optional<std::int64_t> maxTokens, const std::string& where) {
    if (const auto bad = firstInvalidUtf8(text))
        throw Error(ErrorCode::Format, fmt::format("{}: not UTF-8 at byte {} of the line", where, *bad));
    if (text.find('\0') != std::string::npos)
        throw Error(ErrorCode::Format,
                    fmt::format("{}: byte {} of the text is NUL, which a trace cannot hold; remove it", where,
                                text.find('\0')));
    Sample sample{text, tokenizer.encode(text)};
    checkSample(sample, config, maxTokens, where);
    return sample;
}

PromptList readPrompts(const std::filesystem::path& file, const Tokenizer* tokenizer,
                       const ModelConfig& config, const PromptOptions& options, Progress& progress) {
    progress.setStage("reading prompts");
    const bool standardInput = file == "-";
    const Reading how{tokenizer, config, options, standardInput ? "standard input" : file.string()};
    PromptText text =
        decodePromptText(standardInput ? readStandardInput(progress) : readFile(file, largestFile), how.name);
    PromptList list;
    list.notes = std::move(text.notes);
    const std::string extension = file.extension().string();
    const auto lines = promptLines(text.utf8, list.notes);
    const bool anyObject = std::any_of(lines.begin(), lines.end(), isJsonObject);
    const bool mustBeJson = extension == ".json" && (!anyObject || startsWithBracket(text.utf8));
    const nlohmann::json document = wholeDocument(text.utf8, how, mustBeJson);
    if (!document.is_null())
        readDocument(document, how, list, progress);
    else
        readLines(lines, anyObject || extension == ".jsonl" || extension == ".ndjson", how, list, progress);
    if (list.samples.empty())
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("{} holds no prompt{}", how.name, text.utf8.empty() ? ": it is empty" : ""),
                    how.name);
    return list;
}

std::string lengthNote(const ModelConfig& config, std::int64_t tokens) {
    if (!config.trainedPositions || tokens <= *config.trainedPositions) return {};
    return fmt::format(
        "{} tokens, and the model was trained on sequences of {}: what comes after is outside what it saw",
        tokens, *config.trainedPositions);
}

}  // namespace rheo
