#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/dynamics/directions.h"
#include "core/model/model.h"
#include "core/results/results_file.h"
#include "core/results/vector_file.h"
#include "core/statistics/axes.h"
#include "core/statistics/linear_probe.h"
#include "core/trace/row_selection.h"
#include "core/trace/trace.h"

namespace rheo {

// Directions of one's own: where they come from, and what a file of them holds.

/// The states of the last tokens of two groups of prompts at `point`. Prompts with the same tokens are one
/// sample. Throws as Model::forward. Cost: a forward pass of all up to the point.
GroupedStates groupsOfPrompts(const Model& model, const std::vector<std::vector<std::int32_t>>& plus,
                              const std::vector<std::vector<std::int32_t>>& minus, PointIndex point,
                              Progress& progress);
/// The states of two groups of rows of a trace at `point`; a sample of the trace is a sample. Throws
/// Error(InvalidArgument) for a row in both groups.
GroupedStates groupsOfRows(const Trace& trace, const std::vector<std::int64_t>& plus,
                           const std::vector<std::int64_t>& minus, PointIndex point);

/// The mean of the plus rows less that of the others, with an origin that says so.
NamedVector differenceOfMeans(const GroupedStates& groups, const std::string& name, const std::string& point);
/// The direction of a linear probe, with its accuracy beside the null in the origin; `result`: all of it.
NamedVector probeDirection(const GroupedStates& groups, const ProbeOptions& options, const std::string& name,
                           const std::string& point, ProbeResult& result, Progress& progress);
/// One row's state less another's, at `point` of a trace. Throws Error(InvalidArgument) out of range.
NamedVector stateDifference(const Trace& trace, RowIndex row, RowIndex minus, PointIndex point,
                            const std::string& name);
/// Principal components of results, "pc1", ...; `components` count from 1, empty: all. With the model of the
/// trace. Throws as readPcaBasis, Error(InvalidArgument) for one that is not there, and Error(Unsupported)
/// for components of states that were scaled.
std::vector<NamedVector> componentDirections(const std::filesystem::path& results,
                                             const std::vector<std::int32_t>& components);

/// The directions of the last token's state at `point` that all later steps carry farthest ("sv1", ...), by
/// the derivative about its natural state; `alone`: as a lone token. Throws as leadingDirections. Cost: the
/// derivative of every later step.
std::vector<NamedVector> carriedDirections(const Model& model, const std::vector<std::int32_t>& ids,
                                           PointIndex point, int count, bool alone, Progress& progress);

/// Names the tokens nearest to each of `axes` by the unembedding (PcaBasis::toward and against), three either
/// way; `textOf` gives their texts. Does nothing for principal components. Cost: as nearTokens.
void nameTokensOf(PcaBasis& axes, const Model& model, const TokenText& textOf, Progress& progress);

/// The scores of the rows and points of results along a direction, about `mean`, [row, point], from the trace
/// that they were made from. `source` tells which rows and points those are. Throws Error(Mismatch) for
/// another trace, Error(Unsupported) for states scaled as the final norm does, which takes a model, and as
/// scoresAlong.
MatrixF scoresOfResults(const ResultsSource& source, const std::shared_ptr<const Trace>& trace,
                        const VectorF& direction, const VectorD& mean, Scaling scaling, Progress& progress);

/// The rows and points of results on axes of one's own, from the trace that they were made from: the axes
/// with their shares of the variance, completed to three by the components of `fitted`, and the scores.
/// Throws as scoresOfResults and axesOf.
PcaResult axesOfResults(const ResultsSource& source, const std::shared_ptr<const Trace>& trace,
                        const std::vector<NamedDirection>& directions, AxesFrame frame,
                        const PcaBasis& fitted, Progress& progress);

/// What a direction is.
struct DirectionSummary {
    NamedVector vector;
    double norm = 0;
    double share = 0;                ///< of the variance of states along it, 0 to 1; NaN without a trace
    std::string shareAt;             ///< the point of those states; empty: all points together
    std::optional<NearTokens> near;  ///< with a model
};
struct DirectionsListing {
    std::vector<DirectionSummary> directions;
    MatrixD angles;  ///< [direction, direction] degrees
};
/// Describes vectors of one width: the share of the variance over the rows of `trace` at the point of each
/// (over all points where it has none, or the trace lacks it), and `tokens` tokens either way by the
/// unembedding of `model`; both may be null. Throws Error(Mismatch) for different widths, or a vector of
/// another model. Cost: a pass over the trace for each point, and as nearTokens.
DirectionsListing describeDirections(const std::vector<NamedVector>& vectors,
                                     const std::shared_ptr<const Trace>& trace, const Model* model,
                                     int tokens, Progress& progress);

}  // namespace rheo
