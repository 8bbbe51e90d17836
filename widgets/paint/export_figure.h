#pragma once

#include <QByteArray>
#include <filesystem>
#include <string>

#include "core/base/output_file.h"
#include "core/figure/figure.h"
#include "widgets/paint/draw_figure.h"

namespace rheo {

enum class ExportFormat { Svg, Pdf, Png };

/// By the file's extension (.svg, .pdf, .png; capitals too). Throws Error(Unsupported) for any other.
ExportFormat exportFormat(const std::filesystem::path& path);

struct ExportOptions {
    std::filesystem::path path;  ///< its extension is the format
    double widthMm = 160;        ///< 20 to 2,000
    double heightMm = 120;       ///< 15 to 2,000
    double dpi = 300;            ///< of a PNG; 30 to 2,400, at most 20,000 pixels a side
    std::string recipeJson;      ///< what made it (core/session/recipe.h), kept in the file; or empty
    IfExists ifExists = IfExists::Refuse;
    Background background = Background::Filled;
};

/// Writes the figure at its physical size: SVG and PDF as vectors and text, with one image only for the cells
/// of a heatmap, PNG as pixels; whole or not at all. Needs a QGuiApplication (the `offscreen` platform is
/// enough). The same figure and recipe give the same SVG and PNG, byte for byte; a PDF holds the time as
/// well. Throws Error(Unsupported) for the extension, Error(InvalidArgument) for a size or resolution out of
/// range, Error(AlreadyExists, NotFound, Io, DiskFull) as files do.
void exportFigure(const Figure& figure, const ExportOptions& options);

/// The bytes that exportFigure writes; of `options` only size, resolution and recipe are read.
QByteArray encodeFigure(const Figure& figure, ExportFormat format, const ExportOptions& options);

}  // namespace rheo
