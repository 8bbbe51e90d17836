// The tokenizer in a GGUF file: the ids are those of the family's tokenizer.json, or where the file cannot
// hold what that says those of transformers' reading of it (tests/fixtures/gguf/README.md).
#include <QFile>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTemporaryDir>
#include <fstream>
#include <map>

#include "core/base/error.h"
#include "core/tokenizer/tokenizer.h"
#include "core/tokenizer/tokenizer_folder.h"
#include "json_values.h"
#include "tests/core/checkpoint/gguf_bytes.h"
#include "tests/test_main.h"

using namespace rheo;
using rheo::test::GgufBytes;

namespace {

const std::string fixtures = RHEO_FIXTURES;

/// {text, ids} a line; empty where there is no such file.
std::vector<std::pair<std::string, std::vector<std::int32_t>>> linesOf(const std::string& path) {
    std::vector<std::pair<std::string, std::vector<std::int32_t>>> lines;
    QFile file(QString::fromStdString(path));
    if (!file.open(QIODevice::ReadOnly)) return lines;
    while (!file.atEnd()) {
        const QJsonObject object = QJsonDocument::fromJson(file.readLine()).object();
        if (!object.isEmpty()) lines.emplace_back(textOf(object["text"]), idsOf(object["ids"]));
    }
    return lines;
}

/// A list of texts, as a value has it.
std::string texts(const std::vector<std::string>& list) {
    std::string bytes = GgufBytes::number<std::uint32_t>(8) + GgufBytes::number<std::uint64_t>(list.size());
    for (const std::string& text : list) bytes += GgufBytes::text(text);
    return bytes;
}

template <class T>
std::string numbers(std::uint32_t type, const std::vector<T>& list) {
    std::string bytes = GgufBytes::number(type) + GgufBytes::number<std::uint64_t>(list.size());
    for (const T value : list) bytes += GgufBytes::number(value);
    return bytes;
}

/// A byte-level vocabulary of seven tokens.
GgufBytes tiny(const std::string& model = "gpt2", const std::string& pre = "gpt-2") {
    GgufBytes file;
    file.string("general.architecture", "gpt2").string("tokenizer.ggml.model", model);
    file.string("tokenizer.ggml.pre", pre);
    file.raw("tokenizer.ggml.tokens", 9, texts({"a", "b", "ab", "abb", "<end>", "Ġ", "1"}));
    file.raw("tokenizer.ggml.merges", 9, texts({"a b", "ab b"}));
    file.raw("tokenizer.ggml.token_type", 9, numbers<std::int32_t>(5, {1, 1, 1, 1, 3, 1, 4}));
    return file;
}

struct Opened {
    QTemporaryDir folder;
    std::shared_ptr<const Tokenizer> tokenizer;
    explicit Opened(const GgufBytes& file) {
        const std::string path = folder.path().toStdString() + "/x.gguf";
        std::ofstream(path, std::ios::binary) << file.bytes();
        tokenizer = Tokenizer::open(path);
    }
};

QString refusal(const GgufBytes& file, ErrorCode code) {
    try {
        const Opened opened(file);
        return "nothing was thrown";
    } catch (const Error& error) {
        return error.code() == code ? QString::fromUtf8(error.what()) : QString("code of ") + error.what();
    }
}

}  // namespace

class TestTokenizerGguf : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void sameIds_data();
    void sameIds();
    void readsTheLeast();
    void addsWhatTheFileSays();
    void refuses();
};

void TestTokenizerGguf::sameIds_data() {
    QTest::addColumn<QString>("family");
    for (const char* family : {"gemma", "gpt2", "llama3", "mistral", "olmo2", "phi3", "qwen2", "smollm"})
        QTest::newRow(family) << QString(family);
    QTest::newRow("tekken") << "llama3";
    QTest::newRow("gpt-4o") << "llama3";
}

void TestTokenizerGguf::sameIds() {
    QFETCH(QString, family);
    const std::string name = QTest::currentDataTag();
    const auto tokenizer = Tokenizer::open(fixtures + "/gguf/tokenizers/" + name + ".gguf");
    std::map<std::string, std::vector<std::int32_t>> others;
    for (auto& [text, ids] : linesOf(fixtures + "/gguf/tokenizers/" + name + ".jsonl")) others[text] = ids;
    const auto lines = linesOf(fixtures + "/tokenizers/" + family.toStdString() + "/encodings.jsonl");
    QVERIFY(lines.size() >= 200);
    for (const auto& [text, ids] : lines) {
        if (!others.empty() && text.size() > 10000) continue;  // left out of their file
        const auto other = others.find(text);
        auto expected = other == others.end() ? ids : other->second;
        // Of o200k no beginning-of-text token is put before a text, unlike in Llama 3's.
        if (name == "gpt-4o" && other == others.end()) expected.erase(expected.begin());
        QVERIFY2(tokenizer->encode(text) == expected,
                 qPrintable(QString::fromStdString(text.substr(0, 100)).toUtf8().toPercentEncoding(" ")));
    }
    qInfo("%zu texts, %zu of them with ids of their own", lines.size(), others.size());
}

void TestTokenizerGguf::readsTheLeast() {
    const Opened opened(tiny());
    const Tokenizer& tokenizer = *opened.tokenizer;
    QVERIFY(tokenizer.encode("abb ab<end>b") == (std::vector<std::int32_t>{3, 5, 2, 4, 1}));
    QCOMPARE(tokenizer.size(), std::int64_t{7});
    QVERIFY(tokenizer.isSpecial(4) && !tokenizer.isSpecial(6));
    QCOMPARE(tokenizer.decode(std::vector<std::int32_t>{3, 5, 0, 4}), std::string("abb a"));
    QVERIFY(tokenizer.notes().empty());
    const Opened unsaid(tiny("gpt2", "default"));
    QCOMPARE(unsaid.tokenizer->notes().size(), std::size_t{1});
}

void TestTokenizerGguf::addsWhatTheFileSays() {
    GgufBytes file = tiny();
    file.u32("tokenizer.ggml.bos_token_id", 4).u32("tokenizer.ggml.eos_token_id", 4);
    QVERIFY(Opened(file).tokenizer->encode("a") == (std::vector<std::int32_t>{0}));
    file.flag("tokenizer.ggml.add_bos_token", true).flag("tokenizer.ggml.add_eos_token", true);
    QVERIFY(Opened(file).tokenizer->encode("a") == (std::vector<std::int32_t>{4, 0, 4}));
    // Llama 3's adds it unless the file says otherwise, and takes whole words: "bab" has no merges.
    GgufBytes llama;
    llama.string("tokenizer.ggml.model", "gpt2").string("tokenizer.ggml.pre", "llama-bpe");
    llama.raw("tokenizer.ggml.tokens", 9, texts({"a", "b", "bab", "<begin>"}));
    llama.raw("tokenizer.ggml.merges", 9, texts({}));
    llama.raw("tokenizer.ggml.token_type", 9, numbers<std::int32_t>(5, {1, 1, 1, 3}));
    llama.u32("tokenizer.ggml.bos_token_id", 3);
    QVERIFY(Opened(llama).tokenizer->encode("bab") == (std::vector<std::int32_t>{3, 2}));
    llama.flag("tokenizer.ggml.add_bos_token", false);
    QVERIFY(Opened(llama).tokenizer->encode("babb") == (std::vector<std::int32_t>{1, 0, 1, 1}));
}

void TestTokenizerGguf::refuses() {
    const auto expect = [](const GgufBytes& file, ErrorCode code, const QStringList& parts) {
        const QString message = refusal(file, code);
        for (const QString& part : parts) QVERIFY2(message.contains(part), qPrintable(message));
    };
    expect(tiny("bert"), ErrorCode::Unsupported, {"x.gguf", "bert", "gpt2", "by token ids"});
    expect(tiny("gpt2", "chatglm-bpe"), ErrorCode::Unsupported, {"chatglm-bpe", "qwen2", "by token ids"});
    expect(GgufBytes{}.string("a", "b"), ErrorCode::NotFound, {"no tokenizer"});
    GgufBytes merges = tiny();
    merges.body.replace(merges.body.find("ab b"), 4, "ab q");
    expect(merges, ErrorCode::Format, {"x.gguf"});
    merges.body.replace(merges.body.find("ab q"), 4, "abbq");
    expect(merges, ErrorCode::Format, {"merges", "one space"});
    GgufBytes kinds = tiny();
    kinds.body.replace(kinds.body.find("token_type"), 10, "token_tipe");
    kinds.raw("tokenizer.ggml.token_type", 9, numbers<std::int32_t>(5, {1, 1}));
    expect(kinds, ErrorCode::Format, {"2 elements for 7 tokens"});
    GgufBytes bytes = tiny();
    bytes.body.replace(bytes.body.find("abb"), 3, "a\xFF\xFF");
    expect(bytes, ErrorCode::Format, {"UTF-8"});
    expect(tiny("llama", "default"), ErrorCode::Format, {});
    QTemporaryDir folder;
    QVERIFY(!findTokenizerFile(folder.path().toStdString()));
}

RHEO_TEST(TestTokenizerGguf)
#include "test_tokenizer_gguf.moc"
