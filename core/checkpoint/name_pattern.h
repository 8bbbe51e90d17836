#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace rheo {

/// A regular expression of Python's `re` on names of modules. What both dialects have means the same in
/// PCRE2, which matches here. Immutable.
class NamePattern {
public:
    /// `where`: the file and key it stands in, for messages. Throws Error(Format) for what does not compile
    /// or is longer than 4 KiB.
    NamePattern(const std::string& expression, std::string where);
    ~NamePattern();
    NamePattern(NamePattern&&) noexcept;
    NamePattern& operator=(NamePattern&&) noexcept;

    /// re.match: from the first character on, to anywhere. Throws Error(Format) past 10^6 steps. `idx`: what
    /// the group named "idx" matched, where it is not null and there is one.
    bool matches(std::string_view name, std::string* idx = nullptr) const;

private:
    struct Compiled;
    std::unique_ptr<const Compiled> m_compiled;
};

}  // namespace rheo
