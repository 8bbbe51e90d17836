#include "core/base/output_claim.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <mutex>
#include <set>
#include <string>

#include "core/base/error.h"
#include "core/base/hash.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

/// The same for every way to write the path: of the folder only its place on the disk counts. Empty where the
/// folder is not there.
std::string claimName(const fs::path& path) {
    std::error_code failed;
    const fs::path whole = fs::weakly_canonical(fs::absolute(path), failed);  // follows links
    struct stat folder {};
    if (failed || ::stat(whole.parent_path().c_str(), &folder) != 0) return {};
    Sha256 digest;
    digest.update(std::to_string(folder.st_dev) + ":" + std::to_string(folder.st_ino) + ":" +
                  whole.filename().string());
    return "rheograph-output-" + digest.hex();
}

/// A Unix socket of a name without a file, and the length of its address.
struct Address {
    sockaddr_un address{};
    socklen_t length = 0;

    explicit Address(const std::string& name) {
        address.sun_family = AF_UNIX;
        std::copy(name.begin(), name.end(), address.sun_path + 1);  // a leading zero byte: no file
        length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    }
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
};

int newSocket() {
    return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/// " (process 123)", of the process that has the claim; empty if it cannot be asked.
std::string holderOf(const Address& address) {
    ucred holder{};
    socklen_t size = sizeof holder;
    const int other = newSocket();
    const bool known = other >= 0 && ::connect(other, address.get(), address.length) == 0 &&
                       ::getsockopt(other, SOL_SOCKET, SO_PEERCRED, &holder, &size) == 0;
    if (other >= 0) ::close(other);
    return known ? " (process " + std::to_string(holder.pid) + ")" : "";
}

}  // namespace

void claimOutput(const fs::path& path) {
    static std::mutex mutex;
    static std::set<std::string> claimed;  // their sockets are closed when the process ends
    const std::string name = claimName(path);
    const std::lock_guard lock(mutex);
    if (name.empty() || claimed.contains(name)) return;
    const Address address(name);
    const int held = newSocket();
    if (held < 0) return;
    if (::bind(held, address.get(), address.length) == 0) {
        ::listen(held, 1);
        claimed.insert(name);
        return;
    }
    const int cause = errno;
    ::close(held);
    if (cause != EADDRINUSE) return;
    throw Error(ErrorCode::Io,
                "another process" + holderOf(address) + " is writing " + path.string() +
                    "; wait until it has ended, or choose another name",
                path.string());
}

}  // namespace rheo
