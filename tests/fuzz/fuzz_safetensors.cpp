// The bytes of a .safetensors file. Whatever they say: an Error, or tensors that lie within them.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/base/error.h"
#include "core/checkpoint/safetensors.h"
#include "tests/fuzz/expect.h"

using namespace rheo;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
    try {
        const auto file = SafetensorsFile::parse(bytes, "model.safetensors");
        std::uint64_t sum = 0;
        std::size_t covered = 0;
        for (const StoredTensor& tensor : file->tensors()) {
            expect(file->find(tensor.name) == &tensor, "a tensor is not found by its name");
            std::int64_t count = 1;
            for (const auto extent : tensor.shape) {
                expect(extent >= 0, "a negative extent");
                count *= extent;
            }
            expect(static_cast<std::int64_t>(tensor.bytes.size()) * 8 == count * storedTypeBits(tensor.type),
                   "bytes and shape disagree");
            for (const auto byte : tensor.bytes) sum += static_cast<std::uint64_t>(byte);
            covered += tensor.bytes.size();
        }
        expect(covered == file->data().size(), "tensors do not cover the data");
        expect(file->find("no such tensor, surely") == nullptr || sum > 0, "a tensor out of nothing");
    } catch (const Error& error) {
        expect(std::string_view(error.what()).find("model.safetensors") != std::string_view::npos,
               "a message without the file");
    }
    return 0;
}
