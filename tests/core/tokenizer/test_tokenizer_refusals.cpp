// What is not understood is refused by name, and what is hostile by a clear error: never a wrong id, never a
// crash.
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTemporaryDir>
#include <fstream>
#include <functional>
#include <optional>

#include "core/base/error.h"
#include "core/tokenizer/tokenizer.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

QJsonObject object(const char* json) {
    QString text = QString::fromUtf8(json);
    text.replace('\'', '"');
    QJsonParseError error;
    const auto document = QJsonDocument::fromJson(text.toUtf8(), &error);
    if (error.error != QJsonParseError::NoError) qFatal("%s: %s", json, qPrintable(error.errorString()));
    return document.object();
}

/// A small sound tokenizer, its pieces a, b, c, ab and the token <s>.
QJsonObject sound() {
    return object(R"({'version': '1.0', 'truncation': null, 'padding': null,
        'added_tokens': [{'id': 4, 'content': '<s>', 'single_word': false, 'lstrip': false, 'rstrip': false,
                          'normalized': false, 'special': true}],
        'normalizer': null, 'pre_tokenizer': null, 'post_processor': null, 'decoder': null,
        'model': {'type': 'BPE', 'dropout': null, 'unk_token': null, 'continuing_subword_prefix': null,
                  'end_of_word_suffix': null, 'fuse_unk': false, 'byte_fallback': false, 'ignore_merges': false,
                  'vocab': {'a': 0, 'b': 1, 'c': 2, 'ab': 3}, 'merges': [['a', 'b']]}})");
}

QJsonObject with(const char* key, const char* value) {
    auto tokenizer = sound();
    tokenizer[key] = object(value);
    return tokenizer;
}

QJsonObject withModel(const char* key, const QJsonValue& value) {
    auto tokenizer = sound();
    auto model = tokenizer["model"].toObject();
    model[key] = value;
    tokenizer["model"] = model;
    return tokenizer;
}

QJsonObject withToken(int id, const char* content) {
    auto tokenizer = sound();
    auto tokens = tokenizer["added_tokens"].toArray();
    auto token = tokens[0].toObject();
    token["id"] = id;
    token["content"] = content;
    tokens.append(token);
    tokenizer["added_tokens"] = tokens;
    return tokenizer;
}

std::string text(const QJsonObject& tokenizer) {
    return QJsonDocument(tokenizer).toJson(QJsonDocument::Compact).toStdString();
}

std::optional<Error> failure(const std::function<void()>& call) {
    try {
        call();
    } catch (const Error& error) {
        return error;
    }
    return std::nullopt;
}

std::optional<Error> refusal(std::string_view json) {
    return failure([&] { Tokenizer::parse(json, "folder/tokenizer.json"); });
}

}  // namespace

class TestTokenizerRefusals : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void theSoundOneIsSound();
    void unsupportedIsNamed_data();
    void unsupportedIsNamed();
    void damagedIsNamed_data();
    void damagedIsNamed();
    void regexes_data();
    void regexes();
    void filesThatAreNot();
    void hugeAndDeep_data();
    void hugeAndDeep();
    void damagedSentencePiece();
    void sentencePieceFlips();
    void charsmapThatLeadsOutside();
    void unigramWithoutUnknown();
    void textsThatGrowWithoutEnd_data();
    void textsThatGrowWithoutEnd();
    void regexThatBacktracksWithoutEnd();
    void combiningCharactersWithoutEnd();
    void whiteSpaceWithoutEnd();
    void unknownTokenThatIsNotThere();
    void textThatIsNotUtf8();
    void textThatIsTooLong();
};

void TestTokenizerRefusals::theSoundOneIsSound() {
    const auto tokenizer = Tokenizer::parse(text(sound()), "t");
    QCOMPARE(tokenizer->encode("abc<s>ba"), (std::vector<std::int32_t>{3, 2, 4, 1, 0}));
    QCOMPARE(tokenizer->size(), std::int64_t(5));
    // Files of before 2021 name no type of model.
    auto old = withModel("type", QJsonValue());
    QVERIFY(Tokenizer::parse(text(old), "t"));
    // A byte order mark is no part of the text.
    QVERIFY(Tokenizer::parse("\xEF\xBB\xBF" + text(sound()), "t"));
}

void TestTokenizerRefusals::unsupportedIsNamed_data() {
    QTest::addColumn<QJsonObject>("tokenizer");
    QTest::addColumn<QString>("place");
    QTest::addColumn<QString>("name");
    const auto row = [](const char* name, const QJsonObject& tokenizer, const char* place) {
        QTest::newRow(name) << tokenizer << QString(place) << QString(name);
    };
    row("WordPiece", withModel("type", "WordPiece"), "model");
    row("WordLevel", withModel("type", "WordLevel"), "model");
    row("dropout", withModel("dropout", 0.1), "model");
    row("beyond", withModel("beyond", true), "model");
    row("BertNormalizer", with("normalizer", "{'type': 'BertNormalizer', 'lowercase': true}"), "normalizer");
    row("UnicodeScripts",
        with("pre_tokenizer", "{'type': 'Sequence', 'pretokenizers': [{'type': 'UnicodeScripts'}]}"),
        "pre_tokenizer.pretokenizers[0]");
    row("MergedWithBoth",
        with("pre_tokenizer",
             "{'type': 'Split', 'pattern': {'String': 'a'}, 'behavior': 'MergedWithBoth', 'invert': false}"),
        "pre_tokenizer.behavior");
    row("sometimes",
        with("pre_tokenizer", "{'type': 'Metaspace', 'replacement': '_', 'prepend_scheme': 'sometimes'}"),
        "pre_tokenizer.prepend_scheme");
    row("individual", with("pre_tokenizer", "{'type': 'Digits', 'individual_digits': true, 'individual': 3}"),
        "pre_tokenizer");
    row("CTC", with("decoder", "{'type': 'CTC'}"), "decoder");
    row("no \"type\"", with("decoder", "{'cleanup': true}"), "decoder");
    row("TemplateMagic", with("post_processor", "{'type': 'TemplateMagic'}"), "post_processor");
    row("\"A\"",
        with("post_processor",
             "{'type': 'TemplateProcessing', 'single': [{'Sequence': {'id': 'B', 'type_id': 0}}], "
             "'special_tokens': {}}"),
        "post_processor.single[0]");
    auto newer = sound();
    newer["version"] = "2.0";
    row("2.0", newer, "version");
    auto more = sound();
    more["chat"] = "yes";
    row("chat", more, "tokenizer.json");
}

void TestTokenizerRefusals::unsupportedIsNamed() {
    QFETCH(QJsonObject, tokenizer);
    QFETCH(QString, place);
    QFETCH(QString, name);
    const auto error = refusal(text(tokenizer));
    QVERIFY(error);
    QVERIFY2(error->code() == ErrorCode::Unsupported, error->what());
    for (const QString& part : {QString("folder/tokenizer.json"), place, name})
        QVERIFY2(QString(error->what()).contains(part), error->what());
    QCOMPARE(error->context(), std::string("folder/tokenizer.json"));
}

void TestTokenizerRefusals::damagedIsNamed_data() {
    QTest::addColumn<QJsonObject>("tokenizer");
    QTest::addColumn<QString>("part");
    const auto row = [](const char* name, const QJsonObject& tokenizer, const char* part) {
        QTest::newRow(name) << tokenizer << QString(part);
    };
    row("merge of an unknown piece", withModel("merges", QJsonArray{QJsonArray{"a", "z"}}), "merges[0]");
    row("merge into an unknown piece",
        withModel("merges", QJsonArray{QJsonArray{"a", "b"}, QJsonArray{"b", "a"}}), "\"ba\"");
    row("merge of one", withModel("merges", QJsonArray{QJsonArray{"a"}}), "merges[0]");
    row("merge of three", withModel("merges", QJsonArray{QJsonArray{"a", "b", "c"}}), "merges[0]");
    row("merge of a number", withModel("merges", QJsonArray{QJsonArray{"a", 1}}), "merges[0]");
    row("merge within a merge", withModel("merges", QJsonArray{QJsonArray{"a", QJsonArray{"b"}}}),
        "merges[0]");
    row("merge without a space", withModel("merges", QJsonArray{"ab"}), "merges[0]");
    row("merge with two spaces", withModel("merges", QJsonArray{"a b c"}), "merges[0]");
    row("merges that are none", withModel("merges", "a b"), "merges");
    row("an id twice", withModel("vocab", QJsonObject{{"a", 0}, {"b", 0}}), "id 0");
    row("an id below zero", withModel("vocab", QJsonObject{{"a", -1}}), "-1");
    row("an id beyond all", withModel("vocab", QJsonObject{{"a", 4194304}}), "4194304");
    row("an id of 10^15", withModel("vocab", QJsonObject{{"a", 1e15}}), "vocab");
    row("an id in between", withModel("vocab", QJsonObject{{"a", 0.5}}), "0.5");
    row("an id in words", withModel("vocab", QJsonObject{{"a", "zero"}}), "\"zero\"");
    row("an id in a list", withModel("vocab", QJsonObject{{"a", QJsonArray{1}}}), "vocab");
    row("no vocabulary", withModel("vocab", QJsonValue()), "vocab");
    row("a list for a vocabulary", withModel("vocab", QJsonArray{}), "vocab");
    row("a flag that is none", withModel("fuse_unk", "yes"), "fuse_unk");
    const auto unigram = [](const QJsonArray& vocab, const QJsonObject& more = {}) {
        auto tokenizer = sound();
        QJsonObject model = more;
        model["type"] = "Unigram";
        model["vocab"] = vocab;
        tokenizer["model"] = model;
        return tokenizer;
    };
    const QJsonArray a{"a", -1.5};
    row("Unigram: an unknown piece that is none", unigram({QJsonValue(a)}, {{"unk_id", 1}}), "1 is no piece");
    row("Unigram: an empty piece", unigram({a, QJsonArray{"", -1}}), "vocab[1]: an empty piece");
    row("Unigram: a piece without a score", unigram({a, QJsonArray{"b"}}), "vocab[1]: expected a piece");
    row("Unigram: three values", unigram({QJsonArray{"b", 1, 2}}), "vocab[0]: expected a piece");
    row("Unigram: a score that is none", unigram({QJsonArray{"b", "c"}}), "vocab[0]: expected a piece");
    row("Unigram: a piece that is none", unigram({a, 3}), "vocab[1]: expected a piece");
    row("Unigram: a list for a piece", unigram({QJsonArray{QJsonArray{"b"}, 1}}),
        "vocab[0]: expected a piece");
    row("Unigram: a piece twice", unigram({a, a}), "stands twice");
    row("Unigram: pieces and ids", withModel("type", "Unigram"), "no list");
    const auto charsmap = [](const QByteArray& bytes) {
        return with("normalizer",
                    ("{'type': 'Precompiled', 'precompiled_charsmap': '" + bytes + "'}").constData());
    };
    row("a table of characters that is no base64", charsmap("abc"), "base64");
    row("a table of characters, cut short", charsmap("AAA="), "cut short");
    row("a table of characters without a trie", charsmap(QByteArray(4, '\0').toBase64()), "trie");
    row("a table of characters beyond its end", charsmap(QByteArray("\x10\0\0\0abcd", 8).toBase64()),
        "16 bytes");
    row("a replacement without an end", charsmap(QByteArray("\x04\0\0\0\0\0\0\0ab", 10).toBase64()),
        "no end");
    row("a replacement that is not UTF-8", charsmap(QByteArray("\x04\0\0\0\0\0\0\0\xFF\0", 10).toBase64()),
        "UTF-8");
    row("an added token of id -3", withToken(-3, "<t>"), "-3");
    auto noTokens = sound();
    noTokens["added_tokens"] = "none";
    row("added tokens that are none", noTokens, "added_tokens");
    auto noModel = sound();
    noModel.remove("model");
    row("no model", noModel, "\"model\" is missing");
    row("a split without a pattern",
        with("pre_tokenizer", "{'type': 'Split', 'behavior': 'Isolated', 'invert': false}"), "pattern");
    row("a split with two patterns",
        with("pre_tokenizer",
             "{'type': 'Split', 'pattern': {'String': 'a', 'Regex': 'a'}, 'behavior': 'Isolated', 'invert': "
             "false}"),
        "pattern");
    row("a word for a character", with("pre_tokenizer", "{'type': 'Metaspace', 'replacement': 'ab'}"),
        "\"ab\"");
    row("a contradiction",
        with("pre_tokenizer",
             "{'type': 'Metaspace', 'replacement': '_', 'add_prefix_space': false, 'prepend_scheme': "
             "'always'}"),
        "add_prefix_space");
    row("a negative count", with("decoder", "{'type': 'Strip', 'content': ' ', 'start': -1, 'stop': 0}"),
        "start");
    row("a special token that is none",
        with("post_processor",
             "{'type': 'RobertaProcessing', 'cls': ['<s>', 4], 'sep': ['</s>', 5], 'trim_offsets': true}"),
        "id 5");
    row("an undeclared special token",
        with("post_processor",
             "{'type': 'TemplateProcessing', 'single': [{'SpecialToken': {'id': '<x>', 'type_id': 0}}, "
             "{'Sequence': {'id': 'A', 'type_id': 0}}], 'special_tokens': {}}"),
        "<x>");
}

void TestTokenizerRefusals::damagedIsNamed() {
    QFETCH(QJsonObject, tokenizer);
    QFETCH(QString, part);
    const auto error = refusal(text(tokenizer));
    QVERIFY(error);
    QVERIFY2(error->code() == ErrorCode::Format, error->what());
    for (const QString& wanted : {QString("folder/tokenizer.json"), part})
        QVERIFY2(QString(error->what()).contains(wanted), error->what());
}

void TestTokenizerRefusals::regexes_data() {
    QTest::addColumn<QString>("regex");
    QTest::addColumn<bool>("malformed");
    for (const char* regex :
         {"(",    ")",   "a)",    "[",           "[]",      "[b-a]",         "a{3,2}", "a{70000}",
          "*a",   "a|+", "\\",    "\\x{110000}", "\\ud800", "\\k<n>",        "(a)\\2", "(?<=a*)b",
          "(?<n", "(?#", "\\p{L", "[[:alpha:]",  "[a&&]",   "(?<n>a)(?<n>b)"})
        QTest::newRow(regex) << QString(regex) << true;
    for (const char* regex :
         {"\\X",         "\\K",     "\\G",     "\\y",     "\\p{Punct}", "\\p{Nonsense}",   "\\pL",
          "[[:punct:]]", "(?x)a b", "(?W)\\w", "(?~ab)",  "(?{1})",     "(?(1)a|b)",       "(*FAIL)",
          "\\xE2\\x96",  "\\cA",    "\\g<n>",  "(?i:ss)", "(?i)fl",     "[\\d-\\w&&a-\\w]"})
        QTest::newRow(regex) << QString(regex) << false;
    QTest::newRow("long") << QString(20000, 'a') << true;
    QTest::newRow("deep groups") << QString(300, '(') + QString(300, ')') << false;
    QTest::newRow("deep classes") << QString(300, '[') + 'a' + QString(300, ']') << false;
    QTest::newRow("large when unrolled") << QString("((((a{1,999}){1,999}){1,999}){1,999}){1,999}") << true;
}

void TestTokenizerRefusals::regexes() {
    QFETCH(QString, regex);
    QFETCH(bool, malformed);
    auto tokenizer = sound();
    tokenizer["pre_tokenizer"] = QJsonObject{{"type", "Split"},
                                             {"pattern", QJsonObject{{"Regex", regex}}},
                                             {"behavior", "Isolated"},
                                             {"invert", false}};
    const auto error = refusal(text(tokenizer));
    QVERIFY(error);
    QVERIFY2(error->code() == (malformed ? ErrorCode::Format : ErrorCode::Unsupported) || regex == "(*FAIL)",
             error->what());
    QVERIFY2(QString(error->what()).contains("pre_tokenizer.pattern"), error->what());
    QVERIFY2(QString(error->what()).contains(regex.left(60)) || regex.size() > 200 ||
                 QString(error->what()).contains("regular expression"),
             error->what());
}

void TestTokenizerRefusals::filesThatAreNot() {
    QTemporaryDir folder;
    const std::filesystem::path path = folder.filePath("tokenizer.json").toStdString();
    auto error = failure([&] { Tokenizer::load(path); });
    QVERIFY(error && error->code() == ErrorCode::NotFound);
    QVERIFY(QString(error->what()).contains(QString::fromStdString(path.string())));

    const std::string whole = text(sound());
    for (const std::size_t length : {std::size_t(0), std::size_t(1), whole.size() / 3, whole.size() - 1}) {
        std::ofstream(path, std::ios::binary) << whole.substr(0, length);
        error = failure([&] { Tokenizer::load(path); });
        QVERIFY(error && error->code() == ErrorCode::Format);
        QVERIFY2(QString(error->what()).contains("not valid JSON at byte"), error->what());
    }
    std::ofstream(path, std::ios::binary) << whole;
    QVERIFY(Tokenizer::load(path));

    for (const char* json : {"[]", "3", "null", "\"text\"", "{}", "{\"model\": 3}", "{\"model\": []}",
                             "{\"model\": {\"vocab\": 3}}", "{\"model\": {\"merges\": {\"a\": 1}}}",
                             "{\"version\": \"\xff\"}", "{\"a\": \"\\ud800\"}"}) {
        error = refusal(json);
        QVERIFY2(error.has_value(), json);
        QVERIFY2(error->code() == ErrorCode::Format, error->what());
    }
    // A key twice: which of the two is meant is anyone's guess.
    error = refusal(R"({"model": {"vocab": {}, "merges": [], "vocab": {}}})");
    QVERIFY2(error && QString(error->what()).contains("\"vocab\" stands twice"),
             error ? error->what() : "accepted");
    error = refusal(R"({"model": {"vocab": {"a": 0, "a": 1}, "merges": []}})");
    QVERIFY2(error && QString(error->what()).contains("\"a\" stands twice"),
             error ? error->what() : "accepted");
}

void TestTokenizerRefusals::hugeAndDeep_data() {
    QTest::addColumn<QByteArray>("json");
    QTest::addColumn<QString>("part");
    constexpr int kMany = 3'000'000;
    QTest::newRow("deep lists") << QByteArray(kMany, '[') << QString("deep");
    QTest::newRow("deep objects") << QByteArray("{\"a\":").repeated(kMany) << QString("deep");
    QTest::newRow("deep in the vocabulary")
        << "{\"model\": {\"vocab\": " + QByteArray(kMany, '[') << QString("expected a piece and its score");
    QTest::newRow("deep in the merges")
        << "{\"model\": {\"merges\": " + QByteArray(kMany, '[') << QString("merges");
    QTest::newRow("many values") << "[" + QByteArray("0,").repeated(kMany) + "0]" << QString("values");
    QTest::newRow("a piece of 100 kB") << "{\"model\": {\"vocab\": {\"" + QByteArray(100000, 'a') + "\": 0}}}"
                                       << QString("a piece of 100000 bytes");
    QTest::newRow("300 components") << "{\"model\": {\"vocab\": {}, \"merges\": []}, \"normalizer\": "
                                       "{\"type\": \"Sequence\", \"normalizers\": [" +
                                           QByteArray("{\"type\": \"NFC\"},").repeated(299) +
                                           "{\"type\": \"NFC\"}]}}"
                                    << QString("256 components");
    QTest::newRow("long added tokens")
        << "{\"model\": {\"vocab\": {}, \"merges\": []}, \"added_tokens\": [{\"id\": 0, \"content\": \"" +
               QByteArray(5 << 20, 'a') + "\"}]}"
        << QString("4 MiB of added tokens");
    QTest::newRow("beyond the limit")
        << QByteArray(static_cast<int>(Tokenizer::kMaxFileBytes) + 1, ' ') << QString("128 MiB");
}

void TestTokenizerRefusals::hugeAndDeep() {
    QFETCH(QByteArray, json);
    QFETCH(QString, part);
    const auto error = refusal({json.constData(), static_cast<std::size_t>(json.size())});
    QVERIFY(error);
    QVERIFY2(error->code() == ErrorCode::Format, error->what());
    QVERIFY2(QString(error->what()).contains(part), error->what());
    QVERIFY(QString(error->what()).size() < 1000);
}

namespace {

/// The tokenizer.model of a line of folders.jsonl.
QByteArray sentencePiece(const QString& name) {
    QFile file(QStringLiteral(RHEO_FIXTURES "/tokenizers/folders.jsonl"));
    if (!file.open(QIODevice::ReadOnly)) return {};
    while (!file.atEnd()) {
        const auto line = QJsonDocument::fromJson(file.readLine()).object();
        if (line["name"] == name)
            return QByteArray::fromBase64(line["files"]["tokenizer.model"]["base64"].toString().toLatin1());
    }
    return {};
}

std::optional<Error> openModel(const QString& folder, const QByteArray& bytes, const char* sample) {
    QFile file(folder + "/tokenizer.model");
    if (!file.open(QIODevice::WriteOnly | QIODevice::Truncate) || file.write(bytes) != bytes.size())
        qFatal("cannot write");
    file.close();
    return failure([&] {
        const auto tokenizer = Tokenizer::open(folder.toStdString());
        const auto ids = tokenizer->encode(sample);
        if (firstInvalidUtf8(tokenizer->decode(ids, true))) qFatal("decoded text is not UTF-8");
        for (const auto id : ids)
            if (id < 0 || id >= tokenizer->size()) qFatal("an id is out of range");
    });
}

}  // namespace

void TestTokenizerRefusals::damagedSentencePiece() {
    const QTemporaryDir folder;
    const auto whole = sentencePiece("model, rules");
    QVERIFY(!whole.isEmpty());
    QVERIFY(!openModel(folder.path(), whole, "Hello world"));
    const auto refused = [&](const QByteArray& bytes, ErrorCode code, const char* part) {
        const auto error = openModel(folder.path(), bytes, "a");
        QVERIFY2(error.has_value(), part);
        QVERIFY2(error->code() == code && QString(error->what()).contains(part), error->what());
        QVERIFY(QString(error->what()).contains("tokenizer.model"));
    };
    refused("", ErrorCode::Format, "no pieces");
    refused("version https://git-lfs.github.com/spec/v1\n", ErrorCode::Format, "SentencePiece");
    refused("IQ== 0\nIg== 1\n", ErrorCode::Unsupported, "tiktoken");
    refused(whole.left(whole.size() - 1), ErrorCode::Format, "damaged");
    refused(QByteArray("\x0A\x00", 2), ErrorCode::Format, "empty piece");
    refused(QByteArray("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11), ErrorCode::Format, "damaged");
    refused(QByteArray("\x0A\x08\x0A\x01"
                       "a\x15\x00\x00\xC0\x7F",
                       10),
            ErrorCode::Format, "not finite");
    refused(QByteArray("\x0A\x03\x0A\x01\xFF", 5), ErrorCode::Format, "UTF-8");
    refused(whole + QByteArray("\x12\x02\x18\x03", 4), ErrorCode::Unsupported, "words or characters");
    refused(QByteArray("\x0A\x82\x10\x0A\xFF\x0F", 6) + QByteArray(2047, 'a'), ErrorCode::Format,
            "2047 bytes");
}

void TestTokenizerRefusals::sentencePieceFlips() {
    // Whatever a byte becomes: an Error, or a tokenizer that encodes and decodes. Seeded.
    const QTemporaryDir folder;
    std::uint32_t state = 12345;
    const auto draw = [&state](qsizetype below) {
        state = state * 1664525u + 1013904223u;
        return static_cast<qsizetype>(state >> 8) % below;
    };
    for (const char* name : {"model, rules", "model, unigram"}) {
        const auto whole = sentencePiece(name);
        QVERIFY(!whole.isEmpty());
        for (int flip = 0; flip < 100; ++flip) {
            auto damaged = whole;
            const auto at = draw(damaged.size());
            damaged[at] = static_cast<char>(damaged[at] ^ (1 << draw(8)));
            openModel(folder.path(), damaged, "Caf\u00e9 \uFF21\uFB01 e\u0301 QQ user  the model <s>");
        }
    }
}

void TestTokenizerRefusals::charsmapThatLeadsOutside() {
    // The one unit of the trie says that its children lie 1000 units on.
    const quint32 unit = 1000u << 10;
    QByteArray bytes("\x04\0\0\0", 4);
    for (int i = 0; i < 4; ++i) bytes.append(static_cast<char>(unit >> (8 * i) & 0xFF));
    bytes.append("x", 2);
    auto tokenizer = sound();
    tokenizer["normalizer"] =
        QJsonObject{{"type", "Precompiled"}, {"precompiled_charsmap", QString::fromLatin1(bytes.toBase64())}};
    const auto made = Tokenizer::parse(text(tokenizer), "folder/tokenizer.json");
    const auto error = failure([&] { made->encode("a"); });
    QVERIFY(error && error->code() == ErrorCode::Format);
    QVERIFY2(QString(error->what()).contains("leads outside"), error->what());
}

void TestTokenizerRefusals::unigramWithoutUnknown() {
    auto tokenizer = sound();
    tokenizer["model"] = object("{'type': 'Unigram', 'vocab': [['a', -1], ['b', -2]]}");
    const auto made = Tokenizer::parse(text(tokenizer), "folder/tokenizer.json");
    QCOMPARE(made->encode("abba"), (std::vector<std::int32_t>{0, 1, 1, 0}));
    const auto error = failure([&] { made->encode("abc"); });
    QVERIFY2(error && QString(error->what()).contains("no unk_id"), error ? error->what() : "accepted");
}

void TestTokenizerRefusals::textsThatGrowWithoutEnd_data() {
    QTest::addColumn<QJsonObject>("tokenizer");
    QJsonArray doubling, letters;
    for (int i = 0; i < 60; ++i) {
        doubling.append(object("{'type': 'Replace', 'pattern': {'String': 'a'}, 'content': 'aa'}"));
        letters.append(object(
            "{'type': 'ByteLevel', 'add_prefix_space': true, 'trim_offsets': true, 'use_regex': false}"));
    }
    auto tokenizer = sound();
    tokenizer["normalizer"] = QJsonObject{{"type", "Sequence"}, {"normalizers", doubling}};
    QTest::newRow("normalizer") << tokenizer;
    tokenizer = sound();
    tokenizer["pre_tokenizer"] = QJsonObject{{"type", "Sequence"}, {"pretokenizers", letters}};
    QTest::newRow("pre-tokenizer") << tokenizer;
    tokenizer = sound();
    tokenizer["decoder"] = QJsonObject{{"type", "Sequence"}, {"decoders", doubling}};
    QTest::newRow("decoder") << tokenizer;
}

void TestTokenizerRefusals::textsThatGrowWithoutEnd() {
    QFETCH(QJsonObject, tokenizer);
    const auto made = Tokenizer::parse(text(tokenizer), "folder/tokenizer.json");
    const auto error = failure([&] {
        made->encode("a");
        made->decode(std::vector<std::int32_t>{0});
    });
    QVERIFY(error);
    QVERIFY2(QString(error->what()).contains("longer than"), error->what());
}

void TestTokenizerRefusals::regexThatBacktracksWithoutEnd() {
    for (const char* regex : {"(a+)+[bc]", "(?:a|aa)+[bc]", "(?:a|a)*[^a]", "(a*)*\\1[bc]"}) {
        auto tokenizer = sound();
        tokenizer["pre_tokenizer"] = QJsonObject{{"type", "Split"},
                                                 {"pattern", QJsonObject{{"Regex", regex}}},
                                                 {"behavior", "Isolated"},
                                                 {"invert", false}};
        const auto made = Tokenizer::parse(text(tokenizer), "folder/tokenizer.json");
        QVERIFY(!made->encode("acab").empty());
        const auto error = failure([&] { made->encode(std::string(5000, 'a')); });
        QVERIFY2(error.has_value(), regex);
        QVERIFY2(error->code() == ErrorCode::Format, error->what());
        QVERIFY2(QString(error->what()).contains(regex), error->what());
        QVERIFY2(QString(error->what()).contains("pre_tokenizer.pattern"), error->what());
    }
}

void TestTokenizerRefusals::combiningCharactersWithoutEnd() {
    const std::pair<const char*, const char*> forms[] = {
        {"NFC", "\u0301\u0316"}, {"NFD", "\u0301\u0316"}, {"NFKC", "\u0301\uFF9E"}, {"NFKD", "\u0301\uFF9E"}};
    for (const auto& [form, marks] : forms) {
        auto tokenizer = sound();
        tokenizer["normalizer"] = QJsonObject{{"type", form}};
        const auto made = Tokenizer::parse(text(tokenizer), "folder/tokenizer.json");
        const auto word = [marks = marks](int count) {
            std::string all = "b";
            for (int i = 0; i < count; ++i) all += marks;
            return all;
        };
        QVERIFY(!made->encode(word(2000)).empty());
        const auto error = failure([&] { made->encode(word(1'000'000)); });
        QVERIFY2(error && error->code() == ErrorCode::Format, form);
        QVERIFY2(QString(error->what()).contains("combining characters"), error->what());
    }
}

void TestTokenizerRefusals::whiteSpaceWithoutEnd() {
    // Tokens of white space that take the white space around them: one each at first sight, all of it.
    for (const char* flag : {"lstrip", "rstrip"}) {
        auto tokenizer = withToken(5, " ");
        auto tokens = tokenizer["added_tokens"].toArray();
        auto token = tokens[1].toObject();
        token[flag] = true;
        tokens[1] = token;
        tokenizer["added_tokens"] = tokens;
        const auto made = Tokenizer::parse(text(tokenizer), "folder/tokenizer.json");
        const auto ids = made->encode("a" + std::string(1'000'000, ' ') + "b");
        QCOMPARE(ids.front(), 0);
        QCOMPARE(ids.back(), 1);
        QCOMPARE(ids[1], 5);
    }
}

void TestTokenizerRefusals::unknownTokenThatIsNotThere() {
    const auto made = Tokenizer::parse(text(withModel("unk_token", "<unk>")), "folder/tokenizer.json");
    QCOMPARE(made->encode("ab"), std::vector<std::int32_t>{3});
    const auto error = failure([&] { made->encode("abx"); });
    QVERIFY(error && error->code() == ErrorCode::Format);
    QVERIFY2(QString(error->what()).contains("\"x\"") && QString(error->what()).contains("<unk>"),
             error->what());
}

void TestTokenizerRefusals::textThatIsNotUtf8() {
    const auto made = Tokenizer::parse(text(sound()), "t");
    const auto error = failure([&] { made->encode("ab\xE2\x82 c"); });
    QVERIFY(error && error->code() == ErrorCode::Format);
    QVERIFY2(QString(error->what()).contains("byte 2 (0xE2)"), error->what());
}

void TestTokenizerRefusals::textThatIsTooLong() {
    const auto made = Tokenizer::parse(text(sound()), "t");
    const auto error = failure([&] { made->encode(std::string(Tokenizer::kMaxTextBytes + 1, 'a')); });
    QVERIFY(error && error->code() == ErrorCode::InvalidArgument);
}

RHEO_TEST(TestTokenizerRefusals)
#include "test_tokenizer_refusals.moc"
