#include "core/statistics/linear_probe.h"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "core/base/error.h"
#include "core/base/quantile.h"
#include "core/base/random.h"

namespace rheo {

namespace {

constexpr Eigen::Index mostRows = 4096;
constexpr std::array<std::pair<ProbeKind, std::string_view>, 2> kindNames{
    {{ProbeKind::Ridge, "ridge"}, {ProbeKind::Logistic, "logistic"}}};

using Rows = std::vector<Eigen::Index>;

/// Coefficients of the rows and the intercept: a prediction is k . a + b, k the products with the rows.
struct Fit {
    Eigen::VectorXd a;
    double b = 0;
};

/// K + D and an intercept, bordered: [K + D, 1; 1', 0].
Eigen::MatrixXd bordered(const Eigen::MatrixXd& kernel, const Eigen::VectorXd& diagonal) {
    const Eigen::Index n = kernel.rows();
    Eigen::MatrixXd system = Eigen::MatrixXd::Ones(n + 1, n + 1);
    system.topLeftCorner(n, n) = kernel;
    system.diagonal().head(n) += diagonal;
    system(n, n) = 0;
    return system;
}

/// Each column of `labels` [row, labelling] (+1, -1) fitted by least squares.
std::vector<Fit> fitRidge(const Eigen::MatrixXd& kernel, const Eigen::MatrixXd& labels, double penalty) {
    const Eigen::Index n = kernel.rows();
    Eigen::MatrixXd right = Eigen::MatrixXd::Zero(n + 1, labels.cols());
    right.topRows(n) = labels;
    const Eigen::MatrixXd found =
        bordered(kernel, Eigen::VectorXd::Constant(n, penalty)).partialPivLu().solve(right);
    std::vector<Fit> fits;
    for (const auto& column : found.colwise()) fits.push_back({column.head(n), column[n]});
    return fits;
}

/// Logistic regression by Newton's method (iteratively reweighted least squares).
Fit fitLogistic(const Eigen::MatrixXd& kernel, const Eigen::VectorXd& labels, double penalty) {
    constexpr int mostSteps = 50;
    const Eigen::Index n = kernel.rows();
    Fit fit{Eigen::VectorXd::Zero(n), 0};
    const Eigen::ArrayXd target = (labels.array() + 1) / 2;
    for (int step = 0; step < mostSteps; ++step) {
        const Eigen::ArrayXd score = (kernel * fit.a).array() + fit.b;
        const Eigen::ArrayXd p = 1 / (1 + (-score).exp());
        const Eigen::ArrayXd weight = (p * (1 - p)).max(1e-10);
        Eigen::VectorXd right(n + 1);
        right.head(n) = score + (target - p) / weight;
        right[n] = 0;
        const Eigen::VectorXd found =
            bordered(kernel, (penalty / weight).matrix()).partialPivLu().solve(right);
        const double change = (found.head(n) - fit.a).cwiseAbs().maxCoeff();
        fit = {found.head(n), found[n]};
        if (change <= 1e-9 * std::max(1e-12, fit.a.cwiseAbs().maxCoeff())) break;
    }
    return fit;
}

std::vector<Fit> fitAll(const Eigen::MatrixXd& kernel, const Eigen::MatrixXd& labels,
                        const ProbeOptions& options, double penalty, const Progress& progress) {
    if (options.kind == ProbeKind::Ridge) return fitRidge(kernel, labels, penalty);
    std::vector<Fit> fits;
    for (const auto& column : labels.colwise()) {
        progress.check();
        fits.push_back(fitLogistic(kernel, column, penalty));
    }
    return fits;
}

/// The midpoint between the mean scores of both groups, as far as both are there.
double midpoint(const Eigen::VectorXd& scores, const Eigen::VectorXd& labels) {
    double sum[2] = {0, 0}, count[2] = {0, 0};
    for (Eigen::Index i = 0; i < scores.size(); ++i) {
        const int side = labels[i] > 0 ? 1 : 0;
        sum[side] += scores[i];
        ++count[side];
    }
    if (count[0] == 0) return -std::numeric_limits<double>::infinity();
    if (count[1] == 0) return std::numeric_limits<double>::infinity();
    return (sum[0] / count[0] + sum[1] / count[1]) / 2;
}

/// Sets `found` [row, labelling] of the rows of a fold to whether they are said to be of the plus group.
void predictFold(const Eigen::MatrixXd& kernel, const Eigen::MatrixXd& labels, const Rows& training,
                 const Rows& tested, const ProbeOptions& options, double penalty, Eigen::MatrixXd& found,
                 const Progress& progress) {
    const Eigen::MatrixXd inner = kernel(training, training), outer = kernel(tested, training);
    const Eigen::MatrixXd known = labels(training, Eigen::all);
    const auto fits = fitAll(inner, known, options, penalty, progress);
    for (Eigen::Index l = 0; l < labels.cols(); ++l) {
        const Fit& fit = fits[static_cast<std::size_t>(l)];
        const double middle = midpoint((inner * fit.a).array() + fit.b, known.col(l));
        const Eigen::VectorXd scores = (outer * fit.a).array() + fit.b;
        for (std::size_t i = 0; i < tested.size(); ++i)
            found(tested[i], l) = scores[static_cast<Eigen::Index>(i)] > middle ? 1 : -1;
    }
}

double balancedAccuracy(const Eigen::VectorXd& found, const Eigen::VectorXd& labels) {
    double right[2] = {0, 0}, count[2] = {0, 0};
    for (Eigen::Index i = 0; i < labels.size(); ++i) {
        const int side = labels[i] > 0 ? 1 : 0;
        right[side] += found[i] == labels[i] ? 1 : 0;
        ++count[side];
    }
    return (right[0] / count[0] + right[1] / count[1]) / 2;
}

using RowsOfSample = std::map<std::int64_t, Rows>;

RowsOfSample rowsOfSamples(const GroupedStates& groups) {
    RowsOfSample rows;
    for (std::size_t i = 0; i < groups.samples.size(); ++i)
        rows[groups.samples[i]].push_back(static_cast<Eigen::Index>(i));
    return rows;
}

bool isPure(const GroupedStates& groups, const Rows& rows) {
    return std::all_of(rows.begin(), rows.end(), [&](Eigen::Index row) {
        return groups.plus[static_cast<std::size_t>(row)] == groups.plus[static_cast<std::size_t>(rows[0])];
    });
}

/// [row] the fold of each, and how many there are.
std::pair<std::vector<int>, int> foldsOf(const GroupedStates& groups, const RowsOfSample& samples,
                                         const ProbeOptions& options) {
    std::array<std::vector<const Rows*>, 2> bySide;
    for (const auto& [sample, rows] : samples)
        bySide[groups.plus[static_cast<std::size_t>(rows.front())] != 0 ? 1 : 0].push_back(&rows);
    const auto smaller = static_cast<int>(std::min(bySide[0].size(), bySide[1].size()));
    if (smaller < 2)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("a probe needs at least 2 samples in each group, and these have {} and {}",
                                bySide[1].size(), bySide[0].size()));
    const int count = std::clamp(options.folds, 2, smaller);
    std::vector<int> folds(groups.plus.size());
    RandomStream random(options.seed, 1);
    int next = 0;
    for (const auto& side : bySide) {
        for (const std::int32_t i : random.permutation(static_cast<std::int32_t>(side.size()))) {
            for (const Eigen::Index row : *side[static_cast<std::size_t>(i)])
                folds[static_cast<std::size_t>(row)] = next;
            next = (next + 1) % count;
        }
    }
    return {folds, count};
}

/// [row, 1 + shuffles] labels +1 and -1, the true ones first.
Eigen::MatrixXd labellings(const GroupedStates& groups, const RowsOfSample& samples,
                           const ProbeOptions& options) {
    const auto n = static_cast<Eigen::Index>(groups.plus.size());
    Eigen::MatrixXd labels(n, 1 + options.shuffles);
    for (Eigen::Index i = 0; i < n; ++i)
        labels(i, 0) = groups.plus[static_cast<std::size_t>(i)] != 0 ? 1 : -1;
    const bool pure = std::all_of(samples.begin(), samples.end(),
                                  [&](const auto& sample) { return isPure(groups, sample.second); });
    std::vector<const Rows*> all;
    for (const auto& [sample, rows] : samples) all.push_back(&rows);
    RandomStream random(options.seed, 2);
    for (int s = 1; s <= options.shuffles; ++s) {
        const auto permuted = [&](std::size_t count) {
            return random.permutation(static_cast<std::int32_t>(count));
        };
        const auto order = pure ? permuted(all.size()) : std::vector<std::int32_t>();
        for (std::size_t i = 0; i < all.size(); ++i) {
            const Rows& rows = *all[i];
            const auto within = pure ? std::vector<std::int32_t>() : permuted(rows.size());
            for (std::size_t j = 0; j < rows.size(); ++j)
                labels(rows[j], s) = labels(pure ? all[static_cast<std::size_t>(order[i])]->front()
                                                 : rows[static_cast<std::size_t>(within[j])],
                                            0);
        }
    }
    return labels;
}

void checkGroups(const GroupedStates& groups) {
    const Eigen::Index n = groups.states.rows();
    if (static_cast<Eigen::Index>(groups.plus.size()) != n ||
        static_cast<Eigen::Index>(groups.samples.size()) != n)
        throw Error(ErrorCode::Mismatch, "the groups of a probe do not name every row once");
    if (n > mostRows)
        throw Error(
            ErrorCode::InvalidArgument,
            fmt::format("a probe takes at most {} rows, and there are {}; select fewer", mostRows, n));
    if (!groups.states.allFinite())
        throw Error(ErrorCode::InvalidArgument, "a state of the groups holds a value that is not finite");
}

}  // namespace

std::string_view probeKindName(ProbeKind kind) {
    return kindNames[static_cast<std::size_t>(kind)].second;
}

std::optional<ProbeKind> parseProbeKind(std::string_view name) {
    for (const auto& [kind, known] : kindNames)
        if (known == name) return kind;
    return std::nullopt;
}

ProbeResult linearProbe(const GroupedStates& groups, const ProbeOptions& options, Progress& progress) {
    checkGroups(groups);
    if (options.shuffles < 0 || !(options.penalty > 0))
        throw Error(ErrorCode::InvalidArgument, "a probe needs a penalty above 0, and shuffles of 0 or more");
    const RowsOfSample samples = rowsOfSamples(groups);
    const auto [folds, foldCount] = foldsOf(groups, samples, options);
    Eigen::MatrixXd centred = groups.states.cast<double>();
    centred.rowwise() -= centred.colwise().mean().eval();
    const Eigen::MatrixXd kernel = centred * centred.transpose();
    const double penalty = options.penalty * kernel.diagonal().mean();
    if (!(penalty > 0))
        throw Error(ErrorCode::InvalidArgument, "all states of the groups are the same: nothing parts them");
    const Eigen::MatrixXd labels = labellings(groups, samples, options);

    progress.setStage("cross-validation of the probe");
    Eigen::MatrixXd found(labels.rows(), labels.cols());
    for (int fold = 0; fold < foldCount; ++fold) {
        Rows training, tested;
        for (std::size_t i = 0; i < folds.size(); ++i)
            (folds[i] == fold ? tested : training).push_back(static_cast<Eigen::Index>(i));
        predictFold(kernel, labels, training, tested, options, penalty, found, progress);
        progress.report(fold + 1, foldCount + 1);
    }
    ProbeResult result;
    result.folds = foldCount;
    result.samples = static_cast<std::int64_t>(samples.size());
    result.accuracy = balancedAccuracy(found.col(0), labels.col(0));
    result.shuffled.resize(options.shuffles);
    int asGood = 0;
    for (int s = 0; s < options.shuffles; ++s) {
        result.shuffled[s] = balancedAccuracy(found.col(s + 1), labels.col(s + 1));
        asGood += result.shuffled[s] >= result.accuracy - 1e-12 ? 1 : 0;
    }
    std::vector<double> null(result.shuffled.begin(), result.shuffled.end());
    std::sort(null.begin(), null.end());
    result.shuffledLow = quantile(null, 0.025);
    result.shuffledHigh = quantile(null, 0.975);
    result.p = (1.0 + asGood) / (1.0 + options.shuffles);

    const Fit fit = fitAll(kernel, labels.col(0), options, penalty, progress).front();
    const VectorD weights = (centred.transpose() * fit.a).normalized();
    const Eigen::VectorXd along = centred * weights, truth = labels.col(0);
    const double plus = (truth.array() > 0).select(along, 0).sum() / (truth.array() > 0).count(),
                 minus = (truth.array() < 0).select(along, 0).sum() / (truth.array() < 0).count();
    result.direction = weights * (plus - minus);
    progress.report(1, 1);
    return result;
}

}  // namespace rheo
