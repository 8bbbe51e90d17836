#include "core/tokenizer/normalizer.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>

#include <fmt/format.h>
#include <utility>
#include <vector>

#include "core/tokenizer/byte_letters.h"
#include "core/tokenizer/charsmap.h"
#include "core/tokenizer/unicode.h"

namespace rheo {

namespace {

constexpr std::string_view kKnown =
    "NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Prepend, Replace, ByteLevel, Precompiled, "
    "Sequence";

void checkSize(std::size_t bytes, const Place& place) {
    if (bytes > kMaxWorkingBytes)
        throw place.format(fmt::format("makes the text longer than {} MiB; the file is damaged or hostile",
                                       kMaxWorkingBytes >> 20));
}

// A normalization sorts characters that combine with one another, in time that grows with the square of
// their number. Writing needs a few; 30 are stream-safe (Unicode 15, annex 15).
constexpr std::size_t kMaxCombining = 4096;

void checkCombining(std::string_view text, const icu::Normalizer2& form, const Place& place) {
    std::size_t run = 0;
    for (std::size_t offset = 0; offset < text.size();) {
        const CodePoint c = codePointAt(text, offset);
        run = c.value < 0x80 || form.hasBoundaryBefore(static_cast<UChar32>(c.value)) ? 0 : run + 1;
        if (run > kMaxCombining)
            throw place.format(fmt::format(
                "cannot normalize a text with more than {} combining characters in a row (near byte {})",
                kMaxCombining, offset));
        offset += c.length;
    }
}

Normalizer unicodeForm(const icu::Normalizer2* (*instance)(UErrorCode&), const Place& place) {
    UErrorCode status = U_ZERO_ERROR;
    const icu::Normalizer2* form = instance(status);
    if (U_FAILURE(status))
        throw Error(ErrorCode::Internal,
                    fmt::format("ICU has no normalization data: {}", u_errorName(status)));
    return [form, place](WorkingText& working, MatchScratch&) {
        checkCombining(working.text, *form, place);
        UErrorCode failed = U_ZERO_ERROR;
        std::string text;
        text.reserve(working.text.size());
        icu::StringByteSink<std::string> sink(&text);
        form->normalizeUTF8(
            0, icu::StringPiece(working.text.data(), static_cast<std::int32_t>(working.text.size())), sink,
            nullptr, failed);
        if (failed == U_MEMORY_ALLOCATION_ERROR)
            throw Error(ErrorCode::OutOfMemory, "no memory to normalize the text");
        if (U_FAILURE(failed))
            throw Error(ErrorCode::Internal, fmt::format("ICU cannot normalize: {}", u_errorName(failed)));
        checkSize(text.size(), place);
        working.text = std::move(text);
    };
}

/// Without the characters for which `drop` holds.
template <class Drop>
void filter(WorkingText& working, Drop drop) {
    std::string kept;
    kept.reserve(working.text.size());
    const std::string_view text = working.text;
    for (std::size_t offset = 0; offset < text.size();) {
        const CodePoint c = codePointAt(text, offset);
        if (!drop(c.value))
            kept.append(text.substr(offset, c.length));
        else if (offset == 0)
            working.startsText = false;
        offset += c.length;
    }
    working.text = std::move(kept);
}

void lowercase(WorkingText& working, MatchScratch&) {
    std::string lower;
    lower.reserve(working.text.size());
    const std::string_view text = working.text;
    for (std::size_t offset = 0; offset < text.size();) {
        const CodePoint c = codePointAt(text, offset);
        // Character by character, without regard to neighbours; only U+0130 becomes two.
        appendUtf8(lower, static_cast<char32_t>(u_tolower(static_cast<UChar32>(c.value))));
        if (c.value == 0x130) appendUtf8(lower, 0x307);
        offset += c.length;
    }
    working.text = std::move(lower);
}

Normalizer strip(bool left, bool right) {
    return [left, right](WorkingText& working, MatchScratch&) {
        const std::string_view text = working.text;
        std::size_t begin = 0;
        std::size_t end = text.size();
        while (left && begin < end && isWhiteSpace(codePointAt(text, begin).value))
            begin += codePointAt(text, begin).length;
        while (right && end > begin && isWhiteSpace(codePointBefore(text, end).value))
            end -= codePointBefore(text, end).length;
        if (begin > 0) working.startsText = false;
        working.text = std::string(text.substr(begin, end - begin));
    };
}

Normalizer replace(Pattern pattern, std::string content, const Place& place) {
    return [pattern = std::move(pattern), content = std::move(content), place](WorkingText& working,
                                                                               MatchScratch& scratch) {
        pattern.split(working.text, scratch);
        std::string replaced;
        for (const Span& span : scratch.spans) {
            if (!span.isMatch)
                replaced.append(working.text, span.begin, span.end - span.begin);
            else
                replaced += content;
            checkSize(replaced.size(), place);
        }
        if (content.empty() && scratch.spans.front().isMatch && scratch.spans.front().end > 0)
            working.startsText = false;
        working.text = std::move(replaced);
    };
}

Normalizer prepend(std::string prefix, const Place& place) {
    return [prefix = std::move(prefix), place](WorkingText& working, MatchScratch&) {
        if (working.text.empty()) return;
        checkSize(working.text.size() + prefix.size(), place);
        working.text.insert(0, prefix);
    };
}

Normalizer precompiled(Component& component) {
    const Place place = component.place().at("precompiled_charsmap");
    // Null where a model has no such table; the text then stays as it is.
    const std::string encoded = component.text("precompiled_charsmap", "");
    if (encoded.empty()) return [](WorkingText&, MatchScratch&) {};
    const auto bytes = decodeBase64(encoded);
    if (!bytes) throw place.format("expected base64");
    const auto map = std::make_shared<const Charsmap>(*bytes, place);
    return [map](WorkingText& working, MatchScratch&) {
        working.text = map->normalize(working.text, kMaxWorkingBytes);
    };
}

}  // namespace

Normalizer makeNormalizer(const nlohmann::json& value, const Place& place, ComponentBudget& budget) {
    if (value.is_null()) return [](WorkingText&, MatchScratch&) {};
    Component component(value, place, budget);
    const std::string type = component.type();
    Normalizer made;
    if (type == "Sequence") {
        std::vector<Normalizer> steps;
        const auto& list = component.list("normalizers");
        for (std::size_t i = 0; i < list.size(); ++i)
            steps.push_back(makeNormalizer(list[i], place.at("normalizers").at(i), budget));
        made = [steps = std::move(steps)](WorkingText& working, MatchScratch& scratch) {
            for (const auto& step : steps) step(working, scratch);
        };
    } else if (type == "NFC") {
        made = unicodeForm(icu::Normalizer2::getNFCInstance, place);
    } else if (type == "NFD") {
        made = unicodeForm(icu::Normalizer2::getNFDInstance, place);
    } else if (type == "NFKC") {
        made = unicodeForm(icu::Normalizer2::getNFKCInstance, place);
    } else if (type == "NFKD") {
        made = unicodeForm(icu::Normalizer2::getNFKDInstance, place);
    } else if (type == "Lowercase") {
        made = lowercase;
    } else if (type == "Strip") {
        const bool left = component.flag("strip_left");
        const bool right = component.flag("strip_right");
        made = strip(left, right);
    } else if (type == "StripAccents") {
        made = [](WorkingText& working, MatchScratch&) { filter(working, isMark); };
    } else if (type == "Prepend") {
        made = prepend(component.text("prepend"), place);
    } else if (type == "Replace") {
        auto pattern = Pattern::fromJson(component.value("pattern"), place.at("pattern"));
        made = replace(std::move(pattern), component.text("content"), place);
    } else if (type == "Precompiled") {
        made = precompiled(component);
    } else if (type == "ByteLevel") {
        made = [place](WorkingText& working, MatchScratch&) {
            working.text = lettersOfBytes(working.text);
            checkSize(working.text.size(), place);
        };
    } else {
        throw component.unknownType(kKnown);
    }
    component.done();
    return made;
}

}  // namespace rheo
