// Folders as people have them give the ids that AutoTokenizer of transformers gives
// (fixtures/tokenizers/make_folders.py).
#include <QDir>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTemporaryDir>

#include "core/base/error.h"
#include "core/tokenizer/tokenizer.h"
#include "core/tokenizer/tokenizer_folder.h"
#include "json_values.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

/// What stands for a file in the fixture: its text, its bytes, or a tokenizer.json of another fixture with
/// changes.
QByteArray contentOf(const QJsonValue& value) {
    if (value.isString()) return value.toString().toUtf8();
    const QJsonObject object = value.toObject();
    if (object.contains("base64")) return QByteArray::fromBase64(object["base64"].toString().toLatin1());
    QFile file(QStringLiteral(RHEO_FIXTURES "/tokenizers/") + object["fixture"].toString());
    if (!file.open(QIODevice::ReadOnly)) return {};
    QJsonObject tokenizer = QJsonDocument::fromJson(file.readAll()).object();
    const QJsonObject changes = object["set"].toObject();
    for (auto change = changes.begin(); change != changes.end(); ++change)
        tokenizer[change.key()] = change.value();
    QJsonArray added = tokenizer["added_tokens"].toArray();
    for (const auto& token : object["append"].toArray()) added.append(token);
    tokenizer["added_tokens"] = added;
    return QJsonDocument(tokenizer).toJson(QJsonDocument::Compact);
}

void write(const QString& file, const QByteArray& bytes) {
    QFile out(file);
    QVERIFY(out.open(QIODevice::WriteOnly));
    QCOMPARE(out.write(bytes), bytes.size());
}

}  // namespace

class TestTokenizerFolders : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void equalTransformers_data();
    void equalTransformers();
    void notesSayWhatDiffers();
    void remarksOnIds();
    void nothingToRead();
};

void TestTokenizerFolders::equalTransformers_data() {
    QTest::addColumn<QJsonObject>("line");
    QFile file(QStringLiteral(RHEO_FIXTURES "/tokenizers/folders.jsonl"));
    QVERIFY(file.open(QIODevice::ReadOnly));
    while (!file.atEnd()) {
        const QJsonObject line = QJsonDocument::fromJson(file.readLine()).object();
        QTest::newRow(qPrintable(line["name"].toString())) << line;
    }
}

void TestTokenizerFolders::equalTransformers() {
    QFETCH(QJsonObject, line);
    const QTemporaryDir folder;
    const QJsonObject files = line["files"].toObject();
    for (auto file = files.begin(); file != files.end(); ++file)
        write(folder.filePath(file.key()), contentOf(file.value()));
    try {
        const auto tokenizer = Tokenizer::open(folder.path().toStdString());
        int wrong = 0;
        const auto compare = [&](const char* what, const QJsonArray& encoded,
                                 const std::vector<std::int32_t>& ids,
                                 const std::vector<std::int32_t>& expected) {
            if (ids == expected) return;
            ++wrong;
            qWarning().noquote() << what << encoded[0] << "\n  ids     " << shown(ids) << "\n  expected"
                                 << shown(expected);
        };
        for (const auto& value : line["encode"].toArray()) {
            const QJsonArray encoded = value.toArray();
            const std::string text = textOf(encoded[0]);
            compare("text", encoded, tokenizer->encode(text), idsOf(encoded[1]));
            compare("literal", encoded, tokenizer->literal()->encode(text), idsOf(encoded.last()));
        }
        QCOMPARE(wrong, 0);
        for (const auto& decoded : line["decode"].toArray())
            QCOMPARE(tokenizer->decode(idsOf(decoded[0]), true), textOf(decoded[1]));
    } catch (const Error& error) {
        QFAIL(error.what());
    }
}

void TestTokenizerFolders::notesSayWhatDiffers() {
    const QTemporaryDir folder;
    const QJsonObject gap{{"id", 5000}, {"content", "<|im_end|>"}, {"special", true}};
    write(folder.filePath("tokenizer.json"),
          contentOf(QJsonObject{{"fixture", "llama2/tokenizer.json"}, {"append", QJsonArray{gap}}}));
    write(folder.filePath("tokenizer_config.json"), R"({"add_bos_token": false})");
    const auto tokenizer = Tokenizer::open(folder.path().toStdString());
    QString notes;
    for (const auto& note : tokenizer->notes()) notes += QString::fromStdString(note) + '\n';
    QVERIFY2(notes.contains("\"<|im_end|>\" is") && notes.contains("not 5000"), qPrintable(notes));
    QVERIFY2(notes.contains("add_bos_token"), qPrintable(notes));
}

void TestTokenizerFolders::remarksOnIds() {
    const auto tokenizer = Tokenizer::load(RHEO_FIXTURES "/tokenizers/llama2/tokenizer.json");
    const auto remarks = [&](const char* text, bool literal = false) {
        return tokenizer->remarks((literal ? tokenizer->literal() : tokenizer)->encode(text));
    };
    QCOMPARE(remarks("plain").twiceBos, std::string());
    QVERIFY(remarks("plain").parsed.empty());
    QVERIFY(remarks("").parsed.empty());
    QCOMPARE(remarks("<s>twice").twiceBos, std::string("<s>"));
    QCOMPARE(remarks("<s>twice").parsed, std::vector<std::string>{"<s>"});
    QCOMPARE(remarks("<s>twice", true).twiceBos, std::string());
    QVERIFY(remarks("<s>twice", true).parsed.empty());
    QCOMPARE(remarks("a</s>b<unk>c</s>").parsed, (std::vector<std::string>{"</s>", "<unk>"}));
    QCOMPARE(remarks("a</s>").twiceBos, std::string());
}

void TestTokenizerFolders::nothingToRead() {
    const QTemporaryDir folder;
    const std::string path = folder.path().toStdString();
    QVERIFY(!findTokenizerFile(path));
    write(folder.filePath("vocab.json"), "{}");
    QVERIFY(!findTokenizerFile(path));  // merges.txt is missing
    try {
        Tokenizer::open(path);
        QFAIL("nothing was thrown");
    } catch (const Error& error) {
        QCOMPARE(error.code(), ErrorCode::NotFound);
        QVERIFY(QString(error.what()).contains("tokenizer.model"));
    }
}

RHEO_TEST(TestTokenizerFolders)
#include "test_tokenizer_folders.moc"
