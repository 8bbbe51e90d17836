// What a run of the model promises beyond its values: batches, parts of a run, writes, stops, refusals.
#include <QTemporaryDir>
#include <bit>
#include <cmath>
#include <fstream>

#include "core/base/error.h"
#include "reference.h"
#include "tests/test_main.h"

using namespace rheo;
using namespace rheo::test;

namespace {

/// Rows run in other shapes round differently; nothing else may differ. Half the reference's tolerance.
constexpr double tolerance = 1.5e-5;

std::vector<std::int32_t> prompt(const Model& model, int length, int salt) {
    std::vector<std::int32_t> ids;
    for (int i = 0; i < length; ++i)
        ids.push_back(static_cast<std::int32_t>((i * 37 + salt * 101 + 5) % model.config().vocabulary));
    return ids;
}

std::vector<std::int32_t> every(std::size_t count) {
    std::vector<std::int32_t> positions(count);
    for (std::size_t i = 0; i < count; ++i) positions[i] = static_cast<std::int32_t>(i);
    return positions;
}

ForwardResult run(const Model& model, const ForwardRequest& request) {
    Progress progress;
    return model.forward(request, progress);
}

ForwardRequest everything(const std::vector<std::vector<std::int32_t>>& prompts) {
    ForwardRequest request;
    request.ids = prompts;
    for (const auto& ids : prompts) request.positions.push_back(every(ids.size()));
    request.logits = true;
    request.writes = true;
    return request;
}

double worst(const Array3F& a, std::int64_t row, const Array3F& b, std::int64_t other) {
    double error = 0;
    for (std::int64_t p = 0; p < b.n1; ++p)
        error = std::max(error, relativeError(a.at(row, p), b.at(other, p), b.n2));
    return error;
}

bool sameBits(std::span<const float> a, std::span<const float> b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](float x, float y) {
               return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
           });
}

/// To the nearest bfloat16, ties to even.
float roundedToBFloat16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    return std::bit_cast<float>((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000U);
}

/// The error that `action` throws; its code is checked, and that its message holds every one of `parts`.
template <class Action>
void expectError(ErrorCode code, const QStringList& parts, Action action) {
    try {
        action();
    } catch (const Error& error) {
        QCOMPARE(errorCodeName(error.code()).data(), errorCodeName(code).data());
        for (const QString& part : parts)
            QVERIFY2(QString::fromUtf8(error.what()).contains(part), error.what());
        return;
    }
    QFAIL("nothing was thrown");
}

}  // namespace

class TestModelRuns : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() { m_demo = loadModel(RHEO_RESOURCES "/demo-model"); }
    void batchDoesNotChangeRows_data() { addFixtures(); }
    void batchDoesNotChangeRows();
    void partsOfARunAreTheSame_data() { addFixtures(); }
    void partsOfARunAreTheSame();
    void statesAreSumsOfWrites_data();
    void statesAreSumsOfWrites();
    void firstPositionDependsOnNothingElse_data() { addFixtures(); }
    void firstPositionDependsOnNothingElse();
    void sameShapesGiveSameBits();
    void untouchedStateIsTheNaturalPath_data() { addFixtures(); }
    void untouchedStateIsTheNaturalPath();
    void manyStatesAtOnce();
    void earlierTokensAreUntouched();
    void ropeCrossesItsFirstLength_data();
    void ropeCrossesItsFirstLength();
    void untrainedIsReproducible();
    void stopsBetweenBlocks();
    void loadingReportsAndStops();
    void refusals();
    void refusesWhatWillNotFit();
    void storedUnembeddingCounts();

private:
    static void addFixtures() {
        QTest::addColumn<QString>("folder");
        for (const Fixture& fixture : fixtures())
            QTest::newRow(fixture.name.c_str()) << QString::fromStdString(fixture.folder.string());
    }
    static std::shared_ptr<const Model> fetched() {
        QFETCH(QString, folder);
        return loadModel(folder.toStdString());
    }
    std::shared_ptr<const Model> m_demo;
};

void TestModelRuns::batchDoesNotChangeRows() {
    const auto model = fetched();
    std::vector<std::vector<std::int32_t>> prompts;
    for (const int length : {70, 1, 23, 64, 2, 23, 41, 65}) prompts.push_back(prompt(*model, length, length));
    const ForwardResult batch = run(*model, everything(prompts));
    std::int64_t first = 0;
    double states = 0;
    double logits = 0;
    for (const auto& ids : prompts) {
        const ForwardResult alone = run(*model, everything({ids}));
        for (std::int64_t row = 0; row < alone.states.n0; ++row) {
            states = std::max(states, worst(batch.states, first + row, alone.states, row));
            logits = std::max(logits, relativeError(batch.logits.row(first + row).data(),
                                                    alone.logits.row(row).data(), alone.logits.cols()));
        }
        first += alone.states.n0;
    }
    qInfo("batch against alone: states %.2g, logits %.2g", states, logits);
    QVERIFY(states < tolerance);
    QVERIFY(logits < tolerance);
}

void TestModelRuns::partsOfARunAreTheSame() {
    const auto model = fetched();
    const auto ids = prompt(*model, 37, 3);
    const ForwardResult whole = run(*model, everything({ids}));
    const auto points = static_cast<std::int64_t>(model->points().size());
    for (std::int64_t last = 0; last < points; ++last)
        for (const std::vector<std::int32_t>& positions :
             {std::vector<std::int32_t>{36}, std::vector<std::int32_t>{0, 7, 20}}) {
            ForwardRequest request;
            request.ids = {ids};
            request.positions = {positions};
            request.firstPoint = PointIndex(std::max<std::int64_t>(0, last - 2));
            request.lastPoint = PointIndex(last);
            request.writes = true;
            request.logits = last % 2 == 0;
            const ForwardResult part = run(*model, request);
            const std::int64_t first = request.firstPoint.value();
            QCOMPARE(part.states.n0, static_cast<std::int64_t>(positions.size()));
            QCOMPARE(part.states.n1, last - first + 1);
            QCOMPARE(part.writes.n1, last - first);
            for (std::size_t row = 0; row < positions.size(); ++row) {
                const auto r = static_cast<std::int64_t>(row);
                for (std::int64_t p = first; p <= last; ++p)
                    QVERIFY(relativeError(part.states.at(r, p - first), whole.states.at(positions[row], p),
                                          part.states.n2) < tolerance);
                for (std::int64_t p = first; p < last; ++p)
                    QVERIFY(relativeError(part.writes.at(r, p - first), whole.writes.at(positions[row], p),
                                          part.writes.n2) < 10 * tolerance);
                if (request.logits)
                    QVERIFY(relativeError(part.logits.row(r).data(), whole.logits.row(positions[row]).data(),
                                          part.logits.cols()) < tolerance);
            }
            QCOMPARE(part.logits.size() > 0, request.logits);
        }
}

void TestModelRuns::statesAreSumsOfWrites_data() {
    QTest::addColumn<QString>("folder");
    QTest::addColumn<bool>("rounded");
    for (const Fixture& fixture : fixtures())
        for (const bool rounded : {false, true})
            QTest::addRow("%s %s", fixture.name.c_str(), rounded ? "bfloat16" : "float32")
                << QString::fromStdString(fixture.folder.string()) << rounded;
}

// h at p + 1 is h at p plus what the block wrote, bit for bit in the compute dtype.
void TestModelRuns::statesAreSumsOfWrites() {
    QFETCH(QString, folder);
    QFETCH(bool, rounded);
    const auto model = loadModel(folder.toStdString(), rounded ? DType::BFloat16 : DType::Float32);
    const ForwardResult result = run(*model, everything({prompt(*model, 29, 1), prompt(*model, 12, 2)}));
    std::int64_t moved = 0;
    for (std::int64_t row = 0; row < result.states.n0; ++row)
        for (std::int64_t p = 0; p < result.writes.n1; ++p) {
            std::vector<float> sum(result.states.line(row, p).begin(), result.states.line(row, p).end());
            for (std::int64_t u = 0; u < result.states.n2; ++u) {
                float& value = sum[static_cast<std::size_t>(u)];
                const float write = result.writes.at(row, p)[u];
                if (rounded) QCOMPARE(write, roundedToBFloat16(write));
                value = rounded ? roundedToBFloat16(value + write) : value + write;
                moved += write != 0 ? 1 : 0;
            }
            QVERIFY(sameBits(sum, result.states.line(row, p + 1)));
        }
    QVERIFY(moved > 0);
}

// A first token sees no other: alone, in a longer prompt, in a batch, or as the only row wanted, it has the
// same bits at every point.
void TestModelRuns::firstPositionDependsOnNothingElse() {
    const auto model = fetched();
    const auto ids = prompt(*model, 23, 1);
    const ForwardResult alone = run(*model, everything({{ids[0]}}));
    const ForwardResult batch = run(*model, everything({prompt(*model, 9, 2), ids, prompt(*model, 70, 3)}));
    ForwardRequest request;
    request.ids = {ids, prompt(*model, 5, 2)};
    request.positions = {{0, 7}, {2}};
    const ForwardResult some = run(*model, request);
    const auto bits = [](const Array3F& states, std::int64_t row) {
        return std::span(states.at(row, 0), static_cast<std::size_t>(states.n1 * states.n2));
    };
    QVERIFY(sameBits(bits(alone.states, 0), bits(batch.states, 9)));
    QVERIFY(sameBits(bits(alone.states, 0), bits(some.states, 0)));
}

void TestModelRuns::sameShapesGiveSameBits() {
    const auto request = everything({prompt(*m_demo, 60, 1), prompt(*m_demo, 33, 2), prompt(*m_demo, 90, 3)});
    const ForwardResult a = run(*m_demo, request);
    const ForwardResult b = run(*m_demo, request);
    QVERIFY(sameBits(a.states.data, b.states.data));
    QVERIFY(sameBits({a.logits.data(), static_cast<std::size_t>(a.logits.size())},
                     {b.logits.data(), static_cast<std::size_t>(b.logits.size())}));
}

void TestModelRuns::untouchedStateIsTheNaturalPath() {
    const auto model = fetched();
    Progress progress;
    const auto ids = prompt(*model, 66, 4);
    const ForwardResult captured = run(*model, everything({ids}));
    const auto context = model->prepare(ids, progress);
    QVERIFY(context->ids() == ids);
    const auto points = static_cast<std::int64_t>(model->points().size());
    double states = 0;
    double logits = 0;
    for (const int token : {65, 64, 40, 0})
        for (std::int64_t p = 0; p < points; p += 3) {
            const VectorF h = model->naturalState(*context, PointIndex(p), token);
            const auto once = model->resume(*context, PointIndex(p), token, h.transpose(), true, progress);
            const auto again = model->resume(*context, PointIndex(p), token, h.transpose(), true, progress);
            const Array3F& path = once.states[0];
            QVERIFY(sameBits(path.data, again.states[0].data));
            QVERIFY(sameBits({once.logits.data(), static_cast<std::size_t>(once.logits.size())},
                             {again.logits.data(), static_cast<std::size_t>(again.logits.size())}));
            QVERIFY(sameBits(path.line(0, 0), {h.data(), static_cast<std::size_t>(h.size())}));
            QCOMPARE(path.n0, static_cast<std::int64_t>(66 - token));
            QCOMPARE(path.n1, points - p);
            for (std::int64_t i = 0; i < path.n0; ++i)
                for (std::int64_t q = 0; q < path.n1; ++q)
                    states = std::max(
                        states, relativeError(path.at(i, q), captured.states.at(token + i, p + q), path.n2));
            logits = std::max(logits, relativeError(once.logits.data(), captured.logits.row(65).data(),
                                                    once.logits.cols()));
        }
    qInfo("untouched against captured: states %.2g, logits %.2g", states, logits);
    QVERIFY(states < tolerance);
    QVERIFY(logits < tolerance);
}

void TestModelRuns::manyStatesAtOnce() {
    Progress progress;
    const auto context = m_demo->prepare(prompt(*m_demo, 40, 9), progress);
    for (const int token : {39, 30}) {
        const PointIndex point(7);
        const VectorF h = m_demo->naturalState(*context, point, token);
        MatrixF pushed = h.transpose().replicate(70, 1);
        for (Eigen::Index i = 0; i < pushed.rows(); ++i)
            pushed(i, i % pushed.cols()) += static_cast<float>(i);
        const Continuation all = m_demo->resume(*context, point, token, pushed, true, progress);
        QCOMPARE(all.states.size(), std::size_t{70});
        for (const Eigen::Index i : {0, 1, 34, 35, 69}) {
            const Continuation one = m_demo->resume(*context, point, token, pushed.row(i), true, progress);
            const Array3F& batch = all.states[static_cast<std::size_t>(i)];
            for (std::int64_t t = 0; t < batch.n0; ++t)
                QVERIFY(worst(batch, t, one.states[0], t) < tolerance);
            QVERIFY(relativeError(all.logits.row(i).data(), one.logits.data(), one.logits.cols()) <
                    tolerance);
        }
        QCOMPARE(m_demo->resume(*context, point, token, pushed, false, progress).logits.size(),
                 Eigen::Index{0});
    }
}

// A state put in at the last token must not be seen by anything before it; one put in earlier must.
void TestModelRuns::earlierTokensAreUntouched() {
    Progress progress;
    const auto context = m_demo->prepare(prompt(*m_demo, 30, 5), progress);
    const VectorF h = m_demo->naturalState(*context, PointIndex(0), 10);
    const VectorF moved = h * 2;
    const auto natural = m_demo->resume(*context, PointIndex(0), 10, h.transpose(), true, progress);
    const auto pushed = m_demo->resume(*context, PointIndex(0), 10, moved.transpose(), true, progress);
    const Array3F& a = natural.states[0];
    const Array3F& b = pushed.states[0];
    for (std::int64_t t = 1; t < a.n0; ++t) {
        QVERIFY(sameBits(a.line(t, 0), b.line(t, 0)));
        QVERIFY(!sameBits(a.line(t, a.n1 - 1), b.line(t, b.n1 - 1)));
    }
    QVERIFY(h == m_demo->naturalState(*context, PointIndex(0), 10));
}

void TestModelRuns::ropeCrossesItsFirstLength_data() {
    QTest::addColumn<QString>("folder");
    for (const char* name : {"phi3", "phi3-long-partial", "llama-dynamic-rope"})
        QTest::newRow(name) << QString(RHEO_FIXTURES "/models/%1/model").arg(name);
}

// The rotary frequencies are those of the whole sequence: once it is longer than the original length, nothing
// cached before is of use. With the cache and without, tokens must be the same.
void TestModelRuns::ropeCrossesItsFirstLength() {
    const auto model = fetched();
    Progress progress;
    const auto original = static_cast<int>(model->config().ropes[0].originalMaxPositions);
    for (const int length : {original - 6, original - 1, original, original + 1}) {
        const auto ids = prompt(*model, length, 2);
        QVERIFY(model->greedy(ids, 12, true, progress) == model->greedy(ids, 12, false, progress));
    }
    // The length of the whole sequence changes the states of earlier tokens.
    const ForwardResult within = run(*model, everything({prompt(*model, original, 2)}));
    const ForwardResult beyond = run(*model, everything({prompt(*model, original + 1, 2)}));
    QVERIFY(worst(beyond.states, original - 4, within.states, original - 4) > 1e-3);
}

void TestModelRuns::untrainedIsReproducible() {
    Progress progress;
    const auto checkpoint = Checkpoint::open(RHEO_RESOURCES "/demo-model");
    const auto load = [&](std::uint64_t seed, int threads) {
        return Model::load(checkpoint, {"cpu", DType::Float32, threads, seed}, progress);
    };
    const auto request = everything({prompt(*m_demo, 20, 1)});
    const ForwardResult one = run(*load(1, 1), request);
    // Weights are the same with any number of threads; a prompt this small runs on one thread anyway.
    QVERIFY(sameBits(one.states.data, run(*load(1, 2), request).states.data));
    QVERIFY(!sameBits(one.states.data, run(*load(2, 1), request).states.data));
    QVERIFY(!sameBits(one.states.data, run(*m_demo, request).states.data));
    QCOMPARE(load(7, 1)->identity().untrainedSeed.value_or(0), std::uint64_t{7});
    QVERIFY(!load(7, 1)->identity().sameModel(m_demo->identity()));

    // Embeddings are drawn with the SD of the config, 0.02: of 4096 * 128 values the estimate is good to
    // 0.1 %, and only 20 rows are seen here: to 1.4 %, so 5 % is more than 3 SD.
    double squares = 0;
    for (std::int64_t row = 0; row < one.states.n0; ++row)
        for (const float value : one.states.line(row, 0))
            squares += static_cast<double>(value) * static_cast<double>(value);
    const double sd = std::sqrt(squares / static_cast<double>(one.states.n0 * one.states.n2));
    QVERIFY2(std::abs(sd / 0.02 - 1) < 0.05, qPrintable(QString::number(sd)));

    // Without weights on disk there is still an untrained model.
    const QTemporaryDir folder;
    const std::filesystem::path path = folder.path().toStdString();
    std::filesystem::copy_file(RHEO_RESOURCES "/demo-model/config.json", path / "config.json");
    const auto bare = Checkpoint::open(path);
    QVERIFY(!bare->weightsMissing().empty());
    const auto model = Model::load(bare, {"cpu", DType::Float32, 1, 1}, progress);
    QVERIFY(sameBits(one.states.data, run(*model, request).states.data));
    expectError(ErrorCode::NotFound, {"model.safetensors"}, [&] {
        Model::load(bare, {"cpu", DType::Float32, 1, {}}, progress);
    });
}

void TestModelRuns::stopsBetweenBlocks() {
    for (const double when : {0.0, 0.3, 0.9}) {
        std::stop_source source;
        double reached = 0;
        Progress progress(source.get_token(), [&](const ProgressReport& report) {
            reached = report.fraction;
            if (report.fraction >= when) source.request_stop();
        });
        const auto request = everything({prompt(*m_demo, 30, 1)});
        QVERIFY_EXCEPTION_THROWN(m_demo->forward(request, progress), Cancelled);
        QVERIFY(reached < when + 0.1);
    }
    std::stop_source source;
    Progress progress(source.get_token());
    const auto context = m_demo->prepare(prompt(*m_demo, 12, 1), progress);
    source.request_stop();
    const MatrixF states = MatrixF::Zero(1, m_demo->config().dModel);
    QVERIFY_EXCEPTION_THROWN(m_demo->resume(*context, PointIndex(3), 11, states, true, progress), Cancelled);
    QVERIFY_EXCEPTION_THROWN(m_demo->prepare(prompt(*m_demo, 12, 1), progress), Cancelled);
    QVERIFY_EXCEPTION_THROWN(m_demo->greedy(prompt(*m_demo, 12, 1), 3, true, progress), Cancelled);
}

void TestModelRuns::loadingReportsAndStops() {
    const auto checkpoint = Checkpoint::open(RHEO_RESOURCES "/demo-model");
    std::vector<double> fractions;
    Progress watched({}, [&](const ProgressReport& report) { fractions.push_back(report.fraction); });
    Model::load(checkpoint, {}, watched);
    QVERIFY(fractions.size() > 10);
    QCOMPARE(fractions.back(), 1.0);
    QVERIFY(std::is_sorted(fractions.begin(), fractions.end()));

    std::stop_source source;
    Progress stopped(source.get_token(), [&](const ProgressReport&) { source.request_stop(); });
    QVERIFY_EXCEPTION_THROWN(Model::load(checkpoint, {}, stopped), Cancelled);
}

void TestModelRuns::refusals() {
    Progress progress;
    const auto checkpoint = Checkpoint::open(RHEO_RESOURCES "/demo-model");
    const auto load = [&](const std::string& device, DType dtype) {
        return [&, device, dtype] { Model::load(checkpoint, {device, dtype, 1, {}}, progress); };
    };
    expectError(ErrorCode::Unsupported, {"float16", "float32 or bfloat16"}, load("cpu", DType::Float16));
    expectError(ErrorCode::InvalidArgument, {"gpu", "cuda"}, load("gpu", DType::Float32));
    expectError(ErrorCode::InvalidArgument, {"cuda:x"}, load("cuda:x", DType::Float32));
    // Without CUDA there is no device at all; with it, not so many.
    expectError(ErrorCode::Device, {"cuda:99"}, load("cuda:99", DType::Float32));

    ForwardRequest request;
    request.ids = {{1, 2, 3}};
    request.positions = {{2}};
    const auto forward = [&](auto change) {
        return [&, change] {
            ForwardRequest bad = request;
            change(bad);
            m_demo->forward(bad, progress);
        };
    };
    expectError(ErrorCode::InvalidArgument, {"4096", "vocabulary"},
                forward([](ForwardRequest& r) { r.ids[0][1] = 4096; }));
    expectError(ErrorCode::InvalidArgument, {"-1", "vocabulary"},
                forward([](ForwardRequest& r) { r.ids[0][1] = -1; }));
    expectError(ErrorCode::InvalidArgument, {"no tokens"}, forward([](ForwardRequest& r) { r.ids[0] = {}; }));
    expectError(ErrorCode::InvalidArgument, {"513", "512"},
                forward([](ForwardRequest& r) { r.ids[0].assign(513, 1); }));
    expectError(ErrorCode::InvalidArgument, {"position 3"},
                forward([](ForwardRequest& r) { r.positions[0] = {3}; }));
    expectError(ErrorCode::InvalidArgument, {"ascending"}, forward([](ForwardRequest& r) {
                    r.positions[0] = {2, 2};
                }));
    expectError(ErrorCode::InvalidArgument, {"point 65"},
                forward([](ForwardRequest& r) { r.lastPoint = PointIndex(65); }));
    expectError(ErrorCode::InvalidArgument, {"before the first"}, forward([](ForwardRequest& r) {
                    r.firstPoint = PointIndex(5);
                    r.lastPoint = PointIndex(4);
                }));

    const auto context = m_demo->prepare(request.ids[0], progress);
    const MatrixF narrow = MatrixF::Zero(1, 5);
    const MatrixF right = MatrixF::Zero(1, 128);
    expectError(ErrorCode::InvalidArgument, {"128"},
                [&] { m_demo->resume(*context, PointIndex(0), 2, narrow, false, progress); });
    expectError(ErrorCode::InvalidArgument, {"token 3"},
                [&] { m_demo->resume(*context, PointIndex(0), 3, right, false, progress); });
    const auto other = loadModel(RHEO_RESOURCES "/demo-model");
    expectError(ErrorCode::Mismatch, {"another model"},
                [&] { other->naturalState(*context, PointIndex(0), 0); });
}

void TestModelRuns::refusesWhatWillNotFit() {
    const QTemporaryDir folder;
    const std::filesystem::path path = folder.path().toStdString();
    std::ofstream(path / "config.json")
        << R"({"model_type":"llama","hidden_size":65536,"intermediate_size":262144,"num_hidden_layers":1000,"num_attention_heads":64})";
    Progress progress;
    expectError(ErrorCode::OutOfMemory, {"GiB", "parameters", "--dtype bfloat16"}, [&] {
        Model::load(Checkpoint::open(path), {"cpu", DType::Float32, 1, 1}, progress);
    });
}

// A tied model whose file holds another unembedding is computed with the stored one: with the embedding's
// negative, every logit is the negative of the tied model's.
void TestModelRuns::storedUnembeddingCounts() {
    namespace fs = std::filesystem;
    const QTemporaryDir folder;
    const fs::path path = folder.path().toStdString();
    const fs::path source = fs::path(RHEO_FIXTURES) / "models" / "gpt2-resaved" / "model";
    fs::copy_file(source / "config.json", path / "config.json");
    fs::copy_file(source / "model.safetensors", path / "model.safetensors");
    Progress progress;
    const std::vector<std::int32_t> ids{5, 9, 2};
    const auto tied = loadModel(path);
    QVERIFY(tied->config().tiedUnembedding);
    const MatrixF logits = tied->logits(ids, progress);
    const auto [offset, bytes] = [&] {
        const auto file = SafetensorsFile::open(path / "model.safetensors");
        const auto head = file->find("lm_head.weight")->bytes;
        return std::pair(
            8 + file->header().size() + static_cast<std::size_t>(head.data() - file->data().data()),
            head.size());
    }();
    std::string content;
    {
        std::ifstream in(path / "model.safetensors", std::ios::binary);
        content.assign(std::istreambuf_iterator<char>(in), {});
    }
    for (std::size_t i = 1; i < bytes; i += 2)
        content[offset + i] = static_cast<char>(content[offset + i] ^ 0x80);
    std::ofstream(path / "model.safetensors", std::ios::binary) << content;
    const auto own = loadModel(path);
    QVERIFY(!own->config().tiedUnembedding);
    QVERIFY(own->logits(ids, progress) == -logits);
    QVERIFY(QString::fromStdString(own->identity().notes.at(0)).contains("tie_word_embeddings"));
}

RHEO_TEST(TestModelRuns)
#include "test_model_runs.moc"
