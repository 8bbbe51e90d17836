#include "core/trace/import.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <numeric>
#include <string_view>

#include "core/base/error.h"
#include "core/trace/bfloat16.h"
#include "core/trace/float16.h"
#include "core/trace/import_layout.h"
#include "core/trace/import_source.h"
#include "core/trace/trace_writer.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

/// Values worked on at a time.
constexpr std::int64_t pieceValues = std::int64_t{1} << 24;
// What a shape may claim at most: a trace with more could be neither read nor analysed.
constexpr std::int64_t mostRows = std::int64_t{1} << 24;
constexpr std::int64_t mostPoints = 1'000'000;
constexpr std::int64_t mostUnits = 100'000'000;
constexpr std::int64_t mostRowValues = std::int64_t{1} << 28;

// ---------------------------------------------------------------------------------------------- elements

template <class Bits>
Bits load(const std::byte* from, bool bigEndian) {
    Bits bits;
    std::memcpy(&bits, from, sizeof bits);
    if (!bigEndian) return bits;
    if constexpr (sizeof bits == 2) return __builtin_bswap16(bits);
    if constexpr (sizeof bits == 4) return __builtin_bswap32(bits);
    if constexpr (sizeof bits == 8) return __builtin_bswap64(bits);
}

template <class Bits, class Convert>
void copyRun(const std::byte* from, std::int64_t fromStride, bool bigEndian, std::int64_t count, float* to,
             std::int64_t toStride, Convert convert) {
    for (std::int64_t i = 0; i < count; ++i)
        to[i * toStride] = convert(load<Bits>(from + i * fromStride, bigEndian));
}

/// `count` elements, `fromStride` bytes apart, as float32, `toStride` floats apart.
void copyElements(const ArrayBlock& block, const std::byte* from, std::int64_t fromStride, std::int64_t count,
                  float* to, std::int64_t toStride) {
    switch (block.type) {
        case ElementType::Float16:
            return copyRun<std::uint16_t>(from, fromStride, block.bigEndian, count, to, toStride,
                                          fromFloat16);
        case ElementType::BFloat16:
            return copyRun<std::uint16_t>(from, fromStride, block.bigEndian, count, to, toStride,
                                          fromBfloat16);
        case ElementType::Float32:
            if (fromStride == 4 && toStride == 1 && !block.bigEndian) {
                std::memcpy(to, from, static_cast<std::size_t>(count) * 4);
                return;
            }
            return copyRun<std::uint32_t>(from, fromStride, block.bigEndian, count, to, toStride,
                                          [](std::uint32_t bits) { return std::bit_cast<float>(bits); });
        case ElementType::Float64:
            return copyRun<std::uint64_t>(
                from, fromStride, block.bigEndian, count, to, toStride,
                [](std::uint64_t bits) { return static_cast<float>(std::bit_cast<double>(bits)); });
    }
}

/// One of the nested loops of a copy.
struct Loop {
    std::int64_t count, fromStride, toStride;
};

/// Copies a box; the innermost loop is along the axis that is contiguous in the source, so that a mapped file
/// is read in its own order.
void copyBox(const ArrayBlock& block, std::array<Loop, 4> loops, float* to) {
    std::sort(loops.begin(), loops.end(), [](const Loop& a, const Loop& b) {
        return std::pair(a.count > 1, -a.fromStride) < std::pair(b.count > 1, -b.fromStride);
    });
    for (std::int64_t i = 0; i < loops[0].count; ++i)
        for (std::int64_t j = 0; j < loops[1].count; ++j)
            for (std::int64_t k = 0; k < loops[2].count; ++k)
                copyElements(
                    block,
                    block.data + i * loops[0].fromStride + j * loops[1].fromStride + k * loops[2].fromStride,
                    loops[3].fromStride, loops[3].count,
                    to + i * loops[0].toStride + j * loops[1].toStride + k * loops[2].toStride,
                    loops[3].toStride);
}

// -------------------------------------------------------------------------------------------------- plan

/// All that is known before the first value is read.
struct Plan {
    std::unique_ptr<ImportSource> source;
    std::vector<std::size_t> arrays;  ///< one a point, or one for all
    ImportArray array;                ///< shape and order of each (types may differ)
    std::vector<ImportAxis> layout;
    std::int64_t batches = 1, rowsPerBatch = 1;
    TraceInfo info;
    std::vector<std::string> notes, warnings;

    bool oneForAll() const {
        return std::find(layout.begin(), layout.end(), ImportAxis::Point) != layout.end();
    }
    std::int64_t rows() const { return static_cast<std::int64_t>(info.rows.size()); }
    std::int64_t points() const { return static_cast<std::int64_t>(info.points.size()); }
};

std::string shapeName(const std::vector<std::int64_t>& shape) {
    return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::string counted(std::int64_t count, std::string_view thing) {
    return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

/// The first few names, for messages.
std::string someNames(const std::vector<std::string>& names) {
    constexpr std::size_t most = 8;
    std::vector<std::string> shown(names.begin(),
                                   names.begin() + std::ptrdiff_t(std::min(most, names.size())));
    return fmt::format("{}{}", fmt::join(shown, ", "),
                       names.size() > most ? fmt::format(" and {} more", names.size() - most) : "");
}

/// Indices of the arrays that the person asked for; all of them if nothing is asked.
std::vector<std::size_t> askedArrays(const fs::path& input, const std::vector<std::string>& names,
                                     const ImportOptions& options) {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const bool named =
            options.dataset.empty() || names[i] == options.dataset || names[i] == "/" + options.dataset;
        const bool matched =
            options.tensors.empty() || ::fnmatch(options.tensors.c_str(), names[i].c_str(), 0) == 0;
        if (named && matched) found.push_back(i);
    }
    if (found.empty())
        throw Error(
            ErrorCode::NotFound,
            fmt::format("{} holds nothing named {}; it holds {}", input.string(),
                        options.dataset.empty() ? options.tensors : options.dataset, someNames(names)),
            input.string());
    return found;
}

/// Chooses the arrays and orders them in depth.
ImportChoice choose(const fs::path& input, ImportSource& source, const ImportOptions& options) {
    const std::vector<std::string> all = source.names();
    std::vector<std::size_t> asked = askedArrays(input, all, options);
    const auto namesOf = [&](const std::vector<std::size_t>& indices) {
        std::vector<std::string> names;
        for (const auto i : indices) names.push_back(all[i]);
        return names;
    };
    ImportChoice choice = chooseArrays(namesOf(asked));
    if (choice.convention == ImportConvention::None && asked.size() > 1 && options.dataset.empty() &&
        options.tensors.empty()) {
        // Token ids, masks and scalars often lie beside the states.
        std::vector<std::size_t> kept;
        for (const auto i : asked) {
            const ImportArray array = source.describe(i);
            if (array.otherType.empty() && array.shape.size() >= 2) kept.push_back(i);
        }
        if (kept.empty())
            throw Error(ErrorCode::Unsupported,
                        fmt::format("{} holds no floating-point array of two axes or more; it holds {}",
                                    input.string(), someNames(all)),
                        input.string());
        const std::size_t leftOut = asked.size() - kept.size();
        asked = std::move(kept);
        choice = chooseArrays(namesOf(asked));
        choice.others += leftOut;
    }
    for (auto& index : choice.arrays) index = asked[index];
    return choice;
}

void describeArrays(const fs::path& input, const std::vector<std::string>& names, Plan& plan) {
    plan.info.bfloat16 = true;
    for (const auto index : plan.arrays) {
        const ImportArray array = plan.source->describe(index);
        if (!array.otherType.empty())
            throw Error(ErrorCode::Unsupported,
                        fmt::format("{}: '{}' is {}, and float16, bfloat16, float32 or float64 was expected; "
                                    "choose other arrays with --tensors or --dataset",
                                    input.string(), names[index], array.otherType),
                        input.string());
        checkedBytes(array.shape, elementBytes(array.type),
                     fmt::format("{}, '{}'", input.string(), names[index]));
        if (index == plan.arrays.front()) plan.array = array;
        if (array.shape != plan.array.shape)
            throw Error(
                ErrorCode::Mismatch,
                fmt::format("{}: '{}' is {} and '{}' is {}, and arrays of one shape were expected, one "
                            "a point; choose among them with --tensors or --dataset",
                            input.string(), names[plan.arrays.front()], shapeName(plan.array.shape),
                            names[index], shapeName(array.shape)),
                input.string());
        plan.info.bfloat16 &= array.type == ElementType::BFloat16;
    }
}

std::vector<ImportAxis> chooseLayout(const fs::path& input, const std::string& name, const Plan& plan,
                                     ImportConvention convention, const std::string& asked) {
    const auto& shape = plan.array.shape;
    const std::size_t rank = shape.size();
    const bool several = plan.arrays.size() > 1;
    const auto refuse = [&](const std::string& why) -> Error {
        return {ErrorCode::InvalidArgument, fmt::format("{}: '{}' {}", input.string(), name, why),
                input.string()};
    };
    if (!asked.empty()) {
        std::vector<ImportAxis> layout = parseLayout(asked);
        if (layout.size() != rank)
            throw refuse(fmt::format("has the shape {}, {} axes, and --layout {} names {}", shapeName(shape),
                                     rank, asked, layout.size()));
        if (several && std::find(layout.begin(), layout.end(), ImportAxis::Point) != layout.end())
            throw refuse(
                fmt::format("is one of {} arrays, each a point of its own, and --layout {} has "
                            "points within an array; choose one with --tensors or --dataset, or "
                            "leave point out",
                            plan.arrays.size(), asked));
        return layout;
    }
    const bool oneAPoint = convention == ImportConvention::TransformerLens ||
                           (convention == ImportConvention::HiddenStates && several);
    if (oneAPoint && rank == 3) return parseLayout("batch,row,unit");
    if (oneAPoint && rank == 2) return parseLayout("row,unit");
    if (convention == ImportConvention::HiddenStates && !several) {
        if (rank == 3) return parseLayout("point,row,unit");
        if (rank == 4) return parseLayout("point,batch,row,unit");
    }
    const char* example = several ? (rank == 3 ? "batch,row,unit" : "row,unit")
                                  : (rank == 4 ? "batch,row,point,unit" : "row,point,unit");
    throw refuse(
        fmt::format("has the shape {}, which does not say which axis is which; give --layout, for "
                    "instance --layout {} (axes are row, point, unit, and batch where samples have "
                    "an axis of their own)",
                    shapeName(shape), example));
}

/// Extents, within what can be handled.
struct Extents {
    std::int64_t batches = 1, rows = 1, points = 1, units = 1;
};

Extents extentsOf(const fs::path& input, const Plan& plan) {
    Extents extents;
    extents.points = static_cast<std::int64_t>(plan.arrays.size());
    for (std::size_t axis = 0; axis < plan.layout.size(); ++axis) {
        const std::int64_t extent = plan.array.shape[axis];
        switch (plan.layout[axis]) {
            case ImportAxis::Batch: extents.batches = extent; break;
            case ImportAxis::Row: extents.rows = extent; break;
            case ImportAxis::Point: extents.points = extent; break;
            case ImportAxis::Unit: extents.units = extent; break;
        }
    }
    const auto refuse = [&](ErrorCode code, const std::string& why) -> Error {
        return {code,
                fmt::format("{}: read as {}, its shape {} {}", input.string(), layoutName(plan.layout),
                            shapeName(plan.array.shape), why),
                input.string()};
    };
    if (extents.batches < 1 || extents.rows < 1 || extents.points < 1 || extents.units < 1)
        throw refuse(ErrorCode::Format, "is empty");
    // Each is checked before it is multiplied, so that nothing overflows.
    if (extents.batches > mostRows || extents.rows > mostRows || extents.batches * extents.rows > mostRows)
        throw refuse(ErrorCode::Unsupported,
                     fmt::format("has more than {} rows; import it in parts", mostRows));
    if (extents.points > mostPoints || extents.units > mostUnits ||
        extents.points * extents.units > mostRowValues)
        throw refuse(ErrorCode::Unsupported, fmt::format("has {} points of {} units, which no model has",
                                                         extents.points, extents.units));
    return extents;
}

/// Names `named` points; what follows them is the caller's.
std::vector<ResidualPoint> namePoints(std::int64_t named, const ImportChoice& choice,
                                      const ImportOptions& options) {
    if (options.sites.ends_with(".json"))
        return pointsFromJson(readFile(options.sites, std::uintmax_t{1} << 24), options.sites, named);
    if (!options.sites.empty()) return pointsFromSites(options.sites, named);
    if (!choice.points.empty())
        return {choice.points.begin(), choice.points.begin() + static_cast<std::ptrdiff_t>(named)};
    const Site site = choice.convention == ImportConvention::HiddenStates ? Site::BlockIn : Site::Unnamed;
    std::vector<ResidualPoint> points;
    for (std::int64_t p = 0; p < named; ++p) points.push_back({static_cast<int>(p), site});
    if (site == Site::BlockIn && options.lastIsNormed == LastIsNormed::No) points.back() = {-1, Site::Final};
    return points;
}

void planPoints(const fs::path& input, std::int64_t stored, const ImportChoice& choice,
                const ImportOptions& options, Plan& plan) {
    const bool stack = choice.convention == ImportConvention::HiddenStates;
    const LastIsNormed last = options.lastIsNormed.value_or(stack ? LastIsNormed::Drop : LastIsNormed::No);
    if (last != LastIsNormed::No && stored < 2)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("{} has {} point, and its last is after the final norm: none is left",
                                input.string(), stored),
                    input.string());
    plan.info.points = namePoints(last == LastIsNormed::No ? stored : stored - 1, choice, options);
    if (last == LastIsNormed::Mark) plan.info.points.push_back({static_cast<int>(stored - 1), Site::Unnamed});
    if (last == LastIsNormed::No) return;
    plan.warnings.push_back(fmt::format(
        "the last of the {} states of each row is after the final norm{}, not on the path of the others; {}",
        stored, stack ? ", as models return output_hidden_states" : "",
        last == LastIsNormed::Drop
            ? "it is left out (--last-is-normed mark keeps it)"
            : fmt::format("it is kept as the point without a name, {}", pointName(plan.info.points.back()))));
}

void planRows(bool tokensOfOneSample, Plan& plan) {
    const auto has = [&](ImportAxis axis) {
        return std::find(plan.layout.begin(), plan.layout.end(), axis) != plan.layout.end();
    };
    const bool ownSamples = !has(ImportAxis::Batch) && !tokensOfOneSample;
    for (std::int64_t b = 0; b < plan.batches; ++b)
        for (std::int64_t r = 0; r < plan.rowsPerBatch; ++r)
            plan.info.rows.push_back({static_cast<std::int32_t>(ownSamples ? r : b),
                                      static_cast<std::int32_t>(ownSamples ? 0 : r), -1});
    plan.info.samples.resize(static_cast<std::size_t>(ownSamples ? plan.rowsPerBatch : plan.batches));
    if (ownSamples && plan.rowsPerBatch > 1)
        plan.notes.push_back(fmt::format(
            "each of the {} rows is taken as a sample of its own; where rows are tokens of one text, "
            "save the array with an axis for the text and name it batch in --layout",
            plan.rowsPerBatch));
    else
        plan.notes.push_back(
            fmt::format("{} of {}", counted(plan.batches, "sample"), counted(plan.rowsPerBatch, "token")));
}

Plan planImport(const fs::path& input, const ImportOptions& options) {
    Plan plan;
    plan.source = openImportSource(input);
    const std::vector<std::string> names = plan.source->names();
    const ImportChoice choice = choose(input, *plan.source, options);
    plan.arrays = choice.arrays;
    describeArrays(input, names, plan);
    const std::string& first = names[plan.arrays.front()];
    plan.layout = chooseLayout(input, first, plan, choice.convention, options.layout);

    const Extents extents = extentsOf(input, plan);
    plan.batches = extents.batches;
    plan.rowsPerBatch = extents.rows;
    plan.info.units = extents.units;
    plan.notes.push_back(plan.arrays.size() > 1
                             ? fmt::format("{} arrays, one a point, from '{}' to '{}', read as {}",
                                           plan.arrays.size(), first, names[plan.arrays.back()],
                                           layoutName(plan.layout))
                             : fmt::format("'{}', read as {}", first, layoutName(plan.layout)));
    if (choice.repeated > 0)
        plan.notes.push_back(
            fmt::format("{} arrays hook_resid_post are left out: each is the next block's "
                        "hook_resid_pre",
                        choice.repeated));
    if (choice.others > 0)
        plan.notes.push_back(fmt::format(
            "{} other arrays are no states of the residual stream and are left out", choice.others));
    planPoints(input, extents.points, choice, options, plan);
    planRows(choice.convention != ImportConvention::None, plan);
    if (choice.convention == ImportConvention::TransformerLens && !options.transformerLensUnprocessed)
        plan.warnings.push_back(
            "TransformerLens folds the norms into the weights and centres what is written to the residual "
            "stream, unless told not to: these are then not the states of the model itself. If it was loaded "
            "with from_pretrained_no_processing, say --tl-unprocessed");

    plan.info.origin = fmt::format("imported from {} ({})", input.filename().string(), plan.source->kind());
    for (const auto* list : {&plan.notes, &plan.warnings})
        for (const auto& sentence : *list) plan.info.origin += "; " + sentence;
    return plan;
}

// ------------------------------------------------------------------------------------------------ copying

/// Extents of the boxes the copy goes in: whole chunks of the trace, grown first along the axis that is
/// contiguous in the input, so that both files are read and written in long runs.
TraceBox boxExtents(const Plan& plan) {
    const std::int64_t full[3] = {plan.rows(), plan.points(), plan.info.units};
    const auto chunk = traceChunk(full[0], full[1], full[2]);
    std::int64_t strides[3] = {0, std::numeric_limits<std::int64_t>::max(), 0};
    const auto inArray =
        denseStrides(plan.array.shape, elementBytes(plan.array.type), plan.array.columnMajor);
    for (std::size_t axis = 0; axis < plan.layout.size(); ++axis) switch (plan.layout[axis]) {
            case ImportAxis::Batch:
                if (plan.rowsPerBatch == 1) strides[0] = inArray[axis];
                break;
            case ImportAxis::Row:
                if (plan.rowsPerBatch > 1 || strides[0] == 0) strides[0] = inArray[axis];
                break;
            case ImportAxis::Point: strides[1] = inArray[axis]; break;
            case ImportAxis::Unit: strides[2] = inArray[axis]; break;
        }
    std::array<std::size_t, 3> order{0, 1, 2};
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return strides[a] < strides[b]; });
    std::int64_t extent[3] = {chunk[0], chunk[1], chunk[2]};
    for (const auto axis : order) {
        const std::int64_t others = extent[0] * extent[1] * extent[2] / extent[axis];
        const std::int64_t whole = pieceValues / others / chunk[axis] * chunk[axis];
        extent[axis] = std::clamp(whole, extent[axis], full[axis]);
    }
    return {0, extent[0], 0, extent[1], 0, extent[2]};
}

/// Reads the part of one array that lies in `box` into `out`, [row, point, unit] of the box. `array` holds
/// point `point` alone, or all of them if that is negative.
void readArray(Plan& plan, std::size_t array, std::int64_t point, const TraceBox& box, float* out) {
    const std::int64_t perRow = box.points * box.units;
    for (std::int64_t n = box.row; n < box.row + box.rows;) {
        // As many whole batches as there are, or what there is of one.
        const std::int64_t row = n % plan.rowsPerBatch, left = box.row + box.rows - n;
        const bool whole = row == 0 && left >= plan.rowsPerBatch;
        const std::int64_t batches = whole ? left / plan.rowsPerBatch : 1;
        const std::int64_t rows = whole ? plan.rowsPerBatch : std::min(plan.rowsPerBatch - row, left);
        std::vector<std::int64_t> start, count;
        for (const auto axis : plan.layout) switch (axis) {
                case ImportAxis::Batch:
                    start.push_back(n / plan.rowsPerBatch);
                    count.push_back(batches);
                    break;
                case ImportAxis::Row:
                    start.push_back(row);
                    count.push_back(rows);
                    break;
                case ImportAxis::Point:
                    start.push_back(box.point);
                    count.push_back(box.points);
                    break;
                case ImportAxis::Unit:
                    start.push_back(box.unit);
                    count.push_back(box.units);
                    break;
            }
        const ArrayBlock block = plan.source->block(array, start, count);
        std::array<Loop, 4> loops{{{1, 0, 0}, {1, 0, 0}, {1, 0, 0}, {1, 0, 0}}};
        for (std::size_t axis = 0; axis < plan.layout.size(); ++axis) {
            Loop& loop = loops[axis];
            loop.count = count[axis];
            loop.fromStride = block.strides[axis];
            switch (plan.layout[axis]) {
                case ImportAxis::Batch: loop.toStride = plan.rowsPerBatch * perRow; break;
                case ImportAxis::Row: loop.toStride = perRow; break;
                case ImportAxis::Point: loop.toStride = box.units; break;
                case ImportAxis::Unit: loop.toStride = 1; break;
            }
        }
        copyBox(block, loops, out + (n - box.row) * perRow + std::max<std::int64_t>(0, point) * box.units);
        n += batches * rows;
    }
}

/// Values that are not finite, and the rows they are in.
struct NotFinite {
    std::int64_t nans = 0, infinities = 0;
    std::vector<std::uint8_t> rows;
    std::string example;
};

void findNotFinite(const TraceBox& box, const float* values, const std::vector<ResidualPoint>& points,
                   NotFinite& found) {
    const std::int64_t perRow = box.points * box.units;
    for (std::int64_t n = 0; n < box.rows; ++n) {
        const float* row = values + n * perRow;
        // Exponents with every bit set; without a branch, so that the loop is vectorised.
        std::uint32_t any = 0;
        for (std::int64_t i = 0; i < perRow; ++i)
            any |= (std::bit_cast<std::uint32_t>(row[i]) & 0x7f800000) == 0x7f800000 ? 1U : 0U;
        if (any == 0) continue;
        found.rows[static_cast<std::size_t>(box.row + n)] = 1;
        for (std::int64_t i = 0; i < perRow; ++i) {
            if (std::isfinite(row[i])) continue;
            ++(std::isnan(row[i]) ? found.nans : found.infinities);
            if (found.example.empty())
                found.example =
                    fmt::format("row {}, point {}, unit {}", box.row + n,
                                pointName(points[static_cast<std::size_t>(box.point + i / box.units)]),
                                box.unit + i % box.units);
        }
    }
}

void copyAll(Plan& plan, TraceWriter& writer, NotFinite& notFinite, Progress& progress) {
    const TraceBox extent = boxExtents(plan);
    std::vector<float> states(static_cast<std::size_t>(extent.rows * extent.points * extent.units));
    const bool oneForAll = plan.oneForAll();
    const auto total =
        static_cast<double>(plan.rows() * plan.points()) * static_cast<double>(plan.info.units);
    double done = 0;
    for (std::int64_t row = 0; row < plan.rows(); row += extent.rows)
        for (std::int64_t point = 0; point < plan.points(); point += extent.points)
            for (std::int64_t unit = 0; unit < plan.info.units; unit += extent.units) {
                const TraceBox box{row,   std::min(extent.rows, plan.rows() - row),
                                   point, std::min(extent.points, plan.points() - point),
                                   unit,  std::min(extent.units, plan.info.units - unit)};
                progress.check();
                if (oneForAll) readArray(plan, plan.arrays.front(), -1, box, states.data());
                for (std::int64_t p = 0; !oneForAll && p < box.points; ++p) {
                    progress.check();
                    readArray(plan, plan.arrays[static_cast<std::size_t>(box.point + p)], p, box,
                              states.data());
                }
                findNotFinite(box, states.data(), plan.info.points, notFinite);
                writer.writeBox(box, states.data());
                plan.source->forget();
                done += static_cast<double>(box.rows * box.points * box.units);
                progress.report(done, total);
            }
    writer.markComplete(RowIndex{0}, plan.rows());
}

}  // namespace

ImportOutcome importTrace(const fs::path& input, const fs::path& output, const ImportOptions& options,
                          Progress& progress) {
    OutputFile(output, options.ifExists);  // before anything is read
    progress.setStage("reading " + input.filename().string());
    Plan plan = planImport(input, options);
    // Points that are left out are the last: their arrays need not be unpacked.
    if (!plan.oneForAll()) plan.arrays.resize(static_cast<std::size_t>(plan.points()));

    NotFinite notFinite;
    notFinite.rows.assign(static_cast<std::size_t>(plan.rows()), 0);
    writeWhole(output, options.ifExists, [&](const fs::path& temporary) {
        TraceWriter writer = TraceWriter::create(temporary, plan.info, IfExists::Refuse);
        Progress unpacking = progress.part(0, 0.3);
        const fs::path folder = output.has_parent_path() ? output.parent_path() : fs::path(".");
        plan.source->prepare(plan.arrays, folder, unpacking);
        Progress copying = progress.part(0.3, 1);
        copying.setStage("importing");
        copyAll(plan, writer, notFinite, copying);
        writer.close();
    });

    ImportOutcome outcome;
    outcome.rows = plan.rows();
    outcome.points = plan.points();
    outcome.units = plan.info.units;
    outcome.notFinite = notFinite.nans + notFinite.infinities;
    outcome.notes = std::move(plan.notes);
    outcome.warnings = std::move(plan.warnings);
    if (outcome.notFinite > 0)
        outcome.warnings.push_back(fmt::format(
            "not finite: {} NaN and {} infinite (for instance {}); statistics leave out the rows with such a "
            "value: {} of {}",
            notFinite.nans, notFinite.infinities, notFinite.example,
            std::accumulate(notFinite.rows.begin(), notFinite.rows.end(), std::int64_t{0}), outcome.rows));
    return outcome;
}

}  // namespace rheo
