#pragma once

#include "core/results/routing_file.h"
#include "widgets/views/computed_view.h"

namespace rheo {

/// Which experts the open model's routers choose for the tokens of the document's prompts; those of the
/// selected prompt one by one.
class RoutingView : public ComputedView {
    Q_OBJECT
public:
    RoutingView(const FigureView& figure, const ViewContext& context);

    std::optional<OwnFile> ownFile() const override;
    QString command() const override;
    std::shared_ptr<const RoutingFile> routing() const { return m_routing; }

protected:
    QString whyNot() const override;
    void compute() override;
    void forget() override;
    std::shared_ptr<const Figure> makeFigure(const Recipe& recipe) const override;
    std::vector<std::pair<std::string, std::string>> moreOptions() const override;
    void clicked(const std::map<AxisKind, qint64>& ids) override;

private:
    std::int32_t shownPrompt() const;

    std::shared_ptr<const RoutingFile> m_routing;
    std::vector<PromptId> m_prompts;  ///< those that were run, in order
};

}  // namespace rheo
