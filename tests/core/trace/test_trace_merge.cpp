// Shards put together: the rows of the undivided capture, in its order, whether shown or copied.
#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <functional>

#include "core/base/error.h"
#include "core/trace/bfloat16.h"
#include "core/trace/merge.h"
#include "core/trace/trace_reader.h"
#include "core/trace/trace_writer.h"
#include "planted.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

constexpr int layers = 3;
constexpr int units = 20;

/// What a capture of several tokens a prompt would hold: prompt s has 2 + s % 3 rows.
TraceInfo wholeInfo(int prompts) {
    TraceInfo info = planted::info(prompts, layers, units);
    for (std::size_t s = 1; s < info.samples.size(); s += 2)
        info.samples[s].group = "group " + std::to_string(s / 4);
    info.rows.clear();
    for (std::int32_t s = 0; s < prompts; ++s)
        for (std::int32_t t = 0; t < 2 + s % 3; ++t) info.rows.push_back({s, t, 100 * s + t});
    return info;
}

}  // namespace

class TestTraceMerge : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init();
    void shardsComeBackInTheirOrder_data();
    void shardsComeBackInTheirOrder();
    void shownShardsMayMoveTogether();
    void missingShardIsSaidNotReadAsZeros();
    void mergedTracesMergeAgain();
    void anotherShardInItsPlaceIsFound_data();
    void anotherShardInItsPlaceIsFound();
    void whatDoesNotBelongTogetherIsRefused();
    void missingRowsAreSaid();

private:
    std::string path(const std::string& name) const {
        return m_dir->filePath(QString::fromStdString(name)).toStdString();
    }
    /// Writes shard i of n of `whole`; state (row, point, unit) is planted::value of the row in the whole.
    std::string writeShard(const std::string& name, const TraceInfo& whole, std::int64_t index,
                           std::int64_t count, std::int64_t complete = -1) const {
        TraceInfo info = whole;
        info.rows.clear();
        std::vector<std::int64_t> numbers;
        for (std::size_t n = 0; n < whole.rows.size(); ++n)
            if (static_cast<std::int64_t>(n) % count == index) {
                info.rows.push_back(whole.rows[n]);
                numbers.push_back(static_cast<std::int64_t>(n));
            }
        const auto points = static_cast<std::int64_t>(info.points.size());
        TraceWriter writer = TraceWriter::create(path(name), info, IfExists::Refuse);
        std::vector<float> states(static_cast<std::size_t>(points * info.units));
        for (std::size_t k = 0; k < numbers.size(); ++k) {
            if (static_cast<std::int64_t>(k) == complete) break;
            for (std::int64_t p = 0; p < points; ++p)
                for (std::int64_t u = 0; u < info.units; ++u)
                    states[static_cast<std::size_t>(p * info.units + u)] = planted::value(numbers[k], p, u);
            writer.writeRows(RowIndex{static_cast<std::int64_t>(k)}, 1, states.data());
        }
        writer.close();
        return path(name);
    }
    static MergeOutcome merge(const std::vector<std::filesystem::path>& shards, const std::string& out,
                              bool copy = false) {
        Progress progress;
        return mergeTraces(shards, out, {copy, IfExists::Refuse}, progress);
    }
    /// Empty if the file holds all of `whole`, read in each of the three ways.
    static QString wrongWith(const std::string& file, const TraceInfo& whole) {
        const auto trace = TraceReader::open(file);
        const TraceInfo& info = trace->info();
        if (info.rows != whole.rows) return "rows differ";
        if (info.samples != whole.samples || info.points != whole.points || info.bfloat16 != whole.bfloat16)
            return "what is said of it differs";
        if (!info.model || !info.model->sameModel(*whole.model)) return "model differs";
        if (trace->completeRows() != trace->storedRows()) return "not complete";
        const std::int64_t rows = trace->rows(), points = trace->points();
        std::vector<float> byRow(static_cast<std::size_t>(rows * points * units)), byUnit(byRow), one(byRow);
        trace->readRows(RowIndex{0}, rows, byRow.data());
        trace->readUnits(UnitIndex{0}, units, byUnit.data());
        if (byRow != byUnit) return "reading by units differs";
        for (std::int64_t n = 0; n < rows; ++n)
            for (std::int64_t p = 0; p < points; ++p)
                for (std::int64_t u = 0; u < units; ++u) {
                    float expected = planted::value(n, p, u);
                    if (whole.bfloat16) expected = fromBfloat16(toBfloat16(expected));
                    if (byRow[static_cast<std::size_t>((n * points + p) * units + u)] != expected)
                        return QString("row %1, point %2, unit %3").arg(n).arg(p).arg(u);
                }
        trace->readPoint(PointIndex{2}, RowIndex{0}, rows, one.data());
        for (std::int64_t n = 0; n < rows; ++n)
            if (one[static_cast<std::size_t>(n * units)] !=
                byRow[static_cast<std::size_t>((n * points + 2) * units)])
                return "reading by point differs";
        return {};
    }
    QString refused(const std::vector<std::filesystem::path>& shards, ErrorCode code,
                    const QStringList& parts, bool copy = false) const {
        const auto before = QDir(m_dir->path()).entryList(QDir::Files | QDir::Hidden);
        try {
            merge(shards, path("no.rheo.h5"), copy);
        } catch (const Error& error) {
            const QString message = QString::fromUtf8(error.what());
            if (error.code() != code)
                return "code " + QString::fromUtf8(errorCodeName(error.code()).data()) + ": " + message;
            for (const auto& part : parts)
                if (!message.contains(part)) return "no '" + part + "' in: " + message;
            return QDir(m_dir->path()).entryList(QDir::Files | QDir::Hidden) == before
                       ? QString()
                       : "left something behind";
        }
        return "nothing was thrown";
    }
    std::unique_ptr<QTemporaryDir> m_dir;
};

void TestTraceMerge::init() {
    m_dir = std::make_unique<QTemporaryDir>();
    QVERIFY(m_dir->isValid());
}

void TestTraceMerge::shardsComeBackInTheirOrder_data() {
    QTest::addColumn<int>("count");
    QTest::addColumn<bool>("copy");
    QTest::addColumn<bool>("bfloat16");
    for (const int count : {1, 2, 3, 7})
        for (const bool copy : {false, true})
            for (const bool bfloat16 : {false, true})
                QTest::addRow("%d shards, %s, %s", count, copy ? "copied" : "shown",
                              bfloat16 ? "bfloat16" : "float32")
                    << count << copy << bfloat16;
}

void TestTraceMerge::shardsComeBackInTheirOrder() {
    QFETCH(int, count);
    QFETCH(bool, copy);
    QFETCH(bool, bfloat16);
    TraceInfo whole = wholeInfo(23);
    whole.bfloat16 = bfloat16;
    std::vector<std::filesystem::path> shards;
    // In another order than that of their numbers.
    for (int i = count - 1; i >= 0; --i)
        shards.push_back(writeShard(std::to_string(i) + ".rheo.h5", whole, i, count));
    const MergeOutcome outcome = merge(shards, path("merged.rheo.h5"), copy);
    QCOMPARE(outcome.rows, static_cast<std::int64_t>(whole.rows.size()));
    QVERIFY(outcome.warnings.empty());
    if (copy)
        for (const auto& shard : shards) std::filesystem::remove(shard);
    const QString wrong = wrongWith(path("merged.rheo.h5"), whole);
    QVERIFY2(wrong.isEmpty(), qPrintable(wrong));
}

void TestTraceMerge::shownShardsMayMoveTogether() {
    const TraceInfo whole = wholeInfo(9);
    QDir(m_dir->path()).mkpath("here/parts");
    QDir(m_dir->path()).mkpath("elsewhere");
    const std::vector<std::filesystem::path> shards{writeShard("here/parts/a.h5", whole, 0, 2),
                                                    writeShard("here/parts/b.h5", whole, 1, 2)};
    merge(shards, path("here/merged.rheo.h5"));
    QVERIFY_EXCEPTION_THROWN(merge(shards, path("elsewhere/merged.rheo.h5")), Error);
    merge(shards, path("elsewhere/copied.rheo.h5"), true);
    QVERIFY2(wrongWith(path("elsewhere/copied.rheo.h5"), whole).isEmpty(), "shards in another folder");
    QDir(m_dir->path()).rename("here", "there");
    const QString wrong = wrongWith(path("there/merged.rheo.h5"), whole);
    QVERIFY2(wrong.isEmpty(), qPrintable(wrong));
}

void TestTraceMerge::missingShardIsSaidNotReadAsZeros() {
    const TraceInfo whole = wholeInfo(9);
    merge({writeShard("a.h5", whole, 0, 2), writeShard("b.h5", whole, 1, 2)}, path("merged.rheo.h5"));
    std::filesystem::remove(path("b.h5"));
    try {
        TraceReader::open(path("merged.rheo.h5"));
        QFAIL("opened");
    } catch (const Error& error) {
        QCOMPARE(error.code(), ErrorCode::NotFound);
        QVERIFY2(QString(error.what()).contains("b.h5") && QString(error.what()).contains("--copy"),
                 error.what());
    }
}

void TestTraceMerge::anotherShardInItsPlaceIsFound_data() {
    QTest::addColumn<QString>("other");
    for (const char* other : {"model", "rows", "states"}) QTest::newRow(other) << other;
}

void TestTraceMerge::anotherShardInItsPlaceIsFound() {
    QFETCH(QString, other);
    TraceInfo whole = wholeInfo(9);
    merge({writeShard("a.h5", whole, 0, 2), writeShard("b.h5", whole, 1, 2)}, path("merged.rheo.h5"));
    std::filesystem::remove(path("b.h5"));
    if (other == "model") whole.model->weightsSha256 = std::string(64, 'f');
    writeShard("b.h5", whole, other == "rows" ? 0 : 1, 2);
    if (other == "states") {
        const auto info = TraceReader::open(path("b.h5"))->info();
        std::filesystem::remove(path("b.h5"));
        auto writer = TraceWriter::create(path("b.h5"), info, IfExists::Refuse);
        const std::vector<float> states(info.rows.size() * info.points.size() * units, 1.0F);
        writer.writeRows(RowIndex{0}, std::ssize(info.rows), states.data());
        writer.close();
    }
    try {
        TraceReader::open(path("merged.rheo.h5"));
        QFAIL("opened");
    } catch (const Error& error) {
        QCOMPARE(error.code(), ErrorCode::Mismatch);
        QVERIFY2(QString(error.what()).contains("b.h5"), error.what());
    }
}

void TestTraceMerge::mergedTracesMergeAgain() {
    const TraceInfo whole = wholeInfo(14);
    std::vector<std::filesystem::path> shards;
    for (int i = 0; i < 4; ++i) shards.push_back(writeShard(std::to_string(i) + ".h5", whole, i, 4));
    merge({shards[0], shards[2]}, path("even.h5"));
    merge({shards[1], shards[3]}, path("odd.h5"), true);
    merge({path("odd.h5"), path("even.h5")}, path("all.h5"));
    const QString wrong = wrongWith(path("all.h5"), whole);
    QVERIFY2(wrong.isEmpty(), qPrintable(wrong));
}

void TestTraceMerge::whatDoesNotBelongTogetherIsRefused() {
    const TraceInfo whole = wholeInfo(9);
    const std::string first = writeShard("first.h5", whole, 0, 2);
    const auto other = [&](const std::string& name, const std::function<void(TraceInfo&)>& change) {
        TraceInfo changed = whole;
        change(changed);
        return writeShard(name, changed, 1, 2);
    };
    const auto check = [&](const std::string& file, const QString& what) {
        for (const bool copy : {false, true}) {
            const QString wrong =
                refused({first, file}, ErrorCode::Mismatch, {QString::fromStdString(file), what}, copy);
            QVERIFY2(wrong.isEmpty(), qPrintable(wrong));
        }
    };
    check(other("model.h5", [](TraceInfo& i) { i.model->weightsSha256 = std::string(64, 'f'); }),
          "model is not");
    check(other("tokenizer.h5", [](TraceInfo& i) { i.model->tokenizerSha256 = std::string(64, 'f'); }),
          "tokenizer is not");
    check(other("none.h5", [](TraceInfo& i) { i.model.reset(); }), "model is not");
    check(other("seed.h5", [](TraceInfo& i) { i.model->untrainedSeed = 4; }), "model is not");
    check(other("dtype.h5", [](TraceInfo& i) { i.model->dtype = std::string("bfloat16"); }), "compute dtype");
    check(other("points.h5", [](TraceInfo& i) { i.points.pop_back(); }), "points are not");
    check(other("units.h5", [](TraceInfo& i) { i.units += 1; }), "number of units");
    check(other("encoding.h5", [](TraceInfo& i) { i.bfloat16 = true; }), "encoding");
    check(other("prompts.h5", [](TraceInfo& i) { i.samples[3].text += "?"; }), "prompts are not");
    check(writeShard("same.h5", whole, 0, 2), "there twice");
    check(writeShard("unfinished.h5", whole, 1, 2, 3), "--resume");
    QVERIFY(refused({}, ErrorCode::InvalidArgument, {"no shard"}).isEmpty());
    QVERIFY(refused({first, path("absent.h5")}, ErrorCode::NotFound, {"absent.h5"}).isEmpty());
    QVERIFY(refused({first, RHEO_FIXTURES "/imports/units_last_is_not_point.h5"}, ErrorCode::Format, {})
                .isEmpty());
}

void TestTraceMerge::missingRowsAreSaid() {
    TraceInfo whole = wholeInfo(9);
    std::erase_if(whole.rows, [](const TraceRow& row) { return row.position > 0; });
    const auto outcome =
        merge({writeShard("0.h5", whole, 0, 3), writeShard("2.h5", whole, 2, 3)}, path("merged.rheo.h5"));
    QCOMPARE(outcome.rows, 6);
    QCOMPARE(outcome.warnings.size(), std::size_t{1});
    QVERIFY(outcome.warnings[0].find("3 of the 9 samples") != std::string::npos);
}

RHEO_TEST(TestTraceMerge)
#include "test_trace_merge.moc"
