#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

namespace rheo {

/// What to do where the output is already there.
enum class IfExists { Refuse, Replace };

/// An output that appears whole or not at all: write to `temporary()`, then `commit()` renames it
/// into place. Without commit the destructor removes what was written and the old file stays.
class OutputFile {
public:
    /// Throws Error(AlreadyExists) if `path` is there and must not be replaced, Error(NotFound) if
    /// its folder is not there. Creates nothing.
    OutputFile(std::filesystem::path path, IfExists ifExists);
    ~OutputFile();
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;

    const std::filesystem::path& path() const { return m_path; }
    /// A name beside `path()`, on the same file system.
    const std::filesystem::path& temporary() const { return m_temporary; }
    /// Syncs the temporary file and renames it. Throws Error(Io); Error(AlreadyExists) if the
    /// output appeared meanwhile and must not be replaced.
    void commit();

private:
    std::filesystem::path m_path;
    std::filesystem::path m_temporary;
    IfExists m_ifExists;
    bool m_committed = false;
};

/// Calls `write` with the temporary name of an OutputFile, then commits it. Errors that name the temporary
/// file are thrown again with the name that the person knows. Throws as OutputFile and `write` do.
void writeWhole(const std::filesystem::path& path, IfExists ifExists,
                const std::function<void(const std::filesystem::path& temporary)>& write);

/// Writes `contents` as one OutputFile. Throws as OutputFile does, and Error(Io or DiskFull).
void writeFile(const std::filesystem::path& path, std::string_view contents, IfExists ifExists);

/// Whole contents of a file of at most `limit` bytes. Throws Error(NotFound, Io), and
/// Error(Format) for a file that is larger, before reading it.
std::string readFile(const std::filesystem::path& path, std::uintmax_t limit);

}  // namespace rheo
