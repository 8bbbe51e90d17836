#include "widgets/paint/export_figure.h"

#include <QBuffer>
#include <QImage>
#include <QMarginsF>
#include <QPageLayout>
#include <QPageSize>
#include <QPainter>
#include <QPdfWriter>
#include <algorithm>
#include <cmath>
#include <string_view>

#include "core/base/error.h"
#include "widgets/paint/draw_figure.h"
#include "widgets/paint/figure_painter.h"
#include "widgets/paint/recipe_file.h"
#include "widgets/paint/svg_canvas.h"

namespace rheo {
namespace {

constexpr double millimetresPerInch = 25.4;
constexpr double pointsPerMillimetre = 72 / millimetresPerInch;
constexpr int pdfResolution = 1200;  // dots per inch: the grid that places in a PDF are rounded to
constexpr double largestSide = 20000;
constexpr double mostPixels = 2e8;

void checkRange(double value, double low, double high, const char* what, const char* unit) {
    if (value >= low && value <= high) return;
    throw Error(ErrorCode::InvalidArgument, QString("The %1 of the figure is %2 %3; it can be %4 to %5 %3.")
                                                .arg(what)
                                                .arg(value)
                                                .arg(unit)
                                                .arg(low)
                                                .arg(high)
                                                .toStdString());
}

QSizeF sizeInPoints(const ExportOptions& options) {
    return QSizeF(options.widthMm, options.heightMm) * pointsPerMillimetre;
}

QByteArray encodeSvg(const Figure& figure, const ExportOptions& options) {
    const TextMetrics metrics;
    HeatmapImages images;
    const auto layout = layoutFigure(figure, sizeInPoints(options), metrics);
    SvgCanvas canvas(sizeInPoints(options), layout.scale, QString::fromStdString(figure.title),
                     QString::fromStdString(options.recipeJson));
    drawFigure(canvas, figure, layout, metrics, images, options.background);
    return canvas.finish();
}

/// QPdfWriter knows pages of whole points only, rounded from what was asked for. This puts the exact size
/// into the page's box, in the room that its digits leave; the upper edge, which drawing starts from, stays.
/// A writer that leaves no room, or other words, keeps its rounded page, wrong by less than 0.2 mm.
void setExactPage(QByteArray& pdf, const QSizeF& points) {
    const QByteArray key = "/MediaBox [";
    const auto begin = pdf.indexOf(key);
    if (begin < 0 || pdf.indexOf(key, begin + 1) >= 0) return;
    const auto from = begin + key.size();
    const auto to = pdf.indexOf(']', from);
    const auto numbers = pdf.mid(from, to - from).split(' ');
    if (to < 0 || numbers.size() != 4) return;
    const double top = numbers[3].toDouble();
    if (std::abs(top - points.height()) > 1 || std::abs(numbers[2].toDouble() - points.width()) > 1) return;
    const QByteArray exact = "0 " + QByteArray::number(top - points.height(), 'f', 3) + ' ' +
                             QByteArray::number(points.width(), 'f', 3) + ' ' +
                             QByteArray::number(top, 'f', 0);
    if (exact.size() <= to - from) pdf.replace(from, to - from, exact.leftJustified(to - from, ' '));
}

QByteArray encodePdf(const Figure& figure, const ExportOptions& options) {
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    {
        QPdfWriter writer(&buffer);
        const QString title = QString::fromStdString(figure.title);
        writer.setCreator("Rheograph " RHEO_VERSION);
        writer.setTitle(title);
        writer.setResolution(pdfResolution);
        writer.setPageSize(QPageSize(QSizeF(options.widthMm, options.heightMm), QPageSize::Millimeter, {},
                                     QPageSize::ExactMatch));
        writer.setPageMargins(QMarginsF(0, 0, 0, 0));
        writer.setDocumentXmpMetadata(xmpWithRecipe(title, options.recipeJson));
        QPainter painter;
        if (!painter.begin(&writer)) throw Error(ErrorCode::Internal, "The PDF could not be started.");
        const double unitsPerPoint = pdfResolution / 72.0;
        paintFigure(painter, QRectF(QPointF(0, 0), sizeInPoints(options) * unitsPerPoint), figure,
                    unitsPerPoint, options.background);
        if (!painter.end()) throw Error(ErrorCode::Internal, "The PDF could not be finished.");
    }
    setExactPage(bytes, sizeInPoints(options));
    return bytes;
}

QByteArray encodePng(const Figure& figure, const ExportOptions& options) {
    const double scale = options.dpi / millimetresPerInch;
    const double width = std::round(options.widthMm * scale);
    const double height = std::round(options.heightMm * scale);
    if (std::max(width, height) > largestSide || width * height > mostPixels)
        throw Error(ErrorCode::InvalidArgument,
                    QString("A PNG of %1 x %2 mm at %3 dpi would have %4 x %5 pixels; the limit is %6 per "
                            "side and %7 million in all. Choose fewer dpi, or SVG or PDF.")
                        .arg(options.widthMm)
                        .arg(options.heightMm)
                        .arg(options.dpi)
                        .arg(width)
                        .arg(height)
                        .arg(largestSide)
                        .arg(mostPixels / 1e6)
                        .toStdString());
    QImage image(
        static_cast<int>(width), static_cast<int>(height),
        options.background == Background::None ? QImage::Format_ARGB32_Premultiplied : QImage::Format_RGB32);
    if (image.isNull())
        throw Error(ErrorCode::OutOfMemory,
                    "There is not enough memory for a picture of that size. Choose fewer dpi.");
    const int dotsPerMetre = static_cast<int>(std::lround(options.dpi / millimetresPerInch * 1000));
    image.fill(options.background == Background::None ? QColor(Qt::transparent)
                                                      : toQColor(figure.theme.background));
    {
        QPainter painter(&image);
        paintFigure(painter, QRectF(0, 0, width, height), figure, options.dpi / 72, options.background);
    }
    image.setDotsPerMeterX(dotsPerMetre);
    image.setDotsPerMeterY(dotsPerMetre);
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    if (!image.save(&buffer, "PNG"))
        throw Error(ErrorCode::Internal, "The picture could not be encoded as PNG.");
    return options.recipeJson.empty() ? bytes : pngWithRecipe(bytes, options.recipeJson);
}

}  // namespace

ExportFormat exportFormat(const std::filesystem::path& path) {
    const QString extension = QString::fromStdString(path.extension().string()).toLower();
    if (extension == ".svg") return ExportFormat::Svg;
    if (extension == ".pdf") return ExportFormat::Pdf;
    if (extension == ".png") return ExportFormat::Png;
    throw Error(ErrorCode::Unsupported,
                "Figures are written as .svg, .pdf or .png, not as \"" + path.filename().string() + "\".",
                path.string());
}

QByteArray encodeFigure(const Figure& figure, ExportFormat format, const ExportOptions& options) {
    checkRange(options.widthMm, 20, 2000, "width", "mm");
    checkRange(options.heightMm, 15, 2000, "height", "mm");
    switch (format) {
        case ExportFormat::Svg: return encodeSvg(figure, options);
        case ExportFormat::Pdf: return encodePdf(figure, options);
        case ExportFormat::Png: break;
    }
    checkRange(options.dpi, 30, 2400, "resolution", "dpi");
    return encodePng(figure, options);
}

void exportFigure(const Figure& figure, const ExportOptions& options) {
    const QByteArray bytes = encodeFigure(figure, exportFormat(options.path), options);
    writeFile(options.path, std::string_view(bytes.constData(), static_cast<std::size_t>(bytes.size())),
              options.ifExists);
}

}  // namespace rheo
