#include "core/statistics/other_traces.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/base/error.h"
#include "core/base/ranks.h"

namespace rheo {

namespace {

/// Samples of a curve that are known, [repeat, value].
MatrixD samplesOf(const std::vector<CurveNull>& known, const std::string& null, std::uint64_t seed,
                  const StatisticCurve& curve) {
    for (const auto& there : known)
        if (there.null == null && there.statistic == curve.statistic && there.dataset == curve.dataset &&
            there.summary.seed == seed && there.samples.cols() == curve.values.size())
            return there.samples;
    return MatrixD(0, curve.values.size());
}

/// The values of all curves one after the other; throws Error(Mismatch) where they are not those of `seen`.
VectorD valuesOf(const std::vector<StatisticCurve>& curves, const std::vector<StatisticCurve>& seen,
                 const std::string& name) {
    Eigen::Index width = 0, at = 0;
    for (const auto& curve : seen) width += curve.values.size();
    VectorD values(width);
    for (std::size_t c = 0; c < seen.size(); ++c) {
        const Eigen::Index length = seen[c].values.size();
        if (c >= curves.size() || curves[c].dataset != seen[c].dataset || curves[c].values.size() != length)
            throw Error(ErrorCode::Mismatch, fmt::format("{}/{} of another trace ({}) has another length",
                                                         seen[c].statistic, seen[c].dataset, name));
        values.segment(at, length) = curves[c].values;
        at += length;
    }
    return values;
}

}  // namespace

std::vector<CurveNull> compareWithTraces(const std::string& name, const Statistics& observed,
                                         const AnalysisOptions& options, int repeats, std::uint64_t seed,
                                         const TraceOfRepeat& trace, const std::vector<CurveNull>& known,
                                         Progress& progress) {
    AnalysisOptions plain = options;
    plain.nulls.clear();
    plain.keepFinished = false;
    forEachSwept([&]<class S>() {
        if constexpr (requires(OptionsOf<S> & o) { S::curvesOnly(o); })
            if (plain.get<S>()) S::curvesOnly(*plain.get<S>());
    });
    const std::vector<StatisticCurve> seen = curvesOf(observed);
    std::vector<MatrixD> samples;
    Eigen::Index made = repeats;  // of all curves
    for (const auto& curve : seen) {
        samples.push_back(samplesOf(known, name, seed, curve));
        made = std::min(made, samples.back().rows());
    }
    for (auto& values : samples) values.conservativeResize(repeats, Eigen::NoChange);
    try {
        const Ranks& ranks = currentRanks();
        const double whole = repeats - static_cast<double>(made);
        for (double done = 0; made < repeats;) {
            // One for each rank, as long as there are so many.
            const Eigen::Index count = std::min<Eigen::Index>(ranks.size, repeats - made);
            const double part = static_cast<double>(count);
            Progress making = progress.part(done / whole, (done + 0.5 * part) / whole),
                     work = progress.part((done + 0.5 * part) / whole, (done + part) / whole);
            making.setStage(count == 1
                                ? fmt::format("{} {} of {}", name, made + 1, repeats)
                                : fmt::format("{} {} to {} of {}", name, made + 1, made + count, repeats));
            MatrixD values = MatrixD::Zero(count, valuesOf(seen, seen, name).size());
            if (ranks.rank < count) {
                const int own = static_cast<int>(made) + ranks.rank;
                const RanksScope alone{Ranks()};
                const Analysis other = analyze(trace(own, making), plain, work);
                values.row(own - made) = valuesOf(curvesOf(other.observed), seen, name).transpose();
            }
            exchangeRows(ranks, count, values.cols(), values.data());
            Eigen::Index at = 0;
            for (auto& curve : samples) {
                curve.middleRows(made, count) = values.middleCols(at, curve.cols());
                at += curve.cols();
            }
            made += count;
            done += part;
        }
    } catch (const Cancelled&) {
        if (!options.keepFinished || made == 0) throw;
    }
    std::vector<CurveNull> nulls;
    for (std::size_t c = 0; c < seen.size(); ++c) {
        const MatrixD values = samples[c].topRows(made);
        NullSummary summary = summarizeNull(seen[c].values, values, seed);
        if (made < repeatsForQuantiles)
            for (auto* v : {&summary.low, &summary.high, &summary.pUpper, &summary.pLower, &summary.p})
                v->setConstant(std::numeric_limits<double>::quiet_NaN());
        nulls.push_back({name, seen[c].statistic, seen[c].dataset, std::move(summary), values});
    }
    return nulls;
}

}  // namespace rheo
