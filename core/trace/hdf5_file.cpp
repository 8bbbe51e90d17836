#include "core/trace/hdf5_file.h"

#include <fmt/format.h>
#include <hdf5.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <map>
#include <mutex>
#include <system_error>
#include <utility>

#include "core/base/error.h"
#include "core/trace/lzf_filter.h"

namespace rheo {

namespace {

/// The library has one set of global tables and, as Debian builds it, no lock of its own.
std::recursive_mutex& libraryMutex() {
    static std::recursive_mutex mutex;
    return mutex;
}
using Lock = std::lock_guard<std::recursive_mutex>;

/// An HDF5 handle that closes itself.
class Handle {
public:
    Handle(hid_t id, herr_t (*close)(hid_t)) : m_id(id), m_close(close) {}
    Handle(Handle&& other) noexcept : m_id(std::exchange(other.m_id, -1)), m_close(other.m_close) {}
    Handle& operator=(Handle&&) = delete;
    ~Handle() {
        if (m_id >= 0) m_close(m_id);
    }
    hid_t get() const { return m_id; }
    bool valid() const { return m_id >= 0; }

private:
    hid_t m_id;
    herr_t (*m_close)(hid_t);
};

herr_t collect(unsigned, const H5E_error2_t* error, void* to) {
    if (error->desc != nullptr) *static_cast<std::string*>(to) = error->desc;
    return 0;
}

/// The innermost entry of the error stack: the library says there what the system said.
std::string libraryMessage() {
    std::string text;
    H5Ewalk2(
        H5E_DEFAULT, H5E_WALK_UPWARD,
        [](unsigned n, const H5E_error2_t* e, void* to) -> herr_t { return n == 0 ? collect(n, e, to) : 0; },
        &text);
    return text.empty() ? "no cause given" : text;
}

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

Handle variableString() {
    Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type.get(), H5T_VARIABLE);
    H5Tset_cset(type.get(), H5T_CSET_UTF8);
    return type;
}

std::vector<hsize_t> extents(const std::vector<std::int64_t>& shape) {
    return {shape.begin(), shape.end()};
}

}  // namespace

struct Hdf5File::State {
    std::filesystem::path path;
    hid_t file = -1;
    std::size_t cacheBytes = usualCacheBytes;
    mutable std::map<std::string, Handle> datasets;  ///< kept open: the chunk cache lives with them

    ~State() {
        const Lock lock(libraryMutex());
        datasets.clear();
        if (file >= 0) H5Fclose(file);
    }

    [[noreturn]] void fail(ErrorCode code, const std::string& name, const std::string& what) const {
        throw Error(code,
                    fmt::format("{}{}: {}", path.string(), name.empty() ? "" : ", dataset " + name, what),
                    path.string());
    }
    /// For calls that write: the disk may be full.
    [[noreturn]] void failFromLibrary(const std::string& name, const std::string& doing) const {
        const std::string cause = libraryMessage();
        if (cause.find("errno = 28") != std::string::npos)
            fail(ErrorCode::DiskFull, name, doing + " failed: the disk is full");
        fail(ErrorCode::Io, name, fmt::format("{} failed ({})", doing, cause));
    }
    bool exists(const std::string& name) const {
        // H5Lexists wants every step of the path to be there.
        for (std::size_t at = name.find('/', 1); at != std::string::npos; at = name.find('/', at + 1))
            if (H5Lexists(file, name.substr(0, at).c_str(), H5P_DEFAULT) <= 0) return false;
        return name == "/" || (H5Lexists(file, name.c_str(), H5P_DEFAULT) > 0 &&
                               H5Oexists_by_name(file, name.c_str(), H5P_DEFAULT) > 0);
    }
    hid_t dataset(const std::string& name) const {
        if (const auto found = datasets.find(name); found != datasets.end()) return found->second.get();
        if (!exists(name)) fail(ErrorCode::NotFound, name, "there is no such dataset");
        const Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
        H5Pset_chunk_cache(access.get(), 12421, cacheBytes, 0.75);
        Handle opened(H5Dopen2(file, name.c_str(), access.get()), H5Dclose);
        if (!opened.valid()) fail(ErrorCode::Format, name, "it is not a dataset, or it is damaged");
        return datasets.emplace(name, std::move(opened)).first->second.get();
    }
    Handle object(const std::string& name) const {
        if (!exists(name)) fail(ErrorCode::NotFound, name, "there is no such group or dataset");
        Handle opened(H5Oopen(file, name.c_str(), H5P_DEFAULT), H5Oclose);
        if (!opened.valid()) fail(ErrorCode::Format, name, "it is damaged");
        return opened;
    }
    Hdf5Info info(const std::string& name) const;
    Handle create(const std::string& name, hid_t type, const std::vector<std::int64_t>& shape,
                  const Hdf5Layout& layout) const;
    Handle box(const std::string& name, const std::vector<std::int64_t>& start,
               const std::vector<std::int64_t>& count) const;
};

std::int64_t Hdf5Info::count() const {
    std::int64_t product = 1;
    for (const auto n : shape) product *= n;
    return product;
}

namespace {

Hdf5Type typeOf(H5T_class_t kind, std::size_t bytes, bool isSigned) {
    if (kind == H5T_STRING) return Hdf5Type::String;
    if (kind == H5T_FLOAT)
        return bytes == 4 ? Hdf5Type::Float32 : bytes == 8 ? Hdf5Type::Float64 : Hdf5Type::Other;
    if (kind != H5T_INTEGER) return Hdf5Type::Other;
    if (bytes == 1) return Hdf5Type::UInt8;
    if (bytes == 2) return isSigned ? Hdf5Type::Other : Hdf5Type::UInt16;
    if (!isSigned) return Hdf5Type::Other;
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
    const hid_t opened = dataset(name);
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
                               const Hdf5Layout& layout) const {
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
        H5Pset_fill_time(creation.get(), H5D_FILL_TIME_NEVER);
    }
    Handle made(H5Dcreate2(file, name.c_str(), type, space.get(), links.get(), creation.get(), H5P_DEFAULT),
                H5Dclose);
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

/// Opens or (with H5F_ACC_TRUNC) makes a file. Where the file system has no locks it goes without one, unless
/// HDF5_USE_FILE_LOCKING asks for it.
hid_t openLocked(const std::filesystem::path& path, unsigned flags) {
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    const auto open = [&] {
        return flags == H5F_ACC_TRUNC ? H5Fcreate(path.c_str(), flags, H5P_DEFAULT, access.get())
                                      : H5Fopen(path.c_str(), flags, access.get());
    };
    hid_t file = open();
    std::string cause = file < 0 ? libraryMessage() : "";
    if (file < 0 && lockFailed(cause) && !lockIsHeld(cause)) {
        H5Pset_file_locking(access.get(), false, true);
        file = open();
        if (file < 0) cause = libraryMessage();
    }
    if (file < 0) failToOpen(path, flags, cause);
    return file;
}

}  // namespace

Hdf5File Hdf5File::openForReading(const std::filesystem::path& path, std::size_t cacheBytes) {
    const Lock lock(libraryMutex());
    prepareLibrary();
    auto state = std::make_unique<State>();
    state->path = path;
    state->cacheBytes = cacheBytes;
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored))
        throw Error(ErrorCode::NotFound, fmt::format("there is no file {}", path.string()), path.string());
    if (std::filesystem::is_directory(path, ignored))
        throw Error(ErrorCode::Format,
                    fmt::format("{} is a folder, and an HDF5 file was expected", path.string()),
                    path.string());
    state->file = openLocked(path, H5F_ACC_RDONLY);
    return Hdf5File(std::move(state));
}

Hdf5File Hdf5File::openForWriting(const std::filesystem::path& path) {
    const Lock lock(libraryMutex());
    prepareLibrary();
    auto state = std::make_unique<State>();
    state->path = path;
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored))
        throw Error(ErrorCode::NotFound, fmt::format("there is no file {}", path.string()), path.string());
    state->file = openLocked(path, H5F_ACC_RDWR);
    return Hdf5File(std::move(state));
}

Hdf5File Hdf5File::create(const std::filesystem::path& path) {
    const Lock lock(libraryMutex());
    prepareLibrary();
    auto state = std::make_unique<State>();
    state->path = path;
    state->file = openLocked(path, H5F_ACC_TRUNC);
    return Hdf5File(std::move(state));
}

const std::filesystem::path& Hdf5File::path() const {
    return m_state->path;
}

bool Hdf5File::exists(const std::string& name) const {
    const Lock lock(libraryMutex());
    return m_state->exists(name);
}

std::vector<std::string> Hdf5File::children(const std::string& group) const {
    const Lock lock(libraryMutex());
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
    const Lock lock(libraryMutex());
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
    const Lock lock(libraryMutex());
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
    const Lock lock(libraryMutex());
    m_state->datasets.clear();
    if (m_state->exists(name) && H5Ldelete(m_state->file, name.c_str(), H5P_DEFAULT) < 0)
        m_state->failFromLibrary(name, "removing it");
}

Hdf5Info Hdf5File::info(const std::string& dataset) const {
    const Lock lock(libraryMutex());
    return m_state->info(dataset);
}

std::vector<Hdf5Filter> Hdf5File::filters(const std::string& dataset) const {
    const Lock lock(libraryMutex());
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
    const Lock lock(libraryMutex());
    return static_cast<std::int64_t>(H5Dget_storage_size(m_state->dataset(dataset)));
}

template <class T>
std::vector<T> Hdf5File::read(const std::string& dataset, std::int64_t limit) const {
    const Lock lock(libraryMutex());
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
        m_state->fail(ErrorCode::Io, dataset, fmt::format("reading it failed ({})", libraryMessage()));
    return values;
}

std::vector<std::string> Hdf5File::readStrings(const std::string& dataset) const {
    const Lock lock(libraryMutex());
    const Hdf5Info info = m_state->info(dataset);
    const hid_t opened = m_state->dataset(dataset);
    const Handle stored(H5Dget_type(opened), H5Tclose);
    if (info.type != Hdf5Type::String || info.shape.size() > 1 || H5Tis_variable_str(stored.get()) <= 0)
        m_state->fail(ErrorCode::Format, dataset, "a list of strings of variable length was expected");
    const auto count = static_cast<std::size_t>(info.count());
    if (count > (std::size_t{1} << 28))
        m_state->fail(ErrorCode::Format, dataset, "it claims more strings than can be real");
    const Handle type = variableString();
    const Handle space(H5Dget_space(opened), H5Sclose);
    std::vector<std::string> values(count);
    // In pieces, because the library allocates every string of a read at once.
    constexpr std::size_t piece = 4096;
    std::vector<char*> raw(std::min(count, piece));
    for (std::size_t at = 0; at < count; at += piece) {
        const hsize_t start = at, size = std::min(piece, count - at);
        if (!info.shape.empty())
            H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, &start, nullptr, &size, nullptr);
        const Handle memory(H5Screate_simple(1, &size, nullptr), H5Sclose);
        if (H5Dread(opened, type.get(), memory.get(), space.get(), H5P_DEFAULT, raw.data()) < 0)
            m_state->fail(ErrorCode::Io, dataset, fmt::format("reading it failed ({})", libraryMessage()));
        for (std::size_t i = 0; i < size; ++i)
            if (raw[i] != nullptr) values[at + i] = raw[i];
        H5Dvlen_reclaim(type.get(), memory.get(), H5P_DEFAULT, raw.data());
    }
    return values;
}

template <class T>
void Hdf5File::write(const std::string& dataset, std::span<const T> values,
                     const std::vector<std::int64_t>& shape) {
    const Lock lock(libraryMutex());
    const Handle made = m_state->create(dataset, storedType<T>(), shape, {});
    if (!values.empty() &&
        H5Dwrite(made.get(), nativeType<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0)
        m_state->failFromLibrary(dataset, "writing it");
}

void Hdf5File::writeStrings(const std::string& dataset, const std::vector<std::string>& values) {
    const Lock lock(libraryMutex());
    const Handle type = variableString();
    const Handle made = m_state->create(dataset, type.get(), {static_cast<std::int64_t>(values.size())}, {});
    std::vector<const char*> raw;
    for (const auto& value : values) raw.push_back(value.c_str());
    if (!raw.empty() && H5Dwrite(made.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, raw.data()) < 0)
        m_state->failFromLibrary(dataset, "writing it");
}

template <class T>
void Hdf5File::createDataset(const std::string& dataset, const std::vector<std::int64_t>& shape,
                             const Hdf5Layout& layout) {
    const Lock lock(libraryMutex());
    m_state->create(dataset, storedType<T>(), shape, layout);
}

template <class T>
void Hdf5File::createVirtual(const std::string& dataset, const std::vector<std::int64_t>& shape,
                             const std::vector<Hdf5Part>& parts, T fill) {
    const Lock lock(libraryMutex());
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

std::vector<std::string> Hdf5File::virtualFiles(const std::string& dataset) const {
    const Lock lock(libraryMutex());
    const Handle creation(H5Dget_create_plist(m_state->dataset(dataset)), H5Pclose);
    std::vector<std::string> files;
    if (H5Pget_layout(creation.get()) != H5D_VIRTUAL) return files;
    std::size_t count = 0;
    if (H5Pget_virtual_count(creation.get(), &count) < 0)
        m_state->fail(ErrorCode::Format, dataset, "the list of files that it shows is damaged");
    for (std::size_t i = 0; i < count; ++i) {
        const ssize_t length = H5Pget_virtual_filename(creation.get(), i, nullptr, 0);
        std::string name(static_cast<std::size_t>(std::max<ssize_t>(length, 0)), '\0');
        if (length < 1 || H5Pget_virtual_filename(creation.get(), i, name.data(), name.size() + 1) < 0)
            m_state->fail(ErrorCode::Format, dataset, "the list of files that it shows is damaged");
        files.push_back(std::move(name));
    }
    return files;
}

template <class T>
void Hdf5File::readBox(const std::string& dataset, const std::vector<std::int64_t>& start,
                       const std::vector<std::int64_t>& count, T* out) const {
    const Lock lock(libraryMutex());
    const Handle space = m_state->box(dataset, start, count);
    const auto size = extents(count);
    const Handle memory(H5Screate_simple(static_cast<int>(size.size()), size.data(), nullptr), H5Sclose);
    if (H5Dread(m_state->dataset(dataset), nativeType<T>(), memory.get(), space.get(), H5P_DEFAULT, out) < 0)
        m_state->fail(ErrorCode::Io, dataset, fmt::format("reading it failed ({})", libraryMessage()));
}

void Hdf5File::readBits(const std::string& dataset, const std::vector<std::int64_t>& start,
                        const std::vector<std::int64_t>& count, std::uint16_t* out) const {
    const Lock lock(libraryMutex());
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
        m_state->fail(ErrorCode::Io, dataset, fmt::format("reading it failed ({})", libraryMessage()));
}

template <class T>
void Hdf5File::writeBox(const std::string& dataset, const std::vector<std::int64_t>& start,
                        const std::vector<std::int64_t>& count, const T* values) {
    const Lock lock(libraryMutex());
    const Handle space = m_state->box(dataset, start, count);
    const auto size = extents(count);
    const Handle memory(H5Screate_simple(static_cast<int>(size.size()), size.data(), nullptr), H5Sclose);
    if (H5Dwrite(m_state->dataset(dataset), nativeType<T>(), memory.get(), space.get(), H5P_DEFAULT, values) <
        0)
        m_state->failFromLibrary(dataset, "writing it");
}

std::optional<std::string> Hdf5File::textAttribute(const std::string& object, const std::string& name) const {
    const Lock lock(libraryMutex());
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
    if (size > (1 << 20))
        m_state->fail(ErrorCode::Format, object, fmt::format("attribute {} is too long", name));
    std::string text(size, '\0');
    if (H5Aread(attribute.get(), stored.get(), text.data()) < 0)
        m_state->fail(ErrorCode::Io, object, fmt::format("attribute {} cannot be read", name));
    text.erase(std::find(text.begin(), text.end(), '\0'), text.end());
    return text;
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
    const Lock lock(libraryMutex());
    return scalarAttribute<std::int64_t>(m_state->object(object), name);
}

std::optional<double> Hdf5File::numberAttribute(const std::string& object, const std::string& name) const {
    const Lock lock(libraryMutex());
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
    const Lock lock(libraryMutex());
    const Handle type = variableString();
    const char* raw = value.c_str();
    if (!putAttribute(m_state->object(object), name, type.get(), type.get(), &raw))
        m_state->failFromLibrary(object, "writing attribute " + name);
}

void Hdf5File::setAttribute(const std::string& object, const std::string& name, std::int64_t value) {
    const Lock lock(libraryMutex());
    if (!putAttribute(m_state->object(object), name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value))
        m_state->failFromLibrary(object, "writing attribute " + name);
}

void Hdf5File::setAttribute(const std::string& object, const std::string& name, double value) {
    const Lock lock(libraryMutex());
    if (!putAttribute(m_state->object(object), name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value))
        m_state->failFromLibrary(object, "writing attribute " + name);
}

void Hdf5File::makeGroup(const std::string& group) {
    const Lock lock(libraryMutex());
    if (m_state->exists(group)) return;
    const Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
    H5Pset_create_intermediate_group(links.get(), 1);
    const Handle made(H5Gcreate2(m_state->file, group.c_str(), links.get(), H5P_DEFAULT, H5P_DEFAULT),
                      H5Gclose);
    if (!made.valid()) m_state->failFromLibrary(group, "making the group");
}

void Hdf5File::flush() {
    const Lock lock(libraryMutex());
    if (H5Fflush(m_state->file, H5F_SCOPE_GLOBAL) < 0) m_state->failFromLibrary("", "writing");
}

void Hdf5File::close() {
    const Lock lock(libraryMutex());
    flush();
    m_state->datasets.clear();
    const hid_t file = std::exchange(m_state->file, -1);
    if (H5Fclose(file) < 0) m_state->failFromLibrary("", "closing");
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
#undef RHEO_INSTANTIATE

}  // namespace rheo
