#include "core/findings/reconstruction.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "core/analysis/covariance.h"
#include "core/analysis/row_source.h"
#include "core/analysis/surrogates.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/base/ranks.h"
#include "core/findings/findings.h"
#include "core/findings/judge.h"
#include "core/statistics/autoencoder.h"
#include "core/statistics/pca.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr auto nullCount = static_cast<std::int64_t>(reconstructionNulls.size());

/// Rows of at most so many samples, by seed.
TraceView someSamples(const TraceView& view, std::int64_t count, std::uint64_t seed) {
    const auto most = static_cast<std::size_t>(count);
    std::set<std::int32_t> all;
    const auto sampleOf = [&](std::int64_t n) {
        return view.trace->info().rows[static_cast<std::size_t>(view.traceRow(n))].sample;
    };
    for (std::int64_t n = 0; n < view.rowCount(); ++n) all.insert(sampleOf(n));
    std::vector<std::int32_t> samples(all.begin(), all.end());
    RandomStream random(seed, 1);
    for (std::size_t i = 0; i < std::min(most, samples.size()); ++i)
        std::swap(samples[i], samples[i + random.below(samples.size() - i)]);
    samples.resize(std::min(most, samples.size()));
    std::sort(samples.begin(), samples.end());
    std::vector<std::int64_t> rows;
    for (std::int64_t n = 0; n < view.rowCount(); ++n)
        if (std::binary_search(samples.begin(), samples.end(), sampleOf(n))) rows.push_back(n);
    return withRows(view, rows);
}

/// Rows of a source as a maker gives them: made whenever they are read, so that they need not be held.
class MadeTrace final : public Trace {
public:
    MadeTrace(const RowSource& source, const PathMaker& maker, std::int64_t repeat, const Progress& progress)
        : m_source(source), m_maker(maker), m_repeat(repeat), m_progress(progress) {
        const TraceView& view = source.view();
        const TraceInfo& whole = view.trace->info();
        m_info = whole;
        m_info.rows.clear();
        for (std::int64_t n = 0; n < view.rowCount(); ++n)
            m_info.rows.push_back(whole.rows[static_cast<std::size_t>(view.traceRow(n))]);
        m_info.points.clear();
        for (std::int64_t p = 0; p < view.pointCount(); ++p)
            m_info.points.push_back(whole.points[static_cast<std::size_t>(view.tracePoint(p))]);
    }
    const TraceInfo& info() const override { return m_info; }
    void readRows(RowIndex first, std::int64_t count, float* out) const override {
        std::vector<float> buffer;
        MatrixD path(points(), units());
        for (std::int64_t i = 0; i < count; ++i, out += path.size()) {
            m_progress.check();
            const std::int64_t n = first.value() + i;
            m_maker.makeRow(m_source.read(n, 1, buffer, m_progress), m_repeat, n, path);
            Eigen::Map<MatrixF>(out, path.rows(), path.cols()) = path.cast<float>();
        }
    }
    void readPoint(PointIndex point, RowIndex first, std::int64_t count, float* out) const override {
        std::vector<float> row(static_cast<std::size_t>(points() * units()));
        for (std::int64_t i = 0; i < count; ++i) {
            readRows(RowIndex(first.value() + i), 1, row.data());
            std::copy_n(row.data() + point.value() * units(), units(), out + i * units());
        }
    }
    void readUnits(UnitIndex first, std::int64_t count, float* out) const override {
        readUnitsOfRows(first, count, RowIndex(0), rows(), out);
    }
    std::string sourceHash() const override { return {}; }

private:
    const RowSource& m_source;
    const PathMaker& m_maker;
    std::int64_t m_repeat;
    const Progress& m_progress;
    TraceInfo m_info;
};

/// How much better late points of paths are reconstructed from two numbers than early ones: the autoencoder
/// on their own first components. `seed` draws the samples it is trained on, and its first weights.
double reconstruct(const RowSource& source, const PathMaker& maker, std::int64_t repeat, std::uint64_t seed,
                   const ReconstructionOptions& options, const Progress& progress) {
    TraceView made;
    made.trace = std::make_shared<MadeTrace>(source, maker, repeat, progress);
    Progress silent(progress.stopToken());
    const int fitsAtOnce = resolveThreads(options.threads);
    PcaResult components = pca(
        made,
        {reconstructedComponents, false, 1, options.memoryBytes / 2 / static_cast<std::size_t>(fitsAtOnce)},
        silent);
    TraceInfo info = made.trace->info();
    info.units = components.scores.n2;
    TraceView scores;
    scores.trace = std::make_shared<MemoryTrace>(std::move(info), std::move(components.scores));
    AutoencoderOptions how;
    how.seed = seed;
    how.threads = 1;
    AutoencoderResult fit = fitAutoencoder(scores, how, silent);
    if (fit.stopped) progress.check();
    return lateLessEarlyShare(fit.r2);
}

/// The seed of another split of the samples, `split` counted from 0.
std::uint64_t seedOfSplit(std::uint64_t seed, std::int64_t split) {
    return RandomStream(seed, static_cast<std::uint64_t>(split) + 2)();
}

/// Makes room for all fits, and keeps those that are there.
void extend(VectorD& differences, std::int64_t refits) {
    const std::int64_t before = (differences.size() - 1) / nullCount;
    if (differences.size() == 1 + nullCount * refits) return;
    VectorD more = VectorD::Constant(1 + nullCount * refits, nan);
    if (differences.size() > 0) more[0] = differences[0];
    const std::int64_t kept = std::min(refits, before);
    for (int n = 0; n < nullCount && kept > 0; ++n)
        more.segment(1 + n * refits, kept) = differences.segment(1 + n * before, kept);
    differences = std::move(more);
}

}  // namespace

void reconstructLateAndEarly(const TraceView& view, const ReconstructionOptions& options,
                             Reconstruction& reconstruction, Progress progress) {
    progress.setStage("autoencoder and its refits");
    VectorD& differences = reconstruction.differences;
    const std::int64_t refits = options.refits;
    extend(differences, refits);
    std::vector<std::int64_t> missing;
    for (Eigen::Index i = 0; i < differences.size(); ++i)
        if (std::isnan(differences[i])) missing.push_back(i);
    std::vector<double> splits(reconstruction.interval.size() == 2 ? 0 : options.splits);
    const auto first = static_cast<std::int64_t>(splits.size());
    const std::int64_t fits = first + static_cast<std::int64_t>(missing.size());
    if (fits == 0) return;
    Progress scan = progress.part(0, 0.02), work = progress.part(0.02, 1);
    const RowSource source(someSamples(view, reconstructedSamples, options.seed), options.memoryBytes / 4,
                           scan);
    std::vector<PathMaker> makers;
    makers.emplace_back(source);
    for (const auto null : reconstructionNulls)
        makers.emplace_back(source, null, options.seed, options.threads, scan);
    std::int64_t done = 0;
    std::mutex reporting;
    const SerialBlas serial;
    const auto placeOf = [&](std::int64_t fit) -> double& {
        return fit < first ? splits[static_cast<std::size_t>(fit)]
                           : differences[missing[static_cast<std::size_t>(fit - first)]];
    };
    // Ranks take fits in turn.
    const Ranks& ranks = currentRanks();
    const std::int64_t own = (fits - ranks.rank + ranks.size - 1) / ranks.size;
    parallelFor(own, 1, options.threads, progress, [&](std::int64_t n, std::int64_t) {
        const RanksScope alone{Ranks()};
        const std::int64_t fit = n * ranks.size + ranks.rank;
        if (fit < first) {
            placeOf(fit) =
                reconstruct(source, makers[0], 0, seedOfSplit(options.seed, fit), options, progress);
        } else {
            const std::int64_t i = missing[static_cast<std::size_t>(fit - first)];
            const std::int64_t maker = i == 0 ? 0 : 1 + (i - 1) / refits,
                               repeat = i == 0 ? 0 : (i - 1) % refits;
            placeOf(fit) = reconstruct(source, makers[static_cast<std::size_t>(maker)], repeat, options.seed,
                                       options, progress);
        }
        const std::lock_guard lock(reporting);
        work.report(static_cast<double>(++done), static_cast<double>(own));
    });
    std::vector<double> all(static_cast<std::size_t>(fits));
    for (std::int64_t fit = 0; fit < fits; ++fit) all[static_cast<std::size_t>(fit)] = placeOf(fit);
    exchangeRows(ranks, fits, 1, all.data());
    for (std::int64_t fit = 0; fit < fits; ++fit) placeOf(fit) = all[static_cast<std::size_t>(fit)];
    if (splits.empty()) return;
    const Interval interval = splitsInterval(differences[0], splits, AutoencoderOptions{}.trainShare);
    reconstruction.interval.resize(2);
    reconstruction.interval << interval.low, interval.high;
}

}  // namespace rheo
