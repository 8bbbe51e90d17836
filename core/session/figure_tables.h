#pragma once

#include <array>
#include <span>

#include "core/session/recipe_figure.h"

namespace rheo {

// The tables that figures are found in. Internal to this module.

/// A view, where it comes from and whether it is there.
struct ResultsView {
    FigureView view;
    bool (*isIn)(const Results&);
    Figure (*make)(const Results&, const Recipe&);
};
/// In the order a reader wants them.
std::span<const ResultsView> resultsViewTable();

/// A view of files of its own.
struct FileView {
    FigureView view;
    Figure (*make)(const Recipe&);
};
std::span<const FileView> fileViewTable();

/// The choice of a colour map, which many figures have.
inline constexpr std::array maps{FigureChoice{R"("viridis")", "Viridis"},
                                 FigureChoice{R"("cividis")", "Cividis"}, FigureChoice{R"("vik")", "Vik"}};
inline constexpr FigureOption mapOption{
    "map", "Colours",
    "Colours of values that are never negative. Those of both signs are blue below zero "
    "and red above.",
    maps};

}  // namespace rheo
