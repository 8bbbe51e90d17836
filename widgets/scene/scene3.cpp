#include "widgets/scene/scene3.h"

#include <vtkActor.h>
#include <vtkActor2D.h>
#include <vtkCamera.h>
#include <vtkCellArray.h>
#include <vtkCellData.h>
#include <vtkCoordinate.h>
#include <vtkFloatArray.h>
#include <vtkNew.h>
#include <vtkPointData.h>
#include <vtkPoints.h>
#include <vtkPolyData.h>
#include <vtkPolyDataMapper.h>
#include <vtkPolyDataMapper2D.h>
#include <vtkProperty.h>
#include <vtkProperty2D.h>
#include <vtkRenderWindow.h>
#include <vtkRenderer.h>
#include <vtkSmartPointer.h>
#include <vtkUnsignedCharArray.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace rheo {

namespace {

constexpr double degree = 3.14159265358979323846 / 180;
constexpr double halfViewAngle = 15 * degree;  // of a rheo::Camera, from the middle to the upper edge

unsigned char channel(float value) {
    return static_cast<unsigned char>(std::lround(std::clamp(value, 0.0f, 1.0f) * 255));
}

/// All lines of a set as one polydata with a colour a vertex.
vtkSmartPointer<vtkPolyData> polyDataOf(const LineSet3& set, const std::optional<ColorScale>& scale,
                                        const Theme& theme) {
    const auto vertices = static_cast<vtkIdType>(set.xyz.size() / 3);
    vtkNew<vtkFloatArray> xyz;
    xyz->SetNumberOfComponents(3);
    xyz->SetNumberOfTuples(vertices);
    std::memcpy(xyz->GetPointer(0), set.xyz.data(), set.xyz.size() * sizeof(float));
    // A vertex that is not finite would spoil the bounds of all; its line is left out.
    vtkNew<vtkPoints> points;
    points->SetData(xyz);

    vtkNew<vtkCellArray> cells;
    for (std::size_t line = 0; line + 1 < set.offsets.size(); ++line) {
        const auto begin = set.offsets[line], end = set.offsets[line + 1];
        const float* first = set.xyz.data() + std::size_t{3} * static_cast<std::size_t>(begin);
        if (end - begin < 2 ||
            !std::all_of(first, first + 3 * (end - begin), [](float x) { return std::isfinite(x); }))
            continue;
        cells->InsertNextCell(end - begin);
        for (auto i = begin; i < end; ++i) cells->InsertCellPoint(i);
    }

    vtkNew<vtkUnsignedCharArray> colors;
    colors->SetNumberOfComponents(4);
    colors->SetNumberOfTuples(vertices);
    const bool shaded = !set.style.color && scale && set.values.size() == static_cast<std::size_t>(vertices);
    const unsigned char alpha = channel(static_cast<float>(set.style.opacity));
    for (vtkIdType i = 0; i < vertices; ++i) {
        const Color color = shaded
                                ? scaleColor(*scale, set.values[static_cast<std::size_t>(i)], theme.missing)
                                : set.style.color.value_or(theme.foreground);
        const unsigned char rgba[4] = {channel(color.r), channel(color.g), channel(color.b), alpha};
        colors->SetTypedTuple(i, rgba);
    }
    auto data = vtkSmartPointer<vtkPolyData>::New();
    data->SetPoints(points);
    data->SetLines(cells);
    data->GetPointData()->SetScalars(colors);
    return data;
}

bool sameLook(const LineStyle& a, const LineStyle& b) {
    return a.color == b.color && a.width == b.width && a.opacity == b.opacity && a.dash == b.dash;
}

bool sameScale(const std::optional<ColorScale>& a, const std::optional<ColorScale>& b) {
    if (a.has_value() != b.has_value()) return false;
    return !a || (a->map == b->map && a->low == b->low && a->high == b->high);
}

/// What a set on screen was made of, and what shows it.
struct ShownSet {
    LineSet3 set;
    vtkSmartPointer<vtkActor> actor;
};

}  // namespace

struct Scene3::State {
    vtkNew<vtkRenderer> background;  ///< fills the window
    vtkNew<vtkRenderer> flat;        ///< the plot's rectangle of it: what lies behind the data
    vtkNew<vtkRenderer> data;        ///< the same rectangle: the lines
    std::vector<vtkSmartPointer<vtkActor2D>> backdrop;  ///< one for each look
    std::vector<ShownSet> shown;
    std::optional<ColorScale> scale;
    Theme theme;
    double pixelsPerPoint = 0;
    PixelRect clip;
};

Scene3::Scene3() : m_state(std::make_unique<State>()) {
    State& s = *m_state;
    s.background->SetLayer(0);
    s.background->InteractiveOff();
    s.flat->SetLayer(1);
    s.flat->InteractiveOff();
    s.data->SetLayer(2);
}

Scene3::~Scene3() = default;

void Scene3::attachTo(vtkRenderWindow* window) {
    window->SetNumberOfLayers(3);
    window->AddRenderer(m_state->background);
    window->AddRenderer(m_state->flat);
    window->AddRenderer(m_state->data);
}

void Scene3::detachFrom(vtkRenderWindow* window) {
    for (vtkRenderer* renderer : {m_state->data.Get(), m_state->flat.Get(), m_state->background.Get()}) {
        renderer->ReleaseGraphicsResources(window);
        window->RemoveRenderer(renderer);
    }
}

void Scene3::setPlot(const Plot3D& plot, const Theme& theme, double pixelsPerPoint) {
    State& s = *m_state;
    s.background->SetBackground(theme.background.r, theme.background.g, theme.background.b);
    const bool sameColors = sameScale(s.scale, plot.colorScale) && s.theme.dark == theme.dark &&
                            s.pixelsPerPoint == pixelsPerPoint;
    std::vector<ShownSet> next;
    for (const auto& set : plot.lines) {
        const auto before = std::find_if(s.shown.begin(), s.shown.end(), [&](const ShownSet& shown) {
            return shown.actor && sameColors && sameLook(shown.set.style, set.style) &&
                   shown.set.offsets == set.offsets && shown.set.values == set.values &&
                   shown.set.xyz == set.xyz;
        });
        if (before != s.shown.end()) {
            next.push_back(std::move(*before));
            before->actor = nullptr;
            continue;
        }
        auto actor = vtkSmartPointer<vtkActor>::New();
        vtkNew<vtkPolyDataMapper> mapper;
        mapper->SetInputData(polyDataOf(set, plot.colorScale, theme));
        mapper->SetColorModeToDirectScalars();
        // Lines have no face: light would only darken them.
        actor->GetProperty()->LightingOff();
        actor->GetProperty()->SetLineWidth(
            static_cast<float>(std::max(1.0, set.style.width * pixelsPerPoint)));
        actor->SetMapper(mapper);
        // Without this a set of translucent lines would go through the opaque pass and lose its transparency.
        if (set.style.opacity < 1)
            actor->ForceTranslucentOn();
        else
            actor->ForceOpaqueOn();
        s.data->AddActor(actor);
        next.push_back({set, actor});
    }
    for (const auto& old : s.shown)
        if (old.actor) s.data->RemoveActor(old.actor);
    s.shown = std::move(next);
    s.scale = plot.colorScale;
    s.theme = theme;
    s.pixelsPerPoint = pixelsPerPoint;
}

void Scene3::setBackdrop(const std::vector<BackdropShape>& shapes) {
    State& s = *m_state;
    for (const auto& actor : s.backdrop) s.flat->RemoveActor2D(actor);
    s.backdrop.clear();
    const auto sameLook = [](const BackdropShape& a, const BackdropShape& b) {
        return a.color == b.color && a.opacity == b.opacity && a.width == b.width;
    };
    // Shapes of one look follow on each other; each look is an actor.
    for (std::size_t at = 0; at < shapes.size();) {
        const BackdropShape& look = shapes[at];
        vtkNew<vtkPoints> points;
        vtkNew<vtkCellArray> cells;
        for (; at < shapes.size() && sameLook(shapes[at], look); ++at) {
            cells->InsertNextCell(static_cast<vtkIdType>(shapes[at].outline.size()));
            for (const auto& place : shapes[at].outline)
                cells->InsertCellPoint(points->InsertNextPoint(place[0] - s.clip.x, place[1] - s.clip.y, 0));
        }
        vtkNew<vtkPolyData> data;
        data->SetPoints(points);
        if (look.width > 0)
            data->SetLines(cells);
        else
            data->SetPolys(cells);
        vtkNew<vtkPolyDataMapper2D> mapper;
        vtkNew<vtkCoordinate> pixels;
        pixels->SetCoordinateSystemToViewport();
        mapper->SetInputData(data);
        mapper->SetTransformCoordinate(pixels);
        auto actor = vtkSmartPointer<vtkActor2D>::New();
        actor->SetMapper(mapper);
        auto* property = actor->GetProperty();
        property->SetColor(look.color.r, look.color.g, look.color.b);
        property->SetOpacity(look.opacity);
        property->SetLineWidth(static_cast<float>(std::max(1.0, look.width)));
        s.flat->AddActor2D(actor);
        s.backdrop.push_back(actor);
    }
}

void Scene3::setView(const Camera& camera, const PixelRect& view, const PixelRect& clip, double windowWidth,
                     double windowHeight) {
    State& s = *m_state;
    s.clip = clip;
    for (vtkRenderer* renderer : {s.flat.Get(), s.data.Get()})
        renderer->SetViewport(clip.x / windowWidth, clip.y / windowHeight,
                              (clip.x + clip.width) / windowWidth, (clip.y + clip.height) / windowHeight);
    const CameraFrame frame = cameraFrame(camera);
    const double distance = eyeDistance(camera);
    const Eigen::Vector3d eye = camera.focal + distance * frame.toEye;
    vtkCamera* c = s.data->GetActiveCamera();
    c->SetFocalPoint(camera.focal.data());
    c->SetPosition(eye.data());
    c->SetViewUp(frame.up.data());
    c->SetParallelProjection(camera.perspective ? 0 : 1);
    // VTK's camera fills the viewport; ours fills `view`, which lies somewhere in it.
    const double magnification = clip.height / view.height;
    c->SetParallelScale(camera.halfHeight * magnification);
    c->SetViewAngle(2 * std::atan(std::tan(halfViewAngle) * magnification) / degree);
    c->SetWindowCenter(-2 * ((view.x + view.width / 2) - (clip.x + clip.width / 2)) / clip.width,
                       -2 * ((view.y + view.height / 2) - (clip.y + clip.height / 2)) / clip.height);
    s.data->ResetCameraClippingRange();
}

vtkRenderer* Scene3::renderer() const {
    return m_state->data;
}

}  // namespace rheo
