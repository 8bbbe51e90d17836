#pragma once

#include <string>
#include <string_view>

#include "core/tokenizer/component.h"

namespace rheo {

/// The regular expressions of a tokenizer.json are in the dialect of Oniguruma's Ruby syntax over
/// Unicode. Rewrites one for PCRE2 (options UTF, UCP and MULTILINE, newline LF) so that it matches the same:
/// `\s`, `\w`, `\b`, `\d` and `\h` by Oniguruma's definitions; `(?m)` and a `(?i)` within a branch;
/// `{n,m}+`, `{n}?` and `{,n}`; classes within classes and `&&`; scripts rather than script extensions.
///
/// Source: Oniguruma's doc/RE and doc/SYNTAX.md (syntax ONIG_SYNTAX_ONIGURUMA, options none).
/// Throws Error(Unsupported) for a construct that is not rewritten here, by name and offset, and
/// Error(Format) for one that is malformed. Linear in the pattern.
std::string pcreOfOniguruma(std::string_view pattern, const Place& place);

}  // namespace rheo
