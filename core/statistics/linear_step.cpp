#define EIGEN_USE_BLAS
#include "core/statistics/linear_step.h"

#include <fmt/format.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include "core/analysis/sampling_units.h"
#include "core/analysis/symmetric_eigen.h"
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/statistics/pointwise.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr int folds = 5;
constexpr std::array penalties{1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3, 1e4};
/// Multiplications between two looks for a stop: some tens of milliseconds.
constexpr double workAtOnce = 3e8;

/// How many columns of a product cost workAtOnce, at `work` multiplications each.
Eigen::Index columnsAtOnce(double work, Eigen::Index columns) {
    return std::clamp<Eigen::Index>(static_cast<Eigen::Index>(workAtOnce / std::max(1.0, work)), 1,
                                    std::max<Eigen::Index>(1, columns));
}

/// [row], the fold of each.
std::vector<int> foldsOf(const TraceView& view, std::uint64_t seed) {
    const SamplingUnits samples = samplingUnits(view);
    const auto order = RandomStream(seed).permutation(static_cast<std::int32_t>(samples.count()));
    std::vector<int> of(static_cast<std::size_t>(view.rowCount()));
    for (std::size_t i = 0; i < order.size(); ++i)
        for (const std::int64_t row : samples.rows[static_cast<std::size_t>(order[i])])
            of[static_cast<std::size_t>(row)] = static_cast<int>(i % folds);
    return of;
}

/// Sums over rows of states x before a step, y after it, and their products.
struct Moments {
    double count = 0, yy = 0;
    VectorD x, y;
    MatrixD xx, xy;

    explicit Moments(Eigen::Index before, Eigen::Index after)
        : x(VectorD::Zero(before)),
          y(VectorD::Zero(after)),
          xx(MatrixD::Zero(before, before)),
          xy(MatrixD::Zero(before, after)) {}

    /// Rows of X [row, before] and Y [row, after].
    void add(const MatrixD& before, const MatrixD& after, const Progress& progress) {
        count += static_cast<double>(before.rows());
        yy += after.squaredNorm();
        x += before.colwise().sum().transpose();
        y += after.colwise().sum().transpose();
        const auto add = [&](const MatrixD& right, MatrixD& products) {
            const Eigen::Index some = columnsAtOnce(
                static_cast<double>(before.rows()) * static_cast<double>(before.cols()), right.cols());
            for (Eigen::Index c = 0; c < right.cols(); c += some) {
                progress.check();
                const Eigen::Index n = std::min(some, right.cols() - c);
                products.middleCols(c, n).noalias() += before.transpose() * right.middleCols(c, n);
            }
        };
        add(before, xx);
        add(after, xy);
    }
    void add(const Moments& other) {
        count += other.count;
        yy += other.yy;
        x += other.x;
        y += other.y;
        xx += other.xx;
        xy += other.xy;
    }
    /// Of the same rows about other origins.
    void moveTo(const VectorD& atX, const VectorD& atY) {
        yy += count * atY.squaredNorm() - 2 * y.dot(atY);
        xx.noalias() -= x * atX.transpose();
        xx.noalias() -= atX * x.transpose();
        xx.noalias() += count * atX * atX.transpose();
        xy.noalias() -= x * atY.transpose();
        xy.noalias() -= atX * y.transpose();
        xy.noalias() += count * atX * atY.transpose();
        x -= count * atX;
        y -= count * atY;
    }
};

/// A linear map about two means, and which penalty made it.
struct AffineMap {
    VectorD meanX, meanY;
    MatrixD matrix;  ///< [before, after]
};

/// Training rows, and rows to be predicted, both about the mean of the training rows.
struct Split {
    Moments training, held;
    VectorD meanX, meanY;
};

Split splitOf(const std::vector<Moments>& of, const std::vector<int>& trainingFolds, int held) {
    Split split{Moments(of[0].x.size(), of[0].y.size()), of[static_cast<std::size_t>(held)], {}, {}};
    for (const int fold : trainingFolds) split.training.add(of[static_cast<std::size_t>(fold)]);
    split.meanX = split.training.x / split.training.count;
    split.meanY = split.training.y / split.training.count;
    split.training.moveTo(split.meanX, split.meanY);
    split.held.moveTo(split.meanX, split.meanY);
    return split;
}

/// Cholesky factor of a positive definite matrix, in place, in its lower triangle; false if it is not.
bool factorize(Eigen::MatrixXd& a, const Progress& progress) {
    const Eigen::Index n = a.rows();
    constexpr Eigen::Index atOnce = 96;
    for (Eigen::Index k = 0; k < n; k += atOnce) {
        const Eigen::Index width = std::min(atOnce, n - k), left = n - k - width;
        Eigen::LLT<Eigen::MatrixXd> corner(a.block(k, k, width, width));
        if (corner.info() != Eigen::Success) return false;
        a.block(k, k, width, width) = corner.matrixL();
        auto panel = a.block(k + width, k, left, width);
        corner.matrixU().solveInPlace<Eigen::OnTheRight>(panel);
        const Eigen::Index some = columnsAtOnce(static_cast<double>(left) * static_cast<double>(width), left);
        for (Eigen::Index c = 0; c < left; c += some) {
            progress.check();
            const Eigen::Index columns = std::min(some, left - c);
            a.block(k + width + c, k + width + c, left - c, columns).noalias() -=
                panel.bottomRows(left - c) * panel.middleRows(c, columns).transpose();
        }
    }
    return true;
}

/// Fits a map to the training rows with `penalty` times their mean eigenvalue, and gives its squared error on
/// the held rows; the map itself into `map`, if that is not null. Predicts the mean where nothing varies.
double ridge(const Split& split, double penalty, std::int64_t units, MatrixD* map, const Progress& progress) {
    const Eigen::Index side = split.training.xx.rows(), columns = split.training.xy.cols();
    if (map != nullptr) *map = MatrixD::Zero(side, columns);
    const double mean = split.training.xx.trace() / static_cast<double>(units);
    if (!(mean > 0)) return split.held.yy;
    Eigen::MatrixXd factor = split.training.xx;
    factor.diagonal().array() += penalty * mean;
    if (!factorize(factor, progress)) return std::numeric_limits<double>::infinity();
    double error = split.held.yy;
    const Eigen::Index some =
        columnsAtOnce(2.0 * static_cast<double>(side) * static_cast<double>(side), columns);
    for (Eigen::Index c = 0; c < columns; c += some) {
        progress.check();
        const Eigen::Index n = std::min(some, columns - c);
        Eigen::MatrixXd part = split.training.xy.middleCols(c, n);
        factor.triangularView<Eigen::Lower>().solveInPlace(part);
        factor.transpose().triangularView<Eigen::Upper>().solveInPlace(part);
        const Eigen::MatrixXd image = split.held.xx * part;
        error += part.cwiseProduct(image - 2 * split.held.xy.middleCols(c, n)).sum();
        if (map != nullptr) map->middleCols(c, n) = part;
    }
    return error;
}

/// The penalty with the least squared error of maps from three folds on a fourth, the one after `held`.
double choosePenalty(const std::vector<Moments>& of, int held, std::int64_t units, const Progress& progress) {
    const int inner = (held + 1) % folds;
    const Split split = splitOf(of, {(held + 2) % folds, (held + 3) % folds, (held + 4) % folds}, inner);
    double best = penalties.front(), least = std::numeric_limits<double>::infinity();
    for (const double penalty : penalties) {
        const double error = ridge(split, penalty, units, nullptr, progress);
        if (error < least) {
            least = error;
            best = penalty;
        }
    }
    return best;
}

Split outerSplit(const std::vector<Moments>& of, int held) {
    return splitOf(of, {(held + 1) % folds, (held + 2) % folds, (held + 3) % folds, (held + 4) % folds},
                   held);
}

/// Coordinates of rows in an orthonormal basis of what they span: their dot products stay. [row, row].
MatrixD coordinatesOf(const MatrixD& states, const Progress& progress) {
    const Eigen::Index rows = states.rows();
    MatrixD gram(rows, rows);
    const Eigen::Index some =
        columnsAtOnce(static_cast<double>(rows) * static_cast<double>(states.cols()), rows);
    for (Eigen::Index c = 0; c < rows; c += some) {
        progress.check();
        const Eigen::Index n = std::min(some, rows - c);
        gram.middleRows(c, n).noalias() = states.middleRows(c, n) * states.transpose();
    }
    MatrixD vectors;
    const VectorD values = symmetricEigen(gram, static_cast<int>(rows), &vectors, progress);
    return vectors.transpose() * values.cwiseMax(0).cwiseSqrt().asDiagonal();
}

/// States about their mean over rows, in coordinates where there are fewer rows than units.
MatrixD centredOf(const MatrixD& states, const Progress& progress) {
    const MatrixD centred = states.rowwise() - states.colwise().mean();
    return centred.rows() < centred.cols() ? coordinatesOf(centred, progress) : centred;
}

/// What is done with a step of all rows: states before and after it, [row, unit].
using UseStep = std::function<void(std::int64_t step, const MatrixD& before, const MatrixD& after)>;

/// The states of all points, [point][row, unit], out of `states`, which holds them at once; `inCoordinates`:
/// of one basis for all of them.
std::vector<MatrixD> takeAll(PointStates& states, bool inCoordinates, const Progress& progress) {
    std::vector<MatrixD> held;
    states.finishPass([&](std::int64_t, MatrixD& point) { held.push_back(std::move(point)); }, progress);
    if (!inCoordinates) return held;
    const Eigen::Index rows = held.front().rows();
    MatrixD all(rows * static_cast<Eigen::Index>(held.size()), held.front().cols());
    for (std::size_t p = 0; p < held.size(); ++p)
        all.middleRows(static_cast<Eigen::Index>(p) * rows, rows) = held[p];
    const MatrixD coordinates = coordinatesOf(all, progress);
    for (std::size_t p = 0; p < held.size(); ++p)
        held[p] = coordinates.middleRows(static_cast<Eigen::Index>(p) * rows, rows);
    return held;
}

void forEachStepOf(const std::vector<MatrixD>& points, const UseStep& use) {
    for (std::size_t p = 0; p + 1 < points.size(); ++p)
        use(static_cast<std::int64_t>(p), points[p], points[p + 1]);
}

/// The same with states that are read a few points at a time. They were fed once.
void forEachStepRead(PointStates& states, const Again& again, const Progress& progress, const UseStep& use) {
    MatrixD before;
    const auto usePoint = [&](std::int64_t p, MatrixD& after) {
        if (p > 0) use(p - 1, before, after);
        before = after;
    };
    while (states.finishPass(usePoint, progress)) again.feedRows(states, progress);
}

/// Errors of the three predictions, and what they are errors of; [step].
struct Errors {
    VectorD map, identity, oneMap, total;
    explicit Errors(std::int64_t steps) : map(VectorD::Zero(steps)), identity(map), oneMap(map), total(map) {}
};

/// Cross-validation over the rows of one source.
class CrossValidation {
public:
    CrossValidation(std::vector<int> foldOfRow, std::int64_t units, const Progress& progress)
        : m_units(units), m_progress(progress), m_rows(folds) {
        for (std::size_t n = 0; n < foldOfRow.size(); ++n)
            m_rows[static_cast<std::size_t>(foldOfRow[n])].push_back(static_cast<Eigen::Index>(n));
    }

    /// Adds the rows of a step to the moments of their folds.
    void add(const MatrixD& before, const MatrixD& after, std::vector<Moments>& of) const {
        if (of.empty()) of.assign(folds, Moments(before.cols(), after.cols()));
        for (std::size_t fold = 0; fold < folds; ++fold)
            of[fold].add(before(m_rows[fold], Eigen::all), after(m_rows[fold], Eigen::all), m_progress);
    }

    /// A map of this step alone: its error, and the squares about the training means.
    void fitStep(std::int64_t step, const MatrixD& before, const MatrixD& after, Errors& errors) const {
        std::vector<Moments> of;
        add(before, after, of);
        for (int fold = 0; fold < folds; ++fold) {
            const double penalty = choosePenalty(of, fold, m_units, m_progress);
            const Split split = outerSplit(of, fold);
            errors.total[step] += split.held.yy;
            errors.map[step] += ridge(split, penalty, m_units, nullptr, m_progress);
        }
    }

    /// One map for each fold, from the moments of all steps.
    std::vector<AffineMap> fitOneMap(const std::vector<Moments>& of) const {
        std::vector<AffineMap> maps;
        for (int fold = 0; fold < folds; ++fold) {
            const double penalty = choosePenalty(of, fold, m_units, m_progress);
            const Split split = outerSplit(of, fold);
            AffineMap& map = maps.emplace_back(AffineMap{split.meanX, split.meanY, {}});
            ridge(split, penalty, m_units, &map.matrix, m_progress);
        }
        return maps;
    }

    double errorOf(const std::vector<AffineMap>& maps, const MatrixD& before, const MatrixD& after) const {
        double error = 0;
        for (std::size_t fold = 0; fold < folds; ++fold) {
            const AffineMap& map = maps[fold];
            const auto& rows = m_rows[fold];
            const Eigen::Index some =
                columnsAtOnce(static_cast<double>(map.matrix.size()), static_cast<Eigen::Index>(rows.size()));
            for (std::size_t n = 0; n < rows.size(); n += static_cast<std::size_t>(some)) {
                m_progress.check();
                const std::vector<Eigen::Index> part(
                    rows.begin() + static_cast<std::ptrdiff_t>(n),
                    rows.begin() + static_cast<std::ptrdiff_t>(
                                       std::min(rows.size(), n + static_cast<std::size_t>(some))));
                const MatrixD x = before(part, Eigen::all).rowwise() - map.meanX.transpose();
                const MatrixD y = after(part, Eigen::all).rowwise() - map.meanY.transpose();
                error += (y - x * map.matrix).squaredNorm();
            }
        }
        return error;
    }

private:
    std::int64_t m_units;  ///< over which the mean eigenvalue is taken
    const Progress& m_progress;
    std::vector<std::vector<Eigen::Index>> m_rows;  ///< of each fold
};

/// Sides of the matrices: of a step's map, and of the one map.
struct Sides {
    std::int64_t step, oneMap;
};
Sides sidesOf(std::int64_t rows, std::int64_t points, std::int64_t units) {
    return {std::min(rows, units), std::min(rows * points, units)};
}

/// Whether all states together span less than the units do: then they are held and written in coordinates.
bool spansLess(const TraceView& view) {
    return view.rowCount() * view.pointCount() < view.unitCount();
}

/// What the states that are kept may take: an eighth of the memory, or all of them where they are few.
std::size_t memoryForStates(const RowSource& source, std::size_t memoryBytes) {
    const TraceView& view = source.view();
    const std::size_t all = static_cast<std::size_t>(view.rowCount()) *
                            static_cast<std::size_t>(view.pointCount()) *
                            static_cast<std::size_t>(view.unitCount()) * sizeof(double);
    return spansLess(view) ? std::max(memoryBytes / 8, all) : memoryBytes / 8;
}

/// The moments of five folds, split and solved for: 25 squares for a step; ten of the one map stay beside it.
double bytesOfMaps(const Sides& sides) {
    const auto square = [](std::int64_t side) {
        return static_cast<double>(side) * static_cast<double>(side) * sizeof(double);
    };
    return 10 * square(sides.oneMap) + std::max(16 * square(sides.step), 11 * square(sides.oneMap));
}

}  // namespace

std::string LinearStep::whyUndefined(const TraceView& view, const LinearStepOptions&,
                                     std::size_t memoryBytes) {
    const std::int64_t samples = samplingUnits(view).count();
    if (samples < folds)
        return fmt::format("it needs at least {} samples, for five folds, and there {} {}", folds,
                           samples == 1 ? "is" : "are", samples);
    constexpr double leastForMaps = 1 << 26;  // so much may be held whatever the bound
    const double maps = bytesOfMaps(sidesOf(view.rowCount(), view.pointCount(), view.unitCount()));
    if (maps <= std::max(leastForMaps, static_cast<double>(memoryBytes) / 2)) return "";
    return fmt::format(
        "its maps take {:.0f} MiB, more than half of what may be held; allow more memory, or choose fewer "
        "rows or points",
        maps / (1 << 20));
}

double LinearStep::nanoseconds(const LinearStepOptions&, const Sizes& sizes, bool) {
    const Sides sides = sidesOf(sizes.rows, sizes.points, sizes.units);
    const auto maps = [](std::int64_t side) {
        const auto n = static_cast<double>(side);
        return n * n * (8 * n + 760);
    };
    return sizes.values() * (4 + 0.1 * static_cast<double>(sides.oneMap)) +
           (sizes.pointCount() - 1) * maps(sides.step) + maps(sides.oneMap);
}

LinearStep::Accumulator::Accumulator(const LinearStepOptions& options, const Computation& all)
    : m_all(all),
      m_seed(options.seed),
      m_heldAtOnce(PointStates::passes(all.source, memoryForStates(all.source, all.memoryBytes)) == 1),
      m_states(all.source, memoryForStates(all.source, all.memoryBytes)) {}

LinearStepResult LinearStep::Accumulator::finish(const Again& again, Progress& progress) {
    const TraceView& view = m_all.source.view();
    const std::int64_t steps = view.pointCount() - 1;
    LinearStepResult result;
    result.excludedRows = m_all.source.excludedRows();
    result.r2 = result.r2Identity = result.r2OneMap = VectorD::Constant(steps, nan);
    if (samplingUnits(view).count() < folds) return result;

    std::vector<MatrixD> held =
        m_heldAtOnce ? takeAll(m_states, spansLess(view), progress) : std::vector<MatrixD>();
    const CrossValidation validation(foldsOf(view, m_seed), view.usedUnits(), progress);
    Errors errors(steps);
    std::vector<Moments> moments;
    MatrixD x, y;  // of one step, in coordinates of its own
    const auto fit = [&](std::int64_t step, const MatrixD& before, const MatrixD& after) {
        errors.identity[step] = (after - before).squaredNorm();
        validation.add(before, after, moments);
        x = step == 0 ? centredOf(before, progress) : std::move(y);
        y = centredOf(after, progress);
        validation.fitStep(step, x, y, errors);
        progress.report(static_cast<double>(step + 1), static_cast<double>(steps + 2));
    };
    if (m_heldAtOnce)
        forEachStepOf(held, fit);
    else
        forEachStepRead(m_states, again, progress, fit);

    const std::vector<AffineMap> maps = validation.fitOneMap(moments);
    moments.clear();
    progress.report(static_cast<double>(steps + 1), static_cast<double>(steps + 2));
    const auto predict = [&](std::int64_t step, const MatrixD& before, const MatrixD& after) {
        errors.oneMap[step] = validation.errorOf(maps, before, after);
    };
    if (m_heldAtOnce) {
        forEachStepOf(held, predict);
    } else {
        PointStates states(m_all.source, memoryForStates(m_all.source, m_all.memoryBytes));
        again.feedRows(states, progress);
        forEachStepRead(states, again, progress, predict);
    }
    for (std::int64_t step = 0; step < steps; ++step) {
        if (!(errors.total[step] > 0)) continue;
        result.r2[step] = 1 - errors.map[step] / errors.total[step];
        result.r2Identity[step] = 1 - errors.identity[step] / errors.total[step];
        result.r2OneMap[step] = 1 - errors.oneMap[step] / errors.total[step];
    }
    return result;
}

std::size_t LinearStep::Accumulator::bytes(const LinearStepOptions&, const Computation& all) {
    const TraceView& view = all.source.view();
    return PointStates::bytes(all.source, memoryForStates(all.source, all.memoryBytes)) +
           static_cast<std::size_t>(
               bytesOfMaps(sidesOf(view.rowCount(), view.pointCount(), view.unitCount())));
}

std::int64_t LinearStep::Accumulator::extraPasses(const LinearStepOptions&, const Computation& all) {
    const std::int64_t passes = PointStates::passes(all.source, memoryForStates(all.source, all.memoryBytes));
    return passes == 1 ? 0 : 2 * passes - 1;
}

LinearStepResult linearStep(const TraceView& view, const LinearStepOptions& options, Progress& progress) {
    if (view.pointCount() < 2)
        throw Error(ErrorCode::InvalidArgument,
                    "linear_step predicts one point from the one before, and needs 2 or more");
    return computePointwise<LinearStep>(view, options, progress);
}

}  // namespace rheo
