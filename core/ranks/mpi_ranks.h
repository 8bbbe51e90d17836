#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "core/base/ranks.h"

struct RheoMpi;

namespace rheo {

/// What the environment says of who started this process, before MPI is asked.
struct Launch {
    int rank = 0, size = 1;
    int onThisMachine = 1;  ///< of the ranks, this one included
    std::string by = {};    ///< "mpirun", "srun"; empty: neither
};

/// Gives the value of an environment variable, or nullptr.
using Environment = std::function<const char*(const char* name)>;
/// Reads what mpirun of Open MPI, or srun, sets. A batch script of Slurm that starts a program without srun
/// starts one process, whatever the number of tasks.
Launch launchOf(const Environment& environment);

/// Threads for each rank where a person named no number: the cores it is bound to, or its part of those of
/// the machine. `allowed` are those that the process may run on, `online` all.
int threadsOfRank(const Launch& launch, int allowed, int online);

/// The ranks of MPI, while it lives.
class MpiRanks {
public:
    /// Loads the module (librheo_mpi.so) from `folder` and joins the other ranks. While these wait for each
    /// other they look at `stop`. Throws Error(Unsupported) where MPI or the module is not there, saying how
    /// to get it, and where MPI sees other ranks than `launch` does.
    MpiRanks(const Launch& launch, const std::filesystem::path& folder, std::stop_token stop);
    const Ranks& ranks() const { return m_ranks; }
    /// To be called by all ranks when they are done, before the process ends.
    void close();
    /// Ends all ranks of the job.
    void abort(int status);

private:
    Ranks m_ranks;
    const RheoMpi* m_mpi = nullptr;
};

/// "Open MPI, found" or why several ranks cannot run here, for a person; starts nothing.
std::string describeMpi(const std::filesystem::path& folder);

}  // namespace rheo
