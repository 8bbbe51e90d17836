#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The manual: topics in Markdown (resources/help), read by `rheo help` and by the window. index.md lists
/// them in order. A heading may end with a name in code, `## Lens map (`lens_map`)`, by which programs and
/// links find it. A line `{{analyses: group density}}` stands for the row `density` of the table of
/// analyses.md whose first column is headed "group": each definition is written once.
namespace rheo {

/// What stands under one heading.
struct ManualSection {
    int level = 1;       ///< of the heading; 1 is a topic's own
    std::string title;   ///< "Lens map"
    std::string key;     ///< the name in code: "lens_map"; or empty
    std::string anchor;  ///< that links name: the key, else the title in lower case with '-' between words
    std::string text;    ///< Markdown, with the heading
};

struct ManualTopic {
    std::string name;                     ///< of its file: "views"
    std::string title;                    ///< "Views"
    std::string summary;                  ///< one line
    std::vector<ManualSection> sections;  ///< the first begins the topic

    /// All of it, as Markdown.
    std::string text() const;
};

struct Manual {
    std::vector<ManualTopic> topics;  ///< in the order of index.md, which is the first
};

/// A section of the manual that is read.
struct ManualPlace {
    const ManualTopic* topic = nullptr;
    const ManualSection* section = nullptr;

    bool isWholeTopic() const { return section == &topic->sections.front(); }
    /// "views#lens_map", or "views" for the beginning.
    std::string address() const;
};

/// Reads all topics of `folder`. Throws Error(NotFound) for a folder without index.md or with a topic
/// missing, Error(Format) for a row of analyses.md that is not there. Takes milliseconds.
Manual readManual(const std::filesystem::path& folder);

/// nullptr where there is none of this name.
const ManualTopic* findTopic(const Manual& manual, std::string_view name);

/// "views", "views#lens_map": none where there is no such place.
std::optional<ManualPlace> findPlace(const Manual& manual, std::string_view address);

/// Sections about a name in code, in order: a view, a statistic and a finding may share one.
std::vector<ManualPlace> placesAbout(const Manual& manual, std::string_view key);

/// Where a link of `from` leads: "views.md#pca", "nulls.md" or "#edits". None for one that leads out of the
/// manual.
std::optional<ManualPlace> followLink(const Manual& manual, const ManualTopic& from, std::string_view link);

/// Sections that hold all `words` (any case, in title or text), those with one in the title first. None for
/// no words.
std::vector<ManualPlace> searchManual(const Manual& manual, std::string_view words);

}  // namespace rheo
