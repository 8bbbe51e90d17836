#include "core/base/output_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>

#include "core/base/error.h"
#include "core/base/failure.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void throwExists(const fs::path& path) {
    throw Error(ErrorCode::AlreadyExists,
                path.string() + " is already there; choose another name, or replace it (--force)",
                path.string());
}

[[noreturn]] void throwSystem(const fs::path& path, int cause) {
    throw Error(errorCodeOfErrno(cause),
                "cannot write " + path.string() + ": " + std::strerror(cause) + adviceOfErrno(cause),
                path.string());
}

/// Where writing to `path` would go: symbolic links are followed, also to what is not there yet.
fs::path followLinks(fs::path path) {
    constexpr int mostLinks = 40;  // as the system follows
    std::error_code failed;
    for (int i = 0; i < mostLinks && fs::is_symlink(path, failed); ++i) {
        const fs::path target = fs::read_symlink(path, failed);
        if (failed) break;
        path = target.is_absolute() ? target : path.parent_path() / target;
    }
    return path;
}

fs::path folderOf(const fs::path& path) {
    return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

bool isSameFile(const struct stat& one, const fs::path& other) {
    struct stat status {};
    return ::stat(other.c_str(), &status) == 0 && status.st_dev == one.st_dev && status.st_ino == one.st_ino;
}

/// The input that is the file `output`, or holds it; empty if none is.
fs::path inputThatIs(const struct stat& output, const std::vector<fs::path>& inputs) {
    std::error_code failed;
    for (const auto& input : inputs) {
        if (input.empty()) continue;
        if (isSameFile(output, input)) return input;
        if (!fs::is_directory(input, failed)) continue;
        for (fs::directory_iterator entry(input, failed), end; !failed && entry != end;
             entry.increment(failed))
            if (isSameFile(output, entry->path())) return entry->path();
    }
    return {};
}

std::string hostName() {
    char name[65] = {};
    return ::gethostname(name, sizeof name - 1) == 0 ? name : "localhost";
}

std::string partPrefix(const fs::path& target) {
    std::string prefix(1, '.');
    return prefix.append(target.filename().string(), 0, 150).append(1, '.');
}

/// Whether `name` is a temporary file of the output with this prefix, made on this machine (`.PID.HOST.part`,
/// or without the host as earlier versions named them) by a process that has ended.
bool isStalePart(const std::string& name, const std::string& prefix) {
    if (!name.starts_with(prefix) || !name.ends_with(".part")) return false;
    const std::string middle = name.substr(prefix.size(), name.size() - prefix.size() - 5);
    const std::size_t digits = std::min(middle.find_first_not_of("0123456789"), middle.size());
    if (digits == 0 || digits > 9) return false;
    const std::string host = middle.substr(std::min(digits + 1, middle.size()));
    if (!host.empty() && host != hostName()) return false;
    return ::kill(static_cast<pid_t>(std::stol(middle.substr(0, digits))), 0) != 0 && errno == ESRCH;
}

void removeStaleParts(const fs::path& target) {
    const std::string prefix = partPrefix(target);
    std::vector<fs::path> stale;
    std::error_code failed;
    for (fs::directory_iterator entry(folderOf(target), failed), end; !failed && entry != end;
         entry.increment(failed))
        if (isStalePart(entry->path().filename().string(), prefix)) stale.push_back(entry->path());
    for (const auto& path : stale) fs::remove(path, failed);
}

fs::path partName(const fs::path& target) {
    return folderOf(target) / (partPrefix(target) + std::to_string(::getpid()) + "." + hostName() + ".part");
}

/// A file without a name in `folder`, or -1 where there can be none.
int openUnnamed(const fs::path& folder) {
    const int file = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
    if (file >= 0 && ::access(("/proc/self/fd/" + std::to_string(file)).c_str(), R_OK | W_OK) == 0)
        return file;
    if (file >= 0) ::close(file);
    return -1;
}

}  // namespace

void requireOutput(const fs::path& path, IfExists ifExists, const std::vector<fs::path>& inputs) {
    const fs::path target = followLinks(path);
    struct stat status {};
    const bool there = ::stat(path.c_str(), &status) == 0;
    if (path.filename().empty() || (there && S_ISDIR(status.st_mode)))
        throw Error(ErrorCode::InvalidArgument,
                    "'" + path.string() + "' names a folder, and a file name is needed", path.string());
    if (there && !S_ISREG(status.st_mode))
        throw Error(ErrorCode::InvalidArgument,
                    path.string() + " is a device, a pipe or a socket; the output must be a regular file",
                    path.string());
    std::error_code failed;
    if (!there && !fs::is_directory(folderOf(target), failed))
        throw Error(ErrorCode::NotFound,
                    "cannot write " + path.string() + ": there is no folder " + folderOf(target).string(),
                    path.string());
    if (::access(folderOf(target).c_str(), W_OK) != 0)
        throw Error(ErrorCode::Io,
                    "cannot write " + path.string() + ": nothing can be written into the folder " +
                        folderOf(target).string() + " (" + std::strerror(errno) + ")",
                    path.string());
    if (!there) return;
    if (const fs::path input = inputThatIs(status, inputs); !input.empty())
        throw Error(ErrorCode::InvalidArgument,
                    "the output " + path.string() + " is the input " + input.string() +
                        ", which would be lost; choose another name",
                    path.string());
    if (ifExists == IfExists::Refuse) throwExists(path);
}

OutputFile::OutputFile(const fs::path& path, IfExists ifExists)
    : m_path(path), m_target(followLinks(path)), m_ifExists(ifExists) {
    requireOutput(path, ifExists);
    removeStaleParts(m_target);
    m_descriptor = openUnnamed(folderOf(m_target));
    m_temporary =
        m_descriptor >= 0 ? fs::path("/proc/self/fd/" + std::to_string(m_descriptor)) : partName(m_target);
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : m_path(std::move(other.m_path)),
      m_target(std::move(other.m_target)),
      m_temporary(std::move(other.m_temporary)),
      m_ifExists(other.m_ifExists),
      m_descriptor(std::exchange(other.m_descriptor, -1)),
      m_done(std::exchange(other.m_done, true)) {}

OutputFile::~OutputFile() {
    std::error_code ignored;
    if (m_descriptor >= 0)
        ::close(m_descriptor);
    else if (!m_done)
        fs::remove(m_temporary, ignored);
}

void OutputFile::commit() {
    const int file = ::open(m_temporary.c_str(), O_RDONLY | O_CLOEXEC);
    const int synced = file < 0 ? -1 : ::fsync(file);
    const int cause = errno;
    if (file >= 0) ::close(file);
    if (file < 0 || (synced != 0 && cause != EINVAL)) throwSystem(m_path, cause);

    // link() fails where rename() would silently replace a file that appeared meanwhile.
    if (::linkat(AT_FDCWD, m_temporary.c_str(), AT_FDCWD, m_target.c_str(), AT_SYMLINK_FOLLOW) == 0) {
        if (m_descriptor < 0) ::unlink(m_temporary.c_str());
        m_done = true;
        return;
    }
    if (m_ifExists == IfExists::Refuse && errno == EEXIST) throwExists(m_path);
    const fs::path part = partName(m_target);
    if (m_descriptor >= 0) {
        ::unlink(part.c_str());
        if (::linkat(AT_FDCWD, m_temporary.c_str(), AT_FDCWD, part.c_str(), AT_SYMLINK_FOLLOW) != 0)
            throwSystem(m_path, errno);
    }
    if (::rename(part.c_str(), m_target.c_str()) != 0) {
        const int failed = errno;
        ::unlink(part.c_str());
        throwSystem(m_path, failed);
    }
    m_done = true;
}

void writeWhole(const fs::path& path, IfExists ifExists,
                const std::function<void(const fs::path& temporary)>& write) {
    OutputFile output(path, ifExists);
    try {
        write(output.temporary());
    } catch (const Error& e) {
        const std::string temporary = output.temporary().string();
        std::string message = e.what();
        const auto at = message.find(temporary);
        if (at == std::string::npos) throw;
        message.replace(at, temporary.size(), path.string());
        throw Error(e.code(), message, path.string());
    }
    output.commit();
}

namespace {

OutputFile written(const fs::path& path, std::string_view contents, IfExists ifExists) {
    OutputFile output(path, ifExists);
    errno = 0;
    std::ofstream out(output.temporary(), std::ios::binary);
    out.write(contents.data(), static_cast<std::streamsize>(contents.size()));
    out.close();
    if (!out) throwSystem(path, errno == 0 ? EIO : errno);
    return output;
}

}  // namespace

void writeFiles(const std::vector<FileContents>& files, IfExists ifExists) {
    std::vector<OutputFile> outputs;
    outputs.reserve(files.size());
    for (const auto& [path, contents] : files) outputs.push_back(written(path, contents, ifExists));
    for (OutputFile& output : outputs) output.commit();
}

void writeFile(const fs::path& path, std::string_view contents, IfExists ifExists) {
    written(path, contents, ifExists).commit();
}

std::string readFile(const fs::path& path, std::uintmax_t limit) {
    std::error_code failed;
    if (fs::is_directory(path, failed))
        throw Error(ErrorCode::Io, path.string() + " is a folder, and a file is needed", path.string());
    std::ifstream in(path, std::ios::binary);
    if (!in)
        throw Error(ErrorCode::NotFound, "cannot open " + path.string() + ": " + std::strerror(errno),
                    path.string());
    std::string contents;
    char buffer[1 << 16];
    while (in.read(buffer, sizeof buffer) || in.gcount() > 0) {
        contents.append(buffer, static_cast<std::size_t>(in.gcount()));
        if (contents.size() > limit)
            throw Error(ErrorCode::Format,
                        path.string() + " is larger than the " + std::to_string(limit) +
                            " bytes such a file may have",
                        path.string());
    }
    if (in.bad()) throw Error(ErrorCode::Io, "reading " + path.string() + " failed", path.string());
    return contents;
}

}  // namespace rheo
