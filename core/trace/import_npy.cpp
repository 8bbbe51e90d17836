// Arrays of NumPy: one in a .npy, several in a .npz, which is a zip file of them.
#include <fmt/format.h>
#include <unzip.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>

#include "core/base/error.h"
#include "core/trace/import_source.h"
#include "core/trace/mapped_file.h"
#include "core/trace/npy.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

/// More arrays than any cache of activations has, and few enough to list.
constexpr std::uint64_t mostEntries = 100'000;
/// Deflate makes at most 1,032 bytes of one; an entry that claims more lies.
constexpr std::uint64_t mostExpansion = 1032;
constexpr std::size_t unpackAtOnce = std::size_t{1} << 20;

/// A dtype without its byte order.
struct DtypeRow {
    std::string_view dtype;
    ElementType type;
};
constexpr std::array<DtypeRow, 13> dtypes{{
    {"f2", ElementType::Float16},
    {"f4", ElementType::Float32},
    {"f8", ElementType::Float64},
    // NumPy knows no bfloat16: arrays of the ml_dtypes package are saved as two bytes without a meaning.
    {"V2", ElementType::BFloat16},
    {"b1", ElementType::Bool},
    {"i1", ElementType::Int8},
    {"u1", ElementType::UInt8},
    {"i2", ElementType::Int16},
    {"u2", ElementType::UInt16},
    {"i4", ElementType::Int32},
    {"u4", ElementType::UInt32},
    {"i8", ElementType::Int64},
    {"u8", ElementType::UInt64},
}};

std::optional<ElementType> elementOf(std::string_view dtype) {
    for (const auto& row : dtypes)
        if (!dtype.empty() && dtype.substr(1) == row.dtype) return row.type;
    return std::nullopt;
}

std::string typeNameOf(const std::string& dtype) {
    if (dtype.ends_with("V2")) return fmt::format("two bytes of no stated type ({})", dtype);
    if (const auto type = elementOf(dtype)) return fmt::format("{} ({})", elementName(*type), dtype);
    const std::string_view kind = std::string_view(dtype).substr(0, 2);
    if (kind.ends_with('O')) return "Python objects, pickled";
    if (kind.ends_with('U') || kind.ends_with('S')) return fmt::format("text ({})", dtype);
    if (kind.ends_with('c')) return fmt::format("complex numbers ({})", dtype);
    return fmt::format("of type {}", dtype);
}

std::string labelOf(const fs::path& path, const std::string& array) {
    return array.empty() ? path.string() : fmt::format("{}, array '{}'", path.string(), array);
}

/// What a header describes. Throws where `dataBytes` is not what it says.
ImportArray described(const NpyHeader& header, std::uint64_t dataBytes, const fs::path& path,
                      const std::string& label) {
    ImportArray array;
    array.shape = header.shape;
    array.columnMajor = header.columnMajor;
    array.typeName = typeNameOf(header.dtype);
    array.pickled = header.dtype.find('O') != std::string::npos;
    array.type = elementOf(header.dtype);
    array.untyped = header.dtype.ends_with("V2");
    if (!array.type) return array;
    const std::int64_t bytes = checkedBytes(header.shape, elementBytes(*array.type), label);
    if (static_cast<std::uint64_t>(bytes) != dataBytes)
        throw Error(ErrorCode::Format,
                    fmt::format("{}: its header says {} [{}], which is {} bytes, and {} are there; the file "
                                "is damaged or cut off",
                                label, header.dtype, fmt::join(header.shape, ", "), bytes, dataBytes),
                    path.string());
    return array;
}

/// One array, and where its data lie.
struct Located {
    NpyHeader header;
    ImportArray array;
    const std::byte* data = nullptr;
};

ArrayBlock blockOf(const Located& located, const std::vector<std::int64_t>& start) {
    ArrayBlock block;
    block.type = *located.array.type;
    block.bigEndian = located.header.dtype.starts_with('>');
    block.strides = denseStrides(located.array.shape, elementBytes(block.type), located.header.columnMajor);
    block.data = elementAt(located.data, block.strides, start);
    return block;
}

class NpySource : public ImportSource {
public:
    explicit NpySource(const fs::path& path) : m_path(path), m_file(path) {
        const auto bytes = m_file.bytes();
        m_located.header = parseNpyHeader(bytes, path.string());
        m_located.array =
            described(m_located.header, bytes.size() - m_located.header.bytes, path, labelOf(path, ""));
        m_located.data = bytes.data() + m_located.header.bytes;
    }
    const char* kind() const override { return "NumPy array"; }
    std::vector<std::string> names() const override { return {m_path.stem().string()}; }
    ImportArray describe(std::size_t) override { return m_located.array; }
    void prepare(const std::vector<std::size_t>&, const fs::path&, Progress&) override {}
    ArrayBlock block(std::size_t, const std::vector<std::int64_t>& start,
                     const std::vector<std::int64_t>&) override {
        return blockOf(m_located, start);
    }
    void requireUnchanged() const override { m_file.requireUnchanged(); }
    void forget() override { forgetPages(m_file.bytes()); }

private:
    fs::path m_path;
    MappedFile m_file;
    Located m_located;
};

/// One array of a .npz, before it is opened.
struct Entry {
    std::string name;  ///< without .npy
    unz64_file_pos position{};
    unz_file_info64 info{};
};

/// A zip file without entries is nothing but its end record: 22 bytes and a comment.
bool isEmptyZip(std::span<const std::byte> bytes) {
    return bytes.size() >= 22 && std::memcmp(bytes.data(), "PK\x05\x06\0\0\0\0\0\0\0\0", 12) == 0;
}

class NpzSource : public ImportSource {
public:
    explicit NpzSource(const fs::path& path) : m_path(path), m_file(path) {
        m_zip = unzOpen64(path.c_str());
        if (m_zip == nullptr && isEmptyZip(m_file.bytes()))
            fail("", "it holds no arrays: it is an empty archive");
        if (m_zip == nullptr) fail("", "it is no zip file, or its list of entries is damaged");
        try {
            list();
        } catch (...) {
            unzClose(m_zip);
            throw;
        }
        m_located.resize(m_entries.size());
    }
    ~NpzSource() override { unzClose(m_zip); }
    NpzSource(const NpzSource&) = delete;
    NpzSource& operator=(const NpzSource&) = delete;

    const char* kind() const override { return "NumPy archive"; }
    std::vector<std::string> names() const override {
        std::vector<std::string> all;
        for (const auto& entry : m_entries) all.push_back(entry.name);
        return all;
    }

    ImportArray describe(std::size_t index) override {
        const Entry& entry = m_entries[index];
        const std::string label = labelOf(m_path, entry.name);
        if ((entry.info.flag & 1) != 0) fail(entry.name, "it is encrypted");
        if (entry.info.compression_method != 0 && entry.info.compression_method != Z_DEFLATED)
            fail(entry.name, fmt::format("it is compressed by method {}; save it with numpy.savez or "
                                         "numpy.savez_compressed",
                                         entry.info.compression_method));
        const auto packed = static_cast<std::uint64_t>(entry.info.compressed_size);
        const auto unpacked = static_cast<std::uint64_t>(entry.info.uncompressed_size);
        if (packed > m_file.bytes().size() || unpacked / mostExpansion > packed + 16 ||
            (entry.info.compression_method == 0 && packed != unpacked))
            fail(entry.name, fmt::format("its size is given as {} bytes, {} in the file, which cannot be",
                                         unpacked, packed));

        open(entry);
        std::vector<std::byte> start(std::min<std::uint64_t>(unpacked, npyPrefixBytes));
        read(entry, start);
        start.resize(std::max(start.size(), std::min<std::size_t>(npyHeaderBytes(start, label), unpacked)));
        read(entry, std::span(start).subspan(std::min(start.size(), npyPrefixBytes)));
        unzCloseCurrentFile(m_zip);
        Located& located = m_located[index];
        located.header = parseNpyHeader(start, label);
        located.array = described(located.header, unpacked - located.header.bytes, m_path, label);
        return located.array;
    }

    void prepare(const std::vector<std::size_t>& arrays, const fs::path& folder,
                 Progress& progress) override {
        std::int64_t total = 0, packed = 0;
        for (const auto index : arrays) {
            const auto size = static_cast<std::int64_t>(m_entries[index].info.uncompressed_size);
            if (__builtin_add_overflow(total, size, &total)) fail("", "its entries are too large to be real");
            if (m_entries[index].info.compression_method != 0) packed += size;
        }
        if (packed > 0) m_unpacked.emplace(folder, packed);
        std::int64_t done = 0, at = 0;
        for (const auto index : arrays) {
            const Entry& entry = m_entries[index];
            const auto size = static_cast<std::size_t>(entry.info.uncompressed_size);
            open(entry);
            std::span<const std::byte> contents;
            if (entry.info.compression_method == 0) {
                contents = stored(entry);
                unzCloseCurrentFile(m_zip);
                check(entry, contents, progress, done, total);
            } else {
                const auto room = m_unpacked->writable().subspan(static_cast<std::size_t>(at), size);
                unpack(entry, room, progress, done, total);
                contents = room;
                at += static_cast<std::int64_t>(size);
            }
            m_located[index].data = contents.data() + m_located[index].header.bytes;
            forget();
            done += static_cast<std::int64_t>(size);
        }
    }

    ArrayBlock block(std::size_t array, const std::vector<std::int64_t>& start,
                     const std::vector<std::int64_t>&) override {
        return blockOf(m_located[array], start);
    }
    void requireUnchanged() const override { m_file.requireUnchanged(); }
    void forget() override {
        forgetPages(m_file.bytes());
        if (m_unpacked) forgetPages(m_unpacked->bytes());
    }

private:
    [[noreturn]] void fail(const std::string& entry, const std::string& why) const {
        throw Error(ErrorCode::Format, fmt::format("{}: {}", labelOf(m_path, entry), why), m_path.string());
    }

    void list() {
        unz_global_info64 global{};
        if (unzGetGlobalInfo64(m_zip, &global) != UNZ_OK || global.number_entry > mostEntries)
            fail("", fmt::format("its list of entries is damaged, or has more than {}", mostEntries));
        if (global.number_entry == 0) fail("", "it holds no arrays: it is an empty archive");
        for (int state = unzGoToFirstFile(m_zip); state != UNZ_END_OF_LIST_OF_FILE;
             state = unzGoToNextFile(m_zip)) {
            Entry entry;
            std::array<char, 4096> name{};
            if (state != UNZ_OK ||
                unzGetCurrentFileInfo64(m_zip, &entry.info, name.data(), name.size(), nullptr, 0, nullptr,
                                        0) != UNZ_OK ||
                unzGetFilePos64(m_zip, &entry.position) != UNZ_OK || entry.info.size_filename >= name.size())
                fail("", "its list of entries is damaged");
            entry.name = name.data();
            // torch.save has written zip files since PyTorch 1.6.
            if (entry.name == "data.pkl" || entry.name.ends_with("/data.pkl"))
                refusePickle(m_path, "was written by torch.save and holds a Python pickle");
            if (!entry.name.ends_with(".npy")) continue;
            entry.name.erase(entry.name.size() - 4);
            m_entries.push_back(std::move(entry));
        }
        if (m_entries.empty()) fail("", "it holds no arrays: it is a zip file without a .npy in it");
    }

    void open(const Entry& entry) const {
        unz64_file_pos position = entry.position;
        if (unzGoToFilePos64(m_zip, &position) != UNZ_OK || unzOpenCurrentFile(m_zip) != UNZ_OK)
            fail(entry.name, "its place in the zip file is damaged");
    }

    /// Fills `out` with the next bytes of the open entry.
    void read(const Entry& entry, std::span<std::byte> out) const {
        while (!out.empty()) {
            const int got = unzReadCurrentFile(
                m_zip, out.data(), static_cast<unsigned>(std::min<std::size_t>(out.size(), 1 << 30)));
            if (got <= 0) fail(entry.name, "its compressed data are damaged or cut off");
            out = out.subspan(static_cast<std::size_t>(got));
        }
    }

    /// Where the open, uncompressed entry lies in the mapped file.
    std::span<const std::byte> stored(const Entry& entry) const {
        const auto offset = static_cast<std::uint64_t>(unzGetCurrentFileZStreamPos64(m_zip));
        const auto size = static_cast<std::uint64_t>(entry.info.uncompressed_size);
        const auto bytes = m_file.bytes();
        if (offset > bytes.size() || size > bytes.size() - offset)
            fail(entry.name, "its data go beyond the end of the file");
        return bytes.subspan(offset, size);
    }

    void check(const Entry& entry, std::span<const std::byte> contents, Progress& progress, std::int64_t done,
               std::int64_t total) const {
        uLong sum = crc32(0, nullptr, 0);
        for (std::size_t at = 0; at < contents.size(); at += unpackAtOnce) {
            progress.check();
            const auto piece = contents.subspan(at, std::min(unpackAtOnce, contents.size() - at));
            sum = crc32(sum, reinterpret_cast<const Bytef*>(piece.data()), static_cast<uInt>(piece.size()));
            progress.report(static_cast<double>(done) + static_cast<double>(at), static_cast<double>(total));
        }
        if (sum != entry.info.crc) fail(entry.name, "its checksum is wrong: the file is damaged");
    }

    void unpack(const Entry& entry, std::span<std::byte> out, Progress& progress, std::int64_t done,
                std::int64_t total) const {
        for (std::size_t at = 0; at < out.size(); at += unpackAtOnce) {
            progress.check();
            read(entry, out.subspan(at, std::min(unpackAtOnce, out.size() - at)));
            progress.report(static_cast<double>(done) + static_cast<double>(at), static_cast<double>(total));
        }
        // The library compares checksums when the last byte was read.
        std::byte beyond{};
        if (unzReadCurrentFile(m_zip, &beyond, 1) != 0 || unzCloseCurrentFile(m_zip) != UNZ_OK)
            fail(entry.name, "its checksum is wrong: the file is damaged");
    }

    fs::path m_path;
    MappedFile m_file;
    unzFile m_zip = nullptr;
    std::vector<Entry> m_entries;
    std::vector<Located> m_located;
    std::optional<MappedFile> m_unpacked;
};

}  // namespace

std::unique_ptr<ImportSource> openNpySource(const fs::path& path) {
    return std::make_unique<NpySource>(path);
}
std::unique_ptr<ImportSource> openNpzSource(const fs::path& path) {
    return std::make_unique<NpzSource>(path);
}

}  // namespace rheo
