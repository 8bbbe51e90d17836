#include "core/trace/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <tuple>

#include "core/base/error.h"
#include "core/trace/hdf5_file.h"
#include "core/trace/trace_format.h"
#include "core/trace/trace_reader.h"
#include "core/trace/trace_writer.h"

namespace rheo {

namespace fs = std::filesystem;
namespace tf = trace_format;

namespace {

/// Values copied at a time.
constexpr std::int64_t blockValues = std::int64_t{1} << 24;

/// Where a row of the merged trace comes from.
struct MergedRow {
    TraceRow row;
    std::int32_t shard;
    std::int64_t at;
};

[[noreturn]] void refuse(const fs::path& path, const std::string& why) {
    throw Error(ErrorCode::Mismatch, fmt::format("{}: {}", path.string(), why), path.string());
}

std::vector<std::shared_ptr<const TraceReader>> openShards(const std::vector<fs::path>& paths) {
    std::vector<std::shared_ptr<const TraceReader>> shards;
    for (const auto& path : paths) {
        shards.push_back(TraceReader::open(path));
        const TraceReader& shard = *shards.back();
        if (shard.completeRows() < shard.storedRows())
            refuse(path, fmt::format("{} of its {} rows are not complete; finish it with rheo capture "
                                     "--resume first",
                                     shard.storedRows() - shard.completeRows(), shard.storedRows()));
        if (const auto what = captureDifference(shards.front()->info(), shard.info()); !what.empty())
            refuse(path, fmt::format("its {} {} not what {} has; only shards of one capture can be merged",
                                     what, what.ends_with('s') ? "are" : "is", paths.front().string()));
    }
    return shards;
}

/// All rows in the order of an undivided capture.
std::vector<MergedRow> orderRows(const std::vector<fs::path>& paths,
                                 const std::vector<std::shared_ptr<const TraceReader>>& shards) {
    std::vector<MergedRow> rows;
    for (std::size_t s = 0; s < shards.size(); ++s) {
        const auto& own = shards[s]->info().rows;
        for (std::size_t n = 0; n < own.size(); ++n)
            rows.push_back({own[n], static_cast<std::int32_t>(s), static_cast<std::int64_t>(n)});
    }
    std::stable_sort(rows.begin(), rows.end(), [](const MergedRow& a, const MergedRow& b) {
        return std::tie(a.row.sample, a.row.position) < std::tie(b.row.sample, b.row.position);
    });
    const auto same =
        std::adjacent_find(rows.begin(), rows.end(), [](const MergedRow& a, const MergedRow& b) {
            return a.row.sample == b.row.sample && a.row.position == b.row.position;
        });
    if (same != rows.end()) {
        const auto other = same + 1;
        refuse(paths[static_cast<std::size_t>(other->shard)],
               fmt::format("sample {}, position {} is there twice: in it and in {}", same->row.sample,
                           same->row.position, paths[static_cast<std::size_t>(same->shard)].string()));
    }
    return rows;
}

/// The path of a shard relative to the folder of the merged file. Throws where it is not in it.
std::string nameFor(const fs::path& shard, const fs::path& output) {
    const fs::path there = fs::weakly_canonical(fs::absolute(shard));
    const fs::path folder = fs::weakly_canonical(fs::absolute(output)).parent_path();
    const fs::path relative = there.lexically_relative(folder);
    if (relative.empty() || *relative.begin() == "..")
        refuse(
            shard,
            fmt::format("it is not in the folder of {} or below it, so that the merged trace could not show "
                        "its states; move it there, or merge with --copy",
                        output.string()));
    return relative.string();
}

void writeVirtual(const OutputFile& output, const std::vector<std::shared_ptr<const TraceReader>>& shards,
                  const TraceInfo& info, const std::vector<MergedRow>& rows) {
    std::vector<Hdf5Part> parts;
    std::vector<std::string> names, digests;
    for (const auto& shard : shards) {
        names.push_back(nameFor(shard->path(), output.path()));
        digests.push_back(shard->contentDigest());
        parts.push_back({names.back(), {}});
    }
    for (std::size_t n = 0; n < rows.size(); ++n) {
        // Rows of a shard keep their order, because a shard has them in the order of the whole.
        auto& part = parts[static_cast<std::size_t>(rows[n].shard)];
        if (static_cast<std::int64_t>(part.rows.size()) != rows[n].at)
            refuse(shards[static_cast<std::size_t>(rows[n].shard)]->path(),
                   "its rows are not in the order of a capture; merge with --copy");
        part.rows.push_back(static_cast<std::int64_t>(n));
    }
    Hdf5File file = Hdf5File::create(output.temporary(), output.path());
    writeTraceHeader(file, info);
    file.write<std::uint8_t>(tf::rowComplete, std::vector<std::uint8_t>(rows.size(), 1), {std::ssize(rows)});
    file.writeStrings(tf::shardFile, names);
    file.writeStrings(tf::shardDigest, digests);
    const std::vector<std::int64_t> shape{static_cast<std::int64_t>(rows.size()),
                                          static_cast<std::int64_t>(info.points.size()), info.units};
    // What is not found reads as NaN, never as a state of zeros.
    if (info.bfloat16)
        file.createVirtual<std::uint16_t>(tf::residual, shape, parts, 0x7fc0);
    else
        file.createVirtual<float>(tf::residual, shape, parts, std::numeric_limits<float>::quiet_NaN());
    file.setAttribute(tf::residual, "encoding", std::string(info.bfloat16 ? "bfloat16" : "float32"));
    file.close();
}

void writeCopy(const OutputFile& output, const std::vector<std::shared_ptr<const TraceReader>>& shards,
               const TraceInfo& info, const std::vector<MergedRow>& rows, Progress& progress) {
    TraceWriter writer = TraceWriter::createIn(output, info);
    const auto perRow = static_cast<std::int64_t>(info.points.size()) * info.units;
    const auto count = static_cast<std::int64_t>(rows.size());
    const std::int64_t block = std::clamp<std::int64_t>(blockValues / perRow, 1, count);
    std::vector<float> states(static_cast<std::size_t>(block * perRow)), own;
    for (std::int64_t first = 0; first < count; first += block) {
        const std::int64_t end = std::min(count, first + block);
        // A shard's rows of this block lie together in the shard: one read each.
        for (std::size_t s = 0; s < shards.size(); ++s) {
            progress.check();
            std::vector<std::int64_t> mine;
            for (std::int64_t n = first; n < end; ++n)
                if (rows[static_cast<std::size_t>(n)].shard == static_cast<std::int32_t>(s))
                    mine.push_back(n);
            for (std::size_t k = 0; k < mine.size();) {
                const std::int64_t at = rows[static_cast<std::size_t>(mine[k])].at;
                std::size_t run = 1;
                while (k + run < mine.size() && rows[static_cast<std::size_t>(mine[k + run])].at ==
                                                    at + static_cast<std::int64_t>(run))
                    ++run;
                own.resize(run * static_cast<std::size_t>(perRow));
                shards[s]->readRows(RowIndex{at}, static_cast<std::int64_t>(run), own.data());
                for (std::size_t i = 0; i < run; ++i)
                    std::copy_n(own.data() + static_cast<std::int64_t>(i) * perRow, perRow,
                                states.data() + (mine[k + i] - first) * perRow);
                k += run;
            }
        }
        writer.writeRows(RowIndex{first}, end - first, states.data());
        progress.report(static_cast<double>(end), static_cast<double>(count));
    }
    writer.close();
}

}  // namespace

MergeOutcome mergeTraces(const std::vector<fs::path>& paths, const fs::path& output,
                         const MergeOptions& options, Progress& progress) {
    if (paths.empty()) throw Error(ErrorCode::InvalidArgument, "no shard is given");
    requireOutput(output, options.ifExists, paths);
    progress.setStage("merging");
    const auto shards = openShards(paths);
    const std::vector<MergedRow> rows = orderRows(paths, shards);
    TraceInfo info = shards.front()->info();
    info.rows.clear();
    for (const auto& merged : rows) info.rows.push_back(merged.row);

    OutputFile file(output, options.ifExists);
    if (options.copy)
        writeCopy(file, shards, info, rows, progress);
    else
        writeVirtual(file, shards, info, rows);
    file.commit();

    MergeOutcome outcome;
    outcome.rows = static_cast<std::int64_t>(rows.size());
    std::vector<std::uint8_t> present(info.samples.size(), 0);
    for (const auto& row : info.rows)
        if (static_cast<std::size_t>(row.sample) < present.size())
            present[static_cast<std::size_t>(row.sample)] = 1;
    if (const auto missing = std::count(present.begin(), present.end(), 0); missing > 0)
        outcome.warnings.push_back(
            fmt::format("{} of the {} samples have no row: a shard may be missing", missing, present.size()));
    return outcome;
}

}  // namespace rheo
