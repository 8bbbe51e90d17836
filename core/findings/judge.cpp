#include "core/findings/judge.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "core/analysis/student_t.h"
#include "core/base/quantile.h"
#include "core/base/random.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double level = 0.05, mostOfIt = 0.9;

constexpr std::array<std::pair<VerdictKind, std::string_view>, 7> names{{
    {VerdictKind::Supported, "supported"},
    {VerdictKind::ExplainedByNull, "explained_by_null"},
    {VerdictKind::MostlyNull, "mostly_null"},
    {VerdictKind::Opposite, "opposite"},
    {VerdictKind::RestsOnOutliers, "rests_on_outliers"},
    {VerdictKind::NotSeen, "not_seen"},
    {VerdictKind::NotTested, "not_tested"},
}};

/// Of the values that are defined; no SD with fewer than two.
struct Spread {
    double count = 0, sd = nan;
};
Spread spreadOf(std::span<const double> values) {
    std::vector<double> defined;
    std::copy_if(values.begin(), values.end(), std::back_inserter(defined),
                 [](double x) { return !std::isnan(x); });
    Spread spread{static_cast<double>(defined.size())};
    if (defined.size() < 2) return spread;
    const double mean = std::accumulate(defined.begin(), defined.end(), 0.0) / spread.count;
    double squares = 0;
    for (const double x : defined) squares += (x - mean) * (x - mean);
    spread.sd = std::sqrt(squares / (spread.count - 1));
    return spread;
}

/// 95 %, by Student's t.
Interval aroundValue(double observed, double error, double degrees) {
    if (std::isnan(error)) return {nan, nan};
    const double width = studentQuantile(0.025, degrees) * error;
    return {observed - width, observed + width};
}

}  // namespace

std::string_view verdictName(VerdictKind kind) {
    for (const auto& [known, name] : names)
        if (known == kind) return name;
    return "";
}

bool mostlyNull(double nullShare) {
    return nullShare >= mostOfIt && nullShare <= 1 / mostOfIt;
}

TailP towards(int direction, const NullComparison& null) {
    if (direction != 0) return direction > 0 ? null.upper : null.lower;
    const TailP& nearer = null.upper.p < null.lower.p ? null.upper : null.lower;
    return {std::min(1.0, 2 * nearer.p), nearer.method};
}

TailP towardsAll(int direction, std::span<const NullComparison> nulls) {
    const auto greatest = [&](int side) {
        TailP found{0, PMethod::None};
        for (const auto& null : nulls)
            if (const TailP p = towards(side, null); !(p.p <= found.p)) found = p;
        return found;
    };
    if (direction != 0) return greatest(direction);
    const auto most = [](const NullComparison& null) { return mostlyNull(null.share); };
    if (std::all_of(nulls.begin(), nulls.end(), most)) return greatest(0);
    return towards(0, {"", nan, nan, nan, greatest(1), greatest(-1), nan, 0});
}

VerdictKind judge(int direction, const Interval& interval, double towards, double away, double nullShare) {
    const auto beyond = [&](VerdictKind kind) {
        return mostlyNull(nullShare) ? VerdictKind::MostlyNull : kind;
    };
    if (direction == 0)
        return towards < level ? beyond(VerdictKind::Supported) : VerdictKind::ExplainedByNull;
    const bool above = interval.low > 0, below = interval.high < 0;
    const bool published = direction > 0 ? above : below, other = direction > 0 ? below : above;
    if (published) return towards < level ? beyond(VerdictKind::Supported) : VerdictKind::ExplainedByNull;
    return other && away < level ? beyond(VerdictKind::Opposite) : VerdictKind::NotSeen;
}

std::vector<double> holmAdjusted(std::span<const double> p) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < p.size(); ++i)
        if (!std::isnan(p[i])) order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
    std::vector<double> adjusted(p.size(), nan);
    double greatest = 0;
    for (std::size_t rank = 0; rank < order.size(); ++rank) {
        greatest = std::max(greatest, p[order[rank]] * static_cast<double>(order.size() - rank));
        adjusted[order[rank]] = std::min(1.0, greatest);
    }
    return adjusted;
}

Interval halvesInterval(double observed, std::span<const double> halves, std::int64_t samples) {
    const auto n = static_cast<double>(samples), m = static_cast<double>(samples / 2);
    if (samples < 2) return {nan, nan};
    const Spread spread = spreadOf(halves);
    const auto degrees = std::min(n, spread.count) - 1;
    return aroundValue(observed, spread.sd * std::sqrt(m / (n - m)), degrees);
}

Interval splitsInterval(double observed, std::span<const double> splits, double trainShare) {
    const Spread spread = spreadOf(splits);
    return aroundValue(observed, spread.sd / std::sqrt(trainShare), spread.count - 1);
}

SignFlipTest flipSignsOfDifferences(const VectorD& differences, std::uint64_t seed) {
    const double observed = differences.mean();
    std::vector<double> means;
    means.reserve(signFlips);
    RandomStream random(seed, 7);
    for (int i = 0; i < signFlips; ++i) {
        double sum = 0;
        for (const double x : differences) sum += random.sign() * x;
        means.push_back(sum / static_cast<double>(differences.size()));
    }
    const double slack = 1e-12 * differences.cwiseAbs().maxCoeff();
    const auto share = [&](auto reaches) {
        return static_cast<double>(1 + std::count_if(means.begin(), means.end(), reaches)) / (signFlips + 1);
    };
    SignFlipTest test{};
    for (const double mean : means) test.mean += mean / signFlips;
    test.pUpper = share([&](double x) { return x >= observed - slack; });
    test.pLower = share([&](double x) { return x <= observed + slack; });
    std::sort(means.begin(), means.end());
    test.low = quantile(means, 0.025);
    test.high = quantile(means, 0.975);
    return test;
}

}  // namespace rheo
