#include "core/trace/trace_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/trace/stored_trace.h"
#include "core/trace/trace_format.h"

namespace rheo {

namespace tf = trace_format;

namespace {

/// Rows whose states go into the digest of a file.
constexpr std::int64_t hashedRows = 64;
/// How deep merged traces may be made of merged traces.
constexpr int mostShardLevels = 8;

/// The file that `name`, as a merged trace gives it, leads to. Throws where it is not in the folder of that
/// trace, or in one below it.
std::filesystem::path shardPath(const std::filesystem::path& merged, const std::string& name) {
    const auto refuse = [&](const char* what) {
        throw Error(
            ErrorCode::Unsupported,
            fmt::format("{} shows the states of {}, which {}; only files in its own folder or below it are "
                        "read: put the shards there and merge them again, or merge with --copy",
                        merged.string(), name, what),
            merged.string());
    };
    const std::filesystem::path relative = name;
    if (relative.is_absolute()) refuse("is an absolute path");
    for (const auto& step : relative)
        if (step == "..") refuse("leads out of its folder");
    std::error_code failed;
    const auto folder = std::filesystem::weakly_canonical(merged, failed).parent_path();
    const auto shard = folder / relative;
    if (!std::filesystem::exists(shard, failed))
        throw Error(
            ErrorCode::NotFound,
            fmt::format("{} shows the states of {}, which is not there; put it back, or merge the shards "
                        "again (with --copy they are not needed any more)",
                        merged.string(), shard.string()),
            merged.string());
    const auto inFolder = std::filesystem::weakly_canonical(shard, failed).lexically_relative(folder);
    if (inFolder.empty() || *inFolder.begin() == "..")
        refuse("is a symbolic link that leads out of its folder");
    return shard;
}

/// Digests of the shards, as they were when they were merged; none in files of version 1.
std::vector<std::string> shardDigests(const Hdf5File& file, const std::vector<Hdf5Part>& parts) {
    if (!file.hasStrings(tf::shardFile) && !file.seal()) return {};
    const auto names = file.readStrings(tf::shardFile);
    const auto digests = file.readStrings(tf::shardDigest);
    const bool same =
        names.size() == parts.size() && digests.size() == parts.size() &&
        std::equal(names.begin(), names.end(), parts.begin(),
                   [](const std::string& name, const Hdf5Part& part) { return name == part.file; });
    if (!same)
        throw Error(ErrorCode::Format,
                    fmt::format("{}, {}: it does not name the files that {} shows", file.path().string(),
                                tf::shardFile, tf::residual),
                    file.path().string());
    return digests;
}

/// 1 for each row whose states are there. Throws where the marks of a file with digests are neither 0 nor 1.
std::vector<std::uint8_t> marksOf(const StoredTrace& stored, const ResidualSource& residual,
                                  const Hdf5File& file) {
    std::vector<std::uint8_t> complete = stored.complete;
    if (file.seal() == nullptr) return complete;
    for (std::size_t n = 0; n < complete.size(); ++n) {
        if (complete[n] > 1)
            throw Error(ErrorCode::Format,
                        fmt::format("{} is damaged: {} of row {} is {}, and 0 or 1 was expected",
                                    file.path().string(), tf::rowComplete, n, complete[n]),
                        file.path().string());
        // Killed between the states and their mark: the states are there all the same.
        if (complete[n] == 0) complete[n] = residual.matchesDigests(static_cast<std::int64_t>(n)) ? 1 : 0;
    }
    return complete;
}

}  // namespace

std::shared_ptr<const TraceReader> TraceReader::open(const std::filesystem::path& path,
                                                     std::size_t cacheBytes) {
    return open(path, cacheBytes, mostShardLevels);
}

std::shared_ptr<const TraceReader> TraceReader::open(const std::filesystem::path& path,
                                                     std::size_t cacheBytes, int shardsLeft) {
    auto reader = std::shared_ptr<TraceReader>(new TraceReader(Hdf5File::openForReading(path, cacheBytes)));
    const Hdf5File& file = reader->m_file;
    StoredTrace stored = readStoredTrace(file);
    reader->m_storedRows = std::ssize(stored.complete);
    reader->m_info = std::move(stored.info);
    if (const auto parts = file.virtualParts(tf::residual); !parts.empty()) {
        reader->openShards(parts, cacheBytes, shardsLeft);
        reader->keepCompleteRows(stored.complete);
        return reader;
    }
    reader->m_residual = sealedResidual(file, reader->m_info.bfloat16);
    if (!reader->m_residual) reader->m_residual = hdf5Residual(file, reader->m_info.bfloat16);
    reader->keepCompleteRows(marksOf(stored, *reader->m_residual, file));
    return reader;
}

void TraceReader::keepCompleteRows(const std::vector<std::uint8_t>& complete) {
    if (std::find(complete.begin(), complete.end(), 0) == complete.end()) return;
    std::vector<TraceRow> rows;
    for (std::size_t n = 0; n < complete.size(); ++n) {
        if (complete[n] == 0) continue;
        rows.push_back(m_info.rows[n]);
        m_fileRow.push_back(static_cast<std::int64_t>(n));
    }
    m_info.rows = std::move(rows);
}

void TraceReader::openShards(const std::vector<Hdf5Part>& parts, std::size_t cacheBytes, int shardsLeft) {
    const auto refuse = [&](ErrorCode code, const std::string& what) {
        throw Error(code,
                    fmt::format("{}: {}; merge the shards again (with --copy they are not needed any more)",
                                path().string(), what),
                    path().string());
    };
    if (shardsLeft == 0) refuse(ErrorCode::Unsupported, "it shows files that show files, without end");
    std::vector<std::filesystem::path> files;
    for (const auto& part : parts) files.push_back(shardPath(path(), part.file));
    const std::vector<std::string> digests = shardDigests(m_file, parts);
    m_shardRows.assign(m_info.rows.size(), {-1, 0});
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto shard = open(files[i], cacheBytes, shardsLeft - 1);
        const std::string name = shard->path().string();
        if (!digests.empty() && shard->contentDigest() != digests[i])
            refuse(ErrorCode::Mismatch, fmt::format("{} is not the shard that was merged", name));
        if (const auto what = captureDifference(m_info, shard->info()); !what.empty())
            refuse(ErrorCode::Mismatch, fmt::format("the {} of {} differ from what was merged", what, name));
        if (shard->rows() != std::ssize(parts[i].rows))
            refuse(ErrorCode::Mismatch, fmt::format("{} has {} rows where {} were merged", name,
                                                    shard->rows(), parts[i].rows.size()));
        for (std::size_t k = 0; k < parts[i].rows.size(); ++k) {
            const auto row = static_cast<std::size_t>(parts[i].rows[k]);
            if (row >= m_shardRows.size() || m_shardRows[row].shard >= 0)
                refuse(ErrorCode::Format, fmt::format("row {} is shown twice", row));
            if (shard->info().rows[k] != m_info.rows[row])
                refuse(ErrorCode::Mismatch, fmt::format("row {} of {} is another token", k, name));
            m_shardRows[row] = {static_cast<std::int32_t>(i), static_cast<std::int64_t>(k)};
        }
        m_shards.push_back(shard);
    }
    for (std::size_t row = 0; row < m_shardRows.size(); ++row)
        if (m_shardRows[row].shard < 0) refuse(ErrorCode::Format, fmt::format("no file holds row {}", row));
}

void TraceReader::readBox(const TraceBox& box, float* out) const {
    if (box.row < 0 || box.rows < 0 || box.row > rows() - box.rows)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("{}: rows {} to {} are asked for, and there are {}", path().string(), box.row,
                                box.row + box.rows - 1, rows()),
                    path().string());
    const auto fileRow = [&](std::int64_t row) {
        return m_fileRow.empty() ? row : m_fileRow[static_cast<std::size_t>(row)];
    };
    const auto place = [&](std::int64_t row) {
        return m_shards.empty() ? ShardRow{0, fileRow(row)}
                                : m_shardRows[static_cast<std::size_t>(fileRow(row))];
    };
    // Runs of rows that lie together in a file.
    for (std::int64_t n = 0; n < box.rows;) {
        const ShardRow first = place(box.row + n);
        std::int64_t run = 1;
        while (n + run < box.rows) {
            const ShardRow next = place(box.row + n + run);
            if (next.shard != first.shard || next.row != first.row + run) break;
            ++run;
        }
        TraceBox part = box;
        part.row = first.row;
        part.rows = run;
        float* const to = out + n * box.points * box.units;
        if (m_shards.empty())
            m_residual->read(part, to);
        else
            m_shards[static_cast<std::size_t>(first.shard)]->readBox(part, to);
        n += run;
    }
}

void TraceReader::readRows(RowIndex first, std::int64_t count, float* out) const {
    readBox({first.value(), count, 0, points(), 0, units()}, out);
}

void TraceReader::readPoint(PointIndex point, RowIndex first, std::int64_t count, float* out) const {
    if (point.value() < 0 || point.value() >= points())
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("{}: point {} of {}", path().string(), point.value(), points()),
                    path().string());
    readBox({first.value(), count, point.value(), 1, 0, units()}, out);
}

void TraceReader::readUnits(UnitIndex first, std::int64_t count, float* out) const {
    readUnitsOfRows(first, count, RowIndex{0}, rows(), out);
}

void TraceReader::readUnitsOfRows(UnitIndex firstUnit, std::int64_t unitCount, RowIndex first,
                                  std::int64_t count, float* out) const {
    if (firstUnit.value() < 0 || unitCount < 1 || firstUnit.value() > units() - unitCount)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("{}: units {} to {} of {}", path().string(), firstUnit.value(),
                                firstUnit.value() + unitCount - 1, units()),
                    path().string());
    readBox({first.value(), count, 0, points(), firstUnit.value(), unitCount}, out);
}

std::string TraceReader::contentDigest() const {
    std::string digest = m_residual ? m_residual->contentDigest() : "";
    if (!m_shards.empty() && m_file.seal() != nullptr) digest = m_file.seal()->digest;
    return digest.empty() ? sourceHash() : digest;
}

std::string TraceReader::sourceHash() const {
    Sha256 hash;
    hash.update(fmt::format("{},{},{},{};", rows(), points(), units(), m_info.bfloat16));
    for (const auto& point : m_info.points) hash.update(pointName(point) + ";");
    for (const auto& row : m_info.rows)
        hash.update(fmt::format("{},{},{};", row.sample, row.position, row.tokenId));
    for (std::size_t s = 0; s < m_info.samples.size(); ++s)
        if (const auto& group = m_info.samples[s].group; !group.empty())
            hash.update(fmt::format("{},{},{};", s, group.size(), group));
    if (m_info.model)
        hash.update(m_info.model->configSha256 + m_info.model->weightsSha256 + m_info.model->dtype);
    std::vector<float> states(static_cast<std::size_t>(points() * units()));
    const std::int64_t sampled = std::min(hashedRows, rows());
    for (std::int64_t i = 0; i < sampled; ++i) {
        readRows(RowIndex{sampled > 1 ? i * (rows() - 1) / (sampled - 1) : 0}, 1, states.data());
        hash.update(std::as_bytes(std::span(states)));
    }
    return hash.hex();
}

}  // namespace rheo
