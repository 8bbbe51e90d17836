// Runs a fuzz target without libFuzzer: every file of the corpus as it is, then mutations of them until
// the time is up. Mutation i is made from i alone, so that one that fails can be made again.
//
//   fuzz_x CORPUS [SECONDS [FIRST]]     FIRST: the first mutation; with SECONDS = 0 the only one, which is
//                                       also written to the file mutation-FIRST
#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr unsigned kSecondsEach = 60;  // an input that takes longer hangs
constexpr std::size_t kMaxBytes = std::size_t{64} << 10;

char g_doing[512] = "nothing";

void onSignal(int signal) {
    // Nothing here but calls that a signal handler may make.
    const auto say = [](const char* text, std::size_t length) {
        return ::write(STDERR_FILENO, text, length);
    };
    constexpr char kHung[] = "\nhung on ", kCrashed[] = "\ncrashed on ";
    auto written = signal == SIGALRM ? say(kHung, sizeof kHung - 1) : say(kCrashed, sizeof kCrashed - 1);
    std::size_t length = 0;
    while (g_doing[length] != '\0') ++length;
    written = say(g_doing, length);
    written = say("\n", 1);
    (void)written;
    std::signal(signal, SIG_DFL);
    std::raise(signal == SIGALRM ? SIGKILL : signal);
}

bool run(const std::string& input, const std::string& name) {
    std::snprintf(g_doing, sizeof g_doing, "%s", name.c_str());
    // A block of its own exact size: a sanitizer sees the first byte beyond it.
    const std::unique_ptr<std::uint8_t[]> bytes(new std::uint8_t[input.size()]);
    std::copy(input.begin(), input.end(), bytes.get());
    ::alarm(kSecondsEach);
    try {
        LLVMFuzzerTestOneInput(bytes.get(), input.size());
    } catch (const std::exception& error) {
        std::fprintf(stderr, "failed on %s: %s\n", name.c_str(), error.what());
        return false;
    }
    return true;
}

class Mutator {
public:
    Mutator(const std::vector<std::string>& corpus, std::uint64_t seed) : m_corpus(corpus), m_random(seed) {}

    std::string make() {
        std::string text = any();
        for (std::size_t rounds = 1 + below(6); rounds > 0; --rounds) change(text);
        if (text.size() > kMaxBytes) text.resize(kMaxBytes);
        return text;
    }

private:
    std::size_t below(std::size_t bound) {
        return bound == 0 ? 0 : static_cast<std::size_t>(m_random() % bound);
    }
    const std::string& any() { return m_corpus[below(m_corpus.size())]; }

    void change(std::string& text) {
        static const char* const kTokens[] = {"-1",
                                              "0",
                                              "1e999",
                                              "0.5",
                                              "4194303",
                                              "4294967296",
                                              "18446744073709551615",
                                              "null",
                                              "true",
                                              "{}",
                                              "[]",
                                              "\"\"",
                                              "[",
                                              "]",
                                              "{",
                                              "}",
                                              ",",
                                              ":",
                                              "\"",
                                              "\\u0000",
                                              "\\ud83d",
                                              "\xFF",
                                              "\xE2\x82",
                                              "\xF0\x9F\x98\x80",
                                              "(a+)+[bc]",
                                              "\\\\p{L}+",
                                              "(?",
                                              "\"Regex\"",
                                              "\"Sequence\"",
                                              " "};
        const std::size_t at = below(text.size() + 1);
        const std::size_t length = std::min(below(1 + below(64)), text.size() - at);
        switch (below(8)) {
            case 0:
                if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
                return;
            case 1:
                if (at < text.size()) text[at] = static_cast<char>(m_random());
                return;
            case 2: text.erase(at, length); return;
            case 3: text.insert(at, kTokens[below(std::size(kTokens))]); return;
            case 4: text.insert(below(text.size() + 1), text.substr(at, length)); return;
            case 5: {
                const std::string& other = any();
                const std::size_t from = below(other.size() + 1);
                text.replace(at, length, other.substr(from, below(256)));
                return;
            }
            case 6: replaceNumber(text, at); return;
            default:
                for (std::size_t i = at; i < std::min(at + 8, text.size()); ++i)
                    text[i] = static_cast<char>(m_random());
        }
    }

    /// The number at `from` or behind it becomes another.
    void replaceNumber(std::string& text, std::size_t from) {
        const auto begin = text.find_first_of("0123456789", from);
        if (begin == std::string::npos) return;
        const auto end = text.find_first_not_of("0123456789", begin);
        const std::uint64_t value = m_random() >> below(64);
        text.replace(begin, end == std::string::npos ? end : end - begin, std::to_string(value));
    }

    const std::vector<std::string>& m_corpus;
    std::mt19937_64 m_random;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: %s CORPUS [SECONDS [FIRST]]\n", argv[0]);
        return 2;
    }
    const double seconds = argc > 2 ? std::atof(argv[2]) : 3;
    const std::uint64_t first = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 0;
    for (const int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGALRM})
        std::signal(signal, onSignal);

    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(argv[1])) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    std::vector<std::string> corpus;
    bool good = !paths.empty();
    for (const auto& path : paths) {
        std::ifstream file(path, std::ios::binary);
        corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
        good = run(corpus.back(), path.string()) && good;
    }

    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    std::uint64_t i = first;
    for (; good && (i == first || std::chrono::steady_clock::now() < end); ++i) {
        const std::string input = Mutator(corpus, i).make();
        const std::string name = "mutation-" + std::to_string(i);
        if (seconds == 0) std::ofstream(name, std::ios::binary) << input;
        good = run(input, name);
    }
    ::alarm(0);
    std::printf("%zu files and %llu mutations\n", corpus.size(), static_cast<unsigned long long>(i - first));
    return good ? 0 : 1;
}
