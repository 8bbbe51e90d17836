#include "core/analysis/step_moments.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/analysis/lanes.h"
#include "core/base/parallel.h"

namespace rheo {

namespace {

/// Lags whose correlations tell the persistence of steps.
constexpr std::int64_t mostLags = 4;
constexpr std::size_t blockBytes = std::size_t{32} << 20;

/// Sums over rows of steps, and of their products with the step so many after, about the steps of the first
/// row.
struct Sums {
    MatrixD shift, sum;             ///< [step, unit]
    std::vector<MatrixD> products;  ///< [lag][step, unit]; of lag 0: squares
};

Sums sumSteps(const RowSource& source, std::int64_t lags, int threads, Progress& progress) {
    const TraceView& view = source.view();
    const std::int64_t rows = view.rowCount(), points = view.pointCount(), units = view.unitCount(),
                       steps = points - 1, block = rowsPerBlock(view, blockBytes);
    Sums sums;
    sums.sum = MatrixD::Zero(steps, units);
    sums.products.assign(static_cast<std::size_t>(lags) + 1, sums.sum);
    std::vector<float> buffer;
    for (std::int64_t first = 0; first < rows; first += block) {
        const std::int64_t count = std::min(block, rows - first);
        const float* raw = source.read(first, count, buffer, progress);
        const auto path = [&](std::int64_t n) {
            return Eigen::Map<const MatrixF>(raw + n * points * units, points, units);
        };
        if (first == 0)
            sums.shift = path(0).bottomRows(steps).cast<double>() - path(0).topRows(steps).cast<double>();
        parallelFor(steps, 1, threads, progress, [&](std::int64_t p, std::int64_t) {
            for (std::int64_t n = 0; n < count; ++n) {
                const auto step = [&](std::int64_t q) -> Eigen::ArrayXd {
                    return (path(n).row(q + 1).cast<double>() - path(n).row(q).cast<double>() -
                            sums.shift.row(q))
                        .transpose()
                        .array();
                };
                const Eigen::ArrayXd here = step(p);
                sums.sum.row(p).array() += here.transpose();
                for (std::int64_t lag = 0; lag <= lags && p + lag < steps; ++lag)
                    sums.products[static_cast<std::size_t>(lag)].row(p).array() +=
                        (here * step(p + lag)).transpose();
            }
        });
        progress.report(static_cast<double>(first + count), static_cast<double>(rows));
    }
    return sums;
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

}  // namespace

StepMoments stepMoments(const RowSource& source, StepMomentKind kind, int threads, Progress& progress) {
    StepMoments moments;
    if (kind == StepMomentKind::None) return moments;
    const std::int64_t rows = source.view().rowCount(), units = source.view().unitCount(),
                       steps = source.view().pointCount() - 1;
    const std::int64_t lags =
        kind == StepMomentKind::Spread ? 0 : std::min<std::int64_t>(mostLags, steps / 4);
    const auto& [shift, sum, products] = sumSteps(source, lags, threads, progress);
    const auto n = static_cast<double>(rows);
    const std::int64_t padded = tileCount(units) * tileUnits;
    moments.mean = moments.spread = MatrixD::Zero(steps, padded);
    moments.persistence = VectorD::Zero(padded);
    const MatrixD mean = sum / n;
    moments.mean.leftCols(units) = mean + shift;
    const auto moment = [&](Eigen::Index p, Eigen::Index lag, Eigen::Index u) {
        const double raw = products[static_cast<std::size_t>(lag)](p, u);
        const Eigen::Index q = p + lag;
        if (kind == StepMomentKind::PersistenceAboutZero)
            return raw / n + mean(p, u) * shift(q, u) + mean(q, u) * shift(p, u) + shift(p, u) * shift(q, u);
        return rows < 2 ? 0.0 : (raw - sum(p, u) * mean(q, u)) / (n - 1);
    };
    for (Eigen::Index u = 0; u < units; ++u) {
        for (Eigen::Index p = 0; p < steps; ++p)
            moments.spread(p, u) = std::sqrt(std::max(0.0, moment(p, 0, u)));
        std::vector<double> correlations;
        for (Eigen::Index lag = 1; lag <= lags; ++lag)
            correlations.push_back(meanCorrelation(moments.spread.col(u), lag,
                                                   [&](Eigen::Index p) { return moment(p, lag, u); }));
        moments.persistence[u] = persistenceOf(correlations);
    }
    return moments;
}

}  // namespace rheo
