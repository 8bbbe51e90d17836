// Tensors of a safetensors file. The reader of that format, with all its checks, belongs to the module
// checkpoint.
#include <fmt/format.h>

#include "core/base/error.h"
#include "core/checkpoint/safetensors.h"
#include "core/trace/import_source.h"
#include "core/trace/mapped_file.h"

namespace rheo {

namespace {

/// Absent for what is not imported: floating-point numbers of 8 bits and less, complex numbers.
std::optional<ElementType> elementOf(StoredType type) {
    switch (type) {
        case StoredType::F16: return ElementType::Float16;
        case StoredType::BF16: return ElementType::BFloat16;
        case StoredType::F32: return ElementType::Float32;
        case StoredType::F64: return ElementType::Float64;
        case StoredType::Bool: return ElementType::Bool;
        case StoredType::I8: return ElementType::Int8;
        case StoredType::U8: return ElementType::UInt8;
        case StoredType::I16: return ElementType::Int16;
        case StoredType::U16: return ElementType::UInt16;
        case StoredType::I32: return ElementType::Int32;
        case StoredType::U32: return ElementType::UInt32;
        case StoredType::I64: return ElementType::Int64;
        case StoredType::U64: return ElementType::UInt64;
        default: return std::nullopt;
    }
}

class SafetensorsSource : public ImportSource {
public:
    explicit SafetensorsSource(const std::filesystem::path& path) : m_file(SafetensorsFile::open(path)) {
        if (m_file->tensors().empty())
            throw Error(ErrorCode::Format, fmt::format("{}: it holds no arrays", path.string()),
                        path.string());
    }

    const char* kind() const override { return "safetensors file"; }
    std::vector<std::string> names() const override {
        std::vector<std::string> all;
        for (const auto& tensor : m_file->tensors()) all.push_back(tensor.name);
        return all;
    }
    ImportArray describe(std::size_t index) override {
        const StoredTensor& tensor = m_file->tensors()[index];
        ImportArray array;
        array.shape = tensor.shape;
        array.type = elementOf(tensor.type);
        array.typeName = storedTypeName(tensor.type);
        return array;
    }
    void prepare(const std::vector<std::size_t>&, const std::filesystem::path&, Progress&) override {}
    ArrayBlock block(std::size_t index, const std::vector<std::int64_t>& start,
                     const std::vector<std::int64_t>&) override {
        ArrayBlock block;
        const ImportArray array = describe(index);
        block.type = *array.type;
        block.strides = denseStrides(array.shape, elementBytes(block.type), false);
        block.data = elementAt(m_file->tensors()[index].bytes.data(), block.strides, start);
        return block;
    }
    void requireUnchanged() const override { m_file->requireUnchanged(); }
    void forget() override { forgetPages(m_file->data()); }

private:
    std::shared_ptr<const SafetensorsFile> m_file;
};

}  // namespace

std::unique_ptr<ImportSource> openSafetensorsSource(const std::filesystem::path& path) {
    return std::make_unique<SafetensorsSource>(path);
}

}  // namespace rheo
