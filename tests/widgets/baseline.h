// Pictures against those in tests/baselines.
#pragma once

#include <QDir>
#include <QImage>
#include <QString>
#include <QtGlobal>
#include <algorithm>
#include <cstdlib>

/// Compares with tests/baselines/NAME.png. Rasterisers round differently: few pixels may differ much, and all
/// only a little. Empty if it is as it was; else what is wrong, and the picture and the difference lie in
/// ./baseline-failures.
inline QString compareWithBaseline(const QImage& actual, const QString& name) {
    const QString folder = QDir::current().filePath("baseline-failures");
    const QImage baseline =
        QImage(QString(RHEO_BASELINES "/%1.png").arg(name)).convertToFormat(QImage::Format_RGB32);
    const auto keep = [&](const QImage& image, const char* what) {
        QDir().mkpath(folder);
        const QString file = QString("%1/%2-%3.png").arg(folder, name, what);
        image.save(file);
        qWarning("wrote %s", qPrintable(file));
    };
    if (baseline.isNull()) {
        keep(actual, "actual");
        return "there is no baseline " + name +
               ".png; look at the actual picture, and copy it to tests/baselines if it is right";
    }
    if (actual.size() != baseline.size()) return name + ".png has another size than the picture";
    QImage difference(actual.size(), QImage::Format_RGB32);
    double sum = 0;
    int many = 0;
    for (int y = 0; y < actual.height(); ++y)
        for (int x = 0; x < actual.width(); ++x) {
            const QRgb a = actual.pixel(x, y), b = baseline.pixel(x, y);
            const int d = std::max({std::abs(qRed(a) - qRed(b)), std::abs(qGreen(a) - qGreen(b)),
                                    std::abs(qBlue(a) - qBlue(b))});
            difference.setPixel(x, y, qRgb(d, d, d));
            sum += d;
            many += d > 48;
        }
    const double pixels = double(actual.width()) * actual.height();
    if (sum / pixels <= 1.0 && many <= pixels * 0.01) return {};
    keep(actual, "actual");
    keep(difference, "difference");
    return QString("%1 differs from its baseline: %2 on average, %3 pixels by more than 48")
        .arg(name)
        .arg(sum / pixels)
        .arg(many);
}
