// rheo import and rheo merge as a user runs them: exit statuses, what is printed, and files that other
// commands read.
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QTemporaryDir>
#include <algorithm>
#include <cmath>

#include "core/trace/trace_reader.h"
#include "run_rheo.h"
#include "tests/test_main.h"

namespace {}  // namespace

class TestAppImport : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void importTellsWhatItRead();
    void shardsMergeToTheUndividedCapture();

private:
    QString path(const QString& name) const { return m_dir.filePath(name); }
    QTemporaryDir m_dir;
};

void TestAppImport::importTellsWhatItRead() {
    const QString imports = RHEO_FIXTURES "/imports/";
    const QString out = path("imported.rheo.h5");
    Ran ran = runRheo({"import", imports + "transformer_lens.npz", "--out", out, "--json"});
    QCOMPARE(ran.status, 0);
    const QJsonObject result = ran.json();
    QCOMPARE(result["out"].toString(), out);
    QCOMPARE(result["rows"].toInt(), 72);
    QCOMPARE(result["points"].toInt(), 9);
    QCOMPARE(result["d_model"].toInt(), 48);
    QCOMPARE(result["warnings"].toArray().size(), 1);
    QVERIFY(result["warnings"][0].toString().contains("--tl-unprocessed"));
    const QJsonObject info = runRheo({"info", out, "--json"}).json();
    QCOMPARE(info["kind"].toString(), QString("trace"));
    QCOMPARE(info["complete"].toInt(), 72);
    QVERIFY(info["model"].isNull());
    QVERIFY(runRheo({"info", out}).out.contains("imported from transformer_lens.npz"));

    ran = runRheo({"import", imports + "transformer_lens.npz", "--out", out});
    QCOMPARE(ran.status, 1);
    QVERIFY(ran.err.contains("already there"));
    ran = runRheo(
        {"import", imports + "transformer_lens.npz", "--out", out, "--force", "--tl-unprocessed", "--json"});
    QCOMPARE(ran.status, 0);
    QVERIFY(ran.json()["warnings"].toArray().isEmpty());

    ran = runRheo({"import", imports + "nan.npy", "--out", path("nan.rheo.h5"), "--json"});
    QCOMPARE(ran.status, 1);
    QCOMPARE(ran.json()["error"].toObject()["code"].toString(), QString("invalid_argument"));
    QVERIFY(ran.err.contains("--layout"));
    ran = runRheo({"import", imports + "nan.npy", "--layout", "row,point,unit", "--sites", "attn_in,mlp_in",
                   "--out", path("nan.rheo.h5"), "--json"});
    QCOMPARE(ran.status, 0);
    QCOMPARE(ran.json()["not_finite"].toInt(), 1);
    QVERIFY(ran.json()["warnings"][0].toString().contains("1 NaN"));
    QCOMPARE(
        runRheo({"import", imports + "nan.npy", "--last-is-normed", "maybe", "--out", path("x.h5")}).status,
        2);
}

void TestAppImport::shardsMergeToTheUndividedCapture() {
    const auto capture = [&](const QString& out, const QStringList& more) {
        const Ran ran = runRheo(QStringList{"capture", "--model", RHEO_RESOURCES "/demo-model", "--prompts",
                                            RHEO_RESOURCES "/prompts/novels.txt", "--limit", "7",
                                            "--max-tokens", "12", "--rows", "stride:5", "--out", out} +
                                more);
        QVERIFY2(ran.status == 0, ran.err);
    };
    capture(path("whole.rheo.h5"), {});
    QStringList shards;
    for (const QString shard : {"2/3", "0/3", "1/3"}) {
        shards << path("shard.rheo.h5." + shard.left(1));
        capture(shards.back(), {"--shard", shard});
    }
    const auto whole = rheo::TraceReader::open(path("whole.rheo.h5").toStdString());
    for (const QString mode : {"", "--copy"}) {
        const QString out = path("merged.rheo.h5" + mode);
        QStringList arguments = QStringList{"merge"} + shards + QStringList{"--out", out, "--json"};
        if (!mode.isEmpty()) arguments << mode;
        const Ran ran = runRheo(arguments);
        QVERIFY2(ran.status == 0, ran.err);
        QCOMPARE(ran.json()["rows"].toInteger(), whole->rows());
        QCOMPARE(ran.json()["shards"].toInt(), 3);
        const auto merged = rheo::TraceReader::open(out.toStdString());
        QVERIFY(merged->info().rows == whole->info().rows);
        QVERIFY(merged->info().samples == whole->info().samples);
        const auto count = static_cast<std::size_t>(whole->rows() * whole->points() * whole->units());
        std::vector<float> a(count), b(count);
        merged->readRows(rheo::RowIndex{0}, whole->rows(), a.data());
        whole->readRows(rheo::RowIndex{0}, whole->rows(), b.data());
        // Shards batch their prompts in another way, and a capture depends on that by rounding alone: matrix
        // products of other sizes may sum in another order (0 on some processors, 7e-7 of the RMS on others).
        double squares = 0, farthest = 0;
        for (std::size_t i = 0; i < count; ++i) {
            squares += double(b[i]) * double(b[i]);
            farthest = std::max(farthest, std::abs(double(a[i]) - double(b[i])));
        }
        const double rms = std::sqrt(squares / static_cast<double>(count));
        QVERIFY2(farthest <= 1e-5 * rms, qPrintable(QString::number(farthest / rms)));
    }
    const Ran twice = runRheo({"merge", shards[0], shards[0], "--out", path("twice.rheo.h5"), "--json"});
    QCOMPARE(twice.status, 1);
    QCOMPARE(twice.json()["error"].toObject()["code"].toString(), QString("mismatch"));
}

RHEO_TEST(TestAppImport)
#include "test_app_import.moc"
