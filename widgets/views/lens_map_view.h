#pragma once

#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/teleport_model.h"
#include "widgets/viewmodels/workspace.h"
#include "widgets/views/view.h"

class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QStackedLayout;

namespace rheo {

class ColorRangeButton;
class FigureWidget;
class OptionBar;
struct PromptLens;

/// The logit lens of the selected prompt: its tokens by depth. The model that is open reads the prompt when
/// the view is looked at; a long prompt waits for a button. After a teleport what it changes is shown as
/// well. A click selects the token and the depth. Without a model the lens of a results file is drawn, if it
/// is of whole texts.
class LensMapView : public View {
    Q_OBJECT
public:
    LensMapView(const FigureView& figure, Workspace& workspace, Selection& selection,
                TeleportModel& teleport);

    void setDocument(std::shared_ptr<const DocumentState> state) override;
    void setTheme(const Theme& theme) override;
    bool hasFigure() const override { return drawn() != nullptr; }
    bool explainsItself() const override { return true; }
    std::shared_ptr<const Figure> figure() const override;
    Recipe recipe() const override;
    std::shared_ptr<const Results> ownResults() const override;

    QSize pictureSize() const override;

    FigureWidget* figureWidget() const { return m_widget; }
    OptionBar* optionBar() const { return m_bar; }
    QPushButton* readButton() const { return m_read; }
    /// Natural, after the teleport, or the change.
    QComboBox* shownList() const { return m_shown; }
    /// The token whose rank colours the map; empty: the one that follows each.
    QLineEdit* rankedToken() const { return m_ranked; }

protected:
    void showEvent(QShowEvent* event) override;

private:
    /// What a lens is of.
    struct Asked {
        std::shared_ptr<const LoadedModel> model;
        Sample sample;
        std::optional<std::int32_t> rankOf;  ///< the token whose rank is kept; none: the one that follows
        friend bool operator==(const Asked&, const Asked&) = default;
    };
    Asked asked() const;
    const Results* drawn() const;
    std::optional<std::int32_t> sampleOfFile() const;
    std::optional<std::int32_t> rankOf() const;
    void refresh();
    void read();
    void follow();
    void draw();
    void mark();
    void say(const QString& words, bool offers);
    void select(AxisKind kind, qint64 id);

    Workspace& m_workspace;
    Selection& m_selection;
    TeleportModel& m_teleport;
    Theme m_theme;
    QStackedLayout* m_pages;
    QLabel* m_text;
    QPushButton* m_read;
    QComboBox* m_shown;
    QLineEdit* m_ranked;
    ColorRangeButton* m_colors;
    OptionBar* m_bar;
    FigureWidget* m_widget;
    std::shared_ptr<const OpenedResults> m_ofFile;       ///< that hold the lens of whole texts; null: none do
    Asked m_asked;                                       ///< of what is shown, or being read
    std::shared_ptr<const PromptLens> m_natural;         ///< null: not read yet
    std::shared_ptr<const PromptLens> m_moved;           ///< with the teleport beside it; null: none is shown
    std::shared_ptr<const TeleportResult> m_teleported;  ///< that m_moved is of, or will be
    JobId m_job, m_moving;
    bool m_wasDrawn = false;
};

}  // namespace rheo
