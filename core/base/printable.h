#pragma once

#include <string>
#include <string_view>

namespace rheo {

/// Where the escaped text is shown.
enum class Lines {
    Single,  ///< in a line of its own: newline and tab are escaped too
    Many,    ///< newline and tab stay
};

/// `text` with everything escaped that a terminal would act on, or that would reorder or break what is around
/// it: controls (C0 as `\x1b`, `\n`, `\t`; DEL; C1 as `\u009b`), bidirectional marks, embeddings, overrides
/// and isolates, line and paragraph separators (`\u202e`), and bytes that are not UTF-8 (`\xff`). All else
/// stays as it is, a backslash included. Linear.
std::string printable(std::string_view text, Lines lines = Lines::Single);

/// The first `columns` characters of printable text, cut between characters.
std::string firstCharacters(std::string_view text, std::size_t columns);

/// JSON text (UTF-8) with the characters that printable() escapes, and that JSON allows as they are, written
/// as \uXXXX: the same values for whoever parses it.
std::string printableJson(std::string_view json);

/// `text` as the content of an element or an attribute of HTML: `&`, `<`, `>` and quotes as entities;
/// controls other than newline and tab, and bytes that are not UTF-8, replaced by U+FFFD. Bidirectional
/// characters are left: they act within one block of a page.
std::string escapeHtml(std::string_view text);

/// "512 bytes", "3.2 MiB": in powers of 1,024, with one decimal.
std::string formatBytes(double bytes);

}  // namespace rheo
