#pragma once

#include <filesystem>
#include <vector>

#include "core/base/output_file.h"
#include "core/base/ranks.h"
#include "core/capture/capture.h"
#include "core/session/capture_run.h"

namespace rheo {

/// What a rank captures lies beside the trace until all are joined: "t.rheo.h5.part-0-of-4".
std::filesystem::path partPath(const std::filesystem::path& out, int rank, int size);

/// A part that ranks of an earlier call left.
struct CapturedPart {
    std::filesystem::path path;
    int size = 1;  ///< ranks of that call
};
std::vector<CapturedPart> partsOf(const std::filesystem::path& out);

/// Throws Error(Mismatch) where `resume` is to go on with parts of another number of ranks, and
/// Error(AlreadyExists) where such parts are there and may not be replaced.
void rejectOtherParts(const std::filesystem::path& out, const Ranks& ranks, bool resume, IfExists ifExists);

/// Captures the prompts of `plan` to a trace at `out`, each rank its part (planPart) into a file of its own;
/// the first then joins them and removes them. A rank that fails is named in the result, and the others
/// finish their parts; with `options.resume` parts that are there are gone on with. A stop keeps what each
/// rank has finished. While it joins, the disk holds the states twice. To be called by all ranks; rows and
/// states are those of one capture, up to the rounding of other batches.
CaptureResult captureByRanks(const Model& model, const CapturePlan& plan, const std::filesystem::path& out,
                             const CaptureToFileOptions& options, const CaptureMessages& messages,
                             Progress& progress);

}  // namespace rheo
