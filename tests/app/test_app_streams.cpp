// The command line against the system around it: limits of memory, size, files and threads, full disks,
// closed streams; and names and texts that would act on a terminal. Always one line that says why, status 1,
// and nothing left behind.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <QDir>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QMap>
#include <QProcess>
#include <QRegularExpression>
#include <QTemporaryDir>
#include <functional>

#include "app/window_options.h"
#include "core/base/blas_kernels.h"
#include "run_rheo.h"
#include "tests/test_main.h"

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

std::function<void()> limit(int what, rlim_t value) {
    return [=] {
        const rlimit both{value, value};
        ::setrlimit(static_cast<__rlimit_resource>(what), &both);
    };
}

const QString demoModel = RHEO_RESOURCES "/demo-model";
const QString demoPrompts = RHEO_RESOURCES "/prompts/novels.txt";

/// Whether a terminal would do more with `bytes` than show them.
bool acts(const QByteArray& bytes) {
    for (const char* sequence : {"\x1b", "\x7f", "\xc2\x9b", "\xe2\x80\xae", "\x07", "\r"})
        if (bytes.contains(sequence)) return true;
    return false;
}

}  // namespace

class TestAppStreams : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void limitsOfMemory_data();
    void limitsOfMemory();
    void limitsOfSize_data();
    void limitsOfSize();
    void fewOpenFiles();
    void unwritableFolder();
    void closedStandardOutput();
    void fullStandardOutput();
    void readerThatLeaves();
    void closedStandardError();
    void nothingActsOnATerminal_data();
    void nothingActsOnATerminal();
    void decodedTextIsRawInAPipe();
    void wrongUsageAsJson();
    void helpShowsDefaultsAndCommonOptions();
    void helpIsTheManual();
    void optionsWithoutUseAreRejected_data();
    void optionsWithoutUseAreRejected();
    void infoSaysWhatAFileIs_data();
    void infoSaysWhatAFileIs();
    void libtorchIsLoadedWhereItIsNeeded();
    void theKernelsFitTheProcessor();

private:
    QString path(const QString& name) const { return m_dir.filePath(name); }
    QStringList filesLeft(const QString& folder) const {
        return QDir(path(folder)).entryList(QDir::Files | QDir::Hidden);
    }
    QTemporaryDir m_dir;
};

void TestAppStreams::initTestCase() {
    QVERIFY(m_dir.isValid());
    auto ran = runRheo({"capture", "--model", demoModel, "--prompts", demoPrompts, "--limit", "40", "--out",
                        path("t.rheo.h5")});
    QVERIFY2(ran.status == 0, ran.err);
    ran = runRheo({"analyze", path("t.rheo.h5"), "--stat", "pca,density", "--null", "sign_flip", "--repeats",
                   "3", "--out", path("r.h5")});
    QVERIFY2(ran.status == 0, ran.err);
    ran = runRheo({"figure", path("r.h5"), "--view", "pca", "--out", path("pca.svg")});
    QVERIFY2(ran.status == 0, ran.err);
    ran = runRheo({"teleport", "--model", demoModel, "--ids", "1,2,3", "--point", "L05.attn_in", "--basis",
                   path("r.h5"), "--by", "1", "--controls", "2", "--out", path("tp.h5")});
    QVERIFY2(ran.status == 0, ran.err);
    // [40, 9, 1024] float32, all zero.
    QByteArray header = "{'descr': '<f4', 'fortran_order': False, 'shape': (40, 9, 1024), }";
    header = header.leftJustified(117) + "\n";
    QVERIFY(writeFile(path("states.npy"), QByteArray("\x93NUMPY\x01\x00", 8) + char(header.size()) + '\0' +
                                              header + QByteArray(40 * 9 * 1024 * 4, '\0')));
}

void TestAppStreams::limitsOfMemory_data() {
    QTest::addColumn<int>("mebibytes");
    for (const int size : {600, 700, 800, 900, 1100}) QTest::addRow("%d MiB", size) << size;
}

/// Whatever the limit, the program ends by itself: done, or with one line. (Below what its libraries take,
/// the loader speaks in its place.)
void TestAppStreams::limitsOfMemory() {
    if (sanitized) QSKIP("sanitizers take terabytes of addresses");
    QFETCH(int, mebibytes);
    QDir(m_dir.path()).mkdir("memory");
    for (const QStringList& words :
         {QStringList{"logits", "--model", demoModel, "--ids", "1,2,3"},
          {"analyze", path("t.rheo.h5"), "--stat", "pca,motion", "--null", "sign_flip", "--repeats", "3",
           "--force", "--out", path("memory/r.h5")}}) {
        const Ran ran = runRheo(words, {.inChild = limit(RLIMIT_AS, static_cast<rlim_t>(mebibytes) << 20)});
        if (ran.status == 127) continue;
        QVERIFY2(ran.status == 0 || ran.status == 1, ran.err);
        if (ran.status == 1)
            QVERIFY2(ran.err.count('\n') == 1 && ran.err.contains("memory") && ran.err.contains("ulimit -v"),
                     ran.err);
    }
    QVERIFY(filesLeft("memory").isEmpty() || filesLeft("memory") == QStringList{"r.h5"});
}

void TestAppStreams::limitsOfSize_data() {
    QTest::addColumn<QStringList>("arguments");
    QTest::newRow("capture") << QStringList{"capture",   "--model",   demoModel,
                                            "--prompts", demoPrompts, "--limit",
                                            "40",        "--out",     path("size/t.rheo.h5")};
    QTest::newRow("analyze") << QStringList{"analyze", path("t.rheo.h5"), "--stat",
                                            "pca",     "--out",           path("size/r.h5")};
    QTest::newRow("curves") << QStringList{"analyze", path("t.rheo.h5"), "--stat",   "density",
                                           "--out",   path("size/r.h5"), "--curves", path("size/c.csv")};
    QTest::newRow("figure") << QStringList{"figure", path("r.h5"), "--view",
                                           "pca",    "--out",      path("size/f.svg")};
    QTest::newRow("logits") << QStringList{"logits", "--model", demoModel,         "--ids",
                                           "1,2,3",  "--out",   path("size/l.npy")};
    QTest::newRow("import") << QStringList{"import", path("states.npy"),    "--layout", "row,point,unit",
                                           "--out",  path("size/i.rheo.h5")};
    QTest::newRow("merge") << QStringList{"merge", path("t.rheo.h5"), "--copy", "--out",
                                          path("size/m.rheo.h5")};
    QTest::newRow("teleport") << QStringList{"teleport", "--model", demoModel,         "--ids",      "1,2,3",
                                             "--point",  "final",   "--basis",         path("r.h5"), "--by",
                                             "1",        "--out",   path("size/tp.h5")};
}

/// Files that may not grow beyond a size: no signal, one line that names the limit, nothing left. 300 KiB
/// hold what lies before the states of a trace.
void TestAppStreams::limitsOfSize() {
    QFETCH(QStringList, arguments);
    for (const rlim_t most : {4U << 10, 64U << 10, 300U << 10}) {
        QDir(path("size")).removeRecursively();
        QDir(m_dir.path()).mkdir("size");
        const Ran ran = runRheo(arguments, {.inChild = limit(RLIMIT_FSIZE, most)});
        if (ran.status == 0 && most > 4096) break;  // it is enough
        QVERIFY2(ran.status == 1, qPrintable(QString::number(ran.status) + ran.err));
        QVERIFY2(ran.err.count('\n') == 1 && ran.err.contains("ulimit -f"), ran.err);
        QVERIFY2(filesLeft("size").isEmpty(), qPrintable(filesLeft("size").join(' ')));
    }
}

void TestAppStreams::fewOpenFiles() {
    if (sanitized) QSKIP("sanitizers open files of their own");
    for (const int files : {4, 5, 6, 8, 10}) {
        const Ran ran = runRheo({"info", path("t.rheo.h5")},
                                {.inChild = limit(RLIMIT_NOFILE, static_cast<rlim_t>(files))});
        if (ran.status == 127) continue;  // the loader's word
        QVERIFY2(ran.status == 0 || (ran.status == 1 && ran.err.count('\n') == 1), ran.err);
    }
}

void TestAppStreams::unwritableFolder() {
    const Ran ran = runRheo({"analyze", path("t.rheo.h5"), "--stat", "density", "--out", "/proc/r.h5"});
    QCOMPARE(ran.status, 1);
    QCOMPARE(ran.err.count('\n'), 1);
    QVERIFY2(ran.err.contains("r.h5"), ran.err);
}

/// What is written to files is whole, and none of what is printed gets into them.
void TestAppStreams::closedStandardOutput() {
    const Ran ran = runRheo({"analyze", path("t.rheo.h5"), "--stat", "density", "--out", path("closed.h5")},
                            {.inChild = [] { ::close(STDOUT_FILENO); }});
    QCOMPARE(ran.status, 1);
    QVERIFY2(ran.err.count('\n') == 1 && ran.err.contains("standard output"), ran.err);
    const Ran info = runRheo({"info", path("closed.h5"), "--json"});
    QVERIFY2(info.json()["kind"] == "results", info.err);
}

void TestAppStreams::fullStandardOutput() {
    const Ran ran = runRheo({"info", demoModel}, {.inChild = [] {
                                const int full = ::open("/dev/full", O_WRONLY);
                                ::dup2(full, STDOUT_FILENO);
                            }});
    QCOMPARE(ran.status, 1);
    QVERIFY2(ran.err.count('\n') == 1 && ran.err.contains("No space left"), ran.err);
}

/// As in `rheo ... | head -0`.
void TestAppStreams::readerThatLeaves() {
    const Ran ran = runRheo({"analyze", path("t.rheo.h5"), "--stat", "density", "--out", path("left.h5")},
                            {.inChild = [] {
                                int ends[2];
                                if (::pipe(ends) != 0) ::_exit(9);
                                ::close(ends[0]);
                                ::dup2(ends[1], STDOUT_FILENO);
                            }});
    QCOMPARE(ran.status, 1);
    QVERIFY2(ran.err.count('\n') == 1 && ran.err.contains("Broken pipe"), ran.err);
    QVERIFY(QFile::exists(path("left.h5")));
}

void TestAppStreams::closedStandardError() {
    const Ran ran = runRheo({"capture", "--model", demoModel, "--prompts", demoPrompts, "--limit", "4",
                             "--out", path("quiet.rheo.h5"), "--progress", "plain"},
                            {.inChild = [] { ::close(STDERR_FILENO); }});
    QCOMPARE(ran.status, 0);
    const Ran info = runRheo({"info", path("quiet.rheo.h5"), "--json"});
    QCOMPARE(info.json()["complete"].toInt(), 4);
}

void TestAppStreams::nothingActsOnATerminal_data() {
    QTest::addColumn<QStringList>("arguments");
    const QString evil = QString::fromUtf8(
        "\x1b]0;title\x07\x1b[2J\xc2\x9b"
        "31m\xe2\x80\xaetxt.\x7f\r\n\xce\x94");
    const QString file = path(evil + ".h5"), folder = path(evil);
    const auto row = [](const char* name, const QStringList& arguments) {
        QTest::newRow(name) << arguments;
        QTest::newRow(QByteArray(name) + " json") << arguments + QStringList{"--json"};
    };
    row("absent file", {"info", file});
    row("absent model", {"logits", "--model", folder, "--ids", "1"});
    row("command", {evil});
    row("option", {"info", "--" + evil});
    row("value", {"info", demoModel, "--batch", evil});
    row("statistic", {"analyze", path("t.rheo.h5"), "--stat", evil, "--out", path("never.h5")});
    row("view", {"figure", path("r.h5"), "--view", evil, "--out", path("never.svg")});
    row("ids", {"logits", "--model", demoModel, "--ids", evil});
    row("point", {"capture", "--model", demoModel, "--prompts", demoPrompts, "--points", evil, "--out",
                  path("never.h5")});
    row("output", {"analyze", path("t.rheo.h5"), "--stat", "density", "--out", file, "--force"});
    row("progress",
        {"analyze", path("t.rheo.h5"), "--stat", "density", "--progress", "plain", "--out", file, "--force"});
    row("bar", {"analyze", path("t.rheo.h5"), "--stat", "density", "--out", file, "--force"});
    row("text", {"tokenize", "--model", demoModel, "--text", evil});
    row("prompt that is not UTF-8",
        {"capture", "--model", demoModel, "--prompts", path("bad.jsonl"), "--out", path("never.h5")});
    row("config", {"info", path("evil-config")});
    row("results of it", {"info", path("evil-results.h5")});
    row("tensor", {"info", path("evil.safetensors")});
    row("import", {"import", path("evil.safetensors"), "--out", path("never.h5")});
}

void TestAppStreams::nothingActsOnATerminal() {
    QFETCH(QStringList, arguments);
    QDir(m_dir.path()).mkdir("evil-config");
    QVERIFY(writeFile(path("evil-config/config.json"),
                      R"({"model_type": "\u001b[31mx\u009by", "hidden_size": 8})"));
    QVERIFY(writeFile(path("bad.jsonl"), "{\"text\": \"\\u001b[2J\", \"ids\": [\"\x1b[2J\"]}\n"));
    const QByteArray header =
        R"({"\u001b[31m\u202e.layer":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
    QByteArray length(8, '\0');
    length[0] = static_cast<char>(header.size());
    QVERIFY(writeFile(path("evil.safetensors"), length + header + QByteArray(4, '\0')));
    if (!QFile::exists(path("evil-results.h5"))) {
        const QString name = QString::fromUtf8("\x1b[31mtrace.rheo.h5");
        QVERIFY(QFile::copy(path("t.rheo.h5"), path(name)));
        QCOMPARE(
            runRheo({"analyze", path(name), "--stat", "density", "--out", path("evil-results.h5")}).status,
            0);
    }
    const Ran ran = runRheo(arguments);
    QVERIFY2(!acts(ran.out), ran.out.toPercentEncoding());
    QVERIFY2(!acts(ran.err), ran.err.toPercentEncoding());
    if (ran.status != 0) QCOMPARE(ran.err.count('\n'), 1);
}

void TestAppStreams::decodedTextIsRawInAPipe() {
    const QByteArray text = "a\x1b[31mb\tc\nd";
    QStringList ids;
    for (const auto& id :
         runRheo({"tokenize", "--model", demoModel, "--text", QString::fromUtf8(text), "--json"})
             .json()["ids"]
             .toArray())
        ids << QString::number(id.toInt());
    QCOMPARE(runRheo({"tokenize", "--model", demoModel, "--decode", ids.join(',')}).out, text);
}

void TestAppStreams::wrongUsageAsJson() {
    for (const QStringList& words : {QStringList{"--json"},
                                     {"dance", "--json"},
                                     {"capture", "--json"},
                                     {"info", demoModel, "--batch", "0", "--json"},
                                     {"analyze", path("t.rheo.h5"), "--stat", "x", "--out", "y", "--json"}}) {
        const Ran ran = runRheo(words);
        QCOMPARE(ran.status, 2);
        const auto error = ran.json()["error"].toObject();
        QCOMPARE(error["code"].toString(), QString("invalid_argument"));
        QVERIFY(!error["message"].toString().isEmpty() && error.contains("context"));
    }
}

void TestAppStreams::helpIsTheManual() {
    const Ran list = runRheo({"help"});
    QCOMPARE(list.status, 0);
    for (const char* name : {"getting_started", "verdicts", "glossary", "analyze"})
        QVERIFY2(list.out.contains(name), name);
    // A word of several tables: the view, the statistic and the finding.
    const QByteArray rotation = runRheo({"help", "rotation"}).out;
    for (const char* words : {"Histogram of turns", "mean_path_turning", "sign_flip, persistent_flip"})
        QVERIFY2(rotation.contains(words), words);
    const QByteArray section = runRheo({"help", "nulls#sign_flip"}).out;
    QVERIFY(section.startsWith("Random signs (sign_flip)"));
    QVERIFY(section.contains("an independent sign for each row, step and unit"));  // of analyses.md
    QVERIFY(!section.contains("persistent_walk"));
    const Ran unknown = runRheo({"help", "sign_flop", "--json"});
    QCOMPARE(unknown.status, 2);
    const QString message = unknown.json()["error"].toObject()["message"].toString();
    QVERIFY2(
        message.contains("did you mean sign_flip?") && message.contains("getting_started, window, views"),
        qPrintable(message));
    QCOMPARE(unknown.err.count('\n'), 1);
    // Wherever the program is, its manual is found or its absence is said.
    QTemporaryDir nothing;
    RunSettings settings;
    QVERIFY(QDir(nothing.path()).mkpath("demo-model") &&
            writeFile(nothing.filePath("demo-model/config.json"), "{}"));
    settings.environment.insert("RHEO_RESOURCES", nothing.path());
    const Ran lost = runRheo({"help"}, settings);
    QCOMPARE(lost.status, 1);
    QVERIFY(lost.err.contains("index.md"));
}

/// What help, man pages and completion say is made from one table: each option of each --help is in all of
/// them.
void TestAppStreams::helpShowsDefaultsAndCommonOptions() {
    QTemporaryDir dir;
    QCOMPARE(runRheo({"help", "--man", dir.path()}).status, 0);
    const QByteArray bash = runRheo({"help", "--completion", "bash"}).out,
                     zsh = runRheo({"help", "--completion", "zsh"}).out;
    // From the last line that begins with `begin` to the next `end`.
    const auto part = [](const QByteArray& script, const QByteArray& begin, const QByteArray& end) {
        const qsizetype at = script.lastIndexOf(begin);
        return at < 0 ? QByteArray() : script.mid(at, script.indexOf(end, at) - at);
    };
    static const QRegularExpression option(QStringLiteral("^\\s+(?:-\\w,)?(--[a-z-]+)"),
                                           QRegularExpression::MultilineOption);
    const auto commands = runRheo({"help", "--json"}).json()["commands"].toArray();
    QVERIFY(commands.size() >= 18);
    int options = 0;
    QMap<QString, QString> helps;
    for (const auto& command : commands) {
        const QString name = command.toObject()["name"].toString();
        const Ran ran = runRheo({name, "--help"});
        QCOMPARE(ran.status, 0);
        helps[name] = QString::fromUtf8(ran.out);
        // CLI11 writes a default "=last", and from 2.4 on " [last]".
        QVERIFY2(helps[name].contains("--quiet") &&
                     !helps[name].contains(QRegularExpression(R"(=-1|=\[\]| \[-1\]| \[\[\]\])")),
                 ran.out);
        const QString page = contentsOf(dir.filePath("rheo-" + name + ".1"));
        QVERIFY2(page.startsWith(".TH"), qPrintable(name));
        const QByteArray inBash = part(bash, "\n        " + name.toUtf8() + ") case", "return ;; esac"),
                         inZsh = part(zsh, "\n                " + name.toUtf8() + ")\n", " ;;\n");
        for (auto found = option.globalMatch(helps[name]); found.hasNext(); ++options) {
            const QString word = found.next().captured(1);
            const bool inPage =
                word == "--help" || page.contains("\\fB" + QString(word).replace("-", "\\-") + "\\fR");
            QVERIFY2(
                inPage && inBash.contains(word.toUtf8()) &&
                    (inZsh.contains("'*" + word.toUtf8() + "[") || inZsh.contains("'" + word.toUtf8() + "[")),
                qPrintable(name + " " + word));
        }
    }
    QVERIFY2(options > 250, qPrintable(QString::number(options)));
    for (const char* words : {"--json", "--threads", "--device", "--dtype"})
        QVERIFY2(helps["capture"].contains(words), words);
    for (const auto& [words, value] : {std::pair("ROWS", "last"),
                                       {"POINTS", "all"},
                                       {"B:.*", "16"},
                                       {"\\{float32,bfloat16\\}", "float32"},
                                       {"DEVICE", "cpu"}})
        QVERIFY2(helps["capture"].contains(
                     QRegularExpression(QString("%1(=%2| \\[%2\\])").arg(QString(words), QString(value)))),
                 value);
    QVERIFY(!helps["capture"].contains("--seed"));  // nothing of a capture is random
    QVERIFY(helps["analyze"].contains("--seed"));
    QCOMPARE(QString::fromUtf8(runRheo({"help", "capture"}).out), helps["capture"]);
    const QString window = contentsOf(dir.filePath("rheograph.1"));
    for (const rheo::WindowOption& one : rheo::windowOptions)
        QVERIFY2(window.contains(QString("\\-\\-") + one.name), one.name);
}

void TestAppStreams::optionsWithoutUseAreRejected_data() {
    QTest::addColumn<QStringList>("arguments");
    const QString trace = path("t.rheo.h5"), results = path("r.h5"), svg = path("no.svg"),
                  out = path("no.h5");
    const auto row = [](const QStringList& words) {
        QTest::newRow(qPrintable(words.mid(2).join(' '))) << words;
    };
    row({"info", trace, "--batch", "2"});
    row({"info", trace, "--dtype", "bfloat16"});
    row({"info", demoModel, "--seed", "2"});
    row({"figure", results, "--view", "pca", "--out", svg, "--units", "1"});
    row({"figure", results, "--view", "pca", "--out", svg, "--camera", "front"});
    row({"figure", results, "--view", "pca", "--out", svg, "--dpi", "100"});
    row({"figure", "--recipe", svg, "--theme", "dark", "--out", svg});
    row({"figure", results, "--view", "pca", "--out", svg, "--device", "cuda"});
    row({"logits", "--model", demoModel, "--ids", "1", "--force"});
    row({"capture", "--model", demoModel, "--prompts", demoPrompts, "--out", out, "--resume", "--force"});
    row({"tokenize", "--model", demoModel, "--text", "a", "--keep-special"});
    row({"tokenize", "--model", demoModel, "--text", "a", "--decode", "1"});
    row({"teleport", "--model", demoModel, "--ids", "1", "--point", "final", "--state", "x.npy",
         "--components", "2", "--out", out});
    row({"analyze", trace, "--stat", "pca", "--eps", "0.2", "--out", out});
    row({"report", trace, "--limit", "3", "--out", path("no-report")});
}

void TestAppStreams::optionsWithoutUseAreRejected() {
    QFETCH(QStringList, arguments);
    const Ran ran = runRheo(arguments);
    QVERIFY2(ran.status == 2 && ran.err.count('\n') == 1, ran.err);
    QVERIFY(!QFile::exists(path("no.h5")) && !QFile::exists(path("no.svg")) &&
            !QDir(path("no-report")).exists());
}

void TestAppStreams::infoSaysWhatAFileIs_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<QString>("kind");
    QTest::addColumn<QByteArray>("says");
    const auto row = [&](const QString& file, const char* kind, const char* says) {
        QTest::newRow(qPrintable(QFileInfo(file).fileName())) << file << kind << QByteArray(says);
    };
    row(path("t.rheo.h5"), "trace", "40 rows");
    row(path("r.h5"), "results", "density, pca");
    row(path("tp.h5"), "teleport", "L05.attn_in");
    row(path("pca.svg"), "figure", "--recipe");
    row(demoModel + "/model.safetensors", "safetensors", "rheo info");
    row(demoModel + "/config.json", "json", "rheo info");
    row(demoPrompts, "text", "rheo capture");
    row(path("foreign.npy"), "npy", "rheo import");
    row(RHEO_FIXTURES "/gguf/models/llama/model.gguf", "model", "llama");
    row(path("weights.pth"), "pytorch", "safetensors");
}

void TestAppStreams::infoSaysWhatAFileIs() {
    QFETCH(QString, file);
    QFETCH(QString, kind);
    QFETCH(QByteArray, says);
    const QByteArray header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    QVERIFY(writeFile(path("foreign.npy"), "\x93NUMPY" + QByteArray("\x01\x00\x76\x00", 4) +
                                               header.leftJustified(117) + '\n' + QByteArray(24, '\0')));
    QVERIFY(writeFile(path("weights.pth"), "\x80\x02}q"));
    const Ran json = runRheo({"info", file, "--json"});
    QVERIFY2(json.status == 0, json.err);
    QCOMPARE(json.json()["kind"].toString(), kind);
    const Ran ran = runRheo({"info", file});
    QVERIFY2(ran.out.contains(says), ran.out);
}

/// The version and what a model is are said without it: it takes most of a second to load.
void TestAppStreams::libtorchIsLoadedWhereItIsNeeded() {
    RunSettings settings;
    settings.environment.insert("LD_DEBUG", "libs");
    for (const QStringList& arguments : {QStringList{"--version"},
                                         {"info", demoModel},
                                         {"info", RHEO_FIXTURES "/gguf/models/llama/model.gguf"}}) {
        const Ran ran = runRheo(arguments, settings);
        QVERIFY2(ran.status == 0, ran.err);
        QVERIFY(ran.err.contains("libc.so"));
        QVERIFY2(!ran.err.contains("libtorch") && !ran.err.contains("libopenblas"),
                 qPrintable(arguments.join(' ')));
    }
    QVERIFY(runRheo({"info", path("r.h5")}, settings).err.contains("libtorch"));
}

/// What the user sets stays; otherwise a processor with AVX2 does not compute with kernels for SSE.
void TestAppStreams::theKernelsFitTheProcessor() {
    RunSettings settings;
    settings.environment.remove("OPENBLAS_CORETYPE");
    const QJsonObject fitting = runRheo({"info", "--system", "--json"}, settings).json();
    const QString kernels = fitting["blas_kernels"].toString();
    if (kernels.isEmpty()) QSKIP("another library stands in the place of OpenBLAS");
    QVERIFY(!fitting["libtorch"].toString().isEmpty());
    QVERIFY2(rheo::betterBlasKernels(kernels.toStdString(), rheo::vectorUnits()).empty(),
             qPrintable(kernels));
    settings.environment.insert("OPENBLAS_CORETYPE", "Nehalem");
    QCOMPARE(runRheo({"info", "--system", "--json"}, settings).json()["blas_kernels"].toString(), "Nehalem");
}

RHEO_TEST(TestAppStreams)
#include "test_app_streams.moc"
