#include "core/checkpoint/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace rheo {

namespace {

struct TypeRow {
    StoredType type;
    std::string_view name;
    std::int64_t bits;
};

constexpr std::array<TypeRow, 22> types{{
    {StoredType::Bool, "BOOL", 8},
    {StoredType::U8, "U8", 8},
    {StoredType::I8, "I8", 8},
    {StoredType::F4, "F4", 4},
    {StoredType::F6E2M3, "F6_E2M3", 6},
    {StoredType::F6E3M2, "F6_E3M2", 6},
    {StoredType::F8E4M3, "F8_E4M3", 8},
    {StoredType::F8E5M2, "F8_E5M2", 8},
    {StoredType::F8E8M0, "F8_E8M0", 8},
    {StoredType::F8E4M3Fnuz, "F8_E4M3FNUZ", 8},
    {StoredType::F8E5M2Fnuz, "F8_E5M2FNUZ", 8},
    {StoredType::U16, "U16", 16},
    {StoredType::I16, "I16", 16},
    {StoredType::F16, "F16", 16},
    {StoredType::BF16, "BF16", 16},
    {StoredType::U32, "U32", 32},
    {StoredType::I32, "I32", 32},
    {StoredType::F32, "F32", 32},
    {StoredType::U64, "U64", 64},
    {StoredType::I64, "I64", 64},
    {StoredType::F64, "F64", 64},
    {StoredType::C64, "C64", 64},
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

/// What a claim is a tensor of: dtype, shape and number of bytes, which its data_offsets span. Throws Error
/// where these contradict each other.
struct Extent {
    const TypeRow* type;
    std::vector<std::int64_t> shape;
};
Extent checkedExtent(const Claim& claim, const std::string& file) {
    const auto refuse = [&](const std::string& why) -> Error {
        return {ErrorCode::Format, fmt::format("{}: tensor '{}' {}", file, claim.name, why), file};
    };
    const auto row = std::find_if(types.begin(), types.end(),
                                  [&](const TypeRow& known) { return known.name == claim.type; });
    if (row == types.end()) throw refuse(fmt::format("has the unknown dtype '{}'", claim.type));
    Extent extent{&*row, {}};
    auto bits = static_cast<std::uint64_t>(row->bits);
    for (const std::uint64_t count : claim.shape) {
        if (count > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) ||
            __builtin_mul_overflow(bits, count, &bits))
            throw refuse(fmt::format("has a shape whose size overflows: [{}]", fmt::join(claim.shape, ", ")));
        extent.shape.push_back(static_cast<std::int64_t>(count));
    }
    if (bits % 8 != 0)
        throw refuse(fmt::format("is {} [{}], which is no whole number of bytes", claim.type,
                                 fmt::join(claim.shape, ", ")));
    const std::uint64_t bytes = bits / 8;
    const std::uint64_t begin = claim.offsets[0];
    const std::uint64_t end = claim.offsets[1];
    if (begin > end) throw refuse(fmt::format("claims bytes {} to {}", begin, end));
    if (end - begin != bytes)
        throw refuse(fmt::format("is {} [{}], which is {} bytes, and its data_offsets span {}", claim.type,
                                 fmt::join(claim.shape, ", "), bytes, end - begin));
    return extent;
}

/// A file that is no safetensors file, by how it begins.
struct Beginning {
    std::string_view bytes;
    const char* what;
};
constexpr std::array<Beginning, 7> beginnings{{
    {"version https://git-lfs",
     "it is a Git LFS pointer, not the weights; run `git lfs pull` in its repository"},
    {"GGUF", "it is a GGUF file under another name: give it the ending .gguf"},
    {std::string_view("PK\x03\x04", 4),
     "it is a PyTorch pickle under another name, which is never loaded, because a pickle can run code; save "
     "the "
     "model again with safe_serialization=True"},
    {std::string_view("\x80\x02", 2),
     "it is a pickle under another name, which is never loaded, because a pickle can run code; save the "
     "model "
     "again with safe_serialization=True"},
    {std::string_view("\x89HDF", 4),
     "it is an HDF5 file under another name; fetch the model's .safetensors files"},
    {"<!DOCTYPE", "it is a web page, not the weights; download the file itself"},
    {"<html", "it is a web page, not the weights; download the file itself"},
}};

/// Of the first 8 bytes, little endian.
std::uint64_t lengthSaid(std::string_view head) {
    std::uint64_t length = 0;
    for (std::size_t i = 8; i-- > 0;) length = length << 8 | static_cast<unsigned char>(head[i]);
    return length;
}

/// The length of the header, which the first 8 bytes say. Throws Error for a file that is of another kind or
/// ends before its header does.
std::uint64_t headerLength(std::span<const std::byte> bytes, const std::string& name) {
    constexpr auto maxHeaderBytes = SafetensorsFile::maxHeaderBytes;
    const auto refuse = [&](const std::string& why) -> Error {
        return {ErrorCode::Format, fmt::format("{}: {}", name, why), name};
    };
    const std::string_view begins(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    for (const Beginning& known : beginnings)
        if (begins.starts_with(known.bytes) && !beginsAsSafetensors(begins)) throw refuse(known.what);
    if (bytes.size() < 8)
        throw refuse(fmt::format("it has {} bytes, and a safetensors file at least 8; download it again",
                                 bytes.size()));
    const std::uint64_t headerBytes = lengthSaid(begins);
    if (headerBytes > static_cast<std::uint64_t>(maxHeaderBytes))
        throw refuse(
            fmt::format("its header is said to have {} bytes, and a header has at most {}; it is no "
                        "safetensors file, or damaged: download it again",
                        headerBytes, maxHeaderBytes));
    if (headerBytes > bytes.size() - 8)
        throw refuse(
            fmt::format("it is cut short: at least {} bytes are missing (it has {} bytes, and its header "
                        "alone has {} bytes); download it again",
                        headerBytes + 8 - bytes.size(), bytes.size(), headerBytes));
    return headerBytes;
}

/// Throws Error unless the tensors cover the data once, from the first byte to the last.
void checkCoverage(const std::vector<StoredTensor>& tensors, std::span<const std::byte> data,
                   const std::string& name) {
    std::vector<const StoredTensor*> inFile;
    for (const StoredTensor& tensor : tensors) inFile.push_back(&tensor);
    std::sort(inFile.begin(), inFile.end(), [](const StoredTensor* a, const StoredTensor* b) {
        return std::pair(a->bytes.data(), a->bytes.size()) < std::pair(b->bytes.data(), b->bytes.size());
    });
    const std::byte* expected = data.data();
    for (const StoredTensor* tensor : inFile) {
        if (tensor->bytes.data() != expected)
            throw Error(ErrorCode::Format,
                        fmt::format("{}: the data of tensor '{}' {}, at byte {}", name, tensor->name,
                                    tensor->bytes.data() < expected ? "overlap those of another"
                                                                    : "leave a gap before them",
                                    tensor->bytes.data() - data.data()),
                        name);
        expected += tensor->bytes.size();
    }
    if (expected != data.data() + data.size())
        throw Error(ErrorCode::Format,
                    fmt::format("{}: {} bytes at the end belong to no tensor", name,
                                data.data() + data.size() - expected),
                    name);
}

}  // namespace

bool beginsAsSafetensors(std::string_view head) {
    return head.size() > 8 &&
           lengthSaid(head) <= static_cast<std::uint64_t>(SafetensorsFile::maxHeaderBytes) && head[8] == '{';
}

std::string_view storedTypeName(StoredType type) {
    return rowOf(type).name;
}
std::int64_t storedTypeBytes(StoredType type) {
    return rowOf(type).bits / 8;
}
std::int64_t storedTypeBits(StoredType type) {
    return rowOf(type).bits;
}

std::shared_ptr<const SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
    std::shared_ptr<SafetensorsFile> file(new SafetensorsFile(path));
    file->read();
    return file;
}

std::shared_ptr<const SafetensorsFile> SafetensorsFile::parse(std::span<const std::byte> bytes,
                                                              const std::string& name) {
    std::shared_ptr<SafetensorsFile> file(new SafetensorsFile(bytes, name));
    file->read();
    return file;
}

void SafetensorsFile::read() {
    const std::string name = path().string();
    const std::uint64_t headerBytes = headerLength(m_file.bytes(), name);
    m_header = m_file.bytes().subspan(8, headerBytes);
    m_data = m_file.bytes().subspan(8 + headerBytes);

    HeaderReader reader(name);
    const auto* text = reinterpret_cast<const char*>(m_header.data());
    nlohmann::json::sax_parse(text, text + m_header.size(), &reader);

    std::vector<Extent> extents;
    std::uint64_t needed = 0;
    for (const Claim& claim : reader.claims) {
        extents.push_back(checkedExtent(claim, name));
        needed = std::max(needed, claim.offsets[1]);
    }
    if (needed > m_data.size())
        throw Error(
            ErrorCode::Format,
            fmt::format("{}: it is cut short: {} bytes are missing (its tensors need {} bytes, and {} "
                        "are there); download it again",
                        name, needed - m_data.size(), needed, m_data.size()),
            name);
    m_tensors.reserve(reader.claims.size());
    for (std::size_t i = 0; i < extents.size(); ++i) {
        const Claim& claim = reader.claims[i];
        m_tensors.push_back({claim.name, extents[i].type->type, std::move(extents[i].shape),
                             m_data.subspan(claim.offsets[0], claim.offsets[1] - claim.offsets[0]), nullptr});
    }

    checkCoverage(m_tensors, m_data, name);
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
