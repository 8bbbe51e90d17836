#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/trace/seal.h"

namespace rheo {

/// Element types that files here are made of.
enum class Hdf5Type { Float32, Float64, Int32, Int64, UInt8, UInt16, UInt64, String, Other };

/// A step that stored chunks went through (compression, a checksum).
struct Hdf5Filter {
    int id = 0;
    std::string name;  ///< as the file or the library calls it; may be empty
    bool available = false;
    std::vector<unsigned> parameters;
};

/// How a dataset is laid out when it is created.
struct Hdf5Layout {
    std::vector<std::int64_t> chunk;  ///< empty: contiguous
    bool early = false;               ///< space is taken at creation and not filled
    /// Values are written after the file is sealed: the seal leaves them out. Only with `early`.
    bool open = false;
};

/// What a dataset is, before anything of it is read.
struct Hdf5Info {
    std::vector<std::int64_t> shape;
    Hdf5Type type = Hdf5Type::Other;
    std::vector<std::int64_t> chunk;  ///< empty if it is not chunked
    bool isFloat = false;             ///< a floating-point number of any width
    bool isInteger = false;           ///< a whole number of any width, or a truth value as h5py stores it
    bool isOpaque = false;            ///< bytes without a meaning
    std::size_t elementBytes = 0;
    std::string typeName = {};   ///< for messages: "int16", "text", "opaque type of 2 bytes"
    std::int64_t count() const;  ///< product of the shape; checked against overflow when it was read
};

/// A name that stands for an object elsewhere.
struct Hdf5Link {
    std::string name;    ///< path of the link
    std::string file;    ///< the file it leads to, as it is named there; empty: this one
    std::string target;  ///< path of the object, there
};

/// Whether a regular file begins as HDF5 files do: with their mark, at the beginning or behind a user block.
bool isHdf5File(const std::filesystem::path& path);

/// A file whose dataset is shown by a virtual one: its row k (all that follows the first axis) is row rows[k]
/// there.
struct Hdf5Part {
    std::string file;                ///< relative to the folder of the file that shows it
    std::vector<std::int64_t> rows;  ///< ascending
};

/// An HDF5 file. Names are paths from the root ("/rows/sample"); groups are made as needed.
///
/// What is read is of this file alone: data in external storage, links to other files and virtual datasets
/// are refused by name where they are asked for. Files made here are sealed (core/trace/seal.h): damage is
/// found before the library reads any of it. A file without a seal is first read in a child process, as the
/// library does not survive every damaged file. Every read checks that the file was not cut, written or
/// replaced since it was opened.
///
/// The library is not safe to call from two threads: every call here holds one lock. Every failure throws
/// Error naming the file and the dataset: NotFound, Format (not HDF5, damaged, wrong type or shape),
/// Unsupported (data of other files), AlreadyExists, DiskFull, Io.
class Hdf5File {
public:
    /// The cache of chunks, for each open dataset: a band of chunks of one depth or one range of units stays
    /// in it.
    static constexpr std::size_t usualCacheBytes = std::size_t{64} << 20;

    static Hdf5File openForReading(const std::filesystem::path& path,
                                   std::size_t cacheBytes = usualCacheBytes);
    /// To change it: close() seals it again if it was sealed.
    static Hdf5File openForWriting(const std::filesystem::path& path,
                                   const std::filesystem::path& shownAs = {});
    /// To write values of the datasets that its seal leaves open; nothing else may be changed.
    static Hdf5File openForFilling(const std::filesystem::path& path,
                                   const std::filesystem::path& shownAs = {});
    /// Makes a new file, sealed by close(); an old one of that name is replaced. `shownAs`, here and
    /// above: the name for messages, where `path` is that of a temporary file.
    static Hdf5File create(const std::filesystem::path& path, const std::filesystem::path& shownAs = {});

    Hdf5File(Hdf5File&&) noexcept;
    Hdf5File& operator=(Hdf5File&&) noexcept;
    ~Hdf5File();

    const std::filesystem::path& path() const;
    /// As it was when the file was opened; null if it has none.
    const Seal* seal() const;
    /// Throws Error(Io) if the file was cut, written or replaced since it was opened for reading.
    void requireUnchanged() const;
    bool exists(const std::string& name) const;
    /// Names inside a group, in order of name; "/" is the root.
    std::vector<std::string> children(const std::string& group) const;
    /// Paths of all datasets of this file, in order of name, those in groups included; soft and external
    /// links are not followed. Throws Error(Format) where there are more than `limit`.
    std::vector<std::string> datasets(std::size_t limit) const;
    /// Soft and external links of this file, in order of name, at most `limit` of them.
    std::vector<Hdf5Link> links(std::size_t limit) const;
    void remove(const std::string& name);
    Hdf5Info info(const std::string& dataset) const;
    /// In the order in which they were applied.
    std::vector<Hdf5Filter> filters(const std::string& dataset) const;
    /// Bytes that the dataset takes in this file, 0 while nothing was written; linear in its chunks.
    std::int64_t storedBytes(const std::string& dataset) const;

    /// Whole datasets. Reading converts between numeric types as HDF5 does; T is float, double, std::int32_t,
    /// std::int64_t, std::uint8_t, std::uint16_t or std::uint64_t. `limit`: the most elements that may be
    /// read.
    template <class T>
    std::vector<T> read(const std::string& dataset, std::int64_t limit = std::int64_t{1} << 31) const;
    /// Strings of fixed or variable length, or as writeStrings stores them otherwise.
    std::vector<std::string> readStrings(const std::string& dataset) const;
    bool hasStrings(const std::string& dataset) const;
    template <class T>
    void write(const std::string& dataset, std::span<const T> values, const std::vector<std::int64_t>& shape);
    /// As UTF-8 strings of one length, padded with zero bytes. Where padding would take much more room than
    /// the strings do: as two datasets, DATASET_utf8 (uint8, all strings one after the other) and
    /// DATASET_first (int64, where each begins; one more for the end).
    void writeStrings(const std::string& dataset, const std::vector<std::string>& values);

    /// A dataset to be filled later, piece by piece.
    template <class T>
    void createDataset(const std::string& dataset, const std::vector<std::int64_t>& shape,
                       const Hdf5Layout& layout);
    /// A dataset that holds nothing and shows `parts` of datasets of the same name and shape (but for the
    /// first axis) in other files. What no part covers, or whose file is gone, reads as `fill`.
    template <class T>
    void createVirtual(const std::string& dataset, const std::vector<std::int64_t>& shape,
                       const std::vector<Hdf5Part>& parts, T fill);
    /// What a virtual dataset shows, none of it opened; empty for one that holds its own data. Throws
    /// Error(Unsupported) where it is not as createVirtual makes it: whole rows of the dataset of that name.
    std::vector<Hdf5Part> virtualParts(const std::string& dataset) const;
    /// The box of extent `count` from `start` on, in row-major order.
    template <class T>
    void readBox(const std::string& dataset, const std::vector<std::int64_t>& start,
                 const std::vector<std::int64_t>& count, T* out) const;
    /// The same of a dataset whose elements have two bytes (whole numbers or opaque): their bits, unconverted
    /// but for the order of the bytes of numbers.
    void readBits(const std::string& dataset, const std::vector<std::int64_t>& start,
                  const std::vector<std::int64_t>& count, std::uint16_t* out) const;
    template <class T>
    void writeBox(const std::string& dataset, const std::vector<std::int64_t>& start,
                  const std::vector<std::int64_t>& count, const T* values);

    /// Attributes of a group or dataset.
    std::optional<std::string> textAttribute(const std::string& object, const std::string& name) const;
    std::optional<std::int64_t> integerAttribute(const std::string& object, const std::string& name) const;
    std::optional<double> numberAttribute(const std::string& object, const std::string& name) const;
    void setAttribute(const std::string& object, const std::string& name, const std::string& value);
    void setAttribute(const std::string& object, const std::string& name, std::int64_t value);
    void setAttribute(const std::string& object, const std::string& name, double value);
    void makeGroup(const std::string& group);

    /// Hands everything to the operating system.
    void flush();
    /// Flushes, closes and seals; the object can only be destroyed after that.
    void close();

private:
    struct State;
    explicit Hdf5File(std::unique_ptr<State> state);
    std::vector<std::string> readJoined(const std::string& dataset) const;
    void writeJoined(const std::string& dataset, const std::vector<std::string>& values);
    std::unique_ptr<State> m_state;
};

}  // namespace rheo
