// The command line as a user runs it: the built program, real files, exit statuses and what it prints.
#include <QDir>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QTemporaryDir>
#include <csignal>

#include "model_cache_of.h"
#include "run_rheo.h"
#include "tests/test_main.h"

namespace {

const QString demoModel = RHEO_RESOURCES "/demo-model";
const QString demoPrompts = RHEO_RESOURCES "/prompts/novels.txt";

}  // namespace

class TestAppCli : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void wrongUsageIsTwo_data();
    void wrongUsageIsTwo();
    void infoOfAModel();
    void infoForecastsByDtypeAndDevice();
    void infoSaysWhatThePointsAre();
    void infoOfATrace();
    void infoOfNothingSaysSo();
    void infoOfAnUnknownArchitectureSaysWhich();
    void modelsOfTheCache_data();
    void modelsOfTheCache();
    void modelsThatAreNotThereSayHowToFetch();
    void unknownConfigKeysAreAcceptedAndRecorded();
    void adaptersWhereverAModelIsNamed();
    void untrainedWhereverAModelIsNamed();
    void tokenizeThereAndBack();
    void tokenizeRefusesBytesThatAreNoText();
    void logitsOfTextAndOfIdsAgree();
    void captureRefusesToOverwrite();
    void captureOfJsonlAndBlankLines();
    void interruptedCaptureResumes();
    void analyzeRefusesWhatIsNotBuilt();
    void analyzeAddsOnlyToTheSameSource();
    void teleportByNothingIsNatural();
    void teleportRefusesWhatDoesNotFit();
    void figuresInEveryFormat();
    void figureAgainFromItsRecipe();

private:
    QString path(const char* name) const { return m_dir.filePath(name); }
    QTemporaryDir m_dir;
};

void TestAppCli::initTestCase() {
    QVERIFY(m_dir.isValid());
    auto ran = runRheo({"capture", "--model", demoModel, "--prompts", demoPrompts, "--limit", "40", "--out",
                        path("t.rheo.h5"), "--json"});
    QVERIFY2(ran.status == 0, ran.err);
    QCOMPARE(ran.json()["rows"].toInt(), 40);
    ran = runRheo({"analyze", path("t.rheo.h5"), "--stat", "pca,density", "--null", "sign_flip", "--repeats",
                   "5", "--out", path("r.h5"), "--json"});
    QVERIFY2(ran.status == 0, ran.err);
}

void TestAppCli::wrongUsageIsTwo_data() {
    QTest::addColumn<QStringList>("arguments");
    QTest::newRow("no command") << QStringList{};
    QTest::newRow("unknown command") << QStringList{"dance"};
    QTest::newRow("unknown option") << QStringList{"info", demoModel, "--colour"};
    QTest::newRow("missing option") << QStringList{"capture", "--model", demoModel};
    QTest::newRow("two targets") << QStringList{"teleport", "--model", demoModel, "--text", "a",
                                                "--point",  "final",   "--to",    "1",      "--by",
                                                "1",        "--out",   "x"};
}

void TestAppCli::wrongUsageIsTwo() {
    QFETCH(QStringList, arguments);
    const auto ran = runRheo(arguments);
    QCOMPARE(ran.status, 2);
    QVERIFY(ran.out.isEmpty());
    QVERIFY(!ran.err.isEmpty());
}

void TestAppCli::infoOfAModel() {
    const auto ran = runRheo({"info", demoModel, "--json"});
    QVERIFY2(ran.status == 0, ran.err);
    const auto info = ran.json();
    QCOMPARE(info["kind"].toString(), QString("model"));
    QCOMPARE(info["architecture"].toString(), QString("llama"));
    QCOMPARE(info["layers"].toInt(), 32);
    QCOMPARE(info["d_model"].toInt(), 128);
    QCOMPARE(info["heads"].toInt(), 4);
    QCOMPARE(info["kv_heads"].toInt(), 2);
    QCOMPARE(info["vocabulary"].toInt(), 4096);
    QCOMPARE(info["points"].toInt(), 65);
    // 4096 x 128 tied embedding + 32 x (128 x 128 x 2 + 128 x 64 x 2 + 3 x 128 x 352 + 2 x 128) + 128
    QCOMPARE(info["parameters"].toInteger(),
             4096 * 128 + 32 * (128 * 128 * 2 + 128 * 64 * 2 + 3 * 128 * 352 + 256) + 128);
    QVERIFY(info["memory_bytes"].toObject()["load"].toDouble() > 6.4e6 * 4);
}

void TestAppCli::infoForecastsByDtypeAndDevice() {
    const auto load = [](const QStringList& more) {
        const auto ran = runRheo(QStringList{"info", demoModel, "--json"} + more);
        return ran.json()["memory_bytes"].toObject()["load"].toInteger();
    };
    QCOMPARE(load({}), 6430848 * 4);
    QCOMPARE(load({"--dtype", "bfloat16"}), 6430848 * 2);
    const auto half = runRheo({"info", demoModel, "--dtype", "float16", "--json"}).json();
    QVERIFY2(half["unsupported"].toArray().first().toString().contains("float32 or bfloat16"),
             QJsonDocument(half).toJson());
    const auto cuda = runRheo({"info", demoModel, "--dtype", "float16", "--device", "cuda", "--json"}).json();
    QVERIFY(cuda["unsupported"].toArray().isEmpty());
    const auto refused = runRheo({"logits", "--model", demoModel, "--ids", "1", "--dtype", "float16"});
    QCOMPARE(refused.status, 1);
    QVERIFY2(refused.err.contains("use float32 or bfloat16"), refused.err);
}

/// Parallel blocks have no point in the middle, and where a norm follows, what is added is normed.
void TestAppCli::infoSaysWhatThePointsAre() {
    const auto info = [](const char* fixture) {
        return runRheo({"info", QString(RHEO_FIXTURES "/models/%1/model").arg(fixture)}).out;
    };
    QVERIFY2(info("gpt_neox-parallel")
                 .contains("points       5: L00.block_in to final; attention and MLP "
                           "read the same state"),
             info("gpt_neox-parallel"));
    QVERIFY(info("gptj").contains("none between them"));
    QVERIFY(info("gpt_neox-sequential").contains("points       9: L00.attn_in to final\n"));
    for (const char* fixture : {"gemma2", "gemma3_text", "olmo2"})
        QVERIFY2(info(fixture).contains("normalised first"), fixture);
    QVERIFY(!info("llama-3-style").contains("normalised first"));
    QVERIFY2(info("qwen2_moe")
                 .contains("6 of 16 units in 2 of the blocks, of which 3 process a token; one more of 24"),
             info("qwen2_moe"));
    QVERIFY(info("qwen2_moe").contains("54112, stored as float32; a token uses 44896"));
    QVERIFY(!info("llama-3-style").contains("experts"));
}

void TestAppCli::infoOfATrace() {
    const auto info = runRheo({"info", path("t.rheo.h5"), "--json"}).json();
    QCOMPARE(info["kind"].toString(), QString("trace"));
    QCOMPARE(info["rows"].toInt(), 40);
    QCOMPARE(info["points"].toInt(), 65);
    QCOMPARE(info["d_model"].toInt(), 128);
}

void TestAppCli::infoOfNothingSaysSo() {
    const auto ran = runRheo({"info", path("absent"), "--json"});
    QCOMPARE(ran.status, 1);
    QCOMPARE(ran.err.count('\n'), 1);
    QVERIFY(ran.err.contains("absent"));
    QCOMPARE(ran.json()["error"].toObject()["code"].toString(), QString("not_found"));
}

void TestAppCli::infoOfAnUnknownArchitectureSaysWhich() {
    QDir().mkpath(path("odd"));
    QVERIFY(writeFile(path("odd/config.json"), R"({"model_type": "mamba", "hidden_size": 8})"));
    const auto ran = runRheo({"info", path("odd"), "--json"});
    QCOMPARE(ran.status, 1);
    QCOMPARE(ran.err.count('\n'), 1);
    QVERIFY2(ran.err.contains("mamba"), ran.err);
    QCOMPARE(ran.json()["architecture"].toString(), QString("mamba"));
    QCOMPARE(ran.json()["error"].toObject()["code"].toString(), QString("unsupported"));
}

void TestAppCli::modelsOfTheCache_data() {
    QTest::addColumn<QString>("variable");  // says where the cache is
    QTest::addColumn<QString>("name");
    QTest::newRow("HF_HUB_CACHE") << "HF_HUB_CACHE"
                                  << "some-org/tiny.llama";
    QTest::newRow("HF_HOME") << "HF_HOME"
                             << "some-org/tiny.llama";
    QTest::newRow("folder of the cache") << "" << path("home/hub/models--some-org--tiny.llama");
    QTest::newRow("snapshot") << "" << path("home/hub/models--some-org--tiny.llama/snapshots/abc123/");
}

/// Every command that names a model takes every spelling, and computes the same.
void TestAppCli::modelsOfTheCache() {
    QFETCH(QString, variable);
    QFETCH(QString, name);
    if (!QDir(path("home/hub")).exists())
        QVERIFY(!addToCache(path("home/hub"), "some-org", "tiny.llama", demoModel).isEmpty());
    auto environment = QProcessEnvironment::systemEnvironment();
    for (const char* each : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"})
        environment.remove(each);
    environment.insert("HOME", path("nobody"));
    if (!variable.isEmpty())
        environment.insert(variable, variable == "HF_HOME" ? path("home") : path("home/hub"));
    const auto run = [&](const QStringList& words) { return runRheo(words, {.environment = environment}); };

    const auto info = run({"info", name, "--json"});
    QVERIFY2(info.status == 0, info.err);
    QCOMPARE(info.json(), runRheo({"info", demoModel, "--json"}).json());

    const QStringList text{"--text", "It was the best of", "--json"};
    const auto tokens = run(QStringList{"tokenize", "--model", name} + text);
    QVERIFY2(tokens.status == 0, tokens.err);
    QCOMPARE(tokens.json(), runRheo(QStringList{"tokenize", "--model", demoModel} + text).json());

    const auto logits = run(QStringList{"logits", "--model", name} + text);
    QVERIFY2(logits.status == 0, logits.err);
    QCOMPARE(logits.json(), runRheo(QStringList{"logits", "--model", demoModel} + text).json());

    const auto capture = run({"capture", "--model", name, "--prompts", demoPrompts, "--limit", "3", "--out",
                              path("cached.rheo.h5"), "--force"});
    QVERIFY2(capture.status == 0, capture.err);
    const auto teleport =
        run({"teleport", "--model", name, "--text", "It was the best", "--point", "L05.attn_in", "--basis",
             path("r.h5"), "--by", "1,0,0", "--controls", "2", "--out", path("cached-tp.h5"), "--force"});
    QVERIFY2(teleport.status == 0, teleport.err);
}

void TestAppCli::modelsThatAreNotThereSayHowToFetch() {
    auto environment = QProcessEnvironment::systemEnvironment();
    environment.insert("HF_HUB_CACHE", path("an-empty-cache"));
    for (const QStringList& words :
         {QStringList{"info", "some/model"},
          {"tokenize", "--model", "some/model", "--text", "a"},
          {"logits", "--model", "some/model", "--text", "a"},
          {"capture", "--model", "some/model", "--prompts", demoPrompts, "--out", path("never.h5")},
          {"teleport", "--model", "some/model", "--text", "a", "--point", "final", "--basis", path("r.h5"),
           "--by", "1", "--out", path("never.h5")}}) {
        const auto ran = runRheo(words, {.environment = environment});
        QCOMPARE(ran.status, 1);
        QCOMPARE(ran.err.count('\n'), 1);
        QVERIFY2(ran.err.contains("hf download some/model") && ran.err.contains("an-empty-cache"), ran.err);
    }
    const auto trace = runRheo({"info", "nothing.rheo.h5"}, {.environment = environment});
    QCOMPARE(trace.status, 1);
    QVERIFY2(trace.err.contains("no trace file") && !trace.err.contains("hf download"), trace.err);
}

/// A key of which nothing is known: refused, or opened by name, and then all that is made says so.
void TestAppCli::unknownConfigKeysAreAcceptedAndRecorded() {
    const QString folder = path("gain");
    QVERIFY(QDir().mkpath(folder));
    for (const char* name : {"model.safetensors", "tokenizer.json"})
        QVERIFY(QFile::copy(demoModel + "/" + name, folder + "/" + name));
    QByteArray config = contentsOf(demoModel + "/config.json");
    config.insert(config.indexOf('{') + 1, R"("residual_gain": 0.5, "max_sequence_length": 9, )");
    QVERIFY(writeFile(folder + "/config.json", config));
    QVERIFY(writeFile(path("two.txt"), "one line\nanother line\n"));
    const QStringList capture{"capture", "--model",           folder, "--prompts", path("two.txt"),
                              "--out",   path("gain.rheo.h5")};
    const auto refused = runRheo(capture);
    QCOMPARE(refused.status, 1);
    QVERIFY2(refused.err.contains("--accept-unknown-config residual_gain"), refused.err);
    const QStringList accept{"--accept-unknown-config", "residual_gain"};
    const auto made = runRheo(capture + accept);
    QVERIFY2(made.status == 0, made.err);
    QVERIFY2(made.err.contains("max_sequence_length") && made.err.contains("residual_gain"), made.err);

    const auto info = runRheo(QStringList{"info", "--json"} + accept + QStringList{folder}).json();
    QCOMPARE(info["notes"].toArray().size(), 2);
    const auto model = runRheo({"info", path("gain.rheo.h5"), "--json"}).json()["model"].toObject();
    QCOMPARE(model["accepted_config_keys"].toArray(), QJsonArray{"residual_gain"});
    QCOMPARE(model["notes"].toArray().size(), 2);

    QVERIFY(runRheo({"analyze", path("gain.rheo.h5"), "--stat", "pca", "--out", path("gain.h5")}).status ==
            0);
    QVERIFY(runRheo(QStringList{"teleport", "--model", folder, "--text", "a word", "--point", "L05.attn_in",
                                "--basis", path("gain.h5"), "--by", "1", "--out", path("gain-t.h5")} +
                    accept)
                .status == 0);
    for (const char* file : {"gain.h5", "gain-t.h5"})
        QVERIFY2(contentsOf(path(file)).contains("accepted_config_keys"), file);
}

/// Merged into the model, said and recorded; and never taken for the base.
void TestAppCli::adaptersWhereverAModelIsNamed() {
    const QString adapter = RHEO_FIXTURES "/adapters/demo";
    const QStringList adapted{"--model", demoModel, "--adapter", adapter};
    auto ran = runRheo({"info", demoModel, "--adapter", adapter, "--json"});
    QVERIFY2(ran.status == 0, ran.err);
    const QJsonObject info = ran.json()["adapter"].toObject();
    QCOMPARE(info["name"].toString(), QString("demo"));
    QCOMPARE(info["ranks"].toArray(), QJsonArray{1});
    QCOMPARE(info["alphas"].toArray(), QJsonArray{2.0});
    QCOMPARE(info["targets"].toArray(), QJsonArray{"down_proj"});
    QCOMPARE(info["matrices"].toInt(), 4);
    QCOMPARE(info["parameters"].toInt(), 4 * (352 + 128));
    QCOMPARE(info["base"].toString(), QString("rheograph/novels"));
    ran = runRheo({"info", demoModel, "--adapter", adapter});
    QVERIFY2(ran.out.contains(
                 "adapter      demo: LoRA of rank 1 and alpha 2 in 4 matrices (down_proj), 1920 parameters"),
             ran.out);
    ran = runRheo({"info", adapter});
    QCOMPARE(ran.status, 1);
    QVERIFY2(ran.err.contains("--model rheograph/novels --adapter " + adapter.toUtf8()), ran.err);

    const auto top = [&](const QStringList& more) {
        return QJsonDocument(runRheo(QStringList{"logits", "--text", "It was the best of", "--json"} + more)
                                 .json()["top"]
                                 .toArray())
            .toJson();
    };
    QVERIFY(top(adapted) == top(adapted) && !top(adapted).isEmpty());
    QVERIFY(top(adapted) != top({"--model", demoModel}));
    QCOMPARE(runRheo(QStringList{"logits", "--text", "It was", "--untrained", "3"} + adapted).status, 2);
    ran = runRheo({"logits", "--text", "It was", "--model", demoModel, "--adapter", demoModel});
    QCOMPARE(ran.status, 1);
    QVERIFY2(ran.err.contains("it is a model"), ran.err);

    const QString trace = path("adapted.rheo.h5");
    ran = runRheo(QStringList{"capture", "--prompts", demoPrompts, "--limit", "3", "--out", trace} + adapted);
    QVERIFY2(ran.status == 0 && ran.err.contains("the adapter demo is merged"), ran.err);
    ran = runRheo({"info", trace});
    QVERIFY2(ran.out.contains("the adapter demo is merged into the weights"), ran.out);
    // What needs the model of a trace takes the adapted one, and not its base.
    const QStringList lens{"analyze", trace, "--stat", "lens", "--out", path("adapted.h5")};
    ran = runRheo(lens + QStringList{"--model", demoModel});
    QCOMPARE(ran.status, 1);
    QVERIFY2(ran.err.contains("weights"), ran.err);
    ran = runRheo(lens + adapted);
    QVERIFY2(ran.status == 0, ran.err);
}

void TestAppCli::untrainedWhereverAModelIsNamed() {
    const QStringList text{"--text", "It was the best of", "--json"};
    const auto top = [&](const QStringList& more) {
        const auto ran = runRheo(QStringList{"logits", "--model", demoModel} + text + more);
        return QJsonDocument(ran.json()["top"].toArray()).toJson();
    };
    QCOMPARE(top({"--untrained", "3"}), top({"--untrained", "3"}));
    QVERIFY(top({"--untrained", "3"}) != top({"--untrained", "4"}));
    QVERIFY(top({"--untrained", "3"}) != top({}));
    auto ran = runRheo({"capture", "--model", demoModel, "--untrained", "3", "--prompts", demoPrompts,
                        "--limit", "2", "--out", path("untrained.rheo.h5")});
    QVERIFY2(ran.status == 0, ran.err);
    ran = runRheo({"info", path("untrained.rheo.h5")});
    QVERIFY2(ran.out.contains("untrained (seed 3)"), ran.out);
    ran = runRheo({"teleport", "--model", demoModel, "--untrained", "3", "--text", "It was", "--point",
                   "L05.attn_in", "--basis", path("r.h5"), "--by", "1", "--controls", "2", "--out",
                   path("untrained-tp.h5")});
    QVERIFY2(ran.status == 0, ran.err);
    // Tokens do not depend on weights; a script may say the same of every command all the same.
    const QStringList tokenize{"tokenize", "--model", demoModel};
    QCOMPARE(runRheo(tokenize + text + QStringList{"--untrained", "3"}).out, runRheo(tokenize + text).out);
}

void TestAppCli::tokenizeThereAndBack() {
    const QString text = "It was  the best of times,\n it was naïve \xF0\x9F\x98\x80";
    const auto ran = runRheo({"tokenize", "--model", demoModel, "--text", text, "--json"});
    QVERIFY2(ran.status == 0, ran.err);
    const auto ids = ran.json()["ids"].toArray();
    QVERIFY(ids.size() > 5);
    QCOMPARE(ran.json()["pieces"].toArray().size(), ids.size());
    QStringList list;
    for (const auto& id : ids) list << QString::number(id.toInt());
    QCOMPARE(QString::fromUtf8(runRheo({"tokenize", "--model", demoModel, "--decode", list.join(',')}).out),
             text);
}

void TestAppCli::tokenizeRefusesBytesThatAreNoText() {
    QVERIFY(writeFile(path("bytes"), QByteArray("good \xff bad")));
    const auto ran = runRheo({"tokenize", "--model", demoModel, "--text-file", path("bytes")});
    QCOMPARE(ran.status, 1);
    QVERIFY2(ran.err.contains("offset 5"), ran.err);
}

void TestAppCli::logitsOfTextAndOfIdsAgree() {
    const auto byText = runRheo({"logits", "--model", demoModel, "--text", "It was the best of", "--json"});
    QVERIFY2(byText.status == 0, byText.err);
    QStringList ids;
    for (const auto& id : byText.json()["ids"].toArray()) ids << QString::number(id.toInt());
    const auto byIds =
        runRheo({"logits", "--model", demoModel, "--ids", ids.join(','), "--json", "--out", path("l.npy")});
    QVERIFY2(byIds.status == 0, byIds.err);
    QCOMPARE(byIds.json()["top"].toArray()[0].toObject()["id"],
             byText.json()["top"].toArray()[0].toObject()["id"]);
    const QByteArray npy = contentsOf(path("l.npy"));
    QVERIFY(npy.startsWith("\x93NUMPY"));
    QVERIFY(npy.contains(QString("(%1, 4096)").arg(ids.size()).toUtf8()));
    QCOMPARE(npy.size() % 64, ids.size() * 4096 * 4 % 64);
}

void TestAppCli::captureRefusesToOverwrite() {
    const QByteArray before = contentsOf(path("t.rheo.h5"));
    const auto ran = runRheo({"capture", "--model", demoModel, "--prompts", demoPrompts, "--limit", "3",
                              "--out", path("t.rheo.h5")});
    QCOMPARE(ran.status, 1);
    QVERIFY2(ran.err.contains("t.rheo.h5") && ran.err.contains("--force"), ran.err);
    QVERIFY(contentsOf(path("t.rheo.h5")) == before);
}

void TestAppCli::captureOfJsonlAndBlankLines() {
    QVERIFY(writeFile(path("p.jsonl"), "{\"text\": \"It was the best\"}\n\n{\"ids\": [0, 5, 6, 7]}\n"));
    const auto ran = runRheo({"capture", "--model", demoModel, "--prompts", path("p.jsonl"), "--rows", "all",
                              "--out", path("p.rheo.h5"), "--json"});
    QVERIFY2(ran.status == 0, ran.err);
    const auto ids = runRheo({"tokenize", "--model", demoModel, "--text", "It was the best", "--json"})
                         .json()["ids"]
                         .toArray();
    QCOMPARE(ran.json()["rows"].toInt(), ids.size() + 4);
    QVERIFY2(QJsonDocument(ran.json()["warnings"].toArray()).toJson().contains("blank"), ran.out);
}

void TestAppCli::interruptedCaptureResumes() {
    QProcess process;
    process.start(RHEO_BIN "/rheo", {"capture", "--model", demoModel, "--prompts", demoPrompts, "--batch",
                                     "1", "--out", path("i.rheo.h5"), "--progress", "plain"});
    QVERIFY(process.waitForStarted());
    QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(path("i.rheo.h5")), 60000);
    QTest::qWait(300);
    ::kill(static_cast<pid_t>(process.processId()), SIGINT);
    QVERIFY(process.waitForFinished(30000));
    if (process.exitCode() == 0) QSKIP("the capture was faster than the interruption");
    QCOMPARE(process.exitCode(), 130);
    const auto partial = runRheo({"info", path("i.rheo.h5"), "--json"}).json();
    QVERIFY(partial["complete"].toInt() < 1000);
    const auto other = runRheo({"capture", "--model", demoModel, "--prompts", demoPrompts, "--limit", "7",
                                "--out", path("i.rheo.h5"), "--resume"});
    QVERIFY2(other.status == 1, "other prompts must not be mixed in");
    const auto resumed = runRheo({"capture", "--model", demoModel, "--prompts", demoPrompts, "--out",
                                  path("i.rheo.h5"), "--resume", "--json"});
    QVERIFY2(resumed.status == 0, resumed.err);
    QCOMPARE(runRheo({"info", path("i.rheo.h5"), "--json"}).json()["complete"].toInt(), 1000);
}

void TestAppCli::analyzeRefusesWhatIsNotBuilt() {
    struct Wrong {
        QStringList arguments;
        QByteArray name, near;
    };
    const QStringList analyze{"analyze", path("t.rheo.h5"), "--out", path("h.h5"), "--stat"};
    for (const Wrong& wrong :
         {Wrong{analyze + QStringList{"densty"}, "densty", "did you mean density?"},
          {analyze + QStringList{"horoscope"}, "horoscope", "mutual_information"},
          {analyze + QStringList{"pca", "--null", "signflip"}, "signflip", "did you mean sign_flip?"},
          {{"figure", path("r.h5"), "--view", "orbit", "--out", path("h.svg")},
           "orbit",
           "did you mean orbits?"},
          {{"analise"}, "analise", "did you mean analyze?"},
          {{"inof", demoModel}, "inof", "did you mean info?"},
          {{"INFO", demoModel}, "INFO", "did you mean info?"},
          {{"info", demoModel, "--bath", "2"}, "--bath", "did you mean --batch?"}}) {
        const auto ran = runRheo(wrong.arguments);
        QCOMPARE(ran.status, 2);
        QCOMPARE(ran.err.count('\n'), 1);
        QVERIFY2(ran.err.contains(wrong.name) && ran.err.contains(wrong.near), ran.err);
    }
    QVERIFY(!QFile::exists(path("h.h5")));
}

void TestAppCli::analyzeAddsOnlyToTheSameSource() {
    auto ran = runRheo({"analyze", path("t.rheo.h5"), "--stat", "density", "--out", path("add.h5")});
    QVERIFY2(ran.status == 0, ran.err);
    ran = runRheo({"analyze", path("t.rheo.h5"), "--stat", "pca", "--out", path("add.h5")});
    QCOMPARE(ran.status, 1);
    ran = runRheo({"analyze", path("t.rheo.h5"), "--stat", "pca", "--out", path("add.h5"), "--add"});
    QVERIFY2(ran.status == 0, ran.err);
    ran = runRheo({"capture", "--model", demoModel, "--prompts", demoPrompts, "--limit", "5", "--out",
                   path("five.rheo.h5")});
    QVERIFY2(ran.status == 0, ran.err);
    ran = runRheo({"analyze", path("five.rheo.h5"), "--stat", "pca", "--out", path("add.h5"), "--add"});
    QCOMPARE(ran.status, 1);
}

void TestAppCli::teleportByNothingIsNatural() {
    const auto ran = runRheo({"teleport", "--model", demoModel, "--text", "It was the best of times",
                              "--point", "L05.attn_in", "--basis", path("r.h5"), "--by", "0,0,0", "--out",
                              path("zero.h5"), "--controls", "4"});
    QVERIFY2(ran.status == 0, ran.err);
    QProcess dump;
    dump.start("h5dump", {"-d", "/distance", "-y", "-o", path("distance.txt"), path("zero.h5")});
    QVERIFY(dump.waitForFinished());
    QCOMPARE(dump.exitCode(), 0);
    for (const auto& number : contentsOf(path("distance.txt")).split(','))
        QCOMPARE(number.trimmed().toDouble(), 0.0);  // bit for bit: not nearly
}

void TestAppCli::teleportRefusesWhatDoesNotFit() {
    const QStringList base{"teleport", "--model",    demoModel, "--text",     "It was",
                           "--basis",  path("r.h5"), "--out",   path("no.h5")};
    for (const QStringList& wrong : {QStringList{"--point", "L99.attn_in", "--by", "1"},
                                     {"--point", "L05.attn_in", "--by", "1,2,x"},
                                     {"--point", "L05.attn_in", "--by", "1", "--token", "99"},
                                     {"--point", "L05.attn_in", "--state", path("absent.npy")},
                                     {"--point", "L05.attn_in", "--by", "1,2,3,4"}}) {
        const auto ran = runRheo(base + wrong);
        QCOMPARE(ran.status, wrong.contains("1,2,x") ? 2 : 1);
        QCOMPARE(ran.err.count('\n'), 1);
        QVERIFY(!QFile::exists(path("no.h5")));
    }
}

void TestAppCli::figuresInEveryFormat() {
    for (const char* view : {"trajectories", "density", "pca", "sparsity"})
        for (const char* ending : {"svg", "pdf", "png"}) {
            const QString out = path(qPrintable(QString("%1.%2").arg(view, ending)));
            const auto ran = runRheo({"figure", path("r.h5"), "--view", view, "--out", out});
            QVERIFY2(ran.status == 0, ran.err);
            const QByteArray bytes = contentsOf(out);
            QVERIFY(bytes.size() > 1000);
            if (QByteArray(ending) == "svg") {
                QVERIFY(bytes.contains("<text") && bytes.contains("<path"));
                QCOMPARE(bytes.count("<image"), QByteArray(view) == "density" ? 1 : 0);
            }
        }
    QCOMPARE(runRheo({"figure", path("r.h5"), "--view", "horoscope", "--out", path("x.svg")}).status, 2);
}

void TestAppCli::figureAgainFromItsRecipe() {
    auto ran = runRheo({"figure", path("r.h5"), "--view", "trajectories", "--camera", "top", "--theme",
                        "dark", "--size", "120x90mm", "--out", path("first.svg")});
    QVERIFY2(ran.status == 0, ran.err);
    ran = runRheo({"figure", "--recipe", path("first.svg"), "--out", path("second.svg")});
    QVERIFY2(ran.status == 0, ran.err);
    const auto withoutTime = [](QByteArray svg) {
        // The time stands on a line of its own in the recipe, and nowhere else.
        const auto at = svg.indexOf("&quot;time&quot;");
        return at < 0 ? svg : svg.remove(at, svg.indexOf('\n', at) - at);
    };
    const QByteArray first = contentsOf(path("first.svg"));
    QVERIFY(first.contains("&quot;time&quot;"));
    QVERIFY(withoutTime(first) == withoutTime(contentsOf(path("second.svg"))));
}

RHEO_TEST(TestAppCli)
#include "test_app_cli.moc"
