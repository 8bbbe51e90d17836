// How many random walks have outlying units or rows, which they should not, and which ones a trace has.
// Arguments: walks of each kind (650), then traces. Walks have 20 to 600 rows, 9 to 25 points and 64 to 256
// units; in half of them units and rows have sizes of their own (log-normal, SD 0.5).
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "core/analysis/outliers.h"
#include "core/trace/trace_reader.h"
#include "tests/core/analysis/traces.h"

using namespace rheo;

namespace {

TraceView walk(std::uint64_t seed, bool sizes, bool heavy) {
    RandomStream random(seed, 21);
    const auto between = [&](std::int64_t low, std::int64_t high) {
        return low + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(high - low + 1)));
    };
    const std::int64_t rows = between(20, 600), points = between(9, 25), units = between(64, 256);
    const auto size = [&] { return sizes ? std::exp(0.5 * random.normal()) : 1.0; };
    std::vector<double> ofUnit;
    for (std::int64_t u = 0; u < units; ++u) ofUnit.push_back(size());
    Array3F states(rows, points, units);
    for (std::int64_t n = 0; n < rows; ++n) {
        const double ofRow = size();
        for (std::int64_t u = 0; u < units; ++u) {
            double x = 0;
            for (std::int64_t p = 0; p < points; ++p) {
                double step = random.normal();
                if (heavy) {  // Student's t with 3 degrees of freedom
                    double squares = 0;
                    for (int i = 0; i < 3; ++i) squares += std::pow(random.normal(), 2);
                    step /= std::sqrt(squares / 3);
                }
                x += step;
                states.at(n, p)[u] = static_cast<float>(ofRow * ofUnit[static_cast<std::size_t>(u)] * x);
            }
        }
    }
    return traces::view(std::move(states));
}

}  // namespace

int main(int argc, char** argv) {
    const int walks = argc > 1 ? std::atoi(argv[1]) : 650;
    for (const bool heavy : {false, true})
        for (const bool sizes : {false, true}) {
            int units = 0, rows = 0, any = 0;
            for (int seed = 1; seed <= walks; ++seed) {
                Progress progress;
                const Outliers found =
                    findOutliers(walk(static_cast<std::uint64_t>(seed), sizes, heavy), {}, progress);
                units += found.units.empty() ? 0 : 1;
                rows += found.rows.empty() ? 0 : 1;
                any += found.none() ? 0 : 1;
            }
            std::printf("%s steps, %s: %d of %d walks have outliers (units %d, rows %d)\n",
                        heavy ? "Student t(3)" : "Gaussian", sizes ? "sizes differ" : "sizes alike", any,
                        walks, units, rows);
            std::fflush(stdout);
        }
    for (int i = 2; i < argc; ++i) {
        TraceView view;
        view.trace = TraceReader::open(argv[i]);
        Progress progress;
        const Outliers found = findOutliers(view, {}, progress);
        double most = 0;
        for (const auto& unit : found.units) most = std::max(most, unit.z);
        std::printf("%s: %zu of %lld units (z up to %.0f), %zu of %lld rows; %s\n", argv[i],
                    found.units.size(), static_cast<long long>(view.unitCount()), most, found.rows.size(),
                    static_cast<long long>(view.rowCount()), describeOutliers(view, found).c_str());
    }
    return 0;
}
