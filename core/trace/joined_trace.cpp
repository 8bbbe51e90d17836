#include "core/trace/joined_trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "core/base/error.h"
#include "core/base/hash.h"

namespace rheo {

namespace {

/// Values read at a time where only some of them are wanted.
constexpr std::int64_t blockValues = std::int64_t{1} << 22;

void checkRange(std::int64_t first, std::int64_t count, std::int64_t size, const char* what) {
    if (first < 0 || count < 0 || first > size - count)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("{}s {} to {} are asked for, and the trace has {}", what, first,
                                first + count - 1, size));
}

/// Replaces picks of joined traces by picks of what those are made of, and leaves out parts that nothing is
/// picked from.
void seeThrough(std::vector<std::shared_ptr<const Trace>>& parts, std::vector<PickedRow>& rows) {
    std::vector<std::shared_ptr<const Trace>> flat;
    const auto indexIn = [&flat](const std::shared_ptr<const Trace>& part) {
        const auto place = std::find(flat.begin(), flat.end(), part) - flat.begin();
        if (place == static_cast<std::ptrdiff_t>(flat.size())) flat.push_back(part);
        return static_cast<std::int32_t>(place);
    };
    std::vector<const JoinedTrace*> joined;
    // For each part, where it (or each of its own parts) is in `flat`; -1 until a row needs it.
    std::vector<std::vector<std::int32_t>> places;
    for (const auto& part : parts) {
        joined.push_back(dynamic_cast<const JoinedTrace*>(part.get()));
        places.emplace_back(joined.back() != nullptr ? joined.back()->parts().size() : 1, -1);
    }
    for (PickedRow& row : rows) {
        const auto part = static_cast<std::size_t>(row.part);
        std::size_t inner = 0;
        if (joined[part] != nullptr) {
            const PickedRow& source = joined[part]->picked()[static_cast<std::size_t>(row.row)];
            inner = static_cast<std::size_t>(source.part);
            row.row = source.row;
        }
        std::int32_t& place = places[part][inner];
        if (place < 0) place = indexIn(joined[part] != nullptr ? joined[part]->parts()[inner] : parts[part]);
        row.part = place;
    }
    parts = std::move(flat);
}

bool isWhole(const Trace& part, const std::vector<PickedRow>& rows, const std::vector<Sample>& samples) {
    const TraceInfo& info = part.info();
    if (rows.size() != info.rows.size()) return false;
    for (std::size_t n = 0; n < rows.size(); ++n)
        if (rows[n].row != static_cast<std::int64_t>(n) || rows[n].sample != info.rows[n].sample)
            return false;
    return samples == info.samples;
}

}  // namespace

std::shared_ptr<const Trace> JoinedTrace::pick(std::vector<std::shared_ptr<const Trace>> parts,
                                               std::vector<PickedRow> rows, std::vector<Sample> samples) {
    if (parts.empty()) throw Error(ErrorCode::InvalidArgument, "rows are to be picked, and from no trace");
    const TraceInfo& like = parts.front()->info();
    for (const auto& part : parts) {
        if (part->units() != like.units)
            throw Error(ErrorCode::Mismatch, fmt::format("a trace of {} units cannot be joined to one of {}",
                                                         part->units(), like.units));
        if (part->info().points != like.points)
            throw Error(
                ErrorCode::Mismatch,
                fmt::format("traces of different points cannot be joined: {} from {} to {}, and {} "
                            "from {} to {}",
                            like.points.size(), pointName(like.points.front()), pointName(like.points.back()),
                            part->points(), pointName(part->info().points.front()),
                            pointName(part->info().points.back())));
    }
    for (const PickedRow& row : rows) {
        checkRange(row.part, 1, static_cast<std::int64_t>(parts.size()), "part");
        checkRange(row.row, 1, parts[static_cast<std::size_t>(row.part)]->rows(), "row");
        checkRange(row.sample, 1, static_cast<std::int64_t>(samples.size()), "sample");
    }

    const auto first = parts.front();
    seeThrough(parts, rows);
    if (parts.empty()) parts.push_back(first);  // no row at all: points and units are still those
    if (parts.size() == 1 && isWhole(*parts.front(), rows, samples)) return parts.front();

    std::shared_ptr<JoinedTrace> trace(new JoinedTrace);
    TraceInfo& info = trace->m_info;
    info.points = like.points;
    info.units = like.units;
    info.samples = std::move(samples);
    info.bfloat16 =
        std::all_of(parts.begin(), parts.end(), [](const auto& part) { return part->info().bfloat16; });
    for (const auto& part : parts)
        if (!info.model) info.model = part->info().model;
    info.rows.reserve(rows.size());
    for (const PickedRow& row : rows) {
        info.rows.push_back(
            parts[static_cast<std::size_t>(row.part)]->info().rows[static_cast<std::size_t>(row.row)]);
        info.rows.back().sample = row.sample;
    }
    trace->m_parts = std::move(parts);
    trace->m_picked = std::move(rows);
    return trace;
}

/// Calls read(part, first row there, count, rows before it) for runs of rows that lie together in a part.
template <class Read>
void JoinedTrace::forEachRun(RowIndex first, std::int64_t count, Read read) const {
    checkRange(first.value(), count, rows(), "row");
    for (std::int64_t n = 0; n < count;) {
        const PickedRow* start = m_picked.data() + first.value() + n;
        std::int64_t run = 1;
        while (n + run < count && start[run].part == start->part && start[run].row == start->row + run) ++run;
        read(*m_parts[static_cast<std::size_t>(start->part)], start->row, run, n);
        n += run;
    }
}

void JoinedTrace::readRows(RowIndex first, std::int64_t count, float* out) const {
    forEachRun(first, count, [&](const Trace& part, std::int64_t row, std::int64_t run, std::int64_t n) {
        part.readRows(RowIndex{row}, run, out + n * points() * units());
    });
}

void JoinedTrace::readPoint(PointIndex point, RowIndex first, std::int64_t count, float* out) const {
    checkRange(point.value(), 1, points(), "point");
    forEachRun(first, count, [&](const Trace& part, std::int64_t row, std::int64_t run, std::int64_t n) {
        part.readPoint(point, RowIndex{row}, run, out + n * units());
    });
}

void JoinedTrace::readUnits(UnitIndex first, std::int64_t count, float* out) const {
    checkRange(first.value(), count, units(), "unit");
    std::vector<std::int64_t> used(m_parts.size(), 0);
    for (const PickedRow& row : m_picked) ++used[static_cast<std::size_t>(row.part)];

    const auto sliceBytes = static_cast<std::size_t>(count) * sizeof(float);
    std::vector<float> buffer;
    for (std::size_t i = 0; i < m_parts.size(); ++i) {
        const Trace& part = *m_parts[i];
        const auto mine = [&](std::size_t n) { return m_picked[n].part == static_cast<std::int32_t>(i); };
        if (2 * used[i] >= part.rows()) {
            buffer.resize(static_cast<std::size_t>(part.rows() * points() * count));
            part.readUnits(first, count, buffer.data());
            for (std::size_t n = 0; n < m_picked.size(); ++n)
                if (mine(n))
                    std::memcpy(out + static_cast<std::int64_t>(n) * points() * count,
                                buffer.data() + m_picked[n].row * points() * count,
                                static_cast<std::size_t>(points()) * sliceBytes);
            continue;
        }
        const std::int64_t perRow = points() * units();
        const std::int64_t atOnce =
            std::max<std::int64_t>(1, blockValues / std::max<std::int64_t>(1, perRow));
        for (std::size_t n = 0; n < m_picked.size();) {
            if (!mine(n)) {
                ++n;
                continue;
            }
            std::size_t run = 1;
            while (n + run < m_picked.size() && static_cast<std::int64_t>(run) < atOnce && mine(n + run) &&
                   m_picked[n + run].row == m_picked[n].row + static_cast<std::int64_t>(run))
                ++run;
            buffer.resize(run * static_cast<std::size_t>(perRow));
            part.readRows(RowIndex{m_picked[n].row}, static_cast<std::int64_t>(run), buffer.data());
            const std::int64_t states = static_cast<std::int64_t>(run) * points();
            for (std::int64_t s = 0; s < states; ++s)
                std::memcpy(out + (static_cast<std::int64_t>(n) * points() + s) * count,
                            buffer.data() + s * units() + first.value(), sliceBytes);
            n += run;
        }
    }
}

std::string JoinedTrace::sourceHash() const {
    Sha256 hash;
    for (const auto& part : m_parts) hash.update(part->sourceHash());
    for (const PickedRow& row : m_picked)
        hash.update(fmt::format("{},{},{};", row.part, row.row, row.sample));
    for (const Sample& sample : m_info.samples) {
        hash.update(std::to_string(sample.text.size()) + ":" + sample.text);
        hash.update(std::as_bytes(std::span(sample.tokenIds)));
        if (!sample.group.empty()) hash.update(sample.group + ";");
    }
    return hash.hex();
}

}  // namespace rheo
