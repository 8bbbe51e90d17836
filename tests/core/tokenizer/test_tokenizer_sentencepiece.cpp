// A tokenizer.model that is read without a class of transformers encodes as libsentencepiece does.
#include <sentencepiece_processor.h>

#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTemporaryDir>

#include "core/tokenizer/tokenizer.h"
#include "tests/test_main.h"

using namespace rheo;

class TestTokenizerSentencePiece : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void equalsTheLibrary_data();
    void equalsTheLibrary();
};

void TestTokenizerSentencePiece::equalsTheLibrary_data() {
    QTest::addColumn<QByteArray>("model");
    QFile file(QStringLiteral(RHEO_FIXTURES "/tokenizers/folders.jsonl"));
    QVERIFY(file.open(QIODevice::ReadOnly));
    while (!file.atEnd()) {
        const QJsonObject line = QJsonDocument::fromJson(file.readLine()).object();
        const QString name = line["name"].toString();
        if (QStringList{"model, generic", "model, rules", "model, unigram", "model, unigram plain"}.contains(
                name))
            QTest::newRow(qPrintable(name))
                << QByteArray::fromBase64(line["files"]["tokenizer.model"]["base64"].toString().toLatin1());
    }
}

void TestTokenizerSentencePiece::equalsTheLibrary() {
    QFETCH(QByteArray, model);
    const QTemporaryDir folder;
    QFile file(folder.filePath("tokenizer.model"));
    QVERIFY(file.open(QIODevice::WriteOnly));
    QCOMPARE(file.write(model), model.size());
    file.close();
    const auto tokenizer = Tokenizer::open(folder.path().toStdString());
    sentencepiece::SentencePieceProcessor library;
    QVERIFY(
        library.LoadFromSerializedProto({model.constData(), static_cast<std::size_t>(model.size())}).ok());

    QFile prose(QStringLiteral(RHEO_FIXTURES "/tokenizers/llama2/encodings.jsonl"));
    QVERIFY(prose.open(QIODevice::ReadOnly));
    int compared = 0;
    while (!prose.atEnd()) {
        const std::string text =
            QJsonDocument::fromJson(prose.readLine()).object()["text"].toString().toUtf8().toStdString();
        // transformers differs from the library, and is followed, in special tokens that are spelt out, null
        // bytes, the mark for spaces spelt out, and characters with combining marks. In long texts the
        // library's sums in float32 decide otherwise where two ways to cut are nearly as likely.
        const bool combining = text.find('\xCC') != text.npos || text.find('\xCD') != text.npos;
        if (combining || text.size() > 5000 || text.find('<') != text.npos || text.find('\0') != text.npos ||
            text.find("\u2581") != text.npos)
            continue;
        std::vector<int> expected;
        QVERIFY(library.Encode(text, &expected).ok());
        const auto ids = tokenizer->encode(text);
        if (std::vector<int>(ids.begin(), ids.end()) != expected) {
            qWarning().noquote() << QString::fromStdString(text).left(80).toUtf8().toPercentEncoding(" ")
                                 << std::vector<int>(ids.begin(), ids.end()) << expected;
            QTest::qFail("other ids", __FILE__, __LINE__);
        }
        ++compared;
    }
    QVERIFY(compared > 100);
}

RHEO_TEST(TestTokenizerSentencePiece)
#include "test_tokenizer_sentencepiece.moc"
