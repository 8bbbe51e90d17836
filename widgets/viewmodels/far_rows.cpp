#include "widgets/viewmodels/far_rows.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/quantile.h"

namespace rheo {

namespace {

constexpr std::size_t fewestRows = 8, mostForMedians = 2000;

/// At most `count` of `rows`, spread evenly.
std::vector<std::int64_t> someOf(const std::vector<std::int64_t>& rows, std::size_t count) {
    if (rows.size() <= count) return rows;
    std::vector<std::int64_t> some;
    for (std::size_t i = 0; i < count; ++i) some.push_back(rows[i * rows.size() / count]);
    return some;
}

std::vector<std::int64_t> finiteRows(const Array3F& scores, const QList<qint64>& hidden) {
    std::vector<std::int64_t> rows;
    const std::int64_t each = scores.n1 * scores.n2;
    for (std::int64_t n = 0; n < scores.n0; ++n) {
        const float* z = scores.at(n, 0);
        if (!std::binary_search(hidden.begin(), hidden.end(), n) &&
            std::all_of(z, z + each, [](float x) { return std::isfinite(x); }))
            rows.push_back(n);
    }
    return rows;
}

/// [point, component]
MatrixD medianPath(const Array3F& scores, const std::vector<std::int64_t>& rows, int components) {
    MatrixD middle(scores.n1, components);
    std::vector<double> values(rows.size());
    for (std::int64_t p = 0; p < scores.n1; ++p)
        for (int c = 0; c < components; ++c) {
            for (std::size_t i = 0; i < rows.size(); ++i)
                values[i] = static_cast<double>(scores.at(rows[i], p)[c]);
            middle(p, c) = upperMedian(values);
        }
    return middle;
}

double distanceOf(const Array3F& scores, std::int64_t row, const MatrixD& middle) {
    double farthest = 0;
    for (std::int64_t p = 0; p < scores.n1; ++p) {
        const auto z = Eigen::Map<const VectorF>(scores.at(row, p), middle.cols()).cast<double>();
        farthest = std::max(farthest, (z - middle.row(p).transpose()).norm());
    }
    return farthest;
}

}  // namespace

FarRows findFarRows(const Array3F& scores, const QList<qint64>& hidden) {
    const auto rows = finiteRows(scores, hidden);
    if (rows.size() < fewestRows || scores.n1 == 0) return {};
    const int components = static_cast<int>(std::min<std::int64_t>(3, scores.n2));
    const MatrixD middle = medianPath(scores, someOf(rows, mostForMedians), components);
    std::vector<double> distances;
    for (const std::int64_t row : rows) distances.push_back(distanceOf(scores, row, middle));
    const double typical = upperMedian(distances);
    FarRows far;
    if (!(typical > 0)) return far;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (distances[i] <= farRatio * typical) continue;
        far.rows << rows[i];
        far.ratio = std::max(far.ratio, distances[i] / typical);
    }
    return far;
}

}  // namespace rheo
