#include "app/export_view.h"

#include <QCheckBox>
#include <QDateTime>
#include <QDialog>
#include <QDialogButtonBox>
#include <QDoubleSpinBox>
#include <QFileDialog>
#include <QFileInfo>
#include <QFormLayout>
#include <QImage>
#include <QPainter>

#include "core/base/error.h"
#include "core/base/output_file.h"
#include "widgets/paint/export_figure.h"
#include "widgets/paint/figure_painter.h"

namespace rheo {

namespace {

QString tr(const char* text) {
    return QObject::tr(text);
}

QDoubleSpinBox* numberBox(double value, double low, double high, const QString& unit) {
    auto* box = new QDoubleSpinBox;
    box->setRange(low, high);
    box->setDecimals(0);
    box->setValue(value);
    box->setSuffix(unit);
    return box;
}

}  // namespace

std::optional<ExportChoice> askForExport(QWidget* parent, const FigureToExport& what) {
    QDialog dialog(parent);
    dialog.setWindowTitle(tr("Export the figure"));
    auto* form = new QFormLayout(&dialog);
    auto* width = numberBox(what.recipe.widthMm, 20, 2000, tr(" mm"));
    auto* height = numberBox(what.recipe.heightMm, 15, 2000, tr(" mm"));
    auto* dpi = numberBox(300, 30, 2400, tr(" dpi"));
    form->addRow(tr("&Width"), width);
    form->addRow(tr("&Height"), height);
    form->addRow(tr("&Resolution (PNG)"), dpi);
    auto* sources = new QCheckBox;
    sources->setChecked(true);
    if (!what.toSave.empty()) {
        QStringList files;
        for (const SourceToSave& source : what.toSave) files << tr("FILE") + source.suffix;
        sources->setText(
            tr("Also save what it is made from (%1), so that\n'rheo figure --recipe FILE' can make it "
               "again")
                .arg(files.size() > 2 ? files.first() + tr(" to ") + files.last()
                                      : files.join(QStringLiteral(", "))));
        form->addRow(sources);
    }
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Save | QDialogButtonBox::Cancel);
    form->addRow(buttons);
    QObject::connect(buttons, &QDialogButtonBox::accepted, &dialog, &QDialog::accept);
    QObject::connect(buttons, &QDialogButtonBox::rejected, &dialog, &QDialog::reject);
    if (dialog.exec() != QDialog::Accepted) return std::nullopt;
    QString file = QFileDialog::getSaveFileName(parent, tr("Export the figure"), what.name + ".svg",
                                                tr("SVG (*.svg);;PDF (*.pdf);;PNG (*.png)"));
    if (file.isEmpty()) return std::nullopt;
    if (QFileInfo(file).suffix().isEmpty()) file += ".svg";
    // The dialog asked whether a file may be replaced.
    return ExportChoice{file, width->value(), height->value(), dpi->value(), true, sources->isChecked()};
}

void exportTo(const FigureToExport& what, const ExportChoice& choice, bool dark,
              const std::vector<std::filesystem::path>& inputs) {
    if (!what.figure || what.figure->panels.empty())
        throw Error(ErrorCode::NotFound, "there is nothing to export yet");
    Recipe recipe = what.recipe;
    for (const SourceToSave& source : what.toSave)
        recipe.sources.push_back(
            {source.role, choice.saveSources ? (choice.file + source.suffix).toStdString() : std::string(),
             ""});
    recipe.widthMm = choice.widthMm;
    recipe.heightMm = choice.heightMm;
    recipe.dpi = choice.dpi;
    recipe.theme = dark ? "dark" : "light";
    recipe.versions = {{"rheograph", RHEO_VERSION}, {"qt", qVersion()}};
    recipe.time = QDateTime::currentDateTimeUtc().toString(Qt::ISODate).toStdString();
    const IfExists exists = choice.replace ? IfExists::Replace : IfExists::Refuse;
    requireOutput(choice.file.toStdString(), exists, inputs);
    exportFigure(*what.figure, {choice.file.toStdString(), choice.widthMm, choice.heightMm, choice.dpi,
                                recipeToJson(recipe), exists});
    if (choice.saveSources)
        for (const SourceToSave& source : what.toSave)
            source.save(choice.file + source.suffix, choice.replace);
}

QImage pictureOf(const Figure& figure, const QSize& size) {
    constexpr double scale = 2, unitsPerPoint = 96.0 / 72.0;
    QImage image((QSizeF(size) * scale).toSize(), QImage::Format_ARGB32_Premultiplied);
    image.fill(Qt::transparent);
    QPainter painter(&image);
    paintFigure(painter, image.rect(), figure, scale * unitsPerPoint);
    return image;
}

}  // namespace rheo
