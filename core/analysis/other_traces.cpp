#include "core/analysis/other_traces.h"

#include <fmt/format.h>

#include <limits>

#include "core/base/error.h"

namespace rheo {

std::vector<CurveNull> compareWithTraces(const std::string& name, const Statistics& observed,
                                         const AnalysisOptions& options, int repeats, std::uint64_t seed,
                                         const TraceOfRepeat& trace, Progress& progress) {
    AnalysisOptions plain = options;
    plain.nulls.clear();
    if (plain.correlation) plain.correlation->matrix = false;
    if (plain.rotation) plain.rotation->perRow = false;
    if (plain.pca) plain.pca->perPointExplained = false;
    const std::vector<StatisticCurve> seen = curvesOf(observed);
    std::vector<MatrixD> samples;
    for (const auto& curve : seen) samples.emplace_back(repeats, curve.values.size());
    for (int repeat = 0; repeat < repeats; ++repeat) {
        const double from = static_cast<double>(repeat) / repeats, to = (repeat + 1.0) / repeats;
        Progress making = progress.part(from, (from + to) / 2), work = progress.part((from + to) / 2, to);
        making.setStage(fmt::format("{} {} of {}", name, repeat + 1, repeats));
        const Analysis other = analyze(trace(repeat, making), plain, work);
        const std::vector<StatisticCurve> curves = curvesOf(other.observed);
        for (std::size_t c = 0; c < seen.size(); ++c) {
            if (c >= curves.size() || curves[c].dataset != seen[c].dataset ||
                curves[c].values.size() != seen[c].values.size())
                throw Error(ErrorCode::Mismatch, fmt::format("{}/{} of another trace ({}) has another length",
                                                             seen[c].statistic, seen[c].dataset, name));
            samples[c].row(repeat) = curves[c].values.transpose();
        }
    }
    std::vector<CurveNull> nulls;
    for (std::size_t c = 0; c < seen.size(); ++c) {
        NullSummary summary = summarizeNull(seen[c].values, samples[c], seed);
        if (repeats < repeatsForQuantiles)
            for (auto* v : {&summary.low, &summary.high, &summary.pUpper, &summary.pLower, &summary.p})
                v->setConstant(std::numeric_limits<double>::quiet_NaN());
        nulls.push_back({name, seen[c].statistic, seen[c].dataset, std::move(summary)});
    }
    return nulls;
}

}  // namespace rheo
