#include "core/trace/lzf_filter.h"

#include <hdf5.h>

#include <cstring>
#include <new>

namespace rheo {

namespace {

constexpr H5Z_filter_t lzfFilter = 32000;

/// One instruction of an LZF stream: bytes to take from the stream, or to copy from what was unpacked.
struct Instruction {
    std::size_t headerBytes = 1;
    std::size_t length = 0;
    std::size_t distance = 0;  ///< back from the end of what was unpacked; 0: literal bytes follow
};

/// The instruction at the beginning of `packed`; absent where that is cut off.
std::optional<Instruction> readInstruction(std::span<const std::byte> packed) {
    const auto byte = [&](std::size_t i) { return std::to_integer<std::size_t>(packed[i]); };
    if (packed.empty()) return std::nullopt;
    Instruction next;
    next.length = byte(0) >> 5;
    if (next.length == 0) {
        next.length = byte(0) + 1;
        return next.length < packed.size() ? std::optional(next) : std::nullopt;
    }
    const bool extended = next.length == 7;
    next.headerBytes = extended ? 3 : 2;
    if (packed.size() < next.headerBytes) return std::nullopt;
    if (extended) next.length += byte(1);
    next.length += 2;
    next.distance = ((byte(0) & 0x1f) << 8 | byte(next.headerBytes - 1)) + 1;
    return next;
}

std::span<const std::byte> behind(std::span<const std::byte> packed, const Instruction& done) {
    return packed.subspan(done.headerBytes + (done.distance == 0 ? done.length : 0));
}

/// H5Z_func_t: replaces a packed chunk by what it unpacks to. 0 means failure.
std::size_t filterChunk(unsigned flags, std::size_t parameters, const unsigned* parameter, std::size_t bytes,
                        std::size_t* bufferBytes, void** buffer) {
    if ((flags & H5Z_FLAG_REVERSE) == 0) return 0;
    const std::span packed(static_cast<const std::byte*>(*buffer), bytes);
    const auto size = lzfUnpackedBytes(packed);
    // The third parameter is the size of a chunk. The library trusts a filter to return a whole one.
    if (!size || *size == 0 || parameters < 3 || *size != parameter[2]) return 0;
    void* unpacked = H5allocate_memory(*size, false);
    if (unpacked == nullptr) return 0;
    unpackLzf(packed, {static_cast<std::byte*>(unpacked), *size});
    H5free_memory(*buffer);
    *buffer = unpacked;
    *bufferBytes = *size;
    return *size;
}

}  // namespace

std::optional<std::size_t> lzfUnpackedBytes(std::span<const std::byte> packed) {
    std::size_t unpacked = 0;
    while (!packed.empty()) {
        const auto next = readInstruction(packed);
        if (!next || next->distance > unpacked) return std::nullopt;
        unpacked += next->length;
        packed = behind(packed, *next);
    }
    return unpacked;
}

void unpackLzf(std::span<const std::byte> packed, std::span<std::byte> out) {
    std::size_t at = 0;
    while (!packed.empty()) {
        const auto next = readInstruction(packed);
        if (next->distance == 0)
            std::memcpy(out.data() + at, packed.data() + next->headerBytes, next->length);
        else  // The copy may overlap what it writes: a distance of 1 repeats one byte.
            for (std::size_t i = 0; i < next->length; ++i) out[at + i] = out[at + i - next->distance];
        at += next->length;
        packed = behind(packed, *next);
    }
}

void registerLzfFilter() {
    if (H5Zfilter_avail(lzfFilter) > 0) return;
    static const H5Z_class2_t description{H5Z_CLASS_T_VERS, lzfFilter, 0,          1, "lzf",
                                          nullptr,          nullptr,   filterChunk};
    H5Zregister(&description);
}

}  // namespace rheo
