#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rheo {

/// A table as Markdown writes it, its cells without the spaces around them.
struct MarkdownTable {
    std::vector<std::string> header;
    std::vector<std::vector<std::string>> rows;  ///< each at least one cell
};

/// All tables of a text, in order.
std::vector<MarkdownTable> tablesOf(std::string_view markdown);

/// "| a | b |" as {"a", "b"}; `\|` is no end of a cell.
std::vector<std::string> cellsOf(std::string_view line);

/// Targets of the links of a Markdown text, in order; none from code.
std::vector<std::string> linksOf(std::string_view markdown);

/// A Markdown text for a terminal: lines of at most `width` columns (code and what cannot be broken may be
/// longer), tables as lists, without marks of emphasis and links.
std::string plainText(std::string_view markdown, std::size_t width = 80);

}  // namespace rheo
