// rheo analyze and report that are interrupted as a person does it, with Ctrl+C: what was finished is in the
// file, and the same call goes on from there to what one uninterrupted call gives.
#include <signal.h>

#include <QDir>
#include <QFile>
#include <QProcess>
#include <QTemporaryDir>
#include <cmath>

#include "core/results/results_file.h"
#include "tests/app/hdf5_difference.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

struct Ran {
    int status = -1;
    QString err;  ///< all it said
};

/// Interrupted as soon as it says `after`; to its end where that is empty.
Ran call(const QStringList& arguments, const QString& after = {}) {
    QProcess process;
    process.setProcessChannelMode(QProcess::MergedChannels);
    process.start(RHEO_BIN "/rheo", arguments + QStringList{"--progress", "plain"});
    QString err;
    bool sent = after.isEmpty();
    while (process.state() != QProcess::NotRunning) {
        process.waitForReadyRead(1000);
        err += QString::fromUtf8(process.readAll());
        if (sent || !err.contains(after)) continue;
        ::kill(static_cast<pid_t>(process.processId()), SIGINT);
        sent = true;
    }
    process.waitForFinished(1000);
    return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2,
            err + QString::fromUtf8(process.readAll())};
}

}  // namespace

class TestAppInterrupt : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() {
        const Ran ran = call({"capture", "--model", RHEO_RESOURCES "/demo-model", "--prompts",
                              RHEO_RESOURCES "/prompts/novels.txt", "--limit", "150", "--out", m_trace});
        QVERIFY2(ran.status == 0, qPrintable(ran.err));
    }

    // A handler may not run on a thread that computes: some kernels keep data in the stack pointer.
    void oneThreadTakesTheSignals() {
        if (!QFile::exists("/proc/self/task")) QSKIP("threads are read from /proc");
        QProcess process;
        process.setProcessChannelMode(QProcess::MergedChannels);
        process.start(RHEO_BIN "/rheo", {"analyze", m_trace, "--stat", "autoencoder", "--threads", "2",
                                         "--progress", "plain", "--out", path("signals.h5")});
        QByteArray said;
        while (!said.contains("epoch 1 gave") && process.waitForReadyRead(100000)) said += process.readAll();
        const QString threads = QString("/proc/%1/task").arg(process.processId());
        int blocking = 0;
        QStringList taking;
        for (const QString& id : QDir(threads).entryList(QDir::Dirs | QDir::NoDotAndDotDot)) {
            QFile file(threads + "/" + id + "/status");
            const QByteArray status = file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
            const auto at = status.indexOf("SigBlk:");
            if (at < 0) continue;  // it has ended
            const quint64 mask = status.mid(at + 7, 17).trimmed().toULongLong(nullptr, 16);
            const auto blocks = [&](int signal) { return (mask >> (signal - 1) & 1) != 0; };
            if (blocks(SIGINT) && blocks(SIGTERM) && blocks(SIGHUP))
                ++blocking;
            else
                taking << id;
        }
        ::kill(static_cast<pid_t>(process.processId()), SIGTERM);
        QVERIFY(process.waitForFinished(100000));
        QCOMPARE(process.exitCode(), 130);
        QVERIFY2(blocking >= 2, qPrintable(QString::number(blocking)));
        QVERIFY(!taking.contains(QString::number(process.processId())));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        QCOMPARE(taking.size(), 1);
#endif
    }

    void analyzeGoesOn() {
        const QStringList asked{"analyze",   m_trace,
                                "--stat",    "density,motion,rotation,pca",
                                "--null",    "sign_flip,gaussian_walk",
                                "--repeats", "70"};
        const QString out = path("part.h5"), whole = path("whole.h5");
        QVERIFY(call(asked + QStringList{"--out", whole}).status == 0);
        // In the second batch of the first null.
        Ran ran = call(asked + QStringList{"--out", out}, "surrogates 33 to 64");
        QCOMPARE(ran.status, 130);
        QVERIFY2(ran.err.contains("interrupted") && ran.err.contains("--add"), qPrintable(ran.err));
        Results part = readResults(out.toStdString());
        QVERIFY(part.statistics.get<Density>() && part.statistics.get<Motion>() &&
                part.statistics.get<Rotation>() && part.statistics.get<Pca>());
        QVERIFY(!part.nulls.empty());
        for (const auto& null : part.nulls) {
            QCOMPARE(null.null, std::string("sign_flip"));
            QVERIFY(null.summary.repeats >= 32 && null.summary.repeats <= 64);
        }
        // Not over it unasked; and on from there, interrupted once more.
        QCOMPARE(call(asked + QStringList{"--out", out}).status, 1);
        ran = call(asked + QStringList{"--add", "--out", out}, "surrogates 1 to");
        QCOMPARE(ran.status, 130);
        ran = call(asked + QStringList{"--add", "--out", out});
        QVERIFY2(ran.status == 0, qPrintable(ran.err));
        QCOMPARE(differenceOf(whole, out), QString());
        // Now all is there: nothing is read, and no surrogate is made.
        ran = call(asked + QStringList{"--add", "--out", out});
        QVERIFY2(ran.status == 0 && ran.err.contains("all of it is there already") &&
                     !ran.err.contains("surrogates"),
                 qPrintable(ran.err));
        QCOMPARE(differenceOf(whole, out), QString());
        // More repeats, more nulls and other statistics are added to what is there.
        ran = call({"analyze", m_trace, "--stat", "density,correlation", "--null", "sign_flip,row_shuffle",
                    "--repeats", "75", "--add", "--out", out});
        QVERIFY2(ran.status == 0, qPrintable(ran.err));
        part = readResults(out.toStdString());
        QVERIFY(part.statistics.get<Correlation>() && part.statistics.get<Rotation>());
        for (const auto& null : part.nulls)
            QCOMPARE(null.summary.repeats, null.null == "gaussian_walk" || (null.statistic != "density" &&
                                                                            null.statistic != "correlation")
                                               ? 70
                                               : 75);
        // What was made otherwise is said before anything is computed, and stays.
        ran = call({"analyze", m_trace, "--stat", "density", "--eps", "0.2", "--add", "--out", out});
        QCOMPARE(ran.status, 1);
        QVERIFY2(
            ran.err.contains(R"({"eps":0.1} where {"eps":0.2} is asked for)") && ran.err.contains("--force"),
            qPrintable(ran.err));
        ran = call({"analyze", m_trace, "--stat", "density", "--seed", "9", "--add", "--out", out});
        QVERIFY2(ran.status == 1 && ran.err.contains("seed 0 where 9 is asked for"), qPrintable(ran.err));
        ran =
            call({"analyze", m_trace, "--stat", "density", "--eps", "0.2", "--add", "--force", "--out", out});
        QVERIFY2(ran.status == 0, qPrintable(ran.err));
        QVERIFY(readResults(out.toStdString()).statistics.get<Rotation>());
    }

    void nothingFinishedLeavesNoFile() {
        const QString out = path("none.h5");
        const Ran ran =
            call({"analyze", m_trace, "--stat", "mutual_information", "--out", out}, "statistics");
        if (ran.status == 0) QSKIP("it was done before the signal came");
        QCOMPARE(ran.status, 130);
        QVERIFY(!QFile::exists(out));
    }

    void theAutoencoderIsKept() {
        const QString out = path("trained.h5");
        Ran ran = call({"analyze", m_trace, "--stat", "motion,autoencoder", "--out", out}, "epoch 2 gave");
        QCOMPARE(ran.status, 130);
        QVERIFY2(ran.err.contains("the best autoencoder so far"), qPrintable(ran.err));
        const Results part = readResults(out.toStdString());
        QVERIFY(part.statistics.get<Motion>() && part.statistics.get<AutoencoderFit>()->stopped &&
                part.statistics.get<AutoencoderFit>()->bestEpoch > 0);
        // No state was put through it, which is said where a picture of them is asked for.
        ran = call({"figure", out, "--view", "latent", "--out", path("latent.svg")});
        QVERIFY2(ran.status == 1 && ran.err.contains(m_trace + " --stat autoencoder --autoencoder"),
                 qPrintable(ran.err));
        QVERIFY(!QFile::exists(path("latent.svg")));
        ran = call(
            {"analyze", m_trace, "--stat", "autoencoder", "--autoencoder", out, "--out", path("put.h5")});
        QVERIFY2(ran.status == 0, qPrintable(ran.err));
        QVERIFY(std::isfinite(
            readResults(path("put.h5").toStdString()).statistics.get<AutoencoderFit>()->latent.data[0]));
        for (const char* view : {"latent", "reconstruction"}) {
            ran = call({"figure", path("put.h5"), "--view", view, "--out", path(view) + ".svg"});
            QVERIFY2(ran.status == 0, qPrintable(ran.err));
        }
    }

    void aReportGoesOn_data() {
        QTest::addColumn<QString>("stage");
        QTest::newRow("capture") << "capturing";
        QTest::newRow("pushes") << "pushes in block 1";
        QTest::newRow("surrogates") << "surrogates 9 to";
        QTest::newRow("halves") << "half 7 of 100";
        QTest::newRow("refits") << "autoencoder and its refits";
        QTest::newRow("last autoencoder") << "autoencoder: epoch 2";
    }
    void aReportGoesOn() {
        QFETCH(QString, stage);
        QStringList asked{"report",
                          "--model",
                          RHEO_RESOURCES "/demo-model",
                          "--prompts",
                          RHEO_RESOURCES "/prompts/novels.txt",
                          "--limit",
                          "40",
                          "--points",
                          "L00.attn_in:L05.mlp_in",
                          "--repeats",
                          "12",
                          "--threads",
                          "1",
                          "--out"};
        const QString whole = path("whole report");
        if (!QFile::exists(whole + "/index.html")) {
            const Ran ran = call(asked + QStringList{whole});
            QVERIFY2(ran.status == 0, qPrintable(ran.err));
        }
        const QString out = path(QString::fromLatin1(QTest::currentDataTag()));
        Ran ran = call(asked + QStringList{out}, stage);
        QVERIFY2(ran.status == 130, qPrintable(ran.err));
        QVERIFY(!QFile::exists(out + "/index.html"));
        ran = call(asked + QStringList{out, "--resume"});
        QVERIFY2(ran.status == 0, qPrintable(ran.err));
        QVERIFY(QFile::exists(out + "/index.html"));
        QCOMPARE(differenceOf(whole + "/results.h5", out + "/results.h5"), QString());
        const auto verdicts = [](const QString& folder) {
            QFile file(folder + "/verdicts.json");
            return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
        };
        QVERIFY(!verdicts(whole).isEmpty());
        QCOMPARE(verdicts(out), verdicts(whole));
    }

private:
    QString path(const QString& name) const {
        return m_dir.filePath(name);
    }
    QTemporaryDir m_dir;
    QString m_trace = m_dir.filePath("t.rheo.h5");
};

RHEO_TEST(TestAppInterrupt)
#include "test_app_interrupt.moc"
