#pragma once

#include <QObject>
#include <QString>

namespace rheo {

enum class ThemeChoice { System, Light, Dark };

/// Light or dark: as chosen, else as the system says and whenever it changes its mind. Asks Qt (6.5 and
/// newer), else the desktop portal (org.freedesktop.appearance color-scheme), else the palette.
class ThemeSource : public QObject {
    Q_OBJECT
public:
    explicit ThemeSource(QObject* parent = nullptr);

    bool isDark() const { return m_dark; }
    ThemeChoice choice() const { return m_choice; }
    void setChoice(ThemeChoice choice);

Q_SIGNALS:
    void darkChanged(bool dark);

private Q_SLOTS:
    void portalChanged(const QString& group, const QString& key, const class QDBusVariant& value);

private:
    void askSystem();
    void update();

    ThemeChoice m_choice = ThemeChoice::System;
    bool m_systemDark = false;
    bool m_portalAnswered = false;
    bool m_dark = false;
};

}  // namespace rheo
