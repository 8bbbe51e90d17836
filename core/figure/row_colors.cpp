#include "core/figure/row_colors.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>

#include "core/base/error.h"
#include "core/base/printable.h"

namespace rheo {

namespace {

std::string groupOf(const TraceInfo& info, const TraceRow& row) {
    const auto sample = static_cast<std::size_t>(row.sample);
    const bool known = row.sample >= 0 && sample < info.samples.size() && !info.samples[sample].group.empty();
    return known ? printable(info.samples[sample].group) : "no group";
}

std::string tokenOf(const TraceRow& row, const std::map<std::int32_t, std::string>& texts) {
    if (row.tokenId < 0) return "token not known";
    const auto known = texts.find(row.tokenId);
    const std::string text = known != texts.end() ? known->second : "";
    return text.empty() ? fmt::format("#{}", row.tokenId) : fmt::format("\u201c{}\u201d", printable(text));
}

const std::string& columnOf(const TraceInfo& info, const TraceRow& row, const std::string& column) {
    static const std::string none;
    const auto sample = static_cast<std::size_t>(row.sample);
    if (row.sample < 0 || sample >= info.samples.size()) return none;
    const auto found = info.samples[sample].columns.find(column);
    return found == info.samples[sample].columns.end() ? none : found->second;
}

std::optional<double> numberIn(const std::string& text) {
    double number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    return failed == std::errc{} && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

/// A column of numbers, of more than a few, is a scale; any other has kinds.
void colorByColumn(TrajectoryInput& input, const TraceInfo& info, const std::string& column) {
    const auto there = columnsOf(info);
    if (std::find(there.begin(), there.end(), column) == there.end())
        throw Error(ErrorCode::NotFound,
                    fmt::format("no prompt has a column '{}'; {}", column,
                                there.empty() ? "they have none"
                                              : fmt::format("there are {}", fmt::join(there, ", "))),
                    column);
    constexpr std::size_t fewNumbers = 8;
    std::set<std::string> values;
    bool areNumbers = true;
    for (const TraceRow& row : info.rows) {
        const std::string& value = columnOf(info, row, column);
        areNumbers = areNumbers && (value.empty() || numberIn(value).has_value());
        values.insert(value);
    }
    values.erase("");
    if (areNumbers && values.size() > fewNumbers) {
        for (const TraceRow& row : info.rows)
            input.rowNumbers.push_back(
                numberIn(columnOf(info, row, column)).value_or(std::numeric_limits<double>::quiet_NaN()));
        input.numberTitle = printable(column);
        return;
    }
    for (const TraceRow& row : info.rows) {
        const std::string& value = columnOf(info, row, column);
        input.rowKinds.push_back(value.empty() ? "no " + printable(column) : printable(value));
    }
}

void colorByComponent(TrajectoryInput& input, int component) {
    const Array3F& scores = input.scores;
    if (component < 0 || component >= scores.n2)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("component {} was asked for as a colour, and there are 1 to {}",
                                component + 1, scores.n2));
    input.stateNumbers.resize(scores.n0, scores.n1);
    for (std::int64_t row = 0; row < scores.n0; ++row)
        for (std::int64_t p = 0; p < scores.n1; ++p)
            input.stateNumbers(row, p) = scores.at(row, p)[component];
    input.numberTitle = fmt::format(
        "Score along {}", input.axisNames.empty() ? fmt::format("PC{}", component + 1)
                                                  : input.axisNames[static_cast<std::size_t>(component)]);
}

std::vector<std::string> kindsOfNames(
    std::size_t rows, const std::vector<std::pair<std::string, std::vector<RowIndex>>>& named) {
    std::vector<std::string> kinds(rows, "none of them");
    for (auto it = named.rbegin(); it != named.rend(); ++it)
        for (const RowIndex row : it->second)
            if (row.value() >= 0 && static_cast<std::size_t>(row.value()) < rows)
                kinds[static_cast<std::size_t>(row.value())] = printable(it->first);
    return kinds;
}

}  // namespace

const std::vector<RowColorName>& rowColorNames() {
    static const std::vector<RowColorName> names{
        {RowColor::Depth, "depth", "Depth"},
        {RowColor::Group, "group", "Group"},
        {RowColor::Token, "token", "Token"},
        {RowColor::Position, "position", "Position"},
        {RowColor::Sample, "sample", "Sample"},
        {RowColor::Named, "named", "Kept selections"},
        {RowColor::Surprise, "surprise", "Surprise"},
        {RowColor::Column, "column", "Column"},
        {RowColor::Component, "component", "Component"},
        {RowColor::Direction, "direction", "Direction"},
        {RowColor::Nothing, "nothing", "One colour"},
    };
    return names;
}

std::optional<RowColor> parseRowColor(std::string_view name) {
    for (const auto& entry : rowColorNames())
        if (entry.name == name) return entry.by;
    return std::nullopt;
}

std::string_view rowColorName(RowColor by) {
    for (const auto& entry : rowColorNames())
        if (entry.by == by) return entry.name;
    return "";
}

std::vector<std::string> columnsOf(const TraceInfo& info) {
    std::set<std::string> names;
    for (const Sample& sample : info.samples)
        for (const auto& [name, value] : sample.columns) names.insert(name);
    return {names.begin(), names.end()};
}

std::map<std::int32_t, std::string> textsOfRows(const TraceInfo& info, const TokenText& textOf) {
    std::map<std::int32_t, std::string> texts;
    for (const TraceRow& row : info.rows)
        if (row.tokenId >= 0 && !texts.contains(row.tokenId)) texts[row.tokenId] = textOf(row.tokenId);
    return texts;
}

void colorRows(TrajectoryInput& input, const TraceInfo& info, const TrajectoryOptions& options) {
    const RowColor by = options.colorBy;
    if (by == RowColor::Depth || by == RowColor::Nothing) return;
    for (const TraceRow& row : info.rows) {
        if (by == RowColor::Group) input.rowKinds.push_back(groupOf(info, row));
        if (by == RowColor::Token) input.rowKinds.push_back(tokenOf(row, options.tokenTexts));
        if (by == RowColor::Position) input.rowNumbers.push_back(row.position);
        if (by == RowColor::Sample) input.rowNumbers.push_back(row.sample);
    }
    if (by == RowColor::Named) input.rowKinds = kindsOfNames(info.rows.size(), options.namedRows);
    if (by == RowColor::Surprise && options.surprise.size() == info.rows.size()) {
        input.rowNumbers = options.surprise;
        input.numberTitle = "Surprise at the next token (nats)";
    }
    if (by == RowColor::Column) colorByColumn(input, info, options.column);
    if (by == RowColor::Component) colorByComponent(input, options.colorComponent);
    if (by == RowColor::Position) input.numberTitle = "Position of the token";
    if (by == RowColor::Sample) input.numberTitle = "Sample";
}

std::vector<RowIndex> rowsShown(const TraceInfo& info, const TrajectoryOptions& options) {
    std::vector<RowIndex> rows = options.rows;
    if (options.firstTokens) return rows;
    if (rows.empty())
        for (std::size_t n = 0; n < info.rows.size(); ++n) rows.emplace_back(static_cast<std::int64_t>(n));
    std::erase_if(rows, [&](RowIndex row) {
        const auto n = static_cast<std::size_t>(row.value());
        return row.value() >= 0 && n < info.rows.size() && info.rows[n].position == 0;
    });
    if (rows.empty())
        throw Error(ErrorCode::InvalidArgument,
                    "every row is the first token of its sample; show first tokens");
    return rows;
}

}  // namespace rheo
