// States that other programs saved: every file comes in with the values of the model that made it, every
// layout and number format with the values that were planted, and what cannot be true is refused before
// anything is written.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <zip.h>

#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <span>

#include "core/base/error.h"
#include "core/trace/bfloat16.h"
#include "core/trace/float16.h"
#include "core/trace/hdf5_file.h"
#include "core/trace/import.h"
#include "core/trace/import_layout.h"
#include "core/trace/lzf_filter.h"
#include "core/trace/trace_reader.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

const std::string fixtures = RHEO_FIXTURES "/imports/";

/// What the model that made the fixtures computes, [point, token, unit].
struct Reference {
    std::vector<std::int64_t> shape;
    std::vector<float> states;
    float at(std::int64_t point, std::int64_t token, std::int64_t unit) const {
        return states[static_cast<std::size_t>((point * shape[1] + token) * shape[2] + unit)];
    }
};

const Reference& reference() {
    static const Reference read = [] {
        const auto file = Hdf5File::openForReading(RHEO_FIXTURES "/models/llama-3-style/reference.h5");
        return Reference{file.info("/prompt_0/states").shape, file.read<float>("/prompt_0/states")};
    }();
    return read;
}

/// A value that tells where it lies, exact in every format: a small integer.
float planted(std::int64_t row, std::int64_t point, std::int64_t unit) {
    return static_cast<float>((row * 31 + point * 7 + unit) % 256 - 128);
}

std::string npyHeader(const std::string& dtype, bool columnMajor, const std::vector<std::int64_t>& shape) {
    std::string axes;
    for (const auto extent : shape) axes += std::to_string(extent) + ", ";
    std::string header = "{'descr': '" + dtype + "', 'fortran_order': " + (columnMajor ? "True" : "False") +
                         ", 'shape': (" + axes + "), }";
    header.append(63 - (10 + header.size()) % 64, ' ');
    header += '\n';
    std::string bytes("\x93NUMPY\x01\x00", 8);
    bytes += static_cast<char>(header.size() & 0xff);
    bytes += static_cast<char>(header.size() >> 8);
    return bytes + header;
}

template <class Bits>
void appendBits(std::string& to, Bits bits, bool bigEndian) {
    char raw[sizeof bits];
    std::memcpy(raw, &bits, sizeof bits);
    if (bigEndian) std::reverse(raw, raw + sizeof bits);
    to.append(raw, sizeof bits);
}

/// float16 of a small integer, by arithmetic of its own.
std::uint16_t smallToFloat16(float value) {
    if (value == 0) return 0;
    const int exponent = std::ilogb(value);
    const auto fraction =
        static_cast<std::uint16_t>((std::abs(value) / std::ldexp(1.0F, exponent) - 1) * 1024);
    return static_cast<std::uint16_t>((value < 0 ? 0x8000 : 0) | (exponent + 15) << 10 | fraction);
}

void appendValue(std::string& to, float value, const std::string& dtype) {
    const bool big = dtype[0] == '>';
    const std::string kind = dtype.substr(1);
    if (kind == "f2") appendBits(to, smallToFloat16(value), big);
    if (kind == "V2")
        appendBits(to, static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16), big);
    if (kind == "f4") appendBits(to, std::bit_cast<std::uint32_t>(value), big);
    if (kind == "f8") appendBits(to, std::bit_cast<std::uint64_t>(static_cast<double>(value)), big);
}

/// A .npy whose axes are `axes` of (name, extent); the value at an index is what `value` says of its
/// coordinates, by axis name.
using Coordinates = std::map<std::string, std::int64_t>;
std::string npyOf(const std::vector<std::pair<std::string, std::int64_t>>& axes, const std::string& dtype,
                  bool columnMajor, const std::function<float(const Coordinates&)>& value) {
    std::vector<std::int64_t> shape;
    std::int64_t count = 1;
    for (const auto& [name, extent] : axes) {
        shape.push_back(extent);
        count *= extent;
    }
    std::string bytes = npyHeader(dtype, columnMajor, shape);
    for (std::int64_t i = 0; i < count; ++i) {
        Coordinates at;
        std::int64_t rest = i;
        for (std::size_t k = 0; k < axes.size(); ++k) {
            const auto& [name, extent] = axes[columnMajor ? k : axes.size() - 1 - k];
            at[name] = rest % extent;
            rest /= extent;
        }
        appendValue(bytes, value(at), dtype);
    }
    return bytes;
}

/// A plain .npy of float32, every value `value`.
std::string npyFilled(const std::vector<std::int64_t>& shape, float value = 1) {
    std::string bytes = npyHeader("<f4", false, shape);
    std::int64_t count = 1;
    for (const auto extent : shape) count *= extent;
    for (std::int64_t i = 0; i < count; ++i) appendValue(bytes, value, "<f4");
    return bytes;
}

struct Imported {
    ImportOutcome outcome;
    TraceInfo info;
    Array3F states;
    QStringList points() const {
        QStringList names;
        for (const auto& point : info.points) names << QString::fromStdString(pointName(point));
        return names;
    }
};

QString joined(const std::vector<std::string>& sentences) {
    QString all;
    for (const auto& sentence : sentences) all += QString::fromStdString(sentence) + "\n";
    return all;
}

std::string npyIntegers(const std::string& dtype, const std::vector<std::int64_t>& shape,
                        const std::vector<int>& values) {
    std::string bytes = npyHeader(dtype, false, shape);
    for (const int value : values)
        for (int k = 0; k < dtype[2] - '0'; ++k)
            bytes += static_cast<char>(static_cast<std::int64_t>(value) >> 8 * k);
    return bytes;
}

/// [point, batch, row, unit] of planted values, the row being batch * rows + row.
std::string npyStack(std::int64_t points, std::int64_t batches, std::int64_t rows, std::int64_t units) {
    return npyOf({{"point", points}, {"batch", batches}, {"row", rows}, {"unit", units}}, "<f4", false,
                 [&](const Coordinates& at) {
                     return planted(at.at("batch") * rows + at.at("row"), at.at("point"), at.at("unit"));
                 });
}

/// Tokens of each sample that stay in the tests of masks: padded on the left, on the right, and not.
const std::vector<int> maskOfThree{0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1};
const std::vector<TraceRow> rowsOfThree{{0, 0, -1}, {0, 1, -1}, {0, 2, -1}, {1, 0, -1},
                                        {1, 1, -1}, {1, 2, -1}, {1, 3, -1}, {2, 0, -1},
                                        {2, 1, -1}, {2, 2, -1}, {2, 3, -1}, {2, 4, -1}};
/// The row of the array that each row of the trace is.
const std::vector<std::int64_t> keptOfThree{2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14};

/// Empty if the states are the planted ones of these rows of the array.
QString wrongStates(const Array3F& states, const std::vector<std::int64_t>& kept) {
    if (states.n0 != static_cast<std::int64_t>(kept.size())) return QString("%1 rows").arg(states.n0);
    for (std::int64_t n = 0; n < states.n0; ++n)
        for (std::int64_t p = 0; p < states.n1; ++p)
            for (std::int64_t u = 0; u < states.n2; ++u)
                if (states.at(n, p)[u] != planted(kept[static_cast<std::size_t>(n)], p, u))
                    return QString("row %1, point %2, unit %3").arg(n).arg(p).arg(u);
    return {};
}

/// A random walk over depth, [row, point, unit]; the same on every run.
std::vector<float> walk(std::int64_t rows, std::int64_t points, std::int64_t units) {
    std::vector<float> x(static_cast<std::size_t>(rows * points * units));
    std::uint32_t state = 1;
    const auto step = [&] {
        float sum = 0;
        for (int k = 0; k < 4; ++k) {
            state = state * 1664525 + 1013904223;
            sum += static_cast<float>(state >> 8) / 16777216.0F - 0.5F;
        }
        return sum;
    };
    for (std::int64_t n = 0; n < rows; ++n)
        for (std::int64_t p = 0; p < points; ++p)
            for (std::int64_t u = 0; u < units; ++u) {
                const auto i = static_cast<std::size_t>((n * points + p) * units + u);
                x[i] = step() + (p > 0 ? x[i - static_cast<std::size_t>(units)] : 0);
            }
    return x;
}

std::string npyFloats(const std::vector<std::int64_t>& shape, const std::vector<float>& values) {
    std::string bytes = npyHeader("<f4", false, shape);
    bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * 4);
    return bytes;
}

}  // namespace

class TestTraceImport : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyFileHasTheValuesOfTheModel_data();
    void everyFileHasTheValuesOfTheModel();
    void bfloat16StaysAsItIs();
    void float16IsExact();
    void lastEntryOfAStackIsDroppedMarkedOrKept();
    void transformerLensNamesTellThePoints();
    void foldingIsSaidUnlessThereIsNone();
    void nanIsCounted();
    void everyLayoutAndNumberFormat_data();
    void everyLayoutAndNumberFormat();
    void batchIsTheSample();
    void largeArraysGoInPieces_data();
    void largeArraysGoInPieces();
    void numbersInNamesAreNumbers();
    void arraysBesideTheStatesAreLeftOut();
    void sitesNamePoints();
    void hdf5BehindABlockOfAnother();
    void ambiguousShapesAreRefused();
    void picklesAreRefusedWithTheWayOut();
    void wrongInputIsRefused();
    void damagedArraysAreRefused_data();
    void damagedArraysAreRefused();
    void damagedArchivesAreRefused_data();
    void damagedArchivesAreRefused();
    void hdf5ThatClaimsTooMuchIsRefused();
    void outputAppearsWholeOrNotAtAll();
    void masksLeaveOutPaddedTokens_data();
    void masksLeaveOutPaddedTokens();
    void masksFromElsewhere();
    void wrongMasksAreRefused();
    void lengthsCutOrSplitSamples();
    void samplesMayHaveTheirOwnLengths();
    void samplesThatDoNotFitAreRefused();
    void namesOfSamplesAreTold();
    void tokenIdsAreTaken();
    void bfloat16WithoutItsName();
    void otherTypesAreLeftOutByName();
    void lzfIsRead();
    void damagedLzfIsRefused();
    void filtersAndLinksAreNamed();
    void contradictionsAndGapsAreSaid();
    void depthOfWhatIsNotFiniteIsSaid();
    void aLastPointThatLooksNormedIsSaid();
    void anAxisOrderThatLooksWrongIsSaid();
    void repeatedRowsAreCounted();

private:
    std::string path(const std::string& name) const {
        return m_dir.filePath(QString::fromStdString(name)).toStdString();
    }
    std::string write(const std::string& name, const std::string& bytes) const {
        QFile file(QString::fromStdString(path(name)));
        if (!file.open(QIODevice::WriteOnly)) qFatal("cannot write");
        file.write(bytes.data(), static_cast<qint64>(bytes.size()));
        return path(name);
    }
    /// A zip file of entries, compressed or stored.
    std::string writeZip(const std::string& name,
                         const std::vector<std::pair<std::string, std::string>>& entries,
                         bool compressed) const {
        const zipFile zip = zipOpen64(path(name).c_str(), APPEND_STATUS_CREATE);
        for (const auto& [entry, bytes] : entries) {
            zip_fileinfo info{};
            zipOpenNewFileInZip64(zip, entry.c_str(), &info, nullptr, 0, nullptr, 0, nullptr,
                                  compressed ? Z_DEFLATED : 0, 6, 1);
            zipWriteInFileInZip(zip, bytes.data(), static_cast<unsigned>(bytes.size()));
            zipCloseFileInZip(zip);
        }
        zipClose(zip, nullptr);
        return path(name);
    }
    Imported import(const std::string& input, const ImportOptions& options = {}) const {
        Imported imported;
        Progress progress;
        ImportOptions replacing = options;
        replacing.ifExists = IfExists::Replace;
        imported.outcome = importTrace(input, path("out.rheo.h5"), replacing, progress);
        const auto trace = TraceReader::open(path("out.rheo.h5"));
        imported.info = trace->info();
        imported.states = Array3F(trace->rows(), trace->points(), trace->units());
        trace->readRows(RowIndex{0}, trace->rows(), imported.states.data.data());
        return imported;
    }
    /// Empty if the import is refused with `code`, saying all of `parts`, and leaves nothing behind.
    QString refused(const std::string& input, const ImportOptions& options, ErrorCode code,
                    const QStringList& parts) const {
        QFile::remove(QString::fromStdString(path("no.rheo.h5")));
        const auto before = QDir(m_dir.path()).entryList(QDir::Files | QDir::Hidden);
        try {
            Progress progress;
            importTrace(input, path("no.rheo.h5"), options, progress);
        } catch (const Error& error) {
            const QString message = QString::fromUtf8(error.what());
            if (error.code() != code)
                return "code " + QString::fromUtf8(errorCodeName(error.code()).data()) + ": " + message;
            for (const auto& part : parts)
                if (!message.contains(part)) return "no '" + part + "' in: " + message;
            const auto after = QDir(m_dir.path()).entryList(QDir::Files | QDir::Hidden);
            return after == before ? QString() : "left behind: " + after.join(' ');
        }
        return "nothing was thrown";
    }
    QTemporaryDir m_dir;
};

#define REFUSED(input, options, code, ...)                                               \
    do {                                                                                 \
        const QString refusal = refused(input, options, code, QStringList{__VA_ARGS__}); \
        QVERIFY2(refusal.isEmpty(), qPrintable(refusal));                                \
    } while (false)

void TestTraceImport::everyFileHasTheValuesOfTheModel_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<QString>("layout");
    QTest::addColumn<int>("step");          // of the reference's points
    QTest::addColumn<double>("tolerance");  // relative: half a unit of the format's last place
    QTest::addColumn<bool>("oneSample");
    QTest::newRow("output_hidden_states") << "hf_hidden_states.npy"
                                          << "" << 2 << 0.0 << true;
    QTest::newRow("TransformerLens") << "transformer_lens.npz"
                                     << "" << 1 << 0.0 << true;
    QTest::newRow("TransformerLens, compressed") << "transformer_lens_compressed.npz"
                                                 << "" << 1 << 0.0 << true;
    QTest::newRow("a tensor a point, bfloat16") << "points_bf16.safetensors"
                                                << "row,unit" << 1 << 0x1p-8 << false;
    QTest::newRow("HDF5, float16") << "units_last_is_not_point.h5"
                                   << "row,unit,point" << 1 << 0x1p-11 << false;
    QTest::newRow("column-major float64") << "fortran_f64.npy"
                                          << "row,point,unit" << 1 << 0.0 << false;
    QTest::newRow("one NaN") << "nan.npy"
                             << "row,point,unit" << 1 << 0.0 << false;
}

void TestTraceImport::everyFileHasTheValuesOfTheModel() {
    QFETCH(QString, file);
    QFETCH(QString, layout);
    QFETCH(int, step);
    QFETCH(double, tolerance);
    QFETCH(bool, oneSample);
    ImportOptions options;
    options.layout = layout.toStdString();
    const Imported in = import(fixtures + file.toStdString(), options);
    const auto points = step == 1 ? 9 : 4;
    QCOMPARE(in.states.n0, reference().shape[1]);
    QCOMPARE(in.states.n1, points);
    QCOMPARE(in.states.n2, reference().shape[2]);
    QCOMPARE(in.outcome.rows, in.states.n0);
    int differing = 0, nan = 0;
    for (std::int64_t n = 0; n < in.states.n0; ++n)
        for (std::int64_t p = 0; p < points; ++p)
            for (std::int64_t u = 0; u < in.states.n2; ++u) {
                const double found = in.states.at(n, p)[u], expected = reference().at(step * p, n, u);
                if (std::isnan(found))
                    ++nan;
                else
                    differing +=
                        std::abs(found - expected) > tolerance * std::abs(expected) + tolerance * 1e-4;
            }
    QCOMPARE(differing, 0);
    QCOMPARE(nan, file == "nan.npy" ? 1 : 0);
    QVERIFY(!in.info.model);
    for (std::size_t n = 0; n < in.info.rows.size(); ++n) {
        const auto number = static_cast<std::int32_t>(n);
        QCOMPARE(in.info.rows[n], (oneSample ? TraceRow{0, number, -1} : TraceRow{number, 0, -1}));
    }
    QCOMPARE(in.info.samples.size(), oneSample ? std::size_t{1} : std::size_t{72});
    QVERIFY(in.info.origin.find(file.toStdString()) != std::string::npos);
}

void TestTraceImport::bfloat16StaysAsItIs() {
    ImportOptions options;
    options.layout = "row,unit";
    const Imported in = import(fixtures + "points_bf16.safetensors", options);
    QVERIFY(in.info.bfloat16);
    for (std::int64_t n = 0; n < 72; ++n)
        for (std::int64_t p = 0; p < 9; ++p)
            for (std::int64_t u = 0; u < 48; ++u)
                QCOMPARE(in.states.at(n, p)[u], fromBfloat16(toBfloat16(reference().at(p, n, u))));
}

void TestTraceImport::float16IsExact() {
    for (std::uint32_t bits = 0; bits < 65536; ++bits) {
        const int exponent = static_cast<int>(bits >> 10 & 31), fraction = static_cast<int>(bits & 1023);
        const double sign = (bits & 0x8000) != 0 ? -1 : 1;
        const float found = fromFloat16(static_cast<std::uint16_t>(bits));
        if (exponent == 31 && fraction != 0) {
            QVERIFY(std::isnan(found));
            continue;
        }
        const double expected = exponent == 31  ? sign * INFINITY
                                : exponent == 0 ? sign * std::ldexp(fraction, -24)
                                                : sign * std::ldexp(1024 + fraction, exponent - 25);
        QVERIFY(static_cast<double>(found) == expected && std::signbit(found) == (sign < 0));
    }
}

void TestTraceImport::lastEntryOfAStackIsDroppedMarkedOrKept() {
    const std::string stack = fixtures + "hf_hidden_states.npy";
    const Imported dropped = import(stack);
    QCOMPARE(dropped.points(), QStringList({"L00.block_in", "L01.block_in", "L02.block_in", "L03.block_in"}));
    QVERIFY(joined(dropped.outcome.warnings).contains("after the final norm"));
    QVERIFY(joined(dropped.outcome.warnings).contains("left out"));

    ImportOptions options;
    options.lastIsNormed = LastIsNormed::Mark;
    const Imported marked = import(stack, options);
    QCOMPARE(marked.points().back(), "P04");
    QVERIFY(joined(marked.outcome.warnings).contains("P04"));
    QCOMPARE(marked.states.n1, 5);

    options.lastIsNormed = LastIsNormed::No;
    const Imported kept = import(stack, options);
    QCOMPARE(kept.points().back(), "final");
    // Said not to be normed, and measured all the same: its RMS falls where the others rise.
    QCOMPARE(kept.outcome.warnings.size(), std::size_t{1});
    QVERIFY(joined(kept.outcome.warnings).contains("final, looks as if it were after the final norm"));

    // One array a layer, and any other array whose last is said to be normed.
    std::vector<std::pair<std::string, std::string>> entries;
    for (const int layer : {10, 0, 2})
        entries.emplace_back("hidden_states." + std::to_string(layer) + ".npy",
                             npyFilled({1, 3, 4}, static_cast<float>(layer)));
    const Imported layers = import(writeZip("layers.npz", entries, false));
    QCOMPARE(layers.points(), QStringList({"L00.block_in", "L01.block_in"}));
    QCOMPARE(layers.states.at(2, 1)[3], 2.0F);
    options.lastIsNormed = LastIsNormed::Drop;
    options.layout = "row,point,unit";
    QCOMPARE(import(fixtures + "fortran_f64.npy", options).states.n1, 8);
    REFUSED(write("one.npy", npyFilled({5, 1, 4})), options, ErrorCode::InvalidArgument, "none is left");
}

void TestTraceImport::transformerLensNamesTellThePoints() {
    const QStringList all{"L00.attn_in", "L00.mlp_in",  "L01.attn_in", "L01.mlp_in", "L02.attn_in",
                          "L02.mlp_in",  "L03.attn_in", "L03.mlp_in",  "final"};
    QCOMPARE(import(fixtures + "transformer_lens.npz").points(), all);
    QCOMPARE(import(fixtures + "transformer_lens_compressed.npz").points(), all);

    const auto cache = [&](const std::vector<std::string>& hooks) {
        std::vector<std::pair<std::string, std::string>> entries;
        for (std::size_t i = 0; i < hooks.size(); ++i)
            entries.emplace_back(hooks[i] + ".npy", npyFilled({2, 3, 4}, static_cast<float>(i)));
        return import(writeZip("cache.npz", entries, false));
    };
    // A full cache: what leaves a block is what enters the next, and the rest is no state.
    const Imported full =
        cache({"hook_embed", "blocks.0.hook_resid_pre", "blocks.0.attn.hook_q", "blocks.0.hook_resid_mid",
               "blocks.0.hook_resid_post", "blocks.1.hook_resid_pre", "blocks.1.hook_resid_mid",
               "blocks.1.hook_resid_post", "ln_final.hook_normalized"});
    QCOMPARE(full.points(), QStringList({"L00.attn_in", "L00.mlp_in", "L01.attn_in", "L01.mlp_in", "final"}));
    QVERIFY(joined(full.outcome.notes).contains("1 arrays hook_resid_post"));
    QVERIFY(joined(full.outcome.warnings)
                .contains("'blocks.0.hook_resid_post' and 'blocks.1.hook_resid_pre' by 0.2 "));
    QVERIFY(joined(full.outcome.notes).contains("3 other arrays"));
    const float expected[] = {1, 3, 5, 6, 7};
    for (int p = 0; p < 5; ++p) QCOMPARE(full.states.at(5, p)[3], expected[p]);
    // Ten and more blocks sort by number; without a middle there is one state a block.
    std::vector<std::string> pre;
    for (int block = 11; block >= 0; --block)
        pre.push_back("blocks." + std::to_string(block) + ".hook_resid_pre");
    const Imported entering = cache(pre);
    QCOMPARE(entering.points().front(), "L00.block_in");
    QCOMPARE(entering.points().back(), "L11.block_in");
    QCOMPARE(entering.states.at(0, 11)[0], 0.0F);
    QCOMPARE(entering.states.at(0, 0)[0], 11.0F);
    const Imported leaving = cache({"blocks.0.hook_resid_post", "blocks.1.hook_resid_post"});
    QCOMPARE(leaving.points(), QStringList({"L01.block_in", "final"}));
}

void TestTraceImport::foldingIsSaidUnlessThereIsNone() {
    QVERIFY(joined(import(fixtures + "transformer_lens.npz").outcome.warnings).contains("folds"));
    QVERIFY(import(fixtures + "transformer_lens.npz").info.origin.find("folds") != std::string::npos);
    ImportOptions options;
    options.transformerLensUnprocessed = true;
    QVERIFY(import(fixtures + "transformer_lens.npz", options).outcome.warnings.empty());
}

void TestTraceImport::nanIsCounted() {
    ImportOptions options;
    options.layout = "row,point,unit";
    const Imported in = import(fixtures + "nan.npy", options);
    QCOMPARE(in.outcome.notFinite, 1);
    QVERIFY2(joined(in.outcome.warnings).contains("1 NaN and 0 infinite"),
             qPrintable(joined(in.outcome.warnings)));
    QVERIFY(joined(in.outcome.warnings).contains("row 16, point P00, unit 9"));
    // A float64 beyond float32 is infinite here, and counted.
    std::string bytes = npyHeader("<f8", false, {1, 1, 3});
    for (const double x : {1e39, -1e39, 2.0}) appendBits(bytes, std::bit_cast<std::uint64_t>(x), false);
    const Imported large = import(write("large.npy", bytes), options);
    QCOMPARE(large.outcome.notFinite, 2);
    QVERIFY(joined(large.outcome.warnings).contains("0 NaN and 2 infinite"));
    QCOMPARE(large.states.data[2], 2.0F);
}

void TestTraceImport::everyLayoutAndNumberFormat_data() {
    QTest::addColumn<QString>("dtype");
    QTest::addColumn<bool>("columnMajor");
    for (const char* dtype : {"<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "|V2", "<V2"})
        for (const bool columnMajor : {false, true})
            QTest::addRow("%s %s", dtype, columnMajor ? "column-major" : "row-major") << dtype << columnMajor;
}

void TestTraceImport::everyLayoutAndNumberFormat() {
    QFETCH(QString, dtype);
    QFETCH(bool, columnMajor);
    const std::map<std::string, std::int64_t> extents{{"batch", 3}, {"row", 5}, {"point", 4}, {"unit", 6}};
    for (const bool batched : {false, true}) {
        std::vector<std::string> names{"point", "row", "unit"};
        if (batched) names.insert(names.begin(), "batch");
        do {
            std::vector<std::pair<std::string, std::int64_t>> axes;
            std::string layout;
            for (const auto& name : names) {
                axes.emplace_back(name, extents.at(name));
                layout += (layout.empty() ? "" : ",") + name;
            }
            const auto row = [&](Coordinates at) {
                return batched ? at["batch"] * 5 + at["row"] : at["row"];
            };
            const std::string file =
                write("layout.npy", npyOf(axes, dtype.toStdString(), columnMajor, [&](const Coordinates& at) {
                          return planted(row(at), at.at("point"), at.at("unit"));
                      }));
            ImportOptions options;
            options.layout = layout;
            const Imported in = import(file, options);
            QCOMPARE(in.states.n0, batched ? 15 : 5);
            QCOMPARE(in.states.n1, 4);
            QCOMPARE(in.states.n2, 6);
            for (std::int64_t n = 0; n < in.states.n0; ++n)
                for (std::int64_t p = 0; p < 4; ++p)
                    for (std::int64_t u = 0; u < 6; ++u)
                        QVERIFY2(in.states.at(n, p)[u] == planted(n, p, u), layout.c_str());
        } while (std::next_permutation(names.begin(), names.end()));
    }
}

void TestTraceImport::batchIsTheSample() {
    ImportOptions options;
    options.layout = "batch,row,unit";
    const Imported in = import(write("batch.npy", npyFilled({3, 2, 4})), options);
    const std::vector<TraceRow> expected{{0, 0, -1}, {0, 1, -1}, {1, 0, -1},
                                         {1, 1, -1}, {2, 0, -1}, {2, 1, -1}};
    QVERIFY(in.info.rows == expected);
    QCOMPARE(in.info.samples.size(), std::size_t{3});
    QCOMPARE(in.states.n1, 1);
    // Samples of one token need no axis for it.
    options.layout = "batch,unit";
    const Imported last = import(write("last.npy", npyFilled({3, 4})), options);
    QVERIFY(last.info.rows == (std::vector<TraceRow>{{0, 0, -1}, {1, 0, -1}, {2, 0, -1}}));
    options.layout = "unit,point,row,batch";
    QVERIFY(import(write("turned.npy", npyFilled({4, 5, 2, 3})), options).info.rows == expected);
}

void TestTraceImport::largeArraysGoInPieces_data() {
    QTest::addColumn<QString>("layout");
    QTest::addColumn<bool>("hdf5");
    for (const char* layout : {"row,point,unit", "point,row,unit", "unit,point,row", "batch,row,point,unit",
                               "point,unit,batch,row"})
        QTest::addRow("%s npy", layout) << layout << false;
    QTest::newRow("unit,point,row HDF5") << "unit,point,row" << true;
    QTest::newRow("point,unit,batch,row HDF5") << "point,unit,batch,row" << true;
}

void TestTraceImport::largeArraysGoInPieces() {
    // 20 million values: more than one piece along some axis, for every layout, with ends that are no whole
    // chunk of the trace.
    QFETCH(QString, layout);
    QFETCH(bool, hdf5);
    const auto names = layout.split(',');
    const bool batched = names.contains("batch");
    const std::map<QString, std::int64_t> extents{
        {"batch", 7}, {"row", batched ? 301 : 2107}, {"point", 9}, {"unit", 1055}};
    std::vector<std::int64_t> shape;
    for (const auto& name : names) shape.push_back(extents.at(name));
    // planted() is linear before its remainder: each axis adds its own share.
    const auto weight = [&](const QString& name) -> std::int64_t {
        return name == "batch" ? 31 * 301 : name == "row" ? 31 : name == "point" ? 7 : 1;
    };
    std::int64_t count = 1;
    for (const auto extent : shape) count *= extent;
    std::vector<float> values(static_cast<std::size_t>(count));
    std::vector<std::int64_t> at(shape.size(), 0);
    std::int64_t sum = 0;
    for (auto& value : values) {
        value = static_cast<float>(sum % 256 - 128);
        for (auto axis = static_cast<int>(shape.size()) - 1; axis >= 0; --axis) {
            const auto k = static_cast<std::size_t>(axis);
            sum += weight(names[axis]);
            if (++at[k] < shape[k]) break;
            sum -= weight(names[axis]) * shape[k];
            at[k] = 0;
        }
    }
    std::string file = path("large.npy");
    if (hdf5) {
        file = path("large.h5");
        Hdf5File::create(file).write<float>("/x", values, shape);
    } else {
        std::string bytes = npyHeader("<f4", false, shape);
        bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * 4);
        write("large.npy", bytes);
    }
    ImportOptions options;
    options.layout = layout.toStdString();
    const Imported in = import(file, options);
    QCOMPARE(in.states.n0, 2107);
    std::int64_t wrong = 0;
    for (std::int64_t n = 0; n < in.states.n0; ++n)
        for (std::int64_t p = 0; p < in.states.n1; ++p)
            for (std::int64_t u = 0; u < in.states.n2; ++u)
                wrong += in.states.at(n, p)[u] == planted(n, p, u) ? 0 : 1;
    QCOMPARE(wrong, 0);
}

void TestTraceImport::numbersInNamesAreNumbers() {
    QVERIFY(naturalLess("resid.2", "resid.10"));
    QVERIFY(!naturalLess("resid.10", "resid.2"));
    QVERIFY(naturalLess("l9.mlp", "l10.attn"));
    QVERIFY(naturalLess("l010", "l11"));
    QVERIFY(naturalLess("a99999999999999999999998", "a99999999999999999999999"));
    QVERIFY(naturalLess("a", "a0"));
    QVERIFY(naturalLess("x01", "x1") != naturalLess("x1", "x01"));
    QVERIFY(!naturalLess("same1", "same1"));
    std::vector<std::pair<std::string, std::string>> entries;
    for (int i = 12; i >= 0; --i)
        entries.emplace_back("resid." + std::to_string(i) + ".npy", npyFilled({2, 3}, static_cast<float>(i)));
    ImportOptions options;
    options.layout = "row,unit";
    const Imported in = import(writeZip("many.npz", entries, true), options);
    for (int p = 0; p <= 12; ++p) QCOMPARE(in.states.at(1, p)[2], static_cast<float>(p));
}

void TestTraceImport::arraysBesideTheStatesAreLeftOut() {
    std::string ids = npyHeader("<i8", false, {2, 3});
    ids.append(48, '\0');
    const std::string file = writeZip("beside.npz",
                                      {{"token_ids.npy", ids},
                                       {"loss.npy", npyFilled({2})},
                                       {"acts.npy", npyFilled({2, 3, 4}, 5)},
                                       {"readme.txt", "hello"}},
                                      true);
    ImportOptions options;
    options.layout = "row,point,unit";
    const Imported in = import(file, options);
    QCOMPARE(in.states.n1, 3);
    QCOMPARE(in.states.data[0], 5.0F);
    QVERIFY(joined(in.outcome.notes).contains("1 other array "));
    QVERIFY(
        joined(in.outcome.warnings).contains("'token_ids' has the shape [2, 3] where [1, 2] was expected"));
    options.dataset = "token_ids";
    REFUSED(file, options, ErrorCode::Unsupported, "token_ids", "i8");
    options.dataset = "nothing";
    REFUSED(file, options, ErrorCode::NotFound, "nothing", "acts");
    options.dataset = "";
    options.tensors = "a*s";
    QCOMPARE(import(file, options).states.n1, 3);
    options.tensors = "[al]*";
    REFUSED(file, options, ErrorCode::Mismatch, "[2, 3, 4]", "[2]", "--tensors");
    options.tensors = "";
    options.dataset = "acts/residual";
    options.layout = "row,unit,point";
    QCOMPARE(import(fixtures + "units_last_is_not_point.h5", options).states.n1, 9);
}

void TestTraceImport::sitesNamePoints() {
    ImportOptions options;
    options.layout = "row,point,unit";
    const auto points = [&](int count, const std::string& sites) {
        options.sites = sites;
        return import(write("sites.npy", npyFilled({2, count, 3})), options).points();
    };
    QCOMPARE(points(5, "attn_in,mlp_in"),
             QStringList({"L00.attn_in", "L00.mlp_in", "L01.attn_in", "L01.mlp_in", "final"}));
    QCOMPARE(points(4, "attn_in, mlp_in").back(), "L01.mlp_in");
    QCOMPARE(points(3, "block_in"), QStringList({"L00.block_in", "L01.block_in", "L02.block_in"}));
    QCOMPARE(points(3, "block_in,final"), QStringList({"L00.block_in", "L01.block_in", "final"}));
    QCOMPARE(points(2, write("s.json", R"( ["L07.mlp_in", "final"])")), QStringList({"L07.mlp_in", "final"}));
    QCOMPARE(points(2, write("s.json", R"({"points": ["L07.block_in", "L09.block_in"]})")),
             QStringList({"L07.block_in", "L09.block_in"}));
    const std::string three = write("three.npy", npyFilled({2, 3, 3}));
    options.sites = "attn_in,mlp_in,final";
    REFUSED(write("four.npy", npyFilled({2, 4, 3})), options, ErrorCode::Mismatch, "4 points");
    options.sites = "attention";
    REFUSED(three, options, ErrorCode::InvalidArgument, "'attention'", "attn_in");
    options.sites = write("s.json", R"(["L00.attn_in"])");
    REFUSED(three, options, ErrorCode::Format, "1 points", "3 names");
    options.sites = write("s.json", R"(["L00.attn_in", 3, "final"])");
    REFUSED(three, options, ErrorCode::Format, "3 is no name");
    options.sites = write("s.json", std::string(100000, '['));
    REFUSED(three, options, ErrorCode::Format, "s.json");
}

void TestTraceImport::hdf5BehindABlockOfAnother() {
    QFile file(QString::fromStdString(fixtures + "units_last_is_not_point.h5"));
    QVERIFY(file.open(QIODevice::ReadOnly));
    // A user block, as MATLAB writes one: HDF5's own addresses count from its end.
    ImportOptions options;
    options.layout = "row,unit,point";
    const Imported in =
        import(write("user_block.mat", std::string(512, 'M') + file.readAll().toStdString()), options);
    QVERIFY(in.states.data == import(fixtures + "units_last_is_not_point.h5", options).states.data);
}

void TestTraceImport::ambiguousShapesAreRefused() {
    for (const char* file :
         {"fortran_f64.npy", "nan.npy", "units_last_is_not_point.h5", "points_bf16.safetensors"})
        REFUSED(fixtures + file, {}, ErrorCode::InvalidArgument, "--layout", "72", "48");
    ImportOptions options;
    options.layout = "row,unit";
    REFUSED(fixtures + "nan.npy", options, ErrorCode::InvalidArgument, "[72, 9, 48]", "3 axes", "row,unit");
    options.layout = "point,row,unit";
    REFUSED(fixtures + "points_bf16.safetensors", options, ErrorCode::InvalidArgument, "2 axes");
    for (const char* layout :
         {"row,point", "point,unit", "row,row,unit", "row,points,unit", "", ",", "row,,unit"}) {
        if (*layout == '\0') continue;
        options.layout = layout;
        REFUSED(fixtures + "nan.npy", options, ErrorCode::InvalidArgument, "--layout");
    }
    const std::string several =
        writeZip("several.npz", {{"a.npy", npyFilled({2, 3, 4})}, {"b.npy", npyFilled({2, 3, 4})}}, false);
    options.layout = "row,point,unit";
    REFUSED(several, options, ErrorCode::InvalidArgument, "one of 2 arrays", "--tensors");
}

void TestTraceImport::picklesAreRefusedWithTheWayOut() {
    using namespace std::string_literals;
    const QStringList wayOut{"torch.load", "weights_only=True", "save_file", "rheo import"};
    const std::vector<std::string> files{
        write("a.pkl", "\x80\x04\x95\x10"s),
        write("old.pt",
              "\x80\x02\x8a\nl\xfc\x9c"
              "F\xf9 j\xa8P\x19."s),
        write("zero.pkl", "(lp0\nI1\na."s),
        write("pytorch_model.bin", "cposix\nsystem\n"s),
        writeZip("new.pt", {{"archive/data.pkl", "\x80\x02."s}, {"archive/data/0", "1234"}}, false),
        write("objects.npy", npyHeader("|O", false, {3}) + "\x80\x04."s)};
    for (const auto& file : files) {
        REFUSED(file, {}, ErrorCode::Unsupported, wayOut[0], wayOut[1], wayOut[2], wayOut[3]);
        try {
            import(file);
        } catch (const Error& error) {
            QVERIFY(QString(error.what()).count('\n') >= 10);
        }
    }
}

void TestTraceImport::wrongInputIsRefused() {
    REFUSED(path("absent.npy"), {}, ErrorCode::NotFound, "absent.npy");
    REFUSED(m_dir.path().toStdString(), {}, ErrorCode::Format, "folder");
    REFUSED(write("text.txt", "hello, world, this is text"), {}, ErrorCode::Format, "none of");
    REFUSED(write("empty.npy", ""), {}, ErrorCode::Format, "empty");
    REFUSED(write("short.npy", "\x93NUMPY"), {}, ErrorCode::Format, "short.npy");
    REFUSED(RHEO_FIXTURES "/golden/small.rheo.h5", {}, ErrorCode::InvalidArgument, "trace already");
    ImportOptions options;
    options.layout = "row,point,unit";
    std::string integers = npyHeader("<i4", false, {2, 2, 2});
    integers.append(32, '\0');
    REFUSED(write("integers.npy", integers), options, ErrorCode::Unsupported, "<i4", "float32");
    std::string complexes = npyHeader("<c8", false, {1, 1, 1});
    complexes.append(8, '\0');
    REFUSED(write("complex.npy", complexes), options, ErrorCode::Unsupported, "c8");
    REFUSED(write("none.npy", npyFilled({0, 2, 2})), options, ErrorCode::Format, "empty");
    write("taken.rheo.h5", "there");
    Progress progress;
    QVERIFY_EXCEPTION_THROWN(
        importTrace(fixtures + "hf_hidden_states.npy", path("taken.rheo.h5"), {}, progress), Error);
    QVERIFY(QFile(QString::fromStdString(path("taken.rheo.h5"))).size() == 5);
}

void TestTraceImport::damagedArraysAreRefused_data() {
    QTest::addColumn<QByteArray>("bytes");
    const auto add = [](const char* name, const std::string& bytes) {
        QTest::newRow(name) << QByteArray::fromStdString(bytes);
    };
    const std::string good = npyFilled({2, 3, 4});
    add("cut off", good.substr(0, good.size() - 1));
    add("cut off in the header", good.substr(0, 40));
    add("longer", good + "x");
    add("overflowing shape", npyHeader("<f4", false, {4294967296, 4294967296, 4}) + "xxxx");
    add("vast shape", npyHeader("<f4", false, {1048576, 1048576, 16}) + "xxxx");
    add("negative shape", npyHeader("<f4", false, {-2, -3, 4}) + std::string(96, 'x'));
    std::string header = good;
    header[9] = '\x7f';
    add("header beyond the file", header);
    header = good;
    header[6] = 9;
    add("unknown version", header);
    const auto withLiteral = [](const std::string& literal) {
        std::string bytes("\x93NUMPY\x01\x00", 8);
        bytes += static_cast<char>(literal.size() & 0xff);
        bytes += static_cast<char>(literal.size() >> 8);
        return bytes + literal + std::string(96, '\0');
    };
    add("no literal", withLiteral("import os"));
    add("no shape", withLiteral("{'descr': '<f4', 'fortran_order': False, }"));
    add("key twice",
        withLiteral("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,3,4)}"));
    add("shape of texts", withLiteral("{'descr': '<f4', 'fortran_order': False, 'shape': ('a',)}"));
    add("shape too large for a number",
        withLiteral("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}"));
    add("open brackets", withLiteral("{'descr': " + std::string(60000, '[')));
    add("open shape", withLiteral("{'descr': '<f4', 'fortran_order': False, 'shape': (2,"));
    add("open text", withLiteral("{'descr': '<f4"));
    std::string ones = "{'descr': '<f4', 'fortran_order': False, 'shape': (24,";
    for (int i = 0; i < 100; ++i) ones += "1,";
    add("a hundred axes", withLiteral(ones + ")}"));
}

void TestTraceImport::damagedArraysAreRefused() {
    QFETCH(QByteArray, bytes);
    ImportOptions options;
    options.layout = "row,point,unit";
    REFUSED(write("damaged.npy", bytes.toStdString()), options, ErrorCode::Format, "damaged.npy");
    // The same array in an archive, stored and compressed.
    for (const bool compressed : {false, true})
        REFUSED(writeZip("damaged.npz", {{"x.npy", bytes.toStdString()}}, compressed), options,
                ErrorCode::Format, "damaged.npz", "'x'");
}

void TestTraceImport::damagedArchivesAreRefused_data() {
    QTest::addColumn<bool>("compressed");
    QTest::addColumn<int>("what");
    const char* names[] = {"cut off",          "size claimed in the list",
                           "encrypted",        "unknown compression",
                           "checksum",         "damaged data",
                           "no list",          "no arrays",
                           "offset beyond it", "vast size in 64 bits"};
    for (const bool compressed : {false, true})
        for (int i = 0; i < 10; ++i)
            QTest::addRow("%s, %s", names[i], compressed ? "compressed" : "stored") << compressed << i;
}

void TestTraceImport::damagedArchivesAreRefused() {
    QFETCH(bool, compressed);
    QFETCH(int, what);
    const std::string file =
        writeZip("damaged.npz", {{what == 7 ? "x.txt" : "x.npy", npyFilled({20, 30, 40})}}, compressed);
    QFile opened(QString::fromStdString(file));
    QVERIFY(opened.open(QIODevice::ReadOnly));
    std::string bytes = opened.readAll().toStdString();
    opened.close();
    // The central directory's entry: flags at 8, method at 10, CRC at 16, sizes at 20 and 24, offset at 42.
    const auto entry = bytes.find("PK\x01\x02");
    QVERIFY(entry != std::string::npos);
    const auto put = [&](std::size_t offset, std::uint32_t value, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) bytes[entry + offset + i] = static_cast<char>(value >> 8 * i);
    };
    switch (what) {
        case 0: bytes.resize(bytes.size() / 2); break;
        case 1: put(24, 0x7fffffff, 4); break;
        case 2: put(8, 1, 2); break;
        case 3: put(10, 12, 2); break;
        case 4: put(16, 0x12345678, 4); break;
        case 5: bytes[entry / 2] = static_cast<char>(bytes[entry / 2] ^ 0x55); break;
        case 6: bytes.resize(bytes.size() - 10); break;
        case 8: put(42, 0x7ffffff0, 4); break;
        case 9:
            put(20, 0xfffffff0, 4);
            put(24, 0xfffffff0, 4);
            break;
        default: break;
    }
    ImportOptions options;
    options.layout = "row,point,unit";
    REFUSED(write("damaged.npz", bytes), options, ErrorCode::Format, "damaged.npz");
}

void TestTraceImport::hdf5ThatClaimsTooMuchIsRefused() {
    ImportOptions options;
    options.layout = "row,point,unit";
    {
        Hdf5File file = Hdf5File::create(path("claims.h5"));
        file.createDataset<float>("/x", {1 << 20, 64, 4096}, {{1, 64, 64}, false});
        file.close();
    }
    REFUSED(path("claims.h5"), options, ErrorCode::Format, "/x", "does not hold");
    {
        Hdf5File file = Hdf5File::create(path("chunks.h5"));
        file.createDataset<float>("/x", {1 << 10, 1 << 10, 1 << 10}, {{1 << 10, 1 << 10, 1 << 8}, false});
        file.close();
    }
    REFUSED(path("chunks.h5"), options, ErrorCode::Format, "/x", "chunks");
    {
        Hdf5File file = Hdf5File::create(path("groups.h5"));
        file.makeGroup("/a/b");
        file.close();
    }
    REFUSED(path("groups.h5"), options, ErrorCode::Format, "holds no arrays");
    {
        Hdf5File file = Hdf5File::create(path("wide.h5"));
        file.createDataset<float>("/x", {1, 200'000'000}, {{1, 1 << 20}, false});
        const float one = 1;
        file.writeBox("/x", {0, 0}, {1, 1}, &one);
        file.close();
    }
    options.layout = "row,unit";
    REFUSED(path("wide.h5"), options, ErrorCode::Unsupported, "no model has");
    options.layout = "unit,row";
    REFUSED(path("wide.h5"), options, ErrorCode::Unsupported, "rows");
}

void TestTraceImport::outputAppearsWholeOrNotAtAll() {
    // Cancelled from within: at the first report after the output was laid out.
    std::stop_source source;
    const std::string input = write("x.npy", npyFilled({40, 6, 50}));
    write("out.rheo.h5", "what was there before");
    const auto before = QDir(m_dir.path()).entryList(QDir::Files | QDir::Hidden);
    Progress progress(source.get_token(), [&](const ProgressReport& report) {
        if (report.stage == "importing") source.request_stop();
    });
    ImportOptions options;
    options.layout = "row,point,unit";
    options.ifExists = IfExists::Replace;
    QVERIFY_EXCEPTION_THROWN(importTrace(input, path("out.rheo.h5"), options, progress), Cancelled);
    QCOMPARE(QDir(m_dir.path()).entryList(QDir::Files | QDir::Hidden), before);
    QCOMPARE(QFile(QString::fromStdString(path("out.rheo.h5"))).size(), 21);
    REFUSED(
        input,
        [] {
            ImportOptions o;
            o.layout = "row,point,unit";
            o.sites = "attn_in,mlp_in,block_in,final";
            return o;
        }(),
        ErrorCode::Mismatch, "6 points");
}

void TestTraceImport::masksLeaveOutPaddedTokens_data() {
    QTest::addColumn<QString>("dtype");
    QTest::addColumn<bool>("compressed");
    for (const char* dtype : {"<i8", "<i4", "|b1", "|u1"})
        for (const bool compressed : {false, true})
            QTest::addRow("%s %s", dtype, compressed ? "compressed" : "stored") << dtype << compressed;
}

void TestTraceImport::masksLeaveOutPaddedTokens() {
    QFETCH(QString, dtype);
    QFETCH(bool, compressed);
    const std::string mask = npyIntegers(dtype.toStdString(), {3, 5}, maskOfThree);
    const Imported in = import(
        writeZip("masked.npz", {{"hidden_states.npy", npyStack(4, 3, 5, 6)}, {"attention_mask.npy", mask}},
                 compressed));
    QVERIFY(in.info.rows == rowsOfThree);
    QCOMPARE(in.info.samples.size(), std::size_t{3});
    QCOMPARE(in.states.n1, 3);  // the last of hidden_states is normed
    QCOMPARE(wrongStates(in.states, keptOfThree), QString());
    QVERIFY2(joined(in.outcome.notes).contains("'attention_mask': 12 of 15 tokens stay"),
             qPrintable(joined(in.outcome.notes)));
    QVERIFY(joined(in.outcome.notes).contains("1 of 3 samples are padded on the left"));
    QVERIFY(joined(in.outcome.notes).contains("3 samples of 3 to 5 tokens"));
    QVERIFY(in.info.origin.find("12 of 15 tokens stay") != std::string::npos);
}

void TestTraceImport::masksFromElsewhere() {
    const std::string states = write("padded.npy", npyStack(4, 3, 5, 6));
    const std::string mask = npyIntegers("<i8", {3, 5}, maskOfThree);
    const std::string alone = write("mask.npy", mask);
    const std::string named = writeZip(
        "masks.npz", {{"first.npy", npyIntegers("<i8", {3, 5}, std::vector<int>(15, 1))}, {"real.npy", mask}},
        true);
    ImportOptions options;
    options.layout = "point,batch,row,unit";
    for (const std::string& where : {alone, named + ":real"}) {
        options.mask = where;
        const Imported in = import(states, options);
        QVERIFY(in.info.rows == rowsOfThree);
        QCOMPARE(wrongStates(in.states, keptOfThree), QString());
    }
    // A mask is an input: it is not replaced.
    options.mask = named + ":real";
    options.ifExists = IfExists::Replace;
    Progress progress;
    QVERIFY_EXCEPTION_THROWN(importTrace(states, named, options, progress), Error);
    options.ifExists = IfExists::Refuse;
    options.mask = named;
    REFUSED(states, options, ErrorCode::NotFound, "masks.npz", "first, real");
    options.mask = path("absent.npz:x");
    REFUSED(states, options, ErrorCode::NotFound, "absent.npz");
    // An array of the input under another name; and none although there is one.
    const std::string beside = writeZip(
        "beside.npz", {{"acts.npy", npyStack(4, 3, 5, 6)}, {"keep.npy", mask}, {"attention_mask.npy", mask}},
        false);
    options.mask = "keep";
    QVERIFY(import(beside, options).info.rows == rowsOfThree);
    options.mask = "none";
    QCOMPARE(import(beside, options).states.n0, 15);
    // Without an axis for samples, the rows are the tokens of one.
    options = {};
    options.layout = "row,point,unit";
    options.mask = write("short.npy", npyIntegers("|b1", {5}, {0, 1, 1, 1, 0}));
    const Imported one =
        import(write("one.npy", npyOf({{"row", 5}, {"point", 3}, {"unit", 4}}, "<f4", false,
                                      [](const Coordinates& at) {
                                          return planted(at.at("row"), at.at("point"), at.at("unit"));
                                      })),
               options);
    QVERIFY(one.info.rows == (std::vector<TraceRow>{{0, 0, -1}, {0, 1, -1}, {0, 2, -1}}));
    QCOMPARE(wrongStates(one.states, {1, 2, 3}), QString());
}

void TestTraceImport::wrongMasksAreRefused() {
    const auto with = [&](const std::vector<std::int64_t>& shape, const std::vector<int>& values) {
        return writeZip("wrong.npz",
                        {{"hidden_states.npy", npyStack(4, 3, 5, 6)},
                         {"attention_mask.npy", npyIntegers("<i8", shape, values)}},
                        false);
    };
    std::vector<int> values = maskOfThree;
    values[12] = 0;
    REFUSED(with({3, 5}, values), {}, ErrorCode::Format, "'attention_mask' has a hole", "sample 2", "token 2",
            "token 3", "--mask none");
    values[12] = 2;
    REFUSED(with({3, 5}, values), {}, ErrorCode::Format, "'attention_mask' holds 2", "sample 2");
    REFUSED(with({5, 3}, maskOfThree), {}, ErrorCode::Mismatch, "'attention_mask'", "[5, 3]", "[3, 5]");
    REFUSED(with({15}, maskOfThree), {}, ErrorCode::Mismatch, "'attention_mask'", "[15]");
    REFUSED(with({3, 5}, std::vector<int>(15, 0)), {}, ErrorCode::Format, "'attention_mask' leaves no token");
    values = maskOfThree;
    std::fill(values.begin(), values.begin() + 5, 0);
    const Imported in = import(with({3, 5}, values));
    QVERIFY(joined(in.outcome.warnings).contains("1 of 3 samples have no token"));
    QCOMPARE(in.info.rows.front().sample, 1);
}

void TestTraceImport::lengthsCutOrSplitSamples() {
    const Imported cut = import(writeZip(
        "cut.npz",
        {{"hidden_states.npy", npyStack(4, 3, 5, 6)}, {"lengths.npy", npyIntegers("<i8", {3}, {2, 5, 1})}},
        false));
    QVERIFY(
        cut.info.rows ==
        (std::vector<TraceRow>{
            {0, 0, -1}, {0, 1, -1}, {1, 0, -1}, {1, 1, -1}, {1, 2, -1}, {1, 3, -1}, {1, 4, -1}, {2, 0, -1}}));
    QCOMPARE(wrongStates(cut.states, {0, 1, 5, 6, 7, 8, 9, 10}), QString());
    // All tokens one after the other.
    ImportOptions options;
    options.layout = "batch,row,point,unit";
    const auto packed = [&](const std::vector<int>& lengths, const std::string& layout) {
        options.layout = layout;
        return writeZip("packed.npz",
                        {{"acts.npy", npyOf({{"row", 6}, {"point", 3}, {"unit", 4}}, "<f4", false,
                                            [](const Coordinates& at) {
                                                return planted(at.at("row"), at.at("point"), at.at("unit"));
                                            })},
                         {"lengths.npy", npyIntegers("<i4", {std::int64_t(lengths.size())}, lengths)}},
                        true);
    };
    const Imported split = import(packed({3, 1, 2}, "row,point,unit"), options);
    QVERIFY(split.info.rows ==
            (std::vector<TraceRow>{{0, 0, -1}, {0, 1, -1}, {0, 2, -1}, {1, 0, -1}, {2, 0, -1}, {2, 1, -1}}));
    QCOMPARE(wrongStates(split.states, {0, 1, 2, 3, 4, 5}), QString());
    const std::string other = packed({3, 1, 1}, "row,point,unit");
    REFUSED(other, options, ErrorCode::Mismatch, "'lengths' has 3 values (sum 5)", "6 tokens");
    // Lengths and a mask that say something else.
    REFUSED(writeZip("two.npz",
                     {{"hidden_states.npy", npyStack(4, 3, 5, 6)},
                      {"attention_mask.npy", npyIntegers("<i8", {3, 5}, maskOfThree)},
                      {"lengths.npy", npyIntegers("<i8", {3}, {3, 5, 5})}},
                     false),
            {}, ErrorCode::Mismatch, "'lengths' says 5 tokens for sample 1", "it has 4");
}

void TestTraceImport::samplesMayHaveTheirOwnLengths() {
    // Each sample's rows are planted as rows 10 s, 10 s + 1, ...
    const auto sample = [](std::int64_t s, std::int64_t tokens) {
        return npyOf({{"point", 3}, {"row", tokens}, {"unit", 8}}, "<f4", false, [s](const Coordinates& at) {
            return planted(10 * s + at.at("row"), at.at("point"), at.at("unit"));
        });
    };
    const std::vector<TraceRow> rows{{0, 0, -1}, {0, 1, -1}, {1, 0, -1}, {1, 1, -1}, {1, 2, -1}, {2, 0, -1}};
    const std::vector<std::int64_t> kept{0, 1, 10, 11, 12, 100};
    for (const char* stem : {"sample_", "prompt.", "Text-"}) {
        const std::string name = stem;
        const Imported in = import(writeZip("ragged.npz",
                                            {{name + "10.npy", sample(10, 1)},
                                             {name + "0.npy", sample(0, 2)},
                                             {name + "1.npy", sample(1, 3)}},
                                            true));
        QVERIFY(in.info.rows == rows);
        QCOMPARE(in.states.n1, 3);
        QCOMPARE(wrongStates(in.states, kept), QString());
        QVERIFY(joined(in.outcome.notes).contains("3 samples with arrays of their own"));
    }
    // numpy.savez of a list: each array is a sample because it has an axis of points.
    ImportOptions options;
    options.layout = "point,row,unit";
    const Imported list = import(
        writeZip("list.npz", {{"arr_0.npy", sample(0, 2)}, {"arr_1.npy", sample(1, 3)}}, false), options);
    QCOMPARE(wrongStates(list.states, {0, 1, 10, 11, 12}), QString());
    QCOMPARE(wrongStates(import(path("list.npz")).states, {0, 1, 10, 11, 12}), QString());
    // A group a sample and a dataset a layer.
    {
        Hdf5File file = Hdf5File::create(path("groups.h5"));
        for (const std::int64_t s : {0, 1})
            for (std::int64_t layer = 0; layer < 11; ++layer) {
                std::vector<float> values;
                for (std::int64_t t = 0; t < s + 2; ++t)
                    for (std::int64_t u = 0; u < 8; ++u) values.push_back(planted(10 * s + t, layer, u));
                file.write<float>("/prompt_" + std::to_string(s) + "/layer_" + std::to_string(layer), values,
                                  {s + 2, 8});
            }
        file.close();
    }
    const Imported groups = import(path("groups.h5"));
    QCOMPARE(groups.states.n1, 11);
    QCOMPARE(wrongStates(groups.states, {0, 1, 10, 11, 12}), QString());
    // A mask and ids for each.
    const Imported masked =
        import(writeZip("own.npz",
                        {{"sample_0.hidden_states.npy", sample(0, 4)},
                         {"sample_1.hidden_states.npy", sample(1, 3)},
                         {"sample_0.attention_mask.npy", npyIntegers("<i8", {1, 4}, {0, 1, 1, 1})},
                         {"sample_1.input_ids.npy", npyIntegers("<i8", {1, 3}, {7, 8, 9})}},
                        false));
    QVERIFY(masked.info.rows ==
            (std::vector<TraceRow>{{0, 0, -1}, {0, 1, -1}, {0, 2, -1}, {1, 0, 7}, {1, 1, 8}, {1, 2, 9}}));
    QCOMPARE(wrongStates(masked.states, {1, 2, 3, 10, 11, 12}), QString());
}

void TestTraceImport::samplesThatDoNotFitAreRefused() {
    const auto two = [&](const std::string& a, const std::vector<std::int64_t>& shapeA, const std::string& b,
                         const std::vector<std::int64_t>& shapeB) {
        return writeZip("two.npz", {{a + ".npy", npyFilled(shapeA)}, {b + ".npy", npyFilled(shapeB)}}, false);
    };
    REFUSED(two("sample_0", {3, 4, 8}, "sample_1", {3, 5, 9}), {}, ErrorCode::InvalidArgument, "--layout");
    ImportOptions options;
    options.layout = "point,row,unit";
    REFUSED(two("sample_0", {3, 4, 8}, "sample_1", {3, 5, 9}), options, ErrorCode::Mismatch, "[3, 4, 8]",
            "[3, 5, 9]");
    REFUSED(two("sample_0", {3, 4, 8}, "sample_1", {4, 8}), options, ErrorCode::Mismatch, "other axes");
    REFUSED(two("sample_0.layer_1", {4, 8}, "sample_1.layer_2", {4, 8}), {}, ErrorCode::Mismatch, "sample 0",
            "layer_1");
    REFUSED(two("layer_0", {4, 8}, "layer_1", {5, 8}), {}, ErrorCode::Mismatch, "[5, 8]", "sample_0");
}

void TestTraceImport::namesOfSamplesAreTold() {
    const auto told = [](const char* name) {
        const auto sample = parseSampleName(name);
        return sample ? QString::fromStdString(sample->sample + "|" + sample->rest) : QString();
    };
    QCOMPARE(told("sample_12"), "12|");
    QCOMPARE(told("/prompt_3/layer_12"), "3|layer_12");
    QCOMPARE(told("layer_12/prompt_3"), "3|layer_12");
    QCOMPARE(told("prompts/3/blocks.0.hook_resid_pre"), "3|blocks.0.hook_resid_pre");
    QCOMPARE(told("seq007"), "007|");
    for (const char* name :
         {"context_3", "sample", "samples", "resid.3", "hidden_states_3", "sample_x", "texture3"})
        QVERIFY2(told(name).isEmpty(), name);
    QVERIFY(sideRole("inputs/attention_mask") == SideRole::Mask);
    QVERIFY(sideRole("sample_3.input_ids") == SideRole::TokenIds);
    QVERIFY(sideRole("Lengths") == SideRole::Lengths);
    QVERIFY(sideRole("attention_mask_like") == SideRole::None);
    QVERIFY((missingNumbers({"r.1", "r.4", "r.2"}) == std::vector<std::int64_t>{3}));
    QVERIFY(missingNumbers({"a", "r.4"}).empty());
    // Numbers in names may be any: what is missing between them is not listed without end.
    QCOMPARE(missingNumbers({"r.1", "r.900000000"}).size(), std::size_t{100'000});
    QCOMPARE(missingPoints({{0, Site::AttnIn}, {std::numeric_limits<int>::max(), Site::AttnIn}}).size(),
             std::size_t{100'000});
}

void TestTraceImport::tokenIdsAreTaken() {
    std::vector<int> ids;
    for (int i = 0; i < 15; ++i) ids.push_back(100 + i);
    const auto with = [&](const std::vector<std::int64_t>& shape, const std::vector<int>& values) {
        return writeZip("ids.npz",
                        {{"hidden_states.npy", npyStack(4, 3, 5, 6)},
                         {"attention_mask.npy", npyIntegers("<i8", {3, 5}, maskOfThree)},
                         {"input_ids.npy", npyIntegers("<i8", shape, values)}},
                        false);
    };
    const Imported in = import(with({3, 5}, ids));
    for (std::size_t n = 0; n < keptOfThree.size(); ++n)
        QCOMPARE(in.info.rows[n].tokenId, static_cast<std::int32_t>(100 + keptOfThree[n]));
    QVERIFY((in.info.samples[1].tokenIds == std::vector<std::int32_t>{105, 106, 107, 108}));
    QVERIFY(joined(in.outcome.notes).contains("'input_ids' are the token ids"));
    const Imported turned = import(with({5, 3}, ids));
    QCOMPARE(turned.info.rows[0].tokenId, -1);
    QVERIFY(joined(turned.outcome.warnings)
                .contains("'input_ids' has the shape [5, 3] where [3, 5] was expected"));
    ids[3] = -100;
    QVERIFY(joined(import(with({3, 5}, ids)).outcome.warnings)
                .contains("'input_ids' holds -100 for token 1 of sample 0"));
}

void TestTraceImport::bfloat16WithoutItsName() {
    const std::vector<std::pair<std::string, std::int64_t>> axes{{"row", 5}, {"point", 4}, {"unit", 6}};
    ImportOptions options;
    options.layout = "row,point,unit";
    for (const char* dtype : {"<u2", ">u2", "<i2"}) {
        std::string bits = npyOf(axes, std::string(1, dtype[0]) + "V2", false, [](const Coordinates& at) {
            return planted(at.at("row"), at.at("point"), at.at("unit"));
        });
        bits.replace(bits.find("V2"), 2, dtype + 1);
        options.dtypeOf = "";
        REFUSED(write("bits.npy", bits), options, ErrorCode::Unsupported, "'bits'", "int16",
                "--dtype-of bfloat16");
        options.dtypeOf = "bfloat16";
        const Imported in = import(path("bits.npy"), options);
        QVERIFY(in.info.bfloat16);
        QCOMPARE(wrongStates(in.states, {0, 1, 2, 3, 4}), QString());
    }
    // Two bytes of no type are bfloat16 unless said otherwise.
    const std::string half = npyOf(axes, "<f2", false, [](const Coordinates& at) {
        return planted(at.at("row"), at.at("point"), at.at("unit"));
    });
    std::string untyped = half;
    untyped.replace(untyped.find("<f2"), 3, "|V2");
    options.dtypeOf = "float16";
    QCOMPARE(wrongStates(import(write("untyped.npy", untyped), options).states, {0, 1, 2, 3, 4}), QString());
    // HDF5: 16-bit integers, signed too, and an opaque type that h5py made.
    std::vector<std::uint16_t> values;
    for (std::int64_t n = 0; n < 5; ++n)
        for (std::int64_t p = 0; p < 4; ++p)
            for (std::int64_t u = 0; u < 6; ++u) values.push_back(toBfloat16(planted(n, p, u)));
    {
        Hdf5File file = Hdf5File::create(path("bits.h5"));
        file.write<std::uint16_t>("/states", values, {5, 4, 6});
        file.close();
    }
    options.dtypeOf = "";
    REFUSED(path("bits.h5"), options, ErrorCode::Unsupported, "/states", "uint16", "--dtype-of bfloat16");
    options.dtypeOf = "bfloat16";
    QCOMPARE(wrongStates(import(path("bits.h5"), options).states, {0, 1, 2, 3, 4}), QString());
    options.dtypeOf = "";
    const Imported opaque = import(fixtures + "opaque.h5", options);
    QVERIFY(opaque.info.bfloat16);
    QCOMPARE(wrongStates(opaque.states, {0, 1, 2, 3, 4, 5}), QString());
    QVERIFY(joined(opaque.outcome.notes).contains("--dtype-of"));
    options.dtypeOf = "float8";
    REFUSED(path("bits.h5"), options, ErrorCode::InvalidArgument, "float8");
}

void TestTraceImport::otherTypesAreLeftOutByName() {
    ImportOptions options;
    options.layout = "row,point,unit";
    const std::vector<std::pair<std::string, std::string>> others{
        {"prompts.npy", npyHeader("|O", false, {2}) + "\x80\x04."},
        {"words.npy", npyHeader("<U2", false, {2}) + std::string(16, 'a')},
        {"waves.npy", npyHeader("<c8", false, {1, 2, 1}) + std::string(16, 'a')},
        {"labels.npy", npyIntegers("<i8", {2, 2}, {1, 2, 3, 4})},
    };
    auto entries = others;
    entries.emplace_back("acts.npy", npyFilled({2, 3, 4}, 5));
    const Imported in = import(writeZip("beside.npz", entries, true), options);
    QCOMPARE(in.states.n2, 4);
    const QString notes = joined(in.outcome.notes);
    for (const char* said : {"4 other arrays", "'prompts' (Python objects", "'words' (text",
                             "'waves' (complex", "'labels' (int64"})
        QVERIFY2(notes.contains(said), qPrintable(notes));
    options.tensors = "*";
    QCOMPARE(import(path("beside.npz"), options).states.n2, 4);
    REFUSED(writeZip("only.npz", {others[0]}, false), {}, ErrorCode::Unsupported, "pickled", "torch.load");
    REFUSED(writeZip("only.npz", {others[1], others[3]}, false), {}, ErrorCode::Unsupported, "'words' (text",
            "'labels' (int64");
    const std::string header =
        R"({"a":{"dtype":"F8_E4M3","shape":[2,3,4],"data_offsets":[0,24]},"b":{"dtype":"I64","shape":[1],"data_offsets":[24,32]},"x":{"dtype":"F32","shape":[1,2,3],"data_offsets":[32,56]},"y":{"dtype":"F4","shape":[2,4],"data_offsets":[56,60]},"z":{"dtype":"C64","shape":[1],"data_offsets":[60,68]}})";
    std::string file(8, '\0');
    file[0] = static_cast<char>(header.size() & 0xff);
    file[1] = static_cast<char>(header.size() >> 8);
    options.tensors = "";
    const Imported tensors =
        import(write("eight.safetensors", file + header + std::string(68, '\0')), options);
    QCOMPARE(tensors.states.n2, 3);
    QVERIFY(joined(tensors.outcome.notes)
                .contains("'a' (F8_E4M3, [2, 3, 4]), 'b' (I64, [1]), 'y' (F4, [2, 4]), 'z' (C64, [1])"));
    // The length of the header comes first, and may begin as a pickle does (0x80, protocol 2 to 5).
    for (const std::size_t length : {0x280U, 0x380U, 0x480U, 0x580U}) {
        std::string padded = header + std::string(length - header.size(), ' ');
        file[0] = static_cast<char>(length & 0xff);
        file[1] = static_cast<char>(length >> 8);
        QCOMPARE(
            import(write("padded.safetensors", file + padded + std::string(68, '\0')), options).states.n2, 3);
    }
    REFUSED(write("empty.safetensors", std::string("\x02\0\0\0\0\0\0\0{}", 10) + "      "), {},
            ErrorCode::Format, "empty.safetensors");
    REFUSED(write("none.safetensors", std::string("\x08\0\0\0\0\0\0\0{}      ", 16)), {}, ErrorCode::Format,
            "holds no arrays");
    REFUSED(write("empty.npz", std::string("PK\x05\x06") + std::string(18, '\0')), {}, ErrorCode::Format,
            "holds no arrays");
}

void TestTraceImport::lzfIsRead() {
    ImportOptions options;
    options.layout = "row,point,unit";
    const Imported in = import(fixtures + "lzf.h5", options);
    QCOMPARE(wrongStates(in.states, {0, 1, 2, 3, 4, 5}), QString());
    // By hand: three bytes as they are; 1 + 2 back by 3; 7 + 2 + 5 back by 1.
    const std::string packed{2, 'a', 'b', 'c', 1 << 5, 2, char(7 << 5), 5, 0};
    const auto bytes = std::as_bytes(std::span(packed));
    QCOMPARE(lzfUnpackedBytes(bytes), std::optional<std::size_t>(20));
    std::string out(20, '?');
    unpackLzf(bytes, std::as_writable_bytes(std::span(out)));
    QCOMPARE(out, "abcabc" + std::string(14, 'c'));
}

void TestTraceImport::damagedLzfIsRefused() {
    const auto size = [](const std::string& packed) {
        return lzfUnpackedBytes(std::as_bytes(std::span(packed)));
    };
    QVERIFY(!size({2, 'a', 'b'}));              // cut off within bytes
    QVERIFY(!size({0, 'a', 1 << 5}));           // within a copy
    QVERIFY(!size({0, 'a', char(7 << 5), 5}));  // within a long copy
    QVERIFY(!size({0, 'a', 1 << 5, 1}));        // from before the beginning
    QVERIFY(size({0, 'a', 1 << 5, 0}) == std::size_t{4});
    // Whatever the bytes are: refused, or unpacked within bounds.
    std::uint32_t state = 7;
    int accepted = 0;
    for (int i = 0; i < 2000; ++i) {
        std::string packed;
        for (int k = 0; k < 1 + i % 40; ++k) {
            state = state * 1664525 + 1013904223;
            // Mostly short literal runs and short copies, so that many are whole.
            packed += static_cast<char>(state >> 28 < 12 ? state >> 30 : state >> 24);
        }
        const auto bytes = size(packed);
        if (!bytes) continue;
        ++accepted;
        std::vector<std::byte> out(*bytes);
        unpackLzf(std::as_bytes(std::span(packed)), out);
    }
    QVERIFY2(accepted > 50, qPrintable(QString::number(accepted)));
    // Bytes of the two stored chunks, which a checksum guards.
    QFile file(QString::fromStdString(fixtures + "lzf.h5"));
    QVERIFY(file.open(QIODevice::ReadOnly));
    const std::string good = file.readAll().toStdString();
    ImportOptions options;
    options.layout = "row,point,unit";
    for (std::size_t at = 4536; at < 4911; at += 25) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ 0x10);
        REFUSED(write("bad.h5", bad), options, ErrorCode::Io, "/states");
    }
}

void TestTraceImport::filtersAndLinksAreNamed() {
    ImportOptions options;
    options.layout = "row,point,unit";
    options.dataset = "/states";
    REFUSED(fixtures + "unknown_filter.h5", options, ErrorCode::Unsupported, "/states", "32008", "bitshuffle",
            "h5repack -f '/states:NONE'");
    options.dataset = "/beside";
    QCOMPARE(wrongStates(import(fixtures + "unknown_filter.h5", options).states, {0, 1}), QString());
    options.dataset = "";
    const Imported in = import(fixtures + "links.h5", options);
    QCOMPARE(wrongStates(in.states, {0, 1}), QString());
    for (const char* said : {"/latest (to /run/states)", "/gone (to /nowhere)",
                             "/other (to /states of the file lzf.h5)", "not followed"})
        QVERIFY2(joined(in.outcome.notes).contains(said), qPrintable(joined(in.outcome.notes)));
    options.dataset = "/latest";
    REFUSED(fixtures + "links.h5", options, ErrorCode::NotFound, "/latest (to /run/states)");
    REFUSED(fixtures + "only_a_link.h5", {}, ErrorCode::Format, "holds no arrays",
            "/states of the file lzf.h5", "not followed");
    // A lock that another program holds is no damage.
    const std::string locked = path("locked.h5");
    QVERIFY(QFile::copy(QString::fromStdString(fixtures + "links.h5"), QString::fromStdString(locked)));
    const int held = ::open(locked.c_str(), O_RDWR | O_CLOEXEC);
    QVERIFY(held >= 0 && ::flock(held, LOCK_EX) == 0);
    REFUSED(locked, {}, ErrorCode::Io, "another program has it open", "HDF5_USE_FILE_LOCKING");
    ::close(held);
}

void TestTraceImport::contradictionsAndGapsAreSaid() {
    const auto cache = [&](const std::vector<std::pair<std::string, float>>& hooks) {
        std::vector<std::pair<std::string, std::string>> entries;
        for (const auto& [name, value] : hooks)
            entries.emplace_back("blocks." + name + ".npy", npyFilled({1, 3, 4}, value));
        ImportOptions options;
        options.transformerLensUnprocessed = true;
        return joined(import(writeZip("cache.npz", entries, true), options).outcome.warnings);
    };
    const QString same = cache({{"0.hook_resid_pre", 1},
                                {"0.hook_resid_post", 2},
                                {"1.hook_resid_pre", 2},
                                {"1.hook_resid_post", 3}});
    QVERIFY2(!same.contains("contradiction") && !same.contains("missing"), qPrintable(same));
    const QString differ = cache({{"0.hook_resid_pre", 1},
                                  {"0.hook_resid_post", 3},
                                  {"1.hook_resid_pre", 2},
                                  {"1.hook_resid_post", 3}});
    QVERIFY2(differ.contains("1 of 1 pairs") && differ.contains("by 0.5 of their RMS"), qPrintable(differ));
    const QString gap = cache({{"0.hook_resid_pre", 1},
                               {"0.hook_resid_mid", 2},
                               {"0.hook_resid_post", 3},
                               {"2.hook_resid_pre", 4},
                               {"2.hook_resid_mid", 5},
                               {"2.hook_resid_post", 6}});
    QVERIFY2(gap.contains("missing: 1 of 7 points") && gap.contains("L01.mlp_in"), qPrintable(gap));
    std::vector<std::pair<std::string, std::string>> layers;
    for (const int layer : {0, 1, 5})
        layers.emplace_back("resid." + std::to_string(layer) + ".npy", npyFilled({2, 4}));
    ImportOptions options;
    options.layout = "row,unit";
    const QString numbers = joined(import(writeZip("layers.npz", layers, false), options).outcome.warnings);
    QVERIFY2(numbers.contains("missing: 3 of 6 points") && numbers.contains("number 2, number 3, number 4"),
             qPrintable(numbers));
}

void TestTraceImport::depthOfWhatIsNotFiniteIsSaid() {
    auto x = walk(10, 5, 16);
    const auto at = [&](int n, int p, int u) -> float& {
        return x[static_cast<std::size_t>((n * 5 + p) * 16 + u)];
    };
    at(3, 2, 1) = at(3, 2, 2) = at(4, 2, 0) = INFINITY;
    at(3, 4, 15) = NAN;
    ImportOptions options;
    options.layout = "row,point,unit";
    options.sites = "block_in";
    const Imported in = import(write("inf.npy", npyFloats({10, 5, 16}, x)), options);
    QCOMPARE(in.outcome.notFiniteByPoint.size(), std::size_t{2});
    QCOMPARE(in.outcome.notFiniteByPoint[0].point, "L02.block_in");
    QCOMPARE(in.outcome.notFiniteByPoint[0].infinities, 3);
    QCOMPARE(in.outcome.notFiniteByPoint[0].rows, 2);
    QCOMPARE(in.outcome.notFiniteByPoint[1].nans, 1);
    QVERIFY2(joined(in.outcome.warnings).contains("L02.block_in 3 in 2 rows, L04.block_in 1 in 1 row"),
             qPrintable(joined(in.outcome.warnings)));
    QVERIFY(in.info.origin.find("L02.block_in 3 in 2 rows") != std::string::npos);
}

void TestTraceImport::aLastPointThatLooksNormedIsSaid() {
    auto x = walk(20, 8, 64);
    ImportOptions options;
    options.layout = "row,point,unit";
    const auto warnings = [&] {
        return joined(import(write("last.npy", npyFloats({20, 8, 64}, x)), options).outcome.warnings);
    };
    QVERIFY2(warnings().isEmpty(), qPrintable(warnings()));
    for (std::size_t i = 0; i < x.size(); ++i)
        if (i / 64 % 8 == 7) x[i] *= 0.5F;
    const QString normed = warnings();
    QVERIFY2(normed.contains("P07, looks as if it were after the final norm") &&
                 normed.contains("--last-is-normed drop"),
             qPrintable(normed));
    options.lastIsNormed = LastIsNormed::Drop;
    QVERIFY(!warnings().contains("looks as if"));
}

void TestTraceImport::anAxisOrderThatLooksWrongIsSaid() {
    const auto x = walk(20, 12, 40);
    const auto warnings = [&](const std::vector<std::int64_t>& shape, const std::string& layout) {
        ImportOptions options;
        options.layout = layout;
        return joined(import(write("order.npy", npyFloats(shape, x)), options).outcome.warnings);
    };
    QVERIFY(!warnings({20, 12, 40}, "row,point,unit").contains("axis order"));
    QVERIFY(warnings({20, 12, 40}, "row,unit,point").contains("40 points of 12 units"));
    QVERIFY(warnings({20, 40, 12}, "batch,row,unit").contains("of 12 units, 40 tokens"));
    QVERIFY(warnings({20, 12, 40}, "point,row,unit").contains("rows and points look exchanged"));
    // More units than points all the same.
    const auto many = walk(3, 60, 50);
    ImportOptions options;
    options.layout = "row,unit,point";
    const QString values =
        joined(import(write("many.npy", npyFloats({3, 60, 50}, many)), options).outcome.warnings);
    QVERIFY2(values.contains("points and units look exchanged"), qPrintable(values));
}

void TestTraceImport::repeatedRowsAreCounted() {
    auto x = walk(12, 4, 16);
    ImportOptions options;
    options.layout = "row,point,unit";
    QCOMPARE(import(write("rows.npy", npyFloats({12, 4, 16}, x)), options).outcome.distinctRows, 12);
    std::copy_n(x.begin(), 64, x.begin() + 5 * 64);
    std::copy_n(x.begin(), 64, x.begin() + 7 * 64);
    const Imported in = import(write("rows.npy", npyFloats({12, 4, 16}, x)), options);
    QCOMPARE(in.outcome.distinctRows, 10);
    QVERIFY(joined(in.outcome.warnings)
                .contains("2 of 12 rows have the same states as another one (10 distinct)"));
    // A row that differs in one bit only is another one.
    x[5 * 64 + 63] = std::nextafter(x[63], 1e9F);
    QCOMPARE(import(write("rows.npy", npyFloats({12, 4, 16}, x)), options).outcome.distinctRows, 11);
}

RHEO_TEST(TestTraceImport)
#include "test_trace_import.moc"
