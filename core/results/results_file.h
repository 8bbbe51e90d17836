#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/output_file.h"
#include "core/dynamics/jacobian_result.h"
#include "core/dynamics/lens_result.h"
#include "core/findings/verdicts.h"
#include "core/statistics/analyze.h"
#include "core/trace/trace.h"

namespace rheo {

/// What results were made from: enough to label a figure without the trace.
struct ResultsSource {
    TraceInfo info;              ///< points, rows and samples of the view; no states
    std::string hash;            ///< Trace::sourceHash
    std::string path;            ///< of the trace, as it was given; empty for one in memory
    std::string selection = {};  ///< how its rows were selected (row_selection.h); empty: they were not
};

/// Source of a view of a trace: only the rows, points and samples it uses.
ResultsSource makeResultsSource(const TraceView& view, const std::string& path);

/// The group of the verdicts and their evidence, which only a report computes.
constexpr const char* verdictsGroup = "verdicts";

/// How a statistic was made.
struct StatisticRecord {
    std::string options = "{}";  ///< a JSON object
    std::uint64_t seed = 0;
    Scaling scaling = Scaling::Raw;
    std::vector<std::int64_t> maskedUnits = {};
    std::string version = {};  ///< of the program that made it; empty: this one
    std::string time = {};     ///< when, as ISO 8601 in UTC; empty: when it is written
};
/// Whether both were made in the same way, by the same version of the program.
bool madeAlike(const StatisticRecord& a, const StatisticRecord& b);
/// By statistic: "density", ..., "lens", "verdicts".
using Records = std::map<std::string, StatisticRecord>;

/// Of the statistics that analyze computes, as these options make them from `view`.
Records recordsOf(const TraceView& view, const AnalysisOptions& options);
/// Of an autoencoder that is trained so.
StatisticRecord recordOf(const TraceView& view, const AutoencoderOptions& options);
/// Of the lens of a model; raw, whatever the other statistics look at.
StatisticRecord recordOf(const LensOptions& options, const std::string& model);
/// Of derivatives, likewise; `untrained`: the seed of the network beside it, or none.
StatisticRecord recordOf(const JacobianOptions& options, const std::string& model,
                         const std::optional<std::uint64_t>& untrained);

/// Everything a results file holds.
struct Results {
    ResultsSource source;
    Statistics statistics;
    std::map<std::string, Scaling> scalings;  ///< of the states, by statistic
    std::vector<CurveNull> nulls;
    std::optional<LensResult> lens = {};
    std::optional<JacobianResult> jacobian = {};
    std::optional<PerPointPca> perPointPca = {};  ///< in place of a pooled one
    std::optional<Evidence> evidence = {};        ///< without its analysis and reasons
    std::vector<Verdict> verdicts = {};           ///< of a report; empty: none was made
    Records records = {};                         ///< how they were made
};

/// Whether both are of the same rows and points of the same trace.
bool isSameSource(const ResultsSource& a, const ResultsSource& b);
/// What of `results` was made in the ways of `records`, by this version of the program: what need not be
/// computed again. What was stopped is left out. Cost: a copy of it.
Results resultsMatching(const Results& results, const Records& records);

/// The verdicts of a report, and those on derivatives that stand beside an untrained network, unless the
/// report has them.
std::vector<Verdict> verdictsOf(const Results& results);

/// Writes results as the definitions name them: one group a statistic (`/pca/explained`), nulls of it below
/// (`/pca/null/sign_flip/explained/mean`), and what those sum up beside them, surrogate by surrogate
/// (`/pca/null_samples/sign_flip/explained`, [repeat, and then as the curve]). All is written beside the file
/// and renamed by commit(), so that an output is whole or not there.
///
/// Where a group is there already and was made from the same source in the same way, by this version of the
/// program, it stays, and only nulls of more repeats are added to it. One that was made otherwise is replaced
/// if `replace`; else Error(AlreadyExists) says what differs.
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

    /// Throws as write will without `replace`: where a group of such a name was made otherwise.
    void throwIfRecordsDiffer(const Records& records) const;
    /// Those that are there, and their nulls.
    void write(const Statistics& statistics, const std::vector<CurveNull>& nulls, const Records& records,
               bool replace);
    /// All that results hold, made as their records say.
    void write(const Results& results, bool replace);
    /// The same of a lens, which is made with a model.
    void write(const LensResult& lens, const StatisticRecord& record, bool replace);
    void write(const JacobianResult& jacobian, const StatisticRecord& record, bool replace);
    /// A PCA of each point, in the place of the pooled one.
    void write(const PerPointPca& pca, const StatisticRecord& record, bool replace);
    /// What verdicts rest on beside statistics and nulls (`/verdicts`); replaces what there is of it.
    void write(const Evidence& evidence, const StatisticRecord& record);
    /// What they came to (`/verdicts/list`), beside the evidence, which must be there.
    void write(const std::vector<Verdict>& verdicts);
    void commit();

private:
    struct State;
    explicit ResultsWriter(std::unique_ptr<State> state);
    std::unique_ptr<State> m_state;
};

/// Throws Error(NotFound, Format, Unsupported) naming file and dataset. Shapes are checked against each
/// other. Samples of nulls are read if they are asked for: with them nulls can be added to.
Results readResults(const std::filesystem::path& path, bool withSamples = false);

/// What of it was made from `source` in the ways of `records`, by this version of the program, with the
/// samples of nulls: what need not be computed again. Other statistics, and those that were stopped, are left
/// out. Throws as readResults, and Error(Mismatch) as ResultsWriter::add.
Results readMatching(const std::filesystem::path& path, const ResultsSource& source, const Records& records);

/// The pooled basis alone. Throws Error(NotFound) if the file holds no PCA.
PcaBasis readPcaBasis(const std::filesystem::path& path);
/// The trained autoencoder alone. Throws Error(NotFound) if the file holds none.
Autoencoder readAutoencoder(const std::filesystem::path& path);

}  // namespace rheo
