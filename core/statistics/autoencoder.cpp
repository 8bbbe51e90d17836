#include "core/statistics/autoencoder.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/optim/adam.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "core/analysis/covariance.h"
#include "core/analysis/row_source.h"
#include "core/analysis/state_spectrum.h"
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/printable.h"
#include "core/base/random.h"
#include "core/torch/failure.h"
#include "core/torch/threads.h"

namespace rheo {

namespace {

constexpr std::int64_t widest = 1024;
constexpr std::int64_t latentWidth = 2;
constexpr auto running = "running the autoencoder";
/// What is read between two checks for a stop.
constexpr std::size_t readBytes = std::size_t{16} << 20;
/// Multiplications of one call of dsyrk, and of one passage through the network and back: some tens of
/// milliseconds.
constexpr double covarianceWork = 1e9, networkWork = 2e9;

/// Streams of random numbers: one for each thing that is drawn, and one for each epoch after them.
constexpr std::uint64_t splitStream = 0, weightStream = 1, firstOrderStream = 2;

/// From raw states to what the network sees.
class Standardiser {
public:
    explicit Standardiser(const Autoencoder& model)
        : m_model(model),
          m_used(static_cast<double>(model.unitCount()) - static_cast<double>(model.maskedUnits.size())) {
        m_factor = (model.sd.array() > 0).select(model.sd.array().inverse(), 0.0);
    }

    /// Masked and scaled, not standardised: `state` [unit] into `out` [unit].
    template <class Out>
    void scale(const float* state, Out&& out) const {
        const auto units = m_model.unitCount();
        out = Eigen::Map<const VectorF>(state, units).cast<double>();
        for (const auto unit : m_model.maskedUnits) out[unit] = 0;
        if (m_model.scaling == Scaling::Rms) out *= std::sqrt(m_used) / out.norm();
    }
    template <class Out>
    void standardise(const float* state, Out&& out) const {
        scale(state, out);
        out = (out - m_model.mean).cwiseProduct(m_factor);
    }
    std::int64_t varyingUnits() const { return (m_factor.array() > 0).count(); }

private:
    const Autoencoder& m_model;
    double m_used;
    VectorD m_factor;
};

/// Tensors over the numbers of a model, which they share.
struct Layers {
    explicit Layers(Autoencoder& model) {
        for (auto& w : model.weights) weights.push_back(at::from_blob(w.data(), {w.rows(), w.cols()}));
        for (auto& b : model.biases) biases.push_back(at::from_blob(b.data(), {b.size()}));
    }
    /// For reading only.
    explicit Layers(const Autoencoder& model) : Layers(const_cast<Autoencoder&>(model)) {}

    /// `x` [state, width] through layers from .. to - 1: a GELU behind each but the latent and the last one.
    at::Tensor forward(at::Tensor x, std::size_t from, std::size_t to) const {
        for (std::size_t l = from; l < to; ++l) {
            x = at::linear(x, weights[l], biases[l]);
            if (l + 1 != weights.size() && l + 1 != middle()) x = at::gelu(x);
        }
        return x;
    }
    std::size_t middle() const { return weights.size() / 2; }

    std::vector<at::Tensor> weights, biases;
};

/// A tensor over the first `count` rows of a matrix.
at::Tensor tensorOf(MatrixF& matrix, std::int64_t count) {
    return at::from_blob(matrix.data(), {count, matrix.cols()});
}

/// States that go through the network and back between two checks for a stop.
std::int64_t statesAtOnce(const Autoencoder& model, std::int64_t batch) {
    double weights = 1;
    for (const auto& w : model.weights) weights += static_cast<double>(w.size());
    return std::clamp<std::int64_t>(static_cast<std::int64_t>(networkWork / (3 * weights)), 8, batch);
}

/// Adam, and the network it changes.
class Trainer {
public:
    Trainer(Autoencoder& model, const AutoencoderOptions& options, std::int64_t varyingUnits)
        : m_layers(model),
          m_values(static_cast<double>(std::max<std::int64_t>(1, varyingUnits))),
          m_atOnce(statesAtOnce(model, options.batch)),
          m_input(m_atOnce, model.unitCount()),
          m_adam(leaves(m_layers), torch::optim::AdamOptions(options.learningRate)) {}

    /// One step on `count` states; `fill(first, count, states)` makes the input of some of them. Returns the
    /// squared error before it.
    template <class Fill>
    double step(std::int64_t count, const Progress& progress, Fill fill) {
        double error = 0;
        m_adam.zero_grad();
        for (std::int64_t first = 0; first < count; first += m_atOnce) {
            progress.check();
            const std::int64_t some = std::min(m_atOnce, count - first);
            fill(first, some, m_input);
            const at::Tensor x = tensorOf(m_input, some);
            const at::Tensor squares = (m_layers.forward(x, 0, m_layers.weights.size()) - x).square().sum();
            (squares / (static_cast<double>(count) * m_values)).backward();
            error += squares.item<double>();
        }
        m_adam.step();
        return error;
    }

private:
    static std::vector<at::Tensor> leaves(Layers& layers) {
        std::vector<at::Tensor> all;
        for (auto* some : {&layers.weights, &layers.biases})
            for (auto& tensor : *some) all.push_back(tensor.requires_grad_());
        return all;
    }

    Layers m_layers;
    double m_values;
    std::int64_t m_atOnce;
    MatrixF m_input;
    torch::optim::Adam m_adam;
};

/// Makes `count` rows of `input` by `fill(i, row)`, on several threads.
template <class Fill>
void fillRows(MatrixF& input, std::int64_t count, int threads, const Progress& progress, Fill fill) {
    parallelFor(count, 64, threads, progress, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) fill(i, input.row(i));
    });
}

/// Some rows of a source in blocks of as many as the memory holds: one block where the source holds them all.
class RowBlocks {
public:
    RowBlocks(const RowSource& source, std::vector<std::int64_t> rows, std::size_t memoryBytes)
        : m_source(source), m_rows(std::move(rows)) {
        const auto perRow = static_cast<std::size_t>(valuesOfRow()) * sizeof(float);
        m_blockRows = count();
        if (!source.held())
            m_blockRows =
                std::clamp<std::int64_t>(static_cast<std::int64_t>(memoryBytes / perRow), 1, count());
        m_pieceRows = std::max<std::int64_t>(1, static_cast<std::int64_t>(readBytes / perRow));
        // Pairs of a block are numbered by 32 bits.
        m_blockRows = std::clamp<std::int64_t>(
            std::numeric_limits<std::int32_t>::max() / source.view().pointCount(), 1, m_blockRows);
    }

    std::int64_t count() const { return static_cast<std::int64_t>(m_rows.size()); }
    const std::vector<std::int64_t>& rows() const { return m_rows; }
    std::int64_t blocks() const { return (count() + m_blockRows - 1) / m_blockRows; }
    std::int64_t first(std::int64_t block) const { return block * m_blockRows; }
    std::int64_t rowsIn(std::int64_t block) const { return std::min(m_blockRows, count() - first(block)); }

    void load(std::int64_t block, const Progress& progress) {
        m_first = first(block);
        if (m_source.held()) return;
        m_buffer.reserve(static_cast<std::size_t>(rowsIn(block) * valuesOfRow()));
        for (std::int64_t i = 0; i < rowsIn(block); i += m_pieceRows) {
            progress.check();
            const auto from = m_rows.begin() + m_first + i;
            const std::int64_t piece = std::min(m_pieceRows, rowsIn(block) - i);
            m_buffer.resize(std::max(m_buffer.size(), static_cast<std::size_t>((i + piece) * valuesOfRow())));
            readView(withRows(m_source.view(), {from, from + piece}), 0, piece,
                     m_buffer.data() + i * valuesOfRow());
        }
    }
    /// Of the block loaded: state `pair % P` of its row `pair / P`.
    const float* state(std::int64_t pair) const {
        const std::int64_t points = m_source.view().pointCount(), units = m_source.view().unitCount();
        if (!m_source.held()) return m_buffer.data() + pair * units;
        const std::int64_t row = m_rows[static_cast<std::size_t>(m_first + pair / points)];
        return m_source.read(row, 1, m_unused, {}) + (pair % points) * units;
    }
    /// Calls `use(first row, first pair, count)` for all pairs in order, `most` at a time.
    template <class Use>
    void forEachChunk(std::int64_t most, const Progress& progress, Use use) {
        for (std::int64_t block = 0; block < blocks(); ++block) {
            load(block, progress);
            const std::int64_t pairs = rowsIn(block) * m_source.view().pointCount();
            for (std::int64_t pair = 0; pair < pairs; pair += most) {
                progress.check();
                use(first(block), pair, std::min(most, pairs - pair));
            }
        }
    }

private:
    std::int64_t valuesOfRow() const { return m_source.view().pointCount() * m_source.view().unitCount(); }

    const RowSource& m_source;
    std::vector<std::int64_t> m_rows;
    std::int64_t m_blockRows = 1, m_pieceRows = 1, m_first = 0;
    std::vector<float> m_buffer;
    mutable std::vector<float> m_unused;  ///< rows that are held need no buffer
};

/// Feeds the standardised states of some rows to `statistic`, and calls `see` with each batch before.
template <class See>
void feedStandardised(const Autoencoder& model, RowBlocks& rows, StateStatistic& statistic,
                      const VectorD& factor, std::int64_t atOnce, Progress& progress, See see) {
    const std::int64_t units = model.unitCount();
    const Standardiser standardiser(model);
    MatrixD states;
    rows.forEachChunk(atOnce, progress, [&](std::int64_t firstRow, std::int64_t pair, std::int64_t count) {
        states.resize(count, units);
        VectorD state(units);
        for (std::int64_t i = 0; i < count; ++i) {
            standardiser.scale(rows.state(pair + i), state);
            states.row(i) = state.transpose();
        }
        see(states);
        if (factor.size() > 0) states = states * factor.asDiagonal();
        statistic.add(states, 1);
        progress.report(static_cast<double>(firstRow + 1), static_cast<double>(rows.count()));
    });
}

/// Means and squares of units, for more of them than a covariance may have.
class UnitMoments final : public StateStatistic {
public:
    explicit UnitMoments(std::int64_t units) : m_sum(VectorD::Zero(units)), m_squares(m_sum) {}
    void open(int) override {}
    void add(Eigen::Ref<MatrixD> states, int) override {
        if (m_count == 0) m_shift = states.colwise().mean().transpose();
        states.rowwise() -= m_shift.transpose();
        m_sum += states.colwise().sum().transpose();
        m_squares += states.colwise().squaredNorm().transpose();
        m_count += static_cast<double>(states.rows());
    }
    VectorD mean() const { return m_shift + m_sum / m_count; }
    VectorD variance() const { return (m_squares / m_count - (m_sum / m_count).cwiseAbs2()).cwiseMax(0.0); }

private:
    double m_count = 0;
    VectorD m_shift, m_sum, m_squares;
};

/// Sets mean and SD of the model from the training rows; returns the two leading components of the
/// standardised states, [component, unit]. `memoryBytes` bounds what the components take.
MatrixD fitUnits(Autoencoder& model, RowBlocks& rows, std::int64_t points, std::size_t memoryBytes,
                 Progress& progress) {
    const std::int64_t units = model.unitCount(), pairs = rows.count() * points;
    const auto atOnce = std::clamp<std::int64_t>(
        static_cast<std::int64_t>(covarianceWork / (static_cast<double>(units) * static_cast<double>(units))),
        32, 4096);
    VectorD low = VectorD::Constant(units, std::numeric_limits<double>::infinity()), high = -low;
    const auto range = [&](const MatrixD& states) {
        low = low.cwiseMin(states.colwise().minCoeff().transpose());
        high = high.cwiseMax(states.colwise().maxCoeff().transpose());
    };
    // A constant unit is told by its values: the rounding of its sums may not look like a spread.
    const auto setSd = [&](const VectorD& variance) {
        model.sd = (low.array() < high.array()).select(variance.cwiseSqrt(), 0.0);
        return VectorD((model.sd.array() > 0).select(model.sd.array().inverse(), 0.0));
    };
    if (pairs >= units &&
        StateSpectrum::formOf(pairs, units, memoryBytes) == StateSpectrum::Form::Covariance) {
        CovarianceSum sum(units);
        feedStandardised(model, rows, sum, {}, atOnce, progress, range);
        const auto n = static_cast<double>(sum.count());
        model.mean = sum.mean();
        MatrixD covariance = sum.count() > 1 ? sum.covariance(progress) : MatrixD::Zero(units, units);
        const VectorD factor = setSd(covariance.diagonal() * ((n - 1) / n));
        for (std::int64_t u = 0; u < units; ++u) {
            progress.check();
            covariance.row(u) = factor[u] * covariance.row(u).cwiseProduct(factor.transpose());
        }
        MatrixD components;
        largestEigenvalues(covariance, static_cast<int>(std::min(latentWidth, units)), &components, progress);
        return components;
    }
    UnitMoments moments(units);
    feedStandardised(model, rows, moments, {}, atOnce, progress, range);
    model.mean = moments.mean();
    const VectorD factor = setSd(moments.variance());
    StateSpectrum spectrum(pairs, units, memoryBytes);
    const auto feed = [&](StateStatistic& statistic, Progress& part) {
        feedStandardised(model, rows, statistic, factor, atOnce, part, [](const MatrixD&) {});
    };
    Progress silent(progress.stopToken());
    feed(spectrum, silent);
    if (pairs < 2) return MatrixD::Identity(std::min(latentWidth, units), units);
    return spectrum.solve({static_cast<int>(std::min(latentWidth, units)), true, false}, feed, silent)
        .components;
}

/// Widths of the layers, by definition.
std::vector<std::int64_t> widthsFor(std::int64_t units) {
    const std::int64_t first = std::min(units, widest);
    return {units, first, 256, 64, latentWidth, 64, 256, first, units};
}

/// What training holds of the layers that grow with the units (the first and the last), beside the best ones
/// so far, which are the result: weights, their gradients, and two moments of each for Adam.
std::size_t trainingBytes(std::int64_t units) {
    const std::int64_t weights = 2 * units * std::min(units, widest);
    return static_cast<std::size_t>(weights) * 4 * sizeof(float);
}

/// Options with what the network leaves of the memory. Throws Error(OutOfMemory) where that is less than an
/// eighth.
AutoencoderOptions besideNetwork(const AutoencoderOptions& options, std::int64_t units) {
    const std::size_t network = trainingBytes(units), least = network + network / 7;
    if (options.memoryBytes < least)
        throw Error(ErrorCode::OutOfMemory,
                    fmt::format("training an autoencoder of {} units takes {}, and {} may be used: give "
                                "--memory {}M or more",
                                units, formatBytes(double(network)), formatBytes(double(options.memoryBytes)),
                                least / (std::size_t{1} << 20) + 1));
    AutoencoderOptions left = options;
    left.memoryBytes -= network;
    return left;
}

/// Layers of those widths, drawn anew.
void drawWeights(Autoencoder& model, std::uint64_t seed, const Progress& progress) {
    const std::int64_t units = model.unitCount();
    const std::vector<std::int64_t> widths = widthsFor(units);
    RandomStream random(seed, weightStream);
    for (std::size_t l = 0; l + 1 < widths.size(); ++l) {
        progress.check();
        const double bound = 1 / std::sqrt(static_cast<double>(widths[l]));
        const auto draw = [&](float& x) { x = static_cast<float>(bound * (2 * random.uniform() - 1)); };
        MatrixF& w = model.weights.emplace_back(widths[l + 1], widths[l]);
        VectorF& b = model.biases.emplace_back(widths[l + 1]);
        std::for_each(w.data(), w.data() + w.size(), draw);
        std::for_each(b.data(), b.data() + b.size(), draw);
    }
    // What is constant is given back as 0, exactly and for ever: an error of 0 teaches nothing.
    for (std::int64_t u = 0; u < units; ++u)
        if (!(model.sd[u] > 0)) {
            model.weights.back().row(u).setZero();
            model.biases.back()[u] = 0;
        }
}

double meanLoss(const Autoencoder& model, const Standardiser& standardiser, RowBlocks& rows,
                std::int64_t points, const AutoencoderOptions& options, const Progress& progress) {
    const at::NoGradGuard noGradients;
    const Layers layers(model);
    const std::int64_t atOnce = statesAtOnce(model, options.batch);
    MatrixF input(atOnce, model.unitCount());
    double error = 0;
    rows.forEachChunk(atOnce, progress, [&](std::int64_t, std::int64_t pair, std::int64_t count) {
        fillRows(input, count, options.threads, progress, [&](std::int64_t i, auto row) {
            VectorD state(model.unitCount());
            standardiser.standardise(rows.state(pair + i), state);
            row = state.transpose().cast<float>();
        });
        const at::Tensor x = tensorOf(input, count);
        error += (layers.forward(x, 0, layers.weights.size()) - x).square().sum(at::kDouble).item<double>();
    });
    const double varying = static_cast<double>(std::max<std::int64_t>(1, standardiser.varyingUnits()));
    return error / (static_cast<double>(rows.count() * points) * varying);
}

/// Latent states of all rows of `source`, and r2 and mse (with `components` also pcaR2) over its rows
/// `measured`, ascending.
void evaluate(AutoencoderResult& result, const RowSource& source, const std::vector<std::int64_t>& measured,
              const MatrixD& components, const AutoencoderOptions& options, Progress& progress) {
    const Autoencoder& model = result.model;
    const Standardiser standardiser(model);
    const std::int64_t points = source.view().pointCount(), units = model.unitCount();
    std::vector<std::int64_t> all(static_cast<std::size_t>(source.view().rowCount()));
    for (std::size_t n = 0; n < all.size(); ++n) all[n] = static_cast<std::int64_t>(n);
    RowBlocks rows(source, std::move(all), options.memoryBytes / 4);

    result.latent = Array3F(source.askedCount(), points, latentWidth);
    std::fill(result.latent.data.begin(), result.latent.data.end(), std::numeric_limits<float>::quiet_NaN());
    const at::NoGradGuard noGradients;
    const Layers layers(model);
    const std::int64_t atOnce = statesAtOnce(model, options.batch);
    MatrixF input(atOnce, units);
    MatrixD states(atOnce, units);
    VectorD errors(atOnce), pcaErrors(atOnce);
    // Sums about the first state measured at each point, which keeps them small.
    MatrixD shift(points, units), sums = MatrixD::Zero(points, units);
    VectorD squares = VectorD::Zero(points), error = squares, pcaError = squares;
    rows.forEachChunk(atOnce, progress, [&](std::int64_t firstRow, std::int64_t pair, std::int64_t count) {
        fillRows(input, count, options.threads, progress, [&](std::int64_t i, auto row) {
            VectorD state(units);
            standardiser.standardise(rows.state(pair + i), state);
            states.row(i) = state.transpose();
            row = state.transpose().cast<float>();
        });
        const at::Tensor latentStates =
            layers.forward(tensorOf(input, count), 0, layers.middle()).contiguous();
        progress.check();
        const at::Tensor output =
            layers.forward(latentStates, layers.middle(), layers.weights.size()).contiguous();
        progress.check();
        const Eigen::Map<const MatrixF> latent(latentStates.data_ptr<float>(), count, latentWidth);
        const Eigen::Map<const MatrixF> found(output.data_ptr<float>(), count, units);
        for (std::int64_t i = 0; i < count; ++i) {
            errors[i] = (found.row(i).cast<double>() - states.row(i)).squaredNorm();
            if (components.size() > 0)
                pcaErrors[i] = std::max(0.0, states.row(i).squaredNorm() -
                                                 (components * states.row(i).transpose()).squaredNorm());
        }
        for (std::int64_t i = 0; i < count; ++i) {
            const std::int64_t row = firstRow + (pair + i) / points, p = (pair + i) % points;
            std::copy_n(latent.row(i).data(), latentWidth,
                        result.latent.at(source.askedRows()[static_cast<std::size_t>(row)], p));
            if (!std::binary_search(measured.begin(), measured.end(), row)) continue;
            if (row == measured.front()) shift.row(p) = states.row(i);
            sums.row(p) += states.row(i) - shift.row(p);
            squares[p] += (states.row(i) - shift.row(p)).squaredNorm();
            error[p] += errors[i];
            pcaError[p] += pcaErrors[i];
        }
        progress.report(static_cast<double>(firstRow + (pair + count) / points),
                        static_cast<double>(rows.count()));
    });
    const auto n = static_cast<double>(measured.size());
    const VectorD spread = squares - sums.rowwise().squaredNorm() / n;
    const auto share = [&](const VectorD& errorsOfPoints) -> VectorD {
        return (spread.array() > 0)
            .select(1 - errorsOfPoints.array() / spread.array(), std::numeric_limits<double>::quiet_NaN());
    };
    result.r2 = share(error);
    if (components.size() > 0) result.pcaR2 = share(pcaError);
    result.mse = error / (n * static_cast<double>(std::max<std::int64_t>(1, standardiser.varyingUnits())));
}

/// Leaves of a result what training gave: no state was put through the network after it.
void forgetMeasures(AutoencoderResult& result, const RowSource& source) {
    const std::int64_t points = source.view().pointCount();
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    result.latent = Array3F(source.askedCount(), points, latentWidth);
    std::fill(result.latent.data.begin(), result.latent.data.end(), std::numeric_limits<float>::quiet_NaN());
    result.r2 = result.mse = result.pcaR2 = VectorD::Constant(points, nan);
}

void checkOptions(const AutoencoderOptions& options) {
    const auto refuse = [](const char* what, const std::string& value, const char* needed) {
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("the autoencoder's {} is {}, and should be {}", what, value, needed));
    };
    if (options.epochs < 1) refuse("number of epochs", fmt::to_string(options.epochs), "at least 1");
    if (options.patience < 1) refuse("patience", fmt::to_string(options.patience), "at least 1");
    if (options.batch < 1 || options.batch > 1 << 16)
        refuse("batch", fmt::to_string(options.batch), "between 1 and 65,536");
    if (!(options.learningRate > 0)) refuse("learning rate", fmt::to_string(options.learningRate), "above 0");
    if (!(options.trainShare > 0 && options.trainShare < 1))
        refuse("share of training samples", fmt::to_string(options.trainShare), "between 0 and 1");
}

}  // namespace

std::vector<std::int64_t> Autoencoder::widths() const {
    std::vector<std::int64_t> all{unitCount()};
    for (const auto& w : weights) all.push_back(w.rows());
    return all;
}

void checkAutoencoder(const Autoencoder& model) {
    const auto refuse = [](const std::string& why) {
        throw Error(ErrorCode::Mismatch, "the autoencoder " + why);
    };
    const std::int64_t units = model.unitCount();
    if (units < 1 || model.sd.size() != units)
        refuse(fmt::format("has means of {} units and SDs of {}", units, model.sd.size()));
    const std::size_t layers = model.weights.size();
    if (layers < 2 || layers % 2 != 0 || model.biases.size() != layers)
        refuse(fmt::format("has {} weight matrices and {} biases", layers, model.biases.size()));
    std::int64_t in = units;
    for (std::size_t l = 0; l < layers; ++l) {
        const MatrixF& w = model.weights[l];
        if (w.cols() != in || model.biases[l].size() != w.rows())
            refuse(fmt::format("has a layer {} of weights [{}, {}] and {} biases behind one of width {}", l,
                               w.rows(), w.cols(), model.biases[l].size(), in));
        in = w.rows();
    }
    if (in != units || model.weights[layers / 2 - 1].rows() != latentWidth)
        refuse(fmt::format("leads from {} units over {} to {}, not over {} and back", units,
                           model.weights[layers / 2 - 1].rows(), in, latentWidth));
    for (const auto unit : model.maskedUnits)
        if (unit < 0 || unit >= units) refuse(fmt::format("masks unit {} of {}", unit, units));
}

SampleSplit splitBySample(std::span<const std::int32_t> samples, double trainShare, std::uint64_t seed) {
    std::map<std::int32_t, bool> trains;
    for (const auto sample : samples) trains[sample] = false;
    const auto count = static_cast<std::int32_t>(trains.size());
    if (count < 2)
        throw Error(
            ErrorCode::InvalidArgument,
            fmt::format("an autoencoder is trained on some samples and tested on others, and the usable rows "
                        "are of {} sample{}; at least 2 are needed",
                        count, count == 1 ? "" : "s"));
    const auto wanted =
        std::clamp<std::int32_t>(static_cast<std::int32_t>(std::lround(trainShare * count)), 1, count - 1);
    std::vector<std::int32_t> names;
    for (const auto& [sample, unused] : trains) names.push_back(sample);
    const auto order = RandomStream(seed, splitStream).permutation(count);
    for (std::int32_t i = 0; i < wanted; ++i)
        trains[names[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])]] = true;
    SampleSplit split;
    for (std::size_t n = 0; n < samples.size(); ++n)
        (trains[samples[n]] ? split.train : split.validation).push_back(static_cast<std::int64_t>(n));
    return split;
}

namespace {

AutoencoderResult fit(const TraceView& view, const AutoencoderOptions& options, Progress& progress) {
    progress.setStage("autoencoder: looking for values that are not finite");
    Progress scan = progress.part(0, 0.02), moments = progress.part(0.02, 0.04),
             training = progress.part(0.04, 0.98), last = progress.part(0.98, 1);
    const RowSource source(view, options.memoryBytes / 2, scan);
    const ThreadScope threads(resolveThreads(options.threads));
    const std::int64_t points = source.view().pointCount();

    std::vector<std::int32_t> samples;
    const auto& rows = source.view().trace->info().rows;
    for (std::int64_t n = 0; n < source.view().rowCount(); ++n)
        samples.push_back(rows[static_cast<std::size_t>(source.view().traceRow(n))].sample);
    const SampleSplit split = splitBySample(samples, options.trainShare, options.seed);
    RowBlocks train(source, split.train, options.memoryBytes / 4);
    RowBlocks validation(source, split.validation, options.memoryBytes / 4);

    AutoencoderResult result;
    result.excludedRows = source.excludedRows();
    for (const auto n : split.train)
        result.trainRows.push_back(source.askedRows()[static_cast<std::size_t>(n)]);
    for (const auto n : split.validation)
        result.validationRows.push_back(source.askedRows()[static_cast<std::size_t>(n)]);
    Autoencoder model;
    model.scaling = view.scaling;
    model.maskedUnits = view.maskedUnits;
    model.mean = model.sd = VectorD::Zero(view.unitCount());
    progress.setStage("autoencoder: mean and SD of the units");
    const MatrixD components = fitUnits(model, train, view.pointCount(), options.memoryBytes / 4, moments);
    drawWeights(model, options.seed, moments);

    const Standardiser standardiser(model);
    const auto varying = static_cast<double>(std::max<std::int64_t>(1, standardiser.varyingUnits()));
    const double pairs = static_cast<double>(train.count() * points);
    Trainer trainer(model, options, standardiser.varyingUnits());
    std::vector<std::pair<double, double>> losses;
    double best = 0;  // validation loss
    progress.setStage("autoencoder: epoch 1");
    try {
        for (int epoch = 1; epoch <= options.epochs && epoch - result.bestEpoch <= options.patience;
             ++epoch) {
            RandomStream random(options.seed, firstOrderStream + static_cast<std::uint64_t>(epoch));
            double error = 0, done = 0;
            // Of epochs: what is likely, or what this training goes on for in any case.
            const auto expected = std::min<std::int64_t>(
                options.epochs, std::max<std::int64_t>(expectedEpochs, result.bestEpoch + options.patience));
            for (const auto block : random.permutation(static_cast<std::int32_t>(train.blocks()))) {
                train.load(block, training);
                const auto order =
                    random.permutation(static_cast<std::int32_t>(train.rowsIn(block) * points));
                const auto count = static_cast<std::int64_t>(order.size());
                for (std::int64_t first = 0; first < count; first += options.batch) {
                    training.check();
                    const std::int64_t states = std::min<std::int64_t>(options.batch, count - first);
                    error += trainer.step(
                        states, training, [&](std::int64_t from, std::int64_t some, MatrixF& into) {
                            fillRows(into, some, options.threads, training, [&](std::int64_t i, auto row) {
                                VectorD state(model.unitCount());
                                const std::int32_t pair = order[static_cast<std::size_t>(first + from + i)];
                                standardiser.standardise(train.state(pair), state);
                                row = state.transpose().cast<float>();
                            });
                        });
                    done += static_cast<double>(states);
                    training.report(epoch - 1 + done / pairs, static_cast<double>(expected));
                }
            }
            losses.emplace_back(error / (pairs * varying),
                                meanLoss(model, standardiser, validation, points, options, training));
            // Written so that a loss that is not a number is never the better one.
            if (result.bestEpoch == 0 || losses.back().second < best) {
                best = losses.back().second;
                result.bestEpoch = epoch;
                result.model = model;
            }
            progress.setStage(
                fmt::format("autoencoder: epoch {} gave loss {:.4g}, validation {:.4g} (best {:.4g})", epoch,
                            losses.back().first, losses.back().second, best));
        }
    } catch (const Cancelled&) {
        if (result.bestEpoch == 0) throw;
        result.stopped = true;
    }
    result.loss.resize(static_cast<Eigen::Index>(losses.size()), 2);
    for (std::size_t i = 0; i < losses.size(); ++i)
        result.loss.row(static_cast<Eigen::Index>(i)) << losses[i].first, losses[i].second;
    if (!result.stopped) try {
            evaluate(result, source, split.validation, components, options, last);
        } catch (const Cancelled&) {  // what was learned is not thrown away any more
            result.stopped = true;
        }
    if (result.stopped) forgetMeasures(result, source);
    progress.report(1, 1);
    return result;
}

}  // namespace

AutoencoderResult fitAutoencoder(const TraceView& view, const AutoencoderOptions& options,
                                 Progress& progress) {
    checkOptions(options);
    return translated(running, "",
                      [&] { return fit(view, besideNetwork(options, view.unitCount()), progress); });
}

AutoencoderResult applyAutoencoder(const Autoencoder& model, const TraceView& view,
                                   const AutoencoderOptions& options, Progress& progress) {
    checkOptions(options);
    checkAutoencoder(model);
    checkNormedAlike(model.scaling, view);
    if (view.unitCount() != model.unitCount())
        throw Error(ErrorCode::Mismatch,
                    fmt::format("the autoencoder is of states of {} units, and the trace has {}",
                                model.unitCount(), view.unitCount()));
    TraceView seen = view;
    seen.scaling = model.scaling;
    seen.maskedUnits = model.maskedUnits;
    progress.setStage("autoencoder: encoding");
    Progress scan = progress.part(0, 0.3), work = progress.part(0.3, 1);
    const RowSource source(seen, options.memoryBytes / 2, scan);
    const ThreadScope threads(resolveThreads(options.threads));
    AutoencoderResult result;
    result.model = model;
    result.excludedRows = source.excludedRows();
    std::vector<std::int64_t> all(static_cast<std::size_t>(source.view().rowCount()));
    for (std::size_t n = 0; n < all.size(); ++n) all[n] = static_cast<std::int64_t>(n);
    translated(running, "", [&] { evaluate(result, source, all, {}, options, work); });
    progress.report(1, 1);
    return result;
}

namespace {

void requireWidth(std::int64_t found, std::int64_t expected, const char* what) {
    if (found != expected)
        throw Error(
            ErrorCode::Mismatch,
            fmt::format("{} of width {} were given to an autoencoder that takes {}", what, found, expected));
}

}  // namespace

MatrixF encode(const Autoencoder& model, const MatrixF& states) {
    requireWidth(states.cols(), model.unitCount(), "states");
    const Standardiser standardiser(model);
    MatrixF input(states.rows(), states.cols());
    VectorD state(model.unitCount());
    for (Eigen::Index i = 0; i < states.rows(); ++i) {
        standardiser.standardise(states.row(i).data(), state);
        input.row(i) = state.transpose().cast<float>();
    }
    return translated(running, "", [&] {
        const at::NoGradGuard noGradients;
        const Layers layers(model);
        const at::Tensor latent =
            layers.forward(tensorOf(input, input.rows()), 0, layers.middle()).contiguous();
        return MatrixF(Eigen::Map<const MatrixF>(latent.data_ptr<float>(), input.rows(), latentWidth));
    });
}

MatrixF decode(const Autoencoder& model, const MatrixF& latent) {
    requireWidth(latent.cols(), latentWidth, "latent states");
    MatrixF input = latent;
    MatrixD states = translated(running, "", [&] {
        const at::NoGradGuard noGradients;
        const Layers layers(model);
        const at::Tensor output =
            layers.forward(tensorOf(input, input.rows()), layers.middle(), layers.weights.size())
                .contiguous();
        return MatrixD(Eigen::Map<const MatrixF>(output.data_ptr<float>(), input.rows(), model.unitCount())
                           .cast<double>());
    });
    states = states * model.sd.asDiagonal();
    states.rowwise() += model.mean.transpose();
    return states.cast<float>();
}

double AutoencoderFit::nanoseconds(const AutoencoderOptions& options, const Sizes& sizes, bool) {
    const double first = std::min(sizes.unitCount(), static_cast<double>(widest));
    const double weights = 2 * (sizes.unitCount() * first + first * 256 + 256 * 64 + 64 * 2);
    const int epochs = std::min(options.epochs, expectedEpochs);
    return sizes.states() * (epochs * (0.1 * weights + 200) + 0.05 * sizes.unitCount() * sizes.unitCount());
}

}  // namespace rheo
