#pragma once

#include <QObject>
#include <QString>
#include <QStringList>

namespace rheo {

/// The files and folders opened last, newest first, kept in the settings, as entries (open_document.h). Those
/// of which something is gone are left out.
class RecentFiles : public QObject {
    Q_OBJECT
public:
    static constexpr int longest = 12;

    /// `settingsFile`: an INI file instead of the program's own settings (for tests).
    explicit RecentFiles(const QString& settingsFile = {}, QObject* parent = nullptr);

    QStringList paths() const;
    void add(const QString& path);
    void remove(const QString& path);
    void clear();

Q_SIGNALS:
    void changed();

private:
    void store();

    QString m_settingsFile;
    QStringList m_paths;
};

}  // namespace rheo
