// Small things: recent files, light and dark, lines for a shell, playing through depth.
#include <QDBusVariant>
#include <QSignalSpy>
#include <QTemporaryDir>

#include "core/base/error.h"
#include "open_demo.h"
#include "tests/test_main.h"
#include "widgets/viewmodels/depth_player.h"
#include "widgets/viewmodels/recent_files.h"
#include "widgets/viewmodels/shell_line.h"
#include "widgets/viewmodels/theme_source.h"

using namespace rheo;
using namespace rheo::test;

class TestViewmodelsSettings : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void recentFiles();
    void themeFollowsTheSystem();
    void linesForAShell();
    void depthIsPlayed();
};

void TestViewmodelsSettings::recentFiles() {
    QTemporaryDir folder;
    const QString settings = folder.filePath("settings.ini");
    const auto touch = [&](const QString& name) {
        QFile file(folder.filePath(name));
        if (!file.open(QIODevice::WriteOnly)) qFatal("cannot write");
        return folder.filePath(name);
    };
    {
        RecentFiles recent(settings);
        QSignalSpy changed(&recent, &RecentFiles::changed);
        for (int i = 0; i < 15; ++i) recent.add(touch(QString("trace %1.rheo.h5").arg(i)));
        QCOMPARE(changed.size(), 15);
        QCOMPARE(recent.paths().size(), RecentFiles::longest);
        QCOMPARE(recent.paths().first(), folder.filePath("trace 14.rheo.h5"));
        recent.add(folder.filePath("./trace 5.rheo.h5"));  // known already: it moves to the top
        QCOMPARE(recent.paths().size(), RecentFiles::longest);
        QCOMPARE(recent.paths().first(), folder.filePath("trace 5.rheo.h5"));
        recent.remove(folder.filePath("trace 14.rheo.h5"));
    }
    RecentFiles again(settings);
    QCOMPARE(again.paths().size(), RecentFiles::longest - 1);
    QCOMPARE(again.paths().first(), folder.filePath("trace 5.rheo.h5"));
    QVERIFY(QFile::remove(folder.filePath("trace 5.rheo.h5")));
    QSignalSpy goneChanged(&again, &RecentFiles::goneChanged);
    for (int i = 0; i < 2; ++i) again.setGone(RecentFiles::goneOf(again.all()));
    QCOMPARE(goneChanged.size(), 1);
    QCOMPARE(again.paths().first(), folder.filePath("trace 13.rheo.h5"));
    again.add(touch("trace 5.rheo.h5"));  // it is back
    QCOMPARE(again.paths().first(), folder.filePath("trace 5.rheo.h5"));
    again.clear();
    QVERIFY(RecentFiles(settings).paths().isEmpty());
}

void TestViewmodelsSettings::themeFollowsTheSystem() {
    ThemeSource theme;
    const bool palette = theme.isDark();
    QSignalSpy changed(&theme, &ThemeSource::darkChanged);
    const auto portal = [&](uint scheme) {
        theme.portalChanged("org.freedesktop.appearance", "color-scheme", QDBusVariant(scheme));
    };
    portal(1);
    QVERIFY(theme.isDark());
    portal(2);
    QVERIFY(!theme.isDark());
    // The older call wraps its answer once more.
    theme.portalChanged("org.freedesktop.appearance", "color-scheme",
                        QDBusVariant(QVariant::fromValue(QDBusVariant(1u))));
    QVERIFY(theme.isDark());
    portal(0);
    QCOMPARE(theme.isDark(), palette);
    portal(1);
    theme.portalChanged("org.freedesktop.appearance", "accent-color", QDBusVariant(2u));
    QVERIFY(theme.isDark());
    theme.setChoice(ThemeChoice::Light);
    QVERIFY(!theme.isDark());
    const auto before = changed.size();
    portal(2);
    portal(1);
    QCOMPARE(changed.size(), before);  // a choice by hand stands
    theme.setChoice(ThemeChoice::System);
    QVERIFY(theme.isDark());
    theme.setChoice(ThemeChoice::Dark);
    QVERIFY(theme.isDark());
}

void TestViewmodelsSettings::linesForAShell() {
    const QStringList words{"rheo",
                            "--text=It's a \"test\"; rm -rf $HOME",
                            "",
                            "a b\nc",
                            "--to=-1.5,2",
                            QString::fromUtf8("naïve"),
                            "plain/path_1.h5"};
    const QString line = shellLine(words);
    QVERIFY(line.startsWith("rheo '"));
    QVERIFY(line.contains(" --to=-1.5,2 "));
    QVERIFY(line.endsWith(" plain/path_1.h5"));
    // A shell takes it apart into the same words.
    QProcess shell;
    shell.start("/bin/sh", {"-c", "for w in " + line + "; do printf '%s\\0' \"$w\"; done"});
    QVERIFY(shell.waitForFinished());
    const auto parts = shell.readAllStandardOutput().split('\0');
    QCOMPARE(parts.size(), words.size() + 1);
    for (int i = 0; i < words.size(); ++i) QCOMPARE(QString::fromUtf8(parts[i]), words[i]);
}

void TestViewmodelsSettings::depthIsPlayed() {
    JobRunner jobs;
    Workspace workspace(jobs);
    Selection selection(workspace);
    DepthPlayer player(selection);
    QSignalSpy playing(&player, &DepthPlayer::playingChanged);
    player.play();  // nothing to play
    QVERIFY(!player.isPlaying());
    QVERIFY(openDemo(workspace, 3));
    player.setSpeed(1000);
    QCOMPARE(player.speed(), 60.0);
    player.play();
    QCOMPARE(playing.size(), 1);
    QTRY_VERIFY(selection.point().value() >= 3);
    player.toggle();
    const auto at = selection.point();
    QTest::qWait(50);
    QCOMPARE(selection.point(), at);
    player.stepBack();
    QCOMPARE(selection.point().value(), at.value() - 1);
    player.stepForward();
    QCOMPARE(selection.point(), at);

    // To the end; then it stops, or begins anew.
    player.setLoops(false);
    selection.selectPoint(PointIndex{63});
    player.play();
    QTRY_VERIFY(!player.isPlaying());
    QCOMPARE(selection.point().value(), std::int64_t{64});
    player.play();  // from the first again
    QVERIFY(selection.point().value() < 10);
    player.setLoops(true);
    selection.selectPoint(PointIndex{64});
    QTRY_VERIFY(selection.point().value() < 10);
    QVERIFY(player.isPlaying());
}

RHEO_TEST(TestViewmodelsSettings)
#include "test_viewmodels_settings.moc"
