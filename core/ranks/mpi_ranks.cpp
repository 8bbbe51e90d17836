#include "core/ranks/mpi_ranks.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>

#include "core/base/error.h"
#include "core/ranks/mpi_module.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

constexpr const char* moduleName = "librheo_mpi.so";
/// Loaded before the module, which does not name it: so a package that holds the module does not need MPI.
/// Both Debian 12 and 13 have this one.
constexpr const char* libraryName = "libmpi.so.40";

constexpr const char* advice =
    "install the package openmpi-bin, and a rheo that was built with it (RHEO_WITH_MPI); or run rheo without "
    "mpirun: rheo help many_machines shows how shards of a capture are made without MPI";

/// The module, or a sentence on why there is none.
struct Loaded {
    const RheoMpi* functions = nullptr;
    std::string failure = {};
};

Loaded load(const fs::path& folder) {
    const fs::path module = folder / moduleName;
    std::error_code ignored;
    if (!fs::exists(module, ignored)) return {nullptr, module.string() + " is not there"};
    const auto failure = [] {
        const char* said = ::dlerror();
        return Loaded{nullptr, said == nullptr ? "unknown" : said};
    };
    // Global: what MPI loads in its turn looks for its functions there.
    if (::dlopen(libraryName, RTLD_NOW | RTLD_GLOBAL) == nullptr) return failure();
    void* const handle = ::dlopen(module.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) return failure();
    const auto get = reinterpret_cast<const RheoMpi* (*)()>(::dlsym(handle, "rheoMpi1"));
    if (get == nullptr) return failure();
    return {get(), {}};
}

std::optional<int> numberOf(const Environment& environment, const char* name) {
    const char* text = environment(name);
    if (text == nullptr) return std::nullopt;
    char* end = nullptr;
    const long value = std::strtol(text, &end, 10);  // "4(x2)" is 4 tasks on each of two machines
    if (end == text || value < 0 || value > 10'000'000) return std::nullopt;
    return static_cast<int>(value);
}

/// Where an environment variable of a launcher says number of ranks, rank, and ranks on this machine.
struct Launcher {
    const char* name;
    const char *size, *rank, *onThisMachine;
};
constexpr Launcher launchers[] = {
    {"mpirun", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"},
    // Of the step, which srun alone makes: the number of tasks of the job stands in batch scripts as well.
    {"srun", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_STEP_TASKS_PER_NODE"},
    {"mpirun", "PMI_SIZE", "PMI_RANK", "MPI_LOCALNRANKS"},
};

/// Runs a function of the module, and throws what it says.
template <class Call>
void callOrThrow(Call call) {
    char message[512] = "";
    const int ended = call(message, static_cast<int>(sizeof message));
    if (ended < 0) throw Cancelled{};
    if (ended > 0) throw Error(ErrorCode::Io, fmt::format("MPI failed: {}", message));
}

}  // namespace

Launch launchOf(const Environment& environment) {
    for (const Launcher& launcher : launchers) {
        const auto size = numberOf(environment, launcher.size), rank = numberOf(environment, launcher.rank);
        if (!size || !rank || *size < 2 || *rank >= *size) continue;
        const int here = numberOf(environment, launcher.onThisMachine).value_or(*size);
        return {*rank, *size, std::clamp(here, 1, *size), launcher.name};
    }
    return {};
}

int threadsOfRank(const Launch& launch, int allowed, int online) {
    if (allowed < online) return std::max(1, allowed);  // bound to cores
    return std::max(1, online / launch.onThisMachine);
}

MpiRanks::MpiRanks(const Launch& launch, const fs::path& folder, std::stop_token stop) {
    const Loaded loaded = load(folder);
    if (loaded.functions == nullptr)
        throw Error(ErrorCode::Unsupported,
                    fmt::format("{} started {} ranks, and this rheo cannot join them: "
                                "{}; {}",
                                launch.by, launch.size, loaded.failure, advice));
    m_mpi = loaded.functions;
    callOrThrow(
        [&](char* message, int size) { return m_mpi->open(&m_ranks.rank, &m_ranks.size, message, size); });
    if (m_ranks.size != launch.size)
        throw Error(
            ErrorCode::Unsupported,
            fmt::format("{} started {} ranks, and MPI sees {}: start them with mpirun of Open MPI, or "
                        "with srun --mpi=pmix",
                        launch.by, launch.size, m_ranks.size));
    m_ranks.traffic = std::make_shared<RankTraffic>();
    const auto token = std::make_shared<std::stop_token>(std::move(stop));
    static constexpr auto stopped = [](void* context) {
        return static_cast<std::stop_token*>(context)->stop_requested() ? 1 : 0;
    };
    const RheoMpi* mpi = m_mpi;
    m_ranks.send = [mpi, token](int to, const void* data, std::size_t bytes) {
        callOrThrow([&](char* message, int size) {
            return mpi->send(to, data, bytes, stopped, token.get(), message, size);
        });
    };
    m_ranks.receive = [mpi, token](int from, void* data, std::size_t bytes) {
        callOrThrow([&](char* message, int size) {
            return mpi->receive(from, data, bytes, stopped, token.get(), message, size);
        });
    };
}

void MpiRanks::close() {
    m_mpi->close();
}

void MpiRanks::abort(int status) {
    m_mpi->abort(status);
}

std::string describeMpi(const fs::path& folder) {
    const Loaded loaded = load(folder);
    return loaded.functions != nullptr ? "found: mpirun -n N rheo capture, analyze or report"
                                       : fmt::format("not there ({})", loaded.failure);
}

}  // namespace rheo
