#include "core/figure/patch_map_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/printable.h"
#include "core/figure/depth_axis.h"
#include "core/figure/depth_curves.h"

namespace rheo {

namespace {

std::string shortPiece(const std::string& piece) {
    const std::string shown = printable(piece);
    return shown.size() > 1 && shown.front() == ' ' ? shown.substr(1) : shown;
}

std::string tokenLabel(const PatchMapInput& input, std::size_t token) {
    const std::string own = shortPiece(input.corruptedPieces[token]);
    const std::int32_t from = input.map.request.cleanToken[token];
    if (from < 0) return own;
    const std::string other = shortPiece(input.cleanPieces[static_cast<std::size_t>(from)]);
    return other == own ? own : own + " < " + other;
}

/// Tokens from above: the first row of the map is the last token.
Axis tokenAxis(const PatchMapInput& input) {
    Axis axis;
    axis.title = "Token of the corrupted prompt";
    axis.kind = AxisKind::Tokens;
    axis.named = true;
    axis.low = -0.5;
    axis.high = static_cast<double>(input.corruptedPieces.size()) - 0.5;
    for (std::size_t token = input.corruptedPieces.size(); token-- > 0;) {
        axis.ticks.push_back({static_cast<double>(axis.ids.size()), tokenLabel(input, token)});
        axis.ids.push_back(static_cast<std::int64_t>(token));
    }
    return axis;
}

void checkParts(const PatchMapInput& input) {
    const auto tokens = static_cast<Eigen::Index>(input.corruptedPieces.size()),
               points = static_cast<Eigen::Index>(input.points.size());
    const auto fits = [&](const MatrixD& m) { return m.rows() == tokens && m.cols() == points; };
    if (tokens < 1 || points < 1 || !fits(input.map.effect) || !fits(input.map.normalized) ||
        input.map.request.cleanToken.size() != input.corruptedPieces.size())
        throw Error(
            ErrorCode::Mismatch,
            fmt::format("the patch map is of {} tokens and {} points, but {} tokens and {} points are "
                        "named",
                        input.map.effect.rows(), input.map.effect.cols(), tokens, points));
}

}  // namespace

std::string outcomeTitle(PatchOutcome outcome, const std::string& answer, const std::string& foil) {
    const auto quoted = [](const std::string& text, const char* otherwise) {
        return text.empty() ? std::string(otherwise) : "'" + printable(text) + "'";
    };
    switch (outcome) {
        case PatchOutcome::Probability: return "Probability of " + quoted(answer, "the answer");
        case PatchOutcome::Kl: return "KL(clean || patched) (nats)";
        case PatchOutcome::LogitDifference: break;
    }
    return fmt::format("Logit of {} - logit of {}", quoted(answer, "the answer"), quoted(foil, "the foil"));
}

Figure patchMapFigure(const PatchMapInput& input, const PatchMapOptions& options) {
    checkParts(input);
    const PatchMap& map = input.map;
    HeatmapPlot plot;
    const MatrixD values = options.normalized ? map.normalized : MatrixD(map.effect.array() - map.corrupted);
    plot.values = values.colwise().reverse().cast<float>();
    plot.x = depthAxis(input.points);
    plot.y = tokenAxis(input);
    double largest = options.normalized ? 1 : 0;
    for (Eigen::Index i = 0; i < values.size(); ++i)
        if (std::isfinite(values.data()[i])) largest = std::max(largest, std::abs(values.data()[i]));
    const std::string outcome = outcomeTitle(map.request.outcome, input.answer, input.foil);
    plot.colorScale.map = ColorMap::Vik;
    plot.colorScale.high = largest > 0 ? largest : 1;
    plot.colorScale.low = -plot.colorScale.high;
    plot.colorScale.title = options.normalized ? "Share of the clean outcome" : "Change: " + outcome;
    plot.colorScale.ticks = niceTicks(plot.colorScale.low, plot.colorScale.high, 5);
    Figure figure;
    figure.theme = options.theme;
    figure.panels.push_back({"", std::move(plot)});
    const std::string cell =
        input.axisNames.empty()
            ? "Each cell: the corrupted run with this one state copied from the clean run."
            : fmt::format(
                  "Each cell: the corrupted run with this one state moved to the clean state only along "
                  "'{}'.",
                  fmt::join(input.axisNames, "', '"));
    figure.note = joinNotes({fmt::format("{}: corrupted {:.4g} (0), clean {:.4g}{}.", outcome, map.corrupted,
                                         map.clean, options.normalized ? " (1)" : ""),
                             cell, depthNote(input.points)});
    return figure;
}

}  // namespace rheo
