#pragma once

#include <filesystem>

namespace rheo {

/// Claims an output for this process until it ends, so that a second process that would write the same file
/// or folder is refused before it computes anything. A second claim by this process does nothing. Throws
/// Error(Io) naming the process that has the claim.
///
/// The claim is a socket without a file (Linux, unix(7), abstract names), named after the folder and the name
/// of the output: it leaves nothing behind when the process is killed. It is seen by processes of this
/// machine (of this network namespace) only; elsewhere, and where there are no such sockets, this does
/// nothing. An output is whole even then: see OutputFile.
void claimOutput(const std::filesystem::path& path);

}  // namespace rheo
