#pragma once

#include <string_view>

namespace rheo {

/// To be called where an exception is caught: throws Error in place of libtorch's own. "`doing` failed ..."
/// as Error(OutOfMemory) where memory ran out, with `advice` ("shorten it, ") before what everybody can do;
/// as Error(Device) where CUDA failed; else as Error(Internal). What is not of libtorch is thrown on as it
/// is, but for std::bad_alloc, which is memory too.
[[noreturn]] void throwTorchFailure(std::string_view doing, std::string_view advice);

/// What `function` returns, and its failures as throwTorchFailure() says.
template <class Function>
auto translated(std::string_view doing, std::string_view advice, Function&& function) {
    try {
        return function();
    } catch (...) {
        throwTorchFailure(doing, advice);
    }
}

}  // namespace rheo
