#include "core/dynamics/jacobian.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>

#include "core/analysis/covariance.h"
#include "core/base/error.h"
#include "core/base/parallel.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

void requireThat(bool holds, ErrorCode code, const std::string& otherwise) {
    if (!holds) throw Error(code, otherwise);
}

/// Rows of `all` times the step, checking for a stop every 128 rows.
MatrixD pulledBack(const LinearMap& step, MatrixD all, const Progress& progress) {
    constexpr Eigen::Index rowsAtOnce = 128;
    for (Eigen::Index first = 0; first < all.rows(); first += rowsAtOnce) {
        progress.check();
        const Eigen::Index count = std::min(rowsAtOnce, all.rows() - first);
        all.middleRows(first, count) = step.transposedTimes(all.middleRows(first, count));
    }
    return all;
}

/// The row of a result that is being measured.
struct RowOfResult {
    JacobianResult& result;
    Eigen::Index row, values;

    void putStep(Eigen::Index step, const MatrixSpectrum& found) {
        put(found.singularValues, result.singularValues.at(row, step));
        put(found.eigenvalues.col(0), result.eigenvalueReal.at(row, step));
        put(found.eigenvalues.col(1), result.eigenvalueImaginary.at(row, step));
        result.effectiveRank(row, step) = found.effectiveRank;
        result.henrici(row, step) = found.henrici;
        result.complexShare(row, step) = found.complexShare;
        result.symmetricShare(row, step) = found.symmetricShare;
    }
    void putRemaining(Eigen::Index step, const VectorD& singular) {
        put(singular, result.remainingSingularValues.at(row, step));
    }

private:
    void put(const VectorD& from, double* to) const { std::copy_n(from.data(), values, to); }
};

/// The singular values of the products of ever more factors: `next` makes the product for s from the one
/// before, and `put` takes what belongs to s. As many products as there are threads are held at once.
template <class Next, class Put>
void forEachProduct(const std::vector<Eigen::Index>& order, int threads, Eigen::Index values, Next next,
                    Put put, const Progress& progress) {
    const std::size_t atOnce = static_cast<std::size_t>(resolveThreads(threads));
    MatrixD last;
    for (std::size_t first = 0; first < order.size(); first += atOnce) {
        std::vector<MatrixD> products;
        for (std::size_t i = first; i < std::min(order.size(), first + atOnce); ++i)
            products.push_back(last = next(last, order[i]));
        const SerialBlas serial;
        parallelFor(static_cast<std::int64_t>(products.size()), 1, threads, progress,
                    [&](std::int64_t i, std::int64_t) {
                        const auto at = static_cast<std::size_t>(i);
                        put(order[first + at], singularValues(products[at], values, progress));
                    });
    }
}

/// One row's numbers into a result, from derivatives that are formed.
void measureWhole(const std::vector<MatrixD>& factors, RowOfResult into, int threads,
                  const Progress& progress) {
    const auto steps = static_cast<Eigen::Index>(factors.size());
    const auto factor = [&](Eigen::Index s) -> const MatrixD& {
        return factors[static_cast<std::size_t>(s)];
    };
    JacobianResult& result = into.result;
    {
        const SerialBlas serial;  // matrices are small, and steps are worked on side by side
        parallelFor(steps, 1, threads, progress, [&](std::int64_t s, std::int64_t) {
            into.putStep(s, matrixSpectrum(factor(s), static_cast<int>(into.values), progress));
        });
    }
    std::vector<Eigen::Index> order(static_cast<std::size_t>(steps));
    std::iota(order.begin(), order.end(), 0);
    forEachProduct(
        order, threads, into.values,
        [&](const MatrixD& before, Eigen::Index s) {
            return before.size() == 0 ? factor(s) : product(factor(s), before);
        },
        [&](Eigen::Index s, const VectorD& singular) {
            result.cumulativeEffectiveRank(into.row, s) = effectiveRank(singular);
        },
        progress);
    std::reverse(order.begin(), order.end());
    forEachProduct(
        order, threads, into.values,
        [&](const MatrixD& after, Eigen::Index s) {
            return after.size() == 0 ? factor(s) : product(after, factor(s));
        },
        [&](Eigen::Index s, const VectorD& singular) {
            into.putRemaining(s, singular);
            result.remainingEffectiveRank(into.row, s) = effectiveRank(singular);
        },
        progress);
    result.lyapunov.row(into.row) = lyapunovExponents(factors, into.values, progress).transpose();
}

/// The same from products with vectors; what needs all values stays NaN.
void measureByProducts(const Model& model, const PromptContext& context, int token, bool alone,
                       RowOfResult into, Progress& progress) {
    const Eigen::Index steps = into.result.steps(), units = model.config().dModel;
    MatrixD frame = MatrixD::Identity(into.values, units);
    VectorD sum = VectorD::Zero(into.values);
    Progress forward = progress.part(0, 0.5), back = progress.part(0.5, 1);
    for (Eigen::Index s = 0; s < steps; ++s) {
        const auto step = model.stepProducts(context, PointIndex{s}, token, alone);
        into.putStep(s, largestOfSpectrum(*step, static_cast<int>(into.values), forward));
        addLyapunovFactor(step->times(frame), frame, sum);
        forward.report(static_cast<double>(s + 1), static_cast<double>(steps));
    }
    sum /= static_cast<double>(steps);
    std::sort(sum.begin(), sum.end(), std::greater<>());
    into.result.lyapunov.row(into.row) = sum.transpose();
    MatrixD all = MatrixD::Identity(units, units);
    for (Eigen::Index s = steps - 1; s >= 0; --s) {
        all = pulledBack(*model.stepProducts(context, PointIndex{s}, token, alone), std::move(all), back);
        into.putRemaining(s, largestSingularValues(all, into.values, back));
        back.report(static_cast<double>(steps - s), static_cast<double>(steps));
    }
}

JacobianResult emptyResult(Eigen::Index rows, Eigen::Index steps, Eigen::Index values) {
    JacobianResult result;
    for (auto* array : {&result.singularValues, &result.eigenvalueReal, &result.eigenvalueImaginary,
                        &result.remainingSingularValues})
        *array = Array3<double>(rows, steps, values);
    for (MatrixD* matrix :
         {&result.effectiveRank, &result.henrici, &result.complexShare, &result.symmetricShare,
          &result.remainingEffectiveRank, &result.cumulativeEffectiveRank})
        *matrix = MatrixD::Constant(rows, steps, nan);
    result.lyapunov.resize(rows, values);
    return result;
}

/// Of all chosen rows in one network.
JacobianResult measured(const Model& model, const TraceView& view, const std::vector<std::int64_t>& rows,
                        const JacobianOptions& options, int threads, Progress& progress) {
    const TraceInfo& info = view.trace->info();
    const auto units = static_cast<Eigen::Index>(model.config().dModel);
    const bool whole = units <= options.mostWhole;
    const Eigen::Index values = whole ? units : std::min<Eigen::Index>(options.values, units - 3);
    JacobianResult result = emptyResult(static_cast<Eigen::Index>(rows.size()),
                                        static_cast<Eigen::Index>(model.points().size()) - 1, values);
    result.rows = rows;
    result.alone = options.alone ? 1 : 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const TraceRow& at = info.rows[static_cast<std::size_t>(view.traceRow(rows[i]))];
        const auto& ids = info.samples.at(static_cast<std::size_t>(at.sample)).tokenIds;
        requireThat(at.position >= 0 && static_cast<std::size_t>(at.position) < ids.size(),
                    ErrorCode::Unsupported,
                    "the trace does not say the tokens of its samples, and derivatives need them; capture it "
                    "again");
        Progress one = progress.part(static_cast<double>(i) / static_cast<double>(rows.size()),
                                     static_cast<double>(i + 1) / static_cast<double>(rows.size()));
        Progress deriving = one.part(0, 0.5), measuring = one.part(0.5, 1);
        one.setStage(fmt::format("derivatives of row {} of {}", i + 1, rows.size()));
        const auto context = model.prepare({ids.data(), static_cast<std::size_t>(at.position) + 1}, deriving);
        const RowOfResult into{result, static_cast<Eigen::Index>(i), values};
        if (whole)
            measureWhole(stepJacobians(model, *context, PointIndex{0}, at.position, options.alone, deriving),
                         into, threads, measuring);
        else
            measureByProducts(model, *context, at.position, options.alone, into, measuring);
        one.report(1, 1);
    }
    return result;
}

VectorD columnMeans(const MatrixD& values) {
    return values.colwise().mean().transpose();
}

}  // namespace

std::vector<MatrixD> stepJacobians(const Model& model, const PromptContext& context, PointIndex first,
                                   int token, bool alone, Progress& progress) {
    const auto last = static_cast<std::int64_t>(model.points().size()) - 1;
    std::vector<MatrixD> factors;
    for (std::int64_t point = first.value(); point < last; ++point) {
        factors.push_back(model.stepJacobian(context, PointIndex{point}, token, alone, progress));
        progress.report(static_cast<double>(point + 1 - first.value()),
                        static_cast<double>(last - first.value()));
    }
    return factors;
}

MatrixD remainingDerivative(const Model& model, const PromptContext& context, PointIndex first, int token,
                            bool alone, Progress& progress) {
    const auto last = static_cast<std::int64_t>(model.points().size()) - 1;
    requireThat(first.value() < last, ErrorCode::InvalidArgument, "no step follows the point");
    MatrixD all = MatrixD::Identity(model.config().dModel, model.config().dModel);
    for (std::int64_t point = last - 1; point >= first.value(); --point) {
        all = pulledBack(*model.stepProducts(context, PointIndex{point}, token, alone), std::move(all),
                         progress);
        progress.report(static_cast<double>(last - point), static_cast<double>(last - first.value()));
    }
    return all;
}

SingularVectors leadingDirections(const std::vector<MatrixD>& factors, int count, const Progress& progress) {
    requireThat(!factors.empty(), ErrorCode::InvalidArgument, "no step follows the point");
    MatrixD all = factors.front();
    for (std::size_t i = 1; i < factors.size(); ++i) {
        progress.check();
        all = product(factors[i], all);
    }
    return leadingSingularVectors(all, count, progress);
}

JacobianResult jacobians(const Model& model, const TraceView& view, const JacobianOptions& options,
                         const Model* untrained, Progress& progress, int threads) {
    requireThat(options.rows >= 1 && options.values >= 1, ErrorCode::InvalidArgument,
                "derivatives are of at least 1 row, with at least 1 value kept");
    const std::int64_t available = view.rowCount(), count = std::min<std::int64_t>(options.rows, available);
    requireThat(count >= 1, ErrorCode::InvalidArgument, "there is no row to take derivatives about");
    std::vector<std::int64_t> rows;
    for (std::int64_t i = 0; i < count; ++i) rows.push_back((2 * i + 1) * available / (2 * count));
    Progress own = progress.part(0, untrained != nullptr ? 0.5 : 1), other = progress.part(0.5, 1);
    JacobianResult result = measured(model, view, rows, options, threads, own);
    if (untrained != nullptr) {
        const JacobianResult beside = measured(*untrained, view, rows, options, threads, other);
        result.untrainedHenriciRows = beside.henrici;
        result.untrainedCumulativeRankRows = beside.cumulativeEffectiveRank;
        result.untrainedHenrici = columnMeans(beside.henrici);
        result.untrainedSymmetricShare = columnMeans(beside.symmetricShare);
        result.untrainedComplexShare = columnMeans(beside.complexShare);
        result.untrainedEffectiveRank = columnMeans(beside.effectiveRank);
        result.untrainedCumulativeEffectiveRank = columnMeans(beside.cumulativeEffectiveRank);
    }
    progress.report(1, 1);
    return result;
}

}  // namespace rheo
