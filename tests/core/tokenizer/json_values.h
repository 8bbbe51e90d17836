#pragma once

#include <QByteArray>
#include <QJsonArray>
#include <QJsonValue>
#include <cstdint>
#include <string>
#include <vector>

/// Token ids and texts of the fixtures.
inline std::vector<std::int32_t> idsOf(const QJsonValue& value) {
    std::vector<std::int32_t> ids;
    for (const auto& id : value.toArray()) ids.push_back(id.toInt(-1));
    return ids;
}

inline std::string textOf(const QJsonValue& value) {
    return value.toString().toUtf8().toStdString();
}

/// For messages.
inline QByteArray shown(const std::vector<std::int32_t>& ids) {
    QByteArrayList texts;
    for (const auto id : ids) texts << QByteArray::number(id);
    return texts.join(' ').left(400);
}
