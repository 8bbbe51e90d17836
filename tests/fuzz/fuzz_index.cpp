// A model.safetensors.index.json beside two sound shards. Whatever it says: an Error that names the folder,
// or files of the folder whose tensors can be read.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/error.h"
#include "core/checkpoint/model_files.h"
#include "tests/fuzz/scratch.h"

using namespace rheo;
namespace fs = std::filesystem;

namespace {

/// A safetensors file of one tensor of two numbers.
std::string shard(const std::string& tensor) {
    std::string header = R"({")" + tensor + R"(":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    std::string file(8, '\0');
    file[0] = static_cast<char>(header.size());
    return file + header + std::string(8, '\1');
}

const fs::path& modelFolder() {
    static const fs::path folder = [] {
        const fs::path model = scratch() / "model";
        fs::create_directories(model / "inside");
        put(model / "model-00001-of-00002.safetensors", shard("a.weight"));
        put(model / "model-00002-of-00002.safetensors", shard("b.weight"));
        put(model / "inside" / "other.safetensors", shard("c.weight"));
        put(scratch() / "outside.safetensors", shard("a.weight"));
        return model;
    }();
    return folder;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fs::path& folder = modelFolder();
    put(folder / "model.safetensors.index.json", {reinterpret_cast<const char*>(data), size});
    try {
        const WeightFiles weights = openWeightFiles(folder);
        expect(!weights.files.empty() || !weights.missing.empty(), "neither weights nor why there are none");
        for (const auto& file : weights.files) {
            expect(fs::weakly_canonical(file->path())
                       .parent_path()
                       .string()
                       .starts_with(fs::canonical(folder).string()),
                   "a file outside the folder");
            for (const StoredTensor& tensor : file->tensors())
                expect(tensor.bytes.size() == 8 && tensor.bytes[7] == std::byte{1}, "other numbers");
        }
    } catch (const Error& error) {
        expect(std::string_view(error.what()).find(folder.string()) != std::string_view::npos,
               "a message without the folder");
    }
    return 0;
}
