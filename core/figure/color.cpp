#include "core/figure/color.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/figure/color_tables.h"

namespace rheo {
namespace {

constexpr Color hex(std::uint32_t rgb) {
    return {static_cast<float>(rgb >> 16 & 255) / 255.0f, static_cast<float>(rgb >> 8 & 255) / 255.0f,
            static_cast<float>(rgb & 255) / 255.0f};
}

struct NamedMap {
    ColorMap map;
    std::string_view name;
    const std::array<std::uint32_t, 256>* table;
};
constexpr std::array maps{
    NamedMap{ColorMap::Viridis, "viridis", &viridisTable},
    NamedMap{ColorMap::Cividis, "cividis", &cividisTable},
    NamedMap{ColorMap::Vik, "vik", &vikTable},
};

const NamedMap& entry(ColorMap map) {
    for (const auto& candidate : maps)
        if (candidate.map == map) return candidate;
    return maps.front();
}

}  // namespace

std::string_view colorMapName(ColorMap map) {
    return entry(map).name;
}

std::optional<ColorMap> parseColorMap(std::string_view name) {
    for (const auto& candidate : maps)
        if (candidate.name == name) return candidate.map;
    return std::nullopt;
}

Color mapColor(ColorMap map, double t) {
    const auto& table = *entry(map).table;
    const double at = (t > 0 ? std::min(t, 1.0) : 0.0) * (table.size() - 1);
    const auto below = std::min(static_cast<std::size_t>(at), table.size() - 2);
    const auto part = static_cast<float>(at - static_cast<double>(below));
    const Color a = hex(table[below]);
    const Color b = hex(table[below + 1]);
    return {a.r + part * (b.r - a.r), a.g + part * (b.g - a.g), a.b + part * (b.b - a.b)};
}

Theme lightTheme() {
    Theme theme;
    theme.background = hex(0xffffff);
    theme.foreground = hex(0x1c1f23);
    theme.muted = hex(0x63696f);
    theme.grid = hex(0xdfe2e6);
    theme.missing = hex(0xa6a6a6);
    theme.natural = hex(0x0072b2);
    theme.teleported = hex(0xd55e00);
    theme.selected = hex(0xd6007a);
    theme.mean = hex(0x1c1f23);
    theme.null = hex(0x8a9099);
    theme.persistentNull = hex(0x7b5ea7);
    theme.axes = {hex(0x9c3f77), hex(0x00704f), hex(0x0060a8)};
    // Okabe and Ito's colours for a white ground; their yellow is too pale for a thin line on it.
    theme.series = {hex(0x0072b2), hex(0xd55e00), hex(0x009e73), hex(0xcc79a7), hex(0xe69f00), hex(0x56b4e9)};
    return theme;
}

Theme darkTheme() {
    Theme theme;
    theme.dark = true;
    theme.background = hex(0x16181c);
    theme.foreground = hex(0xe8eaed);
    theme.muted = hex(0x9aa0a8);
    theme.grid = hex(0x33373d);
    theme.missing = hex(0x6b6f75);
    theme.natural = hex(0x56b4e9);
    theme.teleported = hex(0xff8c3a);
    theme.selected = hex(0xff5fb4);
    theme.mean = hex(0xf4f5f7);
    theme.null = hex(0x868c95);
    theme.persistentNull = hex(0xb497e0);
    theme.axes = {hex(0xe596c4), hex(0x3fcf9f), hex(0x6fb6ff)};
    theme.series = {hex(0x56b4e9), hex(0xe69f00), hex(0x2fbf95), hex(0xe092bf), hex(0xf0e442), hex(0x4a90d9)};
    return theme;
}

}  // namespace rheo
