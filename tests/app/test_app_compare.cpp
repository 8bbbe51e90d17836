// rheo compare: a trained network beside an untrained one, other prompts, and the verdicts of two reports.
#include <QTemporaryDir>
#include <QtTest>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/figure/training_figure.h"
#include "core/results/comparison_file.h"
#include "core/session/recipe_figure.h"
#include "core/session/training_view.h"
#include "core/trace/trace_reader.h"
#include "run_rheo.h"
#include "tests/test_main.h"

class TestAppCompare : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void withItself();
    void trainedBesideUntrained();
    void directionsAreAxes();
    void otherPrompts();
    void aGivenBasisHasNoShares();
    void threeSources_data();
    void threeSources();
    void viewsAreDrawn_data();
    void viewsAreDrawn();
    void refuses_data();
    void refuses();
    void verdictsOfTwoReports();
    void checkpointsAreASeries();
    void aSeriesIsOneCommand();

private:
    QString path(const QString& name) const { return m_folder.path() + "/" + name; }
    QTemporaryDir m_folder;
};

void TestAppCompare::initTestCase() {
    QByteArray prompts, others;
    const QByteArrayList ends{"him", "her", "the house", "a town", "the sea", "what came", "no one", "them"};
    for (int i = 0; i < 24; ++i) {
        prompts += (i % 2 == 0 ? "It was the best of times for " : "She said nothing at all to ") +
                   ends[i % 8] + " " + QByteArray::number(i) + "\n";
        others += "And there were " + QByteArray::number(i) + " more of " + ends[i % 8] + "\n";
    }
    writeFile(path("prompts.txt"), prompts);
    writeFile(path("others.txt"), others);
    const QStringList capture{"capture", "--model", RHEO_RESOURCES "/demo-model"};
    const auto run = [&](const char* file, const QString& text, const QStringList& more) {
        const auto ran = runRheo(capture + QStringList{"--prompts", path(text), "--out", path(file)} + more);
        QVERIFY2(ran.status == 0, ran.err);
    };
    run("trained.rheo.h5", "prompts.txt", {});
    run("untrained.rheo.h5", "prompts.txt", {"--untrained", "1"});
    run("second.rheo.h5", "prompts.txt", {"--untrained", "2"});
    run("others.rheo.h5", "others.txt", {});
}

// The same trace twice: every depth is as similar to itself as can be, and no curve differs.
void TestAppCompare::withItself() {
    QFile::copy(path("trained.rheo.h5"), path("copy.rheo.h5"));
    const auto ran = runRheo({"compare", path("trained.rheo.h5"), path("copy.rheo.h5"), "--out",
                              path("itself.h5"), "--null-repeats", "19", "--resamples", "10", "--json"});
    QVERIFY2(ran.status == 0, ran.err);
    QCOMPARE(ran.json()["alignment"].toString(), QString("one"));
    QCOMPARE(ran.json()["rows"].toInt(), 24);
    const auto read = rheo::readComparisonFile(path("itself.h5").toStdString());
    const auto& pair = read.comparison.pairs.at(0);
    for (Eigen::Index p = 0; p < pair.cka->cka.rows(); ++p) {
        QVERIFY(std::abs(pair.cka->cka(p, p) - 1) < 1e-6);
        QVERIFY(pair.cka->nullHigh(p, p) < 0.8);
        QCOMPARE(pair.cka->p(p, p), 0.05);
    }
    QVERIFY(pair.procrustes->map.residual < 1e-6);
    QVERIFY(!pair.differences.curves.empty());
    for (const auto& curve : pair.differences.curves)
        for (const double difference : curve.difference)
            QVERIFY2(!(std::abs(difference) > 1e-9), (curve.statistic + "/" + curve.dataset).c_str());
    QCOMPARE(read.comparison.scores[0].data, read.comparison.scores[1].data);
}

void TestAppCompare::trainedBesideUntrained() {
    const auto ran = runRheo({"compare", path("trained.rheo.h5"), path("untrained.rheo.h5"), "--out",
                              path("c.h5"), "--stat", "motion,pca", "--null-repeats", "39", "--resamples",
                              "20", "--curves", path("c.csv"), "--seed", "3", "--json"});
    QVERIFY2(ran.status == 0, ran.err);
    // Other weights, same prompts.
    QCOMPARE(ran.json()["alignment"].toString(), QString("procrustes"));
    const auto read = rheo::readComparisonFile(path("c.h5").toStdString());
    QCOMPARE(read.sources[1].name, std::string("untrained"));
    const auto& pair = read.comparison.pairs.at(0);
    QCOMPARE(pair.matched.by, rheo::MatchedBy::TokenIds);
    QCOMPARE(pair.cka->cka.rows(), 65);
    QCOMPARE(pair.cka->cka.cols(), 65);
    // Not the same network: far from 1 at the end, and each curve differs somewhere beyond its interval.
    QVERIFY(pair.cka->cka(64, 64) < 0.95);
    int apart = 0;
    for (const auto& curve : pair.differences.curves) {
        QVERIFY(curve.statistic == "motion" || curve.statistic == "pca");
        for (Eigen::Index i = 0; i < curve.difference.size(); ++i)
            apart += curve.low[i] > 0 || curve.high[i] < 0;
    }
    QVERIFY(apart > 100);
    QVERIFY(contentsOf(path("c.csv")).contains("1,motion,cosine,0,L00.attn_in,"));
    // Made again, it is the same.
    QVERIFY(runRheo({"compare", path("trained.rheo.h5"), path("untrained.rheo.h5"), "--out", path("again.h5"),
                     "--stat", "motion,pca", "--null-repeats", "39", "--resamples", "20", "--seed", "3",
                     "--threads", "1"})
                .status == 0);
    const auto again = rheo::readComparisonFile(path("again.h5").toStdString());
    QCOMPARE(again.comparison.pairs[0].cka->nullHigh, pair.cka->nullHigh);
    QCOMPARE(again.comparison.pairs[0].differences.curves[0].low, pair.differences.curves[0].low);
    // And it says what it is.
    const auto info = runRheo({"info", path("c.h5")});
    QVERIFY2(info.status == 0 && info.out.contains("comparison") && info.out.contains("untrained"), info.out);
}

/// Along the first three units, which are then the coordinates.
void TestAppCompare::directionsAreAxes() {
    const int units = 128;
    QByteArray npy("\x93NUMPY\x01\x00", 8);
    QByteArray header = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 128), }";
    header.append(QByteArray(117 - header.size(), ' ')).append('\n');
    npy.append(static_cast<char>(header.size())).append('\0').append(header);
    std::vector<float> values(3 * units, 0.0F);
    for (std::size_t i = 0; i < 3; ++i) values[i * units + i] = 2;
    npy.append(reinterpret_cast<const char*>(values.data()), static_cast<qsizetype>(values.size() * 4));
    QFile file(path("three.npy"));
    QVERIFY(file.open(QIODevice::WriteOnly) && file.write(npy) == npy.size());
    file.close();
    const auto ran =
        runRheo({"compare", path("trained.rheo.h5"), path("untrained.rheo.h5"), "--axes", path("three.npy"),
                 "--stat", "motion", "--resamples", "10", "--out", path("axes.h5")});
    QVERIFY2(ran.status == 0, ran.err);
    const auto read = rheo::readComparisonFile(path("axes.h5").toStdString());
    QCOMPARE(read.comparison.alignment, rheo::Alignment::One);
    QCOMPARE(read.comparison.axisNames.size(), std::size_t{3});
    const auto trace = rheo::TraceReader::open(path("untrained.rheo.h5").toStdString());
    std::vector<float> row(static_cast<std::size_t>(trace->points()) * units);
    trace->readRows(rheo::RowIndex{5}, 1, row.data());
    for (std::size_t point = 0; point < 65; ++point)
        for (std::size_t k = 0; k < 3; ++k) {
            const float score = read.comparison.scores[1].data[(5 * 65 + point) * 3 + k];
            // A step of float32 at the size of such a state.
            QVERIFY(std::abs(score - row[point * units + k]) < 1e-4F);
        }
    QVERIFY(
        runRheo({"figure", path("axes.h5"), "--view", "compare_paths", "--out", path("axes.svg")}).status ==
        0);
    QVERIFY(contentsOf(path("axes.svg")).contains(read.comparison.axisNames[2].c_str()));
    const auto refused = runRheo({"compare", path("trained.rheo.h5"), path("untrained.rheo.h5"), "--axes",
                                  path("three.npy"), "--align", "own", "--out", path("no.h5")});
    QVERIFY2(refused.status == 2 && refused.err.contains("--axes"), refused.err);
}

void TestAppCompare::otherPrompts() {
    const auto ran = runRheo({"compare", path("trained.rheo.h5"), path("others.rheo.h5"), "--out",
                              path("prompts.h5"), "--stat", "motion", "--resamples", "10", "--json"});
    QVERIFY2(ran.status == 0, ran.err);
    QCOMPARE(ran.json()["alignment"].toString(), QString("one"));  // the same weights
    const auto read = rheo::readComparisonFile(path("prompts.h5").toStdString());
    QVERIFY(!read.comparison.pairs[0].cka && !read.comparison.pairs[0].differences.paired);
    const auto cka =
        runRheo({"figure", path("prompts.h5"), "--view", "compare_cka", "--out", path("no.svg")});
    QVERIFY2(cka.status == 1 && cka.err.contains("share no prompts"), cka.err);
}

/// Its shares of the variance are of other states than those that are drawn.
void TestAppCompare::aGivenBasisHasNoShares() {
    const QStringList both{path("trained.rheo.h5"), path("untrained.rheo.h5")};
    QVERIFY(runRheo({"analyze", path("others.rheo.h5"), "--stat", "pca", "--out", path("basis.h5")}).status ==
            0);
    const auto noteWith = [&](const QStringList& more) {
        const auto ran = runRheo(QStringList{"compare"} + both + more +
                                 QStringList{"--align", "one", "--stat", "motion", "--null-repeats", "19",
                                             "--resamples", "5", "--out", path("one.h5"), "--force"});
        rheo::Recipe recipe;
        recipe.view = "compare_paths";
        recipe.sources = {{"compare_paths", path("one.h5").toStdString(), ""}};
        return ran.status == 0 ? rheo::figureOfRecipe(recipe).note : ran.err.toStdString();
    };
    QCOMPARE(noteWith({"--basis", path("basis.h5")}), std::string("All in a basis that was given."));
    const std::string own = noteWith({});
    QVERIFY2(own.starts_with("All in the principal components of trained. PC1, PC2 and PC3 hold "),
             own.c_str());
}

void TestAppCompare::threeSources_data() {
    QTest::addColumn<QString>("third");
    QTest::addColumn<QString>("align");
    QTest::newRow("two untrained, turned") << "second.rheo.h5"
                                           << "procrustes";
    QTest::newRow("two untrained, own") << "second.rheo.h5"
                                        << "own";
    QTest::newRow("two untrained, pooled") << "second.rheo.h5"
                                           << "pooled";
    QTest::newRow("other prompts, one") << "others.rheo.h5"
                                        << "one";
}
/// Each is compared with the first, as it is where there are only the two of them.
void TestAppCompare::threeSources() {
    QFETCH(QString, third);
    QFETCH(QString, align);
    const auto compare = [&](const QStringList& sources, const char* out) {
        QStringList words{"compare"};
        for (const QString& source : sources) words << path(source);
        return runRheo(words + QStringList{"--out", path(out), "--force", "--align", align, "--stat",
                                           "motion", "--null-repeats", "19", "--resamples", "10", "--seed",
                                           "5"});
    };
    const auto ran = compare({"trained.rheo.h5", "untrained.rheo.h5", third}, "three.h5");
    QVERIFY2(ran.status == 0, ran.err);
    const auto read = rheo::readComparisonFile(path("three.h5").toStdString());
    QCOMPARE(read.sources.size(), std::size_t{3});
    QCOMPARE(read.comparison.pairs.size(), std::size_t{2});
    const QStringList others{"untrained.rheo.h5", third};
    for (int i = 0; i < 2; ++i) {
        QVERIFY2(compare({"trained.rheo.h5", others[i]}, "two.h5").status == 0, qPrintable(others[i]));
        const auto two = rheo::readComparisonFile(path("two.h5").toStdString());
        const auto &pair = read.comparison.pairs.at(static_cast<std::size_t>(i)),
                   &alone = two.comparison.pairs.at(0);
        QCOMPARE(pair.other, i + 1);
        QCOMPARE(pair.matched.b, alone.matched.b);
        QCOMPARE(pair.cka.has_value(), others[i] != "others.rheo.h5");
        if (pair.cka) QCOMPARE(pair.cka->cka, alone.cka->cka);
        QCOMPARE(pair.differences.curves.size(), alone.differences.curves.size());
        for (std::size_t k = 0; k < alone.differences.curves.size(); ++k)
            QCOMPARE(pair.differences.curves[k].difference, alone.differences.curves[k].difference);
        // The coordinates too, but where all states decide on them together.
        if (align != "pooled")
            QCOMPARE(read.comparison.scores[static_cast<std::size_t>(i) + 1].data,
                     two.comparison.scores[1].data);
    }
    // Three panels. Where they share their axes, these are the same: no path looks smaller than it is.
    rheo::Recipe recipe;
    recipe.view = "compare_paths";
    recipe.sources = {{"compare_paths", path("three.h5").toStdString(), ""}};
    const rheo::Figure paths = rheo::figureOfRecipe(recipe);
    QCOMPARE(paths.panels.size(), std::size_t{3});
    if (align != "own")
        for (const auto& panel : paths.panels)
            for (std::size_t k = 0; k < 3; ++k) {
                const auto &axis = std::get<rheo::Plot3D>(panel.plot).axes[k],
                           &first = std::get<rheo::Plot3D>(paths.panels[0].plot).axes[k];
                QCOMPARE(axis.title, first.title);
                QCOMPARE(axis.low, first.low);
                QCOMPARE(axis.high, first.high);
            }
    const auto figure = [&](const char* view, const char* other) {
        return runRheo({"figure", path("three.h5"), "--view", view, "--other", other, "--out", path("f.svg"),
                        "--force"});
    };
    QVERIFY(figure("compare_difference", "2").status == 0);
    QVERIFY2(contentsOf(path("f.svg")).contains((read.sources[2].name + " minus trained").c_str()),
             "the second of the others");
    QCOMPARE(figure("compare_cka", "2").status == 0, third != "others.rheo.h5");
    const auto refused = figure("compare_difference", "3");
    QVERIFY2(refused.status != 0 && !refused.err.isEmpty(), "there is no such source");
}

void TestAppCompare::viewsAreDrawn_data() {
    QTest::addColumn<QStringList>("view");
    QTest::newRow("cka") << QStringList{"compare_cka"};
    QTest::newRow("beyond the null") << QStringList{"compare_cka", "--value", "beyond", "--map", "cividis"};
    QTest::newRow("difference") << QStringList{"compare_difference", "--statistic", "pca"};
    QTest::newRow("differences of motion") << QStringList{"compare_difference"};
    QTest::newRow("a series") << QStringList{"compare_training"};
    QTest::newRow("paths") << QStringList{"compare_paths", "--camera", "30,20,0", "--rows", "0,5"};
}
void TestAppCompare::viewsAreDrawn() {
    QFETCH(QStringList, view);
    for (const char* theme : {"light", "dark"}) {
        const QString out = path(QString("%1-%2.svg").arg(QTest::currentDataTag(), theme));
        const auto drawn =
            runRheo(QStringList{"figure", path("c.h5"), "--out", out, "--theme", theme, "--view"} + view);
        QVERIFY2(drawn.status == 0, drawn.err);
        QVERIFY(contentsOf(out).contains("<svg"));
        // Its recipe makes it again.
        const QString again = path("again.svg");
        const auto made = runRheo({"figure", "--recipe", out, "--out", again, "--force"});
        QVERIFY2(made.status == 0, made.err);
    }
}

void TestAppCompare::refuses_data() {
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<int>("status");
    QTest::addColumn<QString>("says");
    QTest::newRow("one source") << QStringList{"trained.rheo.h5", "--out", "x.h5"} << 2 << "";
    QTest::newRow("no output") << QStringList{"trained.rheo.h5", "untrained.rheo.h5"} << 2 << "--out";
    QTest::newRow("no file") << QStringList{"trained.rheo.h5", "none.h5", "--out", "x.h5"} << 1 << "none.h5";
    QTest::newRow("an unknown statistic")
        << QStringList{"trained.rheo.h5", "untrained.rheo.h5", "--stat", "moton", "--out", "x.h5"} << 2
        << "motion";
    QTest::newRow("Procrustes without pairs")
        << QStringList{"trained.rheo.h5", "others.rheo.h5", "--align", "procrustes", "--out", "x.h5"} << 1
        << "share no prompts";
    QTest::newRow("verdicts of a trace")
        << QStringList{"trained.rheo.h5", "others.rheo.h5", "--verdicts"} << 1 << "no verdicts";
    QTest::newRow("its own input") << QStringList{"trained.rheo.h5", "untrained.rheo.h5", "--out",
                                                  "trained.rheo.h5", "--force"}
                                   << 1 << "trained.rheo.h5";
}
void TestAppCompare::refuses() {
    QFETCH(QStringList, arguments);
    QFETCH(int, status);
    QFETCH(QString, says);
    for (QString& word : arguments)
        if (word.endsWith(".h5")) word = path(word);
    const auto ran = runRheo(QStringList{"compare"} + arguments);
    QVERIFY2(ran.status == status, ran.err);
    QVERIFY2(ran.err.contains(says.toUtf8()), ran.err);
    QVERIFY(!QFile::exists(path("x.h5")));
}

void TestAppCompare::verdictsOfTwoReports() {
    for (const char* name : {"trained", "untrained"}) {
        const auto ran =
            runRheo({"report", path(QString(name) + ".rheo.h5"), "--out", path(QString("report-") + name),
                     "--repeats", "2", "--points", "L00.attn_in:L03.mlp_in"});
        QVERIFY2(ran.status == 0, ran.err);
    }
    const QStringList both{"compare", path("report-trained"), path("report-untrained"), "--verdicts"};
    const auto text = runRheo(both);
    QVERIFY2(text.status == 0, text.err);
    QVERIFY2((text.out + text.err).contains("density rises"), text.out + text.err);
    const auto ran = runRheo(both + QStringList{"--json", "--out", path("verdicts.h5")});
    QVERIFY2(ran.status == 0, ran.err);
    const QJsonArray list = ran.json()["verdicts"].toArray();
    QVERIFY(list.size() >= 12);
    // As each report has it.
    const auto own = QJsonDocument::fromJson(contentsOf(path("report-trained/verdicts.json"))).array();
    for (const auto& value : list) {
        const QJsonObject row = value.toObject();
        const QJsonArray sources = row["sources"].toArray();
        QCOMPARE(sources.size(), 2);
        const QJsonObject first = sources[0].toObject(), second = sources[1].toObject();
        for (const auto& one : own)
            if (const QJsonObject verdict = one.toObject(); verdict["key"] == row["key"]) {
                QCOMPARE(first["verdict"], verdict["verdict"]);
                QCOMPARE(first["observed"], verdict["observed"]);
            }
        const bool tested =
            first["verdict"].toString() != "not_tested" && second["verdict"].toString() != "not_tested";
        QCOMPARE(row["differ"].toBool(), tested && first["verdict"] != second["verdict"]);
    }
    for (const char* view : {"compare_verdicts", "compare_training"}) {
        const auto drawn = runRheo(
            {"figure", path("verdicts.h5"), "--view", view, "--out", path("verdicts.svg"), "--force"});
        QVERIFY2(drawn.status == 0, drawn.err);
    }
}

/// Two checkpoints, given out of order: a report of each, compared in the order of their steps.
void TestAppCompare::aSeriesIsOneCommand() {
    QVERIFY(QDir().mkpath(path("checkpoints")));
    for (const auto& [name, fixture] : {std::pair("tiny-step10", "qwen3"), {"tiny-step2", "qwen2"}})
        QVERIFY(
            QFile::link(QString(RHEO_FIXTURES "/models/%1/model").arg(fixture), path("checkpoints/") + name));
    QByteArray prompts;
    for (int i = 0; i < 24; ++i)
        prompts += QString(R"({"ids": [1, %1, %2, %3, %4]})")
                       .arg(5 + i)
                       .arg(90 - i)
                       .arg(7 + 3 * i)
                       .arg(i + 20)
                       .toUtf8() +
                   '\n';
    QVERIFY(writeFile(path("ids.jsonl"), prompts));
    const QStringList call{"series",
                           path("checkpoints/tiny-step10"),
                           path("checkpoints/tiny-step2"),
                           "--prompts",
                           path("ids.jsonl"),
                           "--repeats",
                           "5",
                           "--out",
                           path("of steps"),
                           "--json"};
    const auto ran = runRheo(call);
    QVERIFY2(ran.status == 0, ran.err);
    QCOMPARE(ran.json()["checkpoints"].toArray(), (QJsonArray{"tiny-step2", "tiny-step10"}));
    for (const char* made : {"tiny-step2/index.html", "tiny-step10/verdicts.json", "series.h5",
                             "verdicts.svg", "motion.svg", "paths.svg"})
        QVERIFY2(QFile::exists(path("of steps/") + made), made);
    const auto file = rheo::readComparisonFile(path("of steps/series.h5").toStdString());
    QCOMPARE(file.sources.front().name, std::string("tiny-step2"));
    QVERIFY(!file.sources.back().verdicts.empty());
    const auto again = runRheo(call);
    QCOMPARE(again.status, 1);
    QVERIFY2(again.err.contains("--resume"), again.err);
    // What is finished is kept.
    const QString page = path("of steps/tiny-step2/index.html");
    const QByteArray before = contentsOf(page);
    QVERIFY(QFile::remove(path("of steps/tiny-step10/index.html")));
    const auto resumed = runRheo(QStringList(call) << "--resume");
    QVERIFY2(resumed.status == 0, resumed.err);
    QCOMPARE(contentsOf(page), before);
    QVERIFY(QFile::exists(path("of steps/tiny-step10/index.html")));
    const auto alone = runRheo(
        {"series", path("checkpoints/tiny-step2"), "--prompts", path("ids.jsonl"), "--out", path("alone")});
    QCOMPARE(alone.status, 1);
    QVERIFY2(alone.err.contains("named revisions"), alone.err);
}

/// Three checkpoints, given out of order: they are drawn by their steps.
void TestAppCompare::checkpointsAreASeries() {
    for (const auto& [name, source] : {std::pair("step0.rheo.h5", "untrained.rheo.h5"),
                                       {"step2000.rheo.h5", "trained.rheo.h5"},
                                       {"step300.rheo.h5", "trained.rheo.h5"}})
        QVERIFY(QFile::copy(path(source), path(name)));
    const auto ran = runRheo({"compare", path("step2000.rheo.h5"), path("step0.rheo.h5"),
                              path("step300.rheo.h5"), "--align", "pooled", "--stat", "motion,pca",
                              "--resamples", "10", "--null-repeats", "19", "--out", path("series.h5")});
    QVERIFY2(ran.status == 0, ran.err);
    rheo::Recipe recipe;
    recipe.options = R"({"statistic": "motion"})";
    const auto file = rheo::readComparisonFile(path("series.h5").toStdString());
    const rheo::Figure figure = rheo::figureOfTraining(file, recipe);
    QVERIFY(figure.colorScale);
    QStringList steps;
    for (const auto& tick : figure.colorScale->ticks) steps << QString::fromStdString(tick.label);
    QCOMPARE(steps, (QStringList{"0", "300", "2,000"}));
    // The lines of a panel: those of both copies of the trained model are the same, the first is another.
    const auto& plot = std::get<rheo::CurvePlot>(figure.panels.at(0).plot);
    std::vector<const rheo::Curve*> lines;
    for (const auto& curve : plot.curves)
        if (!curve.values.empty()) lines.push_back(&curve);
    QCOMPARE(lines.size(), std::size_t(3));
    const auto& differences = file.comparison.pairs.at(0).differences.curves;
    const auto of = std::find_if(differences.begin(), differences.end(), [](const auto& c) {
        return c.statistic == "motion" && c.axis != rheo::Along::One;
    });
    QVERIFY(of != differences.end());
    for (Eigen::Index i = 0; i < of->a.size(); ++i) {
        const auto at = static_cast<std::size_t>(i);
        QVERIFY(std::abs(lines[0]->y[at] - of->b[i]) < 1e-12 || std::isnan(of->b[i]));
        QVERIFY(std::abs(lines[2]->y[at] - of->a[i]) < 1e-12 || std::isnan(of->a[i]));
        QVERIFY(std::abs(lines[1]->y[at] - of->a[i]) < 1e-9 || std::isnan(of->a[i]));
    }
    const auto drawn = runRheo({"figure", path("series.h5"), "--view", "compare_training", "--statistic",
                                "motion", "--out", path("series.svg")});
    QVERIFY2(drawn.status == 0, drawn.err);
    recipe.options = R"({"statistic": "rotation"})";
    QVERIFY_EXCEPTION_THROWN(rheo::figureOfTraining(file, recipe), rheo::Error);
    recipe.options = R"({"statistic": "verdicts"})";
    QVERIFY_EXCEPTION_THROWN(rheo::figureOfTraining(file, recipe), rheo::Error);
    using rheo::trainingStep;
    QCOMPARE(trainingStep("org/model@step1000"), 1000.0);
    QCOMPARE(trainingStep("Step_5 seed 3"), 5.0);
    QCOMPARE(trainingStep("checkpoint-500"), 500.0);
    QCOMPARE(trainingStep("steps"), -1.0);
    QCOMPARE(trainingStep("footstep, then step 7"), 7.0);
}

RHEO_TEST(TestAppCompare)
#include "test_app_compare.moc"
