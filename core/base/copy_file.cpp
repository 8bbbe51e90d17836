#include "core/base/copy_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "core/base/error.h"
#include "core/base/failure.h"

namespace rheo {

namespace {

struct Descriptor {
    int number;
    ~Descriptor() {
        if (number >= 0) ::close(number);
    }
};

[[noreturn]] void throwErrno(const char* doing, const std::filesystem::path& path, int cause) {
    throw Error(cause == ENOENT ? ErrorCode::NotFound : errorCodeOfErrno(cause),
                "cannot " + std::string(doing) + " " + path.string() + ": " + std::strerror(cause) +
                    adviceOfErrno(cause),
                path.string());
}

}  // namespace

void copyInto(const std::filesystem::path& from, const OutputFile& output) {
    const Descriptor in{::open(from.c_str(), O_RDONLY | O_CLOEXEC)};
    if (in.number < 0) throwErrno("read", from, errno);
    const Descriptor out{::open(output.temporary().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
    if (out.number < 0) throwErrno("write", output.path(), errno);
    std::vector<char> buffer(std::size_t{1} << 20);
    while (true) {
        const ssize_t got = ::read(in.number, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throwErrno("read", from, errno);
        if (got == 0) return;
        for (ssize_t done = 0; done < got;) {
            const ssize_t put =
                ::write(out.number, buffer.data() + done, static_cast<std::size_t>(got - done));
            if (put < 0 && errno == EINTR) continue;
            if (put < 0) throwErrno("write", output.path(), errno);
            done += put;
        }
    }
}

}  // namespace rheo
