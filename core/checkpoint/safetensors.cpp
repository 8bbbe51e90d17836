#include "core/checkpoint/safetensors.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace rheo {

namespace {

struct TypeRow {
    StoredType type;
    std::string_view name;
    std::int64_t bytes;
};

constexpr std::array<TypeRow, 19> types{{
    {StoredType::Bool, "BOOL", 1},
    {StoredType::U8, "U8", 1},
    {StoredType::I8, "I8", 1},
    {StoredType::F8E4M3, "F8_E4M3", 1},
    {StoredType::F8E5M2, "F8_E5M2", 1},
    {StoredType::F8E8M0, "F8_E8M0", 1},
    {StoredType::F8E4M3Fnuz, "F8_E4M3FNUZ", 1},
    {StoredType::F8E5M2Fnuz, "F8_E5M2FNUZ", 1},
    {StoredType::U16, "U16", 2},
    {StoredType::I16, "I16", 2},
    {StoredType::F16, "F16", 2},
    {StoredType::BF16, "BF16", 2},
    {StoredType::U32, "U32", 4},
    {StoredType::I32, "I32", 4},
    {StoredType::F32, "F32", 4},
    {StoredType::U64, "U64", 8},
    {StoredType::I64, "I64", 8},
    {StoredType::F64, "F64", 8},
    {StoredType::C64, "C64", 8},
}};

const TypeRow& rowOf(StoredType type) {
    return *std::find_if(types.begin(), types.end(), [&](const TypeRow& row) { return row.type == type; });
}

/// A tensor as the header describes it, nothing of it believed yet.
struct Claim {
    std::string name;
    std::string type;
    std::vector<std::uint64_t> shape;
    std::vector<std::uint64_t> offsets;
    bool hasType = false, hasShape = false, hasOffsets = false;
};

/// Reads the header without building a document: what is kept grows with the header's length only, and
/// whatever is not of the format is refused where it stands.
class HeaderReader : public nlohmann::json::json_sax_t {
public:
    explicit HeaderReader(const std::string& file) : m_file(file) {}

    std::vector<Claim> claims;

    bool null() override { return unexpected("null"); }
    bool boolean(bool) override { return unexpected("a boolean"); }
    bool number_integer(number_integer_t) override { return unexpected("a negative number"); }
    bool number_float(number_float_t, const string_t&) override {
        return unexpected("a number that is no integer");
    }
    bool binary(binary_t&) override { return unexpected("binary data"); }

    bool number_unsigned(number_unsigned_t value) override {
        if (m_place != Place::Shape && m_place != Place::Offsets) return unexpected("a number");
        auto& list = m_place == Place::Shape ? claims.back().shape : claims.back().offsets;
        if (list.size() >= (m_place == Place::Shape ? maxAxes : 2))
            refuse(fmt::format("'{}' of tensor '{}' has too many numbers", m_key, claims.back().name));
        list.push_back(value);
        return true;
    }

    bool string(string_t& value) override {
        if (m_place == Place::Metadata) return true;
        if (m_place != Place::Tensor || m_key != "dtype") return unexpected("a string");
        claims.back().type = value;
        claims.back().hasType = true;
        return true;
    }

    bool start_object(std::size_t) override {
        if (m_place == Place::Start) {
            m_place = Place::Top;
        } else if (m_place == Place::Top) {
            m_place = m_key == "__metadata__" ? Place::Metadata : Place::Tensor;
            if (m_place == Place::Tensor) claims.push_back({m_key, {}, {}, {}, false, false, false});
        } else {
            return unexpected("an object");
        }
        return true;
    }

    bool key(string_t& name) override {
        m_key = name;
        if (m_place == Place::Tensor) {
            const Claim& claim = claims.back();
            const bool known = name == "dtype" || name == "shape" || name == "data_offsets";
            if (!known)
                refuse(fmt::format("tensor '{}' has a field '{}' that the format does not know", claim.name,
                                   name));
            if ((name == "dtype" && claim.hasType) || (name == "shape" && claim.hasShape) ||
                (name == "data_offsets" && claim.hasOffsets))
                refuse(fmt::format("tensor '{}' gives '{}' twice", claim.name, name));
        }
        return true;
    }

    bool end_object() override {
        if (m_place == Place::Tensor) {
            const Claim& claim = claims.back();
            if (!claim.hasType || !claim.hasShape || !claim.hasOffsets || claim.offsets.size() != 2)
                refuse(
                    fmt::format("tensor '{}' does not give dtype, shape and two data_offsets", claim.name));
        } else if (m_place == Place::Metadata) {
            if (m_metadataSeen) refuse("'__metadata__' is given twice");
            m_metadataSeen = true;
        }
        m_place = m_place == Place::Top ? Place::End : Place::Top;
        return true;
    }

    bool start_array(std::size_t) override {
        if (m_place != Place::Tensor || (m_key != "shape" && m_key != "data_offsets"))
            return unexpected("a list");
        m_place = m_key == "shape" ? Place::Shape : Place::Offsets;
        (m_place == Place::Shape ? claims.back().hasShape : claims.back().hasOffsets) = true;
        return true;
    }

    bool end_array() override {
        m_place = Place::Tensor;
        return true;
    }

    bool parse_error(std::size_t position, const std::string&,
                     const nlohmann::json::exception& failure) override {
        refuse(fmt::format("it is not valid JSON at byte {}: {}", position, failure.what()));
    }

private:
    enum class Place { Start, Top, Metadata, Tensor, Shape, Offsets, End };
    static constexpr std::size_t maxAxes = 64;

    [[noreturn]] void refuse(const std::string& why) const {
        throw Error(ErrorCode::Format, fmt::format("{}: the safetensors header is damaged: {}", m_file, why),
                    m_file);
    }
    bool unexpected(const char* what) const {
        refuse(m_key.empty() ? fmt::format("{} stands where an object is expected", what)
                             : fmt::format("{} stands in the wrong place, after '{}'", what, m_key));
    }

    const std::string& m_file;
    Place m_place = Place::Start;
    std::string m_key;
    bool m_metadataSeen = false;
};

/// The claim as a tensor of `data`, or an Error that says what cannot be true of it.
StoredTensor checked(const Claim& claim, std::span<const std::byte> data, const std::string& file) {
    const auto refuse = [&](const std::string& why) -> Error {
        return {ErrorCode::Format, fmt::format("{}: tensor '{}' {}", file, claim.name, why), file};
    };
    const auto row = std::find_if(types.begin(), types.end(),
                                  [&](const TypeRow& known) { return known.name == claim.type; });
    if (row == types.end()) throw refuse(fmt::format("has the unknown dtype '{}'", claim.type));

    StoredTensor tensor;
    tensor.name = claim.name;
    tensor.type = row->type;
    auto bytes = static_cast<std::uint64_t>(row->bytes);
    for (const std::uint64_t extent : claim.shape) {
        if (extent > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) ||
            __builtin_mul_overflow(bytes, extent, &bytes))
            throw refuse(fmt::format("has a shape whose size overflows: [{}]", fmt::join(claim.shape, ", ")));
        tensor.shape.push_back(static_cast<std::int64_t>(extent));
    }
    const std::uint64_t begin = claim.offsets[0];
    const std::uint64_t end = claim.offsets[1];
    if (begin > end || end > data.size())
        throw refuse(fmt::format("claims bytes {} to {} of {} bytes of data", begin, end, data.size()));
    if (end - begin != bytes)
        throw refuse(fmt::format("is {} [{}], which is {} bytes, and its data_offsets span {}", claim.type,
                                 fmt::join(claim.shape, ", "), bytes, end - begin));
    tensor.bytes = data.subspan(begin, bytes);
    return tensor;
}

}  // namespace

std::string_view storedTypeName(StoredType type) {
    return rowOf(type).name;
}
std::int64_t storedTypeBytes(StoredType type) {
    return rowOf(type).bytes;
}

std::shared_ptr<const SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
    const auto fail = [&](const std::string& why) -> Error {
        return {errno == ENOENT ? ErrorCode::NotFound : ErrorCode::Io,
                fmt::format("cannot read {}: {}", path.string(), why), path.string()};
    };
    const int handle = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (handle < 0) throw fail(std::strerror(errno));
    struct Closer {
        int handle;
        ~Closer() { ::close(handle); }
    } const closer{handle};

    struct stat status {};
    if (::fstat(handle, &status) != 0) throw fail(std::strerror(errno));
    errno = 0;
    if (!S_ISREG(status.st_mode)) throw fail("it is not a regular file");
    const auto size = static_cast<std::size_t>(status.st_size);

    std::shared_ptr<SafetensorsFile> file(new SafetensorsFile);
    file->m_path = path;
    if (size > 0) {
        void* mapping = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, handle, 0);
        if (mapping == MAP_FAILED) throw fail(std::strerror(errno));
        file->m_mapping = mapping;
        file->m_bytes = {static_cast<const std::byte*>(mapping), size};
    }
    file->read();
    return file;
}

std::shared_ptr<const SafetensorsFile> SafetensorsFile::parse(std::span<const std::byte> bytes,
                                                              const std::string& name) {
    std::shared_ptr<SafetensorsFile> file(new SafetensorsFile);
    file->m_path = name;
    file->m_bytes = bytes;
    file->read();
    return file;
}

SafetensorsFile::~SafetensorsFile() {
    if (m_mapping != nullptr) ::munmap(m_mapping, m_bytes.size());
}

void SafetensorsFile::read() {
    const std::string name = m_path.string();
    if (m_bytes.size() < 8)
        throw Error(
            ErrorCode::Format,
            fmt::format("{} has {} bytes and is no safetensors file; fetch it again", name, m_bytes.size()),
            name);
    std::uint64_t headerBytes = 0;
    for (int i = 7; i >= 0; --i)
        headerBytes = headerBytes << 8 | std::to_integer<std::uint64_t>(m_bytes[static_cast<std::size_t>(i)]);
    if (headerBytes > static_cast<std::uint64_t>(maxHeaderBytes) || headerBytes > m_bytes.size() - 8)
        throw Error(ErrorCode::Format,
                    fmt::format("{}: its header is said to have {} bytes, the file has {} and a header at "
                                "most {}; it is cut short or no safetensors file, fetch it again",
                                name, headerBytes, m_bytes.size(), maxHeaderBytes),
                    name);
    m_header = m_bytes.subspan(8, headerBytes);
    m_data = m_bytes.subspan(8 + headerBytes);

    HeaderReader reader(name);
    const auto* text = reinterpret_cast<const char*>(m_header.data());
    nlohmann::json::sax_parse(text, text + m_header.size(), &reader);

    m_tensors.reserve(reader.claims.size());
    for (const Claim& claim : reader.claims) m_tensors.push_back(checked(claim, m_data, name));

    // The data must be covered once, from the first byte to the last.
    std::vector<const StoredTensor*> inFile;
    for (const StoredTensor& tensor : m_tensors) inFile.push_back(&tensor);
    std::sort(inFile.begin(), inFile.end(), [](const StoredTensor* a, const StoredTensor* b) {
        return std::pair(a->bytes.data(), a->bytes.size()) < std::pair(b->bytes.data(), b->bytes.size());
    });
    const std::byte* expected = m_data.data();
    for (const StoredTensor* tensor : inFile) {
        if (tensor->bytes.data() != expected)
            throw Error(ErrorCode::Format,
                        fmt::format("{}: the data of tensor '{}' {}, at byte {}", name, tensor->name,
                                    tensor->bytes.data() < expected ? "overlap those of another"
                                                                    : "leave a gap before them",
                                    tensor->bytes.data() - m_data.data()),
                        name);
        expected += tensor->bytes.size();
    }
    if (expected != m_data.data() + m_data.size())
        throw Error(ErrorCode::Format,
                    fmt::format("{}: {} bytes at the end belong to no tensor", name,
                                m_data.data() + m_data.size() - expected),
                    name);

    std::sort(m_tensors.begin(), m_tensors.end(),
              [](const StoredTensor& a, const StoredTensor& b) { return a.name < b.name; });
    const auto twin =
        std::adjacent_find(m_tensors.begin(), m_tensors.end(),
                           [](const StoredTensor& a, const StoredTensor& b) { return a.name == b.name; });
    if (twin != m_tensors.end())
        throw Error(ErrorCode::Format, fmt::format("{}: tensor '{}' is given twice", name, twin->name), name);
}

const StoredTensor* SafetensorsFile::find(std::string_view name) const {
    const auto found =
        std::lower_bound(m_tensors.begin(), m_tensors.end(), name,
                         [](const StoredTensor& a, std::string_view wanted) { return a.name < wanted; });
    return found != m_tensors.end() && found->name == name ? &*found : nullptr;
}

}  // namespace rheo
