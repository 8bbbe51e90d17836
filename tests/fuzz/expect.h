#pragma once

#include <stdexcept>

/// What must hold for every input; a fuzz run ends where it does not.
inline void expect(bool holds, const char* what) {
    if (!holds) throw std::logic_error(what);
}
