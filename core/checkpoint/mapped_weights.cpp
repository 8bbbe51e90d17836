#include "core/checkpoint/mapped_weights.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/error.h"

namespace rheo {

MappedWeights::MappedWeights(const std::filesystem::path& path) : m_path(path) {
    const auto fail = [&](const std::string& why) -> Error {
        return {errno == ENOENT ? ErrorCode::NotFound : ErrorCode::Io,
                fmt::format("cannot read {}: {}", path.string(), why), path.string()};
    };
    const int handle = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (handle < 0) throw fail(std::strerror(errno));
    struct Closer {
        int handle;
        ~Closer() {
            if (handle >= 0) ::close(handle);
        }
    } closer{handle};

    struct stat status {};
    if (::fstat(handle, &status) != 0) throw fail(std::strerror(errno));
    errno = 0;
    if (!S_ISREG(status.st_mode)) throw fail("it is not a regular file");
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size == 0) return;
    void* mapping = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, handle, 0);
    if (mapping == MAP_FAILED) throw fail(std::strerror(errno));
    try {
        m_identity = identityOf(handle, path);
    } catch (...) {
        ::munmap(mapping, size);
        throw;
    }
    m_mapping = mapping;
    m_descriptor = std::exchange(closer.handle, -1);
    m_guard = GuardedMapping(mapping, size);
    m_bytes = {static_cast<const std::byte*>(mapping), size};
}

MappedWeights::MappedWeights(std::span<const std::byte> bytes, std::filesystem::path name)
    : m_path(std::move(name)), m_bytes(bytes) {}

MappedWeights::~MappedWeights() {
    m_guard = {};
    if (m_mapping != nullptr) ::munmap(m_mapping, m_bytes.size());
    if (m_descriptor >= 0) ::close(m_descriptor);
}

void MappedWeights::requireUnchanged() const {
    if (m_identity) rheo::requireUnchanged(m_path, *m_identity);
    requireWhole();
}

void MappedWeights::requireUnwritten() const {
    requireWhole();
    if (m_identity) rheo::requireUnchanged(m_descriptor, m_path, *m_identity);
}

void MappedWeights::requireWhole() const {
    if (m_guard.lost())
        throw Error(
            ErrorCode::Io,
            fmt::format("{} was cut off while it was used; put it back and start again", m_path.string()),
            m_path.string());
}

}  // namespace rheo
