#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/findings/verdicts.h"

namespace rheo {

struct ReportFigure {
    std::string title;
    std::string caption;
    std::string svg;      ///< a whole document; it is put into the page
    std::string command;  ///< that draws it
};

/// What a report shows, in its order.
struct Report {
    std::string title;
    std::vector<std::pair<std::string, std::string>> facts;  ///< what was analysed: label and value
    std::vector<std::string> notes;                          ///< what a reader must know: rows left out, ...
    std::vector<Verdict> verdicts;
    std::vector<ReportFigure> figures;
    std::vector<std::string> commands;  ///< that made it all
    std::string recipe;                 ///< JSON: sources, options, seeds, versions
};

/// One HTML page that needs no other file.
std::string reportPage(const Report& report);

/// The table of findings with its heading, as pages hold it; empty without verdicts.
std::string findingsHtml(const std::vector<Verdict>& verdicts);
/// A document as a part of a page: without its XML declaration.
std::string inlineSvg(std::string svg);

/// verdicts.json: a list of objects with the fields of ANALYSES (Verdicts); what is not a number is null.
std::string verdictsJson(const std::vector<Verdict>& verdicts);

}  // namespace rheo
