#pragma once

#include "core/results/attribution_file.h"
#include "widgets/views/computed_view.h"

class QLineEdit;

namespace rheo {

/// Direct logit attribution of the selected prompt with the model that is open; with edits in the laboratory
/// natural, with the edits, and their difference. Follows the prompt and the edits while it is looked at.
class AttributionView : public ComputedView {
    Q_OBJECT
public:
    AttributionView(const FigureView& figure, const ViewContext& context);

    std::optional<OwnFile> ownFile() const override;
    QString command() const override;
    QLineEdit* answerToken() const { return m_answer; }
    QLineEdit* foilToken() const { return m_foil; }
    std::shared_ptr<const AttributionFile> attribution() const { return m_attribution; }

protected:
    QString whyNot() const override;
    void compute() override;
    void forget() override { m_attribution = nullptr; }
    std::shared_ptr<const Figure> makeFigure(const Recipe& recipe) const override;
    std::vector<std::pair<std::string, std::string>> moreOptions() const override;
    void clicked(const std::map<AxisKind, qint64>& ids) override;
    void showEvent(QShowEvent* event) override;

private:
    void follow();

    QLineEdit *m_answer, *m_foil;
    std::shared_ptr<const AttributionFile> m_attribution;
};

}  // namespace rheo
