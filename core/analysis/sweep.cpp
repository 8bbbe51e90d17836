#include "core/analysis/sweep.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <optional>

#include "core/analysis/covariance.h"
#include "core/analysis/sweep_ranks.h"
#include "core/analysis/tile_ranks.h"
#include "core/base/parallel.h"
#include "core/base/ranks.h"

namespace rheo {

namespace {

/// Rows of a tile that are made before the statistics see them: about half a second-level cache.
constexpr std::int64_t batchRows = 8;
constexpr std::int64_t pieceRows = 4;
constexpr std::size_t mostFeedsAtOnce = 16;
/// Multiplications of a covariance with one batch of states, on one thread: some tens of milliseconds.
constexpr double productWork = 2e9;

struct Block {
    std::int64_t first = 0, rows = 0;
    const float* raw = nullptr;    ///< [row, point, unit]
    const double* made = nullptr;  ///< the same as surrogates, where those are made by block
};

/// The doubles of a tile batch, aligned to 64 bytes.
struct alignas(64) Line {
    double values[8];
};

class Sweep {
public:
    Sweep(const RowSource& source, std::span<const Feed> feeds, int threads, Progress& progress)
        : m_view(source.view()),
          m_feeds(feeds),
          m_threads(threads),
          m_progress(progress),
          m_points(m_view.pointCount()),
          m_units(m_view.unitCount()) {
        for (const auto& feed : feeds) {
            if (!feed.rows.empty()) m_withRows.push_back(&feed);
            if (feed.states != nullptr) m_withStates.push_back(&feed);
            if (!feed.units.empty()) m_withUnits.push_back(&feed);
            for (const auto* statistic : feed.units) m_needsRms |= statistic->needsRms();
        }
        m_needsRms |= !m_withUnits.empty() && m_view.scaling == Scaling::Rms;
    }

    /// Feeds those that `fedBy` says (all of them, shared, where it is empty); the work is laid out as for
    /// all.
    void run(const RowSource& source, std::size_t memoryBytes, std::span<const FedBy> fedBy) {
        const std::int64_t rows = m_view.rowCount(), tiles = tileCount(m_units);
        PathMaker& maker = *m_feeds.front().maker;
        const bool byBlock = maker.byBlock();
        const Plan plan = planOf(source, memoryBytes);
        if (!keepOwn(fedBy)) return;
        m_tileThreads = plan.tileThreads;
        m_feedsAtOnce = plan.feedsAtOnce;
        m_batchStates = plan.batchStates;
        if (byBlock) maker.startRepeat(m_feeds.front().repeat);
        const std::int64_t groups = m_withUnits.empty() ? 1 : (tiles + plan.tiles - 1) / plan.tiles,
                           rounds = m_withUnits.empty() ? 1 : (tileUnits + plan.units - 1) / plan.units;
        m_parts =
            static_cast<double>((rows + plan.rows - 1) / plan.rows) *
            ((m_withRows.empty() ? 0 : 1) + (m_withStates.empty() ? 0 : 1) +
             static_cast<double>(groups * rounds) * ((m_needsRms ? 1 : 0) + (m_withUnits.empty() ? 0 : 1)));
        std::vector<float> buffer;
        MatrixD made;
        for (std::int64_t pass = 0; pass < groups * rounds; ++pass) {
            const std::int64_t firstTile = pass / rounds * plan.tiles, firstUnit = pass % rounds * plan.units;
            m_firstRound = firstUnit == 0;
            for (const auto* feed : m_withUnits)
                for (auto* statistic : feed->units)
                    statistic->takeUnits(firstUnit, std::min(plan.units, tileUnits - firstUnit));
            for (std::int64_t first = 0; first < rows; first += plan.rows) {
                m_progress.check();
                Block now{first, std::min(plan.rows, rows - first), nullptr, nullptr};
                if (byBlock) {
                    maker.makeBlock(first, now.rows, made, m_progress);
                    now.made = made.data();
                } else {
                    now.raw = source.read(first, now.rows, buffer, m_progress);
                }
                if (pass == 0) feedRows(now);
                if (pass == 0) feedStates(now);
                if (m_needsRms) measureRms(now);
                feedTiles(now, firstTile, std::min(tiles, firstTile + plan.tiles), first == 0,
                          first + now.rows == rows);
            }
        }
    }

    /// How often it will go over the source.
    std::int64_t passes(const RowSource& source, std::size_t memoryBytes) const {
        if (m_withUnits.empty()) return 1;
        const Plan plan = planOf(source, memoryBytes);
        return (tileCount(m_units) + plan.tiles - 1) / plan.tiles *
               ((tileUnits + plan.units - 1) / plan.units);
    }

private:
    /// What is worked on at a time.
    struct Plan {
        std::int64_t rows = 1;           ///< of a block
        std::int64_t tiles = 1;          ///< that are open together
        std::int64_t units = tileUnits;  ///< of each, for statistics that can do with fewer
        int tileThreads = 1;
        std::int64_t feedsAtOnce = 1;
        std::int64_t batchStates = 1;
    };

    /// Drops feeds of other ranks. False if none is left.
    bool keepOwn(std::span<const FedBy> fedBy) {
        const auto whoFeeds = [&](const Feed* feed) {
            return fedBy.empty() ? FedBy::Shared : fedBy[static_cast<std::size_t>(feed - m_feeds.data())];
        };
        const auto isElsewhere = [&](const Feed* feed) { return whoFeeds(feed) == FedBy::Elsewhere; };
        for (auto* feeds : {&m_withRows, &m_withStates, &m_withUnits}) std::erase_if(*feeds, isElsewhere);
        m_shares.clear();
        for (const Feed* feed : m_withUnits) m_shares.push_back(whoFeeds(feed) == FedBy::Shared ? 1 : 0);
        return !m_withRows.empty() || !m_withStates.empty() || !m_withUnits.empty();
    }

    /// Whether this rank feeds a tile to feed `feed` of those with statistics of units.
    bool takes(std::int64_t feed, std::int64_t tile) const {
        return m_shares[static_cast<std::size_t>(feed)] == 0 || takesTile(m_ranks, tile);
    }

    Plan planOf(const RowSource& source, std::size_t memoryBytes) const {
        const std::int64_t rows = m_view.rowCount(), tiles = tileCount(m_units);
        const bool byBlock = m_feeds.front().maker->byBlock();
        std::size_t perTile = 0, most = 1, parted = 0;
        for (const auto* feed : m_withUnits) {
            std::size_t bytes = 0;
            for (const auto* statistic : feed->units) {
                bytes += statistic->tileBytes();
                if (statistic->unitsWithin(0) < tileUnits) ++parted;
            }
            perTile += bytes;
            most = std::max(most, bytes);
        }
        // Rows that are at hand are one block, and each tile is opened and closed in its turn: as many at a
        // time as there are threads, and memory.
        const bool whole = source.held() && !byBlock;
        Plan plan;
        // A tile that is too much for the memory is made smaller.
        const std::size_t forTiles = memoryBytes / 2;
        if (parted > 0 && (whole ? most : perTile) > forTiles)
            for (const auto* feed : m_withUnits)
                for (const auto* statistic : feed->units)
                    plan.units =
                        std::min(plan.units, statistic->unitsWithin(whole ? forTiles : forTiles / parted));
        plan.tileThreads = resolveThreads(m_threads);
        if (whole)
            plan.tileThreads = static_cast<int>(
                std::clamp<std::size_t>(forTiles / most, 1, static_cast<std::size_t>(plan.tileThreads)));
        plan.feedsAtOnce = static_cast<std::int64_t>(std::clamp<std::size_t>(
            forTiles / most / static_cast<std::size_t>(plan.tileThreads), 1, mostFeedsAtOnce));
        const auto states = static_cast<std::size_t>(m_points);
        const std::size_t perRow = states * static_cast<std::size_t>(m_units) *
                                       (byBlock ? sizeof(float) + sizeof(double) : sizeof(float)) +
                                   (m_needsRms ? states * m_withUnits.size() * sizeof(double) : 0);
        plan.rows =
            whole ? rows
                  : std::clamp<std::int64_t>(static_cast<std::int64_t>(memoryBytes / 4 / perRow), 1, rows);
        if (!whole && plan.rows > batchRows)
            plan.rows -= plan.rows % (2 * batchRows);  // whole chunks of a file
        plan.rows = std::max<std::int64_t>(1, plan.rows);
        plan.tiles = whole || perTile == 0
                         ? tiles
                         : std::clamp<std::int64_t>(static_cast<std::int64_t>(forTiles / perTile), 1, tiles);
        // Several covariances are one a thread; all threads work on a single one.
        const double square = static_cast<double>(m_units) * static_cast<double>(m_units);
        const auto fits = static_cast<double>(memoryBytes) / 4 / plan.tileThreads /
                          (2 * sizeof(double) * static_cast<double>(m_units));
        const double work = productWork * (m_withStates.size() > 1 ? 1 : resolveThreads(m_threads));
        plan.batchStates = static_cast<std::int64_t>(
            std::max(16.0, std::min(fits, std::clamp(work / square, 64.0, 2048.0))));
        return plan;
    }

    void feedRows(const Block& block) {
        for (std::int64_t first = 0; first < block.rows; first += RowStatistic::bandRows) {
            const std::int64_t end = std::min(block.rows, first + RowStatistic::bandRows);
            for (const auto* feed : m_withRows)
                for (auto* statistic : feed->rows) statistic->open(block.first + first, end - first);
            forEachRow(block, first, end, m_withRows, [&](std::int64_t feed, std::int64_t n, MatrixD& path) {
                scaleStates(m_view, path);
                for (auto* statistic : m_withRows[static_cast<std::size_t>(feed)]->rows)
                    statistic->add(block.first + n, path);
            });
            for (const auto* feed : m_withRows)
                for (auto* statistic : feed->rows) statistic->close();
        }
    }

    /// The RMS of each state, for what sees only a tile of it.
    void measureRms(const Block& block) {
        m_rms.resize(m_withUnits.size() * static_cast<std::size_t>(block.rows * m_points));
        const auto used = static_cast<double>(m_view.usedUnits());
        forEachRow(block, 0, block.rows, m_withUnits,
                   [&](std::int64_t feed, std::int64_t n, const MatrixD& path) {
                       Eigen::Map<VectorD>(m_rms.data() + (feed * block.rows + n) * m_points, m_points) =
                           (path.rowwise().squaredNorm() / used).cwiseSqrt();
                   });
    }

    void feedStates(const Block& block) {
        const std::int64_t batch = std::max<std::int64_t>(1, m_batchStates / m_points);
        const auto feeds = static_cast<std::int64_t>(m_withStates.size());
        std::optional<SerialBlas> serial;
        if (feeds > 1) serial.emplace();
        const int within = feeds > 1 ? 1 : m_threads;
        parallelFor(feeds, 1, m_threads, m_progress, [&](std::int64_t feed, std::int64_t) {
            const Feed& fed = *m_withStates[static_cast<std::size_t>(feed)];
            fed.states->open(within);
            MatrixD states;
            for (std::int64_t n = 0; n < block.rows; n += batch) {
                m_progress.check();
                const std::int64_t count = std::min(batch, block.rows - n);
                states.resize(count * m_points, m_units);
                parallelFor(count, 1, within, m_progress, [&](std::int64_t i, std::int64_t) {
                    auto path = states.middleRows(i * m_points, m_points);
                    makeRow(block, fed, n + i, path);
                    scaleStates(m_view, path);
                });
                fed.states->add(states, within);
                done(static_cast<double>(count) / static_cast<double>(block.rows * feeds));
            }
        });
    }

    /// Tiles first .. end - 1 of the rows of a block; `opens`, `closes`: it is the first, or the last, block.
    void feedTiles(const Block& block, std::int64_t first, std::int64_t end, bool opens, bool closes) {
        const auto feeds = static_cast<std::int64_t>(m_withUnits.size());
        // Several feeds share what is read of the trace, as long as there is work for all threads.
        const std::int64_t share = std::clamp<std::int64_t>(
            (end - first) * feeds / (4 * std::int64_t{m_tileThreads}), 1, m_feedsAtOnce);
        const std::int64_t groups = (feeds + share - 1) / share, tasks = (end - first) * groups;
        const bool scaled = m_view.scaling == Scaling::Rms;
        parallelFor(tasks, 1, m_tileThreads, m_progress, [&](std::int64_t task, std::int64_t) {
            const std::int64_t tile = first + task / groups, firstFeed = task % groups * share,
                               endFeed = std::min(feeds, firstFeed + share);
            // What takes a tile whole has had it in the first round.
            const auto forEach = [&](std::int64_t feed, auto use) {
                if (!takes(feed, tile)) return;
                for (auto* statistic : m_withUnits[static_cast<std::size_t>(feed)]->units)
                    if (m_firstRound || statistic->unitsWithin(0) < tileUnits) use(*statistic);
            };
            bool any = false;
            for (std::int64_t feed = firstFeed; feed < endFeed; ++feed) any = any || takes(feed, tile);
            if (!any) return done(1.0 / static_cast<double>(tasks));
            for (std::int64_t feed = firstFeed; opens && feed < endFeed; ++feed)
                forEach(feed, [&](UnitStatistic& statistic) { statistic.open(tile); });
            const std::int64_t perPath = m_points * tileUnits;
            std::vector<Line> lines(static_cast<std::size_t>(2 * batchRows * perPath / 8));
            const std::vector<double> ones(static_cast<std::size_t>(batchRows * m_points), 1.0);
            double* const paths = lines.front().values;
            double* const asTheyAre = paths + batchRows * perPath;
            for (std::int64_t n = 0; n < block.rows; n += batchRows) {
                const std::int64_t rows = std::min(batchRows, block.rows - n);
                for (std::int64_t i = 0; i < rows; ++i) readTile(block, n + i, tile, asTheyAre + i * perPath);
                for (std::int64_t feed = firstFeed; feed < endFeed; ++feed) {
                    if (!takes(feed, tile)) continue;
                    m_progress.check();
                    const Feed& fed = *m_withUnits[static_cast<std::size_t>(feed)];
                    const double* rms =
                        m_needsRms ? m_rms.data() + (feed * block.rows + n) * m_points : nullptr;
                    for (std::int64_t i = 0; i < rows; ++i) {
                        double* path = paths + i * perPath;
                        fed.maker->makeTile(asTheyAre + i * perPath, fed.repeat, block.first + n + i, tile,
                                            path);
                        if (scaled) scaleTile(rms + i * m_points, path);
                    }
                    const TileBatch batch{tile,     block.first + n, rows,
                                          m_points, paths,           scaled ? ones.data() : rms};
                    forEach(feed, [&](UnitStatistic& statistic) { statistic.add(batch); });
                }
            }
            for (std::int64_t feed = firstFeed; closes && feed < endFeed; ++feed)
                forEach(feed, [&](UnitStatistic& statistic) { statistic.close(tile, m_progress); });
            done(1.0 / static_cast<double>(tasks));
        });
    }

    /// Calls `use(feed, n, path)` for rows begin .. end - 1 of a block, in parallel.
    template <class Use>
    void forEachRow(const Block& block, std::int64_t begin, std::int64_t end,
                    const std::vector<const Feed*>& feeds, Use use) {
        const auto count = static_cast<std::int64_t>(feeds.size());
        const std::int64_t pieces = (end - begin + pieceRows - 1) / pieceRows;
        parallelFor(count * pieces, 1, m_threads, m_progress, [&](std::int64_t task, std::int64_t) {
            const std::int64_t feed = task / pieces, first = begin + task % pieces * pieceRows;
            MatrixD path(m_points, m_units);
            for (std::int64_t n = first; n < std::min(end, first + pieceRows); ++n) {
                m_progress.check();
                makeRow(block, *feeds[static_cast<std::size_t>(feed)], n, path);
                use(feed, n, path);
            }
            done(static_cast<double>(end - begin) / static_cast<double>(block.rows * count * pieces));
        });
    }

    void readTile(const Block& block, std::int64_t n, std::int64_t tile, double* asItIs) const {
        if (block.made == nullptr) {
            m_feeds.front().maker->readTile(block.raw + n * m_points * m_units, tile, asItIs);
            return;
        }
        const std::int64_t units = std::min(tileUnits, m_units - tile * tileUnits);
        for (std::int64_t p = 0; p < m_points; ++p) {
            const double* from = block.made + (n * m_points + p) * m_units + tile * tileUnits;
            std::fill(std::copy(from, from + units, asItIs + p * tileUnits), asItIs + (p + 1) * tileUnits,
                      0.0);
        }
    }

    void makeRow(const Block& block, const Feed& feed, std::int64_t n, Eigen::Ref<MatrixD> path) const {
        if (block.made == nullptr)
            feed.maker->makeRow(block.raw + n * m_points * m_units, feed.repeat, block.first + n, path);
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
    std::span<const Feed> m_feeds;
    std::vector<const Feed*> m_withRows, m_withStates, m_withUnits;
    std::vector<char> m_shares;  ///< [feed with units], whether ranks share its tiles
    const Ranks m_ranks = currentRanks();
    bool m_needsRms = false;
    int m_threads, m_tileThreads = 1;
    std::int64_t m_feedsAtOnce = 1, m_batchStates = 1;
    bool m_firstRound = true;
    Progress& m_progress;
    std::int64_t m_points, m_units;
    std::vector<double> m_rms;  ///< [feed with units, row of the block, point]
    std::mutex m_mutex;
    double m_done = 0, m_parts = 1;
};

/// Feeds that share a pass over the rows, and who is fed; empty: all ranks share all.
struct Pass {
    std::vector<Feed> feeds;
    std::vector<FedBy> fedBy;
};

/// What is fed together: all that is not made by block, and each of the rest alone.
std::vector<Pass> passesOf(std::span<const Feed> feeds, std::span<const FedBy> fedBy = {}) {
    Pass together;
    std::vector<Pass> passes;
    for (std::size_t i = 0; i < feeds.size(); ++i) {
        Pass& pass = feeds[i].maker->byBlock() ? passes.emplace_back() : together;
        pass.feeds.push_back(feeds[i]);
        if (!fedBy.empty()) pass.fedBy.push_back(fedBy[i]);
    }
    if (!together.feeds.empty()) passes.push_back(std::move(together));
    return passes;
}

}  // namespace

void sweep(const RowSource& source, std::span<const Feed> feeds, const SweepOptions& options,
           Progress& progress) {
    sweepOfRanks(source, feeds, {}, options, progress);
}

void sweepOfRanks(const RowSource& source, std::span<const Feed> feeds, std::span<const FedBy> fedBy,
                  const SweepOptions& options, Progress& progress) {
    double before = 0;
    for (const Pass& pass : passesOf(feeds, fedBy)) {
        const double share = static_cast<double>(pass.feeds.size()) / static_cast<double>(feeds.size());
        Progress part = progress.part(before, before + share);
        before += share;
        Sweep(source, pass.feeds, options.threads, part).run(source, options.memoryBytes, pass.fedBy);
    }
}

FeedStates feedStatesOf(const RowSource& source, PathMaker& maker, std::int64_t repeat,
                        const SweepOptions& options) {
    return [&source, &maker, repeat, options](StateStatistic& statistic, Progress& progress) {
        const Feed feed{&maker, repeat, {}, {}, &statistic};
        sweep(source, {&feed, 1}, options, progress);
    };
}

SweepReads sweepReads(const RowSource& source, std::span<const Feed> feeds, const SweepOptions& options) {
    SweepReads reads;
    Progress silent;
    const std::int64_t rows = source.view().rowCount();
    for (const Pass& pass : passesOf(feeds)) {
        const std::int64_t times =
            Sweep(source, pass.feeds, options.threads, silent).passes(source, options.memoryBytes);
        // Surrogates that mix rows take their steps one by one.
        const std::int64_t states = pass.feeds.front().maker->statesPerRow();
        if (states > 0)
            reads.states += times * rows * states;
        else
            reads.rows += times * rows;
    }
    return reads;
}

}  // namespace rheo
