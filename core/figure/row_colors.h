#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/figure/trajectory_figure.h"
#include "core/trace/row_selection.h"

namespace rheo {

/// As a recipe and a list call it.
struct RowColorName {
    RowColor by;
    std::string_view name;   ///< "group"
    std::string_view label;  ///< "Group of the prompt"
};
/// All of them, the usual one first.
const std::vector<RowColorName>& rowColorNames();
std::optional<RowColor> parseRowColor(std::string_view name);
std::string_view rowColorName(RowColor by);

/// Gives the rows of `info` the kinds or numbers that the options colour them by. Samples without a group
/// have a kind of their own, and so have rows whose token is not known; tokens without a text have their ids.
/// Scores along a direction from elsewhere are for the caller to give (TrajectoryInput::stateNumbers). Throws
/// Error(NotFound) naming those there are for a column that no prompt has, and Error(InvalidArgument) for a
/// component that is not there.
/// Linear in the rows.
void colorRows(TrajectoryInput& input, const TraceInfo& info, const TrajectoryOptions& options);
/// The rows that the options ask for, without first tokens where those are not shown: options.rows of the
/// figure. Empty: all rows. Throws Error(InvalidArgument) where none is left.
std::vector<RowIndex> rowsShown(const TraceInfo& info, const TrajectoryOptions& options);
/// Names of the columns that the prompts of a trace have, in order. One pass over the samples.
std::vector<std::string> columnsOf(const TraceInfo& info);
/// The texts of the tokens of the rows, for TrajectoryOptions.
std::map<std::int32_t, std::string> textsOfRows(const TraceInfo& info, const TokenText& textOf);

}  // namespace rheo
