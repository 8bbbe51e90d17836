#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace rheo {

/// sRGB, each channel in [0, 1].
struct Color {
    float r = 0, g = 0, b = 0;
    friend bool operator==(const Color&, const Color&) = default;
};

/// Colour maps that stay readable for colour-blind eyes and in grey.
enum class ColorMap {
    Viridis,
    Cividis,
    Vik,  ///< diverging, for signed values around zero (Crameri 2018)
};
std::string_view colorMapName(ColorMap map);
std::optional<ColorMap> parseColorMap(std::string_view name);

/// The colour at `t` in [0, 1] (clamped), linear between the 256 entries of the table.
Color mapColor(ColorMap map, double t);

/// Colours of everything that is not data, and of the kinds of data that have one.
struct Theme {
    bool dark = false;
    Color background, foreground, muted, grid, missing;
    Color natural;     ///< the path as the model makes it
    Color teleported;  ///< the path after a teleport
    Color selected;
    Color mean;
    Color null;                 ///< bands of nulls and controls
    Color persistentNull;       ///< of nulls that keep how steps are correlated
    std::array<Color, 3> axes;  ///< of a plot in space, and of arrows along them; readable as text
    std::vector<Color> series;  ///< for further curves, in order (Okabe and Ito 2008)
};
Theme lightTheme();
Theme darkTheme();

}  // namespace rheo
