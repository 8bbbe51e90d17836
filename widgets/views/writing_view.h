#pragma once

#include <QTimer>

#include "core/results/intervened_file.h"
#include "widgets/views/computed_view.h"

class QCheckBox;
class QDoubleSpinBox;
class QLineEdit;
class QSpinBox;
class QTextBrowser;

namespace rheo {

/// What the model writes after the selected prompt, without and with the edits of the laboratory: both texts
/// grow side by side. A sweep over strengths shows where the text breaks. The generated tokens can become
/// rows.
class WritingView : public ComputedView {
    Q_OBJECT
public:
    WritingView(const FigureView& figure, const ViewContext& context);

    std::optional<OwnFile> ownFile() const override;
    QString command() const override;
    QSpinBox* tokenCount() const { return m_count; }
    QDoubleSpinBox* temperature() const { return m_temperature; }
    QCheckBox* sweepBox() const { return m_sweep; }
    QLineEdit* strengths() const { return m_strengths; }
    QTextBrowser* naturalText() const { return m_natural; }
    QTextBrowser* intervenedText() const { return m_intervened; }
    QPushButton* keepButton() const { return m_keep; }
    std::shared_ptr<const IntervenedFile> written() const { return m_written; }

protected:
    QString whyNot() const override;
    void compute() override;
    void forget() override;
    std::shared_ptr<const Figure> makeFigure(const Recipe& recipe) const override;
    std::vector<std::pair<std::string, std::string>> moreOptions() const override;

private:
    struct Stream;
    void showStream();
    void showTexts(const std::vector<std::int32_t>& natural, const std::vector<std::int32_t>& intervened);
    void keepRows();

    QSpinBox *m_count, *m_seed;
    QDoubleSpinBox *m_temperature, *m_topP;
    QCheckBox* m_sweep;
    QLineEdit *m_strengths, *m_followed;
    QTextBrowser *m_natural, *m_intervened;
    QPushButton* m_keep;
    QTimer m_tick;  ///< the texts that grow are shown
    std::shared_ptr<Stream> m_stream;
    std::shared_ptr<const LoadedModel> m_model;       ///< of what is shown
    std::shared_ptr<const IntervenedFile> m_written;  ///< null: nothing was
    QStringList m_asked;
};

}  // namespace rheo
