#include "core/tokenizer/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <fmt/format.h>
#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/owned.h"
#include "core/tokenizer/regex_dialect.h"
#include "core/tokenizer/unicode.h"

namespace rheo {

namespace {

constexpr std::size_t kMaxPatternBytes = std::size_t{16} << 10;
constexpr std::uint32_t kMaxSteps = 10'000'000;  // for one starting position
constexpr std::size_t kMaxMatchMemory = std::size_t{64} << 20;
constexpr std::size_t kStartsPerCall = 32;  // starting positions tried between two looks at the clock

}  // namespace

struct MatchScratch::Matcher {
    Owned<pcre2_match_context, pcre2_match_context_free> context{pcre2_match_context_create(nullptr)};
    Owned<pcre2_match_data, pcre2_match_data_free> data{pcre2_match_data_create(1, nullptr)};
    Owned<pcre2_jit_stack, pcre2_jit_stack_free> stack{
        pcre2_jit_stack_create(std::size_t{32} << 10, kMaxMatchMemory, nullptr)};

    Matcher() {
        if (!context || !data || !stack)
            throw Error(ErrorCode::OutOfMemory, "no memory to match a regular expression");
        pcre2_set_match_limit(context.get(), kMaxSteps);
        pcre2_set_heap_limit(context.get(), static_cast<std::uint32_t>(kMaxMatchMemory >> 10));
        pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
    }
};

MatchScratch::MatchScratch(std::size_t textBytes)
    : m_deadline(std::chrono::steady_clock::now() + std::chrono::seconds(10) +
                 std::chrono::microseconds(textBytes)) {}

MatchScratch::~MatchScratch() = default;

void MatchScratch::checkTime(const Place& place) const {
    if (std::chrono::steady_clock::now() > m_deadline)
        throw place.format(
            "this text takes too long: a regular expression backtracks without end, or pieces are very long; "
            "the file is "
            "damaged or hostile");
}

struct Pattern::Compiled {
    Place place;
    std::string source;
    Owned<pcre2_code, pcre2_code_free> code;

    Error failed(const std::string& why) const {
        return place.format(fmt::format("the regular expression {} {}", inQuotes(source, 200), why));
    }

    /// The first match that starts at `offset` or later.
    std::optional<std::pair<std::size_t, std::size_t>> find(std::string_view text, std::size_t offset,
                                                            MatchScratch& scratch) const {
        const MatchScratch::Matcher& matcher = *scratch.m_matcher;
        for (std::size_t from = offset;;) {
            scratch.checkTime(place);
            // The step limit holds for each starting position, so a call tries only a few of them.
            std::size_t last = std::min(from + kStartsPerCall, text.size());
            while (last < text.size() && (static_cast<unsigned char>(text[last]) & 0xC0) == 0x80) ++last;
            pcre2_set_offset_limit(matcher.context.get(), last);
            const int found =
                pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                            PCRE2_NO_UTF_CHECK, matcher.data.get(), matcher.context.get());
            if (found >= 0) {
                const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(matcher.data.get());
                return std::pair<std::size_t, std::size_t>{ends[0], ends[1]};
            }
            switch (found) {
                case PCRE2_ERROR_NOMATCH: break;
                case PCRE2_ERROR_MATCHLIMIT:
                case PCRE2_ERROR_DEPTHLIMIT:
                    throw failed(
                        fmt::format("backtracks without end on this text (given up after {} steps near "
                                    "byte {})",
                                    kMaxSteps, from));
                case PCRE2_ERROR_HEAPLIMIT:
                case PCRE2_ERROR_JIT_STACKLIMIT:
                case PCRE2_ERROR_NOMEMORY:
                    throw failed(fmt::format("needs more than {} MiB on this text (near byte {})",
                                             kMaxMatchMemory >> 20, from));
                default: throw failed(fmt::format("cannot be matched (PCRE2 error {})", found));
            }
            if (last == text.size()) return std::nullopt;
            from = last + 1;
            while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xC0) == 0x80) ++from;
        }
    }
};

Pattern Pattern::literal(std::string text, const Place& place) {
    if (text.empty()) return regex("", place);
    Pattern pattern;
    pattern.m_literal = std::move(text);
    return pattern;
}

Pattern Pattern::regex(std::string_view expression, const Place& place) {
    if (expression.size() > kMaxPatternBytes)
        throw place.format(fmt::format("a regular expression of {} bytes; at most {} are allowed",
                                       expression.size(), kMaxPatternBytes));
    const std::string translated = pcreOfOniguruma(expression, place);

    const Owned<pcre2_compile_context, pcre2_compile_context_free> context{
        pcre2_compile_context_create(nullptr)};
    if (!context) throw Error(ErrorCode::OutOfMemory, "no memory to compile a regular expression");
    pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
    int error = 0;
    PCRE2_SIZE offset = 0;
    auto compiled = std::make_shared<Compiled>();
    compiled->place = place;
    compiled->source = std::string(expression);
    compiled->code.reset(pcre2_compile(
        reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
        PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_USE_OFFSET_LIMIT | PCRE2_NEVER_BACKSLASH_C, &error,
        &offset, context.get()));
    if (!compiled->code) {
        char message[256] = {};
        pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(message), sizeof message);
        throw compiled->failed(fmt::format("does not compile: {}", message));
    }
    // Where no code can be generated at run time, matching falls back to the interpreter by itself.
    pcre2_jit_compile(compiled->code.get(), PCRE2_JIT_COMPLETE);

    Pattern pattern;
    pattern.m_compiled = std::move(compiled);
    return pattern;
}

Pattern Pattern::fromJson(const nlohmann::json& value, const Place& place) {
    Component pattern(value, place);
    if (pattern.has("String") == pattern.has("Regex"))
        throw place.format("expected either \"String\" or \"Regex\"");
    const bool fixed = pattern.has("String");
    std::string text = pattern.text(fixed ? "String" : "Regex");
    pattern.done();
    return fixed ? literal(std::move(text), place) : regex(text, place);
}

void Pattern::split(std::string_view text, MatchScratch& scratch) const {
    auto& spans = scratch.spans;
    spans.clear();
    if (text.empty()) {
        spans.push_back({0, 0, false});
        return;
    }
    std::size_t covered = 0;
    const auto push = [&spans](std::size_t begin, std::size_t end, bool isMatch) {
        spans.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end), isMatch});
    };
    const auto add = [&](std::size_t begin, std::size_t end) {
        if (covered != begin) push(covered, begin, false);
        push(begin, end, true);
        covered = end;
    };

    if (!m_compiled) {
        for (auto at = text.find(m_literal); at != std::string_view::npos; at = text.find(m_literal, covered))
            add(at, at + m_literal.size());
    } else {
        if (!scratch.m_matcher) scratch.m_matcher = std::make_unique<MatchScratch::Matcher>();
        std::optional<std::size_t> lastEnd;
        for (std::size_t from = 0; from <= text.size();) {
            const auto match = m_compiled->find(text, from, scratch);
            if (!match) break;
            const auto [begin, end] = *match;
            if (begin == end && lastEnd == end) {
                // Nothing, right behind a match: look on from the next character.
                from += from < text.size() ? codePointAt(text, from).length : 1;
                continue;
            }
            add(begin, end);
            from = end;
            lastEnd = end;
        }
    }
    if (covered != text.size()) push(covered, text.size(), false);
}

}  // namespace rheo
