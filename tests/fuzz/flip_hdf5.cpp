// Damages one byte of a file at a time and reads it: no crash, no hang, and no other number without an error.
//
//   flip_hdf5 COUNT [SEED [KIND]]     COUNT flips of each kind of file that the program writes in HDF5, and
//   of
//                                     `foreign`, HDF5 of another program, whose numbers have no digests
//   flip_hdf5 --list                  the kinds
//
// Three of four flips are at a random byte, the fourth in the first 2 KiB, where a file says of what form it
// is. A flip that fails is left as failed-KIND-BYTE-VALUE.h5.
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <new>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/output_file.h"
#include "tests/fuzz/flip_kinds.h"

using namespace rheo;
namespace fs = std::filesystem;

namespace {

constexpr unsigned secondsEach = 60;
constexpr std::size_t headBytes = 2048;

enum Outcome { Same = 0, Refused = 1, Differs = 2, OtherException = 3, Unread = 255 };

/// What reading made of one file. An exception that is no Error is a failure.
template <class Act>
int outcomeOf(Act act) {
    ::alarm(secondsEach);
    try {
        return act();
    } catch (const Error&) {
        return Refused;
    } catch (const std::exception& other) {
        std::fprintf(stderr, "%s\n", other.what());
        return OtherException;
    }
}

/// Runs `act` in a child process, so that a crash ends no more than that: 0, or the signal that ended it.
template <class Act>
int inChild(Act act) {
    const pid_t child = ::fork();
    if (child == 0) {
        act();
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/// Outcomes that children leave for their parent, one byte each.
std::span<unsigned char> sharedOutcomes(std::size_t count) {
    void* memory = ::mmap(nullptr, count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    return {static_cast<unsigned char*>(memory), count};
}

std::string nameOf(int outcome) {
    if (outcome >= 128) return ::strsignal(outcome - 128);
    return outcome == Differs ? "other numbers" : "an exception that is no Error";
}

struct Flip {
    std::size_t at;
    char change;
};

/// Half of them one bit, half of them any other byte; see above where.
std::vector<Flip> drawFlips(std::size_t bytes, std::size_t count, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<Flip> flips;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t at = random() % (i % 4 == 3 ? std::min(headBytes, bytes) : bytes);
        flips.push_back({at, static_cast<char>(i / 4 % 2 == 0 ? 1U << random() % 8 : 1 + random() % 255)});
    }
    return flips;
}

std::string flipped(std::string bytes, const Flip& flip) {
    bytes[flip.at] = static_cast<char>(bytes[flip.at] ^ flip.change);
    return bytes;
}

void writeTo(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

/// Reads every flip, in one child process after the other where one is ended by a signal.
void readFlips(const FlipKind& kind, const std::string& bytes, const std::string& expected,
               const fs::path& damaged, const std::vector<Flip>& flips, std::span<unsigned char> outcomes) {
    for (std::size_t next = 0; next < flips.size();) {
        const int signal = inChild([&] {
            for (std::size_t i = next; i < flips.size(); ++i) {
                writeTo(damaged, flipped(bytes, flips[i]));
                outcomes[i] = static_cast<unsigned char>(
                    outcomeOf([&] { return kind.read(damaged) == expected ? Same : Differs; }));
            }
        });
        while (next < flips.size() && outcomes[next] != Unread) ++next;
        if (next < flips.size()) outcomes[next++] = static_cast<unsigned char>(128 + signal);
    }
}

/// How many flips failed.
int flip(const FlipKind& kind, std::size_t count, std::uint64_t seed, const fs::path& folder) {
    const fs::path whole = folder / "whole.h5", digest = folder / "digest";
    // In a child: what is computed for an example starts threads, which a fork leaves behind.
    inChild([&] {
        try {
            kind.write(whole);
            writeFile(digest, kind.read(whole), IfExists::Refuse);
        } catch (const Error& error) {
            std::fprintf(stderr, "%s: %s\n", kind.name, error.what());
        }
    });
    if (!fs::exists(digest)) {
        std::printf("%s: the example cannot be written and read\n", kind.name);
        return 1;
    }
    const std::string expected = readFile(digest, 1024), bytes = readFile(whole, std::uintmax_t{1} << 30);
    const std::vector<Flip> flips = drawFlips(bytes.size(), count, seed);
    const std::span<unsigned char> outcomes = sharedOutcomes(count);
    std::fill(outcomes.begin(), outcomes.end(), static_cast<unsigned char>(Unread));
    readFlips(kind, bytes, expected, folder / "damaged.h5", flips, outcomes);
    int failed = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (outcomes[i] < Differs) continue;
        ++failed;
        const std::string changed = flipped(bytes, flips[i]);
        const int was = bytes[flips[i].at] & 255, is = changed[flips[i].at] & 255;
        std::printf("%s: byte %zu from %d to %d: %s\n", kind.name, flips[i].at, was, is,
                    nameOf(outcomes[i]).c_str());
        writeTo("failed-" + std::string(kind.name) + "-" + std::to_string(flips[i].at) + "-" +
                    std::to_string(is) + ".h5",
                changed);
    }
    std::printf("%s: %zu bytes, %zu flips, %td errors, %d failures\n", kind.name, bytes.size(), count,
                std::count(outcomes.begin(), outcomes.end(), static_cast<unsigned char>(Refused)), failed);
    std::fflush(stdout);
    return failed;
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<FlipKind> kinds;
    for (const auto& part : {traceKinds(), resultKinds(), laboratoryKinds()})
        kinds.insert(kinds.end(), part.begin(), part.end());
    if (argc > 1 && std::string(argv[1]) == "--list") {
        for (const FlipKind& kind : kinds) std::puts(kind.name);
        return 0;
    }
    const std::size_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 60;
    const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
    const std::string only = argc > 3 ? argv[3] : "";
    std::string folder = (fs::temp_directory_path() / "flip_hdf5-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) return 2;
    int failed = 0;
    bool any = false;
    for (const FlipKind& kind : kinds) {
        if (!only.empty() && only != kind.name) continue;
        any = true;
        const fs::path own = fs::path(folder) / kind.name;
        fs::create_directory(own);
        failed += flip(kind, count, seed, own);
    }
    fs::remove_all(folder);
    if (!any) std::fprintf(stderr, "there is no kind %s\n", only.c_str());
    return failed == 0 && any ? 0 : 1;
}
