// Every component and setting does what the reference implementation does
// (fixtures/tokenizers/make_components.py).
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>

#include "core/base/error.h"
#include "core/tokenizer/tokenizer.h"
#include "json_values.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

QJsonObject byteVocabulary() {
    QJsonObject vocabulary;
    for (int byte = 0; byte < 256; ++byte)
        vocabulary[QStringLiteral("<0x%1>").arg(byte, 2, 16, QLatin1Char('0')).toUpper().replace('X', 'x')] =
            byte;
    vocabulary[QStringLiteral("<unk>")] = 256;
    return vocabulary;
}

}  // namespace

class TestTokenizerComponents : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void equalTheReference_data();
    void equalTheReference();
};

void TestTokenizerComponents::equalTheReference_data() {
    QTest::addColumn<QJsonObject>("line");
    QFile file(QStringLiteral(RHEO_FIXTURES "/tokenizers/components.jsonl"));
    QVERIFY(file.open(QIODevice::ReadOnly));
    for (int number = 1; !file.atEnd(); ++number)
        QTest::addRow("line %d", number) << QJsonDocument::fromJson(file.readLine()).object();
}

void TestTokenizerComponents::equalTheReference() {
    QFETCH(QJsonObject, line);
    QJsonObject description = line["tokenizer"].toObject();
    QJsonObject model = description["model"].toObject();
    if (model["vocab"] == "bytes") model["vocab"] = byteVocabulary();
    description["model"] = model;
    const QByteArray json = QJsonDocument(description).toJson(QJsonDocument::Compact);
    model.remove("vocab");
    description["model"] = model;
    const QByteArray shown = QJsonDocument(description).toJson(QJsonDocument::Compact);

    try {
        const auto tokenizer = Tokenizer::parse(json.toStdString(), "tokenizer.json");
        int compared = 0;
        for (const auto& encoded : line["encode"].toArray()) {
            const auto ids = tokenizer->encode(textOf(encoded[0]), encoded[1].toBool());
            if (ids != idsOf(encoded[2]))
                qWarning().noquote() << shown << "\n  text" << encoded[0] << "\n  expected" << encoded[2];
            QCOMPARE(ids, idsOf(encoded[2]));
            ++compared;
        }
        for (const auto& decoded : line["decode"].toArray()) {
            const std::string text = tokenizer->decode(idsOf(decoded[0]), decoded[1].toBool());
            if (text != textOf(decoded[2])) qWarning().noquote() << shown << "\n  ids" << decoded[0];
            QCOMPARE(text, textOf(decoded[2]));
            ++compared;
        }
        QVERIFY(compared > 0);
    } catch (const Error& error) {
        QFAIL(error.what());
    }
}

RHEO_TEST(TestTokenizerComponents)
#include "test_tokenizer_components.moc"
