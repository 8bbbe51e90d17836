#include "widgets/views/vtk_viewport.h"

#include <vtkCommand.h>
#include <vtkGenericOpenGLRenderWindow.h>
#include <vtkOpenGLState.h>

#include <QOpenGLContext>
#include <QOpenGLFunctions>
#include <QSurfaceFormat>
#include <QTimer>

namespace rheo {

namespace {
constexpr int samples = 4;  // a pixel, against jagged lines
}

VtkViewport::VtkViewport(QWidget* parent) : QOpenGLWidget(parent) {
    m_window->SetMultiSamples(samples);
    for (const unsigned long event : {vtkCommand::WindowMakeCurrentEvent, vtkCommand::WindowIsCurrentEvent,
                                      vtkCommand::WindowSupportsOpenGLEvent, vtkCommand::WindowIsDirectEvent})
        m_window->AddObserver(event, this, &VtkViewport::onWindowEvent);
}

VtkViewport::~VtkViewport() {
    // The base class destroys the context, when this one's members are gone.
    disconnect(m_contextGone);
    makeCurrent();
    releaseContext();
    m_window->RemoveAllObservers();
    doneCurrent();
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

void VtkViewport::onWindowEvent(vtkObject*, unsigned long event, void* answer) {
    switch (event) {
        case vtkCommand::WindowMakeCurrentEvent:
            // The context alone: QOpenGLWidget::makeCurrent() would bind Qt's framebuffer in the middle of
            // VTK's frame.
            if (context() != nullptr && QOpenGLContext::currentContext() != context())
                context()->makeCurrent(context()->surface());
            break;
        case vtkCommand::WindowIsCurrentEvent:
            *static_cast<bool*>(answer) =
                context() != nullptr && QOpenGLContext::currentContext() == context();
            break;
        case vtkCommand::WindowSupportsOpenGLEvent: *static_cast<int*>(answer) = 1; break;
        case vtkCommand::WindowIsDirectEvent: *static_cast<int*>(answer) = 1; break;
        default: break;
    }
}

void VtkViewport::initializeGL() {
    const auto format = context()->format();
    if (format.version() < qMakePair(3, 2))
        return setTrouble(tr("This view needs OpenGL 3.2, and the display offers %1.%2.")
                              .arg(format.majorVersion())
                              .arg(format.minorVersion()));
    setTrouble({});
    const QByteArray renderer(
        reinterpret_cast<const char*>(context()->functions()->glGetString(GL_RENDERER)));
    m_software = renderer.contains("llvmpipe") || renderer.contains("softpipe");
    // Qt destroys the context when the widget moves to another window, and calls here again with a new one.
    m_contextGone = connect(context(), &QOpenGLContext::aboutToBeDestroyed, this, [this] {
        makeCurrent();
        releaseContext();
        doneCurrent();
    });
    m_window->SetOwnContext(0);
    m_window->SetReadyForRendering(true);
    m_window->SetFrameBlitModeToNoBlit();
    m_window->OpenGLInitContext();
    m_scene.attachTo(m_window);
    m_attached = true;
}

void VtkViewport::showEvent(QShowEvent* event) {
    QOpenGLWidget::showEvent(event);
    // Where there is no OpenGL at all, nobody calls initializeGL().
    QTimer::singleShot(0, this, [this] {
        if (isVisible() && !isValid())
            setTrouble(tr("This view needs OpenGL 3.2, and the display offers none."));
    });
}

void VtkViewport::setTrouble(const QString& why) {
    const QString whole =
        why.isEmpty()
            ? why
            : tr("%1 Start the program with LIBGL_ALWAYS_SOFTWARE=1 in its environment to draw in "
                 "software, or update the graphics driver. Everything else works without this view.")
                  .arg(why);
    if (whole == m_trouble) return;
    m_trouble = whole;
    Q_EMIT troubleChanged(m_trouble);
}

void VtkViewport::releaseContext() {
    if (!m_attached) return;
    m_attached = false;
    m_scene.detachFrom(m_window);
    m_window->Finalize();
    m_window->SetReadyForRendering(false);
}

void VtkViewport::paintGL() {
    if (!m_attached) return;
    if (isEmpty()) {
        const QColor base = palette().color(QPalette::Base);
        auto* gl = context()->functions();
        gl->glClearColor(base.redF(), base.greenF(), base.blueF(), 1);
        gl->glClear(GL_COLOR_BUFFER_BIT);
        ++m_frames;
        return;
    }
    const int w = qRound(width() * devicePixelRatioF()), h = qRound(height() * devicePixelRatioF());
    m_window->SetSize(w, h);
    const bool quick = m_software && isMoving();
    m_scene.setCoarse(quick);
    prepareFrame();
    m_window->SetMultiSamples(quick ? 0 : samples);
    // Qt drew with this context since the last frame: what VTK remembers of its state no longer holds.
    m_window->GetState()->Reset();
    m_window->Render();
    auto* gl = context()->functions();
    gl->glBindFramebuffer(GL_DRAW_FRAMEBUFFER, defaultFramebufferObject());
    gl->glDisable(GL_SCISSOR_TEST);
    m_window->GetState()->ResetFramebufferBindings();
    m_window->BlitDisplayFramebuffer();
    // Blending left its own alpha behind, and Qt would mix the widget with what is under it.
    gl->glBindFramebuffer(GL_FRAMEBUFFER, defaultFramebufferObject());
    gl->glColorMask(GL_FALSE, GL_FALSE, GL_FALSE, GL_TRUE);
    gl->glClearColor(0, 0, 0, 1);
    gl->glClear(GL_COLOR_BUFFER_BIT);
    gl->glColorMask(GL_TRUE, GL_TRUE, GL_TRUE, GL_TRUE);
    ++m_frames;
}

}  // namespace rheo
