#include "core/trace/npy.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <regex>
#include <string>

#include "core/base/error.h"

namespace rheo {

static_assert(std::endian::native == std::endian::little,
              "files here are little-endian, as every supported machine is");

void writeNpy(const std::filesystem::path& path, const MatrixF& matrix, IfExists ifExists) {
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
    writeFile(path, contents, ifExists);
}

VectorF readNpyVector(const std::filesystem::path& path, std::int64_t count) {
    const auto refuse = [&](ErrorCode code, const std::string& why) {
        throw Error(code, fmt::format("{}: {}", path.string(), why), path.string());
    };
    const std::string contents = readFile(path, static_cast<std::uintmax_t>(count) * 8 + (1 << 16));
    if (contents.size() < 12 || contents.compare(0, 6, "\x93NUMPY") != 0)
        refuse(ErrorCode::Format, "not a .npy file");
    const int version = contents[6];
    std::size_t length = static_cast<unsigned char>(contents[8]) |
                         static_cast<std::size_t>(static_cast<unsigned char>(contents[9])) << 8;
    std::size_t start = 10;
    if (version >= 2) {
        length |= static_cast<std::size_t>(static_cast<unsigned char>(contents[10])) << 16 |
                  static_cast<std::size_t>(static_cast<unsigned char>(contents[11])) << 24;
        start = 12;
    }
    if (length > 65536 || start + length > contents.size())
        refuse(ErrorCode::Format, "its header goes beyond the file");
    const std::string header = contents.substr(start, length);

    std::smatch found;
    if (!std::regex_search(header, found, std::regex("'descr': *'([^']*)'")))
        refuse(ErrorCode::Format, "its header names no dtype");
    const std::string dtype = found[1];
    if (dtype != "<f4" && dtype != "<f8")
        refuse(ErrorCode::Unsupported,
               fmt::format("dtype {} where float32 or float64 was expected; save it with .astype('float32')",
                           dtype));
    if (!std::regex_search(header, found, std::regex("'shape': *\\(([0-9, ]*)\\)")))
        refuse(ErrorCode::Format, "its header names no shape");
    const std::string shape = found[1];
    const std::string expected = std::to_string(count);
    if (!std::regex_match(shape, std::regex("(1, *)*" + expected + ",?(, *1)*,?")))
        refuse(ErrorCode::Mismatch, fmt::format("shape ({}) where {} values were expected", shape, count));
    const std::size_t width = dtype == "<f4" ? 4 : 8;
    if (contents.size() - start - length != static_cast<std::size_t>(count) * width)
        refuse(ErrorCode::Format, "the file is shorter or longer than its header says");

    const char* data = contents.data() + start + length;
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
