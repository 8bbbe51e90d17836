#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/trace/hdf5_file.h"

namespace rheo {

/// A part of a trace: rows row .. row + rows - 1, and so on.
struct TraceBox {
    std::int64_t row = 0, rows = 0;
    std::int64_t point = 0, points = 0;
    std::int64_t unit = 0, units = 0;
};

/// How /residual is cut into pieces, each with a digest of its own: one row of `points` points of `units`
/// units (fewer at the ends), which lie together in a chunk of the file.
struct ResidualPieces {
    std::int64_t points = 0, units = 0;        ///< of a piece
    std::int64_t allPoints = 0, allUnits = 0;  ///< of a row

    std::int64_t pointGroups() const { return (allPoints + points - 1) / points; }
    std::int64_t unitGroups() const { return (allUnits + units - 1) / units; }
    std::int64_t perRow() const { return pointGroups() * unitGroups(); }
};

/// Digest of a piece: the first 8 bytes, little endian, of the SHA-256 of its values as they are stored,
/// [point, unit]; 1 where that is 0, as 0 stands for a piece that was not written yet. `stride`: bytes from
/// one point to the next.
std::uint64_t pieceDigest(const std::byte* values, std::int64_t points, std::int64_t rowBytes,
                          std::int64_t stride);

/// Where the states of a trace are read from. Safe to call from several threads.
class ResidualSource {
public:
    virtual ~ResidualSource() = default;
    /// States of a box inside the file, [row, point, unit], as float32. Throws Error(Io, Format).
    virtual void read(const TraceBox& box, float* out) const = 0;
    /// Whether all pieces of a row are there and match their digests. Without digests: false.
    virtual bool matchesDigests(std::int64_t row) const = 0;
    /// A digest over all states and what is said of them, 64 hexadecimal digits; empty where the file has no
    /// digests. Reads the digests, not the states.
    virtual std::string contentDigest() const = 0;
};

/// Through the HDF5 library: any layout, no digests. `file` must outlive it.
std::unique_ptr<ResidualSource> hdf5Residual(const Hdf5File& file, bool bfloat16);

/// From a sealed file whose /residual and digests are left open by its seal: read at their offsets, without
/// the library; each piece is compared with its digest when it is first read. Null where the file has no such
/// digests. Throws Error(Format) where they do not fit the shape.
std::unique_ptr<ResidualSource> sealedResidual(const Hdf5File& file, bool bfloat16);

}  // namespace rheo
