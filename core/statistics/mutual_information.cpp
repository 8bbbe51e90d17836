#include "core/statistics/mutual_information.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "core/analysis/lanes.h"
#include "core/analysis/tile_ranks.h"
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/statistics/gaussian_reference.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double jitterScale = 1e-10;
constexpr int mostNeighbours = 32;
/// Samples between two questions for a stop: a few milliseconds, or tens where all crowd in one place.
constexpr std::int64_t samplesAtOnce = 512;

/// Digamma at whole numbers: psi(1) = -Euler's constant, psi(n + 1) = psi(n) + 1 / n.
const std::vector<double>& digammaTable(std::int64_t count) {
    thread_local std::vector<double> table{nan, -0.57721566490153286061};
    while (static_cast<std::int64_t>(table.size()) <= count)
        table.push_back(table.back() + 1.0 / static_cast<double>(table.size() - 1));
    return table;
}

/// The samples in ascending order of their values, not all the same: sorted by whole numbers of 24 bits in
/// proportion to the values, byte by byte, whose order no branch depends on; then those that share one, by
/// comparing. Comparisons of values never seen before are mispredicted half of the time.
void sortSamples(const Eigen::Ref<const Eigen::ArrayXd>& values, std::int32_t* order) {
    struct Entry {
        std::uint32_t key;
        std::int32_t sample;
    };
    thread_local std::vector<Entry> entries, other;
    entries.resize(static_cast<std::size_t>(values.size()));
    other.resize(entries.size());
    constexpr int bytes = 3, last = (1 << 8 * bytes) - 1;
    const double least = values.minCoeff(), scale = last / (values.maxCoeff() - least);
    std::array<std::array<std::uint32_t, 256>, bytes> counts{};
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const auto sample = static_cast<std::int32_t>(i);
        const auto key = static_cast<std::uint32_t>((values[sample] - least) * scale);
        entries[i] = {key, sample};
        for (int byte = 0; byte < bytes; ++byte) ++counts[byte][key >> 8 * byte & 255];
    }
    for (int byte = 0; byte < bytes; ++byte) {
        std::uint32_t at = 0;
        for (auto& count : counts[byte]) at += std::exchange(count, at);
        for (const Entry& entry : entries) other[counts[byte][entry.key >> 8 * byte & 255]++] = entry;
        entries.swap(other);
    }
    for (auto run = entries.begin(); run != entries.end();) {
        auto end = run + 1;
        while (end != entries.end() && end->key == run->key) ++end;
        if (end - run > 1)
            std::sort(run, end,
                      [&](const Entry& a, const Entry& b) { return values[a.sample] < values[b.sample]; });
        for (; run != end; ++run) *order++ = run->sample;
    }
}

/// A mean that leaves NaN out.
void meanOverUnits(const MatrixD& values, VectorD& mean, std::vector<std::int64_t>* counts) {
    mean = VectorD::Constant(values.rows(), nan);
    if (counts != nullptr) counts->assign(static_cast<std::size_t>(values.rows()), 0);
    for (Eigen::Index p = 0; p < values.rows(); ++p) {
        double sum = 0;
        std::int64_t count = 0;
        for (Eigen::Index u = 0; u < values.cols(); ++u) {
            if (std::isnan(values(p, u))) continue;
            sum += values(p, u);
            ++count;
        }
        if (count > 0) mean[p] = sum / static_cast<double>(count);
        if (counts != nullptr) (*counts)[static_cast<std::size_t>(p)] = count;
    }
}

}  // namespace

RankedVariable::RankedVariable(std::span<const float> values, std::uint64_t seed, std::uint64_t stream)
    : m_standardized(values.begin(), values.end()) {
    prepare(seed, stream);
}

RankedVariable::RankedVariable(std::span<const double> values, std::uint64_t seed, std::uint64_t stream)
    : m_standardized(values.begin(), values.end()) {
    prepare(seed, stream);
}

void RankedVariable::prepare(std::uint64_t seed, std::uint64_t stream) {
    const std::size_t n = m_standardized.size();
    m_order.resize(n);
    m_rank.resize(n);
    m_sorted.assign(n + 2 * static_cast<std::size_t>(sampleMargin), infinity);
    std::fill_n(m_sorted.begin(), sampleMargin, -infinity);
    Eigen::Map<Eigen::ArrayXd> values(m_standardized.data(), static_cast<Eigen::Index>(n));
    m_constant = true;
    if (n == 0 || values.minCoeff() == values.maxCoeff()) return;
    values -= values.mean();
    const double sd = std::sqrt(values.square().mean());  // NaN where a value is not finite
    if (!(sd > 0 && sd < infinity)) return;
    values /= sd;
    m_constant = false;

    double* sorted = m_sorted.data() + sampleMargin;
    const auto sort = [&](const Eigen::Ref<const Eigen::ArrayXd>& x) {
        sortSamples(x, m_order.data());
        for (std::size_t i = 0; i < n; ++i) sorted[i] = x[m_order[i]];
    };
    sort(values);
    if (std::adjacent_find(sorted, sorted + n) != sorted + n) {
        RandomStream random(seed, stream);
        Eigen::ArrayXd jittered = values;
        for (auto& value : jittered) value += jitterScale * random.normal();
        sort(jittered);
    }
    for (std::size_t i = 0; i < n; ++i)
        m_rank[static_cast<std::size_t>(m_order[i])] = static_cast<std::int32_t>(i);
}

double ksgInformation(const RankedVariable& x, const RankedVariable& y, int k, const Progress& progress) {
    const std::int64_t n = x.count();
    if (x.constant() || y.constant() || n != y.count() || n <= k || k < 1 || k > mostNeighbours) return nan;
    struct Workspace {
        std::vector<double> y, distance, distanceByY;
        std::vector<std::int32_t> rank, closer, closerByY;
    };
    thread_local Workspace work;
    const auto size = static_cast<std::size_t>(n), roomy = size + 2 * static_cast<std::size_t>(sampleMargin);
    for (auto* values : {&work.y, &work.distance, &work.distanceByY}) values->resize(roomy);
    for (auto* counts : {&work.rank, &work.closer, &work.closerByY}) counts->resize(roomy);
    double* yInOrder = work.y.data() + sampleMargin;
    for (std::int64_t s = 0; s < n; ++s) {
        const std::int32_t rank = y.rank(x.order(s));
        work.rank[static_cast<std::size_t>(s)] = rank;
        yInOrder[s] = y.sorted(rank);
    }
    for (std::int64_t first = 0; first < n; first += samplesAtOnce) {
        progress.check();
        const std::int64_t end = std::min(n, first + samplesAtOnce);
        nearestNeighbours(x.sortedData(), yInOrder, first, end, k, work.distance.data(), work.closer.data());
    }
    for (std::size_t s = 0; s < size; ++s)
        work.distanceByY[static_cast<std::size_t>(work.rank[s])] = work.distance[s];
    for (std::int64_t first = 0; first < n; first += samplesAtOnce) {
        progress.check();
        countCloser(y.sortedData(), n, work.distanceByY.data(), first, std::min(n, first + samplesAtOnce),
                    work.closerByY.data());
    }
    const std::vector<double>& psi = digammaTable(n);
    double sum = 0;
    for (std::size_t s = 0; s < size; ++s)
        sum += psi[static_cast<std::size_t>(work.closer[s] + 1)] +
               psi[static_cast<std::size_t>(work.closerByY[s] + 1)];
    return psi[size] + psi[static_cast<std::size_t>(k)] - sum / static_cast<double>(n);
}

double binnedInformation(const RankedVariable& x, const RankedVariable& y) {
    const std::int64_t n = x.count();
    if (x.constant() || y.constant() || n != y.count() || n < 3) return nan;
    const auto bins = std::max<std::int64_t>(
        2, static_cast<std::int64_t>(std::floor(std::sqrt(static_cast<double>(n) / 5))));
    std::vector<std::int64_t> joint(static_cast<std::size_t>(bins * bins), 0);
    std::vector<std::int64_t> inX(static_cast<std::size_t>(bins), 0), inY(inX);
    for (std::int64_t i = 0; i < n; ++i) {
        const std::int64_t a = x.rank(i) * bins / n, b = y.rank(i) * bins / n;
        ++joint[static_cast<std::size_t>(a * bins + b)];
        ++inX[static_cast<std::size_t>(a)];
        ++inY[static_cast<std::size_t>(b)];
    }
    const auto total = static_cast<double>(n);
    double information = 0;
    std::int64_t cells = 0, cellsX = 0, cellsY = 0;
    for (std::int64_t a = 0; a < bins; ++a) {
        cellsX += inX[static_cast<std::size_t>(a)] > 0 ? 1 : 0;
        cellsY += inY[static_cast<std::size_t>(a)] > 0 ? 1 : 0;
        for (std::int64_t b = 0; b < bins; ++b) {
            const auto count = static_cast<double>(joint[static_cast<std::size_t>(a * bins + b)]);
            if (count == 0) continue;
            ++cells;
            const auto expected = static_cast<double>(inX[static_cast<std::size_t>(a)]) *
                                  static_cast<double>(inY[static_cast<std::size_t>(b)]) / total;
            information += count / total * std::log(count / expected);
        }
    }
    return information - static_cast<double>(cells - cellsX - cellsY + 1) / (2 * total);
}

double gaussianInformation(const RankedVariable& x, const RankedVariable& y) {
    const std::int64_t n = x.count();
    if (x.constant() || y.constant() || n != y.count() || n < 3) return nan;
    const Eigen::Map<const Eigen::ArrayXd> a(x.standardized().data(), n), b(y.standardized().data(), n);
    const double r = (a * b).mean();
    const double rest = 1 - r * r;
    return rest > 1e-15 ? -0.5 * std::log(rest) : nan;
}

MutualInformationStatistic::MutualInformationStatistic(const RowSource& source,
                                                       const MutualInformationOptions& options)
    : m_source(source),
      m_options(options),
      m_rows(source.view().rowCount()),
      m_points(source.view().pointCount()),
      m_units(source.view().unitCount()),
      m_unitsOf(static_cast<std::size_t>(tileCount(m_units))),
      m_paths(m_unitsOf.size()) {
    if (options.neighbours < 1 || options.neighbours > mostNeighbours)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("{} neighbours are asked for, and 1 to {} can be used", options.neighbours,
                                mostNeighbours));
    std::int64_t last = -1;
    for (const auto unit : options.units) {
        if (unit <= last || unit >= m_units)
            throw Error(
                ErrorCode::InvalidArgument,
                fmt::format("unit {} is out of order, or not among the {} of the trace", unit, m_units));
        last = unit;
    }
    const auto in = [](const std::vector<std::int64_t>& units, std::int64_t unit) {
        return std::binary_search(units.begin(), units.end(), unit);
    };
    for (std::int64_t u = 0; u < m_units; ++u)
        if ((options.units.empty() || in(options.units, u)) && !in(source.view().maskedUnits, u))
            m_unitsOf[static_cast<std::size_t>(u / tileUnits)].push_back(u);
    for (const auto& units : m_unitsOf) m_mostUnits = std::max(m_mostUnits, units.size());
    m_result.mi = MatrixD::Constant(m_points - 1, m_units, nan);
    m_result.gaussian = m_result.excess = m_result.mi;
}

std::size_t MutualInformationStatistic::tileBytes() const {
    return static_cast<std::size_t>(m_rows * m_points) * m_mostUnits * sizeof(double);
}

std::int64_t MutualInformationStatistic::unitsWithin(std::size_t bytes) const {
    const auto perUnit = static_cast<std::size_t>(m_rows * m_points) * sizeof(double);
    return static_cast<std::int64_t>(
        std::clamp<std::size_t>(bytes / perUnit, 1, static_cast<std::size_t>(tileUnits)));
}

void MutualInformationStatistic::takeUnits(std::int64_t first, std::int64_t count) {
    m_firstUnit = first;
    m_unitCount = count;
}

std::span<const std::int64_t> MutualInformationStatistic::unitsOf(std::int64_t tile) const {
    const auto& units = m_unitsOf[static_cast<std::size_t>(tile)];
    const std::int64_t first = tile * tileUnits + m_firstUnit;
    const auto begin = std::lower_bound(units.begin(), units.end(), first),
               end = std::lower_bound(begin, units.end(), first + m_unitCount);
    return {begin, end};
}

void MutualInformationStatistic::open(std::int64_t tile) {
    m_paths[static_cast<std::size_t>(tile)] = std::make_unique_for_overwrite<double[]>(
        static_cast<std::size_t>(m_rows * m_points) * unitsOf(tile).size());
}

void MutualInformationStatistic::add(const TileBatch& batch) {
    double* to = m_paths[static_cast<std::size_t>(batch.tile)].get();
    const auto units = unitsOf(batch.tile);
    for (std::int64_t p = 0; p < m_points; ++p)
        for (std::size_t i = 0; i < units.size(); ++i) {
            double* path = to + (static_cast<std::int64_t>(i) * m_points + p) * m_rows + batch.firstRow;
            const double* from = batch.paths + p * tileUnits + units[i] % tileUnits;
            for (std::int64_t n = 0; n < batch.rows; ++n) path[n] = from[n * m_points * tileUnits];
        }
}

void MutualInformationStatistic::close(std::int64_t tile, const Progress& progress) {
    std::call_once(m_referenceMade, [&] {
        m_reference = &gaussianReference(m_options.estimator, m_options.neighbours, m_rows, m_options.threads,
                                         progress);
        m_result.excessError = VectorD::Constant(1, m_reference->standardError());
    });
    const auto units = unitsOf(tile);
    const std::unique_ptr<double[]> paths = std::move(m_paths[static_cast<std::size_t>(tile)]);
    // Other tiles have threads of their own; where there are few, units share out what is left.
    const auto threads = static_cast<std::int64_t>(resolveThreads(m_options.threads)) / tileCount(m_units);
    parallelFor(
        static_cast<std::int64_t>(units.size()), 1, static_cast<int>(std::max<std::int64_t>(1, threads)),
        progress, [&](std::int64_t i, std::int64_t) {
            estimate(units[static_cast<std::size_t>(i)], paths.get() + i * m_points * m_rows, progress);
        });
}

void MutualInformationStatistic::estimate(std::int64_t unit, const double* paths, const Progress& progress) {
    const auto variable = [&](std::int64_t p) {
        progress.check();
        return RankedVariable(std::span(paths + p * m_rows, static_cast<std::size_t>(m_rows)), m_options.seed,
                              static_cast<std::uint64_t>(unit * m_points + p));
    };
    RankedVariable here = variable(0);
    for (std::int64_t p = 0; p + 1 < m_points; ++p) {
        RankedVariable next = variable(p + 1);
        m_result.mi(p, unit) = m_options.estimator == MutualInformationEstimator::Ksg
                                   ? ksgInformation(here, next, m_options.neighbours, progress)
                                   : binnedInformation(here, next);
        m_result.gaussian(p, unit) = gaussianInformation(here, next);
        m_result.excess(p, unit) = m_result.mi(p, unit) - m_reference->at(m_result.gaussian(p, unit));
        here = std::move(next);
    }
}

MutualInformationResult MutualInformationStatistic::result() const {
    MutualInformationResult result = m_result;
    result.excludedRows = m_source.excludedRows();
    const Ranks& ranks = currentRanks();
    for (auto* table : {&result.mi, &result.gaussian, &result.excess}) joinUnitColumns(ranks, *table);
    if (!ranks.alone()) {
        // A rank without a tile has made no reference; the first has a tile.
        double error = ranks.first() ? result.excessError[0] : 0;
        sumOverRanks(ranks, {&error, 1});
        result.excessError = VectorD::Constant(1, error);
    }
    meanOverUnits(result.mi, result.mean, &result.units);
    meanOverUnits(result.gaussian, result.meanGaussian, nullptr);
    meanOverUnits(result.excess, result.meanExcess, nullptr);
    return result;
}

MutualInformationResult mutualInformation(const TraceView& view, const MutualInformationOptions& options,
                                          Progress& progress) {
    progress.setStage("mutual information");
    Progress scan = progress.part(0, 0.05), work = progress.part(0.05, 1);
    const RowSource source(view, options.memoryBytes / 2, scan);
    PathMaker maker(source);
    MutualInformationStatistic statistic(source, options);
    const Feed feed{&maker, 0, {&statistic}};
    sweep(source, {&feed, 1}, {options.threads, options.memoryBytes / 2}, work);
    return statistic.result();
}

double MutualInformation::nanoseconds(const MutualInformationOptions& options, const Sizes& sizes, bool) {
    const double share =
        options.units.empty() ? 1 : static_cast<double>(options.units.size()) / sizes.unitCount();
    return sizes.values() * (1 + 35 * share);
}

std::string MutualInformation::whyUndefined(const TraceView& view, const MutualInformationOptions&,
                                            std::size_t memoryBytes) {
    constexpr double leastForUnit = 1 << 26;  // so much may be held whatever the bound
    const double ofUnit =
        static_cast<double>(view.rowCount()) * static_cast<double>(view.pointCount()) * sizeof(double);
    if (ofUnit <= std::max(leastForUnit, static_cast<double>(memoryBytes) / 2)) return "";
    return fmt::format(
        "all rows of one unit take {:.0f} MiB, more than half of what may be held; allow more memory, or "
        "choose fewer rows or points",
        ofUnit / (1 << 20));
}

}  // namespace rheo
