// What an analysis costs: that forecasts add up, grow as the computation does, and leave out what is known.
// How close they come to the clock is in tests/bench/README.md.
#include <QTest>

#include "core/session/forecast.h"
#include "tests/core/analysis/planted.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

constexpr planted::Size size{60, 4, 24};

AnalysisRequest requestOf(std::vector<NullKind> nulls, int repeats) {
    AnalysisRequest request;
    request.options.get<Motion>().emplace();
    request.options.get<Rotation>().emplace();
    request.options.nulls = std::move(nulls);
    request.options.repeats = repeats;
    request.options.threads = 1;
    return request;
}

double secondsOf(const AnalysisRequest& request, const Results& known = {}, const Rates& rates = {}) {
    AnalysisCost cost = costOf(planted::walk(size, 1), request, known, rates);
    return cost.seconds - 1.5e-9 * static_cast<double>(cost.readBytes);
}

/// Whether two numbers are the same but for rounding.
bool same(double one, double other) {
    return std::abs(one - other) <= 1e-12 * std::abs(other);
}

}  // namespace

class TestSessionForecast : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void surrogatesAddUp() {
        const double observed = secondsOf(requestOf({}, 10)),
                     flips = secondsOf(requestOf({NullKind::SignFlip}, 10)),
                     both = secondsOf(requestOf({NullKind::SignFlip, NullKind::GaussianWalk}, 10)),
                     twice = secondsOf(requestOf({NullKind::SignFlip}, 20));
        QVERIFY(observed > 0 && flips > observed && both > flips);
        QVERIFY(same(twice - observed, 2 * (flips - observed)));
    }

    void whatIsKnownCostsNothing() {
        const TraceView view = planted::walk(size, 1);
        const AnalysisRequest request = requestOf({NullKind::SignFlip}, 5);
        Progress progress;
        const AnalysisOutcome made = runAnalysis(view, request, {}, {}, {}, progress);
        const AnalysisCost cost = costOf(view, request, made.results, {});
        QCOMPARE(cost.seconds, 0.0);
        QCOMPARE(cost.readBytes, 0);
        QCOMPARE(costText(cost), std::string("everything is already computed"));
        AnalysisRequest more = request;
        more.options.repeats = 7;
        QVERIFY(same(secondsOf(more, made.results),
                     secondsOf(more) * 2 / 7 + secondsOf(requestOf({}, 1)) * -2 / 7));
    }

    void ratesCountForTheirPart() {
        const AnalysisRequest request = requestOf({NullKind::SignFlip}, 10);
        const double once = secondsOf(request), of = secondsOf(requestOf({}, 1));
        QVERIFY(same(secondsOf(request, {}, {{"sign_flip", 3}}), of + 3 * (once - of)));
        Rates learnt;
        const AnalysisCost cost = costOf(planted::walk(size, 1), request, {}, learnt);
        learnRates(learnt, request, cost, 4 * cost.seconds);
        QVERIFY(same(secondsOf(request, {}, learnt), 4 * once));
    }

    /// Every part is measured, by a positive rate, within what only a fault explains: the table is of one
    /// machine, and a thousand times as slow is none.
    void allPartsAreMeasured() {
        AnalysisRequest request;
        forEachStatistic([&]<class S>() { request.options.get<S>().emplace(); });
        for (const auto* spec : allNulls()) request.options.nulls.push_back(*parseNull(spec->name));
        request.options.repeats = 400;
        Progress progress;
        const TraceView view = planted::walk({100, 8, 96}, 1);
        const Rates rates = measureRates(view, request, {}, {}, {}, progress);
        QVERIFY(costOf(view, request, {}, rates).measured);
        QVERIFY(rates.size() > allNulls().size() / 2);
        for (const auto& [name, rate] : rates) QVERIFY2(rate > 1e-3 && rate < 1e3, name.c_str());
    }

    void littleIsNotMeasured() {
        Progress progress;
        QVERIFY(measureRates(planted::walk(size, 1), requestOf({}, 1), {}, {}, {}, progress).empty());
    }

    /// A statistic of the table grows with the rows, and with each other size.
    void everyStatisticGrows() {
        forEachStatistic([&]<class S>() {
            const typename S::Options options;
            for (const bool observed : {true, false}) {
                const double small = S::nanoseconds(options, {100, 17, 64}, observed);
                QVERIFY(small > 0);
                QVERIFY(S::nanoseconds(options, {200, 17, 64}, observed) > small);
                QVERIFY(S::nanoseconds(options, {100, 34, 64}, observed) > small);
                QVERIFY(S::nanoseconds(options, {100, 17, 128}, observed) > small);
            }
        });
    }

    /// Each part of a report once, all of them positive, and what the verdicts rest on twice where there are
    /// outliers.
    void aReportHasItsParts() {
        const TraceView view = planted::walk({40, 4, 16}, 1);
        VerdictOptions options;
        options.repeats = options.mostRepeats = 5;
        options.mutualUnits = 4;
        Progress progress;
        const auto parts = reportParts(view, options, {}, false, 0, progress),
                   twice = reportParts(view, options, {}, true, 0, progress);
        QStringList names;
        for (const auto& part : parts) {
            names << QString::fromStdString(part.name);
            QVERIFY2(part.seconds > 0, part.name.c_str());
        }
        QCOMPARE(names.join("; "),
                 QString("autoencoder; statistics beside surrogates; mutual information beside surrogates; "
                         "autoencoder on surrogates; intervals"));
        QVERIFY(same(twice.back().seconds, 2 * parts.back().seconds));
        QCOMPARE(partsText({{"lens", 30}, {"intervals", 70}}),
                 std::string("about 2 min: lens 30 s, intervals 70 s"));
        options.mutualUnits = options.refits = 0;
        QCOMPARE(reportParts(view, options, {}, false, 0, progress).size(), std::size_t{3});
    }

    void timesInWords() {
        QCOMPARE(timeText(0.04), std::string("less than 0.1 s"));
        QCOMPARE(timeText(1.23), std::string("about 1.2 s"));
        QCOMPARE(timeText(80), std::string("about 80 s"));
        QCOMPARE(timeText(600), std::string("about 10 min"));
        QCOMPARE(timeText(9000), std::string("about 2.5 h"));
    }
};

RHEO_TEST(TestSessionForecast)
#include "test_session_forecast.moc"
