#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/analysis/trace_view.h"
#include "core/base/progress.h"
#include "core/statistics/analyze.h"

namespace rheo {

/// The trace of one repeat: same points and units as the observed one.
using TraceOfRepeat = std::function<TraceView(int repeat, Progress& progress)>;

/// From so many repeats on, quantiles and p-values are given; below, only the mean and, from 2 on, z.
constexpr int repeatsForQuantiles = 20;

/// How the observed curves lie among those of whole other traces, such as the states of networks that were
/// not trained (null `name`). `options` are those of the observed ones; their nulls are passed over. Each
/// trace is made, analysed and let go before the next. Repeats of which `known` has samples, of the same name
/// and seed, are not made again. A stop after the first repeat gives those that were made if
/// `options.keepFinished`. Throws as analyze and what `trace` throws, and Error(Mismatch) where a curve is
/// not as long as the observed one.
std::vector<CurveNull> compareWithTraces(const std::string& name, const Statistics& observed,
                                         const AnalysisOptions& options, int repeats, std::uint64_t seed,
                                         const TraceOfRepeat& trace, const std::vector<CurveNull>& known,
                                         Progress& progress);

}  // namespace rheo
