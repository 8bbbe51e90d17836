#pragma once

#include <string_view>

// The parts of pages, as they stand in resources/report; compiled in.

namespace rheo {

/// HTML with places to be filled (page_template.h): the page of a report, that of a session, and the table of
/// findings that both have.
extern const std::string_view reportTemplate, sessionTemplate, findingsTemplate;
/// CSS of both: in light colours, what the dark ones change, and for what can be turned.
extern const std::string_view pageStyle, darkPageStyle, spaceStyle;
/// Turns what is in space (page_scene.h).
extern const std::string_view spaceScript;

}  // namespace rheo
