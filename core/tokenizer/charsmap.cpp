#include "core/tokenizer/charsmap.h"

#include <unicode/brkiter.h>
#include <unicode/utext.h>

#include <fmt/format.h>

#include "core/tokenizer/tokenizer.h"
#include "core/tokenizer/unicode.h"

namespace rheo {

namespace {

// A unit of darts-clone's double array: what it holds beside an offset to its children.
bool hasLeaf(std::uint32_t unit) {
    return ((unit >> 8) & 1) == 1;
}
std::uint32_t value(std::uint32_t unit) {
    return unit & 0x7FFFFFFFu;
}
std::uint32_t label(std::uint32_t unit) {
    return unit & (0x80000000u | 0xFFu);
}
std::uint32_t offset(std::uint32_t unit) {
    return (unit >> 10) << ((unit & 0x200u) >> 6);
}

std::uint32_t littleEndian(std::string_view bytes) {
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < 4; ++i)
        number |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(bytes[i])) << (8 * i);
    return number;
}

std::unique_ptr<icu::BreakIterator> clusters(UText& text) {
    UErrorCode status = U_ZERO_ERROR;
    std::unique_ptr<icu::BreakIterator> found(
        icu::BreakIterator::createCharacterInstance(icu::Locale::getRoot(), status));
    if (U_SUCCESS(status)) found->setText(&text, status);
    if (U_FAILURE(status))
        throw Error(ErrorCode::Internal, fmt::format("ICU cannot find characters: {}", u_errorName(status)));
    return found;
}

}  // namespace

Charsmap::Charsmap(std::string_view bytes, const Place& place) : m_place(place) {
    if (bytes.size() < 4) throw place.format("the table of characters is cut short");
    const std::size_t trieBytes = littleEndian(bytes);
    bytes.remove_prefix(4);
    if (trieBytes > bytes.size() || trieBytes % 4 != 0 || trieBytes == 0)
        throw place.format(
            fmt::format("the table of characters says that its trie has {} bytes, of the {} there are",
                        trieBytes, bytes.size()));
    m_trie.reserve(trieBytes / 4);
    for (std::size_t at = 0; at < trieBytes; at += 4) m_trie.push_back(littleEndian(bytes.substr(at)));
    m_replacements = std::string(bytes.substr(trieBytes));
    if (firstInvalidUtf8(m_replacements))
        throw place.format("the replacements of the table of characters are not UTF-8");
    if (!m_replacements.empty() && m_replacements.back() != '\0')
        throw place.format("the last replacement of the table of characters has no end");
}

std::optional<std::string_view> Charsmap::replacement(std::string_view part) const {
    const auto damaged = [this] { return m_place.format("the table of characters leads outside of itself"); };
    std::size_t node = offset(m_trie[0]);
    for (const char c : part) {
        const auto byte = static_cast<std::uint8_t>(c);
        if (byte == 0) break;
        node ^= byte;
        if (node >= m_trie.size()) throw damaged();
        const std::uint32_t unit = m_trie[node];
        if (label(unit) != byte) return std::nullopt;
        node ^= offset(unit);
        if (node >= m_trie.size()) throw damaged();
        if (!hasLeaf(unit)) continue;
        const std::size_t begin = value(m_trie[node]);
        const std::size_t end = begin < m_replacements.size() ? m_replacements.find('\0', begin) : begin;
        const bool starts = begin < m_replacements.size() &&
                            (static_cast<std::uint8_t>(m_replacements[begin]) & 0xC0) != 0x80;
        if (!starts) throw damaged();
        return std::string_view(m_replacements).substr(begin, end - begin);
    }
    return std::nullopt;
}

std::string Charsmap::normalize(std::string_view text, std::size_t maxBytes) const {
    std::string result;
    result.reserve(text.size());
    const auto append = [&](std::string_view part) {
        if (result.size() + part.size() > maxBytes)
            throw m_place.format(fmt::format(
                "makes the text longer than {} MiB; the file is damaged or hostile", maxBytes >> 20));
        result += part;
    };
    UErrorCode status = U_ZERO_ERROR;
    UText opened = UTEXT_INITIALIZER;
    utext_openUTF8(&opened, text.data(), static_cast<std::int64_t>(text.size()), &status);
    if (U_FAILURE(status))
        throw Error(ErrorCode::Internal, fmt::format("ICU cannot read: {}", u_errorName(status)));
    const std::unique_ptr<UText, decltype(&utext_close)> closes(&opened, utext_close);
    const auto iterator = clusters(opened);

    std::size_t begin = 0;
    for (std::int32_t next = iterator->next(); next != icu::BreakIterator::DONE; next = iterator->next()) {
        const std::string_view cluster = text.substr(begin, static_cast<std::size_t>(next) - begin);
        begin = static_cast<std::size_t>(next);
        constexpr std::size_t kLongestCluster = 5;
        if (cluster.size() <= kLongestCluster) {
            if (const auto whole = replacement(cluster)) {
                append(*whole);
                continue;
            }
        }
        for (std::size_t at = 0; at < cluster.size();) {
            const std::string_view character = cluster.substr(at, codePointAt(cluster, at).length);
            append(replacement(character).value_or(character));
            at += character.size();
        }
    }
    return result;
}

std::optional<std::string> decodeBase64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::size_t padding = 0;
    while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3);
    std::uint32_t bits = 0;
    int held = 0;
    for (const char c : text.substr(0, text.size() - padding)) {
        static constexpr std::string_view kAlphabet =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const auto digit = kAlphabet.find(c);
        if (digit == std::string_view::npos) return std::nullopt;
        bits = (bits << 6 | static_cast<std::uint32_t>(digit)) & 0xFFFFFFu;
        held += 6;
        if (held < 8) continue;
        held -= 8;
        bytes.push_back(static_cast<char>(bits >> held & 0xFFu));
    }
    return bytes;
}

}  // namespace rheo
