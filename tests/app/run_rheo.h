#pragma once

#include <QByteArray>
#include <QFile>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QProcessEnvironment>
#include <QStringList>
#include <functional>

/// What a program left behind.
struct Ran {
    int status = -1;  ///< -1: it did not end in time; -2: ended by a signal
    QByteArray out, err;
    QJsonObject json() const { return QJsonDocument::fromJson(out).object(); }
};

struct RunSettings {
    int timeoutMs = 600000;  ///< ctest ends most tests before
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    std::function<void()> inChild = {};  ///< runs between fork and exec
};

inline Ran runProgram(const QString& program, const QStringList& arguments,
                      const RunSettings& settings = {}) {
    QProcess process;
    process.setProcessEnvironment(settings.environment);
#ifdef Q_OS_UNIX
    if (settings.inChild) process.setChildProcessModifier(settings.inChild);
#endif
    process.start(program, arguments);
    Ran ran;
    if (!process.waitForFinished(settings.timeoutMs)) {
        process.kill();
        process.waitForFinished();
        return ran;
    }
    ran.status = process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2;
    ran.out = process.readAllStandardOutput();
    ran.err = process.readAllStandardError();
    return ran;
}

/// Runs `rheo` to its end.
inline Ran runRheo(const QStringList& arguments, const RunSettings& settings = {}) {
    return runProgram(RHEO_BIN "/rheo", arguments, settings);
}

/// Empty where the file cannot be read.
inline QByteArray contentsOf(const QString& path) {
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

inline bool writeFile(const QString& path, const QByteArray& bytes) {
    QFile file(path);
    return file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size();
}
