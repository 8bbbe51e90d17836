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

std::vector<PlacedTick> placeTicks(const Axis& axis, const AxisScale& scale, bool vertical,
                                   const TextMetrics& metrics) {
    struct Candidate {
        double place = 0;
        double half = 0;  // of the room its label takes along the axis
        QString label;
        int rank = 0;
    };
    std::vector<Candidate> candidates;
    std::size_t before = 0;  // labelled ticks left of what is shown
    for (const auto& tick : axis.ticks) {
        if (!isVisible(axis, tick.value)) {
            if (tick.value < axis.low && tick.rank == 0 && !tick.label.empty()) ++before;
            continue;
        }
        const QString label = typeset(tick.label);
        const double extent =
            vertical ? metrics.capHeight(type::tick) + 3 : metrics.width(label, type::tick) + 5;
        candidates.push_back({scale.place(tick.value), extent / 2, label, tick.rank});
    }
    const auto collide = [](const Candidate& a, const Candidate& b) {
        return std::abs(b.place - a.place) < a.half + b.half;
    };
    const auto fits = [&](const std::vector<std::size_t>& chosen) {
        for (std::size_t i = 1; i < chosen.size(); ++i)
            if (collide(candidates[chosen[i - 1]], candidates[chosen[i]])) return false;
        return true;
    };

    std::vector<std::size_t> all, main;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        if (candidates[i].label.isEmpty()) continue;
        all.push_back(i);
        if (candidates[i].rank == 0) main.push_back(i);
    }
    std::vector<std::size_t> chosen = all;
    if (!fits(all)) {
        // Every label, every second, every fourth: counted from the axis's first, so that the same
        // places keep their labels while the axis is moved.
        for (std::size_t stride = 1;; stride *= 2) {
            chosen.clear();
            for (std::size_t i = 0; i < main.size(); ++i)
                if ((before + i) % stride == 0) chosen.push_back(main[i]);
            if (fits(chosen) || stride > main.size() + before) break;
        }
        // A named end ("final") is worth more than its neighbour.
        if (axis.named && !main.empty() && (chosen.empty() || chosen.back() != main.back())) {
            while (!chosen.empty() && collide(candidates[chosen.back()], candidates[main.back()]))
                chosen.pop_back();
            chosen.push_back(main.back());
        }
    }
    // Ticks closer than this would be a grey smear.
    constexpr double closest = 1.3;
    const auto spacing = [&](int rank) {
        double least = std::numeric_limits<double>::infinity();
        double last = -std::numeric_limits<double>::infinity();
        for (const auto& candidate : candidates) {
            if (candidate.rank > rank) continue;
            least = std::min(least, std::abs(candidate.place - last));
            last = candidate.place;
        }
        return least;
    };
    const bool showAll = spacing(std::numeric_limits<int>::max()) >= closest;
    const bool showMain = spacing(0) >= closest;

    std::vector<PlacedTick> ticks;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        const auto& candidate = candidates[i];
        const bool labelled = std::find(chosen.begin(), chosen.end(), i) != chosen.end();
        if (!labelled && !(candidate.rank == 0 ? showMain : showAll)) continue;
        const bool minor = candidate.rank > 0 || (candidate.label.isEmpty() && !axis.named);
        const double length = labelled && candidate.rank == 0 ? spacing::tickLength
                              : minor && !labelled            ? 1.5
                                                              : 2.5;
        ticks.push_back({candidate.place, length, labelled ? candidate.label : QString()});
    }
    return ticks;
}

}  // namespace rheo
