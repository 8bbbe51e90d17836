#pragma once

#include <QByteArray>
#include <QString>
#include <filesystem>
#include <optional>
#include <string>

namespace rheo {

/// `png` with `recipe` (UTF-8) in an iTXt chunk "Rheograph recipe", before the pixels. `png` must be a PNG.
QByteArray pngWithRecipe(const QByteArray& png, const std::string& recipe);

/// An XMP packet with the title, the program and the recipe (UTF-8) as the property `rheo:recipe`, for
/// QPdfWriter::setDocumentXmpMetadata.
QByteArray xmpWithRecipe(const QString& title, const std::string& recipe);

/// The recipe inside an exported SVG, PDF or PNG, told by the contents and not by the name; empty if there is
/// none. The file may be anybody's: at most 1 GiB is read, and nothing in it is run or fetched.
/// Throws Error(NotFound, Io, Format) where the file cannot be read, and Error(Format) for a PNG whose
/// chunks are damaged.
std::optional<std::string> readRecipe(const std::filesystem::path& path);

}  // namespace rheo
