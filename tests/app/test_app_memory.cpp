// rheo analyze on a trace ten times as large as the memory it may use: the peak of its resident set, as the
// system measured it, stays below that memory beside what the program itself takes.
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <algorithm>
#include <vector>

#include "core/base/random.h"
#include "core/results/results_file.h"
#include "core/trace/trace_writer.h"
#include "tests/test_main.h"

using namespace rheo;

extern char** environ;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

constexpr std::int64_t memory = std::int64_t{24} << 20;
constexpr const char* memoryOption = "24M";

/// Random walks, written 16 rows at a time.
void writeTrace(const std::string& path, std::int64_t rows, std::int64_t points, std::int64_t units) {
    TraceInfo info;
    info.units = units;
    for (int p = 0; p + 1 < points; ++p)
        info.points.push_back({p / 2, p % 2 == 0 ? Site::AttnIn : Site::MlpIn});
    info.points.push_back({static_cast<int>(points / 2), Site::Final});
    info.samples.push_back({"", {}});
    for (std::int64_t n = 0; n < rows; ++n) {
        info.rows.push_back({0, static_cast<std::int32_t>(n), 1});
        info.samples.back().tokenIds.push_back(1);
    }
    TraceWriter writer = TraceWriter::create(path, info, IfExists::Replace);
    constexpr std::int64_t atOnce = 16;
    std::vector<float> states(static_cast<std::size_t>(atOnce * points * units));
    RandomStream random(1);
    for (std::int64_t n = 0; n < rows; n += atOnce) {
        const std::int64_t count = std::min(atOnce, rows - n);
        for (std::int64_t i = 0; i < count * points; ++i)
            for (std::int64_t u = 0; u < units; u += 4) {
                // Four steps of a draw: sixteen bits each are enough here.
                float* const here = states.data() + i * units + u;
                const std::uint64_t bits = random();
                for (int j = 0; j < 4; ++j)
                    here[j] = (i % points == 0 ? 0 : here[j - units]) +
                              static_cast<float>((bits >> (16 * j) & 0xffff) * 0x1p-15 - 1);
            }
        writer.writeRows(RowIndex{n}, count, states.data());
    }
    writer.close();
}

struct Shape {
    int vocabulary;
    int layers = 1, units = 128, wide = 128;
    std::int64_t blockBytes() const { return std::int64_t{4} * units * (4 * units + 3 * wide); }
};

/// A llama all of whose weights are zero: a file without blocks of its own on the disk.
void writeModel(const QString& folder, const Shape& shape) {
    QDir().mkpath(folder);
    QFile config(folder + "/config.json");
    QVERIFY(config.open(QIODevice::WriteOnly));
    config.write(QStringLiteral(R"({"model_type": "llama", "architectures": ["LlamaForCausalLM"],
        "hidden_size": %1, "intermediate_size": %2, "num_hidden_layers": %3, "num_attention_heads": 4,
        "num_key_value_heads": 4, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "hidden_act": "silu",
        "rope_theta": 10000.0, "tie_word_embeddings": true, "vocab_size": %4})")
                     .arg(shape.units)
                     .arg(shape.wide)
                     .arg(shape.layers)
                     .arg(shape.vocabulary)
                     .toUtf8());
    QStringList entries;
    qint64 bytes = 0;
    const auto tensor = [&](const QString& name, int rows, int columns) {
        const qint64 size = qint64{4} * columns * std::max(rows, 1);
        entries << QStringLiteral(
                       R"("model.%1.weight": {"dtype": "F32", "shape": [%2%3], "data_offsets": [%4, %5]})")
                       .arg(name, rows > 0 ? QString::number(rows) + ", " : QString())
                       .arg(columns)
                       .arg(bytes)
                       .arg(bytes + size);
        bytes += size;
    };
    const int units = shape.units;
    tensor("embed_tokens", shape.vocabulary, units);
    tensor("norm", 0, units);
    for (int layer = 0; layer < shape.layers; ++layer) {
        const QString block = QStringLiteral("layers.%1.").arg(layer);
        for (const char* norm : {"input_layernorm", "post_attention_layernorm"})
            tensor(block + norm, 0, units);
        for (const char* name : {"q_proj", "k_proj", "v_proj", "o_proj"})
            tensor(block + "self_attn." + name, units, units);
        for (const char* name : {"gate_proj", "up_proj"}) tensor(block + "mlp." + name, shape.wide, units);
        tensor(block + "mlp.down_proj", units, shape.wide);
    }
    const QByteArray header = "{" + entries.join(", ").toUtf8() + "}";
    QFile weights(folder + "/model.safetensors");
    QVERIFY(weights.open(QIODevice::WriteOnly));
    const auto length = static_cast<quint64>(header.size());
    for (int i = 0; i < 8; ++i) weights.putChar(static_cast<char>(length >> (8 * i)));
    weights.write(header);
    QVERIFY(weights.resize(8 + header.size() + bytes));
}

struct Ran {
    int status = -1;
    std::int64_t peak = 0;  ///< bytes
};

Ran call(const QStringList& arguments) {
    std::vector<std::string> words{RHEO_BIN "/rheo"};
    for (const auto& argument : arguments) words.push_back(argument.toStdString());
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_t child = 0;
    if (::posix_spawn(&child, argv[0], nullptr, nullptr, argv.data(), environ) != 0) return {};
    int status = 0;
    rusage used{};
    if (::wait4(child, &status, 0, &used) != child || !WIFEXITED(status)) return {};
    return {WEXITSTATUS(status), std::int64_t{used.ru_maxrss} * 1024};
}

}  // namespace

class TestAppMemory : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void peakStaysBelow_data();
    void peakStaysBelow();
    void weightsAreHeldOnce();
    void streamedWeightsStayInTheirFiles();

private:
    void writePrompts() const {
        QFile prompts(path("ids.jsonl"));
        QVERIFY(prompts.open(QIODevice::WriteOnly));
        prompts.write("{\"ids\": [1, 2, 3]}\n");
    }
    QString path(const char* name) const { return m_dir.filePath(name); }
    // Where the build is: a folder for temporary files is often kept in memory.
    QTemporaryDir m_dir{QStringLiteral(RHEO_BIN "/memory-XXXXXX")};
};

void TestAppMemory::initTestCase() {
    if (sanitized) QSKIP("a sanitizer's own memory is counted with the program's");
    QVERIFY(m_dir.isValid());
    // In a process of its own: what this one ever held would count as its children's.
    const pid_t child = ::fork();
    if (child == 0) {
        writeTrace(path("small.rheo.h5").toStdString(), 64, 13, 256);
        writeTrace(path("large.rheo.h5").toStdString(), 10 * memory / (13 * 256 * 4) + 1, 13, 256);
        writeTrace(path("wide.rheo.h5").toStdString(), 6, 5, 20000);
        writeTrace(path("wide_and_long.rheo.h5").toStdString(), 60, 5, 3000);
        writeTrace(path("deep.rheo.h5").toStdString(), 10, 1001, 64);
        ::_exit(0);
    }
    int status = 0;
    QVERIFY(::waitpid(child, &status, 0) == child && status == 0);
    QVERIFY(QFileInfo(path("large.rheo.h5")).size() > 10 * memory);
}

void TestAppMemory::peakStaysBelow_data() {
    QTest::addColumn<QString>("trace");
    QTest::addColumn<QStringList>("arguments");
    const char* trace = "large.rheo.h5";
    const auto row = [&](const char* name, const char* arguments) {
        QTest::newRow(name) << trace << QString(arguments).split(' ');
    };
    row("together",
        "--stat density,correlation,motion,rotation,pca --components 3 --null sign_flip --repeats 1");
    row("rows shuffled", "--stat correlation,motion,pca --components 3 --null row_shuffle --repeats 1");
    row("scaled", "--stat correlation,rotation --null gaussian_walk --repeats 2 --scaling rms");
    row("mutual information", "--stat mutual_information --mi bins --points L00.attn_in:L00.mlp_in");
    // A covariance of 20,000 units would take 3.2 GB, one of 3,000 units 72 MB.
    trace = "wide.rheo.h5";
    row("few states of many units", "--stat density,motion,rotation,pca --components 3");
    row("each point of many units", "--stat pca --pca per-point --components 3");
    trace = "wide_and_long.rheo.h5";
    row("neither covariance nor Gram matrix fits", "--stat pca,density --components 3");
    // Products of all points with all points of a tile of units would take 256 MB.
    trace = "deep.rheo.h5";
    row("many points", "--stat correlation,density,motion,rotation");
}

void TestAppMemory::peakStaysBelow() {
    QFETCH(QString, trace);
    QFETCH(QStringList, arguments);
    const auto run = [&](const QString& of) {
        return call(QStringList{"analyze", path(qPrintable(of)), "--memory", memoryOption, "--threads", "2",
                                "--json", "--out", path("out.h5"), "--force"} +
                    arguments);
    };
    const Ran small = run("small.rheo.h5"), large = run(trace);
    QCOMPARE(small.status, 0);
    QCOMPARE(large.status, 0);
    // The program and its libraries, the memory allowed, and the results beside it.
    const std::int64_t bound = small.peak + memory + QFileInfo(path("out.h5")).size();
    qInfo("peak %lld KiB, of a small trace %lld: at most %lld", static_cast<long long>(large.peak >> 10),
          static_cast<long long>(small.peak >> 10), static_cast<long long>(bound >> 10));
    rusage own{};
    QVERIFY(::getrusage(RUSAGE_SELF, &own) == 0 && std::int64_t{own.ru_maxrss} * 1024 < small.peak);
    QVERIFY2(large.peak <= bound, qPrintable(QString("%1 and not %2").arg(large.peak).arg(bound)));
}

// Not as the file's pages and as their copy. A quarter more is for what is loaded at the moment.
void TestAppMemory::weightsAreHeldOnce() {
    constexpr int vocabulary = 250000;
    constexpr std::int64_t weights = std::int64_t{4} * 128 * vocabulary;
    writeModel(path("small model"), {1000});
    writeModel(path("large model"), {vocabulary});
    const auto run = [&](const char* model) {
        return call({"capture", "--model", path(model), "--prompts", path("ids.jsonl"), "--json", "--out",
                     path("captured.h5"), "--force"});
    };
    writePrompts();
    const Ran small = run("small model"), large = run("large model");
    QCOMPARE(small.status, 0);
    QCOMPARE(large.status, 0);
    QVERIFY2(large.peak - small.peak < weights * 5 / 4,
             qPrintable(QString("%1 of %2").arg(large.peak - small.peak).arg(weights)));
    QVERIFY(large.peak - small.peak > weights / 2);  // or nothing was measured
}

// Two blocks, the batch (here next to nothing), and 300 MB for the program and what it reads at the moment.
void TestAppMemory::streamedWeightsStayInTheirFiles() {
    const Shape shape{1000, 20, 1024, 4096};
    const std::int64_t bound = 2 * shape.blockBytes() + 300'000'000;
    writeModel(path("deep model"), shape);
    QVERIFY(QFileInfo(path("deep model/model.safetensors")).size() > 3 * bound);
    writePrompts();
    const Ran ran = call({"capture", "--model", path("deep model"), "--weights", "stream", "--prompts",
                          path("ids.jsonl"), "--json", "--out", path("streamed.h5")});
    QCOMPARE(ran.status, 0);
    qInfo("peak %lld MB: at most %lld", static_cast<long long>(ran.peak / 1'000'000),
          static_cast<long long>(bound / 1'000'000));
    QVERIFY2(ran.peak <= bound, qPrintable(QString("%1 and not %2").arg(ran.peak).arg(bound)));
}

RHEO_TEST(TestAppMemory)
#include "test_app_memory.moc"
