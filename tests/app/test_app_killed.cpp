// rheo capture, merge, analyze and report that are killed without warning (SIGKILL) at random moments: no row
// that was complete is lost, no output is half there, and what goes on from there ends as one uninterrupted
// call.
//
// RHEO_KILL_MOMENTS=200: so many moments of each command, in place of a few; RHEO_KILL_SEED: other ones.
#include <QDir>
#include <QElapsedTimer>
#include <QFile>
#include <QProcess>
#include <QTemporaryDir>
#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "core/results/results_file.h"
#include "core/trace/trace_reader.h"
#include "tests/app/hdf5_difference.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

constexpr int secondsEach = 300;
/// After so many kills one after the other a call is let end: on a machine that has become slower it never
/// would.
constexpr int mostInRow = 4;

struct Ran {
    bool killed = false;
    int status = -1;
    QString err;
    qint64 milliseconds = 0;
};

/// Killed after so many milliseconds unless it has ended by then; -1: to its end.
Ran call(const QStringList& arguments, qint64 killAfter = -1) {
    QProcess process;
    process.setProcessChannelMode(QProcess::MergedChannels);
    QElapsedTimer clock;
    clock.start();
    process.start(RHEO_BIN "/rheo", arguments + QStringList{"--progress", "plain"});
    Ran ran;
    if (!process.waitForFinished(static_cast<int>(killAfter < 0 ? secondsEach * 1000 : killAfter))) {
        process.kill();
        process.waitForFinished();
        ran.killed = true;
    }
    ran.milliseconds = clock.elapsed();
    ran.err = QString::fromUtf8(process.readAll());
    ran.status = process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2;
    return ran;
}

std::vector<float> statesOf(const TraceReader& trace, std::int64_t row) {
    std::vector<float> states(static_cast<std::size_t>(trace.points() * trace.units()));
    trace.readRows(RowIndex{row}, 1, states.data());
    return states;
}

/// Rows of a trace by number, each with its states.
using States = std::map<std::pair<std::int32_t, std::int32_t>, std::vector<float>>;
States allStates(const QString& file) {
    const auto trace = TraceReader::open(file.toStdString());
    States states;
    for (std::int64_t n = 0; n < trace->rows(); ++n) {
        const TraceRow& row = trace->info().rows[static_cast<std::size_t>(n)];
        states[{row.sample, row.position}] = statesOf(*trace, n);
    }
    return states;
}

QByteArray contents(const QString& path) {
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

}  // namespace

class TestAppKilled : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() {
        const Ran ran = call(capture() + QStringList{"--out", m_trace});
        QVERIFY2(ran.status == 0, qPrintable(ran.err));
        m_captureTime = ran.milliseconds;
    }

    void capturesLoseNoCompleteRow() {
        const States whole = allStates(m_trace);
        int partial = 0;
        for (int kills = 0; kills < moments(5);) {
            const QString out = path("killed.rheo.h5");
            QFile::remove(out);
            States before;
            int inRow = 0;
            for (bool done = false; !done;) {
                QStringList arguments = capture() + QStringList{"--out", out};
                if (QFile::exists(out)) arguments << "--resume";
                const Ran ran = call(arguments, inRow < mostInRow ? moment(m_captureTime) : -1);
                inRow += ran.killed ? 1 : 0;
                kills += ran.killed ? 1 : 0;
                done = !ran.killed;
                if (done) QVERIFY2(ran.status == 0, qPrintable(ran.err));
                if (!QFile::exists(out)) continue;
                const States now = allStates(out);
                for (const auto& [row, states] : before) {
                    QVERIFY2(now.contains(row), "a complete row is gone");
                    QVERIFY2(now.at(row) == states, "a complete row is another");
                }
                for (const auto& [row, states] : now)
                    QVERIFY2(whole.at(row) == states, "a row is not what an uninterrupted capture gives");
                if (!now.empty() && now.size() < whole.size()) ++partial;
                before = now;
            }
            QCOMPARE(before.size(), whole.size());
        }
        QVERIFY2(partial > 0 || moments(5) < 20, "no kill came in the middle of the rows");
    }

    void mergesAreWholeOrNotThere_data() {
        QTest::addColumn<QStringList>("how");
        QTest::newRow("shown") << QStringList{};
        QTest::newRow("copied") << QStringList{"--copy"};
    }
    void mergesAreWholeOrNotThere() {
        QFETCH(QStringList, how);
        QStringList arguments{"merge"};
        for (int i = 0; i < 2; ++i) {
            const QString shard = path(QString("shard%1.rheo.h5").arg(i));
            if (!QFile::exists(shard)) {
                const Ran ran =
                    call(capture() + QStringList{"--shard", QString("%1/2").arg(i), "--out", shard});
                QVERIFY2(ran.status == 0, qPrintable(ran.err));
            }
            arguments << shard;
        }
        const QString out = path("merged.rheo.h5");
        arguments << "--out" << out << how;
        goesOn(arguments, out, [&] { return allStates(out) == allStates(m_trace); });
    }

    void analysesAreWholeOrNotThere() {
        const QStringList asked{"analyze", m_trace,     "--stat",    "density,motion,pca",
                                "--null",  "sign_flip", "--repeats", "40"};
        const QString whole = path("whole.h5"), out = path("killed.h5");
        const Ran ran = call(asked + QStringList{"--out", whole});
        QVERIFY2(ran.status == 0, qPrintable(ran.err));
        goesOn(asked + QStringList{"--out", out}, out, [&] { return differenceOf(whole, out).isEmpty(); });
    }

    void reportsGoOn() {
        const QStringList asked{"report",
                                "--model",
                                RHEO_RESOURCES "/demo-model",
                                "--prompts",
                                RHEO_RESOURCES "/prompts/novels.txt",
                                "--limit",
                                "24",
                                "--points",
                                "L00.attn_in:L03.mlp_in",
                                "--repeats",
                                "8",
                                "--threads",
                                "1"};
        const QString whole = path("whole report"), out = path("killed report");
        const Ran ran = call(asked + QStringList{"--out", whole});
        QVERIFY2(ran.status == 0, qPrintable(ran.err));
        for (int kills = 0; kills < moments(3);) {
            QDir(out).removeRecursively();
            int inRow = 0;
            for (bool done = false; !done;) {
                QStringList arguments = asked + QStringList{"--out", out};
                if (QFile::exists(out)) arguments << "--resume";
                const Ran again = call(arguments, inRow < mostInRow ? moment(ran.milliseconds) : -1);
                inRow += again.killed ? 1 : 0;
                kills += again.killed ? 1 : 0;
                done = !again.killed;
                if (done) QVERIFY2(again.status == 0, qPrintable(again.err));
                if (QFile::exists(out + "/results.h5")) readResults((out + "/results.h5").toStdString());
                if (QFile::exists(out + "/index.html"))
                    QVERIFY2(contents(out + "/index.html").trimmed().endsWith("</html>"), "half a page");
            }
            QCOMPARE(differenceOf(whole + "/results.h5", out + "/results.h5"), QString());
            QVERIFY(!contents(whole + "/verdicts.json").isEmpty());
            QCOMPARE(contents(out + "/verdicts.json"), contents(whole + "/verdicts.json"));
        }
    }

private:
    QString path(const QString& name) const { return m_dir.filePath(name); }
    static QStringList capture() {
        return {"capture",
                "--model",
                RHEO_RESOURCES "/demo-model",
                "--prompts",
                RHEO_RESOURCES "/prompts/novels.txt",
                "--limit",
                "60"};
    }
    static int moments(int usual) {
        const int asked = qEnvironmentVariableIntValue("RHEO_KILL_MOMENTS");
        return asked > 0 ? asked : usual;
    }
    /// At some time of a call that takes `milliseconds` in all.
    qint64 moment(qint64 milliseconds) {
        return 1 + static_cast<qint64>(m_random.below(static_cast<std::uint64_t>(milliseconds + 1)));
    }

    /// Kills the call at random moments: `out` is not there then, or it is `right`. Then lets it end.
    template <class Right>
    void goesOn(const QStringList& arguments, const QString& out, Right right) {
        qint64 usual = 0;
        QFile::remove(out);
        {
            const Ran ran = call(arguments);
            QVERIFY2(ran.status == 0, qPrintable(ran.err));
            QVERIFY(right());
            usual = ran.milliseconds;
        }
        for (int kills = 0; kills < moments(5);) {
            QFile::remove(out);
            const Ran ran = call(arguments, moment(usual));
            if (!ran.killed) QVERIFY2(ran.status == 0, qPrintable(ran.err));
            kills += ran.killed ? 1 : 0;
            if (QFile::exists(out)) QVERIFY2(right(), "an output that is not whole has its name");
        }
        // What the killed ones left does not hinder another.
        QFile::remove(out);
        const Ran ran = call(arguments);
        QVERIFY2(ran.status == 0, qPrintable(ran.err));
        QVERIFY(right());
    }

    QTemporaryDir m_dir;
    QString m_trace = m_dir.filePath("t.rheo.h5");
    qint64 m_captureTime = 0;
    RandomStream m_random{qEnvironmentVariableIsSet("RHEO_KILL_SEED")
                              ? qEnvironmentVariable("RHEO_KILL_SEED").toULongLong()
                              : 20261130};
};

RHEO_TEST(TestAppKilled)
#include "test_app_killed.moc"
