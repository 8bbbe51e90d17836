// Opening, locking, sealing and closing files.
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/base/error.h"
#include "core/trace/file_descriptor.h"
#include "core/trace/hdf5_state.h"
#include "core/trace/lzf_filter.h"

namespace rheo {

using Lock = Hdf5Lock;

std::recursive_mutex& hdf5Mutex() {
    static std::recursive_mutex& mutex = []() -> std::recursive_mutex& {
        // Closing what is left open when the process ends would flush it: where the disk is full the library
        // crashes over that. Files here are closed one by one.
        H5dont_atexit();
        H5open();
        static std::recursive_mutex made;
        return made;
    }();
    return mutex;
}

std::string hdf5Message() {
    std::string text;
    H5Ewalk2(
        H5E_DEFAULT, H5E_WALK_UPWARD,
        [](unsigned n, const H5E_error2_t* error, void* to) -> herr_t {
            if (n == 0 && error->desc != nullptr) *static_cast<std::string*>(to) = error->desc;
            return 0;
        },
        &text);
    return text.empty() ? "no cause given" : text;
}

namespace {

void prepareLibrary() {
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    registerLzfFilter();
}

bool lockFailed(const std::string& cause) {
    return cause.find("unable to lock file") != std::string::npos;
}

/// Another program holds the lock: flock failed with EAGAIN.
bool lockIsHeld(const std::string& cause) {
    return lockFailed(cause) && cause.find(fmt::format("errno = {},", EAGAIN)) != std::string::npos;
}

[[noreturn]] void failToOpen(const std::filesystem::path& path, unsigned flags, const std::string& cause) {
    const char* doing = flags == H5F_ACC_TRUNC  ? "made"
                        : flags == H5F_ACC_RDWR ? "opened for writing"
                                                : "opened";
    const auto failure = [&](ErrorCode code, const std::string& why) -> Error {
        return {code, fmt::format("{} {}", path.string(), why), path.string()};
    };
    if (lockIsHeld(cause))
        throw failure(
            ErrorCode::Io,
            fmt::format("cannot be {}: another program has it open; wait until it is done (if there "
                        "is none, set the environment variable HDF5_USE_FILE_LOCKING=FALSE)",
                        doing));
    if (lockFailed(cause))
        throw failure(ErrorCode::Io,
                      fmt::format("cannot be {}: its file system has no locks, and the environment variable "
                                  "HDF5_USE_FILE_LOCKING asks for them; set it to FALSE ({})",
                                  doing, cause));
    if (flags == H5F_ACC_TRUNC) throw failure(ErrorCode::Io, fmt::format("cannot be made ({})", cause));
    if (H5Fis_hdf5(path.c_str()) > 0)
        throw failure(ErrorCode::Io, fmt::format("cannot be {}: it is damaged, or another program is writing "
                                                 "it ({})",
                                                 doing, cause));
    throw failure(ErrorCode::Format, "is not an HDF5 file, or it is cut off");
}

/// How a file is to be accessed. The usual driver resolves names that are symbolic links, which fails for a
/// file without a name (core/base/output_file.h); the one on C's streams does not.
Handle accessTo(const std::filesystem::path& path) {
    Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    if (path.string().starts_with("/proc/")) H5Pset_fapl_stdio(access.get());
    return access;
}

/// Opens or (with H5F_ACC_TRUNC) makes a file. Where the file system has no locks it goes without one, unless
/// HDF5_USE_FILE_LOCKING asks for it.
hid_t openLocked(const std::filesystem::path& path, unsigned flags) {
    const Handle access = accessTo(path);
    // What is made has a user block, for its seal, and no times. A superblock of version 3 would have to be
    // cleared by hand (h5clear) after the process is killed, so it is of version 2.
    const Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
    H5Pset_userblock(creation.get(), static_cast<hsize_t>(sealBytes));
    H5Pset_obj_track_times(creation.get(), false);
    if (flags == H5F_ACC_TRUNC) H5Pset_libver_bounds(access.get(), H5F_LIBVER_V18, H5F_LIBVER_LATEST);
    const auto open = [&] {
        return flags == H5F_ACC_TRUNC ? H5Fcreate(path.c_str(), flags, creation.get(), access.get())
                                      : H5Fopen(path.c_str(), flags, access.get());
    };
    hid_t file = open();
    std::string cause = file < 0 ? hdf5Message() : "";
    if (file < 0 && lockFailed(cause) && !lockIsHeld(cause)) {
        H5Pset_file_locking(access.get(), false, true);
        file = open();
        if (file < 0) cause = hdf5Message();
    }
    if (file < 0) failToOpen(path, flags, cause);
    return file;
}

}  // namespace

bool isHdf5File(const std::filesystem::path& path) {
    std::error_code failed;
    if (!std::filesystem::is_regular_file(path, failed)) return false;
    std::ifstream in(path, std::ios::binary);
    for (std::streamoff offset = 0; in; offset = offset == 0 ? 512 : 2 * offset) {
        std::array<char, 8> mark{};
        in.seekg(offset);
        if (in.read(mark.data(), mark.size()) &&
            std::string_view(mark.data(), mark.size()) == "\x89HDF\r\n\x1a\n")
            return true;
    }
    return false;
}

/// Opens what the seal, or a trial in a child process, finds sound.
void Hdf5File::State::open(const std::filesystem::path& from, unsigned flags) {
    prepareLibrary();
    path = place = from;
    requireRegularFile(from, "an HDF5 file");
    if (flags == H5F_ACC_RDONLY) identity = identityOf(from);
    seal = readSeal(from);
    if (!seal) tryHdf5InChild(from);
    file = openLocked(from, flags);
    requireUnchanged();
}

Hdf5File Hdf5File::openForReading(const std::filesystem::path& path, std::size_t cacheBytes) {
    const Lock lock(hdf5Mutex());
    auto state = std::make_unique<State>();
    state->cacheBytes = cacheBytes;
    state->open(path, H5F_ACC_RDONLY);
    return Hdf5File(std::move(state));
}

Hdf5File Hdf5File::openForWriting(const std::filesystem::path& path, const std::filesystem::path& shownAs) {
    Hdf5File file = openForFilling(path, shownAs);
    if (file.m_state->seal) file.m_state->sealing = Sealing::OnClose;
    return file;
}

Hdf5File Hdf5File::openForFilling(const std::filesystem::path& path, const std::filesystem::path& shownAs) {
    const Lock lock(hdf5Mutex());
    auto state = std::make_unique<State>();
    state->open(path, H5F_ACC_RDWR);
    if (!shownAs.empty()) state->path = shownAs;
    return Hdf5File(std::move(state));
}

Hdf5File Hdf5File::create(const std::filesystem::path& path, const std::filesystem::path& shownAs) {
    const Lock lock(hdf5Mutex());
    prepareLibrary();
    auto state = std::make_unique<State>();
    state->path = shownAs.empty() ? path : shownAs;
    state->place = path;
    state->sealing = Sealing::OnClose;
    state->file = openLocked(path, H5F_ACC_TRUNC);
    if (H5Fset_libver_bounds(state->file, H5F_LIBVER_V110, H5F_LIBVER_LATEST) < 0)
        state->failFromLibrary("", "making it");
    return Hdf5File(std::move(state));
}

std::vector<OpenRange> Hdf5File::State::openRanges() const {
    std::vector<OpenRange> ranges;
    if (seal) ranges = seal->open;
    for (const std::string& name : openDatasets) {
        const hid_t opened = dataset(name);
        const auto bytes = static_cast<std::int64_t>(H5Dget_storage_size(opened));
        const Hdf5Info shape = info(name);
        const std::int64_t at = shape.chunk.empty() ? static_cast<std::int64_t>(H5Dget_offset(opened))
                                                    : offsetOfChunks(opened, shape, bytes);
        if (bytes > 0) ranges.push_back({name, at, bytes});
    }
    // While a file is open for writing, the library marks that in its superblock, whose checksum changes too.
    if (!seal && !ranges.empty())
        for (const auto& [offset, bytes] : {std::pair{11, 1}, std::pair{44, 4}})
            ranges.push_back({"superblock", sealBytes + offset, bytes});
    return ranges;
}

std::int64_t Hdf5File::State::offsetOfChunks(hid_t opened, const Hdf5Info& shape, std::int64_t bytes) const {
    // Versions of the library differ in whether this counts the user block: a mark in the first chunk tells.
    std::vector<hsize_t> first(shape.shape.size(), 0), last(first);
    std::int64_t chunks = 1;
    for (std::size_t i = 0; i < first.size(); ++i) {
        const std::int64_t along = (shape.shape[i] + shape.chunk[i] - 1) / shape.chunk[i];
        last[i] = static_cast<hsize_t>((along - 1) * shape.chunk[i]);
        chunks *= along;
    }
    haddr_t from = 0, to = 0;
    hsize_t size = 0;
    unsigned filters = 0;
    const bool found = H5Dget_chunk_info_by_coord(opened, first.data(), &filters, &from, &size) >= 0 &&
                       H5Dget_chunk_info_by_coord(opened, last.data(), &filters, &to, &size) >= 0;
    // Made early and without filters, chunks follow each other in their order ("implicit index").
    if (!found || to - from != static_cast<hsize_t>(chunks - 1) * size ||
        static_cast<hsize_t>(bytes) != static_cast<hsize_t>(chunks) * size)
        fail(ErrorCode::Internal, "", "the chunks of a dataset do not follow each other");
    std::vector<std::byte> mark(size), there(size), zeros(size);
    for (std::size_t i = 0; i < mark.size(); ++i) mark[i] = static_cast<std::byte>(i * 37 + 11);
    const auto put = [&](const std::vector<std::byte>& values) {
        if (H5Dwrite_chunk(opened, H5P_DEFAULT, 0, first.data(), size, values.data()) < 0 ||
            H5Fflush(file, H5F_SCOPE_GLOBAL) < 0)
            failFromLibrary("", "writing");
    };
    put(mark);
    const FileDescriptor raw(place);
    auto at = static_cast<std::int64_t>(from);
    raw.readExact(at, there);
    if (there != mark) raw.readExact(at += sealBytes, there);
    if (there != mark) fail(ErrorCode::Internal, "", "the chunks of a dataset are not found");
    put(zeros);
    return at;
}

void Hdf5File::flush() {
    const Lock lock(hdf5Mutex());
    if (H5Fflush(m_state->file, H5F_SCOPE_GLOBAL) < 0) m_state->failFromLibrary("", "writing");
}

void Hdf5File::close() {
    const Lock lock(hdf5Mutex());
    flush();
    const std::vector<OpenRange> open = m_state->openRanges();
    m_state->closeDatasets();
    if (H5Fclose(std::exchange(m_state->file, -1)) < 0) m_state->failFromLibrary("", "closing");
    // A limit on the size of files cuts off a dataset that was laid out and not yet written, without a word.
    const auto size = static_cast<std::int64_t>(std::filesystem::file_size(m_state->place));
    for (const OpenRange& range : open)
        if (range.offset > size || range.bytes > size - range.offset)
            m_state->fail(ErrorCode::DiskFull, range.dataset,
                          fmt::format("{}{}", std::strerror(EFBIG), adviceOfErrno(EFBIG)));
    if (m_state->sealing == Sealing::OnClose) writeSeal(m_state->place, open, m_state->path);
}

}  // namespace rheo
