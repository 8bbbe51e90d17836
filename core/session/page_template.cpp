#include "core/session/page_template.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/printable.h"

namespace rheo {

namespace {

/// The fields of an entry, and of what it stands in.
struct Scope {
    const TemplateFields& fields;
    const Scope* around;

    const std::string& text(std::string_view name) const {
        const auto found = fields.texts.find(name);
        if (found != fields.texts.end()) return found->second;
        if (around == nullptr) fail(fmt::format("there is no text {}", name));
        return around->text(name);
    }
    const std::vector<TemplateFields>& list(std::string_view name) const {
        const auto found = fields.lists.find(name);
        if (found != fields.lists.end()) return found->second;
        if (around == nullptr) fail(fmt::format("there is no list {}", name));
        return around->list(name);
    }
    [[noreturn]] static void fail(const std::string& what) {
        throw Error(ErrorCode::Internal, "the template of a page: " + what);
    }
};

/// Takes what is before `end` off the front of `text`, and `end` too.
std::string_view takeUntil(std::string_view& text, std::string_view end) {
    const auto at = text.find(end);
    if (at == std::string_view::npos) Scope::fail(fmt::format("{} is missing", end));
    const std::string_view before = text.substr(0, at);
    text.remove_prefix(at + end.size());
    return before;
}

void skipNewline(std::string_view& text) {
    if (text.starts_with('\n')) text.remove_prefix(1);
}

void fill(std::string_view text, const Scope& scope, std::string& out) {
    for (auto at = text.find("{{"); at != std::string_view::npos; at = text.find("{{")) {
        out += text.substr(0, at);
        text.remove_prefix(at + 2);
        if (text.starts_with('{')) {
            text.remove_prefix(1);
            out += scope.text(takeUntil(text, "}}}"));
        } else if (text.starts_with('#')) {
            text.remove_prefix(1);
            const std::string_view name = takeUntil(text, "}}");
            skipNewline(text);
            const std::string_view section = takeUntil(text, fmt::format("{{{{/{}}}}}", name));
            skipNewline(text);
            for (const auto& entry : scope.list(name)) fill(section, {entry, &scope}, out);
        } else {
            out += escapeHtml(scope.text(takeUntil(text, "}}")));
        }
    }
    out += text;
}

}  // namespace

std::string fillTemplate(std::string_view text, const TemplateFields& fields) {
    std::string filled;
    fill(text, {fields, nullptr}, filled);
    return filled;
}

}  // namespace rheo
