#pragma once

#include <memory>

namespace rheo {

/// Calls a C function on a pointer when it is let go of.
template <auto Free>
struct FreedBy {
    template <class T>
    void operator()(T* pointer) const {
        Free(pointer);
    }
};

/// What a C library made and wants back through `Free`: Owned<FILE, fclose>.
template <class T, auto Free>
using Owned = std::unique_ptr<T, FreedBy<Free>>;

}  // namespace rheo
