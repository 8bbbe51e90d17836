#include "widgets/paint/heatmap_image.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace rheo {
namespace {

QRgb rgb(const Color& color) {
    const auto channel = [](float value) { return static_cast<int>(std::lround(value * 255)); };
    return qRgb(channel(color.r), channel(color.g), channel(color.b));
}

/// Half-open ranges of cells that pixels cover: `pixels` of them over `cells` cells.
struct Bins {
    int cells, pixels;
    int begin(int pixel) const { return static_cast<int>(static_cast<qint64>(pixel) * cells / pixels); }
    int end(int pixel) const { return std::max(begin(pixel) + 1, begin(pixel + 1)); }
};

}  // namespace

QRect visibleCells(const HeatmapPlot& plot) {
    const auto range = [](const Axis& axis, Eigen::Index count) {
        const double last = static_cast<double>(count - 1);
        const double from = std::clamp(std::ceil(axis.low - 0.5 + 1e-9), 0.0, last);
        const double to = std::clamp(std::floor(axis.high + 0.5 - 1e-9), 0.0, last);
        return std::pair{static_cast<int>(from), static_cast<int>(to)};
    };
    if (plot.values.size() == 0) return {};
    const auto [left, right] = range(plot.x, plot.values.cols());
    const auto [low, high] = range(plot.y, plot.values.rows());
    return {QPoint(left, low), QPoint(right, high)};
}

QImage heatmapImage(const HeatmapPlot& plot, const Theme& theme, const QRect& cells) {
    return heatmapImage(plot, theme, cells, cells.width(), cells.height());
}

QImage heatmapImage(const HeatmapPlot& plot, const Theme& theme, const QRect& cells, int width, int height) {
    // More pixels than cells are the painter's to fill.
    const Bins columns{cells.width(), std::clamp(width, 1, cells.width())};
    const Bins rows{cells.height(), std::clamp(height, 1, cells.height())};
    QImage image(columns.pixels, rows.pixels, QImage::Format_RGB32);
    std::vector<double> sum(static_cast<std::size_t>(columns.pixels));
    std::vector<int> count(sum.size());
    for (int y = 0; y < rows.pixels; ++y) {
        std::fill(sum.begin(), sum.end(), 0.0);
        std::fill(count.begin(), count.end(), 0);
        for (int row = rows.begin(y); row < rows.end(y); ++row) {
            const float* values = plot.values.data() +
                                  static_cast<Eigen::Index>(cells.bottom() - row) * plot.values.cols() +
                                  cells.left();
            for (int x = 0; x < columns.pixels; ++x)
                for (int column = columns.begin(x); column < columns.end(x); ++column)
                    if (!std::isnan(values[column])) {
                        sum[static_cast<std::size_t>(x)] += values[column];
                        ++count[static_cast<std::size_t>(x)];
                    }
        }
        auto* line = reinterpret_cast<QRgb*>(image.scanLine(y));
        for (int x = 0; x < columns.pixels; ++x) {
            const auto i = static_cast<std::size_t>(x);
            const double mean = count[i] == 0 ? std::numeric_limits<double>::quiet_NaN() : sum[i] / count[i];
            line[x] = rgb(scaleColor(plot.colorScale, mean, theme.missing));
        }
    }
    return image;
}

}  // namespace rheo
