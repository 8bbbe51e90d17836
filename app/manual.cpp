#include "app/manual.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <utility>

#include "app/markdown.h"
#include "core/base/error.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

/// The table of analyses.md with this first column.
using Tables = std::vector<MarkdownTable>;

std::string readText(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in)
        throw Error(ErrorCode::NotFound,
                    "the manual is not there: " + file.string() +
                        " cannot be read; install the program again, or name the folder of its files in "
                        "RHEO_RESOURCES",
                    file.string());
    return {std::istreambuf_iterator<char>(in), {}};
}

/// "`sign_flip`: an independent sign" as {"sign_flip", "an independent sign"}.
std::pair<std::string, std::string> splitKey(const std::string& cell) {
    if (!cell.starts_with('`')) return {};
    const auto end = cell.find('`', 1);
    if (end == std::string::npos) return {};
    const auto rest = cell.find_first_not_of(" :", end + 1);
    return {cell.substr(1, end - 1), rest == std::string::npos ? std::string() : cell.substr(rest)};
}

/// The row `key` of the table headed `column`, as a list of its cells.
std::string definitionOf(const Tables& tables, const std::string& column, const std::string& key) {
    for (const MarkdownTable& table : tables) {
        if (table.header.empty() || table.header.front() != column) continue;
        for (const auto& row : table.rows) {
            const auto [name, rest] = splitKey(row.front());
            if (name != key) continue;
            std::string text = "**Definition**\n\n";
            if (!rest.empty()) text += "- " + rest + "\n";
            for (std::size_t i = 1; i < row.size() && i < table.header.size(); ++i)
                text += "- **" + table.header[i] + "**: " + row[i] + "\n";
            return text;
        }
    }
    throw Error(ErrorCode::Format, "analyses.md has no row " + key + " in a table headed " + column, key);
}

/// Lines `{{analyses: COLUMN KEY}}` replaced.
std::string withDefinitions(const std::string& text, const Tables& tables) {
    std::string out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        constexpr std::string_view begin = "{{analyses: ", end = "}}";
        if (line.starts_with(begin) && line.ends_with(end)) {
            std::istringstream words(line.substr(begin.size(), line.size() - begin.size() - end.size()));
            std::string column, key;
            words >> column >> key;
            line = definitionOf(tables, column, key);
        }
        out += line + '\n';
    }
    return out;
}

std::string inLowerCase(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return lower;
}

/// As repositories make anchors of headings.
std::string anchorOf(std::string_view title) {
    std::string anchor;
    for (const char c : inLowerCase(title)) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) || c == '-' || c == '_' || byte >= 0x80)
            anchor += c;
        else if (c == ' ')
            anchor += '-';
    }
    return anchor;
}

ManualSection sectionOf(const std::string& heading) {
    ManualSection section;
    section.level = static_cast<int>(heading.find_first_not_of('#'));
    section.title = heading.substr(heading.find_first_not_of("# "));
    if (section.title.ends_with("`)"))
        if (const auto open = section.title.rfind(" (`"); open != std::string::npos) {
            section.key = section.title.substr(open + 3, section.title.size() - open - 5);
            section.title.resize(open);
        }
    section.anchor = section.key.empty() ? anchorOf(section.title) : section.key;
    return section;
}

std::vector<ManualSection> sectionsOf(const std::string& text) {
    std::vector<ManualSection> sections;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with('#') && line.find_first_not_of("# ") != std::string::npos)
            sections.push_back(sectionOf(line));
        if (!sections.empty()) sections.back().text += line + '\n';
    }
    return sections;
}

ManualTopic readTopic(const fs::path& folder, const std::string& name, const std::string& summary,
                      const Tables& tables) {
    ManualTopic topic{
        name, {}, summary, sectionsOf(withDefinitions(readText(folder / (name + ".md")), tables))};
    if (topic.sections.empty())
        throw Error(ErrorCode::Format, "the manual's topic " + name + " has no heading", name);
    topic.title = topic.sections.front().title;
    return topic;
}

bool holdsAll(const std::string& text, const std::vector<std::string>& words) {
    return std::all_of(words.begin(), words.end(),
                       [&](const std::string& word) { return text.find(word) != std::string::npos; });
}

}  // namespace

std::string ManualTopic::text() const {
    std::string all;
    for (const auto& section : sections) all += section.text;
    return all;
}

std::string ManualPlace::address() const {
    return isWholeTopic() ? topic->name : topic->name + "#" + section->anchor;
}

Manual readManual(const fs::path& folder) {
    const std::string index = readText(folder / "index.md");
    const Tables tables = tablesOf(readText(folder / "analyses.md"));
    Manual manual;
    manual.topics.push_back(readTopic(folder, "index", "contents of this manual", tables));
    std::istringstream in(index);
    for (std::string line; std::getline(in, line);) {  // - [Views](views.md): what each shows
        const auto open = line.find("]("), close = line.find(".md)");
        if (!line.starts_with("- [") || open == std::string::npos || close == std::string::npos) continue;
        const auto summary = line.find_first_not_of(": ", close + 4);
        manual.topics.push_back(readTopic(folder, line.substr(open + 2, close - open - 2),
                                          summary == std::string::npos ? "" : line.substr(summary), tables));
    }
    return manual;
}

const ManualTopic* findTopic(const Manual& manual, std::string_view name) {
    for (const auto& topic : manual.topics)
        if (topic.name == name) return &topic;
    return nullptr;
}

std::optional<ManualPlace> findPlace(const Manual& manual, std::string_view address) {
    const auto mark = address.find('#');
    const ManualTopic* topic = findTopic(manual, address.substr(0, mark));
    if (topic == nullptr) return std::nullopt;
    if (mark == std::string_view::npos) return ManualPlace{topic, &topic->sections.front()};
    for (const auto& section : topic->sections)
        if (section.anchor == address.substr(mark + 1)) return ManualPlace{topic, &section};
    return std::nullopt;
}

std::vector<ManualPlace> placesAbout(const Manual& manual, std::string_view key) {
    std::vector<ManualPlace> places;
    for (const auto& topic : manual.topics)
        for (const auto& section : topic.sections)
            if (!key.empty() && section.key == key) places.push_back({&topic, &section});
    return places;
}

std::optional<ManualPlace> followLink(const Manual& manual, const ManualTopic& from, std::string_view link) {
    if (link.starts_with('#')) return findPlace(manual, from.name + std::string(link));
    const auto end = link.find(".md");
    if (end == std::string_view::npos || link.find(':') != std::string_view::npos) return std::nullopt;
    return findPlace(manual, std::string(link.substr(0, end)) + std::string(link.substr(end + 3)));
}

std::vector<ManualPlace> searchManual(const Manual& manual, std::string_view words) {
    std::istringstream in(inLowerCase(words));
    std::vector<std::string> wanted;
    for (std::string word; in >> word;) wanted.push_back(word);
    if (wanted.empty()) return {};
    std::vector<ManualPlace> places;
    for (const auto& topic : manual.topics)
        for (const auto& section : topic.sections)
            if (holdsAll(inLowerCase(section.text), wanted)) places.push_back({&topic, &section});
    std::stable_partition(places.begin(), places.end(), [&](const ManualPlace& place) {
        const std::string heading = inLowerCase(place.section->title + " " + place.section->key);
        return std::any_of(wanted.begin(), wanted.end(),
                           [&](const std::string& word) { return heading.find(word) != std::string::npos; });
    });
    return places;
}

}  // namespace rheo
