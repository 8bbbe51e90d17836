#pragma once

#include <QObject>
#include <QString>
#include <QStringList>

namespace rheo {

/// The files and folders opened last, newest first, kept in the settings, as entries (open_document.h). It
/// never looks at a disk, which may be slow or not answer at all: whoever has a thread for that asks
/// goneOf().
class RecentFiles : public QObject {
    Q_OBJECT
public:
    static constexpr int longest = 12;

    /// `settingsFile`: an INI file instead of the program's own settings (for tests).
    explicit RecentFiles(const QString& settingsFile = {}, QObject* parent = nullptr);

    /// Those that are not known to be gone.
    QStringList paths() const;
    const QStringList& all() const { return m_paths; }
    /// Those of `paths` of which something is gone. For any thread but the window's.
    static QStringList goneOf(const QStringList& paths);
    void setGone(const QStringList& gone);
    void add(const QString& path);
    void remove(const QString& path);
    void clear();

Q_SIGNALS:
    void changed();
    void goneChanged();

private:
    void store();

    QString m_settingsFile;
    QStringList m_paths, m_gone;
};

}  // namespace rheo
