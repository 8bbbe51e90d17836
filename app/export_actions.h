#pragma once

#include <QObject>
#include <QString>

#include "app/animation.h"
#include "app/export_view.h"
#include "widgets/jobs/job_runner.h"

class QMenu;

namespace rheo {

class MainWindow;
class TeleportComparison;
class View;

/// What a person takes out of the window: figures, animations, a page, tables, pictures.
class ExportActions : public QObject {
    Q_OBJECT
public:
    ExportActions(MainWindow& window, TeleportComparison& comparison);

    void addTo(QMenu* file);

    /// A view as it would be exported now; its figure in the other colours is made when it is asked for.
    FigureToExport ofView(View* view) const;
    /// The plots of the teleport panel: of the teleports that are compared, else of the one that is chosen.
    /// No figure where none is.
    FigureToExport ofTeleports() const;

    /// Writes it; false, and the banner says why, where that fails.
    bool exportFigure(const FigureToExport& what, const ExportChoice& choice);
    /// Exports the view in front to a file; its extension is the format. Where no file holds what it is made
    /// from, `saveResults` saves that beside it (FILE.results.h5), so that the recipe in the figure can be
    /// followed. True if it was written; else the banner says why.
    bool exportView(const QString& file, double widthMm, double heightMm, double dpi, bool replace,
                    bool saveResults);
    /// Every view that shows something, and the teleports of the panel, into a folder, as SVG, and what they
    /// are made from; stops at the first that fails. Returns how many were written.
    int exportAll(const QString& folder);
    /// Starts to write an animation of the view in front.
    JobId exportAnimation(const AnimationChoice& choice);

    void askView();
    void askTeleports();
    /// The figure in front, to the clipboard.
    void copyPicture();
    /// The numbers behind a view.
    void showTable(const View* view);

private:
    void askAll();
    void askAnimation();
    void askCurves();
    void askAndExport(const FigureToExport& what);

    MainWindow& m_window;
    TeleportComparison& m_comparison;
};

}  // namespace rheo
