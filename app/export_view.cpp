#include "app/export_view.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDateTime>
#include <QDialog>
#include <QDialogButtonBox>
#include <QDoubleSpinBox>
#include <QFileDialog>
#include <QFileInfo>
#include <QFormLayout>
#include <QGridLayout>
#include <QImage>
#include <QPaintEvent>
#include <QPainter>
#include <utility>

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

/// The figure as it will be written, as large as it fits; a chequered ground shows where nothing is painted.
class Preview : public QWidget {
public:
    Preview() {
        setMinimumSize(420, 320);
        setAccessibleName(tr("Preview"));
    }
    void show(std::shared_ptr<const Figure> figure, double widthMm, double heightMm, bool transparent) {
        m_figure = std::move(figure);
        m_mm = {widthMm, heightMm};
        m_transparent = transparent;
        update();
    }

protected:
    void paintEvent(QPaintEvent*) override {
        if (!m_figure) return;
        const QSizeF size = m_mm.scaled(QSizeF(this->size()), Qt::KeepAspectRatio);
        const QRectF place(QPointF((width() - size.width()) / 2, (height() - size.height()) / 2), size);
        QPainter painter(this);
        painter.setRenderHint(QPainter::Antialiasing);
        if (m_transparent) painter.fillRect(place, QBrush(Qt::lightGray, Qt::Dense6Pattern));
        paintFigure(painter, place, *m_figure, size.width() / (m_mm.width() * pointsPerMm),
                    m_transparent ? Background::None : Background::Filled);
        painter.setPen(palette().color(QPalette::Mid));
        painter.drawRect(place.adjusted(0, 0, -1, -1));
    }

private:
    static constexpr double pointsPerMm = 72 / 25.4;
    std::shared_ptr<const Figure> m_figure;
    QSizeF m_mm;
    bool m_transparent = false;
};

/// "FILE.results.h5", or the first and the last of many.
QString namesOf(const std::vector<SourceToSave>& sources) {
    QStringList files;
    for (const SourceToSave& source : sources) files << tr("FILE") + source.suffix;
    return files.size() > 2 ? files.first() + tr(" to ") + files.last() : files.join(QStringLiteral(", "));
}

}  // namespace

std::optional<ExportChoice> askForExport(QWidget* parent, const FigureToExport& what, bool dark) {
    QDialog dialog(parent);
    dialog.setWindowTitle(tr("Export the figure"));
    auto* form = new QFormLayout;
    auto* width = numberBox(what.recipe.widthMm, 20, 2000, tr(" mm"));
    auto* height = numberBox(what.recipe.heightMm, 15, 2000, tr(" mm"));
    auto* dpi = numberBox(300, 30, 2400, tr(" dpi"));
    auto* theme = new QComboBox;
    theme->addItems({tr("Light"), tr("Dark")});
    theme->setCurrentIndex(dark ? 1 : 0);
    theme->setEnabled(what.inTheme != nullptr);
    auto* transparent = new QCheckBox(tr("&Transparent background"));
    width->setToolTip(tr("Width of the figure on the page"));
    height->setToolTip(tr("Height of the figure on the page"));
    dpi->setToolTip(tr("Pixels per inch of a PNG; SVG and PDF have none"));
    theme->setToolTip(tr("Dark lines on white for paper, light lines on black for slides"));
    transparent->setToolTip(tr("Transparent background, for slides with their own background"));
    form->addRow(tr("&Width"), width);
    form->addRow(tr("&Height"), height);
    form->addRow(tr("&Resolution (PNG)"), dpi);
    form->addRow(tr("&Colours"), theme);
    form->addRow(transparent);
    auto* sources = new QCheckBox;
    sources->setChecked(true);
    if (!what.toSave.empty()) {
        sources->setText(
            tr("Also save its data\n(%1),\nso that 'rheo figure --recipe FILE'\ncan make it again")
                .arg(namesOf(what.toSave)));
        sources->setToolTip(tr("The figure can be made again from its recipe only with these files"));
        form->addRow(sources);
    }
    auto* preview = new Preview;
    const auto look = [&] {
        const bool wantsDark = theme->currentIndex() == 1;
        preview->show(what.inTheme && wantsDark != dark ? what.inTheme(wantsDark) : what.figure,
                      width->value(), height->value(), transparent->isChecked());
    };
    for (auto* box : {width, height}) QObject::connect(box, &QDoubleSpinBox::valueChanged, &dialog, look);
    QObject::connect(theme, &QComboBox::currentIndexChanged, &dialog, look);
    QObject::connect(transparent, &QCheckBox::toggled, &dialog, look);
    look();
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Save | QDialogButtonBox::Cancel);
    QObject::connect(buttons, &QDialogButtonBox::accepted, &dialog, &QDialog::accept);
    QObject::connect(buttons, &QDialogButtonBox::rejected, &dialog, &QDialog::reject);
    auto* layout = new QGridLayout(&dialog);
    layout->addLayout(form, 0, 0);
    layout->addWidget(preview, 0, 1);
    layout->addWidget(buttons, 1, 0, 1, 2);
    layout->setColumnStretch(1, 1);
    if (dialog.exec() != QDialog::Accepted) return std::nullopt;
    QString file = QFileDialog::getSaveFileName(parent, tr("Export the figure"), what.name + ".svg",
                                                tr("SVG (*.svg);;PDF (*.pdf);;PNG (*.png)"));
    if (file.isEmpty()) return std::nullopt;
    if (QFileInfo(file).suffix().isEmpty()) file += ".svg";
    // The dialog asked whether a file may be replaced.
    return ExportChoice{file,
                        width->value(),
                        height->value(),
                        dpi->value(),
                        true,
                        sources->isChecked(),
                        theme->currentIndex() == 1,
                        transparent->isChecked()};
}

void exportTo(const FigureToExport& what, const ExportChoice& choice,
              const std::vector<std::filesystem::path>& inputs) {
    const bool isOther = what.inTheme && choice.dark != (what.recipe.theme == "dark");
    const auto figure = isOther ? what.inTheme(choice.dark) : what.figure;
    if (!figure || figure->panels.empty()) throw Error(ErrorCode::NotFound, "there is nothing to export yet");
    Recipe recipe = what.recipe;
    for (const SourceToSave& source : what.toSave)
        recipe.sources.push_back(
            {source.role, choice.saveSources ? (choice.file + source.suffix).toStdString() : std::string(),
             ""});
    recipe.widthMm = choice.widthMm;
    recipe.heightMm = choice.heightMm;
    recipe.dpi = choice.dpi;
    recipe.theme = choice.dark ? "dark" : "light";
    recipe.transparent = choice.transparent;
    recipe.versions = {{"rheograph", RHEO_VERSION}, {"qt", qVersion()}};
    recipe.time = QDateTime::currentDateTimeUtc().toString(Qt::ISODate).toStdString();
    const IfExists exists = choice.replace ? IfExists::Replace : IfExists::Refuse;
    requireOutput(choice.file.toStdString(), exists, inputs);
    exportFigure(*figure,
                 {choice.file.toStdString(), choice.widthMm, choice.heightMm, choice.dpi,
                  recipeToJson(recipe), exists, choice.transparent ? Background::None : Background::Filled});
    if (choice.saveSources)
        for (const SourceToSave& source : what.toSave)
            source.save(choice.file + source.suffix, choice.replace);
}

QImage pictureOf(const Figure& figure, const QSize& size, Background background) {
    constexpr double scale = 2, unitsPerPoint = 96.0 / 72.0;
    QImage image((QSizeF(size) * scale).toSize(), QImage::Format_ARGB32_Premultiplied);
    image.fill(Qt::transparent);
    QPainter painter(&image);
    paintFigure(painter, image.rect(), figure, scale * unitsPerPoint, background);
    return image;
}

}  // namespace rheo
