#include "core/analysis/density.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include "core/analysis/covariance.h"
#include "core/base/parallel.h"

namespace rheo {

namespace {

constexpr std::size_t blockBytes = std::size_t{16} << 20;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// A mean that leaves NaN out.
struct NanMean {
    double sum = 0;
    std::int64_t count = 0;
    void add(double x) {
        if (std::isnan(x)) return;
        sum += x;
        ++count;
    }
    void add(const NanMean& other) {
        sum += other.sum;
        count += other.count;
    }
    double value() const { return count > 0 ? sum / static_cast<double>(count) : nan; }
};

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

struct Sums {
    MatrixD mean, meanAbs, squares, active;
    std::vector<NanMean> trevesRolls, hoyer, kurtosis;
    Sums(std::int64_t points, std::int64_t units)
        : mean(MatrixD::Zero(points, units)),
          meanAbs(mean),
          squares(mean),
          active(mean),
          trevesRolls(static_cast<std::size_t>(points)),
          hoyer(trevesRolls),
          kurtosis(trevesRolls) {}
};

void addRow(const TraceView& view, double epsilon, const MatrixD& row, Sums& sums) {
    const auto used = static_cast<double>(view.usedUnits());
    for (Eigen::Index p = 0; p < row.rows(); ++p) {
        const auto x = row.row(p).array();
        sums.mean.row(p).array() += x;
        sums.meanAbs.row(p).array() += x.abs();
        sums.squares.row(p).array() += x.square();
        const double threshold = epsilon * std::sqrt(x.square().sum() / used);
        sums.active.row(p).array() += (x.abs() > threshold).cast<double>();
        const auto i = static_cast<std::size_t>(p);
        const RowShape shape = rowShape(row.row(p).transpose().array(), view.maskedUnits, used);
        sums.trevesRolls[i].add(shape.trevesRolls);
        sums.hoyer[i].add(shape.hoyer);
        sums.kurtosis[i].add(shape.kurtosis);
    }
}

}  // namespace

DensityResult density(const TraceView& asked, const DensityParameters& parameters, Progress& progress) {
    checkView(asked);
    progress.setStage("density");
    Progress scan = progress.part(0, 0.1);
    const UsableRows usable = usableRows(asked, scan);
    const TraceView view = withRows(asked, usable.rows);
    const std::int64_t rows = view.rowCount(), points = view.pointCount(), units = view.unitCount();

    Sums total(points, units);
    const std::int64_t block = rowsPerBlock(view, blockBytes);
    std::mutex mutex;
    std::int64_t done = 0;
    parallelFor(rows, block, parameters.threads, progress, [&](std::int64_t first, std::int64_t end) {
        std::vector<float> raw(static_cast<std::size_t>((end - first) * points * units));
        readView(view, first, end - first, raw.data());
        Sums sums(points, units);
        for (std::int64_t n = 0; n < end - first; ++n) {
            if (n % 16 == 0) progress.check();
            MatrixD row =
                Eigen::Map<const MatrixF>(raw.data() + n * points * units, points, units).cast<double>();
            scaleStates(view, row);
            addRow(view, parameters.epsilon, row, sums);
        }
        const std::lock_guard lock(mutex);
        total.mean += sums.mean;
        total.meanAbs += sums.meanAbs;
        total.squares += sums.squares;
        total.active += sums.active;
        for (std::size_t p = 0; p < total.hoyer.size(); ++p) {
            total.trevesRolls[p].add(sums.trevesRolls[p]);
            total.hoyer[p].add(sums.hoyer[p]);
            total.kurtosis[p].add(sums.kurtosis[p]);
        }
        done += end - first;
        progress.report(0.1 + 0.4 * static_cast<double>(done) / static_cast<double>(rows), 1);
    });

    DensityResult result;
    result.excludedRows = usable.excluded;
    const auto n = static_cast<double>(rows);
    result.mean = total.mean / n;
    result.meanAbs = total.meanAbs / n;
    result.rms = (total.squares / n).cwiseSqrt();
    result.activeFraction = total.active / n;
    result.trevesRolls.resize(points);
    result.hoyer.resize(points);
    result.kurtosis.resize(points);
    result.participationRatio.resize(points);
    for (std::int64_t p = 0; p < points; ++p) {
        const auto i = static_cast<std::size_t>(p);
        result.trevesRolls[p] = total.trevesRolls[i].value();
        result.hoyer[p] = total.hoyer[i].value();
        result.kurtosis[p] = total.kurtosis[i].value();
    }
    for (std::int64_t p = 0; p < points; ++p) {
        result.participationRatio[p] = rows < 3 ? nan : participationRatio(view, p, progress);
        progress.report(0.5 + 0.5 * static_cast<double>(p + 1) / static_cast<double>(points), 1);
    }
    return result;
}

}  // namespace rheo
