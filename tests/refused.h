#pragma once

#include <functional>

#include "core/base/error.h"

/// Whether the call throws an Error of this code.
inline bool refused(rheo::ErrorCode code, const std::function<void()>& call) {
    try {
        call();
    } catch (const rheo::Error& e) {
        return e.code() == code;
    }
    return false;
}
