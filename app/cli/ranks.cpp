#include "app/cli/ranks.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <filesystem>
#include <memory>
#include <set>
#include <system_error>

#include "app/cli/commands.h"
#include "app/cli/process.h"
#include "core/ranks/mpi_ranks.h"

namespace rheo::cli {

namespace {

const Launch& launch() {
    static const Launch found = launchOf([](const char* name) -> const char* { return std::getenv(name); });
    return found;
}

std::unique_ptr<MpiRanks>& opened() {
    static std::unique_ptr<MpiRanks> ranks;
    return ranks;
}

int allowedCores() {
    cpu_set_t set;
    CPU_ZERO(&set);
    return ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

}  // namespace

bool isFirstRank() {
    return launch().rank == 0;
}

const std::string& speakerName() {
    static const std::string name =
        isFirstRank() ? "rheo" : fmt::format("rheo, rank {} of {}", launch().rank, launch().size);
    return name;
}

void requireCommandOfRanks(const std::string& command) {
    static const std::set<std::string> shared{"capture", "analyze", "report"};
    if (launch().size == 1 || shared.contains(command)) return;
    throw UsageError(fmt::format(
        "{} started {} ranks, and rheo {} is for one process; capture, analyze and report are shared by "
        "ranks",
        launch().by, launch().size, command));
}

void openRanks(Common& common) {
    if (launch().size == 1 || opened() != nullptr) return;
    std::error_code ignored;
    const auto folder = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
    opened() = std::make_unique<MpiRanks>(launch(), folder, interruptToken());
    if (common.threads == 0)
        common.threads =
            threadsOfRank(launch(), allowedCores(), static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)));
}

const Ranks& ranksOfCommand() {
    static const Ranks alone;
    return opened() == nullptr ? alone : opened()->ranks();
}

void closeRanks(int status, bool agreed, bool sayTraffic) {
    if (opened() == nullptr) return;
    const Ranks& ranks = ranksOfCommand();
    if (sayTraffic)
        complain(fmt::format("rank {} of {} sent {} bytes in {} messages", ranks.rank, ranks.size,
                             ranks.traffic->bytes.load(), ranks.traffic->messages.load()));
    // A stop reaches every rank, and each ends by itself with what it has.
    if (status == 130) return;
    if (status != 0 && !agreed) opened()->abort(status);
    try {
        barrier(ranks);  // which waits more quietly than MPI does
        opened()->close();
    } catch (const std::exception&) {
        // Stopped while it waited for the others: there is nothing more to do here.
    }
}

}  // namespace rheo::cli
