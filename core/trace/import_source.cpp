#include "core/trace/import_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <string_view>
#include <system_error>

#include "core/base/error.h"
#include "core/checkpoint/safetensors.h"
#include "core/trace/hdf5_file.h"
#include "core/trace/import_elements.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t mostNumbers = std::int64_t{1} << 24;

struct ElementRow {
    ElementType type;
    const char* name;
    std::int64_t bytes;
};

/// In the order of ElementType.
constexpr std::array<ElementRow, 13> elements{{
    {ElementType::Float16, "float16", 2},
    {ElementType::BFloat16, "bfloat16", 2},
    {ElementType::Float32, "float32", 4},
    {ElementType::Float64, "float64", 8},
    {ElementType::Bool, "bool", 1},
    {ElementType::Int8, "int8", 1},
    {ElementType::UInt8, "uint8", 1},
    {ElementType::Int16, "int16", 2},
    {ElementType::UInt16, "uint16", 2},
    {ElementType::Int32, "int32", 4},
    {ElementType::UInt32, "uint32", 4},
    {ElementType::Int64, "int64", 8},
    {ElementType::UInt64, "uint64", 8},
}};

const ElementRow& rowOf(ElementType type) {
    return elements[static_cast<std::size_t>(type)];
}

}  // namespace

std::int64_t elementBytes(ElementType type) {
    return rowOf(type).bytes;
}

const char* elementName(ElementType type) {
    return rowOf(type).name;
}

bool isFloating(ElementType type) {
    return type <= ElementType::Float64;
}

std::int64_t checkedBytes(const std::vector<std::int64_t>& shape, std::int64_t elementSize,
                          const std::string& what) {
    std::int64_t bytes = elementSize;
    for (const auto extent : shape)
        if (extent < 0 || __builtin_mul_overflow(bytes, extent, &bytes))
            throw Error(
                ErrorCode::Format,
                fmt::format("{}: its shape [{}] is too large to be real", what, fmt::join(shape, ", ")),
                what);
    return bytes;
}

std::vector<std::int64_t> denseStrides(const std::vector<std::int64_t>& shape, std::int64_t elementSize,
                                       bool columnMajor) {
    std::vector<std::int64_t> strides(shape.size());
    std::int64_t stride = elementSize;
    for (std::size_t k = 0; k < shape.size(); ++k) {
        const std::size_t axis = columnMajor ? k : shape.size() - 1 - k;
        strides[axis] = stride;
        stride *= shape[axis];
    }
    return strides;
}

const std::byte* elementAt(const std::byte* data, const std::vector<std::int64_t>& strides,
                           const std::vector<std::int64_t>& start) {
    for (std::size_t axis = 0; axis < start.size(); ++axis) data += start[axis] * strides[axis];
    return data;
}

std::vector<double> readNumbers(ImportSource& source, std::size_t array, const fs::path& folder,
                                const std::string& file) {
    const ImportArray described = source.describe(array);
    const auto failure = [&](const std::string& why) -> Error {
        return {ErrorCode::Unsupported, fmt::format("{}: '{}' {}", file, source.names()[array], why), file};
    };
    std::int64_t count = 1;
    for (const auto extent : described.shape)
        if (__builtin_mul_overflow(count, extent, &count) || count > mostNumbers)
            throw failure(
                fmt::format("has the shape [{}], and at most {} values were expected of a mask, lengths or "
                            "token ids",
                            fmt::join(described.shape, ", "), mostNumbers));
    if (!described.type)
        throw failure(
            fmt::format("is {}, and numbers were expected of a mask, lengths or token ids (--mask none "
                        "leaves masks aside)",
                        described.typeName));
    std::vector<double> values(static_cast<std::size_t>(count));
    if (values.empty()) return values;
    Progress silent;
    source.prepare({array}, folder, silent);
    const std::size_t rank = described.shape.size();
    const ArrayBlock block = source.block(array, std::vector<std::int64_t>(rank, 0), described.shape);
    std::vector<std::int64_t> at(rank, 0);
    for (auto& value : values) {
        copyElements(block, elementAt(block.data, block.strides, at), 0, 1, &value, 0);
        for (std::size_t axis = rank; axis-- > 0 && ++at[axis] == described.shape[axis];) at[axis] = 0;
    }
    return values;
}

void refusePickle(const fs::path& path, const std::string& what) {
    const std::string name = path.filename().string();
    throw Error(
        ErrorCode::Unsupported,
        fmt::format(
            R"({} {}: loading one runs whatever code is in it, so this program does not. If you trust where it comes from, save it anew:

    import torch
    from safetensors.torch import save_file
    x = torch.load("{}", map_location="cpu", weights_only=True)
    if torch.is_tensor(x):
        x = {{"states": x}}
    if isinstance(x, (list, tuple)):
        x = {{f"states.{{i}}": t for i, t in enumerate(x)}}
    x = {{k: t.detach().clone().contiguous() for k, t in x.items()}}
    save_file(x, "{}.safetensors")
    # rheo import {}.safetensors --layout batch,row,unit --out t.rheo.h5)",
            path.string(), what, name, path.stem().string(), path.stem().string()),
        path.string());
}

namespace {

/// The first bytes of a regular file.
std::string firstBytes(const fs::path& path) {
    std::error_code failed;
    const auto status = fs::status(path, failed);
    if (!fs::exists(status))
        throw Error(ErrorCode::NotFound, fmt::format("there is no file {}", path.string()), path.string());
    if (!fs::is_regular_file(status))
        throw Error(ErrorCode::Format,
                    fmt::format("{} is {}, and a .npy, .npz, safetensors or HDF5 file was expected",
                                path.string(), fs::is_directory(status) ? "a folder" : "not a regular file"),
                    path.string());
    std::ifstream in(path, std::ios::binary);
    std::string bytes(16, '\0');
    in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (in.bad() || !in.is_open())
        throw Error(ErrorCode::Io, fmt::format("cannot read {}", path.string()), path.string());
    bytes.resize(static_cast<std::size_t>(in.gcount()));
    return bytes;
}

bool isPickleName(const fs::path& path) {
    std::string extension = path.extension().string();
    std::transform(extension.begin(), extension.end(), extension.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    for (const char* known : {".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin"})
        if (extension == known) return true;
    return false;
}

}  // namespace

std::unique_ptr<ImportSource> openImportSource(const fs::path& path) {
    using namespace std::string_view_literals;
    const std::string bytes = firstBytes(path);
    const std::string_view start = bytes;
    if (start.starts_with("\x93NUMPY"sv)) return openNpySource(path);
    if (start.starts_with("PK\x03\x04"sv) || start.starts_with("PK\x05\x06"sv)) return openNpzSource(path);
    if (isHdf5File(path)) return openHdf5Source(path);
    if (beginsAsSafetensors(start)) return openSafetensorsSource(path);
    // Protocols 2 to 5 begin with their number; what torch.save wrote before it wrote zip files is one of
    // them.
    if (start.size() > 1 && start[0] == '\x80' && start[1] >= 2 && start[1] <= 5)
        refusePickle(path, "is a Python pickle");
    if (start.size() > 8 && start[8] == '{') return openSafetensorsSource(path);  // says what is wrong
    if (isPickleName(path)) refusePickle(path, "has the name of a Python pickle, and is nothing else known");
    throw Error(ErrorCode::Format,
                fmt::format("{} is none of .npy, .npz, safetensors and HDF5: it {}", path.string(),
                            start.empty() ? "is empty" : "begins as none of them does"),
                path.string());
}

}  // namespace rheo
