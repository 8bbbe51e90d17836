#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>

#include "core/base/file_identity.h"
#include "core/base/guarded_mapping.h"

namespace rheo {

/// A file of weights, mapped into memory for reading; or bytes in memory that stand for one. Nothing is read
/// until someone touches `bytes`.
class MappedWeights {
public:
    MappedWeights() = default;
    /// Throws Error(NotFound or Io) naming `path` if it cannot be mapped, or is no regular file.
    explicit MappedWeights(const std::filesystem::path& path);
    /// `bytes` must outlive the object; `name` is for messages.
    MappedWeights(std::span<const std::byte> bytes, std::filesystem::path name);
    ~MappedWeights();
    MappedWeights(const MappedWeights&) = delete;
    MappedWeights& operator=(const MappedWeights&) = delete;

    const std::filesystem::path& path() const { return m_path; }
    std::span<const std::byte> bytes() const { return m_bytes; }
    /// Throws Error(Io) if the mapped file was cut, written or replaced since it was opened. To be called
    /// after its bytes were used.
    void requireUnchanged() const;
    /// The same of the file that is mapped: another one in its place changes nothing. A few microseconds.
    void requireUnwritten() const;
    /// Throws Error(Io) if bytes were used that are gone, because the file was cut off. Costs nothing.
    void requireWhole() const;

private:
    std::filesystem::path m_path;
    std::span<const std::byte> m_bytes;
    void* m_mapping = nullptr;
    int m_descriptor = -1;
    std::optional<FileIdentity> m_identity;  ///< of a mapped file
    GuardedMapping m_guard;
};

}  // namespace rheo
