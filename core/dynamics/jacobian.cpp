#include "core/dynamics/jacobian.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/base/error.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr Eigen::Index mostWhole = 1024;  ///< units up to which all values are found

void requireThat(bool holds, ErrorCode code, const std::string& otherwise) {
    if (!holds) throw Error(code, otherwise);
}

/// One row's numbers into a result.
void measureRow(const std::vector<MatrixD>& factors, Eigen::Index row, Eigen::Index values,
                JacobianResult& result, const Progress& progress) {
    const auto steps = static_cast<Eigen::Index>(factors.size());
    const auto put = [&](const VectorD& from, double* to) { std::copy_n(from.data(), values, to); };
    for (Eigen::Index s = 0; s < steps; ++s) {
        const MatrixSpectrum found =
            matrixSpectrum(factors[static_cast<std::size_t>(s)], static_cast<int>(values), progress);
        put(found.singularValues, result.singularValues.at(row, s));
        const VectorD real = found.eigenvalues.col(0), imaginary = found.eigenvalues.col(1);
        put(real, result.eigenvalueReal.at(row, s));
        put(imaginary, result.eigenvalueImaginary.at(row, s));
        result.effectiveRank(row, s) = found.effectiveRank;
        result.henrici(row, s) = found.henrici;
        result.complexShare(row, s) = found.complexShare;
        result.symmetricShare(row, s) = found.symmetricShare;
    }
    const bool whole = factors.front().rows() <= mostWhole;
    MatrixD all;
    for (Eigen::Index s = steps - 1; s >= 0; --s) {  // from the end back
        const MatrixD& factor = factors[static_cast<std::size_t>(s)];
        all = s == steps - 1 ? factor : product(all, factor);
        const VectorD singular = singularValues(all, values, progress);
        put(singular, result.remainingSingularValues.at(row, s));
        result.remainingEffectiveRank(row, s) = whole ? effectiveRank(singular) : nan;
    }
    for (Eigen::Index s = 0; s < steps && whole; ++s) {
        const MatrixD& factor = factors[static_cast<std::size_t>(s)];
        all = s == 0 ? factor : product(factor, all);
        result.cumulativeEffectiveRank(row, s) = effectiveRank(singularValues(all, values, progress));
    }
    result.lyapunov.row(row) = lyapunovExponents(factors, values, progress).transpose();
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
                        const JacobianOptions& options, Progress& progress) {
    const TraceInfo& info = view.trace->info();
    const auto units = static_cast<Eigen::Index>(model.config().dModel);
    const Eigen::Index values =
        units <= mostWhole ? units : std::min<Eigen::Index>(options.values, units - 3);
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
        const auto factors =
            stepJacobians(model, *context, PointIndex{0}, at.position, options.alone, deriving);
        measureRow(factors, static_cast<Eigen::Index>(i), values, result, measuring);
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
                         const Model* untrained, Progress& progress) {
    requireThat(options.rows >= 1 && options.values >= 1, ErrorCode::InvalidArgument,
                "derivatives are of at least 1 row, with at least 1 value kept");
    const std::int64_t available = view.rowCount(), count = std::min<std::int64_t>(options.rows, available);
    requireThat(count >= 1, ErrorCode::InvalidArgument, "there is no row to take derivatives about");
    std::vector<std::int64_t> rows;
    for (std::int64_t i = 0; i < count; ++i) rows.push_back((2 * i + 1) * available / (2 * count));
    Progress own = progress.part(0, untrained != nullptr ? 0.5 : 1), other = progress.part(0.5, 1);
    JacobianResult result = measured(model, view, rows, options, own);
    if (untrained != nullptr) {
        const JacobianResult beside = measured(*untrained, view, rows, options, other);
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
