// How often each finding comes out `supported` on planted walks and on planted effects, over fixed seeds.
// Arguments: seeds (1 .. 40), repeats (200), refits (20), and the only plant to run ("walk", "orbits", ...).
// On effects only what their keys need is computed.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "core/analysis/verdicts.h"
#include "tests/core/analysis/planted.h"

using namespace rheo;

int main(int argc, char** argv) {
    const int seeds = argc > 1 ? std::atoi(argv[1]) : 40;
    VerdictOptions options;
    options.repeats = argc > 2 ? std::atoi(argv[2]) : 200;
    options.refits = argc > 3 ? std::atoi(argv[3]) : 20;
    struct Plant {
        const char* name;
        TraceView (*make)(const planted::Size&, std::uint64_t);
        const char* matches;  ///< keys that should be supported
    };
    const Plant plants[] = {{"walk", planted::walk, ""},
                            {"orbits", planted::orbits, "rotation rotation_coherent"},
                            {"sparse to dense", planted::sparseToDense, "density_rises"},
                            {"inside blocks", planted::insideBlocks, "inside_exceeds_across"},
                            {"fixed point", planted::fixedPoint, "cosine_rises"}};
    bool good = true;
    for (const auto& plant : plants) {
        if (argc > 4 && std::string(argv[4]) != plant.name) continue;
        const bool walk = std::string(plant.name) == "walk";
        VerdictOptions how = options;
        if (!walk) how.refits = how.mutualUnits = 0;
        std::map<std::string, std::map<std::string, int>> counts;
        for (int seed = 1; seed <= seeds; ++seed) {
            how.seed = static_cast<std::uint64_t>(seed);
            Progress progress;
            for (const auto& v : verdicts(plant.make({}, how.seed), how, {}, progress).list)
                ++counts[v.key][std::string(verdictName(v.verdict))];
            std::fprintf(stderr, "%s: %d of %d\r", plant.name, seed, seeds);
        }
        std::printf("%s\n", plant.name);
        for (const auto& [key, kinds] : counts) {
            std::printf("  %-28s", key.c_str());
            for (const auto& [kind, count] : kinds) std::printf(" %s %d", kind.c_str(), count);
            const auto found = kinds.find("supported");
            const int supported = found == kinds.end() ? 0 : found->second;
            const bool matches =
                fmt::format(" {} ", plant.matches).find(fmt::format(" {} ", key)) != std::string::npos;
            const bool fails =
                (walk && supported * 40 > 7 * seeds) || (matches && supported * 40 < 36 * seeds);
            std::printf("%s%s\n", matches ? "  <- planted" : "", fails ? "  FAILS" : "");
            good = good && !fails;
        }
        std::fflush(stdout);
    }
    return good ? 0 : 1;
}
