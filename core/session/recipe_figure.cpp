#include "core/session/recipe_figure.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/session/figure_tables.h"

namespace rheo {

std::vector<FigureView> figureViewsOfResults() {
    std::vector<FigureView> all;
    for (const auto& entry : resultsViewTable()) all.push_back(entry.view);
    return all;
}

std::vector<FigureView> figureViewsOfFiles() {
    std::vector<FigureView> all;
    for (const auto& entry : fileViewTable()) all.push_back(entry.view);
    return all;
}

std::vector<FigureView> figureViews() {
    auto all = figureViewsOfResults();
    for (const auto& view : figureViewsOfFiles()) all.push_back(view);
    return all;
}

std::string_view sourceRole(std::string_view view) {
    for (const auto& entry : fileViewTable())
        if (entry.view.name == view) return entry.view.name;
    return "results";
}

std::vector<FigureView> viewsOf(const Results& results) {
    std::vector<FigureView> there;
    for (const auto& entry : resultsViewTable())
        if (entry.isIn(results)) there.push_back(entry.view);
    return there;
}

bool hasView(const Results& results, std::string_view view) {
    const auto views = resultsViewTable();
    return std::any_of(views.begin(), views.end(),
                       [&](const auto& entry) { return entry.view.name == view && entry.isIn(results); });
}

std::string namesOf(const std::vector<FigureView>& views) {
    std::string names;
    for (const auto& view : views) {
        if (!names.empty()) names += ", ";
        names += view.name;
    }
    return names;
}

Theme themeNamed(const std::string& name) {
    if (name == "light") return lightTheme();
    if (name == "dark") return darkTheme();
    throw Error(ErrorCode::InvalidArgument, fmt::format("theme '{}' is neither light nor dark", name));
}

Figure figureOfRecipe(const Recipe& recipe) {
    const auto views = figureViews();
    if (std::none_of(views.begin(), views.end(), [&](const auto& v) { return v.name == recipe.view; }))
        throw Error(ErrorCode::Unsupported,
                    fmt::format("there is no view '{}'; there are {}", recipe.view, namesOf(views)));
    if (recipe.sources.empty()) throw Error(ErrorCode::Format, "the recipe names no source");
    const auto files = fileViewTable();
    const auto ofFile = std::find_if(files.begin(), files.end(),
                                     [&](const FileView& entry) { return entry.view.name == recipe.view; });
    const Figure whole = ofFile != files.end()
                             ? ofFile->make(recipe)
                             : figureOfResults(readResults(recipe.sources.front().path), recipe);
    Figure shown = whole;
    if (recipe.colors) showColors(shown, *recipe.colors);
    for (const auto& range : recipe.ranges) showRange(whole, shown, range);
    return shown;
}

}  // namespace rheo
