#pragma once

#include <string>

#include "core/base/ranks.h"

/// Several ranks that mpirun or srun started run one command, and speak with one voice: that of the first.
namespace rheo::cli {

struct Common;

/// Whether this process is the first of the ranks, or alone.
bool isFirstRank();
/// Who says a line of complain(): "rheo", or "rheo, rank 1 of 3".
const std::string& speakerName();

/// Throws UsageError where several ranks were started and `command` is none that they share.
void requireCommandOfRanks(const std::string& command);

/// Joins the ranks, where several were started, and sets the threads of each where none were asked for.
/// Throws as MpiRanks.
void openRanks(Common& common);
/// Those that were joined; one alone before and elsewhere.
const Ranks& ranksOfCommand();

/// To be called when all is done, with the exit status. `agreed`: all ranks have come to the same one, also
/// where it is a failure; else the others are ended.
void closeRanks(int status, bool agreed, bool sayTraffic);

}  // namespace rheo::cli
