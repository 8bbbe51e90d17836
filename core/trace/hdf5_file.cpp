#include "core/trace/hdf5_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/base/error.h"
#include "core/base/file_identity.h"
#include "core/trace/file_descriptor.h"
#include "core/trace/hdf5_handles.h"
#include "core/trace/lzf_filter.h"

namespace rheo {

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

using Lock = Hdf5Lock;

template <class T>
hid_t nativeType();
template <>
hid_t nativeType<float>() {
    return H5T_NATIVE_FLOAT;
}
template <>
hid_t nativeType<double>() {
    return H5T_NATIVE_DOUBLE;
}
template <>
hid_t nativeType<std::int32_t>() {
    return H5T_NATIVE_INT32;
}
template <>
hid_t nativeType<std::int64_t>() {
    return H5T_NATIVE_INT64;
}
template <>
hid_t nativeType<std::uint8_t>() {
    return H5T_NATIVE_UINT8;
}
template <>
hid_t nativeType<std::uint16_t>() {
    return H5T_NATIVE_UINT16;
}
template <>
hid_t nativeType<std::uint64_t>() {
    return H5T_NATIVE_UINT64;
}

/// Files are little-endian whatever the machine.
template <class T>
hid_t storedType();
template <>
hid_t storedType<float>() {
    return H5T_IEEE_F32LE;
}
template <>
hid_t storedType<double>() {
    return H5T_IEEE_F64LE;
}
template <>
hid_t storedType<std::int32_t>() {
    return H5T_STD_I32LE;
}
template <>
hid_t storedType<std::int64_t>() {
    return H5T_STD_I64LE;
}
template <>
hid_t storedType<std::uint8_t>() {
    return H5T_STD_U8LE;
}
template <>
hid_t storedType<std::uint16_t>() {
    return H5T_STD_U16LE;
}
template <>
hid_t storedType<std::uint64_t>() {
    return H5T_STD_U64LE;
}

Handle variableString() {
    Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type.get(), H5T_VARIABLE);
    H5Tset_cset(type.get(), H5T_CSET_UTF8);
    return type;
}

/// UTF-8 of up to `length` bytes, padded with zero bytes. At least one zero ends it, unless a string holds
/// such a byte itself.
Handle fixedString(std::size_t length, bool holdsZeros) {
    Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type.get(), length + 1);
    H5Tset_strpad(type.get(), holdsZeros ? H5T_STR_NULLPAD : H5T_STR_NULLTERM);
    H5Tset_cset(type.get(), H5T_CSET_UTF8);
    return type;
}

/// A string of fixed length without its padding.
std::string unpadded(std::string text, H5T_str_t padding) {
    if (padding == H5T_STR_NULLTERM)
        text.erase(std::find(text.begin(), text.end(), '\0'), text.end());
    else
        text.erase(text.find_last_not_of(padding == H5T_STR_SPACEPAD ? ' ' : '\0') + 1);
    return text;
}

/// Strings are padded to one length where that takes at most this, or at most twice what they have.
constexpr std::size_t fewPaddedBytes = std::size_t{4} << 20;
/// Strings are read in pieces, so that little is allocated on the word of a damaged shape.
constexpr std::size_t pieceBytes = std::size_t{1} << 20;

std::vector<hsize_t> extents(const std::vector<std::int64_t>& shape) {
    return {shape.begin(), shape.end()};
}

}  // namespace

/// What close() has to do.
enum class Sealing { Never, OnClose };

struct Hdf5File::State {
    std::filesystem::path path;            ///< for messages
    std::filesystem::path place;           ///< where it is opened
    std::optional<FileIdentity> identity;  ///< of a file opened for reading
    std::optional<Seal> seal;
    Sealing sealing = Sealing::Never;
    std::set<std::string> openDatasets;  ///< made with Hdf5Layout::open
    hid_t file = -1;
    std::size_t cacheBytes = usualCacheBytes;
    mutable std::map<std::string, Handle> datasets;  ///< kept open: the chunk cache lives with them
    mutable std::map<std::string, Handle> virtualDatasets;

    ~State() {
        const Lock lock(hdf5Mutex());
        closeDatasets();
        if (file >= 0) H5Fclose(file);
    }
    void closeDatasets() const {
        datasets.clear();
        virtualDatasets.clear();
    }

    void open(const std::filesystem::path& from, unsigned flags);
    void requireUnchanged() const {
        if (identity) rheo::requireUnchanged(place, *identity);
    }
    template <class Read>
    void forEachPiece(const std::string& name, std::size_t size, std::size_t count, Read read) const;
    void readVariable(const std::string& name, std::vector<std::string>& values) const;
    void readFixed(const std::string& name, hid_t type, std::vector<std::string>& values) const;
    Hdf5Part virtualPart(const std::string& name, hid_t creation, std::size_t index,
                         const std::vector<std::int64_t>& shape) const;
    std::vector<OpenRange> openRanges() const;
    std::int64_t offsetOfChunks(hid_t opened, const Hdf5Info& shape, std::int64_t bytes) const;
    void refuseOtherFiles(const std::string& name, hid_t creation) const;

    [[noreturn]] void fail(ErrorCode code, const std::string& name, const std::string& what) const {
        throw Error(code,
                    fmt::format("{}{}: {}", path.string(), name.empty() ? "" : ", dataset " + name, what),
                    path.string());
    }
    [[noreturn]] void failToRead(const std::string& name) const {
        const std::string cause = hdf5Message();
        requireUnchanged();
        fail(ErrorCode::Io, name, fmt::format("reading it failed ({})", cause));
    }
    /// For calls that write: the disk may be full.
    [[noreturn]] void failFromLibrary(const std::string& name, const std::string& doing) const {
        const int system = errno;  // the driver on C's streams does not put it into words
        const std::string cause = hdf5Message();
        for (const int full : {ENOSPC, EDQUOT, EFBIG})
            if (system == full || cause.find(fmt::format("errno = {},", full)) != std::string::npos)
                fail(ErrorCode::DiskFull, name,
                     fmt::format("{} failed: {}; make space, or choose another disk", doing,
                                 std::strerror(full)));
        if (cause.find("flush") != std::string::npos || cause.find("write") != std::string::npos)
            fail(ErrorCode::DiskFull, name,
                 fmt::format(
                     "{} failed ({}): the disk is full, or the file may not grow any more (ulimit -f); make "
                     "space, or choose another disk",
                     doing, cause));
        fail(ErrorCode::Io, name, fmt::format("{} failed ({})", doing, cause));
    }
    /// The path of `name` by hard links; nothing if it is not there.
    std::optional<std::string> find(const std::string& name) const {
        try {
            return hardPath(file, name);
        } catch (const LinkLeavesFile& e) {
            fail(ErrorCode::Unsupported, "",
                 fmt::format(
                     "{} is a link to another file{}, and links to other files are not followed; copy the "
                     "data into this file",
                     e.link, e.target.empty() ? "" : ", " + e.target));
        }
    }
    bool exists(const std::string& name) const {
        const auto found = find(name);
        return found && H5Oexists_by_name(file, found->c_str(), H5P_DEFAULT) > 0;
    }
    /// Of a dataset whose data are in this file; of a virtual one too if `mayBeVirtual`.
    hid_t dataset(const std::string& name, bool mayBeVirtual = false) const {
        for (const auto* opened : {&datasets, &virtualDatasets})
            if (const auto found = opened->find(name);
                found != opened->end() && (mayBeVirtual || opened == &datasets))
                return found->second.get();
        const auto there = find(name);
        if (!there) fail(ErrorCode::NotFound, name, "there is no such dataset");
        const Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
        H5Pset_chunk_cache(access.get(), 12421, cacheBytes, 0.75);
        Handle opened(H5Dopen2(file, there->c_str(), access.get()), H5Dclose);
        if (!opened.valid()) fail(ErrorCode::Format, name, "it is not a dataset, or it is damaged");
        const Handle creation(H5Dget_create_plist(opened.get()), H5Pclose);
        const bool isVirtual = H5Pget_layout(creation.get()) == H5D_VIRTUAL;
        if (!isVirtual || !mayBeVirtual) refuseOtherFiles(name, creation.get());
        auto& kept = isVirtual ? virtualDatasets : datasets;
        return kept.emplace(name, std::move(opened)).first->second.get();
    }
    Handle object(const std::string& name) const {
        const auto there = find(name);
        if (!there) fail(ErrorCode::NotFound, name, "there is no such group or dataset");
        Handle opened(H5Oopen(file, there->c_str(), H5P_DEFAULT), H5Oclose);
        if (!opened.valid()) fail(ErrorCode::Format, name, "it is damaged");
        return opened;
    }
    Hdf5Info info(const std::string& name) const;
    Handle create(const std::string& name, hid_t type, const std::vector<std::int64_t>& shape,
                  const Hdf5Layout& layout);
    Handle box(const std::string& name, const std::vector<std::int64_t>& start,
               const std::vector<std::int64_t>& count) const;
};

std::int64_t Hdf5Info::count() const {
    std::int64_t product = 1;
    for (const auto n : shape) product *= n;
    return product;
}

void Hdf5File::State::refuseOtherFiles(const std::string& name, hid_t creation) const {
    if (H5Pget_external_count(creation) > 0) {
        std::array<char, 4096> other{};
        H5Pget_external(creation, 0, other.size() - 1, other.data(), nullptr, nullptr);
        fail(ErrorCode::Unsupported, name,
             fmt::format(
                 "its data lie in another file, {} (external storage), which is not followed; copy the data "
                 "into this file",
                 other.data()));
    }
    std::size_t count = 0;
    if (H5Pget_layout(creation) != H5D_VIRTUAL || H5Pget_virtual_count(creation, &count) < 0) return;
    std::array<char, 4096> shown{};
    if (count > 0) H5Pget_virtual_filename(creation, 0, shown.data(), shown.size());
    std::error_code failed;
    const std::filesystem::path first = path.parent_path() / shown.data();
    fail(ErrorCode::Unsupported, name,
         fmt::format(
             "it shows data of other files (a virtual dataset of {} parts, the first {}{}), which are not "
             "followed; copy the data into this file",
             count, shown.data(), std::filesystem::exists(first, failed) ? "" : ", which is not there"));
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
namespace {

Hdf5Type typeOf(H5T_class_t kind, std::size_t bytes, bool isSigned) {
    if (kind == H5T_STRING) return Hdf5Type::String;
    if (kind == H5T_FLOAT)
        return bytes == 4 ? Hdf5Type::Float32 : bytes == 8 ? Hdf5Type::Float64 : Hdf5Type::Other;
    if (kind != H5T_INTEGER) return Hdf5Type::Other;
    if (bytes == 1) return Hdf5Type::UInt8;
    if (bytes == 2) return isSigned ? Hdf5Type::Other : Hdf5Type::UInt16;
    if (!isSigned) return bytes == 8 ? Hdf5Type::UInt64 : Hdf5Type::Other;
    return bytes == 4 ? Hdf5Type::Int32 : bytes == 8 ? Hdf5Type::Int64 : Hdf5Type::Other;
}

std::string typeNameOf(H5T_class_t kind, std::size_t bytes, bool isSigned) {
    switch (kind) {
        case H5T_INTEGER: return fmt::format("{}int{}", isSigned ? "" : "u", 8 * bytes);
        case H5T_FLOAT: return fmt::format("float{}", 8 * bytes);
        case H5T_STRING: return "text";
        case H5T_OPAQUE: return fmt::format("an opaque type of {} bytes", bytes);
        case H5T_COMPOUND: return "a compound type (such as a complex number)";
        case H5T_ENUM: return "an enumeration (such as a truth value)";
        case H5T_VLEN: return "lists of their own lengths";
        default: return "of no numeric type";
    }
}

void readType(const Handle& type, Hdf5Info& info) {
    const H5T_class_t kind = H5Tget_class(type.get());
    const std::size_t bytes = H5Tget_size(type.get());
    const bool isSigned = kind == H5T_INTEGER && H5Tget_sign(type.get()) == H5T_SGN_2;
    info.type = typeOf(kind, bytes, isSigned);
    info.isFloat = kind == H5T_FLOAT;
    info.isInteger = kind == H5T_INTEGER || kind == H5T_ENUM;
    info.isOpaque = kind == H5T_OPAQUE;
    info.elementBytes = bytes;
    info.typeName = typeNameOf(kind, bytes, isSigned);
}

}  // namespace

Hdf5Info Hdf5File::State::info(const std::string& name) const {
    const hid_t opened = dataset(name, true);
    const Handle space(H5Dget_space(opened), H5Sclose);
    const int rank = H5Sget_simple_extent_ndims(space.get());
    if (rank < 0) fail(ErrorCode::Format, name, "its shape cannot be read");
    std::vector<hsize_t> dims(static_cast<std::size_t>(rank));
    H5Sget_simple_extent_dims(space.get(), dims.data(), nullptr);
    Hdf5Info result;
    std::uint64_t product = 1;
    for (const hsize_t n : dims) {
        if (n != 0 && product > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / 16 / n)
            fail(ErrorCode::Format, name, "its shape is too large to be real");
        product *= n;
        result.shape.push_back(static_cast<std::int64_t>(n));
    }
    readType(Handle(H5Dget_type(opened), H5Tclose), result);
    const Handle creation(H5Dget_create_plist(opened), H5Pclose);
    if (H5Pget_layout(creation.get()) == H5D_CHUNKED) {
        std::vector<hsize_t> chunk(dims.size());
        H5Pget_chunk(creation.get(), rank, chunk.data());
        result.chunk.assign(chunk.begin(), chunk.end());
    }
    return result;
}

Handle Hdf5File::State::create(const std::string& name, hid_t type, const std::vector<std::int64_t>& shape,
                               const Hdf5Layout& layout) {
    const auto dims = extents(shape);
    const Handle space(dims.empty() ? H5Screate(H5S_SCALAR)
                                    : H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr),
                       H5Sclose);
    const Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
    H5Pset_create_intermediate_group(links.get(), 1);
    const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    // Times would be written again with every flush, and make equal results differ.
    H5Pset_obj_track_times(creation.get(), false);
    if (!layout.chunk.empty()) {
        const auto chunk = extents(layout.chunk);
        H5Pset_chunk(creation.get(), static_cast<int>(chunk.size()), chunk.data());
    }
    if (layout.early) {
        H5Pset_alloc_time(creation.get(), H5D_ALLOC_TIME_EARLY);
        // States need not be filled before they are written; the rest begins as zeros.
        H5Pset_fill_time(creation.get(), layout.chunk.empty() ? H5D_FILL_TIME_ALLOC : H5D_FILL_TIME_NEVER);
    }
    Handle made(H5Dcreate2(file, name.c_str(), type, space.get(), links.get(), creation.get(), H5P_DEFAULT),
                H5Dclose);
    if (layout.open) openDatasets.insert(name);
    if (!made.valid()) {
        if (exists(name)) fail(ErrorCode::AlreadyExists, name, "it is already there");
        failFromLibrary(name, "making it");
    }
    return made;
}

Handle Hdf5File::State::box(const std::string& name, const std::vector<std::int64_t>& start,
                            const std::vector<std::int64_t>& count) const {
    const auto shape = info(name).shape;
    bool inside = start.size() == shape.size() && count.size() == shape.size();
    for (std::size_t i = 0; inside && i < shape.size(); ++i)
        inside = start[i] >= 0 && count[i] >= 0 && start[i] <= shape[i] - count[i];
    if (!inside) fail(ErrorCode::InvalidArgument, name, "what is to be read or written lies outside of it");
    Handle space(H5Dget_space(dataset(name)), H5Sclose);
    const auto from = extents(start), size = extents(count);
    H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, from.data(), nullptr, size.data(), nullptr);
    return space;
}

/// Calls read(first, memory space) for pieces of a list that take `size` bytes a value, its space selected.
template <class Read>
void Hdf5File::State::forEachPiece(const std::string& name, std::size_t size, std::size_t count,
                                   Read read) const {
    const Handle space(H5Dget_space(dataset(name)), H5Sclose);
    const std::size_t piece = std::max<std::size_t>(1, pieceBytes / std::max<std::size_t>(1, size));
    for (std::size_t at = 0; at < count; at += piece) {
        const hsize_t start = at, values = std::min(piece, count - at);
        if (H5Sget_simple_extent_ndims(space.get()) > 0)
            H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, &start, nullptr, &values, nullptr);
        const Handle memory(H5Screate_simple(1, &values, nullptr), H5Sclose);
        read(at, static_cast<std::size_t>(values), memory.get(), space.get());
    }
}

void Hdf5File::State::readVariable(const std::string& name, std::vector<std::string>& values) const {
    const Handle type = variableString();
    std::vector<char*> raw(std::min(values.size(), pieceBytes / sizeof(char*)));
    forEachPiece(name, sizeof(char*), values.size(),
                 [&](std::size_t first, std::size_t count, hid_t memory, hid_t space) {
                     if (H5Dread(dataset(name), type.get(), memory, space, H5P_DEFAULT, raw.data()) < 0)
                         failToRead(name);
                     for (std::size_t i = 0; i < count; ++i)
                         if (raw[i] != nullptr) values[first + i] = raw[i];
                     H5Dvlen_reclaim(type.get(), memory, H5P_DEFAULT, raw.data());
                 });
}

void Hdf5File::State::readFixed(const std::string& name, hid_t type, std::vector<std::string>& values) const {
    const std::size_t size = H5Tget_size(type);
    if (size > (std::size_t{1} << 28)) fail(ErrorCode::Format, name, "its strings are too long to be real");
    std::string raw;
    forEachPiece(name, size, values.size(),
                 [&](std::size_t first, std::size_t count, hid_t memory, hid_t space) {
                     raw.resize(count * size);
                     if (H5Dread(dataset(name), type, memory, space, H5P_DEFAULT, raw.data()) < 0)
                         failToRead(name);
                     for (std::size_t i = 0; i < count; ++i)
                         values[first + i] = unpadded(raw.substr(i * size, size), H5Tget_strpad(type));
                 });
}

Hdf5File::Hdf5File(std::unique_ptr<State> state) : m_state(std::move(state)) {}
Hdf5File::Hdf5File(Hdf5File&&) noexcept = default;
Hdf5File& Hdf5File::operator=(Hdf5File&&) noexcept = default;
Hdf5File::~Hdf5File() = default;

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

const std::filesystem::path& Hdf5File::path() const {
    return m_state->path;
}

const Seal* Hdf5File::seal() const {
    return m_state->seal ? &*m_state->seal : nullptr;
}

void Hdf5File::requireUnchanged() const {
    m_state->requireUnchanged();
}

bool Hdf5File::exists(const std::string& name) const {
    const Lock lock(hdf5Mutex());
    return m_state->exists(name);
}

std::vector<std::string> Hdf5File::children(const std::string& group) const {
    const Lock lock(hdf5Mutex());
    const Handle opened = m_state->object(group);
    std::vector<std::string> names;
    hsize_t at = 0;
    const auto visit = [](hid_t, const char* name, const H5L_info_t*, void* to) -> herr_t {
        static_cast<std::vector<std::string>*>(to)->emplace_back(name);
        return 0;
    };
    if (H5Literate(opened.get(), H5_INDEX_NAME, H5_ITER_INC, &at, visit, &names) < 0)
        m_state->fail(ErrorCode::Format, group, "it is not a group, or it is damaged");
    return names;
}

std::vector<std::string> Hdf5File::datasets(std::size_t limit) const {
    const Lock lock(hdf5Mutex());
    struct Visit {
        std::vector<std::string> names;
        std::size_t limit;
    } found{{}, limit};
    // Groups that were seen are not entered again, so that a file cannot lead in circles.
    const auto visit = [](hid_t group, const char* name, const H5L_info_t* link, void* to) -> herr_t {
        auto& visited = *static_cast<Visit*>(to);
        if (link->type != H5L_TYPE_HARD) return 0;
        const Handle opened(H5Oopen(group, name, H5P_DEFAULT), H5Oclose);
        if (!opened.valid() || H5Iget_type(opened.get()) != H5I_DATASET) return 0;
        visited.names.push_back(std::string("/") + name);
        return visited.names.size() > visited.limit ? -1 : 0;
    };
    if (H5Lvisit(m_state->file, H5_INDEX_NAME, H5_ITER_INC, visit, &found) < 0)
        m_state->fail(ErrorCode::Format, "",
                      found.names.size() > limit ? fmt::format("it holds more than {} datasets", limit)
                                                 : "its groups are damaged");
    return std::move(found.names);
}

std::vector<Hdf5Link> Hdf5File::links(std::size_t limit) const {
    const Lock lock(hdf5Mutex());
    struct Visit {
        std::vector<Hdf5Link> links;
        std::size_t limit;
    } found{{}, limit};
    const auto visit = [](hid_t group, const char* name, const H5L_info_t* link, void* to) -> herr_t {
        auto& visited = *static_cast<Visit*>(to);
        if (link->type != H5L_TYPE_SOFT && link->type != H5L_TYPE_EXTERNAL) return 0;
        if (visited.links.size() == visited.limit) return 1;
        Hdf5Link next{std::string("/") + name, "", ""};
        std::vector<char> value(link->u.val_size + 1, '\0');
        if (H5Lget_val(group, name, value.data(), link->u.val_size, H5P_DEFAULT) < 0) return -1;
        if (link->type == H5L_TYPE_SOFT) {
            next.target = value.data();
        } else {
            const char *file = nullptr, *target = nullptr;
            if (H5Lunpack_elink_val(value.data(), link->u.val_size, nullptr, &file, &target) < 0) return -1;
            next.file = file;
            next.target = target;
        }
        visited.links.push_back(std::move(next));
        return 0;
    };
    if (H5Lvisit(m_state->file, H5_INDEX_NAME, H5_ITER_INC, visit, &found) < 0)
        m_state->fail(ErrorCode::Format, "", "its links are damaged");
    return std::move(found.links);
}

void Hdf5File::remove(const std::string& name) {
    const Lock lock(hdf5Mutex());
    m_state->closeDatasets();
    if (m_state->exists(name) && H5Ldelete(m_state->file, name.c_str(), H5P_DEFAULT) < 0)
        m_state->failFromLibrary(name, "removing it");
}

Hdf5Info Hdf5File::info(const std::string& dataset) const {
    const Lock lock(hdf5Mutex());
    return m_state->info(dataset);
}

std::vector<Hdf5Filter> Hdf5File::filters(const std::string& dataset) const {
    const Lock lock(hdf5Mutex());
    const Handle creation(H5Dget_create_plist(m_state->dataset(dataset)), H5Pclose);
    std::vector<Hdf5Filter> all;
    const int count = H5Pget_nfilters(creation.get());
    for (int i = 0; i < count; ++i) {
        std::array<char, 256> name{};
        std::array<unsigned, 32> parameters{};
        std::size_t given = parameters.size();
        unsigned flags = 0, config = 0;
        const H5Z_filter_t id = H5Pget_filter2(creation.get(), static_cast<unsigned>(i), &flags, &given,
                                               parameters.data(), name.size() - 1, name.data(), &config);
        if (id < 0) m_state->fail(ErrorCode::Format, dataset, "its list of filters is damaged");
        given = std::min(given, parameters.size());
        all.push_back({id,
                       name.data(),
                       H5Zfilter_avail(id) > 0,
                       {parameters.begin(), parameters.begin() + static_cast<std::ptrdiff_t>(given)}});
    }
    return all;
}

std::int64_t Hdf5File::storedBytes(const std::string& dataset) const {
    const Lock lock(hdf5Mutex());
    return static_cast<std::int64_t>(H5Dget_storage_size(m_state->dataset(dataset)));
}

template <class T>
std::vector<T> Hdf5File::read(const std::string& dataset, std::int64_t limit) const {
    const Lock lock(hdf5Mutex());
    const Hdf5Info info = m_state->info(dataset);
    if (info.type == Hdf5Type::String || (info.type == Hdf5Type::Other && !info.isFloat))
        m_state->fail(ErrorCode::Format, dataset, "numbers were expected");
    if (info.count() > limit)
        m_state->fail(ErrorCode::Format, dataset,
                      fmt::format("{} values, and at most {} were expected", info.count(), limit));
    // A shape is only a claim: a dataset that was never written has no data to go with it.
    const auto stored = H5Dget_storage_size(m_state->dataset(dataset));
    if (info.count() > (1 << 24) && stored == 0)
        m_state->fail(ErrorCode::Format, dataset, "it claims values that the file does not hold");
    std::vector<T> values(static_cast<std::size_t>(info.count()));
    if (!values.empty() &&
        H5Dread(m_state->dataset(dataset), nativeType<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0)
        m_state->failToRead(dataset);
    m_state->requireUnchanged();
    return values;
}

bool Hdf5File::hasStrings(const std::string& dataset) const {
    return exists(dataset) || exists(dataset + "_utf8");
}

std::vector<std::string> Hdf5File::readStrings(const std::string& dataset) const {
    const Lock lock(hdf5Mutex());
    if (!m_state->exists(dataset) && m_state->exists(dataset + "_utf8")) return readJoined(dataset);
    const Hdf5Info info = m_state->info(dataset);
    const hid_t opened = m_state->dataset(dataset);
    if (info.type != Hdf5Type::String || info.shape.size() > 1)
        m_state->fail(ErrorCode::Format, dataset, "a list of strings was expected");
    const std::int64_t count = info.count();
    if (count > (std::int64_t{1} << 28) || (count > (1 << 20) && H5Dget_storage_size(opened) == 0))
        m_state->fail(ErrorCode::Format, dataset, "it claims more strings than the file holds");
    const Handle type(H5Dget_type(opened), H5Tclose);
    std::vector<std::string> values(static_cast<std::size_t>(count));
    if (H5Tis_variable_str(type.get()) > 0)
        m_state->readVariable(dataset, values);
    else
        m_state->readFixed(dataset, type.get(), values);
    m_state->requireUnchanged();
    return values;
}

std::vector<std::string> Hdf5File::readJoined(const std::string& dataset) const {
    const auto bytes = read<std::uint8_t>(dataset + "_utf8");
    const auto first = read<std::int64_t>(dataset + "_first");
    std::vector<std::string> values;
    for (std::size_t i = 0; i + 1 < first.size(); ++i) {
        if (first[i] < 0 || first[i + 1] < first[i] || first[i + 1] > std::ssize(bytes))
            m_state->fail(ErrorCode::Format, dataset + "_first", "an entry points outside of the strings");
        values.emplace_back(bytes.begin() + first[i], bytes.begin() + first[i + 1]);
    }
    return values;
}

template <class T>
void Hdf5File::write(const std::string& dataset, std::span<const T> values,
                     const std::vector<std::int64_t>& shape) {
    const Lock lock(hdf5Mutex());
    const Handle made = m_state->create(dataset, storedType<T>(), shape, {});
    if (!values.empty() &&
        H5Dwrite(made.get(), nativeType<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0)
        m_state->failFromLibrary(dataset, "writing it");
}

void Hdf5File::writeStrings(const std::string& dataset, const std::vector<std::string>& values) {
    const Lock lock(hdf5Mutex());
    std::size_t longest = 0, total = 0;
    bool holdsZeros = false;
    for (const auto& value : values) {
        longest = std::max(longest, value.size());
        total += value.size();
        holdsZeros = holdsZeros || value.find('\0') != std::string::npos;
    }
    const std::size_t padded = (longest + 1) * values.size();
    if (padded > fewPaddedBytes && padded / 2 > total) return writeJoined(dataset, values);
    const Handle type = fixedString(longest, holdsZeros);
    const Handle made = m_state->create(dataset, type.get(), {std::ssize(values)}, {});
    std::string all;
    all.reserve(padded);
    for (const auto& value : values) all.append(value).append(longest + 1 - value.size(), '\0');
    if (!values.empty() && H5Dwrite(made.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, all.data()) < 0)
        m_state->failFromLibrary(dataset, "writing it");
}

void Hdf5File::writeJoined(const std::string& dataset, const std::vector<std::string>& values) {
    std::vector<std::uint8_t> bytes;
    std::vector<std::int64_t> first{0};
    for (const auto& value : values) {
        bytes.insert(bytes.end(), value.begin(), value.end());
        first.push_back(std::ssize(bytes));
    }
    write<std::uint8_t>(dataset + "_utf8", bytes, {std::ssize(bytes)});
    write<std::int64_t>(dataset + "_first", first, {std::ssize(first)});
}

template <class T>
void Hdf5File::createDataset(const std::string& dataset, const std::vector<std::int64_t>& shape,
                             const Hdf5Layout& layout) {
    const Lock lock(hdf5Mutex());
    m_state->create(dataset, storedType<T>(), shape, layout);
}

template <class T>
void Hdf5File::createVirtual(const std::string& dataset, const std::vector<std::int64_t>& shape,
                             const std::vector<Hdf5Part>& parts, T fill) {
    const Lock lock(hdf5Mutex());
    const auto rank = static_cast<int>(shape.size());
    const auto whole = extents(shape);
    const Handle space(H5Screate_simple(rank, whole.data(), nullptr), H5Sclose);
    const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_obj_track_times(creation.get(), false);
    H5Pset_fill_value(creation.get(), nativeType<T>(), &fill);
    for (const Hdf5Part& part : parts) {
        auto there = whole;
        there[0] = part.rows.size();
        const Handle source(H5Screate_simple(rank, there.data(), nullptr), H5Sclose);
        H5Sselect_none(space.get());
        // Rows at equal distances make one selection, however many they are.
        for (std::size_t k = 0; k < part.rows.size();) {
            std::size_t end = k + 1;
            const std::int64_t step = end < part.rows.size() ? part.rows[end] - part.rows[k] : 1;
            while (end < part.rows.size() && part.rows[end] - part.rows[end - 1] == step) ++end;
            std::vector<hsize_t> start(whole.size(), 0), stride(whole.size(), 1), count(whole.size(), 1);
            auto block = whole;
            start[0] = static_cast<hsize_t>(part.rows[k]);
            stride[0] = static_cast<hsize_t>(step);
            count[0] = end - k;
            block[0] = 1;
            H5Sselect_hyperslab(space.get(), k == 0 ? H5S_SELECT_SET : H5S_SELECT_OR, start.data(),
                                stride.data(), count.data(), block.data());
            k = end;
        }
        if (H5Pset_virtual(creation.get(), space.get(), part.file.c_str(), dataset.c_str(), source.get()) < 0)
            m_state->failFromLibrary(dataset, "describing " + part.file);
    }
    H5Sselect_all(space.get());
    const Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
    H5Pset_create_intermediate_group(links.get(), 1);
    const Handle made(H5Dcreate2(m_state->file, dataset.c_str(), storedType<T>(), space.get(), links.get(),
                                 creation.get(), H5P_DEFAULT),
                      H5Dclose);
    if (!made.valid()) m_state->failFromLibrary(dataset, "making it");
}

std::vector<Hdf5Part> Hdf5File::virtualParts(const std::string& dataset) const {
    const Lock lock(hdf5Mutex());
    const Handle creation(H5Dget_create_plist(m_state->dataset(dataset, true)), H5Pclose);
    std::vector<Hdf5Part> parts;
    if (H5Pget_layout(creation.get()) != H5D_VIRTUAL) return parts;
    std::size_t count = 0;
    if (H5Pget_virtual_count(creation.get(), &count) < 0)
        m_state->fail(ErrorCode::Format, dataset, "the list of files that it shows is damaged");
    for (std::size_t i = 0; i < count; ++i)
        parts.push_back(m_state->virtualPart(dataset, creation.get(), i, m_state->info(dataset).shape));
    return parts;
}

namespace {

/// The rows that a selection holds, if it is of whole rows of `shape`; ascending.
std::optional<std::vector<std::int64_t>> wholeRows(hid_t space, const std::vector<std::int64_t>& shape) {
    const std::size_t rank = shape.size();
    if (rank == 0 || H5Sget_simple_extent_ndims(space) != static_cast<int>(rank)) return std::nullopt;
    std::vector<std::int64_t> rows;
    if (H5Sget_select_type(space) == H5S_SEL_ALL) {
        for (std::int64_t row = 0; row < shape[0]; ++row) rows.push_back(row);
        return rows;
    }
    if (H5Sget_select_type(space) != H5S_SEL_HYPERSLABS) return std::nullopt;
    const hssize_t blocks = H5Sget_select_hyper_nblocks(space);
    if (blocks < 1 || blocks > shape[0]) return std::nullopt;
    std::vector<hsize_t> corners(static_cast<std::size_t>(blocks) * 2 * rank);
    if (H5Sget_select_hyper_blocklist(space, 0, static_cast<hsize_t>(blocks), corners.data()) < 0)
        return std::nullopt;
    for (const hsize_t *low = corners.data(), *end = low + corners.size(); low != end; low += 2 * rank) {
        const hsize_t* high = low + rank;
        for (std::size_t axis = 1; axis < rank; ++axis)
            if (low[axis] != 0 || high[axis] + 1 != static_cast<hsize_t>(shape[axis])) return std::nullopt;
        if (high[0] >= static_cast<hsize_t>(shape[0])) return std::nullopt;
        for (hsize_t row = low[0]; row <= high[0]; ++row) rows.push_back(static_cast<std::int64_t>(row));
    }
    std::sort(rows.begin(), rows.end());
    return rows;
}

}  // namespace

Hdf5Part Hdf5File::State::virtualPart(const std::string& name, hid_t creation, std::size_t index,
                                      const std::vector<std::int64_t>& shape) const {
    std::array<char, 4096> shown{}, source{};
    const bool named = H5Pget_virtual_filename(creation, index, shown.data(), shown.size()) > 0 &&
                       H5Pget_virtual_dsetname(creation, index, source.data(), source.size()) > 0;
    const Handle there(H5Pget_virtual_srcspace(creation, index), H5Sclose);
    const Handle here(H5Pget_virtual_vspace(creation, index), H5Sclose);
    auto rows = wholeRows(here.get(), shape);
    if (!named || source.data() != name || H5Sget_select_type(there.get()) != H5S_SEL_ALL || !rows)
        fail(ErrorCode::Unsupported, name,
             "it shows data of other files in another way than rheo merge does: whole rows of theirs, in "
             "order; "
             "merge the shards again, or copy the data into this file");
    return {shown.data(), std::move(*rows)};
}

template <class T>
void Hdf5File::readBox(const std::string& dataset, const std::vector<std::int64_t>& start,
                       const std::vector<std::int64_t>& count, T* out) const {
    const Lock lock(hdf5Mutex());
    const Handle space = m_state->box(dataset, start, count);
    const auto size = extents(count);
    const Handle memory(H5Screate_simple(static_cast<int>(size.size()), size.data(), nullptr), H5Sclose);
    if (H5Dread(m_state->dataset(dataset), nativeType<T>(), memory.get(), space.get(), H5P_DEFAULT, out) < 0)
        m_state->failToRead(dataset);
    m_state->requireUnchanged();
}

void Hdf5File::readBits(const std::string& dataset, const std::vector<std::int64_t>& start,
                        const std::vector<std::int64_t>& count, std::uint16_t* out) const {
    const Lock lock(hdf5Mutex());
    const Handle stored(H5Dget_type(m_state->dataset(dataset)), H5Tclose);
    if (H5Tget_size(stored.get()) != 2)
        m_state->fail(ErrorCode::Format, dataset, "elements of two bytes were expected");
    // A memory type of the same kind, so that no value is converted.
    const bool isSigned = H5Tget_class(stored.get()) == H5T_INTEGER && H5Tget_sign(stored.get()) == H5T_SGN_2;
    const hid_t memoryType = H5Tget_class(stored.get()) != H5T_INTEGER ? stored.get()
                             : isSigned                                ? H5T_NATIVE_INT16
                                                                       : H5T_NATIVE_UINT16;
    const Handle space = m_state->box(dataset, start, count);
    const auto size = extents(count);
    const Handle memory(H5Screate_simple(static_cast<int>(size.size()), size.data(), nullptr), H5Sclose);
    if (H5Dread(m_state->dataset(dataset), memoryType, memory.get(), space.get(), H5P_DEFAULT, out) < 0)
        m_state->failToRead(dataset);
    m_state->requireUnchanged();
}

template <class T>
void Hdf5File::writeBox(const std::string& dataset, const std::vector<std::int64_t>& start,
                        const std::vector<std::int64_t>& count, const T* values) {
    const Lock lock(hdf5Mutex());
    const Handle space = m_state->box(dataset, start, count);
    const auto size = extents(count);
    const Handle memory(H5Screate_simple(static_cast<int>(size.size()), size.data(), nullptr), H5Sclose);
    if (H5Dwrite(m_state->dataset(dataset), nativeType<T>(), memory.get(), space.get(), H5P_DEFAULT, values) <
        0)
        m_state->failFromLibrary(dataset, "writing it");
}

std::optional<std::string> Hdf5File::textAttribute(const std::string& object, const std::string& name) const {
    const Lock lock(hdf5Mutex());
    const Handle opened = m_state->object(object);
    if (H5Aexists(opened.get(), name.c_str()) <= 0) return std::nullopt;
    const Handle attribute(H5Aopen(opened.get(), name.c_str(), H5P_DEFAULT), H5Aclose);
    const Handle stored(H5Aget_type(attribute.get()), H5Tclose);
    const Handle space(H5Aget_space(attribute.get()), H5Sclose);
    if (H5Tget_class(stored.get()) != H5T_STRING || H5Sget_simple_extent_npoints(space.get()) != 1)
        m_state->fail(ErrorCode::Format, object, fmt::format("attribute {} is not a text", name));
    if (H5Tis_variable_str(stored.get()) > 0) {
        const Handle type = variableString();
        char* raw = nullptr;
        if (H5Aread(attribute.get(), type.get(), &raw) < 0 || raw == nullptr) return std::string();
        std::string text = raw;
        H5Dvlen_reclaim(type.get(), space.get(), H5P_DEFAULT, &raw);
        return text;
    }
    const std::size_t size = H5Tget_size(stored.get());
    if (size > (std::size_t{1} << 28))
        m_state->fail(ErrorCode::Format, object, fmt::format("attribute {} is too long", name));
    std::string text(size, '\0');
    if (H5Aread(attribute.get(), stored.get(), text.data()) < 0)
        m_state->fail(ErrorCode::Io, object, fmt::format("attribute {} cannot be read", name));
    return unpadded(std::move(text), H5Tget_strpad(stored.get()));
}

namespace {

template <class T>
std::optional<T> scalarAttribute(const Handle& object, const std::string& name) {
    if (H5Aexists(object.get(), name.c_str()) <= 0) return std::nullopt;
    const Handle attribute(H5Aopen(object.get(), name.c_str(), H5P_DEFAULT), H5Aclose);
    const Handle space(H5Aget_space(attribute.get()), H5Sclose);
    T value{};
    if (H5Sget_simple_extent_npoints(space.get()) != 1 ||
        H5Aread(attribute.get(), nativeType<T>(), &value) < 0)
        return std::nullopt;
    return value;
}

}  // namespace

std::optional<std::int64_t> Hdf5File::integerAttribute(const std::string& object,
                                                       const std::string& name) const {
    const Lock lock(hdf5Mutex());
    return scalarAttribute<std::int64_t>(m_state->object(object), name);
}

std::optional<double> Hdf5File::numberAttribute(const std::string& object, const std::string& name) const {
    const Lock lock(hdf5Mutex());
    return scalarAttribute<double>(m_state->object(object), name);
}

namespace {

/// Writes a scalar attribute; an old one of that name is replaced. False if the library refused.
bool putAttribute(const Handle& object, const std::string& name, hid_t stored, hid_t memory,
                  const void* value) {
    if (H5Aexists(object.get(), name.c_str()) > 0) H5Adelete(object.get(), name.c_str());
    const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
    const Handle attribute(
        H5Acreate2(object.get(), name.c_str(), stored, space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
    return attribute.valid() && H5Awrite(attribute.get(), memory, value) >= 0;
}

}  // namespace

void Hdf5File::setAttribute(const std::string& object, const std::string& name, const std::string& value) {
    const Lock lock(hdf5Mutex());
    const Handle type = fixedString(value.size(), value.find('\0') != std::string::npos);
    if (!putAttribute(m_state->object(object), name, type.get(), type.get(), value.c_str()))
        m_state->failFromLibrary(object, "writing attribute " + name);
}

void Hdf5File::setAttribute(const std::string& object, const std::string& name, std::int64_t value) {
    const Lock lock(hdf5Mutex());
    if (!putAttribute(m_state->object(object), name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value))
        m_state->failFromLibrary(object, "writing attribute " + name);
}

void Hdf5File::setAttribute(const std::string& object, const std::string& name, double value) {
    const Lock lock(hdf5Mutex());
    if (!putAttribute(m_state->object(object), name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value))
        m_state->failFromLibrary(object, "writing attribute " + name);
}

void Hdf5File::makeGroup(const std::string& group) {
    const Lock lock(hdf5Mutex());
    if (m_state->exists(group)) return;
    const Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
    H5Pset_create_intermediate_group(links.get(), 1);
    const Handle made(H5Gcreate2(m_state->file, group.c_str(), links.get(), H5P_DEFAULT, H5P_DEFAULT),
                      H5Gclose);
    if (!made.valid()) m_state->failFromLibrary(group, "making the group");
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
    if (m_state->sealing == Sealing::OnClose) writeSeal(m_state->place, open);
}

#define RHEO_INSTANTIATE(T)                                                                        \
    template std::vector<T> Hdf5File::read<T>(const std::string&, std::int64_t) const;             \
    template void Hdf5File::write<T>(const std::string&, std::span<const T>,                       \
                                     const std::vector<std::int64_t>&);                            \
    template void Hdf5File::createDataset<T>(const std::string&, const std::vector<std::int64_t>&, \
                                             const Hdf5Layout&);                                   \
    template void Hdf5File::createVirtual<T>(const std::string&, const std::vector<std::int64_t>&, \
                                             const std::vector<Hdf5Part>&, T);                     \
    template void Hdf5File::readBox<T>(const std::string&, const std::vector<std::int64_t>&,       \
                                       const std::vector<std::int64_t>&, T*) const;                \
    template void Hdf5File::writeBox<T>(const std::string&, const std::vector<std::int64_t>&,      \
                                        const std::vector<std::int64_t>&, const T*);
RHEO_INSTANTIATE(float)
RHEO_INSTANTIATE(double)
RHEO_INSTANTIATE(std::int32_t)
RHEO_INSTANTIATE(std::int64_t)
RHEO_INSTANTIATE(std::uint8_t)
RHEO_INSTANTIATE(std::uint16_t)
RHEO_INSTANTIATE(std::uint64_t)
#undef RHEO_INSTANTIATE

}  // namespace rheo
