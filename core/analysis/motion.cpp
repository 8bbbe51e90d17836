#include "core/analysis/motion.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

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

/// `values` is [row, point or step].
MotionCurve curveOf(const MatrixD& values, const Progress& progress) {
    const Eigen::Index points = values.cols();
    MotionCurve curve;
    curve.mean = VectorD::Constant(points, nan);
    curve.quantiles = MatrixD::Constant(static_cast<Eigen::Index>(levels.size()), points, nan);
    curve.counted = VectorD::Zero(points);
    std::vector<double> defined;
    for (Eigen::Index p = 0; p < points; ++p) {
        progress.check();
        defined.clear();
        for (Eigen::Index n = 0; n < values.rows(); ++n)
            if (!std::isnan(values(n, p))) defined.push_back(values(n, p));
        curve.counted[p] = static_cast<double>(defined.size());
        if (defined.empty()) continue;
        double sum = 0;
        for (const double x : defined) sum += x;
        curve.mean[p] = sum / curve.counted[p];
        std::sort(defined.begin(), defined.end());
        for (std::size_t i = 0; i < levels.size(); ++i) {
            const double at = levels[i] * static_cast<double>(defined.size() - 1);
            const auto below = static_cast<std::size_t>(at);
            const auto above = std::min(below + 1, defined.size() - 1);
            curve.quantiles(static_cast<Eigen::Index>(i), p) =
                defined[below] + (at - static_cast<double>(below)) * (defined[above] - defined[below]);
        }
    }
    return curve;
}

double cosineOf(double product, double norms) {
    return norms > 0 ? std::clamp(product / norms, -1.0, 1.0) : nan;
}

}  // namespace

MotionStatistic::MotionStatistic(const RowSource& source, bool observed)
    : m_source(source), m_observed(observed) {
    if (observed) open(0, source.view().rowCount());
}

std::size_t MotionStatistic::bytes(const RowSource& source, bool observed) {
    const std::int64_t rows = source.view().rowCount();
    return static_cast<std::size_t>((observed ? rows : std::min(rows, bandRows)) *
                                    source.view().pointCount()) *
           5 * sizeof(double);
}

void MotionStatistic::open(std::int64_t firstRow, std::int64_t rows) {
    if (m_observed && m_norm.size() > 0) return;
    const std::int64_t points = m_source.view().pointCount();
    m_firstRow = firstRow;
    m_norm.resize(rows, points);
    m_speed.resize(rows, points - 1);
    m_cosine.resize(rows, points - 1);
    m_angle.resize(rows, std::max<std::int64_t>(0, points - 2));
    m_distance.resize(rows);
}

void MotionStatistic::close() {
    if (m_observed) return;
    m_cosines.add(m_cosine);
    m_speeds.add(m_speed);
    m_relatives.add(relativeSpeed());
    m_accelerations.add(acceleration());
    m_angles.add(m_angle);
    m_norms.add(m_norm);
    m_lengths.add(m_speed.rowwise().sum());
    m_straights.add(straightness());
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

MatrixD MotionStatistic::relativeSpeed() const {
    const MatrixD relative = m_speed.array() / m_norm.leftCols(m_speed.cols()).array();
    return relative.unaryExpr([](double x) { return std::isfinite(x) ? x : nan; });
}

MatrixD MotionStatistic::acceleration() const {
    const Eigen::Index steps = m_speed.cols();
    if (steps < 2) return MatrixD(m_speed.rows(), 0);
    return m_speed.rightCols(steps - 1) - m_speed.leftCols(steps - 1);
}

VectorD MotionStatistic::straightness() const {
    const VectorD lengths = m_speed.rowwise().sum();
    const VectorD ratio = m_distance.array() / lengths.array();  // NaN for a path that stays where it is
    return ratio.unaryExpr([](double x) { return x > 1 ? 1.0 : x; });  // keeps NaN
}

void MotionStatistic::add(std::int64_t row, const MatrixD& path) {
    const Eigen::Index points = path.rows();
    row -= m_firstRow;
    Eigen::RowVectorXd step(path.cols()), before(path.cols());
    for (Eigen::Index p = 0; p < points; ++p) {
        m_norm(row, p) = path.row(p).norm();
        if (p == 0) continue;
        step = path.row(p) - path.row(p - 1);
        m_speed(row, p - 1) = step.norm();
        m_cosine(row, p - 1) =
            cosineOf(path.row(p).dot(path.row(p - 1)), m_norm(row, p) * m_norm(row, p - 1));
        if (p > 1)
            m_angle(row, p - 2) =
                std::acos(cosineOf(step.dot(before), m_speed(row, p - 1) * m_speed(row, p - 2))) * 180 /
                std::numbers::pi;
        before.swap(step);
    }
    m_distance[row] = (path.row(points - 1) - path.row(0)).norm();
}

MotionResult MotionStatistic::result(const Progress& progress) const {
    MotionResult result;
    result.excludedRows = m_source.excludedRows();
    if (!m_observed) {
        result.norm = m_norms.curve();
        result.speed = m_speeds.curve();
        result.cosine = m_cosines.curve();
        result.turningAngle = m_angles.curve();
        result.relativeSpeed = m_relatives.curve();
        result.acceleration = m_accelerations.curve();
        result.pathLength = m_lengths.curve().mean[0];
        result.straightness = m_straights.curve().mean[0];
        return result;
    }
    result.norm = curveOf(m_norm, progress);
    result.speed = curveOf(m_speed, progress);
    result.cosine = curveOf(m_cosine, progress);
    result.turningAngle = curveOf(m_angle, progress);
    result.relativeSpeed = curveOf(relativeSpeed(), progress);
    result.acceleration = curveOf(acceleration(), progress);
    const VectorD lengths = m_speed.rowwise().sum(), straight = straightness();
    result.pathLength = definedMean(lengths);
    result.straightness = definedMean(straight);
    result.pathLengthRows = VectorD::Constant(m_source.askedCount(), nan);
    result.straightnessRows = result.pathLengthRows;
    for (std::size_t n = 0; n < m_source.askedRows().size(); ++n) {
        result.pathLengthRows[m_source.askedRows()[n]] = lengths[static_cast<Eigen::Index>(n)];
        result.straightnessRows[m_source.askedRows()[n]] = straight[static_cast<Eigen::Index>(n)];
    }
    return result;
}

MotionResult motion(const TraceView& view, const MotionParameters& parameters, Progress& progress) {
    progress.setStage("motion");
    Progress scan = progress.part(0, 0.2), work = progress.part(0.2, 1);
    const RowSource source(view, parameters.memoryBytes / 2, scan);
    PathMaker maker(source);
    MotionStatistic statistic(source, true);
    const Feed feed{&maker, 0, {}, {&statistic}};
    sweep(source, {&feed, 1}, {parameters.threads, parameters.memoryBytes / 2}, work);
    return statistic.result(progress);
}

}  // namespace rheo
