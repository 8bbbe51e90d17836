#include "app/menu_keys.h"

#include <QMenu>
#include <QMenuBar>

namespace rheo {

namespace {

/// In a span of code, whatever it holds.
QString asCode(const QString& key) {
    return key.contains('`') ? QStringLiteral("`` %1 ``").arg(key) : QStringLiteral("`%1`").arg(key);
}

/// The actions of a menu and its submenus that have keys.
QString linesOf(const QMenu& menu) {
    QString lines;
    for (const QAction* action : menu.actions()) {
        if (action->menu() != nullptr) lines += linesOf(*action->menu());
        QStringList keys;
        for (const auto& key : action->shortcuts()) keys << asCode(key.toString(QKeySequence::NativeText));
        if (!keys.isEmpty())
            lines +=
                QStringLiteral("- %1: %2\n")
                    .arg(keys.join(QObject::tr(" or ")), action->text().remove('&').remove(QChar(0x2026)));
    }
    return lines;
}

}  // namespace

QString keysOfMenus(const QMenuBar& menus) {
    QString text;
    for (const QAction* menu : menus.actions())
        if (menu->menu() != nullptr)
            if (const QString lines = linesOf(*menu->menu()); !lines.isEmpty())
                text += QStringLiteral("\n## %1\n\n%2").arg(menu->text().remove('&'), lines);
    return text;
}

}  // namespace rheo
