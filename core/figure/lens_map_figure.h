#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/dynamics/lens_result.h"
#include "core/figure/figure.h"
#include "core/trace/trace.h"

namespace rheo {

/// What colours a cell of a lens map.
enum class LensColor {
    Probability,  ///< of the likeliest next token, 0 to 1
    Entropy,      ///< of the next token, nats
    Divergence,   ///< from what the model says at last, nats: KL(final || lens)
    Rank,         ///< of the token that the lens was asked for, 1 the likeliest, on a logarithmic scale
};
/// Which points are columns.
enum class LensDepth { EveryPoint, EveryBlock, EveryFourthBlock };
/// "points", "blocks", "fourth_blocks".
std::optional<LensDepth> parseLensDepth(std::string_view name);

/// "probability", "entropy", "divergence", "rank".
std::string_view lensColorName(LensColor color);
std::optional<LensColor> parseLensColor(std::string_view name);

struct LensMapOptions {
    Theme theme = lightTheme();
    std::optional<std::int32_t> sample;  ///< whose tokens are shown; none: the first that has several rows
    /// A sample of as many tokens whose values are taken from those of `sample`; the map is diverging then,
    /// and a cell says "before > after" where the likeliest token is another.
    std::optional<std::int32_t> minus;
    LensColor color = LensColor::Probability;
    LensDepth depth = LensDepth::EveryPoint;  ///< of fewer the final one is shown as well
    ColorMap map = ColorMap::Viridis;         ///< of values that are never negative
};

/// The logit lens of one text (nostalgebraist 2020): its tokens from above by depth, the likeliest next token
/// written into each cell that has room. `info` are the rows of the lens. Tokens without a text in the lens
/// have their ids. Throws Error(InvalidArgument) for samples of different lengths, Error(NotFound) where no
/// sample has rows, or the one that is asked for has none, and Error(Mismatch) where lens and rows do not
/// fit, or a divergence or ranks are asked for that are not there.
Figure lensMapFigure(const LensResult& lens, const TraceInfo& info, const LensMapOptions& options);

}  // namespace rheo
