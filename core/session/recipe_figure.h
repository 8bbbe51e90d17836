#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/figure/attribution_figure.h"
#include "core/figure/correlation_figure.h"
#include "core/figure/density_figure.h"
#include "core/figure/explained_figure.h"
#include "core/figure/figure.h"
#include "core/figure/latent_figure.h"
#include "core/figure/lens_figure.h"
#include "core/figure/lens_map_figure.h"
#include "core/figure/patch_map_figure.h"
#include "core/figure/teleport_figure.h"
#include "core/figure/trajectory_figure.h"
#include "core/results/attribution_file.h"
#include "core/results/flow_file.h"
#include "core/results/intervened_file.h"
#include "core/results/patch_map_file.h"
#include "core/results/response_file.h"
#include "core/results/results_file.h"
#include "core/results/routing_file.h"
#include "core/results/teleport_file.h"
#include "core/session/recipe.h"

namespace rheo {

/// One value of an option of a figure.
struct FigureChoice {
    std::string_view value;  ///< as a recipe keeps it, in JSON: "\"rms\"", "true"
    std::string_view label;  ///< for people
};
/// An option of a figure that a person chooses from a list; its default is the first.
struct FigureOption {
    std::string_view key;      ///< of the recipe's options
    std::string_view label;    ///< "Measure"
    std::string_view tooltip;  ///< what it does, in a sentence
    std::span<const FigureChoice> choices;
};

/// A kind of figure.
struct FigureView {
    std::string_view name;       ///< as a recipe calls it: "motion"
    std::string_view label;      ///< one or two words, for a tab: "Motion"
    std::string_view title;      ///< for people: "Motion by depth"
    std::string_view statistic;  ///< the group of the results that it shows; of files of their own none
    std::string_view shows;      ///< one sentence: what can be seen in it
    double widthMm = 160;        ///< a size that suits it
    double heightMm = 120;
    bool needsModel = false;  ///< the statistic is computed with the model that made the trace
    std::span<const FigureOption> options = {};  ///< that are offered beside it
};

/// All that a recipe can ask for, in the order a reader wants them.
std::vector<FigureView> figureViews();
/// The role of the source that a view is read from: "results", or for one of files of its own its name.
std::string_view sourceRole(std::string_view view);
/// Those of results: none of files of their own.
std::vector<FigureView> figureViewsOfResults();
/// Those of files of their own: a teleport, a patch map, an attribution, what an intervention writes.
std::vector<FigureView> figureViewsOfFiles();
/// Those that these results hold.
std::vector<FigureView> viewsOf(const Results& results);
/// Whether `view` is one of them.
bool hasView(const Results& results, std::string_view view);
/// "trajectories, density, ..."
std::string namesOf(const std::vector<FigureView>& views);

/// The options of a view as a recipe keeps them (a JSON object) and back. Theme and camera are fields of the
/// recipe itself. Reading throws Error(Format) naming the field; unknown fields are refused by name, so that
/// a misspelt option is not silently ignored.
std::string recipeOptions(const TrajectoryOptions& options,
                          const std::vector<TeleportOverlay>& teleports = {});
TrajectoryOptions trajectoryOptions(const Recipe& recipe);
/// The teleports drawn over the trajectories: kept in the options as their paths, for they need not be in any
/// file.
std::vector<TeleportOverlay> teleportOverlays(const Recipe& recipe);
DensityOptions densityOptions(const Recipe& recipe);
CorrelationOptions correlationOptions(const Recipe& recipe);
LatentOptions latentOptions(const Recipe& recipe);

/// How the states were scaled that a statistic of the results was computed from.
Scaling scalingOf(const Results& results, const std::string& statistic);

/// "light" or "dark". Throws Error(InvalidArgument).
Theme themeNamed(const std::string& name);

/// "sample 3, token 17" for a row of `info`, which must outlive the function.
std::function<std::string(RowIndex)> rowNames(const TraceInfo& info);

/// One figure of results. Throws Error(NotFound) if they do not hold what the view shows, Error(Unsupported)
/// for a view that is none, both naming those there are, and Error(InvalidArgument) for options out of range.
Figure figureOfResults(const Results& results, const Recipe& recipe);
/// The view called `view` (of viewsOf) as it is by default.
Figure makeFigure(const Results& results, std::string_view view, const Theme& theme);
/// The view "teleport". `rms`: distances of states scaled by their RMS.
Figure figureOfTeleport(const TeleportFile& teleport, const Recipe& recipe);
/// The same view of several teleports of one model, compared; the option `names` has a name for each.
Figure figureOfTeleports(const std::vector<TeleportFile>& teleports, const Recipe& recipe);
/// The view "patch_map". The option `value`: "normalized" or "effect".
Figure figureOfPatchMap(const PatchMapFile& file, const Recipe& recipe);
/// The view "attribution". Options: `run` ("intervened", "natural", "difference") and `token`, whose bars are
/// drawn.
Figure figureOfAttribution(const AttributionFile& file, const Recipe& recipe);
/// The view "routing". Options: `prompt`, whose tokens are drawn, and `value`: "probability" or "entropy".
Figure figureOfRouting(const RoutingFile& file, const Recipe& recipe);
/// The view "writing": the texts and the sweep of an intervention.
Figure figureOfWriting(const IntervenedFile& file, const Recipe& recipe);
/// The view "flow". Options: `point` (of several flows that at or before it; left out: the first), `steps` (a
/// number; left out: to the final point), `relative`, `rms`.
Figure figureOfFlow(const FlowFile& file, const Recipe& recipe);
/// The view "response".
Figure figureOfResponse(const ResponseFile& file, const Recipe& recipe);
/// The options of the view "teleport" that name several teleports.
std::string teleportNames(const std::vector<std::string>& names);

/// Reads the recipe's sources (of the role sourceRole: one, of teleports one or more) and makes its figure.
Figure figureOfRecipe(const Recipe& recipe);

}  // namespace rheo
