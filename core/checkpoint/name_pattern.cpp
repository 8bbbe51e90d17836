#include "core/checkpoint/name_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include "core/base/error.h"
#include "core/base/owned.h"

namespace rheo {

namespace {

constexpr std::size_t maxPatternBytes = 4096;
constexpr std::uint32_t maxSteps = 1'000'000;

}  // namespace

struct NamePattern::Compiled {
    std::string where, expression;
    Owned<pcre2_code, pcre2_code_free> code;
    Owned<pcre2_match_context, pcre2_match_context_free> context{pcre2_match_context_create(nullptr)};
    Owned<pcre2_match_data, pcre2_match_data_free> data;

    Error failed(const std::string& why) const {
        return {ErrorCode::Format,
                fmt::format("{}: the pattern '{}' {}", where, expression.substr(0, 200), why), where};
    }
};

NamePattern::NamePattern(const std::string& expression, std::string where) {
    auto compiled = std::make_unique<Compiled>();
    compiled->where = std::move(where);
    compiled->expression = expression;
    if (expression.size() > maxPatternBytes)
        throw compiled->failed(fmt::format("is longer than {} bytes", maxPatternBytes));
    int error = 0;
    PCRE2_SIZE offset = 0;
    // Python's re has no verbs, recursion or callouts; PCRE2_NEVER_UTF keeps "(*UTF)" out.
    compiled->code.reset(
        pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
                      PCRE2_ANCHORED | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C,
                      &error, &offset, nullptr));
    if (!compiled->code) {
        char message[256] = {};
        pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(message), sizeof message);
        throw compiled->failed(fmt::format("is no regular expression: {}", message));
    }
    compiled->data.reset(pcre2_match_data_create_from_pattern(compiled->code.get(), nullptr));
    if (!compiled->context || !compiled->data)
        throw Error(ErrorCode::OutOfMemory, "no memory to match a regular expression");
    pcre2_set_match_limit(compiled->context.get(), maxSteps);
    pcre2_set_depth_limit(compiled->context.get(), maxSteps);
    m_compiled = std::move(compiled);
}

NamePattern::~NamePattern() = default;
NamePattern::NamePattern(NamePattern&&) noexcept = default;
NamePattern& NamePattern::operator=(NamePattern&&) noexcept = default;

bool NamePattern::matches(std::string_view name, std::string* idx) const {
    const int found = pcre2_match(m_compiled->code.get(), reinterpret_cast<PCRE2_SPTR>(name.data()),
                                  name.size(), 0, 0, m_compiled->data.get(), m_compiled->context.get());
    if (found == PCRE2_ERROR_NOMATCH) return false;
    if (found < 0)
        throw m_compiled->failed(
            fmt::format("cannot be matched with {} within {} steps", name.substr(0, 200), maxSteps));
    if (idx == nullptr) return true;
    const int group =
        pcre2_substring_number_from_name(m_compiled->code.get(), reinterpret_cast<PCRE2_SPTR>("idx"));
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(m_compiled->data.get());
    if (group > 0 && group < found && ends[2 * group] != PCRE2_UNSET)
        *idx = name.substr(ends[2 * group], ends[2 * group + 1] - ends[2 * group]);
    return true;
}

}  // namespace rheo
