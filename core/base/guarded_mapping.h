#pragma once

#include <cstddef>
#include <span>

namespace rheo {

/// Watches a mapped file: where it is cut off while it is mapped, touching the bytes that are gone would end
/// the process (SIGBUS). Here they read as zeros instead, and lost() says so: whoever reads a mapping asks
/// afterwards. The first object installs a handler for that signal; one raised elsewhere goes the way it went
/// before. At most 4096 mappings are watched at a time; others are as without.
class GuardedMapping {
public:
    GuardedMapping() = default;
    /// `data` is the beginning of a mapping of `bytes` bytes, which outlives the object.
    GuardedMapping(const void* data, std::size_t bytes);
    ~GuardedMapping();
    GuardedMapping(const GuardedMapping&) = delete;
    GuardedMapping& operator=(const GuardedMapping&) = delete;
    GuardedMapping(GuardedMapping&& other) noexcept;
    GuardedMapping& operator=(GuardedMapping&& other) noexcept;

    /// Whether bytes were asked for that are gone.
    bool lost() const;

private:
    int m_slot = -1;
};

/// Tells the system that the mapped `bytes` are not needed for now, so that a file that was read through does
/// not count as memory of the process; touched again, they are as they were. Only for bytes
/// of a mapped file: others would be lost.
void forgetPages(std::span<const std::byte> bytes);

}  // namespace rheo
