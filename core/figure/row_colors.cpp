#include "core/figure/row_colors.h"

#include <fmt/format.h>

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

}  // namespace

const std::vector<RowColorName>& rowColorNames() {
    static const std::vector<RowColorName> names{
        {RowColor::Depth, "depth", "Depth"},    {RowColor::Group, "group", "Group"},
        {RowColor::Token, "token", "Token"},    {RowColor::Position, "position", "Position"},
        {RowColor::Sample, "sample", "Sample"}, {RowColor::Nothing, "nothing", "One colour"},
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
    if (by == RowColor::Position) input.numberTitle = "Position of the token";
    if (by == RowColor::Sample) input.numberTitle = "Sample";
}

}  // namespace rheo
