#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/array.h"
#include "core/base/index.h"
#include "core/base/model_identity.h"
#include "core/base/residual_point.h"

namespace rheo {

/// Which token of which sample a row is.
struct TraceRow {
    std::int32_t sample = 0;
    std::int32_t position = 0;  ///< from 0, BOS included
    std::int32_t tokenId = -1;  ///< -1 where a trace from elsewhere does not say
    friend bool operator==(const TraceRow&, const TraceRow&) = default;
};

struct Sample {
    std::string text;  ///< UTF-8, may be empty
    std::vector<std::int32_t> tokenIds;
    /// Samples that depend on each other (paragraphs of one document) share a group; empty: a group of its
    /// own.
    std::string group = {};
    std::map<std::string, std::string> columns = {};  ///< what else its prompt said, by name: "topic": "art"
    friend bool operator==(const Sample&, const Sample&) = default;
};

/// Everything a trace says but the states themselves.
struct TraceInfo {
    std::vector<ResidualPoint> points;  ///< P, in order of depth
    std::int64_t units = 0;             ///< D
    std::vector<TraceRow> rows;         ///< N
    std::vector<Sample> samples;
    std::optional<ModelIdentity> model;
    bool bfloat16 = false;  ///< stored as bfloat16; values are handed out as float32 all the same
    /// Where the states of an imported trace come from, and what is to be known of them; for a person.
    std::string origin = {};
};

/// What keeps two traces from holding rows of one capture ("points", "model", ...); empty if nothing does.
std::string captureDifference(const TraceInfo& one, const TraceInfo& other);

/// States X[n, p, u], float32: N rows, P points, D units. Read-only and safe to call from several
/// threads. Two kinds: MemoryTrace below, and the file behind TraceReader.
class Trace {
public:
    virtual ~Trace() = default;
    virtual const TraceInfo& info() const = 0;

    std::int64_t rows() const { return static_cast<std::int64_t>(info().rows.size()); }
    std::int64_t points() const { return static_cast<std::int64_t>(info().points.size()); }
    std::int64_t units() const { return info().units; }

    /// Rows first .. first + count - 1 into `out`, [row, point, unit].
    /// All three throw Error(InvalidArgument) out of range and Error(Io) naming the file.
    virtual void readRows(RowIndex first, std::int64_t count, float* out) const = 0;
    /// One point of rows first .. first + count - 1 into `out`, [row, unit].
    virtual void readPoint(PointIndex point, RowIndex first, std::int64_t count, float* out) const = 0;
    /// Units first .. first + count - 1 of all rows and points into `out`, [row, point, unit].
    virtual void readUnits(UnitIndex first, std::int64_t count, float* out) const = 0;
    /// The same units of rows first .. first + count - 1 alone, [row, point, unit]: for reading in pieces
    /// that a stop can come between. As it is here, whole rows are read.
    virtual void readUnitsOfRows(UnitIndex firstUnit, std::int64_t unitCount, RowIndex first,
                                 std::int64_t count, float* out) const;
    /// A digest of what the trace holds, 64 hexadecimal digits: names the source in results. For a
    /// file: of its sizes, rows, points, model and sampled data.
    virtual std::string sourceHash() const = 0;
};

/// A trace held in memory: what the window captures, and what tests make.
class MemoryTrace : public Trace {
public:
    /// `states` is [row, point, unit] and matches `info`; throws Error(Mismatch) otherwise.
    MemoryTrace(TraceInfo info, Array3F states);

    const TraceInfo& info() const override { return m_info; }
    const Array3F& states() const { return m_states; }
    void readRows(RowIndex first, std::int64_t count, float* out) const override;
    void readPoint(PointIndex point, RowIndex first, std::int64_t count, float* out) const override;
    void readUnits(UnitIndex first, std::int64_t count, float* out) const override;
    void readUnitsOfRows(UnitIndex firstUnit, std::int64_t unitCount, RowIndex first, std::int64_t count,
                         float* out) const override;
    std::string sourceHash() const override;

private:
    TraceInfo m_info;
    Array3F m_states;
};

}  // namespace rheo
