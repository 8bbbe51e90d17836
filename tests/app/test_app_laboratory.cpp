// rheo intervene, patch, attribute and capture --generate: what they write and print, and what they refuse.
#include <QTemporaryDir>
#include <QtTest>

#include "core/trace/hdf5_file.h"
#include "run_rheo.h"
#include "tests/test_main.h"

namespace {

const QString demoModel = RHEO_RESOURCES "/demo-model";

}  // namespace

class TestAppLaboratory : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void interveneWritesBothTexts();
    void strengthZeroGivesTheNaturalText();
    void interveneRefuses_data();
    void interveneRefuses();
    void patchWritesAMap();
    void patchIsDrawnAndDrawnAgain();
    void patchAlongTheDifference();
    void patchRefuses_data();
    void patchRefuses();
    void attributeAddsUp();
    void attributeBesideAnIntervention();
    void routingIsWrittenAndDrawn();
    void routingNeedsExperts();
    void generatedTokensAreRows();
    void directionsSteer();
    void directionsOfATrace();
    void axesInPlaceOfComponents();
    void trajectoriesAreColouredByADirection();
    void flowIsWrittenAndDrawn();
    void responseIsWrittenAndDrawn();
    void jacobianIsWrittenAndDrawn();

private:
    QString path(const QString& name) const { return m_folder.path() + "/" + name; }
    Ran intervene(const QString& edits, const QString& out, const QStringList& more = {}) const {
        writeFile(path("edits.json"), edits.toUtf8());
        return runRheo(QStringList{"intervene", "--model", demoModel, "--text", "It was the best", "--edits",
                                   path("edits.json"), "--out", path(out), "--json"} +
                       more);
    }
    /// A trace of all tokens of a few prompts, made once.
    QString trace();
    QTemporaryDir m_folder;
    QString m_vector;  ///< [128] as JSON
};

void TestAppLaboratory::initTestCase() {
    for (int i = 0; i < 128; ++i) m_vector += QString("%1%2").arg(i == 0 ? "[" : ",").arg(i % 7 - 3);
    m_vector += "]";
}

void TestAppLaboratory::interveneWritesBothTexts() {
    const auto ran = intervene(QString(R"({"edits": [{"point": "L03.mlp_in", "tokens": "all", "op": "add",
                                        "vector": %1, "strength": 2, "unit": "rms"}]})")
                                   .arg(m_vector),
                               "i.h5", {"--generate", "6"});
    QVERIFY2(ran.status == 0, ran.err);
    const QJsonObject said = ran.json();
    QCOMPARE(said["natural_ids"].toArray().size(), 6);
    QCOMPARE(said["intervened_ids"].toArray().size(), 6);
    QVERIFY(said["natural_ids"] != said["intervened_ids"]);
    QVERIFY(!said["intervened_text"].toString().isEmpty());
    const auto file = rheo::Hdf5File::openForReading(path("i.h5").toStdString());
    const auto tokens = static_cast<std::int64_t>(said["ids"].toArray().size()) + 6;
    QVERIFY((file.info("/natural").shape == std::vector<std::int64_t>{tokens, 65, 128}));
    QVERIFY((file.info("/intervened").shape == std::vector<std::int64_t>{tokens, 65, 128}));
    QCOMPARE(file.read<std::int32_t>("/intervened_ids").size(), std::size_t{6});
    QCOMPARE(QString::fromStdString(file.readStrings("/intervened_text").at(0)),
             said["intervened_text"].toString());
    QVERIFY(file.numberAttribute("/", "kl").value_or(0) > 0);
}

void TestAppLaboratory::strengthZeroGivesTheNaturalText() {
    const auto ran = intervene(QString(R"({"edits": [{"point": "L03.mlp_in", "tokens": "all", "op": "add",
                                        "vector": %1, "strength": 0}]})")
                                   .arg(m_vector),
                               "zero.h5", {"--generate", "6", "--temperature", "0.8", "--seed", "3"});
    QVERIFY2(ran.status == 0, ran.err);
    QVERIFY(ran.json()["natural_ids"] == ran.json()["intervened_ids"]);
    QCOMPARE(ran.json()["kl"].toDouble(), 0.0);
}

void TestAppLaboratory::interveneRefuses_data() {
    QTest::addColumn<QString>("edit");
    QTest::addColumn<QString>("part");
    QTest::newRow("point") << R"({"point": "L32.mlp_in", "op": "scale"})"
                           << "L32.mlp_in";
    QTest::newRow("operation") << R"({"point": "final", "op": "scaled"})"
                               << "scaled";
    QTest::newRow("width") << R"({"point": "final", "op": "add", "vector": [1]})"
                           << "128";
    QTest::newRow("key") << R"({"point": "final", "op": "scale", "factor": 2})"
                         << "factor";
    QTest::newRow("token") << R"({"point": "final", "op": "scale", "tokens": [99]})"
                           << "99";
}

void TestAppLaboratory::interveneRefuses() {
    QFETCH(QString, edit);
    QFETCH(QString, part);
    const auto ran = intervene("{\"edits\": [" + edit + "]}", "refused.h5");
    QCOMPARE(ran.status, 1);
    QVERIFY2(ran.err.contains(part.toUtf8()), ran.err);
    QVERIFY(!QFile::exists(path("refused.h5")));
}

void TestAppLaboratory::patchWritesAMap() {
    const auto ran = runRheo({"patch", "--model", demoModel, "--clean", "It was the best of times",
                              "--corrupt", "It was the worst of times", "--answer", ",", "--foil", " to",
                              "--out", path("map.h5"), "--json"});
    QVERIFY2(ran.status == 0, ran.err);
    QCOMPARE(ran.json()["outcome"].toString(), QString("logit_difference"));
    const auto file = rheo::Hdf5File::openForReading(path("map.h5").toStdString());
    const auto clean = file.read<std::int32_t>("/clean_ids");
    const auto corrupted = file.read<std::int32_t>("/corrupted_ids");
    const auto tokens = static_cast<std::int64_t>(corrupted.size());
    QCOMPARE(clean.size(), corrupted.size());
    QVERIFY((file.info("/effect").shape == std::vector<std::int64_t>{tokens, 65}));
    QCOMPARE(file.textAttribute("/", "outcome").value_or(""), std::string("logit_difference"));
    QCOMPARE(file.numberAttribute("/", "clean").value_or(0), ran.json()["clean"].toDouble());
    QCOMPARE(file.numberAttribute("/", "corrupted").value_or(0), ran.json()["corrupted"].toDouble());
    QCOMPARE(file.integerAttribute("/", "answer").value_or(-1), std::int64_t{ran.json()["answer"].toInt()});
    QCOMPARE(file.read<std::int32_t>("/points/block").size(), std::size_t{65});
    const auto share = file.read<double>("/normalized");
    QVERIFY(std::abs(share.back() - 1) <= 1e-6);
    QCOMPARE(share.front(), 0.0);
    // Outcomes beside those of rheo logits.
    QVERIFY(runRheo({"logits", "--model", demoModel, "--text", "It was the best of times", "--out",
                     path("l.npy")})
                .status == 0);
    const QByteArray npy = contentsOf(path("l.npy"));
    const auto* last = reinterpret_cast<const float*>(npy.constData() + npy.size()) - 4096;
    const double difference =
        double(last[ran.json()["answer"].toInt()]) - double(last[ran.json()["foil"].toInt()]);
    QVERIFY(std::abs(ran.json()["clean"].toDouble() - difference) < 1e-4);
}

void TestAppLaboratory::patchIsDrawnAndDrawnAgain() {
    QCOMPARE(runRheo({"patch", "--model", demoModel, "--clean-ids", "5,6,7", "--corrupt-ids", "5,9,7",
                      "--answer-id", "3", "--out", path("p.h5"), "--quiet"})
                 .status,
             0);
    const auto drawn = runRheo({"figure", path("p.h5"), "--view", "patch_map", "--out", path("p.svg")});
    QVERIFY2(drawn.status == 0, drawn.err);
    const auto again = runRheo({"figure", "--recipe", path("p.svg"), "--out", path("again.svg")});
    QVERIFY2(again.status == 0, again.err);
    QVERIFY(contentsOf(path("p.svg")).contains("Probability of"));
    const auto wrong = runRheo({"figure", path("p.h5"), "--view", "pca", "--out", path("no.svg")});
    QCOMPARE(wrong.status, 1);
    const QJsonObject info = runRheo({"info", path("p.h5"), "--json"}).json();
    QCOMPARE(info["kind"].toString(), QString("patch_map"));
}

/// Along the difference of both runs at the last token of the final point a patch is that of the whole state.
void TestAppLaboratory::patchAlongTheDifference() {
    const QString clean = "She was a good woman, said", corrupted = "He was a good man, said";
    QVERIFY(runRheo({"directions", "--model", demoModel, "--plus", clean, "--minus", corrupted, "--point",
                     "final", "--name", "difference", "--out", path("d.safetensors")})
                .status == 0);
    const QStringList patch{
        "patch",    "--model", demoModel, "--clean", clean,    "--corrupt",          corrupted,
        "--answer", " she",    "--foil",  " he",     "--axes", path("d.safetensors")};
    const auto ran = runRheo(patch + QStringList{"--out", path("along.h5")});
    QVERIFY2(ran.status == 0, ran.err);
    const QByteArray last = ran.out.trimmed().split('\n').last();
    QVERIFY2(last.contains(" said") && last.endsWith("at the last point 1.000"), ran.out);
    const QJsonObject map = runRheo({"info", path("along.h5"), "--json"}).json(),
                      vectors = runRheo({"info", path("d.safetensors"), "--json"}).json();
    QCOMPARE(map["along"].toArray(), QJsonArray{"difference"});
    QCOMPARE(vectors["kind"].toString(), QString("vectors"));
    QCOMPARE(vectors["vectors"].toArray(), QJsonArray{"difference"});
    QVERIFY(runRheo({"figure", path("along.h5"), "--view", "patch_map", "--out", path("along.svg")}).status ==
            0);
    QVERIFY(contentsOf(path("along.svg")).contains("'difference'"));
    const auto other = runRheo(patch + QStringList{"--out", path("no.h5"), "--untrained", "3"});
    QCOMPARE(other.status, 1);
    QVERIFY2(other.err.contains("another model"), other.err);
}

void TestAppLaboratory::patchRefuses_data() {
    QTest::addColumn<QStringList>("options");
    QTest::addColumn<int>("status");
    QTest::addColumn<QString>("part");
    const QStringList both{"--clean-ids", "5,6,7", "--corrupt-ids", "5,9,7"};
    QTest::newRow("no clean prompt") << QStringList{"--corrupt-ids", "5,9,7"} << 2 << "--clean";
    QTest::newRow("two clean prompts") << both + QStringList{"--clean", "a"} << 2 << "--clean";
    QTest::newRow("foil without answer") << both + QStringList{"--foil-id", "1"} << 2 << "--answer";
    QTest::newRow("foil for a probability")
        << both + QStringList{"--answer-id", "1", "--foil-id", "1", "--outcome", "probability"} << 2
        << "--foil";
    QTest::newRow("several tokens") << both + QStringList{"--answer", " several tokens"} << 1
                                    << "--answer-id";
    QTest::newRow("id beyond") << both + QStringList{"--answer-id", "999999"} << 1 << "999999";
    QTest::newRow("no alignment") << both + QStringList{"--align", "0,1"} << 2 << "CLEAN:CORRUPTED";
    QTest::newRow("alignment beyond") << both + QStringList{"--align", "0:3"} << 1 << "0 to 2";
    QTest::newRow("clean token beyond") << both + QStringList{"--align", "3:0"} << 1 << "0 to 2";
}

void TestAppLaboratory::patchRefuses() {
    QFETCH(QStringList, options);
    QFETCH(int, status);
    QFETCH(QString, part);
    const auto ran = runRheo(QStringList{"patch", "--model", demoModel, "--out", path("no.h5")} + options);
    QCOMPARE(ran.status, status);
    QVERIFY2(ran.err.contains(part.toUtf8()), ran.err);
    QVERIFY(!QFile::exists(path("no.h5")));
}

void TestAppLaboratory::attributeAddsUp() {
    const auto ran = runRheo({"attribute", "--model", demoModel, "--text", "It was the best", "--foil",
                              " the", "--out", path("a.h5"), "--json"});
    QVERIFY2(ran.status == 0, ran.err);
    const auto file = rheo::Hdf5File::openForReading(path("a.h5").toStdString());
    double sum =
        file.numberAttribute("/", "embedding").value_or(0) + file.numberAttribute("/", "bias").value_or(0);
    const auto contribution = file.read<double>("/contribution");
    QCOMPARE(contribution.size(), std::size_t{64});
    for (const double one : contribution) sum += one;
    const double logit = file.numberAttribute("/", "logit").value_or(0);
    QVERIFY(std::abs(sum - logit) <= 1e-5 * std::abs(logit));
    QCOMPARE(ran.json()["logit"].toDouble(), logit);
    const auto wrong =
        runRheo({"attribute", "--model", demoModel, "--ids", "1,2", "--token", "2", "--out", path("no.h5")});
    QCOMPARE(wrong.status, 1);
    QVERIFY(wrong.err.contains("0 to 1"));
}

void TestAppLaboratory::attributeBesideAnIntervention() {
    QVERIFY(writeFile(path("scale.json"),
                      R"({"edits": [{"point": "L20.attn_in", "op": "scale", "strength": 2}]})"));
    const auto ran = runRheo({"attribute", "--model", demoModel, "--ids", "5,6,7", "--answer-id", "3",
                              "--edits", path("scale.json"), "--out", path("both.h5"), "--json"});
    QVERIFY2(ran.status == 0, ran.err);
    const auto file = rheo::Hdf5File::openForReading(path("both.h5").toStdString());
    QVERIFY(file.numberAttribute("/natural", "logit").value_or(0) != ran.json()["logit"].toDouble());
    for (const char* run : {"intervened", "natural", "difference"}) {
        const auto drawn = runRheo({"figure", path("both.h5"), "--view", "attribution", "--run", run, "--out",
                                    path(QString(run) + ".svg")});
        QVERIFY2(drawn.status == 0, drawn.err);
    }
    QVERIFY(contentsOf(path("natural.svg")) != contentsOf(path("intervened.svg")));
}

void TestAppLaboratory::routingIsWrittenAndDrawn() {
    QVERIFY(writeFile(path("prompts.jsonl"), "{\"ids\": [1, 5, 80, 33]}\n{\"ids\": [1, 7, 61]}\n"));
    const QString model = RHEO_FIXTURES "/models/qwen2_moe/model";
    const auto ran = runRheo({"routing", "--model", model, "--prompts", path("prompts.jsonl"), "--repeats",
                              "20", "--out", path("routing.h5"), "--json"});
    QVERIFY2(ran.status == 0, ran.err);
    QCOMPARE(ran.json()["rows"].toInt(), 7);
    QCOMPARE(ran.json()["blocks"].toArray(), (QJsonArray{0, 2}));
    QCOMPARE(ran.json()["chosen"].toInt(), 3);
    const auto file = rheo::Hdf5File::openForReading(path("routing.h5").toStdString());
    QCOMPARE(file.info("/probabilities").shape, (std::vector<std::int64_t>{7, 2, 6}));
    QCOMPARE(file.info("/balance/p").shape, (std::vector<std::int64_t>{2}));
    for (const QStringList& options : {QStringList{}, {"--prompt", "1"}, {"--value", "entropy"}}) {
        const auto drawn = runRheo(QStringList{"figure", path("routing.h5"), "--view", "routing", "--force",
                                               "--out", path("routing.svg")} +
                                   options);
        QVERIFY2(drawn.status == 0, drawn.err);
    }
    const auto beyond = runRheo(
        {"figure", path("routing.h5"), "--view", "routing", "--prompt", "2", "--out", path("no.svg")});
    QCOMPARE(beyond.status, 1);
    QVERIFY(beyond.err.contains("0 to 1"));
    const auto told = runRheo({"info", path("routing.h5")});
    QVERIFY(told.out.contains("experts") && told.out.contains("--view routing"));
}

void TestAppLaboratory::routingNeedsExperts() {
    const auto ran = runRheo({"routing", "--model", demoModel, "--ids", "1,2", "--out", path("none.h5")});
    QCOMPARE(ran.status, 1);
    QVERIFY(ran.err.contains("no experts"));
    QVERIFY(!QFile::exists(path("none.h5")));
    const auto both = runRheo(
        {"routing", "--model", demoModel, "--ids", "1,2", "--prompts", "p.txt", "--out", path("none.h5")});
    QCOMPARE(both.status, 2);
}

// The rows of generated tokens hold what rheo intervene finds for the natural text.
void TestAppLaboratory::generatedTokensAreRows() {
    QVERIFY(writeFile(path("prompts.jsonl"), "{\"ids\": [5, 6, 7]}\n{\"ids\": [9, 8]}\n"));
    const auto ran = runRheo({"capture", "--model", demoModel, "--prompts", path("prompts.jsonl"),
                              "--generate", "4", "--rows", "all", "--out", path("t.rheo.h5"), "--quiet"});
    QVERIFY2(ran.status == 0, ran.err);
    QVERIFY(writeFile(path("none.json"), R"({"edits": []})"));
    QVERIFY(runRheo({"intervene", "--model", demoModel, "--ids", "5,6,7", "--edits", path("none.json"),
                     "--generate", "4", "--out", path("n.h5"), "--quiet"})
                .status == 0);
    const auto trace = rheo::Hdf5File::openForReading(path("t.rheo.h5").toStdString());
    const auto text = rheo::Hdf5File::openForReading(path("n.h5").toStdString());
    const auto shape = trace.info("/residual").shape;
    QCOMPARE(shape, (std::vector<std::int64_t>{13, 65, 128}));
    std::vector<float> captured(7 * 65 * 128);
    trace.readBox<float>("/residual", {0, 0, 0}, {7, 65, 128}, captured.data());
    const auto natural = text.read<float>("/natural");
    QCOMPARE(natural.size(), captured.size());
    double squares = 0, worst = 0;
    for (std::size_t i = 0; i < natural.size(); ++i) {
        squares += double(natural[i]) * double(natural[i]);
        worst = std::max(worst, std::abs(double(natural[i]) - double(captured[i])));
    }
    QVERIFY(worst < 3e-5 * std::sqrt(squares / double(natural.size())));
    const auto tooLong = runRheo({"capture", "--model", demoModel, "--prompts", path("prompts.jsonl"),
                                  "--generate", "100000", "--out", path("no.h5")});
    QCOMPARE(tooLong.status, 1);
    QVERIFY(tooLong.err.contains("positions"));
}

// A difference of two states, added to the one, gives the outcome of the other; and other models refuse it.
void TestAppLaboratory::directionsSteer() {
    const QString vector = path("v.safetensors");
    const auto ran =
        runRheo({"directions", "--model", demoModel, "--plus", "It was the best", "--minus",
                 "It was the worst", "--point", "final", "--name", "best", "--out", vector, "--json"});
    QVERIFY2(ran.status == 0, ran.err);
    QCOMPARE(ran.json()["point"].toString(), QString("final"));
    QVERIFY(writeFile(path("steer.json"),
                      R"({"edits": [{"point": "final", "op": "add", "vector": "v.safetensors#best"}]})"));
    const QStringList steer{"intervene",        "--model", demoModel,          "--text",
                            "It was the worst", "--edits", path("steer.json"), "--json"};
    const auto steered =
        runRheo(steer + QStringList{"--out", path("s.h5"), "--sweep", "0,1", "--answer", ","});
    QVERIFY2(steered.status == 0, steered.err);
    const QJsonArray sweep = steered.json()["sweep"].toArray();
    const auto probabilityOf = [](const QString& text) {
        const auto said =
            runRheo({"logits", "--model", demoModel, "--text", text, "--json"}).json()["top"].toArray();
        for (const auto& one : said)
            if (one.toObject()["piece"].toString() == ",") return one.toObject()["probability"].toDouble();
        return -1.0;
    };
    const double worst = probabilityOf("It was the worst"), best = probabilityOf("It was the best");
    QVERIFY(worst >= 0 && best >= 0);
    QVERIFY(std::abs(sweep[0].toObject()["probability"].toDouble() - worst) < 1e-4);
    QVERIFY(std::abs(sweep[1].toObject()["probability"].toDouble() - best) < 1e-4);
    QVERIFY(sweep[0].toObject()["perplexity"].isNull());  // nothing was generated
    const auto other = runRheo(steer + QStringList{"--out", path("no.h5"), "--untrained", "3"});
    QCOMPARE(other.status, 1);
    QVERIFY2(other.err.contains("v.safetensors") && other.err.contains("another model"), other.err);
    QVERIFY(runRheo({"directions", "--model", demoModel, "--token", ",", "--out", path("u.npy")}).status ==
            0);
    QVERIFY(QFile::exists(path("u.npy.json")));
    QCOMPARE(runRheo({"directions", "--model", demoModel, "--plus", "a", "--out", path("no.npy")}).status, 2);
}

QString TestAppLaboratory::trace() {
    const QString file = path("tokens.rheo.h5");
    if (QFile::exists(file)) return file;
    QByteArray prompts;
    for (int i = 0; i < 6; ++i)
        prompts += (i % 2 == 0 ? "It was the best of times, and" : "She said nothing at all to") +
                   QByteArray(" him") + QByteArray::number(i) + "\n";
    writeFile(path("tokens.txt"), prompts);
    runRheo(
        {"capture", "--model", demoModel, "--prompts", path("tokens.txt"), "--out", file, "--rows", "all"});
    return file;
}

// Probe, difference of rows, components and rows of files: made, joined and listed with what they mean.
void TestAppLaboratory::directionsOfATrace() {
    const QStringList groups{"--trace", trace(), "--point", "L03.mlp_in"};
    const auto probe =
        runRheo(QStringList{"directions", "--plus-rows", "sample!=1,sample!=3,sample!=5,position>=1",
                            "--minus-rows", "sample!=0,sample!=2,sample!=4,position>=1", "--probe", "ridge",
                            "--shuffles", "20", "--name", "probe", "--out", path("probe.npy"), "--json"} +
                groups);
    QVERIFY2(probe.status == 0, probe.err);
    const QJsonObject quality = probe.json()["probe"].toObject();
    QVERIFY(quality["accuracy"].toDouble() > 0.5 && quality["p"].toDouble() <= 1);
    QCOMPARE(quality["samples"].toInt(), 6);
    QCOMPARE(quality["folds"].toInt(), 3);  // as many as the smaller group has samples
    const auto rows = runRheo(QStringList{"directions", "--row", "4", "--minus-row", "2", "--name", "step",
                                          "--out", path("step.npy"), "--json"} +
                              groups);
    QVERIFY2(rows.status == 0, rows.err);
    QVERIFY(runRheo({"analyze", trace(), "--stat", "pca", "--out", path("pca.h5")}).status == 0);
    QVERIFY(runRheo({"directions", "--pca", path("pca.h5"), "--components", "2,1", "--out",
                     path("pcs.safetensors")})
                .status == 0);
    const auto joined = runRheo({"directions", "--from", path("pcs.safetensors#pc1"), "--from",
                                 path("step.npy"), "--out", path("all.safetensors")});
    QVERIFY2(joined.status == 0, joined.err);
    const auto listed = runRheo({"directions", "--list", path("all.safetensors"), "--trace", trace(),
                                 "--model", demoModel, "--tokens", "3", "--json"});
    QVERIFY2(listed.status == 0, listed.err);
    const QJsonArray directions = listed.json()["directions"].toArray();
    QCOMPARE(directions.size(), 2);
    const QJsonObject component = directions[0].toObject(), step = directions[1].toObject();
    QCOMPARE(component["name"].toString(), QString("pc1"));
    QVERIFY(std::abs(component["norm"].toDouble() - 1) < 1e-6);
    QVERIFY(component["share"].toDouble() > 0.02);
    QCOMPARE(step["point"].toString(), QString("L03.mlp_in"));
    QCOMPARE(step["share_at"].toString(), QString("L03.mlp_in"));
    QCOMPARE(step["toward"].toArray().size(), 3);
    const QJsonArray angles = listed.json()["angles"].toArray();
    QVERIFY(std::abs(angles[0].toArray()[1].toDouble() - angles[1].toArray()[0].toDouble()) < 1e-9);
    QCOMPARE(runRheo({"directions", "--list", path("all.safetensors"), "--out", path("no.npy")}).status, 2);
    QCOMPARE(runRheo(QStringList{"directions", "--row", "4", "--out", path("no.npy")} + groups).status, 2);
}

void TestAppLaboratory::axesInPlaceOfComponents() {
    const QString axes = path("axes.safetensors");
    QVERIFY(runRheo({"directions", "--trace", trace(), "--point", "L03.mlp_in", "--row", "4", "--minus-row",
                     "2", "--name", "a", "--out", path("a.safetensors")})
                .status == 0);
    QVERIFY(runRheo({"directions", "--trace", trace(), "--point", "L03.mlp_in", "--row", "5", "--minus-row",
                     "2", "--name", "b", "--out", path("b.safetensors")})
                .status == 0);
    QVERIFY(runRheo({"directions", "--from", path("a.safetensors#a"), "--from", path("b.safetensors#b"),
                     "--out", axes})
                .status == 0);
    const auto moved = runRheo({"teleport", "--model", demoModel, "--text", "It was the best", "--point",
                                "L03.mlp_in", "--axes", axes, "--skew", "--by", "0,2", "--controls", "0",
                                "--out", path("skew.h5"), "--json"});
    QVERIFY2(moved.status == 0, moved.err);
    const auto file = rheo::Hdf5File::openForReading(path("skew.h5").toStdString());
    // 128 units: the first state of either path. The push is 2 long, along b as it was drawn.
    const auto natural = file.read<float>("/natural"), teleported = file.read<float>("/teleported");
    double square = 0;
    for (std::size_t u = 0; u < 128; ++u) square += std::pow(teleported[u] - natural[u], 2);
    QVERIFY(std::abs(std::sqrt(square) - 2) < 1e-4);
    const auto analyzed =
        runRheo({"analyze", trace(), "--stat", "pca", "--axes", axes + ":b,a", "--out", path("axes.h5")});
    QVERIFY2(analyzed.status == 0, analyzed.err);
    const auto results = rheo::Hdf5File::openForReading(path("axes.h5").toStdString());
    QCOMPARE(results.readStrings("/pca/names"), (std::vector<std::string>{"b", "a", "PC1 rest"}));
    const auto drawn =
        runRheo({"figure", path("axes.h5"), "--view", "trajectories", "--out", path("axes.svg")});
    QVERIFY2(drawn.status == 0, drawn.err);
    // With the model each axis says its nearest tokens, in the results and below the figure.
    const auto meant = runRheo({"analyze", trace(), "--stat", "pca", "--axes", axes + ":b,a", "--model",
                                demoModel, "--out", path("meant.h5")});
    QVERIFY2(meant.status == 0, meant.err);
    const auto named = rheo::Hdf5File::openForReading(path("meant.h5").toStdString());
    const auto toward = named.readStrings("/pca/toward");
    QVERIFY(toward.size() == 3 && toward[0].find("', '") != std::string::npos);
    const auto listed = runRheo({"directions", "--list", path("b.safetensors"), "--model", demoModel,
                                 "--trace", trace(), "--tokens", "1", "--json"});
    QVERIFY2(listed.status == 0, listed.err);
    const QJsonObject b = listed.json()["directions"].toArray()[0].toObject();
    const std::string first =
        b["toward"].toArray()[0].toObject()["piece"].toString().replace('\n', "\u21b5").toStdString();
    QVERIFY2(toward[0].starts_with("'" + first.substr(0, 1)), toward[0].c_str());
    QVERIFY(b["share"].toDouble() > 0);
    QVERIFY(
        runRheo({"figure", path("meant.h5"), "--view", "trajectories", "--out", path("meant.svg")}).status ==
        0);
    QVERIFY(contentsOf(path("meant.svg")).contains("toward"));
    // Results of components, drawn on these axes: the same axes as analyze makes.
    QVERIFY(runRheo({"analyze", trace(), "--stat", "pca", "--out", path("drawn.h5")}).status == 0);
    const auto onAxes = runRheo({"figure", path("drawn.h5"), "--view", "trajectories", "--axes",
                                 axes + ":b,a", "--out", path("on_axes.svg")});
    QVERIFY2(onAxes.status == 0, onAxes.err);
    QVERIFY(contentsOf(path("on_axes.svg")).contains(">b ("));
    const QStringList teleport{"teleport", "--model", demoModel, "--text", "It was",     "--point",
                               "final",    "--by",    "1",       "--out",  path("no.h5")};
    QCOMPARE(runRheo(teleport + QStringList{"--axes", axes, "--basis", path("axes.h5")}).status, 2);
    QCOMPARE(runRheo(teleport + QStringList{"--skew"}).status, 2);
    const auto other = runRheo(teleport + QStringList{"--axes", axes, "--untrained", "3"});
    QVERIFY2(other.status == 1 && other.err.contains("another model"), other.err);
}

/// Each state by its score along a component, an axis, or a vector that is read from the trace.
void TestAppLaboratory::trajectoriesAreColouredByADirection() {
    QVERIFY(runRheo({"analyze", trace(), "--stat", "pca", "--out", path("colour.h5")}).status == 0);
    QVERIFY(runRheo({"directions", "--trace", trace(), "--point", "L03.mlp_in", "--row", "4", "--minus-row",
                     "2", "--name", "a", "--out", path("colour.safetensors")})
                .status == 0);
    QVERIFY(runRheo({"directions", "--pca", path("colour.h5"), "--components", "4", "--out",
                     path("pc4.safetensors")})
                .status == 0);
    const auto draw = [&](const QStringList& options, const QString& out) {
        return runRheo(QStringList{"figure", path("colour.h5"), "--view", "trajectories", "--out", path(out),
                                   "--force"} +
                       options);
    };
    for (const auto& [color, title] : {std::pair{QString("PC4"), QString("Score along PC4")},
                                       std::pair{path("colour.safetensors"), QString("Score along a")},
                                       std::pair{path("pc4.safetensors") + ":pc4", QString("along pc4")}}) {
        const auto ran = draw({"--color", color}, "colour.svg");
        QVERIFY2(ran.status == 0, ran.err);
        QVERIFY(contentsOf(path("colour.svg")).contains(title.toUtf8()));
    }
    // The recipe holds the vector, and makes the same figure.
    const auto again = runRheo({"figure", "--recipe", path("colour.svg"), "--out", path("colour2.svg")});
    QVERIFY2(again.status == 0, again.err);
    QVERIFY(contentsOf(path("colour2.svg")).contains("along pc4"));
    QVERIFY2(draw({"--color", "PC99"}, "no.svg").err.contains("99"), draw({"--color", "PC99"}, "no.svg").err);
    QCOMPARE(draw({"--color", "PC1", "--color-by", "token"}, "no.svg").status, 2);
    // Another trace than that of the results.
    writeFile(path("other.txt"), "One\nTwo\n");
    QVERIFY(runRheo({"capture", "--model", demoModel, "--prompts", path("other.txt"), "--out",
                     path("other.rheo.h5")})
                .status == 0);
    const auto other =
        draw({"--color", path("colour.safetensors"), "--trace", path("other.rheo.h5")}, "no.svg");
    QVERIFY2(other.status == 1 && other.err.contains("not the trace"), other.err);
}

void TestAppLaboratory::flowIsWrittenAndDrawn() {
    QVERIFY(runRheo({"analyze", trace(), "--stat", "pca", "--out", path("flow_pca.h5")}).status == 0);
    const QStringList flow{"flow",    "--model",   demoModel, "--text", "It was the best",
                           "--point", "L03.mlp_in"};
    const QStringList basis{"--basis", path("flow_pca.h5")};
    const auto ran = runRheo(flow + basis +
                             QStringList{"--grid", "5x3", "--controls", "2", "--extent", "4,6", "--out",
                                         path("flow.h5"), "--json"});
    QVERIFY2(ran.status == 0, ran.err);
    QCOMPARE(ran.json()["rows"].toInt(), 15);
    QCOMPARE(ran.json()["extent"].toArray(), (QJsonArray{4, 6}));
    int cells = 0;
    for (const auto& basin : ran.json()["basins"].toArray()) cells += basin.toObject()["cells"].toInt();
    QCOMPARE(cells, 15);
    for (const QStringList& options : {QStringList(), QStringList{"--steps", "2", "--relative", "--rms"}}) {
        const auto drawn = runRheo(
            QStringList{"figure", path("flow.h5"), "--view", "flow", "--out", path("flow.svg"), "--force"} +
            options);
        QVERIFY2(drawn.status == 0, drawn.err);
    }
    const auto again = runRheo({"figure", "--recipe", path("flow.svg"), "--out", path("flow_again.svg")});
    QVERIFY2(again.status == 0, again.err);
    QVERIFY(contentsOf(path("flow_again.svg")).contains("minus the natural step"));
    const auto tooFar =
        runRheo({"figure", path("flow.h5"), "--view", "flow", "--steps", "999", "--out", path("no.svg")});
    QVERIFY2(tooFar.status == 1 && tooFar.err.contains("999"), tooFar.err);
    // Grids at several points, of which a figure shows one with the contraction of all.
    const QStringList some{"flow", "--model", demoModel, "--text", "It was the best"};
    const auto several = runRheo(some + basis +
                                 QStringList{"--points", "L00.attn_in:L07.mlp_in", "--every", "8", "--grid",
                                             "3x3", "--controls", "2", "--out", path("flows.h5")});
    QVERIFY2(several.status == 0, several.err);
    const auto drawnAt = runRheo({"figure", path("flows.h5"), "--view", "flow", "--at", "L05.attn_in",
                                  "--steps", "4", "--out", path("flows.svg")});
    QVERIFY2(drawnAt.status == 0, drawnAt.err);
    QVERIFY(contentsOf(path("flows.svg")).contains("from L04.attn_in to L06.attn_in"));
    QVERIFY(contentsOf(path("flows.svg")).contains("Contraction over 4 steps, by depth"));
    const QStringList no{"--out", path("no.h5")};
    QCOMPARE(runRheo(flow + no).status, 2);
    QCOMPARE(runRheo(some + basis + no).status, 2);
    QCOMPARE(runRheo(flow + basis + no + QStringList{"--points", "all"}).status, 2);
    QCOMPARE(runRheo(flow + basis + no + QStringList{"--grid", "1x5"}).status, 2);
    QCOMPARE(runRheo(flow + basis + no + QStringList{"--components", "2,2"}).status, 2);
    QCOMPARE(runRheo(flow + basis + no + QStringList{"--components", "1,99"}).status, 1);
    QCOMPARE(runRheo(flow + basis + no + QStringList{"--extent", "-1"}).status, 2);
}

void TestAppLaboratory::responseIsWrittenAndDrawn() {
    QVERIFY(runRheo({"analyze", trace(), "--stat", "pca", "--out", path("response_pca.h5")}).status == 0);
    const QStringList response{"response",        "--model", demoModel,   "--text",
                               "It was the best", "--point", "L03.mlp_in"};
    const auto ran =
        runRheo(response + QStringList{"--basis", path("response_pca.h5"), "--component", "2", "--steps", "4",
                                       "--controls", "2", "--out", path("response.h5"), "--json"});
    QVERIFY2(ran.status == 0, ran.err);
    QCOMPARE(ran.json()["rows"].toInt(), 9);
    QCOMPARE(ran.json()["sides"].toArray()[0].toObject()["controls"].toArray().size(), 2);
    const auto line = runRheo(response + QStringList{"--to-text", "It was the worst", "--steps", "4",
                                                     "--controls", "0", "--out", path("line.h5"), "--json"});
    QVERIFY2(line.status == 0, line.err);
    QCOMPARE(line.json()["rows"].toInt(), 5);
    for (const char* file : {"response", "line"}) {
        const auto drawn = runRheo({"figure", path(QString(file) + ".h5"), "--view", "response", "--out",
                                    path(QString(file) + ".svg")});
        QVERIFY2(drawn.status == 0, drawn.err);
    }
    const QStringList no{"--out", path("no.h5")};
    QCOMPARE(runRheo(response + no).status, 2);
    QCOMPARE(
        runRheo(response + no + QStringList{"--to-text", "a", "--basis", path("response_pca.h5")}).status, 2);
    const auto same = runRheo(response + no + QStringList{"--to-text", "It was the best"});
    QVERIFY2(same.status == 1 && same.err.contains("the same"), same.err);
}

void TestAppLaboratory::jacobianIsWrittenAndDrawn() {
    const QStringList analyze{"analyze", trace(), "--stat", "jacobian", "--out", path("jacobian.h5")};
    const auto ran =
        runRheo(analyze + QStringList{"--model", demoModel, "--rows", "1", "--null", "untrained"});
    QVERIFY2(ran.status == 0, ran.err);
    const auto file = rheo::Hdf5File::openForReading(path("jacobian.h5").toStdString());
    QCOMPARE(file.info("/jacobian/eigenvalues").shape, (std::vector<std::int64_t>{1, 64, 128, 2}));
    QCOMPARE(file.info("/jacobian/lyapunov").shape, (std::vector<std::int64_t>{1, 128}));
    QCOMPARE(file.info("/jacobian/untrained_non_normality").shape, (std::vector<std::int64_t>{64}));
    const auto drawn =
        runRheo({"figure", path("jacobian.h5"), "--view", "jacobian", "--out", path("jacobian.svg")});
    QVERIFY2(drawn.status == 0, drawn.err);
    QVERIFY(contentsOf(path("jacobian.svg")).contains("Lyapunov"));
    // It is there already, and is not computed again.
    const auto again =
        runRheo(analyze + QStringList{"--model", demoModel, "--rows", "1", "--null", "untrained", "--add"});
    QVERIFY2(again.status == 0 && (again.out + again.err).contains("there already"), again.err);
    QCOMPARE(runRheo(analyze + QStringList{"--rows", "1", "--force"}).status, 2);  // no model
    QCOMPARE(runRheo({"analyze", trace(), "--stat", "density", "--rows", "1", "--out", path("no.h5")}).status,
             2);
    const auto carried =
        runRheo({"directions", "--model", demoModel, "--text", "It was the best", "--point", "L30.attn_in",
                 "--carried", "2", "--out", path("sv.safetensors"), "--json"});
    QVERIFY2(carried.status == 0, carried.err);
    const QJsonArray vectors = carried.json()["directions"].toArray();
    QCOMPARE(vectors.size(), 2);
    QCOMPARE(vectors[0].toObject()["name"].toString(), QString("sv1"));
    QVERIFY(std::abs(carried.json()["angles"].toArray()[0].toArray()[1].toDouble() - 90) < 1e-3);
    const auto pushed = runRheo({"response", "--model", demoModel, "--text", "It was the best", "--point",
                                 "L30.attn_in", "--axes", path("sv.safetensors") + ":sv1", "--unit", "1",
                                 "--out", path("sv.h5"), "--controls", "0", "--steps", "2"});
    QVERIFY2(pushed.status == 0, pushed.err);
}

RHEO_TEST(TestAppLaboratory)
#include "test_app_laboratory.moc"
