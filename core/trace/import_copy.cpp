#include "core/trace/import_copy.h"

#include <algorithm>
#include <array>

#include "core/trace/import_elements.h"

namespace rheo {

namespace {

/// Tokens of a run that are read at once: `batches` whole entries, or some tokens of one.
struct Piece {
    std::int64_t batch, batches, token, tokens;
};

/// The piece of `run` that begins at its row `offset`, of at most `left` rows.
Piece pieceAt(const TokenRun& run, std::int64_t offset, std::int64_t left) {
    const std::int64_t token = offset % run.tokens;
    const bool whole = token == 0 && left >= run.tokens;
    return {run.batch + offset / run.tokens, whole ? left / run.tokens : 1, run.token + token,
            whole ? run.tokens : std::min(run.tokens - token, left)};
}

/// Reads one piece of an array into `out`, the first row of the piece in [row, point, unit] of `box`.
void readPiece(ImportPlan& plan, std::size_t array, const Piece& piece, const TraceBox& box, float* out) {
    const std::int64_t perRow = box.points * box.units;
    std::vector<std::int64_t> start, count, toStride;
    const auto axis = [&](std::int64_t from, std::int64_t extent, std::int64_t stride) {
        start.push_back(from);
        count.push_back(extent);
        toStride.push_back(stride);
    };
    for (const auto kind : plan.layout) switch (kind) {
            case ImportAxis::Batch: axis(piece.batch, piece.batches, piece.tokens * perRow); break;
            case ImportAxis::Row: axis(piece.token, piece.tokens, perRow); break;
            case ImportAxis::Point: axis(box.point, box.points, box.units); break;
            case ImportAxis::Unit: axis(box.unit, box.units, 1); break;
        }
    ArrayBlock block = plan.source->block(array, start, count);
    block.type = *plan.described[array].type;
    std::array<CopyLoop, 4> loops{};
    for (std::size_t k = 0; k < count.size(); ++k) loops[k] = {count[k], block.strides[k], toStride[k]};
    copyBox(block, loops, out);
}

/// Calls read(run, piece, row) for each piece of rows row .. row + rows - 1.
template <class Read>
void forEachPiece(const ImportPlan& plan, std::int64_t row, std::int64_t rows, Read read) {
    auto run = std::upper_bound(plan.runs.begin(), plan.runs.end(), row,
                                [](std::int64_t n, const TokenRun& r) { return n < r.row; }) -
               1;
    for (std::int64_t n = row; n < row + rows;) {
        if (n == run->row + run->batches * run->tokens) ++run;
        const std::int64_t offset = n - run->row;
        const std::int64_t left = std::min(run->batches * run->tokens - offset, row + rows - n);
        const Piece piece = pieceAt(*run, offset, left);
        read(*run, piece, n - row);
        n += piece.batches * piece.tokens;
    }
}

}  // namespace

void readBox(ImportPlan& plan, const TraceBox& box, float* out, Progress& progress) {
    const std::int64_t perRow = box.points * box.units;
    if (plan.oneForAll()) {
        forEachPiece(plan, box.row, box.rows, [&](const TokenRun& run, const Piece& piece, std::int64_t row) {
            progress.check();
            readPiece(plan, plan.parts[run.part].arrays.front(), piece, box, out + row * perRow);
        });
        return;
    }
    for (std::int64_t p = 0; p < box.points; ++p)
        forEachPiece(plan, box.row, box.rows, [&](const TokenRun& run, const Piece& piece, std::int64_t row) {
            progress.check();
            readPiece(plan, plan.parts[run.part].arrays[static_cast<std::size_t>(box.point + p)], piece, box,
                      out + row * perRow + p * box.units);
        });
}

void readPoint(ImportPlan& plan, const std::vector<std::size_t>& arrays, std::int64_t row, std::int64_t rows,
               float* out) {
    const TraceBox box{row, rows, 0, 1, 0, plan.info.units};
    forEachPiece(plan, row, rows, [&](const TokenRun& run, const Piece& piece, std::int64_t at) {
        readPiece(plan, arrays[run.part], piece, box, out + at * plan.info.units);
    });
}

}  // namespace rheo
