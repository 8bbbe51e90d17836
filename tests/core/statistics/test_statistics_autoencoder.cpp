// The autoencoder against states whose two coordinates are known, and the promises of its training.
#include <cmath>
#include <set>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/statistics/autoencoder.h"
#include "core/statistics/pca.h"
#include "tests/core/analysis/traces.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

constexpr std::int64_t units = 20, points = 4;

/// A curved surface: two coordinates, uniform in [-1, 1], of which 20 units are smooth functions that no
/// plane holds, plus noise of SD 0.01. Two rows a sample.
TraceView surface(std::int64_t samples, std::uint64_t seed) {
    RandomStream shape(1), random(seed);
    MatrixD w(units, 3);
    for (Eigen::Index i = 0; i < w.size(); ++i) w.data()[i] = shape.normal();
    Array3F states(2 * samples, points, units);
    for (std::int64_t n = 0; n < states.n0; ++n)
        for (std::int64_t p = 0; p < points; ++p) {
            const double a = 2 * random.uniform() - 1, b = 2 * random.uniform() - 1;
            for (std::int64_t u = 0; u < units; ++u)
                states.at(n, p)[u] =
                    static_cast<float>((3 + u) * (std::sin(2.5 * (w(u, 0) * a + w(u, 1) * b) + w(u, 2)) +
                                                  0.01 * random.normal()) +
                                       10 * u);
        }
    TraceInfo info;
    info.units = units;
    for (int p = 0; p < points; ++p) info.points.push_back({p, Site::Unnamed});
    for (std::int32_t n = 0; n < states.n0; ++n) info.rows.push_back({n / 2, n % 2, -1});
    TraceView view;
    view.trace = std::make_shared<MemoryTrace>(std::move(info), std::move(states));
    return view;
}

/// `view` with its states changed.
template <class Change>
TraceView changed(const TraceView& view, Change change) {
    Array3F states(view.rowCount(), view.pointCount(), view.unitCount());
    readView(view, 0, view.rowCount(), states.data.data());
    change(states);
    TraceView other = view;
    other.trace = std::make_shared<MemoryTrace>(view.trace->info(), std::move(states));
    return other;
}

AutoencoderResult fit(const TraceView& view, const AutoencoderOptions& options) {
    Progress progress;
    return fitAutoencoder(view, options, progress);
}

AutoencoderOptions quick(int epochs = 3) {
    AutoencoderOptions options;
    options.epochs = epochs;
    options.batch = 64;
    return options;
}

/// All that training gives, bit for bit (states here are finite, so nothing is NaN).
bool sameBits(const AutoencoderResult& a, const AutoencoderResult& b) {
    return a.latent.data == b.latent.data && a.r2 == b.r2 && a.loss == b.loss && a.mse == b.mse &&
           a.pcaR2 == b.pcaR2 && a.model.weights.front() == b.model.weights.front() &&
           a.model.biases.back() == b.model.biases.back();
}

}  // namespace

class TestStatisticsAutoencoder : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void samplesAreNeverOnBothSides();
    void curvedSurfaceIsFoundWherePcaFails();
    void gradientIsThatOfTheLoss();
    void planeIsFoundByPca();
    void sameSeedGivesTheSameBits();
    void storedWeightsGiveTheSameLatentStates();
    void readingInBlocksLearnsAsWell();
    void stopKeepsTheBest();
    void stopsWhenNothingGetsBetter();
    void rowsThatAreNotFiniteAreLeftOut();
    void constantUnitsCountForNothing();
    void validationIsNotLearnedFrom();
    void whatDoesNotFitIsRefused();
};

void TestStatisticsAutoencoder::samplesAreNeverOnBothSides() {
    std::vector<std::int32_t> samples;
    for (int n = 0; n < 500; ++n) samples.push_back((n * 7919) % 50);
    const auto split = splitBySample(samples, 0.8, 3);
    std::set<std::int32_t> train, validation;
    std::set<std::int64_t> rows;
    for (const auto n : split.train) train.insert(samples[static_cast<std::size_t>(n)]), rows.insert(n);
    for (const auto n : split.validation)
        validation.insert(samples[static_cast<std::size_t>(n)]), rows.insert(n);
    QCOMPARE(train.size(), std::size_t{40});
    QCOMPARE(validation.size(), std::size_t{10});
    for (const auto sample : train) QVERIFY(!validation.contains(sample));
    QCOMPARE(rows.size(), std::size_t{500});
    QVERIFY(std::is_sorted(split.train.begin(), split.train.end()));
    QVERIFY(splitBySample(samples, 0.8, 4).train != split.train);
    // However few, both sides have one.
    QCOMPARE(splitBySample(std::vector<std::int32_t>{4, 9}, 0.99, 0).validation.size(), std::size_t{1});
    QVERIFY_EXCEPTION_THROWN(splitBySample(std::vector<std::int32_t>{4, 4}, 0.8, 0), Error);
}

void TestStatisticsAutoencoder::curvedSurfaceIsFoundWherePcaFails() {
    AutoencoderOptions options = quick(60);
    options.patience = 60;
    const auto view = surface(500, 2);
    const auto result = fit(view, options);
    QCOMPARE(result.trainRows.size(), std::size_t{800});
    QCOMPARE(result.validationRows.size(), std::size_t{200});
    for (int p = 0; p < points; ++p) {
        qInfo("point %d: r2 %.4f, PCA %.4f", p, result.r2[p], result.pcaR2[p]);
        QVERIFY(result.r2[p] > 0.95);
        QVERIFY(result.pcaR2[p] < 0.7);
    }
    // Units are standardised and all points are alike, so that the error is the share not explained. 200 rows
    // a point: their spread is that of the training rows within some percent.
    QVERIFY((result.mse.array() - (1 - result.r2.array())).abs().maxCoeff() < 0.2 * result.mse.maxCoeff());
    const double best = result.loss.col(1).minCoeff();
    QCOMPARE(result.loss(result.bestEpoch - 1, 1), best);
    QVERIFY(std::abs(result.mse.mean() - best) < 1e-6 * best);  // the loss sums floats, the result doubles

    // What is decoded again lies where the states are.
    const MatrixF states = readViewPoint(view, 1);
    const MatrixF back = decode(result.model, encode(result.model, states));
    const MatrixD error = (back - states).cast<double>() * result.model.sd.cwiseInverse().asDiagonal();
    QVERIFY(error.squaredNorm() / static_cast<double>(error.size()) < 0.05);
}

void TestStatisticsAutoencoder::gradientIsThatOfTheLoss() {
    // One step of Adam moves each weight by the learning rate against the sign of its gradient. Twice as far
    // lowers the loss on the same batch twice as much, while the step is small.
    const auto view = surface(40, 5);
    double before = 0, fall[2] = {};
    for (int i = 0; i < 2; ++i) {
        AutoencoderOptions options = quick(2);
        options.batch = 4096;  // one batch is the whole
        options.learningRate = (i + 1) * 1e-6;
        const auto loss = fit(view, options).loss;
        before = loss(0, 0);
        fall[i] = loss(0, 0) - loss(1, 0);
    }
    QVERIFY(fall[0] > 0 && fall[1] > 0);
    QVERIFY2(std::abs(fall[1] / fall[0] - 2) < 0.1,
             qPrintable(QString("%1 %2 of %3").arg(fall[0]).arg(fall[1]).arg(before)));
}

void TestStatisticsAutoencoder::planeIsFoundByPca() {
    // Two directions in 20 units and nothing else: a plane holds all of it, on rows that were not fitted too.
    RandomStream random(4);
    MatrixD w(2, units);
    for (Eigen::Index i = 0; i < w.size(); ++i) w.data()[i] = random.normal();
    Array3F states(60, points, units);
    for (std::int64_t n = 0; n < 60 * points; ++n) {
        const double a = random.normal(), b = random.normal();
        for (std::int64_t u = 0; u < units; ++u)
            states.data[static_cast<std::size_t>(n * units + u)] =
                static_cast<float>(a * w(0, u) + b * w(1, u));
    }
    const auto result = fit(traces::view(std::move(states)), quick(1));
    QVERIFY((1 - result.pcaR2.array()).maxCoeff() < 1e-10);  // float32 storage
    QVERIFY(result.r2.maxCoeff() < 0.9);                     // after a single epoch
}

void TestStatisticsAutoencoder::sameSeedGivesTheSameBits() {
    const auto view = surface(60, 6);
    AutoencoderOptions options = quick();
    options.threads = 1;
    const auto one = fit(view, options);
    QVERIFY(sameBits(fit(view, options), one));
    options.seed = 1;
    const auto other = fit(view, options);
    QVERIFY(other.trainRows != one.trainRows);
    QVERIFY(!sameBits(other, one));
}

void TestStatisticsAutoencoder::storedWeightsGiveTheSameLatentStates() {
    const auto view = surface(60, 7);
    const auto result = fit(view, quick());
    Progress progress;
    const auto again = applyAutoencoder(result.model, view, quick(), progress);
    QVERIFY(again.latent.data == result.latent.data);
    // In batches of another size the kernels of a product may round differently: float32.
    AutoencoderOptions others = quick();
    others.batch = 100;
    const auto rounded = applyAutoencoder(result.model, view, others, progress);
    for (std::size_t i = 0; i < result.latent.data.size(); ++i)
        QVERIFY(std::abs(rounded.latent.data[i] - result.latent.data[i]) <
                1e-5F * (1 + std::abs(result.latent.data[i])));
    QVERIFY(again.pcaR2.size() == 0 && again.loss.size() == 0);
    const MatrixF latent = encode(result.model, readViewPoint(view, 2));
    for (std::int64_t n = 0; n < view.rowCount(); ++n)
        for (int i = 0; i < 2; ++i)
            QVERIFY(std::abs(latent(n, i) - result.latent.at(n, 2)[i]) <
                    1e-5F * (1 + std::abs(latent(n, i))));
    // Of the validation rows alone it has the same errors as training said.
    TraceView rest = view;
    rest.rows = result.validationRows;
    const auto measured = applyAutoencoder(result.model, rest, {}, progress);
    QVERIFY((measured.r2 - result.r2).cwiseAbs().maxCoeff() < 1e-6);
}

void TestStatisticsAutoencoder::readingInBlocksLearnsAsWell() {
    const auto view = surface(100, 8);
    AutoencoderOptions small = quick(10);
    small.memoryBytes = 40 * points * units * sizeof(float) * 4;  // 40 rows a block
    const auto inBlocks = fit(view, small), whole = fit(view, quick(10));
    QVERIFY(inBlocks.trainRows == whole.trainRows);
    QVERIFY((inBlocks.model.mean - whole.model.mean).cwiseAbs().maxCoeff() < 1e-10);
    QVERIFY(!sameBits(inBlocks, whole));  // another order of the pairs
    QVERIFY2(std::abs(inBlocks.r2.mean() - whole.r2.mean()) < 0.1,
             qPrintable(QString("%1 %2").arg(inBlocks.r2.mean()).arg(whole.r2.mean())));
}

void TestStatisticsAutoencoder::stopKeepsTheBest() {
    const auto view = surface(60, 9);
    const auto two = fit(view, quick(2));
    // Asked for in the middle of the third epoch.
    std::stop_source source;
    bool second = false;
    Progress progress(source.get_token(), [&](const ProgressReport& report) {
        if (second) source.request_stop();
        second |= report.stage.starts_with("autoencoder: epoch 2");
    });
    const auto stopped = fitAutoencoder(view, quick(50), progress);
    QVERIFY(stopped.stopped && !two.stopped);
    QCOMPARE(stopped.loss.rows(), Eigen::Index{2});
    QVERIFY(stopped.loss == two.loss && stopped.model.weights == two.model.weights &&
            stopped.model.biases == two.model.biases);
    // No state went through it any more; put to the trace, it gives what the two epochs gave.
    QVERIFY(stopped.r2.array().isNaN().all() && std::isnan(stopped.latent.data.front()));
    Progress later;
    QVERIFY(applyAutoencoder(stopped.model, view, quick(), later).latent.data == two.latent.data);
    // Before there is anything to keep, a stop is a stop.
    std::stop_source early;
    Progress atOnce(early.get_token(), [&](const ProgressReport& report) {
        if (report.stage == "autoencoder: epoch 1") early.request_stop();
    });
    QVERIFY_EXCEPTION_THROWN(fitAutoencoder(view, quick(50), atOnce), Cancelled);
}

void TestStatisticsAutoencoder::stopsWhenNothingGetsBetter() {
    // Noise alone: what is learned of the training rows soon makes the others worse.
    AutoencoderOptions options = quick(200);
    options.patience = 3;
    options.learningRate = 1e-2;
    const auto result = fit(traces::view(traces::gaussian(40, 2, 30, 1)), options);
    QVERIFY(result.loss.rows() < 200);
    QCOMPARE(result.loss.rows(), result.bestEpoch + 3);
    QVERIFY(result.loss(result.bestEpoch - 1, 1) <= result.loss.col(1).minCoeff());
}

void TestStatisticsAutoencoder::rowsThatAreNotFiniteAreLeftOut() {
    const auto view = changed(surface(40, 10), [](Array3F& states) {
        states.at(0, 1)[3] = std::numeric_limits<float>::quiet_NaN();
        states.at(7, 2)[0] = std::numeric_limits<float>::infinity();
    });
    const auto result = fit(view, quick());
    QCOMPARE(result.excludedRows, std::int64_t{2});
    for (std::int64_t n = 0; n < 80; ++n)
        for (std::int64_t p = 0; p < points; ++p)
            QCOMPARE(std::isnan(result.latent.at(n, p)[0]), n == 0 || n == 7);
    for (const auto* rows : {&result.trainRows, &result.validationRows})
        QVERIFY(!std::binary_search(rows->begin(), rows->end(), 0) &&
                !std::binary_search(rows->begin(), rows->end(), 7));
    // Left out, not read as something: the same as a trace without them.
    TraceView without = surface(40, 10);
    for (std::int64_t n = 1; n < 80; ++n)
        if (n != 7) without.rows.push_back(n);
    QVERIFY(fit(without, quick()).loss == result.loss);
}

void TestStatisticsAutoencoder::constantUnitsCountForNothing() {
    const auto plain = surface(40, 11);
    const auto constant = changed(plain, [](Array3F& states) {
        for (std::size_t i = 5; i < states.data.size(); i += units) states.data[i] = 0.1F;
    });
    const auto result = fit(constant, quick());
    QCOMPARE(result.model.sd[5], 0.0);
    QVERIFY(result.loss.allFinite() && result.r2.allFinite());
    TraceView masked = plain;
    masked.maskedUnits = {5};
    QVERIFY(fit(masked, quick()).loss == result.loss);
    QVERIFY(decode(result.model, MatrixF::Zero(1, 2))(0, 5) == 0.1F);
    // Nothing varies at all: that is said, not divided by.
    Array3F flat(10, 2, 3);
    const auto none = fit(traces::view(std::move(flat)), quick());
    QVERIFY(std::isnan(none.r2[0]) && std::isnan(none.pcaR2[1]));
    QCOMPARE(none.mse[0], 0.0);
}

void TestStatisticsAutoencoder::validationIsNotLearnedFrom() {
    // Other states in the rows that are not trained on: the training loss stays what it was.
    const auto view = surface(40, 12);
    const auto result = fit(view, quick(2));
    const auto other = changed(view, [&](Array3F& states) {
        for (const auto n : result.validationRows)
            for (std::int64_t i = 0; i < points * units; ++i) states.at(n, 0)[i] *= -3;
    });
    const auto again = fit(other, quick(2));
    QVERIFY(again.loss.col(0) == result.loss.col(0));
    QVERIFY(again.loss.col(1) != result.loss.col(1));
}

void TestStatisticsAutoencoder::whatDoesNotFitIsRefused() {
    const auto view = surface(20, 13);
    const auto result = fit(view, quick(1));
    Progress progress;
    QVERIFY_EXCEPTION_THROWN(
        applyAutoencoder(result.model, traces::view(traces::gaussian(5, 3, 21, 1)), {}, progress), Error);
    QVERIFY_EXCEPTION_THROWN(encode(result.model, MatrixF::Zero(1, 19)), Error);
    QVERIFY_EXCEPTION_THROWN(decode(result.model, MatrixF::Zero(1, 3)), Error);
    AutoencoderOptions options;
    options.trainShare = 1;
    QVERIFY_EXCEPTION_THROWN(fit(view, options), Error);
    // 16 bytes for each weight of the first and the last layer alone are 2 * 3000 * 1024 * 16: the error says
    // what to do.
    const auto wide = traces::view(traces::gaussian(5, 3, 3000, 1));
    options = quick(1);
    options.memoryBytes = std::size_t{64} << 20;
    try {
        fit(wide, options);
        QFAIL("64 MiB are not enough");
    } catch (const Error& error) {
        QCOMPARE(error.code(), ErrorCode::OutOfMemory);
        QVERIFY2(std::string(error.what()).find("--memory 108M") != std::string::npos, error.what());
    }
    Autoencoder broken = result.model;
    broken.weights[2].resize(3, 3);
    QVERIFY_EXCEPTION_THROWN(applyAutoencoder(broken, view, {}, progress), Error);
}

RHEO_TEST(TestStatisticsAutoencoder)
#include "test_statistics_autoencoder.moc"
