#include "core/tokenizer/added_tokens.h"

#include <fmt/format.h>
#include <algorithm>
#include <unordered_map>

#include "core/tokenizer/unicode.h"

namespace rheo {

namespace {

AddedToken readToken(const nlohmann::json& value, const Place& place) {
    Component component(value, place);
    AddedToken token;
    token.id = component.has("id") ? tokenIdOf(component.value("id"), place.at("id")) : -1;
    token.content = component.text("content");
    token.singleWord = component.flag("single_word", false);
    token.lstrip = component.flag("lstrip", false);
    token.rstrip = component.flag("rstrip", false);
    token.special = component.flag("special", false);
    token.normalized = component.flag("normalized", !token.special);
    component.done();
    return token;
}

}  // namespace

AddedTokens::AddedTokens(const nlohmann::json& value, const Vocabulary& vocabulary,
                         const Normalizer& normalizer, const Place& place) {
    if (value.is_null()) return;
    if (!value.is_array()) throw place.format("expected a list");
    std::unordered_map<std::string, std::size_t> byContent;  // index into m_tokens
    std::vector<std::string> renumbered;
    std::size_t contentBytes = 0;
    const auto count = static_cast<std::int32_t>(vocabulary.count());
    std::int32_t highest = -1;
    for (std::size_t i = 0; i < value.size(); ++i) {
        AddedToken token = readToken(value[i], place.at(i));
        if (token.content.empty()) continue;
        const auto [known, isNew] = byContent.emplace(token.content, m_tokens.size());
        if (!isNew) {
            AddedToken& earlier = m_tokens[known->second];
            token.id = earlier.id;
            token.special = token.special || earlier.special;
            earlier = std::move(token);
            continue;
        }
        contentBytes += token.content.size();
        if (contentBytes > kMaxContentBytes)
            throw place.format(fmt::format("more than {} MiB of added tokens", kMaxContentBytes >> 20));
        const std::int32_t stored = token.id;
        token.id = vocabulary.id(token.content).value_or(highest >= count ? highest + 1 : count);
        if (token.id >= kMaxTokenIds) throw place.at(i).format(fmt::format("more than {} ids", kMaxTokenIds));
        if (stored >= 0 && stored != token.id)
            renumbered.push_back(fmt::format("{} is {}, not {}", inQuotes(token.content), token.id, stored));
        highest = std::max(highest, token.id);
        m_tokens.push_back(std::move(token));
    }
    noteRenumbered(renumbered);
    index(normalizer, contentBytes, place);
}

void AddedTokens::noteRenumbered(const std::vector<std::string>& renumbered) {
    if (renumbered.empty()) return;
    constexpr std::size_t kShown = 3;
    const std::vector<std::string> shown(
        renumbered.begin(),
        renumbered.begin() + static_cast<std::ptrdiff_t>(std::min(kShown, renumbered.size())));
    m_notes.push_back(
        fmt::format("{} added token{} another id than the tokenizer file says, as in transformers: {}{}",
                    renumbered.size(), renumbered.size() == 1 ? " has" : "s have", fmt::join(shown, "; "),
                    renumbered.size() > kShown ? "; ..." : ""));
}

void AddedTokens::index(const Normalizer& normalizer, std::size_t contentBytes, const Place& place) {
    // Contents may become equal by normalization; then a special token comes before another, else the
    // earlier in the file (the reference implementation leaves it to chance).
    MatchScratch scratch(contentBytes);
    for (const bool special : {true, false}) {
        for (AddedToken& token : m_tokens) {
            if (token.special != special) continue;
            WorkingText content{token.content, true};
            if (token.normalized) normalizer(content, scratch);
            if (content.text.empty())
                throw place.format(fmt::format("nothing is left of the token {} when it is normalized",
                                               inQuotes(token.content)));
            contentBytes += content.text.size();
            if (contentBytes > 4 * kMaxContentBytes)
                throw place.format("the added tokens become too long when they are normalized");
            token.spelling = std::move(content.text);
            (token.normalized ? m_normalized : m_raw).add(token.spelling, token.id);
        }
    }
    std::stable_sort(m_tokens.begin(), m_tokens.end(),
                     [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
}

const AddedToken* AddedTokens::find(std::int32_t id) const {
    const auto found =
        std::lower_bound(m_tokens.begin(), m_tokens.end(), id,
                         [](const AddedToken& token, std::int32_t wanted) { return token.id < wanted; });
    return found != m_tokens.end() && found->id == id ? &*found : nullptr;
}

namespace {

struct ByteRange {
    std::size_t begin, end;
};

bool isInsideWord(std::string_view text, const ByteRange& match) {
    const bool touchesLeft = match.begin > 0 && isWordCharacter(codePointBefore(text, match.begin).value);
    const bool touchesRight = match.end < text.size() && isWordCharacter(codePointAt(text, match.end).value);
    return touchesLeft || touchesRight;
}

/// The match with the white space beside it that the token takes. White space that a token before has taken,
/// up to `covered`, stays its own; and what lies between the end of a match and `covered` is white space, so
/// that no character is looked at twice. May be empty.
ByteRange withWhiteSpace(std::string_view text, const AddedToken& token, ByteRange match,
                         std::size_t covered) {
    if (token.lstrip) {
        match.begin = std::max(match.begin, covered);
        while (match.begin > covered && isWhiteSpace(codePointBefore(text, match.begin).value))
            match.begin -= codePointBefore(text, match.begin).length;
    }
    if (token.rstrip) {
        match.end = std::max(match.end, covered);
        while (match.end < text.size() && isWhiteSpace(codePointAt(text, match.end).value))
            match.end += codePointAt(text, match.end).length;
    }
    return match;
}

}  // namespace

std::vector<TextSegment> AddedTokens::split(std::string_view text, bool normalized, bool literal) const {
    std::vector<TextSegment> segments;
    const ByteTrie& trie = normalized ? m_normalized : m_raw;
    std::size_t covered = 0;
    for (std::size_t offset = 0; offset < text.size() && !trie.empty();) {
        std::size_t length = 0;
        std::int32_t id = -1;
        trie.forEachPrefix(text, offset, [&](std::size_t bytes, std::int32_t found) {
            length = bytes;
            id = found;
        });
        if (id < 0) {
            ++offset;
            continue;
        }
        const ByteRange match{offset, offset + length};
        offset = match.end;
        const AddedToken& token = *find(id);
        if (literal && token.special) continue;
        if (token.singleWord && isInsideWord(text, match)) continue;
        const ByteRange taken = withWhiteSpace(text, token, match, covered);
        if (taken.begin >= taken.end) continue;
        if (covered < taken.begin) segments.push_back({covered, taken.begin, -1});
        segments.push_back({taken.begin, taken.end, token.id});
        covered = taken.end;
    }
    if (covered < text.size()) segments.push_back({covered, text.size(), -1});
    return segments;
}

}  // namespace rheo
