#pragma once

#include <vtkSmartPointer.h>

#include <QImage>
#include <QOffscreenSurface>
#include <QOpenGLContext>
#include <QString>
#include <QThread>
#include <QWidget>
#include <functional>
#include <memory>

#include "widgets/scene/scene3.h"

class vtkGenericOpenGLRenderWindow;
class vtkObject;

namespace rheo {

/// A VTK scene in a Qt widget: VTK draws into a framebuffer of its own, on a context of the widget's own, and
/// the finished picture is read back and painted like any other. With a QOpenGLWidget Qt would put together
/// the whole window by OpenGL whenever anything in it changes; where OpenGL is software that takes longer
/// than the lines. Draws only when asked (requestRender), when shown and when its size changes.
class VtkViewport : public QWidget {
    Q_OBJECT
public:
    explicit VtkViewport(QWidget* parent = nullptr);
    ~VtkViewport() override;

    /// OpenGL 3.2 core with depth 24 and stencil 8, for all contexts. Before QApplication is made.
    static void setDefaultSurfaceFormat();

    /// Loads the driver and makes the shaders in a thread of its own, which takes as long as twenty frames
    /// and more; the first picture would begin it, and is drawn there too. Until then the widget has the
    /// colour of its background.
    void getReady();
    /// Draws once, soon; any number of requests before that are one.
    void requestRender();
    /// Frames that VTK drew so far. None are while nothing changes.
    qint64 frames() const { return m_frames; }
    /// What is shown, in pixels of the screen; drawn first if something has changed. Without what is painted
    /// over it.
    QImage picture();
    /// Why nothing can be drawn here and what to do about it, as sentences; empty if all is well.
    const QString& trouble() const { return m_trouble; }

Q_SIGNALS:
    void troubleChanged(const QString& why);
    void firstPictureShown();

protected:
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    /// To be changed in prepareFrame() alone.
    Scene3& scene() { return m_scene; }
    /// Called before each frame, with the context current: brings the scene up to date.
    virtual void prepareFrame() {}
    /// Whether a hand moves the camera just now: a software renderer then draws without antialiasing, and
    /// of very many lines only some. Who ends it asks for one more frame.
    virtual bool isMoving() const { return false; }
    /// Nothing is to be drawn: the picture is the colour of the background, and costs nothing.
    virtual bool isEmpty() const { return false; }

private:
    enum class Stage { Begin, Context, Shaders, NoPicture, FirstPicture, Ready };
    void inThread(std::function<void()> work, void (VtkViewport::*then)());
    void contextIsThere();
    void shadersAreThere();
    void makeShaders();
    void beginFirstPicture(const QSize& size);
    void firstPictureIsThere();
    void render();
    void renderFrame(QImage& picture, int samples);
    void setTrouble(const QString& why);
    void onWindowEvent(vtkObject*, unsigned long event, void* data);

    QOffscreenSurface m_surface;
    QOpenGLContext m_context;
    std::unique_ptr<QThread> m_thread;  ///< that has the context, until Ready
    Stage m_stage = Stage::Begin;
    const vtkSmartPointer<vtkGenericOpenGLRenderWindow> m_window;
    Scene3 m_scene;
    QImage m_picture;
    QImage m_first;       ///< the thread draws it
    bool m_stale = true;  ///< the picture is to be drawn again
    bool m_software = false;
    qint64 m_frames = 0;
    QString m_trouble;
};

}  // namespace rheo
