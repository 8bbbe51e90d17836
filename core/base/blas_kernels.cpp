#include "core/base/blas_kernels.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace rheo {

namespace {

constexpr const char* coreType = "OPENBLAS_CORETYPE";

/// Calls a function of OpenBLAS that returns text; empty where it is not there.
std::string textOf(void* library, const char* function) {
    using Get = char* (*)();
    const auto get = reinterpret_cast<Get>(dlsym(library, function));
    const char* text = get == nullptr ? nullptr : get();
    return text == nullptr ? "" : text;
}

/// Kernels that need no AVX.
constexpr std::array<std::string_view, 17> sseKernels{
    "Prescott",     "Core2",      "Penryn",    "Dunnington", "Nehalem", "Atom",
    "Katmai",       "Coppermine", "Northwood", "Banias",     "Athlon",  "Opteron",
    "Opteron_SSE3", "Barcelona",  "Bobcat",    "Nano",       "Unknown"};

}  // namespace

VectorUnits vectorUnits() {
    VectorUnits units;
#if defined(__x86_64__)
    units.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    units.avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                   __builtin_cpu_supports("avx512vl");
#endif
    return units;
}

std::string blasKernels() {
    return textOf(RTLD_DEFAULT, "openblas_get_corename");
}

std::string blasDescription() {
    return textOf(RTLD_DEFAULT, "openblas_get_config");
}

std::string_view betterBlasKernels(std::string_view chosen, const VectorUnits& processor) {
    if (std::find(sseKernels.begin(), sseKernels.end(), chosen) == sseKernels.end()) return "";
    if (processor.avx512) return "SkylakeX";
    return processor.avx2 ? "Haswell" : "";
}

bool fitBlasKernels() {
    if (std::getenv(coreType) != nullptr || !vectorUnits().avx2) return false;
    void* library = dlopen("libopenblas.so.0", RTLD_LAZY | RTLD_LOCAL);
    if (library == nullptr) return false;
    const std::string better(betterBlasKernels(textOf(library, "openblas_get_corename"), vectorUnits()));
    return !better.empty() && setenv(coreType, better.c_str(), 0) == 0;
}

}  // namespace rheo
