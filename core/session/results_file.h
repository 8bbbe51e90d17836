#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/analysis/density.h"
#include "core/analysis/nulls.h"
#include "core/analysis/pca.h"
#include "core/base/output_file.h"
#include "core/trace/trace.h"

namespace rheo {

/// What results were made from: enough to label a figure without the trace.
struct ResultsSource {
    TraceInfo info;    ///< points, rows and samples of the view; no states
    std::string hash;  ///< Trace::sourceHash
    std::string path;  ///< of the trace, as it was given; empty for one in memory
};

/// Source of a view of a trace: only the rows, points and samples it uses.
ResultsSource makeResultsSource(const TraceView& view, const std::string& path);

/// How one statistic was made.
struct StatisticRecord {
    std::string options = "{}";  ///< a JSON object
    std::uint64_t seed = 0;
    Scaling scaling = Scaling::Raw;
    std::vector<std::int64_t> maskedUnits = {};
};

struct NamedNull {
    std::string name;  ///< "sign_flip"
    NullSummary summary;
};

/// Writes results as the definitions name them: one group a statistic (`/pca/explained`), nulls of it below
/// (`/pca/null/sign_flip/explained/mean`). All is written beside the file and renamed by commit(), so that an
/// output is whole or not there.
class ResultsWriter {
public:
    /// Throws as OutputFile.
    static ResultsWriter create(const std::filesystem::path& path, const ResultsSource& source,
                                IfExists ifExists);
    /// Adds groups to the results at `path`. Throws Error(Mismatch) if they were made from another trace,
    /// other points or other rows.
    static ResultsWriter add(const std::filesystem::path& path, const ResultsSource& source);
    ResultsWriter(ResultsWriter&&) noexcept;
    ~ResultsWriter();

    /// Each throws Error(AlreadyExists) if the group is there already, unless `replace`.
    void write(const PcaResult& result, const std::vector<NamedNull>& nullsOfExplained,
               const StatisticRecord& record, bool replace);
    void write(const DensityResult& result, const StatisticRecord& record, bool replace);
    void commit();

private:
    struct State;
    explicit ResultsWriter(std::unique_ptr<State> state);
    std::unique_ptr<State> m_state;
};

struct StoredPca {
    PcaResult result;
    std::vector<NamedNull> nullsOfExplained;
};

/// Everything a results file holds.
struct Results {
    ResultsSource source;
    std::optional<StoredPca> pca;
    std::optional<DensityResult> density;
};

/// Throws Error(NotFound, Format, Unsupported) naming file and dataset. Shapes are checked against each
/// other.
Results readResults(const std::filesystem::path& path);

/// The pooled basis alone. Throws Error(NotFound) if the file holds no PCA.
PcaBasis readPcaBasis(const std::filesystem::path& path);

}  // namespace rheo
