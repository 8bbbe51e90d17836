#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/output_file.h"
#include "core/base/progress.h"

namespace rheo {

struct MergeOptions {
    bool copy = false;  ///< copy the states; else the result shows those of the shards, which must stay
    IfExists ifExists = IfExists::Refuse;
};

struct MergeOutcome {
    std::int64_t rows = 0;
    std::vector<std::string> warnings = {};
};

/// Makes one trace of the shards of a capture (`--shard i/n`), given in any order: rows come out in the order
/// that one capture without shards gives, by sample and position.
///
/// Without `copy` the states stay where they are and the result is a small file that shows them (an HDF5
/// virtual dataset). Shards must then be in the folder of the output or below it; they are named relative to
/// it, so that they can be moved together, and their digests are kept, so that no other file can take their
/// place. Throws Error(Mismatch) naming what differs between two shards (model, tokenizer, points, prompts,
/// encoding), for a row that is there twice, for a shard that is not complete, and for one in another folder;
/// Error(NotFound, Format, AlreadyExists, DiskFull, Io). Cost: linear in rows, and with `copy` in the size of
/// the trace; 64 MiB of memory beside the list of rows.
MergeOutcome mergeTraces(const std::vector<std::filesystem::path>& shards,
                         const std::filesystem::path& output, const MergeOptions& options,
                         Progress& progress);

}  // namespace rheo
