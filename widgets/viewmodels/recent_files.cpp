#include "widgets/viewmodels/recent_files.h"

#include <QDir>
#include <QFileInfo>
#include <QSettings>
#include <algorithm>
#include <memory>

#include "widgets/viewmodels/open_document.h"

namespace rheo {

namespace {

QString whole(const QString& path) {
    const auto clean = [](const QString& one) {
        return one.isEmpty() ? one : QDir::cleanPath(QFileInfo(one).absoluteFilePath());
    };
    const ModelEntry model = modelOfEntry(path);
    return entryOf({clean(model.folder), clean(model.adapter)});
}

bool isThere(const QString& path) {
    const ModelEntry model = modelOfEntry(path);
    return QFileInfo::exists(model.folder) && (model.adapter.isEmpty() || QFileInfo::exists(model.adapter));
}

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
    std::copy_if(m_paths.begin(), m_paths.end(), std::back_inserter(there),
                 [&](const QString& path) { return !m_gone.contains(path); });
    return there;
}

QStringList RecentFiles::goneOf(const QStringList& paths) {
    QStringList gone;
    std::copy_if(paths.begin(), paths.end(), std::back_inserter(gone),
                 [](const QString& path) { return !isThere(path); });
    return gone;
}

void RecentFiles::setGone(const QStringList& gone) {
    if (gone == m_gone) return;
    m_gone = gone;
    Q_EMIT goneChanged();
}

void RecentFiles::add(const QString& path) {
    const QString entry = whole(path);
    m_gone.removeAll(entry);  // it was just opened or saved
    m_paths.removeAll(entry);
    m_paths.prepend(entry);
    m_paths = m_paths.mid(0, longest);
    store();
}

void RecentFiles::remove(const QString& path) {
    if (m_paths.removeAll(whole(path)) > 0) store();
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
