#include "widgets/views/palette.h"

#include <algorithm>
#include <cmath>

namespace rheo {

QPalette paletteFor(bool dark) {
    QPalette p;
    const auto set = [&](QPalette::ColorRole role, const char* light, const char* night) {
        p.setColor(role, QColor(dark ? night : light));
    };
    set(QPalette::Window, "#f4f5f7", "#1f2227");
    set(QPalette::WindowText, "#1b1d21", "#e6e8eb");
    set(QPalette::Base, "#ffffff", "#16181c");
    set(QPalette::AlternateBase, "#eceef2", "#262a30");
    set(QPalette::Text, "#1b1d21", "#e6e8eb");
    set(QPalette::Button, "#e9ebef", "#2b2f36");
    set(QPalette::ButtonText, "#1b1d21", "#e6e8eb");
    set(QPalette::Highlight, "#1f5fa8", "#3272ba");
    set(QPalette::HighlightedText, "#ffffff", "#ffffff");
    set(QPalette::ToolTipBase, "#ffffff", "#2b2f36");
    set(QPalette::ToolTipText, "#1b1d21", "#e6e8eb");
    set(QPalette::PlaceholderText, "#5a5f67", "#a6abb3");
    set(QPalette::Link, "#1f5fa8", "#7fb2ec");
    set(QPalette::Mid, "#b9bec6", "#4a4f58");
    set(QPalette::BrightText, "#b34700", "#ffb000");
    for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
        p.setColor(QPalette::Disabled, role, QColor(dark ? "#8a8f98" : "#777c84"));
    return p;
}

namespace {

double luminance(const QColor& color) {
    const auto linear = [](double c) {
        return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * linear(color.redF()) + 0.7152 * linear(color.greenF()) + 0.0722 * linear(color.blueF());
}

}  // namespace

double contrast(const QColor& one, const QColor& other) {
    const auto [darker, lighter] = std::minmax({luminance(one), luminance(other)});
    return (lighter + 0.05) / (darker + 0.05);
}

}  // namespace rheo
