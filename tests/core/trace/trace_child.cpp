// Writes the planted trace into a file, a few rows at a time, until it is done or killed.
// Usage: trace_child FILE ROWS LAYERS UNITS
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>

#include "core/trace/trace_writer.h"
#include "planted.h"

int main(int argc, char** argv) try {
    if (argc != 5) return 2;
    const auto info = planted::info(std::atoi(argv[2]), std::atoi(argv[3]), std::atoi(argv[4]));
    const auto states = planted::states(info);
    auto writer = std::filesystem::exists(argv[1])
                      ? rheo::TraceWriter::resume(argv[1], info)
                      : rheo::TraceWriter::create(argv[1], info, rheo::IfExists::Refuse);
    const auto complete = writer.complete();
    for (std::int64_t n = 0; n < states.n0; n += 3) {
        const std::int64_t count = std::min<std::int64_t>(3, states.n0 - n);
        bool missing = false;
        for (std::int64_t i = n; i < n + count; ++i) missing |= complete[static_cast<std::size_t>(i)] == 0;
        if (missing) writer.writeRows(rheo::RowIndex{n}, count, states.at(n, 0));
    }
    writer.close();
    return 0;
} catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
}
