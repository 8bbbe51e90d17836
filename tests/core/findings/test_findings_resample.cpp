#include <QTest>
#include <map>
#include <numeric>

#include "core/findings/findings.h"
#include "core/findings/judge.h"
#include "core/findings/resample.h"
#include "core/statistics/correlation.h"
#include "core/statistics/density.h"
#include "core/statistics/motion.h"
#include "core/statistics/rotation.h"
#include "tests/core/analysis/planted.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

/// The view of a half, row by row: what its weights stand for.
TraceView drawn(const TraceView& view, const MatrixD& weights, Eigen::Index resample) {
    std::vector<std::int64_t> rows;
    for (Eigen::Index n = 0; n < weights.cols(); ++n)
        for (int times = 0; times < static_cast<int>(weights(resample, n)); ++times) rows.push_back(n);
    Array3F states(static_cast<std::int64_t>(rows.size()), view.pointCount(), view.unitCount());
    for (std::size_t i = 0; i < rows.size(); ++i)
        readView(view, rows[i], 1, states.at(static_cast<std::int64_t>(i), 0));
    return traces::view(std::move(states), view.trace->info().points);
}

double meanAbs(const VectorD& values) {
    return values.cwiseAbs().mean();
}

}  // namespace

class TestFindingsResample : public QObject {
    Q_OBJECT
private Q_SLOTS:
    // Every number of a half is that of the data it stands for. Tolerance: rounding of sums that are
    // taken in another order (1e-9 of values near 1); of the variance explained, all components are kept
    // here.
    void isWhatTheDrawnDataGive() {
        TraceView view = planted::orbits({30, 4, 20}, 3);
        // Rows of one sample come together.
        auto info = view.trace->info();
        for (std::size_t n = 0; n < info.rows.size(); ++n) info.rows[n].sample = static_cast<int>(n / 3);
        Array3F states(30, view.pointCount(), 20);
        readView(view, 0, 30, states.data.data());
        view.trace = std::make_shared<MemoryTrace>(info, std::move(states));

        Progress progress;
        const RowSource source(view, 1 << 20, progress);
        const PcaResult components = pca(view, {20, false}, progress);
        const Resampled found = resample(source, components, {40, 9}, progress);
        QCOMPARE(found.samples, 10);
        const HalfWeights rule(source, 40, 9, {});
        const MatrixD weights = rule.of(0, 30);
        for (Eigen::Index b = 0; b < 40; b += 7) {
            QCOMPARE(weights.row(b).sum(), 15.0);  // five of ten samples
            for (Eigen::Index n = 0; n < 30; ++n) QCOMPARE(weights(b, n), weights(b, n / 3 * 3));
            const TraceView data = drawn(view, weights, b);
            const auto near = [](const VectorD& one, const VectorD& other) {
                return (one - other).cwiseAbs().maxCoeff() < 1e-9;
            };
            QVERIFY(near(found.trevesRolls.row(b).transpose(), density(data, {}, progress).trevesRolls));
            QVERIFY(near(found.correlation.row(b).transpose(), correlation(data, {}, progress).mean));
            const MotionResult moved = motion(data, {}, progress);
            QVERIFY(near(found.cosine.row(b).transpose(), moved.cosine.mean));
            QVERIFY(near(found.speed.row(b).transpose(), moved.speed.mean));
            const RotationResult turned = rotation(data, {}, progress);
            QVERIFY(std::abs(found.turning[b] - meanAbs(turned.turning)) < 1e-9);
            QVERIFY(std::abs(found.meanPathWinding[b] - meanAbs(turned.meanPathWinding)) < 1e-9);
            const PcaResult own = pca(data, {3, false}, progress);
            QVERIFY(std::abs(found.explained[b] - own.basis.explained.sum()) < 1e-6);  // scores are float32
        }
    }

    // Within the span of fewer components what is explained can only be less, and little so.
    void aNarrowerSpanIsALowerBound() {
        const TraceView view = planted::walk({60, 8, 96}, 1);
        Progress progress;
        const RowSource source(view, 1 << 24, progress);
        const Resampled exact = resample(source, pca(view, {96, false}, progress), {20, 1}, progress);
        const Resampled narrow = resample(source, pca(view, {64, false}, progress), {20, 1}, progress);
        for (Eigen::Index b = 0; b < 20; ++b) {
            QVERIFY(narrow.explained[b] <= exact.explained[b] + 1e-9);
            QVERIFY(narrow.explained[b] > exact.explained[b] * 0.99);
        }
    }

    // The spread of a mean over halves is its standard error, SD / sqrt(N), within what 1,000 halves leave
    // open (4 SD of the SD of a sample of 1,000 is 9 %).
    void spreadsAsTheoryTells() {
        const TraceView view = planted::walk({200, 4, 16}, 2);
        Progress progress;
        const RowSource source(view, 1 << 24, progress);
        const Resampled found = resample(source, pca(view, {16, false}, progress), {1000, 5}, progress);
        DensityStatistic rows(source, {});
        PathMaker maker(source);
        const Feed feed{&maker, 0, {}, {&rows}};
        sweep(source, {&feed, 1}, {}, progress);
        const VectorD values = rows.trevesRollsRows().col(3);
        const double error = std::sqrt((values.array() - values.mean()).square().mean() / 200.0);
        const VectorD draws = found.trevesRolls.col(3);
        const double spread = std::sqrt((draws.array() - draws.mean()).square().mean());
        QVERIFY2(std::abs(spread / error - 1) < 0.09, qPrintable(QString::number(spread / error)));
    }

    // Over 200 seeds the interval holds what other data of the same kind give on average, in 90 to 98 % of
    // cases (95 % with three standard errors of a share of 200), and always its own estimate: for means over
    // rows, and for the variance explained, which resampling with replacement would inflate.
    void intervalsCoverWhatTheyShould() {
        constexpr int seeds = 200, halves = 100;
        const planted::Size size{40, 4, 8};
        const StepKinds steps(planted::correlatedSteps(size, 1));
        std::map<std::string, std::pair<std::vector<double>, std::vector<Interval>>> found;
        for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
            const TraceView view = planted::correlatedSteps(size, seed);
            Progress progress;
            const RowSource source(view, 1 << 24, progress);
            const PcaResult components = pca(view, {8, false, 1}, progress);
            const Resampled drawn = resample(source, components, {halves, seed, 1}, progress);
            const auto take = [&](const char* name, double observed, const std::vector<double>& values) {
                const Interval interval = halvesInterval(observed, values, drawn.samples);
                QVERIFY(interval.low < observed && observed < interval.high);
                found[name].first.push_back(observed);
                found[name].second.push_back(interval);
            };
            const auto each = [&](auto number) {
                std::vector<double> values;
                for (Eigen::Index b = 0; b < halves; ++b) values.push_back(number(b));
                return values;
            };
            take("explained", components.basis.explained.head(3).sum(),
                 each([&](Eigen::Index b) { return drawn.explained[b]; }));
            take("density", lateLessEarly(density(view, {}, progress).trevesRolls),
                 each([&](Eigen::Index b) { return lateLessEarly(drawn.trevesRolls.row(b).transpose()); }));
            const MotionResult moved = motion(view, {}, progress);
            take("speed", relativeSlope(moved.speed.mean, steps),
                 each([&](Eigen::Index b) { return relativeSlope(drawn.speed.row(b).transpose(), steps); }));
            take("cosine", lateLessEarly(moved.cosine.mean),
                 each([&](Eigen::Index b) { return lateLessEarly(drawn.cosine.row(b).transpose()); }));
            take("turning", meanAbs(rotation(view, {}, progress).turning),
                 each([&](Eigen::Index b) { return drawn.turning[b]; }));
            take("correlation", correlation(view, {}, progress).mean.mean(),
                 each([&](Eigen::Index b) { return drawn.correlation.row(b).mean(); }));
            take("winding", meanAbs(rotation(view, {}, progress).meanPathWinding),
                 each([&](Eigen::Index b) { return drawn.meanPathWinding[b]; }));
        }
        for (const auto& [name, values] : found) {
            const auto& [observed, intervals] = values;
            const double truth = std::accumulate(observed.begin(), observed.end(), 0.0) / seeds;
            int covered = 0;
            for (const auto& interval : intervals)
                covered += interval.low <= truth && truth <= interval.high ? 1 : 0;
            QVERIFY2(covered >= 0.9 * seeds && covered <= 0.98 * seeds,
                     qPrintable(QString("%1: %2 of 200").arg(QString::fromStdString(name)).arg(covered)));
        }
    }
};

RHEO_TEST(TestFindingsResample)
#include "test_findings_resample.moc"
