#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/analysis/trace_view.h"
#include "core/base/array.h"
#include "core/base/progress.h"
#include "core/statistics/statistic.h"

namespace rheo {

/// How the compressing autoencoder is trained (ANALYSES: autoencoder).
struct AutoencoderOptions {
    int epochs = 200;   ///< at most
    int patience = 10;  ///< epochs without a lower validation loss before it stops
    int batch = 512;    ///< (row, point) pairs of one step
    double learningRate = 1e-3;
    double trainShare = 0.8;  ///< of the samples, above 0 and below 1
    std::uint64_t seed = 0;   ///< of the split, the first weights and the order of the pairs
    int threads = 0;
    std::size_t memoryBytes = std::size_t{1} << 30;  ///< bound on what training holds, network and states
};

/// Epochs that a forecast counts on: training ends by itself, mostly after 15 to 30.
constexpr int expectedEpochs = 25;

/// A trained autoencoder: plain numbers, which any trace of the same width can be put through. Layers from
/// the units to 2 and back; between them the exact GELU, x times the normal distribution function of x, but
/// none behind the latent layer (the middle one) and the last.
struct Autoencoder {
    VectorD mean;                  ///< [unit], over the training rows and all points
    VectorD sd;                    ///< [unit] likewise (N); 0: the unit is constant there, and not looked at
    std::vector<MatrixF> weights;  ///< one a layer, [out, in]
    std::vector<VectorF> biases;   ///< one a layer, [out]
    Scaling scaling = Scaling::Raw;              ///< of the states before they are standardised
    std::vector<std::int64_t> maskedUnits = {};  ///< ascending; read as 0, as they were in training

    std::int64_t unitCount() const { return mean.size(); }
    /// The units, then how many each layer has.
    std::vector<std::int64_t> widths() const;
};

struct AutoencoderResult {
    Autoencoder model;  ///< as it was after `bestEpoch`
    Array3F latent;     ///< [row, point, 2]; NaN for an excluded row
    VectorD r2;         ///< [point], on the validation rows: 1 - squared error / squares about their mean at
                        ///< the point, in standardised units; NaN where they do not vary
    VectorD mse;        ///< [point], on the validation rows: squared error a unit that is not constant
    VectorD pcaR2;      ///< [point], r2 of a 2-component PCA of the same training rows, standardised, on the
                        ///< same validation rows
    MatrixD loss;  ///< [epoch, 2], mean squared error of the training pairs while they were learned from,
                   ///< and of the validation pairs after it
    std::int64_t bestEpoch = 0;           ///< from 1, of the lowest validation loss; 0 where none was trained
    bool stopped = false;                 ///< a stop was asked for before training had ended
    std::vector<std::int64_t> trainRows;  ///< of the view, ascending
    std::vector<std::int64_t> validationRows;  ///< of the view, ascending; no sample is in both
    std::int64_t excludedRows = 0;
};

/// Entries of a list that are trained on and those that are not, ascending.
struct SampleSplit {
    std::vector<std::int64_t> train, validation;
};
/// Splits entries by the sample each belongs to, all of one sample on the same side: round(share * S) of the
/// S samples, at least 1 and at most S - 1, drawn by `seed`, are for training. Throws Error(InvalidArgument)
/// for fewer than two samples.
SampleSplit splitBySample(std::span<const std::int32_t> samples, double trainShare, std::uint64_t seed);

/// Trains, with libtorch on the CPU, D -> min(D, 1024) -> 256 -> 64 -> 2 and back (the widths as they are for
/// any D; only the first follows it) on the states of a view: Adam (Kingma and Ba 2015) on the mean squared
/// error, first weights uniform in
/// +-1 / sqrt(inputs). Where the rows do not fit into the memory, each epoch reads them in blocks of
/// neighbouring rows, shuffles the blocks, and the pairs only inside a block.
///
/// The same seed gives the same bits on the same machine with the same number of threads; another memory
/// bound may give other ones. Once an epoch is done a stop no longer throws: the best weights so far are the
/// result, marked `stopped`; latent states, r2, mse and pcaR2 are NaN then, for applyAutoencoder to measure.
/// Cost: about 6 multiplications a weight, pair and epoch; 16 bytes of memory a weight beside the states.
/// Throws as RowSource and splitBySample, Error(InvalidArgument) for options out of range, and
/// Error(OutOfMemory) where the network alone takes more than seven eighths of the memory.
AutoencoderResult fitAutoencoder(const TraceView& view, const AutoencoderOptions& options,
                                 Progress& progress);

/// Puts another view through a trained one: its latent states and, over all its usable rows, r2, mse and,
/// empty, pcaR2; no loss and no split. The view's own scaling and mask are left aside for the model's. Throws
/// Error(Mismatch) where the widths differ, and as RowSource.
AutoencoderResult applyAutoencoder(const Autoencoder& model, const TraceView& view,
                                   const AutoencoderOptions& options, Progress& progress);

/// Latent states of raw states, [state, unit] to [state, 2], and from there back to states, scaled as the
/// model says. Throw Error(Mismatch) where the widths differ.
MatrixF encode(const Autoencoder& model, const MatrixF& states);
MatrixF decode(const Autoencoder& model, const MatrixF& latent);

/// Throws Error(Mismatch) if the parts of a model do not fit together: it may come from a file.
void checkAutoencoder(const Autoencoder& model);

/// The row of the table of statistics.
struct AutoencoderFit {
    static constexpr StatisticInfo info{
        .name = "autoencoder",
        .title = "Autoencoder",
        .shows = "Each state as two numbers, and how well it comes back from them",
        .cost = CostClass::Slow,
        .leastRows = 2};
    using Options = AutoencoderOptions;
    using Result = AutoencoderResult;

    /// With `expectedEpochs` epochs, or fewer where the options allow fewer.
    static double nanoseconds(const AutoencoderOptions& options, const Sizes& sizes, bool observed);
    static void visitOptions(auto& visitor, auto& options) {
        visitor.whole("epochs", options.epochs, 1, 1000000, "at most, of the autoencoder");
        visitor.recorded("patience", options.patience);
        visitor.recorded("batch", options.batch);
        visitor.recorded("learning_rate", options.learningRate);
        visitor.recorded("train_share", options.trainShare);
    }
    static void visitModel(auto& io, auto& model, std::int64_t units) {
        io.vector("unit_mean", model.mean, units);
        io.vector("unit_sd", model.sd, units == anySize ? model.mean.size() : units);
        io.layers(model);
    }
    static void visit(auto& io, auto& r) {
        visitModel(io, r.model, io.sizes.units);
        io.scores("latent", r.latent, 2);
        io.curve("r2", r.r2, Along::Points);
        io.curve("pca_r2", r.pcaR2, Along::Points, anySize);
        io.curve("mse", r.mse, Along::Points);
        io.optional("loss", r.loss, anySize, 2);
        io.attribute("best_epoch", r.bestEpoch);
        io.flag("stopped", r.stopped);
        io.rows("train_rows", r.trainRows);
        io.rows("validation_rows", r.validationRows);
        io.attribute("excluded_rows", r.excludedRows);
    }
    static void setScaling(AutoencoderResult& result, Scaling scaling) { result.model.scaling = scaling; }
    static AutoencoderResult compute(const TraceView& view, const AutoencoderOptions& options,
                                     Progress& progress) {
        return fitAutoencoder(view, options, progress);
    }
};

}  // namespace rheo
