#pragma once

#include <filesystem>

#include "core/base/output_file.h"
#include "core/base/progress.h"
#include "core/trace/trace.h"

namespace rheo {

/// Writes all rows of a trace as a trace file, a few at a time; the file appears when it is whole. Throws as
/// OutputFile and the reader of `trace`. Cost: reads and writes every state once, within 64 MiB.
void writeTrace(const Trace& trace, const std::filesystem::path& path, IfExists ifExists, Progress& progress);

}  // namespace rheo
