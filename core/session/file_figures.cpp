#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/base/printable.h"
#include "core/figure/flow_figure.h"
#include "core/figure/response_figure.h"
#include "core/figure/routing_figure.h"
#include "core/figure/writing_figure.h"
#include "core/session/analysis_view.h"
#include "core/session/comparison_views.h"
#include "core/session/figure_tables.h"
#include "core/session/recipe_options.h"
#include "core/session/training_view.h"

// The views of files of their own: what each is made from, its options, and the table of them.
namespace rheo {

namespace {

using Json = nlohmann::ordered_json;

/// As a person reads it in a note: without line breaks.
std::string inOneLine(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return printable(text);
}

}  // namespace

Figure figureOfTeleport(const TeleportFile& teleport, const Recipe& recipe) {
    const Json options = parseRecipeOptions(recipe, {"rms", "names"});
    const TeleportResult& result = teleport.result;
    TeleportCurves curves = teleportCurves(result, teleport.points, recipeOption(options, "rms", false));
    const VectorD before = softmax(result.natural.logits), after = softmax(result.teleported.logits);
    for (std::size_t i = 0; i < teleport.shownIds.size(); ++i)
        curves.tokens.push_back(
            {teleport.shownTexts[i], before[teleport.shownIds[i]], after[teleport.shownIds[i]]});
    return teleportFigure(curves, themeNamed(recipe.theme));
}

Figure figureOfTeleports(const std::vector<TeleportFile>& teleports, const Recipe& recipe) {
    const Json options = parseRecipeOptions(recipe, {"rms", "names"});
    const auto names = recipeOption(options, "names", std::vector<std::string>{});
    if (!names.empty() && names.size() != teleports.size())
        throw Error(ErrorCode::Mismatch,
                    fmt::format("the figure has {} names for {} teleports", names.size(), teleports.size()),
                    "names");
    std::vector<ComparedTeleport> compared;
    for (std::size_t i = 0; i < teleports.size(); ++i)
        compared.push_back(
            {names.empty() ? fmt::format("teleport {}", i + 1) : names[i],
             teleportCurves(teleports[i].result, teleports[i].points, recipeOption(options, "rms", false))});
    return compareTeleportsFigure(compared, themeNamed(recipe.theme));
}

Figure figureOfPatchMap(const PatchMapFile& file, const Recipe& recipe) {
    const Json options = parseRecipeOptions(recipe, {"value"});
    const auto value = recipeOption<std::string>(options, "value", "normalized");
    if (value != "normalized" && value != "effect")
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("'{}' is not a value of a patch map; choose normalized or effect", value));
    return patchMapFigure({file.map, file.points, file.cleanPieces, file.corruptedPieces, file.answerText,
                           file.foilText, file.axisNames},
                          {themeNamed(recipe.theme), value == "normalized"});
}

Figure figureOfAttribution(const AttributionFile& file, const Recipe& recipe) {
    const Json options = parseRecipeOptions(recipe, {"run", "token"});
    const auto run = recipeOption<std::string>(options, "run", "intervened");
    if (run != "intervened" && run != "natural" && run != "difference")
        throw Error(
            ErrorCode::InvalidArgument,
            fmt::format("'{}' is no run of an attribution; there are intervened, natural and difference",
                        run));
    if (run == "difference" && !file.natural)
        throw Error(ErrorCode::NotFound,
                    "this attribution is of a natural run: there is nothing to take it from; make one with "
                    "rheo attribute --edits");
    Attribution shown = run == "natural" && file.natural ? *file.natural : file.attribution;
    if (run == "difference") shown = difference(file.attribution, *file.natural);
    return attributionFigure({shown, file.points, file.pieces, recipeOption(options, "token", file.token),
                              file.answerText, file.foilText},
                             themeNamed(recipe.theme));
}

Figure figureOfRouting(const RoutingFile& file, const Recipe& recipe) {
    const Json options = parseRecipeOptions(recipe, {"prompt", "value"});
    const auto value = recipeOption<std::string>(options, "value", "probability");
    if (value != "probability" && value != "entropy")
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("'{}' is not a value of routing; choose probability or entropy", value));
    return routingFigure({file.routing, file.ids, file.prompts, file.tokenTexts,
                          recipeOption<std::int32_t>(options, "prompt", 0),
                          value == "entropy" ? RoutingShown::Entropy : RoutingShown::Probability},
                         themeNamed(recipe.theme));
}

Figure figureOfWriting(const IntervenedFile& file, const Recipe& recipe) {
    const Json options = parseRecipeOptions(recipe, {"followed"});
    const InterveneResult& result = file.result;
    WritingInput input;
    input.naturalSurprise = result.naturalSurprise;
    input.intervenedSurprise = result.intervenedSurprise;
    for (const SweepStep& step : file.sweep) {
        input.strength.push_back(step.factor);
        input.probability.push_back(step.probability);
        input.entropy.push_back(step.entropy);
        input.perplexity.push_back(step.perplexity);
    }
    input.followed = recipeOption(options, "followed", std::string());
    if (!file.naturalText.empty())
        input.note = fmt::format("Natural: {} - With the edits: {}", inOneLine(file.naturalText),
                                 inOneLine(file.intervenedText));
    return writingFigure(input, themeNamed(recipe.theme));
}

Figure figureOfFlow(const FlowFile& file, const Recipe& recipe) {
    const Json options = parseRecipeOptions(recipe, {"steps", "relative", "rms", "point"});
    FlowOptions o;
    const auto point = recipeOption(options, "point", std::string());
    const Flow& shown = point.empty() ? file.flow : file.at(PointIndex{findPoint(file.points, point)});
    o.theme = themeNamed(recipe.theme);
    if (options.contains("steps")) o.steps = recipeOption<std::int64_t>(options, "steps", 0);
    o.relative = recipeOption(options, "relative", false);
    o.rms = recipeOption(options, "rms", false);
    return flowFigure({shown, file.points, file.tokenTexts, file.flows()}, o);
}

Figure figureOfResponse(const ResponseFile& file, const Recipe& recipe) {
    parseRecipeOptions(recipe, {});
    return responseFigure({file.response, file.points, file.along, file.unitName, file.tokenTexts},
                          themeNamed(recipe.theme));
}

std::string teleportNames(const std::vector<std::string>& names) {
    return Json{{"names", names}}.dump();
}

namespace {

Figure figureOfTeleportFiles(const Recipe& recipe) {
    std::vector<TeleportFile> files;
    for (const auto& source : recipe.sources) files.push_back(readTeleportFile(source.path));
    return files.size() == 1 ? figureOfTeleport(files.front(), recipe) : figureOfTeleports(files, recipe);
}

Figure figureOfAttributionFile(const Recipe& recipe) {
    return figureOfAttribution(readAttributionFile(recipe.sources.front().path), recipe);
}

Figure figureOfRoutingFile(const Recipe& recipe) {
    return figureOfRouting(readRoutingFile(recipe.sources.front().path), recipe);
}

Figure figureOfWritingFile(const Recipe& recipe) {
    return figureOfWriting(readIntervenedText(recipe.sources.front().path).record, recipe);
}

Figure figureOfFlowFile(const Recipe& recipe) {
    return figureOfFlow(readFlowFile(recipe.sources.front().path), recipe);
}

Figure figureOfResponseFile(const Recipe& recipe) {
    return figureOfResponse(readResponseFile(recipe.sources.front().path), recipe);
}

Figure figureOfPatchMapFile(const Recipe& recipe) {
    return figureOfPatchMap(readPatchMapFile(recipe.sources.front().path), recipe);
}

template <Figure (*make)(const ComparisonFile&, const Recipe&)>
Figure figureOfComparison(const Recipe& recipe) {
    return make(readComparisonFile(recipe.sources.front().path), recipe);
}

constexpr std::array patchValues{FigureChoice{R"("normalized")", "Share of the clean outcome"},
                                 FigureChoice{R"("effect")", "Change of the outcome"}};
constexpr std::array patchChoices{FigureOption{
    "value", "Value",
    "Normalized: 0 is the corrupted run, 1 the clean run. Effect: the change of the outcome", patchValues}};

constexpr std::array attributionRuns{FigureChoice{R"("intervened")", "With the intervention"},
                                     FigureChoice{R"("natural")", "Natural"},
                                     FigureChoice{R"("difference")", "Difference"}};
constexpr std::array attributionChoices{
    FigureOption{"run", "Run", "Without an intervention there is only the natural run", attributionRuns}};

constexpr std::array routingValues{FigureChoice{R"("probability")", "Probability of the likeliest expert"},
                                   FigureChoice{R"("entropy")", "How undecided the router is"}};
constexpr std::array routingChoices{
    FigureOption{"value", "Value", "What colours the tokens of the prompt", routingValues}};

constexpr std::array flowArrowsOf{FigureChoice{"false", "Displacement"},
                                  FigureChoice{"true", "Less the natural step"}};
constexpr std::array flowScalings{FigureChoice{"false", "States as they are"},
                                  FigureChoice{"true", "Over their RMS"}};
constexpr std::array flowChoices{
    FigureOption{"relative", "Arrows",
                 "The movement of each state, or its movement minus that of the natural state", flowArrowsOf},
    FigureOption{"rms", "Contraction",
                 "With states divided by their RMS, growth of the norm alone does not look like divergence",
                 flowScalings}};

constexpr std::array ckaValues{FigureChoice{R"("cka")", "CKA"},
                               FigureChoice{R"("beyond")", "Beyond shuffled samples"},
                               FigureChoice{R"("null")", "Shuffled samples, 97.5 %"}};
constexpr std::array ckaChoices{
    FigureOption{"value", "Value",
                 "All values; only values above those of shuffled samples; or the values of shuffled samples",
                 ckaValues},
    mapOption};

constexpr std::array fileViews{
    FileView{{"teleport", "Teleport", "Teleport", "",
              "How far a moved state stays from its natural path, and the next tokens before and after."},
             figureOfTeleportFiles},
    FileView{{"patch_map", "Patch map", "Patch map", "",
              "How much of the outcome of a clean prompt is restored in a corrupted one when one state is "
              "copied from the clean run, by token and depth.",
              190, 90, true, patchChoices},
             figureOfPatchMapFile},
    FileView{{"attribution", "Attribution", "Direct logit attribution", "",
              "How much attention and the MLP of each block added to the logit of a token, or to the "
              "difference of two.",
              160, 200, true, attributionChoices},
             figureOfAttributionFile},
    FileView{{"routing", "Routing", "Experts by block", "",
              "Which experts of each block see the tokens, how undecided the routers are, and what their "
              "choice says "
              "of the token and of the next block's choice, beside chance.",
              190, 220, true, routingChoices},
             figureOfRoutingFile},
    FileView{
        {"writing", "Writing", "What the edits write", "",
         "The text that the model writes with the edits beside its natural text, and where the text breaks "
         "as the edits grow stronger.",
         190, 120, true},
        figureOfWritingFile},
    FileView{{"flow", "Flow", "Flow over two axes", "",
              "Where the network moves the states of a grid, the likeliest next token of each, and whether "
              "they converge more than random pushes do.",
              190, 160, true, flowChoices},
             figureOfFlowFile},
    FileView{
        {"response", "Response", "Response against size", "",
         "How far the output moves when one state is pushed further and further, beside random directions.",
         160, 150, true},
        figureOfResponseFile},
    FileView{{pathsView, "Compare", "Paths side by side", "",
              "The paths of two or more sources, in one basis, or each in its own, rotated onto the first.",
              190, 90},
             figureOfComparison<figureOfPaths>},
    FileView{{ckaView, "CKA", "Similarity of depths (CKA)", "",
              "How similar the geometry of the rows of two sources is, for all pairs of depths, beside "
              "shuffled samples.",
              240, 80, false, ckaChoices},
             figureOfComparison<figureOfCka>},
    FileView{
        {differenceView, "Difference", "Differences by depth", "",
         "The curves of one source minus those of another, with intervals from resampled samples.", 190, 120},
        figureOfComparison<figureOfDifference>},
    FileView{{comparedVerdictsView, "Compared verdicts", "Verdicts of several sources", "",
              "The published findings of each source beside their nulls, in the same order.", 240, 110},
             figureOfComparison<figureOfComparedVerdicts>},
    FileView{{trainingView, "Training", "Against the training step", "",
              "Curves and findings of training checkpoints, by the training steps in their names.", 190, 160},
             figureOfComparison<figureOfTraining>},
};

}  // namespace

std::span<const FileView> fileViewTable() {
    return fileViews;
}

}  // namespace rheo
