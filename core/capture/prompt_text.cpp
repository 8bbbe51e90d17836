#include "core/capture/prompt_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "core/base/error.h"
#include "core/tokenizer/tokenizer.h"

namespace rheo {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view utf8Mark = "\xEF\xBB\xBF"sv;

std::string convertCommand(std::string_view encoding, const std::string& file) {
    return fmt::format("iconv -f {} -t UTF-8 '{}' > utf8.txt", encoding, file);
}

void appendUtf8(std::string& text, std::uint32_t character) {
    const auto put = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
    if (character < 0x80) return put(character);
    if (character < 0x800) {
        put(0xC0 | character >> 6);
    } else {
        if (character < 0x10000) {
            put(0xE0 | character >> 12);
        } else {
            put(0xF0 | character >> 18);
            put(0x80 | (character >> 12 & 0x3F));
        }
        put(0x80 | (character >> 6 & 0x3F));
    }
    put(0x80 | (character & 0x3F));
}

/// The UTF-16 of `bytes` (without its mark) as UTF-8.
std::string fromUtf16(std::string_view bytes, bool bigEndian, const std::string& name) {
    std::string text;
    text.reserve(bytes.size());
    const auto failure = [&](const std::string& why) -> Error {
        return {
            ErrorCode::Format,
            fmt::format("{}, line {}: its UTF-16 {}; the file is damaged or cut off: save it anew as UTF-8",
                        name, 1 + std::count(text.begin(), text.end(), '\n'), why),
            name};
    };
    const auto unit = [&](std::size_t at) {
        const auto first = static_cast<unsigned char>(bytes[at]),
                   second = static_cast<unsigned char>(bytes[at + 1]);
        return static_cast<std::uint32_t>(bigEndian ? first << 8 | second : second << 8 | first);
    };
    if (bytes.size() % 2 != 0) throw failure("has an odd number of bytes");
    for (std::size_t at = 0; at < bytes.size(); at += 2) {
        std::uint32_t character = unit(at);
        if (character >= 0xD800 && character < 0xE000) {
            const std::uint32_t low = at + 2 < bytes.size() ? unit(at + 2) : 0;
            if (character >= 0xDC00 || low < 0xDC00 || low >= 0xE000)
                throw failure("has half of a character");
            character = 0x10000 + ((character - 0xD800) << 10) + (low - 0xDC00);
            at += 2;
        }
        appendUtf8(text, character);
    }
    return text;
}

/// UTF-16 without a byte order mark shows as text in which every other byte is NUL.
std::string_view guessUtf16(std::string_view line) {
    std::size_t even = 0, odd = 0;
    for (std::size_t i = 0; i < line.size(); ++i) (i % 2 == 0 ? even : odd) += line[i] == '\0' ? 1 : 0;
    if (odd > line.size() / 4 && even == 0) return "UTF-16LE";
    if (even > line.size() / 4 && odd == 0) return "UTF-16BE";
    return {};
}

}  // namespace

PromptText decodePromptText(std::string bytes, const std::string& name) {
    const std::string_view start = bytes;
    if (start.starts_with(utf8Mark)) return {bytes.substr(utf8Mark.size())};
    for (const auto& [mark, encoding] :
         {std::pair("\xFF\xFE\0\0"sv, "UTF-32LE"), {"\0\0\xFE\xFF"sv, "UTF-32BE"}})
        if (start.starts_with(mark))
            throw Error(ErrorCode::Format,
                        fmt::format("{}, line 1: the file is {}, and UTF-8 was expected; convert it: {}",
                                    name, encoding, convertCommand(encoding, name)),
                        name);
    for (const auto& [mark, bigEndian] : {std::pair("\xFF\xFE"sv, false), {"\xFE\xFF"sv, true}})
        if (start.starts_with(mark))
            return {fromUtf16(start.substr(mark.size()), bigEndian, name),
                    {fmt::format("{} is UTF-16 ({}-endian, by its byte order mark) and was read as such ({} "
                                 "makes UTF-8 of it)",
                                 name, bigEndian ? "big" : "little", convertCommand("UTF-16", name))}};
    return {std::move(bytes)};
}

std::vector<std::string_view> promptLines(std::string_view text, std::vector<std::string>& notes) {
    const bool carriageReturns =
        text.find('\n') == std::string_view::npos && text.find('\r') != std::string_view::npos;
    const char separator = carriageReturns ? '\r' : '\n';
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const auto end = text.find(separator);
        std::string_view line = text.substr(0, end);
        if (line.ends_with('\r')) line.remove_suffix(1);
        lines.push_back(line);
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    }
    if (carriageReturns && lines.size() > 1)
        notes.push_back("lines end with a carriage return alone (as on old Macs)");
    return lines;
}

void checkPromptLine(std::string_view line, const std::string& where, const std::string& file) {
    const auto failure = [&](const std::string& why) -> Error {
        return {ErrorCode::Format, where + ": " + why, file};
    };
    if (const auto encoding = guessUtf16(line); !encoding.empty() && !line.empty())
        throw failure(
            fmt::format("every other byte is NUL, so the file looks like {} without a byte order mark, "
                        "and UTF-8 was expected; convert it: {}",
                        encoding, convertCommand(encoding, file)));
    if (const auto at = line.find('\0'); at != std::string_view::npos)
        throw failure(
            fmt::format("byte {} is NUL, which no text holds; remove it: tr -d '\\000' < '{}' > "
                        "clean.txt (or, where it separates prompts: tr '\\000' '\\n')",
                        at, file));
    if (const auto at = line.find('\r'); at != std::string_view::npos)
        throw failure(
            fmt::format("byte {} is a carriage return within the line; if it ends a line, convert the "
                        "file: tr '\\r' '\\n' < '{}' > lines.txt; if it belongs to the prompt, write "
                        "the prompts as JSON Lines, with \\r in `text`",
                        at, file));
    if (const auto at = firstInvalidUtf8(line))
        throw failure(
            fmt::format("not UTF-8 at byte {} of the line (0x{:02X}); convert the file from its own "
                        "encoding, for instance: {}",
                        *at, static_cast<unsigned char>(line[*at]), convertCommand("WINDOWS-1252", file)));
    if (line.find(utf8Mark) == 0)
        throw failure(
            fmt::format("it begins with a byte order mark, as where files were joined; remove it: sed "
                        "'s/^\\xEF\\xBB\\xBF//' '{}' > clean.txt",
                        file));
}

}  // namespace rheo
