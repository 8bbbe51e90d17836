#pragma once

#include <filesystem>

#include "core/base/output_file.h"

namespace rheo {

/// Copies a file's bytes into an output that is not committed yet. (std::filesystem::copy_file says
/// "input/output error" where a disk is full.) Throws Error(NotFound or Io) naming `from`, and Error(Io or
/// DiskFull) naming the output.
void copyInto(const std::filesystem::path& from, const OutputFile& output);

}  // namespace rheo
