#include "widgets/viewmodels/theme_source.h"

#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>
#include <QDBusVariant>
#include <QGuiApplication>
#include <QPalette>
#include <QStyleHints>

namespace rheo {

namespace {

const QString service = QStringLiteral("org.freedesktop.portal.Desktop");
const QString path = QStringLiteral("/org/freedesktop/portal/desktop");
const QString interface = QStringLiteral("org.freedesktop.portal.Settings");
const QString appearance = QStringLiteral("org.freedesktop.appearance");
const QString colorScheme = QStringLiteral("color-scheme");

/// 1 is dark, 2 is light, 0 no preference. The older Read() wraps the answer in one variant more.
uint schemeOf(QVariant value) {
    while (value.canConvert<QDBusVariant>()) value = value.value<QDBusVariant>().variant();
    return value.toUInt();
}

bool paletteIsDark() {
    const QPalette palette = QGuiApplication::palette();
    return palette.color(QPalette::WindowText).lightnessF() > palette.color(QPalette::Window).lightnessF();
}

}  // namespace

ThemeSource::ThemeSource(QObject* parent)
    : QObject(parent), m_paletteDark(paletteIsDark()), m_systemDark(m_paletteDark), m_dark(m_paletteDark) {
#if QT_VERSION >= QT_VERSION_CHECK(6, 5, 0)
    const auto ask = [this](Qt::ColorScheme scheme) {
        m_systemDark = scheme == Qt::ColorScheme::Unknown ? m_paletteDark : scheme == Qt::ColorScheme::Dark;
        update();
    };
    connect(QGuiApplication::styleHints(), &QStyleHints::colorSchemeChanged, this, ask);
    ask(QGuiApplication::styleHints()->colorScheme());
#else
    askPortal();
#endif
}

void ThemeSource::setChoice(ThemeChoice choice) {
    m_choice = choice;
    update();
}

void ThemeSource::update() {
    const bool dark = m_choice == ThemeChoice::System ? m_systemDark : m_choice == ThemeChoice::Dark;
    if (dark == m_dark) return;
    m_dark = dark;
    Q_EMIT darkChanged(dark);
}

void ThemeSource::askPortal() {
    QDBusConnection bus = QDBusConnection::sessionBus();
    if (!bus.isConnected()) return;
    bus.connect(service, path, interface, QStringLiteral("SettingChanged"), this,
                SLOT(portalChanged(QString, QString, QDBusVariant)));
    QDBusMessage call = QDBusMessage::createMethodCall(service, path, interface, QStringLiteral("Read"));
    call << appearance << colorScheme;
    auto* watcher = new QDBusPendingCallWatcher(bus.asyncCall(call), this);
    connect(watcher, &QDBusPendingCallWatcher::finished, this, [this, watcher] {
        watcher->deleteLater();
        const QDBusPendingReply<QDBusVariant> reply = *watcher;
        if (!reply.isError()) portalChanged(appearance, colorScheme, reply.value());
    });
}

void ThemeSource::portalChanged(const QString& group, const QString& key, const QDBusVariant& value) {
    if (group != appearance || key != colorScheme) return;
    const uint scheme = schemeOf(value.variant());
    m_systemDark = scheme == 1 || scheme == 2 ? scheme == 1 : m_paletteDark;
    update();
}

}  // namespace rheo
