#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/session/session.h"

namespace rheo {

/// What becomes of traces and results that have files of their own.
enum class FilesOutside {
    Named,   ///< they are named by path and digest
    Copied,  ///< they become parts of the session
};

/// What a session file holds, lying in a folder: `session.json`, and one file for each part of the document
/// that no file of its own holds (rows that were captured, results, teleports, a basis). Everything else is
/// named by path and digest. Used from one thread at a time.
///
/// write() makes files only for what is new since the last one, and replaces session.json at the very end, so
/// that a process that is killed leaves the session as it was before or as it is now.
class SessionFolder {
public:
    static constexpr const char* indexName = "session.json";

    /// A folder that is there.
    explicit SessionFolder(std::filesystem::path folder) : m_folder(std::move(folder)) {}

    const std::filesystem::path& path() const { return m_folder; }

    /// Brings the folder up to date. Throws Error(Io, DiskFull). Cost: the bytes of what is new, and a digest
    /// of each results file that is new to it.
    void write(const Session& session, Progress& progress, FilesOutside outside = FilesOutside::Named);

    /// Reads what write() left. Relative names of files begin at `base`, where the session file lies that the
    /// folder was unpacked from. Throws SessionSourceError for a file that is missing or another than it was,
    /// unless `moved` says where it is now; Error(Format) naming the field, Error(Unsupported) for a session
    /// of a newer version. Cost: opens each trace, reads results, teleports and scores.
    Session read(const Relocations& moved, const std::filesystem::path& base, Progress& progress);

    /// Traces in memory whose rows lie in one part, one after the other.
    using TracesInMemory = std::vector<std::shared_ptr<const Trace>>;

    /// A new name for a part.
    std::string newPart(const char* kind, const char* suffix);
    /// The part that holds a value; empty: none does.
    std::string partOf(const std::shared_ptr<const void>& value) const;
    /// `name` holds `value`, which was read from it.
    void hold(std::shared_ptr<const void> value, const std::string& name) { m_held[std::move(value)] = name; }
    /// The newest traces that hold() was told of; null: none.
    std::shared_ptr<const TracesInMemory> rowsHeld() const { return m_rowsHeld; }
    void setRowsHeld(std::shared_ptr<const TracesInMemory> traces) { m_rowsHeld = std::move(traces); }
    /// Digest of a file outside, taken once.
    const std::string& digestOf(const std::filesystem::path& file);

private:
    void removeAllBut(const std::set<std::string>& parts);

    std::filesystem::path m_folder;
    int m_last = 0;  ///< number of the newest part
    /// By value. The pointers keep the values, so that an address cannot come to name another.
    std::map<std::shared_ptr<const void>, std::string> m_held;
    std::shared_ptr<const TracesInMemory> m_rowsHeld;
    std::set<std::string> m_own;  ///< parts written here, which nothing reads
    std::map<std::filesystem::path, std::string> m_digests;
};

/// What a session holds, without reading its parts.
struct SessionSummary {
    std::int64_t rows = 0, teleports = 0;
    std::string title;  ///< of its trace, prompts or model; may be empty
    std::string saved;  ///< when, ISO 8601 in UTC
};
/// Throws Error(NotFound, Format, Unsupported) for an index that cannot be read.
SessionSummary describeSession(const std::filesystem::path& folder);
/// The same of the text of an index; `shownAs` names it in messages.
SessionSummary summaryOfIndex(const std::string& text, const std::filesystem::path& shownAs);

/// The index of a folder as text, and the names of the parts that it names.
struct SessionIndex {
    std::string json;
    std::vector<std::string> parts;
};
/// With names of files outside relative to `base` beside the absolute ones. Throws as describeSession.
SessionIndex indexFor(const std::filesystem::path& folder, const std::filesystem::path& base);

}  // namespace rheo
