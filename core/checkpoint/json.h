#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace rheo {

/// Parses a whole JSON file that must be one object. Internal to the rooms that link JSON privately.
/// Throws Error(Format) naming `file`: damaged JSON, another kind of value, a key given twice in one
/// object (readers disagree on which one counts), nesting deeper than 64.
nlohmann::json parseJsonObject(std::string_view text, const std::string& file);

}  // namespace rheo
