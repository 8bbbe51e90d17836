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

class Hdf5Source : public ImportSource {
public:
    explicit Hdf5Source(const std::filesystem::path& path) : m_file(Hdf5File::openForReading(path)) {
        m_names = m_file.datasets(mostDatasets);
        if (m_names.empty())
            throw Error(ErrorCode::Format, fmt::format("{} holds no dataset", path.string()), path.string());
        if (m_file.exists(trace_format::residual) &&
            m_file.textAttribute("/", "format") == trace_format::format)
            throw Error(ErrorCode::InvalidArgument,
                        fmt::format("{} is a trace already: it can be used as it is", path.string()),
                        path.string());
    }

    const char* kind() const override { return "HDF5 file"; }
    std::vector<std::string> names() const override { return m_names; }

    ImportArray describe(std::size_t index) override {
        const std::string& name = m_names[index];
        const Hdf5Info info = m_file.info(name);
        ImportArray array;
        array.shape = info.shape;
        // Other widths are converted by the library; what matters here is only that float32 holds them.
        array.type = ElementType::Float32;
        if (isBfloat16(name, info))
            array.type = ElementType::BFloat16;
        else if (info.type == Hdf5Type::Float64)
            array.type = ElementType::Float64;
        else if (!info.isFloat)
            array.otherType = info.type == Hdf5Type::String ? "text" : "not floating-point";
        std::int64_t chunk = 1;
        for (const auto extent : info.chunk)
            if (__builtin_mul_overflow(chunk, extent, &chunk) || chunk > mostChunkValues)
                refuse(name, fmt::format("its chunks of [{}] are too large to be unpacked",
                                         fmt::join(info.chunk, ", ")));
        if (info.count() > mostUnstoredValues && m_file.storedBytes(name) == 0)
            refuse(name, "it claims values that the file does not hold");
        return array;
    }

    void prepare(const std::vector<std::size_t>& arrays, const std::filesystem::path&, Progress&) override {
        for (const auto index : arrays) {
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
        const Hdf5Info info = m_file.info(name);
        if (isBfloat16(name, info))
            read(m_bits, ElementType::BFloat16);
        else if (info.type == Hdf5Type::Float64)
            read(m_doubles, ElementType::Float64);
        else
            read(m_floats, ElementType::Float32);
        block.strides = denseStrides(count, elementBytes(block.type), false);
        return block;
    }

private:
    [[noreturn]] void refuse(const std::string& name, const std::string& why) const {
        throw Error(ErrorCode::Format, fmt::format("{}, dataset {}: {}", m_file.path().string(), name, why),
                    m_file.path().string());
    }
    /// As traces store it: HDF5 has no such type.
    bool isBfloat16(const std::string& name, const Hdf5Info& info) const {
        return info.type == Hdf5Type::UInt16 && m_file.textAttribute(name, "encoding") == "bfloat16";
    }

    Hdf5File m_file;
    std::vector<std::string> m_names;
    std::vector<float> m_floats;
    std::vector<double> m_doubles;
    std::vector<std::uint16_t> m_bits;
};

}  // namespace

std::unique_ptr<ImportSource> openHdf5Source(const std::filesystem::path& path) {
    return std::make_unique<Hdf5Source>(path);
}

}  // namespace rheo
