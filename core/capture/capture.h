#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/output_file.h"
#include "core/base/progress.h"
#include "core/model/model.h"
#include "core/trace/row_selection.h"
#include "core/trace/trace.h"

namespace rheo {

/// Which tokens of each prompt become rows.
struct RowChoice {
    enum class Kind { Last, All, Stride } kind = Kind::Last;
    std::int64_t stride = 1;  ///< for Stride: positions 0, stride, 2 stride, ...
};
/// "last", "all" or "stride:K". Throws Error(InvalidArgument) quoting what it is not.
RowChoice parseRowChoice(const std::string& text);

/// Rows index, index + count, ... of all.
struct Shard {
    std::int64_t index = 0;
    std::int64_t count = 1;
};
/// "i/n" with 0 <= i < n. Throws Error(InvalidArgument).
Shard parseShard(const std::string& text);

/// Everything a capture will hold but the states: known before the first of them is computed.
struct CapturePlan {
    TraceInfo info;
    PointIndex firstPoint{0}, lastPoint{0};  ///< of the model's points, inclusive
    std::int64_t tokens = 0;                 ///< to be run, over all prompts with a row
    std::int64_t bytes() const {
        return static_cast<std::int64_t>(info.rows.size() * info.points.size()) * info.units *
               (info.bfloat16 ? 2 : 4);
    }
};

/// Lays out the rows of `samples`: of the tokens that `rows` chooses, those that are selected.
/// `firstPoint` .. `lastPoint` are indices of the model's points. Throws as selectedRows.
CapturePlan planCapture(const Model& model, std::vector<Sample> samples, const RowChoice& rows,
                        PointIndex firstPoint, PointIndex lastPoint, const Shard& shard, bool bfloat16,
                        const RowSelection& selection = {}, const TokenText& textOf = {});

/// Lays out rows of one prompt: its tokens at `positions`, ascending. Throws Error(InvalidArgument) for
/// points that the model does not have, and for positions that are not those of tokens in ascending order.
CapturePlan planTokens(const Model& model, Sample sample, const std::vector<std::int32_t>& positions,
                       PointIndex firstPoint, PointIndex lastPoint);

/// Lays out the rows of a trace anew, for another model of the same shape (an untrained one): same samples,
/// tokens and points. Throws Error(Mismatch) where its points or width are not the model's, or a token is
/// outside the vocabulary, and Error(Unsupported) where it does not say the tokens of its samples or its rows
/// are out of order.
CapturePlan planRecapture(const Model& model, const TraceInfo& trace);

struct CaptureOptions {
    int batch = 16;  ///< prompts run at once
    /// Called after each batch, on the thread of the capture: what should not wait for the end is done here.
    std::function<void()> betweenBatches = {};
};

/// Runs the prompts of `plan` and returns the states in memory. Prompts of similar length share a batch.
/// Throws what the model throws, and Error(OutOfMemory) where the states cannot be held.
std::shared_ptr<const MemoryTrace> captureToMemory(const Model& model, const CapturePlan& plan,
                                                   const CaptureOptions& options, Progress& progress);

struct CaptureToFileOptions {
    int batch = 16;
    /// Of a model with streamed weights: bytes of states that one pass over the weights may hold; 0: a
    /// quarter of what is available, at most 4 GiB. More passes read the weights more often, and give the
    /// same bits.
    std::int64_t memory = 0;
    bool resume = false;  ///< go on with a file that an interrupted capture left
    IfExists ifExists = IfExists::Refuse;
    /// Called once, after the first batch: how long the rest will take.
    std::function<void(double secondsLeft)> forecast = {};
    /// Called after a stop, before Cancelled is thrown: how many rows are complete in the file.
    std::function<void(std::int64_t complete)> interrupted = {};
};

struct CaptureOutcome {
    std::int64_t rows = 0;     ///< in the file
    std::int64_t resumed = 0;  ///< of these, complete before this call
    std::vector<std::string> warnings = {};
};

/// Runs the prompts of `plan` into a trace file at `path`. Blocks of rows are written and marked complete as
/// they come, and after a stop all rows of the batches that were finished, before Cancelled is thrown: none
/// of a pass over streamed weights that did not end. Killed, the file keeps the blocks. `resume` goes on.
/// States that are not finite are counted by depth and become a warning. Throws Error(DiskFull) before
/// anything is computed; Error(AlreadyExists); Error(Mismatch) where the file to resume was made from another
/// model, tokenizer, prompts, rows or points.
CaptureOutcome captureToFile(const Model& model, const CapturePlan& plan, const std::filesystem::path& path,
                             const CaptureToFileOptions& options, Progress& progress);

}  // namespace rheo
