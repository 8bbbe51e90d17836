// Lists of strings.
#include <algorithm>
#include <cstdint>

#include "core/trace/hdf5_state.h"
#include "core/trace/hdf5_types.h"

namespace rheo {

using Lock = Hdf5Lock;

namespace {

/// Strings are padded to one length where that takes at most this, or at most twice what they have.
constexpr std::size_t fewPaddedBytes = std::size_t{4} << 20;
/// Strings are read in pieces, so that little is allocated on the word of a damaged shape.
constexpr std::size_t pieceBytes = std::size_t{1} << 20;

}  // namespace

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

}  // namespace rheo
