// Safetensors files: what is right is read, and each way of lying about the data is refused.
#include <QTemporaryDir>
#include <cstring>
#include <fstream>

#include "core/base/random.h"
#include "core/checkpoint/safetensors.h"
#include "expect_error.h"
#include "tests/test_main.h"

using namespace rheo;
using namespace rheo::test;

namespace {

std::string fileOf(const std::string& header, std::size_t dataBytes, std::uint64_t claimedLength) {
    std::string bytes;
    for (int i = 0; i < 8; ++i) bytes += static_cast<char>(claimedLength >> (8 * i));
    bytes += header;
    for (std::size_t i = 0; i < dataBytes; ++i) bytes += static_cast<char>(i);
    return bytes;
}
std::string fileOf(const std::string& header, std::size_t dataBytes) {
    return fileOf(header, dataBytes, header.size());
}

std::shared_ptr<const SafetensorsFile> parse(const std::string& bytes) {
    return SafetensorsFile::parse(std::as_bytes(std::span(bytes.data(), bytes.size())), "x.safetensors");
}

}  // namespace

class TestCheckpointSafetensors : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void readsTensors();
    void aLengthMayBeginLikeAPickle();
    void readsAMappedFile();
    void refuses_data();
    void refuses();
    void refusesAFolderAndNothing();
    void hugeHeaderClaimsAreCheap();
    void mutationsNeverEscape();
};

void TestCheckpointSafetensors::readsTensors() {
    // Out of order in the header, padded with spaces, with metadata, a scalar and an empty tensor.
    const std::string bytes = fileOf(
        R"({"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},)"
        R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"e":{"dtype":"I64","shape":[0,7],"data_offsets":[16,16]}}   )",
        16);
    const auto file = parse(bytes);
    QCOMPARE(file->tensors().size(), std::size_t{3});
    QCOMPARE(file->tensors()[0].name, std::string("a"));
    const StoredTensor* b = file->find("b");
    QVERIFY(b != nullptr);
    QVERIFY(b->type == StoredType::BF16);
    QVERIFY(b->shape == (std::vector<std::int64_t>{2, 3}));
    QCOMPARE(b->bytes.size(), std::size_t{12});
    QCOMPARE(std::to_integer<int>(b->bytes[0]), 4);
    QCOMPARE(file->find("a")->shape.size(), std::size_t{0});
    QCOMPARE(file->find("e")->bytes.size(), std::size_t{0});
    QVERIFY(file->find("c") == nullptr);
    QCOMPARE(parse(fileOf("{}", 0))->tensors().size(), std::size_t{0});
}

/// 640 is 0x80 0x02 and zeros, which is how a pickle of protocol 2 begins too.
void TestCheckpointSafetensors::aLengthMayBeginLikeAPickle() {
    std::string header = R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})";
    header.resize(640, ' ');
    const std::string bytes = fileOf(header, 4);
    QVERIFY(bytes.starts_with(std::string("\x80\x02", 2)));
    QVERIFY(beginsAsSafetensors(bytes));
    QCOMPARE(parse(bytes)->tensors().size(), std::size_t{1});
    using namespace std::string_literals;
    for (const std::string& other :
         {"\x80\x02}q\x00(X\x05\0\0"s, "\x80\x04\x95\x10\0\0\0\0{"s, "PK\x03\x04\x14\0\0\0{"s, "{"s, ""s})
        QVERIFY(!beginsAsSafetensors(other));
}

void TestCheckpointSafetensors::readsAMappedFile() {
    const auto file =
        SafetensorsFile::open(RHEO_FIXTURES "/models/llama-3-new-config/model/model.safetensors");
    QCOMPARE(file->tensors().size(), std::size_t{39});
    QCOMPARE(file->fileBytes(), std::int64_t{379656});
    const StoredTensor* norm = file->find("model.norm.weight");
    QVERIFY(norm != nullptr);
    QVERIFY(norm->type == StoredType::F16);
    QVERIFY(norm->shape == std::vector<std::int64_t>{48});
}

void TestCheckpointSafetensors::refuses_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("part");
    const auto row = [](const char* name, const std::string& bytes, const char* part) {
        QTest::newRow(name) << QByteArray(bytes.data(), static_cast<qsizetype>(bytes.size()))
                            << QString(part);
    };
    const auto one = [](const std::string& fields, std::size_t bytes) {
        return fileOf("{\"t\":{" + fields + "}}", bytes);
    };
    const std::string good = R"("dtype":"F32","shape":[2],"data_offsets":[0,8])";
    row("empty", "", "0 bytes");
    row("seven bytes", "1234567", "7 bytes");
    row("header beyond the file", fileOf("{}", 0, 3), "3 bytes");
    row("header beyond everything", fileOf("{}", 0, ~std::uint64_t{0}), "18446744073709551615");
    row("no header", fileOf("", 0), "not valid JSON");
    row("not JSON", fileOf("{\"t\":", 0), "not valid JSON");
    row("not UTF-8", fileOf("{\"\xff\":{" + good + "}}", 8), "not valid JSON");
    row("a list", fileOf("[]", 0), "an object is expected");
    row("rubbish after the header", fileOf("{}x", 0), "not valid JSON");
    row("no dtype", one(R"("shape":[2],"data_offsets":[0,8])", 8), "'t'");
    row("no offsets", one(R"("dtype":"F32","shape":[2])", 8), "'t'");
    row("one offset", one(R"("dtype":"F32","shape":[2],"data_offsets":[8])", 8), "'t'");
    row("three offsets", one(R"("dtype":"F32","shape":[2],"data_offsets":[0,4,8])", 8), "too many");
    row("unknown dtype", one(R"("dtype":"F31","shape":[2],"data_offsets":[0,8])", 8), "F31");
    row("dtype is a number", one(R"("dtype":32,"shape":[2],"data_offsets":[0,8])", 8), "a number");
    row("unknown field", one(good + R"(,"more":"x")", 8), "more");
    row("field twice", one(good + R"(,"dtype":"F32")", 8), "twice");
    row("tensor twice", fileOf("{\"t\":{" + good + "},\"t\":{" + good + "}}", 8), "overlap");
    row("empty tensor twice",
        fileOf(
            R"({"t":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"t":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})",
            0),
        "twice");
    row("metadata twice", fileOf(R"({"__metadata__":{},"__metadata__":{}})", 0), "twice");
    row("metadata that is no text", fileOf(R"({"__metadata__":{"a":1}})", 0), "a number");
    row("nested", fileOf(R"({"t":{"dtype":{"a":"b"}}})", 0), "an object");
    row("negative shape", one(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])", 8), "negative");
    row("fractional shape", one(R"("dtype":"F32","shape":[2.5],"data_offsets":[0,8])", 8), "no integer");
    row("negative offset", one(R"("dtype":"F32","shape":[2],"data_offsets":[-8,0])", 8), "negative");
    row("shape that overflows",
        one(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0])", 0), "overflows");
    row("shape that overflows signed",
        one(R"("dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,0])", 0), "overflows");
    row("overflow hidden by a zero",
        one(R"("dtype":"F32","shape":[4294967296,4294967296,0],"data_offsets":[0,0])", 0), "overflows");
    row("dtype lies", one(R"("dtype":"F64","shape":[2],"data_offsets":[0,8])", 8), "16 bytes");
    row("shape lies", one(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])", 8), "12 bytes");
    row("ends before it begins", one(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])", 8), "bytes 8 to 0");
    row("data cut short", one(good, 7), "1 bytes are missing");
    row("offset beyond all",
        one(R"("dtype":"F32","shape":[2],"data_offsets":[18446744073709551608,18446744073709551615])", 8),
        "span 7");
    row("offset beyond all, of the right size",
        one(R"("dtype":"F32","shape":[2],"data_offsets":[18446744073709551607,18446744073709551615])", 8),
        "18446744073709551607 bytes are missing");
    row("Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 99\n",
        "git lfs pull");
    row("a pickle", "PK\x03\x04 and more", "pickle");
    row("a pickle of protocol 2", "\x80\x02}q and more", "pickle");
    row("a web page", "<!DOCTYPE html><html>", "web page");
    row("GGUF", "GGUF\x03 and more", "GGUF");
    row("bytes left over", one(good, 9), "belong to no tensor");
    const std::string a = R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)";
    row("overlap", fileOf(a + R"("b":{"dtype":"U8","shape":[4],"data_offsets":[3,7]}})", 7), "overlap");
    row("gap", fileOf(a + R"("b":{"dtype":"U8","shape":[4],"data_offsets":[5,9]}})", 9), "gap");
    row("too many axes",
        one("\"dtype\":\"F32\",\"shape\":[1" +
                std::string(200, ',').replace(0, 200,
                                              [] {
                                                  std::string ones;
                                                  for (int i = 0; i < 100; ++i) ones += ",1";
                                                  return ones;
                                              }()) +
                "],\"data_offsets\":[0,4]",
            4),
        "too many");
}

void TestCheckpointSafetensors::refuses() {
    QFETCH(QByteArray, bytes);
    QFETCH(QString, part);
    const std::string content(bytes.data(), static_cast<std::size_t>(bytes.size()));
    EXPECT_ERROR(ErrorCode::Format, (QStringList{"x.safetensors", part}), parse(content));
}

void TestCheckpointSafetensors::refusesAFolderAndNothing() {
    const QTemporaryDir folder;
    const std::string path = folder.path().toStdString();
    EXPECT_ERROR(ErrorCode::Io, QStringList{"regular file"}, SafetensorsFile::open(path));
    EXPECT_ERROR(ErrorCode::NotFound, QStringList{"none.safetensors"},
                 SafetensorsFile::open(path + "/none.safetensors"));
    std::ofstream(path + "/empty.safetensors").flush();
    EXPECT_ERROR(ErrorCode::Format, QStringList{"0 bytes"},
                 SafetensorsFile::open(path + "/empty.safetensors"));
}

// A file of 120 MB that claims a header of 110 MB is refused by its length, not by reading it.
void TestCheckpointSafetensors::hugeHeaderClaimsAreCheap() {
    const QTemporaryDir folder;
    const std::string path = folder.path().toStdString() + "/huge.safetensors";
    {
        std::ofstream out(path, std::ios::binary);
        out << fileOf("", 0, 110'000'000);
        out.seekp(120'000'000);
        out << 'x';
    }
    EXPECT_ERROR(ErrorCode::Format, (QStringList{"110000000", "100000000"}), SafetensorsFile::open(path));
}

// Whatever single bytes say, the parser answers with tensors inside the data, or an Error.
void TestCheckpointSafetensors::mutationsNeverEscape() {
    const std::string good = fileOf(
        R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[2,2],"data_offsets":[8,12]}})",
        12);
    RandomStream random(1);
    int accepted = 0;
    int refused = 0;
    for (int round = 0; round < 20000; ++round) {
        std::string bytes = good;
        const auto changes = 1 + random.below(3);
        for (std::uint64_t i = 0; i < changes; ++i) {
            const auto where = random.below(bytes.size());
            switch (random.below(3)) {
                case 0: bytes[where] = static_cast<char>(random.below(256)); break;
                case 1: bytes.erase(where, 1); break;
                default: bytes.insert(where, 1, "0123456789{}[],:\"eE-."[random.below(21)]); break;
            }
        }
        try {
            const auto file = parse(bytes);
            for (const StoredTensor& tensor : file->tensors()) {
                QVERIFY(tensor.bytes.empty() || tensor.bytes.data() >= file->data().data());
                QVERIFY(tensor.bytes.data() + tensor.bytes.size() <=
                        file->data().data() + file->data().size());
            }
            ++accepted;
        } catch (const Error& error) {
            QVERIFY(error.code() == ErrorCode::Format);
            ++refused;
        }
    }
    QVERIFY(accepted > 0);
    QVERIFY(refused > accepted);
}

RHEO_TEST(TestCheckpointSafetensors)
#include "test_checkpoint_safetensors.moc"
