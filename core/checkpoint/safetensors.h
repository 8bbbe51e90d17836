#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/checkpoint/mapped_weights.h"

namespace rheo {

/// Element types of a safetensors file.
enum class StoredType {
    Bool,
    U8,
    I8,
    F4,
    F6E2M3,
    F6E3M2,
    F8E4M3,
    F8E5M2,
    F8E8M0,
    F8E4M3Fnuz,
    F8E5M2Fnuz,
    U16,
    I16,
    F16,
    BF16,
    U32,
    I32,
    F32,
    U64,
    I64,
    F64,
    C64,
};

/// As the file spells it: "F32", "BF16", "F8_E4M3".
std::string_view storedTypeName(StoredType type);
std::int64_t storedTypeBytes(StoredType type);  ///< 0 for types of less than a byte
std::int64_t storedTypeBits(StoredType type);

struct BlockFormat;
struct ScaleGrid;

/// A tensor of a mapped file. `bytes` stays valid as long as the file.
struct StoredTensor {
    std::string name;
    StoredType type = StoredType::F32;
    std::vector<std::int64_t> shape;
    /// Product of shape times element size, little endian, any alignment; else as `blocks` says.
    std::span<const std::byte> bytes;
    /// How values are packed in blocks (a quantised tensor of a GGUF file); `type` is what they expand to.
    /// Null: they are stored as they are.
    const BlockFormat* blocks = nullptr;
    /// Scales of a matrix of 8-bit floats, which expand to float32; null: there are none.
    std::shared_ptr<const ScaleGrid> scaled = nullptr;
};

/// Whether a file that begins with `head` (at least 9 bytes of it, or all) can be a safetensors file: a
/// length that a header may have, and then an object. To be asked before other formats are: the length may
/// begin as they do (640 as a pickle of protocol 2).
bool beginsAsSafetensors(std::string_view head);

/// A .safetensors file, mapped into memory and checked in full: what it offers can be read without a
/// further thought. Nothing of the data is read until someone touches `bytes`.
///
/// Format: 8 bytes, the header's length n (little endian); n bytes of JSON, an object of
/// {dtype, shape, data_offsets}; the data, without gaps or overlaps, to the end of the file
/// (https://github.com/huggingface/safetensors, "Format").
class SafetensorsFile {
public:
    /// A header may have at most this many bytes, as in the reference implementation.
    static constexpr std::int64_t maxHeaderBytes = 100'000'000;

    /// Throws Error(NotFound or Io) if the file cannot be mapped, Error(Format) naming the file and
    /// tensor if anything in it breaks the format. Time and memory grow with the header only.
    static std::shared_ptr<const SafetensorsFile> open(const std::filesystem::path& path);
    /// The same checks on bytes in memory, which must outlive the result; `name` is for messages.
    static std::shared_ptr<const SafetensorsFile> parse(std::span<const std::byte> bytes,
                                                        const std::string& name);

    const std::filesystem::path& path() const { return m_file.path(); }
    const std::vector<StoredTensor>& tensors() const { return m_tensors; }  ///< in order of name
    const StoredTensor* find(std::string_view name) const;                  ///< null if there is none
    std::span<const std::byte> header() const { return m_header; }          ///< the JSON, without its length
    std::span<const std::byte> data() const { return m_data; }              ///< all after the header
    /// As those of MappedWeights.
    void requireUnchanged() const { m_file.requireUnchanged(); }
    void requireUnwritten() const { m_file.requireUnwritten(); }
    void requireWhole() const { m_file.requireWhole(); }
    std::int64_t fileBytes() const { return static_cast<std::int64_t>(m_file.bytes().size()); }

private:
    explicit SafetensorsFile(const std::filesystem::path& path) : m_file(path) {}
    SafetensorsFile(std::span<const std::byte> bytes, const std::string& name) : m_file(bytes, name) {}
    void read();

    MappedWeights m_file;
    std::span<const std::byte> m_header;
    std::span<const std::byte> m_data;
    std::vector<StoredTensor> m_tensors;
};

}  // namespace rheo
