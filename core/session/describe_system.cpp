#include "core/session/describe_system.h"

#include <fmt/format.h>

#include <fstream>
#include <thread>

#include "core/base/blas_kernels.h"
#include "core/base/printable.h"
#include "core/checkpoint/checkpoint.h"
#include "core/model/backend.h"
#include "core/model/kernels.h"

namespace rheo {

namespace {

/// "model name" of /proc/cpuinfo; "unknown" where it does not say.
std::string processorName() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("model name"))
            if (const auto colon = line.find(": "); colon != std::string::npos) return line.substr(colon + 2);
    return "unknown";
}

std::string vectorUnitNames() {
    const VectorUnits units = vectorUnits();
    std::string names = units.avx512 ? "AVX-512, AVX2" : units.avx2 ? "AVX2" : "no AVX2";
    if (kernels::multipliesBFloat16()) names += ", bfloat16";
    return names;
}

/// "OpenBLAS 0.3.21"
std::string blasName() {
    const std::string says = blasDescription();
    return says.empty() ? "another library than OpenBLAS"
                        : says.substr(0, says.find(' ', says.find(' ') + 1));
}

}  // namespace

std::string blasLine() {
    const std::string kernels = blasKernels();
    return kernels.empty() ? blasName() : fmt::format("{}, kernels {}", blasName(), kernels);
}

FileDescription describeSystem() {
    FileDescription found{"system", processorName(), {}, ""};
    found.facts.emplace_back("version", std::string(RHEO_VERSION));
    found.facts.emplace_back("cores", static_cast<std::int64_t>(std::thread::hardware_concurrency()));
    found.facts.emplace_back("instructions", vectorUnitNames());
    if (const auto memory = availableMemory())
        found.facts.emplace_back("memory", formatBytes(static_cast<double>(*memory)) + " available");
    found.facts.emplace_back("blas", blasName());
    found.facts.emplace_back("blas_kernels", blasKernels());
    const Backend with = backend();
    found.facts.emplace_back("libtorch", with.libtorch + (with.oneDnn ? ", with oneDNN" : ""));
    found.facts.emplace_back("gpu", with.cuda ? "CUDA" : "none that libtorch can use");
    return found;
}

}  // namespace rheo
