#pragma once

#include <QList>
#include <QString>
#include <QWidget>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/base/output_file.h"
#include "core/figure/figure.h"
#include "core/session/document.h"
#include "core/session/recipe_figure.h"
#include "widgets/viewmodels/analyses.h"

class QAction;

namespace rheo {

/// What a view computed by itself, as a file that its figure is made from.
struct OwnFile {
    std::string role;  ///< as a recipe names it
    QString suffix;    ///< of the file: ".patch_map.h5"
    std::function<void(const std::filesystem::path& file, IfExists ifExists)> write;  ///< on any thread
};

/// A view of the document in the middle of the window: one figure, on screen and to be exported. The window
/// knows views by this alone; which there are stands in a table (view_table.h).
class View : public QWidget {
    Q_OBJECT
public:
    explicit View(const FigureView& figure)
        : m_figure(figure),
          m_id(QString::fromUtf8(figure.name.data(), static_cast<qsizetype>(figure.name.size()))),
          m_title(QString::fromUtf8(figure.label.data(), static_cast<qsizetype>(figure.label.size()))) {}

    /// Its row in the table of figures.
    const FigureView& figureView() const { return m_figure; }
    /// As a recipe names the figure ("motion").
    const QString& id() const { return m_id; }
    /// For its tab.
    const QString& title() const { return m_title; }

    /// What is open, whenever it is another value. Cheap while the view is hidden.
    virtual void setDocument(std::shared_ptr<const DocumentState> state) = 0;
    virtual void setTheme(const Theme& theme) = 0;

    /// Whether there is something to show; if not, the view itself says what it needs. Cheap.
    virtual bool hasFigure() const = 0;
    /// Whether it shows the PCA that was fitted to the rows that are open, beside any results.
    virtual bool showsRows() const { return false; }
    /// Whether it says itself, in place of a figure, what it needs and how to compute it.
    virtual bool explainsItself() const { return false; }
    /// What is shown, as it is turned and zoomed: what an export paints. Null without a figure. Throws Error
    /// where the results do not fit together.
    virtual std::shared_ptr<const Figure> figure() const = 0;
    /// Of the drawing on screen, without the controls around it.
    virtual QSize pictureSize() const { return size(); }
    /// What makes figure() again: view, options, camera or ranges, and a size that suits it. Without sources
    /// where no file holds what it is made from; theme, versions and time are left to the window.
    virtual Recipe recipe() const = 0;
    /// What a person did with the mouse, to be shown again: its figure at a share (0 to 1) of the time that
    /// it took, drawn in any thread. Null: there is nothing to show again.
    virtual std::function<Figure(double share)> replay() const { return {}; }
    /// Results that it computed by itself and that are no part of the document; an export saves them. Null:
    /// none.
    virtual std::shared_ptr<const Results> ownResults() const { return nullptr; }
    /// The same of what has files of its own.
    virtual std::optional<OwnFile> ownFile() const { return std::nullopt; }
    /// The line of `rheo` that computes what it shows; empty where the document knows it.
    virtual QString command() const { return {}; }
    /// How it stands with what it computes by itself; none where the analyses know.
    virtual std::optional<ResultState> status() const { return std::nullopt; }
    /// Computations whose outcome the view shows, for the menu of analyses.
    virtual QList<QAction*> analyses() const { return {}; }

Q_SIGNALS:
    /// What is under the mouse, as a line; empty: nothing.
    void hovered(const QString& description);
    /// A person wants to choose how its statistic is computed.
    void optionsRequested();
    /// A person wants to see another view: as its recipe names it.
    void viewRequested(const QString& id);
    /// status() is another.
    void statusChanged();
    /// It made a file or folder that is to be opened.
    void openRequested(const QString& path);

private:
    FigureView m_figure;
    QString m_id, m_title;
};

/// What makes the figure of `results` (null: none), with the view's default options and size.
Recipe recipeOf(const FigureView& figure, const Theme& theme, const OpenedResults* results);

}  // namespace rheo
