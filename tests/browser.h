// Opens a page in a browser, where one is installed.
#pragma once

#include <QByteArray>
#include <QFile>
#include <QProcess>
#include <QStandardPaths>
#include <QString>

/// A browser that opens pages without a window; empty: none is installed.
inline QString browser() {
    for (const char* name : {"chromium", "chromium-browser", "google-chrome"})
        if (const QString found = QStandardPaths::findExecutable(name); !found.isEmpty()) return found;
    return {};
}

/// The page as a browser has it once its scripts have run; empty where it fails.
inline QByteArray shownBy(const QString& program, const QString& folder, const QByteArray& page) {
    QFile file(folder + "/page.html");
    if (!file.open(QIODevice::WriteOnly)) return {};
    file.write(page);
    file.close();
    QProcess process;
    process.setStandardErrorFile(QProcess::nullDevice());
    process.start(program, {"--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=" + folder,
                            "--window-size=1000,900", "--virtual-time-budget=4000", "--dump-dom",
                            "file://" + file.fileName()});
    if (!process.waitForFinished(120000)) {
        process.kill();
        process.waitForFinished();
    }
    return process.readAllStandardOutput();
}
