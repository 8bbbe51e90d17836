// What VTK draws: where rheo's own projection says it is, and as the baseline pictures have it.
#include <vtkNew.h>
#include <vtkRenderWindow.h>
#include <vtkRenderer.h>
#include <vtkUnsignedCharArray.h>

#include <QDir>
#include <QGuiApplication>
#include <QImage>
#include <QPainter>
#include <cmath>

#include "core/base/random.h"
#include "core/base/residual_point.h"
#include "core/figure/density_figure.h"
#include "core/figure/trajectory_figure.h"
#include "tests/test_main.h"
#include "tests/widgets/baseline.h"
#include "widgets/paint/figure_painter.h"
#include "widgets/scene/scene3.h"

using namespace rheo;

namespace {

constexpr int width = 640, height = 480;
const PixelRect clip{40, 30, 540, 420};

/// Random walks of 13 points: what every picture here is of.
Array3F walks(std::int64_t rows) {
    Array3F scores(rows, 13, 3);
    RandomStream random(11);
    for (std::int64_t n = 0; n < rows; ++n) {
        Eigen::Vector3d at(random.normal(), random.normal(), random.normal());
        for (std::int64_t p = 0; p < 13; ++p) {
            for (int c = 0; c < 3; ++c) scores.at(n, p)[c] = static_cast<float>(at[c]);
            at += Eigen::Vector3d(1 + random.normal(), random.normal(), 0.5 * random.normal());
        }
    }
    return scores;
}

Figure trajectories(const Theme& theme) {
    const Array3F scores = walks(80);
    TrajectoryOptions options;
    options.theme = theme;
    return trajectoryFigure({scores, Eigen::Vector3d(0.5, 0.2, 0.1), residualPoints(6, false), {}}, options);
}

QImage render(const Plot3D& plot, const Theme& theme, const Camera& camera) {
    vtkNew<vtkRenderWindow> window;
    window->SetOffScreenRendering(1);
    window->SetMultiSamples(0);
    window->SetSize(width, height);
    Scene3 scene;
    scene.attachTo(window);
    scene.setPlot(plot, theme, 1.5);
    scene.setView(camera, clip, clip, width, height);
    const BackdropLine wall{{{60, 60}, {300, 60}, {300, 300}, {60, 300}, {60, 60}}, theme.muted, 0.6, 1};
    const BackdropLine grid{{{60, 180}, {300, 180}}, theme.grid, 1, 1};
    scene.setBackdrop({grid, wall});
    window->Render();
    vtkNew<vtkUnsignedCharArray> pixels;
    window->GetPixelData(0, 0, width - 1, height - 1, 1, pixels);
    QImage image(width, height, QImage::Format_RGB32);
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x) {
            const auto* rgb = pixels->GetPointer(3 * ((height - 1 - y) * width + x));
            image.setPixel(x, y, qRgb(rgb[0], rgb[1], rgb[2]));
        }
    scene.detachFrom(window);
    return image;
}

}  // namespace

class TestScenePicture : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void pointsAreWhereTheProjectionSays_data();
    void pointsAreWhereTheProjectionSays();
    void aLineIsDrawnWhereItShouldBe();
    void nothingIsDrawnOutsideOfTheClip();
    void linesBehindTheDataAreAllSeen();
    void trajectoriesAsInTheBaseline_data();
    void trajectoriesAsInTheBaseline();
    void densityAsInTheBaseline_data();
    void densityAsInTheBaseline();
};

void TestScenePicture::pointsAreWhereTheProjectionSays_data() {
    QTest::addColumn<bool>("perspective");
    QTest::addColumn<double>("azimuth");
    QTest::addColumn<double>("elevation");
    QTest::addColumn<double>("roll");
    for (const bool perspective : {false, true})
        for (const double azimuth : {0.0, 30.0, 90.0, -140.0})
            for (const double elevation : {0.0, 25.0, 90.0, -60.0})
                QTest::addRow("%s %g %g", perspective ? "perspective" : "parallel", azimuth, elevation)
                    << perspective << azimuth << elevation << (azimuth == 30 ? 20.0 : 0.0);
}

void TestScenePicture::pointsAreWhereTheProjectionSays() {
    Camera camera;
    camera.perspective =
        QTest::currentDataTag() && QByteArray(QTest::currentDataTag()).startsWith("perspective");
    QFETCH(double, azimuth);
    QFETCH(double, elevation);
    QFETCH(double, roll);
    camera.azimuth = azimuth;
    camera.elevation = elevation;
    camera.roll = roll;
    camera.focal = {1, -2, 0.5};
    camera.halfHeight = 3;
    // The view lies off the middle of the clip, and the clip off the middle of the window.
    const PixelRect view{120, 80, 300, 240};
    vtkNew<vtkRenderWindow> window;
    window->SetOffScreenRendering(1);
    window->SetSize(width, height);
    Scene3 scene;
    scene.attachTo(window);
    scene.setPlot(std::get<Plot3D>(trajectories(lightTheme()).panels[0].plot), lightTheme(), 1);
    scene.setView(camera, view, clip, width, height);
    window->Render();
    RandomStream random(3);
    for (int i = 0; i < 30; ++i) {
        const Eigen::Vector3d point =
            camera.focal + Eigen::Vector3d(random.normal(), random.normal(), random.normal());
        auto* renderer = scene.renderer();
        renderer->SetWorldPoint(point.x(), point.y(), point.z(), 1);
        renderer->WorldToDisplay();
        const double* display = renderer->GetDisplayPoint();
        const auto ours = projectToScreen(camera, point);
        const double x = view.x + view.width / 2 + ours.x() * view.height / 2,
                     y = view.y + view.height / 2 + ours.y() * view.height / 2;
        QVERIFY2(
            std::hypot(display[0] - x, display[1] - y) < 0.5,
            qPrintable(QString("VTK %1, %2; ours %3, %4").arg(display[0]).arg(display[1]).arg(x).arg(y)));
    }
    scene.detachFrom(window);
}

void TestScenePicture::aLineIsDrawnWhereItShouldBe() {
    Plot3D plot;
    LineSet3 set;
    set.xyz = {-1, 0, 0, 1, 0, 0};
    set.offsets = {0, 2};
    set.tags = {0};
    set.style.color = Color{1, 0, 0};
    set.style.width = 3;
    plot.lines.push_back(set);
    Camera camera;
    camera.azimuth = camera.elevation = 0;
    const QImage image = render(plot, lightTheme(), camera);
    // The middle of the clip is (310, 240) from below; one unit is 210 pixels.
    for (const int x : {150, 310, 500})
        QVERIFY(qRed(image.pixel(x, height - 240)) > 200 && qGreen(image.pixel(x, height - 240)) < 90);
    QVERIFY(qGreen(image.pixel(310, height - 260)) > 200);
    QVERIFY(qGreen(image.pixel(80, height - 240)) > 200);
}

void TestScenePicture::linesBehindTheDataAreAllSeen() {
    const Theme theme = lightTheme();
    const QImage image = render({}, theme, {});
    // Somewhere in three rows: where a line between two rows falls is the driver's choice.
    const auto darkest = [&](int x, int y) {
        int least = 255;
        for (int off : {-1, 0, 1}) least = std::min(least, qRed(image.pixel(x, height - y + off)));
        return least;
    };
    const int ground = qRed(image.pixel(100, height - 120));
    for (const int x : {80, 180, 280}) {
        QVERIFY(darkest(x, 180) < ground - 15);  // the grid
        QVERIFY(darkest(x, 60) < ground - 40);   // the wall
    }
}

void TestScenePicture::nothingIsDrawnOutsideOfTheClip() {
    const Figure figure = trajectories(lightTheme());
    Camera camera = std::get<Plot3D>(figure.panels[0].plot).camera;
    camera.halfHeight /= 30;  // far too near
    const QImage image = render(std::get<Plot3D>(figure.panels[0].plot), figure.theme, camera);
    const QRgb background = image.pixel(1, 1);
    for (int y = 0; y < height; ++y)
        for (const int x : {5, 30, 600}) QCOMPARE(image.pixel(x, y), background);
}

void TestScenePicture::trajectoriesAsInTheBaseline_data() {
    QTest::addColumn<bool>("dark");
    QTest::newRow("light") << false;
    QTest::newRow("dark") << true;
}

void TestScenePicture::trajectoriesAsInTheBaseline() {
    QFETCH(bool, dark);
    const Figure figure = trajectories(dark ? darkTheme() : lightTheme());
    const auto& plot = std::get<Plot3D>(figure.panels[0].plot);
    const Camera camera =
        fitted(plot.camera, {plot.axes[0].low, plot.axes[1].low, plot.axes[2].low},
               {plot.axes[0].high, plot.axes[1].high, plot.axes[2].high}, clip.width / clip.height);
    const QString trouble = compareWithBaseline(render(plot, figure.theme, camera),
                                                dark ? "trajectories-dark" : "trajectories-light");
    QVERIFY2(trouble.isEmpty(), qPrintable(trouble));
}

void TestScenePicture::densityAsInTheBaseline_data() {
    trajectoriesAsInTheBaseline_data();
}

void TestScenePicture::densityAsInTheBaseline() {
    QFETCH(bool, dark);
    MatrixD values(13, 40);
    RandomStream random(5);
    for (Eigen::Index p = 0; p < 13; ++p)
        for (Eigen::Index u = 0; u < 40; ++u)
            values(p, u) =
                (static_cast<double>(u) - 20) * static_cast<double>(p) / 40 + 0.3 * random.normal();
    DensityOptions options;
    options.theme = dark ? darkTheme() : lightTheme();
    const Figure figure = densityFigure(values, values, residualPoints(6, false), options);
    QImage image(width, height, QImage::Format_RGB32);
    image.fill(Qt::gray);
    QPainter painter(&image);
    paintFigure(painter, QRectF(0, 0, width, height), figure, 96.0 / 72);
    painter.end();
    const QString trouble = compareWithBaseline(image, dark ? "density-dark" : "density-light");
    QVERIFY2(trouble.isEmpty(), qPrintable(trouble));
}

RHEO_TEST(TestScenePicture)
#include "test_scene_picture.moc"
