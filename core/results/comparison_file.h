#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/output_file.h"
#include "core/compare/compare.h"
#include "core/results/results_file.h"

namespace rheo {

/// A source of a comparison.
struct ComparedSource {
    std::string name;                    ///< short, for people: "trained"
    ResultsSource source;                ///< the rows and points that were compared; no states
    std::vector<Verdict> verdicts = {};  ///< of its report; empty: it has none
};

/// A comparison as it is stored.
struct ComparisonFile {
    std::vector<ComparedSource> sources;  ///< the first is the one that others are compared with
    Comparison comparison;                ///< without scores and pairs: of verdicts alone
    std::string options = "{}";           ///< how it was made: a JSON object
    bool hasStates() const { return !comparison.scores.empty(); }
};

/// HDF5: `sources/I` with what results say of their source, attribute `name`, `scores` [row, point, k]
/// float32, `explained` [k] and `verdicts` (each as verdicts.json has it); `pairs/I` for the sources but the
/// first: `matched/a`, `b` (rows), `sample`, `unit`, `position` [pair], attribute `matched_by`; `cka/cka`,
/// `null_mean`, `null_low`, `null_high`, `p` [point of the first, point of I], attributes
/// `largest_by_chance`, `rows`, `samples`, `repeats`, `seed`; `procrustes/residual`, `null_mean`, `null_low`,
/// `null_high`, `p` [point of the first], `rotation` [k, k], `to_mean`, `from_mean` [k], attributes `scale`,
/// `residual`, `null_mean` and so on of the one map; `differences/STATISTIC/DATASET/a`, `b`, `difference`,
/// `low`, `high`, attribute `axis`; `remarks`; attributes `alignment`, `options`. Throws as OutputFile.
void writeComparisonFile(const std::filesystem::path& path, const ComparisonFile& record, IfExists ifExists);

/// Throws Error(NotFound, Format, Unsupported) naming file and dataset.
ComparisonFile readComparisonFile(const std::filesystem::path& path);
/// Whether it is one. Opens the file; throws nothing.
bool isComparisonFile(const std::filesystem::path& path);

/// Every curve of the differences as CSV: other, statistic, dataset, index, point, a, b, difference, low,
/// high.
std::string differencesCsv(const ComparisonFile& record);

}  // namespace rheo
