// UTF-8 by the standard's own examples, and what single tokens look like to people.

#include "core/tokenizer/tokenizer.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

std::shared_ptr<const Tokenizer> tokenizerOf(const char* family) {
    return Tokenizer::load(std::string(RHEO_FIXTURES "/tokenizers/") + family + "/tokenizer.json");
}

/// The shown texts of the tokens of `text`, joined by bars.
std::string shown(const Tokenizer& tokenizer, std::string_view text) {
    std::string all;
    for (const auto id : tokenizer.encode(text, false)) all += tokenizer.pieceText(id) + "|";
    return all;
}

}  // namespace

class TestTokenizerText : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void findsTheFirstBadByte_data();
    void findsTheFirstBadByte();
    void replacesMaximalSubparts_data();
    void replacesMaximalSubparts();
    void showsBytesAndControlCharacters();
    void showsSpacesOfMetaspace();
    void knowsSpecialTokens();
    void longWordsAndLongTexts();
};

void TestTokenizerText::findsTheFirstBadByte_data() {
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<int>("offset");
    const auto row = [](const char* name, const QByteArray& text, int offset) {
        QTest::newRow(name) << text << offset;
    };
    row("empty", "", -1);
    row("ASCII with a null", QByteArray("a\0b", 3), -1);
    row("all lengths", "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", -1);
    row("first and last of each length",
        "\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", -1);
    row("a lone continuation", "ab\x80", 2);
    row("overlong, two bytes", "\xC0\xAF", 0);
    row("overlong, three bytes", "a\xE0\x9F\xBF", 1);
    row("overlong, four bytes", "\xF0\x8F\xBF\xBF", 0);
    row("a surrogate", "abc\xED\xA0\x80", 3);
    row("last before the surrogates", "\xED\x9F\xBF", -1);
    row("above U+10FFFF", "\xF4\x90\x80\x80", 0);
    row("no such lead", "\xFF", 0);
    row("cut short", "ab\xE2\x82", 2);
    row("broken off",
        "\xE2\x82"
        "a",
        0);
}

void TestTokenizerText::findsTheFirstBadByte() {
    QFETCH(QByteArray, text);
    QFETCH(int, offset);
    const auto found = firstInvalidUtf8(text.toStdString());
    QCOMPARE(found ? static_cast<int>(*found) : -1, offset);
}

void TestTokenizerText::replacesMaximalSubparts_data() {
    // Unicode 15, table 3-8 and the text around it, and the three other examples of section 3.9.
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QByteArray>("text");
    const QByteArray r = "\xEF\xBF\xBD";
    QTest::newRow("non-shortest forms") << QByteArray(
                                               "\xC0\xAF\xE0\x80\xBF\xF0\x81\x82"
                                               "A")
                                        << r.repeated(8) + "A";
    QTest::newRow("surrogates") << QByteArray(
                                       "\xED\xA0\x80\xED\xBF\xBF\xED\xAF"
                                       "A")
                                << r.repeated(8) + "A";
    QTest::newRow("other ill-formed") << QByteArray(
                                             "\xF4\x91\x92\x93\xFF"
                                             "A"
                                             "\x80\xBF"
                                             "B")
                                      << r.repeated(5) + "A" + r.repeated(2) + "B";
    QTest::newRow("truncated") << QByteArray(
                                      "\xE1\x80\xE2\xF0\x91\x92\xF1\xBF"
                                      "A")
                               << r.repeated(4) + "A";
}

void TestTokenizerText::replacesMaximalSubparts() {
    QFETCH(QByteArray, bytes);
    QFETCH(QByteArray, text);
    // Byte-level pieces of one byte each spell any bytes.
    const auto tokenizer = tokenizerOf("gpt2");
    std::vector<std::int32_t> byteIds(256, -1);
    for (std::int32_t id = 0; id < tokenizer->size(); ++id) {
        const std::string decoded = tokenizer->pieceText(id);
        if (decoded.size() == 1) byteIds[static_cast<std::uint8_t>(decoded[0])] = id;
        if (decoded.size() == 6 && decoded.rfind("<0x", 0) == 0)
            byteIds[static_cast<std::size_t>(std::stoi(decoded.substr(3, 2), nullptr, 16))] = id;
    }
    std::vector<std::int32_t> ids;
    for (const char byte : bytes) ids.push_back(byteIds[static_cast<std::uint8_t>(byte)]);
    QVERIFY(std::find(ids.begin(), ids.end(), -1) == ids.end());
    QCOMPARE(QByteArray::fromStdString(tokenizer->decode(ids)), text);
}

void TestTokenizerText::showsBytesAndControlCharacters() {
    const auto tokenizer = tokenizerOf("gpt2");
    QCOMPARE(shown(*tokenizer, "a\n\x7f"), std::string("a|␊|␡|"));
    QCOMPARE(shown(*tokenizer, "😀"), std::string("<0xF0>|<0x9F>|<0x98>|<0x80>|"));
    const auto ids = tokenizer->encode(" the", false);
    QCOMPARE(ids.size(), std::size_t(1));
    QCOMPARE(tokenizer->pieceText(ids[0]), std::string(" the"));
    QCOMPARE(tokenizer->piece(ids[0]), std::string("Ġthe"));
    QCOMPARE(tokenizer->pieceText(-1), std::string());
    QCOMPARE(tokenizer->pieceText(1 << 30), std::string());
}

void TestTokenizerText::showsSpacesOfMetaspace() {
    const auto tokenizer = tokenizerOf("llama2");
    const auto ids = tokenizer->encode("the\n", false);
    QCOMPARE(tokenizer->piece(ids.front()), std::string("▁the"));
    QCOMPARE(tokenizer->pieceText(ids.front()), std::string(" the"));
    QCOMPARE(tokenizer->piece(ids.back()), std::string("<0x0A>"));
    QCOMPARE(tokenizer->pieceText(ids.back()), std::string("␊"));
}

void TestTokenizerText::knowsSpecialTokens() {
    const auto tokenizer = tokenizerOf("olmo2");
    QCOMPARE(tokenizer->specialIds(), (std::vector<std::int32_t>{0, 1, 641}));
    QVERIFY(!tokenizer->isSpecial(640));
    QVERIFY(!tokenizer->isSpecial(-1));
    QCOMPARE(tokenizer->size(), std::int64_t(642));
    QCOMPARE(tokenizer->pieceText(641), std::string("<|fim_prefix|>"));
    QCOMPARE(tokenizer->decode(std::vector<std::int32_t>{640, 641}), std::string("|||IP_ADDRESS|||"));
    QCOMPARE(tokenizer->decode(std::vector<std::int32_t>{640, 641}, true),
             std::string("|||IP_ADDRESS|||<|fim_prefix|>"));
}

void TestTokenizerText::longWordsAndLongTexts() {
    // One word of a megabyte: finishes at once, or not within the test's limit if merging were quadratic.
    for (const char* family : {"gpt2", "llama3", "llama2", "mistral", "gemma"}) {
        const auto tokenizer = tokenizerOf(family);
        std::string word;
        for (int i = 0; word.size() < 1'000'000; ++i) word += i % 7 == 0 ? "then" : i % 3 == 0 ? "a" : "xyz";
        const auto ids = tokenizer->encode(word, false);
        std::string decoded = tokenizer->decode(ids);
        QVERIFY2(decoded == word, family);
        const std::string spaces = "a" + std::string(1'000'000, ' ');
        decoded = tokenizer->decode(tokenizer->encode(spaces, false));
        QVERIFY2(decoded == spaces, family);
    }
}

RHEO_TEST(TestTokenizerText)
#include "test_tokenizer_text.moc"
