#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace rheo {

/// A file mapped into memory: its bytes are read as they are touched, and never held together.
class MappedFile {
public:
    /// Throws Error(NotFound or Io) naming the file; it must be a regular one.
    explicit MappedFile(const std::filesystem::path& path);
    /// A file of `bytes` bytes, to be filled, that has no name and goes with the object. Its space is taken
    /// at once, on the disk of `folder`: throws Error(DiskFull or Io).
    MappedFile(const std::filesystem::path& folder, std::int64_t bytes);
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    std::span<const std::byte> bytes() const { return {m_data, m_size}; }
    std::span<std::byte> writable() { return {m_data, m_size}; }  ///< only of a file without a name

private:
    std::byte* m_data = nullptr;
    std::size_t m_size = 0;
};

/// Tells the system that the mapped `bytes` are not needed for now, so that a file that was read through does
/// not count as memory of the process; touched again, they are as they were. Not for bytes that are not of a
/// file.
void forgetPages(std::span<const std::byte> bytes);

}  // namespace rheo
