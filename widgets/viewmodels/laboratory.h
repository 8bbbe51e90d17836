#pragma once

#include <QObject>
#include <QString>
#include <memory>
#include <optional>
#include <vector>

#include "core/dynamics/intervene.h"
#include "core/figure/trajectory_figure.h"
#include "widgets/jobs/latest_wins.h"
#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/teleport_model.h"
#include "widgets/viewmodels/workspace.h"

namespace rheo {

/// The intervention of the document: its list of edits, and what they make of the selected prompt, which
/// follows every change, the newest first.
class Laboratory : public QObject {
    Q_OBJECT
public:
    Laboratory(Workspace& workspace, Selection& selection, QObject* parent = nullptr);

    /// As they are shown: with the strength that is being moved.
    const std::vector<Edit>& edits() const { return m_shown.edits; }
    const Intervention& intervention() const { return m_shown; }
    bool hasEditsOn() const;

    // ---- each is one step of undo -------------------------------------------------------------------
    /// At the end of the list.
    void add(Edit edit);
    void change(std::size_t place, Edit edit, const QString& what);
    void remove(std::size_t place);
    void move(std::size_t from, std::size_t to);
    /// Replaces all edits.
    void replace(Intervention intervention, const QString& what);

    /// While a slider moves: shown at once, and no step of undo until settle().
    void preview(std::size_t place, double strength);
    void settle();

    // ---- what they make of the selected prompt -------------------------------------------------------
    /// Runs the edits on a prompt that the document has not got, until another is selected.
    void tryOn(Sample sample);
    /// The prompt that they are run on: the selected one, or that of tryOn().
    Sample sample() const;
    /// Why there is nothing to see, as a sentence; empty: there is, or it is on its way.
    const QString& trouble() const { return m_trouble; }
    /// KL(natural || with the edits) of the token after the prompt, nats; NaN where nothing was computed.
    double kl() const;
    /// Tokens that follow the prompt, likeliest of both first.
    std::vector<NextToken> nextTokens(int count) const;
    /// The paths of the selected token, natural and with the edits, in the basis of the document; none where
    /// no edit reaches it.
    std::optional<TeleportOverlay> overlay() const;
    /// The paths of tokens that were generated without and with edits, scores [point, k] in the basis of the
    /// document; none where nothing was, or the basis does not fit.
    std::vector<MorePaths> written() const;
    /// What was generated after the prompt that is tried or selected; null: nothing.
    void setWritten(std::shared_ptr<const InterveneResult> result);
    /// Arrows of a flow that are shown in the trajectories; none where the basis is another than theirs.
    std::optional<PlaneArrows> arrows() const;
    void setArrows(std::shared_ptr<const PcaBasis> basis, PlaneArrows arrows);
    /// The newest answer; null: none.
    std::shared_ptr<const IntervenedPath> path() const { return m_answer ? m_answer->path : nullptr; }

    /// The strength of an edit with its unit: "0.8 RMS", or "1" times the vector.
    static QString strengthText(const Edit& edit);

Q_SIGNALS:
    /// The list of edits is another, or a strength is being moved.
    void editsChanged();
    /// path() is another, or none.
    void pathChanged();
    /// arrows() are others, or none.
    void arrowsChanged();
    /// written() is another, or none.
    void writtenChanged();

private:
    struct Request {
        std::shared_ptr<const LoadedModel> loaded;
        std::vector<std::int32_t> ids;
        std::shared_ptr<const PromptContext> context;  ///< of these ids; null: not prepared
        Intervention intervention;
    };
    struct Answer {
        std::shared_ptr<const LoadedModel> loaded;
        std::vector<std::int32_t> ids;
        std::shared_ptr<const PromptContext> context;
        std::shared_ptr<const IntervenedPath> path;
        VectorD natural, intervened;  ///< [vocabulary] probabilities of the token after the prompt
    };
    static Answer run(const Request& request, Progress& progress);
    void keep(const QString& what, std::vector<Edit> edits);
    void follow();
    void refresh();

    Workspace& m_workspace;
    Selection& m_selection;
    std::shared_ptr<const Intervention> m_kept;  ///< of the document when it was last looked at
    Intervention m_shown;
    std::optional<Sample> m_tried;        ///< see tryOn()
    std::optional<std::size_t> m_moving;  ///< the edit whose strength is being moved
    LatestWins<Request, Answer> m_run;
    std::optional<Answer> m_answer;
    std::shared_ptr<const InterveneResult> m_written;
    std::shared_ptr<const PcaBasis> m_arrowBasis;  ///< null: there are no arrows
    PlaneArrows m_arrows;
    QString m_trouble;
};

}  // namespace rheo
