// Outputs appear whole or not at all; digests match the standard's own examples.
#include <QTemporaryDir>
#include <QtTest>
#include <fstream>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/output_file.h"

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

QTEST_APPLESS_MAIN(TestBaseFiles)
#include "test_base_files.moc"
