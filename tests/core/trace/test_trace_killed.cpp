// A capture that is killed without warning, again and again: what is marked complete is right, every time,
// and the file can always be gone on with.
#include <QElapsedTimer>
#include <QFile>
#include <QProcess>
#include <QTemporaryDir>

#include "core/base/random.h"
#include "core/trace/trace_reader.h"
#include "planted.h"
#include "tests/test_main.h"

using namespace rheo;

class TestTraceKilled : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void completeRowsAreRightAfterEveryKill();
};

void TestTraceKilled::completeRowsAreRightAfterEveryKill() {
    constexpr int rows = 400, layers = 6, units = 64;
    RandomStream random(20261123);
    int kills = 0, partial = 0, rounds = 0;
    std::uint64_t longest = 60;  // milliseconds a writer is left alone: as long as one takes here
    while ((kills < 40 || partial < 5) && rounds < 400) {
        QTemporaryDir dir;
        const QString file = dir.filePath("t.rheo.h5");
        const QStringList arguments{file, QString::number(rows), QString::number(layers),
                                    QString::number(units)};
        if (rounds++ == 0) {
            QElapsedTimer clock;
            clock.start();
            QCOMPARE(QProcess::execute(RHEO_TRACE_CHILD, arguments), 0);
            longest = static_cast<std::uint64_t>(clock.elapsed() + 10);
            QVERIFY(QFile::remove(file));
        }
        for (bool done = false; !done;) {
            QProcess child;
            child.start(RHEO_TRACE_CHILD, arguments);
            QVERIFY(child.waitForStarted());
            if (child.waitForFinished(static_cast<int>(1 + random.below(longest)))) {
                QVERIFY2(child.exitStatus() == QProcess::NormalExit && child.exitCode() == 0,
                         child.readAllStandardError());
                done = true;
            } else {
                child.kill();  // SIGKILL
                QVERIFY(child.waitForFinished());
                ++kills;
            }
            if (!QFile::exists(file)) continue;  // killed before the layout was renamed into place
            const auto trace = TraceReader::open(file.toStdString());
            QCOMPARE(trace->storedRows(), rows);
            if (done) QCOMPARE(trace->completeRows(), rows);
            if (trace->completeRows() > 0 && trace->completeRows() < rows) ++partial;
            std::vector<float> row(static_cast<std::size_t>(trace->points() * units));
            for (std::int64_t n = 0; n < trace->rows(); ++n) {
                trace->readRows(RowIndex{n}, 1, row.data());
                const auto sample = trace->info().rows[static_cast<std::size_t>(n)].sample;
                for (std::int64_t i = 0; i < static_cast<std::int64_t>(row.size()); ++i)
                    if (row[static_cast<std::size_t>(i)] != planted::value(sample, i / units, i % units))
                        QFAIL(qPrintable(QString("row %1, value %2 is wrong").arg(sample).arg(i)));
            }
        }
    }
    QVERIFY2(kills >= 40, "the writer was killed often enough to mean something");
    QVERIFY2(partial >= 5, "and some of the kills came in the middle of the rows");
}

RHEO_TEST(TestTraceKilled)
#include "test_trace_killed.moc"
