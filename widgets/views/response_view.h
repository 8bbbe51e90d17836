#pragma once

#include "core/results/response_file.h"
#include "widgets/views/computed_view.h"

class QComboBox;
class QDoubleSpinBox;

namespace rheo {

/// How far the output moves when the selected state is pushed along a direction, further and further: that of
/// an edit of the laboratory or an axis of the trajectories, beside random directions; or along the line to
/// the last state of another prompt.
class ResponseView : public ComputedView {
    Q_OBJECT
public:
    ResponseView(const FigureView& figure, const ViewContext& context);

    std::optional<OwnFile> ownFile() const override;
    QString command() const override;
    QComboBox* directions() const { return m_along; }
    /// The prompt to whose state the line leads, where that is chosen.
    QComboBox* otherPrompt() const { return m_other; }
    std::shared_ptr<const ResponseFile> response() const { return m_response; }
    void setDocument(std::shared_ptr<const DocumentState> state) override;

protected:
    QString whyNot() const override;
    void compute() override;
    void forget() override { m_response = nullptr; }
    std::shared_ptr<const Figure> makeFigure(const Recipe& recipe) const override;

private:
    void offer();
    bool isLine() const;

    QComboBox *m_along, *m_other;
    QDoubleSpinBox* m_largest;
    std::vector<VectorF> m_directions;  ///< of the list, which ends with the line to another prompt's state
    std::vector<std::int32_t> m_otherIds;  ///< of the response that is shown; empty: along a direction
    std::shared_ptr<const ResponseFile> m_response;
};

}  // namespace rheo
