#include "core/base/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <system_error>

#include "core/base/error.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void refuseExisting(const fs::path& path) {
    throw Error(ErrorCode::AlreadyExists,
                path.string() + " is already there; choose another name, or allow it to be replaced",
                path.string());
}

}  // namespace

OutputFile::OutputFile(fs::path path, IfExists ifExists) : m_path(std::move(path)), m_ifExists(ifExists) {
    std::error_code ignored;
    if (m_path.filename().empty() || fs::is_directory(m_path, ignored))
        throw Error(ErrorCode::InvalidArgument,
                    "'" + m_path.string() + "' names a folder, and a file name is needed", m_path.string());
    const fs::path folder = m_path.has_parent_path() ? m_path.parent_path() : fs::path(".");
    if (!fs::is_directory(folder, ignored))
        throw Error(ErrorCode::NotFound,
                    "cannot write " + m_path.string() + ": there is no folder " + folder.string(),
                    m_path.string());
    if (m_ifExists == IfExists::Refuse && fs::exists(m_path, ignored)) refuseExisting(m_path);
    m_temporary = folder / ("." + m_path.filename().string() + "." + std::to_string(::getpid()) + ".part");
}

OutputFile::~OutputFile() {
    std::error_code ignored;
    if (!m_committed) fs::remove(m_temporary, ignored);
}

void OutputFile::commit() {
    const int file = ::open(m_temporary.c_str(), O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        ::fsync(file);
        ::close(file);
    }
    int failed = 0;
    if (m_ifExists == IfExists::Refuse) {
        // link() fails where rename() would silently replace a file that appeared meanwhile.
        if (::link(m_temporary.c_str(), m_path.c_str()) == 0) {
            ::unlink(m_temporary.c_str());
            m_committed = true;
            return;
        }
        if (errno == EEXIST) refuseExisting(m_path);
        // A file system without hard links: fall through to a plain rename.
    }
    if (::rename(m_temporary.c_str(), m_path.c_str()) != 0) failed = errno;
    if (failed != 0)
        throw Error(ErrorCode::Io, "cannot write " + m_path.string() + ": " + std::strerror(failed),
                    m_path.string());
    m_committed = true;
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

void writeFile(const fs::path& path, std::string_view contents, IfExists ifExists) {
    OutputFile output(path, ifExists);
    errno = 0;
    std::ofstream out(output.temporary(), std::ios::binary);
    out.write(contents.data(), static_cast<std::streamsize>(contents.size()));
    out.close();
    if (!out) {
        const int cause = errno;
        throw Error(cause == ENOSPC ? ErrorCode::DiskFull : ErrorCode::Io,
                    "cannot write " + path.string() + ": " + std::strerror(cause == 0 ? EIO : cause),
                    path.string());
    }
    output.commit();
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
