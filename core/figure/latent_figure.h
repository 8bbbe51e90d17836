#pragma once

#include <string>
#include <vector>

#include "core/base/array.h"
#include "core/base/index.h"
#include "core/base/residual_point.h"
#include "core/figure/figure.h"

namespace rheo {

struct LatentOptions {
    Theme theme = lightTheme();
    std::vector<RowIndex> rows;        ///< shown; empty: all
    ColorMap map = ColorMap::Viridis;  ///< of depth
    std::int64_t mostMarkers =
        20000;  ///< with more states every second, third, ... row is shown, and said so
};

/// The latent plane of an autoencoder, `latent` [row, point, 2] (a row with a NaN is left out): every state
/// as a marker coloured by depth, with the row it is of, and the mean path of the rows shown over them.
/// Throws Error(Mismatch) unless there are two coordinates and as many points as are named,
/// Error(InvalidArgument) for a row that is not there.
Figure latentFigure(const Array3F& latent, const std::vector<ResidualPoint>& points,
                    const LatentOptions& options);

struct ReconstructionInput {
    VectorD r2;     ///< [point], of the autoencoder
    VectorD pcaR2;  ///< [point], of a PCA of as many components; empty: none
    MatrixD loss;   ///< [epoch, 2], training and validation; empty: no such panel
    std::vector<ResidualPoint> points;
};

/// How well states are given back at each depth, beside PCA, and how the loss fell. r2 below -1 is outside of
/// the axis, and the note says so. Throws Error(Mismatch) for lengths that do not fit.
Figure reconstructionFigure(const ReconstructionInput& input, const Theme& theme);

}  // namespace rheo
