#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/progress.h"

namespace rheo {

/// How the numbers of an array are stored. States are floating-point; masks and token ids may be integers.
enum class ElementType {
    Float16,
    BFloat16,
    Float32,
    Float64,
    Bool,
    Int8,
    UInt8,
    Int16,
    UInt16,
    Int32,
    UInt32,
    Int64,
    UInt64,
};
std::int64_t elementBytes(ElementType type);
/// "float16", "int64".
const char* elementName(ElementType type);
bool isFloating(ElementType type);

/// What an array of the input is, as its header says; checked against the bytes that are there.
struct ImportArray {
    std::vector<std::int64_t> shape;
    std::optional<ElementType> type = {};  ///< absent: of a type that cannot be read
    std::string typeName = {};             ///< for messages: "int64", "Python objects"
    bool columnMajor = false;              ///< the first axis is contiguous, not the last
    bool untyped = false;  ///< two bytes of no stated type, taken as bfloat16: how NumPy saves that
    bool pickled = false;  ///< Python objects
};

/// Numbers of an array where they lie: element (i, j, ...) at data + i * strides[0] + j * strides[1] + ...
struct ArrayBlock {
    const std::byte* data = nullptr;
    std::vector<std::int64_t> strides;  ///< bytes
    ElementType type = ElementType::Float32;
    bool bigEndian = false;
};

/// A file that holds arrays under names. Every failure throws Error naming the file and the array.
class ImportSource {
public:
    virtual ~ImportSource() = default;
    /// "NumPy array", "safetensors file": for messages.
    virtual const char* kind() const = 0;
    /// One name an array; a file that holds a single one without a name gives its own stem.
    virtual std::vector<std::string> names() const = 0;
    virtual ImportArray describe(std::size_t array) = 0;
    /// What else is in the file and is not offered, such as links; empty if nothing.
    virtual std::string remark() const { return {}; }
    /// Makes the chosen arrays readable, in any order: what is compressed is unpacked into nameless files in
    /// `folder`; the first element of each is read, so that what cannot be decoded is known now.
    virtual void prepare(const std::vector<std::size_t>& arrays, const std::filesystem::path& folder,
                         Progress& progress) = 0;
    /// The box of extent `count` from `start` on of a prepared array; valid until the next call.
    virtual ArrayBlock block(std::size_t array, const std::vector<std::int64_t>& start,
                             const std::vector<std::int64_t>& count) = 0;
    /// Throws Error(Io) if the file was cut, written or replaced since it was opened. To be called after
    /// blocks were used.
    virtual void requireUnchanged() const = 0;
    /// Gives back memory that blocks read so far took.
    virtual void forget() {}
};

/// Opens a .npy, .npz, safetensors or HDF5 file, told apart by what is in it, not by its name. Pickles
/// (torch.save, .pkl) are refused with the Python that saves them anew; so is what is already a trace.
/// Throws Error(NotFound, Io, Format, Unsupported).
std::unique_ptr<ImportSource> openImportSource(const std::filesystem::path& path);

// One for each kind of file; openImportSource chooses among them.
std::unique_ptr<ImportSource> openNpySource(const std::filesystem::path& path);
std::unique_ptr<ImportSource> openNpzSource(const std::filesystem::path& path);
std::unique_ptr<ImportSource> openSafetensorsSource(const std::filesystem::path& path);
std::unique_ptr<ImportSource> openHdf5Source(const std::filesystem::path& path);

/// All values of an array, in row-major order. For small arrays such as masks: throws Error(Unsupported)
/// naming `file` where there are more than 2^24. `folder`: as for ImportSource::prepare. Throws as the source
/// does.
std::vector<double> readNumbers(ImportSource& source, std::size_t array, const std::filesystem::path& folder,
                                const std::string& file);

/// Refuses a pickle found at `path`, with the lines of Python that turn it into something importable.
[[noreturn]] void refusePickle(const std::filesystem::path& path, const std::string& what);

/// Bytes that an array of this shape and element size has. Throws Error(Format) naming `what` where that
/// overflows.
std::int64_t checkedBytes(const std::vector<std::int64_t>& shape, std::int64_t elementSize,
                          const std::string& what);
/// Strides in bytes of a dense array, the last axis contiguous (or the first, if `columnMajor`).
std::vector<std::int64_t> denseStrides(const std::vector<std::int64_t>& shape, std::int64_t elementSize,
                                       bool columnMajor);
/// The address of the element at `start`.
const std::byte* elementAt(const std::byte* data, const std::vector<std::int64_t>& strides,
                           const std::vector<std::int64_t>& start);

}  // namespace rheo
