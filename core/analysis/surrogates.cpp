#include "core/analysis/surrogates.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/analysis/random_basis.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/base/wide.h"

namespace rheo {

namespace {

constexpr std::array<std::pair<NullKind, std::string_view>, 6> names{{
    {NullKind::DepthShuffle, "depth_shuffle"},
    {NullKind::IncrementShuffle, "increment_shuffle"},
    {NullKind::SignFlip, "sign_flip"},
    {NullKind::GaussianWalk, "gaussian_walk"},
    {NullKind::RowShuffle, "row_shuffle"},
    {NullKind::RandomBasis, "random_basis"},
}};

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
    if (kind == NullKind::GaussianWalk) sumSteps(threads, progress);
}

void PathMaker::sumSteps(int threads, Progress& progress) {
    const std::int64_t rows = m_rows.view().rowCount(), steps = m_points - 1;
    const std::int64_t block = rowsPerBlock(m_rows.view(), blockBytes);
    MatrixD shift, sum = MatrixD::Zero(steps, m_units), squares = sum;
    std::vector<float> buffer;
    for (std::int64_t first = 0; first < rows; first += block) {
        const std::int64_t count = std::min(block, rows - first);
        const float* raw = m_rows.read(first, count, buffer, progress);
        const auto path = [&](std::int64_t n) {
            return Eigen::Map<const MatrixF>(raw + n * m_points * m_units, m_points, m_units);
        };
        // About the steps of the first row, so that the squares stay small beside what they are to tell.
        if (first == 0)
            shift = path(0).bottomRows(steps).cast<double>() - path(0).topRows(steps).cast<double>();
        parallelFor(steps, 1, threads, progress, [&](std::int64_t p, std::int64_t) {
            for (std::int64_t n = 0; n < count; ++n) {
                const Eigen::ArrayXd step =
                    (path(n).row(p + 1).cast<double>() - path(n).row(p).cast<double>() - shift.row(p))
                        .transpose()
                        .array();
                sum.row(p).array() += step.transpose();
                squares.row(p).array() += step.square().transpose();
            }
        });
        progress.report(static_cast<double>(first + count), static_cast<double>(rows));
    }
    const auto n = static_cast<double>(rows);
    if (rows < 2)
        m_stepSd = MatrixD::Zero(steps, m_units);
    else
        m_stepSd = ((squares.array() - sum.array().square() / n) / (n - 1)).max(0.0).sqrt();
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
            return walkGaussian(path, m_points, units, m_stepSd.data() + first, m_units, bits.data());
        case NullKind::RowShuffle:
        case NullKind::RandomBasis: return;  // made by block
    }
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
    return m_kind == NullKind::RowShuffle || m_kind == NullKind::RandomBasis;
}

void PathMaker::startRepeat(std::int64_t repeat) {
    m_repeat = repeat;
    m_order.clear();
    if (m_kind != NullKind::RowShuffle) return;
    for (std::int64_t p = 0; p + 1 < m_points; ++p) {
        RandomStream random(m_seed, static_cast<std::uint64_t>(repeat * m_points + p));
        m_order.push_back(random.permutation(static_cast<std::int32_t>(m_rows.view().rowCount())));
    }
}

void PathMaker::makeBlock(std::int64_t first, std::int64_t count, MatrixD& paths,
                          const Progress& progress) const {
    const TraceView& view = m_rows.view();
    paths.resize(count * m_points, m_units);
    if (m_kind == NullKind::RowShuffle) {
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
        return;
    }
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
