#pragma once

// What the parts of Hdf5File share. Private to core/trace.

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/failure.h"
#include "core/base/file_identity.h"
#include "core/trace/hdf5_file.h"
#include "core/trace/hdf5_handles.h"

namespace rheo {

/// A shape in the type of HDF5; its numbers are not negative.
inline std::vector<hsize_t> extents(const std::vector<std::int64_t>& shape) {
    return {shape.begin(), shape.end()};
}

/// What close() has to do.
enum class Sealing { Never, OnClose };

struct Hdf5File::State {
    std::filesystem::path path;            ///< for messages
    std::filesystem::path place;           ///< where it is opened
    std::optional<FileIdentity> identity;  ///< of a file opened for reading
    std::optional<Seal> seal;
    Sealing sealing = Sealing::Never;
    std::set<std::string> openDatasets;  ///< made with Hdf5Layout::open
    hid_t file = -1;
    std::size_t cacheBytes = usualCacheBytes;
    mutable std::map<std::string, Handle> datasets;  ///< kept open: the chunk cache lives with them
    mutable std::map<std::string, Handle> virtualDatasets;

    ~State() {
        const Hdf5Lock lock(hdf5Mutex());
        closeDatasets();
        if (file >= 0) H5Fclose(file);
    }
    void closeDatasets() const {
        datasets.clear();
        virtualDatasets.clear();
    }

    void open(const std::filesystem::path& from, unsigned flags);
    void requireUnchanged() const {
        if (identity) rheo::requireUnchanged(place, *identity);
    }
    template <class Read>
    void forEachPiece(const std::string& name, std::size_t size, std::size_t count, Read read) const;
    void readVariable(const std::string& name, std::vector<std::string>& values) const;
    void readFixed(const std::string& name, hid_t type, std::vector<std::string>& values) const;
    Hdf5Part virtualPart(const std::string& name, hid_t creation, std::size_t index,
                         const std::vector<std::int64_t>& shape) const;
    std::vector<OpenRange> openRanges() const;
    std::int64_t offsetOfChunks(hid_t opened, const Hdf5Info& shape, std::int64_t bytes) const;
    void refuseOtherFiles(const std::string& name, hid_t creation) const;

    [[noreturn]] void fail(ErrorCode code, const std::string& name, const std::string& what) const {
        throw Error(code,
                    fmt::format("{}{}: {}", path.string(), name.empty() ? "" : ", dataset " + name, what),
                    path.string());
    }
    [[noreturn]] void failToRead(const std::string& name) const {
        const std::string cause = hdf5Message();
        requireUnchanged();
        fail(ErrorCode::Io, name, fmt::format("reading it failed ({})", cause));
    }
    /// For calls that write: the disk may be full.
    [[noreturn]] void failFromLibrary(const std::string& name, const std::string& doing) const {
        const int system = errno;  // the driver on C's streams does not put it into words
        const std::string cause = hdf5Message();
        for (const int full : {ENOSPC, EDQUOT, EFBIG})
            if (system == full || cause.find(fmt::format("errno = {},", full)) != std::string::npos)
                fail(ErrorCode::DiskFull, name,
                     fmt::format("{} failed: {}{}", doing, std::strerror(full), adviceOfErrno(full)));
        if (cause.find("flush") != std::string::npos || cause.find("write") != std::string::npos)
            fail(ErrorCode::DiskFull, name,
                 fmt::format(
                     "{} failed ({}): the disk is full, or the file may not grow any more (ulimit -f); make "
                     "space, or choose another disk",
                     doing, cause));
        fail(ErrorCode::Io, name, fmt::format("{} failed ({})", doing, cause));
    }
    /// The path of `name` by hard links; nothing if it is not there.
    std::optional<std::string> find(const std::string& name) const {
        try {
            return hardPath(file, name);
        } catch (const LinkLeavesFile& e) {
            fail(ErrorCode::Unsupported, "",
                 fmt::format(
                     "{} is a link to another file{}, and links to other files are not followed; copy the "
                     "data into this file",
                     e.link, e.target.empty() ? "" : ", " + e.target));
        }
    }
    bool exists(const std::string& name) const {
        const auto found = find(name);
        return found && H5Oexists_by_name(file, found->c_str(), H5P_DEFAULT) > 0;
    }
    /// Of a dataset whose data are in this file; of a virtual one too if `mayBeVirtual`.
    hid_t dataset(const std::string& name, bool mayBeVirtual = false) const {
        for (const auto* opened : {&datasets, &virtualDatasets})
            if (const auto found = opened->find(name);
                found != opened->end() && (mayBeVirtual || opened == &datasets))
                return found->second.get();
        const auto there = find(name);
        if (!there) fail(ErrorCode::NotFound, name, "there is no such dataset");
        const Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
        H5Pset_chunk_cache(access.get(), 12421, cacheBytes, 0.75);
        Handle opened(H5Dopen2(file, there->c_str(), access.get()), H5Dclose);
        if (!opened.valid()) fail(ErrorCode::Format, name, "it is not a dataset, or it is damaged");
        const Handle creation(H5Dget_create_plist(opened.get()), H5Pclose);
        const bool isVirtual = H5Pget_layout(creation.get()) == H5D_VIRTUAL;
        if (!isVirtual || !mayBeVirtual) refuseOtherFiles(name, creation.get());
        auto& kept = isVirtual ? virtualDatasets : datasets;
        return kept.emplace(name, std::move(opened)).first->second.get();
    }
    Handle object(const std::string& name) const {
        const auto there = find(name);
        if (!there) fail(ErrorCode::NotFound, name, "there is no such group or dataset");
        Handle opened(H5Oopen(file, there->c_str(), H5P_DEFAULT), H5Oclose);
        if (!opened.valid()) fail(ErrorCode::Format, name, "it is damaged");
        return opened;
    }
    Hdf5Info info(const std::string& name) const;
    Handle create(const std::string& name, hid_t type, const std::vector<std::int64_t>& shape,
                  const Hdf5Layout& layout);
    Handle box(const std::string& name, const std::vector<std::int64_t>& start,
               const std::vector<std::int64_t>& count) const;
};

}  // namespace rheo
