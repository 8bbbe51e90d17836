#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/figure/camera.h"
#include "core/figure/ranges.h"

namespace rheo {

/// A file that a figure was made from.
struct RecipeSource {
    std::string role;  ///< "results", "trace", "teleport", "patch_map", "model"
    std::string path;  ///< as it was given, so that a folder can be moved as a whole
    std::string hash;  ///< "sha256:..." of the contents; empty: not known
    friend bool operator==(const RecipeSource&, const RecipeSource&) = default;
};

/// All that made a figure, kept inside the exported file so that it can be made again.
struct Recipe {
    std::string view;                   ///< "trajectories", "density", ...
    std::vector<RecipeSource> sources;  ///< in the order they are read
    std::string options = "{}";         ///< of the view: a JSON object
    std::optional<Camera> camera;       ///< only for what is seen in space
    std::vector<AxisRange> ranges;      ///< of panels that do not show the whole
    std::optional<ColorRange> colors;   ///< of heatmaps; none: what suits their values
    double widthMm = 160;               ///< above 0
    double heightMm = 120;
    double dpi = 300;                             ///< of a PNG; above 0
    std::string theme = "light";                  ///< or "dark"
    bool transparent = false;                     ///< nothing is painted behind the figure
    std::map<std::string, std::string> versions;  ///< program and libraries, by name
    std::string time;                             ///< ISO 8601, UTC; the one thing that is made anew
};

/// The recipe as a JSON object, indented, its keys always in the same order (those of `options` as they
/// were given). Throws Error(InvalidArgument) if `options` is no JSON object, a number is not finite, or
/// a text is not UTF-8.
std::string recipeToJson(const Recipe& recipe);

/// The inverse. `json` comes from a file of anybody's: at most 16 MiB and 64 levels are read. Throws
/// Error(Format) naming the field, what was expected and what was found; Error(Unsupported) for the
/// recipe of a newer format. Unknown fields are passed over.
Recipe recipeFromJson(std::string_view json);

}  // namespace rheo
