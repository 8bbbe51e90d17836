#pragma once

#include <stop_token>

namespace rheo::cli {

/// Settles what the system does to this process, before anything else: standard streams that are closed get a
/// file, so that no output file takes their number; writing to a closed pipe or past a limit of size is an
/// error instead of a signal; a failure that nothing catches ends in one line and status 1.
void settleProcess();
/// From here on SIGINT, SIGTERM and SIGHUP request a stop instead of ending the process; a second one ends
/// it. Throws std::system_error where no thread can be started.
void catchInterrupts();
std::stop_token interruptToken();

/// Throws Error(OutOfMemory) where a limit of the address space (ulimit -v) leaves less than the libraries
/// need to compute: they would wait for ever for memory, or end the process.
void requireAddressSpace();
/// The same before rheo-engine is loaded, where OpenBLAS would wait for ever.
void requireAddressesOfEngine(bool computes);

}  // namespace rheo::cli
