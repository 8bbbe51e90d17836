#pragma once

#include <QToolButton>
#include <array>

#include "core/base/residual_point.h"
#include "core/figure/trajectory_figure.h"
#include "core/statistics/pca.h"
#include "widgets/views/option_lists.h"

class QComboBox;
class QFrame;

namespace rheo {

/// A button that opens the options of the trajectories: components, depth range, means, limits and what is
/// hidden.
class PathOptions : public QToolButton {
    Q_OBJECT
public:
    explicit PathOptions(const FigureView& figure, QWidget* parent = nullptr);

    /// What there is to choose from. What was chosen stays where it is still there; else it is the default.
    void setChoices(const PcaBasis& basis, const std::vector<ResidualPoint>& points);
    /// The default options with those that are chosen here.
    TrajectoryOptions options() const;

    QComboBox* axis(int i) const { return m_axes[static_cast<std::size_t>(i)]; }  ///< i: 0 to 2
    QComboBox* firstPoint() const { return m_first; }
    QComboBox* lastPoint() const { return m_last; }
    QComboBox* list(std::string_view key) const { return m_lists.list(key); }
    /// As of OptionBar.
    void choose(std::string_view key, std::string_view value) const { m_lists.choose(key, value); }
    /// What opens.
    QFrame* panel() const { return m_panel; }

Q_SIGNALS:
    void changed();

private:
    void chooseAxis(int i);
    void choosePoints(bool isFirst);
    void reset();
    void open();

    OptionLists m_lists;
    std::array<QComboBox*, 3> m_axes;
    std::array<int, 3> m_components{0, 1, 2};  ///< as they were before a choice
    QComboBox *m_first, *m_last;
    QFrame* m_panel;
};

}  // namespace rheo
