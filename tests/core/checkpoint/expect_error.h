#pragma once

#include <QString>
#include <QStringList>
#include <QtTest>

#include "core/base/error.h"

namespace rheo::test {

/// Runs `action`; empty if it throws an Error of `code` whose message holds every one of `parts`, else what
/// is wrong, for QVERIFY2.
template <class Action>
QString wrongError(ErrorCode code, const QStringList& parts, Action action) {
    try {
        action();
    } catch (const Error& error) {
        const QString message = QString::fromUtf8(error.what());
        if (error.code() != code)
            return "code " + QString::fromUtf8(errorCodeName(error.code()).data()) + ": " + message;
        for (const QString& part : parts)
            if (!message.contains(part)) return "no '" + part + "' in: " + message;
        if (message.size() > 1500) return "the message is too long: " + message;
        return {};
    }
    return "nothing was thrown";
}

#define EXPECT_ERROR(code, parts, action)                                           \
    do {                                                                            \
        const QString wrong = rheo::test::wrongError(code, parts, [&] { action; }); \
        QVERIFY2(wrong.isEmpty(), qPrintable(wrong));                               \
    } while (false)

}  // namespace rheo::test
