// rheo report as a user runs it, on the built-in model and on a trace alone, and the curves that go to other
// programs.
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QTemporaryDir>
#include <QXmlStreamReader>
#include <QtTest>
#include <cmath>

#include "core/results/results_file.h"

using namespace rheo;

namespace {

const QStringList keys{
    "density_rises",     "correlation_high",           "inside_exceeds_across", "cosine_rises",
    "accelerates",       "mi_drops_then_climbs",       "nonlinear_early",       "rotation",
    "rotation_coherent", "late_easier_to_reconstruct", "path_low_dimensional",  "early_attractor"};
const QStringList fields{
    "key",       "finding",    "statistic",          "observed",        "interval_low",    "interval_high",
    "null",      "null_mean",  "null_low",           "null_high",       "null_share",      "nulls",
    "p",         "p_adjusted", "p_method",           "p_away",          "p_away_adjusted", "repeats",
    "n_samples", "n_rows",     "depth_shuffle_mean", "depth_shuffle_p", "responses",       "verdict",
    "reason",    "sentence"};

struct Ran {
    int status = -1;
    QString out, err;
};

Ran call(const QStringList& arguments) {
    QProcess process;
    process.start(RHEO_BIN "/rheo", arguments);
    process.waitForFinished(600000);
    return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2,
            QString::fromUtf8(process.readAllStandardOutput()),
            QString::fromUtf8(process.readAllStandardError())};
}

QByteArray contents(const QString& path) {
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

}  // namespace

class TestAppReport : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void modelAndPrompts() {
        const QString out = m_dir.filePath("model");
        const Ran ran = call({"report", "--model", RHEO_RESOURCES "/demo-model", "--prompts",
                              RHEO_RESOURCES "/prompts/novels.txt", "--limit", "24", "--points",
                              "L00.attn_in:L05.mlp_in", "--repeats", "3", "--seed", "5", "--out", out});
        QVERIFY2(ran.status == 0, qPrintable(ran.err));

        const QJsonArray verdicts = QJsonDocument::fromJson(contents(out + "/verdicts.json")).array();
        QCOMPARE(verdicts.size(), keys.size());
        for (int i = 0; i < verdicts.size(); ++i) {
            const QJsonObject v = verdicts[i].toObject();
            QCOMPARE(v["key"].toString(), keys[i]);
            for (const auto& field : fields) QVERIFY2(v.contains(field), qPrintable(field));

            QVERIFY2(v["verdict"].toString() != "not_tested", qPrintable(v["reason"].toString()));
            QVERIFY(!v["sentence"].toString().isEmpty());
            QVERIFY(v["interval_low"].toDouble() <= v["interval_high"].toDouble());
        }
        QCOMPARE(verdicts[11].toObject()["n_samples"].toInt(), 24);
        QCOMPARE(verdicts[0].toObject()["repeats"].toInt(), 3);

        // The page holds every figure as a whole SVG, every finding, and nothing from elsewhere.
        const QString page = QString::fromUtf8(contents(out + "/index.html"));
        for (const auto& key : keys) QVERIFY2(page.contains("<tr id=\"" + key + "\">"), qPrintable(key));
        QCOMPARE(page.count("<figure><svg"), 12);
        QVERIFY(!page.contains("<img") && !page.contains("<script") && !page.contains("href=\"http"));
        QVERIFY(page.contains("rheo report --model"));
        for (qsizetype at = page.indexOf("<figure><svg"); at >= 0;
             at = page.indexOf("<figure><svg", at + 1)) {
            const qsizetype start = at + 8, end = page.indexOf("<figcaption>", start);
            QXmlStreamReader reader(page.mid(start, end - start));
            while (!reader.atEnd()) reader.readNext();
            QVERIFY2(!reader.hasError(), qPrintable(reader.errorString()));
        }
        // What it says is what the results hold.
        const Results results = readResults((out + "/results.h5").toStdString());
        QVERIFY(results.statistics.autoencoder && results.statistics.mutualInformation);
        const double observed = results.statistics.correlation->mean.mean();
        QVERIFY(std::abs(verdicts[1].toObject()["observed"].toDouble() - observed) < 1e-12);

        // Again into the same folder only if told so.
        const Ran again = call({"report", out + "/trace.rheo.h5", "--repeats", "1", "--out", out});
        QCOMPARE(again.status, 1);
        QVERIFY(again.err.contains("already there") && again.err.contains("--force"));
    }

    void aTraceAlone() {
        const QString out = m_dir.filePath("trace");
        const Ran ran =
            call({"report", RHEO_FIXTURES "/golden/small.rheo.h5", "--repeats", "3", "--out", out, "--json"});
        QVERIFY2(ran.status == 0, qPrintable(ran.err));
        QCOMPARE(QJsonDocument::fromJson(ran.out.toUtf8()).object()["rows"].toInt(), 120);
        for (const auto& value : QJsonDocument::fromJson(contents(out + "/verdicts.json")).array()) {
            const QJsonObject v = value.toObject();
            const bool needsModel = v["key"] == "early_attractor";
            QVERIFY2((v["verdict"] == "not_tested") == needsModel, qPrintable(v["key"].toString()));
            if (needsModel) QVERIFY(v["reason"].toString().contains("model") && v["observed"].isNull());
        }

        // Curves as other programs read them: the same numbers as the results.
        const Results results = readResults((out + "/results.h5").toStdString());
        const QJsonObject json = QJsonDocument::fromJson(contents(out + "/curves.json")).object();
        int compared = 0;
        for (const auto& value : json["curves"].toArray()) {
            const QJsonObject curve = value.toObject();
            for (const auto& null : results.nulls) {
                if (curve["statistic"].toString().toStdString() != null.statistic ||
                    curve["dataset"].toString().toStdString() != null.dataset)
                    continue;
                const QJsonArray z =
                    curve["nulls"].toObject()[QString::fromStdString(null.null)].toObject()["z"].toArray();
                QCOMPARE(z.size(), null.summary.z.size());
                for (qsizetype i = 0; i < z.size(); ++i) {
                    const double expected = null.summary.z[i];
                    if (std::isfinite(expected))
                        QCOMPARE(z[i].toDouble(), expected);
                    else
                        QVERIFY(z[i].isNull());
                }
                ++compared;
            }
        }
        QCOMPARE(compared, static_cast<int>(results.nulls.size()));
        const QList<QByteArray> lines = contents(out + "/curves.csv").split('\n');
        for (const auto& line : lines)
            if (!line.isEmpty()) QCOMPARE(line.count(','), 12);
        QVERIFY(std::any_of(lines.begin(), lines.end(), [](const QByteArray& line) {
            return line.startsWith("motion,cosine,0,L00.attn_in,") && line.contains(",gaussian_walk,");
        }));
    }

    void curvesOfAnalyze() {
        const QString trace = RHEO_FIXTURES "/golden/small.rheo.h5";
        const QString out = m_dir.filePath("r.h5"), csv = m_dir.filePath("r.csv");
        const Ran ran = call({"analyze", trace, "--stat", "density", "--out", out, "--curves", csv});
        QVERIFY2(ran.status == 0, qPrintable(ran.err));
        QVERIFY(contents(csv).startsWith("statistic,dataset,index,point,observed,null"));
        QVERIFY(contents(csv).contains("density,participation_ratio,0,L00.attn_in,"));
        QCOMPARE(
            call({"analyze", trace, "--stat", "density", "--out", m_dir.filePath("s.h5"), "--curves", csv})
                .status,
            1);
        QCOMPARE(call({"analyze", trace, "--stat", "density", "--out", m_dir.filePath("s.h5"), "--curves",
                       "a.txt"})
                     .status,
                 2);
    }

    void whatMakesNoSenseIsRefused() {
        const auto refused = [&](QStringList arguments, const char* says, int status = 2) {
            const Ran ran = call(arguments << "--out" << m_dir.filePath("no"));
            return ran.status == status && ran.err.contains(says);
        };
        QVERIFY(refused({"report"}, "--prompts"));
        QVERIFY(refused({"report", "--prompts", "p.txt"}, "--model"));
        QVERIFY(refused(
            {"report", RHEO_FIXTURES "/golden/small.rheo.h5", "--model", RHEO_RESOURCES "/demo-model"},
            "model", 1));
    }

private:
    QTemporaryDir m_dir;
};

QTEST_GUILESS_MAIN(TestAppReport)
#include "test_app_report.moc"
