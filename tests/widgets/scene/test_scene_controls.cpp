// The camera and the handle in the hands of a user, as tables: a state, an event, the state after it and what
// it announces; and in numbers, where the data and the handle are on the screen afterwards.
#include <functional>

#include "tests/test_main.h"
#include "widgets/scene/camera_control.h"
#include "widgets/scene/camera_history.h"
#include "widgets/scene/handle_control.h"

using namespace rheo;

namespace {

using Gesture = CameraControl::Gesture;
using Hold = HandleControl::Hold;
using Eigen::Vector2d, Eigen::Vector3d;

// A view of 400 pixels height, one data unit from its center to its upper edge.
const ViewArea area{{300, 250}, 200};
constexpr double threshold = 5;

/// From the front: the first axis points right, the third up, the eye is on the negative second.
Camera front() {
    Camera camera;
    camera.azimuth = camera.elevation = 0;
    return camera;
}

Camera slanted(bool perspective) {
    Camera camera;
    camera.azimuth = 35;
    camera.elevation = 20;
    camera.focal = {1, 2, 3};
    camera.halfHeight = 4;
    camera.perspective = perspective;
    return camera;
}

bool near(const Eigen::VectorXd& a, const Eigen::VectorXd& b) {
    return (a - b).norm() < 1e-9;  // sums of a few doubles of size 1 to 100
}

Vector2d placeOf(const Camera& camera, const Vector3d& point) {
    return toPlace(area, projectToScreen(camera, point).head<2>());
}

/// A handle at the origin, the center of the view, in one of its states.
HandleControl handleThat(Hold hold, int axis = screenPlane) {
    HandleControl handle;
    handle.place = Vector3d::Zero();
    handle.hold = hold;
    handle.axis = axis;
    handle.mouse = area.center;
    return handle;
}

HandleControl noHandle() {
    return {};
}

using HandleEvent = std::function<HandleEffects(HandleControl&)>;

const HandleEvent grabRing = [](HandleControl& h) {
    return grabHandle(h, screenPlane, area.center, front(), area);
};
const HandleEvent grabX = [](HandleControl& h) {
    return grabHandle(h, 0, area.center + Vector2d(20, 0), front(), area);
};
const HandleEvent drag = [](HandleControl& h) {
    return dragHandle(h, area.center + Vector2d(20, -40), front(), area);
};
const HandleEvent nudge = [](HandleControl& h) { return nudgeHandle(h, {0, 1, 0}, 0.1, front()); };
const HandleEvent pressX = [](HandleControl& h) { return toggleAxisLock(h, 0, front(), area); };
const HandleEvent mouseUp = [](HandleControl& h) { return releaseHandle(h, Hold::Mouse); };
const HandleEvent enter = [](HandleControl& h) { return releaseHandle(h, Hold::Keys); };
const HandleEvent escape = [](HandleControl& h) { return cancelHandle(h); };
const HandleEvent put = [](HandleControl& h) { return placeHandle(h, Vector3d(7, 8, 9)); };
const HandleEvent take = [](HandleControl& h) { return placeHandle(h, std::nullopt); };

struct HandleRow {
    const char* name;
    HandleControl from;
    HandleEvent event;
    Hold hold;
    int axis;
    std::optional<Vector3d> place;
    HandleEffects effects;
};

const Vector3d origin = Vector3d::Zero(), dragged(0.1, 0, 0.2), nudged(0, 0, 0.1), elsewhere(7, 8, 9);
constexpr auto Grabbed = HandleEffect::Grabbed, Moved = HandleEffect::Moved;
constexpr auto Released = HandleEffect::Released, Cancelled = HandleEffect::Cancelled;
constexpr int plane = screenPlane;

const std::vector<HandleRow>& handleRows() {
    static const std::vector<HandleRow> rows = {
        {"free, grab the ring", handleThat(Hold::Free), grabRing, Hold::Mouse, plane, origin, {Grabbed}},
        {"free, grab an arrow", handleThat(Hold::Free), grabX, Hold::Mouse, 0, origin, {Grabbed}},
        {"free, drag", handleThat(Hold::Free), drag, Hold::Free, plane, origin, {}},
        {"free, nudge", handleThat(Hold::Free), nudge, Hold::Keys, plane, nudged, {Grabbed, Moved}},
        {"free, X", handleThat(Hold::Free), pressX, Hold::Free, plane, origin, {}},
        {"free, mouse up", handleThat(Hold::Free), mouseUp, Hold::Free, plane, origin, {}},
        {"free, enter", handleThat(Hold::Free), enter, Hold::Free, plane, origin, {}},
        {"free, escape", handleThat(Hold::Free), escape, Hold::Free, plane, origin, {}},
        {"free, put", handleThat(Hold::Free), put, Hold::Free, plane, elsewhere, {}},
        {"free, take", handleThat(Hold::Free), take, Hold::Free, plane, {}, {}},

        {"mouse, drag", handleThat(Hold::Mouse), drag, Hold::Mouse, plane, dragged, {Moved}},
        {"mouse, X", handleThat(Hold::Mouse), pressX, Hold::Mouse, 0, origin, {Moved}},
        {"mouse on X, X", handleThat(Hold::Mouse, 0), pressX, Hold::Mouse, plane, origin, {}},
        {"mouse on Z, X", handleThat(Hold::Mouse, 2), pressX, Hold::Mouse, 0, origin, {Moved}},
        {"mouse on X, drag", handleThat(Hold::Mouse, 0), drag, Hold::Mouse, 0, Vector3d(0.1, 0, 0), {Moved}},
        {"mouse, mouse up", handleThat(Hold::Mouse, 0), mouseUp, Hold::Free, plane, origin, {Released}},
        {"mouse, enter", handleThat(Hold::Mouse), enter, Hold::Mouse, plane, origin, {}},
        {"mouse, escape", handleThat(Hold::Mouse, 0), escape, Hold::Free, plane, origin, {Cancelled}},
        {"mouse, put", handleThat(Hold::Mouse), put, Hold::Mouse, plane, origin, {}},
        {"mouse, take", handleThat(Hold::Mouse), take, Hold::Free, plane, {}, {Cancelled}},

        {"keys, nudge", handleThat(Hold::Keys), nudge, Hold::Keys, plane, nudged, {Moved}},
        {"keys on X, nudge", handleThat(Hold::Keys, 0), nudge, Hold::Keys, 0, Vector3d(0.1, 0, 0), {Moved}},
        {"keys, drag", handleThat(Hold::Keys), drag, Hold::Keys, plane, origin, {}},
        {"keys, X", handleThat(Hold::Keys), pressX, Hold::Keys, 0, origin, {}},
        {"keys on X, X", handleThat(Hold::Keys, 0), pressX, Hold::Keys, plane, origin, {}},
        {"keys on Z, X", handleThat(Hold::Keys, 2), pressX, Hold::Keys, 0, origin, {}},
        {"keys, mouse up", handleThat(Hold::Keys), mouseUp, Hold::Keys, plane, origin, {}},
        {"keys, enter", handleThat(Hold::Keys, 0), enter, Hold::Free, plane, origin, {Released}},
        {"keys, escape", handleThat(Hold::Keys), escape, Hold::Free, plane, origin, {Cancelled}},
        {"keys, put", handleThat(Hold::Keys), put, Hold::Keys, plane, origin, {}},
        {"keys, take", handleThat(Hold::Keys), take, Hold::Free, plane, {}, {Cancelled}},

        {"none, put", noHandle(), put, Hold::Free, plane, elsewhere, {}},
        {"none, escape", noHandle(), escape, Hold::Free, plane, {}, {}},
    };
    return rows;
}

CameraControl cameraIn(Gesture gesture) {
    CameraControl control;
    control.camera = front();
    control.gesture = gesture;
    control.pressed = control.last = {100, 100};
    return control;
}

using CameraEvent = std::function<CameraEffect(CameraControl&)>;

CameraEvent press(bool moves) {
    return [moves](CameraControl& c) {
        pressCamera(c, {100, 100}, moves);
        return CameraEffect::None;
    };
}
CameraEvent dragBy(double x, double y) {
    return [x, y](CameraControl& c) { return dragCamera(c, Vector2d(100 + x, 100 + y), area, threshold); };
}
const CameraEvent release = [](CameraControl& c) { return releaseCamera(c); };

struct CameraRow {
    const char* name;
    Gesture from;
    CameraEvent event;
    Gesture to;
    CameraEffect effect;
    double azimuth, elevation;  ///< degrees, from 0
    Vector3d focal;             ///< from 0
    bool showsWhole;            ///< from true
};

const std::vector<CameraRow>& cameraRows() {
    using E = CameraEffect;
    static const std::vector<CameraRow> rows = {
        {"press", Gesture::None, press(false), Gesture::Pressed, E::None, 0, 0, origin, true},
        {"press to move", Gesture::None, press(true), Gesture::Move, E::None, 0, 0, origin, true},
        {"no button", Gesture::None, dragBy(50, 50), Gesture::None, E::None, 0, 0, origin, true},
        {"released before", Gesture::None, release, Gesture::None, E::None, 0, 0, origin, true},
        {"not far enough", Gesture::Pressed, dragBy(-2, 2), Gesture::Pressed, E::None, 0, 0, origin, true},
        {"far enough", Gesture::Pressed, dragBy(-3, 2), Gesture::Turn, E::Changed, 1.2, 0.8, origin, true},
        {"click", Gesture::Pressed, release, Gesture::None, E::Clicked, 0, 0, origin, true},
        {"turn", Gesture::Turn, dragBy(10, -5), Gesture::Turn, E::Changed, -4, -2, origin, true},
        {"turn past the pole", Gesture::Turn, dragBy(0, 500), Gesture::Turn, E::Changed, 0, 90, origin, true},
        {"turn around", Gesture::Turn, dragBy(-500, 0), Gesture::Turn, E::Changed, -160, 0, origin, true},
        {"turned", Gesture::Turn, release, Gesture::None, E::Settled, 0, 0, origin, true},
        {"move", Gesture::Move, dragBy(20, 40), Gesture::Move, E::Changed, 0, 0, Vector3d(-0.1, 0, 0.2),
         false},
        {"moved", Gesture::Move, release, Gesture::None, E::Settled, 0, 0, origin, true},
    };
    return rows;
}

}  // namespace

class TestSceneControls : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void handle_data();
    void handle();
    void theHandleFollowsTheMouse_data();
    void theHandleFollowsTheMouse();
    void escapeGoesBackToWhereItWasGrabbed();
    void aLockedAxisStaysUntilItIsFreed();
    void axisKeysThatRepeat_data();
    void axisKeysThatRepeat();
    void partsAreFoundWhereTheyAreDrawn();
    void camera_data();
    void camera();
    void dataFollowTheMouse();
    void zoomKeepsWhatIsUnderTheMouse();
    void zoomEndsAtItsLimits();
    void placesAreGoneBackTo();
};

void TestSceneControls::placesAreGoneBackTo() {
    CameraHistory history;
    QVERIFY(stepCamera(history, -1) == nullptr);
    Camera camera = front();
    for (int i = 0; i < 4; ++i) {
        camera.azimuth = 10 * i;
        rememberCamera(history, camera);
        rememberCamera(history, camera);  // the same place is one
    }
    QVERIFY(stepCamera(history, 1) == nullptr);
    QCOMPARE(stepCamera(history, -1)->azimuth, 20.0);
    QCOMPARE(stepCamera(history, -1)->azimuth, 10.0);
    QCOMPARE(stepCamera(history, 1)->azimuth, 20.0);
    // Where it is moved from here, what came after is forgotten.
    camera.azimuth = 77;
    rememberCamera(history, camera);
    QVERIFY(stepCamera(history, 1) == nullptr);
    QCOMPARE(stepCamera(history, -1)->azimuth, 20.0);
    for (int i = 0; i < 1000; ++i) {
        camera.azimuth = i;
        rememberCamera(history, camera);
    }
    QCOMPARE(history.places.size(), CameraHistory::most);
    QCOMPARE(stepCamera(history, -1)->azimuth, 998.0);
}

void TestSceneControls::handle_data() {
    QTest::addColumn<int>("index");
    for (std::size_t i = 0; i < handleRows().size(); ++i)
        QTest::newRow(handleRows()[i].name) << static_cast<int>(i);
}

void TestSceneControls::handle() {
    QFETCH(int, index);
    const HandleRow& row = handleRows()[static_cast<std::size_t>(index)];
    HandleControl handle = row.from;
    const HandleEffects effects = row.event(handle);
    QVERIFY(handle.hold == row.hold);
    QVERIFY(effects == row.effects);
    QCOMPARE(handle.axis, row.axis);
    QCOMPARE(handle.place.has_value(), row.place.has_value());
    if (row.place) QVERIFY(near(*handle.place, *row.place));
}

void TestSceneControls::theHandleFollowsTheMouse_data() {
    QTest::addColumn<bool>("perspective");
    QTest::newRow("parallel") << false;
    QTest::newRow("perspective") << true;
}

void TestSceneControls::theHandleFollowsTheMouse() {
    QFETCH(bool, perspective);
    const Camera camera = slanted(perspective);
    HandleControl handle;
    handle.place = Vector3d(2, 1, 4);
    const Vector3d start = *handle.place;
    const Vector2d at = placeOf(camera, start), off(3, -2), by(40, 25);
    grabHandle(handle, screenPlane, at + off, camera, area);
    dragHandle(handle, at + off + by, camera, area);
    // It moved by as much as the mouse did, and not toward the eye.
    QVERIFY(near(placeOf(camera, *handle.place), at + by));
    QVERIFY(std::abs((*handle.place - start).dot(cameraFrame(camera).toEye)) < 1e-9);
    for (int axis = 0; axis < 3; ++axis) {
        toggleAxisLock(handle, axis, camera, area);
        Vector3d along = *handle.place - start;
        QVERIFY(std::abs(along[axis]) > 1e-3);
        along[axis] = 0;
        QVERIFY(near(along, Vector3d::Zero()));
    }
}

void TestSceneControls::aLockedAxisStaysUntilItIsFreed() {
    HandleControl handle;
    placeHandle(handle, origin);
    pressX(handle);
    QCOMPARE(handle.lock, 0);
    grabRing(handle);
    drag(handle);
    QVERIFY(near(*handle.place, Vector3d(0.1, 0, 0)));
    mouseUp(handle);  // the lock outlives the drag
    QVERIFY(near(*handle.place, Vector3d(0.1, 0, 0)));
    QCOMPARE(handle.lock, 0);
    placeHandle(handle, origin);
    grabRing(handle);
    drag(handle);
    // Freed in the middle of a drag it stays where it is, and goes on with the mouse from there.
    QVERIFY(pressX(handle).empty());
    QVERIFY(near(*handle.place, Vector3d(0.1, 0, 0)));
    dragHandle(handle, area.center + Vector2d(20, -60), front(), area);
    QVERIFY(near(*handle.place, Vector3d(0.1, 0, 0.1)));
    // Locked again it is on the line through where it was grabbed; escape is back there.
    pressX(handle);
    QVERIFY(near(*handle.place, Vector3d((*handle.place)[0], 0, 0)));
    escape(handle);
    QVERIFY(near(*handle.place, origin));
    // An arrow is its axis, whatever is locked.
    const Vector2d at = area.center + Vector2d(0, -20);
    grabHandle(handle, 2, at, front(), area);
    dragHandle(handle, at + Vector2d(20, -40), front(), area);
    QVERIFY(near(*handle.place, Vector3d(0, 0, 0.2)));
}

void TestSceneControls::axisKeysThatRepeat_data() {
    QTest::addColumn<QList<int>>("times");  // +: down, -: up, milliseconds
    QTest::addColumn<int>("presses");
    QTest::newRow("once") << QList<int>{100, -150} << 1;
    QTest::newRow("twice") << QList<int>{100, -150, 400, -450} << 2;
    QTest::newRow("held, with repeats as presses") << QList<int>{100, 600, 630, 660, -700} << 1;
    QTest::newRow("held, with repeats as releases and presses")
        << QList<int>{100, -600, 601, -630, 631, -660, 739, -800} << 1;
    QTest::newRow("again after 80 ms") << QList<int>{100, -600, 601, -700, 780} << 2;
}

void TestSceneControls::axisKeysThatRepeat() {
    QFETCH(QList<int>, times);
    QFETCH(int, presses);
    AxisKeys keys;
    int counted = 0;
    for (const int time : times) {
        if (time < 0)
            releaseAxisKey(keys, 1, -time);
        else
            counted += pressAxisKey(keys, 1, time);
    }
    QCOMPARE(counted, presses);
    QVERIFY2(pressAxisKey(keys, 2, 900), "another key");
}

void TestSceneControls::escapeGoesBackToWhereItWasGrabbed() {
    for (const HandleEvent& first : {grabRing, nudge}) {
        HandleControl handle;
        placeHandle(handle, elsewhere);
        first(handle);
        drag(handle);
        if (handle.hold == Hold::Keys) nudge(handle);
        QVERIFY(!near(*handle.place, elsewhere));
        escape(handle);
        QVERIFY(near(*handle.place, elsewhere));
    }
}

void TestSceneControls::partsAreFoundWhereTheyAreDrawn() {
    const HandleControl handle = handleThat(Hold::Free);
    const auto partAt = [&](double x, double y) {
        return handlePartAt(handle, front(), area, area.center + Vector2d(x, y));
    };
    QCOMPARE(partAt(0, 0), std::optional(screenPlane));
    QCOMPARE(partAt(0, 12), std::optional(screenPlane));
    QCOMPARE(partAt(20, 4), std::optional(0));
    QCOMPARE(partAt(4, -20), std::optional(2));  // up on the widget
    QCOMPARE(partAt(0, 20), std::nullopt);
    QCOMPARE(partAt(60, 0), std::nullopt);
    QVERIFY(!handlePartAt(noHandle(), front(), area, area.center));
    // The second axis points at the eye, and has no arrow.
    const auto arrows = handleArrows(front(), area, origin);
    QCOMPARE(arrows.size(), std::size_t(2));
    QVERIFY(near(arrows[0].from, area.center + Vector2d(12, 0)));
    QVERIFY(near(arrows[0].to, area.center + Vector2d(42, 0)));
    QCOMPARE(handleArrows(slanted(false), area, origin).size(), std::size_t(3));
}

void TestSceneControls::camera_data() {
    QTest::addColumn<int>("index");
    for (std::size_t i = 0; i < cameraRows().size(); ++i)
        QTest::newRow(cameraRows()[i].name) << static_cast<int>(i);
}

void TestSceneControls::camera() {
    QFETCH(int, index);
    const CameraRow& row = cameraRows()[static_cast<std::size_t>(index)];
    CameraControl control = cameraIn(row.from);
    QVERIFY(row.event(control) == row.effect);
    QVERIFY(control.gesture == row.to);
    QVERIFY(std::abs(control.camera.azimuth - row.azimuth) < 1e-9);
    QVERIFY(std::abs(control.camera.elevation - row.elevation) < 1e-9);
    QVERIFY(near(control.camera.focal, row.focal));
    QCOMPARE(control.showsWhole, row.showsWhole);
}

void TestSceneControls::dataFollowTheMouse() {
    CameraControl control;
    control.camera = slanted(false);
    const Vector3d point(2, 1, 4);
    const Vector2d before = placeOf(control.camera, point), by(37, -19);
    pressCamera(control, before, true);
    dragCamera(control, before + by, area, threshold);
    QVERIFY(near(placeOf(control.camera, point), before + by));
}

void TestSceneControls::zoomKeepsWhatIsUnderTheMouse() {
    for (const bool perspective : {false, true})
        for (const double factor : {1.15, 1 / 1.15, 8.0}) {
            CameraControl control;
            control.camera = slanted(perspective);
            const Vector2d at(350, 130), screen = toScreen(area, at);
            const Vector3d under =
                unprojectToPlane(control.camera, screen.x(), screen.y(), control.camera.focal);
            QVERIFY(zoomCamera(control, factor, at, area, 10) == CameraEffect::Changed);
            QVERIFY(std::abs(control.camera.halfHeight - 4 / factor) < 1e-12);
            QVERIFY(near(placeOf(control.camera, under), at));
            QVERIFY(!control.showsWhole);
        }
}

void TestSceneControls::zoomEndsAtItsLimits() {
    CameraControl control;
    control.camera = front();
    QVERIFY(zoomCamera(control, 1e-9, area.center, area, 3) == CameraEffect::Changed);
    QCOMPARE(control.camera.halfHeight, 60.0);
    QVERIFY(zoomCamera(control, 0.5, area.center, area, 3) == CameraEffect::None);
    QVERIFY(zoomCamera(control, 1e12, area.center, area, 3) == CameraEffect::Changed);
    QCOMPARE(control.camera.halfHeight, 3e-5);
    QVERIFY(zoomCamera(control, 2, area.center, area, 3) == CameraEffect::None);
}

RHEO_TEST(TestSceneControls)
#include "test_scene_controls.moc"
