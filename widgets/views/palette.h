#pragma once

#include <QPalette>

namespace rheo {

/// The colours of the window. Every text has a contrast of at least 4.5 to 1 on what it is written on (WCAG
/// 2.1, AA): also PlaceholderText, for hints and what is less important; disabled controls have 3 to 1.
QPalette paletteFor(bool dark);

/// The contrast of two opaque colours, 1 to 21: (lighter + 0.05) / (darker + 0.05) of their relative
/// luminance (WCAG 2.1).
double contrast(const QColor& one, const QColor& other);

}  // namespace rheo
