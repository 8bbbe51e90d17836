#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/figure/figure.h"

class vtkRenderer;
class vtkRenderWindow;

namespace rheo {

/// A rectangle of the window in pixels, y up, (0, 0) the lower left corner.
struct PixelRect {
    double x = 0, y = 0, width = 1, height = 1;
};

/// A flat line behind the data.
struct BackdropLine {
    std::vector<std::array<double, 2>> places;  ///< pixels of the window, y up
    Color color;
    double opacity = 1;
    double width = 1;  ///< pixels
};

/// The lines of a 3D plot on screen: each LineSet3 is one polydata, coloured vertex by vertex, and each layer
/// of the plot is drawn over those below it. What is flat (the box behind the data and its grid) is given
/// as lines; markers, dashed lines, texts and whatever else is sharp are painted over the picture by others.
/// All calls belong on the thread that has the window's OpenGL context just then.
class Scene3 {
public:
    Scene3();
    ~Scene3();
    Scene3(const Scene3&) = delete;
    Scene3& operator=(const Scene3&) = delete;

    /// To be called once for each render window the scene is shown in.
    void attachTo(vtkRenderWindow* window);
    /// Gives back what it holds of the window's OpenGL context; attachTo() may follow.
    void detachFrom(vtkRenderWindow* window);
    bool isAttached() const;

    /// Shows these lines. A set that is the same as before (by its content) is not built again. Lines are
    /// drawn solid, `pixelsPerPoint` times as wide as they say; those that are thinner than a pixel, a pixel
    /// wide and paler.
    void setPlot(const Plot3D& plot, const Theme& theme, double pixelsPerPoint);
    /// What lies behind the data, lines of one look after each other. To be called after setView().
    void setBackdrop(const std::vector<BackdropLine>& lines);
    /// `camera` sees `view` from its lower to its upper edge; nothing is drawn outside of `clip`. The
    /// window's size is in pixels. Cost: where lines are translucent and the direction is another, one pass
    /// over them to put them in order (2 ms for 64,000 segments).
    void setView(const Camera& camera, const PixelRect& view, const PixelRect& clip, double windowWidth,
                 double windowHeight);

    /// While the view moves and frames are slow: of many lines only every second, third, ... is drawn, so
    /// that there are few enough segments. To be called before setView().
    void setCoarse(bool coarse);

    /// The renderer of the lowest layer, to ask VTK itself what it draws, and where (in tests).
    vtkRenderer* renderer() const;

private:
    struct State;
    std::unique_ptr<State> m_state;
};

}  // namespace rheo
