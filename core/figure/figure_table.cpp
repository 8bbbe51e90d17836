#include "core/figure/figure_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/figure/describe.h"

namespace rheo {

namespace {

using Tables = std::vector<FigureTable>;
using FigurePointer = std::shared_ptr<const Figure>;

TableCell number(double value) {
    return std::isnan(value) ? TableCell() : TableCell(value);
}

TableCell at(const std::vector<double>& values, std::size_t i) {
    return i < values.size() ? number(values[i]) : TableCell();
}

std::string titleOr(const std::string& title, const char* otherwise) {
    return title.empty() ? otherwise : title;
}

/// Names every value, not only those that are shown.
Axis unbounded(Axis axis) {
    axis.low = -std::numeric_limits<double>::infinity();
    axis.high = std::numeric_limits<double>::infinity();
    return axis;
}

/// A value as its axis names it: a number where it has numbers.
TableCell onAxis(const Axis& axis, double value) {
    if (axis.fisher) return number(std::tanh(value));
    if (axis.kind != AxisKind::Values || axis.named) return nameOnAxis(unbounded(axis), value);
    return number(value);
}

/// The same of value `i` of several that may be missing.
TableCell onAxis(const Axis& axis, const std::vector<double>& values, std::size_t i) {
    return i < values.size() && !std::isnan(values[i]) ? onAxis(axis, values[i]) : TableCell();
}

// ---- curves ---------------------------------------------------------------------------------------------

std::string nameOf(const CurvePlot& plot, std::size_t curve) {
    const std::string& name = plot.curves[curve].name;
    return name.empty() ? fmt::format("curve {}", curve + 1) : name;
}

bool sharePlaces(const CurvePlot& plot) {
    return std::all_of(plot.curves.begin(), plot.curves.end(), [&](const Curve& curve) {
        return curve.rows.empty() && curve.values.empty() && curve.x == plot.curves.front().x;
    });
}

/// A column of a table of curves: the values of one, or an end of its band.
struct CurveColumn {
    std::size_t curve = 0;
    const std::vector<double> Curve::*values = nullptr;
};

FigureTable overPlaces(const FigurePointer& figure, const CurvePlot& plot) {
    FigureTable table;
    std::vector<CurveColumn> columns;
    table.columns.push_back(titleOr(plot.x.title, "x"));
    for (std::size_t i = 0; i < plot.curves.size(); ++i) {
        const std::string name = nameOf(plot, i);
        const Curve& curve = plot.curves[i];
        const bool drawn = curve.line || curve.markers || curve.low.empty();
        if (drawn) {
            table.columns.push_back(plot.y.title.empty() ? name : plot.y.title + ", " + name);
            columns.push_back({i, &Curve::y});
        }
        if (curve.low.empty()) continue;
        const std::string band = curve.bandName.empty() ? name : curve.bandName;
        table.columns.insert(table.columns.end(), {band + ", low", band + ", high"});
        columns.insert(columns.end(), {{i, &Curve::low}, {i, &Curve::high}});
    }
    table.rows = static_cast<std::int64_t>(plot.curves.front().x.size());
    table.cell = [figure, &plot, columns](std::int64_t row, std::int64_t column) {
        const auto i = static_cast<std::size_t>(row);
        if (column == 0) return onAxis(plot.x, plot.curves.front().x[i]);
        const CurveColumn& of = columns[static_cast<std::size_t>(column) - 1];
        return onAxis(plot.y, plot.curves[of.curve].*of.values, i);
    };
    return table;
}

/// Where the vertices of curve or line i begin in a list of all: [i], and their number at the end.
template <class Parts, class Size>
std::vector<std::int64_t> beginningsOf(const Parts& parts, Size&& size) {
    std::vector<std::int64_t> begins{0};
    for (const auto& part : parts) begins.push_back(begins.back() + static_cast<std::int64_t>(size(part)));
    return begins;
}

/// Which part holds row `row` of all.
std::size_t partAt(const std::vector<std::int64_t>& begins, std::int64_t row) {
    return static_cast<std::size_t>(std::upper_bound(begins.begin(), begins.end(), row) - begins.begin()) - 1;
}

FigureTable byVertex(const FigurePointer& figure, const CurvePlot& plot) {
    FigureTable table;
    const bool states = std::any_of(plot.curves.begin(), plot.curves.end(),
                                    [](const Curve& curve) { return !curve.rows.empty(); });
    const bool colored = figure->colorScale && std::any_of(plot.curves.begin(), plot.curves.end(),
                                                           [](const Curve& c) { return !c.values.empty(); });
    const bool bands = std::any_of(plot.curves.begin(), plot.curves.end(),
                                   [](const Curve& curve) { return !curve.low.empty(); });
    table.columns = {"curve", titleOr(plot.x.title, "x"), titleOr(plot.y.title, "y")};
    if (bands) table.columns.insert(table.columns.end(), {"low", "high"});
    if (states) table.columns.push_back("row");
    if (colored) table.columns.push_back(titleOr(figure->colorScale->title, "colour"));
    const auto begins = beginningsOf(
        plot.curves, [](const Curve& curve) { return std::min(curve.x.size(), curve.y.size()); });
    table.rows = begins.back();
    table.cell = [figure, &plot, begins, bands, states](std::int64_t row, std::int64_t column) -> TableCell {
        const std::size_t part = partAt(begins, row);
        const Curve& curve = plot.curves[part];
        const auto i = static_cast<std::size_t>(row - begins[part]);
        if (column == 0) return nameOf(plot, part);
        if (column == 1) return onAxis(plot.x, curve.x[i]);
        if (column == 2) return onAxis(plot.y, curve.y, i);
        std::int64_t more = column - 3;
        if (bands && more < 2) return onAxis(plot.y, more == 0 ? curve.low : curve.high, i);
        if (bands) more -= 2;
        if (states && more == 0)
            return i < curve.rows.size() ? TableCell(static_cast<double>(curve.rows[i])) : TableCell();
        return at(curve.values, i);
    };
    return table;
}

void addTables(const FigurePointer& figure, const CurvePlot& plot, Tables& tables) {
    if (plot.curves.empty()) return;
    tables.push_back(sharePlaces(plot) ? overPlaces(figure, plot) : byVertex(figure, plot));
}

// ---- heatmaps -------------------------------------------------------------------------------------------

void addTables(const FigurePointer& figure, const HeatmapPlot& plot, Tables& tables) {
    const std::int64_t height = plot.values.rows(), width = plot.values.cols();
    if (height == 0 || width == 0) return;
    FigureTable table;
    table.columns.push_back(titleOr(plot.y.title, "y"));
    const Axis x = unbounded(plot.x);
    for (std::int64_t j = 0; j < width; ++j) table.columns.push_back(nameOnAxis(x, static_cast<double>(j)));
    table.rows = height;
    const auto nameOfRow = [y = unbounded(plot.y)](std::int64_t i) {
        return TableCell(nameOnAxis(y, static_cast<double>(i)));
    };
    table.cell = [figure, &plot, height, nameOfRow](std::int64_t row, std::int64_t column) {
        const std::int64_t i = height - 1 - row;
        return column == 0 ? nameOfRow(i) : number(plot.values(i, column - 1));
    };
    FigureTable labels = table;
    table.title = plot.colorScale.title;
    tables.push_back(std::move(table));
    if (plot.labels.empty()) return;
    labels.title = plot.labelTitle;
    labels.cell = [figure, &plot, height, width, nameOfRow](std::int64_t row, std::int64_t column) {
        const std::int64_t i = height - 1 - row;
        return column == 0 ? nameOfRow(i)
                           : TableCell(plot.labels[static_cast<std::size_t>(i * width + column - 1)]);
    };
    tables.push_back(std::move(labels));
}

// ---- bars -----------------------------------------------------------------------------------------------

void addTables(const FigurePointer& figure, const BarPlot& plot, Tables& tables) {
    if (plot.bars.empty()) return;
    FigureTable table;
    table.columns.push_back("label");
    for (const std::string& series : plot.series)
        table.columns.push_back(series.empty() ? titleOr(plot.x.title, "value") : series);
    table.rows = static_cast<std::int64_t>(plot.bars.size());
    table.cell = [figure, &plot](std::int64_t row, std::int64_t column) {
        const BarPlot::Bar& bar = plot.bars[static_cast<std::size_t>(row)];
        return column == 0 ? TableCell(bar.label) : at(bar.values, static_cast<std::size_t>(column) - 1);
    };
    tables.push_back(std::move(table));
}

// ---- plots in space -------------------------------------------------------------------------------------

TableCell coordinate(const std::vector<float>& xyz, std::size_t vertex, std::int64_t axis) {
    const std::size_t i = 3 * vertex + static_cast<std::size_t>(axis);
    return i < xyz.size() ? number(static_cast<double>(xyz[i])) : TableCell();
}

FigureTable tableOfLines(const FigurePointer& figure, const Plot3D& plot) {
    FigureTable table;
    table.columns = {"line", "row", "vertex"};
    for (const Axis& axis : plot.axes) table.columns.push_back(titleOr(axis.title, "axis"));
    if (plot.colorScale) table.columns.push_back(titleOr(plot.colorScale->title, "colour"));
    const auto begins = beginningsOf(plot.lines, [](const LineSet3& lines) { return lines.xyz.size() / 3; });
    table.rows = begins.back();
    table.cell = [figure, &plot, begins](std::int64_t row, std::int64_t column) -> TableCell {
        const std::size_t part = partAt(begins, row);
        const LineSet3& lines = plot.lines[part];
        const auto vertex = static_cast<std::size_t>(row - begins[part]);
        if (column == 0) return lines.name;
        if (column >= 3 && column < 6) return coordinate(lines.xyz, vertex, column - 3);
        if (column >= 6)
            return vertex < lines.values.size() ? number(static_cast<double>(lines.values[vertex]))
                                                : TableCell();
        const auto after =
            std::upper_bound(lines.offsets.begin(), lines.offsets.end(), static_cast<std::int32_t>(vertex));
        if (after == lines.offsets.begin()) return {};
        const auto line = static_cast<std::size_t>(after - lines.offsets.begin()) - 1;
        if (column == 2) return static_cast<double>(vertex) - static_cast<double>(lines.offsets[line]);
        return line < lines.tags.size() && lines.tags[line] >= 0
                   ? TableCell(static_cast<double>(lines.tags[line]))
                   : TableCell();
    };
    return table;
}

FigureTable tableOfMarkers(const FigurePointer& figure, const Plot3D& plot) {
    FigureTable table;
    table.title = "markers";
    table.columns = {"marker", "point"};
    for (const Axis& axis : plot.axes) table.columns.push_back(titleOr(axis.title, "axis"));
    const auto begins =
        beginningsOf(plot.markers, [](const MarkerSet3& markers) { return markers.xyz.size() / 3; });
    table.rows = begins.back();
    table.cell = [figure, &plot, begins](std::int64_t row, std::int64_t column) -> TableCell {
        const std::size_t part = partAt(begins, row);
        const MarkerSet3& markers = plot.markers[part];
        const auto i = static_cast<std::size_t>(row - begins[part]);
        if (column == 0) return markers.name;
        if (column >= 2) return coordinate(markers.xyz, i, column - 2);
        return i < markers.tags.size() && markers.tags[i] >= 0
                   ? TableCell(static_cast<double>(markers.tags[i]))
                   : TableCell();
    };
    return table;
}

void addTables(const FigurePointer& figure, const Plot3D& plot, Tables& tables) {
    for (FigureTable& table : std::array{tableOfLines(figure, plot), tableOfMarkers(figure, plot)})
        if (table.rows > 0) tables.push_back(std::move(table));
}

std::string csvField(const std::string& text) {
    if (text.find_first_of("\",\n\r") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + '"';
}

}  // namespace

std::vector<FigureTable> tablesOf(const std::shared_ptr<const Figure>& figure) {
    Tables tables;
    if (!figure) return tables;
    for (const Panel& panel : figure->panels) {
        const std::size_t before = tables.size();
        std::visit([&](const auto& plot) { addTables(figure, plot, tables); }, panel.plot);
        for (std::size_t i = before; i < tables.size() && !panel.title.empty(); ++i)
            tables[i].title = tables[i].title.empty() ? panel.title : panel.title + ", " + tables[i].title;
    }
    return tables;
}

std::string tableCsv(const FigureTable& table) {
    std::string csv;
    const auto columns = static_cast<std::int64_t>(table.columns.size());
    for (std::int64_t j = 0; j < columns; ++j)
        csv += (j > 0 ? "," : "") + csvField(table.columns[static_cast<std::size_t>(j)]);
    csv += '\n';
    for (std::int64_t i = 0; i < table.rows; ++i) {
        for (std::int64_t j = 0; j < columns; ++j) {
            if (j > 0) csv += ',';
            const TableCell cell = table.cell(i, j);
            if (const auto* value = std::get_if<double>(&cell)) csv += fmt::format("{}", *value);
            if (const auto* text = std::get_if<std::string>(&cell)) csv += csvField(*text);
        }
        csv += '\n';
    }
    return csv;
}

}  // namespace rheo
