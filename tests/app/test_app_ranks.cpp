// rheo capture, analyze and report by several ranks of mpirun, on this machine, against one process: the same
// rows, states up to the rounding of other batches, surrogates to the same bits. A rank that fails or is
// killed is named, what the others made is kept, and --resume goes on. Skipped, visibly, where mpirun is not
// there or cannot start two processes.
#include <signal.h>

#include <QDir>
#include <QElapsedTimer>
#include <QFile>
#include <QProcess>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QThread>
#include <cmath>

#include "core/results/results_file.h"
#include "core/trace/trace_reader.h"
#include "tests/app/hdf5_difference.h"
#include "tests/app/run_rheo.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

/// mpirun of Open MPI on one machine, whatever its number of cores, and also for root in a container.
QStringList mpirun(int ranks) {
    return {"--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", QString::number(ranks)};
}

QStringList call(int ranks, const QStringList& arguments) {
    return mpirun(ranks) + QStringList{RHEO_BIN "/rheo"} + arguments;
}

QProcessEnvironment oneThreadEach() {
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert("RHEO_THREADS", "1");
    return environment;
}

Ran start(const QString& program, const QStringList& arguments, int timeoutMs = 300000) {
    QProcess process;
    process.setProcessEnvironment(oneThreadEach());
    process.start(program, arguments);
    Ran ran;
    if (!process.waitForFinished(timeoutMs)) {
        process.terminate();  // mpirun ends its ranks
        process.waitForFinished(5000);
        process.kill();
        process.waitForFinished();
        ran.err = "it did not end: " + process.readAllStandardError();
        return ran;
    }
    ran.status = process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2;
    ran.out = process.readAllStandardOutput();
    ran.err = process.readAllStandardError();
    return ran;
}

Ran byRanks(int ranks, const QStringList& arguments) {
    return start("mpirun", call(ranks, arguments));
}

/// The largest difference of the states of two traces; infinite where their rows differ.
double differenceOfTraces(const QString& a, const QString& b) {
    const auto one = TraceReader::open(a.toStdString()), other = TraceReader::open(b.toStdString());
    if (!(one->info().rows == other->info().rows) || one->completeRows() != other->completeRows() ||
        one->units() != other->units() || one->points() != other->points())
        return INFINITY;
    const auto size = static_cast<std::size_t>(one->rows() * one->points() * one->units());
    std::vector<float> x(size), y(size);
    one->readRows(RowIndex{0}, one->rows(), x.data());
    other->readRows(RowIndex{0}, other->rows(), y.data());
    double worst = 0;
    for (std::size_t i = 0; i < size; ++i) worst = std::max<double>(worst, std::abs(x[i] - y[i]));
    return worst;
}

/// Of results: equal to the bit in what surrogates gave.
QString differenceOfResults(const QString& a, const QString& b) {
    return differenceOf(a, b, [](const std::string& dataset) {
        return dataset.find("/null") != std::string::npos ? 0 : 1e-12;
    });
}

/// The process that is rank `rank` of those that `mpirun` (a process) started; 0 if there is none.
qint64 processOfRank(qint64 mpirun, int rank) {
    const QByteArray wanted = "OMPI_COMM_WORLD_RANK=" + QByteArray::number(rank);
    for (const QString& name : QDir("/proc").entryList(QDir::Dirs)) {
        bool isNumber = false;
        const qint64 id = name.toLongLong(&isNumber);
        if (!isNumber) continue;
        const QByteArray stat = contentsOf("/proc/" + name + "/stat");
        const QList<QByteArray> fields = stat.mid(stat.lastIndexOf(')') + 2).split(' ');
        if (fields.size() < 2 || fields[1].toLongLong() != mpirun) continue;
        if (contentsOf("/proc/" + name + "/environ").split('\0').contains(wanted)) return id;
    }
    return 0;
}

}  // namespace

class TestAppRanks : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void captureIsThatOfOneProcess_data();
    void captureIsThatOfOneProcess();
    void aRankThatFailsIsNamed();
    void whatEndsEarlyIsGoneOnWith_data();
    void whatEndsEarlyIsGoneOnWith();
    void partsOfOtherRanksAreNotMixed();
    void analyzeIsThatOfOneProcess_data();
    void analyzeIsThatOfOneProcess();
    void reportIsThatOfOneProcess();
    void otherCommandsAreRefused();
    void onlyTheFirstSpeaks();
    void aMissingModuleSaysHowToGetIt();

private:
    QString path(const QString& name) const { return m_dir.filePath(name); }
    QStringList captured(const QString& out, int limit = 23) const {
        return {"capture",
                "--model",
                RHEO_RESOURCES "/demo-model",
                "--prompts",
                RHEO_RESOURCES "/prompts/novels.txt",
                "--limit",
                QString::number(limit),
                "--rows",
                "stride:5",
                "--out",
                out};
    }
    QTemporaryDir m_dir;
    QString m_trace;  ///< by one process
};

void TestAppRanks::initTestCase() {
    if (QStandardPaths::findExecutable("mpirun").isEmpty()) QSKIP("mpirun is not installed");
    if (!QFile::exists(RHEO_BIN "/librheo_mpi.so")) QSKIP("rheo was built without MPI (RHEO_WITH_MPI)");
    const Ran two = start("mpirun", mpirun(2) + QStringList{"true"}, 60000);
    if (two.status != 0) QSKIP(("mpirun cannot start two processes here: " + two.err).constData());
    m_trace = path("alone.rheo.h5");
    const Ran ran = start(RHEO_BIN "/rheo", captured(m_trace));
    QVERIFY2(ran.status == 0, ran.err.constData());
}

void TestAppRanks::captureIsThatOfOneProcess_data() {
    QTest::addColumn<int>("ranks");
    for (const int ranks : {1, 2, 3}) QTest::addRow("%d", ranks) << ranks;
}

// Batches of other prompts round differently: the tolerance is that of the reference comparison.
void TestAppRanks::captureIsThatOfOneProcess() {
    QFETCH(int, ranks);
    const QString out = path(QString("by-%1.rheo.h5").arg(ranks));
    const Ran ran = byRanks(ranks, captured(out) + QStringList{"--json"});
    QVERIFY2(ran.status == 0, ran.err.constData());
    QCOMPARE(ran.json()["out"].toString(), out);
    const double difference = differenceOfTraces(m_trace, out);
    QVERIFY2(difference < 3e-5, qPrintable(QString::number(difference)));
    QVERIFY(QDir(m_dir.path()).entryList({"by-*part*"}).isEmpty());
    // All of it is there.
    const Ran again = byRanks(ranks, captured(out) + QStringList{"--resume"});
    QVERIFY2(again.status == 0 && again.err.contains("rows were there already"), again.err.constData());
}

void TestAppRanks::aRankThatFailsIsNamed() {
    const QString out = path("fails.rheo.h5"), taken = out + ".part-1-of-3";
    QVERIFY(QDir().mkpath(taken + "/in the way"));
    Ran ran = byRanks(3, captured(out));
    QVERIFY(ran.status != 0);
    QVERIFY2(ran.err.contains("rank 1 of 3"), ran.err.constData());
    QVERIFY2(ran.err.contains("rank 1 of 3 failed") && ran.err.contains("--resume"), ran.err.constData());
    QVERIFY(QFile::exists(out + ".part-0-of-3") && QFile::exists(out + ".part-2-of-3") &&
            !QFile::exists(out));
    QVERIFY(QDir(taken).removeRecursively());
    ran = byRanks(3, captured(out) + QStringList{"--resume"});
    QVERIFY2(ran.status == 0 && ran.err.contains("rows were there already"), ran.err.constData());
    QVERIFY(differenceOfTraces(m_trace, out) < 3e-5);
}

void TestAppRanks::whatEndsEarlyIsGoneOnWith_data() {
    QTest::addColumn<bool>("killed");
    QTest::newRow("a rank is killed") << true;
    QTest::newRow("Ctrl+C") << false;
}

void TestAppRanks::whatEndsEarlyIsGoneOnWith() {
    QFETCH(bool, killed);
    const QString out = path(killed ? "killed.rheo.h5" : "stopped.rheo.h5");
    QProcess process;
    process.setProcessEnvironment(oneThreadEach());
    process.setProcessChannelMode(QProcess::MergedChannels);
    process.start("mpirun", call(2, captured(out, 300)));
    QVERIFY(process.waitForStarted());
    QElapsedTimer timer;
    timer.start();
    while (!QFile::exists(out + ".part-1-of-2") && timer.elapsed() < 60000) QThread::msleep(5);
    const qint64 second = processOfRank(process.processId(), 1);
    QVERIFY2(second > 0, "the second rank was not found");
    ::kill(static_cast<pid_t>(killed ? second : process.processId()), killed ? SIGKILL : SIGINT);
    QVERIFY(process.waitForFinished(60000));
    const QByteArray said = process.readAll();
    QVERIFY(process.exitStatus() != QProcess::NormalExit || process.exitCode() != 0);
    QVERIFY2(!killed || said.contains("rank 1"), said.constData());
    for (int rank = 0; rank < 2; ++rank) QCOMPARE(processOfRank(process.processId(), rank), qint64(0));
    QVERIFY(!QFile::exists(out) && QFile::exists(out + ".part-1-of-2"));
    const Ran ran = byRanks(2, captured(out, 300) + QStringList{"--resume"});
    QVERIFY2(ran.status == 0, ran.err.constData());
    const QString whole = path("whole.rheo.h5");
    if (!QFile::exists(whole)) QVERIFY(byRanks(2, captured(whole, 300)).status == 0);
    // Prompts that were missing make other batches.
    const double difference = differenceOfTraces(whole, out);
    QVERIFY2(difference < 3e-5, qPrintable(QString::number(difference)));
}

void TestAppRanks::partsOfOtherRanksAreNotMixed() {
    const QString out = path("mixed.rheo.h5");
    QVERIFY(writeFile(out + ".part-0-of-3", "an older part"));
    for (const int ranks : {1, 2}) {
        const Ran ran = byRanks(ranks, captured(out) + QStringList{"--resume"});
        QVERIFY(ran.status != 0);
        QVERIFY2(ran.err.contains("mpirun -n 3"), ran.err.constData());
    }
    const Ran ran = byRanks(2, captured(out) + QStringList{"--force"});
    QVERIFY2(ran.status == 0, ran.err.constData());
    QVERIFY(!QFile::exists(out + ".part-0-of-3"));
}

void TestAppRanks::analyzeIsThatOfOneProcess_data() {
    captureIsThatOfOneProcess_data();
}

void TestAppRanks::analyzeIsThatOfOneProcess() {
    QFETCH(int, ranks);
    const QStringList asked{"analyze",   m_trace,
                            "--stat",    "density,correlation,motion,rotation,pca,mutual_information",
                            "--null",    "sign_flip,gaussian_walk,row_shuffle",
                            "--repeats", "7"};
    const QString alone = path("alone.h5"), out = path(QString("by-%1.h5").arg(ranks));
    if (!QFile::exists(alone)) {
        const Ran ran = start(RHEO_BIN "/rheo", asked + QStringList{"--out", alone});
        QVERIFY2(ran.status == 0, ran.err.constData());
    }
    const Ran ran = byRanks(ranks, asked + QStringList{"--out", out});
    QVERIFY2(ran.status == 0, ran.err.constData());
    QCOMPARE(differenceOfResults(alone, out), QString());
    // More repeats go on from there, by another number of ranks.
    const QStringList more = asked.mid(0, asked.size() - 1) + QStringList{"9", "--add", "--out", out};
    const Ran again = byRanks(4 - ranks, more);
    QVERIFY2(again.status == 0, again.err.constData());
}

void TestAppRanks::reportIsThatOfOneProcess() {
    const QString trace = path("few.rheo.h5");
    QStringList few = captured(trace);
    few[few.indexOf("stride:5")] = "last";
    QVERIFY(start(RHEO_BIN "/rheo", few).status == 0);
    const QStringList asked{"report", trace, "--repeats", "5"};
    const Ran one = start(RHEO_BIN "/rheo", asked + QStringList{"--out", path("report-alone")});
    QVERIFY2(one.status == 0, one.err.constData());
    const Ran two = byRanks(2, asked + QStringList{"--out", path("report-by-2")});
    QVERIFY2(two.status == 0, two.err.constData());
    QCOMPARE(differenceOfResults(path("report-alone/results.h5"), path("report-by-2/results.h5")), QString());
    QCOMPARE(contentsOf(path("report-by-2/verdicts.json")), contentsOf(path("report-alone/verdicts.json")));
    QVERIFY(contentsOf(path("report-by-2/index.html")).contains("<svg"));
}

void TestAppRanks::otherCommandsAreRefused() {
    for (const QStringList& arguments : {QStringList{"info", m_trace},
                                         {"demo", "--out", path("demo")},
                                         {"merge", m_trace, "--out", path("merged.h5")}}) {
        const Ran ran = byRanks(2, arguments);
        QVERIFY(ran.status != 0);
        QVERIFY2(ran.err.count("is for one process") == 1, ran.err.constData());
    }
    QVERIFY2(byRanks(1, {"info", m_trace}).status == 0, "one rank is one process");
}

void TestAppRanks::onlyTheFirstSpeaks() {
    const QString out = path("speaks.rheo.h5");
    const Ran ran = byRanks(3, captured(out) + QStringList{"--progress", "plain"});
    QVERIFY2(ran.status == 0, ran.err.constData());
    QCOMPARE(ran.out.count(" prompts"), qsizetype(1));
    QCOMPARE(ran.err.count("waiting for the other ranks"), qsizetype(1));
    QCOMPARE(byRanks(2, {"capture", "--nothing"}).err.count("there is no option"), qsizetype(1));
}

void TestAppRanks::aMissingModuleSaysHowToGetIt() {
    const QString folder = path("without");
    QVERIFY(QDir().mkpath(folder));
    for (const char* name : {"rheo", "rheo-engine"})
        QVERIFY(QFile::copy(QString(RHEO_BIN "/") + name, folder + "/" + name));
    const Ran ran =
        start("mpirun", mpirun(2) + QStringList{folder + "/rheo"} + captured(path("without.rheo.h5")));
    QVERIFY(ran.status != 0);
    QVERIFY2(ran.err.contains("openmpi-bin") && ran.err.contains("many_machines"), ran.err.constData());
    // Without mpirun it runs as ever.
    QCOMPARE(start(folder + "/rheo", {"info", m_trace}).status, 0);
}

RHEO_TEST(TestAppRanks)
#include "test_app_ranks.moc"
