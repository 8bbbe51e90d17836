// Statistics along depth and of units as curves: what is drawn is what was computed, steps are told apart,
// and nulls stand beside what they are of.
#include <cmath>
#include <limits>
#include <numbers>
#include <set>

#include "core/base/error.h"
#include "core/figure/correlation_figure.h"
#include "core/figure/density_figure.h"
#include "core/figure/depth_axis.h"
#include "core/figure/depth_curves.h"
#include "core/figure/describe.h"
#include "core/figure/dimension_figure.h"
#include "core/figure/divergence_figure.h"
#include "core/figure/interval_drawing.h"
#include "core/figure/linear_step_figure.h"
#include "core/figure/motion_figure.h"
#include "core/figure/mutual_information_figure.h"
#include "core/figure/orbit3_figure.h"
#include "core/figure/orbit_figure.h"
#include "core/figure/ranges.h"
#include "core/figure/rotation_figure.h"
#include "core/figure/unit_share_figure.h"
#include "core/figure/verdicts_figure.h"
#include "tests/refused.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

constexpr int layers = 3;
constexpr Eigen::Index pointCount = 2 * layers + 1;
const auto points = residualPoints(layers, false);

/// `first`, `first` + `step`, ...
VectorD ramp(Eigen::Index n, double first = 0, double step = 1) {
    return VectorD::LinSpaced(n, first, first + step * static_cast<double>(n - 1));
}

CurveNull nullOf(const std::string& name, const std::string& statistic, const std::string& dataset,
                 const VectorD& mean, int repeats = 200) {
    CurveNull null{name, statistic, dataset, {}};
    null.summary.mean = mean;
    null.summary.low = mean.array() - 0.25;
    null.summary.high = mean.array() + 0.5;
    null.summary.repeats = repeats;
    return null;
}

const CurvePlot& curvesIn(const Figure& figure, std::size_t panel) {
    return std::get<CurvePlot>(figure.panels.at(panel).plot);
}

std::vector<std::string> namesIn(const CurvePlot& plot) {
    std::vector<std::string> names;
    for (const auto& curve : plot.curves)
        if (!curve.name.empty()) names.push_back(curve.name);
    return names;
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

MotionCurve motionCurve(Eigen::Index n, double first) {
    MotionCurve curve;
    curve.mean = ramp(n, first, 0.01);
    curve.quantiles = MatrixD::Zero(n > 0 ? 5 : 0, n);
    for (Eigen::Index q = 0; q < curve.quantiles.rows(); ++q)
        curve.quantiles.row(q) = curve.mean.array() + 0.002 * static_cast<double>(q - 2);
    return curve;
}

MotionResult motionOf(Eigen::Index count) {
    MotionResult r;
    r.cosine = motionCurve(count - 1, 0.8);
    r.speed = motionCurve(count - 1, 3);
    r.relativeSpeed = motionCurve(count - 1, 0.1);
    r.acceleration = motionCurve(count - 2, -0.02);
    r.turningAngle = motionCurve(count - 2, 90);
    r.norm = motionCurve(count, 10);
    return r;
}

/// Units 0 to 3 circle once, twice, ... on the mean path; unit 4 stays where it is.
RotationResult rotationOf() {
    constexpr Eigen::Index units = 5;
    RotationResult r;
    r.meanPath = MatrixD::Zero(pointCount, units);
    r.meanPathFixedPoint = MatrixD::Zero(units, 2);
    for (auto* v : {&r.meanPathTurning, &r.meanPathWinding, &r.meanPathLogRadiusSlope, &r.turning, &r.winding,
                    &r.logRadiusSlope})
        *v = ramp(units, -3, 1);
    r.meanPathTurning[4] = std::nan("");
    for (Eigen::Index u = 0; u < 4; ++u) {
        for (Eigen::Index p = 0; p < pointCount; ++p)
            r.meanPath(p, u) = std::cos(0.5 * static_cast<double>((u + 1) * p));
        std::vector<double> path(r.meanPath.col(u).begin(), r.meanPath.col(u).end());
        const auto known = pathRotation(path);
        r.meanPathFixedPoint.row(u) << known.fixedPoint[0], known.fixedPoint[1];
    }
    r.exampleRows = {0, 40};
    r.examplePaths = Array3F(2, pointCount, units);
    for (std::size_t i = 0; i < r.examplePaths.data.size(); ++i)
        r.examplePaths.data[i] = std::sin(static_cast<float>(i * i));
    for (auto* histogram : {&r.turningHistogram, &r.windingHistogram, &r.logRadiusSlopeHistogram})
        for (int i = 0; i < 40; ++i) histogram->add(-4 + 0.2 * i);
    return r;
}

}  // namespace

class TestFigureCurves : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aPlaceIsDescribed();
    void anAxisFindsPointsAndUnits();
    void aZoomedPlaceIsDescribedAsBefore();
    void stepsAreToldApart();
    void curvesAlongDepth();
    void nullsHaveTheirColours();
    void nullsAreExplained();
    void fisherScaleSaysCorrelations();
    void densityBesideItsNulls();
    void correlationOfBlocks();
    void correlationBelowZero();
    void motionInItsUnits();
    void motionOfTwoPoints();
    void ratesBeyondTheAxisAreSaid();
    void dimensionsNeedTheirPoints();
    void linearStepsTellAttentionFromMlp();
    void intervalsAreDrawnWithZero();
    void massiveUnitsAndTheirShares();
    void verdictsBesideTheirNulls();
    void informationAndItsMap();
    void rotationOfRowsAndUnits();
    void orbitsAreThePaths();
    void orbitsOfTheUnitsUnlikeTheNull();
    void orbitsRefuseWhatIsNotThere();
    void orbitsInSpaceHoldTheirPaths();
};

// Four units: one holds half of the squared norm at the first point and all of it at the last.
void TestFigureCurves::massiveUnitsAndTheirShares() {
    DensityResult density;
    density.rms = MatrixD::Ones(pointCount, 4);
    density.rms.col(2).setConstant(std::sqrt(3.0));
    density.rms.row(pointCount - 1) << 0, 0, 7, 0;
    density.rms.row(1).setZero();  // states of zero norm have no shares
    const auto plot = curvesIn(unitShareFigure(density, points, lightTheme(), 2), 0);
    QCOMPARE(namesIn(plot),
             (std::vector<std::string>{"unit 2", "unit 0", "greatest of all others", "an equal share"}));
    const auto& massive = plot.curves[0].y;
    QVERIFY(std::abs(massive.front() - 0.5) < 1e-15 && std::isnan(massive[1]));
    QCOMPARE(massive.back(), 1.0);
    QVERIFY(std::abs(plot.curves[2].y.front() - 1.0 / 6) < 1e-15);
    QCOMPARE(plot.curves[3].y.front(), 0.25);
    QVERIFY(plot.y.logarithmic && plot.y.low > 0);
    QVERIFY(std::isnan(plot.curves[1].y.back()));  // nothing has no place on a logarithmic axis
    density.rms.resize(2, 4);
    QVERIFY(refused(ErrorCode::Mismatch, [&] { unitShareFigure(density, points, lightTheme()); }));
}

// In units of half the null's range: its ends are at -1 and 1, its mean at 0.
void TestFigureCurves::verdictsBesideTheirNulls() {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    const std::vector<VerdictMark> marks{{"at the end", "supported", 5, 4, 6, 4, 3, 5},
                                         {"without a null", "supported", 2, 1, 3, nan, nan, nan},
                                         {"not tested", "not tested", nan, nan, nan, nan, nan, nan}};
    const auto plot = curvesIn(verdictsFigure(marks, lightTheme()), 0);
    QCOMPARE(plot.y.ticks.size(), std::size_t{3});
    QCOMPARE(plot.y.ticks.back().label, std::string("at the end: supported"));  // the first at the top
    QVERIFY(contains(plot.y.ticks[1].label, "(no null)") && !contains(plot.y.ticks[0].label, "no null"));
    const auto dots =
        std::find_if(plot.curves.begin(), plot.curves.end(), [](const Curve& c) { return c.markers; });
    QVERIFY(dots != plot.curves.end());
    QCOMPARE(dots->x.front(), std::asinh(1.0));
    QCOMPARE(dots->y.front(), 2.0);
    const Curve& interval = *(dots - 1);
    QCOMPARE(interval.x[0], 0.0);
    QCOMPARE(interval.x[1], std::asinh(2.0));
    QVERIFY(std::isnan(interval.x[2]));
    QCOMPARE(std::count_if(dots->x.begin(), dots->x.end(), [](double x) { return std::isfinite(x); }), 1);
    for (const Tick& tick : plot.x.ticks)
        QVERIFY2(std::abs(std::sinh(tick.value)) < 1e-12 || tick.label != "0", tick.label.c_str());
}

void TestFigureCurves::stepsAreToldApart() {
    using enum StepKind;
    QCOMPARE(stepKinds(points), (std::vector{Attention, Mlp, Attention, Mlp, Attention, Mlp}));
    // Blocks at once, and points that skip some: nothing to tell apart.
    QCOMPARE(stepKinds(residualPoints(3, true)), (std::vector{Whole, Whole, Whole}));
    QCOMPARE(stepKinds({{0, Site::AttnIn}, {1, Site::AttnIn}, {2, Site::AttnIn}}),
             (std::vector{Whole, Whole}));
    QCOMPARE(stepKinds({{0, Site::AttnIn}, {0, Site::MlpIn}, {3, Site::AttnIn}}),
             (std::vector{Whole, Whole}));
    QVERIFY(stepKinds({{0, Site::Final}}).empty());
}

void TestFigureCurves::curvesAlongDepth() {
    const VectorD values = ramp(6);
    const DepthCurve curve{values, nullptr, "s", "d"};
    const std::vector nulls{nullOf("sign_flip", "s", "d", ramp(6, 10)), nullOf("few", "s", "d", ramp(6), 19),
                            nullOf("sign_flip", "s", "other", ramp(6)),
                            nullOf("sign_flip", "t", "d", ramp(6))};
    const auto plot =
        depthPlot(curve, nulls, points, lightTheme(), {"all", "attention", "mlp", "rows", true});
    // Attention and MLP of the observed, and of both nulls of this dataset.
    QCOMPARE(plot.curves.size(), 6u);
    QCOMPARE(plot.curves[0].x, (std::vector<double>{0.5, 2.5, 4.5}));
    QCOMPARE(plot.curves[0].y, (std::vector<double>{0, 2, 4}));
    QCOMPARE(plot.curves[1].x, (std::vector<double>{1.5, 3.5, 5.5}));
    QCOMPARE(plot.curves[1].y, (std::vector<double>{1, 3, 5}));
    QVERIFY(plot.curves[0].color != plot.curves[1].color);
    QCOMPARE(plot.curves[2].low, (std::vector<double>{9.75, 11.75, 13.75}));
    QCOMPARE(plot.curves[3].high, (std::vector<double>{11.5, 13.5, 15.5}));
    QVERIFY(plot.curves[4].low.empty() && plot.curves[5].high.empty());  // 19 repeats make no band
    QCOMPARE(namesIn(plot), (std::vector<std::string>{"attention", "mlp", "sign flip", "few"}));
    QVERIFY(plot.y.low < 0 && plot.y.high > 15.5);  // bands inside
    QCOMPARE(plot.x.low, -0.5);

    const auto whole = depthPlot({values, nullptr, "s", "d", 0.5, false}, {}, points, lightTheme(), {});
    QCOMPARE(whole.curves.size(), 1u);
    QCOMPARE(whole.curves[0].y.size(), 6u);
    const MatrixD quantiles = MatrixD::Constant(5, 6, 3.0);
    const auto banded = depthPlot({values, &quantiles, "s", "d"}, {}, points, lightTheme(),
                                  {"all", "attention", "mlp", "95 % of rows", false});
    QCOMPARE(banded.curves[1].low, (std::vector<double>{3, 3, 3}));
    QCOMPARE(banded.curves[1].bandName, std::string("95 % of rows"));

    const VectorD tooMany = ramp(7), none;
    const MatrixD narrow = MatrixD::Zero(5, 5);
    const auto draw = [&](const DepthCurve& wrong, const std::vector<CurveNull>& of) {
        return [&, of] { depthPlot(wrong, of, points, lightTheme(), {}); };
    };
    QVERIFY(refused(ErrorCode::Mismatch, draw({tooMany, nullptr, "s", "d"}, {})));
    QVERIFY(refused(ErrorCode::Mismatch, draw({none, nullptr, "s", "d"}, {})));
    QVERIFY(refused(ErrorCode::Mismatch, draw({values, &narrow, "s", "d"}, {})));
    QVERIFY(refused(ErrorCode::Mismatch,
                    draw({values, nullptr, "s", "d"}, {nullOf("sign_flip", "s", "d", ramp(5))})));
}

void TestFigureCurves::nullsHaveTheirColours() {
    for (const Theme& theme : {lightTheme(), darkTheme()}) {
        std::vector<Color> colors{theme.series[0], theme.series[1], theme.foreground};
        for (const char* null : {"depth_shuffle", "increment_shuffle", "sign_flip", "gaussian_walk",
                                 "row_shuffle", "persistent_walk"}) {
            const Color color = nullColor(theme, null);
            QVERIFY2(std::find(colors.begin(), colors.end(), color) == colors.end(), null);
            colors.push_back(color);
        }
        QVERIFY(nullColor(theme, "another") == theme.null);
        // A family: they are computed for different statistics.
        QVERIFY(nullColor(theme, "persistent_flip") == nullColor(theme, "persistent_walk"));
    }
}

void TestFigureCurves::nullsAreExplained() {
    QCOMPARE(nullNote({}), std::string());
    const auto a = nullOf("a", "s", "d", ramp(3), 200), b = nullOf("b", "s", "d", ramp(3), 5);
    QCOMPARE(nullNote({a}), std::string("Nulls: mean of 200 repeats and the band that holds 95 % of them."));
    QVERIFY(contains(nullNote({a, b}), "5 to 200 repeats"));
    QVERIFY(contains(nullNote({b}), "5 repeats, which are too few for a band"));
    QCOMPARE(joinNotes({"", "One.", "", "Two."}), std::string("One. Two."));
}

void TestFigureCurves::fisherScaleSaysCorrelations() {
    CurvePlot plot;
    Curve curve;
    curve.x = {0, 1, 2};
    curve.y = {0.0, 0.99, 1.0};  // 1 is at infinity, and drawn at 0.999999
    plot.curves.push_back(curve);
    useFisherScale(plot);
    QCOMPARE(plot.curves[0].y[0], 0.0);
    QVERIFY(std::abs(plot.curves[0].y[1] - 0.5 * std::log(1.99 / 0.01)) < 1e-12);
    QVERIFY(std::isfinite(plot.curves[0].y[2]) && plot.y.high > plot.curves[0].y[2]);
    QVERIFY(plot.y.named);
    bool saysIt = false;
    double last = -INFINITY;
    for (const auto& tick : plot.y.ticks) {
        QVERIFY(tick.value > last);
        last = tick.value;
        QVERIFY(std::abs(std::tanh(tick.value) - std::stod(tick.label)) < 1e-9);
        saysIt |= tick.label == "0.99";
    }
    QVERIFY(saysIt);
}

void TestFigureCurves::densityBesideItsNulls() {
    DensityResult r;
    r.trevesRolls = ramp(pointCount, 0.3, 0.05);
    r.participationRatio = ramp(pointCount, 1);
    const auto figure = densityCurvesFigure(
        r, {nullOf("sign_flip", "density", "treves_rolls", ramp(pointCount, 0.5, 0))}, points, lightTheme());
    QCOMPARE(figure.panels.size(), 2u);
    const auto& plot = curvesIn(figure, 0);
    QCOMPARE(plot.curves.size(), 2u);
    QCOMPARE(plot.curves[0].x.front(), 0.0);  // of points, not of steps
    QCOMPARE(plot.curves[1].low.front(), 0.25);
    QCOMPARE(namesIn(plot), (std::vector<std::string>{"observed", "sign flip"}));
    QCOMPARE(curvesIn(figure, 1).curves.size(), 1u);
    QVERIFY(namesIn(curvesIn(figure, 1)).empty());
    QVERIFY(contains(figure.note, "200 repeats"));
}

void TestFigureCurves::correlationOfBlocks() {
    CorrelationResult r;
    r.mean = ramp(pointCount - 1, 0.9, 0.01);
    r.blockInside = VectorD::Constant(layers, 0.95);
    r.blockAcross = VectorD::Constant(layers - 1, 0.85);
    r.blockAcross[0] = std::nan("");
    r.matrix = MatrixD::Constant(pointCount, pointCount, 0.5);
    r.matrix(1, 4) = 0.25;
    const auto figure = correlationFigure(
        r, {nullOf("row_shuffle", "correlation", "mean", ramp(pointCount - 1, 0.1, 0.01))}, points, {});
    QCOMPARE(figure.panels.size(), 2u);
    QCOMPARE(figure.columns, 2);
    const auto& matrix = std::get<HeatmapPlot>(figure.panels[0].plot);
    QCOMPARE(matrix.values(1, 4), 0.25f);
    QCOMPARE(matrix.colorScale.low, 0.0);
    QCOMPARE(matrix.colorScale.high, 1.0);
    QVERIFY(matrix.colorScale.map == ColorMap::Viridis && !matrix.colorScale.clipsLow);
    const auto& steps = curvesIn(figure, 1);
    QCOMPARE(steps.curves.size(), 4u);
    QVERIFY(std::abs(steps.curves[0].y[0] - std::atanh(0.9)) < 1e-12);
    QCOMPARE(namesIn(steps), (std::vector<std::string>{"inside blocks (attention): mean 0.950",
                                                       "across blocks (MLP): mean 0.850", "row shuffle"}));
    QVERIFY(steps.curves[2].color == nullColor(lightTheme(), "row_shuffle"));
    r.matrix = {};
    QCOMPARE(correlationFigure(r, {}, points, {}).panels.size(), 1u);
    r.mean = ramp(pointCount);
    QVERIFY(refused(ErrorCode::Mismatch, [&] { correlationFigure(r, {}, points, {}); }));
}

void TestFigureCurves::correlationBelowZero() {
    CorrelationResult r;
    r.mean = VectorD::Constant(pointCount - 1, 0.5);
    r.matrix = MatrixD::Constant(pointCount, pointCount, -0.05);
    const auto scaleOf = [&] {
        return std::get<HeatmapPlot>(correlationFigure(r, {}, points, {}).panels[0].plot).colorScale;
    };
    QVERIFY(scaleOf().map == ColorMap::Viridis && scaleOf().clipsLow);  // noise about 0, and said
    r.matrix(0, 3) = -0.6;
    QVERIFY(scaleOf().map == ColorMap::Vik && !scaleOf().clipsLow);
    QCOMPARE(scaleOf().low, -1.0);
}

void TestFigureCurves::motionInItsUnits() {
    const auto r = motionOf(pointCount);
    const std::vector nulls{nullOf("sign_flip", "motion", "speed", ramp(pointCount - 1, 3, 0))};
    const auto figure = motionFigure(r, nulls, points, Scaling::Raw, lightTheme());
    QCOMPARE(figure.panels.size(), 6u);
    QCOMPARE(figure.columns, 3);
    const std::vector<std::string> titles{"Cosine with the next state", "Step (residual units)",
                                          "Step / norm before it",      "Change (residual units)",
                                          "Between steps (degrees)",    "Norm (residual units)"};
    for (std::size_t i = 0; i < titles.size(); ++i) QCOMPARE(curvesIn(figure, i).y.title, titles[i]);
    const auto& speed = curvesIn(figure, 1);
    QCOMPARE(speed.curves.size(), 4u);
    QCOMPARE(speed.curves[0].y.front(), 3.0);
    QVERIFY(std::abs(speed.curves[0].low.front() - 2.996) < 1e-12);  // the quantile at 2.5 %
    QVERIFY(std::abs(speed.curves[0].high.front() - 3.004) < 1e-12);
    QVERIFY(curvesIn(figure, 2).y.logarithmic);
    // A turn stands at the point between its steps, and there is a line at 0 where 0 is to be seen.
    QCOMPARE(curvesIn(figure, 4).curves[0].x.front(), 1.0);
    QCOMPARE(curvesIn(figure, 3).curves[0].y, (std::vector<double>{0, 0}));
    QCOMPARE(curvesIn(figure, 5).curves.size(), 1u);
    QCOMPARE(curvesIn(figure, 5).curves[0].x.front(), 0.0);
    for (std::size_t i = 1; i < 6; ++i) QVERIFY(namesIn(curvesIn(figure, i)).empty());
    const auto scaled = motionFigure(r, {}, points, Scaling::Rms, lightTheme());
    QCOMPARE(curvesIn(scaled, 5).y.title, std::string("Norm (units of the RMS)"));
    QVERIFY(refused(ErrorCode::Mismatch,
                    [&] { motionFigure(motionOf(5), {}, points, Scaling::Raw, lightTheme()); }));
}

void TestFigureCurves::motionOfTwoPoints() {
    const auto figure =
        motionFigure(motionOf(2), {}, {{0, Site::AttnIn}, {0, Site::MlpIn}}, Scaling::Raw, lightTheme());
    QCOMPARE(figure.panels.size(), 4u);              // no acceleration and no turn
    QVERIFY(curvesIn(figure, 0).curves[0].markers);  // a single step is no line
}

void TestFigureCurves::ratesBeyondTheAxisAreSaid() {
    std::vector<ResidualPoint> many;
    for (int block = 0; block < 31; ++block) many.push_back({block, Site::AttnIn});
    DivergenceResult r;
    r.meanDistance = VectorD::LinSpaced(31, 1, 10);
    r.rate = VectorD::LinSpaced(30, 0.02, 0.04);
    const auto plain = divergenceFigure(r, {}, many, Scaling::Raw, lightTheme());
    QVERIFY(curvesIn(plain, 0).y.logarithmic);
    QVERIFY(plain.note.find("beyond") == std::string::npos);
    r.rate[0] = 3.5;
    const auto figure = divergenceFigure(r, {}, many, Scaling::Raw, lightTheme());
    QVERIFY(curvesIn(figure, 1).y.high < 0.1);
    QVERIFY(figure.note.find("1 of 30 rates lies beyond the axis, the largest at 3.50") != std::string::npos);
    QVERIFY(
        refused(ErrorCode::Mismatch, [&] { divergenceFigure(r, {}, points, Scaling::Raw, lightTheme()); }));
}

void TestFigureCurves::linearStepsTellAttentionFromMlp() {
    LinearStepResult r;
    r.r2 = ramp(pointCount - 1, 0.5, 0.05);
    r.r2Identity = ramp(pointCount - 1, -3, 0.5);
    r.r2OneMap = ramp(pointCount - 1, 0.1, 0.1);
    const std::vector<CurveNull> nulls{
        nullOf("sign_flip", "linear_step", "r2", ramp(pointCount - 1, 0.2, 0.05)),
        nullOf("sign_flip", "linear_step", "r2_identity", ramp(pointCount - 1))};
    const auto figure = linearStepFigure(r, nulls, points, lightTheme());
    QCOMPARE(figure.panels.size(), 2U);
    QCOMPARE(figure.panels[1].title, std::string("MLP steps"));
    const CurvePlot& mlp = curvesIn(figure, 1);
    QCOMPARE(mlp.curves[1].color, nullColor(lightTheme(), "sign_flip"));
    QCOMPARE(mlp.curves[1].low.size(), 3U);  // the null of r2, above the line at zero
    QVERIFY(namesIn(mlp).empty() && namesIn(curvesIn(figure, 0)).size() == 4);
    const auto& each = mlp.curves.back();
    QCOMPARE(each.x, (std::vector<double>{1.5, 3.5, 5.5}));
    for (std::size_t i = 0; i < 3; ++i) QCOMPARE(each.y[i], r.r2[static_cast<Eigen::Index>(2 * i + 1)]);
    // -3 to -1.5 are below what is shown.
    QVERIFY(mlp.y.low > -1.3 && mlp.y.high >= 1);
    QVERIFY2(contains(figure.note, "4 values lie below the axis, the lowest at -3."), figure.note.c_str());
    QCOMPARE(linearStepFigure(r, {}, residualPoints(pointCount - 1, true), lightTheme()).panels.size(), 1U);
    r.r2OneMap.conservativeResize(2);
    QVERIFY(refused(ErrorCode::Mismatch, [&] { linearStepFigure(r, nulls, points, lightTheme()); }));
}

void TestFigureCurves::intervalsAreDrawnWithZero() {
    // From -1 to 3 over 150 pixels, 6 of them on either side: 34.5 a unit.
    const std::string svg = intervalSvg({2, {1, 3}, {{-1, 0.5}}, "two"});
    QVERIFY(contains(svg, "aria-label=\"two\"") && contains(svg, "<circle cx=\"109.5\""));
    QVERIFY(contains(svg, "M75.0 11H144.0") && contains(svg, "M40.5 2V20"));
    QVERIFY(contains(svg, "<rect x=\"6.0\" y=\"5\" width=\"51.8\""));
    QVERIFY(intervalSvg({0, {0, 0}, {}, ""}).empty());
}

void TestFigureCurves::dimensionsNeedTheirPoints() {
    DimensionResult r;
    r.twoNn = VectorD::LinSpaced(pointCount, 2, 8);
    r.participationRatio = VectorD::LinSpaced(pointCount, 3, 9);
    const auto figure = dimensionFigure(r, {}, points, lightTheme());
    QCOMPARE(figure.panels.size(), 2u);
    QCOMPARE(curvesIn(figure, 0).curves[0].y.back(), 8.0);
    QCOMPARE(curvesIn(figure, 1).curves[0].y.front(), 3.0);
    r.twoNn.conservativeResize(pointCount - 1);
    QVERIFY(refused(ErrorCode::Mismatch, [&] { dimensionFigure(r, {}, points, lightTheme()); }));
}

void TestFigureCurves::informationAndItsMap() {
    MutualInformationResult r;
    r.mi = MatrixD::Zero(pointCount - 1, 4);
    r.mi.col(0).setConstant(3);
    r.mi.col(1).setConstant(std::nan(""));
    r.mi.col(2).setConstant(1);
    r.mi.col(3).setConstant(2);
    r.mi(5, 3) = std::nan("");
    r.mean = ramp(pointCount - 1, 2, 0.1);
    r.meanGaussian = ramp(pointCount - 1, 1, 0.1);
    r.meanExcess = ramp(pointCount - 1, -0.5, 0.2);
    const auto figure = mutualInformationFigure(r, {}, points, {});
    QCOMPARE(figure.panels.size(), 4u);
    for (std::size_t i = 0; i < 3; ++i)
        QCOMPARE(curvesIn(figure, i).y.title, std::string("Mean over units (nats)"));
    QCOMPARE(curvesIn(figure, 2).curves.size(), 3u);  // with the line at 0
    const auto& map = std::get<HeatmapPlot>(figure.panels[3].plot);
    QCOMPARE(map.values.rows(), 4);
    QCOMPARE(map.values.cols(), pointCount - 1);
    QVERIFY(std::isnan(map.values(0, 0)));  // undefined below all others
    QCOMPARE(map.values(1, 0), 1.0f);
    QCOMPARE(map.values(2, 0), 2.0f);
    QVERIFY(std::isnan(map.values(2, 5)));
    QCOMPARE(map.values(3, 0), 3.0f);
    QCOMPARE(map.colorScale.high, 3.0);
    QCOMPARE(map.colorScale.title, std::string("Mutual information (nats)"));
    // The first cell, of the step from point 0 to point 1, lies between their ticks.
    QCOMPARE(map.x.ticks[0].value, -0.5);
    QCOMPARE(map.x.ticks[1].value, 0.5);
    QCOMPARE(map.x.high, static_cast<double>(pointCount) - 1.5);
    r.meanExcess = ramp(3);
    QVERIFY(refused(ErrorCode::Mismatch, [&] { mutualInformationFigure(r, {}, points, {}); }));
}

void TestFigureCurves::rotationOfRowsAndUnits() {
    const auto r = rotationOf();
    const std::vector nulls{nullOf("sign_flip", "rotation", "turning", VectorD::Constant(5, -2)),
                            nullOf("sign_flip", "rotation", "mean_path_turning", VectorD::Constant(5, 7))};
    const auto figure = rotationFigure(r, nulls, lightTheme());
    QCOMPARE(figure.panels.size(), 6u);
    const auto& histogram = curvesIn(figure, 0);
    // Outline, band and mean of the null, mean of the observed.
    QCOMPARE(histogram.curves.size(), 4u);
    const auto& outline = histogram.curves[0];
    double area = 0;
    const double width = 2 * r.turningHistogram.halfWidth / 64;
    for (std::size_t i = 0; i + 1 < outline.x.size(); ++i)
        area += (outline.x[i + 1] - outline.x[i]) * outline.y[i] / width;
    QVERIFY(std::abs(area - 100) < 1e-9);  // % of all paths
    QCOMPARE(histogram.curves[1].x, (std::vector<double>{-2.25, -1.5}));
    QCOMPARE(histogram.curves[2].x, (std::vector<double>{-2, -2}));
    QCOMPARE(histogram.curves[3].x, (std::vector<double>{-1, -1}));  // of -3, -2, -1, 0, 1
    QVERIFY(histogram.x.low < -4 && histogram.x.high > 3.8);
    const auto& sorted = curvesIn(figure, 4);
    QCOMPARE(sorted.curves.size(), 2u);
    QCOMPARE(sorted.curves.back().y, (std::vector<double>{-3, -2, -1, 0}));  // the unit at rest left out
    QCOMPARE(sorted.curves[0].high, (std::vector<double>{7.5, 7.5, 7.5, 7.5}));
    QCOMPARE(namesIn(curvesIn(figure, 3)), (std::vector<std::string>{"sign flip", "observed"}));
    QVERIFY(refused(ErrorCode::Mismatch, [&] {
        rotationFigure(r, {nullOf("sign_flip", "rotation", "turning", ramp(4))}, lightTheme());
    }));
    // With nothing that turns there is nothing to draw, and no harm.
    RotationResult still = r;
    still.turningHistogram = {};
    still.turning.setConstant(std::nan(""));
    still.meanPathTurning.setConstant(std::nan(""));
    const auto empty = rotationFigure(still, {}, lightTheme());
    QVERIFY(curvesIn(empty, 0).x.low < curvesIn(empty, 0).x.high);
}

void TestFigureCurves::orbitsAreThePaths() {
    const auto r = rotationOf();
    OrbitOptions options;
    options.units = {UnitIndex(2), UnitIndex(0)};
    options.rows = {RowIndex(40), RowIndex(0)};
    const auto figure = orbitFigure(r, {}, points, Scaling::Raw, options);
    QCOMPARE(figure.panels.size(), 4u);
    QCOMPARE(figure.panels[0].title, std::string("Unit 2: \u2212"
                                                 "1.0"));
    QCOMPARE(figure.panels[1].title, std::string("Unit 2, 2 rows"));
    const auto& mean = curvesIn(figure, 0);
    QCOMPARE(mean.x.title, std::string("Activation (residual units)"));
    QCOMPARE(mean.y.title, std::string("Gradient (per point)"));
    const auto& path = mean.curves[0];
    QCOMPARE(path.x.size(), static_cast<std::size_t>(pointCount));
    const auto at = [&](Eigen::Index p) { return r.meanPath(p, 2); };
    for (Eigen::Index p = 0; p < pointCount; ++p) {
        const auto i = static_cast<std::size_t>(p);
        QCOMPARE(path.x[i], at(p));
        QCOMPARE(path.values[i], static_cast<double>(p));
        const double gradient = p == 0                ? at(1) - at(0)
                                : p == pointCount - 1 ? at(p) - at(p - 1)
                                                      : (at(p + 1) - at(p - 1)) / 2;
        QVERIFY(std::abs(path.y[i] - gradient) < 1e-15);
        QVERIFY(path.x[i] > mean.x.low && path.x[i] < mean.x.high);
        QVERIFY(path.y[i] > mean.y.low && path.y[i] < mean.y.high);
    }
    // The fixed point is the centroid of what is drawn.
    const auto centre = [](const std::vector<double>& v) {
        double sum = 0;
        for (const double x : v) sum += x;
        return sum / static_cast<double>(v.size());
    };
    QVERIFY(std::abs(mean.curves[1].x.front() - centre(path.x)) < 1e-12);
    QVERIFY(std::abs(mean.curves[1].y.front() - centre(path.y)) < 1e-12);
    // Two rows in one curve, with a gap, in the order asked for.
    const auto& rows = curvesIn(figure, 1).curves[0];
    QCOMPARE(rows.x.size(), static_cast<std::size_t>(2 * pointCount + 1));
    QVERIFY(std::isnan(rows.y[static_cast<std::size_t>(pointCount)]));
    QCOMPARE(rows.x[0], static_cast<double>(r.examplePaths.at(1, 0)[2]));
    QCOMPARE(rows.x.back(), static_cast<double>(r.examplePaths.at(0, pointCount - 1)[2]));
    QVERIFY(figure.colorScale.has_value());
    QCOMPARE(figure.colorScale->high, static_cast<double>(pointCount - 1));
    QCOMPARE(figure.colorScale->ticks.back().label, std::string("final"));
    QVERIFY(contains(figure.note, "rows 40, 0"));
}

void TestFigureCurves::orbitsOfTheUnitsUnlikeTheNull() {
    const auto r = rotationOf();  // turning -3, -2, -1, 0
    VectorD expected(5);
    expected << -3, -9, -1.5, 4, 0;
    const std::vector nulls{nullOf("depth_shuffle", "rotation", "mean_path_turning", ramp(5)),
                            nullOf("sign_flip", "rotation", "mean_path_turning", expected)};
    const auto units = [&](const std::vector<CurveNull>& of, std::size_t count) {
        std::vector<std::int64_t> found;
        for (const auto unit : mostUnlikeNull(r, of, count)) found.push_back(unit.value());
        return found;
    };
    QCOMPARE(units(nulls, 2), (std::vector<std::int64_t>{1, 3}));  // 7 and 4 off
    QCOMPARE(units(nulls, 9), (std::vector<std::int64_t>{1, 3, 2, 0}));
    QCOMPARE(units({nulls[0]}, 1), (std::vector<std::int64_t>{0}));  // all 3 off: the first
    QCOMPARE(units({}, 4).size(), 4u);
    const auto figure = orbitFigure(r, nulls, points, Scaling::Rms, {});
    QCOMPARE(figure.panels.size(), 8u);
    QCOMPARE(figure.panels[0].title, std::string("Unit 1: \u2212"
                                                 "2.0 (null \u2212"
                                                 "9.0)"));
    QVERIFY(figure.panels[1].title.starts_with("Unit 1, row 0: "));
    QVERIFY(contains(figure.note, "sign flip"));
    QCOMPARE(curvesIn(figure, 0).x.title, std::string("Activation (units of the RMS)"));
}

/// The ticks lead from the box back to the numbers: the mean path of a unit and its fixed point.
void TestFigureCurves::orbitsInSpaceHoldTheirPaths() {
    const auto r = rotationOf();
    Orbit3Options options;
    options.units = {UnitIndex(2)};
    const auto figure = orbit3Figure(r, {}, points, Scaling::Rms, options);
    const auto& plot = std::get<Plot3D>(figure.panels[0].plot);
    QCOMPARE(plot.axes[1].title, std::string("Activation (units of the RMS)"));
    const auto valueAt = [&plot](std::size_t axis, double place) {
        const auto number = [](const Tick& tick) {
            return QString::fromStdString(tick.label).replace(QChar(0x2212), '-').toDouble();
        };
        const Tick &a = plot.axes[axis].ticks.front(), &b = plot.axes[axis].ticks.back();
        return number(a) + (number(b) - number(a)) * (place - a.value) / (b.value - a.value);
    };
    const OrbitPath mean = meanOrbit(r, UnitIndex(2));
    const LineSet3& path = plot.lines[0];
    QCOMPARE(path.tags, std::vector<std::int64_t>{2});
    QCOMPARE(path.xyz.size(), std::size_t(3 * pointCount));
    QCOMPARE(path.values.size(), std::size_t(pointCount));  // coloured by depth
    QVERIFY(plot.colorScale.has_value());
    for (std::size_t p = 0; p < std::size_t(pointCount); ++p) {
        QVERIFY(std::abs(valueAt(1, path.xyz[3 * p + 1]) - mean.activation[p]) < 1e-5);
        QVERIFY(std::abs(valueAt(2, path.xyz[3 * p + 2]) - mean.gradient[p]) < 1e-5);
        for (std::size_t axis = 0; axis < 3; ++axis)
            QVERIFY(path.xyz[3 * p + axis] > plot.axes[axis].low &&
                    path.xyz[3 * p + axis] < plot.axes[axis].high);
    }
    // The centroid of the values, which the definition counts from the first one.
    double sum = 0;
    for (const double value : mean.activation) sum += value;
    QVERIFY(std::abs(valueAt(1, plot.lines[1].xyz[1]) - sum / pointCount) < 1e-5);
    // Several have a colour each and a name; single rows are lines of their unit.
    options.units = {UnitIndex(0), UnitIndex(3)};
    options.paths = OrbitPaths::Rows;
    options.center = false;
    const auto several = orbit3Figure(r, {}, points, Scaling::Raw, options);
    const auto& rows = std::get<Plot3D>(several.panels[0].plot);
    QCOMPARE(rows.lines.size(), std::size_t(2));
    QCOMPARE(rows.lines[1].tags, (std::vector<std::int64_t>{3, 3}));
    QVERIFY(rows.lines[1].style.color && *rows.lines[0].style.color != *rows.lines[1].style.color);
    QCOMPARE(rows.lines[0].name, std::string("unit 0 (\u2212"
                                             "3.0 turns)"));
    QVERIFY(!rows.colorScale);
    options.units = {UnitIndex(5)};
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] { orbit3Figure(r, {}, points, Scaling::Raw, options); }));
}

void TestFigureCurves::orbitsRefuseWhatIsNotThere() {
    const auto r = rotationOf();
    const auto draw = [&](std::vector<UnitIndex> units, std::vector<RowIndex> rows) {
        return [&r, units, rows] {
            orbitFigure(r, {}, points, Scaling::Raw, {lightTheme(), units, rows, ColorMap::Viridis});
        };
    };
    QVERIFY(refused(ErrorCode::InvalidArgument, draw({UnitIndex(5)}, {})));
    QVERIFY(refused(ErrorCode::InvalidArgument, draw({UnitIndex(-1)}, {})));
    QVERIFY(refused(ErrorCode::InvalidArgument, draw({}, {RowIndex(1)})));
    // A unit at rest can be looked at.
    const auto still = orbitFigure(r, {}, points, Scaling::Raw, {lightTheme(), {UnitIndex(4)}, {}, {}});
    QCOMPARE(still.panels[0].title, std::string("Unit 4: at rest"));
    QVERIFY(refused(ErrorCode::Mismatch,
                    [&] { orbitFigure(r, {}, residualPoints(2, false), Scaling::Raw, {}); }));
    RotationResult none = r;
    none.meanPath = {};
    QVERIFY(refused(ErrorCode::NotFound, [&] { orbitFigure(none, {}, points, Scaling::Raw, {}); }));
}

/// The place of a data point in a plot of 100 by 100 units.
static FigurePlace placeAt(int panel, double x, double y) {
    return {panel, x, y, 100, 100, 2};
}

void TestFigureCurves::aPlaceIsDescribed() {
    Figure figure;
    CurvePlot plot;
    plot.x = depthAxis(points);
    plot.y = {"Cosine", 0, 1, {}};
    Curve curve;
    curve.name = "attention steps";
    curve.x = {0.5, 1, 2.5};
    curve.y = {0.25, 0.5, std::numeric_limits<double>::quiet_NaN()};
    curve.low = {0.2, 0.4, 0};
    curve.high = {0.3, 0.6, 1};
    plot.curves = {curve};
    figure.panels.push_back({"", plot});
    // Between the points of a step; on the second point of a block; where a line is broken, or far from all.
    QCOMPARE(describeAt(figure, figure, placeAt(0, 0.5, 0.25)),
             std::string("attention steps. Depth (block): L00 to L00 mlp; Cosine: 0.25 (band 0.2 to 0.3)"));
    QCOMPARE(describeAt(figure, figure, placeAt(0, 1.05, 0.5)),
             std::string("attention steps. Depth (block): L00 mlp; Cosine: 0.5 (band 0.4 to 0.6)"));
    QCOMPARE(describeAt(figure, figure, placeAt(0, 2.5, 0.5)), std::string());
    QCOMPARE(describeAt(figure, figure, placeAt(0, 6, 0.9)), std::string());
    QCOMPARE(describeAt(figure, figure, placeAt(3, 0, 0)), std::string());

    // A line without a name is named as the same line of another panel.
    auto& second = std::get<CurvePlot>(figure.panels.emplace_back(figure.panels[0]).plot);
    second.curves[0].name.clear();
    second.curves[0].low.clear();
    second.curves[0].high.clear();
    QCOMPARE(describeAt(figure, figure, placeAt(1, 1, 0.5)),
             std::string("attention steps. Depth (block): L00 mlp; Cosine: 0.5"));

    // On Fisher's scale the correlation is said: tanh(atanh(0.75)).
    useFisherScale(second);
    second.curves[0].y[1] = std::atanh(0.75);
    QCOMPARE(describeAt(figure, figure, placeAt(1, 1, std::atanh(0.75))),
             std::string("attention steps. Depth (block): L00 mlp; Cosine: 0.75"));

    HeatmapPlot map;
    map.values = MatrixF::Constant(2, 7, 0.5f);
    map.values(1, 6) = std::numeric_limits<float>::quiet_NaN();
    map.x = depthAxis(points);
    map.y = {"Unit", -0.5, 1.5, {}};
    map.colorScale.title = "Mean r";
    figure.panels.push_back({"", map});
    QCOMPARE(describeAt(figure, figure, placeAt(2, 2.2, 0.4)),
             std::string("Depth (block): L01; Unit: 0; Mean r: 0.5"));
    QCOMPARE(describeAt(figure, figure, placeAt(2, 6, 1)),
             std::string("Depth (block): final; Unit: 1; Mean r: not defined"));
    QCOMPARE(describeAt(figure, figure, placeAt(2, 6.7, 1)), std::string());

    // Of sorted units the unit is named, and not its place.
    auto& sorted = std::get<HeatmapPlot>(figure.panels[2].plot);
    sorted.y.kind = AxisKind::Units;
    sorted.y.ids = {7, 3};
    QCOMPARE(describeAt(figure, figure, placeAt(2, 2.2, 0.4)),
             std::string("Depth (block): L01; unit 7; Mean r: 0.5"));
}

void TestFigureCurves::anAxisFindsPointsAndUnits() {
    Axis depth = depthAxis(points);
    QCOMPARE(idAt(depth, 2.4), std::optional<std::int64_t>(2));
    QCOMPARE(idAt(depth, -0.6), std::optional<std::int64_t>());
    QCOMPARE(valueOf(depth, AxisKind::Points, 3), std::optional(3.0));
    QCOMPARE(valueOf(depth, AxisKind::Points, pointCount), std::optional<double>());
    QCOMPARE(valueOf(depth, AxisKind::Units, 3), std::optional<double>());
    depth.high = 2;  // zoomed
    QCOMPARE(valueOf(depth, AxisKind::Points, 3), std::optional<double>());

    // A point lies between the steps before and after it.
    const Axis steps = stepAxis(points);
    QCOMPARE(valueOf(steps, AxisKind::Points, 1), std::optional(0.5));
    QCOMPARE(idAt(steps, 0.5 + 0.4), std::optional<std::int64_t>(1));

    Axis units{"Unit", -0.5, 2.5, {}};
    units.kind = AxisKind::Units;
    QCOMPARE(idAt(units, 1.2), std::optional<std::int64_t>(1));
    units.ids = {5, 0, 9};
    QCOMPARE(idAt(units, 1.8), std::optional<std::int64_t>(9));
    QCOMPARE(valueOf(units, AxisKind::Units, 0), std::optional(1.0));
    QCOMPARE(valueOf(units, AxisKind::Units, 1), std::optional<double>());
    QCOMPARE(idAt(Axis{"Cosine", 0, 1, {}}, 0.5), std::optional<std::int64_t>());
}

void TestFigureCurves::aZoomedPlaceIsDescribedAsBefore() {
    Figure figure = motionFigure(motionOf(pointCount), {}, points, Scaling::Raw, lightTheme());
    Figure shown = figure;
    showRange(figure, shown, {1, false, 1.2, 3.1});
    const Curve& curve = curvesIn(figure, 1).curves.back();
    const FigurePlace place = placeAt(1, curve.x[1], curve.y[1]);
    const std::string said = describeAt(figure, shown, place);
    QVERIFY(!said.empty());
    QCOMPARE(said, describeAt(figure, figure, place));
}

RHEO_TEST(TestFigureCurves)
#include "test_figure_curves.moc"
