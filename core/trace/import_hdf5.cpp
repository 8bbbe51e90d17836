// Datasets of an HDF5 file: read in boxes, because they may be chunked, compressed, or of any number format.
#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/trace/hdf5_file.h"
#include "core/trace/import_source.h"
#include "core/trace/trace_format.h"

namespace rheo {

namespace {

constexpr std::size_t mostDatasets = 100'000;
/// A chunk is unpacked whole, whatever is read of it.
constexpr std::int64_t mostChunkValues = std::int64_t{1} << 27;
/// What a small file may claim without storing it: unwritten parts read as the fill value.
constexpr std::int64_t mostUnstoredValues = std::int64_t{1} << 24;

constexpr std::size_t mostLinksNamed = 8;
constexpr int lzfFilter = 32000;

/// Names of filters by their registered numbers (https://github.com/HDFGroup/hdf5_plugins), where a file does
/// not say them itself.
struct FilterRow {
    int id;
    const char* name;
};
constexpr FilterRow filterNames[] = {
    {1, "deflate"},        {2, "shuffle"}, {3, "fletcher32"}, {4, "szip"},      {5, "nbit"},
    {6, "scaleoffset"},    {307, "bzip2"}, {32000, "lzf"},    {32001, "blosc"}, {32004, "lz4"},
    {32008, "bitshuffle"}, {32013, "zfp"}, {32015, "zstd"},   {32017, "sz"},    {32026, "blosc2"},
};

std::string filterName(const Hdf5Filter& filter) {
    for (const auto& row : filterNames)
        if (row.id == filter.id) return row.name;
    return filter.name.empty() ? "of no known name" : filter.name;
}

std::string linkText(const Hdf5Link& link) {
    return link.file.empty() ? fmt::format("{} (to {})", link.name, link.target)
                             : fmt::format("{} (to {} of the file {})", link.name, link.target, link.file);
}

/// What to say of links that were not followed; empty if there are none.
std::string linksText(const std::vector<Hdf5Link>& links) {
    if (links.empty()) return {};
    std::vector<std::string> shown;
    for (const auto& link : links)
        if (shown.size() < mostLinksNamed) shown.push_back(linkText(link));
    return fmt::format(
        "{} {} and not followed: {}{}; import what {} to itself", links.size(),
        links.size() == 1 ? "entry is a link" : "entries are links", fmt::join(shown, ", "),
        links.size() > shown.size() ? fmt::format(" and {} more", links.size() - shown.size()) : "",
        links.size() == 1 ? "it leads" : "they lead");
}

/// As traces store it: HDF5 before version 2 has no such type.
bool saysBfloat16(const Hdf5File& file, const std::string& name) {
    return file.textAttribute(name, "encoding") == "bfloat16";
}

std::optional<ElementType> elementOf(const Hdf5Info& info) {
    // Other widths of floating-point numbers are converted by the library; float32 holds them.
    if (info.isFloat) return info.type == Hdf5Type::Float64 ? ElementType::Float64 : ElementType::Float32;
    if (info.isOpaque && info.elementBytes == 2) return ElementType::BFloat16;
    if (!info.isInteger) return std::nullopt;
    if (info.elementBytes == 2)
        return info.type == Hdf5Type::UInt16 ? ElementType::UInt16 : ElementType::Int16;
    return ElementType::Int64;  // the library converts
}

class Hdf5Source : public ImportSource {
public:
    explicit Hdf5Source(const std::filesystem::path& path) : m_file(Hdf5File::openForReading(path)) {
        m_names = m_file.datasets(mostDatasets);
        m_types.resize(m_names.size());
        m_remark = linksText(m_file.links(mostDatasets));
        if (m_names.empty())
            throw Error(ErrorCode::Format,
                        fmt::format("{}: it holds no arrays{}", path.string(),
                                    m_remark.empty() ? " (no dataset)" : "; " + m_remark),
                        path.string());
        if (m_file.exists(trace_format::residual) &&
            m_file.textAttribute("/", "format") == trace_format::format)
            throw Error(ErrorCode::InvalidArgument,
                        fmt::format("{} is a trace already: it can be used as it is", path.string()),
                        path.string());
    }

    std::string remark() const override { return m_remark; }
    const char* kind() const override { return "HDF5 file"; }
    std::vector<std::string> names() const override { return m_names; }

    ImportArray describe(std::size_t index) override {
        const std::string& name = m_names[index];
        const Hdf5Info info = m_file.info(name);
        ImportArray array;
        array.shape = info.shape;
        array.typeName = info.typeName;
        array.untyped = info.isOpaque && info.elementBytes == 2;
        array.type = elementOf(info);
        if (array.type == ElementType::UInt16 && saysBfloat16(m_file, name))
            array.type = ElementType::BFloat16;
        std::int64_t chunk = 1;
        for (const auto extent : info.chunk)
            if (__builtin_mul_overflow(chunk, extent, &chunk) || chunk > mostChunkValues)
                refuse(name, fmt::format("its chunks of [{}] are too large to be unpacked",
                                         fmt::join(info.chunk, ", ")));
        if (info.count() > mostUnstoredValues && m_file.storedBytes(name) == 0)
            refuse(name, "it claims values that the file does not hold");
        m_types[index] = array.type;
        return array;
    }

    void prepare(const std::vector<std::size_t>& arrays, const std::filesystem::path&, Progress&) override {
        for (const auto index : arrays) {
            checkFilters(m_names[index]);
            const std::vector<std::int64_t> shape = m_file.info(m_names[index]).shape;
            block(index, std::vector<std::int64_t>(shape.size(), 0),
                  std::vector<std::int64_t>(shape.size(), 1));
        }
    }

    ArrayBlock block(std::size_t index, const std::vector<std::int64_t>& start,
                     const std::vector<std::int64_t>& count) override {
        std::size_t values = 1;
        for (const auto extent : count) values *= static_cast<std::size_t>(extent);
        const std::string& name = m_names[index];
        ArrayBlock block;
        const auto read = [&]<class T>(std::vector<T>& buffer, ElementType type) {
            buffer.resize(values);
            m_file.readBox(name, start, count, buffer.data());
            block.data = reinterpret_cast<const std::byte*>(buffer.data());
            block.type = type;
        };
        const ElementType type = *m_types[index];
        switch (type) {
            case ElementType::BFloat16:
            case ElementType::Int16:
            case ElementType::UInt16:
                m_bits.resize(values);
                m_file.readBits(name, start, count, m_bits.data());
                block.data = reinterpret_cast<const std::byte*>(m_bits.data());
                block.type = type;
                break;
            case ElementType::Float64: read(m_doubles, type); break;
            case ElementType::Int64: read(m_integers, type); break;
            default: read(m_floats, type);
        }
        block.strides = denseStrides(count, elementBytes(block.type), false);
        return block;
    }

    void requireUnchanged() const override { m_file.requireUnchanged(); }

private:
    [[noreturn]] void refuse(const std::string& name, const std::string& why) const {
        throw Error(ErrorCode::Format, fmt::format("{}, dataset {}: {}", m_file.path().string(), name, why),
                    m_file.path().string());
    }
    /// Throws Error(Unsupported) where chunks went through a filter that is not available here.
    void checkFilters(const std::string& name) const {
        const Hdf5Info info = m_file.info(name);
        std::size_t chunkBytes = info.elementBytes;
        for (const auto extent : info.chunk) chunkBytes *= static_cast<std::size_t>(extent);
        for (const auto& filter : m_file.filters(name)) {
            // The library takes it that a filter returns a whole chunk.
            if (filter.id == lzfFilter && (filter.parameters.size() < 3 || filter.parameters[2] < chunkBytes))
                refuse(name, "its lzf filter states another size than its chunks have; the file is damaged");
            if (filter.available) continue;
            const std::string path = m_file.path().string();
            throw Error(
                ErrorCode::Unsupported,
                fmt::format("{}, dataset {}: it is compressed with the HDF5 filter {} ({}), which is not "
                            "available here; where it is, run: h5repack -f '{}:NONE' '{}' "
                            "'{}.plain.h5', and import that",
                            path, name, filter.id, filterName(filter), name, path,
                            (m_file.path().parent_path() / m_file.path().stem()).string()),
                path);
        }
    }

    Hdf5File m_file;
    std::vector<std::string> m_names;
    std::vector<std::optional<ElementType>> m_types;  ///< of the arrays that were described
    std::vector<float> m_floats;
    std::vector<double> m_doubles;
    std::vector<std::uint16_t> m_bits;
    std::vector<std::int64_t> m_integers;
    std::string m_remark;
};

}  // namespace

std::unique_ptr<ImportSource> openHdf5Source(const std::filesystem::path& path) {
    return std::make_unique<Hdf5Source>(path);
}

}  // namespace rheo
