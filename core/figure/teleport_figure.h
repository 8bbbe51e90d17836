#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/array.h"
#include "core/base/residual_point.h"
#include "core/figure/figure.h"

namespace rheo {

/// How likely a token is next, before and after a teleport.
struct TokenChange {
    std::string token;  ///< its text; shown with visible spaces
    double natural = 0;
    double teleported = 0;  ///< NaN for all where nothing was moved
};

/// A teleport's measures as ANALYSES (Teleport) defines them, Q points from the one it was made at.
/// What is empty is left out of the figure.
struct TeleportCurves {
    std::vector<ResidualPoint> points;  ///< all points of the model
    int first = 0;                      ///< index of the point the state was put in at; Q = points - first
    VectorD distance;                   ///< [Q]
    VectorD distancePca;                ///< [Q]
    MatrixD controlDistance;            ///< [K, Q], random directions of the whole space
    MatrixD controlPcaDistance;         ///< [K, Q], random directions inside the PCA space
    std::vector<TokenChange> tokens;    ///< in the order shown, from the top
    bool rms = false;                   ///< the distances are those of h / RMS(h)
};

/// A teleport among several that are compared.
struct ComparedTeleport {
    std::string name;       ///< in the legend
    TeleportCurves curves;  ///< only the distances are drawn
};
/// Distance and retention by depth of several teleports of one model, in the colours of comparedLook().
/// Throws Error(Mismatch) for lengths that do not fit, or for points of different models;
/// Error(InvalidArgument) for none.
Figure compareTeleportsFigure(const std::vector<ComparedTeleport>& teleports, const Theme& theme);

struct TeleportResult;
/// The curves of a result, in raw or RMS scaling; the tokens are for the caller to fill.
TeleportCurves teleportCurves(const TeleportResult& result, const std::vector<ResidualPoint>& points,
                              bool rms);

/// Distance, retention and contraction by depth, each with the band that 95 % of the controls lie in, and
/// the next tokens before and after: a panel each, in this order. Throws Error(Mismatch) for lengths that do
/// not fit.
Figure teleportFigure(const TeleportCurves& curves, const Theme& theme);
/// The next tokens alone.
Figure nextTokenFigure(const std::vector<TokenChange>& tokens, const Theme& theme);

/// A token as a reader can see it: spaces, line ends and other unprintable bytes as signs.
std::string visibleToken(std::string_view text);

}  // namespace rheo
