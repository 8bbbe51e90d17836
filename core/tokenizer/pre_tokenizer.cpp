#include "core/tokenizer/pre_tokenizer.h"

#include <fmt/format.h>
#include <algorithm>
#include <utility>

#include "core/tokenizer/byte_letters.h"
#include "core/tokenizer/unicode.h"

namespace rheo {

namespace {

constexpr std::string_view kKnown =
    "ByteLevel, Split, Digits, Metaspace, Punctuation, Whitespace, WhitespaceSplit, CharDelimiterSplit, "
    "Sequence";

/// GPT-2's own words: contractions, and runs of letters, numbers or other signs with one space before.
constexpr std::string_view kByteLevelWords =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// What becomes of the matches of a split.
enum class Behavior { Removed, Isolated, Contiguous, MergedWithPrevious, MergedWithNext };

Behavior behaviorOf(const std::string& name, const Place& place) {
    for (const auto& [known, behavior] : {std::pair<const char*, Behavior>{"Removed", Behavior::Removed},
                                          {"Isolated", Behavior::Isolated},
                                          {"Contiguous", Behavior::Contiguous},
                                          {"MergedWithPrevious", Behavior::MergedWithPrevious},
                                          {"MergedWithNext", Behavior::MergedWithNext}})
        if (name == known) return behavior;
    throw place.at("behavior").unsupported(inQuotes(name) + " is not supported");
}

/// Applies a behaviour to spans that cover a word; what stays marked as a match is to be removed.
void arrange(std::vector<Span>& spans, Behavior behavior) {
    if (behavior == Behavior::Removed) return;
    if (behavior == Behavior::Isolated) {
        for (Span& span : spans) span.isMatch = false;
        return;
    }
    if (behavior == Behavior::MergedWithNext) std::reverse(spans.begin(), spans.end());
    std::size_t kept = 0;
    bool previous = false;
    for (const Span span : spans) {
        const bool joins =
            behavior == Behavior::Contiguous ? span.isMatch == previous : span.isMatch && !previous;
        previous = span.isMatch;
        if (joins && kept > 0) {
            Span& before = spans[kept - 1];
            before.begin = std::min(before.begin, span.begin);
            before.end = std::max(before.end, span.end);
        } else {
            spans[kept++] = {span.begin, span.end, false};
        }
    }
    spans.resize(kept);
    if (behavior == Behavior::MergedWithNext) std::reverse(spans.begin(), spans.end());
}

/// Cuts every word by `find` (which leaves spans that cover the word in scratch.spans).
template <class Find>
void splitWords(Words& words, MatchScratch& scratch, Behavior behavior, bool invert, const Place& place,
                Find find) {
    Words cut;
    cut.text.reserve(words.text.size());
    cut.ends.reserve(words.size());
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string_view word = words[i];
        find(word);
        if (invert)
            for (Span& span : scratch.spans) span.isMatch = !span.isMatch;
        arrange(scratch.spans, behavior);
        bool anyBefore = false;  // in this word
        for (const Span& span : scratch.spans) {
            if (span.begin == span.end) continue;
            if (!span.isMatch) {
                if (cut.size() == 0) cut.startsText = words.startsText && i == 0 && !anyBefore;
                cut.add(word.substr(span.begin, span.end - span.begin), place);
            }
            anyBefore = true;
        }
    }
    words = std::move(cut);
}

PreTokenizer splitByPattern(Pattern pattern, Behavior behavior, bool invert, const Place& place) {
    return [pattern = std::move(pattern), behavior, invert, place](Words& words, MatchScratch& scratch) {
        splitWords(words, scratch, behavior, invert, place,
                   [&](std::string_view word) { pattern.split(word, scratch); });
    };
}

/// Splits at single characters for which `matches` holds.
PreTokenizer splitByCharacter(std::function<bool(char32_t)> matches, Behavior behavior, const Place& place) {
    return [matches = std::move(matches), behavior, place](Words& words, MatchScratch& scratch) {
        splitWords(words, scratch, behavior, false, place, [&](std::string_view word) {
            auto& spans = scratch.spans;
            spans.clear();
            const auto push = [&spans](std::size_t begin, std::size_t end, bool isMatch) {
                spans.push_back(
                    {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end), isMatch});
            };
            std::size_t covered = 0;
            for (std::size_t offset = 0; offset < word.size();) {
                const CodePoint c = codePointAt(word, offset);
                if (matches(c.value)) {
                    if (covered < offset) push(covered, offset, false);
                    push(offset, offset + c.length, true);
                    covered = offset + c.length;
                }
                offset += c.length;
            }
            if (covered < word.size()) push(covered, word.size(), false);
        });
    };
}

/// Runs of word characters, and runs of all else but white space, which is removed.
PreTokenizer whitespace(const Place& place) {
    enum class Kind { Space, Word, Other };
    return [place](Words& words, MatchScratch& scratch) {
        splitWords(words, scratch, Behavior::Removed, false, place, [&](std::string_view word) {
            auto& spans = scratch.spans;
            spans.clear();
            Kind kind = Kind::Space;
            for (std::size_t offset = 0; offset < word.size();) {
                const CodePoint c = codePointAt(word, offset);
                const Kind now = isWordCharacter(c.value) ? Kind::Word
                                 : isWhiteSpace(c.value)  ? Kind::Space
                                                          : Kind::Other;
                const auto at = static_cast<std::uint32_t>(offset);
                if (spans.empty() || now != kind) spans.push_back({at, at, now == Kind::Space});
                spans.back().end = static_cast<std::uint32_t>(offset + c.length);
                kind = now;
                offset += c.length;
            }
        });
    };
}

/// Every word changed by `change`, which gets whether it begins the whole text.
template <class Change>
void mapWords(Words& words, const Place& place, Change change) {
    Words changed;
    changed.startsText = words.startsText;
    changed.text.reserve(words.text.size() + words.text.size() / 4);
    changed.ends.reserve(words.size());
    for (std::size_t i = 0; i < words.size(); ++i)
        changed.add(change(words[i], words.startsText && i == 0), place);
    words = std::move(changed);
}

PreTokenizer byteLevel(Component& component) {
    const Place place = component.place();
    const bool prefixSpace = component.flag("add_prefix_space");
    component.ignore("trim_offsets");
    PreTokenizer split;
    if (component.flag("use_regex", true))
        split = splitByPattern(Pattern::regex(kByteLevelWords, place), Behavior::Isolated, false, place);
    return [=](Words& words, MatchScratch& scratch) {
        if (prefixSpace)
            mapWords(words, place, [](std::string_view word, bool) {
                return word.front() == ' ' ? std::string(word) : ' ' + std::string(word);
            });
        if (split) split(words, scratch);
        mapWords(words, place, [](std::string_view word, bool) { return lettersOfBytes(word); });
    };
}

enum class Prepend { Always, First, Never };

Prepend readPrepend(Component& component) {
    const Place place = component.place();
    std::string scheme = component.text("prepend_scheme", "");
    // Older files say it by a flag; where both stand they must agree.
    const bool hasFlag = component.has("add_prefix_space");
    const bool flag = component.flag("add_prefix_space", true);
    if (scheme.empty()) scheme = flag ? "always" : "never";
    if (hasFlag && !flag && scheme != "never")
        throw place.format(
            fmt::format("add_prefix_space is false, and prepend_scheme is {}", inQuotes(scheme)));
    static constexpr std::pair<const char*, Prepend> kSchemes[] = {
        {"always", Prepend::Always}, {"first", Prepend::First}, {"never", Prepend::Never}};
    for (const auto& [name, prepend] : kSchemes)
        if (scheme == name) return prepend;
    throw place.at("prepend_scheme").unsupported(inQuotes(scheme) + " is not supported");
}

/// Spaces as `mark`, and one before the word where it is asked for and there is none.
std::string marked(std::string_view word, const std::string& mark, bool wanted) {
    std::string text;
    text.reserve(word.size() + mark.size());
    for (const char c : word) {
        if (c == ' ')
            text += mark;
        else
            text += c;
    }
    if (wanted && text.compare(0, mark.size(), mark) != 0) text.insert(0, mark);
    return text;
}

PreTokenizer metaspace(Component& component) {
    const Place place = component.place();
    std::string mark;
    appendUtf8(mark, component.character("replacement", U'\u2581'));
    component.ignore("str_rep");  // the same character, in older files
    const Prepend prepend = readPrepend(component);
    PreTokenizer split;
    if (component.flag("split", true))
        split = splitByPattern(Pattern::literal(mark, place), Behavior::MergedWithNext, false, place);
    return [=](Words& words, MatchScratch& scratch) {
        mapWords(words, place, [&](std::string_view word, bool first) {
            return marked(word, mark, prepend == Prepend::Always || (prepend == Prepend::First && first));
        });
        if (split) split(words, scratch);
    };
}

}  // namespace

void Words::add(std::string_view word, const Place& place) {
    if (word.empty()) return;
    if (text.size() + word.size() > kMaxWorkingBytes)
        throw place.format(fmt::format("makes the text longer than {} MiB; the file is damaged or hostile",
                                       kMaxWorkingBytes >> 20));
    text += word;
    ends.push_back(static_cast<std::uint32_t>(text.size()));
}

PreTokenizer makePreTokenizer(const nlohmann::json& value, const Place& place, ComponentBudget& budget) {
    if (value.is_null()) return [](Words&, MatchScratch&) {};
    Component component(value, place, budget);
    const std::string type = component.type();
    PreTokenizer made;
    if (type == "Sequence") {
        std::vector<PreTokenizer> steps;
        const auto& list = component.list("pretokenizers");
        for (std::size_t i = 0; i < list.size(); ++i)
            steps.push_back(makePreTokenizer(list[i], place.at("pretokenizers").at(i), budget));
        made = [steps = std::move(steps)](Words& words, MatchScratch& scratch) {
            for (const auto& step : steps) step(words, scratch);
        };
    } else if (type == "ByteLevel") {
        made = byteLevel(component);
    } else if (type == "Split") {
        auto pattern = Pattern::fromJson(component.value("pattern"), place.at("pattern"));
        const Behavior behavior = behaviorOf(component.text("behavior"), place);
        made = splitByPattern(std::move(pattern), behavior, component.flag("invert"), place);
    } else if (type == "Digits") {
        const bool individual = component.flag("individual_digits", false);
        made = splitByCharacter(isNumeric, individual ? Behavior::Isolated : Behavior::Contiguous, place);
    } else if (type == "Metaspace") {
        made = metaspace(component);
    } else if (type == "Punctuation") {
        const Behavior behavior = behaviorOf(component.text("behavior", "Isolated"), place);
        made = splitByCharacter(isPunctuation, behavior, place);
    } else if (type == "Whitespace") {
        made = whitespace(place);
    } else if (type == "WhitespaceSplit") {
        made = splitByCharacter(isWhiteSpace, Behavior::Removed, place);
    } else if (type == "CharDelimiterSplit") {
        if (!component.has("delimiter"))
            throw place.format("\"delimiter\" is missing (a character is expected)");
        const char32_t delimiter = component.character("delimiter", 0);
        made = splitByCharacter([delimiter](char32_t c) { return c == delimiter; }, Behavior::Removed, place);
    } else {
        throw component.unknownType(kKnown);
    }
    component.done();
    return made;
}

}  // namespace rheo
