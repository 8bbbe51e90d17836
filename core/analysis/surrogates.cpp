#include "core/analysis/surrogates.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "core/analysis/random_basis.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/base/wide.h"

namespace rheo {

namespace {

constexpr std::array<std::pair<NullKind, std::string_view>, 10> names{{
    {NullKind::DepthShuffle, "depth_shuffle"},
    {NullKind::IncrementShuffle, "increment_shuffle"},
    {NullKind::SignFlip, "sign_flip"},
    {NullKind::GaussianWalk, "gaussian_walk"},
    {NullKind::RowShuffle, "row_shuffle"},
    {NullKind::RandomBasis, "random_basis"},
    {NullKind::StepSignFlip, "step_sign_flip"},
    {NullKind::PersistentFlip, "persistent_flip"},
    {NullKind::PersistentUnitFlip, "persistent_unit_flip"},
    {NullKind::PersistentWalk, "persistent_walk"},
}};

/// Lags whose correlations tell the persistence of steps.
constexpr std::int64_t mostLags = 4;
constexpr std::size_t blockBytes = std::size_t{32} << 20;

/// Uniform in 0 .. n-1 for small n, from 32 random bits by multiplication (Lemire 2019); the bias is below n
/// / 2^32.
std::uint32_t belowSmall(std::uint32_t bits, std::uint32_t n) {
    return static_cast<std::uint32_t>((static_cast<std::uint64_t>(bits) * n) >> 32);
}

/// A tile of a raw row as it is, [point, 64].
RHEO_WIDE void copyTile(const float* raw, std::int64_t stride, std::int64_t points, std::int64_t units,
                        double* path) {
    for (std::int64_t p = 0; p < points; ++p) {
        const float* from = raw + p * stride;
        double* to = path + p * tileUnits;
        if (units == tileUnits) {
            for (std::int64_t u = 0; u < tileUnits; ++u) to[u] = from[u];
        } else {
            for (std::int64_t u = 0; u < units; ++u) to[u] = from[u];
            for (std::int64_t u = units; u < tileUnits; ++u) to[u] = 0;
        }
    }
}

/// Fisher-Yates down the points, each unit with numbers of its own, two to a draw; row by row, because that
/// is how the path lies in memory.
void shuffleDepth(double* path, std::int64_t points, RandomStream& random) {
    for (std::int64_t p = points - 1; p > 0; --p) {
        const auto n = static_cast<std::uint32_t>(p + 1);
        double* const here = path + p * tileUnits;
        for (std::int64_t u = 0; u < tileUnits; u += 2) {
            const std::uint64_t bits = random();
            std::swap(here[u], path[belowSmall(static_cast<std::uint32_t>(bits), n) * tileUnits + u]);
            std::swap(here[u + 1],
                      path[belowSmall(static_cast<std::uint32_t>(bits >> 32), n) * tileUnits + u + 1]);
        }
    }
}

/// The sum of the steps in the order given, both [point, 64].
RHEO_WIDE void walkInOrder(const double* asItIs, std::int64_t points, const std::int32_t* order,
                           double* path) {
    for (std::int64_t p = 0; p + 1 < points; ++p) {
        const double* from = asItIs + order[p] * tileUnits;
        const double* here = path + p * tileUnits;
        double* next = path + (p + 1) * tileUnits;
        for (std::int64_t u = 0; u < tileUnits; ++u) next[u] = here[u] + (from[tileUnits + u] - from[u]);
    }
}

/// Mean over steps p of covariance(p) / (spread[p] spread[p + lag]), where both spreads are above 0; 0 where
/// none are.
template <class Covariance>
double meanCorrelation(const VectorD& spread, Eigen::Index lag, Covariance covariance) {
    double sum = 0, pairs = 0;
    for (Eigen::Index p = 0; p + lag < spread.size(); ++p) {
        const double spreads = spread[p] * spread[p + lag];
        if (!(spreads > 0)) continue;
        sum += covariance(p) / spreads;
        ++pairs;
    }
    return pairs > 0 ? sum / pairs : 0.0;
}

/// The phi of an autoregressive process of order 1 whose correlations phi^k at lags k = 1, 2, .. are closest
/// to these in the sum of squares: by trial in steps of 0.01.
double persistenceOf(const std::vector<double>& correlations) {
    double best = 0, least = std::numeric_limits<double>::infinity();
    for (int i = -100; i <= 100; ++i) {
        const double phi = i / 100.0;
        double power = 1, squares = 0;
        for (const double r : correlations) {
            power *= phi;
            squares += (r - power) * (r - power);
        }
        if (squares < least) {
            least = squares;
            best = phi;
        }
    }
    return correlations.empty() ? 0 : best;
}

/// Steps of RMS `spread` whose innovations get signs: bit u of signs[p] for unit u. `spread` [step, stride],
/// `phi` [64], paths [point, 64].
void flipInnovations(const double* asItIs, std::int64_t points, const double* spread, std::int64_t stride,
                     const double* phi, const std::uint64_t* signs, double* path) {
    std::array<double, tileUnits> before{}, flipped{};  // z of the step before, as it is and as it is made
    for (std::int64_t p = 0; p + 1 < points; ++p) {
        const double* from = asItIs + p * tileUnits;
        const double* scale = spread + p * stride;
        for (std::int64_t u = 0; u < tileUnits; ++u) {
            const auto i = static_cast<std::size_t>(u);
            const double z = scale[u] > 0 ? (from[tileUnits + u] - from[u]) / scale[u] : 0.0;
            const double innovation = z - phi[u] * before[i];
            const double sign = (signs[p] >> u & 1) != 0 ? -1.0 : 1.0;
            flipped[i] = phi[u] * flipped[i] + sign * innovation;
            before[i] = z;
            path[(p + 1) * tileUnits + u] = path[p * tileUnits + u] + scale[u] * flipped[i];
        }
    }
}

}  // namespace

std::string_view nullName(NullKind kind) {
    for (const auto& [key, name] : names)
        if (key == kind) return name;
    return "";
}

std::optional<NullKind> parseNull(std::string_view name) {
    for (const auto& [key, known] : names)
        if (known == name) return key;
    return std::nullopt;
}

std::vector<std::string_view> nullNames() {
    std::vector<std::string_view> all;
    for (const auto& [key, name] : names) all.push_back(name);
    return all;
}

PathMaker::PathMaker(const RowSource& rows)
    : m_rows(rows),
      m_points(rows.view().pointCount()),
      m_units(rows.view().unitCount()),
      m_tiles(tileCount(m_units)) {}

PathMaker::PathMaker(const RowSource& rows, NullKind kind, std::uint64_t seed, int threads,
                     Progress& progress)
    : PathMaker(rows) {
    m_kind = kind;
    m_seed = seed;
    if (needsMoments(kind)) sumSteps(threads, progress);
    if (kind == NullKind::StepSignFlip || (needsMoments(kind) && kind != NullKind::GaussianWalk))
        m_sampled = samplingUnits(rows.view());
}

PathMaker PathMaker::unread(const RowSource& rows, NullKind kind) {
    PathMaker maker(rows);
    maker.m_kind = kind;
    return maker;
}

bool PathMaker::needsMoments(NullKind kind) {
    return kind == NullKind::GaussianWalk || kind == NullKind::PersistentFlip ||
           kind == NullKind::PersistentUnitFlip || kind == NullKind::PersistentWalk;
}

void PathMaker::sumSteps(int threads, Progress& progress) {
    const std::int64_t rows = m_rows.view().rowCount(), steps = m_points - 1;
    const std::int64_t block = rowsPerBlock(m_rows.view(), blockBytes);
    // Of steps, and of their products with the step so many after, about the steps of the first row.
    MatrixD shift, sum = MatrixD::Zero(steps, m_units);
    const std::int64_t lags =
        m_kind == NullKind::GaussianWalk ? 0 : std::min<std::int64_t>(mostLags, steps / 4);
    std::vector<MatrixD> products(static_cast<std::size_t>(lags) + 1, sum);  // of lag 0: squares
    std::vector<float> buffer;
    for (std::int64_t first = 0; first < rows; first += block) {
        const std::int64_t count = std::min(block, rows - first);
        const float* raw = m_rows.read(first, count, buffer, progress);
        const auto path = [&](std::int64_t n) {
            return Eigen::Map<const MatrixF>(raw + n * m_points * m_units, m_points, m_units);
        };
        if (first == 0)
            shift = path(0).bottomRows(steps).cast<double>() - path(0).topRows(steps).cast<double>();
        parallelFor(steps, 1, threads, progress, [&](std::int64_t p, std::int64_t) {
            for (std::int64_t n = 0; n < count; ++n) {
                const auto step = [&](std::int64_t q) -> Eigen::ArrayXd {
                    return (path(n).row(q + 1).cast<double>() - path(n).row(q).cast<double>() - shift.row(q))
                        .transpose()
                        .array();
                };
                const Eigen::ArrayXd here = step(p);
                sum.row(p).array() += here.transpose();
                for (std::int64_t lag = 0; lag <= lags && p + lag < steps; ++lag)
                    products[static_cast<std::size_t>(lag)].row(p).array() +=
                        (here * step(p + lag)).transpose();
            }
        });
        progress.report(static_cast<double>(first + count), static_cast<double>(rows));
    }
    const auto n = static_cast<double>(rows);
    const std::int64_t padded = m_tiles * tileUnits;
    m_meanStep = m_stepSpread = MatrixD::Zero(steps, padded);
    m_persistence = VectorD::Zero(padded);
    const MatrixD mean = sum / n;
    m_meanStep.leftCols(m_units) = mean + shift;
    // About zero for flips, which keep the mean step as a part of each step's size.
    const bool aboutZero = m_kind == NullKind::PersistentFlip || m_kind == NullKind::PersistentUnitFlip;
    const auto moment = [&](Eigen::Index p, Eigen::Index lag, Eigen::Index u) {
        const double raw = products[static_cast<std::size_t>(lag)](p, u);
        const Eigen::Index q = p + lag;
        if (aboutZero)
            return raw / n + mean(p, u) * shift(q, u) + mean(q, u) * shift(p, u) + shift(p, u) * shift(q, u);
        return rows < 2 ? 0.0 : (raw - sum(p, u) * mean(q, u)) / (n - 1);
    };
    for (Eigen::Index u = 0; u < m_units; ++u) {
        for (Eigen::Index p = 0; p < steps; ++p)
            m_stepSpread(p, u) = std::sqrt(std::max(0.0, moment(p, 0, u)));
        std::vector<double> correlations;
        for (Eigen::Index lag = 1; lag <= lags; ++lag)
            correlations.push_back(
                meanCorrelation(m_stepSpread.col(u), lag, [&](Eigen::Index p) { return moment(p, lag, u); }));
        m_persistence[u] = persistenceOf(correlations);
    }
}

std::uint64_t PathMaker::streamOf(std::int64_t repeat, std::int64_t row, std::int64_t tile) const {
    // The tile past the last one names what the units of a row share.
    return static_cast<std::uint64_t>((repeat * m_rows.view().rowCount() + row) * (m_tiles + 1) + tile);
}

void PathMaker::readTile(const float* raw, std::int64_t tile, double* asItIs) const {
    const std::int64_t first = tile * tileUnits;
    copyTile(raw + first, m_units, m_points, std::min(tileUnits, m_units - first), asItIs);
}

void PathMaker::makeTile(const double* asItIs, std::int64_t repeat, std::int64_t row, std::int64_t tile,
                         double* path) const {
    const std::int64_t first = tile * tileUnits, units = std::min(tileUnits, m_units - first);
    std::copy(asItIs, asItIs + m_points * tileUnits, path);
    if (!m_kind || m_points < 2) return;
    RandomStream random(m_seed, streamOf(repeat, row, tile));
    thread_local std::vector<std::uint64_t> bits;
    switch (*m_kind) {
        case NullKind::DepthShuffle: return shuffleDepth(path, m_points, random);
        case NullKind::IncrementShuffle: {
            RandomStream shared(m_seed, streamOf(repeat, row, m_tiles));
            const auto order = shared.permutation(static_cast<std::int32_t>(m_points - 1));
            return walkInOrder(asItIs, m_points, order.data(), path);
        }
        case NullKind::SignFlip:
            bits.resize(static_cast<std::size_t>(m_points - 1));
            for (auto& word : bits) word = random();
            return flipSigns(path, m_points, bits.data());
        case NullKind::GaussianWalk:
            bits.resize(static_cast<std::size_t>((m_points - 1) * tileUnits));
            for (auto& word : bits) word = random();
            return walkGaussian(path, m_points, units, m_stepSpread.data() + first, m_stepSpread.cols(),
                                bits.data());
        case NullKind::StepSignFlip:
        case NullKind::PersistentFlip:
        case NullKind::PersistentUnitFlip: return flipTile(asItIs, repeat, row, tile, path);
        case NullKind::RowShuffle:
        case NullKind::PersistentWalk:
        case NullKind::RandomBasis: return;  // made by block
    }
}

void PathMaker::flipTile(const double* asItIs, std::int64_t repeat, std::int64_t row, std::int64_t tile,
                         double* path) const {
    // The rows of a sampling unit share their signs; the tile past the last one names what units share.
    const std::int64_t unit = m_sampled.ofRow[static_cast<std::size_t>(row)];
    const bool shared = m_kind != NullKind::PersistentUnitFlip;
    RandomStream random(m_seed, streamOf(repeat, unit, shared ? m_tiles : tile));
    thread_local std::vector<std::uint64_t> signs;
    signs.resize(static_cast<std::size_t>(m_points - 1));
    for (auto& word : signs) {
        word = random();
        if (shared) word = (word >> 63) != 0 ? ~std::uint64_t{0} : 0;
    }
    if (m_kind == NullKind::StepSignFlip) return flipSigns(path, m_points, signs.data());
    const std::int64_t first = tile * tileUnits;
    flipInnovations(asItIs, m_points, m_stepSpread.data() + first, m_stepSpread.cols(),
                    m_persistence.data() + first, signs.data(), path);
}

void PathMaker::makeRow(const float* raw, std::int64_t repeat, std::int64_t row,
                        Eigen::Ref<MatrixD> path) const {
    thread_local std::vector<double> asItIs, tile;
    asItIs.resize(static_cast<std::size_t>(m_points * tileUnits));
    tile.resize(asItIs.size());
    for (std::int64_t t = 0; t < m_tiles; ++t) {
        readTile(raw, t, asItIs.data());
        makeTile(asItIs.data(), repeat, row, t, tile.data());
        const std::int64_t units = std::min(tileUnits, m_units - t * tileUnits);
        path.middleCols(t * tileUnits, units) =
            Eigen::Map<const MatrixD>(tile.data(), m_points, tileUnits).leftCols(units);
    }
}

bool PathMaker::byBlock() const {
    return m_kind == NullKind::RowShuffle || m_kind == NullKind::PersistentWalk ||
           m_kind == NullKind::RandomBasis;
}

std::int64_t PathMaker::statesPerRow() const {
    if (m_kind == NullKind::RowShuffle) return 2 * m_points - 1;
    return m_kind == NullKind::PersistentWalk ? 3 * m_points - 3 : 0;
}

void PathMaker::startRepeat(std::int64_t repeat) {
    m_repeat = repeat;
    m_order.clear();
    const bool samples = m_kind == NullKind::PersistentWalk;
    if (!samples && m_kind != NullKind::RowShuffle) return;
    const std::int64_t rows = m_rows.view().rowCount();
    for (std::int64_t p = 0; p + 1 < m_points; ++p) {
        RandomStream random(m_seed, static_cast<std::uint64_t>(repeat * m_points + p));
        auto order = random.permutation(static_cast<std::int32_t>(samples ? m_sampled.count() : rows));
        if (!samples) {
            m_order.push_back(std::move(order));
            continue;
        }
        // Rows of a sampling unit take the steps of rows of one other, so that they stay alike.
        auto& from = m_order.emplace_back(static_cast<std::size_t>(rows));
        for (std::size_t unit = 0; unit < m_sampled.rows.size(); ++unit) {
            const auto& here = m_sampled.rows[unit];
            const auto& there = m_sampled.rows[static_cast<std::size_t>(order[unit])];
            for (std::size_t i = 0; i < here.size(); ++i)
                from[static_cast<std::size_t>(here[i])] = static_cast<std::int32_t>(there[i % there.size()]);
        }
    }
}

void PathMaker::makeBlock(std::int64_t first, std::int64_t count, MatrixD& paths,
                          const Progress& progress) const {
    paths.resize(count * m_points, m_units);
    if (m_kind == NullKind::RowShuffle) return shuffleRows(first, count, paths, progress);
    if (m_kind == NullKind::PersistentWalk) return walkPersistently(first, count, paths, progress);
    turnBasis(first, count, paths, progress);
}

void PathMaker::shuffleRows(std::int64_t first, std::int64_t count, MatrixD& paths,
                            const Progress& progress) const {
    MatrixF here(1, m_units), next(1, m_units);
    for (std::int64_t n = 0; n < count; ++n) {
        progress.check();
        m_rows.readState(first + n, 0, here.data());
        paths.row(n * m_points) = here.cast<double>();
        for (std::int64_t p = 0; p + 1 < m_points; ++p) {
            const std::int64_t from =
                m_order[static_cast<std::size_t>(p)][static_cast<std::size_t>(first + n)];
            m_rows.readState(from, p, here.data());
            m_rows.readState(from, p + 1, next.data());
            paths.row(n * m_points + p + 1) =
                paths.row(n * m_points + p) + (next.cast<double>() - here.cast<double>());
        }
    }
}

void PathMaker::walkPersistently(std::int64_t first, std::int64_t count, MatrixD& paths,
                                 const Progress& progress) const {
    using Row = Eigen::Array<double, 1, Eigen::Dynamic>;
    const auto samples = static_cast<double>(m_sampled.count());
    // The mean step that is removed was measured on these rows, and took a part of their spread with it.
    const double whole = samples > 1 ? std::sqrt(samples / (samples - 1)) : 0.0;
    const Row phi = m_persistence.head(m_units).transpose().array();
    MatrixF before(1, m_units), here(1, m_units), next(1, m_units);
    const auto standardized = [&](const MatrixF& from, const MatrixF& to, std::int64_t p) -> Row {
        const Row spread = m_stepSpread.row(p).head(m_units).array();
        const Row step = (to.cast<double>() - from.cast<double>()).array().row(0) -
                         m_meanStep.row(p).head(m_units).array();
        return (spread > 0).select(step / spread, 0.0);
    };
    for (std::int64_t n = 0; n < count; ++n) {
        progress.check();
        m_rows.readState(first + n, 0, here.data());
        paths.row(n * m_points) = here.cast<double>();
        Row z = Row::Zero(m_units);
        for (std::int64_t p = 0; p + 1 < m_points; ++p) {
            const std::int64_t from =
                m_order[static_cast<std::size_t>(p)][static_cast<std::size_t>(first + n)];
            m_rows.readState(from, p, here.data());
            m_rows.readState(from, p + 1, next.data());
            Row innovation = standardized(here, next, p);
            if (p > 0) {
                m_rows.readState(from, p - 1, before.data());
                innovation -= phi * standardized(before, here, p - 1);
            }
            z = phi * z + whole * innovation;
            paths.row(n * m_points + p + 1).array() =
                paths.row(n * m_points + p).array() + m_stepSpread.row(p).head(m_units).array() * z;
        }
    }
}

void PathMaker::turnBasis(std::int64_t first, std::int64_t count, MatrixD& paths,
                          const Progress& progress) const {
    const TraceView& view = m_rows.view();
    std::vector<float> buffer;
    const float* raw = m_rows.read(first, count, buffer, progress);
    for (std::int64_t n = 0; n < count; ++n) {
        progress.check();
        paths.middleRows(n * m_points, m_points) =
            Eigen::Map<const MatrixF>(raw + n * m_points * m_units, m_points, m_units).cast<double>();
    }
    const std::uint64_t stream = static_cast<std::uint64_t>(m_repeat);
    if (view.maskedUnits.empty()) {
        applyRandomBasis(paths, m_seed, stream, progress);
        return;
    }
    std::vector<Eigen::Index> used;
    for (Eigen::Index u = 0; u < m_units; ++u)
        if (!std::binary_search(view.maskedUnits.begin(), view.maskedUnits.end(), u)) used.push_back(u);
    MatrixD packed = paths(Eigen::all, used);
    applyRandomBasis(packed, m_seed, stream, progress);
    paths(Eigen::all, used) = packed;
}

}  // namespace rheo
