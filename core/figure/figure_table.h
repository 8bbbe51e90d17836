#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "core/figure/figure.h"

namespace rheo {

/// A cell of a table: nothing, a number, or a text.
using TableCell = std::variant<std::monostate, double, std::string>;

/// The numbers behind a plot: what it draws, as a table for people and other programs.
struct FigureTable {
    std::string title;                 ///< of the panel; empty where the figure has one
    std::vector<std::string> columns;  ///< with the titles of the axes
    std::int64_t rows = 0;
    /// Of a row and a column that are there. Made when it is asked for: a heatmap has millions.
    std::function<TableCell(std::int64_t row, std::int64_t column)> cell;
};

/// The tables behind a figure, a panel after the other, without panels that are empty:
///  - curves over the same places: a row for each place, a column for each curve and the ends of its band;
///  - other curves: a row for each vertex, with the name of its curve, and the row of the trace where it is a
///    state;
///  - heatmaps: a row for each row of cells, from the top; where cells have labels, these are a second table;
///  - bars: a row for each, a column for each series;
///  - plots in space: a row for each vertex of its lines and for each marker, with the row of the trace (of
///    lines) or the point (of markers) that picking answers.
/// Depth, units and tokens are named as the axes name them. The tables share `figure`. Cost: a pass over the
/// curves and lines; cells when asked for.
std::vector<FigureTable> tablesOf(const std::shared_ptr<const Figure>& figure);

/// CSV (RFC 4180) with a head; numbers so that they are read back exactly.
std::string tableCsv(const FigureTable& table);

}  // namespace rheo
