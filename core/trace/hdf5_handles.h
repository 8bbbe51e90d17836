#pragma once

// What the files that call the HDF5 library share. Private to core/trace.

#include <hdf5.h>

#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace rheo {

/// The library has one set of global tables and, as Debian builds it, no lock of its own: every call is made
/// under this one. The first call prepares the library.
std::recursive_mutex& hdf5Mutex();
using Hdf5Lock = std::lock_guard<std::recursive_mutex>;

/// An HDF5 handle that closes itself.
class Handle {
public:
    Handle(hid_t id, herr_t (*close)(hid_t)) : m_id(id), m_close(close) {}
    Handle(Handle&& other) noexcept : m_id(std::exchange(other.m_id, -1)), m_close(other.m_close) {}
    Handle& operator=(Handle&&) = delete;
    ~Handle() {
        if (m_id >= 0) m_close(m_id);
    }
    hid_t get() const { return m_id; }
    bool valid() const { return m_id >= 0; }

private:
    hid_t m_id;
    herr_t (*m_close)(hid_t);
};

/// The innermost entry of the error stack: the library says there what the system said.
std::string hdf5Message();

/// A link on the way to an object leaves the file.
struct LinkLeavesFile {
    std::string link;    ///< its path
    std::string target;  ///< the file it leads to; empty where it is of a user-defined kind
};

/// The path of `name` by hard links alone, soft links in the file followed; nothing where it leads nowhere.
/// Throws LinkLeavesFile.
std::optional<std::string> hardPath(hid_t file, const std::string& name);

/// Opens the file in a forked child and reads there what a reader reads: groups, attributes, strings, chunk
/// indexes, and chunks that have to be decoded. Throws Error(Format) if the child dies or hangs: the library
/// does not survive every damaged file. Other faults are left to the caller to find. Call it with hdf5Mutex()
/// held. Cost: a fork, and reading what is named; as much time again as decoding takes for compressed data.
void tryHdf5InChild(const std::filesystem::path& path);

}  // namespace rheo
