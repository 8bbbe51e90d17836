#include "core/trace/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/base/error.h"
#include "core/base/failure.h"

namespace rheo {

namespace {

struct Descriptor {
    int number;
    ~Descriptor() {
        if (number >= 0) ::close(number);
    }
};

std::byte* map(int file, std::size_t size, int protection, const std::string& name) {
    if (size == 0) return nullptr;
    void* mapping = ::mmap(nullptr, size, protection, MAP_SHARED, file, 0);
    if (mapping == MAP_FAILED)
        throw Error(ErrorCode::Io, fmt::format("cannot map {}: {}", name, std::strerror(errno)), name);
    return static_cast<std::byte*>(mapping);
}

/// A file in `folder` that nothing but this process can see, or -1.
int openUnnamed(const std::filesystem::path& folder) {
    const int file = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file >= 0) return file;
    // Not every file system knows files without a name: one that is unlinked at once is as good.
    std::string name = (folder / ".rheo-unpack-XXXXXX").string();
    const int named = ::mkostemp(name.data(), O_CLOEXEC);
    if (named >= 0) ::unlink(name.c_str());
    return named;
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
    const auto fail = [&](const std::string& why) -> Error {
        return {errno == ENOENT ? ErrorCode::NotFound : ErrorCode::Io,
                fmt::format("cannot read {}: {}", path.string(), why), path.string()};
    };
    // Without O_NONBLOCK a pipe would keep the program waiting for somebody to write.
    const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (file.number < 0) throw fail(std::strerror(errno));
    struct stat status {};
    if (::fstat(file.number, &status) != 0) throw fail(std::strerror(errno));
    errno = 0;
    if (!S_ISREG(status.st_mode)) throw fail("it is not a regular file");
    m_size = static_cast<std::size_t>(status.st_size);
    m_path = path;
    m_identity = identityOf(file.number, path);
    m_data = map(file.number, m_size, PROT_READ, path.string());
    m_guard = GuardedMapping(m_data, m_size);
}

void MappedFile::requireUnchanged() const {
    if (m_identity) rheo::requireUnchanged(m_path, *m_identity);
    if (m_guard.lost())
        throw Error(ErrorCode::Io, fmt::format("{} was cut off while it was read", m_path.string()),
                    m_path.string());
}

MappedFile::MappedFile(const std::filesystem::path& folder, std::int64_t bytes) {
    const std::string name = "a temporary file in " + folder.string();
    const Descriptor file{openUnnamed(folder)};
    if (file.number < 0)
        throw Error(ErrorCode::Io, fmt::format("cannot make {}: {}", name, std::strerror(errno)),
                    folder.string());
    if (const int failed = bytes > 0 ? ::posix_fallocate(file.number, 0, bytes) : 0; failed != 0)
        throw Error(errorCodeOfErrno(failed),
                    fmt::format("{} cannot have the {} bytes that unpacking needs: {}{}", name, bytes,
                                std::strerror(failed), adviceOfErrno(failed)),
                    folder.string());
    m_size = static_cast<std::size_t>(bytes);
    m_data = map(file.number, m_size, PROT_READ | PROT_WRITE, name);
}

MappedFile::~MappedFile() {
    m_guard = {};
    if (m_data != nullptr) ::munmap(m_data, m_size);
}

}  // namespace rheo
