#pragma once

#include "core/results/flow_file.h"
#include "widgets/views/computed_view.h"

class QComboBox;
class QSpinBox;

namespace rheo {

/// Where the network carries the states of a grid about the selected token's state at the selected point,
/// over two axes of the trajectories. The depth slider sets the point; how many steps are drawn is an option.
class FlowView : public ComputedView {
    Q_OBJECT
public:
    FlowView(const FigureView& figure, const ViewContext& context);

    std::optional<OwnFile> ownFile() const override;
    QString command() const override;
    QSpinBox* cells() const { return m_cells; }
    QSpinBox* steps() const { return m_steps; }
    QComboBox* axis(int i) const { return m_axes[static_cast<std::size_t>(i)]; }
    std::shared_ptr<const FlowFile> flow() const { return m_flow; }
    void setDocument(std::shared_ptr<const DocumentState> state) override;

protected:
    QString whyNot() const override;
    void compute() override;
    void forget() override { m_flow = nullptr; }
    std::shared_ptr<const Figure> makeFigure(const Recipe& recipe) const override;
    std::vector<std::pair<std::string, std::string>> moreOptions() const override;

private:
    std::array<QComboBox*, 2> m_axes;
    QSpinBox *m_cells, *m_steps;
    std::shared_ptr<const PcaBasis> m_offered;  ///< whose axes stand in the lists
    std::shared_ptr<const FlowFile> m_flow;
    QStringList m_asked;
};

}  // namespace rheo
