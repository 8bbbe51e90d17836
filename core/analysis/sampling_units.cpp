#include "core/analysis/sampling_units.h"

#include <string>
#include <unordered_map>

#include "core/base/random.h"

namespace rheo {

SamplingUnits samplingUnits(const TraceView& view) {
    SamplingUnits units;
    const TraceInfo& info = view.trace->info();
    // A group stands for its samples: the first of them names it.
    std::unordered_map<std::string, std::int32_t> firstOfGroup;
    std::unordered_map<std::int32_t, std::int32_t> numbers;
    for (std::int64_t n = 0; n < view.rowCount(); ++n) {
        std::int32_t sample = info.rows[static_cast<std::size_t>(view.traceRow(n))].sample;
        const auto at = static_cast<std::size_t>(sample);
        if (at < info.samples.size() && !info.samples[at].group.empty())
            sample = firstOfGroup.try_emplace(info.samples[at].group, sample).first->second;
        const auto unit =
            numbers.try_emplace(sample, static_cast<std::int32_t>(numbers.size())).first->second;
        units.ofRow.push_back(unit);
        units.rows.resize(numbers.size());
        units.rows[static_cast<std::size_t>(unit)].push_back(n);
    }
    return units;
}

std::vector<std::uint8_t> drawHalf(std::int64_t count, std::uint64_t seed, std::uint64_t half) {
    std::vector<std::uint8_t> drawn(static_cast<std::size_t>(count), 0);
    RandomStream random(seed, half);
    const auto order = random.permutation(static_cast<std::int32_t>(count));
    for (std::int64_t i = 0; i < count / 2; ++i)
        drawn[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = 1;
    return drawn;
}

}  // namespace rheo
