#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace rheo {

/// Bytes that an LZF stream (http://oldhome.schmorp.de/marc/liblzf.html) unpacks to. Absent where the stream
/// is damaged: cut off, or a copy from before its beginning. Linear in the stream.
std::optional<std::size_t> lzfUnpackedBytes(std::span<const std::byte> packed);

/// Unpacks a stream that lzfUnpackedBytes accepts into `out`, which has that size.
void unpackLzf(std::span<const std::byte> packed, std::span<std::byte> out);

/// Makes the HDF5 library read datasets that h5py compressed with "lzf" (filter 32000), which its own build
/// lacks. Reading only. Call it with the library's lock held; later calls do nothing.
void registerLzfFilter();

}  // namespace rheo
