// A folder on a slow disk, for any program: loaded before the C library (LD_PRELOAD), it stands between a
// process and its files. A test that finds these functions with dlsym() says which folder is slow, and asks
// how often the thread that started the process has waited for it.
//   void slowDiskAt(const char* folder, unsigned microseconds)     each call on a file below it takes so much
//   longer int slowDiskCallsOfFirstThread()                               since slowDiskAt()

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <string_view>

namespace {

std::atomic<const char*> slowFolder{nullptr};
std::atomic<unsigned> delay{0};
std::atomic<int> callsOfFirstThread{0};

template <class Function>
Function next(const char* name) {
    return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

void visit(const char* path) {
    const char* const folder = slowFolder;
    if (folder == nullptr || path == nullptr || !std::string_view(path).starts_with(folder)) return;
    if (syscall(SYS_gettid) == getpid()) ++callsOfFirstThread;
    usleep(delay);
}

void visit(int file) {
    if (slowFolder == nullptr) return;
    char link[40], path[1024];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    const ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return;
    path[length] = '\0';
    visit(path);
}

mode_t modeOf(int flags, va_list arguments) {
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

extern "C" {

void slowDiskAt(const char* folder, unsigned microseconds) {
    delay = microseconds;
    callsOfFirstThread = 0;
    slowFolder = folder;
}

int slowDiskCallsOfFirstThread() {
    return callsOfFirstThread;
}

int open(const char* path, int flags, ...) {
    static const auto real = next<int (*)(const char*, int, ...)>("open");
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = modeOf(flags, rest);
    va_end(rest);
    visit(path);
    return real(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
    static const auto real = next<int (*)(const char*, int, ...)>("open64");
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = modeOf(flags, rest);
    va_end(rest);
    visit(path);
    return real(path, flags, mode);
}

FILE* fopen(const char* path, const char* mode) {
    static const auto real = next<FILE* (*)(const char*, const char*)>("fopen");
    visit(path);
    return real(path, mode);
}

FILE* fopen64(const char* path, const char* mode) {
    static const auto real = next<FILE* (*)(const char*, const char*)>("fopen64");
    visit(path);
    return real(path, mode);
}

ssize_t read(int file, void* bytes, size_t count) {
    static const auto real = next<ssize_t (*)(int, void*, size_t)>("read");
    visit(file);
    return real(file, bytes, count);
}

ssize_t pread(int file, void* bytes, size_t count, off_t at) {
    static const auto real = next<ssize_t (*)(int, void*, size_t, off_t)>("pread");
    visit(file);
    return real(file, bytes, count, at);
}

ssize_t pread64(int file, void* bytes, size_t count, off64_t at) {
    static const auto real = next<ssize_t (*)(int, void*, size_t, off64_t)>("pread64");
    visit(file);
    return real(file, bytes, count, at);
}

ssize_t write(int file, const void* bytes, size_t count) {
    static const auto real = next<ssize_t (*)(int, const void*, size_t)>("write");
    if (file > 2) visit(file);
    return real(file, bytes, count);
}

int fsync(int file) {
    static const auto real = next<int (*)(int)>("fsync");
    visit(file);
    return real(file);
}

int stat(const char* path, struct stat* status) {
    static const auto real = next<int (*)(const char*, struct stat*)>("stat");
    visit(path);
    return real(path, status);
}

int statx(int folder, const char* path, int flags, unsigned mask, struct statx* status) {
    static const auto real = next<int (*)(int, const char*, int, unsigned, struct statx*)>("statx");
    visit(path);
    return real(folder, path, flags, mask, status);
}

int access(const char* path, int mode) {
    static const auto real = next<int (*)(const char*, int)>("access");
    visit(path);
    return real(path, mode);
}

}  // extern "C"
