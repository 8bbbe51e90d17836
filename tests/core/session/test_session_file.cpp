// Session files: what was saved comes back to the last bit, from the same folder, another one, or with
// nothing beside it; what is missing or changed is named; what strangers wrote does no harm.

#include <unzip.h>
#include <zip.h>

#include <QDir>
#include <QTemporaryDir>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/session/opened_results.h"
#include "core/session/session_file.h"
#include "core/statistics/density.h"
#include "core/trace/joined_trace.h"
#include "core/trace/trace_reader.h"
#include "core/trace/write_trace.h"
#include "tests/core/session/session_example.h"
#include "tests/test_main.h"

using namespace rheo;
using namespace examples;
namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

std::vector<float> statesOf(const Trace& trace) {
    std::vector<float> states(static_cast<std::size_t>(trace.rows() * trace.points() * trace.units()));
    trace.readRows(RowIndex{0}, trace.rows(), states.data());
    return states;
}

void compareTraces(const std::shared_ptr<const Trace>& a, const std::shared_ptr<const Trace>& b) {
    QCOMPARE(a != nullptr, b != nullptr);
    if (!a) return;
    QCOMPARE(a->info().rows, b->info().rows);
    QCOMPARE(a->info().samples, b->info().samples);
    QCOMPARE(a->info().points, b->info().points);
    QCOMPARE(statesOf(*a), statesOf(*b));
}

void compare(const Session& read, const Session& saved) {
    const DocumentState &a = read.state, &b = saved.state;
    compareTraces(a.trace, b.trace);
    QCOMPARE(a.prompts, b.prompts);
    compareTraces(a.basisTrace, b.basisTrace);
    QCOMPARE(a.basisIsStale(), b.basisIsStale());
    QCOMPARE(a.basis->components, b.basis->components);
    QCOMPARE(a.basis->mean, b.basis->mean);
    QCOMPARE(a.basis->variance, b.basis->variance);
    QCOMPARE(a.scores->data, b.scores->data);
    QCOMPARE(*a.pointExplained, *b.pointExplained);
    QCOMPARE(a.results->results.statistics.get<Density>()->activeFraction,
             b.results->results.statistics.get<Density>()->activeFraction);
    QCOMPARE(a.results->made.front().seed, std::uint64_t{3});
    QVERIFY(a.resultsTrace == a.trace);
    QCOMPARE(a.earlier.size(), std::size_t{1});
    QCOMPARE(a.earlier[0].opened->results.records.at("density").seed, std::uint64_t{4});
    compareTraces(a.earlier[0].trace, b.earlier[0].trace);
    QVERIFY(a.earlier[0].trace == a.basisTrace);
    QCOMPARE(a.teleports.size(), b.teleports.size());
    for (std::size_t i = 0; i < a.teleports.size(); ++i) {
        const TeleportRecord &x = *a.teleports[i], &y = *b.teleports[i];
        QCOMPARE(x.id, y.id);
        QCOMPARE(x.prompt, y.prompt);
        QCOMPARE(x.name, y.name);
        QCOMPARE(x.sample, y.sample);
        QCOMPARE(x.target, y.target);
        QCOMPARE(x.result.request.state, y.result.request.state);
        QCOMPARE(x.result.teleported.states.data, y.result.teleported.states.data);
        QCOMPARE(x.result.teleported.logits, y.result.teleported.logits);
        QCOMPARE(x.result.measures.kl, y.result.measures.kl);
        QCOMPARE(x.basis->components, y.basis->components);
        QCOMPARE(x.points, y.points);
    }
    QVERIFY(a.teleports[0]->basis == a.basis);
    QVERIFY(a.teleports[1]->basis != a.basis);
    QCOMPARE(a.named, b.named);
    QCOMPARE(a.intervention->edits.size(), std::size_t{1});
    QCOMPARE(a.intervention->edits[0].vector, b.intervention->edits[0].vector);
    QCOMPARE(a.intervention->edits[0].on, false);
    QCOMPARE(read.points, saved.points);
    QCOMPARE(read.promptsFile, saved.promptsFile);
    QCOMPARE(read.limit, saved.limit);
    QCOMPARE(read.waiting, saved.waiting);
    QCOMPARE(Json::parse(read.window), Json::parse(saved.window));
}

Json indexOf(const fs::path& folder) {
    return Json::parse(readFile(folder / SessionFolder::indexName, 1 << 24));
}
void setIndex(const fs::path& folder, const Json& index) {
    writeFile(folder / SessionFolder::indexName, index.dump(), IfExists::Replace);
}

std::set<std::string> filesOf(const fs::path& folder) {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
    return names;
}

/// What reading throws: its message; empty: nothing.
template <class Read>
std::string errorOf(Read read, ErrorCode code) {
    try {
        read();
    } catch (const Error& error) {
        return error.code() == code ? error.what() : std::string("another code: ") + error.what();
    }
    return {};
}

}  // namespace

class TestSessionFile : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init();
    void aFolderBringsEverythingBack();
    void aFileBringsEverythingBack();
    void aRestoredSessionIsSavedAgain();
    void onlyWhatIsNewIsWritten();
    void allInOneFile();
    void movedTogether();
    void aMissingFileIsAskedFor();
    void aChangedFileIsNamed();
    void aNewerVersionIsRefused();
    void whatStrangersWrote_data();
    void whatStrangersWrote();
    void damagedFilesAreErrors();
    void anEntryStaysInItsFolder();
    void emptySessions();

private:
    fs::path make(const char* name) const {
        const fs::path folder = m_root / name;
        fs::create_directories(folder);
        return folder;
    }
    Session unpack(const fs::path& file, const char* to, const Relocations& moved = {}) const {
        SessionFolder folder(make(to));
        Progress progress;
        return readSessionFile(file, folder, moved, progress);
    }
    fs::path save(const Session& session, Packing packing = Packing::Own) const {
        SessionFolder folder(make("working"));
        Progress progress;
        writeSessionFile(m_root / "day.rheo", session, folder, packing, IfExists::Replace, progress);
        return m_root / "day.rheo";
    }

    std::unique_ptr<QTemporaryDir> m_dir;
    fs::path m_root;
};

void TestSessionFile::init() {
    m_dir = std::make_unique<QTemporaryDir>();
    m_root = m_dir->path().toStdString();
}

void TestSessionFile::aFolderBringsEverythingBack() {
    const Session saved = makeSession(m_root);
    Progress progress;
    SessionFolder(make("working")).write(saved, progress);
    SessionFolder again(m_root / "working");
    compare(again.read({}, {}, progress), saved);
    const SessionSummary summary = describeSession(m_root / "working");
    QCOMPARE(summary.rows, std::int64_t{8});
    QCOMPARE(summary.teleports, std::int64_t{2});
    QCOMPARE(summary.title, std::string("prompts.txt"));
}

void TestSessionFile::aFileBringsEverythingBack() {
    const Session saved = makeSession(m_root);
    const fs::path file = save(saved);
    QVERIFY(isSessionFile(file));
    QVERIFY(!isSessionFile(m_root / "trace.rheo.h5"));
    fs::remove_all(m_root / "working");
    compare(unpack(file, "opened"), saved);
}

/// Parts that were read are parts again, and none of them is written anew.
void TestSessionFile::aRestoredSessionIsSavedAgain() {
    const Session saved = makeSession(m_root);
    const fs::path file = save(saved);
    SessionFolder folder(make("opened"));
    Progress progress;
    Session session = readSessionFile(file, folder, {}, progress);
    const auto before = filesOf(folder.path());
    session.state.named.push_back({"more", {}});
    folder.write(session, progress);
    QCOMPARE(filesOf(folder.path()), before);
    SessionFolder third(folder.path());
    const Session again = third.read({}, {}, progress);
    QCOMPARE(again.state.named.size(), std::size_t{2});
    compareTraces(again.state.trace, saved.state.trace);
    // And packed from there, without the first file.
    writeSessionFile(m_root / "second.rheo", session, folder, Packing::Own, IfExists::Refuse, progress);
    fs::remove(file);
    fs::remove_all(m_root / "opened");
    compareTraces(unpack(m_root / "second.rheo", "last").state.trace, saved.state.trace);
}

void TestSessionFile::onlyWhatIsNewIsWritten() {
    Session session = makeSession(m_root);
    SessionFolder folder(make("working"));
    Progress progress;
    folder.write(session, progress);
    const auto before = filesOf(folder.path());
    std::map<std::string, fs::file_time_type> times;
    for (const auto& name : before) times[name] = fs::last_write_time(folder.path() / name);
    // Another prompt: the rows in memory and the scores are new, and the old parts go.
    session.state = addPrompts(session.state, {PromptId{12}}, {makeTrace(1, 1, 3)});
    folder.write(session, progress);
    const auto after = filesOf(folder.path());
    QCOMPARE(after.size(), before.size());
    std::vector<std::string> fresh;
    for (const auto& name : after)
        if (!before.contains(name) || times[name] != fs::last_write_time(folder.path() / name))
            fresh.push_back(name.substr(0, name.find('-')));
    QCOMPARE(fresh, (std::vector<std::string>{"rows", "scores", SessionFolder::indexName}));
    SessionFolder again(folder.path());
    compareTraces(again.read({}, {}, progress).state.trace, session.state.trace);
}

/// One file to send: what it was made from may be gone.
void TestSessionFile::allInOneFile() {
    const Session saved = makeSession(m_root), same = makeSession(make("same"));
    const fs::path file = save(saved, Packing::All);
    QVERIFY(!fs::exists(m_root / "working" / "whole"));
    const fs::path away = make("elsewhere");
    fs::rename(file, away / "day.rheo");
    fs::remove(m_root / "trace.rheo.h5");
    fs::remove(m_root / "older.h5");
    const Session read = unpack(away / "day.rheo", "opened");
    compare(read, same);
    QVERIFY(read.traceFile.empty());
}

/// A folder with the session and its files can go anywhere.
void TestSessionFile::movedTogether() {
    const fs::path here = make("here");
    const Session saved = makeSession(here), same = makeSession(make("same"));
    SessionFolder folder(make("working"));
    Progress progress;
    writeSessionFile(here / "day.rheo", saved, folder, Packing::Own, IfExists::Refuse, progress);
    fs::rename(here, m_root / "there");
    compare(unpack(m_root / "there" / "day.rheo", "opened"), same);
}

void TestSessionFile::aMissingFileIsAskedFor() {
    const Session saved = makeSession(m_root), same = makeSession(make("same"));
    const fs::path file = save(saved);
    const fs::path trace = m_root / "trace.rheo.h5", moved = make("elsewhere") / "other name.h5";
    fs::rename(trace, moved);
    std::string source;
    try {
        unpack(file, "first");
        QFAIL("the trace is not there");
    } catch (const SessionSourceError& error) {
        source = error.context();
        QCOMPARE(error.code(), ErrorCode::NotFound);
        QVERIFY2(std::string(error.what()).find(trace.string()) != std::string::npos, error.what());
    }
    QCOMPARE(source, trace.string());
    compare(unpack(file, "second", {{source, moved}}), same);
    // Without it there are no rows; everything else is there, and it is said.
    const Session without = unpack(file, "third", {{source, {}}});
    QVERIFY(!without.state.trace);
    QCOMPARE(without.state.teleports.size(), std::size_t{2});
    QCOMPARE(without.notes, (std::vector<std::string>{source + " was left out"}));
}

void TestSessionFile::aChangedFileIsNamed() {
    const fs::path file = save(makeSession(m_root));
    Progress progress;
    writeTrace(*makeTrace(4, 2, 99), m_root / "trace.rheo.h5", IfExists::Replace, progress);
    std::string message = errorOf([&] { unpack(file, "first"); }, ErrorCode::Mismatch);
    QVERIFY2(
        message.find("trace.rheo.h5 is not the trace that the session was made with") != std::string::npos,
        message.c_str());
    writeTrace(*makeTrace(4, 2, 1), m_root / "trace.rheo.h5", IfExists::Replace, progress);
    std::ofstream(m_root / "older.h5", std::ios::app) << "more";
    message = errorOf([&] { unpack(file, "second"); }, ErrorCode::Mismatch);
    QVERIFY2(message.find("older.h5 is not the results file") != std::string::npos, message.c_str());
    // Going on without the results is possible.
    const Session without = unpack(file, "third", {{(m_root / "older.h5").string(), {}}});
    QVERIFY(without.state.earlier.empty());
    QCOMPARE(without.state.rows(), std::int64_t{8});
}

void TestSessionFile::aNewerVersionIsRefused() {
    Progress progress;
    SessionFolder folder(make("working"));
    folder.write(makeSession(m_root), progress);
    Json index = indexOf(folder.path());
    index["version"] = 2;
    index["program"] = "Rheograph 7.0";
    setIndex(folder.path(), index);
    const std::string message =
        errorOf([&] { SessionFolder(folder.path()).read({}, {}, progress); }, ErrorCode::Unsupported);
    QVERIFY2(message.find("newer Rheograph (Rheograph 7.0)") != std::string::npos, message.c_str());
}

void TestSessionFile::whatStrangersWrote_data() {
    QTest::addColumn<QString>("change");
    // JSON patches of an index that is sound.
    QTest::newRow("no format") << R"([{"op":"remove","path":"/format"}])";
    QTest::newRow("no document") << R"([{"op":"remove","path":"/document"}])";
    QTest::newRow("version") << R"([{"op":"replace","path":"/version","value":"one"}])";
    QTest::newRow("trace number") << R"([{"op":"replace","path":"/document/trace","value":77}])";
    QTest::newRow("negative") << R"([{"op":"replace","path":"/document/trace","value":-1}])";
    QTest::newRow("file number") << R"([{"op":"replace","path":"/traces/0/rows/0/0","value":9}])";
    QTest::newRow("row") << R"([{"op":"replace","path":"/traces/0/rows/0/1","value":100000}])";
    QTest::newRow("sample") << R"([{"op":"replace","path":"/traces/0/rows/0/2","value":-5}])";
    QTest::newRow("sample place") << R"([{"op":"replace","path":"/traces/0/samples/0/1","value":5000}])";
    QTest::newRow("prompts") << R"([{"op":"remove","path":"/document/prompts/0"}])";
    QTest::newRow("a path")
        << R"([{"op":"replace","path":"/document/basis/part","value":"../trace.rheo.h5"}])";
    QTest::newRow("hidden") << R"([{"op":"replace","path":"/document/basis/part","value":".lock"}])";
    QTest::newRow("another kind")
        << R"([{"op":"replace","path":"/document/basis/part","value":"teleport-1.h5"}])";
    QTest::newRow("scores") << R"([{"op":"replace","path":"/document/basis/scores","value":3}])";
    QTest::newRow("program of a newer version")
        << R"([{"op":"replace","path":"/version","value":2},{"op":"replace","path":"/program","value":3}])";
    QTest::newRow("rows of the basis that are not there")
        << R"([{"op":"replace","path":"/document/basis/rows","value":[0,5000]}])";
    QTest::newRow("rows of the basis out of order")
        << R"([{"op":"replace","path":"/document/basis/rows","value":[1,0]}])";
    QTest::newRow("point") << R"([{"op":"replace","path":"/points/0","value":"L00.nowhere"}])";
    QTest::newRow("edit")
        << R"([{"op":"replace","path":"/document/intervention/edits/0/op","value":"burn"}])";
    QTest::newRow("target") << R"([{"op":"replace","path":"/document/teleports/0/target","value":"far"}])";
}

void TestSessionFile::whatStrangersWrote() {
    QFETCH(QString, change);
    Progress progress;
    SessionFolder folder(make("working"));
    folder.write(makeSession(m_root), progress);
    setIndex(folder.path(), indexOf(folder.path()).patch(Json::parse(change.toStdString())));
    bool refused = false;
    try {
        SessionFolder(folder.path()).read({}, {}, progress);
    } catch (const Error&) {
        refused = true;  // any other exception fails the test
    }
    QVERIFY(refused);
}

/// No flipped byte gives another document without an error. Bytes of names and times change nothing.
void TestSessionFile::damagedFilesAreErrors() {
    const Session saved = makeSession(m_root);
    const fs::path file = save(saved);
    const std::string sound = readFile(file, 1 << 26);
    RandomStream random(5, 0);
    int refused = 0;
    for (int i = 0; i < 150; ++i) {
        std::string damaged = sound;
        const auto at = static_cast<std::size_t>(random.uniform() * static_cast<double>(sound.size()));
        damaged[at] = static_cast<char>(damaged[at] ^ (1 << (i % 8)));
        if (i % 10 == 0) damaged.resize(at);
        writeFile(m_root / "damaged.rheo", damaged, IfExists::Replace);
        const fs::path to = make("damaged");
        try {
            SessionFolder folder(to);
            Progress progress;
            const Session read = readSessionFile(m_root / "damaged.rheo", folder, {}, progress);
            compare(read, saved);
            if (QTest::currentTestFailed()) return;
        } catch (const Error&) {
            ++refused;
        }
        fs::remove_all(to);
    }
    QVERIFY(refused > 100);
}

void TestSessionFile::anEntryStaysInItsFolder() {
    const fs::path file = m_root / "evil.rheo";
    zipFile zip = zipOpen64(file.c_str(), APPEND_STATUS_CREATE);
    for (const char* name : {"mimetype", "../outside.txt"}) {
        const std::string contents =
            std::string(name) == "mimetype" ? "application/x-rheograph-session" : "harm";
        zip_fileinfo info{};
        QCOMPARE(zipOpenNewFileInZip64(zip, name, &info, nullptr, 0, nullptr, 0, nullptr, 0, 0, 0), ZIP_OK);
        QCOMPARE(zipWriteInFileInZip(zip, contents.data(), static_cast<unsigned>(contents.size())), ZIP_OK);
        QCOMPARE(zipCloseFileInZip(zip), ZIP_OK);
    }
    QCOMPARE(zipClose(zip, nullptr), ZIP_OK);
    QVERIFY(isSessionFile(file));
    const std::string message = errorOf([&] { unpack(file, "opened"); }, ErrorCode::Format);
    QVERIFY2(message.find("../outside.txt: no part of a session has such a name") != std::string::npos,
             message.c_str());
    QVERIFY(!fs::exists(m_root / "outside.txt"));
}

void TestSessionFile::emptySessions() {
    const Session nothing;
    const Session read = unpack(save(nothing), "opened");
    QVERIFY(!read.state.trace && !read.state.results && !read.state.basis);
    const std::string message = errorOf([&] { unpack(m_root / "absent.rheo", "x"); }, ErrorCode::NotFound);
    QVERIFY2(message.find("is not there") != std::string::npos, message.c_str());
}

RHEO_TEST(TestSessionFile)
#include "test_session_file.moc"
