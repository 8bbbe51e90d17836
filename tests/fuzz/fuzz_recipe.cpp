// An SVG, PDF or PNG of anybody's, or the JSON of a recipe alone. Whatever it says: an Error, or a recipe
// that comes back from its own JSON.
#include <cstddef>
#include <cstdint>

#include "core/base/error.h"
#include "core/session/recipe.h"
#include "tests/fuzz/scratch.h"
#include "widgets/paint/recipe_file.h"

using namespace rheo;

namespace {

void parse(std::string_view json) {
    try {
        const Recipe recipe = recipeFromJson(json);
        expect(recipe.widthMm > 0 && recipe.heightMm > 0 && recipe.dpi > 0, "a figure without a size");
        const std::string again = recipeToJson(recipe);
        expect(recipeToJson(recipeFromJson(again)) == again, "a recipe does not come back");
    } catch (const Error& error) {
        expect(error.code() == ErrorCode::Format || error.code() == ErrorCode::Unsupported,
               "an error that no recipe can cause");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    parse(bytes);
    const auto file = put(scratch() / "figure", bytes);
    try {
        if (const auto recipe = readRecipe(file)) parse(*recipe);
    } catch (const Error& error) {
        expect(std::string_view(error.what()).find(file.string()) != std::string_view::npos,
               "a message without the file");
    }
    return 0;
}
