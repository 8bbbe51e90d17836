#include "core/trace/import.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "core/trace/import_checks.h"
#include "core/trace/import_copy.h"
#include "core/trace/import_plan.h"
#include "core/trace/trace_writer.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

/// Values worked on at a time.
constexpr std::int64_t pieceValues = std::int64_t{1} << 24;

/// Extents of the boxes the copy goes in: whole chunks of the trace, grown first along the axis that is
/// contiguous in the input, so that both files are read and written in long runs.
TraceBox boxExtents(const ImportPlan& plan) {
    const std::int64_t full[3] = {plan.rows(), plan.points(), plan.info.units};
    const auto chunk = traceChunk(full[0], full[1], full[2]);
    const ImportArray& array = plan.parts.front().array;
    const bool oneToken = plan.parts.front().extents.tokens == 1;
    std::int64_t strides[3] = {0, std::numeric_limits<std::int64_t>::max(), 0};
    const auto inArray = denseStrides(array.shape, elementBytes(*array.type), array.columnMajor);
    for (std::size_t axis = 0; axis < plan.layout.size(); ++axis) switch (plan.layout[axis]) {
            case ImportAxis::Batch:
                if (oneToken) strides[0] = inArray[axis];
                break;
            case ImportAxis::Row:
                if (!oneToken || strides[0] == 0) strides[0] = inArray[axis];
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

/// Copies all states, and shows them to `checks` on the way.
void copyAll(ImportPlan& plan, TraceWriter& writer, ImportChecks& checks, Progress& progress) {
    const TraceBox extent = boxExtents(plan);
    std::vector<float> states(static_cast<std::size_t>(extent.rows * extent.points * extent.units));
    const auto total =
        static_cast<double>(plan.rows() * plan.points()) * static_cast<double>(plan.info.units);
    double done = 0;
    for (std::int64_t row = 0; row < plan.rows(); row += extent.rows)
        for (std::int64_t point = 0; point < plan.points(); point += extent.points)
            for (std::int64_t unit = 0; unit < plan.info.units; unit += extent.units) {
                const TraceBox box{row,   std::min(extent.rows, plan.rows() - row),
                                   point, std::min(extent.points, plan.points() - point),
                                   unit,  std::min(extent.units, plan.info.units - unit)};
                readBox(plan, box, states.data(), progress);
                plan.source->requireUnchanged();
                checks.add(box, states.data());
                writer.writeBox(box, states.data());
                plan.source->forget();
                done += static_cast<double>(box.rows * box.points * box.units);
                progress.report(done, total);
            }
    writer.markComplete(RowIndex{0}, plan.rows());
}

std::vector<std::size_t> neededArrays(const ImportPlan& plan) {
    std::vector<std::size_t> needed;
    for (const auto& part : plan.parts) {
        needed.insert(needed.end(), part.arrays.begin(), part.arrays.end());
        for (const auto& pair : part.repeated) needed.insert(needed.end(), {pair.left, pair.kept});
    }
    std::sort(needed.begin(), needed.end());
    needed.erase(std::unique(needed.begin(), needed.end()), needed.end());
    return needed;
}

std::string originOf(const fs::path& input, const ImportPlan& plan) {
    std::string origin = fmt::format("imported from {} ({})", input.filename().string(), plan.source->kind());
    for (const auto* list : {&plan.notes, &plan.warnings})
        for (const auto& sentence : *list) origin += "; " + sentence;
    return origin;
}

/// Files that are read: the input, a list of sites, and a mask (FILE or FILE:NAME). Names that are no files
/// do no harm.
std::vector<fs::path> inputsOf(const fs::path& input, const ImportOptions& options) {
    return {input, options.sites, options.mask, options.mask.substr(0, options.mask.rfind(':'))};
}

/// The origin is known in full once all states were measured.
void storeOrigin(const fs::path& trace, const std::string& origin) {
    Hdf5File file = Hdf5File::openForWriting(trace);
    file.setAttribute("/", "origin", origin);
    file.close();
}

}  // namespace

ImportOutcome importTrace(const fs::path& input, const fs::path& output, const ImportOptions& options,
                          Progress& progress) {
    requireOutput(output, options.ifExists, inputsOf(input, options));  // before anything is read
    progress.setStage("reading " + input.filename().string());
    const fs::path folder = output.has_parent_path() ? output.parent_path() : fs::path(".");
    ImportPlan plan = planImport(input, options, folder);
    plan.info.origin = originOf(input, plan);

    ImportOutcome outcome;
    OutputFile file(output, options.ifExists);
    {
        TraceWriter writer = TraceWriter::createIn(file, plan.info);
        Progress unpacking = progress.part(0, 0.3);
        plan.source->prepare(neededArrays(plan), folder, unpacking);
        Progress comparing = progress.part(0.3, 0.4), copying = progress.part(0.4, 1);
        copying.setStage("importing");
        checkRepeated(plan, comparing);
        checkAxisOrder(plan, comparing);
        ImportChecks checks(plan);
        copyAll(plan, writer, checks, copying);
        checks.finish(plan, outcome);
        writer.close();
        storeOrigin(file.temporary(), originOf(input, plan));
    }
    file.commit();

    outcome.rows = plan.rows();
    outcome.points = plan.points();
    outcome.units = plan.info.units;
    outcome.samples = static_cast<std::int64_t>(plan.info.samples.size());
    outcome.notes = std::move(plan.notes);
    outcome.warnings = std::move(plan.warnings);
    return outcome;
}

}  // namespace rheo
