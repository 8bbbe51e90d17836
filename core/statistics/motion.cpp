#include "core/statistics/motion.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/base/quantile.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::array<double, 5> levels{0.025, 0.25, 0.5, 0.75, 0.975};

/// Mean of what is defined; NaN if nothing is.
double definedMean(const VectorD& values) {
    double sum = 0, count = 0;
    for (const double x : values)
        if (!std::isnan(x)) {
            sum += x;
            ++count;
        }
    return sum / count;
}

/// Mean, quantiles and count of each column of `values` [row, point or step] into those from `first` on.
void describe(const MatrixD& values, std::int64_t first, MotionCurve& curve, const Progress& progress) {
    std::vector<double> defined;
    for (Eigen::Index i = 0; i < values.cols(); ++i) {
        progress.check();
        const Eigen::Index p = first + i;
        defined.clear();
        for (Eigen::Index n = 0; n < values.rows(); ++n)
            if (!std::isnan(values(n, i))) defined.push_back(values(n, i));
        curve.counted[p] = static_cast<double>(defined.size());
        if (defined.empty()) continue;
        double sum = 0;
        for (const double x : defined) sum += x;
        curve.mean[p] = sum / curve.counted[p];
        std::sort(defined.begin(), defined.end());
        for (std::size_t level = 0; level < levels.size(); ++level)
            curve.quantiles(static_cast<Eigen::Index>(level), p) = quantile(defined, levels[level]);
    }
}

double cosineOf(double product, double norms) {
    return norms > 0 ? std::clamp(product / norms, -1.0, 1.0) : nan;
}

}  // namespace

MotionStatistic::MotionStatistic(const RowSource& source, bool observed, std::size_t memoryBytes)
    : m_source(source), m_observed(observed), m_points(source.view().pointCount()), m_width(m_points) {
    if (!observed) return;
    const std::int64_t times = passes(source, memoryBytes);
    m_width = (m_points + times - 1) / times;
    for (int c = 0; c < curveCount; ++c)
        m_curves[c] = {VectorD::Constant(lengthOf(c), nan),
                       MatrixD::Constant(static_cast<Eigen::Index>(levels.size()), lengthOf(c), nan),
                       VectorD::Zero(lengthOf(c))};
    m_length.resize(source.view().rowCount());
    m_straight.resize(source.view().rowCount());
    for (auto& kept : m_kept) kept.resize(source.view().rowCount(), 0);
    open(0, source.view().rowCount());
}

std::int64_t MotionStatistic::passes(const RowSource& source, std::size_t memoryBytes) {
    const auto perPoint = static_cast<std::size_t>(source.view().rowCount()) * curveCount * sizeof(double);
    const auto points = static_cast<std::size_t>(source.view().pointCount());
    const std::size_t width = std::clamp<std::size_t>(memoryBytes / perPoint, 1, points);
    return static_cast<std::int64_t>((points + width - 1) / width);
}

std::size_t MotionStatistic::bytes(const RowSource& source) {
    return static_cast<std::size_t>(std::min(source.view().rowCount(), bandRows) *
                                    source.view().pointCount()) *
           curveCount * sizeof(double);
}

std::int64_t MotionStatistic::lengthOf(int curve) const {
    const std::int64_t fewer = curve == Norm ? 0 : curve == Angle || curve == Acceleration ? 2 : 1;
    return std::max<std::int64_t>(0, m_points - fewer);
}

void MotionStatistic::open(std::int64_t firstRow, std::int64_t rows) {
    if (!m_observed) {
        m_firstRow = firstRow;
        m_length.resize(rows);
        m_straight.resize(rows);
    } else if (m_kept[Norm].cols() > 0) {
        return;
    }
    for (int c = 0; c < curveCount; ++c)
        m_kept[c].resize(m_observed ? m_length.size() : rows,
                         std::clamp<std::int64_t>(lengthOf(c) - m_firstPoint, 0, m_width));
}

void MotionStatistic::close() {
    if (m_observed) return;
    for (int c = 0; c < curveCount; ++c) m_sums[c].add(m_kept[c]);
    m_lengths.add(m_length);
    m_straights.add(m_straight);
}

void MotionStatistic::Sum::add(const MatrixD& values) {
    if (total.size() == 0) total = counted = VectorD::Zero(values.cols());
    for (Eigen::Index n = 0; n < values.rows(); ++n)
        for (Eigen::Index p = 0; p < values.cols(); ++p) {
            if (std::isnan(values(n, p))) continue;
            total[p] += values(n, p);
            counted[p] += 1;
        }
}

MotionCurve MotionStatistic::Sum::curve() const {
    MotionCurve curve;
    curve.mean = total.array() / counted.array();  // NaN where nothing is defined
    curve.counted = counted;
    return curve;
}

void MotionStatistic::add(std::int64_t row, const MatrixD& path) {
    row -= m_firstRow;
    std::array<VectorD, curveCount> curves;
    for (int c = 0; c < curveCount; ++c) curves[c].resize(lengthOf(c));
    Eigen::RowVectorXd step(path.cols()), before(path.cols());
    for (Eigen::Index p = 0; p < path.rows(); ++p) {
        curves[Norm][p] = path.row(p).norm();
        if (p == 0) continue;
        step = path.row(p) - path.row(p - 1);
        curves[Speed][p - 1] = step.norm();
        curves[Cosine][p - 1] =
            cosineOf(path.row(p).dot(path.row(p - 1)), curves[Norm][p] * curves[Norm][p - 1]);
        const double relative = curves[Speed][p - 1] / curves[Norm][p - 1];
        curves[Relative][p - 1] = std::isfinite(relative) ? relative : nan;
        if (p > 1) {
            curves[Angle][p - 2] =
                std::acos(cosineOf(step.dot(before), curves[Speed][p - 1] * curves[Speed][p - 2])) * 180 /
                std::numbers::pi;
            curves[Acceleration][p - 2] = curves[Speed][p - 1] - curves[Speed][p - 2];
        }
        before.swap(step);
    }
    for (int c = 0; c < curveCount; ++c)
        m_kept[c].row(row) = curves[c].segment(m_firstPoint, m_kept[c].cols()).transpose();
    m_length[row] = curves[Speed].sum();
    // NaN for a path that stays where it is.
    const double straight = (path.row(path.rows() - 1) - path.row(0)).norm() / m_length[row];
    m_straight[row] = straight > 1 ? 1.0 : straight;
}

bool MotionStatistic::finishPass(const Progress& progress) {
    if (!m_observed) return false;
    for (int c = 0; c < curveCount; ++c) describe(m_kept[c], m_firstPoint, m_curves[c], progress);
    if (m_firstPoint + m_width >= m_points) return false;
    m_firstPoint += m_width;
    for (auto& kept : m_kept) kept.resize(kept.rows(), 0);
    return true;
}

MotionResult MotionStatistic::result() const {
    MotionResult result;
    result.excludedRows = m_source.excludedRows();
    const auto curve = [&](Curve c) { return m_observed ? m_curves[c] : m_sums[c].curve(); };
    result.norm = curve(Norm);
    result.speed = curve(Speed);
    result.cosine = curve(Cosine);
    result.turningAngle = curve(Angle);
    result.relativeSpeed = curve(Relative);
    result.acceleration = curve(Acceleration);
    if (!m_observed) {
        result.pathLength = m_lengths.curve().mean[0];
        result.straightness = m_straights.curve().mean[0];
        return result;
    }
    result.pathLength = definedMean(m_length);
    result.straightness = definedMean(m_straight);
    result.pathLengthRows = VectorD::Constant(m_source.askedCount(), nan);
    result.straightnessRows = result.pathLengthRows;
    for (std::size_t n = 0; n < m_source.askedRows().size(); ++n) {
        result.pathLengthRows[m_source.askedRows()[n]] = m_length[static_cast<Eigen::Index>(n)];
        result.straightnessRows[m_source.askedRows()[n]] = m_straight[static_cast<Eigen::Index>(n)];
    }
    return result;
}

MotionResult motion(const TraceView& view, const MotionParameters& parameters, Progress& progress) {
    progress.setStage("motion");
    Progress scan = progress.part(0, 0.2), work = progress.part(0.2, 1);
    const RowSource source(view, parameters.memoryBytes / 2, scan);
    PathMaker maker(source);
    MotionStatistic statistic(source, true, parameters.memoryBytes / 4);
    const Feed feed{&maker, 0, {}, {&statistic}};
    do sweep(source, {&feed, 1}, {parameters.threads, parameters.memoryBytes / 4}, work);
    while (statistic.finishPass(progress));
    return statistic.result();
}

MotionResult Motion::Accumulator::finish(const Again& again, Progress& progress) {
    while (m_sums.finishPass(progress)) again.feedRows(m_sums, progress);
    return m_sums.result();
}

}  // namespace rheo
