#pragma once

#include <vtkNew.h>
#include <vtkSmartPointer.h>

#include <QOpenGLWidget>
#include <QString>

#include "widgets/scene/scene3.h"

class vtkGenericOpenGLRenderWindow;
class vtkObject;

namespace rheo {

/// A VTK scene in a Qt widget: VTK draws into a framebuffer of its own, on Qt's context, and the finished
/// picture is copied into the widget's. Draws only when asked (requestRender), when shown and when resized.
/// Survives being moved to another window, where Qt makes a new context for it.
class VtkViewport : public QOpenGLWidget {
    Q_OBJECT
public:
    explicit VtkViewport(QWidget* parent = nullptr);
    ~VtkViewport() override;

    /// OpenGL 3.2 core with depth 24 and stencil 8, for all windows. Before QApplication is made.
    static void setDefaultSurfaceFormat();

    Scene3& scene() { return m_scene; }
    /// Draws once, soon; any number of requests before that are one.
    void requestRender() { update(); }
    /// Frames drawn so far. None are while nothing changes.
    qint64 frames() const { return m_frames; }
    /// Why nothing can be drawn here and what to do about it, as sentences; empty if all is well.
    const QString& trouble() const { return m_trouble; }

Q_SIGNALS:
    void troubleChanged(const QString& why);

protected:
    void initializeGL() override;
    void paintGL() override;
    void showEvent(QShowEvent* event) override;
    /// Called before each frame, with the context current: brings the scene up to date.
    virtual void prepareFrame() {}
    /// Whether a hand moves the camera just now: a software renderer then draws without antialiasing, and
    /// of very many lines only some. Who ends it asks for one more frame.
    virtual bool isMoving() const { return false; }
    /// Nothing is to be drawn: the frame is the colour of the background, and costs nothing.
    virtual bool isEmpty() const { return false; }

private:
    void releaseContext();
    void setTrouble(const QString& why);
    void onWindowEvent(vtkObject*, unsigned long event, void* data);

    vtkNew<vtkGenericOpenGLRenderWindow> m_window;
    Scene3 m_scene;
    bool m_attached = false;  ///< to a context: the recipe was run
    bool m_software = false;
    QMetaObject::Connection m_contextGone;
    qint64 m_frames = 0;
    QString m_trouble;
};

}  // namespace rheo
