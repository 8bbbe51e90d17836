#include "core/statistics/density.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/analysis/point_spectra.h"
#include "core/analysis/tile_ranks.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct RowShape {
    double trevesRolls = nan, hoyer = nan, kurtosis = nan;
};

/// Sparseness of one state over its units; `used` of them are not masked (masked ones are 0).
RowShape rowShape(const Eigen::Ref<const Eigen::ArrayXd>& x, const std::vector<std::int64_t>& masked,
                  double used) {
    RowShape shape;
    const double l1 = x.abs().sum();
    const double squares = x.square().sum();
    if (squares > 0) {
        shape.trevesRolls = (l1 / used) * (l1 / used) / (squares / used);
        if (used > 1) shape.hoyer = (std::sqrt(used) - l1 / std::sqrt(squares)) / (std::sqrt(used) - 1);
    }
    const double mean = x.sum() / used;
    Eigen::ArrayXd centred = x - mean;
    for (const auto unit : masked) centred[unit] = 0;
    const double second = centred.square().sum() / used;
    const double fourth = centred.square().square().sum() / used;
    if (second > 0) shape.kurtosis = fourth / (second * second) - 3;
    return shape;
}

}  // namespace

DensityStatistic::DensityStatistic(const RowSource& source, const DensityParameters& parameters,
                                   bool keepRows)
    : m_source(source), m_epsilon(parameters.epsilon), m_keepRows(keepRows) {
    const std::int64_t rows = source.view().rowCount(), points = source.view().pointCount();
    m_sums = m_counts = MatrixD::Zero(3, points);
    for (auto* m : {&m_trevesRolls, &m_hoyer, &m_kurtosis})
        m->resize(keepRows ? rows : std::min(rows, bandRows), points);
}

std::size_t DensityStatistic::bytes(const RowSource& source) {
    return static_cast<std::size_t>(std::min(source.view().rowCount(), bandRows) *
                                    source.view().pointCount()) *
           3 * sizeof(double);
}

void DensityStatistic::makeMaps() {
    const std::int64_t points = m_source.view().pointCount(), units = m_source.view().unitCount();
    for (auto* m : {&m_mean, &m_meanAbs, &m_squares, &m_active}) *m = MatrixD::Zero(points, units);
}

void DensityStatistic::open(std::int64_t firstRow, std::int64_t rows) {
    if (m_keepRows) return;
    m_firstRow = firstRow;
    for (auto* m : {&m_trevesRolls, &m_hoyer, &m_kurtosis}) m->resize(rows, m->cols());
}

void DensityStatistic::close() {
    if (m_keepRows) return;
    Eigen::Index which = 0;
    for (const auto* m : {&m_trevesRolls, &m_hoyer, &m_kurtosis}) {
        for (Eigen::Index n = 0; n < m->rows(); ++n)
            for (Eigen::Index p = 0; p < m->cols(); ++p) {
                if (std::isnan((*m)(n, p))) continue;
                m_sums(which, p) += (*m)(n, p);
                m_counts(which, p) += 1;
            }
        ++which;
    }
}

void DensityStatistic::add(std::int64_t row, const MatrixD& path) {
    row -= m_firstRow;
    const auto used = static_cast<double>(m_source.view().usedUnits());
    for (Eigen::Index p = 0; p < path.rows(); ++p) {
        const RowShape shape = rowShape(path.row(p).transpose().array(), m_source.view().maskedUnits, used);
        m_trevesRolls(row, p) = shape.trevesRolls;
        m_hoyer(row, p) = shape.hoyer;
        m_kurtosis(row, p) = shape.kurtosis;
    }
}

void DensityStatistic::add(const TileBatch& batch) {
    const std::int64_t first = batch.tile * tileUnits,
                       units = std::min(tileUnits, m_source.view().unitCount() - first);
    for (std::int64_t i = 0; i < batch.rows * batch.points; ++i) {
        const std::int64_t p = i % batch.points;
        const Eigen::Map<const Eigen::RowVectorXd> values(batch.paths + i * tileUnits, units);
        const auto x = values.array();
        m_mean.row(p).segment(first, units).array() += x;
        m_meanAbs.row(p).segment(first, units).array() += x.abs();
        m_squares.row(p).segment(first, units).array() += x.square();
        m_active.row(p).segment(first, units).array() += (x.abs() > m_epsilon * batch.rms[i]).cast<double>();
    }
}

DensityResult DensityStatistic::result() const {
    DensityResult result;
    const auto rows = static_cast<double>(m_source.view().rowCount());
    result.excludedRows = m_source.excludedRows();
    const MatrixD means = m_sums.array() / m_counts.array();  // NaN where nothing is defined
    result.trevesRolls = means.row(0).transpose();
    result.hoyer = means.row(1).transpose();
    result.kurtosis = means.row(2).transpose();
    result.mean = m_mean / rows;
    result.meanAbs = m_meanAbs / rows;
    result.rms = (m_squares / rows).cwiseSqrt();
    result.activeFraction = m_active / rows;
    for (auto* map : {&result.mean, &result.meanAbs, &result.rms, &result.activeFraction})
        joinUnitColumns(currentRanks(), *map);
    return result;
}

DensityResult density(const TraceView& view, const DensityParameters& parameters, Progress& progress) {
    progress.setStage("density");
    Progress scan = progress.part(0, 0.1), work = progress.part(0.1, 0.5), last = progress.part(0.5, 1);
    const RowSource source(view, parameters.memoryBytes / 2, scan);
    PathMaker maker(source);
    DensityStatistic statistic(source, parameters);
    statistic.makeMaps();
    const Feed feed{&maker, 0, {&statistic}, {&statistic}};
    sweep(source, {&feed, 1}, {parameters.threads, parameters.memoryBytes / 2}, work);
    DensityResult result = statistic.result();
    result.participationRatio =
        pointSpectra(source.view(), false, parameters.threads, parameters.memoryBytes / 4, last)
            .participationRatio;
    return result;
}

Density::Accumulator::Accumulator(const DensityParameters& options, const Computation& all)
    : m_all(all), m_sums(all.source, options) {
    if (all.observed) m_sums.makeMaps();
}

void Density::Accumulator::addTo(Feed& feed) {
    feed.rows.push_back(&m_sums);
    if (m_all.observed) feed.units.push_back(&m_sums);
}

DensityResult Density::Accumulator::finish(const Again&, Progress& progress) {
    DensityResult result = m_sums.result();
    if (m_all.observed) result.participationRatio = m_all.pointSpectra->get(progress).participationRatio;
    return result;
}

}  // namespace rheo
