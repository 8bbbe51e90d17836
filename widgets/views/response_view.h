#pragma once

#include "core/results/response_file.h"
#include "widgets/views/computed_view.h"

class QComboBox;
class QDoubleSpinBox;

namespace rheo {

/// How far the output moves when the selected state is pushed along a direction, further and further: that of
/// an edit of the laboratory or an axis of the trajectories, beside random directions.
class ResponseView : public ComputedView {
    Q_OBJECT
public:
    ResponseView(const FigureView& figure, const ViewContext& context);

    std::optional<OwnFile> ownFile() const override;
    QString command() const override;
    QComboBox* directions() const { return m_along; }
    std::shared_ptr<const ResponseFile> response() const { return m_response; }
    void setDocument(std::shared_ptr<const DocumentState> state) override;

protected:
    QString whyNot() const override;
    void compute() override;
    void forget() override { m_response = nullptr; }
    std::shared_ptr<const Figure> makeFigure(const Recipe& recipe) const override;

private:
    void offer();

    QComboBox* m_along;
    QDoubleSpinBox* m_largest;
    std::vector<VectorF> m_directions;  ///< of the list
    std::shared_ptr<const ResponseFile> m_response;
};

}  // namespace rheo
