// Datasets that show the data of other files.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <system_error>

#include "core/trace/hdf5_state.h"
#include "core/trace/hdf5_types.h"

namespace rheo {

using Lock = Hdf5Lock;

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

#define RHEO_INSTANTIATE(T)                                                                        \
    template void Hdf5File::createVirtual<T>(const std::string&, const std::vector<std::int64_t>&, \
                                             const std::vector<Hdf5Part>&, T);
RHEO_INSTANTIATE(float)
RHEO_INSTANTIATE(double)
RHEO_INSTANTIATE(std::int32_t)
RHEO_INSTANTIATE(std::int64_t)
RHEO_INSTANTIATE(std::uint8_t)
RHEO_INSTANTIATE(std::uint16_t)
RHEO_INSTANTIATE(std::uint64_t)
#undef RHEO_INSTANTIATE

}  // namespace rheo
