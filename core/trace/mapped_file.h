#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>

#include "core/base/file_identity.h"
#include "core/base/guarded_mapping.h"

namespace rheo {

/// A file mapped into memory: its bytes are read as they are touched, and never held together. Where the file
/// is cut off meanwhile, bytes that are gone read as zeros, and requireUnchanged() throws.
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
    /// Throws Error(Io) if the file was cut, written or replaced since it was mapped. To be called after its
    /// bytes were used. Not of a file without a name.
    void requireUnchanged() const;
    std::span<std::byte> writable() { return {m_data, m_size}; }  ///< only of a file without a name

private:
    std::filesystem::path m_path;
    std::optional<FileIdentity> m_identity;
    std::byte* m_data = nullptr;
    std::size_t m_size = 0;
    GuardedMapping m_guard;
};

}  // namespace rheo
