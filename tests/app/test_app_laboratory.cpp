// rheo intervene: what it writes and prints, and what it refuses.
#include <QTemporaryDir>
#include <QtTest>

#include "core/trace/hdf5_file.h"
#include "run_rheo.h"
#include "tests/test_main.h"

namespace {

const QString demoModel = RHEO_RESOURCES "/demo-model";

}  // namespace

class TestAppLaboratory : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void interveneWritesBothTexts();
    void strengthZeroGivesTheNaturalText();
    void interveneRefuses_data();
    void interveneRefuses();

private:
    QString path(const QString& name) const { return m_folder.path() + "/" + name; }
    Ran intervene(const QString& edits, const QString& out, const QStringList& more = {}) const {
        writeFile(path("edits.json"), edits.toUtf8());
        return runRheo(QStringList{"intervene", "--model", demoModel, "--text", "It was the best", "--edits",
                                   path("edits.json"), "--out", path(out), "--json"} +
                       more);
    }
    QTemporaryDir m_folder;
    QString m_vector;  ///< [128] as JSON
};

void TestAppLaboratory::initTestCase() {
    for (int i = 0; i < 128; ++i) m_vector += QString("%1%2").arg(i == 0 ? "[" : ",").arg(i % 7 - 3);
    m_vector += "]";
}

void TestAppLaboratory::interveneWritesBothTexts() {
    const auto ran = intervene(QString(R"({"edits": [{"point": "L03.mlp_in", "tokens": "all", "op": "add",
                                        "vector": %1, "strength": 2, "unit": "rms"}]})")
                                   .arg(m_vector),
                               "i.h5", {"--generate", "6"});
    QVERIFY2(ran.status == 0, ran.err);
    const QJsonObject said = ran.json();
    QCOMPARE(said["natural_ids"].toArray().size(), 6);
    QCOMPARE(said["intervened_ids"].toArray().size(), 6);
    QVERIFY(said["natural_ids"] != said["intervened_ids"]);
    QVERIFY(!said["intervened_text"].toString().isEmpty());
    const auto file = rheo::Hdf5File::openForReading(path("i.h5").toStdString());
    const auto tokens = static_cast<std::int64_t>(said["ids"].toArray().size()) + 6;
    QVERIFY((file.info("/natural").shape == std::vector<std::int64_t>{tokens, 65, 128}));
    QVERIFY((file.info("/intervened").shape == std::vector<std::int64_t>{tokens, 65, 128}));
    QCOMPARE(file.read<std::int32_t>("/intervened_ids").size(), std::size_t{6});
    QCOMPARE(QString::fromStdString(file.readStrings("/intervened_text").at(0)),
             said["intervened_text"].toString());
    QVERIFY(file.numberAttribute("/", "kl").value_or(0) > 0);
}

void TestAppLaboratory::strengthZeroGivesTheNaturalText() {
    const auto ran = intervene(QString(R"({"edits": [{"point": "L03.mlp_in", "tokens": "all", "op": "add",
                                        "vector": %1, "strength": 0}]})")
                                   .arg(m_vector),
                               "zero.h5", {"--generate", "6", "--temperature", "0.8", "--seed", "3"});
    QVERIFY2(ran.status == 0, ran.err);
    QVERIFY(ran.json()["natural_ids"] == ran.json()["intervened_ids"]);
    QCOMPARE(ran.json()["kl"].toDouble(), 0.0);
}

void TestAppLaboratory::interveneRefuses_data() {
    QTest::addColumn<QString>("edit");
    QTest::addColumn<QString>("part");
    QTest::newRow("point") << R"({"point": "L32.mlp_in", "op": "scale"})"
                           << "L32.mlp_in";
    QTest::newRow("operation") << R"({"point": "final", "op": "scaled"})"
                               << "scaled";
    QTest::newRow("width") << R"({"point": "final", "op": "add", "vector": [1]})"
                           << "128";
    QTest::newRow("key") << R"({"point": "final", "op": "scale", "factor": 2})"
                         << "factor";
    QTest::newRow("token") << R"({"point": "final", "op": "scale", "tokens": [99]})"
                           << "99";
}

void TestAppLaboratory::interveneRefuses() {
    QFETCH(QString, edit);
    QFETCH(QString, part);
    const auto ran = intervene("{\"edits\": [" + edit + "]}", "refused.h5");
    QCOMPARE(ran.status, 1);
    QVERIFY2(ran.err.contains(part.toUtf8()), ran.err);
    QVERIFY(!QFile::exists(path("refused.h5")));
}

RHEO_TEST(TestAppLaboratory)
#include "test_app_laboratory.moc"
