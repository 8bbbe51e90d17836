#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/analysis/trace_view.h"
#include "core/base/progress.h"
#include "core/compare/cka.h"
#include "core/compare/difference.h"
#include "core/compare/matched_rows.h"
#include "core/compare/procrustes.h"
#include "core/statistics/pca.h"

namespace rheo {

/// In which coordinates the paths of several sources are drawn side by side.
enum class Alignment {
    Own,         ///< each in principal components of its own
    One,         ///< all in those of the first source, or in a basis that was given
    Pooled,      ///< all in those of all of their states together
    Procrustes,  ///< each in its own, rotated, scaled and moved onto those of the first
};
/// "own", "one", "pooled", "procrustes".
std::string_view alignmentName(Alignment alignment);
std::optional<Alignment> parseAlignment(std::string_view name);

struct CompareOptions {
    std::optional<Alignment> alignment = {};  ///< none: as suits the sources (usualAlignment)
    std::optional<PcaBasis> basis = {};       ///< for One, in place of the first source's
    int components = 10;
    StatisticOptions statistics = {};  ///< whose curves are subtracted
    int resamples = 100;               ///< halves of the samples, for intervals of differences
    int repeats = 200;                 ///< shuffles of the samples, for the nulls of CKA and Procrustes
    std::int64_t mostRows = 1000;      ///< rows that CKA uses
    std::uint64_t seed = 0;
    int threads = 0;
    std::size_t memoryBytes = std::size_t{1} << 30;
};

/// Source number `other` beside the first.
struct PairComparison {
    std::int64_t other = 1;
    MatchedRows matched;                         ///< rows of the views
    std::optional<CkaResult> cka;                ///< where rows match
    std::optional<ProcrustesResult> procrustes;  ///< likewise
    DifferenceResult differences;
};

struct Comparison {
    Alignment alignment = Alignment::Own;
    std::vector<Array3F> scores;         ///< [source] of [row of its view, point, k]; NaN for a row left out
    std::vector<VectorD> explained;      ///< [source] of [k]: of its own components; empty for a given basis
    std::vector<std::string> axisNames;  ///< [k] of directions that are the basis; empty: PC1, PC2, ...
    std::vector<PairComparison> pairs;
    std::vector<std::string> remarks;  ///< what a reader must know: sentences
};

/// The same weights: One. Else Procrustes where rows match, and Own where they do not.
Alignment usualAlignment(const TraceInfo& first, const TraceInfo& other, bool matched);

/// Compares sources with the first of them, at least 2. Throws Error(InvalidArgument) for fewer, and for an
/// alignment by pairs where no rows match, Error(Mismatch) for one basis of sources of different width or
/// points. `names` are for remarks. Cost: a PCA a source, and for each but the first a CKA, a Procrustes fit
/// and the curves of differences.
Comparison compareSources(const std::vector<TraceView>& sources, const std::vector<std::string>& names,
                          const CompareOptions& options, Progress& progress);

}  // namespace rheo
