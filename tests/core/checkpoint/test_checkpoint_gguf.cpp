// GGUF files: what is right is read and expanded to the same bits as the reference, each way of lying is
// refused, and models are found where people have them.
#include <QTemporaryDir>
#include <cstring>
#include <fstream>

#include "core/base/random.h"
#include "core/checkpoint/cached_models.h"
#include "core/checkpoint/checkpoint.h"
#include "core/checkpoint/gguf.h"
#include "core/checkpoint/gguf_blocks.h"
#include "core/checkpoint/gguf_config.h"
#include "core/checkpoint/model_cache.h"
#include "core/checkpoint/ollama_store.h"
#include "expect_error.h"
#include "gguf_bytes.h"
#include "tests/test_main.h"

using namespace rheo;
using namespace rheo::test;
namespace fs = std::filesystem;

namespace {

const fs::path fixtures = RHEO_FIXTURES "/gguf";

std::shared_ptr<const GgufFile> parse(const std::string& bytes) {
    return GgufFile::parse(std::as_bytes(std::span(bytes.data(), bytes.size())), "x.gguf");
}

void write(const fs::path& path, const std::string& bytes) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
}

const StoredTensor* tensorOf(const GgufFile& file, const std::string& name) {
    for (const StoredTensor& tensor : file.tensors())
        if (tensor.name == name) return &tensor;
    return nullptr;
}

/// Opens the bytes as a model in a folder of their own.
std::shared_ptr<const Checkpoint> opened(const GgufBytes& file, const AcceptedKeys& accepted = {}) {
    const QTemporaryDir folder;
    const fs::path path = fs::path(folder.path().toStdString()) / "x.gguf";
    write(path, file.bytes());
    return Checkpoint::open(path, accepted);
}

/// A tiny model with one more value, u32 and of the architecture.
GgufBytes with(const std::string& key, std::uint32_t value) {
    GgufBytes file = tinyGguf();
    const std::string tensors = file.body;
    GgufBytes more;
    more.u32("llama." + key, value);
    file.body = more.body + tensors;
    ++file.values;
    return file;
}

}  // namespace

class TestCheckpointGguf : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void expandsTheSameBits_data();
    void expandsTheSameBits();
    void readsValues();
    void readsVersion2AndOtherAlignments();
    void refuses_data();
    void refuses();
    void mutationsNeverEscape();
    void readsParts();
    void missesParts();
    void describesModels_data();
    void describesModels();
    void refusesWhatItDoesNotCompute_data();
    void refusesWhatItDoesNotCompute();
    void unknownValuesCanBeAccepted();
    void readsWhichBlocksSeeAWindow();
    void leavesImagesOut();
    void opensFolders();
    void findsThemInTheCache();
    void hashesFiles();
    void findsOllamasModels();
    void refusesDamagedStores();
};

void TestCheckpointGguf::expandsTheSameBits_data() {
    QTest::addColumn<QString>("name");
    for (const BlockFormat& format : blockFormats()) {
        const QString name =
            QString::fromLatin1(format.name.data(), static_cast<qsizetype>(format.name.size()));
        QTest::newRow(qPrintable(name)) << name;
    }
}

void TestCheckpointGguf::expandsTheSameBits() {
    QFETCH(QString, name);
    const auto file = GgufFile::open(fixtures / "blocks.gguf");
    const StoredTensor* packed = tensorOf(*file, name.toStdString());
    const StoredTensor* expected = tensorOf(*file, name.toStdString() + ".expanded");
    QVERIFY(packed != nullptr && packed->blocks != nullptr && expected != nullptr);
    QVERIFY(packed->shape == expected->shape);
    QCOMPARE(storedFormatName(*packed), name.toStdString());
    QCOMPARE(
        static_cast<std::int64_t>(packed->bytes.size()) / packed->blocks->bytes * packed->blocks->values * 4,
        static_cast<std::int64_t>(expected->bytes.size()));
    std::vector<float> found(expected->bytes.size() / 4), reference(found.size());
    expandBlocks(*packed->blocks, packed->bytes, found.data());
    std::memcpy(reference.data(), expected->bytes.data(), expected->bytes.size());
    for (std::size_t i = 0; i < found.size(); ++i)
        QVERIFY2(
            std::memcmp(&found[i], &reference[i], 4) == 0,
            qPrintable(
                QString("value %1 is %2, not %3").arg(i).arg(double(found[i])).arg(double(reference[i]))));
}

void TestCheckpointGguf::readsValues() {
    GgufBytes file;
    using Bytes = GgufBytes;
    file.string("text", "µ").flag("flag", true).f32("float", 0.25F).u32("u32", 7);
    file.raw("i8", 1, std::string("\xFE", 1)).raw("u64", 10, Bytes::number<std::uint64_t>(1ULL << 40));
    file.raw("f64", 12, Bytes::number(1e-300)).raw("i64", 11, Bytes::number<std::int64_t>(-5));
    file.raw("list", 9,
             Bytes::number<std::uint32_t>(5) + Bytes::number<std::uint64_t>(2) +
                 Bytes::number<std::int32_t>(-1) + Bytes::number<std::int32_t>(9));
    file.raw("texts", 9,
             Bytes::number<std::uint32_t>(8) + Bytes::number<std::uint64_t>(2) + Bytes::text("a") +
                 Bytes::text(""));
    file.zeros("plain", {2, 3}, 0, 24).zeros("packed", {64, 2}, 2, 4 * 18).zeros("empty", {0}, 1, 0);
    const std::string bytes = file.bytes();
    const auto read = parse(bytes);
    QCOMPARE(read->version(), 3U);
    QCOMPARE(std::string(*read->text("text")), std::string("µ"));
    QCOMPARE(*read->flag("flag"), true);
    QCOMPARE(*read->number("float"), 0.25);
    QCOMPARE(*read->integer("u32"), std::int64_t{7});
    QCOMPARE(*read->integer("i8"), std::int64_t{-2});
    QCOMPARE(*read->integer("u64"), std::int64_t{1} << 40);
    QCOMPARE(*read->number("f64"), 1e-300);
    QCOMPARE(*read->integer("i64"), std::int64_t{-5});
    QVERIFY(*read->numbers("list") == (std::vector<double>{-1, 9}));
    QVERIFY(*read->texts("texts") == (std::vector<std::string_view>{"a", ""}));
    QVERIFY(!read->integer("none") && !read->texts("none"));
    EXPECT_ERROR(ErrorCode::Format, (QStringList{"x.gguf", "'text'", "a number"}), read->integer("text"));
    EXPECT_ERROR(ErrorCode::Format, (QStringList{"'float'", "whole"}), read->integer("float"));
    EXPECT_ERROR(ErrorCode::Format, (QStringList{"'list'", "texts"}), read->texts("list"));
    EXPECT_ERROR(ErrorCode::Format, (QStringList{"'u32'", "true"}), read->flag("u32"));
    QCOMPARE(read->tensors().size(), std::size_t{3});
    QVERIFY(tensorOf(*read, "plain")->shape == (std::vector<std::int64_t>{3, 2}));
    QVERIFY(tensorOf(*read, "plain")->blocks == nullptr);
    QCOMPARE(tensorOf(*read, "packed")->bytes.size(), std::size_t{72});
    QCOMPARE(read->header().size() + read->data().size(), bytes.size());
}

void TestCheckpointGguf::readsVersion2AndOtherAlignments() {
    GgufBytes file;
    file.version = 2;
    file.alignment = 256;
    file.u32("general.alignment", 256).zeros("a", {3}, 0, 12).zeros("b", {3}, 0, 12);
    const std::string bytes = file.bytes();
    const auto read = parse(bytes);
    QCOMPARE(read->header().size() % 256, std::size_t{0});
    QCOMPARE(tensorOf(*read, "b")->bytes.data() - read->data().data(), std::ptrdiff_t{256});
}

void TestCheckpointGguf::refuses_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QStringList>("parts");
    const auto row = [](const char* name, const std::string& bytes, const QStringList& parts) {
        QTest::newRow(name) << QByteArray(bytes.data(), static_cast<qsizetype>(bytes.size())) << parts;
    };
    using Bytes = GgufBytes;
    const auto changed = [](auto change) {
        GgufBytes file;
        change(file);
        return file.bytes();
    };
    row("empty", "", {"cut short", "4 bytes"});
    row("another file", "GGML\3\0\0\0", {"does not begin"});
    row("version 1", changed([](Bytes& f) { f.version = 1; }), {"version 1", "2 and 3"});
    row("big endian", changed([](Bytes& f) { f.version = 3U << 24; }), {"big endian"});
    row("values beyond the file", changed([](Bytes& f) { f.values = 1ULL << 60; }), {"more than"});
    row("tensors beyond the file", changed([](Bytes& f) { f.tensors = ~0ULL; }), {"more than"});
    row("key beyond the file", changed([](Bytes& f) {
            f.body = Bytes::number<std::uint64_t>(1ULL << 62) + std::string(64, 'x');
            f.values = 1;
        }),
        {"cut short", "value 0"});
    row("empty key", changed([](Bytes& f) { f.u32("", 1); }), {"the key of value 0"});
    row("unknown type", changed([](Bytes& f) { f.raw("k", 13, "xxxx"); }), {"'k'", "type 13"});
    row("list of lists", changed([](Bytes& f) {
            f.raw("k", 9,
                  Bytes::number<std::uint32_t>(9) + Bytes::number<std::uint64_t>(1) + std::string(32, '\0'));
        }),
        {"'k'", "list of lists"});
    row("list beyond the file", changed([](Bytes& f) {
            f.raw("k", 9, Bytes::number<std::uint32_t>(4) + Bytes::number<std::uint64_t>(1ULL << 62));
        }),
        {"'k'", "claims"});
    row("texts beyond the file", changed([](Bytes& f) {
            f.raw("k", 9,
                  Bytes::number<std::uint32_t>(8) + Bytes::number<std::uint64_t>(3) + Bytes::text("a"));
            f.alignment = 1;
        }),
        {"'k'", "cut short"});
    row("key twice", changed([](Bytes& f) { f.u32("k", 1).u32("k", 2); }), {"'k'", "twice"});
    row("odd alignment", changed([](Bytes& f) { f.u32("general.alignment", 24); }),
        {"general.alignment", "24"});
    row("five axes", changed([](Bytes& f) { f.tensor("t", {1, 1, 1, 1, 1}, 0, 0); }), {"'t'", "5 axes"});
    row("shape overflows", changed([](Bytes& f) {
            f.tensor("t", {1ULL << 40, 1ULL << 40}, 0, 0);
        }),
        {"'t'", "overflows"});
    row("one extent overflows", changed([](Bytes& f) { f.tensor("t", {~0ULL}, 0, 0); }),
        {"'t'", "overflows"});
    row("IQ4_XS", changed([](Bytes& f) { f.zeros("t", {256}, 23, 136); }), {"'t'", "IQ4_XS", "Q4_K_M"});
    row("type 99", changed([](Bytes& f) { f.zeros("t", {256}, 99, 136); }), {"'t'", "type 99"});
    row("parts of blocks", changed([](Bytes& f) { f.zeros("t", {48, 2}, 2, 54); }), {"'t'", "whole blocks"});
    row("data cut", changed([](Bytes& f) { f.zeros("t", {64}, 0, 255); }),
        {"cut short", "1 bytes are missing"});
    row("offset beyond", changed([](Bytes& f) { f.tensor("t", {1}, 0, ~0ULL - 31); }), {"t"});
    row("offset between", changed([](Bytes& f) {
            f.tensor("t", {1}, 0, 4);
            f.data.resize(8);
        }),
        {"'t'", "multiple of 32"});
    row("overlap", changed([](Bytes& f) {
            f.tensor("a", {16}, 0, 0).tensor("b", {16}, 0, 32);
            f.data.resize(96);
        }),
        {"overlap", "'b'", "'a'"});
    row("tensor twice", changed([](Bytes& f) { f.zeros("t", {8}, 0, 32).zeros("t", {8}, 0, 32); }),
        {"'t'", "twice"});
}

void TestCheckpointGguf::refuses() {
    QFETCH(QByteArray, bytes);
    QFETCH(QStringList, parts);
    parts.prepend("x.gguf");
    try {
        parse(bytes.toStdString());
        QFAIL("nothing was thrown");
    } catch (const Error& error) {
        QVERIFY(error.code() == ErrorCode::Format || error.code() == ErrorCode::Unsupported);
        for (const QString& part : parts)
            QVERIFY2(QString::fromUtf8(error.what()).contains(part), error.what());
    }
}

void TestCheckpointGguf::mutationsNeverEscape() {
    const std::string good = tinyGguf().bytes();
    RandomStream random(11, 0);
    int read = 0;
    for (int i = 0; i < 20000; ++i) {
        std::string bytes = good.substr(0, i % 4 == 0 ? random() % good.size() : good.size());
        const int flips = 1 + static_cast<int>(random() % 3);
        for (int j = 0; j < flips && !bytes.empty(); ++j)
            bytes[random() % std::min<std::size_t>(bytes.size(), 1500)] = static_cast<char>(random());
        try {
            for (const StoredTensor& tensor : parse(bytes)->tensors())
                read += static_cast<int>(tensor.bytes.size() > 0);
        } catch (const Error&) {
        }
    }
    QVERIFY(read > 0);
}

void TestCheckpointGguf::readsParts() {
    const auto whole = GgufFile::open(fixtures / "models/llama/model.gguf");
    const auto sameAsWhole = [&](const GgufModel& parts) {
        QCOMPARE(parts.size(), std::size_t{4});
        std::size_t count = 0;
        for (const auto& part : parts)
            for (const StoredTensor& tensor : part->tensors()) {
                const StoredTensor* other = tensorOf(*whole, tensor.name);
                QVERIFY(other != nullptr && other->blocks == tensor.blocks && other->shape == tensor.shape);
                QVERIFY(std::ranges::equal(other->bytes, tensor.bytes));
                ++count;
            }
        QCOMPARE(count, whole->tensors().size());
    };
    for (const char* part : {"llama-00001-of-00004.gguf", "llama-00003-of-00004.gguf"}) {
        sameAsWhole(openGgufModel(fixtures / "split" / part));
        const auto checkpoint = Checkpoint::open(fixtures / "split" / part);
        QCOMPARE(checkpoint->storedParameters(), whole->tensors().size());
    }
    QCOMPARE(locateModel((fixtures / "split").string()).filename().string(),
             std::string("llama-00001-of-00004.gguf"));
    const auto part = ggufPartOf("a-b-00002-of-00010.gguf");
    QVERIFY(part && part->stem == "a-b" && part->number == 2 && part->count == 10);
    for (const char* name :
         {"a.gguf", "a-00003-of-00002.gguf", "a-0000x-of-00002.gguf", "a-00000-of-00002.gguf"})
        QVERIFY(!ggufPartOf(name));
}

void TestCheckpointGguf::missesParts() {
    const QTemporaryDir temporary;
    const fs::path folder = temporary.path().toStdString();
    for (const auto& entry : fs::directory_iterator(fixtures / "split"))
        fs::copy_file(entry.path(), folder / entry.path().filename());
    fs::remove(folder / "llama-00003-of-00004.gguf");
    EXPECT_ERROR(ErrorCode::NotFound, (QStringList{"one of 4 parts", "llama-00003-of-00004.gguf"}),
                 Checkpoint::open(folder / "llama-00001-of-00004.gguf"));
    fs::copy_file(folder / "llama-00002-of-00004.gguf", folder / "llama-00003-of-00004.gguf");
    EXPECT_ERROR(ErrorCode::Mismatch, (QStringList{"llama-00003-of-00004.gguf", "part 3 of 4"}),
                 Checkpoint::open(folder));
    fs::rename(folder / "llama-00002-of-00004.gguf", folder / "other.gguf");
    EXPECT_ERROR(ErrorCode::Mismatch, (QStringList{"other.gguf", "NAME-00001-of-00004.gguf"}),
                 Checkpoint::open(folder / "other.gguf"));
}

void TestCheckpointGguf::describesModels_data() {
    QTest::addColumn<QString>("name");
    for (const auto& entry : fs::directory_iterator(fixtures / "models")) {
        const std::string name = entry.path().filename().string();
        QTest::newRow(name.c_str()) << QString::fromStdString(name);
    }
}

void TestCheckpointGguf::describesModels() {
    QFETCH(QString, name);
    const fs::path path = fixtures / "models" / name.toStdString() / "model.gguf";
    const auto checkpoint = Checkpoint::open(path);
    const ModelConfig& c = checkpoint->config();
    QCOMPARE(c.dModel, std::int64_t{32});
    QCOMPARE(c.layers, std::int64_t{name == "gemma3" ? 7 : 2});
    QCOMPARE(c.vocabulary, std::int64_t{64});
    QCOMPARE(c.maxPositions, std::int64_t{name == "gpt2" ? 48 : 128});
    QVERIFY(c.beginToken == 1 && c.endTokens == std::vector<std::int64_t>{2});
    QCOMPARE(checkpoint->folder().string(), path.string());
    QVERIFY(!checkpoint->tokenizerPath());
    QVERIFY(checkpoint->weightsMissing().empty());
    QCOMPARE(checkpoint->storedParameters(), expectedParameters(c).size());
    const bool quantised = name != "llama3";
    QCOMPARE(!c.notes.empty() && c.notes[0].find("quantised") != std::string::npos, quantised);
    QVERIFY2(c.notes.size() == (quantised ? 1U : 0U), c.notes.empty() ? "" : c.notes.back().c_str());
}

void TestCheckpointGguf::refusesWhatItDoesNotCompute_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QStringList>("parts");
    const auto row = [](const char* name, const GgufBytes& file, const QStringList& parts) {
        const std::string bytes = file.bytes();
        QTest::newRow(name) << QByteArray(bytes.data(), static_cast<qsizetype>(bytes.size())) << parts;
    };
    GgufBytes other;
    other.string("general.architecture", "mamba");
    row("architecture", other, {"'mamba'", "gemma3", "llama"});
    row("no architecture", GgufBytes{}, {"general.architecture"});
    GgufBytes empty;
    empty.string("general.architecture", "llama");
    row("no sizes", empty, {"llama.attention.head_count"});
    row("experts", with("expert_count", 8), {"llama.expert_count", "--accept-unknown-config"});
    row("other values", with("attention.value_length", 8), {"values of attention", "8", "16"});
    GgufBytes bidirectional = with("none", 0);
    bidirectional.body = GgufBytes().flag("llama.attention.causal", false).body + bidirectional.body;
    ++bidirectional.values;
    row("not causal", bidirectional, {"after a token"});
    GgufBytes more = tinyGguf();
    more.zeros("blk.0.attn_sinks.weight", {32}, 0, 128);
    row("another tensor", more, {"does not account", "attn_sinks"});
    GgufBytes less;
    less.body = tinyGguf().body;
    less.values = tinyGguf().values;
    less.tensors = tinyGguf().tensors;
    less.data = tinyGguf().data;
    const auto at = less.body.find("blk.0.ffn_up");
    less.body.replace(at, 12, "blk.0.ffn_xx");
    row("a tensor is missing", less, {"missing", "blk.0.ffn_up.weight"});
}

void TestCheckpointGguf::refusesWhatItDoesNotCompute() {
    QFETCH(QByteArray, bytes);
    QFETCH(QStringList, parts);
    const QTemporaryDir folder;
    const fs::path path = fs::path(folder.path().toStdString()) / "strange.gguf";
    write(path, bytes.toStdString());
    try {
        Checkpoint::open(path);
        QFAIL("nothing was thrown");
    } catch (const Error& error) {
        parts.append("strange.gguf");
        for (const QString& part : parts)
            QVERIFY2(QString::fromUtf8(error.what()).contains(part), error.what());
    }
}

void TestCheckpointGguf::unknownValuesCanBeAccepted() {
    QCOMPARE(opened(tinyGguf())->storedParameters(), std::size_t{11});
    QVERIFY(opened(with("expert_count", 0))->config().acceptedKeys.empty());
    const auto accepted = opened(with("some_gain", 3), AcceptedKeys({"llama.some_gain"}));
    QCOMPARE(accepted->config().acceptedKeys.size(), std::size_t{1});
    QVERIFY(accepted->config().acceptedKeys[0].find("llama.some_gain") != std::string::npos);
}

/// Gemma 3: every sixth block sees everything, unless the file says which.
void TestCheckpointGguf::readsWhichBlocksSeeAWindow() {
    const auto windowed = [](const GgufBytes& file) {
        const auto bytes = file.bytes();
        std::vector<bool> list;
        for (const BlockConfig& block : parseModelConfig(ggufConfig({parse(bytes)}), "x.gguf").blocks)
            list.push_back(block.window.has_value());
        return list;
    };
    GgufBytes file;
    file.string("general.architecture", "gemma3");
    for (const auto& [key, value] : {std::pair{"context_length", 64U},
                                     {"block_count", 7U},
                                     {"embedding_length", 32U},
                                     {"feed_forward_length", 32U},
                                     {"attention.head_count", 2U},
                                     {"attention.sliding_window", 8U}})
        file.u32(std::string("gemma3.") + key, value);
    const auto withEmbedding = [](GgufBytes whole) {
        whole.zeros("token_embd.weight", {32, 4}, 0, 512);
        return whole;
    };
    QVERIFY(windowed(withEmbedding(file)) == (std::vector<bool>{true, true, true, true, true, false, true}));
    GgufBytes everySecond = file;
    everySecond.u32("gemma3.attention.sliding_window_pattern", 2);
    QVERIFY(windowed(withEmbedding(everySecond)) ==
            (std::vector<bool>{true, false, true, false, true, false, true}));
    GgufBytes listed = file;
    listed.raw("gemma3.attention.sliding_window_pattern", 9,
               GgufBytes::number<std::uint32_t>(7) + GgufBytes::number<std::uint64_t>(7) +
                   std::string("\0\1\1\0\0\0\1", 7));
    QVERIFY(windowed(withEmbedding(listed)) ==
            (std::vector<bool>{false, true, true, false, false, false, true}));
}

/// As Ollama stores a model that reads images.
void TestCheckpointGguf::leavesImagesOut() {
    GgufBytes file = with("vision.block_count", 2);
    file.zeros("v.blk.0.attn_q.weight", {8}, 0, 32).zeros("mm.0.weight", {8}, 0, 32);
    const auto checkpoint = opened(file);
    QCOMPARE(checkpoint->storedParameters(), std::size_t{11});
    QVERIFY(checkpoint->config().notes.back().find("images (2 tensors)") != std::string::npos);
}

void TestCheckpointGguf::opensFolders() {
    const QTemporaryDir temporary;
    const fs::path folder = temporary.path().toStdString();
    write(folder / "a.Q4_0.gguf", tinyGguf().bytes());
    write(folder / "mmproj-a.gguf", "x");
    write(folder / "README.md", "x");
    QCOMPARE(Checkpoint::open(folder)->folder().string(), (folder / "a.Q4_0.gguf").string());
    write(folder / "config.json", "{}");
    QCOMPARE(Checkpoint::open(folder)->storedParameters(), std::size_t{11});
    fs::remove(folder / "config.json");
    write(folder / "a.Q8_0.gguf", tinyGguf().bytes());
    EXPECT_ERROR(ErrorCode::NotFound, (QStringList{"several GGUF files", "a.Q4_0.gguf", "give the one"}),
                 Checkpoint::open(folder));
    QCOMPARE(Checkpoint::open(folder / "a.Q8_0.gguf")->storedParameters(), std::size_t{11});
    EXPECT_ERROR(ErrorCode::NotFound, (QStringList{"there is no file", "b.gguf"}),
                 Checkpoint::open(folder / "b.gguf"));
    write(folder / "c.gguf", "<html>");
    EXPECT_ERROR(ErrorCode::Format, (QStringList{"c.gguf", "does not begin"}),
                 Checkpoint::open(folder / "c.gguf"));
}

void TestCheckpointGguf::findsThemInTheCache() {
    const QTemporaryDir temporary;
    const fs::path cache = temporary.path().toStdString();
    qputenv("HF_HUB_CACHE", QByteArray::fromStdString(cache.string()));
    const fs::path file = cache / "models--org--tiny-GGUF/snapshots/abc/tiny.Q4_0.gguf";
    write(file, tinyGguf().bytes());
    GgufBytes other;
    other.string("general.architecture", "mamba");
    write(cache / "models--org--zebra/snapshots/abc/z.gguf", other.bytes());
    QCOMPARE(locateModel("org/tiny-GGUF").string(), file.string());
    Progress progress;
    const auto models = cachedModels(progress);
    QCOMPARE(models.size(), std::size_t{2});
    QCOMPARE(models[0].name, std::string("org/tiny-GGUF"));
    QVERIFY(models[0].checkpoint != nullptr && models[0].trouble.empty());
    QCOMPARE(models[0].architecture, std::string("llama"));
    QCOMPARE(models[0].bytes, static_cast<std::int64_t>(tinyGguf().bytes().size()));
    QVERIFY(models[1].checkpoint == nullptr);
    QCOMPARE(models[1].architecture, std::string("mamba"));
    QVERIFY2(models[1].trouble.find("'mamba'") != std::string::npos, models[1].trouble.c_str());
    qunsetenv("HF_HUB_CACHE");
}

void TestCheckpointGguf::hashesFiles() {
    const auto llama = Checkpoint::open(fixtures / "models/llama/model.gguf");
    const auto again = Checkpoint::open(fixtures / "models/llama/model.gguf");
    const auto other = Checkpoint::open(fixtures / "models/qwen2/model.gguf");
    const ModelIdentity id = llama->identity(DType::Float32, {});
    QCOMPARE(id.weightsSha256.size(), std::size_t{64});
    QCOMPARE(id.configSha256.size(), std::size_t{64});
    QVERIFY(id.tokenizerSha256.empty());
    QCOMPARE(again->identity(DType::Float32, {}).weightsSha256, id.weightsSha256);
    QVERIFY(other->identity(DType::Float32, {}).weightsSha256 != id.weightsSha256);
    QVERIFY(other->identity(DType::Float32, {}).configSha256 != id.configSha256);
}

void TestCheckpointGguf::findsOllamasModels() {
    const QTemporaryDir temporary;
    const fs::path store = temporary.path().toStdString();
    const std::string digest(64, 'a'), adapter(64, 'b');
    const auto manifest = [](const std::string& layers) {
        return R"({"schemaVersion":2,"config":{"mediaType":"x","digest":"sha256:00","size":1},"layers":[)" +
               layers + "]}";
    };
    const auto layer = [](const std::string& kind, const std::string& sha) {
        return R"({"mediaType":"application/vnd.ollama.image.)" + kind + R"(","digest":"sha256:)" + sha +
               R"(","size":1})";
    };
    const fs::path library = store / "manifests/registry.ollama.ai/library";
    write(library / "tiny/latest",
          manifest(layer("model", digest) + "," + layer("license", std::string(64, 'c'))));
    write(library / "tiny/8b", manifest(layer("model", std::string(64, 'd'))));
    write(library / "tuned/latest", manifest(layer("model", digest) + "," + layer("adapter", adapter)));
    write(store / "manifests/hf.co/someone/tiny-GGUF/Q4_0", manifest(layer("model", digest)));
    const fs::path blob = store / "blobs" / ("sha256-" + digest);
    write(blob, tinyGguf().bytes());
    qputenv("OLLAMA_MODELS", QByteArray::fromStdString(store.string()));
    QCOMPARE(ollamaFolder().string(), store.string());
    for (const char* name : {"ollama:tiny", "ollama:tiny:latest", "ollama:library/tiny",
                             "ollama:hf.co/someone/tiny-GGUF:Q4_0"}) {
        QCOMPARE(locateModel(name).string(), blob.string());
        QCOMPARE(Checkpoint::open(name)->storedParameters(), std::size_t{11});
    }
    QVERIFY(ollamaModels() == (std::vector<std::string>{"hf.co/someone/tiny-GGUF:Q4_0", "tiny:8b",
                                                        "tiny:latest", "tuned:latest"}));
    QCOMPARE(ollamaNameOf(store / "blobs" / ("sha256-" + std::string(64, 'd'))), std::string("tiny:8b"));
    QVERIFY(modelTitle(blob).find("tiny") != std::string::npos);
    QCOMPARE(ollamaNameOf(store / "blobs" / "x"), std::string());
    QCOMPARE(modelArgument(store / "blobs" / ("sha256-" + std::string(64, 'd'))),
             std::string("ollama:tiny:8b"));
    QCOMPARE(modelArgument("/models/tiny.gguf"), std::string("/models/tiny.gguf"));
    EXPECT_ERROR(ErrorCode::NotFound, (QStringList{"'none'", "ollama pull none", "tiny:8b"}),
                 locateModel("ollama:none"));
    EXPECT_ERROR(ErrorCode::NotFound, (QStringList{"'tiny:8b'", "not whole", "ollama pull tiny:8b"}),
                 locateModel("ollama:tiny:8b"));
    EXPECT_ERROR(ErrorCode::Unsupported, QStringList{"adapter"}, locateModel("ollama:tuned"));
    for (const char* name : {"ollama:../../etc/passwd", "ollama:", "ollama:a/b/c/d", "ollama:a:../b"})
        EXPECT_ERROR(ErrorCode::NotFound, QStringList{"there is no model"}, locateModel(name));
    qunsetenv("OLLAMA_MODELS");
}

void TestCheckpointGguf::refusesDamagedStores() {
    const QTemporaryDir temporary;
    const fs::path store = temporary.path().toStdString();
    const fs::path library = store / "manifests/registry.ollama.ai/library";
    qputenv("OLLAMA_MODELS", QByteArray::fromStdString(store.string()));
    EXPECT_ERROR(ErrorCode::NotFound, QStringList{"ollama pull a"}, locateModel("ollama:a"));
    for (
        const char* text :
        {"", "[]", "{}", R"({"layers":[]})", R"({"layers":[1]})",
         R"({"layers":[{"mediaType":1,"digest":2}]})",
         R"({"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:../../../etc/passwd"}]})"}) {
        write(library / "a/latest", text);
        EXPECT_ERROR(ErrorCode::Format, QStringList{"latest"}, locateModel("ollama:a"));
    }
    qunsetenv("OLLAMA_MODELS");
}

RHEO_TEST(TestCheckpointGguf)
#include "test_checkpoint_gguf.moc"
