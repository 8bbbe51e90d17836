#pragma once

#include <QDir>
#include <QPixmap>
#include <QWidget>

/// Where RHEO_TEST_PICTURES names a folder, the widget as it is goes there, for a person to look at.
inline void keepPicture(QWidget& widget, const QString& name) {
    const QString folder = qEnvironmentVariable("RHEO_TEST_PICTURES");
    if (!folder.isEmpty() && QDir().mkpath(folder)) widget.grab().save(folder + '/' + name + ".png");
}
