#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/checkpoint/mapped_weights.h"
#include "core/checkpoint/safetensors.h"

namespace rheo {

/// Types of the values beside the tensors of a GGUF file, by their numbers there.
enum class GgufType : std::uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, Text, Array, U64, I64, F64 };

/// One value: what was checked of it, and its bytes in the file.
struct GgufValue {
    std::string_view key;
    GgufType type = GgufType::U8;
    GgufType element = GgufType::U8;   ///< of an array, never Array
    std::uint64_t count = 1;           ///< elements of an array, else 1
    std::span<const std::byte> bytes;  ///< of the elements, or the one; a text with its 8 bytes of length
};

/// A GGUF file (versions 2 and 3, little endian), mapped into memory and checked in full before anything
/// grows with what it claims: values lie within the file, tensors within the data.
///
/// Format: "GGUF", a version (u32), the numbers of tensors and values (u64); the values, each a key, a type
/// and what the type says; for each tensor its name, axes (the fastest first), type and offset; padding to
/// `general.alignment`; the data (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
class GgufFile {
public:
    /// Throws Error(NotFound or Io) if the file cannot be mapped; Error(Format) naming the file, and what of
    /// it breaks the format; Error(Unsupported) for version 1, big endian, or a type of tensors that is not
    /// read here, by name. Time grows with the header only, some 0.1 s for a vocabulary of 256,000 pieces.
    static std::shared_ptr<const GgufFile> open(const std::filesystem::path& path);
    /// The same of bytes in memory, which must outlive the result; `name` is for messages.
    static std::shared_ptr<const GgufFile> parse(std::span<const std::byte> bytes, const std::string& name);
    GgufFile(const GgufFile&) = delete;
    GgufFile& operator=(const GgufFile&) = delete;

    const std::filesystem::path& path() const { return m_file.path(); }
    std::uint32_t version() const { return m_version; }
    const std::vector<GgufValue>& values() const { return m_values; }       ///< in order of key
    const GgufValue* value(std::string_view key) const;                     ///< null if there is none
    const std::vector<StoredTensor>& tensors() const { return m_tensors; }  ///< in order of name
    std::span<const std::byte> header() const { return m_header; }          ///< all before the data
    std::span<const std::byte> data() const { return m_data; }
    std::int64_t fileBytes() const { return static_cast<std::int64_t>(m_file.bytes().size()); }
    /// As those of MappedWeights.
    void requireUnchanged() const { m_file.requireUnchanged(); }
    void requireUnwritten() const { m_file.requireUnwritten(); }
    void requireWhole() const { m_file.requireWhole(); }

    /// The value of a key as a whole number, a number, a flag or a text, and lists of them; empty where there
    /// is no such key. Throws Error(Format) naming file and key for a value of another kind.
    std::optional<std::int64_t> integer(std::string_view key) const;
    std::optional<double> number(std::string_view key) const;
    std::optional<bool> flag(std::string_view key) const;
    std::optional<std::string_view> text(std::string_view key) const;
    std::optional<std::vector<double>> numbers(std::string_view key) const;
    std::optional<std::vector<std::string_view>> texts(std::string_view key) const;

private:
    explicit GgufFile(const std::filesystem::path& path) : m_file(path) {}
    GgufFile(std::span<const std::byte> bytes, const std::string& name) : m_file(bytes, name) {}
    void read();
    Error wrongKind(const GgufValue& value, const char* expected) const;

    MappedWeights m_file;
    std::uint32_t m_version = 0;
    std::vector<GgufValue> m_values;
    std::vector<StoredTensor> m_tensors;
    std::span<const std::byte> m_header, m_data;
};

/// Whether a regular file begins as a GGUF file does. Never throws.
bool isGgufFile(const std::filesystem::path& path);

/// A model of one file, or of a set NAME-00001-of-0000N.gguf.
using GgufModel = std::vector<std::shared_ptr<const GgufFile>>;

/// Opens the file, and where it is one of a set (`split.count`) the others beside it, in their order: the
/// first has the values that describe the model. Throws as GgufFile::open; Error(NotFound) naming the parts
/// that are not there; Error(Mismatch) for parts of another set.
GgufModel openGgufModel(const std::filesystem::path& path);

/// "00002-of-00005" behind "NAME-" and before ".gguf".
struct GgufPart {
    std::string stem;  ///< NAME
    int number = 1, count = 1;
};
std::optional<GgufPart> ggufPartOf(const std::string& fileName);

}  // namespace rheo
