#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace rheo {

/// A range of a file that its seal leaves out, because it is written after the file is sealed.
struct OpenRange {
    std::string dataset;      ///< whose values lie there, row-major or chunk by chunk
    std::int64_t offset = 0;  ///< from the beginning of the file
    std::int64_t bytes = 0;
};

/// What the first block of a file says of the rest: a digest of everything else that must never change.
///
/// The block is HDF5's user block, which that library never reads or writes: sealBytes bytes of text,
///
///     rheograph seal 1
///     sha256 DIGEST
///     size BYTES
///     open DATASET OFFSET BYTES      (any number of these)
///
/// ended by a zero byte. DIGEST is of the block from "size" to the last line, then of the file's bytes from
/// the end of the block to BYTES, without the open ranges, in order. A seal finds damage before the HDF5
/// library meets it; it is no signature, as whoever means to can make another.
struct Seal {
    std::string digest;  ///< 64 hexadecimal digits
    std::int64_t size = 0;
    std::vector<OpenRange> open;                              ///< ascending
    const OpenRange* find(const std::string& dataset) const;  ///< null if it is not left open
};

inline constexpr std::int64_t sealBytes = 512;

/// The seal of a file, compared with its bytes; nothing for a file without one. Throws Error(Format) where
/// they differ (the file is damaged, or another program changed it), Error(Io) where it cannot be read. Cost:
/// reads the file but its open ranges once.
std::optional<Seal> readSeal(const std::filesystem::path& path);

/// Seals a file whose first sealBytes bytes are free. Errors name `shown`. Throws Error(Io or DiskFull).
void writeSeal(const std::filesystem::path& path, std::vector<OpenRange> open,
               const std::filesystem::path& shown);

}  // namespace rheo
