#include "core/trace/hdf5_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "core/trace/hdf5_state.h"
#include "core/trace/hdf5_types.h"

namespace rheo {

using Lock = Hdf5Lock;

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

Hdf5File::Hdf5File(std::unique_ptr<State> state) : m_state(std::move(state)) {}
Hdf5File::Hdf5File(Hdf5File&&) noexcept = default;
Hdf5File& Hdf5File::operator=(Hdf5File&&) noexcept = default;
Hdf5File::~Hdf5File() = default;

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

template <class T>
void Hdf5File::write(const std::string& dataset, std::span<const T> values,
                     const std::vector<std::int64_t>& shape) {
    const Lock lock(hdf5Mutex());
    const Handle made = m_state->create(dataset, storedType<T>(), shape, {});
    if (!values.empty() &&
        H5Dwrite(made.get(), nativeType<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0)
        m_state->failFromLibrary(dataset, "writing it");
}

template <class T>
void Hdf5File::createDataset(const std::string& dataset, const std::vector<std::int64_t>& shape,
                             const Hdf5Layout& layout) {
    const Lock lock(hdf5Mutex());
    m_state->create(dataset, storedType<T>(), shape, layout);
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

void Hdf5File::makeGroup(const std::string& group) {
    const Lock lock(hdf5Mutex());
    if (m_state->exists(group)) return;
    const Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
    H5Pset_create_intermediate_group(links.get(), 1);
    const Handle made(H5Gcreate2(m_state->file, group.c_str(), links.get(), H5P_DEFAULT, H5P_DEFAULT),
                      H5Gclose);
    if (!made.valid()) m_state->failFromLibrary(group, "making the group");
}

#define RHEO_INSTANTIATE(T)                                                                        \
    template std::vector<T> Hdf5File::read<T>(const std::string&, std::int64_t) const;             \
    template void Hdf5File::write<T>(const std::string&, std::span<const T>,                       \
                                     const std::vector<std::int64_t>&);                            \
    template void Hdf5File::createDataset<T>(const std::string&, const std::vector<std::int64_t>&, \
                                             const Hdf5Layout&);                                   \
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
