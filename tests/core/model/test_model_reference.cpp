// Every fixture against the outputs of the reference implementation: states at every residual point, logits,
// greedy continuations, teleports. Tolerance: tests/fixtures/models/README.md.
#include <QTemporaryDir>

#include "core/base/error.h"
#include "core/model/routing.h"
#include "reference.h"
#include "tests/refused.h"
#include "tests/test_main.h"

using namespace rheo;
using namespace rheo::test;

namespace {

constexpr double tolerance = 3e-5;  // float32, max abs difference over the RMS at the point
constexpr double roughly =
    0.025;  // bfloat16, RMS of the difference over the RMS at the point (measured: 0.016)

/// [token, point, unit] of one prompt as the model computes it, and its logits.
ForwardResult runAlone(const Model& model, const std::vector<std::int32_t>& ids) {
    Progress progress;
    ForwardRequest request;
    request.ids = {ids};
    request.positions.emplace_back();
    for (std::size_t i = 0; i < ids.size(); ++i) request.positions[0].push_back(static_cast<std::int32_t>(i));
    request.logits = true;
    request.routing = model.config().experts.has_value();
    return model.forward(request, progress);
}

/// Puts the reference's states in place of those of tokens whose routers choose other experts: a choice that
/// is nearly undecided falls otherwise by rounding, and then states are others. Returns how many there are.
int leaveOutOtherChoices(const ReferencePrompt& prompt, ForwardResult& found) {
    int others = 0;
    for (std::int64_t token = 0; token < found.states.n0; ++token) {
        const bool alike =
            std::all_of(prompt.routing.begin(), prompt.routing.end(), [&](const ReferenceRouting& routing) {
                const auto count = std::ssize(routing.chosen) / found.states.n0;
                auto mine = chosenExperts(found.routing.line(token, routing.block), count);
                std::vector<std::int32_t> theirs(routing.chosen.begin() + token * count,
                                                 routing.chosen.begin() + (token + 1) * count);
                std::sort(mine.begin(), mine.end());
                std::sort(theirs.begin(), theirs.end());
                return mine == theirs;
            });
        if (alike) continue;
        ++others;
        for (std::int64_t p = 0; p < found.states.n1; ++p)
            std::copy_n(prompt.states.at(p, token), found.states.n2, found.states.at(token, p));
    }
    return others;
}

/// Values of one point over all rows, in order of rows.
std::vector<float> atPoint(const Array3F& states, std::int64_t point) {
    std::vector<float> values;
    for (std::int64_t row = 0; row < states.n0; ++row) {
        const auto line = states.line(row, point);
        values.insert(values.end(), line.begin(), line.end());
    }
    return values;
}

/// The worst point, by `measure`.
template <class Measure>
double worstPoint(const Array3F& found, const Array3F& reference, Measure measure) {
    double worst = 0;
    for (std::int64_t p = 0; p < reference.n0; ++p) {
        const auto values = atPoint(found, p);
        worst = std::max(worst, measure(values.data(), reference.at(p, 0), reference.n1 * reference.n2));
    }
    return worst;
}

double logitError(const MatrixF& found, const MatrixF& reference) {
    const MatrixF last = found.bottomRows(reference.rows());
    return relativeError(last.data(), reference.data(), reference.size());
}

}  // namespace

class TestModelReference : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void statesAndLogits_data() { addFixtures(); }
    void statesAndLogits();
    void sparseConfigIsTheSameModel_data() { addFixtures(); }
    void sparseConfigIsTheSameModel();
    void greedyWithAndWithoutCache_data() { addFixtures(); }
    void greedyWithAndWithoutCache();
    void teleports_data() { addFixtures(); }
    void teleports();
    void routing_data() { addFixtures(); }
    void routing();
    void bfloat16StaysNear_data() { addFixtures(); }
    void bfloat16StaysNear() { staysNear(DType::BFloat16); }
    void float16StaysNear_data();
    void float16StaysNear() { staysNear(DType::Float16); }

private:
    static void addFixtures() {
        QTest::addColumn<int>("index");
        const auto list = fixtures();
        for (std::size_t i = 0; i < list.size(); ++i)
            QTest::newRow(list[i].name.c_str()) << static_cast<int>(i);
    }
    static Fixture fixture() {
        QFETCH(int, index);
        return fixtures()[static_cast<std::size_t>(index)];
    }
    static void staysNear(DType dtype);
    static void compareStates(const std::filesystem::path& folder, const Reference& reference);
};

void TestModelReference::compareStates(const std::filesystem::path& folder, const Reference& reference) {
    const auto model = loadModel(folder);
    QCOMPARE(model->points().size(), reference.points.size());
    QVERIFY(model->points() == reference.points);
    double worst = 0;
    double worstLogits = 0;
    for (const ReferencePrompt& prompt : reference.prompts) {
        const ForwardResult result = runAlone(*model, prompt.ids);
        worst = std::max(worst, worstPoint(result.states, prompt.states, relativeError));
        worstLogits = std::max(worstLogits, logitError(result.logits, prompt.logits));
    }
    qInfo("largest error: states %.2g, logits %.2g (at most %.0e)", worst, worstLogits, tolerance);
    QVERIFY(worst < tolerance);
    QVERIFY(worstLogits < tolerance);
}

void TestModelReference::statesAndLogits() {
    const Fixture f = fixture();
    compareStates(f.folder, readReference(f.reference));
}

void TestModelReference::sparseConfigIsTheSameModel() {
    namespace fs = std::filesystem;
    const Fixture f = fixture();
    if (f.sparseConfig.empty()) QSKIP("this fixture has no sparse config");
    const QTemporaryDir folder;
    for (const auto& entry : fs::directory_iterator(f.folder))
        fs::copy_file(entry.path(), fs::path(folder.path().toStdString()) / entry.path().filename());
    fs::copy_file(f.sparseConfig, fs::path(folder.path().toStdString()) / "config.json",
                  fs::copy_options::overwrite_existing);
    compareStates(folder.path().toStdString(), readReference(f.reference));
}

void TestModelReference::greedyWithAndWithoutCache() {
    const Fixture f = fixture();
    const auto model = loadModel(f.folder);
    Progress progress;
    int compared = 0;
    for (const ReferencePrompt& prompt : readReference(f.reference).prompts) {
        const int count = prompt.greedy.empty() ? 8 : static_cast<int>(prompt.greedy.size());
        const auto cached = model->greedy(prompt.ids, count, true, progress);
        QVERIFY(cached == model->greedy(prompt.ids, count, false, progress));
        if (prompt.greedy.empty()) continue;
        QVERIFY(cached == prompt.greedy);
        ++compared;
    }
    qInfo("%d continuations of the reference are the same", compared);
}

void TestModelReference::teleports() {
    const Fixture f = fixture();
    const Reference reference = readReference(f.reference);
    const auto model = loadModel(f.folder);
    Progress progress;
    double worst = 0;
    double worstLogits = 0;
    int count = 0;
    for (const ReferencePrompt& prompt : reference.prompts) {
        if (prompt.teleports.empty()) continue;
        const auto context = model->prepare(prompt.ids, progress);
        for (const ReferenceTeleport& teleport : prompt.teleports) {
            const Continuation found =
                model->resume(*context, PointIndex(teleport.point), static_cast<int>(teleport.token),
                              teleport.state.transpose(), true, progress);
            QCOMPARE(found.states.size(), std::size_t{1});
            const Array3F& states = found.states[0];
            QCOMPARE(states.n0, teleport.states.n1 - teleport.token);
            QCOMPARE(states.n1, teleport.states.n0);
            // Earlier tokens are those of the natural path, in the reference too.
            Array3F expected(teleport.states.n0, states.n0, states.n2);
            for (std::int64_t p = 0; p < expected.n0; ++p)
                std::copy_n(teleport.states.at(p, teleport.token), expected.n1 * expected.n2,
                            expected.at(p, 0));
            worst = std::max(worst, worstPoint(states, expected, relativeError));
            worstLogits = std::max(worstLogits, logitError(found.logits, teleport.logits));
            for (std::int64_t u = 0; u < states.n2; ++u) QCOMPARE(states.at(0, 0)[u], teleport.state[u]);
            ++count;
        }
    }
    QVERIFY(count > 0);
    qInfo("%d teleports; largest error: states %.2g, logits %.2g", count, worst, worstLogits);
    QVERIFY(worst < tolerance);
    QVERIFY(worstLogits < tolerance);
}

/// Probabilities of routers, and the experts that they choose.
void TestModelReference::routing() {
    const Fixture f = fixture();
    const auto model = loadModel(f.folder);
    Progress progress;
    ForwardRequest request;
    request.states = false;
    request.routing = true;
    if (!model->config().experts) {
        request.ids = {{1}};
        request.positions = {{0}};
        QVERIFY(refused(ErrorCode::InvalidArgument, [&] { model->forward(request, progress); }));
        return;
    }
    const std::int64_t chosen = model->config().experts->chosen;
    double worst = 0;
    std::int64_t compared = 0;
    for (const ReferencePrompt& prompt : readReference(f.reference).prompts) {
        request.ids = {prompt.ids};
        request.positions = {{}};
        for (std::int32_t i = 0; i < std::ssize(prompt.ids); ++i) request.positions[0].push_back(i);
        const Array3F found = model->forward(request, progress).routing;
        QCOMPARE(found.n0, std::ssize(prompt.ids));
        std::vector<bool> hasExperts(static_cast<std::size_t>(found.n1));
        for (const ReferenceRouting& reference : prompt.routing) {
            hasExperts[static_cast<std::size_t>(reference.block)] = true;
            QCOMPARE(found.n2, reference.probabilities.cols());
            for (std::int64_t token = 0; token < found.n0; ++token) {
                const Eigen::Map<const Eigen::RowVectorXf> row(found.at(token, reference.block), found.n2);
                worst =
                    std::max<double>(worst, (row - reference.probabilities.row(token)).cwiseAbs().maxCoeff());
                const auto likeliest = chosenExperts(found.line(token, reference.block), chosen);
                for (std::int64_t place = 0; place < chosen; ++place, ++compared)
                    QCOMPARE(likeliest[static_cast<std::size_t>(place)],
                             reference.chosen[static_cast<std::size_t>(token * chosen + place)]);
            }
        }
        for (std::int64_t block = 0; block < found.n1; ++block)
            if (!hasExperts[static_cast<std::size_t>(block)]) QVERIFY(std::isnan(*found.at(0, block)));
    }
    qInfo("%d choices; largest error of a probability %.2g", static_cast<int>(compared), worst);
    QVERIFY(compared > 0);
    QVERIFY(worst < 1e-6);  // float32 sums over 32 units
}

void TestModelReference::float16StaysNear_data() {
    if (testDevice() == "cpu") QSKIP("float16 is computed on a GPU only");
    addFixtures();
}

void TestModelReference::staysNear(DType dtype) {
    const Fixture f = fixture();
    const auto model = loadModel(f.folder, dtype);
    double worst = 0;
    int tokens = 0, others = 0;
    for (const ReferencePrompt& prompt : readReference(f.reference).prompts) {
        ForwardResult found = runAlone(*model, prompt.ids);
        tokens += static_cast<int>(prompt.ids.size());
        others += leaveOutOtherChoices(prompt, found);
        worst = std::max(worst, worstPoint(found.states, prompt.states, relativeRms));
    }
    qInfo("largest RMS error %.3g; other experts for %d of %d tokens", worst, others, tokens);
    QVERIFY(worst < roughly);
    QVERIFY(10 * others <= tokens);
}

RHEO_TEST(TestModelReference)
#include "test_model_reference.moc"
