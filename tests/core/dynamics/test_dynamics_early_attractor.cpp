// Pushes near the start of a network whose dynamics are known in closed form.
#include <QTest>
#include <cmath>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/dynamics/early_attractor.h"
#include "core/findings/judge.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

constexpr int units = 32, blocks = 8;

class PlantedContext final : public PromptContext {
public:
    explicit PlantedContext(std::span<const std::int32_t> ids) : m_ids(ids.begin(), ids.end()) {}
    const std::vector<std::int32_t>& ids() const override { return m_ids; }

private:
    std::vector<std::int32_t> m_ids;
};

/// A network that multiplies the first three units by `along` at each step and the others by `across`, less
/// the one in which every state has a large constant: the RMS of a state hardly changes, so that distances of
/// scaled states shrink by the same factors but for little.
class PlantedModel final : public Model {
public:
    PlantedModel(double along, double across) : m_along(along), m_across(across) {
        m_identity.dModel = units;
        m_points = residualPoints(blocks, false);
    }
    const ModelConfig& config() const override { return m_config; }
    const ModelOptions& options() const override { return m_options; }
    const ModelIdentity& identity() const override { return m_identity; }
    const std::vector<ResidualPoint>& points() const override { return m_points; }
    ForwardResult forward(const ForwardRequest&, Progress&) const override { return {}; }
    MatrixF logits(std::span<const std::int32_t>, Progress&) const override { return {}; }
    MatrixF unembed(const MatrixF&, Progress&) const override { return {}; }
    FinalNorm finalNorm() const override { return {}; }
    UnembeddingRow unembeddingRow(std::int32_t) const override { return {}; }
    std::vector<std::int32_t> generate(const GenerateRequest&, Progress&) const override { return {}; }
    std::shared_ptr<const PromptContext> prepare(std::span<const std::int32_t> ids,
                                                 Progress&) const override {
        return std::make_shared<PlantedContext>(ids);
    }
    VectorF naturalState(const PromptContext& context, PointIndex point, int) const override {
        return at(start(context.ids().back()), static_cast<int>(point.value()));
    }
    Continuation continueFrom(const PromptContext&, const ContinueRequest& request,
                              Progress&) const override {
        Continuation run;
        const auto left = static_cast<std::int64_t>(m_points.size()) - request.point.value();
        for (const auto& edits : request.edits) {
            Array3F path(1, left, units);
            for (std::int64_t q = 0; q < left; ++q) {
                const VectorF h = at(edits.front().vector, static_cast<int>(q));
                std::copy(h.begin(), h.end(), path.at(0, q));
            }
            run.states.push_back(std::move(path));
        }
        return run;
    }

    VectorF start(std::int32_t token) const {
        RandomStream random(1, static_cast<std::uint64_t>(token));
        VectorF h(units);
        for (auto& x : h) x = static_cast<float>(0.1 * random.normal());
        for (int u = 0; u < 3; ++u) h[u] *= static_cast<float>(6 - u);
        h[units - 1] = 100;
        return h;
    }
    VectorF at(VectorF h, int steps) const {
        for (int u = 0; u + 1 < units; ++u)
            h[u] *= static_cast<float>(std::pow(u < 3 ? m_along : m_across, steps));
        return h;
    }

private:
    double m_along, m_across;
    ModelConfig m_config;
    ModelOptions m_options;
    ModelIdentity m_identity;
    std::vector<ResidualPoint> m_points;
};

TraceView traceOf(const PlantedModel& model, int rows) {
    TraceInfo info;
    info.points = model.points();
    info.units = units;
    Array3F states(rows, model.points().size(), units);
    for (int n = 0; n < rows; ++n) {
        info.samples.push_back({"", {n + 1}});
        info.rows.push_back({n, 0, n + 1});
        for (std::size_t p = 0; p < info.points.size(); ++p) {
            const VectorF h = model.at(model.start(n + 1), static_cast<int>(p));
            std::copy(h.begin(), h.end(), states.at(n, static_cast<std::int64_t>(p)));
        }
    }
    TraceView view;
    view.trace = std::make_shared<MemoryTrace>(std::move(info), std::move(states));
    return view;
}

}  // namespace

class TestEarlyAttractor : public QObject {
    Q_OBJECT
private Q_SLOTS:
    // Pushes along the components shrink by ln(along) a step, exactly; random ones by the factors of the
    // units they lie in. Tolerance 1 %: the RMS changes a little, states are float32.
    void givesWhatWasPlanted() {
        const PlantedModel model(0.7, 0.95);
        const TraceView view = traceOf(model, 60);
        Progress progress;
        PcaBasis basis = pca(view, {3, false}, progress).basis;
        basis.components = MatrixD::Identity(3, units);
        EarlyAttractorOptions options;
        options.controls = 400;
        const EarlyAttractor found = measureEarlyAttractor(model, view, basis, options, progress);
        QCOMPARE(found.differences.rows(), 50);
        QCOMPARE(found.differences.cols(), 5);
        QCOMPARE(found.sizes, (VectorD(5) << 0.25, 0.5, 1, 2, 4).finished());
        QVERIFY(found.reason.empty());
        QCOMPARE(found.basisShifts.size(), 8);
        QVERIFY(found.basisShifts.cwiseAbs().minCoeff() > 0);
        // 14 steps after the first point of block 1: the first quarter is 3. Of a random direction in R^32
        // the share of squares in the first three units is 3/32, of the constant one 1/32.
        const auto left = [](int steps) {
            return 0.5 * std::log((3 * std::pow(0.7, 2 * steps) + 28 * std::pow(0.95, 2 * steps) + 1) / 32);
        };
        const double expected = std::log(0.7) - left(3) / 3;
        // 400 random directions: their shares scatter, by less than 2 % of what is left.
        // This network is linear: pushes of all sizes shrink alike, the largest within what the constant
        // leaves.
        for (Eigen::Index size = 0; size < 5; ++size) {
            const VectorD differences = found.differences.col(size);
            QVERIFY2(std::abs(differences.mean() / expected - 1) < 0.03,
                     qPrintable(QString("%1 %2").arg(differences.mean()).arg(expected)));
            QVERIFY(flipSignsOfDifferences(differences, 1).pLower < 0.001);
        }
    }

    // A contraction that is the same in all directions is no attractor of the components: the differences are
    // small beside the contraction, and one that is weaker along them comes out the other way.
    void noDifferenceWhereThereIsNone() {
        const PlantedModel even(0.8, 0.8), other(0.95, 0.7);
        Progress progress;
        for (const auto* model : {&even, &other}) {
            const TraceView view = traceOf(*model, 60);
            const PcaBasis basis = pca(view, {3, false}, progress).basis;
            const EarlyAttractor found = measureEarlyAttractor(*model, view, basis, {}, progress);
            const double mean = found.differences.col(2).mean();
            if (model == &even) {
                QVERIFY2(std::abs(mean) < 0.03, qPrintable(QString::number(mean)));  // the constant unit
                // Where all directions are alike, so are those of halves.
                QVERIFY(found.basisShifts.cwiseAbs().maxCoeff() < 0.01);
            } else {
                QVERIFY2(mean > 0.1, qPrintable(QString::number(mean)));
            }
        }
    }

    void whatCannotBeMeasuredSaysWhy() {
        const PlantedModel model(0.7, 0.95);
        TraceView view = traceOf(model, 30);
        Progress progress;
        const PcaBasis basis = pca(view, {3, false}, progress).basis;
        TraceView late = view;
        late.points = {8, 9, 10, 11};
        QVERIFY(measureEarlyAttractor(model, late, basis, {}, progress).reason.find("L01.attn_in") !=
                std::string::npos);
        PcaBasis narrow = basis;
        narrow.components.conservativeResize(2, Eigen::NoChange);
        QVERIFY(measureEarlyAttractor(model, view, narrow, {}, progress).reason.find("3 components") !=
                std::string::npos);
        TraceInfo info = view.trace->info();
        for (auto& sample : info.samples) sample.tokenIds.clear();
        Array3F states(view.rowCount(), view.pointCount(), units);
        readView(view, 0, view.rowCount(), states.data.data());
        view.trace = std::make_shared<MemoryTrace>(info, std::move(states));
        QVERIFY(measureEarlyAttractor(model, view, basis, {}, progress).reason.find("tokens") !=
                std::string::npos);
        info.units = units / 2;
        TraceView narrower;
        narrower.trace =
            std::make_shared<MemoryTrace>(info, Array3F(view.rowCount(), view.pointCount(), units / 2));
        QVERIFY_EXCEPTION_THROWN(measureEarlyAttractor(model, narrower, basis, {}, progress), Error);
    }
};

RHEO_TEST(TestEarlyAttractor)
#include "test_dynamics_early_attractor.moc"
