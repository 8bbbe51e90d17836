#pragma once

#include <string>
#include <string_view>

namespace rheo {

/// The text as one word of a POSIX shell: itself where that is plain, else between single quotes.
std::string shellWord(std::string_view text);

}  // namespace rheo
