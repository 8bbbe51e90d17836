// Reads a file where a crash costs nothing: in a child process, before this one opens it.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>
#include <vector>

#include "core/base/error.h"
#include "core/trace/hdf5_handles.h"

namespace rheo {

namespace {

/// Processor time that a child may take: 3 s, and 1 s for each 16 MiB of the file, which compressed data need
/// at most. On a busy machine, or with a slow disk, it may last longer by a factor of slowest.
constexpr std::uintmax_t leastSeconds = 3, mostSeconds = 24 * 3600, slowest = 20;
constexpr std::uintmax_t bytesPerSecond = std::uintmax_t{16} << 20;
/// Memory that the child may take beside what this process has.
constexpr rlim_t mostMemory = rlim_t{4} << 30;
/// Strings and numbers read at a time.
constexpr std::size_t pieceBytes = std::size_t{4} << 20;

struct Limits {
    rlim_t seconds, memory;
};

/// Bytes of address space that this process has.
rlim_t addressSpace() {
    std::ifstream in("/proc/self/statm");
    rlim_t pages = 0;
    in >> pages;
    return pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
}

// All of the following runs in the child: no lock, no output, and nothing is freed that need not be.

void readAttribute(hid_t object, const char* name) {
    const Handle attribute(H5Aopen(object, name, H5P_DEFAULT), H5Aclose);
    if (!attribute.valid()) return;
    const Handle type(H5Aget_type(attribute.get()), H5Tclose);
    const Handle space(H5Aget_space(attribute.get()), H5Sclose);
    const hssize_t count = H5Sget_simple_extent_npoints(space.get());
    const std::size_t size = H5Tget_size(type.get());
    if (count < 1 || size < 1 || static_cast<std::size_t>(count) > pieceBytes * 16 / size) return;
    std::vector<char> values(static_cast<std::size_t>(count) * size);
    if (H5Aread(attribute.get(), type.get(), values.data()) < 0) return;
    if (H5Tdetect_class(type.get(), H5T_VLEN) > 0 || H5Tis_variable_str(type.get()) > 0) {
        if (H5Tis_variable_str(type.get()) > 0)
            for (hssize_t i = 0; i < count; ++i) {
                const char* text = nullptr;
                std::memcpy(&text, values.data() + static_cast<std::size_t>(i) * size, sizeof text);
                if (text != nullptr) [[maybe_unused]]
                    const volatile std::size_t length = std::strlen(text);
            }
        H5Dvlen_reclaim(type.get(), space.get(), H5P_DEFAULT, values.data());
    }
}

herr_t visitAttribute(hid_t object, const char* name, const H5A_info_t*, void*) {
    readAttribute(object, name);
    return 0;
}

/// Reads a dataset front to back in pieces along its first axis, or in whole chunks of it.
void readValues(hid_t dataset, hid_t type, hid_t space, std::vector<hsize_t> dims, std::uint64_t chunkRows) {
    std::uint64_t rowBytes = H5Tget_size(type);
    for (std::size_t i = 1; i < dims.size(); ++i)
        if (__builtin_mul_overflow(rowBytes, dims[i], &rowBytes)) return;
    if (dims.empty() || rowBytes == 0) dims.assign(1, 1);
    const std::uint64_t rows =
        std::max<std::uint64_t>({1, chunkRows, pieceBytes / std::max<std::uint64_t>(rowBytes, 1)});
    std::uint64_t bytes = 0;
    const std::uint64_t atOnce = std::min<std::uint64_t>(rows, dims[0]);
    if (atOnce == 0 || __builtin_mul_overflow(atOnce, rowBytes, &bytes) || bytes > mostMemory / 2) return;
    std::vector<char> values(bytes);
    const bool variable = H5Tis_variable_str(type) > 0 || H5Tdetect_class(type, H5T_VLEN) > 0;
    std::vector<hsize_t> start(dims.size(), 0), count = dims;
    const bool scalar = H5Sget_simple_extent_ndims(space) == 0;
    for (std::uint64_t at = 0; at < dims[0]; at += atOnce) {
        start[0] = at;
        count[0] = std::min<std::uint64_t>(atOnce, dims[0] - at);
        if (!scalar) H5Sselect_hyperslab(space, H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr);
        const Handle memory(scalar ? H5Screate(H5S_SCALAR)
                                   : H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr),
                            H5Sclose);
        if (H5Dread(dataset, type, memory.get(), space, H5P_DEFAULT, values.data()) < 0) return;
        if (variable) H5Dvlen_reclaim(type, memory.get(), H5P_DEFAULT, values.data());
    }
}

void readDataset(hid_t dataset) {
    const Handle creation(H5Dget_create_plist(dataset), H5Pclose);
    const Handle type(H5Dget_type(dataset), H5Tclose);
    const Handle space(H5Dget_space(dataset), H5Sclose);
    const H5D_layout_t layout = H5Pget_layout(creation.get());
    const int rank = H5Sget_simple_extent_ndims(space.get());
    if (rank < 0 || layout == H5D_VIRTUAL || layout == H5D_LAYOUT_ERROR ||
        H5Pget_external_count(creation.get()) > 0)
        return;
    std::vector<hsize_t> dims(static_cast<std::size_t>(rank)), chunk(dims.size() + 1, 0);
    H5Sget_simple_extent_dims(space.get(), dims.data(), nullptr);
    if (layout == H5D_CHUNKED) {
        H5Pget_chunk(creation.get(), rank, chunk.data());
        hsize_t chunks = 0;
        H5Dget_num_chunks(dataset, space.get(), &chunks);  // walks the index
    }
    const hsize_t stored = H5Dget_storage_size(dataset);
    const bool decoded = H5Pget_nfilters(creation.get()) > 0;
    const bool strings = H5Tget_class(type.get()) == H5T_STRING || H5Tdetect_class(type.get(), H5T_VLEN) > 0;
    if (stored > 0 && (decoded || strings || stored <= pieceBytes))
        readValues(dataset, type.get(), space.get(), dims, chunk[0]);
}

void readObject(hid_t object) {
    hsize_t at = 0;
    H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &at, visitAttribute, nullptr);
    if (H5Iget_type(object) == H5I_DATASET) readDataset(object);
}

herr_t visitLink(hid_t root, const char* name, const H5L_info_t* link, void*) {
    if (link->type != H5L_TYPE_HARD) return 0;
    const Handle object(H5Oopen(root, name, H5P_DEFAULT), H5Oclose);
    if (object.valid()) readObject(object.get());
    return 0;
}

[[noreturn]] void readAll(const std::filesystem::path& path, const Limits& limits) {
    // What a signal does here is to end the child, whatever the program made of it.
    for (int signal = 1; signal < 32; ++signal)
        if (signal != SIGKILL && signal != SIGSTOP) ::signal(signal, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const rlimit noCore{0, 0};
    ::setrlimit(RLIMIT_CORE, &noCore);
    const rlimit memory{limits.memory, limits.memory};
    ::setrlimit(RLIMIT_AS, &memory);
    const rlimit processor{limits.seconds, limits.seconds};
    ::setrlimit(RLIMIT_CPU, &processor);
    if (const int null = ::open("/dev/null", O_RDWR); null >= 0) {
        ::dup2(null, STDOUT_FILENO);
        ::dup2(null, STDERR_FILENO);
    }
    ::alarm(static_cast<unsigned>(limits.seconds * slowest));
    try {
        const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
        if (file >= 0) {
            if (const Handle root(H5Gopen2(file, "/", H5P_DEFAULT), H5Gclose); root.valid())
                readObject(root.get());
            H5Lvisit(file, H5_INDEX_NAME, H5_ITER_INC, visitLink, nullptr);
            H5Fclose(file);
        }
    } catch (...) {
        // Not enough memory for it: the program meets the same, and says so.
    }
    ::_exit(0);
}

}  // namespace

void tryHdf5InChild(const std::filesystem::path& path) {
    std::error_code failed;
    const std::uintmax_t bytes = std::filesystem::file_size(path, failed);
    const Limits limits{std::min(mostSeconds, leastSeconds + (failed ? 0 : bytes) / bytesPerSecond),
                        addressSpace() + mostMemory};
    const pid_t child = ::fork();
    if (child < 0) return;  // no more processes: the file is read without a trial
    if (child == 0) readAll(path, limits);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return;
    if (!WIFSIGNALED(status)) return;
    const int signal = WTERMSIG(status);
    const bool endless = signal == SIGXCPU || signal == SIGALRM || signal == SIGKILL;
    throw Error(ErrorCode::Format,
                fmt::format("{} is damaged: the HDF5 library {}; restore it, or make it again", path.string(),
                            endless ? std::string("does not come to an end of reading it")
                                    : fmt::format("fails on it ({})", ::strsignal(signal))),
                path.string());
}

}  // namespace rheo
