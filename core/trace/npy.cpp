#include "core/trace/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <string_view>

#include "core/base/error.h"

namespace rheo {

static_assert(std::endian::native == std::endian::little,
              "files here are little-endian, as every supported machine is");

std::string npyContents(const MatrixF& matrix) {
    // The format (numpy.lib.format): magic, version, little-endian header length, a Python literal
    // padded with spaces so that the data start at a multiple of 64.
    std::string header = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}",
                                     matrix.rows(), matrix.cols());
    const std::size_t unpadded = 10 + header.size() + 1;
    header.append((64 - unpadded % 64) % 64, ' ');
    header += '\n';
    std::string contents("\x93NUMPY\x01\x00", 8);
    contents += static_cast<char>(header.size() & 0xff);
    contents += static_cast<char>(header.size() >> 8);
    contents += header;
    contents.append(reinterpret_cast<const char*>(matrix.data()),
                    static_cast<std::size_t>(matrix.size()) * sizeof(float));
    return contents;
}

void writeNpy(const std::filesystem::path& path, const MatrixF& matrix, IfExists ifExists) {
    writeFile(path, npyContents(matrix), ifExists);
}

namespace {

[[noreturn]] void refuseHeader(const std::string& name, const std::string& why) {
    throw Error(ErrorCode::Format, fmt::format("{}: {}", name, why), name);
}

/// Reads the one Python literal that a header is: a dictionary of texts, truths and tuples of whole numbers.
class HeaderReader {
public:
    HeaderReader(std::string_view text, const std::string& name) : m_text(text), m_name(name) {}

    NpyHeader read() {
        NpyHeader header;
        bool hasType = false, hasOrder = false, hasShape = false;
        expect('{');
        while (!accept('}')) {
            const std::string key = quoted();
            expect(':');
            if (key == "descr" && !hasType) {
                header.dtype = dtype();
                hasType = true;
            } else if (key == "fortran_order" && !hasOrder) {
                header.columnMajor = truth();
                hasOrder = true;
            } else if (key == "shape" && !hasShape) {
                header.shape = shape();
                hasShape = true;
            } else {
                fail("names '" + key + "' twice, or it is no word of the format");
            }
            if (!accept(',')) {
                expect('}');
                break;
            }
        }
        if (!hasType || !hasOrder || !hasShape) fail("lacks descr, fortran_order or shape");
        return header;
    }

private:
    [[noreturn]] void fail(const std::string& why) const { refuseHeader(m_name, "its .npy header " + why); }
    char peek() {
        while (m_at < m_text.size() && (m_text[m_at] == ' ' || m_text[m_at] == '\n')) ++m_at;
        return m_at < m_text.size() ? m_text[m_at] : '\0';
    }
    bool accept(char c) {
        if (peek() != c) return false;
        ++m_at;
        return true;
    }
    void expect(char c) {
        if (!accept(c)) fail(fmt::format("is damaged: '{}' was expected at its byte {}", c, m_at));
    }
    std::string quoted() {
        const char quote = peek();
        const auto end =
            quote == '\'' || quote == '"' ? m_text.find(quote, m_at + 1) : std::string_view::npos;
        if (end == std::string_view::npos) fail(fmt::format("is damaged at its byte {}", m_at));
        std::string text(m_text.substr(m_at + 1, end - m_at - 1));
        if (text.size() > 64) fail("holds a name that is too long");
        m_at = end + 1;
        return text;
    }
    std::string dtype() {
        if (peek() != '[') return quoted();
        // Fields: of no use here, so only their end is looked for.
        for (int depth = 0; m_at < m_text.size(); ++m_at) {
            if (m_text[m_at] == '[') ++depth;
            if (m_text[m_at] == ']' && --depth == 0) {
                ++m_at;
                return "(structured)";
            }
        }
        fail("is cut off");
    }
    bool truth() {
        const char first = peek();
        for (const std::string_view word : {"True", "False"})
            if (m_text.substr(m_at, word.size()) == word) {
                m_at += word.size();
                return first == 'T';
            }
        fail("says neither True nor False for fortran_order");
    }
    std::vector<std::int64_t> shape() {
        std::vector<std::int64_t> extents;
        expect('(');
        while (!accept(')')) {
            peek();
            std::int64_t value = 0;
            const auto [end, failed] =
                std::from_chars(m_text.data() + m_at, m_text.data() + m_text.size(), value);
            if (failed != std::errc{} || value < 0) fail("holds a shape that is no list of whole numbers");
            m_at = static_cast<std::size_t>(end - m_text.data());
            if (peek() == 'L') ++m_at;  // Python 2 wrote long integers so
            if (extents.size() == 64) fail("claims more than 64 axes");
            extents.push_back(value);
            if (!accept(',')) {
                expect(')');
                break;
            }
        }
        return extents;
    }

    std::string_view m_text;
    const std::string& m_name;
    std::size_t m_at = 0;
};

}  // namespace

std::size_t npyHeaderBytes(std::span<const std::byte> prefix, const std::string& name) {
    if (prefix.size() < npyPrefixBytes || std::memcmp(prefix.data(), "\x93NUMPY", 6) != 0)
        refuseHeader(name, "it is not a .npy array");
    const auto byte = [&](std::size_t i) { return std::to_integer<std::size_t>(prefix[i]); };
    const std::size_t version = byte(6);
    if (version < 1 || version > 3)
        refuseHeader(name, fmt::format("its .npy version is {}, and 1, 2 or 3 was expected", version));
    std::size_t length = byte(8) | byte(9) << 8;
    if (version > 1) length |= byte(10) << 16 | byte(11) << 24;
    length += version > 1 ? 12 : 10;
    if (length > npyMaxHeaderBytes) refuseHeader(name, "its .npy header is too long to be real");
    return length;
}

NpyHeader parseNpyHeader(std::span<const std::byte> contents, const std::string& name) {
    const std::size_t length = npyHeaderBytes(contents, name);
    if (length > contents.size()) refuseHeader(name, "it is cut off within its .npy header");
    const std::size_t start = contents[6] == std::byte{1} ? 10 : 12;
    const std::string_view text(reinterpret_cast<const char*>(contents.data()) + start, length - start);
    NpyHeader header = HeaderReader(text, name).read();
    header.bytes = length;
    return header;
}

VectorF readNpyVector(const std::filesystem::path& path, std::int64_t count) {
    const std::string name = path.string();
    const std::string contents = readFile(path, static_cast<std::uintmax_t>(count) * 8 + npyMaxHeaderBytes);
    const NpyHeader header = parseNpyHeader(std::as_bytes(std::span(contents)), name);
    if (header.dtype != "<f4" && header.dtype != "<f8")
        throw Error(
            ErrorCode::Unsupported,
            fmt::format("{}: dtype {} where float32 or float64 was expected; save it with .astype('float32')",
                        name, header.dtype),
            name);
    const auto ones = std::count(header.shape.begin(), header.shape.end(), 1);
    const auto axes = static_cast<std::ptrdiff_t>(header.shape.size());
    const bool fits =
        axes > 0 && (std::count(header.shape.begin(), header.shape.end(), count) > 0) && ones >= axes - 1;
    if (!fits)
        throw Error(ErrorCode::Mismatch,
                    fmt::format("{}: shape ({}) where {} values were expected", name,
                                fmt::join(header.shape, ", "), count),
                    name);
    const std::size_t width = header.dtype == "<f4" ? 4 : 8;
    if (contents.size() - header.bytes != static_cast<std::size_t>(count) * width)
        refuseHeader(name, "the file is shorter or longer than its header says");

    const char* data = contents.data() + header.bytes;
    if (width == 4) {
        VectorF values(count);
        std::memcpy(values.data(), data, static_cast<std::size_t>(count) * 4);
        return values;
    }
    VectorD values(count);
    std::memcpy(values.data(), data, static_cast<std::size_t>(count) * 8);
    return values.cast<float>();
}

}  // namespace rheo
