#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/trace/import.h"
#include "core/trace/import_layout.h"
#include "core/trace/import_source.h"
#include "core/trace/trace.h"

namespace rheo {

/// Extents of the axes of an array.
struct ImportExtents {
    std::int64_t batches = 1, tokens = 1, points = 1, units = 1;
};

/// Arrays of one shape: all that there is, or those of one sample where samples have arrays of their own.
struct ImportPart {
    std::string sample;               ///< its number, as names have it; empty for the only part
    std::vector<std::size_t> arrays;  ///< one a point, in order of depth, or one for all
    ImportArray array;                ///< shape and order of each; types may differ
    ImportExtents extents;
    std::vector<ImportChoice::Repeated> repeated;  ///< indices of the source's arrays
};

/// Tokens `first` .. `first + count - 1` of one batch entry of a part: a sample.
struct SampleTokens {
    std::size_t part = 0;
    std::int64_t batch = 0, first = 0, count = 0;
};

/// Rows `row` .. `row + batches * tokens - 1` of the trace: tokens `token` .. `token + tokens - 1` of
/// `batches` entries from `batch` on.
struct TokenRun {
    std::size_t part = 0;
    std::int64_t batch = 0, batches = 1, token = 0, tokens = 1, row = 0;
};

/// All that is known before the first state is read.
struct ImportPlan {
    std::unique_ptr<ImportSource> source;
    std::vector<std::string> names;      ///< of the source's arrays
    std::vector<ImportArray> described;  ///< those that were looked at; bits taken as `--dtype-of` says
    std::vector<ImportPart> parts;
    std::vector<ImportAxis> layout;
    std::vector<TokenRun> runs;  ///< in order of rows
    TraceInfo info;
    bool lastIsMarked = false;  ///< the last point is known to be after the final norm
    std::vector<std::string> notes, warnings;

    /// One array holds all points.
    bool oneForAll() const;
    std::int64_t rows() const { return static_cast<std::int64_t>(info.rows.size()); }
    std::int64_t points() const { return static_cast<std::int64_t>(info.points.size()); }
};

/// Decides what of `input` becomes which row and point. Masks, lengths and token ids are read here; what of
/// them is compressed in a .npz is unpacked to a nameless file in `folder`. Throws as importTrace does.
ImportPlan planImport(const std::filesystem::path& input, const ImportOptions& options,
                      const std::filesystem::path& folder);

/// Names for a message: at most eight, and how many more.
std::string someNames(const std::vector<std::string>& names);

}  // namespace rheo
