#pragma once

#include <QDBusVariant>
#include <QObject>
#include <QString>

namespace rheo {

enum class ThemeChoice { System, Light, Dark };

/// Light or dark: as chosen, else as the system says and whenever it changes its mind. Asks Qt (6.5 and
/// newer), else the desktop portal (org.freedesktop.appearance color-scheme); where neither answers, the
/// palette the program was started with decides. Make it before setting a palette; needs a QGuiApplication.
class ThemeSource : public QObject {
    Q_OBJECT
public:
    explicit ThemeSource(QObject* parent = nullptr);

    bool isDark() const { return m_dark; }
    ThemeChoice choice() const { return m_choice; }
    void setChoice(ThemeChoice choice);

public Q_SLOTS:
    /// What the portal says, at first and later: 1 is dark, 2 light, all else no preference.
    void portalChanged(const QString& group, const QString& key, const QDBusVariant& value);

Q_SIGNALS:
    void darkChanged(bool dark);

private:
    void askPortal();
    void update();

    ThemeChoice m_choice = ThemeChoice::System;
    bool m_paletteDark;
    bool m_systemDark;
    bool m_dark;
};

}  // namespace rheo
