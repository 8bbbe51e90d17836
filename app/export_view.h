#pragma once

#include <QString>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/figure/figure.h"
#include "core/session/recipe.h"
#include "widgets/paint/draw_figure.h"

class QImage;
class QSize;
class QWidget;

namespace rheo {

/// A file that an exported figure is made again from, and that is not there yet.
struct SourceToSave {
    std::string role;  ///< as the recipe names it
    QString suffix;    ///< of the figure's file: ".results.h5"
    std::function<void(const QString& file, bool replace)> save;
};

/// A figure of the window on its way to a file.
struct FigureToExport {
    QString name;                          ///< of the file that is proposed, without its suffix
    std::shared_ptr<const Figure> figure;  ///< null: there is nothing to export
    /// The same in the colours of the other theme; none: there is only this one.
    std::function<std::shared_ptr<const Figure>(bool dark)> inTheme = {};
    Recipe recipe;                     ///< what a dialog changes is set by the choice
    std::vector<SourceToSave> toSave;  ///< where the recipe names no source
};

/// What a person chooses.
struct ExportChoice {
    QString file;
    double widthMm = 160, heightMm = 120, dpi = 300;
    bool replace = false;
    bool saveSources = true;
    bool dark = false;
    bool transparent = false;
};

/// Asks for size, resolution, colours and file, beside a picture of what comes of it; none where it was
/// cancelled. `dark`: the theme of the window.
std::optional<ExportChoice> askForExport(QWidget* parent, const FigureToExport& what, bool dark);

/// Writes the figure with its recipe, then starts to save what it is made from, if that is wanted. Throws
/// Error as exportFigure does, and where the file is one of `inputs`.
void exportTo(const FigureToExport& what, const ExportChoice& choice,
              const std::vector<std::filesystem::path>& inputs);

/// The figure as an export paints it, in `size` pixels of the screen at twice their number.
QImage pictureOf(const Figure& figure, const QSize& size, Background background = Background::Filled);

}  // namespace rheo
