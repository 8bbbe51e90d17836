// The lens of a prompt, natural and after a teleport, against the logits of the model itself.
#include <cmath>

#include "core/base/error.h"
#include "core/dynamics/teleport.h"
#include "core/session/prompt_lens.h"
#include "core/session/recipe_figure.h"
#include "core/session/surprise.h"
#include "reference.h"
#include "tests/test_main.h"

using namespace rheo;
using namespace rheo::test;

namespace {

constexpr int token = 3;
const PointIndex point{2};

const TokenText named = [](std::int32_t id) { return " t" + std::to_string(id); };

HeatmapPlot mapOf(const Results& results, const std::string& options) {
    Recipe recipe;
    recipe.view = "lens_map";
    recipe.theme = "light";
    recipe.options = options;
    return std::get<HeatmapPlot>(figureOfResults(results, recipe).panels.front().plot);
}

}  // namespace

class TestSessionPromptLens : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void naturalEndsInTheModelsAnswer();
    void aTeleportChangesWhatFollowsIt();
    void theMapShowsTokensFromAbove();
    void fewerPointsHaveRoomForWords();
    void theChangeIsZeroWhereNothingWasMoved();
    void anotherPromptIsRefused();
    void surpriseIsThatOfTheModelsLogits();

private:
    std::shared_ptr<const Model> m_model;
    Sample m_sample;
    PromptLens m_natural, m_both;
    TeleportResult m_teleport;
    std::int64_t m_tokens = 0, m_points = 0;
};

void TestSessionPromptLens::initTestCase() {
    const Fixture fixture = fixtures().front();
    m_model = loadModel(fixture.folder);
    m_sample.tokenIds = {5, 9, 2, 7, 11, 4};
    m_tokens = static_cast<std::int64_t>(m_sample.tokenIds.size());
    m_points = static_cast<std::int64_t>(m_model->points().size());
    Progress progress;
    m_natural = lensOfPrompt(*m_model, m_sample, named, progress);
    TeleportRequest request;
    request.point = point;
    request.token = token;
    request.mode = TeleportMode::State;
    request.controls = 0;
    request.state = VectorF::Random(m_natural.trace->units());
    const auto context = m_model->prepare(m_sample.tokenIds, progress);
    m_teleport = teleport(*m_model, *context, request, nullptr, progress);
    m_both = withTeleport(*m_model, m_natural, m_teleport, named, progress);
}

/// Against the logits of the whole text, which never pass through a trace; rounding moves a nat by no more.
void TestSessionPromptLens::surpriseIsThatOfTheModelsLogits() {
    Progress progress;
    const std::vector<double> surprise = surpriseOfRows(*m_model, *m_natural.trace, progress);
    QCOMPARE(std::ssize(surprise), m_natural.trace->rows());
    const MatrixF logits = m_model->logits(m_sample.tokenIds, progress);
    for (std::int64_t t = 0; t + 1 < m_tokens; ++t) {
        const VectorD p = softmax(VectorF(logits.row(t).transpose()));
        const double expected = -std::log(p[m_sample.tokenIds[static_cast<std::size_t>(t + 1)]]);
        QVERIFY(std::abs(surprise[static_cast<std::size_t>(t)] - expected) < 1e-5);
    }
    QVERIFY(std::isnan(surprise.back()));  // nothing follows the last token
}

/// The lens unembeds the captured state as the forward pass does; a probability moves by no more than
/// rounding.
void TestSessionPromptLens::naturalEndsInTheModelsAnswer() {
    const LensResult& lens = *m_natural.results.lens;
    QCOMPARE(lens.topIds.n0, m_tokens);
    QCOMPARE(lens.topIds.n1, m_points);
    const VectorD p = softmax(m_teleport.natural.logits);
    Eigen::Index likeliest = 0;
    const double most = p.maxCoeff(&likeliest);
    QCOMPARE(lens.topIds.at(m_tokens - 1, m_points - 1)[0], static_cast<std::int32_t>(likeliest));
    QVERIFY(std::abs(lens.topProbabilities.at(m_tokens - 1, m_points - 1)[0] - most) < 1e-5);
    QCOMPARE(lens.texts.at(static_cast<std::int32_t>(likeliest)),
             named(static_cast<std::int32_t>(likeliest)));
}

void TestSessionPromptLens::aTeleportChangesWhatFollowsIt() {
    const LensResult &before = *m_natural.results.lens, &both = *m_both.results.lens;
    QCOMPARE(both.topIds.n0, 2 * m_tokens);
    for (std::int64_t t = 0; t < m_tokens; ++t)
        for (std::int64_t p = 0; p < m_points; ++p) {
            QCOMPARE(both.entropy(t, p), before.entropy(t, p));
            const bool moved = t >= token && p >= point.value() && (t == token || p > point.value());
            QCOMPARE(both.entropy(m_tokens + t, p) == before.entropy(t, p), !moved);
        }
    const VectorD p = softmax(m_teleport.teleported.logits);
    QVERIFY(std::abs(both.topProbabilities.at(2 * m_tokens - 1, m_points - 1)[0] - p.maxCoeff()) < 1e-5);
}

void TestSessionPromptLens::theMapShowsTokensFromAbove() {
    const HeatmapPlot map = mapOf(m_natural.results, R"({"color":"entropy"})");
    QCOMPARE(map.values.rows(), m_tokens);
    QCOMPARE(map.values.cols(), m_points);
    QCOMPARE(map.y.ids, (std::vector<std::int64_t>{5, 4, 3, 2, 1, 0}));
    QCOMPARE(map.y.ticks.back().label, std::string("t5"));  // the first token, without its space
    QCOMPARE(double(map.values(m_tokens - 1, 1)), double(float(m_natural.results.lens->entropy(0, 1))));
    const auto id = *m_natural.results.lens->topIds.at(0, 1);
    QCOMPARE(map.labels[static_cast<std::size_t>((m_tokens - 1) * m_points + 1)], "t" + std::to_string(id));
}

void TestSessionPromptLens::fewerPointsHaveRoomForWords() {
    const HeatmapPlot map = mapOf(m_natural.results, R"({"depth":"blocks"})");
    const auto& points = m_natural.results.source.info.points;
    QCOMPARE(map.x.ids.size(), static_cast<std::size_t>(map.values.cols()));
    QVERIFY(map.values.cols() < m_points);
    QCOMPARE(map.x.ids.back(), m_points - 1);
    for (std::size_t c = 0; c + 1 < map.x.ids.size(); ++c)
        QVERIFY(points[static_cast<std::size_t>(map.x.ids[c])].site == Site::AttnIn);
    QCOMPARE(map.values(0, 1), *m_natural.results.lens->topProbabilities.at(m_tokens - 1, map.x.ids[1]));
    QVERIFY_EXCEPTION_THROWN(mapOf(m_natural.results, R"({"depth":"some"})"), Error);
}

void TestSessionPromptLens::theChangeIsZeroWhereNothingWasMoved() {
    const HeatmapPlot map = mapOf(m_both.results, R"({"sample":1,"minus":0,"color":"entropy"})");
    QVERIFY(map.colorScale.map == ColorMap::Vik && map.colorScale.low == -map.colorScale.high);
    for (std::int64_t t = 0; t < m_tokens; ++t)
        for (std::int64_t p = 0; p < m_points; ++p)
            if (t < token || p < point.value()) {
                QCOMPARE(map.values(m_tokens - 1 - t, p), 0.0F);
                QVERIFY(map.labels[static_cast<std::size_t>((m_tokens - 1 - t) * m_points + p)].empty());
            }
    QVERIFY(map.values(m_tokens - 1 - token, point.value()) != 0.0F);
}

void TestSessionPromptLens::anotherPromptIsRefused() {
    Progress progress;
    Sample shorter{"", {5, 9, 2, 7}};
    const PromptLens other = lensOfPrompt(*m_model, shorter, {}, progress);
    QVERIFY(other.results.lens->texts.empty());
    QVERIFY_EXCEPTION_THROWN(withTeleport(*m_model, other, m_teleport, {}, progress), Error);
    QVERIFY_EXCEPTION_THROWN(mapOf(m_natural.results, R"({"sample":1})"), Error);
}

RHEO_TEST(TestSessionPromptLens)
#include "test_session_prompt_lens.moc"
