#include "widgets/scene/scene3.h"

#include <vtkActor.h>
#include <vtkActor2D.h>
#include <vtkBoundingBox.h>
#include <vtkCamera.h>
#include <vtkCellArray.h>
#include <vtkCoordinate.h>
#include <vtkFloatArray.h>
#include <vtkMath.h>
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
#include <vtkTypeInt32Array.h>
#include <vtkUnsignedCharArray.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>

namespace rheo {

namespace {

constexpr std::size_t quickSegments = 20000;  // of a set, while the view moves
constexpr double degree = 3.14159265358979323846 / 180;
constexpr double halfViewAngle = 15 * degree;  // of a rheo::Camera, from the middle to the upper edge

unsigned char channel(float value) {
    return static_cast<unsigned char>(std::lround(std::clamp(value, 0.0f, 1.0f) * 255));
}

/// The lines of a set on screen: one polydata whose cells are the segments, so that they can be put in order.
class Batch {
public:
    Batch(const LineSet3& set, const std::optional<ColorScale>& scale, const Theme& theme,
          double pixelsPerPoint);

    const LineSet3& set() const { return m_set; }
    vtkActor* actor() const { return m_actor; }
    /// Draws every line, or few enough for a quick frame.
    void setCoarse(bool coarse);
    /// Puts what is farther from the eye first, where order is seen.
    void sort(const Eigen::Vector3d& toEye);

private:
    using Segment = std::array<std::int32_t, 2>;
    /// Some of the lines, as they are drawn.
    struct Detail {
        std::vector<Segment> segments;
        vtkNew<vtkPolyData> data;
        vtkNew<vtkTypeInt32Array> ends;  ///< of the segments, in the order they are drawn
        std::optional<Eigen::Vector3d> sortedFor;
    };
    void build(Detail& detail, std::size_t stride, vtkPoints* points, vtkUnsignedCharArray* colors) const;

    LineSet3 m_set;
    vtkNew<vtkActor> m_actor;
    vtkNew<vtkPolyDataMapper> m_mapper;
    Detail m_all, m_some;                 ///< m_some is empty where all are few
    std::vector<bool> m_finite;           ///< of the lines
    std::vector<float> m_depths;          ///< of the vertices
    std::vector<std::uint16_t> m_slices;  ///< of the segments
    bool m_coarse = false;
    bool m_translucent = false;
};

/// The segments of every `stride`th line that is finite, with cells that share the points.
void Batch::build(Detail& detail, std::size_t stride, vtkPoints* points, vtkUnsignedCharArray* colors) const {
    std::size_t finite = 0;
    for (std::size_t line = 0; line + 1 < m_set.offsets.size(); ++line) {
        if (!m_finite[line] || finite++ % stride != 0) continue;
        for (auto i = m_set.offsets[line]; i + 1 < m_set.offsets[line + 1]; ++i)
            detail.segments.push_back({i, i + 1});
    }
    vtkNew<vtkTypeInt32Array> offsets;
    offsets->SetNumberOfValues(static_cast<vtkIdType>(detail.segments.size()) + 1);
    for (vtkIdType i = 0; i < offsets->GetNumberOfValues(); ++i)
        offsets->SetValue(i, static_cast<vtkTypeInt32>(2 * i));
    detail.ends->SetNumberOfValues(static_cast<vtkIdType>(2 * detail.segments.size()));
    std::int32_t* ends = detail.ends->GetPointer(0);
    for (const auto& segment : detail.segments) ends = std::copy(segment.begin(), segment.end(), ends);
    vtkNew<vtkCellArray> cells;
    cells->SetData(offsets, detail.ends);
    detail.data->SetPoints(points);
    detail.data->SetLines(cells);
    detail.data->GetPointData()->SetScalars(colors);
}

void Batch::setCoarse(bool coarse) {
    if (coarse == m_coarse || m_some.segments.empty()) return;
    m_coarse = coarse;
    m_mapper->SetInputData(coarse ? m_some.data : m_all.data);
}

Batch::Batch(const LineSet3& set, const std::optional<ColorScale>& scale, const Theme& theme,
             double pixelsPerPoint)
    : m_set(set) {
    const auto vertices = set.xyz.size() / 3;
    vtkNew<vtkFloatArray> xyz;
    xyz->SetNumberOfComponents(3);
    xyz->SetNumberOfTuples(static_cast<vtkIdType>(vertices));
    float* place = xyz->GetPointer(0);
    std::copy(set.xyz.begin(), set.xyz.begin() + static_cast<std::ptrdiff_t>(3 * vertices), place);
    for (std::size_t line = 0; line + 1 < set.offsets.size(); ++line) {
        const auto begin = set.offsets[line], end = set.offsets[line + 1];
        float* first = place + std::ptrdiff_t{3} * begin;
        float* last = place + std::ptrdiff_t{3} * end;
        m_finite.push_back(std::all_of(first, last, [](float x) { return std::isfinite(x); }));
        // A line that is not finite is left out, and is not to spoil the bounds of the others.
        if (!m_finite.back()) std::fill(first, last, 0.0f);
    }
    vtkNew<vtkPoints> points;
    points->SetData(xyz);

    // A line thinner than a pixel is drawn a pixel wide, and paler by as much.
    const double width = set.style.width * pixelsPerPoint;
    const double opacity = set.style.opacity * std::min(1.0, width);
    m_translucent = opacity < 1;
    vtkNew<vtkUnsignedCharArray> colors;
    colors->SetNumberOfComponents(4);
    colors->SetNumberOfTuples(static_cast<vtkIdType>(vertices));
    const bool shaded = !set.style.color && scale && set.values.size() == vertices;
    for (std::size_t i = 0; i < vertices; ++i) {
        const Color color = shaded ? scaleColor(*scale, set.values[i], theme.missing)
                                   : set.style.color.value_or(theme.foreground);
        const unsigned char rgba[4] = {channel(color.r), channel(color.g), channel(color.b),
                                       channel(static_cast<float>(opacity))};
        colors->SetTypedTuple(static_cast<vtkIdType>(i), rgba);
    }

    build(m_all, 1, points, colors);
    if (const std::size_t stride = 1 + m_all.segments.size() / quickSegments; stride > 1)
        build(m_some, stride, points, colors);
    m_mapper->SetInputData(m_all.data);
    m_mapper->SetColorModeToDirectScalars();
    // Lines have no face: light would only darken them.
    m_actor->GetProperty()->LightingOff();
    m_actor->GetProperty()->SetLineWidth(static_cast<float>(std::max(1.0, width)));
    m_actor->SetMapper(m_mapper);
    // VTK's pass for what is translucent averages colours whatever their depth, and has no antialiasing.
    // Drawn in order, back to front, plain blending is right, and it is what the exporter does.
    m_actor->ForceOpaqueOn();
}

void Batch::sort(const Eigen::Vector3d& toEye) {
    Detail& drawn = m_coarse ? m_some : m_all;
    if (!m_translucent || drawn.segments.empty() || drawn.sortedFor == toEye) return;
    drawn.sortedFor = toEye;
    const Eigen::Vector3f eye = toEye.cast<float>();
    m_depths.resize(m_set.xyz.size() / 3);
    for (std::size_t i = 0; i < m_depths.size(); ++i)
        m_depths[i] = eye.dot(Eigen::Map<const Eigen::Vector3f>(m_set.xyz.data() + 3 * i));
    float low = std::numeric_limits<float>::infinity(), high = -low;
    for (const auto& [a, b] : drawn.segments) {
        const float depth = m_depths[static_cast<std::size_t>(a)] + m_depths[static_cast<std::size_t>(b)];
        low = std::min(low, depth);
        high = std::max(high, depth);
    }
    // Sorted by counting, into slices thinner than anyone can see.
    constexpr int slices = 4096;
    const float scale = high > low ? (slices - 1) / (high - low) : 0;
    std::array<std::int32_t, slices + 1> starts{};
    m_slices.resize(drawn.segments.size());
    for (std::size_t i = 0; i < drawn.segments.size(); ++i) {
        const auto [a, b] = drawn.segments[i];
        const float depth = m_depths[static_cast<std::size_t>(a)] + m_depths[static_cast<std::size_t>(b)];
        m_slices[i] = static_cast<std::uint16_t>((depth - low) * scale);
        ++starts[m_slices[i] + std::size_t{1}];
    }
    std::partial_sum(starts.begin(), starts.end(), starts.begin());
    std::int32_t* ends = drawn.ends->GetPointer(0);
    for (std::size_t i = 0; i < drawn.segments.size(); ++i) {
        const auto at = std::ptrdiff_t{2} * starts[m_slices[i]]++;
        ends[at] = drawn.segments[i][0];
        ends[at + 1] = drawn.segments[i][1];
    }
    drawn.ends->Modified();
    drawn.data->GetLines()->Modified();
    drawn.data->Modified();
}

bool sameLook(const LineStyle& a, const LineStyle& b) {
    return a.color == b.color && a.width == b.width && a.opacity == b.opacity && a.dash == b.dash;
}

bool sameScale(const std::optional<ColorScale>& a, const std::optional<ColorScale>& b) {
    if (a.has_value() != b.has_value()) return false;
    return !a || (a->map == b->map && a->low == b->low && a->high == b->high);
}

}  // namespace

struct Scene3::State {
    vtkNew<vtkRenderer> background;             ///< fills the window
    vtkNew<vtkRenderer> flat;                   ///< the plot's rectangle of it: what lies behind the data
    vtkNew<vtkCamera> camera;                   ///< of all layers
    std::map<int, vtkNew<vtkRenderer>> layers;  ///< the same rectangle: the lines; never empty
    vtkRenderWindow* window = nullptr;
    std::vector<vtkSmartPointer<vtkActor2D>> backdrop;  ///< one for each look
    std::vector<std::unique_ptr<Batch>> shown;
    std::optional<ColorScale> scale;
    Theme theme;
    double pixelsPerPoint = 0;
    PixelRect clip;

    vtkRenderer* layer(int number);
};

Scene3::Scene3() : m_state(std::make_unique<State>()) {
    State& s = *m_state;
    s.background->SetLayer(0);
    s.flat->SetLayer(1);
    s.background->InteractiveOff();
    s.flat->InteractiveOff();
    s.layer(0);
}

Scene3::~Scene3() = default;

vtkRenderer* Scene3::State::layer(int number) {
    const auto [place, made] = layers.try_emplace(number);
    vtkRenderer* renderer = place->second;
    if (made) {
        renderer->SetActiveCamera(camera);
        renderer->SetViewport(flat->GetViewport());
        int next = 2;
        for (auto& [_, other] : layers) other->SetLayer(next++);
        if (window != nullptr) {
            window->SetNumberOfLayers(next);
            window->AddRenderer(renderer);
        }
    }
    return renderer;
}

void Scene3::attachTo(vtkRenderWindow* window) {
    State& s = *m_state;
    s.window = window;
    window->SetNumberOfLayers(2 + static_cast<int>(s.layers.size()));
    window->AddRenderer(s.background);
    window->AddRenderer(s.flat);
    for (auto& [_, renderer] : s.layers) window->AddRenderer(renderer);
}

void Scene3::detachFrom(vtkRenderWindow* window) {
    State& s = *m_state;
    std::vector<vtkRenderer*> renderers{s.background, s.flat};
    for (auto& [_, renderer] : s.layers) renderers.push_back(renderer);
    for (vtkRenderer* renderer : renderers) {
        renderer->ReleaseGraphicsResources(window);
        window->RemoveRenderer(renderer);
    }
    s.window = nullptr;
}

bool Scene3::isAttached() const {
    return m_state->window != nullptr;
}

void Scene3::setPlot(const Plot3D& plot, const Theme& theme, double pixelsPerPoint) {
    State& s = *m_state;
    s.background->SetBackground(theme.background.r, theme.background.g, theme.background.b);
    const bool sameColors = sameScale(s.scale, plot.colorScale) && s.theme.dark == theme.dark &&
                            s.pixelsPerPoint == pixelsPerPoint;
    std::vector<std::unique_ptr<Batch>> next;
    for (const auto& set : plot.lines) {
        const auto before = std::find_if(s.shown.begin(), s.shown.end(), [&](const auto& batch) {
            return batch && sameColors && batch->set().layer == set.layer &&
                   sameLook(batch->set().style, set.style) && batch->set().offsets == set.offsets &&
                   batch->set().values == set.values && batch->set().xyz == set.xyz;
        });
        if (before != s.shown.end()) {
            next.push_back(std::move(*before));
            continue;
        }
        next.push_back(std::make_unique<Batch>(set, plot.colorScale, theme, pixelsPerPoint));
        s.layer(set.layer)->AddActor(next.back()->actor());
    }
    for (const auto& old : s.shown)
        if (old) s.layer(old->set().layer)->RemoveActor(old->actor());
    s.shown = std::move(next);
    s.scale = plot.colorScale;
    s.theme = theme;
    s.pixelsPerPoint = pixelsPerPoint;
}

void Scene3::setBackdrop(const std::vector<BackdropLine>& lines) {
    State& s = *m_state;
    for (const auto& actor : s.backdrop) s.flat->RemoveActor2D(actor);
    s.backdrop.clear();
    const auto sameLook = [](const BackdropLine& a, const BackdropLine& b) {
        return a.color == b.color && a.opacity == b.opacity && a.width == b.width;
    };
    // Each look is an actor.
    for (std::size_t at = 0; at < lines.size();) {
        const BackdropLine& look = lines[at];
        vtkNew<vtkPoints> points;
        vtkNew<vtkCellArray> cells;
        for (; at < lines.size() && sameLook(lines[at], look); ++at) {
            cells->InsertNextCell(static_cast<vtkIdType>(lines[at].places.size()));
            for (const auto& place : lines[at].places)
                cells->InsertCellPoint(points->InsertNextPoint(place[0] - s.clip.x, place[1] - s.clip.y, 0));
        }
        vtkNew<vtkPolyData> data;
        data->SetPoints(points);
        data->SetLines(cells);
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
    std::vector<vtkRenderer*> renderers{s.flat};
    for (auto& [_, renderer] : s.layers) renderers.push_back(renderer);
    for (vtkRenderer* renderer : renderers)
        renderer->SetViewport(clip.x / windowWidth, clip.y / windowHeight,
                              (clip.x + clip.width) / windowWidth, (clip.y + clip.height) / windowHeight);
    const CameraFrame frame = cameraFrame(camera);
    const double distance = eyeDistance(camera);
    const Eigen::Vector3d eye = camera.focal + distance * frame.toEye;
    vtkCamera* c = s.camera;
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
    for (const auto& batch : s.shown) batch->sort(frame.toEye);
    // The range is the camera's, and the camera all layers'.
    vtkBoundingBox bounds;
    for (auto& [_, renderer] : s.layers)
        if (double box[6]; (renderer->ComputeVisiblePropBounds(box), vtkMath::AreBoundsInitialized(box)))
            bounds.AddBounds(box);
    if (bounds.IsValid()) {
        double box[6];
        bounds.GetBounds(box);
        s.layers.begin()->second->ResetCameraClippingRange(box);
    }
}

void Scene3::setCoarse(bool coarse) {
    for (const auto& batch : m_state->shown) batch->setCoarse(coarse);
}

vtkRenderer* Scene3::renderer() const {
    return m_state->layers.begin()->second;
}

}  // namespace rheo
