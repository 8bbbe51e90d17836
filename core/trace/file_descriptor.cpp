#include "core/trace/file_descriptor.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/error.h"
#include "core/base/failure.h"

namespace rheo {

FileDescriptor::FileDescriptor(const std::filesystem::path& path, int flags,
                               const std::filesystem::path& shown)
    : m_path(shown.empty() ? path : shown), m_number(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK)) {
    if (m_number < 0)
        throw Error(errno == ENOENT ? ErrorCode::NotFound : ErrorCode::Io,
                    fmt::format("cannot open {}: {}", m_path.string(), std::strerror(errno)),
                    m_path.string());
}

FileDescriptor::~FileDescriptor() {
    ::close(m_number);
}

void FileDescriptor::readExact(std::int64_t offset, std::span<std::byte> out) const {
    while (!out.empty()) {
        const ssize_t got = ::pread(m_number, out.data(), out.size(), offset);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0)
            throw Error(ErrorCode::Io,
                        fmt::format("reading {} at byte {} failed: {}", m_path.string(), offset,
                                    got == 0 ? "the file ends there; it was cut off" : std::strerror(errno)),
                        m_path.string());
        out = out.subspan(static_cast<std::size_t>(got));
        offset += got;
    }
}

void FileDescriptor::writeExact(std::int64_t offset, std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
        const ssize_t put = ::pwrite(m_number, bytes.data(), bytes.size(), offset);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0)
            throw Error(errorCodeOfErrno(errno),
                        fmt::format("writing {} failed: {}{}", m_path.string(), std::strerror(errno),
                                    adviceOfErrno(errno)),
                        m_path.string());
        bytes = bytes.subspan(static_cast<std::size_t>(put));
        offset += put;
    }
}

}  // namespace rheo
