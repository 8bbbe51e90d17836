// Prompts to rows: what is read, what is refused, and states that do not depend on how they were batched or
// interrupted.
#include <QFile>
#include <QTemporaryDir>
#include <QtTest>
#include <cmath>

#include "core/base/error.h"
#include "core/capture/capture.h"
#include "core/capture/prompts.h"
#include "core/trace/trace_reader.h"

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
    void refusesPromptsByLine_data();
    void refusesPromptsByLine();
    void choosesRows();
    void shardsShareTheRows();
    void batchesDoNotMatter();
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

void TestCapture::refusesPromptsByLine_data() {
    QTest::addColumn<QByteArray>("contents");
    QTest::addColumn<QString>("says");
    QTest::newRow("nothing in it") << QByteArray("\n\n") << "no prompt";
    QTest::newRow("not UTF-8") << QByteArray("good\nbad \xff\n") << "line 2";
    QTest::newRow("id outside") << QByteArray("{\"ids\": [4096]}") << "4096";
    QTest::newRow("id no number") << QByteArray("{\"ids\": [1]}\n{\"ids\": [\"x\"]}") << "line 2";
    QTest::newRow("no field") << QByteArray("{\"ids\": [1]}\n{\"id\": [1]}") << "line 2";
    QTest::newRow("too long") << QByteArray("word ").repeated(2000) << "512 positions";
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

void TestCapture::batchesDoNotMatter() {
    const auto p = plan(readDemo(20).samples);
    Progress progress;
    const auto one = captureToMemory(*demo(), p, {1}, progress),
               many = captureToMemory(*demo(), p, {7}, progress);
    // Other shapes round differently: the tolerance of the reference comparison.
    const double d = difference(one->states(), many->states());
    QVERIFY2(d < 3e-5, qPrintable(QString::number(d)));
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

QTEST_GUILESS_MAIN(TestCapture)
#include "test_capture.moc"
