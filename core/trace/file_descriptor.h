#pragma once

#include <fcntl.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace rheo {

/// An open regular file, read and written at given offsets; safe to use from several threads.
class FileDescriptor {
public:
    /// Errors name `shown`, or `path` where it is empty. Throws Error(NotFound or Io).
    explicit FileDescriptor(const std::filesystem::path& path, int flags = O_RDONLY,
                            const std::filesystem::path& shown = {});
    ~FileDescriptor();
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;

    int number() const { return m_number; }
    /// Fills `out` with the bytes from `offset` on. Throws Error(Io), also where the file ends before.
    void readExact(std::int64_t offset, std::span<std::byte> out) const;
    /// Throws Error(Io or DiskFull).
    void writeExact(std::int64_t offset, std::span<const std::byte> bytes) const;

private:
    std::filesystem::path m_path;
    int m_number;
};

}  // namespace rheo
