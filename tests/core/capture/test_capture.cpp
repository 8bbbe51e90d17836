// Prompts to rows: what is read, what is refused, and states that do not depend on how they were batched or
// interrupted.
#include <unistd.h>

#include <QFile>
#include <QTemporaryDir>
#include <array>
#include <cmath>

#include "core/base/error.h"
#include "core/capture/capture.h"
#include "core/capture/plan_part.h"
#include "core/capture/prompts.h"
#include "core/trace/trace_reader.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

const std::shared_ptr<const Model>& demo() {
    static const auto model = [] {
        Progress progress;
        return Model::load(Checkpoint::open(RHEO_RESOURCES "/demo-model"), {}, progress);
    }();
    return model;
}
const std::shared_ptr<const Tokenizer>& tokenizer() {
    static const auto loaded = Tokenizer::load(RHEO_RESOURCES "/demo-model/tokenizer.json");
    return loaded;
}

PromptList readDemo(std::int64_t limit) {
    Progress progress;
    return readPrompts(RHEO_RESOURCES "/prompts/novels.txt", tokenizer().get(), demo()->config(),
                       {limit, std::nullopt}, progress);
}

CapturePlan plan(std::vector<Sample> samples, const char* rows = "last", const Shard& shard = {}) {
    const auto last = static_cast<std::int64_t>(demo()->points().size()) - 1;
    return planCapture(*demo(), std::move(samples), parseRowChoice(rows), PointIndex{0}, PointIndex{last},
                       shard, false);
}

/// Largest difference of two traces over the RMS of the first at the point.
double difference(const Array3F& a, const Array3F& b) {
    double worst = 0;
    for (std::int64_t p = 0; p < a.n1; ++p) {
        double squares = 0, largest = 0;
        for (std::int64_t n = 0; n < a.n0; ++n)
            for (std::int64_t u = 0; u < a.n2; ++u) {
                squares += double(a.at(n, p)[u]) * a.at(n, p)[u];
                largest = std::max(largest, double(std::abs(a.at(n, p)[u] - b.at(n, p)[u])));
            }
        worst = std::max(worst, largest / std::sqrt(squares / static_cast<double>(a.n0 * a.n2)));
    }
    return worst;
}

}  // namespace

class TestCapture : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void readsLinesAsTheyAre();
    void readsJsonLines();
    void readsEncodingsAndEndsOfLines_data();
    void readsEncodingsAndEndsOfLines();
    void readsJsonArrays();
    void textBesideIds();
    void readsGroups();
    void readsStandardInput();
    void refusesPromptsByLine_data();
    void refusesPromptsByLine();
    void choosesRows();
    void shardsShareTheRows();
    void partsAreRunsOfPrompts();
    void batchesDoNotMatter();
    void tokensOfOnePromptAreThoseOfTheTrace();
    void tokensOfOnePromptMustBeThere();
    void streamedWeightsGiveTheSameFile();
    void othersGetATurnBetweenBatches();
    void goesOnWhereItStopped();
    void aTraceOfAnotherModelIsNotGoneOnWith();

private:
    QString write(const QByteArray& contents, const char* name = "p.txt") {
        const QString path = m_dir.filePath(name);
        QFile file(path);
        if (file.open(QIODevice::WriteOnly)) file.write(contents);
        return path;
    }
    QTemporaryDir m_dir;
};

void TestCapture::readsLinesAsTheyAre() {
    Progress progress;
    const auto list = readPrompts(write("  two spaces before\n\n\t \nlast line, no end").toStdString(),
                                  tokenizer().get(), demo()->config(), {}, progress);
    QCOMPARE(list.blankLines, 2);
    QCOMPARE(list.samples.size(), std::size_t(2));
    QCOMPARE(list.samples[0].text, std::string("  two spaces before"));
    QVERIFY(list.samples[0].tokenIds == tokenizer()->encode("  two spaces before"));
    const auto windows = readPrompts(write("one\r\ntwo\r\n").toStdString(), tokenizer().get(),
                                     demo()->config(), {1, 2}, progress);
    QCOMPARE(windows.samples.size(), std::size_t(1));
    QCOMPARE(windows.samples[0].text, std::string("one"));
    QCOMPARE(windows.samples[0].tokenIds.size(), std::size_t(2));  // --max-tokens counts the BOS
}

void TestCapture::readsJsonLines() {
    Progress progress;
    const auto list =
        readPrompts(write("{\"text\": \"It was\"}\n{\"ids\": [5, 6, 7]}\n", "p.jsonl").toStdString(),
                    tokenizer().get(), demo()->config(), {}, progress);
    QVERIFY(list.samples[0].tokenIds == tokenizer()->encode("It was"));
    QVERIFY((list.samples[1].tokenIds == std::vector<std::int32_t>{5, 6, 7}));
    // Ids need no tokenizer.
    QCOMPARE(
        readPrompts(write("{\"ids\": [1]}", "i.jsonl").toStdString(), nullptr, demo()->config(), {}, progress)
            .samples.size(),
        std::size_t(1));
}

void TestCapture::readsEncodingsAndEndsOfLines_data() {
    QTest::addColumn<QByteArray>("contents");
    QTest::addColumn<QString>("note");
    const QString text = QStringLiteral("It was \u00e9t\u00e9\nThe \U0001F30A sea\n");
    const auto utf16 = [&](bool big) {
        QByteArray bytes(big ? "\xFE\xFF" : "\xFF\xFE", 2);
        for (const QChar c : text) {
            const auto low = static_cast<char>(c.unicode() & 0xff),
                       high = static_cast<char>(c.unicode() >> 8);
            bytes.append(big ? high : low).append(big ? low : high);
        }
        return bytes;
    };
    QByteArray plain = text.toUtf8();
    QTest::newRow("UTF-8") << plain << "";
    QTest::newRow("UTF-8 with a mark") << "\xEF\xBB\xBF" + plain << "";
    QTest::newRow("UTF-16 LE") << utf16(false) << "UTF-16 (little-endian";
    QTest::newRow("UTF-16 BE") << utf16(true) << "UTF-16 (big-endian";
    QTest::newRow("CR LF") << QByteArray(plain).replace("\n", "\r\n") << "";
    QTest::newRow("CR LF, the last line cut") << QByteArray(plain).replace("\n", "\r\n").chopped(1) << "";
    QTest::newRow("CR") << QByteArray(plain).replace("\n", "\r") << "carriage return alone";
}

void TestCapture::readsEncodingsAndEndsOfLines() {
    QFETCH(QByteArray, contents);
    QFETCH(QString, note);
    Progress progress;
    const auto list =
        readPrompts(write(contents).toStdString(), tokenizer().get(), demo()->config(), {}, progress);
    QCOMPARE(list.samples.size(), std::size_t(2));
    QCOMPARE(list.samples[0].text, std::string("It was \xC3\xA9t\xC3\xA9"));
    QCOMPARE(list.samples[1].text, std::string("The \xF0\x9F\x8C\x8A sea"));
    QCOMPARE(list.notes.size(), std::size_t(note.isEmpty() ? 0 : 1));
    if (!note.isEmpty())
        QVERIFY2(QString::fromStdString(list.notes[0]).contains(note), list.notes[0].c_str());
}

void TestCapture::readsJsonArrays() {
    Progress progress;
    const auto read = [&](const QByteArray& contents, const char* name) {
        return readPrompts(write(contents, name).toStdString(), tokenizer().get(), demo()->config(), {},
                           progress);
    };
    for (const char* name : {"a.json", "a.txt"}) {
        const auto list = read(
            "[\n  \"It was\",\n  {\"text\": \"The sea\", \"group\": \"b\"},\n  {\"ids\": [5, 6]}\n]\n", name);
        QCOMPARE(list.samples.size(), std::size_t(3));
        QCOMPARE(list.samples[0].text, std::string("It was"));
        QCOMPARE(list.samples[1].text, std::string("The sea"));
        QCOMPARE(list.samples[1].group, std::string("b"));
        QVERIFY((list.samples[2].tokenIds == std::vector<std::int32_t>{5, 6}));
        QVERIFY(list.notes[0].find("JSON array of 3 prompts") != std::string::npos);
    }
    QCOMPARE(read("{\n\"text\":\n\"It was\"}", "o.json").samples[0].text, std::string("It was"));
    // Text that begins with a bracket is text.
    QCOMPARE(read("[1] It was\n[2] The sea\n", "t.txt").samples[0].text, std::string("[1] It was"));
    QCOMPARE(read("[1]\n", "t.txt").samples[0].text, std::string("[1]"));
    QCOMPARE(read("{It was}\n", "t.txt").samples[0].text, std::string("{It was}"));
}

void TestCapture::textBesideIds() {
    Progress progress;
    const auto line = [&](const std::vector<std::int32_t>& ids) {
        QByteArray list;
        for (const auto id : ids) list += (list.isEmpty() ? "" : ", ") + QByteArray::number(id);
        return write("{\"text\": \"It was\", \"ids\": [" + list + "]}\n", "b.jsonl").toStdString();
    };
    auto ids = tokenizer()->encode("It was");
    QVERIFY(readPrompts(line(ids), tokenizer().get(), demo()->config(), {}, progress).samples[0].tokenIds ==
            ids);
    ids.push_back(7);
    try {
        readPrompts(line(ids), tokenizer().get(), demo()->config(), {}, progress);
        QFAIL("was read");
    } catch (const Error& e) {
        QVERIFY2(QString(e.what()).contains("line 1: it has both `text` and `ids`"), e.what());
    }
}

void TestCapture::readsGroups() {
    Progress progress;
    const auto list =
        readPrompts(write("{\"text\": \"It was\", \"group\": \"novel\"}\n{\"ids\": [5], \"group\": 3}\n"
                          "{\"text\": \"The\", \"group\": null}\n",
                          "g.jsonl")
                        .toStdString(),
                    tokenizer().get(), demo()->config(), {}, progress);
    QCOMPARE(list.samples[0].group, std::string("novel"));
    QCOMPARE(list.samples[1].group, std::string("3"));
    QCOMPARE(list.samples[2].group, std::string());
    // What else an object says is a column: texts, numbers and truth values.
    const auto columns = readPrompts(
        write("{\"text\": \"It was\", \"topic\": \"art\", \"year\": 1901, \"ok\": true, \"list\": [1], "
              "\"none\": null}\n",
              "columns.jsonl")
            .toStdString(),
        tokenizer().get(), demo()->config(), {}, progress);
    QCOMPARE(columns.samples[0].columns,
             (std::map<std::string, std::string>{{"topic", "art"}, {"year", "1901"}, {"ok", "true"}}));
}

void TestCapture::readsStandardInput() {
    int ends[2];
    QVERIFY(::pipe(ends) == 0);
    const std::string text = "It was\nThe sea\n";
    QVERIFY(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    ::close(ends[1]);
    const int before = ::dup(STDIN_FILENO);
    ::dup2(ends[0], STDIN_FILENO);
    Progress progress;
    const auto list = readPrompts("-", tokenizer().get(), demo()->config(), {}, progress);
    ::dup2(before, STDIN_FILENO);
    ::close(before);
    ::close(ends[0]);
    QCOMPARE(list.samples.size(), std::size_t(2));
    QCOMPARE(list.samples[1].text, std::string("The sea"));
}

void TestCapture::refusesPromptsByLine_data() {
    QTest::addColumn<QByteArray>("contents");
    QTest::addColumn<QString>("says");
    QTest::newRow("nothing in it") << QByteArray("\n\n") << "no prompt";
    QTest::newRow("not UTF-8") << QByteArray("good\nbad \xff\n") << "line 2";
    QTest::newRow("id outside") << QByteArray("{\"ids\": [4096]}") << "4096";
    QTest::newRow("id no number") << QByteArray("{\"ids\": [1]}\n{\"ids\": [\"x\"]}") << "line 2";
    QTest::newRow("no field") << QByteArray("{\"ids\": [1]}\n{\"id\": [1]}") << "line 2";
    QTest::newRow("too long") << QByteArray("word ").repeated(2000) << "512 positions";
    QTest::newRow("a line of 1 MB") << "good\n" + QByteArray("word ").repeated(200000) << "line 2";
    QTest::newRow("empty") << QByteArray() << "it is empty";
    QTest::newRow("not UTF-8, the remedy")
        << QByteArray("good\nbad \xe9t\xe9\n") << "byte 4 of the line (0xE9); convert";
    QTest::newRow("NUL") << QByteArray("good\nbad\0line\n", 14) << "line 2: byte 3 is NUL";
    QTest::newRow("NUL in JSON") << QByteArray("{\"text\": \"a\\u0000b\"}") << "byte 1 of the text is NUL";
    QTest::newRow("CR within") << QByteArray("good\none\rtwo\n") << "line 2: byte 3 is a carriage return";
    QTest::newRow("UTF-16 without a mark")
        << QByteArray("o\0n\0e\0\n\0t\0w\0o\0", 14)
        << "line 1: every other byte is NUL, so the file looks like UTF-16LE";
    QTest::newRow("UTF-16 BE without a mark") << QByteArray("\0o\0n\0e\0\n\0t", 10) << "UTF-16BE";
    QTest::newRow("UTF-32") << QByteArray("\xFF\xFE\0\0o\0\0\0", 8) << "iconv -f UTF-32LE";
    QTest::newRow("UTF-16, half a character")
        << QByteArray("\xFF\xFE\x6f\0\n\0\x3D\xD8\x6f\0", 10) << "line 2: its UTF-16 has half of a character";
    QTest::newRow("UTF-16, odd") << QByteArray("\xFF\xFE\x6f\0\n", 5) << "odd number of bytes";
    QTest::newRow("files joined") << QByteArray("good\n\xEF\xBB\xBFgood\n")
                                  << "line 2: it begins with a byte order mark";
    QTest::newRow("damaged JSON line")
        << QByteArray("{\"ids\": [1]}\n{\"ids\": [1}\n") << "line 2: not valid JSON";
    QTest::newRow("damaged first JSON line")
        << QByteArray("{\"ids\": [1}\n{\"ids\": [1]}\n") << "line 1: not valid JSON";
    QTest::newRow("text among JSON lines")
        << QByteArray("{\"ids\": [1]}\nIt was\n") << "line 2: not a JSON object";
    QTest::newRow("other keys") << QByteArray("{\"prompt\": \"It was\"}\n") << "its keys are `prompt`";
    QTest::newRow("text no text") << QByteArray("{\"text\": 3}") << "`text` is of type number";
    QTest::newRow("key twice") << QByteArray("{\"ids\": [1]}\n{\"text\": \"a\", \"text\": \"b\"}")
                               << "'text' is given twice";
    QTest::newRow("group no text") << QByteArray("{\"ids\": [1], \"group\": [2]}") << "`group` is [2]";
    QTest::newRow("array of both") << QByteArray("[\"a\", 3]") << "neither an object nor an array";
    QTest::newRow("an element of an array")
        << QByteArray("[{\"ids\": [1]}, {\"id\": [1]}]") << "element 2 of its array";
    QTest::newRow("an empty array") << QByteArray("[]") << "holds no prompt";
    QTest::newRow("deep brackets") << QByteArray("[").repeated(100000) << "nested deeper";
}

void TestCapture::refusesPromptsByLine() {
    QFETCH(QByteArray, contents);
    QFETCH(QString, says);
    Progress progress;
    try {
        readPrompts(write(contents).toStdString(), tokenizer().get(), demo()->config(), {}, progress);
        QFAIL("was read");
    } catch (const Error& e) {
        QVERIFY2(QString(e.what()).contains(says), e.what());
    }
}

void TestCapture::choosesRows() {
    const auto samples = readDemo(3).samples;
    std::int64_t tokens = 0, strided = 0;
    for (const auto& s : samples) {
        tokens += static_cast<std::int64_t>(s.tokenIds.size());
        strided += (static_cast<std::int64_t>(s.tokenIds.size()) + 4) / 5;
    }
    QCOMPARE(plan(samples).info.rows.size(), std::size_t(3));
    QCOMPARE(static_cast<std::int64_t>(plan(samples, "all").info.rows.size()), tokens);
    QCOMPARE(static_cast<std::int64_t>(plan(samples, "stride:5").info.rows.size()), strided);
    QCOMPARE(plan(samples).info.rows[1].position, static_cast<std::int32_t>(samples[1].tokenIds.size()) - 1);
    QCOMPARE(plan(samples).bytes(), std::int64_t{3} * 65 * 128 * 4);
    for (const char* wrong : {"", "first", "stride:", "stride:0", "stride:-1", "stride:x"})
        QVERIFY_EXCEPTION_THROWN(parseRowChoice(wrong), Error);
    for (const char* wrong : {"", "1", "2/2", "-1/2", "1/0", "a/b"})
        QVERIFY_EXCEPTION_THROWN(parseShard(wrong), Error);
}

void TestCapture::shardsShareTheRows() {
    const auto samples = readDemo(5).samples;
    const auto whole = plan(samples, "all").info.rows;
    std::vector<TraceRow> joined(whole.size());
    for (std::int64_t i = 0; i < 3; ++i) {
        const auto part = plan(samples, "all", {i, 3}).info.rows;
        for (std::size_t n = 0; n < part.size(); ++n) joined[static_cast<std::size_t>(i) + 3 * n] = part[n];
    }
    QVERIFY(joined == whole);
}

/// What ranks take: all rows, in order, no prompt in two parts, and about as many tokens in each.
void TestCapture::partsAreRunsOfPrompts() {
    const CapturePlan whole = plan(readDemo(20).samples, "all");
    for (const int parts : {1, 2, 3, 7, 50}) {
        std::vector<TraceRow> rows;
        std::int64_t tokens = 0, most = 0;
        for (int i = 0; i < parts; ++i) {
            const CapturePlan part = planPart(*demo(), whole, i, parts);
            if (!rows.empty() && !part.info.rows.empty())
                QVERIFY(rows.back().sample < part.info.rows.front().sample);
            rows.insert(rows.end(), part.info.rows.begin(), part.info.rows.end());
            QVERIFY(part.info.samples.size() == whole.info.samples.size());
            tokens += part.tokens;
            most = std::max(most, part.tokens);
        }
        QVERIFY(rows == whole.info.rows);
        QCOMPARE(tokens, whole.tokens);
        if (parts <= 3) QVERIFY(most * parts < 2 * whole.tokens);
    }
}

void TestCapture::batchesDoNotMatter() {
    const auto p = plan(readDemo(20).samples);
    Progress progress;
    const auto one = captureToMemory(*demo(), p, {1}, progress),
               many = captureToMemory(*demo(), p, {7}, progress);
    // Other shapes round differently: the tolerance of the reference comparison.
    const double d = difference(one->states(), many->states());
    QVERIFY2(d < 3e-5, qPrintable(QString::number(d)));
}

/// The window follows single tokens, and rheo capture writes them to a file: the same shapes, the same bits.
void TestCapture::tokensOfOnePromptAreThoseOfTheTrace() {
    const auto samples = readDemo(1).samples;
    const auto inFile = plan(samples);
    const auto path = m_dir.filePath("tokens.rheo.h5").toStdString();
    Progress progress;
    captureToFile(*demo(), inFile, path, {}, progress);
    Array3F expected(1, std::ssize(inFile.info.points), inFile.info.units);
    TraceReader::open(path)->readRows(RowIndex{0}, 1, expected.data.data());
    const auto last = static_cast<std::int32_t>(samples[0].tokenIds.size()) - 1;
    const auto one = planTokens(*demo(), samples[0], {last}, inFile.firstPoint, inFile.lastPoint);
    QVERIFY(one.info.rows == inFile.info.rows);
    QCOMPARE(one.tokens, inFile.tokens);
    QVERIFY(captureToMemory(*demo(), one, {}, progress)->states().data == expected.data);
}

void TestCapture::tokensOfOnePromptMustBeThere() {
    const auto sample = readDemo(1).samples[0];
    const auto some = planTokens(*demo(), sample, {0, 2, 5}, PointIndex{3}, PointIndex{7});
    QCOMPARE(some.info.points.size(), std::size_t(5));
    for (std::size_t i = 0; i < 3; ++i) {
        const auto position = std::array{0, 2, 5}[i];
        QVERIFY(some.info.rows[i] ==
                (TraceRow{0, position, sample.tokenIds[static_cast<std::size_t>(position)]}));
    }
    for (const std::vector<std::int32_t>& wrong : {std::vector<std::int32_t>{}, {2, 2}, {-1}, {100000}})
        QVERIFY_EXCEPTION_THROWN(planTokens(*demo(), sample, wrong, PointIndex{3}, PointIndex{7}), Error);
    QVERIFY_EXCEPTION_THROWN(planTokens(*demo(), sample, {0}, PointIndex{3}, PointIndex{65}), Error);
}

/// Whatever a pass over the weights may hold: all rows at once, or one batch.
void TestCapture::streamedWeightsGiveTheSameFile() {
    const auto p = plan(readDemo(40).samples, "stride:5");
    Progress progress;
    ModelOptions streaming;
    streaming.weights = WeightPlace::Stream;
    const auto streamed = Model::load(Checkpoint::open(RHEO_RESOURCES "/demo-model"), streaming, progress);
    const auto statesOf = [&](const Model& model, std::int64_t memory) {
        const auto path = m_dir.filePath("streamed.rheo.h5").toStdString();
        CaptureToFileOptions options;
        options.batch = 8;
        options.memory = memory;
        options.ifExists = IfExists::Replace;
        captureToFile(model, p, path, options, progress);
        Array3F states(std::ssize(p.info.rows), std::ssize(p.info.points), p.info.units);
        TraceReader::open(path)->readRows(RowIndex{0}, states.n0, states.data.data());
        return states.data;
    };
    const auto held = statesOf(*demo(), 0);
    QVERIFY(statesOf(*streamed, 0) == held);
    QVERIFY(statesOf(*streamed, 1) == held);
    QVERIFY(statesOf(*streamed, 20'000'000) == held);
    const auto inMemory = [&](const Model& model) {
        return captureToMemory(model, p, {8}, progress)->states().data;
    };
    QVERIFY(inMemory(*streamed) == inMemory(*demo()));
}

void TestCapture::othersGetATurnBetweenBatches() {
    const auto p = plan(readDemo(20).samples);
    int turns = 0;
    Progress progress;
    captureToMemory(*demo(), p, {7, [&turns] { ++turns; }}, progress);
    QCOMPARE(turns, 3);
}

void TestCapture::goesOnWhereItStopped() {
    const auto p = plan(readDemo(40).samples);
    const auto path = m_dir.filePath("t.rheo.h5").toStdString();
    // Stop once the first rows are written: after the first window there is a second only for larger traces,
    // so the stop comes from the first batch and nothing may be complete.
    std::stop_source stop;
    Progress stopping(stop.get_token(), [&](const ProgressReport& r) {
        if (r.fraction > 0.3) stop.request_stop();
    });
    CaptureToFileOptions options;
    options.batch = 4;
    QVERIFY_EXCEPTION_THROWN(captureToFile(*demo(), p, path, options, stopping), Cancelled);
    QVERIFY(TraceReader::open(path)->completeRows() < 40);
    Progress progress;
    options.resume = true;
    QCOMPARE(captureToFile(*demo(), p, path, options, progress).rows, 40);
    auto trace = TraceReader::open(path);
    QCOMPARE(trace->completeRows(), 40);
    Array3F read(40, 65, 128);
    trace->readRows(RowIndex{0}, 40, read.data.data());
    const auto memory = captureToMemory(*demo(), p, {16}, progress);
    QVERIFY(difference(memory->states(), read) < 3e-5);
    trace.reset();  // HDF5 does not open a file for writing that is open for reading
    QCOMPARE(captureToFile(*demo(), p, path, options, progress).resumed, 40);  // nothing left to do
}

void TestCapture::aTraceOfAnotherModelIsNotGoneOnWith() {
    const auto path = m_dir.filePath("other.rheo.h5").toStdString();
    Progress progress;
    auto p = plan(readDemo(3).samples);
    p.info.model->weightsSha256 = "another";
    captureToFile(*demo(), p, path, {}, progress);
    CaptureToFileOptions options;
    options.resume = true;
    QVERIFY_EXCEPTION_THROWN(captureToFile(*demo(), plan(readDemo(3).samples), path, options, progress),
                             Error);
}

RHEO_TEST(TestCapture)
#include "test_capture.moc"
