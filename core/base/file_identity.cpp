#include "core/base/file_identity.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "core/base/error.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

FileIdentity identityOf(const struct stat& status) {
    return {status.st_dev, status.st_ino, static_cast<std::int64_t>(status.st_size),
            std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

Error failed(const fs::path& path) {
    const int cause = errno;
    if (cause == ENOENT || cause == ENOTDIR)
        return {ErrorCode::NotFound, "there is no file " + path.string(), path.string()};
    return {ErrorCode::Io, "cannot read " + path.string() + ": " + std::strerror(cause), path.string()};
}

}  // namespace

FileIdentity identityOf(const fs::path& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) throw failed(path);
    return identityOf(status);
}

FileIdentity identityOf(int descriptor, const fs::path& path) {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) throw failed(path);
    return identityOf(status);
}

namespace {

/// Throws unless `found` is 0 (else `status` says nothing) and the file is as it was.
void requireSame(int found, const struct stat& status, const fs::path& path, const FileIdentity& before) {
    std::string what;
    if (found != 0)
        what = "was removed";
    else if (const FileIdentity now = identityOf(status); !now.sameFile(before))
        what = "was replaced by another file";
    else if (now.bytes != before.bytes)
        what = "changed its size from " + std::to_string(before.bytes) + " to " + std::to_string(now.bytes) +
               " bytes";
    else if (now.modified != before.modified)
        what = "was written to";
    if (!what.empty())
        throw Error(ErrorCode::Io,
                    path.string() + " " + what +
                        " while it was read: nothing that was computed from it can be trusted; run the same "
                        "again once no program writes to it",
                    path.string());
}

}  // namespace

void requireUnchanged(const fs::path& path, const FileIdentity& before) {
    struct stat status {};
    const int found = ::stat(path.c_str(), &status);
    requireSame(found, status, path, before);
}

void requireUnchanged(int descriptor, const fs::path& path, const FileIdentity& before) {
    struct stat status {};
    const int found = ::fstat(descriptor, &status);
    requireSame(found, status, path, before);
}

void requireRegularFile(const fs::path& path, const char* expected) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) throw failed(path);
    if (S_ISREG(status.st_mode)) return;
    throw Error(ErrorCode::Format,
                path.string() +
                    (S_ISDIR(status.st_mode) ? " is a folder, and " : " is not a regular file, and ") +
                    expected + " was expected",
                path.string());
}

}  // namespace rheo
