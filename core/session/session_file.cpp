#include "core/session/session_file.h"

#include <fmt/format.h>
#include <unzip.h>
#include <zip.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace rheo {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view mimeType = "application/x-rheograph-session";
constexpr std::size_t copyBytes = std::size_t{1} << 20;
constexpr std::uint64_t mostEntries = 100'000;
/// An archive that was compressed by another program holds at most this many times its size.
constexpr std::uint64_t mostExpansion = 1032;

/// Writes entries one after the other.
class ZipWriter {
public:
    ZipWriter(const fs::path& file, const fs::path& shownAs)
        : m_zip(zipOpen64(file.c_str(), APPEND_STATUS_CREATE)), m_shownAs(shownAs) {
        if (m_zip == nullptr) fail();
    }
    ~ZipWriter() {
        if (m_zip != nullptr) zipClose(m_zip, nullptr);
    }
    ZipWriter(const ZipWriter&) = delete;
    ZipWriter& operator=(const ZipWriter&) = delete;

    void add(const std::string& name, std::string_view contents) {
        begin(name, contents.size());
        write(contents.data(), contents.size());
        end();
    }
    void addFile(const std::string& name, const fs::path& file, Progress& progress) {
        std::ifstream in(file, std::ios::binary);
        std::error_code failed;
        const auto size = fs::file_size(file, failed);
        if (!in || failed) throw Error(ErrorCode::Io, file.string() + " cannot be read", file.string());
        begin(name, size);
        std::vector<char> buffer(copyBytes);
        std::uintmax_t done = 0;
        while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())), in.gcount() > 0) {
            progress.check();
            write(buffer.data(), static_cast<std::size_t>(in.gcount()));
            done += static_cast<std::uintmax_t>(in.gcount());
        }
        if (done != size)
            throw Error(ErrorCode::Io, file.string() + " changed while it was read", file.string());
        end();
    }
    void close() {
        if (zipClose(std::exchange(m_zip, nullptr), nullptr) != ZIP_OK) fail();
    }

private:
    [[noreturn]] void fail() const {
        const int reason = errno;
        throw Error(reason == ENOSPC ? ErrorCode::DiskFull : ErrorCode::Io,
                    fmt::format("{} cannot be written: {}", m_shownAs.string(),
                                reason == 0 ? "the archive failed" : std::strerror(reason)),
                    m_shownAs.string());
    }
    void begin(const std::string& name, std::uintmax_t size) {
        errno = 0;
        zip_fileinfo info{};
        const int large = size >= 0xffffffffU ? 1 : 0;
        if (zipOpenNewFileInZip64(m_zip, name.c_str(), &info, nullptr, 0, nullptr, 0, nullptr, 0, 0, large) !=
            ZIP_OK)
            fail();
    }
    void write(const char* data, std::size_t size) {
        if (zipWriteInFileInZip(m_zip, data, static_cast<unsigned>(size)) != ZIP_OK) fail();
    }
    void end() {
        if (zipCloseFileInZip(m_zip) != ZIP_OK) fail();
    }

    zipFile m_zip;
    fs::path m_shownAs;
};

/// Reads entries in the order in which they lie.
class UnzipFile {
public:
    explicit UnzipFile(const fs::path& path) : m_zip(unzOpen64(path.c_str())), m_path(path) {
        if (m_zip == nullptr) fail("", "it is no session file, or its list of entries is damaged");
    }
    ~UnzipFile() { unzClose(m_zip); }
    UnzipFile(const UnzipFile&) = delete;
    UnzipFile& operator=(const UnzipFile&) = delete;

    /// Every entry as a file of `folder`.
    void unpack(const fs::path& folder, Progress& progress) {
        std::error_code failed;
        const std::uint64_t packed = fs::file_size(m_path, failed);
        const auto room = fs::space(folder, failed);
        std::uint64_t total = 0;
        unz_global_info64 global{};
        if (unzGetGlobalInfo64(m_zip, &global) != UNZ_OK || global.number_entry > mostEntries)
            fail("", "its list of entries is damaged");
        for (int state = unzGoToFirstFile(m_zip); state != UNZ_END_OF_LIST_OF_FILE;
             state = unzGoToNextFile(m_zip)) {
            unz_file_info64 info{};
            std::array<char, 256> name{};
            if (state != UNZ_OK || unzGetCurrentFileInfo64(m_zip, &info, name.data(), name.size(), nullptr, 0,
                                                           nullptr, 0) != UNZ_OK)
                fail("", "its list of entries is damaged");
            if (info.size_filename >= name.size()) fail("", "the name of an entry is too long");
            const std::string entry = name.data();
            if (entry == "mimetype") continue;
            if (!isPlain(entry)) fail(entry, "no part of a session has such a name");
            total += info.uncompressed_size;
            if (info.uncompressed_size / mostExpansion > packed + 16 || total / mostExpansion > packed + 16)
                fail(entry, "its size cannot be true");
            if (!failed && total > room.available)
                throw Error(ErrorCode::DiskFull,
                            fmt::format("{} needs {} MiB in {}, and the disk has {} MiB left",
                                        m_path.string(), total >> 20, folder.string(), room.available >> 20),
                            m_path.string());
            copy(entry, folder / entry, progress);
        }
    }

    /// The contents of one entry of at most `limit` bytes.
    std::string read(const std::string& entry, std::uint64_t limit) {
        unz_file_info64 info{};
        if (unzLocateFile(m_zip, entry.c_str(), 1) != UNZ_OK ||
            unzGetCurrentFileInfo64(m_zip, &info, nullptr, 0, nullptr, 0, nullptr, 0) != UNZ_OK)
            fail(entry, "it is not there");
        if (info.uncompressed_size > limit) fail(entry, "it is too large");
        if (unzOpenCurrentFile(m_zip) != UNZ_OK) fail(entry, "its place in the file is damaged");
        std::string contents;
        std::vector<char> buffer(copyBytes);
        int got = 0;
        while ((got = unzReadCurrentFile(m_zip, buffer.data(), static_cast<unsigned>(buffer.size()))) > 0 &&
               contents.size() <= limit)
            contents.append(buffer.data(), static_cast<std::size_t>(got));
        if (got < 0 || unzCloseCurrentFile(m_zip) != UNZ_OK)
            fail(entry, "its checksum is wrong: the file is damaged");
        return contents;
    }

private:
    [[noreturn]] void fail(const std::string& entry, const std::string& why) const {
        throw Error(ErrorCode::Format,
                    entry.empty() ? fmt::format("{}: {}", m_path.string(), why)
                                  : fmt::format("{}, {}: {}", m_path.string(), entry, why),
                    m_path.string());
    }
    static bool isPlain(const std::string& name) {
        return !name.empty() && name.front() != '.' &&
               std::all_of(name.begin(), name.end(), [](unsigned char c) {
                   return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
               });
    }
    void copy(const std::string& entry, const fs::path& file, Progress& progress) {
        if (unzOpenCurrentFile(m_zip) != UNZ_OK) fail(entry, "its place in the file is damaged");
        std::ofstream out(file, std::ios::binary | std::ios::trunc);
        std::vector<char> buffer(copyBytes);
        int got = 0;
        while ((got = unzReadCurrentFile(m_zip, buffer.data(), static_cast<unsigned>(buffer.size()))) > 0) {
            progress.check();
            out.write(buffer.data(), got);
        }
        out.close();
        if (!out) throw Error(ErrorCode::Io, file.string() + " cannot be written", file.string());
        // The library compares checksums when the last byte was read.
        if (got < 0 || unzCloseCurrentFile(m_zip) != UNZ_OK)
            fail(entry, "its checksum is wrong: the file is damaged");
    }

    unzFile m_zip;
    fs::path m_path;
};

void zipFolder(const fs::path& folder, const fs::path& path, const OutputFile& output, Progress& progress) {
    const SessionIndex index = indexFor(folder, fs::absolute(path).lexically_normal().parent_path());
    progress.setStage("writing " + path.filename().string());
    ZipWriter zip(output.temporary(), path);
    zip.add("mimetype", mimeType);
    zip.add(SessionFolder::indexName, index.json);
    for (std::size_t i = 0; i < index.parts.size(); ++i) {
        zip.addFile(index.parts[i], folder / index.parts[i], progress);
        progress.report(0.5 + 0.5 * static_cast<double>(i + 1) / static_cast<double>(index.parts.size()), 1);
    }
    zip.close();
}

}  // namespace

void writeSessionFile(const fs::path& path, const Session& session, SessionFolder& folder, Packing packing,
                      IfExists ifExists, Progress& progress) {
    OutputFile output(path, ifExists);
    Progress gathering = progress.part(0, 0.5);
    folder.write(session, gathering);
    if (packing == Packing::Own) {
        zipFolder(folder.path(), path, output, progress);
    } else {
        const fs::path whole = folder.path() / "whole";
        fs::remove_all(whole);
        fs::create_directory(whole);
        SessionFolder(whole).write(session, gathering, FilesOutside::Copied);
        zipFolder(whole, path, output, progress);
        fs::remove_all(whole);
    }
    output.commit();
}

bool isSessionFile(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    // The header of the first entry has 30 bytes; then come its name and its contents.
    std::array<char, 38 + mimeType.size()> head{};
    in.read(head.data(), static_cast<std::streamsize>(head.size()));
    const std::string_view text(head.data(),
                                static_cast<std::size_t>(std::max<std::streamsize>(0, in.gcount())));
    return text.size() == head.size() && text.starts_with("PK\x03\x04") && text.substr(30, 8) == "mimetype" &&
           text.substr(38) == mimeType;
}

SessionSummary describeSessionFile(const fs::path& path) {
    constexpr std::uint64_t largestIndex = std::uint64_t{512} << 20;
    return summaryOfIndex(UnzipFile(path).read(SessionFolder::indexName, largestIndex), path);
}

Session readSessionFile(const fs::path& path, SessionFolder& folder, const Relocations& moved,
                        Progress& progress) {
    if (!isSessionFile(path))
        throw Error(fs::exists(path) ? ErrorCode::Format : ErrorCode::NotFound,
                    path.string() + (fs::exists(path) ? " is no session file" : " is not there"),
                    path.string());
    if (!fs::exists(folder.path() / SessionFolder::indexName)) {
        Progress unpacking = progress.part(0, 0.5);
        UnzipFile(path).unpack(folder.path(), unpacking);
    }
    Progress reading = progress.part(0.5, 1);
    return folder.read(moved, fs::absolute(path).lexically_normal().parent_path(), reading);
}

}  // namespace rheo
