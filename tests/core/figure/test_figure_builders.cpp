// What figures hold: the right shapes, names and numbers of the results they show.
#include <cmath>
#include <set>

#include "core/base/error.h"
#include "core/figure/attribution_figure.h"
#include "core/figure/density_figure.h"
#include "core/figure/describe.h"
#include "core/figure/explained_figure.h"
#include "core/figure/flow_figure.h"
#include "core/figure/latent_figure.h"
#include "core/figure/lens_figure.h"
#include "core/figure/patch_map_figure.h"
#include "core/figure/ranges.h"
#include "core/figure/response_figure.h"
#include "core/figure/routing_figure.h"
#include "core/figure/row_colors.h"
#include "core/figure/teleport_figure.h"
#include "core/figure/trajectory_figure.h"
#include "tests/refused.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

constexpr int rows = 5, pointCount = 9, components = 4;

Array3F exampleScores() {
    Array3F scores(rows, pointCount, components);
    for (int n = 0; n < rows; ++n)
        for (int p = 0; p < pointCount; ++p)
            for (int k = 0; k < components; ++k)
                scores.at(n, p)[k] = static_cast<float>(100 * k + 10 * n + p);
    return scores;
}

const LineSet3* lineNamed(const Plot3D& plot, const std::string& name) {
    for (const auto& set : plot.lines)
        if (set.name == name) return &set;
    return nullptr;
}

const Plot3D& plotOf(const Figure& figure) {
    return std::get<Plot3D>(figure.panels.front().plot);
}

VectorD vector(std::initializer_list<double> values) {
    VectorD result(static_cast<Eigen::Index>(values.size()));
    Eigen::Index i = 0;
    for (const double value : values) result[i++] = value;
    return result;
}

}  // namespace

class TestFigureBuilders : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void trajectoriesHoldEveryRow();
    void trajectoriesOfChosenRowsAndComponents();
    void trajectoriesShowMeansLimitsAndDepths();
    void veryManyRowsAreThinned();
    void coloursHaveTheRangeThatIsAsked();
    void firstTokensAreHidden();
    void theLegendHidesKinds();
    void trajectoriesAreColouredByKindAndNumber();
    void rareKindsShareAColour();
    void trajectoriesMarkSelectionAndPoint();
    void strongRowsStandInFrontOfFaintOnes();
    void trajectoriesLeaveOutWhatIsNotFinite();
    void routingNamesTheLikeliestExperts();
    void patchMapHasTheFirstTokenAbove();
    void attributionHasABarForEachWrite();
    void flowHasArrowsBasinsAndContraction();
    void responseStandsBesideItsControls();
    void trajectoriesRefuseWhatIsNotThere();
    void trajectoriesOfOneStillRow();
    void teleportsAreAdded();
    void teleportsAreCompared();
    void densityIsSortedByTheLastPoint();
    void densityLimitsAreRobustAndSaySo();
    void densityMasksUnits();
    void densityMeasuresHaveNames();
    void densityCurvesByDepth();
    void explainedBesideItsNulls();
    void latentStatesByDepth();
    void reconstructionBesidePca();
    void lensByDepth();
    void teleportMeasuresFromDistances();
    void tokensCanBeSeen();
};

void TestFigureBuilders::trajectoriesHoldEveryRow() {
    const auto scores = exampleScores();
    const TrajectoryInput input{scores, vector({0.412, 0.2, 0.1, 0.05}), residualPoints(4, false), {}};
    const auto figure = trajectoryFigure(input, {});
    const auto& plot = plotOf(figure);
    QCOMPARE(plot.axes[0].title, std::string("PC1 (41.2 % of variance)"));
    QCOMPARE(plot.axes[2].title, std::string("PC3 (10.0 % of variance)"));
    const auto& lines = plot.lines.front();
    QCOMPARE(lines.offsets.size(), std::size_t(rows + 1));
    QCOMPARE(lines.tags, (std::vector<std::int64_t>{0, 1, 2, 3, 4}));
    QCOMPARE(lines.xyz.size(), std::size_t(rows * pointCount * 3));
    for (int n = 0; n < rows; ++n) {
        QCOMPARE(lines.offsets[static_cast<std::size_t>(n + 1)], (n + 1) * pointCount);
        for (int p = 0; p < pointCount; ++p) {
            const auto vertex = static_cast<std::size_t>(n * pointCount + p);
            QCOMPARE(lines.values[vertex], static_cast<float>(p));
            for (std::size_t k = 0; k < 3; ++k) QCOMPARE(lines.xyz[3 * vertex + k], scores.at(n, p)[k]);
        }
    }
    const auto* mean = lineNamed(plot, "mean of 5 rows");
    QVERIFY(mean != nullptr);
    QCOMPARE(mean->xyz.size(), std::size_t(3 * pointCount));
    QCOMPARE(mean->xyz[3 * 4 + 1], 100.0f + 20 + 4);
    QVERIFY(mean->style.width > lines.style.width);
    QVERIFY(!mean->pickable);
    QVERIFY(plot.colorScale.has_value());
    QCOMPARE(plot.colorScale->title, std::string("Depth"));
    QCOMPARE(plot.colorScale->high, double(pointCount - 1));
    QCOMPARE(plot.colorScale->ticks.front().label, std::string("L00"));
    QCOMPARE(plot.colorScale->ticks.back().label, std::string("final"));
    for (int k = 0; k < 3; ++k) {
        const auto& axis = plot.axes[static_cast<std::size_t>(k)];
        QVERIFY(axis.low < 100 * k && axis.high > 100 * k + 48);
        QVERIFY(axis.ticks.size() >= 2);
    }
    QVERIFY(plot.fitCamera);
}

void TestFigureBuilders::trajectoriesOfChosenRowsAndComponents() {
    const auto scores = exampleScores();
    const TrajectoryInput input{scores, {}, residualPoints(4, false), {}};
    TrajectoryOptions options;
    options.rows = {RowIndex(3), RowIndex(1)};
    options.components = {1, 3, 0};
    options.mean = false;
    options.colorBy = RowColor::Nothing;
    Camera camera;
    camera.azimuth = 77;
    options.camera = camera;
    const auto figure = trajectoryFigure(input, options);
    const auto& plot = plotOf(figure);
    QCOMPARE(plot.lines.size(), std::size_t(1));
    QCOMPARE(plot.lines[0].tags, (std::vector<std::int64_t>{3, 1}));
    QCOMPARE(plot.lines[0].xyz[0], 130.0f);
    QCOMPARE(plot.lines[0].xyz[1], 330.0f);
    QCOMPARE(plot.lines[0].xyz[2], 30.0f);
    QVERIFY(plot.lines[0].style.color.has_value());
    QVERIFY(!plot.colorScale);
    QCOMPARE(plot.axes[1].title, std::string("PC4"));
    QCOMPARE(plot.camera.azimuth, 77.0);
    QVERIFY(!plot.fitCamera);
}

/// Paths of 200 rows in two groups: a place of its own for each, and normal noise about it; a row far out.
void TestFigureBuilders::trajectoriesShowMeansLimitsAndDepths() {
    constexpr std::int64_t rows = 200, points = 9;
    Array3F scores(rows, points, 3);
    RandomStream random(3);
    TrajectoryInput input{scores, {}, residualPoints(4, false), {}};
    for (std::int64_t n = 0; n < rows; ++n) {
        input.rowKinds.push_back(n % 4 == 0 ? "rare" : "frequent");
        for (std::int64_t p = 0; p < points; ++p)
            for (int c = 0; c < 3; ++c)
                scores.at(n, p)[c] =
                    static_cast<float>((n % 4 == 0 ? 20 : 0) + 100 * c + p + random.normal());
    }
    scores.at(7, 2)[0] = 1e4F;
    TrajectoryOptions options;
    options.mean = false;
    options.colorBy = RowColor::Group;
    options.groupMeans = GroupMeans::Spread;
    options.limits = AxisLimits::Robust;
    options.firstPoint = PointIndex{3};
    const auto whole = trajectoryFigure(input, options);
    const auto& plot = plotOf(whole);
    const auto named = [&plot](const std::string& name) {
        return std::find_if(plot.lines.begin(), plot.lines.end(),
                            [&](const auto& l) { return l.name == name; });
    };
    // The mean of a group and its standard deviation, at the first point that is drawn.
    const auto mean = named("mean of rare"), spread = named("one standard deviation");
    QVERIFY(mean != plot.lines.end() && spread != plot.lines.end());
    QCOMPARE(mean->xyz.size(), std::size_t(3 * (points - 3)));
    double sum = 0, squares = 0;
    for (std::int64_t n = 0; n < rows; n += 4) sum += scores.at(n, 3)[1];
    const double expected = sum / 50;
    for (std::int64_t n = 0; n < rows; n += 4) squares += std::pow(scores.at(n, 3)[1] - expected, 2);
    QVERIFY(std::abs(mean->xyz[1] - expected) < 1e-4);
    // That of the frequent kind comes first and has the name; the second is of the rare one.
    const auto bars = std::next(spread, 2);
    QCOMPARE(bars->tags.size(), std::size_t(3 * (points - 3)));
    QCOMPARE(*bars->style.color, *mean->style.color);
    QVERIFY(std::abs(bars->xyz[10] - bars->xyz[7] - 2 * std::sqrt(squares / 49)) < 1e-4);
    // Not the row far out, which is at a point that is not drawn, but the ends of 98 % of the states.
    QVERIFY(QString::fromStdString(whole.note).contains("of 1,200 states lie outside the axes"));
    QVERIFY(plot.axes[0].high < 35);
    // Picks count vertices, colours count points.
    options.colorBy = RowColor::Depth;
    options.lastPoint = PointIndex{5};
    options.limits = AxisLimits::All;
    const auto some = trajectoryFigure(input, options);
    QCOMPARE(plotOf(some).lines[0].values[0], 3.0F);
    QCOMPARE(plotOf(some).lines[0].offsets[1], 3);
    QCOMPARE(plotOf(some).colorScale->low, 3.0);
    QCOMPARE(plotOf(some).colorScale->high, 5.0);
    QVERIFY(some.note.empty());
    // The strong rows alone.
    options.strong = {RowIndex{4}, RowIndex{8}};
    options.onlyStrong = true;
    const auto alone = trajectoryFigure(input, options);
    QCOMPARE(alone.note, std::string("2 of 200 rows are shown: the selected ones."));
    std::set<std::int64_t> drawn;
    for (const auto& set : plotOf(alone).lines)
        if (set.pickable) drawn.insert(set.tags.begin(), set.tags.end());
    QCOMPARE(drawn, (std::set<std::int64_t>{4, 8}));
    options.lastPoint = PointIndex{3};
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] { trajectoryFigure(input, options); }));
}

/// Of very many rows some are drawn, and the note says so; those that are selected always are.
void TestFigureBuilders::veryManyRowsAreThinned() {
    constexpr std::int64_t rows = 1000;
    Array3F scores(rows, 2, 3);
    for (std::size_t i = 0; i < scores.data.size(); ++i) scores.data[i] = static_cast<float>(i % 17);
    const TrajectoryInput input{scores, {}, {residualPoints(1, false)[0], residualPoints(1, false)[1]}};
    TrajectoryOptions options;
    options.mostRows = 100;
    options.strong = {RowIndex{3}, RowIndex{999}};
    const auto figure = trajectoryFigure(input, options);
    QCOMPARE(figure.note, std::string("102 of 1,000 rows are drawn, evenly spaced."));
    std::vector<std::int64_t> drawn = plotOf(figure).lines[0].tags;
    QCOMPARE(drawn.size(), std::size_t(100));
    for (std::size_t i = 1; i < drawn.size(); ++i)
        QVERIFY(drawn[i] - drawn[i - 1] >= 9 && drawn[i] - drawn[i - 1] <= 11);
    QCOMPARE(plotOf(figure).lines[1].tags, (std::vector<std::int64_t>{3, 999}));
    options.mostRows = 0;
    QVERIFY(trajectoryFigure(input, options).note.empty());
}

void TestFigureBuilders::coloursHaveTheRangeThatIsAsked() {
    DensityResult density;
    density.mean = MatrixD(2, 3);
    density.mean << -4, -0.1, 0.05, 2, 0.5, 3;
    density.meanAbs = density.rms = density.activeFraction = density.mean.cwiseAbs();
    std::vector<ResidualPoint> points{residualPoints(1, false)[0], residualPoints(1, false)[1]};
    Figure figure = densityFigure(density, points, {});
    const auto scale = [&figure]() -> const ColorScale& {
        return std::get<HeatmapPlot>(figure.panels[0].plot).colorScale;
    };
    QCOMPARE(scale().low, -scale().high);
    showColors(figure, {-1, 2.5, 0.2});
    // Of values of both signs zero stays in the middle.
    QCOMPARE(scale().low, -2.5);
    QVERIFY(scale().clipsLow && scale().clipsHigh);
    const Color missing{0.1F, 0.2F, 0.3F};
    QCOMPARE(scaleColor(scale(), 0.19, missing), missing);
    QVERIFY(scaleColor(scale(), -0.21, missing) != missing);
    QCOMPARE(*colorsOf(figure), (ColorRange{-2.5, 2.5, 0.2}));
    DensityOptions rms;
    rms.measure = DensityMeasure::Rms;
    figure = densityFigure(density, points, rms);
    showColors(figure, {0.5, 2, 0});
    QCOMPARE(scale().low, 0.5);
    QCOMPARE(scale().high, 2.0);
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] { showColors(figure, {2, 1, 0}); }));
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] { showColors(figure, {0, 1, -1}); }));
    Figure curves;
    curves.panels.push_back({"", CurvePlot{}});
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] { showColors(curves, {0, 1, 0}); }));
    QVERIFY(!colorsOf(curves));
}

void TestFigureBuilders::firstTokensAreHidden() {
    TraceInfo info;
    for (const std::int32_t position : {0, 3, 0, 5}) info.rows.push_back({0, position, 1});
    TrajectoryOptions options;
    QVERIFY(rowsShown(info, options).empty());  // all of them
    options.firstTokens = false;
    QCOMPARE(rowsShown(info, options), (std::vector{RowIndex{1}, RowIndex{3}}));
    options.rows = {RowIndex{3}, RowIndex{0}};
    QCOMPARE(rowsShown(info, options), std::vector{RowIndex{3}});
    options.rows = {RowIndex{2}};
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] { rowsShown(info, options); }));
}

/// What is hidden keeps its colour and the axes; the mean is of the rows that are drawn.
void TestFigureBuilders::theLegendHidesKinds() {
    const auto scores = exampleScores();
    TrajectoryInput input{scores, {}, residualPoints(4, false), {}};
    for (std::int64_t n = 0; n < scores.n0; ++n) input.rowKinds.push_back(n % 3 == 0 ? "code" : "prose");
    TrajectoryOptions options;
    options.colorBy = RowColor::Group;
    options.groupMeans = GroupMeans::Mean;
    const Figure all = trajectoryFigure(input, options);
    options.hidden = {"kind:prose"};
    const auto named = [](const Figure& figure, const std::string& start) {
        const auto& lines = plotOf(figure).lines;
        const auto found = std::find_if(lines.begin(), lines.end(),
                                        [&](const LineSet3& set) { return set.name.starts_with(start); });
        return found == lines.end() ? nullptr : &*found;
    };
    const Figure one = trajectoryFigure(input, options);
    QVERIFY(named(all, "prose (") != nullptr && named(one, "prose (") == nullptr);
    QVERIFY(named(all, "mean of prose") != nullptr && named(one, "mean of prose") == nullptr);
    QCOMPARE(*named(one, "code (")->style.color, *named(all, "code (")->style.color);
    QCOMPARE(plotOf(one).axes[0].low, plotOf(all).axes[0].low);
    const LineSet3* code = named(one, "code (");
    const LineSet3* mean = named(one, "mean of " + std::to_string(code->tags.size()) + " rows");
    QVERIFY(mean != nullptr);
    double sum = 0;
    for (std::size_t i = 0; i < code->tags.size(); ++i)
        sum += code->xyz[3 * static_cast<std::size_t>(code->offsets[i])];
    QVERIFY(std::abs(mean->xyz[0] - sum / static_cast<double>(code->tags.size())) < 1e-5);
    // A window's legend brings them back.
    options.listHidden = true;
    const Figure listed = trajectoryFigure(input, options);
    const LineSet3* prose = named(listed, "prose (");
    QVERIFY(prose != nullptr && prose->hidden && prose->xyz.empty() && prose->offsets.size() == 1);
    options.hidden = {"mean"};
    QVERIFY(named(trajectoryFigure(input, options), "mean of " + std::to_string(scores.n0))->hidden);
}

void TestFigureBuilders::trajectoriesAreColouredByKindAndNumber() {
    const auto scores = exampleScores();
    TraceInfo info;
    info.points = residualPoints(4, false);
    info.samples = {{"", {5}, "prose"}, {"", {6}, "code"}, {"", {5}, ""}};
    for (std::int32_t n = 0; n < scores.n0; ++n)
        info.rows.push_back({n % 3 == 0 ? 1 : n % 3 == 1 ? 0 : 2, n, n % 2 == 0 ? 6 : 5});
    TrajectoryInput input{scores, {}, info.points, {}};
    TrajectoryOptions options;
    options.mean = false;
    options.colorBy = RowColor::Group;
    colorRows(input, info, options);
    const auto groups = trajectoryFigure(input, options);
    const auto& byGroup = plotOf(groups);
    QVERIFY(!byGroup.colorScale);
    QCOMPARE(byGroup.lines.size(), std::size_t(3));
    std::size_t rows = 0;
    std::set<std::string> names;
    for (const LineSet3& set : byGroup.lines) {
        names.insert(set.name.substr(0, set.name.find(" (")));
        for (const auto row : set.tags)
            QVERIFY(set.name.starts_with(input.rowKinds[static_cast<std::size_t>(row)]));
        QVERIFY(set.style.color && set.offsets.size() == set.tags.size() + 1);
        QCOMPARE(set.xyz.size(), static_cast<std::size_t>(set.offsets.back()) * 3);
        rows += set.tags.size();
    }
    QCOMPARE(rows, static_cast<std::size_t>(scores.n0));
    QCOMPARE(names, (std::set<std::string>{"code", "no group", "prose"}));
    QVERIFY(*byGroup.lines[0].style.color != *byGroup.lines[1].style.color);

    TrajectoryInput byNumber{scores, {}, info.points, {}};
    options.colorBy = RowColor::Position;
    colorRows(byNumber, info, options);
    const auto numbers = trajectoryFigure(byNumber, options);
    const auto& plot = plotOf(numbers);
    QCOMPARE(plot.lines.size(), std::size_t(1));
    QCOMPARE(plot.colorScale->high, double(scores.n0 - 1));
    QCOMPARE(plot.colorScale->title, std::string("Position of the token"));
    QCOMPARE(plot.lines[0].values[static_cast<std::size_t>(scores.n1)], 1.0F);

    // By the score along a component: each state has its own colour, and the scale is named.
    TrajectoryInput byScore{scores, {}, info.points, {}};
    byScore.axisNames = {"a", "b", "c", "d"};
    byScore.axisMeanings = {"toward ' x'; against ' y'", "", "", ""};
    options.colorBy = RowColor::Component;
    options.colorComponent = 1;
    options.arrows = PlaneArrows{"flow", {0, 1}, VectorD::Constant(4, 7), MatrixD::Zero(2, 4)};
    options.arrows->segments(1, 2) = 2;
    options.lastPoint = PointIndex{2};
    options.firstPoint = PointIndex{1};
    colorRows(byScore, info, options);
    const auto byComponent = trajectoryFigure(byScore, options);
    const auto& scored = plotOf(byComponent);
    QCOMPARE(scored.colorScale->title, std::string("Score along b"));
    QCOMPARE(scored.lines[0].values.size(), static_cast<std::size_t>(2 * scores.n0));
    QCOMPARE(scored.lines[0].values[0], scores.at(0, 1)[1]);
    QCOMPARE(scored.lines[0].values[3], scores.at(1, 2)[1]);
    float lowest = scores.at(0, 1)[1];
    for (std::int64_t n = 0; n < scores.n0; ++n)
        for (const std::int64_t p : {1, 2}) lowest = std::min(lowest, scores.at(n, p)[1]);
    QCOMPARE(scored.colorScale->low, double(lowest));
    QVERIFY2(byComponent.note.find("a: toward ' x'") != std::string::npos, byComponent.note.c_str());
    // Arrows lie in the plane of their axes, each with a head.
    const auto arrows = std::find_if(scored.lines.begin(), scored.lines.end(),
                                     [](const LineSet3& set) { return set.name == "flow"; });
    QVERIFY(arrows != scored.lines.end() && arrows->tags.size() == 2 && arrows->offsets.back() == 12);
    QCOMPARE(arrows->xyz[2], 7.0F);
    QCOMPARE(arrows->xyz[3 * 7], 2.0F);
    byScore.stateNumbers.resize(1, 1);
    QVERIFY(refused(ErrorCode::Mismatch, [&] { trajectoryFigure(byScore, options); }));
    options.arrows.reset();
    options.firstPoint = PointIndex{0};
    options.lastPoint.reset();
    options.colorComponent = 4;
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] { colorRows(byScore, info, options); }));

    TrajectoryInput byToken{scores, {}, info.points, {}};
    options.colorBy = RowColor::Token;
    options.tokenTexts = textsOfRows(info, [](std::int32_t id) { return id == 5 ? " the" : ""; });
    colorRows(byToken, info, options);
    QCOMPARE(byToken.rowKinds[1], std::string("\u201c the\u201d"));
    QCOMPARE(byToken.rowKinds[0], std::string("#6"));
    // A column of the prompts: kinds, or a scale of more than a few numbers.
    for (std::size_t s = 0; s < info.samples.size(); ++s)
        info.samples[s].columns["topic"] = s == 1 ? "" : "art";
    QCOMPARE(columnsOf(info), std::vector<std::string>{"topic"});
    TrajectoryInput byColumn{scores, {}, info.points, {}};
    options.colorBy = RowColor::Column;
    options.column = "topic";
    colorRows(byColumn, info, options);
    QCOMPARE(byColumn.rowKinds[0], std::string("no topic"));
    QCOMPARE(byColumn.rowKinds[1], std::string("art"));
    TraceInfo years = info;
    years.samples.assign(12, {});
    years.rows.clear();
    for (std::int32_t s = 0; s < 12; ++s) {
        if (s > 0) years.samples[static_cast<std::size_t>(s)].columns["year"] = std::to_string(1900 + s);
        years.rows.push_back({s, 0, 1});
    }
    TrajectoryInput byYear{scores, {}, info.points, {}};
    options.column = "year";
    colorRows(byYear, years, options);
    QVERIFY(byYear.rowKinds.empty() && std::isnan(byYear.rowNumbers[0]));
    QCOMPARE(byYear.rowNumbers[11], 1911.0);
    byToken.rowKinds.pop_back();
    QVERIFY(refused(ErrorCode::Mismatch, [&] { trajectoryFigure(byToken, options); }));
}

/// More kinds than colours: the rarest share a grey one.
void TestFigureBuilders::rareKindsShareAColour() {
    const std::size_t colours = lightTheme().series.size();
    const auto rows = static_cast<std::int64_t>(colours + 3);
    Array3F scores(rows, 2, 3);
    for (std::size_t i = 0; i < scores.data.size(); ++i) scores.data[i] = static_cast<float>(i);
    TrajectoryInput input{scores, {}, {residualPoints(1, false)[0], residualPoints(1, false)[1]}, {}};
    for (std::int64_t n = 0; n < rows; ++n) input.rowKinds.push_back("kind " + std::to_string(n));
    TrajectoryOptions options;
    options.mean = false;
    options.colorBy = RowColor::Group;
    const auto figure = trajectoryFigure(input, options);
    const auto& plot = plotOf(figure);
    QCOMPARE(plot.lines.size(), colours + 1);
    // Behind the others, so that these are seen.
    QCOMPARE(plot.lines.front().name, std::string("others (3)"));
    QCOMPARE(plot.lines.front().tags.size(), std::size_t(3));
}

void TestFigureBuilders::trajectoriesMarkSelectionAndPoint() {
    const auto scores = exampleScores();
    const TrajectoryInput input{scores, {}, residualPoints(4, false), [](RowIndex row) {
                                    return std::string(1, static_cast<char>('a' + row.value()));
                                }};
    TrajectoryOptions options;
    options.selected = RowIndex(2);
    options.highlighted = PointIndex(3);
    const auto figure = trajectoryFigure(input, options);
    const auto& plot = plotOf(figure);
    const auto* selected = lineNamed(plot, "c");
    QVERIFY(selected != nullptr);
    QCOMPARE(selected->tags, (std::vector<std::int64_t>{2}));
    QVERIFY(selected->layer > plot.lines.front().layer);
    const MarkerSet3 *section = nullptr, *points = nullptr, *ring = nullptr;
    for (const auto& set : plot.markers) {
        if (set.name == "at L01.mlp_in")
            section = &set;
        else if (set.shape == MarkerShape::Ring)
            ring = &set;
        else
            points = &set;
    }
    QVERIFY(section != nullptr && points != nullptr && ring != nullptr);
    QCOMPARE(section->xyz.size(), std::size_t(3 * rows));
    QCOMPARE(section->xyz[3 * 4], 43.0f);
    QCOMPARE(points->tags, (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8}));
    QCOMPARE(ring->xyz, (std::vector<float>{23, 123, 223}));
    QCOMPARE(ring->tags, (std::vector<std::int64_t>{3}));
}

void TestFigureBuilders::strongRowsStandInFrontOfFaintOnes() {
    const auto scores = exampleScores();
    const TrajectoryInput input{scores, {}, residualPoints(4, false), {}};
    TrajectoryOptions options;
    options.rows = {RowIndex(0), RowIndex(1), RowIndex(3), RowIndex(4)};
    options.strong = {RowIndex(3), RowIndex(1), RowIndex(2)};  // 2 is not shown
    options.strongMean = true;
    const auto figure = trajectoryFigure(input, options);
    const auto& plot = plotOf(figure);
    const LineSet3 &faint = plot.lines[0], &strong = plot.lines[1];
    QCOMPARE(faint.tags, (std::vector<std::int64_t>{0, 4}));
    QCOMPARE(strong.tags, (std::vector<std::int64_t>{1, 3}));
    QVERIFY(strong.layer > faint.layer && strong.style.width > faint.style.width);
    QVERIFY(strong.style.opacity > 2 * faint.style.opacity);
    QVERIFY2(faint.style.color && faint.values.empty(), "grey");
    QVERIFY2(!strong.style.color && strong.values.size() == 2 * 9, "in the colours of depth");
    QVERIFY(faint.pickable && strong.pickable);
    // Scores are 10 row + point + 100 component: the mean of rows 1 and 3 is row 2, that of all shown as
    // well.
    const auto* mean = lineNamed(plot, "mean of 2 selected");
    QVERIFY(mean != nullptr && mean->style.dash == Dash::Dashed && !mean->pickable);
    QCOMPARE(mean->xyz[0], 20.0f);
    QCOMPARE(mean->xyz[3 * 8 + 2], 228.0f);
    const auto* all = lineNamed(plot, "mean of 4 rows");
    QVERIFY(all != nullptr);
    QCOMPARE(all->xyz[0], 20.0f);
    options.followed = MatrixD::Constant(9, 4, 1e4);
    options.followedName = "token 3, followed";
    const auto looked = trajectoryFigure(input, options);
    const auto* path = lineNamed(plotOf(looked), "token 3, followed");
    QVERIFY(path != nullptr && path->style.dash == Dash::Dashed && !path->pickable);
    QVERIFY2(plotOf(looked).axes[0].high < 1e3, "to look at a path moves nothing");
    options.followed = MatrixD::Zero(3, 4);
    QVERIFY(refused(ErrorCode::Mismatch, [&] { trajectoryFigure(input, options); }));
    options.followed = {};
    options.strongMean = false;
    QVERIFY(lineNamed(plotOf(trajectoryFigure(input, options)), "mean of 2 selected") == nullptr);
    options.strong = {RowIndex(5)};
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] { trajectoryFigure(input, options); }));
}

void TestFigureBuilders::trajectoriesLeaveOutWhatIsNotFinite() {
    auto scores = exampleScores();
    scores.at(1, 4)[2] = std::nanf("");
    const TrajectoryInput input{scores, {}, residualPoints(4, false), {}};
    TrajectoryOptions options;
    options.selected = RowIndex(1);
    const auto figure = trajectoryFigure(input, options);
    const auto& plot = plotOf(figure);
    QCOMPARE(plot.lines.front().tags, (std::vector<std::int64_t>{0, 2, 3, 4}));
    QVERIFY(lineNamed(plot, "mean of 4 rows") != nullptr);
    QVERIFY(plot.markers.empty());
    QVERIFY(figure.note.find("1 of 5 rows") != std::string::npos);
}

void TestFigureBuilders::trajectoriesRefuseWhatIsNotThere() {
    const auto scores = exampleScores();
    const auto points = residualPoints(4, false);
    TrajectoryOptions options;
    options.components = {0, 1, 4};
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] {
        trajectoryFigure({scores, {}, points, {}}, options);
    }));
    options = {};
    options.rows = {RowIndex(5)};
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] {
        trajectoryFigure({scores, {}, points, {}}, options);
    }));
    options = {};
    options.highlighted = PointIndex(9);
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] {
        trajectoryFigure({scores, {}, points, {}}, options);
    }));
    QVERIFY(refused(ErrorCode::Mismatch, [&] {
        trajectoryFigure({scores, {}, residualPoints(3, false), {}}, {});
    }));
    QVERIFY(refused(ErrorCode::Mismatch, [&] { trajectoryFigure({scores, vector({1}), points, {}}, {}); }));
}

void TestFigureBuilders::trajectoriesOfOneStillRow() {
    const Array3F scores(1, 3, 3);
    const auto figure = trajectoryFigure({scores, {}, residualPoints(1, false), {}}, {});
    for (const auto& axis : plotOf(figure).axes) QVERIFY(axis.low < axis.high);
    QVERIFY(plotOf(figure).camera.halfHeight > 0);
    QCOMPARE(plotOf(figure).lines.size(), std::size_t(1));  // no mean of one row
}

void TestFigureBuilders::teleportsAreAdded() {
    const auto scores = exampleScores();
    const TrajectoryInput input{scores, {}, residualPoints(4, false), {}};
    auto figure = trajectoryFigure(input, {});
    const auto before = plotOf(figure).axes;
    TeleportOverlay overlay;
    overlay.point = PointIndex(6);
    overlay.natural = MatrixD::Zero(3, components);
    overlay.teleported = MatrixD::Constant(3, components, 60);
    overlay.controls = Array3F(2, 3, components);
    overlay.extendAxes = false;
    auto fixed = figure;
    addTeleport(fixed, overlay, {});
    for (std::size_t i = 0; i < 3; ++i) QCOMPARE(plotOf(fixed).axes[i].low, before[i].low);
    overlay.extendAxes = true;
    addTeleport(figure, overlay, {});
    const auto& plot = plotOf(figure);
    const auto* natural = lineNamed(plot, "natural");
    const auto* teleported = lineNamed(plot, "teleported");
    QVERIFY(natural != nullptr && teleported != nullptr);
    QVERIFY(natural->style.dash == Dash::Dashed);
    QCOMPARE(teleported->xyz.size(), std::size_t(9));
    QVERIFY(lineNamed(plot, "random pushes of the same size") != nullptr);
    QVERIFY(plot.axes[2].low < 0 && plot.axes[0].high > 60);
    // Once it holds the paths, adding them again changes nothing.
    const auto grown = plot.axes;
    addTeleport(figure, overlay, {});
    for (std::size_t i = 0; i < 3; ++i) QCOMPARE(plotOf(figure).axes[i].high, grown[i].high);
    for (const auto& set : plotOf(figure).markers) QVERIFY(set.tags.front() == 6);

    // Two of them are told apart by colour and name; what all natural paths look like is said once.
    auto two = trajectoryFigure(input, {});
    overlay.name = "1: left";
    overlay.compared = 0;
    addTeleport(two, overlay, {});
    overlay.name = "2: right";
    overlay.compared = 1;
    addTeleport(two, overlay, {});
    const auto *left = lineNamed(plotOf(two), "1: left"), *right = lineNamed(plotOf(two), "2: right");
    QVERIFY(left != nullptr && right != nullptr);
    QVERIFY(left->style.color != right->style.color);
    const auto isNatural = [](const LineSet3& line) { return line.name == "natural"; };
    QCOMPARE(std::count_if(plotOf(two).lines.begin(), plotOf(two).lines.end(), isNatural), 1);
    // More than there are colours: the same colours again, dashed.
    const Theme theme = lightTheme();
    for (int i = 0; i < 5; ++i) {
        QVERIFY(comparedLook(theme, i).color != theme.natural);
        QCOMPARE(comparedLook(theme, i + 5).color, comparedLook(theme, i).color);
        QVERIFY(comparedLook(theme, i + 5).dash != comparedLook(theme, i).dash);
    }

    overlay.teleported.resize(2, components);
    QVERIFY(refused(ErrorCode::Mismatch, [&] { addTeleport(figure, overlay, {}); }));
    Figure other;
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] { addTeleport(other, overlay, {}); }));
}

void TestFigureBuilders::teleportsAreCompared() {
    const auto points = residualPoints(4, false);
    const auto count = static_cast<Eigen::Index>(points.size());
    const auto curvesFrom = [&](int first, double push) {
        TeleportCurves curves;
        curves.points = points;
        curves.first = first;
        curves.distance = VectorD::LinSpaced(count - first, push, push / 2);
        return curves;
    };
    const Figure figure =
        compareTeleportsFigure({{"early", curvesFrom(1, 8)}, {"late", curvesFrom(5, 3)}}, lightTheme());
    QCOMPARE(figure.panels.size(), std::size_t(2));
    const auto& distance = std::get<CurvePlot>(figure.panels[0].plot);
    const auto& retention = std::get<CurvePlot>(figure.panels[1].plot);
    QCOMPARE(distance.curves.size(), std::size_t(2));
    QCOMPARE(distance.curves[0].name, std::string("early"));
    QCOMPARE(distance.curves[0].x.front(), 1.0);
    QCOMPARE(distance.curves[1].x.front(), 5.0);
    QCOMPARE(distance.curves[1].y.front(), 3.0);
    QVERIFY(distance.x.low <= 1 && distance.x.high >= double(count) - 1);
    QVERIFY(distance.curves[0].color != distance.curves[1].color);
    // Retention is the distance over the push: 1 at first, one half at last. The first curve is the line
    // at 1.
    QCOMPARE(retention.curves.size(), std::size_t(3));
    for (const std::size_t i : {1, 2}) {
        QCOMPARE(retention.curves[i].y.front(), 1.0);
        QCOMPARE(retention.curves[i].y.back(), 0.5);
    }
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] { compareTeleportsFigure({}, lightTheme()); }));
    TeleportCurves other = curvesFrom(1, 1);
    other.points = residualPoints(3, false);
    other.distance.conservativeResize(static_cast<Eigen::Index>(other.points.size()) - 1);
    QVERIFY(refused(ErrorCode::Mismatch, [&] {
        compareTeleportsFigure({{"one", curvesFrom(1, 8)}, {"other", other}}, lightTheme());
    }));
}

void TestFigureBuilders::densityIsSortedByTheLastPoint() {
    MatrixD mean(3, 4);
    mean << 1, 2, 3, 4,  //
        5, 6, 7, 8,      //
        -1, 4, std::nan(""), 0.5;
    const auto points = residualPoints(1, false);
    DensityOptions options;
    const auto sorted = densityFigure(mean, mean, points, options);
    const auto& plot = std::get<HeatmapPlot>(sorted.panels.front().plot);
    QCOMPARE(plot.y.ids, (std::vector<std::int64_t>{2, 0, 3, 1}));
    QCOMPARE(plot.values.rows(), 4);
    QCOMPARE(plot.values.cols(), 3);
    QCOMPARE(plot.values(3, 0), 2.0f);
    QCOMPARE(plot.values(3, 2), 4.0f);
    QCOMPARE(plot.x.high, 2.5);
    QCOMPARE(plot.y.high, 3.5);
    options.sorted = false;
    const auto plain = densityFigure(mean, {}, points, options);
    const auto& plainY = std::get<HeatmapPlot>(plain.panels.front().plot).y;
    QCOMPARE(plainY.ids, (std::vector<std::int64_t>{0, 1, 2, 3}));
    QCOMPARE(plainY.title, std::string("Unit"));
    options.sorted = true;
    QVERIFY(refused(ErrorCode::Mismatch, [&] { densityFigure(mean, {}, points, options); }));
    QVERIFY(
        refused(ErrorCode::Mismatch, [&] { densityFigure(mean, mean, residualPoints(2, false), options); }));
}

void TestFigureBuilders::densityLimitsAreRobustAndSaySo() {
    // A thousand small values and one massive activation: it must not wash out the rest.
    MatrixD values = MatrixD::Constant(3, 400, 0.5);
    values(1, 7) = -300;
    const auto points = residualPoints(1, false);
    const auto scaleOf = [&](const DensityOptions& options) {
        return std::get<HeatmapPlot>(densityFigure(values, values, points, options).panels.front().plot)
            .colorScale;
    };
    DensityOptions options;
    auto scale = scaleOf(options);
    QCOMPARE(scale.high, 0.5);
    QCOMPARE(scale.low, -0.5);
    QVERIFY(scale.clipsLow);
    QVERIFY(!scale.clipsHigh);
    QVERIFY(scale.map == ColorMap::Vik);
    options.limit = 2;
    QCOMPARE(scaleOf(options).high, 2.0);
    options = {};
    options.measure = DensityMeasure::ActiveFraction;
    scale = scaleOf(options);
    QCOMPARE(scale.low, 0.0);
    QCOMPARE(scale.high, 1.0);
    values.setConstant(std::nan(""));
    scale = scaleOf({});
    QVERIFY(scale.low < scale.high);
    QVERIFY(!scale.clipsLow && !scale.clipsHigh);
}

void TestFigureBuilders::densityMasksUnits() {
    MatrixD values = MatrixD::Constant(3, 4, 1);
    values.col(2).setConstant(0);
    DensityOptions options;
    options.maskedUnits = {2};
    const auto density = densityFigure(values, values, residualPoints(1, false), options);
    const auto& plot = std::get<HeatmapPlot>(density.panels.front().plot);
    QCOMPARE(plot.y.ids.front(), std::int64_t(2));
    QVERIFY(std::isnan(plot.values(0, 1)));
}

void TestFigureBuilders::densityMeasuresHaveNames() {
    for (const char* name : {"mean", "mean_abs", "rms", "active_fraction"}) {
        const auto measure = parseDensityMeasure(name);
        QVERIFY(measure.has_value());
        QCOMPARE(std::string(densityMeasureName(*measure)), std::string(name));
    }
    QVERIFY(!parseDensityMeasure("median"));
}

void TestFigureBuilders::densityCurvesByDepth() {
    DensityResult curves;
    curves.trevesRolls = vector({0.1, 0.2, 0.3});
    curves.kurtosis = vector({-1, 5, 2});
    const auto figure = densityCurvesFigure(curves, {}, residualPoints(1, false), lightTheme());
    QCOMPARE(figure.panels.size(), std::size_t(2));
    QCOMPARE(figure.panels[1].title, std::string("Kurtosis"));
    const auto& plot = std::get<CurvePlot>(figure.panels[0].plot);
    QCOMPARE(plot.curves.front().y, (std::vector<double>{0.1, 0.2, 0.3}));
    curves.hoyer = vector({1});
    QVERIFY(refused(ErrorCode::Mismatch,
                    [&] { densityCurvesFigure(curves, {}, residualPoints(1, false), lightTheme()); }));
}

void TestFigureBuilders::latentStatesByDepth() {
    Array3F latent(4, 3, 2);
    for (int n = 0; n < 4; ++n)
        for (int p = 0; p < 3; ++p) {
            latent.at(n, p)[0] = static_cast<float>(10 * n + p);
            latent.at(n, p)[1] = static_cast<float>(-n);
        }
    latent.at(2, 1)[0] = NAN;
    const std::vector<ResidualPoint> points{{0, Site::AttnIn}, {0, Site::MlpIn}, {1, Site::Final}};
    const auto figure = latentFigure(latent, points, {});
    const auto& plot = std::get<CurvePlot>(figure.panels.front().plot);
    QCOMPARE(plot.x.title, std::string("Latent 1"));
    QCOMPARE(plot.y.title, std::string("Latent 2"));
    const Curve& states = plot.curves.front();
    QVERIFY(states.markers && !states.line);
    QCOMPARE(states.values.size(), std::size_t{9});  // a row with a NaN is left out whole
    QVERIFY(figure.note.find("1 of 4 rows are left out") != std::string::npos);
    QCOMPARE(states.rows, (std::vector<std::int64_t>{0, 0, 0, 1, 1, 1, 3, 3, 3}));
    QCOMPARE(states.values[4], 1.0);
    QCOMPARE(states.x[4], 11.0);
    QCOMPARE(states.y[4], -1.0);
    QVERIFY(plot.x.low < 0 && plot.x.high > 32 && figure.colorScale->high == 2);
    const Curve& mean = plot.curves.back();
    QCOMPARE(mean.name, std::string("mean of 3 rows"));
    QVERIFY(std::abs(mean.x[2] - (40.0 / 3 + 2)) < 1e-5);
    // A place near a state says which it is.
    const auto at = stateAt(figure, {0, 11.02, -1.01, 300, 200, 8});
    QVERIFY(at && at->row == 1 && at->value == 1.0);
    QVERIFY(!stateAt(figure, {0, 20, -0.5, 300, 200, 8}));
    const std::string said = describeAt(figure, figure, {0, 11.02, -1.01, 300, 200, 8});
    QVERIFY2(said.find("row 1") != std::string::npos && said.find("Depth 1") != std::string::npos,
             said.c_str());

    LatentOptions few;
    few.mostMarkers = 6;
    const auto thinned = latentFigure(latent, points, few);
    QCOMPARE(std::get<CurvePlot>(thinned.panels.front().plot).curves.front().values.size(),
             std::size_t{3});  // rows 0 and 2, of which 2 is out
    QVERIFY(thinned.note.find("2 of 4 rows are shown") != std::string::npos);
    QVERIFY(refused(ErrorCode::Mismatch, [&] { latentFigure(exampleScores(), points, {}); }));
}

void TestFigureBuilders::reconstructionBesidePca() {
    ReconstructionInput input;
    input.points = {{0, Site::AttnIn}, {0, Site::MlpIn}, {1, Site::Final}};
    input.r2 = vector({-40, 0.5, 0.75});
    input.pcaR2 = vector({-2, 0.25, 0.5});
    input.loss = MatrixD::Constant(5, 2, 0.5);
    const auto figure = reconstructionFigure(input, lightTheme());
    QCOMPARE(figure.panels.size(), std::size_t{2});
    const auto& plot = std::get<CurvePlot>(figure.panels[0].plot);
    QCOMPARE(plot.curves.size(), std::size_t{2});
    QCOMPARE(plot.curves.back().y[2], 0.75);
    QCOMPARE(plot.y.low, -1.0);
    QCOMPARE(plot.y.high, 1.0);
    QVERIFY(figure.note.find("below -1 is not shown") != std::string::npos);
    QCOMPARE(std::get<CurvePlot>(figure.panels[1].plot).curves[1].x.back(), 5.0);
    input.loss = {};
    input.pcaR2 = {};
    QCOMPARE(reconstructionFigure(input, lightTheme()).panels.size(), std::size_t{1});
    input.r2 = vector({1});
    QVERIFY(refused(ErrorCode::Mismatch, [&] { reconstructionFigure(input, lightTheme()); }));
}

void TestFigureBuilders::lensByDepth() {
    const std::vector<ResidualPoint> points{{0, Site::AttnIn}, {0, Site::MlpIn}, {1, Site::Final}};
    MatrixD entropy(3, 3);
    entropy << 1, 2, 3, 2, 3, 4, 3, 4, 5;
    const VectorD mean = entropy.colwise().mean().transpose();
    const MatrixD none;
    const VectorD nothing;
    const auto figure = lensFigure({entropy, entropy, mean, mean, points}, lightTheme());
    QCOMPARE(figure.panels.size(), std::size_t{2});
    const auto& curve = std::get<CurvePlot>(figure.panels[1].plot).curves.front();
    QCOMPARE(curve.y[1], 3.0);
    QVERIFY(curve.low[1] < 2.1 && curve.high[1] > 3.9);
    QCOMPARE(lensFigure({entropy, none, mean, nothing, points}, lightTheme()).panels.size(), std::size_t{1});
    QVERIFY(refused(ErrorCode::Mismatch, [&] {
        lensFigure({entropy, none, nothing, nothing, points}, lightTheme());
    }));
}

void TestFigureBuilders::explainedBesideItsNulls() {
    ExplainedInput input;
    input.explained = vector({0.5, 0.25});
    input.nulls.push_back({"sign_flip", vector({0.3, 0.2}), vector({0.2, 0.1}), vector({0.4, 0.3}), 200});
    auto figure = explainedFigure(input, lightTheme());
    QCOMPARE(figure.panels.size(), std::size_t(1));
    const auto& plot = std::get<CurvePlot>(figure.panels[0].plot);
    QCOMPARE(plot.curves.size(), std::size_t(2));
    QCOMPARE(plot.curves.back().name, std::string("observed"));
    QCOMPARE(plot.curves.back().x, (std::vector<double>{1, 2}));
    QCOMPARE(plot.curves.back().y, (std::vector<double>{50, 25}));
    QCOMPARE(plot.curves.front().high.front(), 40.0);
    QVERIFY(figure.note.find("200 repeats") != std::string::npos);
    input.perPoint = MatrixD::Constant(3, 2, 0.1);
    input.points = residualPoints(1, false);
    figure = explainedFigure(input, lightTheme());
    QCOMPARE(figure.panels.size(), std::size_t(2));
    const auto& own = std::get<CurvePlot>(figure.panels[1].plot);
    QVERIFY(std::abs(own.curves[1].y[0] - 20) < 1e-12);  // 2 components of 10 % each
    input.nulls.front().low = vector({1});
    QVERIFY(refused(ErrorCode::Mismatch, [&] { explainedFigure(input, lightTheme()); }));
    QVERIFY(refused(ErrorCode::Mismatch, [&] { explainedFigure({}, lightTheme()); }));
}

void TestFigureBuilders::teleportMeasuresFromDistances() {
    TeleportCurves curves;
    curves.points = residualPoints(2, false);
    curves.first = 2;
    curves.distance = vector({2, 1, 4});
    curves.controlDistance = MatrixD::Constant(32, 3, 5);
    curves.tokens = {{" the", 0.5, 0.25}, {"\n", 0.1, 0.6}};
    const auto figure = teleportFigure(curves, lightTheme());
    QCOMPARE(figure.panels.size(), std::size_t(4));
    const auto teleported = [&](std::size_t panel) {
        return std::get<CurvePlot>(figure.panels[panel].plot).curves.back();
    };
    QCOMPARE(teleported(0).name, std::string("teleported"));
    QCOMPARE(teleported(0).x, (std::vector<double>{2, 3, 4}));
    QCOMPARE(teleported(0).y, (std::vector<double>{2, 1, 4}));
    QCOMPARE(teleported(1).y, (std::vector<double>{1, 0.5, 2}));
    QCOMPARE(teleported(2).x, (std::vector<double>{2.5, 3.5}));
    QVERIFY(std::abs(teleported(2).y[0] - std::log(0.5)) < 1e-15);
    QVERIFY(std::abs(teleported(2).y[1] - std::log(4.0)) < 1e-15);
    const auto& band = std::get<CurvePlot>(figure.panels[0].plot).curves.front();
    QCOMPARE(band.low, (std::vector<double>{5, 5, 5}));
    QVERIFY(band.bandName.find("32 random directions") != std::string::npos);
    const auto& bars = std::get<BarPlot>(figure.panels[3].plot);
    QCOMPARE(bars.bars.size(), std::size_t(2));
    QCOMPARE(bars.bars[1].values, (std::vector<double>{0.1, 0.6}));

    // A push of nothing has no ratios, and draws none.
    curves.distance = vector({0, 0, 0});
    curves.tokens.clear();
    const auto nothing = teleportFigure(curves, lightTheme());
    QCOMPARE(nothing.panels.size(), std::size_t(3));
    for (const double y : std::get<CurvePlot>(nothing.panels[1].plot).curves.back().y) QVERIFY(std::isnan(y));

    curves.first = 1;
    QVERIFY(refused(ErrorCode::Mismatch, [&] { teleportFigure(curves, lightTheme()); }));
    curves.first = 2;
    curves.controlPcaDistance = MatrixD::Zero(3, 2);
    QVERIFY(refused(ErrorCode::Mismatch, [&] { teleportFigure(curves, lightTheme()); }));
}

void TestFigureBuilders::tokensCanBeSeen() {
    QCOMPARE(visibleToken(" the"), std::string("\u2423the"));
    QCOMPARE(visibleToken("a\n"), std::string("a\u21b5"));
    QCOMPARE(visibleToken(std::string("\x00\x7f", 2)), std::string("<00><7F>"));
    QCOMPARE(visibleToken("\u00e9\u4e2d\U0001f600"), std::string("\u00e9\u4e2d\U0001f600"));
    // Half a character, an overlong form, a surrogate, a lone continuation.
    QCOMPARE(visibleToken("\xe4\xb8"), std::string("\ufffd\ufffd"));
    QCOMPARE(visibleToken("\xc0\xaf"), std::string("\ufffd\ufffd"));
    QCOMPARE(visibleToken("\xed\xa0\x80"), std::string("\ufffd\ufffd\ufffd"));
    QCOMPARE(visibleToken("x\x80y"), std::string("x\ufffdy"));
}

void TestFigureBuilders::attributionHasABarForEachWrite() {
    Attribution a;
    a.answer = 7;
    a.contribution.resize(2, 4);
    a.contribution << 9, 9, 9, 9, 1, -2, 3, 0.5;
    a.embedding = vector({0, 0.25});
    a.bias = a.edits = vector({0, 0});
    a.logit = vector({36, 2.75});
    const auto points = residualPoints(2, false);
    const std::vector<std::string> pieces{" a", " b"};
    const Figure figure = attributionFigure({a, points, pieces, 1, " c", ""}, lightTheme());
    QCOMPARE(figure.panels.size(), std::size_t{3});
    const auto& bars = std::get<CurvePlot>(figure.panels[0].plot).curves;
    const auto named = [&](const char* name) {
        return std::find_if(bars.begin(), bars.end(), [&](const Curve& curve) { return curve.name == name; });
    };
    QCOMPARE(named("attention")->x[3], 2.5);  // from the third point on
    QCOMPARE(named("attention")->y[4], 3.0);
    QCOMPARE(named("MLP")->y[1], -2.0);
    const auto& sum = std::get<CurvePlot>(figure.panels[1].plot).curves;
    const auto line =
        std::find_if(sum.begin(), sum.end(), [](const Curve& curve) { return curve.name == "sum"; });
    QCOMPARE(line->y.front(), 0.25);
    QCOMPARE(line->y.back(), 2.75);
    const auto& map = std::get<HeatmapPlot>(figure.panels[2].plot);
    QCOMPARE(map.values(0, 1), -2.0F);  // the last token is the lowest row
    QVERIFY(figure.note.find("Logit of ' c': 2.75") != std::string::npos);
    const Attribution zero = difference(a, a);
    QVERIFY(zero.contribution.isZero() && zero.logit.isZero());
    QVERIFY(refused(ErrorCode::Mismatch, [&] {
        attributionFigure({a, points, pieces, 2, "", ""}, lightTheme());
    }));
}

void TestFigureBuilders::routingNamesTheLikeliestExperts() {
    RoutingResult routing;
    routing.blocks = {0, 2};
    routing.probabilities = Array3F(3, 2, 4);
    routing.chosen = Array3<std::int32_t>(3, 2, 1);
    for (std::int64_t row = 0; row < 3; ++row) {
        routing.probabilities.at(row, 1)[row] = 0.75F;
        *routing.chosen.at(row, 1) = static_cast<std::int32_t>(row);
    }
    routing.usage = MatrixD::Constant(2, 4, 0.25);
    routing.entropy = MatrixD::Constant(3, 2, 0.5);
    for (ChanceCurve* curve : {&routing.balance, &routing.token, &routing.next}) {
        const Eigen::Index length = curve == &routing.next ? 1 : 2;
        for (VectorD* values : {&curve->observed, &curve->mean, &curve->low, &curve->high, &curve->p})
            *values = VectorD::Constant(length, 0.5);
    }
    routing.repeats = 20;
    const std::vector<std::int32_t> ids{7, 8, 9}, prompts{0, 1, 1};
    const std::map<std::int32_t, std::string> texts{{8, " b"}};
    const Figure figure = routingFigure({routing, ids, prompts, texts, 1}, lightTheme());
    QCOMPARE(figure.panels.size(), std::size_t{6});
    const auto& map = std::get<HeatmapPlot>(figure.panels[0].plot);
    QCOMPARE(map.values.rows(), Eigen::Index{2});
    QCOMPARE(map.values(1, 1), 0.75F);  // the first token is the highest row
    QCOMPARE(map.labels[3], std::string("1"));
    QCOMPARE(map.labels[1], std::string("2"));
    QCOMPARE(map.y.ticks[1].label, std::string("b"));
    QCOMPARE(map.y.ticks[0].label, std::string("#9"));
    QCOMPARE(map.x.ticks[1].label, std::string("L02"));
    QVERIFY((map.x.ids == std::vector<std::int64_t>{1, 5}));  // its mlp_in
    const auto& next = std::get<CurvePlot>(figure.panels[5].plot);
    QCOMPARE(next.x.ticks.size(), std::size_t{1});
    QVERIFY(figure.note.find("1 of 4 experts") != std::string::npos);
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] {
        routingFigure({routing, ids, prompts, texts, 2}, lightTheme());
    }));
}

void TestFigureBuilders::patchMapHasTheFirstTokenAbove() {
    PatchMap map;
    map.request = {{1, 2}, {3, 2}, PatchOutcome::LogitDifference, 5, 6, {0, 1}};
    map.effect.resize(2, 3);
    map.effect << -1, 0, 1, 2, 3, 4;
    map.normalized = map.effect / 2;
    map.clean = 1;
    map.corrupted = -1;
    const auto points = residualPoints(1, false);
    const std::vector<std::string> clean{" Rome", " is"}, corrupted{" Paris", " is"};
    const Figure figure = patchMapFigure({map, points, clean, corrupted, " a", " b"}, {});
    const auto& plot = std::get<HeatmapPlot>(figure.panels.front().plot);
    QCOMPARE(plot.values(1, 2), 0.5F);  // token 0, final
    QCOMPARE(plot.values(0, 0), 1.0F);  // token 1, the first point
    QCOMPARE(plot.y.ticks.back().label, std::string("Paris < Rome"));
    QCOMPARE(plot.y.ticks.front().label, std::string("is"));
    QVERIFY((plot.y.ids == std::vector<std::int64_t>{1, 0}));
    QCOMPARE(plot.colorScale.high, 2.0);
    QCOMPARE(plot.colorScale.low, -2.0);
    QVERIFY(figure.note.find("Logit of ' a' - logit of ' b'") != std::string::npos);
    const Figure effect = patchMapFigure({map, points, clean, corrupted, " a", " b"}, {lightTheme(), false});
    QCOMPARE(std::get<HeatmapPlot>(effect.panels.front().plot).values(0, 2), 5.0F);  // 4 - corrupted
    QVERIFY(refused(ErrorCode::Mismatch, [&] {
        const std::vector<std::string> one{" Paris"};
        patchMapFigure({map, points, clean, one, "", ""}, {});
    }));
}

void TestFigureBuilders::flowHasArrowsBasinsAndContraction() {
    const auto points = residualPoints(1, false);
    Flow flow;
    flow.request.point = PointIndex{1};
    flow.request.token = 4;
    flow.axisNames = {"PC1", "mood"};
    flow.x = VectorD::LinSpaced(3, -1, 1);
    flow.y = VectorD::LinSpaced(2, 0, 1);
    flow.natural = MatrixD::Zero(2, 2);
    flow.distance = flow.distanceRms = MatrixD::Ones(6, 2);
    flow.scores = Array3<double>(6, 2, 2);
    for (int cell = 0; cell < 6; ++cell) {
        flow.scores.at(cell, 0)[0] = flow.x[cell % 3];
        flow.scores.at(cell, 0)[1] = flow.y[cell / 3];
        flow.scores.at(cell, 1)[0] = flow.x[cell % 3] + 2;  // beyond the next cell
        flow.scores.at(cell, 1)[1] = flow.y[cell / 3];
    }
    flow.likeliest = {8, 8, 8, 9, 9, 8};
    flow.probability = flow.kl = VectorD::Ones(6);
    flow.contraction = VectorD::Constant(1, -0.5);
    flow.contractionRms = VectorD::Constant(1, -0.25);
    flow.controlContraction = flow.controlContractionRms = MatrixD::Constant(4, 1, 0.125);
    const std::map<std::int32_t, std::string> texts{{8, " eight"}};
    FlowOptions options;
    ColorScale scale;
    double factor = 0;
    const CurvePlot arrows = flowArrows({flow, points, texts}, options, scale, factor);
    QVERIFY(std::abs(factor - 0.45) < 1e-12);  // 0.9 of the spacing of 1, over a length of 2
    QVERIFY(std::abs(arrows.curves[1].x[1] - (-1 + 0.9)) < 1e-12);
    QCOMPARE(arrows.curves[1].values.size(), arrows.curves[1].x.size());
    QCOMPARE(arrows.y.title, std::string("mood (residual units)"));
    const CurvePlot basins = flowBasins({flow, points, texts}, lightTheme());
    QCOMPARE(basins.curves.size(), std::size_t{3});  // two tokens, and the natural state
    QCOMPARE(basins.curves[0].x.size(), std::size_t{4});
    QVERIFY(basins.curves[0].name.find("eight") != std::string::npos);
    QCOMPARE(basins.curves[1].name, std::string("token 9"));
    options.rms = true;
    const CurvePlot contraction = flowContraction({flow, points, texts}, options);
    QCOMPARE(contraction.curves.back().y, std::vector<double>{-0.25});
    const Figure figure = flowFigure({flow, points, texts}, options);
    QCOMPARE(figure.panels.size(), std::size_t{3});
    QVERIFY(figure.colorScale.has_value());
    QVERIFY(figure.note.find("at 0.45 times their length") != std::string::npos);
    flow.likeliest.pop_back();
    QVERIFY_THROWS_EXCEPTION(Error, flowFigure({flow, points, texts}, options));
}

void TestFigureBuilders::responseStandsBesideItsControls() {
    const auto points = residualPoints(1, false);
    Response response;
    response.request.direction = VectorF::Ones(2);
    response.length = 2;
    response.sizes = VectorD::LinSpaced(5, -2, 2);
    response.distance = response.sizes.cwiseAbs();
    response.kl = response.sizes.cwiseAbs2();
    response.controlDistance = MatrixD::Constant(3, 5, 1);
    response.controlKl = MatrixD::Constant(3, 5, 2);
    response.likeliest = {1, 1, 2, 2, 1};
    response.sides = {{"+", {0.5, 2.5, 1.5, 3}, {{0.2, 1, 1, 1}}}, {"-", {0.2, 1, 1, 1}, {}}};
    const std::map<std::int32_t, std::string> texts{{1, "one"}};
    const Figure figure = responseFigure({response, points, "pc1", "SD", texts}, lightTheme());
    QCOMPARE(figure.panels.size(), std::size_t{2});
    const auto& plot = std::get<CurvePlot>(figure.panels[0].plot);
    QCOMPARE(plot.curves[0].bandName, std::string("3 of them, 95 %"));
    QCOMPARE(plot.curves[1].y, (std::vector<double>{2, 1, 0, 1, 2}));
    QVERIFY(figure.note.find("flat for 0.5 SD (2.5 of an even rise, random 1)") != std::string::npos);
    QVERIFY(figure.note.find("'one' from -2, token 2 from 0, 'one' from 2") != std::string::npos);
    response.kl.resize(4);
    QVERIFY_THROWS_EXCEPTION(Error, responseFigure({response, points, "", "", texts}, lightTheme()));
}

RHEO_TEST(TestFigureBuilders)
#include "test_figure_builders.moc"
