#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/analysis/analyze.h"
#include "core/base/output_file.h"
#include "core/dynamics/lens.h"
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

/// How statistics were made.
struct StatisticRecord {
    std::map<std::string, std::string> options = {};  ///< a JSON object for each statistic that has some
    std::uint64_t seed = 0;
    Scaling scaling = Scaling::Raw;
    std::vector<std::int64_t> maskedUnits = {};
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

    /// Those that are there, and their nulls. Throws Error(AlreadyExists) if a group is there already, unless
    /// `replace`.
    void write(const Statistics& statistics, const std::vector<CurveNull>& nulls,
               const StatisticRecord& record, bool replace);
    /// The same of a lens, which is made with a model.
    void write(const LensResult& lens, const StatisticRecord& record, bool replace);
    /// A PCA of each point, in the place of the pooled one.
    void write(const PerPointPca& pca, const StatisticRecord& record, bool replace);
    void commit();

private:
    struct State;
    explicit ResultsWriter(std::unique_ptr<State> state);
    std::unique_ptr<State> m_state;
};

/// Everything a results file holds.
struct Results {
    ResultsSource source;
    Statistics statistics;
    std::map<std::string, Scaling> scalings;  ///< of the states, by statistic
    std::vector<CurveNull> nulls;
    std::optional<LensResult> lens = {};
    std::optional<PerPointPca> perPointPca = {};  ///< in place of a pooled one
};

/// Throws Error(NotFound, Format, Unsupported) naming file and dataset. Shapes are checked against each
/// other.
Results readResults(const std::filesystem::path& path);

/// The pooled basis alone. Throws Error(NotFound) if the file holds no PCA.
PcaBasis readPcaBasis(const std::filesystem::path& path);
/// The trained autoencoder alone. Throws Error(NotFound) if the file holds none.
Autoencoder readAutoencoder(const std::filesystem::path& path);

}  // namespace rheo
