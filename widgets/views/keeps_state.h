#pragma once

#include <QJsonObject>

namespace rheo {

/// A view with more to keep in a session than the choices in its lists and its camera.
class KeepsState {
public:
    virtual ~KeepsState() = default;
    virtual QJsonObject keptState() const = 0;
    /// What is missing or of no use is passed over.
    virtual void restoreKept(const QJsonObject& state) = 0;
};

}  // namespace rheo
