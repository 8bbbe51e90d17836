#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rheo {

/// The text of a prompts file.
struct PromptText {
    std::string utf8;                     ///< without a byte order mark; not yet checked to be UTF-8
    std::vector<std::string> notes = {};  ///< how the bytes were read, where that is worth saying
};

/// Decodes the bytes of a prompts file: UTF-8 with or without a byte order mark, UTF-16 of either byte order
/// with one. `name` is for messages. Throws Error(Format) naming the line and how to convert the file: UTF-16
/// that breaks off or has an unpaired surrogate, UTF-32. Linear.
PromptText decodePromptText(std::string bytes, const std::string& name);

/// The lines of a text, without their ends: LF or CR LF, or CR where the text has no LF (`notes` says so).
std::vector<std::string_view> promptLines(std::string_view text, std::vector<std::string>& notes);

/// Throws Error(Format) where a line cannot be taken as it is: bytes that are not UTF-8, a NUL, a carriage
/// return or byte order mark within. `where` begins the message ("p.txt, line 3") and `file` stands in the
/// command that it recommends.
void checkPromptLine(std::string_view line, const std::string& where, const std::string& file);

}  // namespace rheo
