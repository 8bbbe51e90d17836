// The trace file: what is written is read back, by this program and by an independent reader; damaged and
// foreign files.
#include <hdf5.h>

#include <QFile>
#include <QProcess>
#include <QRegularExpression>
#include <QTemporaryDir>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/output_file.h"
#include "core/trace/bfloat16.h"
#include "core/trace/npy.h"
#include "core/trace/trace_reader.h"
#include "core/trace/trace_size.h"
#include "core/trace/trace_writer.h"
#include "planted.h"
#include "tests/test_main.h"

using namespace rheo;

class TestTraceFile : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { m_dir = std::make_unique<QTemporaryDir>(); }
    void comesBackByRowPointAndUnit_data();
    void comesBackByRowPointAndUnit();
    void anIndependentReaderFindsTheSame();
    void h5pyReadsItInThreeLines();
    void bfloat16RoundsToNearestEven();
    void incompleteRowsAreLeftOut();
    void resumeRefusesWhatIsNotTheSame_data();
    void resumeRefusesWhatIsNotTheSame();
    void existingFilesStay();
    void aDiskThatIsFullIsMetAtOnce();
    void aForeignFileOpensWithDefaults();
    void aNewerVersionIsRefusedByName();
    void damagedFilesAreRefused_data();
    void damagedFilesAreRefused();
    void shapesThatAreNotRealAreRefused();
    void readsOutsideAreRefused();
    void theReferenceTraceOpens();
    void npyGoesThereAndBack();
    void stringsHaveOneLength();
    void longStringsAreNotPadded();
    void digestsAreTheDocumentedOnes();
    void everyDamagedByteIsFound();
    void aRowWithoutItsMarkIsWhole();
    void dataOfOtherFilesAreRefused_data();
    void dataOfOtherFilesAreRefused();
    void theSizeIsForecast_data();
    void theSizeIsForecast();
    void aFileThatChangesIsAnError_data();
    void aFileThatChangesIsAnError();

private:
    std::filesystem::path path(const char* name) const { return m_dir->filePath(name).toStdString(); }
    void writePlanted(const std::filesystem::path& file, TraceInfo info) const {
        const auto states = planted::states(info);
        auto writer = TraceWriter::create(file, info, IfExists::Refuse);
        writer.writeRows(RowIndex{0}, states.n0, states.data.data());
        writer.close();
    }
    std::unique_ptr<QTemporaryDir> m_dir;
};

void TestTraceFile::comesBackByRowPointAndUnit_data() {
    QTest::addColumn<int>("rows");
    QTest::addColumn<int>("layers");
    QTest::addColumn<int>("units");
    QTest::newRow("one of each") << 1 << 0 << 1;
    QTest::newRow("smaller than a chunk") << 5 << 2 << 24;
    QTest::newRow("several chunks, ragged") << 37 << 9 << 700;
}

void TestTraceFile::comesBackByRowPointAndUnit() {
    QFETCH(int, rows);
    QFETCH(int, layers);
    QFETCH(int, units);
    auto info = planted::info(rows, layers, units);
    for (std::size_t s = 1; s < info.samples.size(); s += 2)
        info.samples[s].group = "group é " + std::to_string(s / 4);
    for (std::size_t s = 0; s < info.samples.size(); s += 3)
        info.samples[s].columns = {{"topic", "art \"é\""}, {"year", std::to_string(1900 + s)}};
    writePlanted(path("t.rheo.h5"), info);
    const auto trace = TraceReader::open(path("t.rheo.h5"));
    QCOMPARE(trace->rows(), rows);
    QCOMPARE(trace->points(), 2 * layers + 1);
    QCOMPARE(trace->units(), units);
    QVERIFY(trace->info().points == info.points);
    QVERIFY(trace->info().rows == info.rows);
    QVERIFY(trace->info().samples == info.samples);
    QVERIFY(trace->info().model && trace->info().model->sameModel(*info.model));

    const std::int64_t points = trace->points();
    std::vector<float> all(static_cast<std::size_t>(rows * points * units));
    trace->readRows(RowIndex{0}, rows, all.data());
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(all.size()); ++i)
        QCOMPARE(all[static_cast<std::size_t>(i)],
                 planted::value(i / (points * units), i / units % points, i % units));
    const std::int64_t point = points / 2, first = rows / 3, count = rows - first;
    std::vector<float> slice(static_cast<std::size_t>(count * units));
    trace->readPoint(PointIndex{point}, RowIndex{first}, count, slice.data());
    for (std::int64_t i = 0; i < count * units; ++i)
        QCOMPARE(slice[static_cast<std::size_t>(i)], planted::value(first + i / units, point, i % units));
    const std::int64_t unit = units / 3, width = units - unit;
    std::vector<float> band(static_cast<std::size_t>(rows * points * width));
    trace->readUnits(UnitIndex{unit}, width, band.data());
    for (std::int64_t i = 0; i < rows * points * width; ++i)
        QCOMPARE(band[static_cast<std::size_t>(i)],
                 planted::value(i / (points * width), i / width % points, unit + i % width));
    // The same from memory.
    const MemoryTrace memory(info, planted::states(info));
    std::vector<float> again(band.size());
    memory.readUnits(UnitIndex{unit}, width, again.data());
    QVERIFY(again == band);
    // And of some rows: from the file, from memory, and by the way that reads whole rows.
    const std::int64_t values = points * width;
    const std::vector<float> some(band.begin() + first * values, band.begin() + (first + count) * values);
    std::vector<float> read(some.size());
    trace->readUnitsOfRows(UnitIndex{unit}, width, RowIndex{first}, count, read.data());
    QVERIFY(read == some);
    memory.readUnitsOfRows(UnitIndex{unit}, width, RowIndex{first}, count, again.data());
    QVERIFY(std::equal(some.begin(), some.end(), again.begin()));
    std::fill(read.begin(), read.end(), 0.0F);
    memory.Trace::readUnitsOfRows(UnitIndex{unit}, width, RowIndex{first}, count, read.data());
    QVERIFY(read == some);
}

void TestTraceFile::anIndependentReaderFindsTheSame() {
    writePlanted(path("t.rheo.h5"), planted::info(3, 1, 4));
    QProcess dump;
    dump.start("h5dump",
               {"-w", "1", "-m", "%.9g", "-d", "/residual", "-d", "/rows/complete", "-d", "/points/site",
                "-a", "/format", QString::fromStdString(path("t.rheo.h5").string())});
    QVERIFY2(dump.waitForStarted(), "h5dump of hdf5-tools is needed");
    QVERIFY(dump.waitForFinished());
    const QString text = QString::fromUtf8(dump.readAllStandardOutput());
    QVERIFY(text.contains("\"rheograph-trace\""));
    QVERIFY(text.contains("\"attn_in\"") && text.contains("\"mlp_in\"") && text.contains("\"final\""));
    QVERIFY2(text.contains("H5T_IEEE_F32LE") && text.contains("( 3, 3, 4 )"), qPrintable(text));
    for (int n = 0; n < 3; ++n)
        for (int p = 0; p < 3; ++p) {
            for (int u = 0; u < 4; ++u) {
                char line[64];
                std::snprintf(line, sizeof line, "(%d,%d,%d): %.9g", n, p, u,
                              static_cast<double>(planted::value(n, p, u)));
                QVERIFY2(text.contains(line), line);
            }
        }
    QVERIFY(text.contains("(2): 1"));  // the last row is complete
}

void TestTraceFile::h5pyReadsItInThreeLines() {
    writePlanted(path("t.rheo.h5"), planted::info(5, 2, 8));
    QProcess python;
    python.start("python3",
                 {"-c", QString("import h5py\nf = h5py.File('%1')\nx = f['residual'][:]\n"
                                "print(x.shape, float(x[4, 2, 6]), f['samples/text'][4].decode().strip())")
                            .arg(QString::fromStdString(path("t.rheo.h5").string()))});
    if (!python.waitForStarted() || !python.waitForFinished() || python.exitCode() != 0)
        QSKIP("SKIPPED: python3 with h5py is not here, so the file was not read by it");
    QCOMPARE(QString::fromUtf8(python.readAllStandardOutput()).trimmed(),
             QString("(5, 5, 8) %1 sample 4 \u00e9")
                 .arg(static_cast<double>(planted::value(4, 2, 6)), 0, 'g', 17));
}

void TestTraceFile::bfloat16RoundsToNearestEven() {
    // 1 + 2^-8 lies midway between two bfloat16 numbers; the even one is 1. 1 + 3 * 2^-8 goes up.
    QCOMPARE(fromBfloat16(toBfloat16(1.00390625f)), 1.0f);
    QCOMPARE(fromBfloat16(toBfloat16(1.01171875f)), 1.015625f);
    QCOMPARE(fromBfloat16(toBfloat16(-3.0e38f)), -2.99769e38f * 1.0f < 0 ? fromBfloat16(0xff62) : 0);
    QVERIFY(std::isnan(fromBfloat16(toBfloat16(NAN))));
    QVERIFY(std::isinf(fromBfloat16(toBfloat16(INFINITY))));
    auto info = planted::info(4, 2, 16);
    info.bfloat16 = true;
    writePlanted(path("b.rheo.h5"), info);
    const auto trace = TraceReader::open(path("b.rheo.h5"));
    QVERIFY(trace->info().bfloat16);
    std::vector<float> row(static_cast<std::size_t>(trace->points() * 16));
    trace->readRows(RowIndex{3}, 1, row.data());
    for (std::size_t i = 0; i < row.size(); ++i) {
        const float exact =
            planted::value(3, static_cast<std::int64_t>(i) / 16, static_cast<std::int64_t>(i) % 16);
        QVERIFY(std::abs(row[i] - exact) <= std::abs(exact) / 256);  // half a unit in the last of 8 bits
    }
}

void TestTraceFile::incompleteRowsAreLeftOut() {
    const auto info = planted::info(10, 1, 4);
    const auto states = planted::states(info);
    auto writer = TraceWriter::create(path("t.rheo.h5"), info, IfExists::Refuse);
    writer.writeRows(RowIndex{2}, 2, states.at(2, 0));
    writer.writeRows(RowIndex{7}, 1, states.at(7, 0));
    writer.close();
    const auto trace = TraceReader::open(path("t.rheo.h5"));
    QCOMPARE(trace->storedRows(), 10);
    QCOMPARE(trace->completeRows(), 3);
    std::vector<float> all(3 * 3 * 4);
    trace->readRows(RowIndex{0}, 3, all.data());
    QCOMPARE(all[0], planted::value(2, 0, 0));
    QCOMPARE(all[12], planted::value(3, 0, 0));
    QCOMPARE(all[24], planted::value(7, 0, 0));
    QCOMPARE(trace->info().rows[2].sample, 7);
    std::vector<float> point(2 * 4);
    trace->readPoint(PointIndex{1}, RowIndex{1}, 2, point.data());
    QCOMPARE(point[0], planted::value(3, 1, 0));
    QCOMPARE(point[4], planted::value(7, 1, 0));
    std::vector<float> units(3 * 3 * 2);
    trace->readUnits(UnitIndex{2}, 2, units.data());
    QCOMPARE(units[13], planted::value(7, 0, 3));
}

void TestTraceFile::resumeRefusesWhatIsNotTheSame_data() {
    QTest::addColumn<QString>("change");
    for (const char* what : {"points", "units", "encoding", "model", "tokenizer", "prompts", "rows", "dtype"})
        QTest::newRow(what) << what;
}

void TestTraceFile::resumeRefusesWhatIsNotTheSame() {
    QFETCH(QString, change);
    const auto info = planted::info(6, 2, 8);
    TraceWriter::create(path("t.rheo.h5"), info, IfExists::Refuse).close();
    auto other = info;
    if (change == "points") other.points.pop_back();
    if (change == "units") other.units = 9;
    if (change == "encoding") other.bfloat16 = true;
    if (change == "model") other.model->weightsSha256 = "x";
    if (change == "tokenizer") other.model->tokenizerSha256 = "x";
    if (change == "dtype") other.model->dtype = "bfloat16";
    if (change == "prompts") other.samples[3].tokenIds[1] = 7;
    if (change == "rows") other.rows[2].position = 1;
    try {
        TraceWriter::resume(path("t.rheo.h5"), other);
        QFAIL("resumed something else");
    } catch (const Error& e) {
        QCOMPARE(e.code(), ErrorCode::Mismatch);
        QVERIFY2(QString(e.what()).contains(change), e.what());
    }
    auto same = TraceWriter::resume(path("t.rheo.h5"), info);
    QCOMPARE(same.complete().size(), std::size_t(6));
}

void TestTraceFile::existingFilesStay() {
    writePlanted(path("t.rheo.h5"), planted::info(3, 1, 4));
    QVERIFY_EXCEPTION_THROWN(TraceWriter::create(path("t.rheo.h5"), planted::info(9, 1, 4), IfExists::Refuse),
                             Error);
    QCOMPARE(TraceReader::open(path("t.rheo.h5"))->rows(), 3);
    QCOMPARE(QDir(m_dir->path()).entryList(QDir::Files | QDir::Hidden).size(), 1);
}

void TestTraceFile::aDiskThatIsFullIsMetAtOnce() {
    auto info = planted::info(64, 1, 4);
    info.units = std::int64_t{1} << 40;  // 2^40 units: no disk holds them
    try {
        TraceWriter::create(path("t.rheo.h5"), info, IfExists::Refuse);
        QFAIL("a trace of petabytes was laid out");
    } catch (const Error& e) {
        QCOMPARE(e.code(), ErrorCode::DiskFull);
    }
    QVERIFY(QDir(m_dir->path()).isEmpty(QDir::Files | QDir::Hidden));
}

void TestTraceFile::aForeignFileOpensWithDefaults() {
    {
        auto file = Hdf5File::create(path("f.h5"));
        file.setAttribute("/", "format", std::string("rheograph-trace"));
        file.setAttribute("/", "version", std::int64_t{1});
        const std::vector<float> values{1, 2, 3, 4, 5, 6, 7, 8};
        file.write<float>("/residual", values, {2, 2, 2});
        file.close();
    }
    const auto trace = TraceReader::open(path("f.h5"));
    QCOMPARE(trace->rows(), 2);
    QCOMPARE(pointName(trace->info().points[1]), std::string("P01"));
    QCOMPARE(trace->info().rows[1].sample, 1);
    QVERIFY(!trace->info().model);
    std::vector<float> point(2 * 2);
    trace->readPoint(PointIndex{1}, RowIndex{0}, 2, point.data());
    QCOMPARE(point[2], 7.0f);
}

void TestTraceFile::aNewerVersionIsRefusedByName() {
    {
        auto file = Hdf5File::create(path("n.h5"));
        file.setAttribute("/", "format", std::string("rheograph-trace"));
        file.setAttribute("/", "version", std::int64_t{7});
        file.close();
    }
    try {
        TraceReader::open(path("n.h5"));
        QFAIL("opened");
    } catch (const Error& e) {
        QCOMPARE(e.code(), ErrorCode::Unsupported);
        QVERIFY(QString(e.what()).contains("version 7"));
    }
}

void TestTraceFile::damagedFilesAreRefused_data() {
    QTest::addColumn<QString>("damage");
    for (const char* what : {"absent", "empty", "text", "cut", "folder", "no format", "two axes", "integers",
                             "wrong counts", "bad site", "bad sample"})
        QTest::newRow(what) << what;
}

void TestTraceFile::damagedFilesAreRefused() {
    QFETCH(QString, damage);
    const QString name = m_dir->filePath("d.rheo.h5");
    const std::vector<float> values(8, 1.0f);
    const std::vector<std::int32_t> integers(8, 1);
    if (damage == "empty" || damage == "text") {
        QFile file(name);
        QVERIFY(file.open(QIODevice::WriteOnly));
        if (damage == "text") file.write("this is no trace\n");
    } else if (damage == "cut") {
        writePlanted(name.toStdString(), planted::info(20, 3, 32));
        QVERIFY(QFile::resize(name, QFile(name).size() / 2));
    } else if (damage == "folder") {
        QVERIFY(QDir().mkpath(name));
    } else if (damage != "absent") {
        auto file = Hdf5File::create(name.toStdString());
        if (damage != "no format") file.setAttribute("/", "format", std::string("rheograph-trace"));
        file.setAttribute("/", "version", std::int64_t{1});
        if (damage == "two axes")
            file.write<float>("/residual", values, {4, 2});
        else if (damage == "integers")
            file.write<std::int32_t>("/residual", integers, {2, 2, 2});
        else
            file.write<float>("/residual", values, {2, 2, 2});
        const std::vector<std::int32_t> three{0, 0, 0}, two{0, 5};
        if (damage == "wrong counts") {
            file.write<std::int32_t>("/rows/sample", three, {3});
            file.write<std::int32_t>("/rows/position", three, {3});
        }
        if (damage == "bad site") {
            file.write<std::int32_t>("/points/block", two, {2});
            file.writeStrings("/points/site", {"attn_in", "elsewhere"});
        }
        if (damage == "bad sample") {
            file.write<std::int32_t>("/rows/sample", two, {2});
            file.write<std::int32_t>("/rows/position", two, {2});
            file.writeStrings("/samples/text", {"only one"});
        }
        file.close();
    }
    try {
        TraceReader::open(name.toStdString());
        QFAIL("a damaged file was opened");
    } catch (const Error& e) {
        QVERIFY2(QString(e.what()).contains(name), e.what());
        QVERIFY(e.code() == (damage == "absent" ? ErrorCode::NotFound : e.code()));
    }
}

void TestTraceFile::shapesThatAreNotRealAreRefused() {
    for (const std::vector<std::int64_t>& shape : {std::vector<std::int64_t>{std::int64_t{1} << 50, 2, 2},
                                                   {2, 2, std::int64_t{1} << 50},
                                                   {std::int64_t{1} << 30, 1000, 1000}}) {
        {
            auto file = Hdf5File::create(path("huge.h5"));
            file.setAttribute("/", "format", std::string("rheograph-trace"));
            file.setAttribute("/", "version", std::int64_t{1});
            file.createDataset<float>("/residual", shape, {{1, 1, 1}, false});
            file.close();
        }
        QVERIFY_EXCEPTION_THROWN(TraceReader::open(path("huge.h5")), Error);
    }
}

void TestTraceFile::readsOutsideAreRefused() {
    writePlanted(path("t.rheo.h5"), planted::info(3, 1, 4));
    const auto trace = TraceReader::open(path("t.rheo.h5"));
    const MemoryTrace memory(planted::info(3, 1, 4), planted::states(planted::info(3, 1, 4)));
    std::vector<float> out(1000);
    for (const Trace* t : {static_cast<const Trace*>(trace.get()), static_cast<const Trace*>(&memory)}) {
        QVERIFY_EXCEPTION_THROWN(t->readRows(RowIndex{2}, 2, out.data()), Error);
        QVERIFY_EXCEPTION_THROWN(t->readRows(RowIndex{-1}, 1, out.data()), Error);
        QVERIFY_EXCEPTION_THROWN(t->readPoint(PointIndex{3}, RowIndex{0}, 1, out.data()), Error);
        QVERIFY_EXCEPTION_THROWN(t->readUnits(UnitIndex{3}, 2, out.data()), Error);
        QVERIFY_EXCEPTION_THROWN(t->readUnitsOfRows(UnitIndex{3}, 2, RowIndex{0}, 1, out.data()), Error);
        QVERIFY_EXCEPTION_THROWN(t->readUnitsOfRows(UnitIndex{0}, 2, RowIndex{2}, 2, out.data()), Error);
    }
}

void TestTraceFile::theReferenceTraceOpens() {
    const auto trace = TraceReader::open(RHEO_FIXTURES "/golden/small.rheo.h5");
    QCOMPARE(trace->rows(), 120);
    QCOMPARE(trace->points(), 13);
    QCOMPARE(trace->units(), 24);
    QCOMPARE(trace->sourceHash().size(), std::size_t(64));
    QVERIFY(trace->info().samples.empty());
}

void TestTraceFile::npyGoesThereAndBack() {
    const MatrixF row = MatrixF::Random(1, 24);
    writeNpy(path("v.npy"), row, IfExists::Refuse);
    const VectorF back = readNpyVector(path("v.npy"), 24);
    QVERIFY(back == row.row(0).transpose());
    QVERIFY_EXCEPTION_THROWN(readNpyVector(path("v.npy"), 25), Error);
    QFile cut(QString::fromStdString(path("v.npy").string()));
    QVERIFY(cut.resize(100));
    QVERIFY_EXCEPTION_THROWN(readNpyVector(path("v.npy"), 24), Error);
    writeNpy(path("m.npy"), MatrixF::Random(4, 6), IfExists::Refuse);
    QVERIFY_EXCEPTION_THROWN(readNpyVector(path("m.npy"), 24), Error);
}

void TestTraceFile::stringsHaveOneLength() {
    auto info = planted::info(5, 1, 4);
    info.samples[1].text = std::string("a\0b", 3);
    info.samples[2].text.clear();
    writePlanted(path("t.rheo.h5"), info);
    QVERIFY(TraceReader::open(path("t.rheo.h5"))->info().samples == info.samples);
    QProcess dump;
    dump.start("h5dump", {"-H", QString::fromStdString(path("t.rheo.h5").string())});
    QVERIFY2(dump.waitForStarted() && dump.waitForFinished(), "h5dump of hdf5-tools is needed");
    const QString text = QString::fromUtf8(dump.readAllStandardOutput());
    QVERIFY(text.contains("STRSIZE"));
    QVERIFY2(!text.contains("H5T_VARIABLE"), "strings of variable length lie in a heap that damage crashes");
}

void TestTraceFile::longStringsAreNotPadded() {
    // 2,000 short texts and one of 1 MB: padded they would take 2 GB.
    std::vector<std::string> texts(2000, "short");
    texts[7] = std::string(1 << 20, 'x');
    texts[8].clear();
    {
        auto file = Hdf5File::create(path("s.h5"));
        file.writeStrings("/samples/text", texts);
        file.setAttribute("/", "long", std::string(300'000, 'y'));
        file.close();
    }
    QVERIFY(std::filesystem::file_size(path("s.h5")) < 4'000'000);
    const auto file = Hdf5File::openForReading(path("s.h5"));
    QVERIFY(file.hasStrings("/samples/text"));
    QVERIFY(file.readStrings("/samples/text") == texts);
    QCOMPARE(file.textAttribute("/", "long").value_or("").size(), std::size_t{300'000});
}

void TestTraceFile::digestsAreTheDocumentedOnes() {
    // 19 points in three chunks and 700 units in two: points 7 to 13 and units 350 to 699 of row 20 are piece
    // (20, 1, 1).
    const auto info = planted::info(37, 9, 700);
    writePlanted(path("t.rheo.h5"), info);
    Sha256 hash;
    for (std::int64_t p = 7; p < 14; ++p)
        for (std::int64_t u = 350; u < 700; ++u) {
            const float value = planted::value(20, p, u);
            hash.update(std::as_bytes(std::span(&value, 1)));
        }
    const QByteArray first = QByteArray::fromHex(QByteArray::fromStdString(hash.hex().substr(0, 16)));
    const auto file = Hdf5File::openForReading(path("t.rheo.h5"));
    std::uint64_t stored = 0;
    file.readBox("/digests/residual", {20, 1, 1}, {1, 1, 1}, &stored);
    QCOMPARE(QByteArray(reinterpret_cast<const char*>(&stored), 8), first);
}

void TestTraceFile::everyDamagedByteIsFound() {
    const auto info = planted::info(4, 2, 8);
    writePlanted(path("t.rheo.h5"), info);
    const auto states = planted::states(info);
    const std::string whole = readFile(path("t.rheo.h5"), 1 << 20);
    const auto size = static_cast<std::int64_t>(whole.size());
    int errors = 0, tried = 0;
    // Every 31st byte, so that all parts of the file are met.
    for (std::int64_t at = 0; at < size; at += 31, ++tried) {
        std::string damaged = whole;
        damaged[static_cast<std::size_t>(at)] =
            static_cast<char>(damaged[static_cast<std::size_t>(at)] ^ 0x55);
        std::ofstream(path("d.rheo.h5"), std::ios::binary) << damaged;
        try {
            const auto trace = TraceReader::open(path("d.rheo.h5"));
            QVERIFY2(trace->info().samples == info.samples && trace->info().rows == info.rows,
                     qPrintable(QString::number(at)));
            Array3F read(4, 5, 8);
            trace->readRows(RowIndex{0}, 4, read.data.data());
            QVERIFY2(read.data == states.data, qPrintable(QString::number(at)));
        } catch (const Error& e) {
            ++errors;
            QVERIFY2(QString(e.what()).contains("d.rheo.h5"), e.what());
        }
    }
    QVERIFY2(errors > tried / 2, qPrintable(QString("%1 of %2").arg(errors).arg(tried)));
}

void TestTraceFile::aRowWithoutItsMarkIsWhole() {
    writePlanted(path("t.rheo.h5"), planted::info(4, 1, 4));
    const auto mark = [&](std::uint8_t value) {
        auto file = Hdf5File::openForFilling(path("t.rheo.h5"));
        file.writeBox("/rows/complete", {2}, {1}, &value);
        file.close();
    };
    mark(0);
    QCOMPARE(TraceReader::open(path("t.rheo.h5"))->completeRows(), 4);
    mark(7);
    QVERIFY_EXCEPTION_THROWN(TraceReader::open(path("t.rheo.h5")), Error);
}

void TestTraceFile::dataOfOtherFilesAreRefused_data() {
    QTest::addColumn<QString>("kind");
    QTest::addColumn<QString>("named");
    QTest::newRow("external storage") << "storage"
                                      << "external storage";
    QTest::newRow("external link") << "link"
                                   << "other.h5";
    QTest::newRow("soft link to an external one") << "soft"
                                                  << "other.h5";
    QTest::newRow("virtual, absolute") << "absolute"
                                       << "absolute";
    QTest::newRow("virtual, above") << "above"
                                    << "leads out";
    QTest::newRow("virtual, by a symbolic link") << "symlink"
                                                 << "symbolic link";
    QTest::newRow("virtual, other rows") << "rows"
                                         << "rheo merge";
}

namespace {

/// Adds /residual as an external link, or as a soft link to one, and takes the seal off.
void addLinks(const std::filesystem::path& path, bool soft) {
    const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    H5Lcreate_external("../other.h5", "/residual", file, soft ? "a" : "residual", H5P_DEFAULT, H5P_DEFAULT);
    if (soft) H5Lcreate_soft("/a", file, "residual", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    std::fstream raw(path, std::ios::in | std::ios::out | std::ios::binary);
    raw.put('\0');
}

}  // namespace

void TestTraceFile::dataOfOtherFilesAreRefused() {
    QFETCH(QString, kind);
    QFETCH(QString, named);
    const auto file = path("here/t.h5");
    std::filesystem::create_directory(path("here"));
    if (kind == "storage") {
        std::filesystem::copy_file(RHEO_FIXTURES "/imports/trace_external_storage.h5", file);
    } else {
        writePlanted(path("other.h5"), planted::info(3, 1, 4));
        std::filesystem::create_symlink("../other.h5", path("here/link.h5"));
        auto made = Hdf5File::create(file);
        made.setAttribute("/", "format", std::string("rheograph-trace"));
        made.setAttribute("/", "version", std::int64_t{1});
        const std::string shown = kind == "absolute"  ? path("other.h5").string()
                                  : kind == "symlink" ? "link.h5"
                                                      : "../other.h5";
        if (kind == "absolute" || kind == "above" || kind == "symlink")
            made.createVirtual<float>("/residual", {3, 3, 4}, {{shown, {0, 1, 2}}}, 0.0F);
        if (kind == "rows") made.createVirtual<float>("/x", {3, 3, 4}, {{"link.h5", {0, 1, 2}}}, 0.0F);
        made.close();
        if (kind == "link" || kind == "soft") addLinks(file, kind == "soft");
    }
    if (kind == "rows") {
        QVERIFY_EXCEPTION_THROWN(Hdf5File::openForReading(file).read<float>("/x"), Error);
        return;
    }
    try {
        TraceReader::open(file);
        QFAIL("opened");
    } catch (const Error& e) {
        QCOMPARE(e.code(), ErrorCode::Unsupported);
        QVERIFY2(QString(e.what()).contains(named), e.what());
    }
}

void TestTraceFile::theSizeIsForecast_data() {
    QTest::addColumn<int>("rows");
    QTest::addColumn<int>("points");
    QTest::addColumn<int>("units");
    QTest::addColumn<int>("letters");
    QTest::addColumn<bool>("bfloat16");
    QTest::newRow("few points beyond a chunk") << 640 << 65 << 128 << 40 << false;
    QTest::newRow("bfloat16") << 100 << 61 << 576 << 200 << true;
    QTest::newRow("a chunk and a little more") << 17 << 17 << 576 << 40 << false;
    QTest::newRow("narrow") << 5000 << 9 << 24 << 40 << false;
    QTest::newRow("long texts") << 200 << 5 << 64 << 20000 << false;
}

/// What the file takes in the end, which is what has to fit the disk. 5 % covers the library's own tables.
void TestTraceFile::theSizeIsForecast() {
    QFETCH(int, rows);
    QFETCH(int, points);
    QFETCH(int, units);
    QFETCH(int, letters);
    QFETCH(bool, bfloat16);
    TraceInfo info;
    info.units = units;
    info.bfloat16 = bfloat16;
    for (int p = 0; p < points; ++p) info.points.push_back({p / 2, p % 2 == 0 ? Site::AttnIn : Site::MlpIn});
    for (int n = 0; n < rows; ++n) {
        info.samples.push_back({std::string(static_cast<std::size_t>(letters), 'a'), {1, 2, 3, 4}});
        info.rows.push_back({n, 3, 4});
    }
    TraceWriter::create(path("t.h5"), info, IfExists::Refuse).close();
    const auto size = static_cast<double>(std::filesystem::file_size(path("t.h5")));
    const auto forecast = static_cast<double>(traceFileBytes(info));
    QVERIFY2(std::abs(forecast - size) < 0.05 * size,
             qPrintable(QString("%1 for %2").arg(forecast).arg(size)));
    // Chunks are evenly filled: at most one row, point and unit in eight is empty, as in 17 of 18.
    const double states = static_cast<double>(rows) * points * units * (bfloat16 ? 2 : 4);
    const double rest = 98.0 * rows * points * units / (16 * 8 * 64) + rows * (100.0 + letters) + (1 << 15);
    QVERIFY2(size < 1.2 * states + rest, qPrintable(QString("%1 for %2").arg(size).arg(states)));
}

void TestTraceFile::aFileThatChangesIsAnError_data() {
    QTest::addColumn<QString>("source");
    QTest::addColumn<QString>("change");
    for (const char* source : {"sealed", "plain"})
        for (const char* change : {"cut", "replaced", "written"})
            QTest::addRow("%s, %s", source, change) << source << change;
}

void TestTraceFile::aFileThatChangesIsAnError() {
    QFETCH(QString, source);
    QFETCH(QString, change);
    const auto file = path("t.rheo.h5");
    if (source == "sealed")
        writePlanted(file, planted::info(40, 2, 64));
    else
        std::filesystem::copy_file(RHEO_FIXTURES "/golden/small.rheo.h5", file);
    const auto trace = TraceReader::open(file, 0);
    std::vector<float> row(static_cast<std::size_t>(trace->points() * trace->units()));
    trace->readRows(RowIndex{0}, 1, row.data());
    if (change == "cut") std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
    if (change == "written")
        std::filesystem::last_write_time(file,
                                         std::filesystem::last_write_time(file) + std::chrono::seconds(2));
    if (change == "replaced") {
        std::filesystem::copy_file(file, path("copy"));
        std::filesystem::rename(path("copy"), file);
    }
    try {
        trace->readRows(RowIndex{trace->rows() - 1}, 1, row.data());
        QFAIL("read");
    } catch (const Error& e) {
        QCOMPARE(e.code(), ErrorCode::Io);
        QVERIFY2(QString(e.what()).contains("t.rheo.h5"), e.what());
    }
}

RHEO_TEST(TestTraceFile)
#include "test_trace_file.moc"
