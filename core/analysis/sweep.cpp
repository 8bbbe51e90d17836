#include "core/analysis/sweep.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include "core/base/parallel.h"
#include "core/base/wide.h"

namespace rheo {

namespace {

/// Rows of a tile that are made before the statistics see them: about half a second-level cache.
constexpr std::int64_t batchRows = 8;
constexpr std::int64_t tileOfRows = 4;

struct Block {
    std::int64_t first = 0, rows = 0;
    const float* raw = nullptr;    ///< [row, point, unit]
    const double* made = nullptr;  ///< the same as surrogates, where those are made by block
};

/// The doubles of a tile batch, aligned to 64 bytes.
struct alignas(64) Line {
    double values[laneCount];
};

class Sweep {
public:
    Sweep(const RowSource& source, const PathMaker& maker, std::span<const Watchers> repeats,
          std::int64_t firstRepeat, int threads, Progress& progress)
        : m_view(source.view()),
          m_maker(maker),
          m_repeats(repeats),
          m_firstRepeat(firstRepeat),
          m_threads(threads),
          m_progress(progress),
          m_points(m_view.pointCount()),
          m_units(m_view.unitCount()) {}

    /// Whole rows: the statistics of rows, and the RMS of each state where something needs it.
    void feedRows(const Block& block, bool statistics, bool rms) {
        const auto count = static_cast<std::int64_t>(m_repeats.size());
        m_rms.resize(rms ? static_cast<std::size_t>(count * block.rows * m_points) : 0);
        if (!statistics && !rms) return;
        const std::int64_t pieces = (block.rows + tileOfRows - 1) / tileOfRows;
        parallelFor(count * pieces, 1, m_threads, m_progress, [&](std::int64_t piece, std::int64_t) {
            const std::int64_t repeat = piece / pieces, from = piece % pieces * tileOfRows;
            MatrixD path(m_points, m_units);
            for (std::int64_t n = from; n < std::min(block.rows, from + tileOfRows); ++n) {
                m_progress.check();
                makeRow(block, repeat, n, path);
                if (rms) {
                    const auto used = static_cast<double>(m_view.usedUnits());
                    double* to = m_rms.data() + (repeat * block.rows + n) * m_points;
                    for (std::int64_t p = 0; p < m_points; ++p)
                        to[p] = std::sqrt(path.row(p).squaredNorm() / used);
                }
                if (!statistics) continue;
                scaleStates(m_view, path);
                for (auto* statistic : m_repeats[static_cast<std::size_t>(repeat)].rows)
                    statistic->add(block.first + n, path);
            }
            done(1.0 / static_cast<double>(count * pieces));
        });
    }

    /// Tiles first .. end - 1 of the rows of a block; `opens`, `closes`: it is the first, or the last, block.
    void feedTiles(const Block& block, std::int64_t first, std::int64_t end, bool opens, bool closes) {
        const auto count = static_cast<std::int64_t>(m_repeats.size());
        const std::int64_t tasks = (end - first) * count;
        parallelFor(tasks, 1, m_threads, m_progress, [&](std::int64_t task, std::int64_t) {
            const std::int64_t tile = first + task / count, repeat = task % count;
            const auto& statistics = m_repeats[static_cast<std::size_t>(repeat)].units;
            if (opens)
                for (auto* statistic : statistics) statistic->open(tile);
            std::vector<Line> lines(static_cast<std::size_t>(batchRows * m_points * tileUnits / laneCount));
            std::vector<double> ones(static_cast<std::size_t>(batchRows * m_points), 1.0);
            double* paths = lines.front().values;
            for (std::int64_t n = 0; n < block.rows; n += batchRows) {
                m_progress.check();
                const std::int64_t rows = std::min(batchRows, block.rows - n);
                const double* rms =
                    m_rms.empty() ? nullptr : m_rms.data() + (repeat * block.rows + n) * m_points;
                for (std::int64_t i = 0; i < rows; ++i) {
                    double* path = paths + i * m_points * tileUnits;
                    makeTile(block, repeat, n + i, tile, path);
                    if (m_view.scaling != Scaling::Raw) scaleTile(rms + i * m_points, path);
                }
                const TileBatch batch{tile,  block.first + n,
                                      rows,  m_points,
                                      paths, m_view.scaling == Scaling::Raw ? rms : ones.data()};
                for (auto* statistic : statistics) statistic->add(batch);
            }
            if (closes)
                for (auto* statistic : statistics) statistic->close(tile);
            done(1.0 / static_cast<double>(tasks));
        });
    }

    /// The parts of the work, for the progress: calls of feedRows and feedTiles.
    void expect(double parts) { m_parts = parts; }

private:
    void makeTile(const Block& block, std::int64_t repeat, std::int64_t n, std::int64_t tile,
                  double* path) const {
        if (block.made == nullptr) {
            m_maker.makeTile(block.raw + n * m_points * m_units, m_firstRepeat + repeat, block.first + n,
                             tile, path);
            return;
        }
        const std::int64_t units = std::min(tileUnits, m_units - tile * tileUnits);
        for (std::int64_t p = 0; p < m_points; ++p) {
            const double* from = block.made + (n * m_points + p) * m_units + tile * tileUnits;
            std::fill(std::copy(from, from + units, path + p * tileUnits), path + (p + 1) * tileUnits, 0.0);
        }
    }

    void makeRow(const Block& block, std::int64_t repeat, std::int64_t n, MatrixD& path) const {
        if (block.made == nullptr)
            m_maker.makeRow(block.raw + n * m_points * m_units, m_firstRepeat + repeat, block.first + n,
                            path);
        else
            path = Eigen::Map<const MatrixD>(block.made + n * m_points * m_units, m_points, m_units);
    }

    void scaleTile(const double* rms, double* path) const {
        for (std::int64_t p = 0; p < m_points; ++p) {
            const double factor = rms[p] > 0 ? 1 / rms[p] : std::numeric_limits<double>::quiet_NaN();
            for (std::int64_t u = 0; u < tileUnits; ++u) path[p * tileUnits + u] *= factor;
        }
    }

    void done(double share) {
        const std::lock_guard lock(m_mutex);
        m_done += share;
        m_progress.report(m_done, m_parts);
    }

    const TraceView& m_view;
    const PathMaker& m_maker;
    std::span<const Watchers> m_repeats;
    std::int64_t m_firstRepeat;
    int m_threads;
    Progress& m_progress;
    std::int64_t m_points, m_units;
    std::vector<double> m_rms;  ///< [repeat, row of the block, point]
    std::mutex m_mutex;
    double m_done = 0, m_parts = 1;
};

}  // namespace

void sweep(const RowSource& source, PathMaker& maker, std::span<const Watchers> repeats,
           std::int64_t firstRepeat, const SweepOptions& options, Progress& progress) {
    if (maker.byBlock() && repeats.size() > 1) {
        // What is made by block is made one repeat after the other.
        for (std::size_t i = 0; i < repeats.size(); ++i) {
            const auto of = static_cast<double>(repeats.size()), at = static_cast<double>(i);
            Progress part = progress.part(at / of, (at + 1) / of);
            sweep(source, maker, repeats.subspan(i, 1), firstRepeat + static_cast<std::int64_t>(i), options,
                  part);
        }
        return;
    }
    const TraceView& view = source.view();
    const std::int64_t rows = view.rowCount(), tiles = tileCount(view.unitCount());
    const auto values = static_cast<std::size_t>(view.pointCount() * view.unitCount());

    bool anyUnits = false, anyRows = false, rms = false;
    std::size_t perTile = 0;
    for (const auto& watchers : repeats) {
        anyRows |= !watchers.rows.empty();
        anyUnits |= !watchers.units.empty();
        for (const auto* statistic : watchers.units) {
            rms |= statistic->needsRms();
            perTile += statistic->tileBytes();
        }
    }
    rms |= anyUnits && view.scaling != Scaling::Raw;

    // Rows that are at hand are one block, and each tile is opened and closed in its turn.
    const bool whole = source.held() && !maker.byBlock();
    const std::size_t perRow = values * (maker.byBlock() ? sizeof(float) + sizeof(double) : sizeof(float));
    const std::int64_t block =
        whole
            ? rows
            : std::clamp<std::int64_t>(static_cast<std::int64_t>(options.memoryBytes / 4 / perRow), 1, rows);
    const std::int64_t tilesAtOnce =
        whole || perTile == 0 ? tiles
                              : std::clamp<std::int64_t>(
                                    static_cast<std::int64_t>(options.memoryBytes / 2 / perTile), 1, tiles);

    if (maker.byBlock()) maker.startRepeat(firstRepeat);
    Sweep pass(source, maker, repeats, firstRepeat, options.threads, progress);
    const auto blocks = static_cast<double>((rows + block - 1) / block);
    const std::int64_t groups = anyUnits ? (tiles + tilesAtOnce - 1) / tilesAtOnce : 1;
    pass.expect(blocks *
                static_cast<double>((anyRows || rms ? (rms ? groups : 1) : 0) + (anyUnits ? groups : 0)));

    std::vector<float> buffer;
    MatrixD made;
    for (std::int64_t group = 0; group < groups; ++group) {
        for (std::int64_t first = 0; first < rows; first += block) {
            progress.check();
            Block now{first, std::min(block, rows - first), nullptr, nullptr};
            if (maker.byBlock()) {
                maker.makeBlock(first, now.rows, made, progress);
                now.made = made.data();
            } else {
                now.raw = source.read(first, now.rows, buffer);
            }
            pass.feedRows(now, anyRows && group == 0, rms);
            if (anyUnits)
                pass.feedTiles(now, group * tilesAtOnce, std::min(tiles, (group + 1) * tilesAtOnce),
                               first == 0, first + now.rows == rows);
        }
    }
}

}  // namespace rheo
