#include "app/cli/console.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

namespace rheo::cli {

namespace {

std::stop_source& interruptSource() {
    static std::stop_source source;
    return source;
}

int terminalColumns() {
    winsize size{};
    return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string timeLeft(double seconds) {
    const long s = std::lround(seconds);
    if (s < 60) return fmt::format("{} s left", s);
    if (s < 3600) return fmt::format("{} min {:02} s left", s / 60, s % 60);
    return fmt::format("{} h {:02} min left", s / 3600, s / 60 % 60);
}

class Bar {
public:
    ~Bar() { clear(); }
    void operator()(const ProgressReport& report) {
        const double elapsed =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - m_start).count();
        const int cells = 24;
        const int full = static_cast<int>(report.fraction * cells);
        std::string line;
        for (int i = 0; i < cells; ++i) line += i < full ? "█" : "░";
        std::string words = fmt::format(" {:3.0f} %  {}", report.fraction * 100, report.stage);
        if (report.fraction > 0.02 && report.fraction < 1 && elapsed > 2)
            words += "  " + timeLeft(elapsed * (1 - report.fraction) / report.fraction);
        words.resize(std::min<std::size_t>(
            words.size(), static_cast<std::size_t>(std::max(0, terminalColumns() - cells - 1))));
        std::fputs(("\r\033[K" + line + words).c_str(), stderr);
        std::fflush(stderr);
        m_drawn = true;
    }

private:
    void clear() {
        if (m_drawn) std::fputs("\r\033[K", stderr);
    }
    std::chrono::steady_clock::time_point m_start = std::chrono::steady_clock::now();
    bool m_drawn = false;
};

struct PlainLines {
    std::string stage;
    int tenth = -1;
    void operator()(const ProgressReport& report) {
        const int now = static_cast<int>(report.fraction * 10);
        if (report.stage == stage && now == tenth) return;
        stage = report.stage;
        tenth = now;
        std::fputs(fmt::format("{:3.0f} % {}\n", report.fraction * 100, stage).c_str(), stderr);
    }
};

}  // namespace

Progress Console::progress() const {
    const bool terminal = ::isatty(STDERR_FILENO) == 1;
    Progress::Sink sink;
    if (style == ProgressStyle::Bar || (style == ProgressStyle::Auto && terminal))
        sink = [bar = std::make_shared<Bar>()](const ProgressReport& r) { (*bar)(r); };
    else if (style == ProgressStyle::Plain)
        sink = PlainLines{};
    return Progress(interruptToken(), std::move(sink));
}

void Console::warn(const std::string& sentence) {
    m_warnings.push_back(sentence);
    if (!json && style != ProgressStyle::None) std::fputs(("note: " + sentence + "\n").c_str(), stderr);
}

void Console::say(const std::string& line) const {
    if (json || silent) return;
    std::fputs((line + "\n").c_str(), stdout);
}

void Console::result(nlohmann::ordered_json value) const {
    if (!json) return;
    if (value.contains("out")) value["warnings"] = m_warnings;
    std::fputs((value.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n").c_str(),
               stdout);
}

namespace {

int signalPipe[2] = {-1, -1};

void onSignal(int) {
    // All that may be done here: the thread at the other end does the rest.
    const char byte = 1;
    [[maybe_unused]] const auto written = ::write(signalPipe[1], &byte, 1);
}

}  // namespace

void catchInterrupts() {
    if (::pipe2(signalPipe, O_CLOEXEC) != 0) return;
    // A handler, and not a blocked signal that one thread waits for: libraries start threads before main(),
    // and the system may give the signal to any of them.
    struct sigaction action {};
    action.sa_handler = onSignal;
    action.sa_flags = SA_RESTART;
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    std::thread([] {
        char byte = 0;
        if (::read(signalPipe[0], &byte, 1) != 1) return;
        interruptSource().request_stop();
        if (::read(signalPipe[0], &byte, 1) == 1) std::_Exit(130);
    }).detach();
}

std::stop_token interruptToken() {
    return interruptSource().get_token();
}

}  // namespace rheo::cli
