// What is written where: disks that are full at any point of any writer, and two processes with one output.

#include <unistd.h>

#include <QDir>
#include <QDirIterator>
#include <QElapsedTimer>
#include <QTemporaryDir>
#include <QtTest>
#include <algorithm>

#include "tests/app/run_rheo.h"
#include "tests/test_main.h"

namespace {

const QString demoModel = RHEO_RESOURCES "/demo-model";
const QString demoPrompts = RHEO_RESOURCES "/prompts/novels.txt";
const QByteArray oldBytes = QByteArray("what was there\n").repeated(20);

/// Of all files below a folder, by name relative to it, ascending.
QStringList filesBelow(const QString& folder) {
    QStringList files;
    for (QDirIterator entry(folder, QDir::Files | QDir::Hidden, QDirIterator::Subdirectories);
         entry.hasNext();)
        files << QDir(folder).relativeFilePath(entry.next());
    files.sort();
    return files;
}

/// As a disk counts them: in blocks of 4 KiB.
int kibibytesBelow(const QString& folder) {
    qint64 blocks = 0;
    for (const QString& name : filesBelow(folder))
        blocks += (QFileInfo(folder + '/' + name).size() + 4095) / 4096;
    return static_cast<int>(blocks * 4);
}

/// The one line of an error; empty where there is none, or more than one.
QByteArray errorLine(const QByteArray& err) {
    QByteArray found;
    for (const QByteArray& line : err.split('\n')) {
        if (!line.startsWith("rheo: ")) continue;
        if (!found.isEmpty()) return {};
        found = line;
    }
    return found;
}

/// Whether a process has claimed an output: one of its sockets has such a name.
bool hasClaim(qint64 process) {
    QByteArrayList claims;  // numbers of sockets
    for (const QByteArray& line : contentsOf("/proc/net/unix").split('\n'))
        if (const auto fields = line.simplified().split(' ');
            fields.size() == 8 && fields[7].startsWith("@rheograph-output-"))
            claims << "socket:[" + fields[6] + "]";
    const QDir files(QString("/proc/%1/fd").arg(process));
    const QStringList names = files.entryList(QDir::System | QDir::AllEntries | QDir::NoDotAndDotDot);
    return std::any_of(names.begin(), names.end(), [&](const QString& name) {
        char link[64];
        const auto length =
            ::readlink(QFile::encodeName(files.filePath(name)).constData(), link, sizeof link);
        return length > 0 && claims.contains(QByteArray(link, static_cast<qsizetype>(length)));
    });
}

}  // namespace

class TestAppOutputs : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void fullDisks_data();
    void fullDisks();
    void aReportGoesOnWhenThereIsSpace();
    void twoProcessesWithOneOutput_data();
    void twoProcessesWithOneOutput();

private:
    QString path(const QString& name) const { return m_dir.filePath(name); }
    void emptyFolder(const QString& name) const {
        QDir(path(name)).removeRecursively();
        QDir(m_dir.path()).mkpath(name);
    }
    /// Runs `rheo` while the folder "disk" is a disk of so many KiB; what is left on it is in the folder
    /// "left".
    Ran onSmallDisk(int kibibytes, const QStringList& arguments) const {
        emptyFolder("left");
        return runProgram(RHEO_SMALL_DISK, QStringList{path("disk"), QString::number(kibibytes), path("left"),
                                                       RHEO_BIN "/rheo"} +
                                               arguments);
    }
    static int points() {
        const int asked = qEnvironmentVariableIntValue("RHEO_FULL_DISK_POINTS");
        return asked > 0 ? asked : 2;
    }

    QTemporaryDir m_dir;
};

void TestAppOutputs::initTestCase() {
    QDir(m_dir.path()).mkpath("disk");
    const QStringList capture{"capture", "--model", demoModel, "--prompts", demoPrompts, "--limit", "24"};
    const QList<QStringList> calls{
        capture + QStringList{"--out", path("t.rheo.h5")},
        capture + QStringList{"--shard", "0/2", "--out", path("s0.rheo.h5")},
        capture + QStringList{"--shard", "1/2", "--out", path("s1.rheo.h5")},
        {"analyze", path("t.rheo.h5"), "--stat", "pca,density,motion", "--out", path("r.h5")},
        {"directions", "--model", demoModel, "--token", "1", "--out", path("d.npy")}};
    for (const QStringList& arguments : calls) {
        const Ran ran = runRheo(arguments);
        QVERIFY2(ran.status == 0, ran.err);
    }
    QVERIFY(writeFile(
        path("e.json"),
        R"({"edits": [{"point": "L03.mlp_in", "tokens": "all", "op": "add", "vector": "d.npy"}]})"));
    QByteArray header = "{'descr': '<f4', 'fortran_order': False, 'shape': (40, 9, 64), }";
    header = header.leftJustified(117) + "\n";
    QVERIFY(writeFile(path("states.npy"), QByteArray("\x93NUMPY\x01\x00", 8) + char(header.size()) + '\0' +
                                              header + QByteArray(40 * 9 * 64 * 4, '\1')));
}

void TestAppOutputs::fullDisks_data() {
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<QString>("out");
    const QString trace = path("t.rheo.h5"), results = path("r.h5");
    const auto row = [&](const char* name, const QStringList& arguments, const QString& out) {
        QTest::newRow(name) << arguments + QStringList{"--out", path("disk/" + out)} << out;
    };
    const QStringList ids{"--model", demoModel, "--ids", "1,2,3"};
    row("capture", {"capture", "--model", demoModel, "--prompts", demoPrompts, "--limit", "24"}, "o.rheo.h5");
    row("import", {"import", path("states.npy"), "--layout", "row,point,unit"}, "o.rheo.h5");
    row("merge", {"merge", path("s0.rheo.h5"), path("s1.rheo.h5"), "--copy"}, "o.rheo.h5");
    row("analyze", {"analyze", trace, "--stat", "density,pca", "--null", "sign_flip", "--repeats", "4"},
        "o.h5");
    row("svg", {"figure", results, "--view", "pca"}, "o.svg");
    row("png", {"figure", results, "--view", "pca"}, "o.png");
    row("pdf", {"figure", results, "--view", "pca"}, "o.pdf");
    row("logits", QStringList{"logits"} + ids, "o.npy");
    row("teleport",
        QStringList{"teleport"} + ids + QStringList{"--point", "final", "--basis", results, "--by", "1"},
        "o.h5");
    row("intervene", QStringList{"intervene"} + ids + QStringList{"--edits", path("e.json")}, "o.h5");
    row("patch", {"patch", "--model", demoModel, "--clean-ids", "1,2,3", "--corrupt-ids", "1,4,3"}, "o.h5");
    row("attribute", QStringList{"attribute"} + ids, "o.h5");
    row("flow",
        QStringList{"flow"} + ids +
            QStringList{"--basis", results, "--points", "L02.attn_in", "--grid", "3x3"},
        "o.h5");
    row("response", QStringList{"response"} + ids + QStringList{"--point", "L02.attn_in", "--basis", results},
        "o.h5");
    row("directions", {"directions", "--model", demoModel, "--token", "1"}, "o.npy");
    row("directions, several", {"directions", "--model", demoModel, "--token", "1"}, "o.safetensors");
    row("compare", {"compare", trace, path("s0.rheo.h5"), "--resamples", "5", "--null-repeats", "5"}, "o.h5");
}

/// At each point one clear line, nothing half there, and what was there before is there still.
void TestAppOutputs::fullDisks() {
    QFETCH(QStringList, arguments);
    QFETCH(QString, out);
    emptyFolder("disk");
    const Ran whole = runRheo(arguments);
    QVERIFY2(whole.status == 0, whole.err);
    const int needed = kibibytesBelow(path("disk"));
    for (const bool there : {false, true}) {
        int full = 0;
        for (int i = 1; i <= points(); ++i) {
            emptyFolder("disk");
            if (there) QVERIFY(writeFile(path("disk/" + out), oldBytes));
            const int kibibytes = std::max(4, needed * i / points() / 4 * 4) + (there ? 4 : 0);
            const Ran ran =
                onSmallDisk(kibibytes, arguments + (there ? QStringList{"--force"} : QStringList{}));
            if (ran.status == 77) QSKIP("no disk can be made here: user namespaces are needed");
            if (ran.status == 0) continue;
            ++full;
            QVERIFY2(ran.status == 1, qPrintable(QString::number(ran.status) + ran.err));
            const QByteArray line = errorLine(ran.err);
            QVERIFY2(
                line.contains("make space") && line.contains(("disk/" + out.section('.', 0, 0)).toUtf8()),
                ran.err);
            QCOMPARE(filesBelow(path("left")), there ? QStringList{out} : QStringList{});
            if (there) QCOMPARE(contentsOf(path("left/" + out)), oldBytes);
        }
        QVERIFY2(full > 0 || needed <= 4, "the disk was never full");
    }
}

/// What is left of a report is what can be gone on with: the rest comes when there is space.
void TestAppOutputs::aReportGoesOnWhenThereIsSpace() {
    const QStringList arguments{"report", path("t.rheo.h5"), "--repeats", "3",
                                "--out",  path("disk/rep"),  "--threads", "2"};
    emptyFolder("disk");
    const Ran whole = runRheo(arguments);
    QVERIFY2(whole.status == 0, whole.err);
    const int needed = kibibytesBelow(path("disk"));
    const QByteArray verdicts = contentsOf(path("disk/rep/verdicts.json"));
    QVERIFY(!verdicts.isEmpty());
    for (int i = 1; i < points(); ++i) {
        emptyFolder("disk");
        const Ran ran = onSmallDisk(std::max(4, needed * i / points() / 4 * 4), arguments);
        if (ran.status == 77) QSKIP("no disk can be made here: user namespaces are needed");
        QVERIFY2(ran.status == 1, qPrintable(QString::number(ran.status) + ran.err));
        QVERIFY2(errorLine(ran.err).contains("make space"), ran.err);
        QVERIFY(!QFile::exists(path("left/rep/index.html")));
        // Now the folder is on a disk with space.
        QVERIFY(QDir(path("disk")).removeRecursively() && QDir().rename(path("left"), path("disk")));
        const Ran again = runRheo(arguments + QStringList{"--resume"});
        QVERIFY2(again.status == 0, again.err);
        QCOMPARE(contentsOf(path("disk/rep/verdicts.json")), verdicts);
    }
}

void TestAppOutputs::twoProcessesWithOneOutput_data() {
    QTest::addColumn<QString>("out");
    QTest::addColumn<QString>("otherwise");  // the same place, written in another way
    QDir(m_dir.path()).mkpath("outputs/sub");
    QFile::link(path("outputs"), path("link"));
    QTest::newRow("the same name") << path("outputs/a.h5") << path("outputs/a.h5");
    QTest::newRow("by way of a folder") << path("outputs/b.h5") << path("outputs/sub/../b.h5");
    QTest::newRow("a name alone") << path("outputs/d.h5") << "d.h5";
    QTest::newRow("by way of a link") << path("outputs/c.h5") << path("link/c.h5");
}

/// The second is refused before it computes anything, whatever the first has written; a process that was
/// killed stands in nobody's way.
void TestAppOutputs::twoProcessesWithOneOutput() {
    QFETCH(QString, out);
    QFETCH(QString, otherwise);
    QDir::setCurrent(path("outputs"));
    QProcess first;
    first.start(RHEO_BIN "/rheo", {"analyze", path("t.rheo.h5"), "--stat", "pca", "--null", "sign_flip",
                                   "--repeats", "1000000", "--out", out});
    QVERIFY(first.waitForStarted());
    QElapsedTimer waited;
    waited.start();
    while (!hasClaim(first.processId()) && waited.elapsed() < 60000) QTest::qWait(20);
    for (const QStringList& more : {QStringList{}, QStringList{"--force"}}) {
        const Ran second = runRheo(
            QStringList{"analyze", path("t.rheo.h5"), "--stat", "density", "--out", otherwise} + more);
        QCOMPARE(second.status, 1);
        QVERIFY2(second.err.count('\n') == 1 && !second.err.contains("--force") &&
                     second.err.contains(
                         QString("process (process %1) is writing").arg(first.processId()).toUtf8()),
                 second.err);
    }
    const Ran other = runRheo({"analyze", path("t.rheo.h5"), "--stat", "density", "--out", out + ".other"});
    QVERIFY2(other.status == 0, other.err);
    first.kill();
    QVERIFY(first.waitForFinished());
    const Ran third = runRheo({"analyze", path("t.rheo.h5"), "--stat", "density", "--out", otherwise});
    QVERIFY2(third.status == 0, third.err);
}

RHEO_TEST(TestAppOutputs)
#include "test_app_outputs.moc"
