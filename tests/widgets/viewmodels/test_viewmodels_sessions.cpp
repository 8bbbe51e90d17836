// A session that is killed at random moments: what it had done a little earlier can always be recovered.
#include <signal.h>

#include <QDateTime>
#include <QFile>
#include <QProcess>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <cmath>
#include <vector>

#include "core/base/random.h"
#include "open_demo.h"
#include "tests/test_main.h"
#include "widgets/viewmodels/file_keeper.h"
#include "widgets/viewmodels/session_keeper.h"

using namespace rheo;
using namespace rheo::test;

namespace {

constexpr int kills = 50;
/// The victim writes what is new every 100 ms; on a busy machine that takes longer.
constexpr qint64 mayBeLost = 2500;

struct Logged {
    qint64 time = 0;
    std::int64_t rows = 0, teleports = 0, groups = 0;
};
std::vector<Logged> readLog(const QString& path) {
    std::vector<Logged> lines;
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) return lines;
    for (const QByteArray& line : file.readAll().split('\n')) {
        const auto words = line.split(' ');
        if (words.size() == 4)
            lines.push_back(
                {words[0].toLongLong(), words[1].toLongLong(), words[2].toLongLong(), words[3].toLongLong()});
    }
    return lines;
}

std::vector<float> firstRows(const DocumentState& state, std::int64_t count) {
    std::vector<float> states(static_cast<std::size_t>(count * state.trace->points() * state.trace->units()));
    state.trace->readRows(RowIndex{0}, count, states.data());
    return states;
}

}  // namespace

class TestViewmodelsSessions : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void killedAtRandomMoments();
};

void TestViewmodelsSessions::killedAtRandomMoments() {
    JobRunner jobs;
    Workspace reference(jobs);
    QVERIFY(openDemo(reference, 4));
    const auto expected = firstRows(*reference.state(), 4);
    RandomStream random(11, 0);
    int recovered = 0;
    std::int64_t rows = 0, teleports = 0;
    for (int i = 0; i < kills; ++i) {
        QTemporaryDir folder;
        const QString root = folder.filePath("sessions"), log = folder.filePath("log");
        QProcess victim;
        victim.start(QStringLiteral(RHEO_VICTIM), {root, log});
        QVERIFY(victim.waitForStarted());
        QTRY_VERIFY_WITH_TIMEOUT(!readLog(log).empty(), 60000);
        QTest::qWait(static_cast<int>(random.uniform() * 1800));
        const qint64 killed = QDateTime::currentMSecsSinceEpoch();
        ::kill(static_cast<pid_t>(victim.processId()), SIGKILL);
        victim.waitForFinished();
        Logged last;  // what must be there
        for (const Logged& line : readLog(log))
            if (line.time < killed - mayBeLost) last = line;

        Workspace workspace(jobs);
        SessionKeeper keeper(workspace, root);
        const auto lost = keeper.lost();
        QVERIFY(lost.size() <= 1);
        if (lost.isEmpty()) {
            QCOMPARE(last.rows, std::int64_t{0});
            continue;
        }
        QSignalSpy restored(&keeper, &SessionKeeper::restored), failed(&workspace, &Workspace::failed);
        keeper.recover(lost.front().folder);
        QTRY_VERIFY_WITH_TIMEOUT(!restored.isEmpty() || !failed.isEmpty(), 30000);
        QVERIFY2(failed.isEmpty(), "what was written can be read");
        const DocumentState& state = *workspace.state();
        QVERIFY2(state.rows() >= last.rows,
                 qPrintable(QString("%1 of %2 rows").arg(state.rows()).arg(last.rows)));
        QVERIFY(static_cast<std::int64_t>(state.teleports.size()) >= last.teleports);
        QVERIFY(static_cast<std::int64_t>(state.named.size()) >= last.groups);
        QVERIFY(workspace.files().hasUnsaved());
        QCOMPARE(state.rows(), lost.front().rows);
        if (state.rows() >= 4) QCOMPARE(firstRows(state, 4), expected);
        for (const auto& record : state.teleports) {
            QVERIFY(record->result.teleported.states.n2 == state.trace->units());
            QVERIFY(std::isfinite(record->result.measures.kl));
        }
        ++recovered;
        rows += state.rows();
        teleports += static_cast<std::int64_t>(state.teleports.size());
        jobs.cancelAll();
        QTRY_VERIFY_WITH_TIMEOUT(jobs.isIdle(), 60000);
    }
    qInfo("%d of %d killed sessions recovered, with %lld rows and %lld teleports in all", recovered, kills,
          static_cast<long long>(rows), static_cast<long long>(teleports));
    QVERIFY(recovered > kills / 2);
    QVERIFY(teleports > 0);
}

RHEO_TEST(TestViewmodelsSessions)
#include "test_viewmodels_sessions.moc"
