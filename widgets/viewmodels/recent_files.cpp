#include "widgets/viewmodels/recent_files.h"

#include <QDir>
#include <QFileInfo>
#include <QSettings>
#include <memory>

namespace rheo {

namespace {

const QString key = QStringLiteral("recent/paths");

std::unique_ptr<QSettings> settingsOf(const QString& file) {
    return file.isEmpty() ? std::make_unique<QSettings>()
                          : std::make_unique<QSettings>(file, QSettings::IniFormat);
}

}  // namespace

RecentFiles::RecentFiles(const QString& settingsFile, QObject* parent)
    : QObject(parent), m_settingsFile(settingsFile) {
    m_paths = settingsOf(m_settingsFile)->value(key).toStringList().mid(0, longest);
}

QStringList RecentFiles::paths() const {
    QStringList there;
    for (const QString& path : m_paths)
        if (QFileInfo::exists(path)) there << path;
    return there;
}

void RecentFiles::add(const QString& path) {
    const QString whole = QDir::cleanPath(QFileInfo(path).absoluteFilePath());
    m_paths.removeAll(whole);
    m_paths.prepend(whole);
    m_paths = m_paths.mid(0, longest);
    store();
}

void RecentFiles::remove(const QString& path) {
    if (m_paths.removeAll(QDir::cleanPath(QFileInfo(path).absoluteFilePath())) > 0) store();
}

void RecentFiles::clear() {
    m_paths.clear();
    store();
}

void RecentFiles::store() {
    settingsOf(m_settingsFile)->setValue(key, m_paths);
    Q_EMIT changed();
}

}  // namespace rheo
