#include "core/torch/failure.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <new>
#include <string>

#include "core/base/error.h"

namespace rheo {

namespace {

bool holds(const std::string& text, std::string_view words) {
    return text.find(words) != std::string::npos;
}

Error outOfMemory(std::string_view doing, std::string_view advice) {
    return {ErrorCode::OutOfMemory,
            fmt::format("{} failed, because memory ran out; {}end other programs, or raise the limit "
                        "(ulimit -v)",
                        doing, advice)};
}

}  // namespace

void throwTorchFailure(std::string_view doing, std::string_view advice) {
    try {
        throw;
    } catch (const c10::Error& failure) {
        const std::string reason = failure.what_without_backtrace();
        for (const auto* words : {"out of memory", "can't allocate memory", "not enough memory"})
            if (holds(reason, words)) throw outOfMemory(doing, advice);
        throw Error(holds(reason, "CUDA") ? ErrorCode::Device : ErrorCode::Internal,
                    fmt::format("{} failed in libtorch: {}", doing, reason));
    } catch (const std::bad_alloc&) {
        throw outOfMemory(doing, advice);
    }
}

}  // namespace rheo
