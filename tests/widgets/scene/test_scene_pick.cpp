// Picking, in numbers: what is nearest on the screen, what is in front, what a box holds.

#include "core/base/random.h"
#include "tests/test_main.h"
#include "widgets/scene/pick3.h"

using namespace rheo;

namespace {

const PixelRect view{100, 50, 400, 300};

/// Lines of two vertices each, given by their ends.
Plot3D plotOf(const std::vector<std::array<Eigen::Vector3d, 2>>& lines) {
    Plot3D plot;
    LineSet3 set;
    set.offsets = {0};
    for (std::size_t i = 0; i < lines.size(); ++i) {
        for (const auto& end : lines[i])
            for (int c = 0; c < 3; ++c) set.xyz.push_back(static_cast<float>(end[c]));
        set.offsets.push_back(static_cast<std::int32_t>(2 * (i + 1)));
        set.tags.push_back(static_cast<std::int64_t>(10 + i));
    }
    plot.lines.push_back(set);
    return plot;
}

/// From the front: the first axis points right, the third up, the eye is on the negative second.
Camera front() {
    Camera camera;
    camera.azimuth = camera.elevation = 0;
    camera.halfHeight = 1;
    return camera;
}

}  // namespace

class TestScenePick : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void theNearestLineIsPicked();
    void ofLinesInOnePlaceTheFrontOne();
    void theVertexIsTheNearerEnd();
    void agreesWithASearchOfAllPlaces();
    void aBoxHoldsLinesWithAVertexInIt();
    void whatIsNotPickableIsNotPicked();
};

void TestScenePick::theNearestLineIsPicked() {
    const auto plot = plotOf({{{{-1, 0, 0.5}, {1, 0, 0.5}}}, {{{-1, 0, -0.5}, {1, 0, -0.5}}}});
    const Projected3 projected(plot, front(), view);
    // The centre of the view is (300, 200); half its height, 150 pixels, is one unit.
    const auto upper = projected.pick(300, 200 + 75 - 3, 6);
    QVERIFY(upper);
    QCOMPARE(upper->tag, 10);
    QVERIFY(std::abs(upper->distance - 3) < 1e-3);
    QCOMPARE(projected.pick(300, 200 - 75, 6)->tag, 11);
    QVERIFY(!projected.pick(300, 200, 6));
}

void TestScenePick::ofLinesInOnePlaceTheFrontOne() {
    const auto plot = plotOf(
        {{{{-1, 0.5, 0}, {1, 0.5, 0}}}, {{{-1, -0.5, 0}, {1, -0.5, 0}}}, {{{-1, 0.2, 0}, {1, 0.2, 0}}}});
    QCOMPARE(Projected3(plot, front(), view).pick(300, 200, 6)->tag, 11);
    Camera back = front();
    back.azimuth = 180;
    QCOMPARE(Projected3(plot, back, view).pick(300, 200, 6)->tag, 10);
}

void TestScenePick::theVertexIsTheNearerEnd() {
    const auto plot = plotOf({{{{-1, 0, 0}, {1, 0, 0}}}});
    const Projected3 projected(plot, front(), view);
    QCOMPARE(projected.pick(200, 200, 6)->vertex, 0);
    QCOMPARE(projected.pick(400, 200, 6)->vertex, 1);
}

void TestScenePick::agreesWithASearchOfAllPlaces() {
    RandomStream random(4);
    std::vector<std::array<Eigen::Vector3d, 2>> lines(60);
    for (auto& line : lines)
        for (auto& end : line) end = Eigen::Vector3d(random.normal(), random.normal(), random.normal()) * 0.5;
    const auto plot = plotOf(lines);
    for (const bool perspective : {false, true}) {
        Camera camera;
        camera.perspective = perspective;
        camera.halfHeight = 1.4;
        const Projected3 projected(plot, camera, view);
        int picked = 0;
        for (int i = 0; i < 200; ++i) {
            const double x = 100 + 400 * random.uniform(), y = 50 + 300 * random.uniform();
            // Many places along each line, projected one by one.
            double nearest = 1e9;
            for (const auto& line : lines)
                for (int k = 0; k <= 400; ++k) {
                    const auto s = projectToScreen(camera, line[0] + (line[1] - line[0]) * (k / 400.0));
                    nearest = std::min(nearest, std::hypot(300 + s.x() * 150 - x, 200 + s.y() * 150 - y));
                }
            const auto found = projected.pick(x, y, 5);
            if (nearest < 4.5) QVERIFY(found && std::abs(found->distance - nearest) < 0.7);
            if (nearest > 5.7) QVERIFY(!found);
            picked += found.has_value();
        }
        QVERIFY(picked > 10);
    }
}

void TestScenePick::aBoxHoldsLinesWithAVertexInIt() {
    const auto plot = plotOf(
        {{{{-0.5, 0, 0.5}, {-0.4, 0, 0.5}}}, {{{0.5, 0, 0}, {0.6, 0, 0}}}, {{{0.55, 0, 0.1}, {5, 0, 0}}}});
    const Projected3 projected(plot, front(), view);
    QCOMPARE(projected.inside({300, 180, 100, 60}), (std::vector<std::int64_t>{11, 12}));
    QCOMPARE(projected.inside(view).size(), std::size_t(3));
    QVERIFY(projected.inside({0, 0, 10, 10}).empty());
    // An outline holds less than the box around it, whichever way it goes round.
    std::vector<Eigen::Vector2d> outline{{300, 180}, {400, 180}, {400, 240}, {395, 182}};
    QVERIFY(projected.insideOutline(outline).empty());
    outline = {{300, 180}, {400, 180}, {400, 240}, {300, 240}};
    QCOMPARE(projected.insideOutline(outline), (std::vector<std::int64_t>{11, 12}));
    std::reverse(outline.begin(), outline.end());
    QCOMPARE(projected.insideOutline(outline), (std::vector<std::int64_t>{11, 12}));
    QVERIFY(projected.insideOutline({{0, 0}, {10, 0}}).empty());
}

void TestScenePick::whatIsNotPickableIsNotPicked() {
    auto plot = plotOf({{{{-1, 0, 0}, {1, 0, 0}}}});
    plot.lines[0].pickable = false;
    QVERIFY(!Projected3(plot, front(), view).pick(300, 200, 6));
    plot.lines[0].pickable = true;
    plot.lines[0].xyz[0] = NAN;
    QVERIFY(!Projected3(plot, front(), view).pick(300, 200, 6));
}

RHEO_TEST(TestScenePick)
#include "test_scene_pick.moc"
