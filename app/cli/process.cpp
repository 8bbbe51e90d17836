#include "app/cli/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

#include "core/base/failure.h"
#include "core/base/printable.h"

namespace rheo::cli {

namespace {

constexpr int interruptSignals[] = {SIGINT, SIGTERM, SIGHUP};

std::stop_source& interruptSource() {
    static std::stop_source source;
    return source;
}

/// A stream that is closed gets a file that can be neither read nor written, as the case may be.
void openStandardStreams() {
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (::fcntl(stream, F_GETFD) < 0 && errno == EBADF)
            // The lowest number that is free: this one.
            [[maybe_unused]]
            const int opened = ::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

void writeLine(std::string_view line) {
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

/// What is left where an exception finds no handler: thrown before main(), or out of a library's thread.
[[noreturn]] void endInOneLine() {
    try {
        if (const auto failure = std::current_exception()) std::rethrow_exception(failure);
        writeLine("rheo: ended by an unexpected failure\n");
    } catch (const std::bad_alloc&) {  // nothing may be allocated here
        writeLine("rheo: there is not enough memory to start; free some, or raise the limit (ulimit -v)\n");
    } catch (...) {
        writeLine("rheo: " + printable(describeFailure(std::current_exception()).what()) + "\n");
    }
    std::_Exit(1);
}

/// OpenBLAS interrupts the process where it gets no thread, which comes before anything main() could say.
void requireThread() {
    pthread_t thread{};
    if (::pthread_create(
            &thread, nullptr, [](void*) -> void* { return nullptr; }, nullptr) == 0) {
        ::pthread_join(thread, nullptr);
        return;
    }
    writeLine("rheo: the system gives this process no thread; raise the limit (ulimit -u), or end others\n");
    std::_Exit(1);
}

/// Blocks or unblocks what interrupts, in this thread and those that it starts.
///
/// Kernels of oneDNN (dnnl_sgemm with several threads) keep data in the stack pointer: a signal handler that
/// runs on such a thread writes its frame into the heap. So signals are blocked in all threads but the one
/// that waits for them.
void maskInterrupts(int how) {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : interruptSignals) sigaddset(&signals, signal);
    ::pthread_sigmask(how, &signals, nullptr);
}

void settleBeforeLibraries(int, char**, char**) {
    std::set_terminate(endInOneLine);
    openStandardStreams();
    maskInterrupts(SIG_BLOCK);  // libraries start threads when they are loaded
    requireThread();
}

}  // namespace

#if defined(__ELF__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// Libraries allocate when they are loaded, which comes before anything main() could do.
[[gnu::section(".preinit_array"), gnu::used]] void (*const settleEarly)(int, char**,
                                                                        char**) = settleBeforeLibraries;
#endif

void settleProcess() {
    std::set_terminate(endInOneLine);
    openStandardStreams();
    for (const int ignored : {SIGPIPE, SIGXFSZ}) ::signal(ignored, SIG_IGN);
}

namespace {

int signalPipe[2] = {-1, -1};

void onSignal(int) {
    // All that may be done here: the thread at the other end does the rest.
    const int before = errno;
    const char byte = 1;
    [[maybe_unused]] const auto written = ::write(signalPipe[1], &byte, 1);
    errno = before;
}

}  // namespace

void catchInterrupts() {
    if (::pipe2(signalPipe, O_CLOEXEC) != 0)
        throw std::system_error(errno, std::generic_category(), "cannot make a pipe");
    maskInterrupts(SIG_BLOCK);
    // A handler, and not sigwait: a debugger or a sanitizer may have started threads that block nothing.
    struct sigaction action {};
    action.sa_handler = onSignal;
    action.sa_flags = SA_RESTART;
    for (const int signal : interruptSignals) {
        struct sigaction inherited {};
        sigaction(signal, nullptr, &inherited);
        // Who is started by nohup goes on when the terminal is closed.
        if (signal != SIGHUP || inherited.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);
    }
    std::thread waiting([] {
        maskInterrupts(SIG_UNBLOCK);
        char byte = 0;
        if (::read(signalPipe[0], &byte, 1) != 1) return;
        interruptSource().request_stop();
        if (::read(signalPipe[0], &byte, 1) == 1) std::_Exit(130);
    });
    waiting.detach();
}

std::stop_token interruptToken() {
    return interruptSource().get_token();
}

namespace {

/// Buffers of OpenBLAS and stacks of threads, with what a small computation takes beside them (measured).
constexpr double toCompute = 448.0 * 1024 * 1024;
/// The libraries of rheo-engine: 669 MiB on Debian 13, less on Debian 12, and what they take when they start.
constexpr double toLoad = 800.0 * 1024 * 1024;

void requireAddresses(double needed) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
    const double allowed = static_cast<double>(limit.rlim_cur);
    if (needed <= allowed) return;
    throw Error(
        ErrorCode::OutOfMemory,
        fmt::format("the limit on this process's memory is {:.0f} MiB of addresses, and at least {:.0f} "
                    "are needed; raise it with ulimit -v",
                    allowed / (1 << 20), needed / (1 << 20)));
}

}  // namespace

void requireAddressesOfEngine(bool computes) {
    requireAddresses(toLoad + (computes ? toCompute : 0));
}

void requireAddressSpace() {
    double pages = 0;
    if (!(std::ifstream("/proc/self/statm") >> pages)) return;
    requireAddresses(pages * static_cast<double>(::sysconf(_SC_PAGESIZE)) + toCompute);
}

}  // namespace rheo::cli
