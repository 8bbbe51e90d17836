#include "widgets/paint/axis_layout.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rheo {

bool isVisible(const Axis& axis, double value) {
    const double slack = 1e-9 * std::abs(axis.high - axis.low);
    return value >= axis.low - slack && value <= axis.high + slack;
}

double AxisScale::place(double at) const {
    const double t = logarithmic ? std::log(at / low) / std::log(high / low) : (at - low) / (high - low);
    return from + t * (to - from);
}

double AxisScale::value(double at) const {
    const double t = (at - from) / (to - from);
    return logarithmic ? low * std::pow(high / low, t) : low + t * (high - low);
}

namespace {

/// A tick that is shown, if there is space for it.
struct Candidate {
    double place = 0;
    double half = 0;  // of the length that its label takes along the axis
    QString label;
    int rank = 0;
};

struct Candidates {
    std::vector<Candidate> ticks;
    std::size_t before = 0;  // labelled ticks left of what is shown
};

Candidates candidatesOf(const Axis& axis, const AxisScale& scale, bool vertical, const TextMetrics& metrics) {
    Candidates candidates;
    for (const auto& tick : axis.ticks) {
        if (isVisible(axis, tick.value)) {
            const QString label = typeset(tick.label);
            const double extent =
                vertical ? metrics.capHeight(type::tick) + 3 : metrics.width(label, type::tick) + 5;
            candidates.ticks.push_back({scale.place(tick.value), extent / 2, label, tick.rank});
        } else if (tick.value < axis.low && tick.rank == 0 && !tick.label.empty()) {
            ++candidates.before;
        }
    }
    return candidates;
}

/// Indices of candidates, in their order along the axis.
using Indices = std::vector<std::size_t>;

bool collide(const Candidate& a, const Candidate& b) {
    return std::abs(b.place - a.place) < a.half + b.half;
}

bool haveSpace(const std::vector<Candidate>& ticks, const Indices& chosen) {
    for (std::size_t i = 1; i < chosen.size(); ++i)
        if (collide(ticks[chosen[i - 1]], ticks[chosen[i]])) return false;
    return true;
}

Indices withLabel(const std::vector<Candidate>& ticks, int largestRank) {
    Indices indices;
    for (std::size_t i = 0; i < ticks.size(); ++i)
        if (!ticks[i].label.isEmpty() && ticks[i].rank <= largestRank) indices.push_back(i);
    return indices;
}

/// Every one, every second, every fourth: counted from the axis's first, so that the same places keep their
/// labels while the axis is moved.
Indices everyFew(const Candidates& candidates, const Indices& main) {
    for (std::size_t stride = 1;; stride *= 2) {
        Indices chosen;
        for (std::size_t i = 0; i < main.size(); ++i)
            if ((candidates.before + i) % stride == 0) chosen.push_back(main[i]);
        if (haveSpace(candidates.ticks, chosen) || stride > main.size() + candidates.before) return chosen;
    }
}

/// A named end ("final") is worth more than its neighbours.
void keepEnd(const std::vector<Candidate>& ticks, std::size_t end, Indices& chosen) {
    if (!chosen.empty() && chosen.back() == end) return;
    while (!chosen.empty() && collide(ticks[chosen.back()], ticks[end])) chosen.pop_back();
    chosen.push_back(end);
}

Indices chooseLabels(const Candidates& candidates, bool isNamed) {
    const Indices all = withLabel(candidates.ticks, std::numeric_limits<int>::max());
    if (haveSpace(candidates.ticks, all)) return all;
    const Indices main = withLabel(candidates.ticks, 0);
    Indices chosen = everyFew(candidates, main);
    if (isNamed && !main.empty()) keepEnd(candidates.ticks, main.back(), chosen);
    return chosen;
}

/// The smallest distance between two neighbours of at most this rank.
double smallestDistance(const std::vector<Candidate>& ticks, int largestRank) {
    double least = std::numeric_limits<double>::infinity();
    double last = -std::numeric_limits<double>::infinity();
    for (const auto& tick : ticks) {
        if (tick.rank > largestRank) continue;
        least = std::min(least, std::abs(tick.place - last));
        last = tick.place;
    }
    return least;
}

double tickLength(const Candidate& tick, bool isLabelled, bool axisIsNamed) {
    constexpr double medium = 2.5, small = 1.5;
    if (isLabelled) return tick.rank == 0 ? spacing::tickLength : medium;
    return tick.rank > 0 || (tick.label.isEmpty() && !axisIsNamed) ? small : medium;
}

}  // namespace

std::vector<PlacedTick> placeTicks(const Axis& axis, const AxisScale& scale, bool vertical,
                                   const TextMetrics& metrics) {
    const Candidates candidates = candidatesOf(axis, scale, vertical, metrics);
    const Indices labelled = chooseLabels(candidates, axis.named);
    // Ticks closer than this would be a grey smear.
    constexpr double closest = 1.3;
    const bool showAll = smallestDistance(candidates.ticks, std::numeric_limits<int>::max()) >= closest;
    const bool showMain = smallestDistance(candidates.ticks, 0) >= closest;
    std::vector<PlacedTick> placed;
    for (std::size_t i = 0; i < candidates.ticks.size(); ++i) {
        const Candidate& tick = candidates.ticks[i];
        const bool isLabelled = std::binary_search(labelled.begin(), labelled.end(), i);
        if (!isLabelled && !(tick.rank == 0 ? showMain : showAll)) continue;
        placed.push_back(
            {tick.place, tickLength(tick, isLabelled, axis.named), isLabelled ? tick.label : QString()});
    }
    return placed;
}

}  // namespace rheo
