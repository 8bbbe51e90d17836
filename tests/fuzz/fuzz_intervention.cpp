// The JSON of an intervention, beside two files of vectors that it may name. Whatever it says: an Error that
// names the file, or edits of the model's width and points, which come back from their own JSON.
#include <cstddef>
#include <cstdint>

#include "core/base/error.h"
#include "core/results/intervention_file.h"
#include "core/results/vector_file.h"
#include "tests/fuzz/scratch.h"

using namespace rheo;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t units = 3;

const fs::path& vectorFolder() {
    static const fs::path folder = [] {
        const fs::path vectors = scratch() / "vectors";
        fs::create_directories(vectors);
        VectorF values(units);
        values << 1, 2, 3;
        const NamedVector one{"one", values, "", "", {}}, two{"two", -values, "", "", {}};
        writeVectors(vectors / "one.npy", {one}, {}, IfExists::Replace);
        writeVectors(vectors / "both.safetensors", {one, two}, {}, IfExists::Replace);
        return vectors;
    }();
    return folder;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fs::path& folder = vectorFolder();
    ModelIdentity model;
    model.dModel = units;
    const auto points = residualPoints(2, false);
    const auto parse = [&](std::string_view json) {
        return interventionFromJson(json, "edits.json", folder, model, points);
    };
    Intervention read;
    try {
        read = parse({reinterpret_cast<const char*>(data), size});
    } catch (const Error& error) {
        expect(std::string_view(error.what()).find("edits.json") != std::string_view::npos,
               "a message without the file");
        return 0;
    }
    for (const Edit& edit : read.edits) {
        expect(edit.vector.size() == 0 || edit.vector.size() == units, "a vector of another width");
        expect(edit.vector.allFinite(), "a vector that is not finite");
        expect(std::find(points.begin(), points.end(), edit.point) != points.end(), "an unknown point");
    }
    const std::string json = interventionToJson(read, {});
    expect(interventionToJson(parse(json), {}) == json, "an intervention does not come back");
    return 0;
}
