#include "widgets/views/view.h"

#include "core/session/opened_results.h"

namespace rheo {

Recipe recipeOf(const FigureView& figure, const Theme& theme, const OpenedResults* results) {
    Recipe recipe;
    recipe.view = figure.name;
    recipe.theme = theme.dark ? "dark" : "light";
    recipe.widthMm = figure.widthMm;
    recipe.heightMm = figure.heightMm;
    if (results != nullptr && !results->path.empty())
        recipe.sources = {{"results", results->path.string(), ""}};
    return recipe;
}

}  // namespace rheo
