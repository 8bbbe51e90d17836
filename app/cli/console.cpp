#include "app/cli/console.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/process.h"
#include "app/cli/ranks.h"
#include "core/base/printable.h"

namespace rheo::cli {

namespace {

int outputError = 0;  ///< errno of the first write to stdout that failed

void put(std::FILE* stream, const std::string& text) {
    if (stream == stdout && outputError != 0) return;
    errno = 0;
    const bool failed = std::fwrite(text.data(), 1, text.size(), stream) < text.size();
    if (failed && stream == stdout) outputError = errno == 0 ? EIO : errno;
}

void putLine(std::FILE* stream, const std::string& line) {
    put(stream, printable(line) + "\n");
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
        const int columns = std::max(0, terminalColumns() - cells - 1);
        put(stderr, "\r\033[K" + line + firstCharacters(printable(words), static_cast<std::size_t>(columns)));
        std::fflush(stderr);
        m_drawn = true;
    }

private:
    void clear() {
        if (m_drawn) put(stderr, "\r\033[K");
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
        putLine(stderr, fmt::format("{:3.0f} % {}", report.fraction * 100, stage));
    }
};

}  // namespace

Progress Console::progress() const {
    const bool terminal = ::isatty(STDERR_FILENO) == 1;
    Progress::Sink sink;
    if (!isFirstRank()) return Progress(interruptToken());
    if (style == ProgressStyle::Bar || (style == ProgressStyle::Auto && terminal))
        sink = [bar = std::make_shared<Bar>()](const ProgressReport& r) { (*bar)(r); };
    else if (style == ProgressStyle::Plain)
        sink = PlainLines{};
    return Progress(interruptToken(), std::move(sink));
}

void Console::warn(const std::string& sentence) {
    m_warnings.push_back(sentence);
    if (isFirstRank() && !json && style != ProgressStyle::None) putLine(stderr, "note: " + sentence);
}

void Console::say(const std::string& line) const {
    if (json || silent || !isFirstRank()) return;
    putLine(stdout, line);
    // Whoever reads a pipe sees a forecast while it is one; many lines at once are not slowed.
    static auto flushed = std::chrono::steady_clock::time_point{};
    const auto now = std::chrono::steady_clock::now();
    if (now - flushed < std::chrono::milliseconds(100)) return;
    flushed = now;
    if (std::fflush(stdout) != 0 && outputError == 0) outputError = errno;
}

void Console::result(nlohmann::ordered_json value) const {
    if (!json || !isFirstRank()) return;
    if (value.contains("out")) value["warnings"] = m_warnings;
    put(stdout,
        printableJson(value.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace)) + "\n");
}

void Console::fail(std::string_view code, const std::string& message, const std::string& context) const {
    nlohmann::ordered_json error;
    error["error"] = {{"code", code}, {"message", message}, {"context", context}};
    result(error);
    complain(message);
}

void printText(const std::string& text) {
    put(stdout, printable(text, Lines::Many));
}

void printRaw(const std::string& bytes) {
    put(stdout, ::isatty(STDOUT_FILENO) == 1 ? printable(bytes, Lines::Many) : bytes);
}

void complain(const std::string& line) {
    putLine(stderr, speakerName() + ": " + line);
}

int finishOutput() {
    errno = 0;
    if (std::fflush(stdout) != 0 && outputError == 0) outputError = errno == 0 ? EIO : errno;
    return outputError;
}

}  // namespace rheo::cli
