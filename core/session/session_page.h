#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/figure/figure.h"
#include "core/findings/verdicts.h"
#include "core/session/document.h"

namespace rheo {

/// A figure of the page.
struct PageFigure {
    std::string title;
    std::string caption;               ///< one sentence: what it shows
    std::string svg;                   ///< a whole document
    std::vector<std::string> notes;    ///< below it
    std::string command;               ///< lines of `rheo` that make it; empty: there are none
    std::vector<std::string> remarks;  ///< on command and recipe: why there is none, ...
    std::string recipe;                ///< JSON
    /// The figure itself where it is in space: it can be turned on the page, in the place of `svg` if it has
    /// no other panels. None: it is flat.
    std::optional<Figure> inSpace;
    double aspect = 4.0 / 3;              ///< width by height of what its camera was set for
    std::vector<std::string> pointNames;  ///< of the points of depth
};

/// What a page of a session shows, in its order.
struct SessionPage {
    std::string title;
    std::string summary;                                     ///< a sentence or two: what it was made from
    std::vector<std::pair<std::string, std::string>> facts;  ///< label and value
    std::vector<std::string> notes;                          ///< what a reader must know: sentences
    std::vector<PageFigure> figures;
    std::vector<Verdict> verdicts;  ///< a table of them after the figures; empty: none
    bool dark = false;              ///< as the figures are
};

/// Vertices in space that a figure of a page has at most (thinnedFigure): about 1 MB, and as much again for
/// the still picture.
constexpr std::size_t mostPageVertices = 60'000;

/// One HTML page that needs no other file, nor a network: its policy allows nothing but its own style, one
/// script by its digest, and pictures inside it. All texts are escaped. Cost: linear in what it shows.
std::string sessionPage(const SessionPage& page);

/// What a session was made from, for its page: files and names as a person knows them.
struct PageSources {
    std::string modelName;      ///< empty: none is open
    std::string traceFile;      ///< that holds the rows; empty: none does
    std::string promptsFile;    ///< that they were captured from; empty: not known
    std::string version, time;  ///< of the program, and when the page is made
};
/// A sentence on it: rows, samples, points and units.
std::string pageSummary(const DocumentState& state);
/// Model, files, rows, points, units, statistics, seeds, teleports, version and date; what is not there is
/// left out.
std::vector<std::pair<std::string, std::string>> pageFacts(const DocumentState& state,
                                                           const PageSources& sources);
/// What is to be known of the trace, the model and the results: sentences.
std::vector<std::string> pageNotes(const DocumentState& state);

}  // namespace rheo
