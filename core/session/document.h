#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/array.h"
#include "core/base/index.h"
#include "core/base/model_identity.h"
#include "core/base/progress.h"
#include "core/base/residual_point.h"
#include "core/dynamics/intervention.h"
#include "core/dynamics/teleport_result.h"
#include "core/statistics/pca.h"
#include "core/trace/trace.h"

namespace rheo {

struct OpenedResults;

/// Names a prompt for as long as the document lives, wherever it stands in the list. Counted from 1.
using PromptId = Index<struct PromptTag>;

/// A teleport as the document keeps it: what was put where, and what came of it.
struct TeleportRecord {
    std::int64_t id = 0;  ///< counted from 1, never given twice in a document
    PromptId prompt;
    Sample sample;                          ///< the prompt as it was then
    std::shared_ptr<const PcaBasis> basis;  ///< the one `target` is written in
    VectorD target;                         ///< [k] scores the state was moved to
    /// Exact paths and measures; no controls (they are computed for what is looked at).
    TeleportResult result;
    std::string name = {};                   ///< that a person gave it; empty: none
    ModelIdentity model = {};                ///< that made it
    std::vector<ResidualPoint> points = {};  ///< of that model
};

/// A token of a prompt: what a row is, whatever its number.
struct TokenPlace {
    PromptId prompt;
    std::int32_t position = 0;
    auto operator<=>(const TokenPlace&) const = default;
};
/// Rows that were given a name, to be selected again and to be told apart.
struct NamedRows {
    std::string name;
    std::vector<TokenPlace> places;  ///< ascending
    bool operator==(const NamedRows&) const = default;
};

/// Results, and the rows of the document that they are of.
struct HeldResults {
    std::shared_ptr<const OpenedResults> opened;
    std::shared_ptr<const Trace> trace;  ///< null: not known
};

/// All of the window's document that undo brings back. An immutable value: every edit makes another,
/// and what did not change is shared. Cheap to copy but for `prompts` and `teleports`.
struct DocumentState {
    /// The rows, N; null while there are none. Its samples are the prompts.
    std::shared_ptr<const Trace> trace;
    std::vector<PromptId> prompts;  ///< [sample]

    std::shared_ptr<const PcaBasis> basis;     ///< null: not fitted
    std::shared_ptr<const Trace> basisTrace;   ///< the rows it was fitted on
    std::vector<std::int64_t> basisRows = {};  ///< of basisTrace, ascending: chosen for the fit; empty: all
    std::shared_ptr<const Array3F> scores;     ///< [row, point, k] of `trace` in `basis`
    std::shared_ptr<const MatrixD> pointExplained;  ///< [point, 3], of the rows the basis was fitted on

    /// What was computed here, or elsewhere and opened (opened_results.h); null: nothing. Of these rows or of
    /// others, and there may be no rows at all.
    std::shared_ptr<const OpenedResults> results;
    std::shared_ptr<const Trace> resultsTrace;  ///< the rows it is of, where they were open
    /// Results of other rows or points, newest first, of which some are not in `results`: they are still
    /// shown, and computed again when they are asked for.
    std::vector<HeldResults> earlier = {};

    std::vector<std::shared_ptr<const TeleportRecord>> teleports;  ///< in the order they were made
    std::vector<NamedRows> named = {};                             ///< selections that were kept
    std::shared_ptr<const Intervention> intervention = {};         ///< of the laboratory; null: no edits

    /// Rows were added or removed since the basis was fitted on all of them. One that was fitted on chosen
    /// rows stays what it is.
    bool basisIsStale() const { return basis && trace && basisTrace != trace && basisRows.empty(); }
    std::int64_t rows() const { return trace ? trace->rows() : 0; }
};

/// Place of a prompt in `state.prompts` (the sample number of its rows). Linear.
std::optional<std::int64_t> sampleOf(const DocumentState& state, PromptId prompt);
/// The prompt that a row of the document belongs to.
PromptId promptOf(const DocumentState& state, RowIndex row);
/// The row of a prompt's token, if it was captured. Linear in the rows.
std::optional<RowIndex> findRow(const DocumentState& state, PromptId prompt, std::int32_t position);
/// The captured row of a prompt whose token is furthest back. Linear in the rows.
std::optional<RowIndex> lastRowOf(const DocumentState& state, PromptId prompt);

/// Where a row of the document is.
TokenPlace placeOf(const DocumentState& state, RowIndex row);
/// The rows of the document at these places (ascending), ascending; those that are gone are left out. Linear
/// in the rows.
std::vector<RowIndex> rowsAt(const DocumentState& state, const std::vector<TokenPlace>& places);

/// A document of the rows of `trace`, nothing computed. Prompts are numbered from `firstId`.
DocumentState openDocument(std::shared_ptr<const Trace> trace, PromptId firstId);

/// Rows fresh from the model, and their scores where they are known already.
struct CapturedRows {
    std::shared_ptr<const Trace> trace;
    std::shared_ptr<const PcaBasis> basis = {};  ///< of `scores`; null: not projected
    Array3F scores = {};                         ///< [row, point, k]
};
/// Projects rows on a basis (null: leaves them as they are), so that what follows is cheap.
CapturedRows projected(std::shared_ptr<const Trace> trace, std::shared_ptr<const PcaBasis> basis,
                       Progress& progress);

/// `state` with prompts more, at the end: `captured` has one sample for each of `ids`, and at least one row
/// of each. The basis stays; rows that were not projected on it are now.
/// Throws Error(Mismatch) where points or units differ. Cost: a copy of the scores.
DocumentState addPrompts(const DocumentState& state, const std::vector<PromptId>& ids,
                         const CapturedRows& captured);
/// `state` with the rows of a prompt replaced by those in `captured`, its place and id kept.
DocumentState replacePrompt(const DocumentState& state, PromptId id, const CapturedRows& captured);
/// `state` with another row of a prompt it has: `captured` holds one row, after the prompt's own rows.
/// Throws Error(Mismatch) if the prompt has other tokens by now.
DocumentState addToken(const DocumentState& state, PromptId id, const CapturedRows& captured);
/// `state` without these prompts and their rows; teleports stay. Ids it does not have are passed over.
DocumentState removePrompts(const DocumentState& state, const std::vector<PromptId>& ids);
/// `state` with a basis and the scores of its rows in it; `rows`: those of `fittedOn` that it was fitted on,
/// ascending, empty for all. Throws Error(Mismatch) if the scores are not
/// those of its rows and points.
DocumentState withBasis(const DocumentState& state, std::shared_ptr<const PcaBasis> basis,
                        std::shared_ptr<const Trace> fittedOn, std::shared_ptr<const Array3F> scores,
                        std::shared_ptr<const MatrixD> pointExplained, std::vector<std::int64_t> rows = {});

}  // namespace rheo
