// The window and a disk on which each call takes long: opening and saving wait for it in threads of their
// own, and the window's thread never does. Run by ctest with slow_disk.cpp loaded before the C library.

#include <dlfcn.h>

#include <QMenu>
#include <QTemporaryDir>
#include <QtTest>

#include "app/main_window.h"
#include "core/session/document.h"
#include "tests/app/run_rheo.h"
#include "tests/test_main.h"
#include "widgets/viewmodels/file_keeper.h"

using namespace rheo;

namespace {

constexpr int wait = 120000;
constexpr unsigned slow = 2000;  ///< [us] a call: a thousand of them are no more than what a test may take

}  // namespace

class TestAppSlowDisk : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void openingAndSaving();
    void filesThatAreGone();

private:
    QString path(const QString& name) const { return m_dir.filePath(name); }
    void runWell(const QStringList& arguments) const {
        const Ran ran = runRheo(arguments);
        QVERIFY2(ran.status == 0, ran.err);
    }

    QTemporaryDir m_dir;
    QByteArray m_folder;
    void (*m_slowDiskAt)(const char*, unsigned) = nullptr;
    int (*m_calls)() = nullptr;
};

void TestAppSlowDisk::initTestCase() {
    m_slowDiskAt = reinterpret_cast<decltype(m_slowDiskAt)>(dlsym(RTLD_DEFAULT, "slowDiskAt"));
    m_calls = reinterpret_cast<decltype(m_calls)>(dlsym(RTLD_DEFAULT, "slowDiskCallsOfFirstThread"));
    if (m_slowDiskAt == nullptr) QSKIP("slow_disk is not loaded: ctest does that");
    const QString model = RHEO_RESOURCES "/demo-model";
    runWell({"capture", "--model", model, "--prompts", RHEO_RESOURCES "/prompts/novels.txt", "--limit", "12",
             "--out", path("t.rheo.h5")});
    runWell({"analyze", path("t.rheo.h5"), "--stat", "pca,motion", "--out", path("r.h5")});
    QVERIFY(writeFile(path("prompts.txt"), "It was the best of times\nIt was the worst of times\n"));
    m_folder = m_dir.path().toLocal8Bit();
}

void TestAppSlowDisk::openingAndSaving() {
    MainWindow window;
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    QTRY_VERIFY_WITH_TIMEOUT(window.workspace().jobs().isIdle(), wait);
    const auto idle = [&] { return window.workspace().jobs().isIdle(); };

    m_slowDiskAt(m_folder.constData(), slow);
    window.openPath(path("r.h5"));
    QTRY_VERIFY_WITH_TIMEOUT(window.workspace().state()->results && idle(), wait);
    QCOMPARE(window.workspace().state()->rows(), std::int64_t{12});
    QCOMPARE(m_calls(), 0);
    window.workspace().files().saveTrace(path("copy.rheo.h5"), false);
    QTRY_VERIFY_WITH_TIMEOUT(idle() && QFile::exists(path("copy.rheo.h5")), wait);
    m_slowDiskAt(m_folder.constData(), slow);  // the test itself has looked
    window.sessions().save(path("s.rheo"), Packing::Own, false);
    QTRY_VERIFY_WITH_TIMEOUT(idle() && window.sessions().file() == path("s.rheo"), wait);
    QCOMPARE(m_calls(), 0);
    window.openPath(path("s.rheo"));
    QTRY_VERIFY_WITH_TIMEOUT(idle(), wait);
    QTest::qWait(500);
    QTRY_VERIFY_WITH_TIMEOUT(idle() && window.workspace().state()->rows() == 12, wait);
    QCOMPARE(m_calls(), 0);
    m_slowDiskAt(nullptr, 0);
    window.workspace().clear();
}

/// Those of the files opened last that are gone are not in the list, and nobody waits for the disk to say so.
void TestAppSlowDisk::filesThatAreGone() {
    QVERIFY(QFile::remove(path("s.rheo")));
    m_slowDiskAt(m_folder.constData(), slow);
    MainWindow window;
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    const auto recent = [&] {
        QStringList titles;
        for (const QMenu* menu : window.findChildren<QMenu*>())
            if (menu->title() == "Open &recent")
                for (const QAction* action : menu->actions()) titles << action->text();
        return titles;
    };
    QTRY_VERIFY_WITH_TIMEOUT(window.workspace().jobs().isIdle(), wait);
    QTRY_VERIFY2(recent().contains(path("r.h5")) && !recent().contains(path("s.rheo")),
                 qPrintable(recent().join('|')));
    QCOMPARE(m_calls(), 0);
    m_slowDiskAt(nullptr, 0);
}

RHEO_TEST(TestAppSlowDisk)
#include "test_app_slow_disk.moc"
