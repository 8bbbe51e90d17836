#include "app/markdown.h"

#include <algorithm>
#include <optional>
#include <sstream>

namespace rheo {

namespace {

std::string trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

bool isRow(std::string_view line) {
    return line.starts_with('|');
}
/// The line below a header: "|---|---|".
bool isRule(std::string_view line) {
    return isRow(line) && line.find('-') != std::string_view::npos &&
           line.find_first_not_of("|-: ") == std::string_view::npos;
}
bool isCode(std::string_view line) {
    return line.starts_with("    ");
}
bool isHeading(std::string_view line) {
    return line.starts_with('#');
}
/// Where the text of a list item begins: after "- " or "12. "; 0 where it is none.
std::size_t itemText(std::string_view line) {
    if (line.starts_with("- ")) return 2;
    const auto digits = line.find_first_not_of("0123456789");
    if (digits == 0 || digits == std::string_view::npos || !line.substr(digits).starts_with(". ")) return 0;
    return digits + 2;
}

/// A link at `at`: "[text](target)".
struct Link {
    std::string_view text, target;
    std::size_t end;
};
std::optional<Link> linkAt(std::string_view text, std::size_t at) {
    if (text[at] != '[') return std::nullopt;
    const auto middle = text.find("](", at);
    const auto next = text.find('[', at + 1);
    if (middle == std::string_view::npos || next < middle) return std::nullopt;
    const auto end = text.find(')', middle);
    if (end == std::string_view::npos) return std::nullopt;
    return Link{text.substr(at + 1, middle - at - 1), text.substr(middle + 2, end - middle - 2), end + 1};
}

/// Without code spans' ticks, stars around words, and the targets of links.
std::string withoutMarks(std::string_view text) {
    std::string plain;
    bool inCode = false;
    for (std::size_t i = 0; i < text.size();) {
        if (text[i] == '`') {
            inCode = !inCode;
            ++i;
        } else if (inCode) {
            plain += text[i++];
        } else if (text.substr(i).starts_with("\\|")) {
            plain += '|';
            i += 2;
        } else if (const auto link = linkAt(text, i)) {
            plain += withoutMarks(link->text);
            i = link->end;
        } else if (text[i] == '*') {
            const bool alone = (i == 0 || text[i - 1] == ' ') && i + 1 < text.size() && text[i + 1] == ' ';
            if (alone) plain += '*';
            ++i;
        } else {
            plain += text[i++];
        }
    }
    return plain;
}

/// Columns that UTF-8 takes, one a code point.
std::size_t columnsOf(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

/// `text` in lines of at most `width`; the first begins with `first`, the others with as many spaces.
std::string wrapped(const std::string& text, const std::string& first, std::size_t width) {
    std::string out = first;
    std::size_t column = columnsOf(first);
    const std::size_t indent = column;
    bool begins = true;
    std::istringstream in(text);
    for (std::string word; in >> word; begins = false) {
        const std::size_t length = columnsOf(word);
        if (!begins && column + 1 + length > width) {
            out += '\n' + std::string(indent, ' ');
            column = indent;
        } else if (!begins) {
            out += ' ';
            ++column;
        }
        out += word;
        column += length;
    }
    return out + '\n';
}

/// A table as a list: what has one column of text to the right of another has no room in a terminal.
std::string listOf(const MarkdownTable& table, std::size_t width) {
    std::string out;
    for (const auto& row : table.rows) {
        out += wrapped(withoutMarks(row.front()), "- ", width);
        for (std::size_t i = 1; i < row.size(); ++i) {
            if (row[i].empty()) continue;
            const std::string head = i < table.header.size() && !table.header[i].empty()
                                         ? withoutMarks(table.header[i]) + ": "
                                         : std::string();
            out += wrapped(head + withoutMarks(row[i]), "    ", width);
        }
    }
    return out;
}

/// Goes over a text line by line and prints block after block.
class PlainPrinter {
public:
    explicit PlainPrinter(std::size_t width) : m_width(width) {}

    void add(const std::string& line) {
        if (isRow(line)) {
            endParagraph();
            m_table.push_back(line);
            return;
        }
        endTable();
        const bool insideItem = !m_text.empty() && !m_lead.empty();
        if (line.empty() || (isCode(line) && !insideItem) || isHeading(line)) {
            endParagraph();
            addAsItIs(line);
        } else if (const auto text = itemText(line); text > 0) {
            endParagraph();
            m_lead = line.substr(0, text);
            m_text = line.substr(text);
        } else {
            m_text += (m_text.empty() ? "" : " ") + trimmed(line);
        }
    }
    std::string finish() {
        endParagraph();
        endTable();
        return std::move(m_out);
    }

private:
    void addAsItIs(const std::string& line) {
        if (isHeading(line)) {
            const auto level = line.find_first_not_of('#');
            const std::string title = withoutMarks(trimmed(std::string_view(line).substr(level)));
            m_out += title + '\n' + std::string(columnsOf(title), level == 1 ? '=' : '-') + '\n';
        } else {
            m_out += line + '\n';
        }
    }
    void endParagraph() {
        if (!m_text.empty()) m_out += wrapped(withoutMarks(m_text), m_lead, m_width);
        m_text.clear();
        m_lead.clear();
    }
    void endTable() {
        if (m_table.empty()) return;
        std::string text;
        for (const auto& line : m_table) text += line + '\n';
        for (const auto& table : tablesOf(text)) m_out += listOf(table, m_width);
        m_table.clear();
    }

    std::size_t m_width;
    std::string m_out, m_text, m_lead;
    std::vector<std::string> m_table;
};

}  // namespace

std::vector<std::string> cellsOf(std::string_view line) {
    std::vector<std::string> cells;
    std::string cell;
    for (std::size_t i = 1; i < line.size(); ++i) {
        if (line[i] == '|' && line[i - 1] != '\\') {
            cells.push_back(trimmed(cell));
            cell.clear();
        } else {
            cell += line[i];
        }
    }
    if (!trimmed(cell).empty()) cells.push_back(trimmed(cell));
    return cells;
}

std::vector<MarkdownTable> tablesOf(std::string_view markdown) {
    std::vector<MarkdownTable> tables;
    std::istringstream in{std::string(markdown)};
    std::string before;
    bool inside = false;
    for (std::string line; std::getline(in, line); before = line) {
        if (isRule(line) && isRow(before)) {
            tables.push_back({cellsOf(before), {}});
            inside = true;
        } else if (inside && isRow(line)) {
            if (auto cells = cellsOf(line); !cells.empty()) tables.back().rows.push_back(std::move(cells));
        } else {
            inside = false;
        }
    }
    return tables;
}

std::vector<std::string> linksOf(std::string_view markdown) {
    std::vector<std::string> links;
    std::istringstream in{std::string(markdown)};
    for (std::string line; std::getline(in, line);) {
        if (isCode(line)) continue;
        bool inCode = false;
        for (std::size_t i = 0; i < line.size(); ++i) {
            if (line[i] == '`') inCode = !inCode;
            if (inCode) continue;
            if (const auto link = linkAt(line, i)) links.emplace_back(link->target);
        }
    }
    return links;
}

std::string plainText(std::string_view markdown, std::size_t width) {
    PlainPrinter printer(width);
    std::istringstream in{std::string(markdown)};
    for (std::string line; std::getline(in, line);) printer.add(line);
    return printer.finish();
}

}  // namespace rheo
