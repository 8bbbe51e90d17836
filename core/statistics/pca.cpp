#define EIGEN_USE_BLAS
#include "core/statistics/pca.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/analysis/covariance.h"
#include "core/analysis/point_spectra.h"
#include "core/base/error.h"
#include "core/base/parallel.h"

namespace rheo {

namespace {

/// Values of the states whose scores one thread makes at once: about half a second-level cache.
constexpr std::int64_t valuesAtOnce = 1 << 15;
/// Bytes that are read between two looks for a stop.
constexpr std::size_t readBytes = std::size_t{16} << 20;

void requireComponents(const PcaOptions& options) {
    if (options.components < 1)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("{} components are asked for; at least 1 is needed", options.components));
}

}  // namespace

PcaResult pca(const TraceView& view, const PcaOptions& options, Progress& progress) {
    progress.setStage("PCA: looking for values that are not finite");
    Progress scan = progress.part(0, 0.1), work = progress.part(0.1, 0.6), rest = progress.part(0.6, 1);
    const RowSource source(view, options.memoryBytes / 2, scan);
    progress.setStage("PCA: covariance");
    PathMaker maker(source);
    StateSpectrum sum(source.view().rowCount() * view.pointCount(), view.unitCount(), options.memoryBytes / 4,
                      view.maskedUnits);
    const FeedStates feed = feedStatesOf(source, maker, 0, {options.threads, options.memoryBytes / 4});
    feed(sum, work);
    return pcaOf(source, sum, feed, options, rest);
}

PcaResult pcaOf(const RowSource& source, StateSpectrum& sum, const FeedStates& again,
                const PcaOptions& options, Progress& progress) {
    const TraceView& view = source.view();
    requireComponents(options);
    const auto most = std::min<std::int64_t>(view.usedUnits(), sum.count() - 1);
    const int k = static_cast<int>(std::min<std::int64_t>(options.components, most));

    progress.setStage("PCA: components");
    PcaResult result;
    result.excludedRows = source.excludedRows();
    PcaBasis& basis = result.basis;
    basis.scaling = view.scaling;
    basis.mean = sum.mean();
    Progress solving = progress.part(0, 0.25);
    Spectrum spectrum = sum.solve({k, true, false}, again, solving);
    basis.variance = std::move(spectrum.variance);
    basis.components = std::move(spectrum.components);
    basis.explained = basis.variance / spectrum.trace;  // NaN where nothing varies
    progress.report(0.25, 1);

    progress.setStage("PCA: scores");
    Progress scoring = progress.part(0.25, 0.75);
    result.scores = project(basis, view, scoring, options.memoryBytes / 8, options.threads);
    if (source.excludedRows() > 0) {
        const Array3F scores = std::move(result.scores);
        result.scores = Array3F(source.askedCount(), view.pointCount(), k);
        std::fill(result.scores.data.begin(), result.scores.data.end(),
                  std::numeric_limits<float>::quiet_NaN());
        for (std::int64_t n = 0; n < scores.n0; ++n)
            std::copy_n(scores.at(n, 0), scores.n1 * scores.n2,
                        result.scores.at(source.askedRows()[static_cast<std::size_t>(n)], 0));
    }
    if (options.perPointExplained) {
        progress.setStage("PCA: each point's own components");
        Progress last = progress.part(0.75, 1);
        result.perPointExplained =
            pointSpectra(view, true, options.threads, options.memoryBytes / 4, last).explained;
    }
    progress.report(1, 1);
    return result;
}

PerPointPca pcaPerPoint(const TraceView& view, const PcaOptions& options, Progress& progress) {
    requireComponents(options);
    progress.setStage("PCA of each point");
    Progress scan = progress.part(0, 0.1), work = progress.part(0.1, 1);
    const UsableRows usable = usableRows(view, scan);
    const TraceView rows = withRows(view, usable.rows);
    const std::int64_t count = rows.rowCount(), points = view.pointCount(), units = view.unitCount();
    if (count < 2) throw Error(ErrorCode::InvalidArgument, "a PCA of each point needs at least two rows");
    const auto k =
        static_cast<int>(std::min<std::int64_t>({options.components, view.usedUnits(), count - 1}));
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    PerPointPca result;
    result.scaling = view.scaling;
    result.excludedRows = usable.excluded;
    result.mean.resize(points, units);
    result.components = Array3<double>(points, k, units);
    result.variance.resize(points, k);
    result.explained = MatrixD::Constant(points, k, nan);
    result.scores = Array3F(view.rowCount(), points, k);
    std::fill(result.scores.data.begin(), result.scores.data.end(), std::numeric_limits<float>::quiet_NaN());
    for (std::int64_t p = 0; p < points; ++p) {
        StateSpectrum sum(count, units, options.memoryBytes / 2, view.maskedUnits);
        feedPoint(rows, p, sum, options.threads, progress);
        const VectorD mean = sum.mean();
        Progress silent(progress.stopToken());
        const Spectrum found = sum.solve(
            {k, true, false},
            [&](StateStatistic& statistic, Progress& part) {
                feedPoint(rows, p, statistic, options.threads, part);
            },
            silent);
        result.mean.row(p) = mean.transpose();
        Eigen::Map<MatrixD>(result.components.at(p, 0), k, units) = found.components;
        result.variance.row(p) = found.variance.transpose();
        if (found.trace > 0) result.explained.row(p) = found.variance.transpose() / found.trace;
        const std::int64_t some = std::max<std::int64_t>(1, valuesAtOnce / units);
        for (std::int64_t first = 0; first < count; first += some) {
            progress.check();
            MatrixD states = readViewPoint(rows, p, first, std::min(some, count - first)).cast<double>();
            scaleStates(rows, states);
            const MatrixF scores =
                ((states.rowwise() - mean.transpose()) * found.components.transpose()).cast<float>();
            for (Eigen::Index n = 0; n < scores.rows(); ++n)
                std::copy_n(scores.row(n).data(), k,
                            result.scores.at(usable.rows[static_cast<std::size_t>(first + n)], p));
        }
        work.report(static_cast<double>(p + 1), static_cast<double>(points));
    }
    return result;
}

PcaResult pcaFittedOn(const TraceView& view, const std::vector<std::int64_t>& fitRows,
                      const PcaOptions& options, Progress& progress) {
    Progress fitting = progress.part(0, 0.6), scoring = progress.part(0.6, 1);
    PcaResult fitted = pca(withRows(view, fitRows), options, fitting);
    PcaResult all = pcaWithBasis(fitted.basis, view, scoring);
    all.perPointExplained = std::move(fitted.perPointExplained);
    return all;
}

PcaResult pcaWithBasis(const PcaBasis& basis, const TraceView& view, Progress& progress) {
    if (basis.scaling != view.scaling)
        throw Error(
            ErrorCode::Mismatch,
            fmt::format("the basis is of {} states, and these are {}; say --scaling {}",
                        scalingName(basis.scaling), scalingName(view.scaling), scalingName(basis.scaling)));
    progress.setStage("PCA: scores");
    PcaResult result;
    result.basis = basis;
    result.scores = project(basis, view, progress);
    for (std::int64_t n = 0; n < result.scores.n0; ++n)
        if (std::isnan(result.scores.at(n, 0)[0])) ++result.excludedRows;
    return result;
}

Array3F project(const PcaBasis& basis, const TraceView& view, Progress& progress, std::size_t bufferBytes,
                int threads) {
    if (basis.components.cols() != view.unitCount())
        throw Error(ErrorCode::Mismatch,
                    fmt::format("the basis is of states of {} units, and the trace has {}",
                                basis.components.cols(), view.unitCount()));
    checkNormedAlike(basis.scaling, view);
    TraceView scaled = view;
    scaled.scaling = basis.scaling;
    checkView(scaled);
    const std::int64_t points = view.pointCount(), units = view.unitCount();
    const Eigen::Index k = basis.components.rows();
    const std::int64_t block = rowsPerBlock(view, std::min(bufferBytes, readBytes));
    const std::int64_t some = std::max<std::int64_t>(1, valuesAtOnce / units);
    Array3F scores(view.rowCount(), points, k);
    std::vector<float> raw;
    const SerialBlas serial;
    for (std::int64_t first = 0; first < view.rowCount(); first += block) {
        progress.check();
        const std::int64_t count = std::min(block, view.rowCount() - first);
        raw.resize(static_cast<std::size_t>(count * points * units));
        readView(view, first, count, raw.data());
        parallelFor(count * points, some, threads, progress, [&](std::int64_t begin, std::int64_t end) {
            MatrixD states =
                Eigen::Map<const MatrixF>(raw.data() + begin * units, end - begin, units).cast<double>();
            scaleStates(scaled, states);
            states.rowwise() -= basis.mean.transpose();
            Eigen::Map<MatrixF>(scores.at(first, begin), end - begin, k) =
                (states * scoreRows(basis).transpose()).cast<float>();
        });
        // A row with one bad value is left out whole: half a path would look like a short one. Scores of a
        // state that has one are not finite.
        for (std::int64_t n = first; n < first + count; ++n)
            if (Eigen::Map<VectorF> path(scores.at(n, 0), points * k); !path.allFinite())
                path.setConstant(std::numeric_limits<float>::quiet_NaN());
        progress.report(static_cast<double>(first + count), static_cast<double>(view.rowCount()));
    }
    return scores;
}

MatrixD project(const PcaBasis& basis, const MatrixF& states) {
    if (basis.components.cols() != states.cols())
        throw Error(ErrorCode::Mismatch, fmt::format("the basis is of states of {} units, and these have {}",
                                                     basis.components.cols(), states.cols()));
    return (states.cast<double>().rowwise() - basis.mean.transpose()) * scoreRows(basis).transpose();
}

double Pca::nanoseconds(const PcaOptions& options, const Sizes& sizes, bool observed) {
    const double states = sizes.states(), units = sizes.unitCount(), least = std::min(states, units),
                 cube = least * least * least, products = sizes.values() * (6 + 0.018 * least);
    if (!observed) return products + 0.15 * cube;
    const double side = std::min(sizes.rowCount(), units);
    const double ofPoints = options.perPointExplained ? sizes.values() * (4 + 0.025 * side) +
                                                            sizes.pointCount() * 0.15 * side * side * side
                                                      : 0;
    // With the directions of the components, and the scores.
    return products + 0.33 * cube + sizes.values() * 0.1 * options.components + ofPoints;
}

Pca::Accumulator::Accumulator(const PcaOptions& options, const Computation& all)
    : m_all(all),
      m_options(options),
      m_spectrum(all.states(), all.source.view().unitCount(), all.memoryBytes / 4,
                 all.source.view().maskedUnits) {
    if (all.observed && options.perPointExplained) all.pointSpectra->wantExplained();
}

PcaResult Pca::Accumulator::finish(const Again& again, Progress& progress) {
    if (!m_all.observed) {
        const auto k = std::min<std::int64_t>(
            {m_options.components, m_all.source.view().usedUnits(), m_spectrum.count() - 1});
        const Spectrum found =
            m_spectrum.solve({static_cast<int>(k), false, false}, again.states(), progress);
        PcaResult result;
        result.basis.explained = found.variance / found.trace;
        return result;
    }
    PcaOptions pooled = m_options;
    pooled.perPointExplained = false;  // from the spectra that other statistics read as well
    Progress components = progress.part(0, 0.5), spectra = progress.part(0.5, 1);
    PcaResult result = pcaOf(m_all.source, m_spectrum, again.states(), pooled, components);
    if (m_options.perPointExplained) result.perPointExplained = m_all.pointSpectra->get(spectra).explained;
    return result;
}

}  // namespace rheo
