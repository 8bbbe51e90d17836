// Outputs appear whole or not at all; digests match the standard's own examples.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <QTemporaryDir>
#include <chrono>
#include <fstream>

#include "core/base/error.h"
#include "core/base/file_identity.h"
#include "core/base/guarded_mapping.h"
#include "core/base/hash.h"
#include "core/base/output_file.h"
#include "tests/test_main.h"

using namespace rheo;
namespace fs = std::filesystem;

class TestBaseFiles : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { m_dir = std::make_unique<QTemporaryDir>(); }
    void writesAndReadsBack();
    void refusesToOverwrite();
    void replacesWhenAllowed();
    void withoutCommitNothingChanges();
    void noticesAFileThatAppearedMeanwhile();
    void refusesFoldersAndMissingFolders();
    void refusesFilesBeyondTheLimit();
    void digestsMatchTheStandard();
    void linksAreFollowed();
    void inputsAndDevicesAreNoOutputs();
    void partsOfDeadProcessesGo();
    void nothingIsSeenBeforeCommit();
    void aChangedFileIsFound_data();
    void aChangedFileIsFound();
    void aMappingThatIsCutReadsAsZeros();

private:
    fs::path path(const char* name) const { return fs::path(m_dir->path().toStdString()) / name; }
    qsizetype entries() const {
        return QDir(m_dir->path()).entryList(QDir::Files | QDir::Hidden | QDir::NoDotAndDotDot).size();
    }
    std::unique_ptr<QTemporaryDir> m_dir;
};

void TestBaseFiles::writesAndReadsBack() {
    const std::string contents("a\0b\n", 4);
    writeFile(path("x"), contents, IfExists::Refuse);
    QCOMPARE(readFile(path("x"), 100), contents);
    QCOMPARE(entries(), 1);
}

void TestBaseFiles::refusesToOverwrite() {
    writeFile(path("x"), "old", IfExists::Refuse);
    try {
        writeFile(path("x"), "new", IfExists::Refuse);
        QFAIL("did not refuse");
    } catch (const Error& e) {
        QCOMPARE(e.code(), ErrorCode::AlreadyExists);
        QVERIFY(QString(e.what()).contains(QString::fromStdString(path("x").string())));
    }
    QCOMPARE(readFile(path("x"), 100), std::string("old"));
}

void TestBaseFiles::replacesWhenAllowed() {
    writeFile(path("x"), "old", IfExists::Refuse);
    writeFile(path("x"), "new", IfExists::Replace);
    QCOMPARE(readFile(path("x"), 100), std::string("new"));
}

void TestBaseFiles::withoutCommitNothingChanges() {
    writeFile(path("x"), "old", IfExists::Refuse);
    {
        OutputFile output(path("x"), IfExists::Replace);
        std::ofstream(output.temporary()) << "half";
    }
    QCOMPARE(readFile(path("x"), 100), std::string("old"));
    QCOMPARE(entries(), 1);
}

void TestBaseFiles::noticesAFileThatAppearedMeanwhile() {
    OutputFile output(path("x"), IfExists::Refuse);
    std::ofstream(output.temporary()) << "mine";
    std::ofstream(path("x")) << "theirs";
    QVERIFY_EXCEPTION_THROWN(output.commit(), Error);
    QCOMPARE(readFile(path("x"), 100), std::string("theirs"));
}

void TestBaseFiles::refusesFoldersAndMissingFolders() {
    QVERIFY_EXCEPTION_THROWN(OutputFile(path("no/such/x"), IfExists::Refuse), Error);
    QVERIFY_EXCEPTION_THROWN(OutputFile(m_dir->path().toStdString(), IfExists::Replace), Error);
    QVERIFY_EXCEPTION_THROWN(readFile(m_dir->path().toStdString(), 10), Error);
    QVERIFY_EXCEPTION_THROWN(readFile(path("absent"), 10), Error);
}

void TestBaseFiles::refusesFilesBeyondTheLimit() {
    writeFile(path("x"), std::string(1000, 'a'), IfExists::Refuse);
    QCOMPARE(readFile(path("x"), 1000).size(), std::size_t(1000));
    QVERIFY_EXCEPTION_THROWN(readFile(path("x"), 999), Error);
    // A device that never ends has no size to ask for.
    QVERIFY_EXCEPTION_THROWN(readFile("/dev/zero", 1 << 20), Error);
}

void TestBaseFiles::digestsMatchTheStandard() {
    // FIPS 180-4, example "abc", and the empty message.
    Sha256 hash;
    hash.update("a");
    hash.update("bc");
    QCOMPARE(hash.hex(), std::string("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    writeFile(path("empty"), "", IfExists::Refuse);
    QCOMPARE(sha256OfFile(path("empty")),
             std::string("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
}

void TestBaseFiles::linksAreFollowed() {
    writeFile(path("target"), "old", IfExists::Refuse);
    fs::create_symlink("target", path("link"));
    QVERIFY_EXCEPTION_THROWN(writeFile(path("link"), "new", IfExists::Refuse), Error);
    writeFile(path("link"), "new", IfExists::Replace);
    QVERIFY(fs::is_symlink(path("link")));
    QCOMPARE(readFile(path("target"), 100), std::string("new"));
    fs::create_symlink("not there", path("dangling"));
    writeFile(path("dangling"), "made", IfExists::Refuse);
    QVERIFY(fs::is_symlink(path("dangling")));
    QCOMPARE(readFile(path("not there"), 100), std::string("made"));
}

void TestBaseFiles::inputsAndDevicesAreNoOutputs() {
    writeFile(path("in"), "data", IfExists::Refuse);
    fs::create_hard_link(path("in"), path("hard"));
    fs::create_symlink("in", path("soft"));
    fs::create_directory(path("model"));
    writeFile(path("model/weights"), "w", IfExists::Refuse);
    const auto refused = [&](const fs::path& output, const fs::path& input) {
        try {
            requireOutput(output, IfExists::Replace, {input});
        } catch (const Error& e) {
            return e.code() == ErrorCode::InvalidArgument &&
                   QString(e.what()).contains(QString::fromStdString(output.string()));
        }
        return false;
    };
    for (const char* name : {"in", "hard", "soft"}) QVERIFY2(refused(path(name), path("in")), name);
    QVERIFY(refused(path("in"), path("soft")));
    QVERIFY(refused(path("model/weights"), path("model")));
    QVERIFY(refused("/dev/null", {}));
    QVERIFY(refused("/dev/stdout", {}) || !fs::exists("/dev/stdout"));
    QCOMPARE(::mkfifo(path("pipe").c_str(), 0600), 0);
    QVERIFY(refused(path("pipe"), {}));
    requireOutput(path("new"), IfExists::Refuse, {path("in"), path("model"), {}, "no such input"});
    requireOutput(path("in"), IfExists::Replace, {path("model")});
}

void TestBaseFiles::partsOfDeadProcessesGo() {
    const pid_t ended = ::fork();
    if (ended == 0) ::_exit(0);
    QCOMPARE(::waitpid(ended, nullptr, 0), ended);
    char host[65] = {};
    QCOMPARE(::gethostname(host, sizeof host - 1), 0);
    const std::string dead = std::to_string(ended), own = std::to_string(::getpid());
    const auto part = [&](const std::string& middle) {
        return fs::path(path(".x.").string() + middle + ".part");
    };
    const std::vector<fs::path> stale{part(dead), part(dead + "." + host)};
    const std::vector<fs::path> others{part(own), part(dead + ".another-machine"), path(".y.1.part"),
                                       path(".x.part")};
    for (const auto* list : {&stale, &others})
        for (const auto& file : *list) std::ofstream(file) << "half";
    writeFile(path("x"), "whole", IfExists::Refuse);
    for (const auto& file : stale) QVERIFY2(!fs::exists(file), file.c_str());
    for (const auto& file : others) QVERIFY2(fs::exists(file), file.c_str());
}

void TestBaseFiles::nothingIsSeenBeforeCommit() {
    OutputFile output(path("x"), IfExists::Refuse);
    std::ofstream(output.temporary()) << "half";
    if (!output.temporary().string().starts_with("/proc/"))
        QSKIP("SKIPPED: this file system has no O_TMPFILE");
    QCOMPARE(entries(), 0);
    output.commit();
    QCOMPARE(readFile(path("x"), 100), std::string("half"));
}

void TestBaseFiles::aChangedFileIsFound_data() {
    QTest::addColumn<QString>("change");
    QTest::addColumn<QString>("message");
    QTest::newRow("cut") << "cut"
                         << "size";
    QTest::newRow("replaced") << "replaced"
                              << "replaced";
    QTest::newRow("written") << "written"
                             << "written";
    QTest::newRow("removed") << "removed"
                             << "removed";
}

void TestBaseFiles::aChangedFileIsFound() {
    QFETCH(QString, change);
    QFETCH(QString, message);
    writeFile(path("x"), "some data", IfExists::Refuse);
    const FileIdentity before = identityOf(path("x"));
    requireUnchanged(path("x"), before);
    if (change == "cut") fs::resize_file(path("x"), 4);
    if (change == "removed") fs::remove(path("x"));
    if (change == "replaced") writeFile(path("x"), "some data", IfExists::Replace);
    if (change == "written")
        fs::last_write_time(path("x"), fs::last_write_time(path("x")) + std::chrono::seconds(1));
    try {
        requireUnchanged(path("x"), before);
        QFAIL("no change was found");
    } catch (const Error& e) {
        QCOMPARE(e.code(), ErrorCode::Io);
        QVERIFY2(QString(e.what()).contains(message) && QString(e.what()).contains("/x"), e.what());
    }
}

void TestBaseFiles::aMappingThatIsCutReadsAsZeros() {
    const std::size_t bytes = std::size_t{1} << 16;
    writeFile(path("x"), std::string(bytes, 'a'), IfExists::Refuse);
    const int file = ::open(path("x").c_str(), O_RDONLY);
    void* mapping = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, 0);
    ::close(file);
    QVERIFY(mapping != MAP_FAILED);
    {
        const GuardedMapping guard(mapping, bytes);
        const auto* data = static_cast<const volatile char*>(mapping);
        QVERIFY(data[bytes - 1] == 'a');
        QVERIFY(!guard.lost());
        fs::resize_file(path("x"), 100);
        QVERIFY(data[bytes - 1] == '\0');
        QVERIFY(guard.lost());
    }
    ::munmap(mapping, bytes);
}

RHEO_TEST(TestBaseFiles)
#include "test_base_files.moc"
