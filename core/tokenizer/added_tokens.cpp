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
    token.id = tokenIdOf(component.value("id"), place.at("id"));
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
    std::unordered_map<std::string, std::int32_t> byContent;
    std::size_t contentBytes = 0;
    std::int32_t next = static_cast<std::int32_t>(vocabulary.count());
    std::int32_t highest = -1;
    for (std::size_t i = 0; i < value.size(); ++i) {
        AddedToken token = readToken(value[i], place.at(i));
        if (token.content.empty()) continue;
        const auto [known, isNew] = byContent.emplace(token.content, token.id);
        if (!isNew) {
            if (known->second == token.id) continue;
            throw place.at(i).format(fmt::format("{} stands twice, with ids {} and {}",
                                                 inQuotes(token.content), known->second, token.id));
        }
        contentBytes += token.content.size();
        if (contentBytes > kMaxContentBytes)
            throw place.format(fmt::format("more than {} MiB of added tokens", kMaxContentBytes >> 20));

        auto expected = vocabulary.id(token.content);
        if (!expected) {
            // New tokens are numbered on from the number of pieces, or from the highest added token beyond
            // it.
            expected = highest >= next ? highest + 1 : next;
            if (const std::string* other = vocabulary.piece(*expected))
                throw place.at(i).format(fmt::format("the next free number, {}, is that of the piece {}",
                                                     *expected, inQuotes(*other)));
        }
        if (token.id != *expected)
            throw place.at(i).format(fmt::format(
                "{} has id {}, and by the vocabulary and the tokens before it must have {}; the file "
                "contradicts itself",
                inQuotes(token.content), token.id, *expected));
        highest = std::max(highest, token.id);
        m_tokens.push_back(std::move(token));
    }

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
    std::sort(m_tokens.begin(), m_tokens.end(),
              [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
}

const AddedToken* AddedTokens::find(std::int32_t id) const {
    const auto found =
        std::lower_bound(m_tokens.begin(), m_tokens.end(), id,
                         [](const AddedToken& token, std::int32_t wanted) { return token.id < wanted; });
    return found != m_tokens.end() && found->id == id ? &*found : nullptr;
}

std::vector<TextSegment> AddedTokens::split(std::string_view text, bool normalized) const {
    std::vector<TextSegment> segments;
    const Trie& trie = normalized ? m_normalized : m_raw;
    std::size_t covered = 0;
    for (std::size_t offset = 0; offset < text.size() && !trie.empty();) {
        const Trie::Match match = trie.longest(text, offset);
        if (match.token < 0) {
            ++offset;
            continue;
        }
        std::size_t begin = offset;
        std::size_t end = offset + match.length;
        offset = end;
        const AddedToken& token = *find(match.token);
        if (token.singleWord) {
            const bool touchesLeft = begin > 0 && isWordCharacter(codePointBefore(text, begin).value);
            const bool touchesRight = end < text.size() && isWordCharacter(codePointAt(text, end).value);
            if (touchesLeft || touchesRight) continue;
        }
        // White space that a token before has taken stays its own; and what lies between the end of a match
        // and `covered` is white space, so that no character is looked at twice.
        if (token.lstrip) {
            begin = std::max(begin, covered);
            while (begin > covered && isWhiteSpace(codePointBefore(text, begin).value))
                begin -= codePointBefore(text, begin).length;
        }
        if (token.rstrip) {
            end = std::max(end, covered);
            while (end < text.size() && isWhiteSpace(codePointAt(text, end).value))
                end += codePointAt(text, end).length;
        }
        if (begin >= end) continue;  // of white space, all of which the token before has taken
        if (covered < begin) segments.push_back({covered, begin, -1});
        segments.push_back({begin, end, token.id});
        covered = end;
    }
    if (covered < text.size()) segments.push_back({covered, text.size(), -1});
    return segments;
}

AddedTokens::Trie::Trie() {
    m_roots.fill(-1);
}

void AddedTokens::Trie::add(std::string_view content, std::int32_t token) {
    std::int32_t parent = -1;
    for (const char byte : content) {
        const std::int32_t first = parent < 0 ? m_roots[static_cast<std::uint8_t>(byte)]
                                              : m_nodes[static_cast<std::size_t>(parent)].child;
        std::int32_t node = first;
        while (node >= 0 && m_nodes[static_cast<std::size_t>(node)].byte != byte)
            node = m_nodes[static_cast<std::size_t>(node)].sibling;
        if (node < 0) {
            node = static_cast<std::int32_t>(m_nodes.size());
            Node made;
            made.byte = byte;
            if (parent >= 0) made.sibling = first;
            m_nodes.push_back(made);
            (parent < 0 ? m_roots[static_cast<std::uint8_t>(byte)]
                        : m_nodes[static_cast<std::size_t>(parent)].child) = node;
        }
        parent = node;
    }
    std::int32_t& end = m_nodes[static_cast<std::size_t>(parent)].token;
    if (end < 0) end = token;
}

AddedTokens::Trie::Match AddedTokens::Trie::longest(std::string_view text, std::size_t offset) const {
    Match match;
    std::int32_t node = m_roots[static_cast<std::uint8_t>(text[offset])];
    for (std::size_t at = offset; node >= 0;) {
        const Node& here = m_nodes[static_cast<std::size_t>(node)];
        ++at;
        if (here.token >= 0) match = {at - offset, here.token};
        if (at == text.size()) break;
        node = here.child;
        while (node >= 0 && m_nodes[static_cast<std::size_t>(node)].byte != text[at])
            node = m_nodes[static_cast<std::size_t>(node)].sibling;
    }
    return match;
}

}  // namespace rheo
