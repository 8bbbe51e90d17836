#include "core/compare/cka.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <mutex>
#include <span>
#include <utility>

#include "core/analysis/covariance.h"
#include "core/analysis/matrix_spectrum.h"
#include "core/analysis/nulls.h"
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/quantile.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr Eigen::Index leastRows = 4;  // of the unbiased estimate

void centre(MatrixD& states) {
    states.rowwise() -= states.colwise().mean().eval();
}

/// The products of the rows of `centred`, without the diagonal, less what makes every row sum to 0 (the
/// U-centring of Székely and Rizzo 2014). The products of two such matrices are the unbiased HSIC, up to a
/// factor of n alone.
/// Their lower triangle, row by row and of length 1, into column `column` of `packed` [n (n - 1) / 2, point];
/// NaN where nothing varies.
void packProducts(const MatrixD& centred, Eigen::Index column, MatrixD& packed) {
    const auto n = static_cast<double>(centred.rows());
    MatrixD gram = product(centred, centred.transpose());
    gram.diagonal().setZero();
    const VectorD sums = gram.rowwise().sum();
    const double shift = sums.sum() / ((n - 1) * (n - 2));
    Eigen::Index at = 0;
    double squares = 0, before = 0;
    for (Eigen::Index i = 1; i < centred.rows(); ++i)
        for (Eigen::Index j = 0; j < i; ++j) {
            const double value = gram(i, j) - (sums[i] + sums[j]) / (n - 2) + shift;
            before += gram(i, j) * gram(i, j);
            squares += value * value;
            packed(at++, column) = value;
        }
    // What is left by rounding alone is nothing.
    packed.col(column) *= squares > 1e-24 * before ? 1 / std::sqrt(squares) : nan;
}

/// Sums that the unbiased HSIC takes beside the products of units.
struct RowSums {
    VectorD diagonal;  ///< [n] squared lengths
    VectorD sums;      ///< [n] of the other products of a row
    double total = 0;
};

RowSums rowSumsOf(const MatrixD& centred) {
    RowSums of;
    of.diagonal = centred.rowwise().squaredNorm();
    of.sums = centred * centred.colwise().sum().transpose() - of.diagonal;
    of.total = of.sums.sum();
    return of;
}

/// The product of both U-centred matrices of products, from |X'Y|^2 = `units`. `from` [n]: the row of Y that
/// stands in the place of each; null: its own.
double hsic(double units, const RowSums& x, const RowSums& y, const std::vector<std::int32_t>* from) {
    const auto n = static_cast<double>(x.sums.size());
    double diagonals = 0, sums = 0;
    for (Eigen::Index i = 0; i < x.sums.size(); ++i) {
        const Eigen::Index j = from == nullptr ? i : (*from)[static_cast<std::size_t>(i)];
        diagonals += x.diagonal[i] * y.diagonal[j];
        sums += x.sums[i] * y.sums[j];
    }
    return units - diagonals + x.total * y.total / ((n - 1) * (n - 2)) - 2 * sums / (n - 2);
}

double selfHsic(const MatrixD& centred, const RowSums& sums) {
    const double value = hsic(product(centred.transpose(), centred).squaredNorm(), sums, sums, nullptr);
    return value > 1e-12 * sums.diagonal.squaredNorm() ? value : nan;
}

double ckaOfUnits(MatrixD x, MatrixD y) {
    centre(x);
    centre(y);
    const RowSums ofX = rowSumsOf(x), ofY = rowSumsOf(y);
    const double both = hsic(product(x.transpose(), y).squaredNorm(), ofX, ofY, nullptr);
    return both / std::sqrt(selfHsic(x, ofX) * selfHsic(y, ofY));
}

double ckaOfRows(MatrixD x, MatrixD y) {
    centre(x);
    centre(y);
    MatrixD packed(x.rows() * (x.rows() - 1) / 2, 2);
    packProducts(x, 0, packed);
    packProducts(y, 1, packed);
    return packed.col(0).dot(packed.col(1));
}

/// CKA of all pairs of depths for any pairing of the rows.
class PairedDepths {
public:
    virtual ~PairedDepths() = default;
    /// `from` as shuffledPairs; null: as they are. [PA, PB]
    virtual MatrixD cka(const std::vector<std::int32_t>* from, const Progress& progress) const = 0;
};

/// From the products of rows, which a shuffle only puts in another order.
class ByRows final : public PairedDepths {
public:
    ByRows(const TraceView& a, const TraceView& b, const MatchedRows& matched, Progress& progress)
        : m_rows(matched.count()) {
        const std::int64_t all = a.pointCount() + b.pointCount();
        m_a = packedOf(a, matched.a, progress, 0, all);
        m_b = packedOf(b, matched.b, progress, a.pointCount(), all);
    }
    MatrixD cka(const std::vector<std::int32_t>* from, const Progress& progress) const override {
        MatrixD sum = MatrixD::Zero(m_a.cols(), m_b.cols());
        MatrixD shuffled;
        constexpr Eigen::Index atOnce = 4096;
        Eigen::Index i = 1, j = 0;
        for (Eigen::Index first = 0; first < m_a.rows(); first += atOnce) {
            progress.check();
            const Eigen::Index count = std::min(atOnce, m_a.rows() - first);
            if (from == nullptr) {
                sum.noalias() += m_a.middleRows(first, count).transpose() * m_b.middleRows(first, count);
                continue;
            }
            shuffled.resize(count, m_b.cols());
            for (Eigen::Index k = 0; k < count; ++k) {
                shuffled.row(k) = m_b.row(
                    placeOf((*from)[static_cast<std::size_t>(i)], (*from)[static_cast<std::size_t>(j)]));
                if (++j == i) ++i, j = 0;
            }
            sum.noalias() += m_a.middleRows(first, count).transpose() * shuffled;
        }
        return sum;
    }
    static double bytes(std::int64_t rows, std::int64_t points) {
        const auto n = static_cast<double>(rows);
        return n * n / 2 * static_cast<double>(points) * sizeof(double);
    }

private:
    static Eigen::Index placeOf(Eigen::Index i, Eigen::Index j) {
        const Eigen::Index high = std::max(i, j), low = std::min(i, j);
        return high * (high - 1) / 2 + low;
    }
    MatrixD packedOf(const TraceView& view, const std::vector<std::int64_t>& rows, Progress& progress,
                     std::int64_t done, std::int64_t all) const {
        MatrixD packed(m_rows * (m_rows - 1) / 2, view.pointCount());
        for (std::int64_t p = 0; p < view.pointCount(); ++p) {
            progress.check();
            MatrixD states = statesOfRows(view, p, rows);
            centre(states);
            packProducts(states, p, packed);
            progress.report(static_cast<double>(done + p + 1), static_cast<double>(all));
        }
        return packed;
    }
    Eigen::Index m_rows;
    MatrixD m_a, m_b;  ///< [n (n - 1) / 2, point]
};

/// From the products of units: little memory, and all of the work again for each shuffle.
class ByUnits final : public PairedDepths {
public:
    ByUnits(const TraceView& a, const TraceView& b, const MatchedRows& matched, Progress& progress) {
        const std::int64_t all = a.pointCount() + b.pointCount();
        m_a = statesOf(a, matched.a, progress, 0, all);
        m_b = statesOf(b, matched.b, progress, a.pointCount(), all);
    }
    MatrixD cka(const std::vector<std::int32_t>* from, const Progress& progress) const override {
        MatrixD values(static_cast<Eigen::Index>(m_a.size()), static_cast<Eigen::Index>(m_b.size()));
        MatrixD shuffled;
        for (std::size_t q = 0; q < m_b.size(); ++q) {
            const MatrixD& states = m_b[q].states;
            shuffled.resize(states.rows(), states.cols());
            for (Eigen::Index i = 0; i < states.rows(); ++i)
                shuffled.row(i) = states.row(from == nullptr ? i : (*from)[static_cast<std::size_t>(i)]);
            for (std::size_t p = 0; p < m_a.size(); ++p) {
                progress.check();
                const double units = (m_a[p].states.transpose() * shuffled).squaredNorm();
                values(static_cast<Eigen::Index>(p), static_cast<Eigen::Index>(q)) =
                    hsic(units, m_a[p].sums, m_b[q].sums, from) / std::sqrt(m_a[p].self * m_b[q].self);
            }
        }
        return values;
    }

private:
    struct Depth {
        MatrixD states;
        RowSums sums;
        double self = 0;
    };
    static std::vector<Depth> statesOf(const TraceView& view, const std::vector<std::int64_t>& rows,
                                       Progress& progress, std::int64_t done, std::int64_t all) {
        std::vector<Depth> depths;
        for (std::int64_t p = 0; p < view.pointCount(); ++p) {
            progress.check();
            Depth& depth = depths.emplace_back();
            depth.states = statesOfRows(view, p, rows);
            centre(depth.states);
            depth.sums = rowSumsOf(depth.states);
            depth.self = selfHsic(depth.states, depth.sums);
            progress.report(static_cast<double>(done + p + 1), static_cast<double>(all));
        }
        return depths;
    }
    std::vector<Depth> m_a, m_b;
};

std::unique_ptr<PairedDepths> pairedDepths(const TraceView& a, const TraceView& b, const MatchedRows& matched,
                                           const CkaOptions& options, Progress& progress) {
    const std::int64_t points = a.pointCount() + b.pointCount();
    const auto rows = static_cast<double>(matched.count()), repeats = 1.0 + options.repeats;
    const auto pairs = static_cast<double>(a.pointCount() * b.pointCount());
    const auto unitsA = static_cast<double>(a.unitCount()), unitsB = static_cast<double>(b.unitCount());
    const double byRows =
        rows * rows * (static_cast<double>(points) * std::max(unitsA, unitsB) + pairs * repeats / 2);
    const double byUnits = rows * unitsA * unitsB * pairs * repeats;
    const bool fits = ByRows::bytes(matched.count(), points) <= static_cast<double>(options.memoryBytes);
    if (fits && byRows <= byUnits) return std::make_unique<ByRows>(a, b, matched, progress);
    return std::make_unique<ByUnits>(a, b, matched, progress);
}

/// The samples of null values of each pair, and the greatest of each shuffle.
void summarize(const std::vector<MatrixD>& shuffles, CkaResult& result) {
    const auto repeats = static_cast<double>(shuffles.size());
    result.nullMean = result.nullLow = result.nullHigh = result.p =
        MatrixD::Constant(result.cka.rows(), result.cka.cols(), nan);
    std::vector<double> values(shuffles.size()), largest;
    for (Eigen::Index i = 0; i < result.cka.size(); ++i) {
        double sum = 0, reached = 0;
        for (std::size_t r = 0; r < shuffles.size(); ++r) {
            values[r] = shuffles[r].data()[i];
            sum += values[r];
            if (values[r] >= result.cka.data()[i] - 1e-11) ++reached;
        }
        if (shuffles.empty() || std::isnan(sum)) continue;
        std::sort(values.begin(), values.end());
        result.nullMean.data()[i] = sum / repeats;
        result.nullLow.data()[i] = quantile(values, 0.025);
        result.nullHigh.data()[i] = quantile(values, 0.975);
        result.p.data()[i] = (1 + reached) / (repeats + 1);
    }
    for (const MatrixD& one : shuffles) {
        double most = -1;
        for (Eigen::Index i = 0; i < one.size(); ++i)
            if (one.data()[i] > most) most = one.data()[i];
        largest.push_back(most);
    }
    std::sort(largest.begin(), largest.end());
    result.largestByChance = quantile(largest, 0.95);
}

}  // namespace

MatrixD statesOfRows(const TraceView& view, std::int64_t p, const std::vector<std::int64_t>& rows) {
    std::vector<std::int64_t> ascending = rows;
    std::sort(ascending.begin(), ascending.end());
    MatrixD read = readViewPoint(withRows(view, ascending), p).cast<double>();
    scaleStates(view, read);
    MatrixD states(read.rows(), read.cols());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto at = std::lower_bound(ascending.begin(), ascending.end(), rows[i]) - ascending.begin();
        states.row(static_cast<Eigen::Index>(i)) = read.row(at);
    }
    return states;
}

double debiasedCka(const MatrixD& x, const MatrixD& y) {
    if (x.rows() != y.rows())
        throw Error(ErrorCode::Mismatch,
                    fmt::format("CKA pairs samples: {} of one and {} of the other", x.rows(), y.rows()));
    if (x.rows() < leastRows) return nan;
    const auto n = static_cast<double>(x.rows());
    const auto dx = static_cast<double>(x.cols()), dy = static_cast<double>(y.cols());
    // The units also need their own squares.
    const bool byRows = n * (dx + dy) < dx * dy + dx * dx + dy * dy;
    return byRows ? ckaOfRows(x, y) : ckaOfUnits(x, y);
}

CkaResult ckaByDepth(const TraceView& a, const TraceView& b, const MatchedRows& all,
                     const CkaOptions& options, Progress& progress) {
    const MatchedRows matched = thinned(all, options.mostRows);
    if (matched.count() < leastRows || matched.samples < 2)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("CKA needs at least {} rows of 2 samples that both traces have, and there "
                                "are {} rows of {}",
                                leastRows, matched.count(), matched.samples));
    progress.setStage("CKA: products of the states");
    Progress preparing = progress.part(0, 0.3), shuffling = progress.part(0.3, 1);
    const auto depths = pairedDepths(a, b, matched, options, preparing);
    CkaResult result;
    result.rows = matched.count();
    result.samples = matched.samples;
    result.repeats = options.repeats;
    result.seed = options.seed;
    result.cka = depths->cka(nullptr, progress);
    progress.setStage("CKA: shuffled samples");
    std::vector<MatrixD> shuffles(static_cast<std::size_t>(options.repeats));
    std::mutex reporting;
    std::int64_t done = 0;
    const SerialBlas serial;
    parallelFor(options.repeats, 1, options.threads, progress, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            const auto from = shuffledPairs(matched, options.seed, static_cast<std::uint64_t>(r));
            shuffles[static_cast<std::size_t>(r)] = depths->cka(&from, progress);
            const std::lock_guard lock(reporting);
            shuffling.report(static_cast<double>(++done), options.repeats);
        }
    });
    summarize(shuffles, result);
    return result;
}

}  // namespace rheo
