// What verdicts say in words, on the page and as JSON.
#include <QTest>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/findings/findings.h"
#include "core/results/verdict_json.h"
#include "core/session/page_template.h"
#include "core/session/report.h"
#include "core/session/verdict_text.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

/// The turns of SmolLM2-135M: beyond the walk, and hardly.
Verdict turns() {
    Verdict v;
    v.key = "rotation";
    v.observed = 10.14;
    v.interval = {10.10, 10.18};
    v.nulls = {{"sign_flip",
                9.98,
                9.96,
                10.0,
                {1e-5, PMethod::GeneralizedPareto},
                {1, PMethod::Empirical},
                9.98 / 10.14,
                200}};
    v.p = 2e-5;
    v.pMethod = PMethod::GeneralizedPareto;
    v.pAdjusted = 2.4e-4;
    v.samples = v.rows = 600;
    v.verdict = VerdictKind::MostlyNull;
    return v;
}

bool says(const Verdict& v, const std::string& words) {
    return sentenceOf(v).find(words) != std::string::npos;
}

}  // namespace

class TestSessionVerdicts : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyFindingHasWords() {
        for (const auto& finding : findings()) {
            const FindingText& text = findingText(finding.key);
            QVERIFY(std::string(text.finding).size() > 10 && std::string(text.statistic).size() > 10);
            for (const auto null : finding.nulls)
                QVERIFY2(nullInWords(nullName(null)) != nullName(null), nullName(null).data());
        }
    }

    // A results file keeps verdicts as JSON: what is read is what was written, and reads like it.
    void jsonKeepsEveryNumber() {
        Verdict v = turns();
        v.nulls.push_back(
            {"persistent_flip", 9, 8, 10, {0.5, PMethod::Empirical}, {0.25, PMethod::StudentT}, 1, 39});
        v.responses = {{0.25, 1, 2, 3, 0.5}, {4, -1, std::nan(""), 5, 1e-6}};
        v.verdict = VerdictKind::RestsOnOutliers;
        v.withAll = VerdictKind::Opposite;
        v.withoutOutliers = VerdictKind::NotSeen;
        v.observedWithoutOutliers = 0.1 + 0.2;
        v.outliers = "unit 3 (\"5 %\")";
        const std::string json = verdictToJson(v);
        const Verdict back = verdictFromJson(json);
        QCOMPARE(verdictToJson(back), json);
        QCOMPARE(sentenceOf(back), sentenceOf(v));
        QCOMPARE(back.observed, v.observed);
        QVERIFY(std::isnan(back.responses[1].low) && std::isnan(back.depthShuffleMean));
        QCOMPARE(back.nulls[1].lower.method, PMethod::StudentT);
    }

    // Files come from strangers.
    void jsonThatIsNoVerdictIsRefused_data() {
        QTest::addColumn<QByteArray>("json");
        QTest::addColumn<QByteArray>("names");
        QTest::addRow("no JSON") << QByteArray("{") << QByteArray("JSON object");
        QTest::addRow("a list") << QByteArray("[]") << QByteArray("JSON object");
        QTest::addRow("another finding") << QByteArray(R"({"key": "fractal"})") << QByteArray("fractal");
        QTest::addRow("a number as text")
            << QByteArray(R"({"key": "rotation", "observed": "ten"})") << QByteArray("observed");
        QTest::addRow("a verdict that is none")
            << QByteArray(R"({"key": "rotation", "verdict": "sure"})") << QByteArray("verdict");
        QTest::addRow("nulls that are no list")
            << QByteArray(R"({"key": "rotation", "nulls": 3})") << QByteArray("nulls");
        QTest::addRow("a null that is none")
            << QByteArray(R"({"key": "rotation", "nulls": [1]})") << QByteArray("JSON object");
        QTest::addRow("beyond no null")
            << QByteArray(R"({"key": "rotation", "verdict": "mostly_null"})") << QByteArray("no null");
    }
    void jsonThatIsNoVerdictIsRefused() {
        QFETCH(QByteArray, json);
        QFETCH(QByteArray, names);
        try {
            verdictFromJson(json.toStdString());
            QFAIL("it was read");
        } catch (const Error& error) {
            QVERIFY2(QByteArray(error.what()).contains(names), error.what());
        }
    }

    void mostlyNullSaysHowMuch() {
        QVERIFY2(says(turns(), "10.14 turns; a random walk with the same step sizes makes 9.98 of them"),
                 sentenceOf(turns()).c_str());
    }

    // Of several nulls each is named with what it gives.
    void mostlyNullNamesEveryNull() {
        Verdict v = turns();
        v.nulls.push_back(v.nulls.front());
        v.nulls.back().null = "persistent_flip";
        v.nulls.back().mean = 10.19;
        QVERIFY2(
            says(v,
                 "makes 9.98 of them, and a random walk whose steps are correlated across units and over "
                 "depth as in the data 10.19"),
            sentenceOf(v).c_str());
    }

    // The null beside a p against the published direction is the one that p is of.
    void theNullThatDecidesIsNamed() {
        Verdict v = turns();
        v.key = "late_easier_to_reconstruct";
        v.direction = 1;
        v.observed = -0.12;
        v.interval = {-0.16, -0.07};
        v.nulls.front() = {"sign_flip", 0, -0.01, 0.01, {1, PMethod::StudentT}, {1e-30, PMethod::StudentT},
                           0,           20};
        v.nulls.push_back(v.nulls.front());
        v.nulls.back() = {"persistent_flip",         -0.02, -0.13, 0.001, {0.98, PMethod::StudentT},
                          {0.02, PMethod::StudentT}, 0.17,  20};
        v.pAway = 0.02;
        v.pAwayAdjusted = 0.14;
        v.verdict = VerdictKind::NotSeen;
        QVERIFY2(says(v, "over depth as in the data gives -0.02 on average"), sentenceOf(v).c_str());
        v.verdict = VerdictKind::Opposite;
        v.pAway = 0;
        QVERIFY2(says(v, "over depth as in the data gives -0.02 on average") && says(v, "p < 1.0e-06, "),
                 sentenceOf(v).c_str());
    }

    void supportedSaysBothP() {
        Verdict v = turns();
        v.verdict = VerdictKind::Supported;
        v.observed = 6;
        QVERIFY2(says(v, "Units turn less than a random walk with the same step sizes: 6 "),
                 sentenceOf(v).c_str());
        QVERIFY(says(v, "p = 2.0e-05, 2.4e-04 adjusted") && says(v, "smoother"));
        v.observed = 14;
        QVERIFY(says(v, "Units turn more than") && says(v, "rougher"));
        // A null is named in words that say what it keeps.
        v.nulls.front().null = "persistent_flip";
        QVERIFY(
            says(v, "a random walk whose steps are correlated across units and over depth as in the data"));
    }

    void otherKinds() {
        Verdict v = turns();
        v.key = "density_rises";
        v.direction = 1;
        v.verdict = VerdictKind::RestsOnOutliers;
        v.withAll = VerdictKind::Supported;
        v.withoutOutliers = VerdictKind::NotSeen;
        v.outliers = "unit 7 (99 % of the norm)";
        v.observedWithoutOutliers = 0.1;
        v.nullWithoutOutliers = 0.2;
        QVERIFY2(
            says(v,
                 "verdict is \"supported\" (10.14; the null 9.98); without unit 7 (99 % of the norm) it is "
                 "\"not seen\" (0.1; the null 0.2)"),
            sentenceOf(v).c_str());
        v.withoutOutliers = VerdictKind::NotTested;
        v.reason = "there are 19 distinct samples, and 20 are needed";
        QVERIFY(says(v, "without unit 7 (99 % of the norm) it cannot be tested: there are 19 distinct"));
        v.verdict = VerdictKind::NotTested;
        v.reason = "it needs a model";
        QCOMPARE(sentenceOf(v), std::string("Not tested: it needs a model."));
        v.verdict = VerdictKind::ExplainedByNull;
        v.depthShuffleMean = 0.1;
        v.depthShuffleP = 0.01;
        QVERIFY(
            says(v, "But chance explains it: a random walk with the same step sizes gives 9.98 on average"));
        QVERIFY(says(v, "would make it a finding (p = 0.010)"));
    }

    // Every size of push is on the page and in the file, with what an attractor means here.
    void pushesOfAllSizes() {
        Verdict v;
        v.key = "early_attractor";
        v.direction = -1;
        for (const double size : {0.25, 0.5, 1.0, 2.0, 4.0})
            v.responses.push_back({size, -size, -2 * size, 0, 0.01});
        v.observed = -1;
        v.interval = {-2, -0.5};
        v.nulls = {
            {"flipped_signs", 0, -0.1, 0.1, {1, PMethod::SignFlips}, {1e-4, PMethod::SignFlips}, 0, 10000}};
        v.verdict = VerdictKind::Supported;
        QVERIFY(says(v, "0.25 s: -0.25 (-0.5 to 0); 0.5 s") && says(v, "4 s: -4"));
        QVERIFY(says(v, "has no fixed point"));
        const auto json = nlohmann::json::parse(verdictsJson({v}));
        QCOMPARE(json[0]["responses"].size(), 5u);
        QCOMPARE(json[0]["responses"][4]["size"].get<double>(), 4.0);
    }

    void jsonHasTheNumbers() {
        const auto json = nlohmann::json::parse(verdictsJson({turns()}))[0];
        QCOMPARE(json["null_share"].get<double>(), 9.98 / 10.14);
        QCOMPARE(json["p_adjusted"].get<double>(), 2.4e-4);
        QCOMPARE(json["p_method"].get<std::string>(), std::string("generalized_pareto"));
        QCOMPARE(json["verdict"].get<std::string>(), std::string("mostly_null"));
        QCOMPARE(json["nulls"][0]["null"].get<std::string>(), std::string("sign_flip"));
        Report report;
        report.verdicts = {turns()};
        const std::string page = reportPage(report);
        QVERIFY(page.find("mostly null") != std::string::npos && page.find("adjusted") != std::string::npos);
        // The observed value and the band of its null are drawn; no place of the template is left.
        QVERIFY(page.find("<circle") != std::string::npos && page.find("<rect") != std::string::npos);
        QVERIFY(page.find("{{") == std::string::npos && page.find("Figures") == std::string::npos);
    }

    void templatesAreFilled() {
        TemplateFields fields{{{"title", "a < b"}}};
        fields.lists["none"];
        fields.lists["rows"] = {{{{"x", "<b>1</b>"}}}, {{{"x", "2"}, {"title", "own"}}}};
        QCOMPARE(
            fillTemplate("{{title}}\n{{#rows}}\n{{{x}}} {{x}} {{title}}\n{{/rows}}\n{{#none}}no{{/none}}end",
                         fields),
            std::string("a &lt; b\n<b>1</b> &lt;b&gt;1&lt;/b&gt; a &lt; b\n2 2 own\nend"));
        for (const char* wrong : {"{{other}}", "{{#other}}{{/other}}", "{{#rows}}", "{{title"})
            QVERIFY_EXCEPTION_THROWN(fillTemplate(wrong, fields), Error);
    }
};

RHEO_TEST(TestSessionVerdicts)
#include "test_session_verdicts.moc"
