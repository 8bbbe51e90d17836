// Ids and decoded texts equal those of the reference implementation, on every line of every family.
#include <QDir>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <thread>

#include "core/tokenizer/tokenizer.h"
#include "json_values.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

struct Line {
    std::string text;
    std::vector<std::int32_t> ids, idsWithoutSpecial;
    std::string decoded, decodedWithSpecial;
    bool idsOnly = false;
};

QString fixture(const QString& family, const char* file) {
    return QStringLiteral(RHEO_FIXTURES "/tokenizers/%1/%2").arg(family, QLatin1String(file));
}

std::vector<Line> linesOf(const QString& family) {
    QFile file(fixture(family, "encodings.jsonl"));
    std::vector<Line> lines;
    if (!file.open(QIODevice::ReadOnly)) return lines;
    while (!file.atEnd()) {
        const QJsonObject object = QJsonDocument::fromJson(file.readLine()).object();
        if (object.isEmpty()) continue;
        lines.push_back({textOf(object["text"]), idsOf(object["ids"]), idsOf(object["ids_without_special"]),
                         textOf(object["decoded"]), textOf(object["decoded_with_special"]),
                         !object.contains("decoded")});
    }
    return lines;
}

std::shared_ptr<const Tokenizer> tokenizerOf(const QString& family) {
    return Tokenizer::load(fixture(family, "tokenizer.json").toStdString());
}

}  // namespace

class TestTokenizerReference : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void equalsTheReference_data() { families(); }
    void equalsTheReference();
    void decodesWhatItEncoded_data() { families(); }
    void decodesWhatItEncoded();
    void servesSeveralThreads();

private:
    static void families();
};

void TestTokenizerReference::families() {
    QTest::addColumn<QString>("family");
    const auto names =
        QDir(QStringLiteral(RHEO_FIXTURES "/tokenizers")).entryList(QDir::Dirs | QDir::NoDotAndDotDot);
    QCOMPARE(names.size(), 13);
    for (const auto& name : names) QTest::newRow(qPrintable(name)) << name;
}

void TestTokenizerReference::equalsTheReference() {
    QFETCH(QString, family);
    const auto tokenizer = tokenizerOf(family);
    const auto lines = linesOf(family);
    QCOMPARE(lines.size(), std::size_t(204));
    int wrong = 0;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const Line& line = lines[i];
        const auto ids = tokenizer->encode(line.text);
        bool right = ids == line.ids;
        if (!line.idsOnly) {
            right = right && tokenizer->encode(line.text, false) == line.idsWithoutSpecial;
            right = right && tokenizer->decode(line.ids) == line.decoded;
            right = right && tokenizer->decode(line.ids, true) == line.decodedWithSpecial;
        }
        if (right) continue;
        ++wrong;
        qWarning().noquote() << "line" << i + 1 << QString::fromStdString(line.text).left(120)
                             << "\n  ids     " << shown(ids) << "\n  expected" << shown(line.ids)
                             << "\n  decoded "
                             << QString::fromStdString(tokenizer->decode(line.ids)).left(120)
                             << "\n  expected" << QString::fromStdString(line.decoded).left(120);
    }
    QCOMPARE(wrong, 0);
}

void TestTokenizerReference::decodesWhatItEncoded() {
    // Every id is below size(), and an id without a piece adds nothing to the text.
    QFETCH(QString, family);
    const auto tokenizer = tokenizerOf(family);
    const auto size = tokenizer->size();
    QVERIFY(size > 500);
    QVERIFY(!tokenizer->piece(static_cast<std::int32_t>(size - 1)).empty());
    QCOMPARE(tokenizer->piece(static_cast<std::int32_t>(size)), std::string());
    QCOMPARE(tokenizer->piece(-1), std::string());
    auto ids = tokenizer->encode("Hello world");
    for (const auto id : ids) QVERIFY(id >= 0 && id < size);
    const std::string text = tokenizer->decode(ids);
    ids.push_back(static_cast<std::int32_t>(size));
    ids.push_back(-1);
    ids.push_back(std::numeric_limits<std::int32_t>::max());
    QCOMPARE(tokenizer->decode(ids), text);
    for (const auto id : tokenizer->specialIds()) {
        QVERIFY(tokenizer->isSpecial(id));
        QCOMPARE(tokenizer->decode(std::vector{id}), std::string());
    }
}

void TestTokenizerReference::servesSeveralThreads() {
    const auto tokenizer = tokenizerOf("llama3");
    const auto lines = linesOf("llama3");
    std::vector<int> wrong(4, 0);
    {
        std::vector<std::jthread> threads;
        for (auto& count : wrong)
            threads.emplace_back([&] {
                for (const auto& line : lines) count += tokenizer->encode(line.text) != line.ids;
            });
    }
    QCOMPARE(wrong, std::vector<int>(4, 0));
}

RHEO_TEST(TestTokenizerReference)
#include "test_tokenizer_reference.moc"
