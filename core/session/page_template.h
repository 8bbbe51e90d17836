#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace rheo {

/// What a template is filled with, by name.
struct TemplateFields {
    std::map<std::string, std::string, std::less<>> texts = {};
    std::map<std::string, std::vector<TemplateFields>, std::less<>> lists = {};
};

/// Fills an HTML template, in the notation of Mustache: `{{name}}` becomes a text with its HTML escaped,
/// `{{{name}}}` the text itself, and what stands between `{{#name}}` and `{{/name}}` is repeated for each
/// entry of a list, with the fields of the entry (and those around it). A newline right after `{{#name}}` or
/// `{{/name}}` is left out. Throws Error(Internal) for a name that has no field, or a section that does not
/// end.
std::string fillTemplate(std::string_view text, const TemplateFields& fields);

}  // namespace rheo
