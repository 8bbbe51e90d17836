#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>

namespace rheo {

/// Which file a path led to, and in which state: what changes where the file is replaced, cut or written.
struct FileIdentity {
    dev_t device = 0;
    ino_t inode = 0;
    std::int64_t bytes = 0;
    std::int64_t modified = 0;  ///< time of the last write, nanoseconds since 1970

    bool sameFile(const FileIdentity& other) const { return device == other.device && inode == other.inode; }
    friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

/// Of what `path` leads to, symbolic links followed; of an open descriptor. Throws Error(NotFound or Io)
/// naming `path`.
FileIdentity identityOf(const std::filesystem::path& path);
FileIdentity identityOf(int descriptor, const std::filesystem::path& path);

/// Throws Error(Io) naming `path` if it does not lead to `before` any more, or that file was cut or written
/// since. One call of stat().
void requireUnchanged(const std::filesystem::path& path, const FileIdentity& before);
/// The same of an open file, whatever `path` leads to by now: another file in its place changes nothing.
void requireUnchanged(int descriptor, const std::filesystem::path& path, const FileIdentity& before);

/// Throws Error(NotFound) if there is nothing at `path`, Error(Format) if it is a folder, a device, a pipe or
/// a socket. `expected` completes "...is a folder, and EXPECTED was expected".
void requireRegularFile(const std::filesystem::path& path, const char* expected);

}  // namespace rheo
