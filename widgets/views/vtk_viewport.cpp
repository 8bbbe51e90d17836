#include "widgets/views/vtk_viewport.h"

#include <vtkCommand.h>
#include <vtkGenericOpenGLRenderWindow.h>
#include <vtkObjectFactory.h>
#include <vtkOpenGLFramebufferObject.h>
#include <vtkOpenGLState.h>

#include <QOpenGLFunctions>
#include <QPainter>
#include <QSurfaceFormat>
#include <algorithm>
#include <utility>

namespace rheo {

namespace {

constexpr int smooth = 4;  // samples a pixel, against jagged lines

/// One line of every kind that is drawn: thin and wide, shaded and of one colour.
Plot3D everyKindOfLine() {
    Plot3D plot;
    plot.colorScale = ColorScale{};
    for (const double width : {1.0, 3.0})
        for (const bool shaded : {false, true}) {
            LineSet3 set;
            set.xyz = {-1, -1, -1, 0, 0, 0, 1, 1, 1};
            set.offsets = {0, 3};
            if (shaded)
                set.values = {0, 0.5F, 1};
            else
                set.style.color = Color{};
            set.style.width = width;
            set.style.opacity = 0.5;
            plot.lines.push_back(std::move(set));
        }
    return plot;
}

/// VTK loads OpenGL with GLEW, which may be built for X alone: without an X display, as on Wayland, it finds
/// every function, and then says that it failed, so that VTK sets nothing up.
class RenderWindow : public vtkGenericOpenGLRenderWindow {
public:
    static RenderWindow* New();
    vtkTypeMacro(RenderWindow, vtkGenericOpenGLRenderWindow) RenderWindow(const RenderWindow&) = delete;
    RenderWindow& operator=(const RenderWindow&) = delete;

    /// The context is current, and has OpenGL 3.2 or newer.
    void OpenGLInitContext() override {
        const int warns = GetGlobalWarningDisplay();
        GlobalWarningDisplayOff();
        Superclass::OpenGLInitContext();
        SetGlobalWarningDisplay(warns);
        if (Initialized) return;
        float widths[2] = {1, 1};
        QOpenGLContext::currentContext()->functions()->glGetFloatv(GL_ALIASED_LINE_WIDTH_RANGE, widths);
        MaximumHardwareLineWidth = widths[1];
        GlewInitValid = true;
        Initialized = true;
    }

private:
    RenderWindow() = default;
};
vtkStandardNewMacro(RenderWindow);

}  // namespace

VtkViewport::VtkViewport(QWidget* parent) : QWidget(parent), m_window(vtkSmartPointer<RenderWindow>::New()) {
    setAttribute(Qt::WA_OpaquePaintEvent);
    for (const unsigned long event : {vtkCommand::WindowMakeCurrentEvent, vtkCommand::WindowIsCurrentEvent,
                                      vtkCommand::WindowSupportsOpenGLEvent, vtkCommand::WindowIsDirectEvent})
        m_window->AddObserver(event, this, &VtkViewport::onWindowEvent);
}

VtkViewport::~VtkViewport() {
    if (m_thread) m_thread->wait();
    if (m_scene.isAttached() && m_context.makeCurrent(&m_surface)) {
        m_scene.detachFrom(m_window);
        m_window->Finalize();
        m_window->SetReadyForRendering(false);
        m_context.doneCurrent();
    }
    m_window->RemoveAllObservers();
}

void VtkViewport::setDefaultSurfaceFormat() {
    QSurfaceFormat format;
    format.setRenderableType(QSurfaceFormat::OpenGL);
    format.setVersion(3, 2);
    format.setProfile(QSurfaceFormat::CoreProfile);
    format.setDepthBufferSize(24);
    format.setStencilBufferSize(8);
    QSurfaceFormat::setDefaultFormat(format);
}

void VtkViewport::requestRender() {
    m_stale = true;
    update();
}

void VtkViewport::onWindowEvent(vtkObject*, unsigned long event, void* answer) {
    switch (event) {
        case vtkCommand::WindowMakeCurrentEvent:
            if (QOpenGLContext::currentContext() != &m_context) m_context.makeCurrent(&m_surface);
            break;
        case vtkCommand::WindowIsCurrentEvent:
            *static_cast<bool*>(answer) = QOpenGLContext::currentContext() == &m_context;
            break;
        case vtkCommand::WindowSupportsOpenGLEvent: *static_cast<int*>(answer) = 1; break;
        case vtkCommand::WindowIsDirectEvent: *static_cast<int*>(answer) = 1; break;
        default: break;
    }
}

// ---- getting ready --------------------------------------------------------------------------------------

/// Runs `work` in a thread that has the context meanwhile, and `then` in this one, which has it back. Also
/// where Qt says that the platform has no OpenGL in threads, as it does of X servers that draw in software:
/// that is about two contexts at once, and here there is one, in one thread at a time.
void VtkViewport::inThread(std::function<void()> work, void (VtkViewport::*then)()) {
    QThread* home = thread();
    if (m_thread) m_thread->wait();
    m_thread.reset(QThread::create([this, home, work = std::move(work)] {
        work();
        m_context.moveToThread(home);
    }));
    m_context.moveToThread(m_thread.get());
    connect(m_thread.get(), &QThread::finished, this, then);
    m_thread->start();
}

void VtkViewport::getReady() {
    if (m_stage != Stage::Begin || !m_trouble.isEmpty()) return;
    m_stage = Stage::Context;
    m_context.setFormat(QSurfaceFormat::defaultFormat());
    inThread([this] { m_context.create(); }, &VtkViewport::contextIsThere);
}

void VtkViewport::contextIsThere() {
    if (!m_context.isValid())
        return setTrouble(tr("This view needs OpenGL 3.2, and the display offers none."));
    if (const auto format = m_context.format(); format.version() < qMakePair(3, 2))
        return setTrouble(tr("This view needs OpenGL 3.2, but the display offers only %1.%2.")
                              .arg(format.majorVersion())
                              .arg(format.minorVersion()));
    m_stage = Stage::Shaders;
    m_surface.setFormat(m_context.format());
    m_surface.create();  // which belongs into this thread
    inThread([this] { makeShaders(); }, &VtkViewport::shadersAreThere);
}

void VtkViewport::makeShaders() {
    if (!m_context.makeCurrent(&m_surface)) return;
    const QByteArray renderer(reinterpret_cast<const char*>(m_context.functions()->glGetString(GL_RENDERER)));
    m_software = renderer.contains("llvmpipe") || renderer.contains("softpipe");
    m_window->SetOwnContext(0);
    m_window->SetReadyForRendering(true);
    m_window->SetFrameBlitModeToNoBlit();
    m_window->OpenGLInitContext();
    m_scene.attachTo(m_window);
    // Frames of nothing but one line of each kind. They need all shaders that later ones do.
    QImage nobodySees(64, 64, QImage::Format_RGB32);
    m_scene.setPlot(everyKindOfLine(), lightTheme(), 1);
    m_scene.setView({}, {0, 0, 64, 64}, {0, 0, 64, 64}, 64, 64);
    m_scene.setBackdrop({{{{0, 0}, {60, 60}}, Color{}, 0.5, 1}});
    for (const int samples : {0, smooth}) renderFrame(nobodySees, samples);
    m_context.doneCurrent();
}

void VtkViewport::shadersAreThere() {
    if (!m_scene.isAttached())
        return setTrouble(tr("This view needs OpenGL 3.2, and the display offers none."));
    m_stage = Stage::NoPicture;
    requestRender();
}

/// The first picture takes as long as three later ones: its buffers are made, and its lines go to the
/// graphics card. What changes meanwhile is in the second.
void VtkViewport::beginFirstPicture(const QSize& size) {
    m_stage = Stage::FirstPicture;
    m_stale = false;
    m_context.makeCurrent(&m_surface);
    prepareFrame();
    m_context.doneCurrent();
    m_first = QImage(size, QImage::Format_RGB32);
    m_first.setDevicePixelRatio(devicePixelRatioF());
    m_first.fill(palette().color(QPalette::Base));
    inThread(
        [this] {
            if (!m_context.makeCurrent(&m_surface)) return;
            renderFrame(m_first, smooth);
            m_context.doneCurrent();
        },
        &VtkViewport::firstPictureIsThere);
}

void VtkViewport::firstPictureIsThere() {
    m_stage = Stage::Ready;
    m_picture = std::exchange(m_first, {});
    ++m_frames;
    update();
    Q_EMIT firstPictureShown();
}

void VtkViewport::setTrouble(const QString& why) {
    m_trouble = tr("%1 Set LIBGL_ALWAYS_SOFTWARE=1 in the environment to draw in software, or update the "
                   "graphics driver. Everything else works without this view.")
                    .arg(why);
    Q_EMIT troubleChanged(m_trouble);
}

// ---- drawing --------------------------------------------------------------------------------------------

void VtkViewport::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    requestRender();
}

QImage VtkViewport::picture() {
    render();
    return m_picture;
}

void VtkViewport::paintEvent(QPaintEvent*) {
    render();
    QPainter painter(this);
    painter.drawImage(0, 0, m_picture);
}

/// Brings the picture up to date.
void VtkViewport::render() {
    const QSize size = (QSizeF(this->size()) * devicePixelRatioF()).toSize();
    if (!isEmpty()) getReady();
    if (!isEmpty() && m_stage == Stage::NoPicture && !size.isEmpty()) beginFirstPicture(size);
    if (isEmpty() || m_stage != Stage::Ready) {
        m_stale = m_stale || m_stage != Stage::FirstPicture || isEmpty();
        QImage blank(size, QImage::Format_RGB32);
        blank.setDevicePixelRatio(devicePixelRatioF());
        blank.fill(palette().color(QPalette::Base));
        return std::swap(m_picture, blank);
    }
    if (!m_stale && m_picture.size() == size) return;
    m_stale = false;
    if (m_picture.size() != size) m_picture = QImage(size, QImage::Format_RGB32);
    m_picture.setDevicePixelRatio(devicePixelRatioF());
    m_context.makeCurrent(&m_surface);
    const bool quick = m_software && isMoving();
    m_scene.setCoarse(quick);
    prepareFrame();
    renderFrame(m_picture, quick ? 0 : smooth);
    ++m_frames;
}

void VtkViewport::renderFrame(QImage& picture, int samples) {
    const int width = picture.width(), height = picture.height();
    m_window->SetSize(width, height);
    m_window->SetMultiSamples(samples);
    m_window->Render();
    m_window->GetDisplayFramebuffer()->Bind(GL_READ_FRAMEBUFFER);
    m_window->GetDisplayFramebuffer()->ActivateReadBuffer(0);
    auto* gl = m_context.functions();
    gl->glPixelStorei(GL_PACK_ALIGNMENT, 4);
    gl->glReadPixels(0, 0, width, height, GL_BGRA, GL_UNSIGNED_INT_8_8_8_8_REV, picture.bits());
    m_window->GetState()->ResetFramebufferBindings();
    // OpenGL counts rows from below, a QImage from above.
    for (int top = 0, bottom = height - 1; top < bottom; ++top, --bottom) {
        auto* upper = reinterpret_cast<QRgb*>(picture.scanLine(top));
        std::swap_ranges(upper, upper + width, reinterpret_cast<QRgb*>(picture.scanLine(bottom)));
    }
}

}  // namespace rheo
