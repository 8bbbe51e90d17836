#include "core/checkpoint/gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>

#include "core/base/error.h"
#include "core/checkpoint/gguf_blocks.h"
#include "core/checkpoint/model_config.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t typeCount = 13;
/// Bytes of a value by its type; 0: a text or an array.
constexpr std::array<std::size_t, typeCount> typeBytes{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
constexpr std::array<const char*, typeCount> typeNames{"u8",   "i8",     "u16",    "i16", "u32", "i32", "f32",
                                                       "bool", "a text", "a list", "u64", "i64", "f64"};
constexpr std::uint32_t maxAxes = 4;
constexpr std::size_t maxNameBytes = 1 << 16;

template <class T>
T littleEndian(const std::byte* bytes) {
    static_assert(std::endian::native == std::endian::little);
    T value{};
    std::memcpy(&value, bytes, sizeof(T));
    return value;
}

/// Reads the header from its beginning; whatever would lie beyond the end of the file is refused.
class HeaderReader {
public:
    HeaderReader(std::span<const std::byte> bytes, const std::string& file) : m_bytes(bytes), m_file(file) {}

    std::span<const std::byte> take(std::uint64_t count, const std::string& what) {
        if (count > left())
            throw refuse(
                fmt::format("it is cut short: {} needs {} bytes at byte {}, and {} are left; download "
                            "it again",
                            what, count, m_at, left()));
        const auto part = m_bytes.subspan(m_at, count);
        m_at += count;
        return part;
    }

    template <class T>
    T number(const std::string& what) {
        return littleEndian<T>(take(sizeof(T), what).data());
    }

    std::string_view text(const std::string& what) {
        const auto length = number<std::uint64_t>(what);
        const auto part = take(length, what);
        return {reinterpret_cast<const char*>(part.data()), part.size()};
    }

    std::string_view name(const std::string& what) {
        const auto found = text(what);
        if (found.empty() || found.size() > maxNameBytes)
            throw refuse(fmt::format("{} has {} bytes where 1 to {} are expected; the file is damaged", what,
                                     found.size(), maxNameBytes));
        return found;
    }

    std::uint64_t at() const { return m_at; }
    std::uint64_t left() const { return m_bytes.size() - m_at; }
    std::span<const std::byte> since(std::uint64_t begin) const {
        return m_bytes.subspan(begin, m_at - begin);
    }

    Error refuse(const std::string& why, ErrorCode code = ErrorCode::Format) const {
        return {code, fmt::format("{}: {}", m_file, why), m_file};
    }

private:
    std::span<const std::byte> m_bytes;
    const std::string& m_file;
    std::uint64_t m_at = 0;
};

/// A name as a message may show it.
std::string shown(std::string_view name) {
    std::string text(name.substr(0, 200));
    for (char& c : text)
        if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7E) c = '?';
    return text;
}

GgufType readType(HeaderReader& in, const std::string& what) {
    const auto type = in.number<std::uint32_t>(what);
    if (type >= typeCount)
        throw in.refuse(
            fmt::format("{} has the unknown type {}; the file is damaged, or newer than this "
                        "program",
                        what, type));
    return static_cast<GgufType>(type);
}

GgufValue readValue(HeaderReader& in, std::uint64_t index) {
    GgufValue value;
    value.key = in.name(fmt::format("the key of value {}", index));
    const std::string what = fmt::format("'{}'", shown(value.key));
    value.type = readType(in, what);
    value.element = value.type;
    if (value.type == GgufType::Array) {
        value.element = readType(in, what);
        if (value.element == GgufType::Array)
            throw in.refuse(fmt::format("{} is a list of lists, which no GGUF file holds", what));
        value.count = in.number<std::uint64_t>(what);
    }
    const std::uint64_t begin = in.at();
    if (const std::size_t size = typeBytes[static_cast<std::size_t>(value.element)]; size > 0) {
        if (value.count > in.left() / size)
            throw in.refuse(fmt::format(
                "it is cut short: {} claims {} elements of {}, and {} bytes are left; "
                "download it again",
                what, value.count, typeNames[static_cast<std::size_t>(value.element)], in.left()));
        in.take(value.count * size, what);
    } else {
        for (std::uint64_t i = 0; i < value.count; ++i) in.text(what);
    }
    value.bytes = in.since(begin);
    return value;
}

/// A tensor as the header describes it.
struct Claim {
    std::string_view name;
    std::vector<std::int64_t> shape;  ///< slowest first
    std::uint32_t type = 0;
    std::uint64_t offset = 0, bytes = 0;
};

Claim readClaim(HeaderReader& in, std::uint64_t index) {
    Claim claim;
    claim.name = in.name(fmt::format("the name of tensor {}", index));
    const std::string what = fmt::format("tensor '{}'", shown(claim.name));
    const auto axes = in.number<std::uint32_t>(what);
    if (axes > maxAxes)
        throw in.refuse(fmt::format("{} has {} axes, and at most {} are expected", what, axes, maxAxes));
    std::uint64_t count = 1;
    for (std::uint32_t i = 0; i < axes; ++i) {
        const auto extent = in.number<std::uint64_t>(what);
        if (extent > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max() / 16) ||
            __builtin_mul_overflow(count, extent, &count) ||
            count > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max() / 16))
            throw in.refuse(fmt::format("{} has a shape whose size overflows", what));
        claim.shape.insert(claim.shape.begin(), static_cast<std::int64_t>(extent));
    }
    claim.type = in.number<std::uint32_t>(what);
    claim.offset = in.number<std::uint64_t>(what);
    const BlockFormat* blocks = findBlockFormat(claim.type);
    const PlainType* plain = findPlainType(claim.type);
    if (blocks == nullptr && plain == nullptr) {
        std::vector<std::string> known;
        for (const BlockFormat& format : blockFormats()) known.emplace_back(format.name);
        throw in.refuse(
            fmt::format("{} is stored as {}, which is not read here; take a version of the model in "
                        "F32, F16, BF16, {} (names of files say it: Q4_K_M, Q8_0)",
                        what, ggmlTypeName(claim.type), fmt::join(known, ", ")),
            ErrorCode::Unsupported);
    }
    if (plain != nullptr) {
        claim.bytes = count * static_cast<std::uint64_t>(storedTypeBytes(plain->stored));
        return claim;
    }
    const auto values = static_cast<std::uint64_t>(blocks->values);
    if (claim.shape.empty() || static_cast<std::uint64_t>(claim.shape.back()) % values != 0)
        throw in.refuse(fmt::format("{} is {} [{}], and its rows are no whole blocks of {} values", what,
                                    blocks->name, fmt::join(claim.shape, ", "), values));
    claim.bytes = count / values * static_cast<std::uint64_t>(blocks->bytes);
    return claim;
}

/// Where names stand twice, Error(Format).
template <class List, class Name>
void refuseTwins(const List& sorted, Name name, const char* what, const HeaderReader& in) {
    const auto twin = std::adjacent_find(sorted.begin(), sorted.end(),
                                         [&](const auto& a, const auto& b) { return name(a) == name(b); });
    if (twin != sorted.end())
        throw in.refuse(fmt::format("{} '{}' is given twice; the file is damaged", what, shown(name(*twin))));
}

std::uint32_t readVersion(HeaderReader& in) {
    const auto magic = in.take(4, "its beginning");
    if (std::memcmp(magic.data(), "GGUF", 4) != 0)
        throw in.refuse("it does not begin as a GGUF file does; download it again");
    const auto version = in.number<std::uint32_t>("its version");
    if (version != 0 && version % (1U << 16) == 0)
        throw in.refuse("its numbers are big endian, which is not read here; take the usual file",
                        ErrorCode::Unsupported);
    if (version != 2 && version != 3)
        throw in.refuse(fmt::format("it is a GGUF file of version {}, and 2 and 3 are read here; convert the "
                                    "model again with today's llama.cpp",
                                    version),
                        ErrorCode::Unsupported);
    return version;
}

/// Throws Error unless the tensors lie within the data, where the alignment lets them begin, without overlap.
void checkExtents(const std::vector<Claim>& claims, std::uint64_t dataBytes, std::uint64_t alignment,
                  const HeaderReader& in) {
    std::vector<const Claim*> inFile;
    std::uint64_t needed = 0;
    for (const Claim& claim : claims) {
        std::uint64_t end = 0;
        if (__builtin_add_overflow(claim.offset, claim.bytes, &end) || claim.offset % alignment != 0)
            throw in.refuse(
                fmt::format("tensor '{}' begins at byte {} of the data, which is no multiple of {} "
                            "or beyond any file; the file is damaged",
                            shown(claim.name), claim.offset, alignment));
        needed = std::max(needed, end);
        if (claim.bytes > 0) inFile.push_back(&claim);
    }
    if (needed > dataBytes)
        throw in.refuse(
            fmt::format("it is cut short: {} bytes are missing (its tensors need {} bytes, and {} "
                        "are there); download it again",
                        needed - dataBytes, needed, dataBytes));
    std::sort(inFile.begin(), inFile.end(),
              [](const Claim* a, const Claim* b) { return a->offset < b->offset; });
    for (std::size_t i = 1; i < inFile.size(); ++i)
        if (inFile[i]->offset < inFile[i - 1]->offset + inFile[i - 1]->bytes)
            throw in.refuse(fmt::format("the data of tensor '{}' overlap those of '{}'; the file is damaged",
                                        shown(inFile[i]->name), shown(inFile[i - 1]->name)));
}

/// One element of a value that is no text, as a number.
double elementAt(const GgufValue& value, std::uint64_t index) {
    const std::byte* at = value.bytes.data() + index * typeBytes[static_cast<std::size_t>(value.element)];
    switch (value.element) {
        case GgufType::U8: return littleEndian<std::uint8_t>(at);
        case GgufType::I8: return littleEndian<std::int8_t>(at);
        case GgufType::U16: return littleEndian<std::uint16_t>(at);
        case GgufType::I16: return littleEndian<std::int16_t>(at);
        case GgufType::U32: return littleEndian<std::uint32_t>(at);
        case GgufType::I32: return littleEndian<std::int32_t>(at);
        case GgufType::F32: return littleEndian<float>(at);
        case GgufType::Bool: return littleEndian<std::uint8_t>(at) != 0 ? 1 : 0;
        case GgufType::U64: return static_cast<double>(littleEndian<std::uint64_t>(at));
        case GgufType::I64: return static_cast<double>(littleEndian<std::int64_t>(at));
        case GgufType::F64: return littleEndian<double>(at);
        case GgufType::Text:
        case GgufType::Array: break;
    }
    return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

std::shared_ptr<const GgufFile> GgufFile::open(const fs::path& path) {
    std::shared_ptr<GgufFile> file(new GgufFile(path));
    file->read();
    return file;
}

std::shared_ptr<const GgufFile> GgufFile::parse(std::span<const std::byte> bytes, const std::string& name) {
    std::shared_ptr<GgufFile> file(new GgufFile(bytes, name));
    file->read();
    return file;
}

void GgufFile::read() {
    const std::string name = path().string();
    const auto bytes = m_file.bytes();
    HeaderReader in(bytes, name);
    m_version = readVersion(in);
    const auto tensors = in.number<std::uint64_t>("the number of tensors");
    const auto values = in.number<std::uint64_t>("the number of values");
    // The least a value and a tensor need.
    if (values > in.left() / 13 || tensors > in.left() / 24)
        throw in.refuse(
            fmt::format("it is cut short or damaged: it claims {} values and {} tensors, more than "
                        "its {} bytes can hold; download it again",
                        values, tensors, bytes.size()));
    for (std::uint64_t i = 0; i < values; ++i) m_values.push_back(readValue(in, i));
    std::sort(m_values.begin(), m_values.end(),
              [](const GgufValue& a, const GgufValue& b) { return a.key < b.key; });
    refuseTwins(
        m_values, [](const GgufValue& v) { return v.key; }, "the value", in);

    const std::int64_t alignment = integer("general.alignment").value_or(32);
    if (alignment < 1 || alignment > (1 << 20) || (alignment & (alignment - 1)) != 0)
        throw in.refuse(fmt::format("'general.alignment' is {}, which is no power of two", alignment));
    std::vector<Claim> claims;
    for (std::uint64_t i = 0; i < tensors; ++i) claims.push_back(readClaim(in, i));

    const auto step = static_cast<std::uint64_t>(alignment);
    const std::uint64_t dataBegin = std::min<std::uint64_t>((in.at() + step - 1) / step * step, bytes.size());
    m_header = bytes.first(dataBegin);
    m_data = bytes.subspan(dataBegin);
    checkExtents(claims, m_data.size(), step, in);
    for (Claim& claim : claims) {
        const PlainType* plain = findPlainType(claim.type);
        m_tensors.push_back({std::string(claim.name), plain != nullptr ? plain->stored : StoredType::F32,
                             std::move(claim.shape), m_data.subspan(claim.offset, claim.bytes),
                             findBlockFormat(claim.type)});
    }
    std::sort(m_tensors.begin(), m_tensors.end(),
              [](const StoredTensor& a, const StoredTensor& b) { return a.name < b.name; });
    refuseTwins(
        m_tensors, [](const StoredTensor& t) { return std::string_view(t.name); }, "tensor", in);
}

const GgufValue* GgufFile::value(std::string_view key) const {
    const auto found =
        std::lower_bound(m_values.begin(), m_values.end(), key,
                         [](const GgufValue& a, std::string_view wanted) { return a.key < wanted; });
    return found != m_values.end() && found->key == key ? &*found : nullptr;
}

Error GgufFile::wrongKind(const GgufValue& value, const char* expected) const {
    return {ErrorCode::Format,
            fmt::format("{}: '{}' is {}{}, and {} is expected", path().string(), shown(value.key),
                        typeNames[static_cast<std::size_t>(value.type)],
                        value.type == GgufType::Array
                            ? fmt::format(" of {}", typeNames[static_cast<std::size_t>(value.element)])
                            : "",
                        expected),
            path().string()};
}

std::optional<double> GgufFile::number(std::string_view key) const {
    const GgufValue* found = value(key);
    if (found == nullptr) return std::nullopt;
    if (found->type == GgufType::Text || found->type == GgufType::Array || found->type == GgufType::Bool)
        throw wrongKind(*found, "a number");
    const double number = elementAt(*found, 0);
    if (!std::isfinite(number)) throw wrongKind(*found, "a finite number");
    return number;
}

std::optional<std::int64_t> GgufFile::integer(std::string_view key) const {
    const auto found = number(key);
    if (!found) return std::nullopt;
    if (*found != std::floor(*found) || std::abs(*found) > 0x1p53)
        throw wrongKind(*value(key), "a whole number below 2^53");
    return static_cast<std::int64_t>(*found);
}

std::optional<bool> GgufFile::flag(std::string_view key) const {
    const GgufValue* found = value(key);
    if (found == nullptr) return std::nullopt;
    if (found->type != GgufType::Bool) throw wrongKind(*found, "true or false");
    return elementAt(*found, 0) != 0;
}

std::optional<std::string_view> GgufFile::text(std::string_view key) const {
    const GgufValue* found = value(key);
    if (found == nullptr) return std::nullopt;
    if (found->type != GgufType::Text) throw wrongKind(*found, "a text");
    const auto content = found->bytes.subspan(8);
    return std::string_view(reinterpret_cast<const char*>(content.data()), content.size());
}

std::optional<std::vector<double>> GgufFile::numbers(std::string_view key) const {
    const GgufValue* found = value(key);
    if (found == nullptr) return std::nullopt;
    if (found->type != GgufType::Array || found->element == GgufType::Text)
        throw wrongKind(*found, "a list of numbers");
    std::vector<double> list(found->count);
    for (std::uint64_t i = 0; i < found->count; ++i) list[i] = elementAt(*found, i);
    return list;
}

std::optional<std::vector<std::string_view>> GgufFile::texts(std::string_view key) const {
    const GgufValue* found = value(key);
    if (found == nullptr) return std::nullopt;
    if (found->type != GgufType::Array || found->element != GgufType::Text)
        throw wrongKind(*found, "a list of texts");
    std::vector<std::string_view> list;
    list.reserve(found->count);
    const std::byte* at = found->bytes.data();
    for (std::uint64_t i = 0; i < found->count; ++i) {
        const auto length = littleEndian<std::uint64_t>(at);
        list.emplace_back(reinterpret_cast<const char*>(at + 8), length);
        at += 8 + length;
    }
    return list;
}

bool isGgufFile(const fs::path& path) {
    std::error_code failed;
    if (!fs::is_regular_file(path, failed)) return false;
    std::ifstream in(path, std::ios::binary);
    std::array<char, 4> head{};
    return in.read(head.data(), head.size()) && std::string_view(head.data(), head.size()) == "GGUF";
}

std::optional<GgufPart> ggufPartOf(const std::string& fileName) {
    constexpr std::string_view ending = ".gguf";
    constexpr std::size_t digits = 15;  // "-00001-of-00005"
    if (!fileName.ends_with(ending) || fileName.size() < ending.size() + digits) return std::nullopt;
    const std::size_t at = fileName.size() - ending.size() - digits;
    const std::string_view part = std::string_view(fileName).substr(at, digits);
    GgufPart result{fileName.substr(0, at), 0, 0};
    const auto number = [&](std::size_t from, int& value) {
        const char* begin = part.data() + from;
        return std::from_chars(begin, begin + 5, value).ptr == begin + 5;
    };
    if (part[0] != '-' || part.substr(6, 4) != "-of-" || !number(1, result.number) ||
        !number(10, result.count) || result.number < 1 || result.number > result.count)
        return std::nullopt;
    return result;
}

GgufModel openGgufModel(const fs::path& path) {
    auto given = GgufFile::open(path);
    const std::int64_t count = given->integer("split.count").value_or(1);
    if (count <= 1) return {std::move(given)};
    const std::string file = path.string();
    const auto part = ggufPartOf(path.filename().string());
    if (!part || part->count != count)
        throw Error(
            ErrorCode::Mismatch,
            fmt::format("{} is one of {} parts, and is not called NAME-00001-of-{:05}.gguf, by which the "
                        "others would be found; give the parts their names back",
                        file, count, count),
            file);
    GgufModel parts;
    std::vector<std::string> absent;
    std::error_code failed;
    for (int i = 1; i <= part->count; ++i) {
        const std::string name = fmt::format("{}-{:05}-of-{:05}.gguf", part->stem, i, part->count);
        const fs::path other = path.parent_path() / name;
        if (i == part->number)
            parts.push_back(given);
        else if (fs::exists(other, failed))
            parts.push_back(GgufFile::open(other));
        else
            absent.push_back(name);
    }
    if (!absent.empty())
        throw Error(ErrorCode::NotFound,
                    fmt::format("{} is one of {} parts, and {} of them are not beside it: {}; fetch them",
                                file, count, absent.size(), listedNames(absent, 5)),
                    file);
    for (std::size_t i = 0; i < parts.size(); ++i)
        if (parts[i]->integer("split.count") != count ||
            parts[i]->integer("split.no") != static_cast<std::int64_t>(i))
            throw Error(ErrorCode::Mismatch,
                        fmt::format("{} does not say that it is part {} of {}; fetch it again",
                                    parts[i]->path().string(), i + 1, count),
                        parts[i]->path().string());
    return parts;
}

}  // namespace rheo
