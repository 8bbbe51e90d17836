#include "core/trace/residual_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "core/base/error.h"
#include "core/base/file_identity.h"
#include "core/base/hash.h"
#include "core/trace/bfloat16.h"
#include "core/trace/file_descriptor.h"
#include "core/trace/trace_format.h"

namespace rheo {

namespace tf = trace_format;

namespace {

/// Values decoded from bfloat16 at a time.
constexpr std::int64_t decodeValues = std::int64_t{1} << 20;

class Hdf5Residual : public ResidualSource {
public:
    Hdf5Residual(const Hdf5File& file, bool bfloat16) : m_file(file), m_bfloat16(bfloat16) {}

    void read(const TraceBox& box, float* out) const override {
        if (!m_bfloat16) {
            m_file.readBox(tf::residual, {box.row, box.point, box.unit}, {box.rows, box.points, box.units},
                           out);
            return;
        }
        const std::int64_t perRow = box.points * box.units;
        const std::int64_t atOnce =
            std::max<std::int64_t>(1, decodeValues / std::max<std::int64_t>(1, perRow));
        std::vector<std::uint16_t> bits;
        for (std::int64_t n = 0; n < box.rows; n += atOnce) {
            const std::int64_t count = std::min(atOnce, box.rows - n);
            bits.resize(static_cast<std::size_t>(count * perRow));
            m_file.readBox(tf::residual, {box.row + n, box.point, box.unit}, {count, box.points, box.units},
                           bits.data());
            std::transform(bits.begin(), bits.end(), out + n * perRow, fromBfloat16);
        }
    }
    bool matchesDigests(std::int64_t) const override { return false; }
    std::string contentDigest() const override { return {}; }

private:
    const Hdf5File& m_file;
    bool m_bfloat16;
};

/// A range first .. first + count - 1.
struct Range {
    std::int64_t first, count;
    std::int64_t end() const { return first + count; }
};

/// The part of `wanted` that lies in group `index` of `size`, counted from the group's first.
Range within(const Range& wanted, std::int64_t index, std::int64_t size) {
    const std::int64_t from = std::max(wanted.first, index * size);
    return {from - index * size, std::min(wanted.end(), (index + 1) * size) - from};
}

class SealedResidual : public ResidualSource {
public:
    SealedResidual(const Hdf5File& file, bool bfloat16)
        : m_path(file.path()),
          m_raw(file.path()),
          m_identity(identityOf(m_raw.number(), file.path())),
          m_seal(*file.seal()),
          m_states(*m_seal.find(tf::residual)),
          m_digests(*m_seal.find(tf::residualDigests)),
          m_elementBytes(bfloat16 ? 2 : 4) {
        const Hdf5Info info = file.info(tf::residual);
        m_rows = info.shape[0];
        m_chunkRows = info.chunk[0];
        m_pieces = {info.chunk[1], info.chunk[2], info.shape[1], info.shape[2]};
        const std::int64_t chunks = (m_rows + m_chunkRows - 1) / m_chunkRows * m_pieces.perRow();
        if (chunks * chunkBytes() != m_states.bytes ||
            m_rows * m_pieces.perRow() * digestBytes != m_digests.bytes)
            throw Error(
                ErrorCode::Format,
                fmt::format("{}, {}: its size is not that of its shape", m_path.string(), tf::residual),
                m_path.string());
        const auto words = static_cast<std::size_t>(m_rows * m_pieces.perRow() / 64 + 1);
        m_checked = std::make_unique<std::atomic<std::uint64_t>[]>(words);
    }

    void read(const TraceBox& box, float* out) const override {
        std::vector<std::byte> buffer(static_cast<std::size_t>(m_pieces.points * pointBytes()));
        const Range points{box.point, box.points}, units{box.unit, box.units};
        for (std::int64_t row = box.row; row < box.row + box.rows; ++row) {
            float* const to = out + (row - box.row) * box.points * box.units;
            for (std::int64_t p = points.first / m_pieces.points; p * m_pieces.points < points.end(); ++p)
                for (std::int64_t u = units.first / m_pieces.units; u * m_pieces.units < units.end(); ++u) {
                    const Range inPoints = within(points, p, m_pieces.points);
                    const Range inUnits = within(units, u, m_pieces.units);
                    float* const first = to + (p * m_pieces.points + inPoints.first - box.point) * box.units +
                                         (u * m_pieces.units + inUnits.first - box.unit);
                    readPiece(row, p, u, inPoints, inUnits, buffer, first, box.units);
                }
        }
        requireUnchanged(m_path, m_identity);
    }

    bool matchesDigests(std::int64_t row) const override {
        std::vector<std::byte> buffer(static_cast<std::size_t>(m_pieces.points * pointBytes()));
        for (std::int64_t p = 0; p < m_pieces.pointGroups(); ++p)
            for (std::int64_t u = 0; u < m_pieces.unitGroups(); ++u)
                if (!isSound(row, p, u, buffer)) return false;
        return true;
    }

    std::string contentDigest() const override {
        Sha256 hash;
        hash.update(m_seal.digest);
        std::vector<std::byte> buffer(std::size_t{1} << 20);
        for (std::int64_t at = 0; at < m_digests.bytes; at += std::ssize(buffer)) {
            const auto piece = std::span(buffer).first(
                static_cast<std::size_t>(std::min<std::int64_t>(std::ssize(buffer), m_digests.bytes - at)));
            m_raw.readExact(m_digests.offset + at, piece);
            hash.update(piece);
        }
        return hash.hex();
    }

private:
    static constexpr std::int64_t digestBytes = 8;

    std::int64_t pointBytes() const { return m_pieces.units * m_elementBytes; }
    std::int64_t chunkBytes() const { return m_chunkRows * m_pieces.points * pointBytes(); }
    /// Where a piece begins in the file.
    std::int64_t offsetOf(std::int64_t row, std::int64_t p, std::int64_t u) const {
        const std::int64_t chunk = (row / m_chunkRows) * m_pieces.perRow() + p * m_pieces.unitGroups() + u;
        return m_states.offset + chunk * chunkBytes() + row % m_chunkRows * m_pieces.points * pointBytes();
    }
    std::int64_t indexOf(std::int64_t row, std::int64_t p, std::int64_t u) const {
        return row * m_pieces.perRow() + p * m_pieces.unitGroups() + u;
    }

    /// Reads a whole piece into `buffer` and compares it with its digest.
    bool isSound(std::int64_t row, std::int64_t p, std::int64_t u, std::vector<std::byte>& buffer) const {
        std::uint64_t expected = 0;
        m_raw.readExact(m_digests.offset + indexOf(row, p, u) * digestBytes,
                        std::as_writable_bytes(std::span(&expected, 1)));
        if (expected == 0) return false;
        m_raw.readExact(offsetOf(row, p, u), buffer);
        const std::int64_t points = std::min(m_pieces.points, m_pieces.allPoints - p * m_pieces.points);
        const std::int64_t units = std::min(m_pieces.units, m_pieces.allUnits - u * m_pieces.units);
        return pieceDigest(buffer.data(), points, units * m_elementBytes, pointBytes()) == expected;
    }

    void readPiece(std::int64_t row, std::int64_t p, std::int64_t u, const Range& points, const Range& units,
                   std::vector<std::byte>& buffer, float* out, std::int64_t stride) const {
        const std::int64_t index = indexOf(row, p, u);
        auto& word = m_checked[static_cast<std::size_t>(index / 64)];
        const std::uint64_t bit = std::uint64_t{1} << (index % 64);
        const std::int64_t start = points.first * pointBytes();
        if ((word.load(std::memory_order_relaxed) & bit) == 0) {
            if (!isSound(row, p, u, buffer)) throwDamaged(row, p);
            word.fetch_or(bit, std::memory_order_relaxed);
        } else {
            m_raw.readExact(offsetOf(row, p, u) + start,
                            std::span(buffer).subspan(static_cast<std::size_t>(start),
                                                      static_cast<std::size_t>(points.count * pointBytes())));
        }
        for (std::int64_t k = 0; k < points.count; ++k)
            decode(buffer.data() + (points.first + k) * pointBytes() + units.first * m_elementBytes,
                   units.count, out + k * stride);
    }

    void decode(const std::byte* from, std::int64_t count, float* out) const {
        if (m_elementBytes == 4) {
            std::memcpy(out, from, static_cast<std::size_t>(count) * sizeof(float));
            return;
        }
        for (std::int64_t i = 0; i < count; ++i) {
            std::uint16_t bits = 0;
            std::memcpy(&bits, from + 2 * i, sizeof bits);
            out[i] = fromBfloat16(bits);
        }
    }

    [[noreturn]] void throwDamaged(std::int64_t row, std::int64_t p) const {
        requireUnchanged(m_path, m_identity);
        throw Error(
            ErrorCode::Format,
            fmt::format("{} is damaged: the states of its row {} at points {} to {} do not match their "
                        "digest; restore it, or make it again",
                        m_path.string(), row, p * m_pieces.points,
                        std::min((p + 1) * m_pieces.points, m_pieces.allPoints) - 1),
            m_path.string());
    }

    std::filesystem::path m_path;
    FileDescriptor m_raw;
    FileIdentity m_identity;
    Seal m_seal;
    OpenRange m_states, m_digests;
    std::int64_t m_elementBytes = 4, m_rows = 0, m_chunkRows = 0;
    ResidualPieces m_pieces;
    std::unique_ptr<std::atomic<std::uint64_t>[]> m_checked;  ///< a bit a piece: it matched its digest
};

}  // namespace

std::uint64_t pieceDigest(const std::byte* values, std::int64_t points, std::int64_t rowBytes,
                          std::int64_t stride) {
    Sha256 hash;
    if (rowBytes == stride)
        hash.update(std::span(values, static_cast<std::size_t>(points * rowBytes)));
    else
        for (std::int64_t p = 0; p < points; ++p)
            hash.update(std::span(values + p * stride, static_cast<std::size_t>(rowBytes)));
    const std::uint64_t digest = hash.leading64();
    return digest == 0 ? 1 : digest;
}

std::unique_ptr<ResidualSource> hdf5Residual(const Hdf5File& file, bool bfloat16) {
    return std::make_unique<Hdf5Residual>(file, bfloat16);
}

std::unique_ptr<ResidualSource> sealedResidual(const Hdf5File& file, bool bfloat16) {
    const Seal* seal = file.seal();
    if (seal == nullptr || seal->find(tf::residual) == nullptr || seal->find(tf::residualDigests) == nullptr)
        return nullptr;
    const Hdf5Info info = file.info(tf::residual);
    if (info.shape.size() != 3 || info.chunk.size() != 3) return nullptr;
    return std::make_unique<SealedResidual>(file, bfloat16);
}

}  // namespace rheo
