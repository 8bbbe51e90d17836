#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace rheo {

/// What to do where the output is already there.
enum class IfExists { Refuse, Replace };

/// An output that appears whole or not at all: write to `temporary()`, then `commit()` gives it its name.
/// Without commit nothing is left and the old file stays, even if the process is killed: the temporary file
/// has no name (O_TMPFILE) where the file system can do that. Elsewhere it is `.NAME.PID.HOST.part` beside
/// the output; such files of processes of this machine that ended are removed by the next OutputFile of that
/// name.
///
/// A symbolic link at `path` is followed: what it leads to is replaced, and the link stays.
class OutputFile {
public:
    /// Throws as requireOutput, and Error(Io) where no file can be made.
    OutputFile(const std::filesystem::path& path, IfExists ifExists);
    ~OutputFile();
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;
    OutputFile(OutputFile&& other) noexcept;
    OutputFile& operator=(OutputFile&&) = delete;

    /// As it was given.
    const std::filesystem::path& path() const { return m_path; }
    /// A name by which this process can open what is to be written, on the file system of the output.
    const std::filesystem::path& temporary() const { return m_temporary; }
    /// Syncs what was written and gives it its name. Throws Error(Io or DiskFull); Error(AlreadyExists) if
    /// the output appeared meanwhile and must not be replaced.
    void commit();

private:
    std::filesystem::path m_path;
    std::filesystem::path m_target;  ///< m_path with symbolic links followed
    std::filesystem::path m_temporary;
    IfExists m_ifExists;
    int m_descriptor = -1;  ///< of the file without a name; -1 where it has one
    bool m_done = false;
};

/// Checks an output before anything is computed for it; makes nothing. Throws Error(AlreadyExists) if `path`
/// is there and must not be replaced, Error(NotFound) if its folder is not there, Error(InvalidArgument) if
/// it names a folder, a device, a pipe or a socket, or one of `inputs` (the same file, whatever its name), or
/// a file in a folder among `inputs`. Inputs that are empty or absent are passed over.
void requireOutput(const std::filesystem::path& path, IfExists ifExists,
                   const std::vector<std::filesystem::path>& inputs = {});

/// Calls `write` with the temporary name of an OutputFile, then commits it. Errors that name the temporary
/// file are thrown again with the name that the user knows. Throws as OutputFile and `write` do.
void writeWhole(const std::filesystem::path& path, IfExists ifExists,
                const std::function<void(const std::filesystem::path& temporary)>& write);

struct FileContents {
    std::filesystem::path path;
    std::string contents;
};

/// Writes files that belong together: none gets its name before all are on the disk. Throws as OutputFile
/// does, and Error(Io or DiskFull).
void writeFiles(const std::vector<FileContents>& files, IfExists ifExists);

/// Writes `contents` as one OutputFile. Throws as writeFiles does.
void writeFile(const std::filesystem::path& path, std::string_view contents, IfExists ifExists);

/// Whole contents of a file of at most `limit` bytes. Throws Error(NotFound, Io), and
/// Error(Format) for a file that is larger, before reading it.
std::string readFile(const std::filesystem::path& path, std::uintmax_t limit);

}  // namespace rheo
