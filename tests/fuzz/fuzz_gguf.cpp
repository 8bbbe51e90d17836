// The bytes of a GGUF file. Whatever they say: an Error, or values and tensors that lie within them, and a
// config that is read or refused.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/checkpoint/gguf.h"
#include "core/checkpoint/gguf_blocks.h"
#include "core/checkpoint/gguf_config.h"
#include "tests/fuzz/expect.h"

using namespace rheo;

namespace {

void readTensor(const StoredTensor& tensor, const GgufFile& file) {
    std::int64_t count = 1;
    for (const auto extent : tensor.shape) {
        expect(extent >= 0, "a negative extent");
        count *= extent;
    }
    const auto bytes = static_cast<std::int64_t>(tensor.bytes.size());
    if (bytes > 0)
        expect(tensor.bytes.data() >= file.data().data() &&
                   tensor.bytes.data() + bytes <= file.data().data() + file.data().size(),
               "a tensor outside of the data");
    if (tensor.blocks == nullptr) {
        expect(bytes == count * storedTypeBytes(tensor.type), "bytes and shape disagree");
        return;
    }
    expect(bytes * tensor.blocks->values == count * tensor.blocks->bytes, "blocks and shape disagree");
    std::vector<float> values(static_cast<std::size_t>(count));
    expandBlocks(*tensor.blocks, tensor.bytes, values.data());
}

void readValue(const GgufValue& value, const GgufFile& file) {
    expect(file.value(value.key) == &value, "a value is not found by its key");
    try {
        if (value.type == GgufType::Text)
            expect(file.text(value.key)->size() + 8 == value.bytes.size(), "a text of another length");
        else if (value.type == GgufType::Array && value.element == GgufType::Text)
            expect(file.texts(value.key)->size() == value.count, "a list of another length");
        else if (value.type == GgufType::Array)
            expect(file.numbers(value.key)->size() == value.count, "a list of another length");
        else if (value.type == GgufType::Bool)
            expect(file.flag(value.key).has_value(), "a flag is lost");
        else
            expect(file.number(value.key).has_value(), "a number is lost");
        file.integer(value.key);
    } catch (const Error& error) {
        expect(error.code() == ErrorCode::Format, "another kind of refusal");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
    try {
        const auto file = GgufFile::parse(bytes, "model.gguf");
        for (const StoredTensor& tensor : file->tensors()) readTensor(tensor, *file);
        for (const GgufValue& value : file->values()) readValue(value, *file);
        const GgufModel model{file};
        ModelConfig config = parseModelConfig(ggufConfig(model), "model.gguf");
        applyGgufLayout(model, config);
    } catch (const Error& error) {
        expect(std::string_view(error.what()).find("model.gguf") != std::string_view::npos,
               "a message without the file");
    }
    return 0;
}
