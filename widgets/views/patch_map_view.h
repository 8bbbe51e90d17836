#pragma once

#include "core/results/patch_map_file.h"
#include "widgets/views/computed_view.h"

class QCheckBox;
class QComboBox;
class QLineEdit;

namespace rheo {

/// Causal tracing with the model that is open: a clean and a corrupted prompt, and which states of the one
/// bring its outcome back in the other. A click makes a cell the current intervention.
class PatchMapView : public ComputedView {
    Q_OBJECT
public:
    PatchMapView(const FigureView& figure, const ViewContext& context);

    std::optional<OwnFile> ownFile() const override;
    QString command() const override;

    QComboBox* cleanPrompt() const { return m_clean; }
    QComboBox* corruptedPrompt() const { return m_corrupted; }
    QLineEdit* answerToken() const { return m_answer; }
    QLineEdit* foilToken() const { return m_foil; }
    QComboBox* outcomeList() const { return m_outcome; }
    /// "0:0,2:1": clean and corrupted positions that belong together; empty: both from the end.
    QLineEdit* alignment() const { return m_align; }
    /// Only along the axes of the trajectories; shown where these are directions.
    QCheckBox* alongAxes() const { return m_along; }
    /// Null: nothing was computed.
    std::shared_ptr<const PatchMapFile> map() const { return m_map; }

    void setDocument(std::shared_ptr<const DocumentState> state) override;

protected:
    QString whyNot() const override;
    void compute() override;
    void forget() override { m_map = nullptr; }
    std::shared_ptr<const Figure> makeFigure(const Recipe& recipe) const override;
    void clicked(const std::map<AxisKind, qint64>& ids) override;

private:
    void updateForm();
    void alignTokens();

    QComboBox *m_clean, *m_corrupted;
    QLineEdit *m_answer, *m_foil, *m_align;
    QComboBox* m_outcome;
    QCheckBox* m_along;
    QLabel* m_tokens;
    std::shared_ptr<const Trace> m_offered;
    std::shared_ptr<const PatchMapFile> m_map;
    std::string m_corruptedText;  ///< of the map
    QStringList m_asked;          ///< words of the command that makes it
};

}  // namespace rheo
