// A file of vectors: .npy, .npz or safetensors, and for a .npy behind "\n\0" the JSON beside it. Whatever it
// says: an Error that names the file, or vectors of numbers.
#include <cstddef>
#include <cstdint>

#include "core/base/error.h"
#include "core/results/vector_file.h"
#include "tests/fuzz/scratch.h"

using namespace rheo;
namespace fs = std::filesystem;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // HDF5 is tried elsewhere: every input would take a process.
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (bytes.find("\x89HDF\r\n\x1a\n") != std::string_view::npos) return 0;
    const bool numpy = bytes.starts_with("\x93NUMPY");
    const fs::path file = scratch() / (numpy ? "v.npy" : bytes.starts_with("PK") ? "v.npz" : "v.safetensors");
    const fs::path beside = file.string() + ".json";
    fs::remove(beside);
    if (const auto end = bytes.rfind(std::string_view("\n\0{", 3)); numpy && end != std::string_view::npos) {
        put(beside, bytes.substr(end + 2));
        bytes = bytes.substr(0, end);
    }
    put(file, bytes);
    try {
        const auto vectors = readVectors(file);
        expect(!vectors.empty(), "no vectors, and no error");
        for (const NamedVector& vector : vectors)
            expect(!vector.name.empty() && vector.values.size() <= static_cast<Eigen::Index>(1 << 28),
                   "a vector without a name");
        const NamedVector& first = vectors.front();
        expect(readVector(file.string() + "#" + first.name).values.size() == first.values.size() ||
                   vectors.size() > 1,
               "a vector is not found by its name");
    } catch (const Error& error) {
        expect(std::string_view(error.what()).find(file.string()) != std::string_view::npos,
               "a message without the file");
    }
    return 0;
}
