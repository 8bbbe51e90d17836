#pragma once

#include <QDir>
#include <QFile>
#include <QString>

/// Puts the model in `folder` into the cache `hub` as the Hugging Face libraries leave it: a snapshot of
/// links into blobs. Returns the snapshot; empty if something could not be written.
inline QString addToCache(const QString& hub, const QString& organisation, const QString& name,
                          const QString& folder) {
    const QString home = hub + "/models--" + organisation + "--" + name;
    const QString snapshot = home + "/snapshots/abc123";
    if (!QDir().mkpath(home + "/blobs") || !QDir().mkpath(home + "/refs") || !QDir().mkpath(snapshot))
        return {};
    for (const auto& file : QDir(folder).entryInfoList(QDir::Files))
        if (!QFile::copy(file.filePath(), home + "/blobs/blob-" + file.fileName()) ||
            !QFile::link("../../blobs/blob-" + file.fileName(), snapshot + "/" + file.fileName()))
            return {};
    QFile main(home + "/refs/main");
    return main.open(QIODevice::WriteOnly) && main.write("abc123") == 6 ? snapshot : QString();
}
