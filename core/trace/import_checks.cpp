#include "core/trace/import_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <optional>

#include "core/base/quantile.h"
#include "core/trace/import_copy.h"

namespace rheo {

namespace {

constexpr std::int64_t pieceRows = 256;
/// Rows whose norms are kept, and norms at most.
constexpr std::int64_t mostMeasuredRows = 4096;
constexpr std::int64_t mostNorms = std::int64_t{1} << 22;
/// Points named one by one in a message.
constexpr std::size_t mostNamed = 8;

}  // namespace

// ------------------------------------------------------------------------------------ states stored twice

void checkRepeated(ImportPlan& plan, Progress& progress) {
    const std::size_t pairs = plan.parts.front().repeated.size();
    const auto units = static_cast<std::size_t>(plan.info.units);
    std::vector<float> left(pieceRows * units), kept(pieceRows * units);
    std::size_t differing = 0;
    double worst = 0;
    std::string worstPair;
    for (std::size_t k = 0; k < pairs; ++k) {
        std::vector<std::size_t> leftArrays, keptArrays;
        for (const auto& part : plan.parts) {
            leftArrays.push_back(part.repeated[k].left);
            keptArrays.push_back(part.repeated[k].kept);
        }
        double difference = 0, square = 0;
        for (std::int64_t row = 0; row < plan.rows(); row += pieceRows) {
            progress.check();
            const std::int64_t rows = std::min(pieceRows, plan.rows() - row);
            readPoint(plan, leftArrays, row, rows, left.data());
            readPoint(plan, keptArrays, row, rows, kept.data());
            for (std::size_t i = 0; i < static_cast<std::size_t>(rows) * units; ++i) {
                const double a = left[i], b = kept[i];
                if (!std::isfinite(a) || !std::isfinite(b)) continue;
                difference += (a - b) * (a - b);
                square += b * b;
            }
            plan.source->forget();
        }
        const double relative = square > 0 ? std::sqrt(difference / square) : difference > 0 ? INFINITY : 0;
        if (relative <= 1e-3) continue;
        ++differing;
        if (relative <= worst) continue;
        worst = relative;
        worstPair = fmt::format("'{}' and '{}'", plan.names[leftArrays[0]], plan.names[keptArrays[0]]);
    }
    if (differing == 0) return;
    plan.warnings.push_back(fmt::format(
        "contradiction: what leaves a block enters the next, and {} of {} pairs of hook_resid_post and the "
        "next hook_resid_pre differ; {} by {:.3g} of their RMS. They are not of one forward pass, or "
        "something writes between blocks; hook_resid_pre was taken. Save the cache anew, or choose arrays "
        "with --tensors",
        differing, pairs, worstPair, worst));
}

// --------------------------------------------------------------------------------------------- order of axes

namespace {

/// Mean squared difference of neighbours along an axis over twice the mean square: 1 where neighbours are
/// independent with mean zero, near 0 where they are alike. The median over `count` lines of the sums that
/// `sums` returns.
template <class Sums>
std::optional<double> roughness(std::int64_t count, Sums sums) {
    std::vector<double> all;
    for (std::int64_t i = 0; i < count; ++i) {
        const auto [difference, square] = sums(i);
        if (std::isfinite(difference) && std::isfinite(square) && square > 0)
            all.push_back(difference / square);
    }
    if (all.empty()) return std::nullopt;
    return upperMedian(std::move(all));
}

struct PairSums {
    double difference = 0, square = 0;
    void add(double a, double b) {
        difference += (a - b) * (a - b);
        square += a * a + b * b;
    }
};

/// Roughness of a box along each axis, absent where it has one entry.
struct BoxRoughness {
    std::optional<double> rows, points, units;
};

BoxRoughness measureRoughness(const TraceBox& box, const std::vector<float>& x) {
    const auto at = [&](std::int64_t n, std::int64_t p, std::int64_t u) {
        return static_cast<double>(x[static_cast<std::size_t>((n * box.points + p) * box.units + u)]);
    };
    const auto along = [&](std::int64_t n, std::int64_t dn, std::int64_t dp, std::int64_t du) {
        PairSums sums;
        for (std::int64_t p = 0; p + dp < box.points; ++p)
            for (std::int64_t u = 0; u + du < box.units; ++u)
                sums.add(at(n, p, u), at(n + dn, p + dp, u + du));
        return sums;
    };
    BoxRoughness found;
    if (box.rows > 1) found.rows = roughness(box.rows - 1, [&](auto n) { return along(n, 1, 0, 0); });
    if (box.points > 1) found.points = roughness(box.rows, [&](auto n) { return along(n, 0, 1, 0); });
    if (box.units > 1) found.units = roughness(box.rows, [&](auto n) { return along(n, 0, 0, 1); });
    return found;
}

/// Two axes that look exchanged; null where none do. Thresholds: over two published models and 25 small
/// random ones in their right order units gave 0.89 to 1.05, points 0.01 to 0.22 and rows 0.05 to 0.99.
const char* exchangedAxes(const BoxRoughness& found) {
    if (!found.points || !found.units) return nullptr;
    if (*found.units < 0.5 && *found.units < 0.5 * *found.points) return "points and units";
    if (!found.rows) return nullptr;
    if (*found.points > 0.3 && *found.rows<0.25 * *found.points&& * found.rows> 1e-6)
        return "rows and points";
    if (*found.units < 0.85 && *found.rows > 0.9 && *found.points < 0.5) return "rows and units";
    return nullptr;
}

}  // namespace

void checkAxisOrder(ImportPlan& plan, Progress& progress) {
    const std::string layout = layoutName(plan.layout);
    const std::int64_t units = plan.info.units, tokens = plan.parts.front().extents.tokens;
    const bool fewUnits = units < 16 && std::max(plan.points(), tokens) > 2 * units;
    if (fewUnits || (plan.points() > units && plan.points() > 8)) {
        plan.warnings.push_back(fmt::format(
            "axis order: read as {}, there are {} points of {} units, {} tokens a sample, and models have "
            "more units than that; if it is wrong, give the order with --layout",
            layout, plan.points(), units, tokens));
        return;
    }
    const TraceBox box{0, std::min<std::int64_t>(plan.rows(), 64),
                       0, std::min<std::int64_t>(plan.points(), 256),
                       0, std::min<std::int64_t>(plan.info.units, 512)};
    if (box.points < 3 || box.units < 3) return;
    std::vector<float> states(static_cast<std::size_t>(box.rows * box.points * box.units));
    readBox(plan, box, states.data(), progress);
    const BoxRoughness found = measureRoughness(box, states);
    const char* exchanged = exchangedAxes(found);
    if (exchanged == nullptr) return;
    plan.warnings.push_back(fmt::format(
        "axis order: read as {}, {} look exchanged: the mean squared difference of neighbours, over that of "
        "unrelated states, is {} along rows, {:.2g} along points and {:.2g} along units, and in a residual "
        "stream it is near 1 along units and small along points; if so, give the order with --layout",
        layout, exchanged, found.rows ? fmt::format("{:.2g}", *found.rows) : "unknown", *found.points,
        *found.units));
}

// ------------------------------------------------------------------------------------- what the copy
// measures

ImportChecks::ImportChecks(const ImportPlan& plan)
    : m_points(plan.points()),
      m_units(plan.info.units),
      m_hashes(plan.info.rows.size(), 0),
      m_notFinite(plan.info.points.size()),
      m_lastRow(plan.info.points.size(), -1),
      m_notFiniteRow(plan.info.rows.size(), 0) {
    for (std::size_t p = 0; p < m_notFinite.size(); ++p)
        m_notFinite[p].point = pointName(plan.info.points[p]);
    const std::int64_t most = std::clamp<std::int64_t>(mostNorms / m_points, 1, mostMeasuredRows);
    m_stride = (plan.rows() + most - 1) / most;
    m_squares.assign(static_cast<std::size_t>((plan.rows() + m_stride - 1) / m_stride * m_points), 0);
}

void ImportChecks::add(const TraceBox& box, const float* states) {
    const std::int64_t perRow = box.points * box.units;
    for (std::int64_t n = 0; n < box.rows; ++n) {
        const float* values = states + n * perRow;
        const std::int64_t row = box.row + n;
        std::uint64_t hash = m_hashes[static_cast<std::size_t>(row)];
        // Exponents with every bit set; without a branch.
        std::uint32_t special = 0;
        for (std::int64_t i = 0; i < perRow; ++i) {
            const auto bits = std::bit_cast<std::uint32_t>(values[i]);
            hash = (hash ^ bits) * 0x9E3779B97F4A7C15;
            hash ^= hash >> 32;
            special |= (bits & 0x7f800000) == 0x7f800000 ? 1U : 0U;
        }
        m_hashes[static_cast<std::size_t>(row)] = hash;
        if (special != 0) addNotFinite(box, row, values);
        if (row % m_stride == 0) addSquares(box, row, values);
    }
}

void ImportChecks::addNotFinite(const TraceBox& box, std::int64_t row, const float* values) {
    m_notFiniteRow[static_cast<std::size_t>(row)] = 1;
    for (std::int64_t i = 0; i < box.points * box.units; ++i) {
        if (std::isfinite(values[i])) continue;
        const auto point = static_cast<std::size_t>(box.point + i / box.units);
        NotFiniteAt& at = m_notFinite[point];
        ++(std::isnan(values[i]) ? at.nans : at.infinities);
        at.rows += m_lastRow[point] == row ? 0 : 1;
        m_lastRow[point] = row;
        if (m_example.empty())
            m_example = fmt::format("row {}, point {}, unit {}", row, at.point, box.unit + i % box.units);
    }
}

void ImportChecks::addSquares(const TraceBox& box, std::int64_t row, const float* values) {
    for (std::int64_t p = 0; p < box.points; ++p) {
        double sum = 0;
        for (std::int64_t u = 0; u < box.units; ++u)
            sum += double{values[p * box.units + u]} * values[p * box.units + u];
        m_squares[static_cast<std::size_t>(row / m_stride * m_points + box.point + p)] += sum;
    }
}

void ImportChecks::finish(ImportPlan& plan, ImportOutcome& outcome) {
    reportNotFinite(plan, outcome);
    reportRepeatedRows(plan, outcome);
    reportNormedLast(plan);
}

void ImportChecks::reportNotFinite(ImportPlan& plan, ImportOutcome& outcome) const {
    std::int64_t nans = 0, infinities = 0;
    std::vector<std::string> named;
    for (const auto& at : m_notFinite) {
        if (at.rows == 0) continue;
        nans += at.nans;
        infinities += at.infinities;
        outcome.notFiniteByPoint.push_back(at);
        if (named.size() < mostNamed)
            named.push_back(fmt::format("{} {} in {} row{}", at.point, at.nans + at.infinities, at.rows,
                                        at.rows == 1 ? "" : "s"));
    }
    outcome.notFinite = nans + infinities;
    if (outcome.notFinite == 0) return;
    const std::size_t more = outcome.notFiniteByPoint.size() - named.size();
    plan.warnings.push_back(fmt::format(
        "not finite: {} NaN and {} infinite (for instance {}); statistics leave out the rows with such a "
        "value: {} of {}. By depth: {}{}. float16 overflows beyond 65,504: save states as float32 or "
        "bfloat16",
        nans, infinities, m_example,
        std::accumulate(m_notFiniteRow.begin(), m_notFiniteRow.end(), std::int64_t{0}), plan.rows(),
        fmt::join(named, ", "), more > 0 ? fmt::format(" and {} more points", more) : ""));
}

void ImportChecks::reportRepeatedRows(ImportPlan& plan, ImportOutcome& outcome) const {
    std::vector<std::uint64_t> sorted = m_hashes;
    std::sort(sorted.begin(), sorted.end());
    const auto distinct = std::unique(sorted.begin(), sorted.end()) - sorted.begin();
    outcome.distinctRows = distinct;
    const std::int64_t repeated = plan.rows() - distinct;
    if (repeated == 0) return;
    plan.warnings.push_back(fmt::format(
        "repeated rows: {} of {} rows have the same states as another one ({} distinct). Tokens with the "
        "same text before them have the same states; else a prompt is there twice. They are no evidence "
        "of their own: remove them, or count {} rows",
        repeated, plan.rows(), distinct, distinct));
}

void ImportChecks::reportNormedLast(ImportPlan& plan) const {
    const std::int64_t rows = static_cast<std::int64_t>(m_squares.size()) / m_points;
    if (m_points < 3 || rows < 4 || plan.lastIsMarked) return;
    // Steps of ln RMS between points, the median over rows: no few massive rows decide it.
    std::vector<double> steps;
    for (std::int64_t p = 1; p < m_points; ++p) {
        std::vector<double> ofRows;
        for (std::int64_t n = 0; n < rows; ++n) {
            const double *at = m_squares.data() + n * m_points + p, step = 0.5 * std::log(at[0] / at[-1]);
            if (std::isfinite(step)) ofRows.push_back(step);
        }
        if (ofRows.size() < 4) return;
        steps.push_back(upperMedian(std::move(ofRows)));
    }
    const double last = steps.back();
    double least = 0, most = 0;  // of the others, but for the first, which may be large
    for (std::size_t k = 1; k + 1 < steps.size(); ++k) {
        least = std::min(least, steps[k]);
        most = std::max(most, std::abs(steps[k]));
    }
    const bool falls = last <= -0.3 && last < 2 * least, jumps = last >= 1 && last > 3 * most;
    if (!falls && !jumps) return;
    plan.warnings.push_back(fmt::format(
        "the last point, {}, looks as if it were after the final norm: its RMS is {:.3g} times that of the "
        "point before, and the other steps are {:.3g} to {:.3g}; if it is, leave it out with "
        "--last-is-normed drop",
        pointName(plan.info.points.back()), std::exp(last), std::exp(-most), std::exp(most)));
}

}  // namespace rheo
