#pragma once

#include "core/results/flow_file.h"
#include "widgets/views/computed_view.h"

class QCheckBox;
class QComboBox;
class QSpinBox;

namespace rheo {

/// Where the network carries the states of a grid about the selected token's state, over two axes of the
/// trajectories: at the selected point, or at many points in one run, between which the depth slider then
/// moves. How many steps are drawn is an option. The arrows can stand in the trajectories as well.
class FlowView : public ComputedView {
    Q_OBJECT
public:
    FlowView(const FigureView& figure, const ViewContext& context);

    std::optional<OwnFile> ownFile() const override;
    QString command() const override;
    QSpinBox* cells() const { return m_cells; }
    QSpinBox* steps() const { return m_steps; }
    QComboBox* depths() const { return m_depths; }
    QCheckBox* inSpace() const { return m_inSpace; }
    /// The one that is shown: of several that at or before the selected point.
    const Flow* shown() const;
    QComboBox* axis(int i) const { return m_axes[static_cast<std::size_t>(i)]; }
    std::shared_ptr<const FlowFile> flow() const { return m_flow; }
    void setDocument(std::shared_ptr<const DocumentState> state) override;

protected:
    QString whyNot() const override;
    void compute() override;
    void forget() override;
    std::shared_ptr<const Figure> makeFigure(const Recipe& recipe) const override;
    std::vector<std::pair<std::string, std::string>> moreOptions() const override;

private:
    std::vector<PointIndex> wantedPoints() const;
    void showInSpace();

    std::array<QComboBox*, 2> m_axes;
    QComboBox* m_depths;
    QCheckBox* m_inSpace;
    QSpinBox *m_cells, *m_steps;
    std::shared_ptr<const PcaBasis> m_offered;  ///< whose axes stand in the lists
    std::shared_ptr<const FlowFile> m_flow;
    std::shared_ptr<const PcaBasis> m_basis;  ///< whose axes they are over
    QStringList m_asked;
};

}  // namespace rheo
