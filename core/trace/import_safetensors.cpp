// Tensors of a safetensors file. The one place where a trace looks into a room above it: the reader of that
// format, with all its checks, belongs to checkpoints.
#include <fmt/format.h>

#include "core/base/error.h"
#include "core/checkpoint/safetensors.h"
#include "core/trace/import_source.h"
#include "core/trace/mapped_file.h"

namespace rheo {

namespace {

class SafetensorsSource : public ImportSource {
public:
    explicit SafetensorsSource(const std::filesystem::path& path) : m_file(SafetensorsFile::open(path)) {}

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
        switch (tensor.type) {
            case StoredType::F16: array.type = ElementType::Float16; break;
            case StoredType::BF16: array.type = ElementType::BFloat16; break;
            case StoredType::F32: array.type = ElementType::Float32; break;
            case StoredType::F64: array.type = ElementType::Float64; break;
            default: array.otherType = storedTypeName(tensor.type);
        }
        return array;
    }
    void prepare(const std::vector<std::size_t>&, const std::filesystem::path&, Progress&) override {}
    ArrayBlock block(std::size_t index, const std::vector<std::int64_t>& start,
                     const std::vector<std::int64_t>&) override {
        ArrayBlock block;
        const ImportArray array = describe(index);
        block.type = array.type;
        block.strides = denseStrides(array.shape, elementBytes(array.type), false);
        block.data = elementAt(m_file->tensors()[index].bytes.data(), block.strides, start);
        return block;
    }
    void forget() override { forgetPages(m_file->data()); }

private:
    std::shared_ptr<const SafetensorsFile> m_file;
};

}  // namespace

std::unique_ptr<ImportSource> openSafetensorsSource(const std::filesystem::path& path) {
    return std::make_unique<SafetensorsSource>(path);
}

}  // namespace rheo
